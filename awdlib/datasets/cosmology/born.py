"""Maps of the convergence from lens planes, in Born's approximation: light goes straight.

Every map sees the same box from elsewhere: in each slab it is projected along a random axis,
turned over and shifted at random, as the original simulations' maps are.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

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
        plane = planes.contrast[slab, axis]
        plane = plane.T if turn else plane
        scale = chi * field / pixels / planes.side * across  # mesh points a pixel
        for dim in (0, 1):
            plane = _sample(plane, dim, float(shift[dim]), scale, pixels, bool(flips[dim]))
        total += float(planes.weights[slab]) * plane
    return total[None]


def _sample(plane: Tensor, dim: int, shift: float, scale: float, pixels: int, flip: bool) -> Tensor:
    """Means over the rays of each pixel along one side, each read between two mesh points."""
    rays = (torch.arange(pixels * RAYS, dtype=torch.float64) + 0.5) / RAYS
    place = shift + scale * (rays.flip(0) if flip else rays)
    low = place.floor()
    share = (place - low).float()
    n = plane.shape[dim]
    shape = (-1, 1) if dim == 0 else (1, -1)
    index = low.long() % n
    first, second = (plane.index_select(dim, (index + up) % n).float() for up in (0, 1))
    read = torch.lerp(first, second, share.reshape(shape))
    return read.unflatten(dim, (pixels, RAYS)).mean(dim + 1)
