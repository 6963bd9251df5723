"""The published route (paper, Sec. 4.1 and App. B): free taps, three starts, warm-started grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import filters
from awdlib.progress import progress
from awdlib.recovery.problem import Problem
from awdlib.sweep import Sweep, published_grids, sweep

STARTS = {"db5+noise": "DB5 + noise", "sym5": "Sym5", "coif2": "Coif2"}
NOISE = 0.3  # standard deviation of what is added to each tap of DB5


def start_of(name: str, *, seed: int = 1) -> torch.Tensor:
    """Lowpass taps of one of `STARTS`, or of any wavelet of PyWavelets, (taps,).

    ``"db5+noise"`` adds .3 times standard Gaussian noise to each tap; seed 1 is the authors' draw.
    """
    if name != "db5+noise":
        return filters.lowpass(name)
    stream = torch.Generator().manual_seed(seed)
    return filters.lowpass("db5") + NOISE * torch.randn(10, generator=stream).double()


def grids(start: str) -> tuple[np.ndarray, np.ndarray]:
    """λ and γ of the published Fig. B4: 5 and 21 values; those of Sym5 differ."""
    if start != "sym5":
        return published_grids()
    lams = np.round(np.geomspace(1e-5, 1e-4, 5), 5)
    return lams, np.concatenate([[0.0], np.round(np.geomspace(1e-5, 50, 20), 5)])


def sweep_of(
    problems: Sequence[Problem],
    start: str,
    *,
    lams: Sequence[float] | np.ndarray,
    gammas: Sequence[float] | np.ndarray,
    epochs: int,
    ledger: Path | None = None,
    executor: Executor | None = None,
    **settings: Any,
) -> Sweep:
    """One warm-started sweep of every problem from one start, each with its own data and network.

    Parameters
    ----------
    problems : sequence of Problem
        With different seeds, and equally many training examples.
    start : str
        As of `start_of`.
    lams, gammas, epochs, ledger, executor, **settings
        As of `awdlib.sweep.sweep`.
    """
    rows = torch.arange(sum(len(p.x) for p in problems)).split([len(p.x) for p in problems])
    return sweep(
        torch.cat([p.x for p in problems]), gradients=torch.cat([p.gradients for p in problems]),
        start=start_of(start), lams=lams, gammas=gammas, seeds=[p.seed for p in problems],
        rows={p.seed: index for p, index in zip(problems, rows, strict=True)}, epochs=epochs,
        ledger=ledger, executor=executor, progress=progress(f"published route from {start}"),
        **settings,
    )  # fmt: skip


def sweeps(
    problems: Sequence[Problem],
    places: Mapping[str, tuple[Sequence[int], Sequence[int], int]],
    *,
    epochs: int,
    ledger: Path | None = None,
    executor: Executor | None = None,
) -> dict[str, Sweep]:
    """`sweep_of` from several starts beside each other.

    Parameters
    ----------
    places : mapping of start to (places in its λ grid, places in its γ grid, problems)
        The first so many problems are swept.
    """

    def run(start: str) -> Sweep:
        (lams, gammas), (i, j, count) = grids(start), places[start]
        return sweep_of(
            problems[:count], start, lams=lams[list(i)], gammas=gammas[list(j)], epochs=epochs,
            ledger=ledger, executor=executor,
        )  # fmt: skip

    # Threads only hand pieces to the processes: one sweep's batches cannot keep all of them busy.
    with ThreadPoolExecutor(len(places) if executor else 1) as waiting:
        return dict(zip(places, waiting.map(run, places), strict=True))
