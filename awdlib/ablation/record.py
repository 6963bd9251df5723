"""What a run of the ablations stores: the tables, the numbers and the arrays of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from awdlib import filters, metrics, selection
from awdlib.ablation import planted, sources, tracks
from awdlib.ablation.fitting import Fitted
from awdlib.ablation.setup import Size, Study
from awdlib.ablation.sources import BROKEN, LEVEL, Source
from awdlib.ablation.tracks import REFERENCES, References
from awdlib.ablation.variants import FULL, LATTICE_LR

OVER = "95 %, test tracks and seeds"
AGAINST = (FULL, "db5", "random_best")


@dataclass(frozen=True)
class Compared:
    """Every variant and reference on the same test tracks.

    Attributes
    ----------
    rows : dict of name to numbers
        See `awdlib.selection.compare_r2`.
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
    rows, samples = selection.compare_r2(y, predictions, count=2000, seed=0)
    return Compared(rows, samples, len(y))


def predictions_of(
    fitted: Sequence[Fitted], references: References, permuted: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Test predictions of every variant and reference by name, and without the samples' order."""
    found = {f.variant.name: f.judged.prediction for f in fitted} | references.predictions
    return found | {f"permuted_{name}": one for name, one in permuted.items()}


def table_of_variants(
    fitted: Sequence[Fitted], compared: Compared, known: Mapping[str, Source], study: Study
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
    records, signals, timed = [], study.signals, study.timed
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
            "teacher_r2": source.r2(signals.y_test) if source else None,
            "lam": float(np.median(one.lam)), "gamma": float(np.median(one.gamma)),
            "cv_r2": float(one.judged.cv_r2.mean()),
            "compression": float(tracks.compressions(
                one.h, known["network"], signals, one.variant.level
            ).mean()),
            "spread": float(np.median(apart)) if len(apart) else None,
            "valid": float(np.mean([filters.validity(h).ok() for h in one.h])),
            "seconds": source.seconds if source and timed else None,
        }  # fmt: skip
        records.append(record)
    frame = pd.DataFrame(records)
    return frame.astype({c: "Float64" for c in ("sd", "teacher_r2", "spread", "seconds")})


def table_of_planted(fitted: Sequence[planted.Found], control: np.ndarray) -> pd.DataFrame:
    """A row a variant on the planted wavelet: median, least and largest distance over seeds."""
    records = []
    for one in fitted:
        record: dict[str, Any] = {
            "group": one.variant.group, "name": one.variant.name, "label": one.variant.label,
            "teacher_r2": float(np.mean(one.r2)),
        }  # fmt: skip
        for rule, values in (("oracle", one.oracle), ("blind", one.blind)):
            there = values[np.isfinite(values)]
            for what, of in (("", np.median), ("_low", np.min), ("_high", np.max)):
                record[rule + what] = float(of(there)) if len(there) else None
            record[f"{rule}_seeds"] = len(there)
        records.append(record | {"seeds": len(one.oracle)})
    records.append({
        "group": "control", "name": "random", "label": "a random wavelet chosen as blindly",
        "seeds": len(control), "blind": float(np.median(control)),
        "blind_low": float(control.min()), "blind_high": float(control.max()),
        "blind_seeds": len(control), "oracle_seeds": 0,
    })  # fmt: skip
    frame = pd.DataFrame(records)
    numbers = [c for c in frame if c not in ("group", "name", "label") and "seeds" not in c]
    return frame.astype(dict.fromkeys(numbers, "Float64"))


def table_of_order(compared: Compared) -> pd.DataFrame:
    """R² with the samples of every track in another order, beside R² as they are (D-1)."""
    labels, records = {"awd": "AWD", **REFERENCES}, []
    for name, label in labels.items():
        row = compared.rows[f"permuted_{name}"]
        plain = compared.rows[FULL if name == "awd" else name]
        records.append({
            "name": name, "label": label, "r2": row["r2"], "low": row["r2_low"],
            "high": row["r2_high"], "r2_in_order": plain["r2"],
        })  # fmt: skip
    return pd.DataFrame(records)


def claims_of(
    compared: Compared, on_planted: Sequence[planted.Found], start: float
) -> dict[str, Any]:
    """The quantities of the claims, and of the text's sentences.

    Parameters
    ----------
    compared : Compared
        With the predictions of `tracks.without_order`, their names after ``permuted_``.
    on_planted : sequence of planted.Found
    start : float
        Distance of the planted problem's start.
    """
    made: dict[str, Any] = {
        f"full_minus_{name}": compared.difference(FULL, name)
        for name in compared.rows
        if name != FULL and not name.startswith("permuted_")
    }
    made["random_best_minus_db5"] = compared.difference("random_best", "db5")
    broken = [f"teacher_{name}" for name in BROKEN]
    value = np.mean([compared.rows[name]["r2"] for name in broken])
    samples = np.mean([compared.samples[name] for name in broken], 0)
    made["full_minus_broken"] = metrics.estimate(
        compared.rows[FULL]["r2"] - value, compared.samples[FULL] - samples, compared.n, OVER
    )
    made["gamma_zero_first"] = compared.difference("random_taps_first", "random_taps_cold")
    made["random_spread"] = more_spread(
        compared.rows["random_taps"]["r2_sd"], compared.rows[FULL]["r2_sd"],
        compared.rows[FULL]["members"],
    )  # fmt: skip
    made["benefit_without_order"] = _benefit_lost(compared)
    made["planted_broken_minus_full"] = planted_difference(on_planted, start)
    return made


def more_spread(sd: float | None, other: float | None, count: int) -> dict[str, Any]:
    """A standard deviation over so many members less another, with its 95 % interval.

    By the chi-square distribution of either variance; absent where fewer than three members.
    """
    if sd is None or other is None or count < 3:
        return dict(metrics.ABSENT)
    rng = np.random.default_rng(0)
    first, second = (
        s * np.sqrt((count - 1) / rng.chisquare(count - 1, size=20_000)) for s in (sd, other)
    )
    return metrics.estimate(sd - other, first - second, count, "95 %, seeds")


def _benefit_lost(compared: Compared) -> dict[str, Any]:
    """AWD's lead over ridge regression without the order of samples, less that with it."""

    def lead(of: Mapping[str, Any], before: str, awd: str) -> Any:
        return of[f"{before}{awd}"] - of[f"{before}ridge"]

    r2 = {name: row["r2"] for name, row in compared.rows.items()}
    value = lead(r2, "permuted_", "awd") - lead(r2, "", FULL)
    samples = lead(compared.samples, "permuted_", "awd") - lead(compared.samples, "", FULL)
    return metrics.estimate(value, samples, compared.n, OVER)


def planted_difference(fitted: Sequence[planted.Found], start: float) -> dict[str, Any]:
    """Distance by the *nearest* of the broken teachers less that by the network, chosen blindly.

    Where a grid has no valid filter, none was found: the distance of the start counts.
    """
    by = {one.variant.name: np.nan_to_num(one.blind, nan=start) for one in fitted}
    off = np.min([by[f"teacher_{name}"] for name in BROKEN], 0) - by[FULL]
    return metrics.over_range(off, "range over seeds")


def numbers_of(
    size: Size,
    data: Mapping[str, Any],
    compared: Compared,
    claims: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    scales: Mapping[str, Any],
    contextual: Mapping[str, Any],
    start: float,
) -> dict[str, Any]:
    """All numbers of the page, nested."""
    return {
        "data": dict(data),
        "size": {
            "seeds": len(size.seeds), "budget": size.budget, "draws": size.draws,
            "epochs": size.epochs, "planted_seeds": len(size.planted_seeds),
            "planted_n": size.planted.n, "orders": size.orders,
            "variants": len(tables["variants"]), "by_chance": 0.05 * (len(tables["variants"]) - 1),
            "disturbed": sources.DISTURBED, "step": sources.STEP, "lattice_lr": LATTICE_LR,
        },
        "references": {name: compared.rows[name] for name in REFERENCES},
        "variants": _nested(tables["variants"]),
        "planted": {**_nested(tables["planted"]), "start": start},
        "order": _nested(tables["order"]),
        "claims": dict(claims),
        "words": {
            key: metrics.in_words(found)
            for key, found in claims.items()
            if key.startswith(("full_minus_", "random_best_minus_", "gamma_zero"))
        },
        "shares": shares(compared),
        "scales": dict(scales),
        "contextual": dict(contextual),
    }  # fmt: skip


def shares(compared: Compared) -> dict[str, Any]:
    """How much of AWD's gain over DB5 is there without what AWD adds, one thing at a time.

    A share is (R² of the stand-in − DB5) / (AWD − DB5); None where the gain's interval holds 0.
    """
    gain = compared.difference(FULL, "db5")
    names = {
        "silent": "without a network", "teacher_untrained": "with an untrained network",
        "random_any": "with a wavelet drawn at random",
    }  # fmt: skip
    found: dict[str, Any] = {"gain": gain["estimate"]}
    for name in names:
        part = compared.rows[name]["r2"] - compared.rows["db5"]["r2"]
        found[name] = float(part / gain["estimate"]) if gain["low"] > 0 else None
    if gain["low"] > 0:
        parts = ", ".join(f"{found[n]:.0%} is there {label}" for n, label in names.items())
        found["words"] = f"Of AWD's gain over DB5, {parts}."
    else:
        found["words"] = (
            "AWD's gain over DB5 cannot be told from none on these test tracks, so there is "
            "nothing to share out."
        )
    return found


def scales_of(fitted: Sequence[Fitted], samples: int) -> dict[str, Any]:
    """Which number of scales and which filter length would be chosen, by two rules (D-2).

    ``level`` and ``taps`` are cross-validation's choice. ``rule_level`` and ``rule_taps`` are
    PyWavelets' rule, which asks for bands at least as long as the filter: the most scales for ten
    taps, and the most taps for four scales. Each with its R² on the test tracks, if it was fitted.
    """
    import pywt

    by = {one.variant.name: one for one in fitted}
    level = {one.variant.level: one for one in fitted if one.variant.group == "scales"}
    taps = {one.h.shape[-1]: one for one in fitted if one.variant.group == "taps"}
    level[LEVEL], taps[by[FULL].h.shape[-1]] = by[FULL], by[FULL]
    allowed = {
        "level": max(1, pywt.dwt_max_level(samples, 10)),
        "taps": max(
            n for n in range(2, 40, 2) if n == 2 or pywt.dwt_max_level(samples, n) >= LEVEL
        ),
    }  # fmt: skip
    found: dict[str, Any] = {}
    for what, group in (("level", level), ("taps", taps)):
        best = max(group, key=lambda value: group[value].judged.cv_r2.mean())
        for rule, value in (("", best), ("rule_", allowed[what])):
            one = group.get(value)
            found[rule + what] = value
            found[f"{rule}{what}_r2"] = float(one.judged.r2.mean()) if one else None
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
