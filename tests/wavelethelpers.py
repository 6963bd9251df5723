"""Random filters, tracks and models, and a filter as PyWavelets' own object."""

import numpy as np
import pywt
import torch

from awdlib import filters, predictors


def random_filters(count, taps=10, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return filters.taps_from_angles(filters.random_angles(count, taps, generator))


def random_tracks(count, time, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, time, generator=generator, dtype=torch.float64)


def random_linear(features, seed=0):
    rng = np.random.default_rng(seed)
    return predictors.LinearModel(rng.normal(size=features), float(rng.normal()))


def bank(h):
    g = filters.highpass(h)
    return pywt.Wavelet("", filter_bank=[f.tolist() for f in (h.flip(0), g.flip(0), h, g)])
