"""The quantities that the claims about adaptive scattering are judged by, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from awdlib import metrics
from awdlib.adaptive.neurons import PLAIN, Predicted
from awdlib.adaptive.pruning import Pruned, Searched
from awdlib.adaptive.setup import WITHIN, Size
from awdlib.adaptive.stability import JUDGED, SCATTERINGS, STRENGTHS, Stability
from awdlib.adaptive.textures import Curves
from awdlib.scattering.pruning import Relearned

OVER_CROPS = "95 %, seeds and test crops"
OVER_IMAGES = "95 %, images"
ERRORS = ("orientation", "frequency", "filter")  # of what models say of neurons
MORLET = ("rotated", "each", "distilled")  # ways to learn Morlet wavelets
LEARNED = (*MORLET, "orthogonal")


def bootstrap(correct: np.ndarray) -> np.ndarray:
    """Means (samples,) of (seeds, test crops), both drawn anew; the same draws for all.

    Test crops are the same for every seed, so a drawn crop counts in all of them.
    """
    rng = np.random.default_rng(0)
    seeds, tests = correct.shape
    rows = rng.integers(seeds, size=(metrics.SAMPLES, seeds))
    counts = rng.multinomial(tests, np.full(tests, 1 / tests), size=metrics.SAMPLES)
    by_seed = counts @ correct.T.astype(float) / tests  # (samples, seeds)
    return np.take_along_axis(by_seed, rows, axis=1).mean(1)


def accuracy(correct: np.ndarray) -> dict[str, Any]:
    """Mean accuracy of (seeds, test crops) with its interval."""
    return metrics.estimate(float(correct.mean()), bootstrap(correct), correct.shape[1], OVER_CROPS)


def difference(curves: Curves, name: str, other: str, place: int) -> dict[str, Any]:
    """Accuracy of one method less another's with the same crops."""
    a, b = curves.correct[name][place], curves.correct[other][place]
    return metrics.estimate(
        float(a.mean() - b.mean()), bootstrap(a) - bootstrap(b), a.shape[1], OVER_CROPS
    )


def lost(found: Pruned, left: np.ndarray) -> dict[str, Any]:
    """Test accuracy that all filters have and some have not: `left` (seeds, test crops) are right.

    Labelled crops have chosen what is left; test crops choose nothing.
    """
    gone = found.correct[:, 0].astype(float) - left
    return metrics.estimate(float(gone.mean()), bootstrap(gone), gone.shape[1], OVER_CROPS)


def lost_with_half(found: Pruned) -> dict[str, Any]:
    """Test accuracy that goes with the first half of the filters."""
    return lost(found, found.correct[:, len(found.filters) // 2])


def sums_of(curves: Curves, again: Relearned, tried: Searched) -> list[float]:
    """Largest Littlewood–Paley sum after any step: of each fit, relearning and size of the search.

    Each is of the filters as they are applied, rounded to the precision of the images.
    """
    fits = [
        float(piece["littlewood_paley"]) for (name, _, _), piece in curves.pieces.items()
        if name in LEARNED
    ]  # fmt: skip
    learned = [float(one.littlewood_paley.max()) for block in again.histories for one in block]
    return [*fits, *learned, *map(float, tried.sums)]


def claims_of(
    size: Size,
    curves: Curves,
    found: Pruned,
    again: Relearned,
    tried: Searched,
    moved: Stability,
    predicted: Predicted,
) -> dict[str, Any]:
    """The quantities of the claims."""
    small = 0
    bound = np.concatenate([of[name] for of in (moved.ratio, moved.worst) for name in SCATTERINGS])
    sums = sums_of(curves, again, tried)
    middle = STRENGTHS.index(JUDGED)
    bent = {name: values[middle] for name, values in moved.bent.items()}
    correlation = predicted.correlation
    return {
        "shift": metrics.over_examples(moved.read["learned"][0], OVER_IMAGES),
        "expansion": {
            "estimate": float(bound.max()), "low": float(bound.min()), "high": float(bound.max()),
            "n": len(bound), "kind": "range over pairs",
        },
        "littlewood_paley": {
            "estimate": max(sums), "low": min(sums), "high": max(sums), "n": len(sums),
            "kind": "range over fits of filters",
        },
        "learned_minus_fixed": difference(curves, "rotated", "fixed", small),
        "learned_minus_fixed_most": difference(curves, "rotated", "fixed", -1),
        "fixed_minus_network": difference(curves, "fixed", "cnn", small),
        "learned_minus_network": difference(curves, "rotated", "cnn", small),
        "distilled_minus_learned": difference(curves, "distilled", "rotated", small),
        "awd_minus_db5": difference(curves, "awd", "db5", small),
        "awd_minus_random": difference(curves, "awd", "random", small),
        "awd_minus_fixed": difference(curves, "awd", "fixed", small),
        "bands_minus_db5": difference(curves, "awd_bands", "db5_bands", small),
        "orthogonal_minus_db5": difference(curves, "orthogonal", "db5", small),
        "redundant": lost_with_half(found),
        "lost_at_stop": lost(found, found.at_stop),
        **{f"bent_minus_{name}": metrics.over_examples(bent["learned"] - bent[name], OVER_IMAGES)
           for name in ("image", "lowpass", "fourier", "fixed")},
        **tuning_of(predicted),
        "correlation": over_neurons(correlation["learned"], "median"),
        "correlation_minus_fixed": over_neurons(
            correlation["learned"] - correlation["fixed"], "median"
        ),
        **{f"correlation_minus_{name}": over_neurons(
            correlation["learned"] - correlation[name], "median"
        ) for name in PLAIN},
    }  # fmt: skip


def tuning_of(predicted: Predicted) -> dict[str, Any]:
    """How near the learned model's tuning is to the truth; absent where that is not known."""
    off = predicted.errors.get("learned")
    if off is None:
        return dict.fromkeys(("recovered", *ERRORS), metrics.ABSENT)
    return {"recovered": over_neurons(within(off), "mean")} | {
        what: over_neurons(off[what], "median") for what in ERRORS
    }


def within(off: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether orientation and frequency are both as near to the truth as `WITHIN`: 0 or 1."""
    near = (off["orientation"] <= WITHIN["degrees"]) & (off["frequency"] <= WITHIN["octaves"])
    return near.astype(float)


def over_neurons(values: np.ndarray, statistic: Literal["mean", "median"]) -> dict[str, Any]:
    """Mean or median over (sets of movies, neurons), with an interval over both.

    Sets and neurons are drawn anew, the neurons alike for all sets, since they are the same ones.
    A neuron counts where its value is known.
    """
    known = values[:, np.isfinite(values).all(0)]
    sets, count = known.shape
    if not count:
        return metrics.ABSENT
    rng = np.random.default_rng(0)
    rows = rng.integers(sets, size=(metrics.SAMPLES, sets, 1))
    picks = rng.integers(count, size=(metrics.SAMPLES, 1, count))
    of: Callable[..., Any] = np.mean if statistic == "mean" else np.median
    drawn = of(known[rows, picks], axis=(1, 2))
    kind = "95 %, neurons and movies" if sets > 1 else "95 %, neurons"
    return metrics.estimate(float(of(known)), drawn, count, kind)
