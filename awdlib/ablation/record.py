"""What a run of the ablations stores: the tables, the numbers and the arrays of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from awdlib import experiments, filters, metrics
from awdlib.ablation import planted, tracks
from awdlib.ablation.setup import Size
from awdlib.ablation.sources import BROKEN, Source
from awdlib.ablation.tracks import FULL, REFERENCES, Fitted, References

OVER = "95 %, test tracks and seeds"
AGAINST = (FULL, "db5", "random_best")


@dataclass(frozen=True)
class Compared:
    """Every variant and reference on the same test tracks.

    Attributes
    ----------
    rows : dict of name to numbers
        See `awdlib.experiments.compare_r2`.
    samples : dict of name to numpy.ndarray
        Bootstrap R², paired.
    n : int
        Test tracks.
    """

    rows: dict[str, dict[str, Any]]
    samples: dict[str, np.ndarray]
    n: int

    def difference(self, name: str, other: str) -> dict[str, Any]:
        """R² of one minus R² of the other, as a claim's quantity."""
        value = self.rows[name]["r2"] - self.rows[other]["r2"]
        return metrics.estimate(value, self.samples[name] - self.samples[other], self.n, OVER)


def compare(y: np.ndarray, predictions: Mapping[str, np.ndarray]) -> Compared:
    """R² of all predictions on the same bootstrap samples of test tracks (and of seeds)."""
    rows, samples = experiments.compare_r2(y, predictions, count=2000, seed=0)
    return Compared(rows, samples, len(y))


def predictions_of(fitted: Sequence[Fitted], references: References) -> dict[str, np.ndarray]:
    """Test predictions of every variant and reference by name."""
    return {f.variant.name: f.judged.prediction for f in fitted} | references.predictions


def table_of_variants(
    fitted: Sequence[Fitted], compared: Compared, known: Mapping[str, Source], signals: Any
) -> pd.DataFrame:
    """A row a variant: its R² with interval, against AWD, DB5 and random wavelets, and its shape.

    Returns
    -------
    pandas.DataFrame
        ``group``, ``name``, ``label``, ``r2`` (mean over seeds), ``low``, ``high``, ``sd`` (over
        seeds), ``minus_full``, ``minus_db5``, ``minus_random_best`` with ``_low`` and ``_high``,
        ``teacher_r2``, ``lam``, ``gamma`` (medians of what cross-validation chose), ``cv_r2``,
        ``compression`` (by the network's saliency, training tracks), ``spread`` (median distance
        between the wavelets of two seeds), ``valid`` (share that are wavelets'), ``seconds``.
    """
    records = []
    for one in fitted:
        name, row = one.variant.name, compared.rows[one.variant.name]
        record: dict[str, Any] = {
            "group": one.variant.group, "name": name, "label": one.variant.label,
            "r2": row["r2"], "low": row["r2_low"], "high": row["r2_high"], "sd": row["r2_sd"],
        }  # fmt: skip
        for other in AGAINST:
            found = compared.difference(name, other)
            record |= {
                f"minus_{other}": found["estimate"], f"minus_{other}_low": found["low"],
                f"minus_{other}_high": found["high"],
            }  # fmt: skip
        source = known.get(one.variant.source or "")
        apart = tracks.spread(one.h)
        record |= {
            "teacher_r2": _teacher_r2(source, signals.y_test),
            "lam": float(np.median(one.lam)), "gamma": float(np.median(one.gamma)),
            "cv_r2": float(one.judged.cv_r2.mean()),
            "compression": float(tracks.compressions(one, known, signals).mean()),
            "spread": float(np.median(apart)) if len(apart) else None,
            "valid": float(np.mean([filters.validity(h).ok() for h in one.h])),
            "seconds": one.seconds,
        }  # fmt: skip
        records.append(record)
    frame = pd.DataFrame(records)
    return frame.astype({c: "Float64" for c in ("sd", "teacher_r2", "spread", "seconds")})


def table_of_planted(fitted: Sequence[planted.Fitted], control: np.ndarray) -> pd.DataFrame:
    """A row a variant on the planted wavelet: median, least and largest distance over seeds."""
    records = []
    for one in fitted:
        record: dict[str, Any] = {
            "group": one.variant.group, "name": one.variant.name, "label": one.variant.label,
            "teacher_r2": float(np.mean(one.r2)),
        }  # fmt: skip
        for rule, values in (("oracle", one.oracle), ("blind", one.blind)):
            known = values[np.isfinite(values)]
            for what, of in (("", np.median), ("_low", np.min), ("_high", np.max)):
                record[rule + what] = float(of(known)) if len(known) else None
        records.append(record | {"seeds": len(one.oracle)})
    records.append({
        "group": "control", "name": "random", "label": "a random wavelet chosen as blindly",
        "seeds": len(control), "blind": float(np.median(control)),
        "blind_low": float(control.min()), "blind_high": float(control.max()),
    })  # fmt: skip
    frame = pd.DataFrame(records)
    numbers = [c for c in frame if c not in ("group", "name", "label", "seeds")]
    return frame.astype(dict.fromkeys(numbers, "Float64"))


def table_of_order(permuted: Compared, plain: Compared) -> pd.DataFrame:
    """R² with the samples of every track in another order, beside R² as they are (D-1)."""
    labels = {"awd": "AWD", **REFERENCES}
    records = [
        {
            "name": name, "label": labels[name],
            "r2": row["r2"], "low": row["r2_low"], "high": row["r2_high"],
            "r2_in_order": plain.rows[FULL if name == "awd" else name]["r2"],
        }
        for name, row in permuted.rows.items()
    ]  # fmt: skip
    return pd.DataFrame(records)


def claims_of(
    compared: Compared, permuted: Compared, on_planted: Sequence[planted.Fitted]
) -> dict[str, Any]:
    """The quantities of the claims, and of the text's sentences."""
    made: dict[str, Any] = {
        f"full_minus_{name}": compared.difference(FULL, name)
        for name in (*REFERENCES, *(n for n in compared.rows if n not in (*REFERENCES, FULL)))
    }
    made["random_best_minus_db5"] = compared.difference("random_best", "db5")
    made["no_interpretation_minus_db5"] = compared.difference("no_interpretation", "db5")
    broken = [f"teacher_{name}" for name in BROKEN]
    value = np.mean([compared.rows[name]["r2"] for name in broken])
    samples = np.mean([compared.samples[name] for name in broken], 0)
    made["full_minus_broken"] = metrics.estimate(
        compared.rows[FULL]["r2"] - value, compared.samples[FULL] - samples, compared.n, OVER
    )
    made["gamma_zero_first"] = compared.difference("random_taps", "random_taps_cold")
    made["random_spread"] = _more_spread(compared)
    made["permuted_awd_minus_network"] = permuted.difference("awd", "network")
    made["planted_broken_minus_full"] = _planted_difference(on_planted)
    return made


def _more_spread(compared: Compared) -> dict[str, Any]:
    """Standard deviation of R² over random starts less that over seeds from DB5.

    Without an interval where there are fewer than three seeds.
    """
    random, steady = (compared.rows[name]["r2_sd"] for name in ("random_taps", FULL))
    count = compared.rows[FULL]["members"]
    if random is None or steady is None or count < 3:
        return dict(metrics.ABSENT)
    # chi square: a standard deviation of so few has an interval of its own
    from scipy import stats

    rng = np.random.default_rng(0)
    drawn = [s * np.sqrt(stats.chi2.rvs(count - 1, size=4000, random_state=rng) / (count - 1))
             for s in (random, steady)]  # fmt: skip
    return metrics.estimate(random - steady, drawn[0] - drawn[1], count, "95 %, seeds")


def _planted_difference(fitted: Sequence[planted.Fitted]) -> dict[str, Any]:
    """Distance by broken teachers less distance by the network, chosen blindly; over seeds."""
    by = {one.variant.name: one for one in fitted}
    good = by["full"].blind
    bad = np.nanmean([by[f"teacher_{name}"].blind for name in BROKEN], 0)
    off = bad - good
    off = off[np.isfinite(off)]
    return metrics.over_range(off, "range over seeds") if len(off) else dict(metrics.ABSENT)


def numbers_of(
    size: Size,
    data: Mapping[str, Any],
    compared: Compared,
    claims: Mapping[str, Any],
    variants: pd.DataFrame,
    on_planted: pd.DataFrame,
    order: pd.DataFrame,
    scales: Mapping[str, Any],
    way: Mapping[str, Any],
    start: float,
) -> dict[str, Any]:
    """All numbers of the page, nested."""
    return {
        "data": dict(data),
        "size": {
            "seeds": len(size.seeds), "budget": size.budget, "draws": size.draws,
            "epochs": size.epochs, "planted_seeds": len(size.planted_seeds),
            "planted_n": size.planted.n,
        },
        "references": {name: compared.rows[name] for name in REFERENCES},
        "variants": _nested(variants),
        "planted": _nested(on_planted) | {"start": start},
        "order": _nested(order),
        "claims": dict(claims),
        "words": {key: metrics.in_words(found) for key, found in claims.items()},
        "shares": shares(compared),
        "scales": dict(scales),
        "reference": dict(way),
    }  # fmt: skip


def shares(compared: Compared) -> dict[str, float | None]:
    """How much of AWD's gain over DB5 is there without what AWD adds, one thing at a time.

    A share is (R² of the stand-in − DB5) / (AWD − DB5); None where AWD gains less than .005.
    """
    gain = compared.rows[FULL]["r2"] - compared.rows["db5"]["r2"]
    names = ("no_interpretation", "teacher_untrained", "teacher_shuffled", "random_any",
             "random_best")  # fmt: skip
    found: dict[str, float | None] = {"gain": float(gain)}
    for name in names:
        part = compared.rows[name]["r2"] - compared.rows["db5"]["r2"]
        found[name] = float(part / gain) if gain > 0.005 else None
    return found


def scales_of(fitted: Sequence[Fitted], samples: int) -> dict[str, Any]:
    """Which number of scales and which filter length cross-validation would choose (D-2).

    ``rule`` is PyWavelets' rule: as many scales as leave a band at least as long as the filter.
    """
    import pywt

    by = {one.variant.name: one for one in fitted}
    levels = {n: one for n, one in by.items() if one.variant.group == "scales"}
    taps = {n: one for n, one in by.items() if one.variant.group == "taps"}
    found: dict[str, Any] = {"rule": max(1, pywt.dwt_max_level(samples, 10))}
    for what, group in (("level", levels), ("taps", taps)):
        every = {**group, FULL: by[FULL]}
        best = max(every, key=lambda name: every[name].judged.cv_r2.mean())
        one = every[best]
        found |= {
            what: one.variant.level if what == "level" else one.h.shape[-1],
            f"{what}_r2": float(one.judged.r2.mean()),
        }  # fmt: skip
    return found


def arrays_of(fitted: Sequence[Fitted], references: References) -> dict[str, np.ndarray]:
    """The chosen filters of every variant, and the chosen random wavelets."""
    found = {f"h_{one.variant.name}": one.h.cpu().numpy() for one in fitted}
    return found | {"h_random_best": references.winners.numpy()}


def _nested(frame: pd.DataFrame) -> dict[str, Any]:
    """Rows by name, their numbers as plain ones, None where there is none."""
    rows = frame.drop(columns=[c for c in ("group", "label") if c in frame]).set_index("name")
    return {
        str(name): {key: None if pd.isna(value) else float(value) for key, value in row.items()}
        for name, row in rows.to_dict("index").items()
    }


def _teacher_r2(source: Source | None, y: np.ndarray) -> float | None:
    if source is None or source.prediction is None:
        return None
    return float(np.mean([metrics.r2_score(y, p) for p in source.prediction]))


# --- for the page ---------------------------------------------------------------------------------

GAIN = (
    "db5", "no_interpretation", "teacher_noise", "teacher_swapped", "teacher_untrained",
    "teacher_shuffled", FULL, "teacher_authors", "random_any", "random_best", "ridge", "network",
)  # fmt: skip
KINDS = {
    "db5": "standard", "random_any": "control", "random_best": "control", "ridge": "control",
    "network": "network",
}  # fmt: skip


def _kind(name: str) -> str:
    return "broken" if tracks.is_broken(name) else KINDS.get(name, "awd")


def gain_rows(res: Any) -> list[dict[str, Any]]:
    """Lines of the first figure: those of `GAIN` that are there."""
    frame = res.tables["variants"].set_index("name")
    rows = []
    for name in GAIN:
        if name in REFERENCES:
            one = res["references"][name]
            found = {"label": REFERENCES[name], "r2": one["r2"], "low": one["r2_low"],
                     "high": one["r2_high"]}  # fmt: skip
        elif name in frame.index:
            one = frame.loc[name]
            label = "AWD" if name == FULL else f"AWD {_how(name)}"
            found = {"label": label, "r2": one["r2"], "low": one["low"], "high": one["high"]}
        else:
            continue
        rows.append({**found, "kind": _kind(name), "line": name == FULL})
    return rows


def _how(name: str) -> str:
    if name == "no_interpretation":
        return "without a network (γ = 0)"
    teacher = name.removeprefix("teacher_")
    return {
        "noise": "taught by white noise", "swapped": "taught by gradients of other tracks",
        "untrained": "taught by an untrained network",
        "shuffled": "taught by a network of shuffled targets",
        "authors": "taught by the authors' network",
    }[teacher]  # fmt: skip


def planted_rows(res: Any) -> list[dict[str, Any]]:
    """Lines of the planted wavelet's figure."""
    frame = res.tables["planted"]
    rows = []
    for one in frame.to_dict("records"):
        kind = "control" if one["name"] == "random" else _kind(one["name"])
        plain = {k: None if pd.isna(v) else v for k, v in one.items()}
        rows.append({**plain, "kind": kind})
    return rows


def scale_points(res: Any) -> dict[str, list[tuple[float, float, float, float, float]]]:
    """(value, cv_r2, r2, low, high) by number of scales and by filter length."""
    frame = res.tables["variants"]
    found: dict[str, list[tuple[float, float, float, float, float]]] = {}
    given = (("number of scales J", "level", 4.0), ("filter length, taps", "taps", 10.0))
    for label, group, own in given:
        points: list[tuple[float, float, float, float, float]] = []
        for one in frame.to_dict("records"):
            if one["name"].startswith(f"{group}_"):
                value = float(one["name"].split("_")[1])
            elif one["name"] == FULL:
                value = own
            else:
                continue
            points.append((value, one["cv_r2"], one["r2"], one["low"], one["high"]))
        found[label] = points
    return found


COLUMNS = {
    "r2": ("R²", ".3f"), "sd": ("sd, seeds", ".3f"), "minus_full": ("minus AWD", "+.3f"),
    "minus_random_best": ("minus best random", "+.3f"), "gamma": ("γ", ".2g"),
    "compression": ("compression", ".2f"), "spread": ("seeds apart", ".2f"),
    "valid": ("wavelets'", ".0%"), "teacher_r2": ("teacher's R²", ".3f"), "seconds": ("s", ".1f"),
}  # fmt: skip


def printed(frame: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """The variants of some groups as text for a page, AWD itself first; differences with intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `table_of_variants`.
    groups : sequence of str
        Of `tracks.GROUPS`.
    """
    rows = []
    for one in frame.to_dict("records"):
        if one["group"] not in groups and one["name"] != FULL:
            continue
        row = {"": one["label"]}
        for key, (head, form) in COLUMNS.items():
            text = "—" if pd.isna(one[key]) else f"{one[key]:{form}}"
            if key.startswith("minus"):
                text += f" [{one[key + '_low']:+.3f}, {one[key + '_high']:+.3f}]"
            row[head] = "" if key == "minus_full" and one["name"] == FULL else text
        rows.append(row)
    return pd.DataFrame(rows).set_index("").rename_axis(None)


def printed_contextual(frame: pd.DataFrame) -> pd.DataFrame:
    """The small experiment with contextual decomposition as text for a page."""
    rows = [
        {
            "": one["label"], "R²": f"{one['r2']:.3f}",
            "sd, seeds": "—" if pd.isna(one["sd"]) else f"{one['sd']:.3f}",
            "s a fit": "—" if pd.isna(one["seconds"]) else f"{one['seconds']:.1f}",
        }
        for one in frame.to_dict("records")
    ]  # fmt: skip
    return pd.DataFrame(rows).set_index("").rename_axis(None)
