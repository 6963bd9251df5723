"""The clathrin experiment (paper, Sec. 4.2): its teachers, its Table 1 and its claims."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from awdlib import filters, metrics, networks, paper, predictors
from awdlib.datasets.tracks import Tracks
from awdlib.experiments import Signals, predict
from awdlib.threads import one_thread

EARLY_STOPPING_CELL = 6  # a training cell
# Rows of Table 1, ours: the label, and the paper's column of the same model.
TABLE1 = {
    "awd": ("AWD", "AWD"),
    "awd_without_interpretation": (
        "AWD without interpretation loss",
        "AWD without interpretation loss",
    ),
    "db5": ("DB5", "DB5"),
    "lstm_authors": ("LSTM, the authors'", "LSTM"),
    "lstm_ours": ("LSTM, trained here", "LSTM"),
    "random_best": ("Random wavelets, best of as many", None),
    "random_any": ("Random wavelets, any one", None),
}


@dataclass(frozen=True)
class Size:
    """How much a profile computes.

    Attributes
    ----------
    tracks : int
        Simulated tracks; real ones are taken all.
    lams, gammas : tuple of int
        Places in the published grids of 5 and 21 values.
    seeds : tuple of int
        Of the distillation (the paper's are the five of ``paper``).
    epochs, lstm_seeds, lstm_epochs : int
    draws : int
        Groups of random orthonormal wavelets, each as many as the grid has fits.
    """

    tracks: int
    lams: tuple[int, ...]
    gammas: tuple[int, ...]
    seeds: tuple[int, ...]
    epochs: int
    lstm_seeds: int
    lstm_epochs: int
    draws: int


SIZES = {
    "smoke": Size(400, (1, 4), (0, 7, 11, 15), (1, 10), 6, 2, 12, 4),
    "laptop": Size(1618, (0, 1, 2, 3, 4), (0, *range(1, 20, 2), 20), (1, 10, 100), 100, 5, 200, 10),
    "paper": Size(
        1618, (0, 1, 2, 3, 4), tuple(range(21)), (1, 10, 100, 1000, 10000), 100, 5, 200, 20
    ),
}


def signals_of(tracks: Tracks, *, device: str = "cpu") -> Signals:
    """Tracks as tensors, split by cell; the test cells are never among the training ones."""
    train, test = tracks.train, tracks.test
    x, x_test = (torch.from_numpy(t.x)[:, None].to(device) for t in (train, test))
    return Signals(x=x, y=train.y, group=train.cell, x_test=x_test, y_test=test.y)


def train_lstm(
    signals: Signals,
    *,
    seed: int,
    hidden: int = 20,
    epochs: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> networks.ClathrinLSTM:
    """An LSTM trained on cells 1 to 5, stopped early on cell 6; it never sees cells 7 and 8.

    Parameters
    ----------
    signals : Signals
    seed : int
        Of the weights' start and of the shuffling.
    hidden, epochs : int
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = networks.ClathrinLSTM(hidden).to(signals.x)
    held = torch.from_numpy(signals.group == EARLY_STOPPING_CELL).to(signals.x.device)
    y = torch.from_numpy(signals.y).to(signals.x)
    with one_thread():
        networks.train_regressor(
            model, signals.x[~held], y[~held], signals.x[held], y[held],
            seed=seed, epochs=epochs, progress=progress,
        )  # fmt: skip
    return model


def describe(tracks: Tracks) -> dict[str, object]:
    """What the captions say of the data."""
    return {
        "source": tracks.source,
        "n": len(tracks),
        "n_train": len(tracks.train),
        "n_test": len(tracks.test),
        "share_significant": float(tracks.significant.any(1).mean()),
        "lifetime_median": float(np.median(tracks.lifetime_s)),
    }


def summary(tracks: Tracks) -> dict[str, np.ndarray]:
    """Distributions by which simulated tracks are held against real ones; no track is kept.

    Returns
    -------
    dict
        ``lifetime`` (share of tracks per 10 s from 15 to 165 s), ``auxilin`` (share per 0.25
        standard deviations from −1.5 to 4), ``autocorrelation`` of clathrin frame by frame at lags
        0 to 20 s, and the mean standardised track of the third with the most auxilin, ``most``,
        and of the third with the least, ``least``.
    """
    lifetime = np.histogram(tracks.lifetime_s, np.arange(15, 166, 10))[0] / len(tracks)
    auxilin = np.histogram(tracks.y, np.arange(-1.5, 4.01, 0.25))[0] / len(tracks)
    centred = tracks.clathrin_frames - np.nanmean(tracks.clathrin_frames, axis=1, keepdims=True)
    scaled = centred / np.nanstd(tracks.clathrin_frames, axis=1, keepdims=True)
    lags = [np.nanmean(scaled[:, : scaled.shape[1] - k] * scaled[:, k:]) for k in range(21)]
    low, high = np.quantile(tracks.y, [1 / 3, 2 / 3])
    return {
        "lifetime": lifetime,
        "auxilin": auxilin,
        "autocorrelation": np.array(lags),
        "most": tracks.x[tracks.y >= high].mean(0),
        "least": tracks.x[tracks.y <= low].mean(0),
    }


def table1(rows: Mapping[str, Mapping[str, float | None]]):
    """Table 1: our rows with the published numbers beside them, a pandas.DataFrame.

    Parameters
    ----------
    rows : mapping of name to numbers
        Names are `TABLE1`'s.
    """
    import pandas as pd

    printed = paper.published("table1").set_index(["row", "column"])["value"]
    records = []
    for name, (label, column) in TABLE1.items():
        if name not in rows:
            continue
        own = rows[name]
        records.append(
            {
                "name": name, "row": label,
                **{key: own.get(key) for key in ("r2", "r2_low", "r2_high", "r2_sd", "members")},
                "r2_paper": printed.get(("R2", column)),
                "compression": own.get("compression"), "compression_sd": own.get("compression_sd"),
                "compression_paper": printed.get(("compression factor", column)),
                "parameters": own.get("parameters"),
            }
        )  # fmt: skip
    frame = pd.DataFrame(records)
    numeric = [c for c in frame if c not in ("name", "row")]
    return frame.astype({c: "Float64" for c in numeric}).astype(
        {"members": "Int64", "parameters": "Int64"}
    )


def claim_quantities(
    rows: Mapping[str, Mapping[str, float | None]],
    samples: Mapping[str, np.ndarray],
    compressions: Mapping[str, np.ndarray],
    h_awd: torch.Tensor,
) -> dict[str, dict[str, float | int | str]]:
    """The quantities that the claims about clathrin tracks are judged by, with intervals.

    Parameters
    ----------
    rows, samples
        From `awdlib.experiments.compare_r2`.
    compressions : mapping of name to numpy.ndarray, shape (seeds, test tracks)
    h_awd : torch.Tensor, shape (seeds, taps)

    Returns
    -------
    dict
        Differences of R² (positive where AWD is better), the reduction of the compression factor,
        and the distance of wavelets between seeds over the wavelet's norm.
    """
    n, count = compressions["awd"].shape[1], len(samples["awd"])
    kind = "95 %, test tracks and members"
    claims = {}
    pairs = [("awd", other) for other in samples if not other.startswith("awd")]
    pairs += [("awd_without_interpretation", o) for o in ("db5", "lstm_ours", "lstm_authors")]
    short = {"awd": "awd", "awd_without_interpretation": "no_interpretation"}
    for name, other in pairs:
        if other in samples:
            value = float(rows[name]["r2"] or 0) - float(rows[other]["r2"] or 0)
            paired = samples[name] - samples[other]
            claims[f"{short[name]}_minus_{other}"] = metrics.estimate(value, paired, n, kind)
    rng = np.random.default_rng(1)
    tracks = rng.integers(0, n, (count, n))
    seeds = rng.integers(0, len(h_awd), (count, len(h_awd)))
    drawn = compressions["awd"][:, tracks].mean(-1).T  # (count, seeds)
    ratio = np.take_along_axis(drawn, seeds, 1).mean(1) / compressions["db5"][0][tracks].mean(1)
    reduction = 1 - compressions["awd"].mean() / compressions["db5"].mean()
    claims["compression_reduction"] = metrics.estimate(reduction, 1 - ratio, n, kind)
    psi = filters.cascade(h_awd.double())[1]
    apart = [
        float(filters.distance(a, b)) / float(a.norm())
        for i, a in enumerate(psi)
        for b in psi[i + 1 :]
    ]
    if apart:
        claims["seed_distance"] = {
            "estimate": float(np.mean(apart)), "low": min(apart), "high": max(apart),
            "n": len(apart), "kind": "range over pairs of seeds",
        }  # fmt: skip
    return claims


def prediction_times(
    model: torch.nn.Module, h: torch.Tensor, signals: Signals, *, repeats: int = 21
) -> dict[str, Any]:
    """How many times faster the small model predicts the test tracks than the network.

    Returns
    -------
    dict
        Median seconds of ``network`` (its forward pass), of ``published`` (the linear model on
        ready-made features, as the authors' code times it) and of ``end_to_end`` (transform and
        features included), for all test tracks; ``ratio_published`` and ``ratio_end_to_end``,
        network over model, with intervals over interleaved repeats.
    """
    features = predictors.largest_coefficients(signals.x, h)
    linear = predictors.fit_linear(features, signals.y)
    ready = predictors.largest_coefficients(signals.x_test, h)
    tasks: dict[str, Callable[[], object]] = {
        "network": lambda: predict(model, signals.x_test),
        "published": lambda: linear.predict(ready),
        "end_to_end": lambda: linear.predict(predictors.largest_coefficients(signals.x_test, h)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for repeat in range(repeats + 3):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            if repeat >= 3:  # the first ones warm caches up
                seconds[name].append(time.perf_counter() - started)
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {name: float(np.median(s)) for name, s in seconds.items()}
    for name in ("published", "end_to_end"):
        ratio = np.array(seconds["network"]) / np.array(seconds[name])
        medians = np.median(ratio[rng.integers(0, repeats, (2000, repeats))], axis=1)
        value = float(np.median(ratio))
        found[f"ratio_{name}"] = metrics.estimate(value, medians, repeats, "95 %, repeats")
    return found


def printed_table1(table):
    """`table1` as text for a page, a pandas.DataFrame of strings indexed by model."""
    import pandas as pd

    def text(value: float, spec: str) -> str:
        return "—" if pd.isna(value) else format(value, spec)

    columns = {
        "R²": ("r2", ".3f"), "low": ("r2_low", ".3f"), "high": ("r2_high", ".3f"),
        "sd": ("r2_sd", ".3f"), "of": ("members", ".0f"), "R² (paper)": ("r2_paper", ".3f"),
        "compression": ("compression", ".3f"), "sd ": ("compression_sd", ".3f"),
        "compression (paper)": ("compression_paper", ".3f"), "parameters": ("parameters", ".0f"),
    }  # fmt: skip
    shown = {head: [text(v, spec) for v in table[key]] for head, (key, spec) in columns.items()}
    return pd.DataFrame(shown, index=pd.Index(table["row"], name=""))
