"""Images that need no download: shapes on textures, whose truth is known, and photographs.

Everything is made of what scikit-image, scikit-learn and Matplotlib ship (`CREDITS`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SHAPES = ("disc", "square", "triangle", "star", "cross", "ring")
TEXTURES = ("brick", "grass", "gravel")
SIZE = 64
RADII = (11.0, 16.0)  # of a shape, in pixels of an image of 64
CONTRAST = 0.25  # least distance of a shape's colour from the mean of its background
NOISE = 0.02

# name: (package, where it is from and under which terms)
CREDITS = {
    "brick": ("scikit-image", "CC0Textures, CC0"),
    "grass": ("scikit-image", "linolafett (DeviantArt), CC0"),
    "gravel": ("scikit-image", "CC0Textures, CC0"),
    "astronaut": ("scikit-image", "NASA, public domain"),
    "cat": ("scikit-image", "Stéfan van der Walt, CC0"),
    "coffee": ("scikit-image", "Rachel Michetti, CC0"),
    "rocket": ("scikit-image", "SpaceX, public domain"),
    "retina": ("scikit-image", "Mikael Häggström, CC0"),
    "tissue": (
        "scikit-image",
        "Center for Microscopy And Molecular Imaging, no known restrictions",
    ),
    "galaxies": ("scikit-image", "NASA and ESA (Hubble), public domain"),
    "motorcycle": ("scikit-image", "Scharstein et al., Middlebury Stereo 2014"),
    "temple": ("scikit-learn", "danielbuechele (Flickr), CC BY 2.0"),
    "flower": ("scikit-learn", "vultilion (Flickr), CC BY 2.0"),
    "portrait": ("Matplotlib", "Grace Hopper, US Navy, public domain"),
    "coins": ("scikit-image", "Brooklyn Museum, no known restrictions"),
}
PHOTOGRAPHS = tuple(name for name in CREDITS if name not in TEXTURES)


@dataclass(frozen=True)
class Images:
    """Images with what is known of them.

    Attributes
    ----------
    x : torch.Tensor, shape (images, 3, height, width)
        Between 0 and 1.
    shape, texture : torch.Tensor of int, shape (images,)
        Places in `SHAPES` and `TEXTURES`.
    mask : torch.Tensor of bool, shape (images, height, width)
        Where the shape is.
    """

    x: Tensor
    shape: Tensor
    texture: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return len(self.x)


def shapes_on_textures(count: int, *, seed: int, size: int = SIZE) -> Images:
    """Draw images of a shape of one colour before a texture; neither tells of the other.

    Shape, texture, place, size, angle and both colours are drawn independently, each image from
    (seed, number) alone.

    Parameters
    ----------
    count, seed : int
    size : int
        Height and width in pixels, at most 512.
    """
    if count < 1 or not 16 <= size <= 512:
        raise ValueError(f"count must be at least 1 and size 16 to 512, not {count} and {size}")
    drawn = [np.random.default_rng([seed, k]) for k in range(count)]
    kinds = np.array([(r.integers(len(SHAPES)), r.integers(len(TEXTURES))) for r in drawn])
    masks = _silhouettes(drawn, kinds[:, 0], size)
    x = np.empty((count, 3, size, size), np.float32)
    for k, rng in enumerate(drawn):
        back = _background(rng, _texture(TEXTURES[kinds[k, 1]]), size)
        colour = _apart(rng, back.mean((1, 2)))
        front = colour[:, None, None] + NOISE * rng.standard_normal((3, size, size))
        x[k] = np.clip(np.where(masks[k], front, back), 0, 1)
    shape, texture = torch.from_numpy(kinds).long().unbind(1)
    return Images(torch.from_numpy(x), shape, texture, torch.from_numpy(masks))


def _silhouettes(drawn: list[np.random.Generator], kinds: np.ndarray, size: int) -> np.ndarray:
    """Where each shape is, (images, size, size), in a place and at an angle of its own."""
    scale = size / SIZE
    radius = np.array([r.uniform(*RADII) for r in drawn]) * scale
    place = np.array([r.uniform(0, 1, 2) for r in drawn]) * (size - 2 * radius[:, None])
    angle = np.array([r.uniform(0, 2 * np.pi) for r in drawn])
    grid = np.arange(size) + 0.5
    v, u = (grid[None, :] - place[:, i, None] - radius[:, None] for i in (0, 1))
    u, v = np.broadcast_arrays(u[:, None, :], v[:, :, None])
    cos, sin, radius = (a[:, None, None] for a in (np.cos(angle), np.sin(angle), radius))
    u, v = (cos * u + sin * v) / radius, (cos * v - sin * u) / radius
    found = np.zeros(u.shape, bool)
    for k, inside in enumerate(_INSIDE):
        some = kinds == k
        found[some] = inside(u[some], v[some])
    return found


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Five points at radius 1, five corners at .42, straight edges between."""
    turn = np.pi / 5
    angle = np.abs((np.arctan2(v, u) + turn) % (2 * turn) - turn)  # from the nearest point
    r = np.hypot(u, v)
    x, y = r * np.cos(angle), r * np.sin(angle)
    corner = 0.42 * np.array([np.cos(turn), np.sin(turn)])
    return (x - 1) * corner[1] - y * (corner[0] - 1) <= 0


_INSIDE: tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], ...] = (
    lambda u, v: np.hypot(u, v) <= 0.85,
    lambda u, v: np.maximum(abs(u), abs(v)) <= 0.7,
    lambda u, v: np.minimum(v + 0.5, np.minimum(1 - v - 3**0.5 * u, 1 - v + 3**0.5 * u)) >= 0,
    _star,
    lambda u, v: (np.minimum(abs(u), abs(v)) <= 0.27) & (np.maximum(abs(u), abs(v)) <= 0.9),
    lambda u, v: abs(np.hypot(u, v) - 0.72) <= 0.23,
)


@cache
def _texture(name: str) -> np.ndarray:
    """A texture, (512, 512), of mean 0 and standard deviation 1."""
    grey = _shipped(f"{name}.png").astype(float)
    return (grey - grey.mean()) / grey.std()


def _background(rng: np.random.Generator, texture: np.ndarray, size: int) -> np.ndarray:
    """A tinted piece of a texture, turned and mirrored at random, (3, size, size)."""
    room = len(texture) - size + 1
    top, left = rng.integers(room, size=2)
    piece = np.rot90(texture[top : top + size, left : left + size], int(rng.integers(4)))
    piece = piece[:, ::-1] if rng.integers(2) else piece
    colour, strength = rng.uniform(0.25, 0.75, 3), rng.uniform(0.08, 0.14)
    return colour[:, None, None] + strength * piece


def _apart(rng: np.random.Generator, other: np.ndarray) -> np.ndarray:
    """A random colour that is not too like another one."""
    while True:
        colour = rng.uniform(0.05, 0.95, 3)
        if np.linalg.norm(colour - other) >= CONTRAST:
            return colour


def photograph(name: str, *, size: int | None = None) -> Tensor:
    """One of `PHOTOGRAPHS`, (3, height, width), between 0 and 1; a square of `size` if given.

    Raises
    ------
    ValueError
        If there is no such photograph.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"there is no photograph {name!r}; there are {', '.join(PHOTOGRAPHS)}")
    pixels = _loaded(name)
    x = torch.from_numpy(pixels / 255.0).float()
    x = x[..., None].expand(*x.shape, 3) if x.ndim == 2 else x[..., :3]
    x = x.permute(2, 0, 1)
    if size is None:
        return x.contiguous()
    side = min(x.shape[1:])
    top, left = (x.shape[1] - side) // 2, (x.shape[2] - side) // 2
    square = x[:, top : top + side, left : left + side]
    return functional.interpolate(
        square[None], size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )[0].clamp(0, 1)


def _loaded(name: str) -> np.ndarray:
    package = CREDITS[name][0]
    if package == "scikit-learn":
        file = {"temple": "china.jpg", "flower": "flower.jpg"}[name]
        return _shipped(file, "sklearn", "datasets/images")
    if package == "Matplotlib":
        from matplotlib.cbook import get_sample_data
        from PIL import Image

        path = str(get_sample_data("grace_hopper.jpg", asfileobj=False))
        return np.asarray(Image.open(path))
    files = {
        "cat": "chelsea.png", "rocket": "rocket.jpg", "retina": "retina.jpg", "tissue": "ihc.png",
        "galaxies": "hubble_deep_field.jpg", "motorcycle": "motorcycle_left.png",
    }  # fmt: skip
    return _shipped(files.get(name, f"{name}.png"))


def _shipped(file: str, package: str = "skimage", folder: str = "data") -> np.ndarray:
    """An image that lies in a package, read by its path.

    scikit-image's own loaders would look for newer ones elsewhere, and importing scikit-learn
    takes longer than reading all images.
    """
    from PIL import Image

    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package}, which ships {file}, is not installed")
    with Image.open(Path(spec.origin).parent / folder / file) as opened:
        return np.asarray(opened)


def crops(count: int, *, seed: int, size: int = SIZE) -> tuple[Tensor, Tensor]:
    """Random crops of the photographs, resized, mirrored and recoloured, and which each is of.

    Parameters
    ----------
    count, seed : int
    size : int
        Of the crops in pixels; they show 60 to 100 % of a photograph's shorter side.

    Returns
    -------
    x : torch.Tensor, shape (count, 3, size, size)
    label : torch.Tensor of int, shape (count,)
        Places in `PHOTOGRAPHS`.
    """
    whole = [photograph(name, size=2 * size) for name in PHOTOGRAPHS]
    label = torch.empty(count, dtype=torch.long)
    x = torch.empty(count, 3, size, size)
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        label[k] = int(rng.integers(len(whole)))
        side = round(float(rng.uniform(0.6, 1.0)) * 2 * size)
        top, left = rng.integers(2 * size - side + 1, size=2)
        piece = whole[int(label[k])][None, :, top : top + side, left : left + side]
        piece = functional.interpolate(
            piece, size=(size, size), mode="bilinear", antialias=True, align_corners=False
        )[0]
        piece = piece.flip(-1) if rng.integers(2) else piece
        gain, shift = rng.uniform(0.8, 1.2, 3), rng.uniform(-0.1, 0.1)
        x[k] = (piece * torch.from_numpy(gain[:, None, None]).float() + float(shift)).clamp(0, 1)
    return x, label
