"""The published sweep on clathrin tracks, its filters judged and kept."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import selection
from awdlib.clathrin.setup import PUBLISHED, Size
from awdlib.selection import Judged, Signals
from awdlib.sweep import Sweep, published_grids, sweep


@dataclass(frozen=True)
class Swept:
    """A sweep of one teacher from one start, and how its filters predict.

    Attributes
    ----------
    teacher, start : str
    grid : awdlib.sweep.Sweep
    judged : awdlib.selection.Judged
        Arrays (lams, gammas, seeds, ...).
    penalty, valid : numpy.ndarray, shape (lams, gammas, seeds)
    chosen, chosen_plain : list of (λ, γ, seed) indices
        By cross-validation, of every seed; and among the fits with γ = 0.
    """

    teacher: str
    start: str
    grid: Sweep
    judged: Judged
    penalty: np.ndarray
    valid: np.ndarray
    chosen: list[tuple[int, int, int]]
    chosen_plain: list[tuple[int, int, int]]

    @property
    def h(self) -> torch.Tensor:
        """The chosen filter of every seed, (seeds, taps)."""
        return selection.pick(self.grid.h, self.chosen)

    @property
    def published(self) -> tuple[int, int]:
        """Place of the published (λ, γ) in the grid, or of the nearest."""
        return (
            selection.nearest(self.grid.lams, PUBLISHED["lam"]),
            selection.nearest(self.grid.gammas, PUBLISHED["gamma"]),
        )


def distil(
    signals: Signals,
    gradients: torch.Tensor,
    size: Size,
    *,
    teacher: str,
    start: str = "db5",
    ledger: Path | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Swept:
    """The published sweep, its filters judged and chosen by cross-validation.

    Parameters
    ----------
    signals : Signals
    gradients : torch.Tensor
        Of the teacher, at the training tracks: a network's, or a network's for every seed.
    size : Size
    teacher, start : str
        The teacher's name; a PyWavelets name.
    ledger, executor, progress
        As of `awdlib.sweep.sweep`.
    """
    again = start == "sym5"
    lams, gammas = published_grids()
    seeds = size.sym5_seeds if again else size.seeds
    if gradients.ndim > signals.x.ndim:
        gradients = gradients[: len(seeds)]
    grid = sweep(
        signals.x, gradients=gradients, start=start, lams=lams[list(size.lams)],
        gammas=gammas[list(size.sym5_gammas if again else size.gammas)],
        seeds=seeds, epochs=size.epochs,
        ledger=ledger, executor=executor, progress=progress,
    )  # fmt: skip
    judged = selection.judge_grid(grid, signals)
    penalty, valid = selection.validity_of_grid(grid.h)
    chosen, plain = (
        selection.choose(judged.cv_r2),
        selection.choose(judged.cv_r2, gammas=slice(1)),
    )
    return Swept(teacher, start, grid, judged, penalty, valid, chosen, plain)


def published_chain(
    x: torch.Tensor,
    gradients: torch.Tensor,
    *,
    seeds: Sequence[int],
    epochs: int,
    ledger: Path | None = None,
    executor: Executor | None = None,
) -> torch.Tensor:
    """AWD at the published (λ, γ) and at (λ, 0), warm-started along γ as in the sweep.

    One fit at that setting would stop long before where the warm starts lead: they add up. Unlike
    in the sweep, γ = 0 starts from DB5 itself and not from the smaller λ.

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    gradients : torch.Tensor
        A network's, or a network's for every seed.
    seeds, epochs, ledger, executor
        As of `awdlib.sweep.sweep`.

    Returns
    -------
    torch.Tensor, shape (2, seeds, taps)
        With the interpretation loss, and without.
    """
    gammas = published_grids()[1]
    grid = sweep(
        x, gradients=gradients, lams=[PUBLISHED["lam"]],
        gammas=gammas[gammas <= PUBLISHED["gamma"]], seeds=seeds, epochs=epochs, ledger=ledger,
        executor=executor,
    )  # fmt: skip
    return torch.stack([grid.h[0, -1], grid.h[0, 0]])


def filters_kept(sweeps: Sequence[Swept]) -> dict[str, np.ndarray]:
    """Every filter of every sweep, in full precision, with all that says which it is.

    Returns
    -------
    dict
        ``h`` (n, taps), and of length n: ``lam``, ``gamma``, ``seed``, ``start``, ``teacher``,
        ``cv_r2``, ``r2`` (test), ``penalty``, ``valid``, ``chosen``.
    """
    parts: list[dict[str, Any]] = []
    for one in sweeps:
        shape = one.judged.cv_r2.shape
        lam, gamma, seed = np.meshgrid(
            one.grid.lams, one.grid.gammas, one.grid.seeds, indexing="ij"
        )
        chosen = np.zeros(shape, dtype=bool)
        chosen[tuple(zip(*one.chosen, strict=True))] = True
        parts.append({
            "h": one.grid.h.flatten(0, 2).cpu().numpy(),
            "lam": lam, "gamma": gamma, "seed": seed,
            "start": np.full(shape, one.start), "teacher": np.full(shape, one.teacher),
            "cv_r2": one.judged.cv_r2, "r2": one.judged.r2,
            "penalty": one.penalty, "valid": one.valid, "chosen": chosen,
        })  # fmt: skip
    return {
        name: np.concatenate(
            [p[name].reshape(-1, *p[name].shape[3:]) if name != "h" else p[name] for p in parts]
        )
        for name in parts[0]
    }


def grid_of(arrays: Mapping[str, np.ndarray], teacher: str, start: str) -> dict[str, np.ndarray]:
    """One sweep of `filters_kept`, its arrays back as (lams, gammas, seeds, ...).

    Returns
    -------
    dict
        ``h``, ``cv_r2``, ``r2``, ``penalty``, ``valid``, ``chosen``; and ``lams``, ``gammas``,
        ``seeds``.

    Raises
    ------
    KeyError
        If there is no such sweep.
    """
    rows = (arrays["teacher"] == teacher) & (arrays["start"] == start)
    if not rows.any():
        raise KeyError(f"no sweep of the teacher '{teacher}' from '{start}'")

    def axis(values: np.ndarray) -> np.ndarray:
        """The different ones, in the order in which they come: seeds need not be sorted."""
        return values[np.sort(np.unique(values, return_index=True)[1])]

    found = {f"{name}s": axis(arrays[name][rows]) for name in ("lam", "gamma", "seed")}
    shape = tuple(len(values) for values in found.values())
    for name in ("h", "cv_r2", "r2", "penalty", "valid", "chosen"):
        found[name] = arrays[name][rows].reshape(*shape, *arrays[name].shape[1:])
    return found
