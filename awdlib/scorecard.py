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
    "id", "inventory", "chapter", "number", "claim", "where", "paper", "ours", "low", "high", "n",
    "kind", "difference", "data", "profile", "device", "rule", "verdict", "note",
)  # fmt: skip


def best(chapter: str, origins: tuple[str, ...] = ("run", "accepted")) -> results.Results | None:
    """The results of a chapter that count, None if there are none but smoke's."""
    for stem in STEMS:
        for origin in origins:
            try:
                return results.load(chapter, stem, origin)
            except ResultsError:
                continue
    return None


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
    stored = best(chapter, origins)
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
        difference=judged["ours"] - judged["paper"], **said,
    )  # fmt: skip
    return judged[list(COLUMNS)]


def keep() -> pd.DataFrame:
    """Write the scorecard of the accepted results among them, and return it."""
    frame = scorecard(("accepted",))
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


def changes() -> tuple[pd.DataFrame, bool]:
    """What has become of the kept verdicts, by the best results that there are now.

    Returns
    -------
    changed : pandas.DataFrame
        ``id``, ``claim``, ``before``, ``now``, ``ours``, ``low``, ``high``: a row for each verdict
        that differs.
    lost : bool
        Whether a claim that was reproduced no longer is.
    """
    before = kept().set_index("id")["verdict"]
    now = scorecard()
    now["before"] = now["id"].map(before).fillna("")
    changed = now[now["before"] != now["verdict"]].rename(columns={"verdict": "now"})
    gone = [name for name in before.index if name not in set(now["id"])]
    lost = bool((changed["before"] == paper.REPRODUCED).any()) or any(
        before[name] == paper.REPRODUCED for name in gone
    )
    return changed[["id", "claim", "before", "now", "ours", "low", "high"]], lost


def compare() -> bool:
    """Print what has become of the verdicts; True if none that was reproduced is lost."""
    changed, lost = changes()
    for row in changed.to_dict("records"):
        ours = "—" if math.isnan(row["ours"]) else f"{row['ours']:.4g}"
        print(f"{row['id']}: {row['before'] or 'new'} → {row['now']} (ours {ours}): {row['claim']}")
    counts = scorecard()["verdict"].value_counts()
    print("; ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in paper.VERDICTS))
    return not lost


def counts(frame: pd.DataFrame) -> pd.DataFrame:
    """How many claims, and how many published numbers, of each chapter have each verdict."""
    what = frame["number"].map({True: "numbers", False: "claims"})
    table = pd.crosstab(frame["chapter"] + ", " + what, frame["verdict"])
    order = [f"{c}, {w}" for c in dict.fromkeys(frame["chapter"]) for w in ("claims", "numbers")]
    return table.reindex(
        index=[name for name in order if name in table.index],
        columns=list(paper.VERDICTS), fill_value=0,
    )  # fmt: skip


def costs() -> Iterator[dict[str, str]]:
    """What every accepted run but smoke's cost, and where it ran, as text for a page."""
    from awdlib.chapters import chapters

    for chapter in chapters():
        for stem in STEMS:
            try:
                stored = results.load(chapter, stem, "accepted")
            except ResultsError:
                continue
            known = stored.provenance
            seconds, threads = known["seconds"], known.get("threads") or 1
            hashes = known.get("data_files") or {}
            yield {
                "chapter": chapter, "run": stem, "date": known["utc"][:10],
                "commit": (known["commit"] or "none")[:7],
                "device": f"{known['device']} ({known['device_name']})",
                "time": results.fmt(seconds, "duration"),
                "core hours": f"{seconds * threads / 3600:.2f}",
                "Wh": f"{WATTS * seconds * threads / 3600:.1f}",
                "memory": f"{(known.get('peak_memory_mb') or 0) / 1024:.1f} GiB",
                "data files": ", ".join(f"{n} {h[:8]}" for n, h in hashes.items()) or "none",
                "versions": ", ".join(f"{n} {v}" for n, v in known["packages"].items()),
            }  # fmt: skip
