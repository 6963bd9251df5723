"""What a run of adaptive scattering stores: the tables, numbers and arrays of its page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from awdlib import metrics
from awdlib.adaptive import neurons, stability
from awdlib.adaptive.claims import ERRORS, MORLET, accuracy, claims_of, within
from awdlib.adaptive.judging import HELD_MOST, copies_for, cut
from awdlib.adaptive.neurons import SIDE, Predicted
from awdlib.adaptive.pruning import Pruned, Searched, sizes_to_try
from awdlib.adaptive.said import chances, said_of_learning, said_of_relearning
from awdlib.adaptive.setup import METHODS, POINT, WITHIN, Size
from awdlib.adaptive.stability import JUDGED, SCATTERINGS, STRENGTHS, Stability
from awdlib.adaptive.textures import Curves, bank_of, bank_with
from awdlib.datasets.textures import TEXTURES
from awdlib.ledger import part
from awdlib.scattering.banks import littlewood_paley, rescale
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.pruning import Relearned

BATCHES = {"filters": 32, "network": 16}  # of `textures.update` and `teacher.network_for`
BENT = {"more": "larger than", "less": "smaller than"}  # of changes, where more is not better


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
    """A row for every number of filters left, means over seeds; scale and orientation: the first's.

    ``chance`` is what ``agreement`` would be if restarts chose at random.
    """
    count = len(found.filters)
    held = np.mean([path.curve()[:, 1] for path in found.paths], axis=0)
    rows = []
    for k in range(count):
        gone = [path.removals[k - 1] for path in found.paths] if k else []
        filter_ = found.filters[gone[0].filter] if gone else (None, None)
        test = accuracy(found.correct[:, k])
        rows.append({
            "left": count - k, "scale": filter_[0], "orientation": filter_[1],
            "held": float(held[k]), "test": test["estimate"], "low": test["low"],
            "high": test["high"], "random": float(found.random[:, :, k].mean()),
            "agreement": float(np.mean([one.agreement for one in gone])) if gone else None,
            "chance": 1 / (count - k + 1) if gone else None,
        })  # fmt: skip
    empty = {"scale": "Int64", "orientation": "Int64", "agreement": "Float64", "chance": "Float64"}
    return pd.DataFrame(rows).astype(empty)


def table_of_search(tried: Searched) -> pd.DataFrame:
    """A row a size of the outer search, in the order in which they were tried."""
    return pd.DataFrame([
        {"layers": one.size["layers"], "scales": one.size["J"], "orientations": one.size["L"],
         "filters": one.size["J"] * one.size["L"], "kept": one.kept, "score": one.score}
        for one in tried.tried
    ])  # fmt: skip


def table_of_neurons(found: Predicted) -> pd.DataFrame:
    """A row a neuron, set of movies and model; errors are empty where the truth is not known."""
    rows = []
    for name, label in neurons.LABELS.items():
        errors = found.errors.get(name, {})
        rows += [
            {"name": name, "label": label, "movies": movies, "neuron": k, "correlation": float(r),
             **{what: float(errors[what][movies, k]) if what in errors else np.nan
                for what in ERRORS}}
            for (movies, k), r in np.ndenumerate(found.correlation[name])
        ]  # fmt: skip
    return pd.DataFrame(rows).astype(dict.fromkeys(("correlation", *ERRORS), "Float64"))


def passes_of(size: Size) -> dict[str, float]:
    """How often filters and the network see a crop while they learn, at most, by number of crops.

    Of the fewest and of the most crops.
    """
    steps = {"filters": size.updates, "network": size.network_updates}
    crops = {"least": size.counts[0] * len(TEXTURES), "most": size.counts[-1] * len(TEXTURES)}
    return {
        f"{what}_{at}": steps[what] * min(batch / count, 1)
        for what, batch in BATCHES.items() for at, count in crops.items()
    }  # fmt: skip


def frame_of(size: Size) -> dict[str, float]:
    """Least and median Littlewood–Paley sum of the fixed wavelets where it is 1 at its largest.

    Over all frequencies that are at most π in size; a tight frame has 1 everywhere.
    """
    shape = (4 * size.pixels,) * 2
    sums = littlewood_paley(rescale(Morlet2d(size.scales, size.orientations)(shape))).detach()
    down, across = (np.fft.fftfreq(n) for n in shape)
    inside = sums.numpy()[np.hypot(down[:, None], across) <= 0.5]
    return {"least": float(inside.min()), "median": float(np.median(inside))}


def shift_of(moved: Stability) -> dict[str, Any]:
    """Mean change by the smallest shift that was tried, and by one of a whole window.

    ``read`` is of what heads read, of two windows cut from one crop.
    """
    places = {"small": 0, "window": -1}

    def both(values: np.ndarray) -> dict[str, float]:
        return {what: float(values[k].mean()) for what, k in places.items()}

    names = ("image", *SCATTERINGS)
    return {what: int(moved.shifts[k]) for what, k in places.items()} | {
        **{name: both(moved.shifted[name]) for name in names},
        "read": {name: both(moved.read[name]) for name in names},
        "apart": moved.apart, "averaged": float(moved.averaged.max()),
    }  # fmt: skip


def numbers_of(
    size: Size,
    curves: Curves,
    found: Pruned,
    again: Relearned,
    tried: Searched,
    moved: Stability,
    predicted: Predicted,
) -> dict[str, Any]:
    """All numbers of the page, nested."""
    claims = claims_of(size, curves, found, again, tried, moved, predicted)
    agreement = [removal.agreement for path in found.paths for removal in path.removals]
    blocks = again.prunings
    removed = [removal for path in blocks for removal in path.removals]
    ways = [float(curves.correct[name][-1].mean()) for name in MORLET]
    labelled = [len(cut("train", n, 0, size)[0]) + len(cut("held", n, 0, size)[0])
                for n in size.counts]  # fmt: skip
    copies = [copies_for(n, size) for n in labelled]
    ran_out = len(tried.tried) == len(sizes_to_try(size))
    return {
        "data": {
            "source": "real textures, simulated neurons", "textures": len(TEXTURES),
            "tests": size.test * len(TEXTURES), "seeds": len(size.seeds), "least": size.counts[0],
            "held_most": HELD_MOST, "copies": metrics.over_range(copies, "range over numbers"),
            "most": size.counts[-1], "frames": size.frames, "neurons": size.neurons,
            "movies": size.movies, "repeats": size.repeats, "side": SIDE,
        },
        "size": {
            "pixels": size.pixels, "scales": size.scales, "orientations": size.orientations,
            "updates": size.updates, "network_updates": size.network_updates,
            "inner": size.inner, "tries": len(size.gammas), "wavelets": size.wavelets,
            "restarts": size.restarts, "many": size.many, "pruned": size.pruned,
            "patience": size.patience, "fields": size.fields, "point": POINT,
            "judged": JUDGED, "within": WITHIN,
        },
        "learning": {"helps": said_of_learning(size, curves)},
        "passes": passes_of(size),
        "frame": frame_of(size),
        "own_head": {
            "first": float(curves.own[0].mean()), "last": float(curves.own[-1].mean()),
        },
        "accuracy": {
            name: {str(n): accuracy(correct[k]) for k, n in enumerate(size.counts)}
            for name, correct in curves.correct.items()
        },
        "most": {
            "fixed": float(curves.correct["fixed"][-1].mean()),
            "learned": metrics.over_range(ways, "range over ways to learn"),
            "db5": float(curves.correct["db5"][-1].mean()),
            "orthogonal": float(curves.correct["orthogonal"][-1].mean()),
            "network": float(curves.correct["cnn"][-1].mean()),
        },
        "claims": claims,
        "words": {
            name: metrics.in_words(one, **BENT if name.startswith("bent") else {})
            for name, one in claims.items() if "_minus_" in name
        },
        "pruning": {
            "filters": len(found.filters),
            "share": float(np.mean([len(s.removals) for s in found.stopped]) / len(found.filters)),
            "stopped": metrics.over_range([len(s.kept) for s in found.stopped], "range over seeds"),
            "agreement": float(np.mean(agreement)),
            "chance": float(np.mean([c for path in found.paths for c in chances(path)])),
            "vetoed": float(np.mean([
                len({n for r in s.removals for n in r.vetoed}) for s in found.stopped
            ])),
            "start": float(found.correct[:, 0].mean()),
            "random_half": float(found.random[:, :, len(found.filters) // 2].mean()),
            "half": float(found.correct[:, len(found.filters) // 2].mean()),
            "blocks": len(blocks),
            "relearned_kept": len(blocks[-1].kept) if blocks else 0,
            "relearned_agreement": (
                float(np.mean([one.agreement for one in removed])) if removed else None
            ),
            "relearned": said_of_relearning(again),
            "alpha": metrics.over_range(found.alphas, "range over seeds"),
        },
        "search": {
            "layers": tried.best.size["layers"], "scales": tried.best.size["J"],
            "orientations": tried.best.size["L"], "kept": tried.best.kept,
            "score": tried.best.score, "tried": len(tried.tried), "sizes": len(sizes_to_try(size)),
            "ended": "none was left" if ran_out else "it ended",
            "test": metrics.over_examples(tried.correct, "95 %, test crops"),
        },
        "expansion": {
            "drawn": float(max(moved.ratio[name].max() for name in SCATTERINGS)),
            "worst": float(max(moved.worst[name].max() for name in SCATTERINGS)),
        },
        "bent": {
            name: float(values[STRENGTHS.index(JUDGED)].mean())
            for name, values in moved.bent.items()
        },
        "shift": shift_of(moved),
        "neurons": neurons_of(predicted),
    }  # fmt: skip


def neurons_of(predicted: Predicted) -> dict[str, Any]:
    """What every model makes of the neurons, over neurons and sets of movies."""
    found: dict[str, Any] = {}
    for name, correlation in predicted.correlation.items():
        off = predicted.errors.get(name, {})
        known = correlation[np.isfinite(correlation)]
        found[name] = {
            "correlation": float(known.mean()) if len(known) else None,
            "within": float(within(off).mean()) if off else None,
            **{what: float(np.median(off[what])) if what in off else None for what in ERRORS},
        }
    return found


def arrays_of(
    size: Size, curves: Curves, found: Pruned, moved: Stability, predicted: Predicted
) -> dict[str, np.ndarray]:
    """Curves, filters and tunings of the page."""
    count, seed = size.counts[-1], size.seeds[0]
    arrays: dict[str, np.ndarray] = {
        "strengths": np.array(STRENGTHS), "shifts": moved.shifts, "bound": moved.bound,
    }  # fmt: skip
    for name, values in moved.read.items():
        arrays[f"shifted_read_{name}"] = values.mean(1)
    for name in stability.LABELS:
        arrays[f"bent_{name}"] = moved.bent[name].mean(1)
        arrays[f"shifted_{name}"] = moved.shifted[name].mean(1)
    banks: dict[str, Any] = {"fixed": bank_of("fixed", size)}
    for name in ("each", "rotated"):
        state = part(curves.pieces[name, count, seed], "bank")
        banks[name] = bank_with(state, name, size)
    for name, bank in banks.items():
        for what, values in bank.values().items():
            arrays[f"{name}_{what}"] = values.detach().double().numpy()
    arrays["pruned_test"] = found.correct.mean(2)
    arrays["pruned_random"] = found.random.mean(0)
    arrays["pruned_held"] = np.mean([path.curve()[:, 1] for path in found.paths], axis=0)
    for name, rar in predicted.rar.items():
        arrays[f"rar_{name}"] = rar
    for name, tuning in {**predicted.tuning, "true": predicted.truth}.items():
        arrays |= {f"{what}_{name}": values for what, values in tuning.items()}
    return arrays
