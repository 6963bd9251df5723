"""How far features move when an image is shifted or bent, and how far they may."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from awdlib.adam import Adam
from awdlib.adaptive import textures
from awdlib.adaptive.judging import Features, cut, features_of, network_features
from awdlib.adaptive.setup import Size, Study
from awdlib.adaptive.teacher import network_of
from awdlib.adaptive.textures import Curves, bank_of, bank_with
from awdlib.datasets.textures import TEXTURES
from awdlib.ledger import array_hash, part
from awdlib.scattering.banks import Bank
from awdlib.scattering.model import ScatteringModel
from awdlib.scattering.transform import Scattering2d
from awdlib.threads import one_thread, reuse_memory

STRENGTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # largest |∇τ|: how much lengths change
JUDGED = 0.1  # the strength of the claim
SMOOTH = (8.0, 16.0)  # pixels, over which displacements change, in turn
AT_ONCE = 20  # images: coefficients at full size are many
ASCENT, STEP = 20, 0.03  # steps that make a pair worse, and their length in pixels' values
PEERS = 80  # test crops whose distances from others of their texture are taken

LABELS = {
    "image": "the image itself", "lowpass": "lowpass φ alone", "fourier": "Fourier modulus",
    "fixed": "fixed scattering", "learned": "learned scattering", "cnn": "convolutional network",
}  # fmt: skip
READ = {
    "read_fixed": "fixed, means over windows (cut)",
    "read_learned": "learned, means over windows (cut)",
}  # fmt: skip
SCATTERINGS = ("fixed", "learned")
CODE = (*textures.CODE, sys.modules[__name__])


@dataclass(frozen=True)
class Stability:
    """Distances of features over the norm of the image; means over seeds where any learned.

    The network's features are brought to the images' mean norm first; all others have no scale to
    choose. So the image's own change bounds that of a non-expansive transform.

    Attributes
    ----------
    bent : dict of name to numpy.ndarray, shape (strengths, images)
        Of an image and its deformation, for each of `LABELS`; mean over displacements.
    bound : numpy.ndarray, shape (strengths,)
        C (2^−J ‖τ‖∞ + ‖∇τ‖∞), with C such that the first is fixed scattering's change.
    shifted : dict of name to numpy.ndarray, shape (shifts, images)
        Of an image and its circular shift: coefficients of windows.
    read : dict of name to numpy.ndarray, shape (shifts, images)
        Of two windows of a crop that are so far apart, over the norm: the means of coefficients
        over each, of which heads read the logarithms, for `SCATTERINGS`; and the windows
        themselves, ``image``. (Logarithms have no norm to compare with: it changes with the unit.)
    apart : dict of name to float
        The same for two crops of one texture, on average: means of coefficients.
    shifts : numpy.ndarray of int
        In pixels.
    averaged : numpy.ndarray, shape (images,)
        By the largest circular shift, of learned scattering averaged over all places: 0 but for
        rounding, whatever the filters. It checks the code.
    ratio, worst : dict of name to numpy.ndarray, shape (pairs,)
        ‖Φf − Φh‖ / ‖f − h‖ of pairs of images, for scattering: at most 1. As drawn, and after
        gradient ascent from the worst of these.
    """

    bent: dict[str, np.ndarray]
    bound: np.ndarray
    shifted: dict[str, np.ndarray]
    read: dict[str, np.ndarray]
    apart: dict[str, float]
    shifts: np.ndarray
    averaged: np.ndarray
    ratio: dict[str, np.ndarray]
    worst: dict[str, np.ndarray]


def displacement(side: int, seed: int, smooth: float = SMOOTH[0]) -> Tensor:
    """A smooth periodic displacement τ of mean 0, (2, side, side), with max |∇τ| = 1.

    |∇τ| is the largest singular value of the Jacobian, by central differences; τ changes over
    `smooth` pixels.
    """
    rng = np.random.default_rng(seed)
    frequency = np.fft.fftfreq(side)
    window = np.exp(-2 * (np.pi * smooth) ** 2 * (frequency[:, None] ** 2 + frequency**2))
    window[0, 0] = 0
    tau = np.fft.ifft2(np.fft.fft2(rng.standard_normal((2, side, side))) * window).real
    slopes = [(np.roll(tau, -1, axis) - np.roll(tau, 1, axis)) / 2 for axis in (1, 2)]
    jacobian = np.stack(slopes, -1).transpose(1, 2, 0, 3)
    return torch.from_numpy(tau / np.linalg.svd(jacobian, compute_uv=False).max())


def bend(x: Tensor, tau: Tensor) -> Tensor:
    """x(u − τ(u)), periodic: x (n, 1, side, side), τ (2, side, side) in pixels.

    Between pixels stands the sum of the image's Fourier series there. To interpolate linearly would
    blur the image where it is bent, and most of what that moves is the blur.
    """
    side = x.shape[-1]
    grid = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij"))
    angle = (
        2
        * np.pi
        * (grid - tau).flatten(1)[..., None]
        * torch.fft.fftfreq(side, dtype=torch.float64)
    )
    down, across = torch.polar(torch.ones_like(angle), angle).to(torch.fft.fft2(x[:1]).dtype)
    series = torch.fft.fft2(x[:, 0], norm="forward")
    found = [((down @ one) * across).sum(1).real.reshape(side, side) for one in series]
    return torch.stack(found)[:, None]


def displacements(size: Size) -> list[Tensor]:
    """As many different ones as a profile tries, of unit slope."""
    return [
        displacement(size.pixels, seed=k, smooth=SMOOTH[k % len(SMOOTH)])
        for k in range(size.fields)
    ]  # fmt: skip


def bound_shape(size: Size) -> np.ndarray:
    """2^−J ‖τ‖∞ + ‖∇τ‖∞ for each of `STRENGTHS`, mean over displacements, (strengths,).

    Up to a constant, the deformation bound of a scattering transform without its second
    derivatives (Mallat 2012, Theorem 2.12).
    """
    each = [float(tau.norm(dim=0).max()) / 2**size.scales + 1 for tau in displacements(size)]
    return np.array(STRENGTHS) * np.mean(each)


def at_full_size(bank: Bank, side: int, order: int = 2) -> Scattering2d:
    """A non-expansive transform with all coefficients, at full size and with periodic edges.

    Only so the bound is exact: mirrored edges count some pixels twice, and coefficients that keep
    every 2**J-th place have a norm that depends on which.
    """
    bank.requires_grad_(False)
    return Scattering2d(
        (side, side), bank, order=order, padding="circular", subsample=False, rescale=True
    )


def scattering_of(bank: Bank, side: int, order: int = 2, *, averaged: bool = False) -> Features:
    """All coefficients of `at_full_size`; `averaged`: each one's mean over all places."""
    scattering = at_full_size(bank, side, order)

    def features(x: Tensor) -> Tensor:
        with torch.no_grad():
            found = scattering(x[:, 0])
        return found.mean((2, 3)) if averaged else found.flatten(1)

    return features


def spectrum(x: Tensor) -> Tensor:
    """Moduli of the Fourier transform, with the images' norm."""
    return torch.fft.fft2(x[:, 0], norm="ortho").abs().flatten(1)


def shifts_of(size: Size) -> np.ndarray:
    """Shifts that are tried, in pixels: the largest is the width of the averaging window."""
    return 2 ** np.arange(size.scales + 1)


def features_by(name: str, state: Mapping[str, np.ndarray], size: Size) -> Features:
    """One of `LABELS`; `state` is what was learned: a bank's or a network's, or nothing."""
    if name == "image":
        return lambda some: some.flatten(1)
    if name == "fourier":
        return spectrum
    if name == "cnn":
        return partial(network_features, network_of(state, size))
    order = 0 if name == "lowpass" else 2
    return scattering_of(bank_by(name, state, size), size.pixels, order)


def bank_by(name: str, state: Mapping[str, np.ndarray], size: Size) -> Bank:
    """The wavelets of fixed or learned scattering."""
    return bank_with(state, "rotated", size) if name == "learned" else bank_of("fixed", size)


def move(name: str, state: Mapping[str, np.ndarray], size: Size) -> dict[str, np.ndarray]:
    """See how far one of `LABELS` moves: the arrays of `Stability` that are about it."""
    reuse_memory()
    with one_thread():
        test, _ = cut("test", size.test, size.seeds[0], size)
        x = test[: size.deformed]  # of all textures: crops come one of each in turn
        features, shifts = features_by(name, state, size), shifts_of(size)
        scale = 1.0
        if name == "cnn":
            scale = float(_norm(x).mean() / features(x).norm(dim=1).mean())
        bent = [
            _moved(features, x, [bend(x, s * tau) for s in STRENGTHS])
            for tau in displacements(size)
        ]  # fmt: skip
        shifted = _moved(features, x, [x.roll(int(s), -1) for s in shifts])
        found = {"bent": scale * np.mean(bent, axis=0), "shifted": scale * shifted}
        if name in SCATTERINGS:
            bank = bank_by(name, state, size)
            found |= _extremes(bank, test, size)
            found["read"], found["apart"] = _read(bank, test, size)
            whole = scattering_of(bank, size.pixels, averaged=True)
            found["averaged"] = _moved(whole, x, [x.roll(int(shifts[-1]), -1)])[0]
        if name == "image":
            one, *others = _windows(x, size)
            found["read"] = np.stack([(_norm(b - one) / _norm(one)).numpy() for b in others])
    return found


def compare(study: Study, curves: Curves) -> Stability:
    """Shift and bend test crops, and see how far each of `LABELS` moves."""
    size = study.size
    states: list[tuple[str, int, dict[str, np.ndarray]]] = []
    for name in LABELS:
        for seed in size.seeds if name in ("learned", "cnn") else size.seeds[:1]:
            draw, state = (size.counts[-1], seed), {}
            if name == "learned":
                state = part(curves.pieces["rotated", *draw], "bank")
            if name == "cnn":
                state = curves.networks[draw]
            states.append((name, seed, state))
    tasks = [
        ({"features": name, "seed": seed, "state": array_hash(*state.values())},
         (name, state, size))
        for name, seed, state in states
    ]  # fmt: skip
    pieces = study.gather(
        "stability", tasks, move, code=CODE,
        **size.some("pixels", "test", "deformed", "fields", "pairs", "ascents", "scales",
                    "orientations"),
    )  # fmt: skip

    def of(name: str, what: str) -> list[np.ndarray]:
        found = zip(states, pieces, strict=True)
        return [piece[what] for (one, _, _), piece in found if one == name]

    bent = {name: np.mean(of(name, "bent"), axis=0) for name in LABELS}
    shape = bound_shape(size)
    return Stability(
        bent=bent, bound=shape * bent["fixed"][0].mean() / shape[0],
        shifted={name: np.mean(of(name, "shifted"), axis=0) for name in LABELS},
        read={name: np.mean(of(name, "read"), axis=0) for name in ("image", *SCATTERINGS)},
        apart={name: float(np.mean(of(name, "apart"))) for name in SCATTERINGS},
        shifts=shifts_of(size), averaged=np.max(of("learned", "averaged"), axis=0),
        ratio={name: np.concatenate(of(name, "ratio")) for name in SCATTERINGS},
        worst={name: np.concatenate(of(name, "worst")) for name in SCATTERINGS},
    )  # fmt: skip


def _norm(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1)


def _moved(features: Features, x: Tensor, others: Sequence[Tensor]) -> np.ndarray:
    """Distances of the features of x and of each of others, over the norm of x: (others, n)."""
    found = []
    for a, *moved in zip(*(some.split(AT_ONCE) for some in (x, *others)), strict=True):
        start, norm = features(a), _norm(a)
        found.append(torch.stack([(features(b) - start).norm(dim=1) / norm for b in moved]))
    return torch.cat(found, 1).numpy()


def _windows(x: Tensor, size: Size) -> list[Tensor]:
    """One window of each crop, then others that lie further right by each of the shifts.

    What a shift brings in is the picture's own, not what has left on the other side.
    """
    shifts = shifts_of(size)
    side = size.pixels - int(shifts[-1])
    return [x[..., :side, int(k) : int(k) + side] for k in (0, *shifts)]


def _read(bank: Bank, test: Tensor, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Means over windows, mirrored edges and all: `Stability`'s ``read`` and ``apart``."""
    peers = _windows(test[:PEERS], size)[0]
    scattering = Scattering2d(peers.shape[-2:], bank, rescale=True)
    model = ScatteringModel(scattering, len(TEXTURES), pool="mean")
    one, *others = (features_of(model, some) for some in _windows(test[: size.deformed], size))
    read = torch.stack([(b - one).norm(dim=1) / one.norm(dim=1) for b in others])
    z = features_of(model, peers)
    a, b = z[: -len(TEXTURES)], z[len(TEXTURES) :]  # the next crop of the same texture
    return read.numpy(), np.array(float(((a - b).norm(dim=1) / a.norm(dim=1)).mean()))


def _extremes(bank: Bank, x: Tensor, size: Size) -> dict[str, np.ndarray]:
    """``ratio`` and ``worst`` of pairs: half of crops, half of white noise and a little more."""
    rng = np.random.default_rng(0)
    pairs, side = size.pairs, size.pixels
    half = pairs // 2
    noise = torch.from_numpy(rng.standard_normal((half, 1, side, side))).to(x)
    more = noise + 0.1 * torch.from_numpy(rng.standard_normal(noise.shape)).to(x)
    first = rng.integers(len(x), size=pairs - half)
    other = (first + rng.integers(1, len(x), size=pairs - half)) % len(x)
    f, h = torch.cat([x[first], noise]), torch.cat([x[other], more])
    scattering = at_full_size(bank, side)

    def ratio(f: Tensor, h: Tensor) -> Tensor:
        return _norm(scattering(f[:, 0]) - scattering(h[:, 0])) / _norm(f - h)

    with torch.no_grad():
        drawn = torch.cat([
            ratio(a, b) for a, b in zip(f.split(AT_ONCE), h.split(AT_ONCE), strict=True)
        ])  # fmt: skip
    worst = []
    for k in drawn.argsort(descending=True)[: size.ascents]:
        pair = [one[k : k + 1].clone().requires_grad_() for one in (f, h)]
        adams = [Adam(one, STEP) for one in pair]
        for _ in range(ASCENT):
            found = torch.autograd.grad(-ratio(*pair).sum(), pair)
            for adam, gradient in zip(adams, found, strict=True):
                adam.step(gradient)
        with torch.no_grad():
            worst.append(ratio(*pair))
    return {"ratio": drawn.numpy(), "worst": torch.cat(worst).numpy()}
