"""What cosmologists used before peaks: the power spectrum and the bispectrum of a map (K20)."""

import sys
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from awdlib.datasets.cosmology.born import FIELD
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.ledger import code_hash
from awdlib.lensing import counts, fidelity
from awdlib.threads import one_thread

POWER_BANDS = np.geomspace(200, 12_500, 21)
BISPECTRUM_BANDS = np.geomspace(200, 12_500, 8)


SUMMARIES = ("power_spectrum", "bispectrum")


def summarise(maps: MapSet, **options: Any) -> dict[str, np.ndarray]:
    """Both summaries of every map, by name, (maps, numbers) each.

    ``power_spectrum``: ln of the power in 20 bands; bands too narrow for the map are left out.
    ``bispectrum``: these, and the reduced bispectrum, which is the mean of x_i x_j x_k over the
    product of the three's standard deviations, for bands i ≤ j ≤ k whose waves can form a triangle.
    (Unreduced, its scatter differs so much between cosmologies that the nearest one, measured by
    the covariance of each, is nearly always the one that scatters most.)

    Parameters
    ----------
    maps : MapSet
    **options
        Of `counts.in_pieces`.
    """
    config = {"summaries": list(SUMMARIES), "code": code_hash(sys.modules[__name__], fidelity)}
    pieces = counts.in_pieces(maps, summarise_some, None, config, **options)
    return {name: np.concatenate([p[name] for p in pieces]) for name in SUMMARIES}


def summarise_some(maps: MapSet, _: None) -> dict[str, np.ndarray]:
    """`summarise` for one piece."""
    with one_thread():
        parts = []
        for x in maps.batches(20):
            powers = _powers(x)
            parts.append((powers, np.concatenate([powers, _triples(x.double())], 1)))
    return {n: np.concatenate(p) for n, p in zip(SUMMARIES, zip(*parts, strict=True), strict=True)}


def _powers(x: Tensor) -> np.ndarray:
    found = fidelity.band_powers(x, POWER_BANDS)
    return np.log(found[:, np.isfinite(found).all(0)])


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
    bands = [b / b.std((1, 2), correction=0, keepdim=True).clamp(min=1e-30) for b in bands]
    found = []
    for k in range(len(bands)):
        for j in range(k + 1):
            for i in range(j + 1):
                if rings[i][1] + rings[j][1] > rings[k][0]:  # else the sides do not meet
                    found.append((bands[i] * bands[j] * bands[k]).mean((1, 2)))
    return torch.stack(found, 1).numpy()
