"""How much each profile of adaptive scattering computes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from awdlib import adam, experiments, filters
from awdlib.experiments import Profile
from awdlib.scattering import banks, heads, learn, morlet, orthogonal, spectra, transform

# What decides how images scatter, how filters learn, and what heads say of them.
SCATTERING = (adam, banks, filters, heads, learn, morlet, orthogonal, spectra, transform)

POINT = 0.01  # of accuracy: what filters that count as redundant may cost
WITHIN = {"degrees": 10.0, "octaves": 0.3}  # of the truth: neurons whose tuning counts as found

# What classifies textures, and how it is called.
METHODS = {
    "fixed": "fixed scattering",
    "rotated": "learned, shared by rotation",
    "each": "learned, every filter",
    "distilled": "learned, with the network's attributions",
    "orthogonal": "learned, orthogonal filter",
    "awd": "AWD's wavelet",
    "cnn": "convolutional network",
}


@dataclass(frozen=True)
class Size(Profile):
    """How much a profile computes.

    Attributes
    ----------
    pixels : int
        Of a crop.
    counts : tuple of int
        Labelled training crops of each texture, small to large.
    seeds : tuple of int
        Each draws its crops, and decides starts and orders.
    test : int
        Test crops of each texture, the same for all seeds.
    scales, orientations : int
        Of the scattering transform.
    epochs : int
        Of filters and heads, at most; patience ends them earlier.
    network_epochs, distil_epochs : int
        Of the convolutional network, and of its wavelet.
    gammas : tuple of float
        γ of the attribution penalty that are tried; held-out crops choose.
    many : int
        Orientations that pruning begins with.
    pruned : int
        Crops of each texture that pruning sees.
    restarts : int
        Before each removal.
    deformed, pairs : int
        Test crops that are deformed; pairs of images whose distance is held against the bound.
    neurons, movies, frames, repeats : int
        Simulated neurons; sets of movies; frames of a training movie (half as many are held out,
        and as many are tested); how often the test movie is shown.
    steps : int
        Epochs of filters that are learned for neurons.
    """

    pixels: int
    counts: tuple[int, ...]
    seeds: tuple[int, ...]
    test: int
    scales: int
    orientations: int
    epochs: int
    network_epochs: int
    distil_epochs: int
    gammas: tuple[float, ...]
    many: int
    pruned: int
    restarts: int
    deformed: int
    pairs: int
    neurons: int
    movies: int
    frames: int
    repeats: int
    steps: int


SIZES = {
    "smoke": Size(
        pixels=32, counts=(2, 4), seeds=(1, 2), test=5, scales=2, orientations=4, epochs=2,
        network_epochs=2, distil_epochs=1, gammas=(0.1,), many=4, pruned=4, restarts=2, deformed=6,
        pairs=50, neurons=3, movies=1, frames=96, repeats=4, steps=1, dtype=torch.float64,
    ),
    "laptop": Size(
        pixels=64, counts=(5, 10), seeds=(1, 2), test=40, scales=3, orientations=6, epochs=8,
        network_epochs=40, distil_epochs=20, gammas=(0.1,), many=8, pruned=10, restarts=2,
        deformed=20, pairs=300, neurons=12, movies=2, frames=4000, repeats=10, steps=4,
    ),
    "paper": Size(
        pixels=64, counts=(5, 10, 20, 50, 100), seeds=(1, 2, 3, 4, 5), test=200, scales=3,
        orientations=8, epochs=20, network_epochs=80, distil_epochs=40, gammas=(0.1, 1.0),
        many=12, pruned=20, restarts=5, deformed=100, pairs=1000, neurons=20, movies=5,
        frames=12000, repeats=20, steps=20,
    ),
}  # fmt: skip

Study = experiments.Study[Size]
