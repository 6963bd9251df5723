"""Warm-started sweeps over λ and γ (paper, App. B and C).

The γ = 0 fits are chained along λ; from each of them a chain runs along γ, every fit starting
where the previous γ ended. All chains (λ, seed) train as one batch.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import adam, attribution, blocks, dwt, filters, fused, fused_images, losses, matrices
from awdlib import batches as batches_module
from awdlib import objective as objective_module
from awdlib.distill import distill
from awdlib.ledger import Ledger, array_hash, code_hash
from awdlib.objective import Settings

# What a fit's numbers depend on: a finished piece is used again only while none of them changes.
NUMERICS = (
    sys.modules[__name__], sys.modules[distill.__module__], adam, attribution, blocks, dwt, filters,
    fused, fused_images, losses, matrices, batches_module, objective_module,
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
    rows: Mapping[int, torch.Tensor | Sequence[int]] | None = None,
    ledger: Path | None = None,
    seeds_per_batch: int = 3,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> Sweep:
    """Distil at every (λ, γ, seed) of a grid, warm-started.

    Parameters
    ----------
    x, model, start, rows, **settings
        As of `awdlib.distill.distill`; `start` is one filter.
    gradients : torch.Tensor, shape of `x` or (seeds, *shape of x), optional
        Instead of `model`: ∇f(x) of one network, or of a network for every seed.
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
        Runs batches beside each other, on this machine (`awdlib.threads.processes`) or on others.
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
    if settings.get("through_network") or settings.get("scores"):
        raise ValueError(
            "a sweep uses the network's gradient; through_network and scores are for single fits"
        )
    if gradients is None and model is not None and (gammas > 0).any():
        keys = {k: settings[k] for k in ("target", "method") if k in settings}
        gradients = attribution.input_gradients(model, x, **keys)
    own = gradients is not None and gradients.ndim == x.ndim + 1
    if own and rows is not None:
        raise ValueError("rows and gradients for every seed exclude each other: put them into rows")
    if gradients is not None and own and len(gradients) != len(seeds):
        raise ValueError(f"gradients of {len(gradients)} networks for {len(seeds)} seeds")
    batches = []
    for part in np.array_split(np.arange(len(seeds)), -(-len(seeds) // seeds_per_batch)):
        slopes = gradients[torch.from_numpy(part)] if gradients is not None and own else gradients
        some = tuple(int(seeds[k]) for k in part)
        data, slopes, mine = _only(rows, some, x, slopes)
        batches.append(_Chains(data, slopes, start, lams, gammas, some, settings, ledger, mine))
    fits, done = len(lams) * len(gammas) * len(seeds), 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        if progress:
            progress(done, fits)

    results = _run(batches, executor.submit if executor else _now, count)
    h, loss = (torch.from_numpy(np.concatenate(parts, 2)) for parts in zip(*results, strict=True))
    return Sweep(h.to(x), loss.to(x), lams, gammas, tuple(int(s) for s in seeds))


def _only(
    rows: Mapping[int, torch.Tensor | Sequence[int]] | None,
    seeds: tuple[int, ...],
    x: torch.Tensor,
    gradients: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor | None, dict[int, torch.Tensor] | None]:
    """The examples that some seeds see, one seed's after the other, and where each's are."""
    if rows is None:
        return x, gradients, None
    if missing := [seed for seed in seeds if seed not in rows]:
        raise ValueError(f"rows must name the examples of every seed, and lack seed {missing[0]}")
    index = torch.cat([torch.as_tensor(rows[seed]) for seed in seeds])
    places = torch.arange(len(index)).split([len(rows[seed]) for seed in seeds])
    found = dict(zip(seeds, places, strict=True))
    return x[index], None if gradients is None else gradients[index], found


def _now(task: Callable[..., Any], *arguments: Any) -> Future:
    """An executor's ``submit`` that does it at once."""
    done: Future = Future()
    done.set_result(task(*arguments))
    return done


def _run(
    batches: list["_Chains"], submit: Callable[..., Future], count: Callable[[int], None]
) -> list[tuple[np.ndarray, ...]]:
    """Every batch's pieces in their order, batches beside each other; (h, loss) of each.

    Workers only compute. Pieces are found and kept here, so they need no common disk.
    """
    pieces: list[list[dict[str, np.ndarray]]] = [[] for _ in batches]
    waiting: dict[Future, int] = {}

    def go_on(k: int) -> None:
        """Take what is there of batch k, and submit the first piece that is not."""
        batch, own = batches[k], pieces[k]
        while len(own) < len(batch.gammas):
            found = batch.find(len(own))
            if found is None:
                waiting[submit(_compute, *batch.task(own))] = k
                return
            own.append(found)
            count(batch.chains)

    try:
        for k in range(len(batches)):
            go_on(k)
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                k = waiting.pop(future)
                pieces[k].append(batches[k].keep(len(pieces[k]), future.result()))
                count(batches[k].chains)
                go_on(k)
    finally:
        for future in waiting:  # when one failed, or somebody stopped it
            future.cancel()
    return [batch.stacked(own) for batch, own in zip(batches, pieces, strict=True)]


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
    rows: Mapping[int, torch.Tensor] | None = None

    @property
    def chains(self) -> int:
        return len(self.lams) * len(self.seeds)

    def task(self, before: list[dict[str, np.ndarray]]) -> tuple[Any, ...]:
        """What `_compute` needs for the piece that comes after those `before`."""
        gamma = float(self.gammas[len(before)])
        start = before[-1]["h"] if before else self.start
        chained = not before
        rows = self.rows and {seed: _sent(index) for seed, index in self.rows.items()}
        slopes = None if self.gradients is None else _sent(self.gradients)
        fixed = (self.lams, gamma, self.seeds, rows, self.settings)
        return _sent(self.x), slopes, _sent(start), chained, *fixed

    def find(self, j: int) -> dict[str, np.ndarray] | None:
        """The finished piece of the j-th γ, if there is one."""
        return self.book.find(self._key(j)) if self.book else None

    def keep(self, j: int, piece: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self.book.keep(self._key(j), piece) if self.book else piece

    def stacked(self, pieces: list[dict[str, np.ndarray]]) -> tuple[np.ndarray, ...]:
        """Filters (lams, gammas, seeds, taps) and losses (lams, gammas, seeds)."""
        shape = (len(self.lams), len(self.seeds))
        return tuple(
            np.stack([p[name].reshape(*shape, *p[name].shape[1:]) for p in pieces], 1)
            for name in ("h", "loss")
        )

    def _key(self, j: int) -> dict[str, Any]:
        return {"gamma": float(self.gammas[j]), "before": self.gammas[:j].tolist()}

    @cached_property
    def book(self) -> Ledger | None:
        """The ledger, with everything that decides the numbers of this batch's pieces."""
        if not self.ledger:
            return None
        start = self.start if isinstance(self.start, str) else self.start.tolist()
        arrays = [self.x] if self.gradients is None else [self.x, self.gradients]
        return Ledger(self.ledger, {
            "start": start, "lams": self.lams.tolist(), "seeds": list(self.seeds),
            "settings": asdict(Settings(**self.settings)), "device": self.x.device.type,
            "data": array_hash(*(a.cpu().numpy() for a in arrays)), "code": code_hash(*NUMERICS),
            "rows": self.rows and [len(self.rows[seed]) for seed in self.seeds],
        })  # fmt: skip


def _sent(value: Any) -> Any:
    """What goes to a worker: arrays for tensors of the CPU.

    A tensor would be moved into shared memory by the thread that sends it, while this one may be
    reading it to hash it: the next batch then had a key that no later run would find.
    """
    return value.numpy() if isinstance(value, torch.Tensor) and not value.is_cuda else value


def _received(value: Any) -> Any:
    """The inverse of `_sent`."""
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def _compute(
    x: Any,
    gradients: Any,
    start: str | torch.Tensor | np.ndarray,
    chained: bool,
    lams: np.ndarray,
    gamma: float,
    seeds: tuple[int, ...],
    rows: Mapping[int, Any] | None,
    settings: dict[str, Any],
) -> dict[str, np.ndarray]:
    """One piece: the chains of all λ and these seeds at one γ, filters (chains, taps) and losses.

    Examples, gradients and rows come as `_sent`.

    The first γ is `chained` along λ, each from the previous λ's filters; at a later one all chains
    train at once, each from where it was.
    """
    x, gradients = _received(x), _received(gradients)
    rows = rows and {seed: _received(index) for seed, index in rows.items()}
    own = gradients is not None and gradients.ndim == x.ndim + 1

    def fit(start: Any, lams: np.ndarray) -> dict[str, np.ndarray]:
        slopes = gradients
        if gradients is not None and own:
            slopes = gradients.repeat(len(lams), *[1] * x.ndim)
        result = distill(
            x, gradients=slopes, gamma=gamma, seed=torch.tensor(seeds * len(lams)),
            lam=torch.from_numpy(np.repeat(lams, len(seeds))),
            start=torch.from_numpy(start).to(x) if isinstance(start, np.ndarray) else start,
            rows=rows, **settings,
        )  # fmt: skip
        last = result.loss[-1] if len(result.loss) else torch.zeros_like(result.lam)
        return {"h": result.h.cpu().numpy(), "loss": last.cpu().numpy()}

    if not chained:
        return fit(start, lams)
    parts: list[dict[str, np.ndarray]] = []
    for lam in lams:
        parts.append(fit(parts[-1]["h"] if parts else start, lam[None]))
    return {name: np.concatenate([part[name] for part in parts]) for name in ("h", "loss")}
