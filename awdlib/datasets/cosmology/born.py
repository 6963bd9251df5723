"""Maps of the convergence from lens planes, in Born's approximation: light goes straight.

Every map sees the same box from elsewhere: in each slab it is projected along a random axis,
turned over and shifted at random, as the original simulations' maps are.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from awdlib.datasets.cosmology.planes import Planes

FIELD = np.deg2rad(3.5)  # of a map, across
RAYS = 2  # a pixel's value is the mean over 2x2 rays, as the real maps are rebinned from 512 to 256


def convergence(
    planes: Planes, *, seed: Sequence[int], pixels: int = 256, field: float = FIELD
) -> Tensor:
    """One map of the convergence, shape (1, pixels, pixels), float32.

    Parameters
    ----------
    planes : Planes
    seed : sequence of int
        Root seed, cosmology, box, index of the map: they alone decide the view.
    pixels : int
    field : float
        Angle across the map, in radians.
    """
    draw = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    total = torch.zeros(pixels, pixels)
    across = planes.contrast.shape[-1]
    for slab, chi in enumerate(planes.distances):
        axis, flips, turn = draw.integers(3), draw.integers(2, size=2), draw.integers(2)
        shift = draw.uniform(0, across, size=2)
        plane = planes.contrast[slab, axis].float()
        scale = chi * field / pixels / planes.side * across  # mesh points a pixel
        sides = [
            _reads(float(shift[side]), scale, pixels, bool(flips[side]), across) for side in (0, 1)
        ]
        for index, weight in sides[::-1] if turn else sides:
            rows = embedding_bag(index, plane, per_sample_weights=weight, mode="sum")
            plane = rows.T.contiguous()
        total.add_(plane.T if turn else plane, alpha=float(planes.weights[slab]))
    return total[None]


def _reads(
    shift: float, scale: float, pixels: int, flip: bool, across: int
) -> tuple[Tensor, Tensor]:
    """Which mesh points make each pixel along one side, and their weights: (pixels, 2 * RAYS).

    A pixel is the mean over its rays, and each is read between two mesh points.
    """
    rays = (torch.arange(pixels * RAYS, dtype=torch.float64) + 0.5) / RAYS
    place = shift + scale * (rays.flip(0) if flip else rays)
    low = place.floor()
    upper = (place - low) / RAYS
    index = torch.stack([low, low + 1], 1).long() % across
    weight = torch.stack([1 / RAYS - upper, upper], 1).float()
    return index.reshape(pixels, -1), weight.reshape(pixels, -1)
