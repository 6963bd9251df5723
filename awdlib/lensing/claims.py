"""The quantities that the claims about cosmology are judged by, with their intervals."""

from typing import Any

import numpy as np
import torch

from awdlib import metrics
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.lensing import activations, table
from awdlib.lensing.setup import TARGET
from awdlib.lensing.table import OVER

SEEDS = "range over seeds"


def expected() -> list[str]:
    """Names of all quantities; one that a run cannot have is stored as `metrics.ABSENT`."""
    pairs = [f"{a}_minus_{b}" for a, b in table.DIFFERENCES]
    shapes = ["symmetry", "matched_filter", "activation_ratio", "lower_compression"]
    return [*pairs, *shapes, "resnet_r2"]


def resnet_r2(
    predictions: np.ndarray, maps: MapSet, *, count: int = 2000
) -> dict[str, float | int | str]:
    """R² of the network for Omega_m on the test maps, with its bootstrap."""
    truth, n = maps.parameters[:, TARGET], len(maps)
    picks = np.random.default_rng(1).integers(0, n, (count, n))
    samples = metrics.bootstrap_r2(truth, predictions, picks)[:, 0]
    return metrics.estimate(metrics.r2_score(truth, predictions[0]), samples, n, OVER)


def of_filters(h: np.ndarray, matched: torch.Tensor) -> dict[str, dict[str, Any]]:
    """Are AWD's chosen filters (seeds, taps) symmetric, and like the matched filter?"""
    taps = torch.from_numpy(h)
    return {
        "symmetry": metrics.over_range(activations.symmetry(taps), SEEDS),
        "matched_filter": metrics.over_range(activations.likeness(taps, matched), SEEDS),
    }


def of_activations(ratios: np.ndarray, *, count: int = 2000) -> dict[str, Any]:
    """Mean ratio of activation at peaks and voids to elsewhere, with its bootstrap over maps."""
    n = len(ratios)
    samples = ratios[np.random.default_rng(2).integers(0, n, (count, n))].mean(1)
    return metrics.estimate(float(ratios.mean()), samples, n, OVER)


def lower_compression(
    awd: np.ndarray, db5: np.ndarray, *, count: int = 2000
) -> dict[str, float | int | str]:
    """1 minus AWD's compression factor over DB5's.

    Parameters
    ----------
    awd, db5 : numpy.ndarray, shape (test maps,)
        Shares of each map; AWD's are means over seeds.
    """
    n = len(awd)
    picks = np.random.default_rng(3).integers(0, n, (count, n))
    samples = 1 - awd[picks].mean(1) / db5[picks].mean(1)
    return metrics.estimate(1 - awd.mean() / db5.mean(), samples, n, OVER)
