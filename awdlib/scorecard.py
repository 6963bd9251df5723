"""The scorecard: every claim and every number of the paper beside what was found here.

For each chapter the best run counts: real data before simulated ones, then the ``paper`` profile
before ``laptop``, then a run made here before an accepted one. The verdicts of the accepted results
are kept in ``data/results/scorecard/scorecard.csv``, which `awd accept` writes; `awd compare` tells
whether a claim that was reproduced then no longer is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from awdlib import paper, results
from awdlib.store import ResultsError, csv_bytes, write

STEMS = ("paper", "laptop", "paper-simulated", "laptop-simulated")  # from the best to the worst
WATTS = 10  # of a busy core of a small server: an assumption
COLUMNS = (
    "id", "inventory", "chapter", "what", "claim", "where", "paper", "ours", "low", "high", "n",
    "kind", "difference", "data", "profile", "device", "rule", "verdict", "note",
)  # fmt: skip


def best(chapter: str, origins: tuple[str, ...] = ("run", "accepted")) -> results.Results | None:
    """The results of a chapter that count, None if there are none but smoke's.

    A run with the user's own parameters does not count. Damaged results raise `ResultsError`.
    """
    for stem in STEMS:
        for origin in origins:
            found = _stored(chapter, stem, origin)
            if found is not None:
                return found
    return None


def _stored(chapter: str, stem: str, origin: str) -> results.Results | None:
    if not (results.folder(chapter, origin) / f"{stem}.json").exists():
        return None
    found = results.load(chapter, stem, origin)
    return None if found.provenance.get("changed") else found


def data_of(stored: results.Results) -> str:
    """What a run's data are, in a word or two."""
    source = stored.provenance["source"]
    if source:
        return source
    named = stored.numbers.get("data", {})
    found = named.get("source") if isinstance(named, dict) else None
    return str(found or "simulated by design")


def scorecard(origins: tuple[str, ...] = ("run", "accepted")) -> pd.DataFrame:
    """Judge every row of ``data/paper/claims.csv`` by the best run of its chapter.

    Parameters
    ----------
    origins : tuple of str
        Which results may count, and in which order: "run", "accepted".

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`; ``difference`` is ours less the paper's, where the paper has a number.
    """
    frame = paper.claims()
    return pd.concat(
        [_judged(str(chapter), origins) for chapter in dict.fromkeys(frame["chapter"])],
        ignore_index=True,
    )


def _judged(chapter: str, origins: tuple[str, ...]) -> pd.DataFrame:
    return judged_by(chapter, best(chapter, origins))


def judged_by(chapter: str, stored: results.Results | None) -> pd.DataFrame:
    """The scorecard's rows of a chapter, judged by given results."""
    if stored is None:
        judged = paper.judge({}, chapter, "none", "none")
        said = {"data": "", "profile": "", "device": ""}
    else:
        known = stored.provenance
        judged = paper.judge(
            stored.numbers, chapter, known["profile"], known["source"] or "none", stored.tables
        )
        said = {"data": data_of(stored), "profile": known["profile"], "device": known["device"]}
    rest = paper.claims(chapter).set_index("id")
    judged = judged.assign(
        chapter=chapter, where=judged["id"].map(rest["where"]),
        difference=judged["ours"] - judged["paper"], what=what_of(rest.loc[judged["id"]]), **said,
    )  # fmt: skip
    return judged[list(COLUMNS)]


def what_of(rows: pd.DataFrame) -> list[str]:
    """Whether rows of the claims are a "claim", a "number", or a "size" that is set or given."""
    number = rows["relation"] == "="
    fixed = number & (rows["size_low"] == rows["size_high"])
    return ["size" if f else "number" if n else "claim" for f, n in zip(fixed, number, strict=True)]


def keep() -> pd.DataFrame:
    """Write the scorecard of the accepted results among them, and return it.

    Verdicts that change are told: a claim cannot be lost without a word.
    """
    frame = scorecard(("accepted",))
    if _file().is_file():
        tell(_differing(kept(), frame))
    numbers = ("paper", "ours", "low", "high", "difference")
    stored = frame.astype(dict.fromkeys(numbers, "Float64"))
    write(_file(), csv_bytes("scorecard", stored))
    return frame


def kept() -> pd.DataFrame:
    """The scorecard as it was last kept.

    Raises
    ------
    ResultsError
        If there is none.
    """
    path = _file()
    if not path.is_file():
        raise ResultsError("There is no scorecard yet: awd accept writes it.")
    return pd.read_csv(path, dtype={"id": str, "verdict": str})


def _file() -> Any:
    return results.folder("scorecard", "accepted") / "scorecard.csv"


def changes(now: pd.DataFrame | None = None) -> tuple[pd.DataFrame, bool]:
    """What has become of verdicts: of the kept ones, and of each accepted run that was run again.

    Parameters
    ----------
    now : pandas.DataFrame, optional
        What `scorecard` returns, if it is there already.

    Returns
    -------
    changed : pandas.DataFrame
        ``id``, ``profile``, ``claim``, ``before``, ``now``, ``ours``: a row for each verdict that
        differs, by the best results that there are or between a run and the accepted one of its
        profile.
    lost : bool
        Whether a claim that was reproduced no longer is. Times are told, but never lost: another
        machine has others.
    """
    pairs = [(kept(), scorecard() if now is None else now)]
    for chapter in dict.fromkeys(paper.claims()["chapter"]):
        for stem in STEMS:
            again, accepted = (_stored(chapter, stem, o) for o in ("run", "accepted"))
            if again is not None and accepted is not None:
                pairs.append((judged_by(chapter, accepted), judged_by(chapter, again)))
    gone = any(
        (before.loc[~before["id"].isin(after["id"]), "verdict"] == paper.REPRODUCED).any()
        for before, after in pairs
    )
    changed = pd.concat([_differing(before, after) for before, after in pairs]).drop_duplicates(
        ["id", "profile", "before", "now"]
    )
    quantity = paper.claims().set_index("id")["quantity"]
    timed = changed["id"].map(quantity).str.contains("seconds|time_ratio").astype(bool)
    lost = gone or bool(((changed["before"] == paper.REPRODUCED) & ~timed).any())
    return changed[["id", "profile", "claim", "before", "now", "ours"]], lost


def _differing(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Rows of `after` whose verdict was another in `before`, with ``before`` and ``now``."""
    verdicts = before.set_index("id")["verdict"]
    told = after.assign(before=after["id"].map(verdicts).fillna(""), now=after["verdict"])
    return told[told["before"] != told["now"]]


def tell(changed: pd.DataFrame) -> None:
    """Print changed verdicts, a line each."""
    for row in changed.to_dict("records"):
        ours = "—" if math.isnan(row["ours"]) else f"{row['ours']:.4g}"
        print(
            f"{row['id']} ({row['profile'] or 'no run'}): {row['before'] or 'new'} → {row['now']} "
            f"(ours {ours}): {row['claim']}"
        )


def compare() -> bool:
    """Print what has become of the verdicts; True if none that was reproduced is lost."""
    now = scorecard()
    changed, lost = changes(now)
    tell(changed)
    counted = now["verdict"].value_counts()
    print("; ".join(f"{counted.get(verdict, 0)} {verdict}" for verdict in paper.VERDICTS))
    return not lost


def counts(frame: pd.DataFrame) -> pd.DataFrame:
    """How many claims, published numbers and sizes of each chapter have each verdict."""
    table = pd.crosstab(frame["chapter"] + ", " + frame["what"] + "s", frame["verdict"])
    kinds = ("claims", "numbers", "sizes")
    order = [f"{c}, {kind}" for c in dict.fromkeys(frame["chapter"]) for kind in kinds]
    return table.reindex(
        index=[name for name in order if name in table.index],
        columns=list(paper.VERDICTS), fill_value=0,
    )  # fmt: skip


def costs() -> Iterator[dict[str, str]]:
    """What every accepted run but smoke's cost, and where it ran, as text for a page."""
    from awdlib.chapters import chapters

    for chapter in chapters():
        for stem in STEMS:
            stored = _stored(chapter, stem, "accepted")
            if stored is None:
                continue
            known = stored.provenance
            seconds, threads = known["seconds"], known.get("threads") or 1
            hashes = known.get("data_files") or {}
            energy = f"{WATTS * seconds * threads / 3600:.1f}"
            yield {
                "chapter": chapter, "run": stem, "date": known["utc"][:10],
                "commit": (known["commit"] or "none")[:7],
                "device": f"{known['device']} ({known['device_name']})",
                "time": results.fmt(seconds, "duration"),
                "core hours": f"{seconds * threads / 3600:.2f}",
                "Wh": energy if known["device"] == "cpu" else "—",  # a GPU's is not known
                "memory": f"{(known.get('peak_memory_mb') or 0) / 1024:.1f} GiB",
                "data files": ", ".join(f"{n} {h[:8]}" for n, h in hashes.items()) or "none",
                "versions": ", ".join(f"{n} {v}" for n, v in known["packages"].items()),
            }  # fmt: skip
