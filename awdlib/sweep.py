"""Warm-started sweeps over λ and γ (paper, App. B and C).

The γ = 0 fits are chained along λ; from each of them a chain runs along γ, every fit starting
where the previous γ ended. All chains (λ, seed) train as one batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from awdlib import attribution
from awdlib.distill import distill


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
    if gradients is None and model is not None and (gammas > 0).any():
        keys = {k: settings[k] for k in ("target", "method") if k in settings}
        gradients = attribution.input_gradients(model, x, **keys)
    count, fits = len(seeds), len(lams) * len(gammas) * len(seeds)
    done, filters, losses = 0, [], []

    def fit(h: str | torch.Tensor, lam: np.ndarray, gamma: float, seed: np.ndarray) -> torch.Tensor:
        nonlocal done
        result = distill(
            x, gradients=gradients, start=h, lam=torch.from_numpy(lam), gamma=gamma,
            seed=torch.from_numpy(seed), **settings,
        )  # fmt: skip
        done += len(seed)
        if progress:
            progress(done, fits)
        losses.append(result.loss[-1] if len(result.loss) else torch.full((len(seed),), torch.nan))
        return result.h

    seed_array = np.asarray(seeds, dtype=np.int64)
    first: list[torch.Tensor] = []
    for lam in lams:
        first.append(fit(first[-1] if first else start, np.full(count, lam), gammas[0], seed_array))
    h = torch.cat(first)
    losses = [torch.cat(losses)]
    filters.append(h)
    for gamma in gammas[1:]:
        h = fit(h, np.repeat(lams, count), gamma, np.tile(seed_array, len(lams)))
        filters.append(h)
    shape = (len(lams), count)
    return Sweep(
        h=torch.stack([f.unflatten(0, shape) for f in filters], 1),
        loss=torch.stack([v.unflatten(0, shape) for v in losses], 1),
        lams=lams, gammas=gammas, seeds=tuple(int(s) for s in seeds),
    )  # fmt: skip
