"""A new smoke run agrees with the accepted one, and the comparison would notice if it did not."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import regression

from awdlib import results, runner
from awdlib.chapters import chapters

CHAPTERS = list(chapters())


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory):
    """Return the smoke run that nbval has just made of a chapter, else run it now."""

    def of(chapter):
        path = results.folder(chapter, "run") / "smoke.json"
        if not path.exists():
            out = tmp_path_factory.mktemp("pages") / f"{chapter}.ipynb"
            runner.run_chapter(chapter, {}, out)
        return results.load(chapter, "smoke", origin="run")

    return of


@pytest.fixture(scope="session")
def tolerances():
    return regression.read_tolerances()


def accepted(chapter):
    return regression.values(results.load(chapter, "smoke", origin="accepted"))


def blamed(chapter, old, new, tolerances):
    """Return the keys that the comparison complains about."""
    return {line.split(":")[0] for line in regression.faults(chapter, old, new, tolerances)}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_new_run_agrees_with_the_accepted_one(chapter, smoke_run, tolerances):
    new = regression.values(smoke_run(chapter))
    assert list(regression.faults(chapter, accepted(chapter), new, tolerances)) == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_value_moved_by_three_tolerances_is_noticed(chapter, tolerances):
    old = accepted(chapter)
    mutants = list(regression.mutants(chapter, old, tolerances))
    assert {key for key, _ in mutants} == {key for key in old if old[key].dtype.kind in "fc"}
    assert blamed(chapter, old, old, tolerances) == set()
    # values are compared one by one, so the thousands that did not move need no second look
    missed = [
        key
        for key, moved in mutants
        if blamed(chapter, {key: old[key]}, {key: moved}, tolerances) != {key}
    ]
    assert missed == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_tolerance_is_wider_than_the_spread_over_seeds(chapter, tolerances):
    stored = results.load(chapter, "smoke", origin="accepted")
    assert list(regression.too_wide(chapter, stored, tolerances)) == []


def test_every_tolerance_has_a_reason_and_a_use(tolerances):
    keys = {chapter: accepted(chapter) for chapter in CHAPTERS}
    for row in tolerances:
        assert row.reason.strip(), row
        assert row.atol >= 0, row
        assert row.rtol >= 0, row
        used = (regression.find(tolerances, c, key) is row for c in keys for key in keys[c])
        assert any(used), f"no value uses {row}"


@pytest.fixture
def toy():
    table = pd.DataFrame({"filter": ["db5", "awd"], "r2": [0.3, np.nan]})
    numbers = {"r2": 0.4, "sd": 0.01, "n": 3, "h": [0.1, 0.2], "name": "db5", "none": None}
    arrays = {"map": np.arange(6.0).reshape(2, 3)}
    return results.Results("toy", "smoke", "run", numbers, {}, {"t": table}, arrays)


ROWS = [
    regression.Tolerance("toy", "r2", 0.005, 0.0, "sd", "trained"),
    regression.Tolerance("*", "*", 1e-9, 0.0, "", "algebra"),
]


def faults(toy, **changed):
    new = regression.values(replace(toy, **changed))
    return list(regression.faults("toy", regression.values(toy), new, ROWS))


def test_the_same_results_have_no_fault(toy):
    assert faults(toy) == []
    assert list(regression.too_wide("toy", toy, ROWS)) == []


def test_every_kind_of_value_has_its_mutant_and_is_blamed(toy):
    old = regression.values(toy)
    mutants = list(regression.mutants("toy", old, ROWS))
    keys = ["r2", "sd", "h.0", "h.1", "tables.t.r2", *["arrays.map"] * 6]
    assert [key for key, _ in mutants] == keys
    found = [blamed("toy", old, old | {key: moved}, ROWS) for key, moved in mutants]
    assert found == [{key} for key in keys]


def test_a_mutant_moves_even_where_the_tolerance_is_nothing(toy):
    exact = [regression.Tolerance("*", "*", 0.0, 0.0, "", "exact")]
    old = regression.values(toy)
    for key, moved in regression.mutants("toy", old, exact):
        assert blamed("toy", old, old | {key: moved}, exact) == {key}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"numbers": {"r2": 0.4051}}, "r2: 0.4051 at (), accepted 0.4 ± 0.005"),
        ({"numbers": {"r2": math.nan}}, "r2: nan at (), accepted 0.4"),
        ({"numbers": {"n": 4}}, "n: 4, accepted 3"),
        ({"numbers": {"n": True}}, "n: bool of shape (), accepted int64"),
        ({"numbers": {"name": "sym5"}}, "name: sym5, accepted db5"),
        ({"numbers": {"none": 1.0}}, "none: float64 of shape (), accepted object"),
        ({"numbers": {"new": 1.0}}, "new: not in the accepted results"),
        ({"tables": {}}, "tables.t.r2: gone"),
        ({"tables": {"t": pd.DataFrame({"filter": ["db5", "awd"], "r2": [0.3, 1]})}}, "t.r2: 1.0"),
        ({"tables": {"t": pd.DataFrame({"filter": ["db5", "x"]})}}, "tables.t.filter: ['db5' 'x']"),
        ({"arrays": {"map": np.arange(6.0)}}, "arrays.map: float64 of shape (6,), accepted"),
        ({"arrays": {}}, "arrays.map: gone"),
    ],
)
def test_a_change_is_noticed(toy, change, fault):
    if "numbers" in change:
        change = {"numbers": toy.numbers | change["numbers"]}
    found = faults(toy, **change)
    assert any(fault in line for line in found), found


def test_a_value_within_its_tolerance_is_not_a_fault(toy):
    assert faults(toy, numbers=toy.numbers | {"r2": 0.4049}) == []


def test_a_float_without_a_row_and_a_tolerance_too_wide_are_faults(toy):
    old = regression.values(toy)
    found = list(regression.faults("toy", old, old, ROWS[:1]))
    assert "sd: no row of tolerances.csv matches" in found
    wide = [replace(ROWS[0], atol=0.02), ROWS[1]]
    assert list(regression.too_wide("toy", toy, wide)) == ["r2: ± 0.02, but sd is smaller"]
