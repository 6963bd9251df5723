"""Peak counts of sets of maps: histograms by any filter, chosen on selection maps, tested once."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import peaks
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.ledger import Ledger, array_hash, code_hash, gather
from awdlib.threads import one_thread

RANGES = tuple(np.linspace(0.015, 0.035, 5).round(6).tolist())  # of wavelets' histograms
CHUNK = 100


@dataclass(frozen=True)
class Statistic:
    """What is counted at the peaks.

    Attributes
    ----------
    kind : str
        ``"height"``, ``"laplace"``, ``"roberts"`` or ``"wavelet"``.
    h : tuple of float
        The wavelet's lowpass filter; empty for the others.
    high : float
        Where a wavelet's histograms end; the others' ranges are fixed.
    """

    kind: str
    h: tuple[float, ...] = ()
    high: float = 0.0

    @property
    def range(self) -> tuple[float, float]:
        """Of its histograms."""
        if self.kind == "wavelet":
            return 0.0, self.high
        return peaks.HEIGHTS if self.kind == "height" else peaks.STEEPNESS


def of_wavelets(h: torch.Tensor) -> list[Statistic]:
    """Every filter of (filters, taps) with each of the five ranges: filters × ranges, in order."""
    return [Statistic("wavelet", tuple(one.tolist()), high) for one in h for high in RANGES]


def count(
    maps: MapSet,
    statistics: Sequence[Statistic],
    *,
    ledger: Path | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[np.ndarray]:
    """Histograms of every map by each statistic, each (maps, bins or 4 × bins), uint16.

    Maps are read some at a time, and each of these pieces is kept in the ledger.
    """
    settings = [asdict(s) for s in statistics]
    book = Ledger(ledger, {"count": settings, "code": code_hash(peaks)}) if ledger else None
    tasks: list[tuple[dict[str, Any], tuple[Any, ...]]] = []
    for begin in range(0, len(maps), CHUNK):
        part = maps.take(np.arange(begin, min(begin + CHUNK, len(maps))))
        key = {"maps": array_hash(part.read(np.arange(len(part))).numpy())} if book else {}
        tasks.append((key, (part, tuple(statistics))))
    pieces = gather(book, tasks, count_some, executor=executor, progress=progress)
    return [np.concatenate([p[f"{k:04}"] for p in pieces]) for k in range(len(statistics))]


def count_some(maps: MapSet, statistics: Sequence[Statistic]) -> dict[str, np.ndarray]:
    """`count` for one piece: arrays by number."""
    with one_thread():
        found = peaks.patches(maps.read(np.arange(len(maps))).double())
        values: dict[tuple[str, tuple[float, ...]], torch.Tensor] = {}
        histograms = {}
        for k, statistic in enumerate(statistics):
            name = (statistic.kind, statistic.h)
            if name not in values:
                values = {name: _values(found, statistic)}  # ranges of one filter follow each other
            counted = peaks.histogram(found, values[name], *statistic.range)
            histograms[f"{k:04}"] = counted.numpy().astype(np.uint16)
    return histograms


def _values(found: peaks.Peaks, statistic: Statistic) -> torch.Tensor:
    if statistic.kind == "wavelet":
        h = torch.tensor(statistic.h, dtype=torch.float64)
        return peaks.filtered(found, peaks.wavelet_kernels(h)[0])
    of = {"height": peaks.heights, "laplace": peaks.laplace, "roberts": peaks.roberts}
    return of[statistic.kind](found)


def predict(features: np.ndarray, train: MapSet, new: np.ndarray) -> np.ndarray:
    """Omega_m of maps: that of the nearest cosmology (App. D.1).

    Parameters
    ----------
    features : numpy.ndarray, shape (training maps, features)
    train : MapSet
        The training maps.
    new : numpy.ndarray, shape (maps, features)
    """
    model = peaks.NearestCosmology().fit(torch.from_numpy(features.astype(float)), train.cosmology)
    omega = {c: train.parameters[train.cosmology == c][0, 1] for c in model.labels}
    label = model.predict(torch.from_numpy(new.astype(float)))
    return np.array([omega[c] for c in label])


def rmse(prediction: np.ndarray, maps: MapSet) -> float:
    """Root mean square error of Omega_m."""
    return float(np.sqrt(np.mean((prediction - maps.parameters[:, 1]) ** 2)))


@dataclass(frozen=True)
class Chosen:
    """What selection maps chose among statistics.

    Attributes
    ----------
    scores : numpy.ndarray
        RMSE of Omega_m on the selection maps, of every statistic.
    best : int
        The smallest one's place.
    train : numpy.ndarray
        Features of the training maps, of the best.
    """

    scores: np.ndarray
    best: int
    train: np.ndarray


def choose(
    statistics: Sequence[Statistic], train: MapSet, select: MapSet, **options: Any
) -> Chosen:
    """Fit every statistic on the training maps, score it on the selection ones; no test is read.

    Parameters
    ----------
    statistics : sequence of Statistic
    train, select : MapSet
    **options
        Of `count`.
    """
    of_train, of_select = (count(maps, statistics, **options) for maps in (train, select))
    scores = np.array([
        rmse(predict(a, train, b), select) for a, b in zip(of_train, of_select, strict=True)
    ])  # fmt: skip
    best = int(scores.argmin())
    return Chosen(scores, best, of_train[best])
