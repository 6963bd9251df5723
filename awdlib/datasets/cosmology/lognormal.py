"""Fast maps: the convergence as a sum of shells, each a shifted lognormal field.

Every shell has exactly the power that theory gives it, and the skewness that gravity gives it by a
rule of thumb (one number for all cosmologies). Ten maps in the time of one from a particle mesh:
good for trying things, for tests and for streaming. How much the maps of one cosmology differ
among each other is here set by the model and not by gravity, so no result rests on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from awdlib.datasets.cosmology.background import SOURCE_REDSHIFT, Cosmology, distance
from awdlib.datasets.cosmology.born import FIELD
from awdlib.datasets.cosmology.matter import convergence_power, lens_weight

SHELLS = 9
SKEWNESS = 8.0  # S3 = <delta^3> / <delta^2>^2 of every shell, fitted to the real maps' histograms
MARGIN = 1.5  # maps are cut from periodic ones that much wider


@dataclass(frozen=True)
class Shells:
    """What is needed to draw maps of one cosmology.

    Attributes
    ----------
    amplitude : Tensor
        Of the waves of each shell's Gaussian field, shape (shells, wide, wide / 2 + 1).
    shift : Tensor
        The convergence of an empty shell, negated, shape (shells, 1, 1).
    variance : Tensor
        Of each Gaussian field, shape (shells, 1, 1).
    pixels : int
        Of a map.
    """

    amplitude: Tensor
    shift: Tensor
    variance: Tensor
    pixels: int


def prepare(cosmology: Cosmology, *, pixels: int = 256, resolution: float = FIELD / 256) -> Shells:
    """The shells of one cosmology.

    Parameters
    ----------
    cosmology : Cosmology
    pixels : int
        Of one side of a map.
    resolution : float
        Of a pixel, in radians.
    """
    wide = 2 * round(MARGIN * pixels / 2)
    area = (wide * resolution) ** 2
    edges = np.linspace(0, float(distance(SOURCE_REDSHIFT, cosmology.omega_m)), SHELLS + 1)
    amplitudes, shifts, variances = [], [], []
    for low, high in pairwise(edges):
        power = pixel_power(cosmology, wide, resolution, low=low, high=high)
        xi = np.fft.irfft2(power, s=(wide, wide)) * wide**2 / area
        nodes, weights = np.polynomial.legendre.leggauss(16)
        chi = (high - low) / 2 * nodes + (high + low) / 2
        depth = (lens_weight(chi, cosmology.omega_m) * weights).sum() * (high - low) / 2
        # of a shifted lognormal field of variance v and shift s: S3 = 3 / s + v / s^3
        roots = np.roots([xi[0, 0] / depth**2, 0, 3, -SKEWNESS])
        shift = depth / roots[np.abs(roots.imag) < 1e-9].real.max()
        gaussian = np.log1p(xi / shift**2)
        waves = np.fft.rfft2(gaussian).real.clip(min=0)
        amplitudes.append(np.sqrt(waves))
        shifts.append(shift)
        variances.append(gaussian[0, 0])
    stack = [torch.tensor(np.array(x)) for x in (amplitudes, shifts, variances)]
    return Shells(stack[0], stack[1][:, None, None], stack[2][:, None, None], pixels)


def convergence(shells: Shells, *, seed: Sequence[int]) -> Tensor:
    """One map of the convergence, shape (1, pixels, pixels), float32.

    Parameters
    ----------
    shells : Shells
    seed : sequence of int
        Root seed, cosmology, box, index of the map: they alone decide it.
    """
    draw = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    wide = shells.amplitude.shape[1]
    # in double precision, so that the rounded map is the same on every machine but for rare bits
    white = torch.from_numpy(draw.standard_normal((SHELLS, wide, wide)))
    field = torch.fft.irfft2(torch.fft.rfft2(white) * shells.amplitude, s=(wide, wide))
    total = (shells.shift * torch.expm1(field - shells.variance / 2)).sum(0)
    return total[: shells.pixels, : shells.pixels].float()[None]


def pixel_power(
    cosmology: Cosmology,
    pixels: int,
    resolution: float,
    *,
    low: float = 0,
    high: float | None = None,
) -> np.ndarray:
    """Power of the waves of a periodic map of pixel means, shape (pixels, pixels / 2 + 1).

    C_l through the pixels' window, with what lies beyond the map's finest waves folded back. The
    mean of the map is left out.
    """
    table = np.geomspace(1, 40 * np.pi / resolution, 400)
    ln_c = np.log(convergence_power(table, cosmology, low=low, high=high) + 1e-300)
    waves = 2 * np.pi / resolution
    full, half = np.fft.fftfreq(pixels)[:, None], np.fft.rfftfreq(pixels)[None]
    power = np.zeros((pixels, pixels // 2 + 1))
    for up in (-1, 0, 1):
        for across in (-1, 0, 1):
            ell = waves * np.hypot(full + up, half + across)
            window = np.sinc(full + up) ** 2 * np.sinc(half + across) ** 2
            power += window * np.exp(np.interp(np.log(ell.clip(min=1)), np.log(table), ln_c))
    power[0, 0] = 0
    return power
