"""How much each profile of the mask explanations computes, and which ways to explain there are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from awdlib import experiments
from awdlib.experiments import Profile
from awdlib.lensing import setup as lensing
from awdlib.masks.domains import Domain, Pixels, Wavelets

WAVELET, LEVEL = "db3", 4  # the published wavelet; five scales there, of images of 256 pixels
SIDE = 64  # of all images, in pixels


@dataclass(frozen=True)
class Way:
    """A way to explain by a mask.

    Attributes
    ----------
    label : str
    domain : str
        ``"wavelets"`` or ``"pixels"``.
    lams : tuple of float
        λ that are tried, small to large.
    spatial : float
        Weight of the grey picture's brightness.
    """

    label: str
    domain: str
    lams: tuple[float, ...]
    spatial: float = 0.0


# Each step of λ is a factor of √10; the largest is the published one.
WAYS = {
    "wavelet": Way("wavelet mask", "wavelets", (0.063, 0.2, 0.63, 2.0, 6.3, 20.0)),
    "wavelet_dark": Way(
        "wavelet mask, dark", "wavelets", (0.063, 0.2, 0.63, 2.0, 6.3, 20.0), spatial=1.0
    ),
    "pixel": Way("pixel mask", "pixels", (0.0126, 0.04, 0.126, 0.4, 1.26, 4.0)),
}


def domain_of(kind: str, channels: int = 3) -> Domain:
    """Pixels or wavelet coefficients of images (channels, 64, 64)."""
    shape = (channels, SIDE, SIDE)
    return Pixels(shape) if kind == "pixels" else Wavelets(shape, WAVELET, level=LEVEL)


@dataclass(frozen=True)
class Size(Profile):
    """How much a profile computes.

    Attributes
    ----------
    train, held : int
        Images that train the network that reads shapes (see `teachers.SOONER` for the others), and
        that stop each early.
    epochs : int
        Of its training.
    tested : int
        Images its accuracy is measured on.
    tuning : int
        Images on which each way's λ is chosen; they are not judged.
    images : int
        Images that are explained and judged.
    published : int
        The first of these are explained with the published settings too.
    steps, samples : int
    lr : float
        Of the fast setting.
    photographs : int
        Packaged photographs that are explained over all λ.
    tracks, lstm_epochs, distil_epochs : int
        Simulated tracks (real ones are taken all), and epochs of their network and its wavelet.
    tracks_explained, random_wavelets : int
        Test tracks that are explained, and random wavelets beside the distilled one.
    lensing : awdlib.lensing.setup.Size
        Of the maps, their network and its one wavelet.
    maps_explained : int
    draws, attribution_samples : int
        Of noise for the curves; of SmoothGrad and the path of integrated gradients.
    seed : int
    """

    train: int
    held: int
    epochs: int
    tested: int
    tuning: int
    images: int
    published: int
    steps: int
    samples: int
    lr: float
    photographs: int
    tracks: int
    lstm_epochs: int
    distil_epochs: int
    tracks_explained: int
    random_wavelets: int
    lensing: lensing.Size
    maps_explained: int
    draws: int = 8
    attribution_samples: int = 32
    seed: int = 1


# One fit: the second λ and the sixth γ of the maps' grid.
MAPS = replace(lensing.SIZES["smoke"], lams=(1,), gammas=(5,))

SIZES = {
    "smoke": Size(
        train=96, held=32, epochs=1, tested=32, tuning=1, images=2, published=0, steps=4,
        samples=1, lr=0.2, photographs=1, tracks=100, lstm_epochs=1, distil_epochs=1,
        tracks_explained=10, random_wavelets=1, draws=1, maps_explained=2,
        lensing=replace(MAPS, train=36, select=8, test=8, epochs=1, awd_epochs=1),
        attribution_samples=3, dtype=torch.float64,
    ),
    "laptop": Size(
        train=4500, held=300, epochs=6, tested=500, tuning=2, images=6, published=0, steps=60,
        samples=8, lr=0.15, photographs=2, tracks=1618, lstm_epochs=100, distil_epochs=50,
        tracks_explained=50, random_wavelets=3, maps_explained=6,
        lensing=replace(
            MAPS, train=300, width=8, epochs=6, awd_maps=40, awd_epochs=10, dtype=torch.float32
        ),
    ),
    "paper": Size(
        train=6000, held=500, epochs=8, tested=2000, tuning=8, images=60, published=3, steps=100,
        samples=16, lr=0.1, photographs=12, tracks=1618, lstm_epochs=200, distil_epochs=100,
        tracks_explained=200, random_wavelets=5, maps_explained=20,
        lensing=replace(
            lensing.SIZES["laptop"], recipe=MAPS.recipe, lams=(1,), gammas=(5,),
            seeds=(1,), fidelity={},
        ),
    ),
}  # fmt: skip

Study = experiments.Study[Size]
