"""The synthetic experiment step by step, as its chapter runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from awdlib import paper
from awdlib.recovery import claims, identify, lattice, published, table
from awdlib.recovery.lattice import Effort, Found
from awdlib.recovery.problem import Problem, problems
from awdlib.recovery.setup import Size
from awdlib.recovery.table import RECOVERED, Graded, psi_of

SEARCHED = ("none", "sym5", "coif2")  # starts of the search


@dataclass(frozen=True)
class Study:
    """What every step needs: how much to compute, where pieces are kept, who helps."""

    size: Size
    ledger: Path | None = None
    executor: Executor | None = None
    timed: bool = False

    def draw(self, tasks: Sequence[tuple[Any, int]]) -> list[Problem]:
        """`awdlib.recovery.problem.problems` of (setting, seed) pairs."""
        return problems(tasks, dtype=self.size.dtype, ledger=self.ledger, executor=self.executor)


def main_problems(study: Study) -> list[Problem]:
    """The paper's problem, of every seed."""
    return study.draw([(study.size.main, seed) for seed in study.size.seeds])


@dataclass(frozen=True)
class Published:
    """The published route: what each start came to, and the rows of the recovery table."""

    graded: dict[str, Graded]
    rows: list[dict[str, Any]]


def follow_the_paper(study: Study, drawn: Sequence[Problem]) -> Published:
    """Free taps from three starts over the published grids; chosen by both rules."""
    size = study.size
    swept = published.sweeps(
        drawn, size.grids, epochs=size.epochs, ledger=study.ledger, executor=study.executor
    )
    graded, rows = {}, []
    for start, grid in swept.items():
        mine = drawn[: size.grids[start][2]]
        graded[start] = one = table.grade(grid, mine)
        seconds = table.seconds_of_grid(mine[0], start, one, size.epochs) if study.timed else None
        rows += table.rows_of_sweep(one, mine, start, seconds)
    return Published(graded, rows)


@dataclass(frozen=True)
class Searched:
    """Searches: the problems, what was found for each, and the rows of the recovery table."""

    tasks: list[tuple[Problem, str]]
    found: list[Found]
    rows: list[dict[str, Any]]

    def blind_rows(self) -> list[dict[str, Any]]:
        """One row a search, chosen without the truth."""
        return [row for row in self.rows if row["rule"] == "blind"]


def _search(study: Study, tasks: list[tuple[Problem, str]], effort: Effort, what: str) -> Searched:
    found = lattice.find_all(
        [(problem, start, study.size.lengths) for problem, start in tasks], effort,
        ledger=study.ledger, executor=study.executor, what=what,
    )  # fmt: skip
    rows = [
        row
        for (problem, start), one in zip(tasks, found, strict=True)
        for row in table.rows_of_search(one, problem, start, timed=study.timed)
    ]
    return Searched(tasks, found, rows)


def search_main(study: Study, drawn: Sequence[Problem]) -> Searched:
    """The paper's problem by lattice angles: from nothing, and around Sym5 and Coif2."""
    return _search(
        study, [(p, start) for start in SEARCHED for p in drawn], study.size.effort, "search, DB5"
    )


def control(study: Study, drawn: Sequence[Problem]) -> list[dict[str, Any]]:
    """Rows of the best random wavelet of as many as a search has starts; see `table`."""
    count = study.size.controls
    return [table.row_of_control(problem, count, timed=study.timed) for problem in drawn]


def search_others(study: Study) -> Searched:
    """Other truths, and DB5 under other conditions, from nothing."""
    size = study.size
    settings = [
        *(replace(size.other, truth=name) for name in size.truths),
        *(setting for group in size.conditions.values() for setting in group),
    ]
    drawn = study.draw([(s, seed) for s in settings for seed in size.other_seeds])
    return _search(
        study,
        [(p, "none") for p in drawn],
        size.other_effort,
        "search, other truths and conditions",
    )


def cases(searched: Searched) -> Any:
    """`awdlib.recovery.identify.cases` of searches, a table."""
    settings = [problem.setting for problem, _ in searched.tasks]
    return identify.cases(searched.blind_rows(), searched.found, settings)


WAYS = (
    ("db5+noise", "taps"), ("sym5", "taps"), ("coif2", "taps"), ("sym5", "lattice"),
    ("coif2", "lattice"), ("none", "lattice"), ("none", "random"),
)  # fmt: skip
NOTHING = dict.fromkeys((
    "distance", "low", "high", "pm", "pm_low", "pm_high", "n", "recovered", "valid", "taps", "norm",
    "lam", "gamma", "seconds",
))  # fmt: skip


def medians(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Distances by start, route and rule: median and range over seeds, and what was chosen.

    All None where a rule could choose nothing, as where no filter is a wavelet's.
    """
    found: dict[str, Any] = {}
    for start, route in WAYS:
        for rule in ("oracle", "blind"):
            mine = [r for r in rows if (r["start"], r["route"], r["rule"]) == (start, route, rule)]
            name = f"{claims.SHORT.get(start, start)}_{route}_{rule}"
            found[name] = _median(mine) if mine else NOTHING
    return found


def blind_start(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Which of the published starts the blind rule takes, seed by seed, and how far it ends.

    The one whose chosen filter has the smallest attribution norm.
    """
    mine = [row for row in rows if (row["route"], row["rule"]) == ("taps", "blind")]
    best = [
        min((row for row in mine if row["seed"] == seed), key=lambda row: row["norm"])
        for seed in sorted({row["seed"] for row in mine})
    ]
    return {
        "starts": ", ".join(published.STARTS[row["start"]] for row in best),
        "distance": float(np.median([row["distance_end"] for row in best])) if best else None,
        "n": len(best),
    }


def _median(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    pm, end = (np.array([row[f"distance_{kind}"] for row in rows]) for kind in ("pm", "end"))
    words = {
        name: ", ".join(f"{row[name]:.2g}" for row in rows) for name in ("taps", "lam", "gamma")
    }
    return words | {
        "distance": np.median(end), "low": end.min(), "high": end.max(), "pm": np.median(pm),
        "pm_low": pm.min(), "pm_high": pm.max(), "n": len(rows),
        "recovered": int((pm <= RECOVERED).sum()), "valid": sum(row["valid"] for row in rows),
        "norm": np.median([row["norm"] for row in rows]), "seconds": rows[0]["seconds"],
    }  # fmt: skip


def summary(others: Any) -> dict[str, Any]:
    """What the text says of the other truths and conditions; `others` is the table of `cases`."""
    plain = others[(others["band"] == 2) & (others["shift"] == 0)]
    plain = plain[(plain["noise"] == plain["noise"].min()) & (plain["n"] == plain["n"].max())]
    kinds = {
        "named": plain[~plain["truth"].str.startswith("random")],
        "random": plain[plain["truth"].str.startswith("random")],
    }
    found = {}
    for name, mine in kinds.items():
        runs = int(mine["seeds"].sum())
        whole = mine["recovered"] == mine["seeds"]
        found[name] = {
            "truths": len(mine), "runs": runs, "recovered": int(mine["recovered"].sum()),
            "share": float(mine["recovered"].sum() / runs) if runs else None,
            "always": int(whole.sum()),
            "length_right": int((mine["taps"] == mine["true_taps"]).sum()),
        }  # fmt: skip
    return found


def published_readings() -> dict[str, dict[str, float]]:
    """Distances read off Fig. B4, by start: ``distance`` (the smallest) and ``distance_start``."""
    figure = paper.published("figb4")
    return {
        claims.SHORT[start]: dict(zip(mine["column"], mine["value"], strict=True))
        for start, mine in figure.groupby("row")
    }


def arrays_of(
    public: Published, searched: Searched, drawn: Sequence[Problem]
) -> dict[str, np.ndarray]:
    """All arrays of the page: the grids of every start, and the filters chosen blindly."""
    arrays: dict[str, np.ndarray] = {"h_truth": drawn[0].setting.h.numpy()}
    for start, one in public.graded.items():
        name = claims.SHORT[start]
        arrays |= {
            f"{name}_h": one.grid.h.cpu().numpy(), f"{name}_lams": one.grid.lams,
            f"{name}_gammas": one.grid.gammas, f"{name}_distance": one.distance,
            f"{name}_distance_pm": one.distance_pm, f"{name}_norm": one.norm,
            f"{name}_valid": one.valid, f"{name}_start": published.start_of(start).numpy(),
            f"{name}_chosen": np.array([table.choose(one, 0, "oracle")]),
        }  # fmt: skip
    for (problem, start), found in zip(searched.tasks, searched.found, strict=True):
        if problem.seed == drawn[0].seed:
            arrays[f"h_search_{start}"] = found.h[lattice.blind(found)]
            if start == "none":
                best = {int(t): found.norm[found.taps == t].min() for t in found.taps}
                arrays |= {"length_taps": np.array(list(best)),
                           "length_norm": np.array(list(best.values()))}  # fmt: skip
    example = drawn[0]
    arrays |= {
        "example_gradient": example.gradients_held[0, 0].numpy(),
        "planted": table.planted(example.setting)[0].numpy(),
    }
    return arrays


def numbers_of(
    study: Study,
    drawn: Sequence[Problem],
    public: Published,
    main: Searched,
    against: Sequence[Mapping[str, Any]],
    others: Any,
    same: Any,
    way: Mapping[str, Any],
) -> dict[str, Any]:
    """All numbers of the page, nested."""
    starts = {
        start: float(table.distances(published.start_of(start)[None], drawn[0].setting.h)[0][0])
        for start in public.graded
    }
    made = claims.quantities(public.graded, starts, [p.r2 for p in drawn])
    keys = paper.quantities("synthetic")
    absent = {"estimate": None, "low": None, "high": None, "n": None, "kind": ""}
    rows = same.set_index("basis").to_dict("index")
    return {
        "size": study.size.as_dict() | {
            "seeds": len(study.size.seeds),
            "grid": {claims.SHORT[s]: {"lams": len(i), "gammas": len(j), "seeds": k}
                     for s, (i, j, k) in study.size.grids.items()},
        },
        "data": {"sd": float(drawn[0].y_test.std()),
                 "norm_psi": float(psi_of(drawn[0].setting.h).norm()),
                 "recovered": RECOVERED, "accurate": table.ACCURATE},
        "network": {"r2": float(np.median([p.r2 for p in drawn])),
                    "r2_low": min(p.r2 for p in drawn), "r2_high": max(p.r2 for p in drawn)},
        "start": {claims.SHORT[s]: d for s, d in starts.items()},
        "published": published_readings(),
        "recovery": medians([*public.rows, *main.rows, *against]),
        "blind_start": blind_start(public.rows),
        "claims": {key: absent for key in keys} | made,
        "others": summary(others),
        "bases": {name: rows[label] for name, label in identify.BASES.items()}
        | {"count": len(same)},
        "reference": dict(way),
    }  # fmt: skip
