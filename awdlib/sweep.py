"""Warm-started sweeps over λ and γ (paper, App. B and C).

The γ = 0 fits are chained along λ; from each of them a chain runs along γ, every fit starting
where the previous γ ended. All chains (λ, seed) train as one batch.
"""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import attribution, blocks, dwt, filters, fused, fused_images, losses, matrices
from awdlib import objective as objective_module
from awdlib.distill import distill
from awdlib.ledger import Ledger, array_hash, code_hash
from awdlib.objective import Settings

# What a fit's numbers depend on: a finished piece is used again only while none of them changes.
NUMERICS = (
    sys.modules[distill.__module__], attribution, blocks, dwt, filters, fused, fused_images, losses,
    matrices, objective_module,
)  # fmt: skip


def published_grids() -> tuple[np.ndarray, np.ndarray]:
    """λ and γ of the published clathrin sweep: 5 and 21 values, rounded to 5 decimals."""
    lams = np.round(np.geomspace(1e-4, 5e-3, 5), 5)
    gammas = np.concatenate([[0.0], np.round(np.geomspace(1e-4, 10, 20), 5)])
    return lams, gammas


@dataclass(frozen=True)
class Sweep:
    """Filters over a grid.

    Attributes
    ----------
    h : torch.Tensor, shape (lams, gammas, seeds, taps)
    loss : torch.Tensor, shape (lams, gammas, seeds)
        Mean over the last epoch.
    lams, gammas : numpy.ndarray
    seeds : tuple of int
    """

    h: torch.Tensor
    loss: torch.Tensor
    lams: np.ndarray
    gammas: np.ndarray
    seeds: tuple[int, ...]


def sweep(
    x: torch.Tensor,
    model: attribution.Network | None = None,
    *,
    gradients: torch.Tensor | None = None,
    start: str | torch.Tensor = "db5",
    lams: Sequence[float] | np.ndarray,
    gammas: Sequence[float] | np.ndarray,
    seeds: Sequence[int],
    ledger: Path | None = None,
    seeds_per_batch: int = 5,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> Sweep:
    """Distil at every (λ, γ, seed) of a grid, warm-started.

    Parameters
    ----------
    x, model, gradients, start, **settings
        As of `awdlib.distill.distill`; `start` is one filter.
    lams, gammas : sequence of float
        Increasing; γ usually from 0.
    seeds : sequence of int
    ledger : pathlib.Path, optional
        Folder of finished pieces (`awdlib.ledger`): a sweep that was killed goes on from there and
        ends with the same bits. A piece is one γ of one batch of chains.
    seeds_per_batch : int
        Chains of so many seeds, for all λ, train as one batch. It is part of what a piece is: in
        floating point a filter's last bits depend on what trains beside it.
    executor : concurrent.futures.Executor, optional
        Runs batches beside each other, on this machine or on others.
    progress : callable, optional
        Called with (fits done, fits).

    Raises
    ------
    ValueError
        For an empty or unsorted grid, and as `distill` does.
    """
    lams, gammas = np.asarray(lams, dtype=float), np.asarray(gammas, dtype=float)
    for name, grid in (("lams", lams), ("gammas", gammas), ("seeds", np.asarray(seeds))):
        if grid.size == 0 or (name != "seeds" and (np.diff(grid) <= 0).any()):
            raise ValueError(f"{name} must be non-empty and increasing, not {list(grid)}")
    if settings.get("through_network"):
        raise ValueError("a sweep uses the network's gradient; through_network is for single fits")
    if gradients is None and model is not None and (gammas > 0).any():
        keys = {k: settings[k] for k in ("target", "method") if k in settings}
        gradients = attribution.input_gradients(model, x, **keys)
    batches = [
        _Chains(x, gradients, start, lams, gammas, tuple(int(s) for s in part), settings, ledger)
        for part in np.array_split(seeds, -(-len(seeds) // seeds_per_batch))
    ]
    fits, done = len(lams) * len(gammas) * len(seeds), 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        if progress:
            progress(done, fits)

    if executor is None:
        results = [batch.run(count) for batch in batches]
    else:
        results = []
        for batch, result in zip(batches, executor.map(_Chains.run, batches), strict=True):
            count(len(lams) * len(gammas) * len(batch.seeds))
            results.append(result)
    h, loss = (torch.from_numpy(np.concatenate(parts, 2)) for parts in zip(*results, strict=True))
    return Sweep(h.to(x), loss.to(x), lams, gammas, tuple(int(s) for s in seeds))


@dataclass(frozen=True)
class _Chains:
    """A fixed batch of chains along γ: every λ of the grid with some of the seeds."""

    x: torch.Tensor
    gradients: torch.Tensor | None
    start: str | torch.Tensor
    lams: np.ndarray
    gammas: np.ndarray
    seeds: tuple[int, ...]
    settings: dict[str, Any]
    ledger: Path | None

    def run(self, count: Callable[[int], None] = lambda more: None) -> tuple[np.ndarray, ...]:
        """Filters (lams, gammas, seeds, taps) and losses (lams, gammas, seeds)."""
        book = Ledger(self.ledger, self._configuration()) if self.ledger else None
        pieces: list[dict[str, np.ndarray]] = []
        for j in range(len(self.gammas)):

            def compute(j: int = j) -> dict[str, np.ndarray]:
                return self._first() if j == 0 else self._next(pieces[-1]["h"], self.gammas[j])

            key = {"gamma": float(self.gammas[j]), "before": self.gammas[:j].tolist()}
            pieces.append(book.piece(key, compute) if book else compute())
            count(len(self.lams) * len(self.seeds))
        shape = (len(self.lams), len(self.seeds))
        return tuple(
            np.stack([p[name].reshape(*shape, *p[name].shape[1:]) for p in pieces], 1)
            for name in ("h", "loss")
        )

    def _first(self) -> dict[str, np.ndarray]:
        """The first γ: chained along λ, each from the previous λ's filters."""
        parts: list[dict[str, np.ndarray]] = []
        for lam in self.lams:
            start = torch.from_numpy(parts[-1]["h"]).to(self.x) if parts else self.start
            parts.append(
                self._fit(start, np.full(len(self.seeds), lam), self.gammas[0], self.seeds)
            )
        return {name: np.concatenate([part[name] for part in parts]) for name in ("h", "loss")}

    def _next(self, h: np.ndarray, gamma: float) -> dict[str, np.ndarray]:
        """A later γ: all chains at once, each from where it was."""
        seeds = self.seeds * len(self.lams)
        return self._fit(torch.from_numpy(h), np.repeat(self.lams, len(self.seeds)), gamma, seeds)

    def _fit(
        self, start: str | torch.Tensor, lam: np.ndarray, gamma: float, seeds: Sequence[int]
    ) -> dict[str, np.ndarray]:
        result = distill(
            self.x, gradients=self.gradients, start=start, lam=torch.from_numpy(lam), gamma=gamma,
            seed=torch.tensor(seeds), **self.settings,
        )  # fmt: skip
        last = result.loss[-1] if len(result.loss) else torch.zeros_like(result.lam)
        return {"h": result.h.cpu().numpy(), "loss": last.cpu().numpy()}

    def _configuration(self) -> dict[str, Any]:
        """Everything that decides the numbers of this batch's pieces."""
        start = self.start if isinstance(self.start, str) else self.start.tolist()
        arrays = [self.x] if self.gradients is None else [self.x, self.gradients]
        return {
            "start": start, "lams": self.lams.tolist(), "seeds": list(self.seeds),
            "settings": asdict(Settings(**self.settings)), "device": self.x.device.type,
            "data": array_hash(*(a.cpu().numpy() for a in arrays)), "code": code_hash(*NUMERICS),
        }  # fmt: skip
