"""Compare two results, value by value, with the tolerances of ``data/tolerances.csv``.

A value is a number under its dotted key, a column of a table (``tables.NAME.COLUMN``) or an array
(``arrays.NAME``). Floats need a row of the file: the first whose chapter and key pattern match is
taken, for each element. Everything else has to be equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from awdlib import results

FILE = Path(__file__).resolve().parents[1] / "data" / "tolerances.csv"


@dataclass(frozen=True)
class Tolerance:
    """How far a value may move, and why."""

    chapter: str
    key: str
    atol: float
    rtol: float
    spread_key: str
    reason: str

    def allows(self, accepted: np.ndarray) -> np.ndarray:
        """Return the largest difference from the accepted value, element by element."""
        return self.atol + self.rtol * np.abs(accepted)


def read_tolerances(path: Path = FILE) -> list[Tolerance]:
    """Read the rows, in their order."""
    rows = pd.read_csv(path, keep_default_na=False).to_dict("records")
    return [
        Tolerance(**row | {"atol": float(row["atol"]), "rtol": float(row["rtol"])}) for row in rows
    ]


def values(stored: results.Results) -> dict[str, np.ndarray]:
    """Return everything that is stored, each as an array under its key."""
    found = {key: np.asarray(value) for key, value in results.flatten(stored.numbers)}
    for name, table in stored.tables.items():
        for column in table.columns:
            found[f"tables.{name}.{column}"] = np.asarray(table[column].tolist())
    return found | {f"arrays.{name}": array for name, array in stored.arrays.items()}


def find(rows: list[Tolerance], chapter: str, key: str) -> Tolerance | None:
    """Return the first row for a value, else None."""
    matching = (r for r in rows if fnmatchcase(chapter, r.chapter) and fnmatchcase(key, r.key))
    return next(matching, None)


def faults(
    chapter: str, old: dict[str, np.ndarray], new: dict[str, np.ndarray], rows: list[Tolerance]
) -> Iterator[str]:
    """Yield one line for each value that is gone, that came, or that moved too far."""
    yield from (f"{key}: gone" for key in old if key not in new)
    yield from (f"{key}: not in the accepted results" for key in new if key not in old)
    for key in [key for key in old if key in new]:
        yield from _value_faults(chapter, key, old[key], new[key], rows)


def _value_faults(
    chapter: str, key: str, old: np.ndarray, new: np.ndarray, rows: list[Tolerance]
) -> Iterator[str]:
    row = find(rows, chapter, key)
    if old.shape != new.shape or old.dtype.kind != new.dtype.kind:
        yield f"{key}: {new.dtype} of shape {new.shape}, accepted {old.dtype} of shape {old.shape}"
    elif old.dtype.kind not in "fc":
        if not np.array_equal(old, new):
            yield f"{key}: {new}, accepted {old}"
    elif row is None:
        yield f"{key}: no row of tolerances.csv matches"
    else:
        near = (np.abs(new - old) <= row.allows(old)) | (np.isnan(old) & np.isnan(new))
        for i in np.argwhere(~near)[:3]:
            at = tuple(i)
            yield f"{key}: {new[at]} at {at}, accepted {old[at]} ± {row.allows(old[at])}"


def too_wide(chapter: str, accepted: results.Results, rows: list[Tolerance]) -> Iterator[str]:
    """Yield the values whose tolerance exceeds the spread over seeds that its row names."""
    for key, value in values(accepted).items():
        row = find(rows, chapter, key) if value.dtype.kind in "fc" else None
        if row and row.spread_key and np.nanmax(row.allows(value)) > accepted[row.spread_key]:
            yield f"{key}: ± {np.nanmax(row.allows(value))}, but {row.spread_key} is smaller"


def mutants(
    chapter: str, old: dict[str, np.ndarray], rows: list[Tolerance], most: int = 50
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each value again and again, each time moved in one place by three tolerances.

    Every number and every cell of a table; of an array with more than `most` elements, so many.
    """
    rng = np.random.default_rng(0)
    for key, value in old.items():
        row = find(rows, chapter, key)
        if value.dtype.kind not in "fc" or row is None:
            continue
        # in double precision, so that three tolerances do not vanish in rounding
        wide = value.astype(np.result_type(value, np.float64))
        for i in rng.permutation(np.flatnonzero(~np.isnan(wide)))[:most]:
            moved = wide.copy()
            moved.flat[i] += 3 * row.allows(wide.flat[i])
            if moved.flat[i] == wide.flat[i]:  # a tolerance of nothing, or lost in rounding
                moved.flat[i] = np.nextafter(wide.flat[i].real, np.inf)
            yield key, moved
