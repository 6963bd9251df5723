"""The route that this book adds: lattice angles, a global search, and no known wavelet.

It has no (λ, γ) grid to speak of: on the lattice every filter is a wavelet's, so only λ/γ matters.
Nothing here sees the truth: filters are compared by the attributions' L1 norm on held-out examples.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from awdlib import filters
from awdlib import search as searching
from awdlib.distill import distill
from awdlib.ledger import Ledger, array_hash, code_hash, gather
from awdlib.progress import progress
from awdlib.recovery.problem import LEVEL, Problem
from awdlib.sweep import NUMERICS

LENGTHS = (4, 6, 8, 10, 12, 14, 16)
EXAMPLES = 16  # of the search
SLACK = 0.01  # how much larger a norm may be than the best, for a shorter filter to be taken


@dataclass(frozen=True)
class Effort:
    """How much a search does.

    Attributes
    ----------
    starts : int
        Random starts, at most (`awdlib.search.stages_for`).
    stages : tuple of awdlib.search.Stage, optional
        Instead, the same for every length.
    ratios : tuple of float
        λ/γ of the fits on all data; γ is 1.
    most : int
        At most so many training examples in these fits.
    """

    starts: int = 2048
    stages: tuple[searching.Stage, ...] | None = None
    ratios: tuple[float, ...] = (0.0,)
    most: int = 50_000


@dataclass(frozen=True)
class Found:
    """All filters that a search ended with; what is chosen is a matter of `blind` and `oracle`.

    Attributes
    ----------
    h : list of numpy.ndarray, each (taps,)
    norm : numpy.ndarray, shape (filters,)
        Mean L1 norm of the attributions at the validation examples.
    lam : numpy.ndarray, shape (filters,)
        λ, with γ = 1.
    seconds : float
        Of searching and fitting, on one thread.
    """

    h: list[np.ndarray]
    norm: np.ndarray
    lam: np.ndarray
    seconds: float

    @property
    def taps(self) -> np.ndarray:
        """Length of every filter, (filters,)."""
        return np.array([len(h) for h in self.h])


def blind(found: Found, *, slack: float = SLACK) -> int:
    """Index of the filter that somebody takes who does not know the truth.

    The shortest length whose smallest norm is within `slack` of the smallest of all lengths, and in
    it the filter of the smallest norm. A longer filter holds every shorter one, so its smallest
    norm is no larger, and often a little smaller for no reason but the network's own errors.
    """
    enough = found.norm <= found.norm.min() * (1 + slack)
    shortest = found.taps == found.taps[enough].min()
    return int(np.where(shortest, found.norm, np.inf).argmin())


def find(problem: Problem, start: str, lengths: Sequence[int], effort: Effort) -> Found:
    """Search a problem's wavelet, length by length, until two more lengths in a row gain nothing.

    Parameters
    ----------
    problem : Problem
        Its true filter is not read.
    start : str
        ``"none"``, or a PyWavelets name: the search is then around it, and has its length.
    lengths : sequence of int
        Growing; not read with a start.
    effort : Effort
    """
    began = time.perf_counter()
    # The fits on all data in float64: angles of a filter with tiny end taps are lost in float32.
    n = min(effort.most, len(problem.x))
    x, slopes = problem.x[:n].double(), problem.gradients[:n].double()
    some = np.random.default_rng(problem.seed).permutation(len(slopes))
    few = problem.gradients[torch.from_numpy(some[:EXAMPLES])]
    near = None if start == "none" else filters.lowpass(start)
    before: torch.Tensor | None = None
    h: list[np.ndarray] = []
    norms, lams = [], []
    for taps in lengths if near is None else [len(near)]:
        best = searching.search(
            few, taps, level=LEVEL, seed=problem.seed, near=near,
            stages=effort.stages or searching.stages_for(taps, most=effort.starts),
            starts=None if before is None else searching.pad(before, taps),
        ).h  # fmt: skip
        before = best
        count, ratios = len(best), torch.tensor(effort.ratios, dtype=torch.float64)
        fitted = distill(
            x, gradients=slopes, start=best.repeat(len(ratios), 1), gamma=1.0,
            lam=ratios.repeat_interleave(count), seed=problem.seed, level=LEVEL, epochs=2, lr=2e-3,
            parametrisation="lattice",
        )  # fmt: skip
        h += list(fitted.h.numpy())
        norms += list(
            searching.attribution_norms(problem.gradients_held, fitted.h, level=LEVEL).mean(-1)
        )
        lams += fitted.lam.tolist()
        if _settled(h, norms):
            break
    return Found(h, np.array(norms), np.array(lams), time.perf_counter() - began)


def _settled(h: Sequence[np.ndarray], norms: Sequence[float]) -> bool:
    """Whether neither of the last two lengths has a norm smaller by more than `SLACK`."""
    best: dict[int, float] = {}
    for one, norm in zip(h, norms, strict=True):
        best[len(one)] = min(norm, best.get(len(one), np.inf))
    values = list(best.values())
    return len(values) > 2 and min(values[-2:]) >= min(values[:-2]) * (1 - SLACK)


def find_all(
    tasks: Sequence[tuple[Problem, str, Sequence[int]]],
    effort: Effort,
    *,
    ledger: Path | None = None,
    executor: Executor | None = None,
    what: str = "search",
) -> list[Found]:
    """`find` for several (problem, start, lengths), beside each other and kept in a ledger."""
    code = code_hash(*NUMERICS, searching, sys.modules[__name__])
    book = Ledger(ledger, {"search": asdict(effort), "code": code}) if ledger else None
    keyed = []
    for problem, start, lengths in tasks:
        data = array_hash(*(t.numpy() for t in (problem.gradients, problem.gradients_held)))
        key = {"data": data, "seed": problem.seed, "start": start, "lengths": list(lengths)}
        keyed.append((key, (problem, start, lengths, effort)))
    found = gather(book, keyed, _arrays_of, executor=executor, progress=progress(what))
    return [
        Found(
            np.split(one["h"], np.cumsum(one["taps"])[:-1]), one["norm"], one["lam"],
            float(one["seconds"]),
        )
        for one in found
    ]  # fmt: skip


def _arrays_of(
    problem: Problem, start: str, lengths: Sequence[int], effort: Effort
) -> dict[str, np.ndarray]:
    """`find` as a ledger keeps it: the filters one after the other, and their lengths."""
    found = find(problem, start, lengths, effort)
    return {
        "h": np.concatenate(found.h), "taps": found.taps, "norm": found.norm, "lam": found.lam,
        "seconds": np.array(found.seconds),
    }  # fmt: skip
