"""How much each profile of adaptive scattering computes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from awdlib import adam, experiments, filters
from awdlib.experiments import Profile
from awdlib.scattering import (
    banks,
    heads,
    learn,
    model,
    morlet,
    orthogonal,
    pooling,
    spectra,
    transform,
)

# What decides how images scatter, how filters learn, and what heads say of them.
SCATTERING = (
    adam, banks, filters, heads, learn, model, morlet, orthogonal, pooling, spectra, transform,
)  # fmt: skip

POINT = 0.01  # of accuracy: what filters that count as redundant may cost
WITHIN = {"degrees": 10.0, "octaves": 0.3}  # of the truth: neurons whose tuning counts as found

# What classifies textures, and how it is called.
METHODS = {
    "fixed": "fixed scattering",
    "rotated": "learned, shared by rotation",
    "each": "learned, every filter",
    "distilled": "learned, with the network's attributions",
    "cnn": "convolutional network",
    "db5": "orthogonal, DB5",
    "orthogonal": "orthogonal, learned from DB5",
    "random": "orthogonal, best of random ones",
    "awd": "orthogonal, AWD's wavelet",
    "db5_bands": "wavelet transform, DB5",
    "awd_bands": "wavelet transform, AWD's wavelet",
}
# Those that differ by how they came about, and not by the family of their filters as well.
FAMILIES = {
    "Morlet wavelets, and a network": ("fixed", "rotated", "each", "distilled", "cnn"),
    "one orthogonal filter": ("db5", "orthogonal", "random", "awd", "db5_bands", "awd_bands"),
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
    updates, network_updates, distil_updates : int
        Steps of Adam for filters (at most; patience ends them earlier), for the network, which
        starts from nothing, and for its wavelet: the same for every number of crops.
    gammas : tuple of float
        γ of the attribution penalty that are tried; held-out crops choose. Whatever else learns has
        as many tries.
    wavelets : int
        γ of AWD's wavelet, and random wavelets, of which cross-validation chooses.
    examples : int
        Labelled crops and turns of them that heads see, at most.
    many : int
        Orientations that learning and pruning in turn begins with.
    pruned : int
        Crops of each texture that pruning sees.
    restarts : int
        Before each removal.
    inner : int
        Steps for filters between blocks of removals, and for each size of the outer search.
    patience : int
        Sizes in a row that are not better, after which the outer search stops.
    deformed, fields : int
        Test crops that are deformed; displacements of each.
    pairs, ascents : int
        Pairs of images whose distance is held against the bound, and of those that are made worse.
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
    updates: int
    network_updates: int
    distil_updates: int
    gammas: tuple[float, ...]
    wavelets: int
    examples: int
    many: int
    pruned: int
    restarts: int
    inner: int
    patience: int
    deformed: int
    fields: int
    pairs: int
    ascents: int
    neurons: int
    movies: int
    frames: int
    repeats: int
    steps: int


SIZES = {
    "smoke": Size(
        pixels=32, counts=(2, 4), seeds=(1, 2), test=5, scales=2, orientations=4, updates=2,
        network_updates=4, distil_updates=2, gammas=(0.1,), wavelets=2, examples=48, many=4,
        pruned=4, restarts=2, inner=1, patience=2, deformed=4, fields=2, pairs=20, ascents=2,
        neurons=3, movies=1, frames=96, repeats=4, steps=1, dtype=torch.float64,
    ),
    "laptop": Size(
        pixels=64, counts=(5, 10), seeds=(1, 2), test=40, scales=3, orientations=6, updates=16,
        network_updates=320, distil_updates=60, gammas=(0.1,), wavelets=3, examples=480, many=8,
        pruned=20, restarts=2, inner=8, patience=3, deformed=10, fields=2, pairs=100, ascents=2,
        neurons=12, movies=2, frames=4000, repeats=10, steps=2,
    ),
    "paper": Size(
        pixels=64, counts=(5, 10, 20, 50, 100), seeds=(1, 2, 3, 4, 5), test=100, scales=3,
        orientations=8, updates=48, network_updates=1200, distil_updates=150, gammas=(0.1, 1.0),
        wavelets=5, examples=3840, many=12, pruned=40, restarts=5, inner=24, patience=4,
        deformed=40, fields=4, pairs=1000, ascents=10, neurons=20, movies=5,
        frames=12000, repeats=20, steps=10,
    ),
}  # fmt: skip

Study = experiments.Study[Size]
