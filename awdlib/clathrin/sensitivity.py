"""Does the clathrin result hold elsewhere? Other test cells, other lengths, no hotspots.

Every case trains its own teacher and distils it at one fixed (λ, γ), so nothing is chosen.
"""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import controls, filters, metrics, selection, sweep, threads
from awdlib import networks as networks_module
from awdlib import predictors as predictors_module
from awdlib.clathrin import setup, sweeps, teachers
from awdlib.datasets.tracks import TEST_CELLS, Tracks
from awdlib.ledger import Ledger, array_hash, code_hash
from awdlib.selection import Signals

MODELS = ("awd", "awd_without_interpretation", "db5", "lstm", "random_any", "random_best")
VARIANTS = {"hotspots": "without hotspots", "length_30": "length 30", "length_60": "length 60"}
DRAWS = 105  # random wavelets a case: as many as the published grid has fits
CODE = (
    *sweep.NUMERICS, setup, teachers, sweeps, controls, selection, metrics, networks_module,
    predictors_module, sys.modules[__name__],
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One variation: what it is called, its test cells, and its training and test tracks."""

    variant: str
    test_cells: tuple[int, ...]
    signals: Signals


def cases(
    make_tracks: Callable[..., Tracks],
    *,
    splits: Sequence[tuple[int, int]],
    lengths: Sequence[int],
    dtype: torch.dtype,
) -> list[Case]:
    """All splits of the cells; then, for the usual split, without hotspots and at other lengths.

    Parameters
    ----------
    make_tracks : callable
        Gives tracks for ``drop_hotspots`` and ``length``.
    splits : sequence of pairs of test cells
    lengths : sequence of int
    dtype : torch.dtype
    """
    usual = make_tracks()
    found = [
        Case("split", cells, setup.signals_of(usual, dtype=dtype, test_cells=cells))
        for cells in splits
    ]
    others = {"without hotspots": make_tracks(drop_hotspots=True)}
    others |= {f"length {n}": make_tracks(length=n) for n in lengths}
    return found + [
        Case(name, TEST_CELLS, setup.signals_of(tracks, dtype=dtype))
        for name, tracks in others.items()
    ]


def score(signals: Signals, *, seed: int, epochs: int, lstm_epochs: int, draws: int) -> np.ndarray:
    """Test R² of `MODELS` on one case, (models,).

    A network trained here, AWD of it at the published (λ, γ) and at (λ, 0), DB5, and `draws`
    random wavelets: their mean, and the one that cross-validation picks.
    """
    teacher = teachers.train_teacher(signals, [seed], epochs=lstm_epochs)
    fits = sweeps.published_chain(signals.x, teacher.gradients, seeds=[seed], epochs=epochs)
    fixed = torch.cat([fits[:, 0].double(), filters.lowpass("db5")[None]])
    own = selection.judge_filters(fixed, signals).r2
    drawn = selection.judge_filters(controls.random_wavelets(draws, 10, seed), signals)
    best = drawn.r2[drawn.cv_r2.argmax()]
    network = metrics.r2_score(signals.y_test, teacher.prediction[0])
    return np.array([*own, network, drawn.r2.mean(), best])


def study(
    found: Sequence[Case],
    *,
    seed: int,
    epochs: int,
    lstm_epochs: int,
    draws: int = DRAWS,
    ledger: Path | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Any:
    """`score` of every case, a pandas.DataFrame with a row a case.

    Parameters
    ----------
    found : sequence of Case
    seed, epochs, lstm_epochs, draws : int
    ledger : pathlib.Path, optional
        Folder of finished cases; a study that was stopped goes on from there.
    executor : concurrent.futures.Executor, optional
    progress : callable, optional
        Called with (cases done, cases).
    """
    import pandas as pd

    options: dict[str, Any] = {
        "seed": seed, "epochs": epochs, "lstm_epochs": lstm_epochs, "draws": draws,
    }  # fmt: skip
    book = (
        Ledger(ledger, {"work": "sensitivity", "code": code_hash(*CODE), **options})
        if ledger
        else None
    )
    keys = [
        {"data": array_hash(*(a.numpy() if isinstance(a, torch.Tensor) else a
                              for a in (s.x, s.y, s.group, s.x_test, s.y_test)))}
        for s in (case.signals for case in found)
    ]  # fmt: skip
    scores = [book.find(key) if book else None for key in keys]
    task: Callable[..., np.ndarray] = partial(score, **options)
    waiting = {
        k: executor.submit(task, case.signals) if executor else None
        for k, case in enumerate(found)
        if scores[k] is None
    }
    for done, (k, future) in enumerate(waiting.items()):
        with threads.one_thread():
            r2 = {"r2": future.result() if future else task(found[k].signals)}
        scores[k] = book.keep(keys[k], r2) if book else r2
        if progress:
            progress(len(found) - len(waiting) + done + 1, len(found))
    rows = []
    for case, entry in zip(found, scores, strict=True):
        assert entry is not None
        rows.append({
            "variant": case.variant, "test_cells": " and ".join(map(str, case.test_cells)),
            "n_train": len(case.signals.y), "n_test": len(case.signals.y_test),
            **dict(zip(MODELS, entry["r2"].tolist(), strict=True)),
        })  # fmt: skip
    return pd.DataFrame(rows)


def summary(table: Any) -> dict[str, Any]:
    """What the splits say together: AWD's R² minus each other model's, over all splits.

    Returns
    -------
    dict
        By model: mean, smallest and largest difference, and the share of splits in which AWD is
        better. Test cells overlap between splits, so this is a range and no interval. And the R² of
        each of `VARIANTS`, None where it was not run.
    """
    splits = table[table["variant"] == "split"]
    found: dict[str, Any] = {"splits": len(splits)}
    for name in MODELS[1:]:
        apart = splits["awd"] - splits[name]
        found[f"awd_minus_{name}"] = {
            "mean": apart.mean(), "low": apart.min(), "high": apart.max(),
            "share_above": (apart > 0).mean(),
        }  # fmt: skip
    for key, variant in VARIANTS.items():
        row = table[table["variant"] == variant]
        found[key] = {name: row[name].iloc[0] if len(row) else None for name in MODELS}
    return found


def printed(table: Any) -> Any:
    """`study`'s table as text for a page, a pandas.DataFrame indexed by the case."""
    heads = {
        "awd": "AWD", "awd_without_interpretation": "γ = 0", "db5": "DB5", "lstm": "LSTM",
        "random_any": "random, any", "random_best": "random, best",
    }  # fmt: skip
    cases = [
        f"test cells {cells}" if variant == "split" else variant
        for variant, cells in zip(table["variant"], table["test_cells"], strict=True)
    ]
    counts = table["n_train"].astype(str) + " + " + table["n_test"].astype(str)
    shown = table[list(MODELS)].map("{:.3f}".format).rename(columns=heads)
    shown.insert(0, "tracks", counts)
    return shown.set_axis(cases)
