"""The benchmark's records and its command; nothing here measures time."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
RESULTS = FOLDER / "results.json"


@pytest.fixture
def load(monkeypatch):
    """Import a module of the benchmarks, which are scripts and no package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def _record(load, name="cme_fit_single", threads=1, **changes):
    timing = load("measuring").Timing
    values = {
        "name": name, "unit": "fit", "ours": timing((2.0, 1.0, 4.0)), "peer": "awave",
        "peer_version": "0.1", "peer_timing": timing((60.0, 50.0, 70.0)), "batch": 100,
        "epochs": 100, "dtype": "float32", "data": "simulated tracks", "note": "",
        "threads": threads, "clock": "wall", **changes,
    }  # fmt: skip
    return load("records").assemble(**values)


def test_record_of_fake_timings(load):
    record = _record(load, gradient_seconds=4.0, gradient_share=0.25)
    assert set(load("records").KEYS) <= set(record)
    assert (record["ours_seconds"], record["peer_seconds"], record["repeats"]) == (2.0, 60.0, 3)
    assert record["ours_range"] == [1.0, 4.0]
    assert record["ratio"] == pytest.approx(30.0)
    assert record["ratio_with_gradients"] == pytest.approx(20.0)
    assert set(record["machine"]) == {"cpu", "cores"}
    assert record["machine"]["cores"] >= 1
    assert _record(load)["ratio_with_gradients"] is None
    json.dumps(record, allow_nan=False)


def test_incomplete_record_is_refused(load):
    timing = load("measuring").Timing((1.0,))
    with pytest.raises(ValueError, match=r"lacks .*dtype"):
        load("records").assemble(
            name="cme_fit_single", unit="fit", ours=timing, peer="awave", peer_version="0.1",
            peer_timing=timing,
        )  # fmt: skip


def test_records_are_merged_and_written_whole(load, tmp_path):
    records, path = load("records"), tmp_path / "results.json"
    assert records.read(path) == []
    records.write(path, [_record(load, "dwt2_forward_backward"), _record(load, threads=2)])
    records.write(path, records.merge(records.read(path), _record(load)))
    again = _record(load, note="again")
    records.write(path, records.merge(records.read(path), again))
    found = records.read(path)
    assert [(r["name"], r["threads"]) for r in found] == [
        ("cme_fit_single", 1), ("cme_fit_single", 2), ("dwt2_forward_backward", 1),
    ]  # fmt: skip
    assert found[0] == again
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]
    first = path.read_text().index('"batch"'), path.read_text().index('"unit"')
    assert first[0] < first[1], "keys are not sorted"
    table = records.table(found)
    assert len(table.splitlines()) == 4
    assert "30.0" in table


def test_sides_take_turns_and_the_first_turn_is_not_timed(load, capsys):
    calls = []
    watch = load("measuring").Stopwatch("case", 2, "cpu")
    timings = watch.interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")})
    assert calls == ["a", "b"] * 3
    assert len(timings["a"].seconds) == 2
    assert timings["a"].scaled(3).seconds[0] == pytest.approx(3 * timings["a"].seconds[0])
    assert "case: repeat 2 of 2 done" in capsys.readouterr().err


def test_missing_peer_says_how_to_get_it(load):
    peers = load("peer_packages")
    with pytest.raises(peers.MissingPeerError, match="`make bench` installs"):
        peers.version("a package that nobody has")


def test_published_grid(load):
    cases = load("cases")
    lams, gammas = cases.published_grids()
    assert cases.LAMS == tuple(lams)
    assert len(lams) * len(gammas) * len(cases.SEEDS) == 525
    assert len(cases.LAMS) == len(cases.SEEDS) == 5
    assert cases.LAMS[0] == 1e-4
    assert cases.LAMS[-1] == cases.CME["lam"]


def test_help_lists_every_case(load):
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name in load("records").NAMES:
        assert name in done.stdout


@pytest.mark.skipif(not RESULTS.exists(), reason="no benchmark has been run yet")
def test_results_file(load):
    records = load("records")
    text = RESULTS.read_text(encoding="utf-8")
    found = json.loads(text)["records"]
    assert {r["name"] for r in found} == set(records.NAMES)
    for record in found:
        assert set(records.KEYS) <= set(record), record["name"]
        assert record["ratio"] == pytest.approx(record["peer_seconds"] / record["ours_seconds"])
        empty = {key for key in records.KEYS if record[key] is None}
        assert empty <= set(records.NULLABLE), record["name"]
        low, high = record["ours_range"]
        assert 0 < low <= record["ours_seconds"] <= high
        if record["name"] == "cme_sweep525":
            assert record["filters"] == 525
            assert record["ours_seconds"] == pytest.approx(record["sweep_seconds"] / 525)
            alone = record["ratio"] / record["processes"]
            assert record["ratio_per_process"] == pytest.approx(alone)
        if record["name"].startswith("cme"):
            assert record["peer_loss"] is not None, "a --quick run is no result"
            assert record["epochs"] == 100
    assert "/home" not in text
    assert str(FOLDER.parent) not in text
