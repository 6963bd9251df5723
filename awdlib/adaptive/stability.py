"""How far features move when an image is shifted or bent, and how far they may."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from awdlib.adaptive import textures
from awdlib.adaptive.setup import Size, Study
from awdlib.adaptive.textures import Curves, bank_of, bank_with, coloured, cut, network_of
from awdlib.ledger import array_hash, part
from awdlib.networks import SmallCNN
from awdlib.scattering.banks import Bank
from awdlib.scattering.transform import Scattering2d
from awdlib.threads import one_thread, reuse_memory

STRENGTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # largest |∇τ|: how much lengths change
JUDGED = 0.1  # the strength of the claim
SMOOTH = 8.0  # pixels, over which a displacement changes
AT_ONCE = 20  # images: coefficients at full size are many
Features = Callable[[Tensor], Tensor]  # images (n, 1, height, width) to (n, features)

LABELS = {
    "image": "the image itself", "fourier": "Fourier modulus", "fixed": "fixed scattering",
    "learned": "learned scattering", "cnn": "convolutional network",
}  # fmt: skip
SCATTERINGS = ("fixed", "learned")
CODE = (*textures.CODE, sys.modules[__name__])


@dataclass(frozen=True)
class Stability:
    """Distances of features, over the norm of the image's own features.

    Attributes
    ----------
    bent : dict of name to numpy.ndarray, shape (strengths, images)
        Of an image and its deformation, for each of `LABELS`.
    shifted : dict of name to numpy.ndarray, shape (shifts, images)
        Of an image and its circular shift.
    shifts : numpy.ndarray of int
        In pixels.
    averaged : numpy.ndarray, shape (images,)
        By the largest shift, of learned scattering averaged over all places: as its heads read it.
    ratio : dict of name to numpy.ndarray, shape (pairs,)
        ‖Φf − Φh‖ / ‖f − h‖ of pairs of images, for scattering: at most 1.
    """

    bent: dict[str, np.ndarray]
    shifted: dict[str, np.ndarray]
    shifts: np.ndarray
    averaged: np.ndarray
    ratio: dict[str, np.ndarray]


def displacement(side: int, seed: int) -> Tensor:
    """A smooth periodic displacement τ of mean 0, (2, side, side), with max |∇τ| = 1.

    |∇τ| is the largest singular value of the Jacobian, by central differences.
    """
    rng = np.random.default_rng(seed)
    frequency = np.fft.fftfreq(side)
    smooth = np.exp(-2 * (np.pi * SMOOTH) ** 2 * (frequency[:, None] ** 2 + frequency**2))
    smooth[0, 0] = 0
    tau = np.fft.ifft2(np.fft.fft2(rng.standard_normal((2, side, side))) * smooth).real
    slopes = [(np.roll(tau, -1, axis) - np.roll(tau, 1, axis)) / 2 for axis in (1, 2)]
    jacobian = np.stack(slopes, -1).transpose(1, 2, 0, 3)
    return torch.from_numpy(tau / np.linalg.svd(jacobian, compute_uv=False).max())


def bend(x: Tensor, tau: Tensor) -> Tensor:
    """x(u − τ(u)), bilinear and periodic: x (n, 1, side, side), τ (2, side, side) in pixels."""
    side = x.shape[-1]
    grid = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"))
    places = (grid - tau) % side
    # One more row and column close the period; −1 and 1 are the outer pixels' centres.
    whole = functional.pad(x, (0, 1, 0, 1), mode="circular")
    where = (2 * places / side - 1).flip(0).permute(1, 2, 0).to(x)
    return functional.grid_sample(
        whole, where.expand(len(x), -1, -1, -1), mode="bilinear", align_corners=True
    )


def scattering_of(bank: Bank, side: int, *, averaged: bool = False) -> Features:
    """All coefficients of a non-expansive transform, at full size and with periodic edges.

    Only so the bound is exact: mirrored edges count some pixels twice, and coefficients that keep
    every 2**J-th place have a norm that depends on which. With `averaged`, the mean of each
    coefficient over all places.
    """
    scattering = Scattering2d((side, side), bank, padding="circular", subsample=False, rescale=True)

    def features(x: Tensor) -> Tensor:
        with torch.no_grad():
            found = scattering(x[:, 0])
        return found.mean((2, 3)) if averaged else found.flatten(1)

    return features


def spectrum(x: Tensor) -> Tensor:
    """Moduli of the Fourier transform, with the images' norm."""
    return torch.fft.fft2(x[:, 0], norm="ortho").abs().flatten(1)


def network_features(network: SmallCNN) -> Features:
    """What the network's head reads: means of its last channels."""

    def features(x: Tensor) -> Tensor:
        with torch.no_grad():
            return network.body(coloured(x)).mean((2, 3))

    return features


def shifts_of(size: Size) -> np.ndarray:
    """Shifts that are tried, in pixels: the largest is the width of the averaging window."""
    return np.unique([1, 2, 2 ** (size.scales - 1), 2**size.scales])


def features_by(name: str, state: Mapping[str, np.ndarray], size: Size) -> Features:
    """One of `LABELS`; `state` is what was learned: a bank's or a network's, or nothing."""
    if name == "image":
        return lambda some: some.flatten(1)
    if name == "fourier":
        return spectrum
    if name == "cnn":
        return network_features(network_of(state, size))
    return scattering_of(bank_by(name, state, size), size.pixels)


def bank_by(name: str, state: Mapping[str, np.ndarray], size: Size) -> Bank:
    """The wavelets of fixed or learned scattering."""
    return bank_with(state, "rotated", size) if name == "learned" else bank_of(name, size)


def move(name: str, state: Mapping[str, np.ndarray], size: Size) -> dict[str, np.ndarray]:
    """See how far one of `LABELS` moves: the arrays of `Stability` that are about it."""
    reuse_memory()
    with one_thread():
        test, _ = cut("test", size.test, size.seeds[0], size)
        x = test[:: max(1, len(test) // size.deformed)][: size.deformed]
        features, shifts = features_by(name, state, size), shifts_of(size)
        tau = displacement(size.pixels, seed=size.seeds[0])
        found = {
            "bent": _moved(features, x, [bend(x, s * tau) for s in STRENGTHS]),
            "shifted": _moved(features, x, [x.roll(int(s), -1) for s in shifts]),
        }
        if name in SCATTERINGS:
            found["ratio"] = _ratio(features, test, size.pixels, size.pairs)
        if name == "learned":
            whole = scattering_of(bank_by(name, state, size), size.pixels, averaged=True)
            found["averaged"] = _moved(whole, x, [x.roll(int(shifts[-1]), -1)])[0]
    return found


def compare(study: Study, curves: Curves) -> Stability:
    """Shift and bend test crops, and see how far each of `LABELS` moves."""
    size, one = study.size, (study.size.counts[-1], study.size.seeds[0])
    states: dict[str, dict[str, np.ndarray]] = {name: {} for name in LABELS}
    states["learned"] = part(curves.pieces["rotated", *one], "bank")
    states["cnn"] = curves.networks[one]
    tasks = [
        ({"features": name, "state": array_hash(*state.values())}, (name, state, size))
        for name, state in states.items()
    ]
    pieces = study.gather(
        "stability", tasks, move, code=CODE, seed=size.seeds[0],
        **size.some("pixels", "test", "deformed", "pairs", "scales", "orientations"),
    )  # fmt: skip
    found = dict(zip(states, pieces, strict=True))
    return Stability(
        {name: piece["bent"] for name, piece in found.items()},
        {name: piece["shifted"] for name, piece in found.items()},
        shifts_of(size), found["learned"]["averaged"],
        {name: found[name]["ratio"] for name in SCATTERINGS},
    )  # fmt: skip


def _moved(features: Features, x: Tensor, others: Sequence[Tensor]) -> np.ndarray:
    """Distances of the features of x and of each of others, over the norm of x's: (others, n)."""
    found = []
    for a, *moved in zip(*(some.split(AT_ONCE) for some in (x, *others)), strict=True):
        start = features(a)
        norm = start.norm(dim=1)
        found.append(torch.stack([(features(b) - start).norm(dim=1) / norm for b in moved]))
    return torch.cat(found, 1).numpy()


def _ratio(features: Features, x: Tensor, side: int, pairs: int) -> np.ndarray:
    """Of so many pairs: half of different crops, half of white noise and a little more of it."""
    rng = np.random.default_rng(0)
    half = pairs // 2
    noise = torch.from_numpy(rng.standard_normal((half, 1, side, side))).to(x)
    more = noise + 0.1 * torch.from_numpy(rng.standard_normal(noise.shape)).to(x)
    first = rng.integers(len(x), size=pairs - half)
    other = (first + rng.integers(1, len(x), size=pairs - half)) % len(x)
    f, h = torch.cat([x[first], noise]), torch.cat([x[other], more])
    apart = [
        (features(a) - features(b)).norm(dim=1)
        for a, b in zip(f.split(AT_ONCE), h.split(AT_ONCE), strict=True)
    ]
    return (torch.cat(apart) / (f - h).flatten(1).norm(dim=1)).numpy()
