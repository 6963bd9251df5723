"""What the paper published, and the rule by which each of its claims is judged.

Numbers and rules are data, in ``data/paper/*.csv``; a rule is committed before the run that it
judges. `data/README.md` says how they were transcribed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

FOLDER = Path(__file__).resolve().parents[1] / "data" / "paper"

REPRODUCED = "reproduced"
DIRECTION_ONLY = "direction only"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "not testable here"
VERDICTS = (REPRODUCED, DIRECTION_ONLY, NOT_REPRODUCED, NOT_TESTABLE)

TEXT_COLUMNS = ("table", "row", "column", "unit", "better", "source", "note")
CLAIM_TEXT_COLUMNS = (
    "id", "inventory", "where", "claim", "chapter", "quantity", "relation", "note",
)  # fmt: skip


def _read(name: str, text_columns: tuple[str, ...]) -> pd.DataFrame:
    path = FOLDER / f"{name}.csv"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.csv"))) or "none"
        raise ValueError(f"no published table is called {name!r}; known are: {known}")
    frame = pd.read_csv(path, dtype=dict.fromkeys(text_columns, str))
    text = frame[list(text_columns)].fillna("")
    return frame.assign(**{column: text[column] for column in text_columns})


def published(table: str, *, source: str | None = "paper") -> pd.DataFrame:
    """Return a published table, one number a row.

    Parameters
    ----------
    table : str
        "table1", "table2" or "cosmologies" (Table D1).
    source : str or None
        "paper" for the printed table; "authors-notebook" or "authors-report" for what the authors
        show elsewhere; None for all.

    Returns
    -------
    pandas.DataFrame
        Columns table, row, column, value, uncertainty, unit, better, source, note. `value` and
        `uncertainty` are in units of `unit` and NaN where the paper has none.

    Raises
    ------
    ValueError
        If there is no such table.
    """
    frame = _read(table, TEXT_COLUMNS)
    if source is not None:
        frame = frame[frame["source"] == source].reset_index(drop=True)
    return frame


def cosmologies() -> pd.DataFrame:
    """Return Table D1: ten rows of m_nu (eV), Omega_m and A_s (in units of 1e-9)."""
    frame = published("cosmologies").astype({"row": int})
    wide = frame.pivot(index="row", columns="column", values="value")
    return wide[["m_nu", "Omega_m", "A_s"]].rename_axis(index=None, columns=None)


def peak_histograms() -> pd.DataFrame:
    """Return the real maps' mean peak histograms that the authors' notebook shows (Fig. D1).

    Returns
    -------
    pandas.DataFrame
        Columns statistic (height, laplace, roberts), cosmology (row of Table D1), bin, low, high,
        peaks: read off the figure to three counts where it is flat, worse on steep flanks. Hidden
        bins are left out.
    """
    return _read("peak_histograms", ("statistic",))


def claims(chapter: str | None = None) -> pd.DataFrame:
    """Return the paper's claims with their rules, of one chapter or of all.

    Columns: id, inventory, where, claim, chapter, quantity (the results key that is judged),
    relation and bound (the rule), paper_value, size_low and size_high (the estimates that count as
    the same size; NaN where any does), note. The relation "=" marks a published number: `bound` is
    that number, and its quantity may be any number of the results, or ``tables.name.row.column``.
    """
    frame = _read("claims", CLAIM_TEXT_COLUMNS)
    if chapter is not None:
        frame = frame[frame["chapter"] == chapter].reset_index(drop=True)
    return frame


def quantities(chapter: str) -> list[str]:
    """Return the keys below ``claims`` that the claims of a chapter are judged by."""
    frame = claims(chapter)
    words = frame[frame["relation"] != "="]["quantity"]
    return [str(key).removeprefix("claims.") for key in words]


def verdict(
    estimate: float | None,
    low: float | None,
    high: float | None,
    *,
    relation: str,
    bound: float,
    size_low: float | None = None,
    size_high: float | None = None,
) -> str:
    """Judge one claim by its rule.

    Parameters
    ----------
    estimate, low, high : float or None
        The quantity and its interval. NaN or None means that it was not measured.
    relation : {">", "<", "="}
        On which side of `bound` the claim puts the quantity; "=" for a published number.
    bound : float
    size_low, size_high : float, optional
        Estimates that count as the same size as the paper's; NaN or None for no limit.

    Returns
    -------
    str
        "reproduced": estimate and whole interval lie beyond the bound, and the size is right;
        "direction only": the estimate does, but the interval includes the bound or the size is
        off; "not reproduced": the estimate does not; "not testable here": something is missing.
        Of a published number: "reproduced" if the estimate has its size; "direction only" if it has
        not, but the interval includes the number.

    Raises
    ------
    ValueError
        If `relation` is unknown, `bound` is no number, or `low` exceeds `high`.
    """
    if relation not in (">", "<", "="):
        raise ValueError(f"relation must be '>', '<' or '=', not {relation!r}")
    if not math.isfinite(bound):
        raise ValueError(f"bound must be a number, not {bound}")
    if relation == "=":
        return _verdict_of_number(estimate, low, high, bound, size_low, size_high)
    if estimate is None or low is None or high is None:
        return NOT_TESTABLE
    if math.isnan(estimate) or math.isnan(low) or math.isnan(high):
        return NOT_TESTABLE
    if low > high:
        raise ValueError(f"the interval [{low}, {high}] is upside down")
    sign = 1 if relation == ">" else -1
    if not sign * (estimate - bound) > 0:
        return NOT_REPRODUCED
    whole = min(sign * (low - bound), sign * (high - bound)) > 0
    large_enough = size_low is None or math.isnan(size_low) or estimate >= size_low
    small_enough = size_high is None or math.isnan(size_high) or estimate <= size_high
    return REPRODUCED if whole and large_enough and small_enough else DIRECTION_ONLY


def _verdict_of_number(
    estimate: float | None, low: float | None, high: float | None, published: float,
    size_low: float | None, size_high: float | None,
) -> str:  # fmt: skip
    if estimate is None or math.isnan(estimate):
        return NOT_TESTABLE
    if size_low is None or size_high is None or not size_low <= published <= size_high:
        raise ValueError(f"a published number, {published}, needs sizes that include it")
    if size_low <= estimate <= size_high:
        return REPRODUCED
    within = low is not None and high is not None and low <= published <= high
    return DIRECTION_ONLY if within else NOT_REPRODUCED


def _rule(relation: str, bound: float, size_low: float, size_high: float) -> str:
    """A claim's rule as text: the bound, and the estimates that count as the same size."""
    low, high = math.isfinite(size_low), math.isfinite(size_high)
    if relation == "=":
        return f"{size_low:g}" if size_low == size_high else f"{size_low:g} to {size_high:g}"
    size = {
        (True, True): f", same size from {size_low:g} to {size_high:g}",
        (True, False): f", same size from {size_low:g}", (False, True): f", to {size_high:g}",
    }  # fmt: skip
    return f"{relation} {bound:g}" + size.get((low, high), "")


INTERVALS = ("rmse", "distance")  # numbers whose interval is stored as plain ``low`` and ``high``


def _lookup(numbers: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return what is stored under a dotted key, flat or nested; empty if nothing is.

    A number is given what stands beside it: its interval (``r2_low``, ``r2_high``; plain ``low``
    and ``high`` beside those of `INTERVALS`) or its standard deviation over members (``r2_sd``).
    """
    if key in numbers:
        return numbers[key]
    group: Any = numbers
    *path, last = key.split(".")
    for part in path:
        group = group.get(part, {}) if isinstance(group, Mapping) else {}
    value = group.get(last) if isinstance(group, Mapping) else None
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, int | float):
        return {}
    ends = ("low", "high") if last in INTERVALS else (f"{last}_low", f"{last}_high")
    low, high = (group.get(end) for end in ends)
    if low is not None and high is not None:
        n = group.get("n", numbers.get("data", {}).get("n_test"))
        kind = "range over seeds" if "n" in group else "95 %, test examples"
        return {"estimate": value, "low": low, "high": high, "n": n, "kind": kind}
    sd = group.get(f"{last}_sd")
    if sd is not None:
        kind = f"sd over seeds {sd:.3f}"
        return {"estimate": value, "n": group.get("members"), "kind": kind}
    return {"estimate": value}


def _of_table(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the number of ``tables.name.row.column``, rows by their column ``name``."""
    _, table, row, column = key.split(".")
    if table not in tables:
        return {}
    found = tables[table].set_index("name")[column].get(row)
    return {} if found is None or pd.isna(found) else {"estimate": float(found)}


def judge(
    numbers: Mapping[str, Any],
    chapter: str,
    profile: str,
    source: str,
    tables: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Judge every claim of a chapter by the numbers of one run.

    Parameters
    ----------
    numbers : mapping
        The run's results; under each claim's `quantity` (nested, or one dotted key) a mapping of
        estimate, low, high and n.
    chapter : str
        Such as "cme".
    profile : {"smoke", "laptop", "paper"}
        A smoke run is never evidence: its verdicts are all "not testable here".
    tables : mapping of str to pandas.DataFrame, optional
        The run's tables, in which some published numbers are looked up.
    source : str
        Data source of the run; "simulated" data stand in for the paper's and never judge it.

    Returns
    -------
    pandas.DataFrame
        One row a claim: id, inventory, number (whether it is one), claim, paper, ours, low, high,
        n, kind (what the interval ranges over), data, profile, rule, verdict, note.
    """
    evidence = profile != "smoke" and source != "simulated"
    sized = numbers.get("data", {}).get("believable", True)
    rows = []
    for claim in claims(chapter).to_dict("records"):
        key = claim["quantity"]
        of_table = key.startswith("tables.")
        found = _of_table(tables or {}, key) if of_table else _lookup(numbers, key)
        estimate, low, high = (found.get(key) for key in ("estimate", "low", "high"))
        rule = {key: claim[key] for key in ("relation", "bound", "size_low", "size_high")}
        # a run may say that it is too small for the paper's numbers
        judged = evidence and (sized or claim["relation"] != "=")
        rows.append(
            {
                "id": claim["id"],
                "inventory": claim["inventory"],
                "number": claim["relation"] == "=",
                "claim": claim["claim"],
                "paper": claim["paper_value"],
                "ours": math.nan if estimate is None else estimate,
                "low": math.nan if low is None else low,
                "high": math.nan if high is None else high,
                "n": found.get("n"),
                "kind": found.get("kind", ""),
                "data": source,
                "profile": profile,
                "rule": _rule(**rule),
                "verdict": verdict(estimate, low, high, **rule) if judged else NOT_TESTABLE,
                "note": claim["note"],
            }
        )
    return pd.DataFrame(rows).astype({"n": "Int64"}) if rows else pd.DataFrame(rows)
