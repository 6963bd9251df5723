"""The ablations' results as a page shows them: lines of figures, tables as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from awdlib.ablation.sources import LEVEL
from awdlib.ablation.tracks import REFERENCES
from awdlib.ablation.variants import FULL, is_broken

GAIN = (
    "db5", "silent", "teacher_noise", "teacher_disordered", "teacher_untrained",
    "teacher_shuffled", FULL, "teacher_authors", "random_any", "random_best", "ridge", "network",
)  # fmt: skip
KINDS = {
    "db5": "standard", "random_any": "control", "random_best": "control", "ridge": "control",
    "network": "network",
}  # fmt: skip


def _kind(name: str) -> str:
    return "broken" if is_broken(name) else KINDS.get(name, "awd")


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
            how = f"taught by {one['label']}" if one["group"] == "teacher" else one["label"]
            label = "AWD" if name == FULL else f"AWD {how}"
            found = {"label": label, "r2": one["r2"], "low": one["low"], "high": one["high"]}
        else:
            continue
        rows.append({**found, "kind": _kind(name), "line": name == FULL})
    return rows


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
    given = (("number of scales J", "level", float(LEVEL)), ("filter length, taps", "taps", 10.0))
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
    "valid": ("wavelets'", ".0%"), "teacher_r2": ("teacher's R²", ".3f"),
    "seconds": ("s, gradients", ".2f"),
}  # fmt: skip


ONLY = {"teacher_r2": "teacher", "seconds": "attribution"}  # columns that one group is about


def variants(frame: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """The variants of some groups as text for a page, AWD itself first; differences with intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `awdlib.ablation.record.table_of_variants`.
    groups : sequence of str
        Of `awdlib.ablation.variants.GROUPS`.
    """
    rows = []
    for one in frame.to_dict("records"):
        if one["group"] not in groups and one["name"] != FULL:
            continue
        row = {"": one["label"]}
        for key, (head, form) in COLUMNS.items():
            if ONLY.get(key, groups[0]) not in groups:
                continue
            text = "—" if pd.isna(one.get(key)) else f"{one[key]:{form}}"
            if key.startswith("minus"):
                text += f" [{one[key + '_low']:+.3f}, {one[key + '_high']:+.3f}]"
            row[head] = "" if key == "minus_full" and one["name"] == FULL else text
        rows.append(row)
    return pd.DataFrame(rows).set_index("").rename_axis(None)


def contextual(frame: pd.DataFrame) -> pd.DataFrame:
    """The small experiment with contextual decomposition as text for a page."""
    columns = {
        "r2": ("R²", ".3f"), "moved": ("from DB5", ".2f"),
        "from_saliency": ("from saliency's", ".2f"), "compression": ("compression", ".2f"),
        "spread": ("seeds apart", ".2f"), "seconds": ("s a fit", ".1f"),
    }  # fmt: skip
    rows = [
        {"": one["label"]}
        | {
            head: "—" if pd.isna(one.get(key)) else f"{one[key]:{form}}"
            for key, (head, form) in columns.items()
        }
        for one in frame.to_dict("records")
    ]
    return pd.DataFrame(rows).set_index("").rename_axis(None)
