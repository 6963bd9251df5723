"""Peak counts of sets of maps: histograms by any filter, chosen on selection maps, tested once."""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import filters, peaks
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.ledger import Ledger, code_hash, gather
from awdlib.threads import one_thread

RANGES = tuple(np.linspace(0.015, 0.035, 5).round(6).tolist())  # of wavelets' histograms
CHUNK = 100
_HERE = sys.modules[__name__]


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
    """Histograms of every map by each statistic, each (maps, bins or 4 × bins), uint16."""
    config = {"count": [asdict(s) for s in statistics], "code": code_hash(peaks, filters, _HERE)}
    pieces = in_pieces(
        maps, count_some, tuple(statistics), config,
        ledger=ledger, executor=executor, progress=progress,
    )  # fmt: skip
    return [np.concatenate([p[f"{k:04}"] for p in pieces]) for k in range(len(statistics))]


def in_pieces(
    maps: MapSet,
    compute: Callable[..., dict[str, np.ndarray]],
    argument: Any,
    config: Mapping[str, Any],
    *,
    ledger: Path | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, np.ndarray]]:
    """``compute(some maps, argument)`` for all maps, some at a time, each piece kept in the ledger.

    Parameters
    ----------
    compute : callable
        A function of a module, so that it can be handed to another process.
    config : mapping
        What decides the result but for the maps.
    """
    book = Ledger(ledger, config) if ledger else None
    tasks = []
    for begin in range(0, len(maps), CHUNK):
        part = maps.take(np.arange(begin, min(begin + CHUNK, len(maps))))
        tasks.append(({"maps": part.identity}, (part, argument)))
    return gather(book, tasks, compute, executor=executor, progress=progress)


def count_some(maps: MapSet, statistics: Sequence[Statistic]) -> dict[str, np.ndarray]:
    """`count` for one piece: arrays by number. Peaks are found once."""
    with one_thread():
        found = peaks.patches(maps.read(np.arange(len(maps))).double())
        counted: list[torch.Tensor] = []
        for _, same in groupby(statistics, key=lambda s: (s.kind, s.h)):
            ranges = list(same)
            values, (low, high) = _values(found, ranges[0]), ranges[0].range
            if len(ranges) == 1:
                counted.append(peaks.histogram(found, values, low, high))
            else:
                counted += peaks.histograms(found, values, low, [s.high for s in ranges])
    return {f"{k:04}": one.numpy().astype(np.uint16) for k, one in enumerate(counted)}


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
