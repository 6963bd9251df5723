"""Lens planes: the matter of a box projected along its axes, at every distance that light passes.

The box fills the way to the sources again and again, one box length a slab, each at its own age.
A mesh of half a Mpc/h cannot hold the smallest structures, and particles add noise. So each plane
is filtered, phases kept, until its power is what HMcode-2020 and the smoothing of the original
simulations' planes ask for. On the largest scales, where the box holds few waves, it is left alone:
their scatter is what tells one box from another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from awdlib.datasets.cosmology import particle_mesh
from awdlib.datasets.cosmology.background import (
    SOURCE_REDSHIFT,
    Cosmology,
    distance,
    redshift,
)
from awdlib.datasets.cosmology.matter import PLANE_SMOOTHING, Matter, lens_weight

AXES = ((0, 1), (0, 2), (1, 2))  # what stays when a box is projected along its third, second, first
LEFT_ALONE, FULLY_FILTERED = 0.25, 0.8  # h/Mpc; between them the filter sets in


@dataclass(frozen=True)
class Planes:
    """The lens planes of one box and cosmology.

    Attributes
    ----------
    contrast : Tensor
        Projected density contrast, shape (slabs, 3 axes, pixels, pixels), float16, nearest first.
    side : float
        Of a plane, and thickness of a slab, in Mpc/h.
    distances : numpy.ndarray
        Of the middles of the slabs, in Mpc/h.
    weights : numpy.ndarray
        What a contrast of 1 in a slab adds to the convergence.
    """

    contrast: Tensor
    side: float
    distances: np.ndarray
    weights: np.ndarray


def slabs(cosmology: Cosmology, side: float) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the slabs to the sources, and the integral of the lens weight over each."""
    behind = float(distance(SOURCE_REDSHIFT, cosmology.omega_m))
    edges = np.append(np.arange(0, behind, side), behind)
    nodes, weights = np.polynomial.legendre.leggauss(16)
    middles, halves = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    chi = middles[:, None] + halves[:, None] * nodes
    return middles, (lens_weight(chi, cosmology.omega_m) * weights).sum(1) * halves


def make(
    box: particle_mesh.Box,
    cosmology: Cosmology,
    *,
    seed: Sequence[int],
    pixels: int = 1024,
    device: str = "cpu",
) -> Planes:
    """Simulate a box and project it along its three axes at the age of each slab.

    Parameters
    ----------
    box, cosmology, seed, device
        As `particle_mesh.simulate` takes them.
    pixels : int
        Of one side of a plane.
    """
    middles, weights = slabs(cosmology, box.side)
    ages = 1 / (1 + redshift(middles, cosmology.omega_m))
    contrast = torch.empty((len(middles), 3, pixels, pixels), dtype=torch.float16)
    simulation = particle_mesh.simulate(
        box, cosmology, ages[::-1].tolist(), seed=seed, device=device
    )
    for slab, (a, position) in zip(reversed(range(len(middles))), simulation, strict=True):
        projected = torch.stack(
            [particle_mesh.deposit(position[:, axes], pixels, box.side) for axes in AXES]
        )
        filtered = to_power(projected - 1, box.side, Matter(cosmology), 1 / a - 1)
        contrast[slab] = filtered.to("cpu", torch.float16)
    return Planes(contrast, box.side, middles, weights)


def to_power(contrast: Tensor, side: float, matter: Matter, z: float) -> Tensor:
    """Planes of one slab, (axes, pixels, pixels), brought to the power that they should have.

    A plane of a slab as thick as the box has P2(k) = P(k) / side at every k across. The power found
    is that of all axes together, in rings of a tenth of a decade; phases stay as they are.
    """
    pixels = contrast.shape[-1]
    waves = torch.fft.rfft2(contrast)
    k = _across(pixels, side, contrast.device)
    found_k, found = spectrum(contrast, side)
    should = matter.nonlinear(found_k, z) / side * np.exp(-((found_k * PLANE_SMOOTHING) ** 2))
    ln_k = np.log(np.maximum(k.cpu().numpy(), found_k[0] / 2))
    ratio = np.exp(np.interp(ln_k, np.log(found_k), np.log(should / found)) / 2)
    onset = np.log(FULLY_FILTERED / LEFT_ALONE)
    share = np.clip((ln_k - np.log(LEFT_ALONE)) / onset, 0, 1)
    share = share**2 * (3 - 2 * share)  # smooth at both ends
    filtered = waves * torch.from_numpy(ratio**share).to(waves.device, contrast.dtype)
    filtered[..., 0, 0] = 0
    return torch.fft.irfft2(filtered, s=(pixels, pixels))


def spectrum(contrast: Tensor, side: float) -> tuple[np.ndarray, np.ndarray]:
    """Power P2(k) of planes (n, pixels, pixels) in rings of k, the mean over the planes.

    Returns
    -------
    k, power : numpy.ndarray
        Mean k of the waves in each ring that holds any, in h/Mpc; power in (Mpc/h)^2.
    """
    pixels = contrast.shape[-1]
    power = torch.fft.rfft2(contrast).abs().square().mean(0) * side**2 / pixels**4
    k = _across(pixels, side, contrast.device)
    edges = np.append(
        2 * np.pi / side * np.array([0.5, 1.5]),
        np.geomspace(5 * np.pi / side, np.sqrt(2) * np.pi * pixels / side * 1.001, 33),
    )
    double = torch.full_like(k, 2.0)  # waves whose mirror a real FFT leaves out
    double[:, 0] = 1
    ring = torch.bucketize(k, torch.from_numpy(edges).to(k)).flatten()
    count, sum_k, sum_power = (
        torch.bincount(ring, values.flatten().double(), minlength=len(edges) + 1)[1:-1]
        .cpu()
        .numpy()
        for values in (double, double * k, double * power)
    )
    some = count > 0
    return sum_k[some] / count[some], sum_power[some] / count[some]


def _across(pixels: int, side: float, device: torch.device) -> Tensor:
    """|k| of the waves of a real FFT of a plane."""
    full = torch.fft.fftfreq(pixels, side / pixels / 2 / np.pi, device=device)
    half = torch.fft.rfftfreq(pixels, side / pixels / 2 / np.pi, device=device)
    return torch.sqrt(full[:, None] ** 2 + half[None] ** 2)
