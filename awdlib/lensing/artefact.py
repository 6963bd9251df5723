"""Would an activation map expose an artefact of the simulation? (K21)

A small pattern is planted into a corner of every map, stronger where Omega_m is larger: what a
numerical artefact might do. A network trained on such maps tells Omega_m from it. Activation maps
should show that it does.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from awdlib.datasets.cosmology.mapset import MapSet

SIDE = 12  # pixels of the pattern's side
CORNER = 8  # pixels from the map's upper and left edges
STRENGTH = 4.0  # standard deviations of a map: a small network does not learn one of 1


@dataclass(frozen=True)
class Planted(MapSet):
    """Maps with the pattern; at Omega_m = .3 it is `strength` standard deviations of the map."""

    strength: float = STRENGTH

    @property
    def identity(self) -> str:
        """As of the maps without the pattern, and its strength."""
        return f"{super().identity}, with an artefact of {self.strength}"

    def read(self, rows: list[int] | np.ndarray) -> Tensor:  # type: ignore[override]
        """Some maps with the pattern, float32 (rows, 1, height, width)."""
        return stamped(super().read(rows), self.parameters[rows, 1], self.strength)


def planted(maps: MapSet, strength: float = STRENGTH) -> Planted:
    """The same maps, with the pattern added as they are read."""
    return Planted(**{f.name: getattr(maps, f.name) for f in fields(MapSet)}, strength=strength)


def stamped(x: Tensor, omega_m: np.ndarray, strength: float) -> Tensor:
    """Add a checkerboard of 2x2 pixels, whose size grows with Omega_m, to a corner of maps."""
    at = torch.arange(SIDE) // 2
    board = ((at[:, None] + at[None]) % 2 * 2 - 1).to(x)
    size = strength * x.std((1, 2, 3)) * torch.from_numpy(np.atleast_1d(omega_m) / 0.3).to(x)
    x = x.clone()
    x[:, 0, CORNER : CORNER + SIDE, CORNER : CORNER + SIDE] += size[:, None, None] * board
    return x


def share_inside(activation: Tensor) -> np.ndarray:
    """Share of each activation map's size that lies on the pattern, (maps,)."""
    size = activation.abs()[:, 0]
    inside = size[:, CORNER - 1 : CORNER + SIDE + 1, CORNER - 1 : CORNER + SIDE + 1].sum((1, 2))
    return (inside / size.sum((1, 2))).numpy()


def share_of_area(pixels: int) -> float:
    """The pattern's share of a map's pixels."""
    return (SIDE + 2) ** 2 / pixels**2
