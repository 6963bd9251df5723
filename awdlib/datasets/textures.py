"""Textures that need no download: which of eight materials does a small grey crop show?

Everything is made of what scikit-image and Matplotlib ship (`CREDITS`): real pictures, from which
crops are cut at random. Each picture is divided into strips, one for each of `SPLITS`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from awdlib.datasets import images

SPLITS = ("train", "held", "test")
GAP = 8  # pixels between two strips, which no crop shows
SCALE = (0.85, 1.15)  # pixels of the picture to a pixel of the crop
NOISE = (0.3, 0.9)  # of the crop's own standard deviation
CONTRAST = (0.6, 1.6)  # standard deviation of a finished crop
BRIGHTNESS = 0.5  # standard deviation of a finished crop's mean

# name: (package, where it is from and under which terms)
CREDITS = {name: images.CREDITS[name] for name in images.TEXTURES} | {
    "tissue": images.CREDITS["tissue"],
    "galaxies": images.CREDITS["galaxies"],
    "retina": images.CREDITS["retina"],
    "speckle": ("scikit-image", "background of a phase image of a cell, Paul Müller, CC0"),
    "terrain": ("Matplotlib", "elevations about the Jacksboro fault, shipped without a source"),
}
TEXTURES = tuple(CREDITS)


@cache
def picture(name: str) -> np.ndarray:
    """One of `TEXTURES`, (height, width), of mean 0 and standard deviation 1.

    Raises
    ------
    ValueError
        If there is no such texture.
    """
    if name not in TEXTURES:
        raise ValueError(f"there is no texture {name!r}; there are {', '.join(TEXTURES)}")
    if name == "terrain":
        grey = _relief()
    elif name == "speckle":
        grey = images._shipped("cell.png")[:, :300]  # the cell is on the right
    elif name in images.TEXTURES:
        grey = images._shipped(f"{name}.png")
        if name == "brick":
            grey = grey.T  # bricks get smaller along the picture: each strip has all sizes
    else:
        grey = images.photograph(name).mean(0).numpy()
        if name == "retina":
            grey = grey[256:1156, 256:1156]  # within the round picture
        if name != "tissue":  # what it shows is coarse: halve it
            grey = grey.reshape(grey.shape[0] // 2, 2, -1, 2).mean((1, 3))
    grey = grey.astype(float)
    return (grey - grey.mean()) / grey.std()


def _relief() -> np.ndarray:
    """Elevations lit from the north-west, as on a map."""
    from matplotlib.cbook import get_sample_data
    from matplotlib.colors import LightSource

    path = str(get_sample_data("jacksboro_fault_dem.npz", asfileobj=False))
    with np.load(path) as data:
        height, degree = data["elevation"], 111_200.0  # metres to a degree of latitude
        dx = degree * data["dx"] * np.cos(np.radians(data["ymin"]))
        dy = degree * data["dy"]
    return LightSource(azdeg=315, altdeg=45).hillshade(height, dx=float(dx), dy=float(dy))


def strip(name: str, split: str) -> np.ndarray:
    """Those rows of a picture that crops of one split are cut from, almost a third of them."""
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; there are {', '.join(SPLITS)}")
    whole = picture(name)
    rows = (len(whole) - 2 * GAP) // 3
    first = SPLITS.index(split) * (rows + GAP)
    return whole[first : first + rows]


def largest_size() -> int:
    """Largest size in pixels of a crop that fits into every strip at every angle and scale."""
    narrowest = min(min(strip(name, "test").shape) for name in TEXTURES)
    return int((narrowest - 1) / (2**0.5 * SCALE[1])) + 1


def crops(count_per_class: int, *, seed: int, split: str, size: int = 64) -> tuple[Tensor, Tensor]:
    """Grey crops of the textures, turned, scaled, noisy, and which each is of.

    Place, angle (any), scale, noise, contrast and brightness are drawn for each crop from (seed,
    split, class, number) alone. Mean and standard deviation of a finished crop are drawn without
    regard to its class, so that they tell nothing of it.

    Parameters
    ----------
    count_per_class, seed : int
    split : {"train", "held", "test"}
        Crops of two splits never share a pixel of a picture.
    size : int
        Height and width in pixels, from 8 to `largest_size`.

    Returns
    -------
    x : torch.Tensor, shape (count_per_class * 8, 1, size, size)
        One crop of each class, then another of each, and so on: the beginning is a smaller set.
    label : torch.Tensor of int, shape (count_per_class * 8,)
        Places in `TEXTURES`.

    Raises
    ------
    ValueError
        If there is no such split, or no such crop.
    """
    if count_per_class < 1:
        raise ValueError(f"count_per_class must be at least 1, not {count_per_class}")
    if not 8 <= size <= largest_size():
        raise ValueError(
            f"size must be 8 to {largest_size()}, so that a turned crop fits its strip, not {size}"
        )
    strips = [strip(name, split) for name in TEXTURES]
    x = np.empty((count_per_class, len(TEXTURES), size, size), np.float32)
    for number in range(count_per_class):
        for label, source in enumerate(strips):
            rng = np.random.default_rng([seed, SPLITS.index(split), label, number])
            x[number, label] = _crop(rng, source, size)
    labels = torch.arange(len(TEXTURES)).repeat(count_per_class)
    return torch.from_numpy(x).flatten(0, 1)[:, None], labels


def _crop(rng: np.random.Generator, source: np.ndarray, size: int) -> np.ndarray:
    """Cut one crop, (size, size), from a strip."""
    from scipy.ndimage import map_coordinates

    angle = rng.uniform(0, 2 * np.pi)
    step = np.exp(rng.uniform(*np.log(SCALE)))
    across, down = step * np.cos(angle), step * np.sin(angle)
    reach = (size - 1) / 2 * (abs(across) + abs(down))  # of the turned crop from its centre
    v0, u0 = (rng.uniform(reach, side - 1 - reach) for side in source.shape)
    grid = np.arange(size) - (size - 1) / 2
    v, u = np.meshgrid(grid, grid, indexing="ij")
    place = np.stack([v0 + across * v + down * u, u0 + across * u - down * v])
    piece = map_coordinates(source, place, order=1, mode="nearest")
    piece = piece + rng.uniform(*NOISE) * piece.std() * rng.standard_normal(piece.shape)
    contrast = np.exp(rng.uniform(*np.log(CONTRAST)))
    brightness = BRIGHTNESS * rng.standard_normal()
    return contrast * (piece - piece.mean()) / piece.std() + brightness
