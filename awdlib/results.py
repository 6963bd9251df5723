"""Results are data: a chapter writes numbers, tables and arrays once, and everybody reads them.

A run writes only to ``data/runs/<chapter>/`` (or under ``AWD_RUNS_DIR``); accepted results lie in
``data/results/<chapter>/``, where only ``awd accept`` and ``awd refs`` write. Files are named by
their *stem*: the profile, or ``<profile>-simulated`` where a run that could have used real data had
to take simulated ones. ``<stem>.json`` holds the numbers and where they come from, and lists
``<table>_<stem>.csv`` and ``<stem>.npz`` with their hashes; it is written last, so that what it
lists is complete.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from awdlib import provenance
from awdlib.store import ResultsError, csv_bytes, npz_bytes, plain, read_record, to_json, write_set

PROFILES = ("smoke", "laptop", "paper")


class UnknownKey(KeyError):
    """A dotted key that no result has; says which keys are near."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the quotes of a repr


def root() -> Path:
    """Return the repository's folder (``AWD_ROOT`` names another, for tests)."""
    return Path(os.environ.get("AWD_ROOT", Path(__file__).resolve().parents[1]))


def folder(chapter: str, origin: str) -> Path:
    """Return where results of a chapter lie; ``origin`` is ``"run"`` or ``"accepted"``."""
    if origin == "run":
        return Path(os.environ.get("AWD_RUNS_DIR", root() / "data" / "runs")) / chapter
    return root() / "data" / "results" / chapter


@dataclass(frozen=True)
class Results:
    """The results of one run of one chapter; ``results["table1.awd.r2"]`` looks a number up."""

    chapter: str
    stem: str
    origin: str
    numbers: dict[str, Any]
    provenance: dict[str, Any]
    tables: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        value: Any = {"provenance": self.provenance, **self.numbers}
        for part in key.split("."):
            if isinstance(value, Mapping) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                known = [name for name, _ in flatten(self.numbers)]
                near = difflib.get_close_matches(key, known, n=5, cutoff=0.4) or known[:5]
                raise UnknownKey(
                    f"{self.chapter} ({self.stem}) has no result '{key}'; near: {', '.join(near)}"
                )
        return value


@dataclass(frozen=True)
class Run:
    """A run that has begun; ``save`` closes it."""

    chapter: str
    stem: str
    provenance: dict[str, Any]
    started: float

    def save(
        self,
        numbers: Mapping[str, Any],
        tables: Mapping[str, Any] | None = None,
        arrays: Mapping[str, np.ndarray] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> Results:
        """Write the results of this run and read them back.

        Parameters
        ----------
        numbers : nested dict of numbers, strings, booleans, None and lists of them; a key may hold
            neither a dot nor a colon.
        tables : data frames by name. A float column that may be empty must say so:
            ``frame.astype({"column": "Float64"})``.
        arrays : NumPy arrays by name.
        files : sha256 by name of the data files that were read.
        """
        plain_numbers = plain(numbers, "numbers")
        contents: dict[str, bytes] = {}
        for name, frame in (tables or {}).items():
            contents[f"{name}_{self.stem}.csv"] = csv_bytes(name, frame)
        if arrays:
            contents[f"{self.stem}.npz"] = npz_bytes(arrays)
        noted = {
            **self.provenance,
            "data_files": dict(sorted((files or {}).items())),
            "seconds": round(time.monotonic() - self.started, 2),
            **provenance.at_end(),
        }
        record = {
            "chapter": self.chapter,
            "stem": self.stem,
            "numbers": plain_numbers,
            "provenance": plain(noted, "provenance"),
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
        }
        contents[f"{self.stem}.json"] = to_json(record)
        write_set(folder(self.chapter, "run"), self.stem, contents)
        return load(self.chapter, self.stem, origin="run")


def start(
    chapter: str,
    profile: str,
    source: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (),
    device: str = "cpu",
) -> Run:
    """Begin a run: start its clock and note where its results will come from.

    ``source`` says which data it reads, ``"real"`` or ``"simulated"``; None for a chapter that has
    no real data to read.
    """
    if profile not in PROFILES:
        raise ResultsError(f"profile is '{profile}', and must be one of {', '.join(PROFILES)}.")
    if source not in (None, "real", "simulated"):
        raise ResultsError(f"source is '{source}', and must be 'real', 'simulated' or None.")
    fell_back = source == "simulated" and profile != "smoke"
    noted = {
        "profile": profile,
        "source": source,
        "parameters": dict(parameters or {}),
        "changed": json.loads(os.environ.get("AWD_CHANGED", "{}")),  # by the user, from a default
        "seeds": [int(seed) for seed in seeds],
        "device": str(device),
        **provenance.at_start(root(), str(device)),
    }
    return Run(chapter, profile + "-simulated" * fell_back, noted, time.monotonic())


def load(chapter: str, stem: str, origin: str | None = None) -> Results:
    """Read results: those of the last run, else the accepted ones (or those of ``origin`` only)."""
    for place in (origin,) if origin else ("run", "accepted"):
        path = folder(chapter, place) / f"{stem}.json"
        if path.exists():
            return _read(path, chapter, place)
    raise ResultsError(
        f"There are no results '{stem}' of the chapter '{chapter}': run "
        f"`awd run {chapter} --profile {stem.removesuffix('-simulated')}`."
    )


def latest(chapter: str, since: str = "") -> Results | None:
    """Return the newest run of a chapter (by its start, not before ``since``), else None."""
    found = [read_record(path) for path in folder(chapter, "run").glob("*.json")]
    found = [record for record in found if record["provenance"]["utc"] >= since]
    if not found:
        return None
    newest = max(found, key=lambda record: record["provenance"]["utc"])
    return load(chapter, newest["stem"], origin="run")


def flatten(numbers: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every number of a nested dict or list with its dotted key."""
    if isinstance(numbers, Mapping | list):
        pairs = numbers.items() if isinstance(numbers, Mapping) else enumerate(numbers)
        for key, value in pairs:
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, numbers


def fmt(value: Any, spec: str = "") -> str:
    """Format a stored value for a reader; the only place where anything is rounded.

    ``spec`` is a Python format such as ``.2f``, ``.0%`` or ``.1e``, or ``duration`` for seconds.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"  # a table's empty cell is NaN once it is read
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return format(value, spec)
    if spec == "duration":
        return _duration(float(value))
    text = format(value, spec or (".3g" if isinstance(value, float) else ""))
    mantissa, e, exponent = text.partition("e")
    if e:
        superscript = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{mantissa} × 10{superscript}"
    return text.replace("-", "−")


def _read(path: Path, chapter: str, origin: str) -> Results:
    record = read_record(path)
    stem = record["stem"]
    tables, arrays = {}, {}
    for name, sha256 in record["files"].items():
        data = (path.parent / name).read_bytes() if (path.parent / name).exists() else b""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ResultsError(
                f"{path.parent / name} is not the file that {path.name} was written with: "
                f"run the chapter '{chapter}' again."
            )
        if name.endswith(".npz"):
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                arrays = {key: stored[key] for key in stored.files}
        else:
            import pandas as pd  # slow to import, and many chapters store no table

            table = name.removesuffix(f"_{stem}.csv")
            # an empty cell is missing; a word such as "None" is a word
            tables[table] = pd.read_csv(io.BytesIO(data), keep_default_na=False, na_values=[""])
    return Results(chapter, stem, origin, record["numbers"], record["provenance"], tables, arrays)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
