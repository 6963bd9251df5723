"""What cosmologists used before peaks: the power spectrum and the bispectrum of a map (K20)."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from awdlib.datasets.cosmology.born import FIELD
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.lensing.fidelity import band_powers

POWER_BANDS = np.geomspace(200, 12_500, 21)
BISPECTRUM_BANDS = np.geomspace(200, 12_500, 8)


def power_spectrum(maps: MapSet) -> np.ndarray:
    """ln of every map's power in 20 bands, (maps, 20); bands too wide for the map are left out."""
    found = np.concatenate([band_powers(x, POWER_BANDS) for x in maps.batches(50)])
    return np.log(found[:, np.isfinite(found).all(0)])


def bispectrum(maps: MapSet) -> np.ndarray:
    """Every map's mean of x_i x_j x_k for bands i ≤ j ≤ k whose waves can form a triangle."""
    return np.concatenate([_triples(x.double()) for x in maps.batches(20)])


def _triples(x: Tensor) -> np.ndarray:
    height, width = x.shape[2:]
    per_wave = 2 * np.pi * 256 / FIELD
    ell = per_wave * torch.hypot(
        torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    )
    waves = torch.fft.rfft2(x[:, 0])
    rings = [(low, high, (ell >= low) & (ell < high)) for low, high in pairwise(BISPECTRUM_BANDS)]
    rings = [ring for ring in rings if ring[2].any()]
    bands = [torch.fft.irfft2(waves * mask, s=(height, width)) for _, _, mask in rings]
    found = []
    for k in range(len(bands)):
        for j in range(k + 1):
            for i in range(j + 1):
                if rings[i][1] + rings[j][1] > rings[k][0]:  # else the sides do not meet
                    found.append((bands[i] * bands[j] * bands[k]).mean((1, 2)))
    return torch.stack(found, 1).numpy() * 1e6  # about 1, for the covariance's sake
