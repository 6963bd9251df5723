"""Results: whole or not at all, in full precision, with nothing that is not a number."""

import json
import math
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awdlib import results, store


@pytest.fixture(autouse=True)
def _own_root(toy_root):
    """Keep every test's results to itself."""


def run(profile="laptop", source=None, **keywords):
    return results.start("toy", profile, source, **keywords)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_to_the_last_bit(value):
    table = pd.DataFrame({"x": [value, 0.1 + 0.2], "name": ["None", "nan"]})
    stored = run().save({"a": {"b": value}}, {"t": table}, {"h": np.array([value])})
    assert stored["a.b"] == value
    assert stored.tables["t"]["x"].tolist() == [value, 0.1 + 0.2]
    assert stored.tables["t"]["name"].tolist() == ["None", "nan"]
    assert stored.arrays["h"].tolist() == [value]


def test_scalars_of_numpy_and_lists_are_plain():
    stored = run().save({"n": np.int64(3), "x": np.float32(0.5), "h": np.arange(2), "no": None})
    assert stored.numbers == {"n": 3, "x": 0.5, "h": [0, 1], "no": None}
    assert stored["h.1"] == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, np.float64("nan"), [0.0, math.nan]])
def test_a_number_that_is_none_is_refused_by_name(bad):
    with pytest.raises(results.ResultsError, match=r"table1\.awd"):
        run().save({"table1": {"awd": bad}})
    with pytest.raises(results.ResultsError, match=r"array 'h'"):
        run().save({}, arrays={"h": np.atleast_1d(np.asarray(bad, dtype=float))})
    assert not results.folder("toy", "run").exists()


def test_an_empty_cell_must_be_meant():
    table = pd.DataFrame({"paper": [0.1, None], "note": ["a", None]})
    with pytest.raises(results.ResultsError, match="Column 'paper' of the table 't'"):
        run().save({}, {"t": table})
    stored = run().save({}, {"t": table.astype({"paper": "Float64"})})
    assert stored.tables["t"].isna().to_numpy().tolist() == [[False, False], [True, True]]


@pytest.mark.parametrize("key", ["lam.5", "a:b", 3])
def test_a_key_that_could_not_be_looked_up_is_refused(key):
    with pytest.raises(results.ResultsError, match="without"):
        run().save({"group": {key: 1}})


def test_objects_are_refused():
    with pytest.raises(results.ResultsError, match="array 'h' has the type object"):
        run().save({}, arrays={"h": np.array([{}])})
    with pytest.raises(results.ResultsError, match=r"numbers\.x' is a set"):
        run().save({"x": {1, 2}})


def test_an_unknown_key_names_near_ones():
    stored = run().save({"table1": {"awd": {"r2": 0.1}}})
    with pytest.raises(results.UnknownKey) as caught:
        stored["table1.awd.r3"]
    assert str(caught.value) == "toy (laptop) has no result 'table1.awd.r3'; near: table1.awd.r2"


@pytest.mark.parametrize(
    ("profile", "source", "stem"),
    [
        ("smoke", "simulated", "smoke"),
        ("laptop", "simulated", "laptop-simulated"),
        ("paper", "simulated", "paper-simulated"),
        ("laptop", "real", "laptop"),
        ("laptop", None, "laptop"),
    ],
)
def test_the_stem_says_profile_and_fallback(profile, source, stem):
    run(profile, source).save({"x": 1})
    assert results.load("toy", stem).stem == stem
    assert results.latest("toy").stem == stem


@pytest.mark.parametrize("wrong", [{"profile": "big"}, {"source": "fake"}])
def test_unknown_profile_and_source_are_refused(wrong):
    with pytest.raises(results.ResultsError, match="must be"):
        run(**wrong)


def test_a_run_comes_before_what_was_accepted():
    stored = run().save({"x": 1})
    accepted = results.folder("toy", "accepted")
    accepted.mkdir(parents=True)
    for path in results.folder("toy", "run").iterdir():
        (accepted / path.name).write_bytes(path.read_bytes())
    run().save({"x": 2})
    assert (stored.origin, results.load("toy", "laptop")["x"]) == ("run", 2)
    assert results.load("toy", "laptop", origin="accepted")["x"] == 1
    (results.folder("toy", "run") / "laptop.json").unlink()
    assert results.load("toy", "laptop").origin == "accepted"
    assert results.latest("toy") is None


def test_missing_results_name_the_command():
    with pytest.raises(results.ResultsError, match="awd run toy --profile paper"):
        results.load("toy", "paper-simulated")


def test_a_table_of_an_older_run_does_not_stay():
    table = pd.DataFrame({"x": [1.0]})
    run().save({}, {"old": table})
    run("laptop", "simulated").save({}, {"old": table})
    run().save({}, {"new": table})
    names = sorted(path.name for path in results.folder("toy", "run").iterdir())
    assert names == [
        "laptop-simulated.json",
        "laptop.json",
        "new_laptop.csv",
        "old_laptop-simulated.csv",
    ]


@pytest.mark.parametrize("stop_at", [0, 1, 2])
def test_a_run_that_dies_while_writing_is_noticed(monkeypatch, stop_at):
    """Old files, or new ones, or a clear refusal; never a mixture."""
    run().save({"x": 1}, {"t": pd.DataFrame({"x": [1.0]})}, {"h": np.ones(1)})
    real, done = os.replace, []

    def replace(source, target):
        if len(done) == stop_at:
            raise OSError("disk full")
        done.append(target)
        real(source, target)

    monkeypatch.setattr(store.os, "replace", replace)
    with pytest.raises(OSError, match="disk full"):
        run().save({"x": 2}, {"t": pd.DataFrame({"x": [2.0]})}, {"h": np.zeros(1)})
    if stop_at == 0:
        assert results.load("toy", "laptop")["x"] == 1
    else:
        with pytest.raises(results.ResultsError, match="run the chapter 'toy' again"):
            results.load("toy", "laptop")
    assert not list(results.folder("toy", "run").glob("*.partial"))


def test_what_lists_the_files_is_written_last(monkeypatch):
    real, names = os.replace, []

    def replace(source, target):
        names.append(target.name)
        real(source, target)

    monkeypatch.setattr(store.os, "replace", replace)
    run().save({"x": 2}, {"t": pd.DataFrame({"x": [2.0]})}, {"z": np.zeros(1)})
    assert sorted(names[:-1]) == ["laptop.npz", "t_laptop.csv"]
    assert names[-1] == "laptop.json"


def test_a_file_that_was_changed_is_refused():
    run().save({"x": 1}, {"t": pd.DataFrame({"x": [1.0]})})
    (results.folder("toy", "run") / "t_laptop.csv").write_text("x\n2.0\n")
    with pytest.raises(results.ResultsError, match=r"t_laptop\.csv is not the file"):
        results.load("toy", "laptop")


def test_a_broken_results_file_is_said_and_replaced():
    run().save({"x": 1})
    (results.folder("toy", "run") / "laptop.json").write_text('{"numbers": {')
    with pytest.raises(results.ResultsError, match="not a results file"):
        results.load("toy", "laptop")
    assert run().save({"x": 2})["x"] == 2


def test_provenance_says_where_a_number_comes_from():
    stored = run("laptop", "real", parameters={"lam": 0.1}, seeds=range(2)).save(
        {}, files={"a.mat": "00ff"}
    )
    found = stored.provenance
    assert found["parameters"] == {"lam": 0.1}
    assert found["seeds"] == [0, 1]
    assert found["data_files"] == {"a.mat": "00ff"}
    assert (found["profile"], found["source"], found["device"]) == ("laptop", "real", "cpu")
    assert found["packages"]["numpy"] == np.__version__
    assert found["seconds"] >= 0
    assert found["peak_memory_mb"] > 10
    assert found["threads"] >= 1
    assert {"commit", "dirty", "python", "utc"} <= set(found)
    assert stored["provenance.profile"] == "laptop"


def test_provenance_says_what_the_user_changed(monkeypatch):
    monkeypatch.delenv("AWD_CHANGED", raising=False)
    assert run(parameters={"lam": 0.1}).save({}).provenance["changed"] == {}
    monkeypatch.setenv("AWD_CHANGED", '{"lam": 0.1}')
    assert run().save({}).provenance["changed"] == {"lam": 0.1}


def test_json_is_sorted_and_text():
    run().save({"b": 1, "a": "λ"})
    text = (results.folder("toy", "run") / "laptop.json").read_text()
    assert "λ" in text
    assert list(json.loads(text)["numbers"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (0.12345, ".2f", "0.12"),
        (-0.5, ".1f", "−0.5"),
        (1.23e-5, ".1e", "1.2 × 10⁻⁵"),
        (0.256, ".0%", "26%"),
        (0.123456, "", "0.123"),
        (12, "", "12"),
        (12345, ",", "12,345"),
        (None, ".2f", "–"),
        (math.nan, ".2f", "–"),
        (True, "", "yes"),
        ("db5", "", "db5"),
        (3.21, "duration", "3.2 s"),
        (42.0, "duration", "42 s"),
        (90, "duration", "90 s"),
        (600, "duration", "10 min"),
        (7500, "duration", "2 h 05 min"),
    ],
)
def test_fmt(value, spec, text):
    assert results.fmt(value, spec) == text
