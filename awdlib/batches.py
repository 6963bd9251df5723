"""Which examples a fit sees, and in which order: decided by its seed alone."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch


def examples_of(
    count: int, seeds: torch.Tensor, rows: Mapping[int, torch.Tensor | Sequence[int]] | None
) -> dict[int, torch.Tensor]:
    """The examples that the fits of every seed see."""
    different = torch.unique(seeds).tolist()
    if rows is None:
        return dict.fromkeys(different, torch.arange(count))
    if missing := [seed for seed in different if seed not in rows]:
        raise ValueError(f"rows must name the examples of every seed, and lack seed {missing[0]}")
    seen = {seed: torch.as_tensor(rows[seed]) for seed in different}
    for seed, index in seen.items():
        if index.ndim != 1 or index.dtype != torch.int64 or not len(index):
            raise ValueError(f"rows of seed {seed} must be a one-dimensional tensor of int64")
        if not 0 <= index.min() <= index.max() < count:
            raise ValueError(f"rows of seed {seed} must lie between 0 and {count - 1}")
    if len(lengths := {len(index) for index in seen.values()}) > 1:
        raise ValueError(f"rows must be equally many for every seed, not {sorted(lengths)}")
    return seen


def batches_of(
    seen: Mapping[int, torch.Tensor], batch_size: int, seeds: torch.Tensor, epoch: int
) -> Iterator[torch.Tensor]:
    """Indices of one epoch's batches: (batch,) where all seeds agree, else (seeds, batch).

    A filter's shuffling depends on its seed and the epoch alone, not on what trains beside it.
    """
    different, which = torch.unique(seeds, return_inverse=True)
    orders = []
    for seed in different.tolist():
        stream = np.random.default_rng([seed, epoch])
        orders.append(seen[seed][torch.from_numpy(stream.permutation(len(seen[seed])))])
    order = orders[0] if len(orders) == 1 else torch.stack(orders)[which]
    yield from order.split(batch_size, -1)


def groups_of(seeds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """An order in which the filters of a seed stand together, and a seed for every group of them.

    They share their batches. Where seeds have unequally many filters, each stands alone.
    """
    different, which, counts = torch.unique(seeds, return_inverse=True, return_counts=True)
    if (counts != counts[0]).any():
        return each_alone(seeds)
    return which.argsort(stable=True), different


def each_alone(seeds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(len(seeds)), seeds


def pick(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """x[index], several times faster."""
    picked = x.index_select(0, index.flatten().to(x.device))
    return picked.unflatten(0, index.shape)


def pick_slopes(gradients: torch.Tensor, index: torch.Tensor, own: bool) -> torch.Tensor:
    """Gradients at `index`; with a network for every filter, of the filter's own network."""
    if not own:
        return pick(gradients, index)
    filters_, examples = gradients.shape[:2]
    return pick(gradients.flatten(0, 1), index + examples * torch.arange(filters_)[:, None])
