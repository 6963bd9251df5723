"""What a run of adaptive scattering stores: the tables, numbers and arrays of its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from awdlib import metrics
from awdlib.adaptive import neurons, stability
from awdlib.adaptive.neurons import SIDE, Predicted
from awdlib.adaptive.pruning import Pruned
from awdlib.adaptive.setup import METHODS, Size
from awdlib.adaptive.stability import STRENGTHS, Stability
from awdlib.adaptive.textures import Curves, bank_of, bank_with
from awdlib.datasets.textures import TEXTURES
from awdlib.scattering.pruning import Attempt, Relearned

SAMPLES = 2000  # of the bootstrap
OVER_CROPS = "95 %, seeds and test crops"
LEARNED = ("rotated", "each", "distilled", "orthogonal")
POINT = 0.01  # of accuracy


def bootstrap(correct: np.ndarray) -> np.ndarray:
    """Accuracies (samples,) of (seeds, test crops), both drawn anew; the same draws for all.

    Test crops are the same for every seed, so a drawn crop counts in all of them.
    """
    rng = np.random.default_rng(0)
    seeds, tests = correct.shape
    rows = rng.integers(seeds, size=(SAMPLES, seeds))
    counts = rng.multinomial(tests, np.full(tests, 1 / tests), size=SAMPLES)
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


def table_of_curves(size: Size, curves: Curves) -> pd.DataFrame:
    """A row a method and number of labelled crops."""
    rows = []
    for name, correct in curves.correct.items():
        for k, count in enumerate(size.counts):
            one = accuracy(correct[k])
            rows.append({
                "name": name, "label": METHODS[name], "count": count, "accuracy": one["estimate"],
                "low": one["low"], "high": one["high"], "n": one["n"], "seeds": len(size.seeds),
                "sd": metrics.sd(correct[k].mean(1)),
            })  # fmt: skip
    return pd.DataFrame(rows)


def table_of_pruning(found: Pruned) -> pd.DataFrame:
    """A row for every number of filters left."""
    removals = [None, *found.path.removals]
    count = len(found.filters)
    held = found.path.curve()[:, 1]
    rows = []
    for k, removal in enumerate(removals):
        filter_ = (None, None) if removal is None else found.filters[removal.filter]
        rows.append({
            "left": count - k, "scale": filter_[0], "orientation": filter_[1],
            "held": float(held[k]), "test": float(found.correct[k].mean()),
            "random": float(found.random[:, k].mean()),
            "agreement": None if removal is None else removal.agreement,
        })  # fmt: skip
    empty = {"scale": "Int64", "orientation": "Int64", "agreement": "Float64"}
    return pd.DataFrame(rows).astype(empty)


def table_of_neurons(found: Predicted) -> pd.DataFrame:
    """A row a neuron and model."""
    rows = []
    for name, label in neurons.LABELS.items():
        errors = found.errors(name)
        rows += [
            {"name": name, "label": label, "neuron": k, "correlation": float(r),
             "orientation": float(errors["orientation"][k]),
             "frequency": float(errors["frequency"][k])}
            for k, r in enumerate(found.correlation[name])
        ]  # fmt: skip
    return pd.DataFrame(rows)


def redundant(found: Pruned) -> dict[str, Any]:
    """Largest share of the filters whose removal costs at most a point of test accuracy.

    The order of removal comes from held-out crops; the interval is of the loss at half of them.
    """
    right = found.correct.mean(1)
    within = np.flatnonzero(right >= right[0] - POINT)
    half = len(found.filters) - len(found.filters) // 2
    place = len(found.filters) - half
    lost = found.correct[0].astype(float) - found.correct[place]
    rng = np.random.default_rng(0)
    picks = rng.integers(len(lost), size=(SAMPLES, len(lost)))
    loss = metrics.estimate(float(lost.mean()), lost[picks].mean(1), len(lost), "95 %, test crops")
    return {"share": float(within.max() / len(found.filters)), "half": loss}


def claims_of(
    size: Size, curves: Curves, found: Pruned, moved: Stability, predicted: Predicted
) -> dict[str, Any]:
    """The quantities of the claims."""
    small, tests = 0, len(moved.bent["image"][0])

    def over_images(values: np.ndarray) -> dict[str, Any]:
        picks = np.random.default_rng(0).integers(len(values), size=(SAMPLES, len(values)))
        mean = float(values.mean())
        return metrics.estimate(mean, values[picks].mean(1), len(values), "95 %, images")

    bound = np.concatenate([moved.ratio[n] for n in ("fixed", "learned")])
    sums = [
        float(piece["littlewood_paley"]) for (name, _, _), piece in curves.pieces.items()
        if name in LEARNED
    ]  # fmt: skip
    middle = list(STRENGTHS).index(0.1)
    best = max(LEARNED, key=lambda name: curves.correct[name][-1].mean())
    return {
        "shift": over_images(moved.averaged),
        "expansion": {
            "estimate": float(bound.max()), "low": float(bound.min()), "high": float(bound.max()),
            "n": len(bound), "kind": "range over pairs",
        },
        "littlewood_paley": {
            "estimate": max(sums), "low": min(sums), "high": max(sums), "n": len(sums),
            "kind": "range over fits",
        },
        "learned_minus_fixed": difference(curves, "rotated", "fixed", small),
        "learned_minus_fixed_most": difference(curves, "rotated", "fixed", -1),
        "fixed_minus_network": difference(curves, "fixed", "cnn", small),
        "learned_minus_network": difference(curves, "rotated", "cnn", small),
        "distilled_minus_learned": difference(curves, "distilled", "rotated", small),
        "awd_minus_fixed": difference(curves, "awd", "fixed", small),
        "redundant": redundant(found)["half"],
        "bent_minus_image": over_images(
            moved.bent["learned"][middle] - moved.bent["image"][middle]
        ),
        "orientation": over_neurons(predicted.errors("learned")["orientation"]),
        "frequency": over_neurons(predicted.errors("learned")["frequency"]),
        "correlation": over_neurons(predicted.correlation["learned"]),
        "correlation_minus_fixed": over_neurons(
            predicted.correlation["learned"] - predicted.correlation["fixed"]
        ),
        "best": {"name": best, "tests": tests},
    }  # fmt: skip


def over_neurons(values: np.ndarray) -> dict[str, Any]:
    """Median over neurons with its bootstrap interval."""
    values = values[np.isfinite(values)]
    picks = np.random.default_rng(0).integers(len(values), size=(SAMPLES, len(values)))
    return metrics.estimate(
        float(np.median(values)), np.median(values[picks], 1), len(values), "95 %, neurons"
    )


def numbers_of(
    size: Size,
    curves: Curves,
    found: Pruned,
    again: Relearned,
    tried: tuple[Attempt, list[Attempt]],
    moved: Stability,
    predicted: Predicted,
) -> dict[str, Any]:
    """All numbers of the page, nested."""
    claims = claims_of(size, curves, found, moved, predicted)
    best = claims.pop("best")["name"]
    agreement = [removal.agreement for removal in found.path.removals]
    errors = {name: predicted.errors(name) for name in neurons.LABELS}
    return {
        "data": {
            "source": "real textures, simulated neurons", "textures": len(TEXTURES),
            "tests": size.test * len(TEXTURES), "seeds": len(size.seeds), "least": size.counts[0],
            "most": size.counts[-1], "frames": size.frames, "neurons": size.neurons,
            "repeats": size.repeats, "side": SIDE,
        },
        "size": {
            "pixels": size.pixels, "scales": size.scales, "orientations": size.orientations,
            "epochs": size.epochs, "restarts": size.restarts, "many": size.many,
            "pruned": size.pruned,
        },
        "accuracy": {
            name: {str(n): accuracy(correct[k]) for k, n in enumerate(size.counts)}
            for name, correct in curves.correct.items()
        },
        "best": {"name": best, "label": METHODS[best]},
        "claims": claims,
        "words": {
            name: metrics.in_words(one)
            for name, one in claims.items() if "_minus_" in name
        },
        "pruning": {
            "filters": len(found.filters), "share": redundant(found)["share"],
            "stopped": len(found.stopped.kept), "agreement": float(np.mean(agreement)),
            "vetoed": len({n for r in found.stopped.removals for n in r.vetoed}),
            "start": float(found.correct[0].mean()), "best": float(found.correct.mean(1).max()),
            "random_half": float(found.random[:, len(found.filters) // 2].mean()),
            "half": float(found.correct[len(found.filters) // 2].mean()),
            "blocks": len(again.prunings),
            "relearned_kept": len(again.prunings[-1].kept) if again.prunings else 0,
            "relearned_agreement": float(np.mean(
                [r.agreement for p in again.prunings for r in p.removals] or [0.0]
            )),
        },
        "search": {
            "scales": tried[0].size["J"], "orientations": tried[0].size["L"],
            "kept": tried[0].kept, "score": tried[0].score, "tried": len(tried[1]),
        },
        "neurons": {
            name: {
                "correlation": float(np.nanmean(predicted.correlation[name])),
                "orientation": float(np.median(errors[name]["orientation"])),
                "frequency": float(np.median(errors[name]["frequency"])),
                "within": float(np.mean(
                    (errors[name]["orientation"] <= 10) & (errors[name]["frequency"] <= 0.3)
                )),
            }
            for name in neurons.LABELS
        },
    }  # fmt: skip


def arrays_of(
    size: Size, curves: Curves, found: Pruned, moved: Stability, predicted: Predicted
) -> dict[str, np.ndarray]:
    """Curves, filters and tunings of the page."""
    count, seed = size.counts[-1], size.seeds[0]
    arrays: dict[str, np.ndarray] = {"strengths": np.array(STRENGTHS), "shifts": moved.shifts}
    for name in stability.LABELS:
        arrays[f"bent_{name}"] = moved.bent[name].mean(1)
        arrays[f"shifted_{name}"] = moved.shifted[name].mean(1)
    banks: Mapping[str, Any] = {
        "fixed": bank_of("fixed", size),
        "each": bank_with(curves.pieces["each", count, seed], "each", size),
        "rotated": bank_with(curves.pieces["rotated", count, seed], "rotated", size),
    }
    for name, bank in banks.items():
        for what, values in bank.values().items():
            arrays[f"{name}_{what}"] = values.detach().double().numpy()
    arrays["pruned_test"] = found.correct.mean(1)
    arrays["pruned_random"] = found.random
    arrays["pruned_held"] = found.path.curve()[:, 1]
    arrays["rar"] = predicted.rar
    for name, one in predicted.tuning.items():
        arrays[f"orientation_{name}"] = one.orientation
        arrays[f"frequency_{name}"] = one.frequency
    assert predicted.truth.orientation is not None
    assert predicted.truth.frequency is not None
    arrays["orientation_true"] = predicted.truth.orientation
    arrays["frequency_true"] = predicted.truth.frequency
    return arrays
