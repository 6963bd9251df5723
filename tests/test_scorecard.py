"""The scorecard: which run counts, what each row says, and that a lost verdict is noticed."""

import hashlib
import json
import shutil

import pytest
from typer.testing import CliRunner

from awdlib import cli, paper, results, scorecard
from awdlib.store import ResultsError

ROOT = results.root()


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The accepted results in a folder of their own, and no runs."""
    shutil.copytree(ROOT / "data" / "results", tmp_path / "data" / "results")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("AWD_ROOT", str(tmp_path))
    monkeypatch.delenv("AWD_RUNS_DIR", raising=False)
    return tmp_path


def change(folder, chapter: str, stem: str, key: str, **ends: float) -> None:
    """Overwrite a claim's quantity in stored results."""
    path = folder / "data" / "results" / chapter / f"{stem}.json"
    record = json.loads(path.read_text())
    record["numbers"]["claims"][key] |= ends
    path.write_text(json.dumps(record))


def test_the_kept_scorecard_is_that_of_the_accepted_results(monkeypatch):
    monkeypatch.delenv("AWD_ROOT", raising=False)
    now = scorecard.scorecard(("accepted",)).set_index("id")
    kept = scorecard.kept().set_index("id")
    assert list(kept.index) == list(now.index)
    assert (kept["verdict"] == now["verdict"]).all()
    assert len(kept) >= 60
    wanted = {"claim", "where", "paper", "ours", "low", "high", "n", "data", "profile", "rule",
              "verdict"}  # fmt: skip
    assert wanted <= set(kept.columns)


def test_every_number_of_both_tables_has_a_row():
    numbers = paper.claims()
    assert set(scorecard.what_of(numbers)) == {"claim", "number", "size"}
    numbers = numbers[numbers["relation"] == "="]
    for table, where in (("table1", "Table 1"), ("table2", "Table 2")):
        printed = paper.published(table).dropna(subset=["value"])
        mine = numbers[numbers["where"] == where]
        assert len(mine) == len(printed)
        unit = printed["unit"].map({"1": 1, "s": 1, "1e-2": 1e-2})
        assert sorted(mine["paper_value"]) == pytest.approx(sorted(printed["value"] * unit))
    readings = paper.published("figb4")["value"]
    mine = numbers[numbers["where"] == "App. B.1, Fig. B4"]["paper_value"]
    assert sorted(mine) == sorted(readings)


def test_every_quantity_is_there_in_the_best_run():
    frame = scorecard.scorecard(("accepted",))
    ran = frame[frame["profile"] == "paper"]
    absent = ran[ran["ours"].isna()]
    assert set(absent["verdict"]) <= {paper.NOT_TESTABLE}
    # what cannot be tested at a profile says why in its note; a misspelt key would not
    assert set(absent["id"]) <= {"cosmology_resnet_r2"}


def test_real_data_count_before_simulated_and_paper_before_laptop(copy):
    place = copy / "data" / "results" / "cme"
    assert scorecard.best("cme").stem == "paper"
    for path in place.glob("*paper*"):
        path.unlink()
    assert scorecard.best("cme").stem == "laptop"
    for path in place.glob("*laptop*"):
        path.unlink()
    assert scorecard.best("cme") is None  # smoke never
    frame = scorecard.scorecard()
    assert set(frame[frame["chapter"] == "cme"]["verdict"]) == {paper.NOT_TESTABLE}


def test_a_changed_result_changes_the_verdict_and_the_exit_status(copy):
    before = scorecard.keep()
    row = before[before["verdict"] == paper.REPRODUCED]
    row = row[(row["chapter"] == "cme") & (row["what"] == "claim")].iloc[0]
    key = dict(zip(paper.claims()["id"], paper.claims()["quantity"], strict=True))[row["id"]]
    ran = CliRunner().invoke(cli.app, ["compare"])
    assert ran.exit_code == 0, ran.output
    assert row["id"] not in ran.output
    worse = -1e6 if ">" in row["rule"] else 1e6
    change(copy, "cme", "paper", key.removeprefix("claims."), estimate=worse, low=worse, high=worse)
    now = scorecard.scorecard().set_index("id")
    assert now.loc[row["id"], "verdict"] == paper.NOT_REPRODUCED
    ran = CliRunner().invoke(cli.app, ["compare"])
    assert ran.exit_code == 1
    assert f"{row['id']} (paper): reproduced → not reproduced" in ran.output


def test_a_verdict_gained_is_told_and_no_failure(copy):
    change(copy, "cme", "paper", "awd_authors_minus_db5", estimate=-0.06, low=-0.1, high=-0.01)
    before = scorecard.keep().set_index("id")
    assert before.loc["cme_awd_beats_db5", "verdict"] == paper.NOT_REPRODUCED
    change(copy, "cme", "paper", "awd_authors_minus_db5", estimate=0.06, low=0.01, high=0.1)
    changed, lost = scorecard.changes()
    assert not lost
    assert list(changed["id"]) == ["cme_awd_beats_db5"]
    assert list(changed["now"]) == [paper.REPRODUCED]


def test_a_run_is_held_against_the_accepted_one_of_its_profile(copy):
    """A laptop run is looked at though a paper run counts for more."""
    scorecard.keep()
    accepted, runs = (copy / "data" / kind / "cme" for kind in ("results", "runs"))
    runs.mkdir(parents=True)
    for path in accepted.glob("*laptop*"):
        shutil.copy(path, runs)
    assert not scorecard.changes()[1]
    judged = scorecard.judged_by("cme", results.load("cme", "laptop", "accepted")).set_index("id")
    held = judged[(judged["verdict"] == paper.REPRODUCED) & (judged["what"] == "claim")]
    key = dict(zip(paper.claims()["id"], paper.claims()["quantity"], strict=True))[held.index[0]]
    worse = -1e6 if ">" in held["rule"].iloc[0] else 1e6
    path = runs / "laptop.json"
    record = json.loads(path.read_text())
    record["numbers"]["claims"][key.removeprefix("claims.")] |= dict.fromkeys(
        ("estimate", "low", "high"), worse
    )
    path.write_text(json.dumps(record))
    changed, lost = scorecard.changes()
    assert lost
    assert (held.index[0], "laptop") in set(zip(changed["id"], changed["profile"], strict=True))


def test_a_time_of_another_machine_is_no_loss(copy):
    scorecard.keep()
    table = copy / "data" / "results" / "cme" / "table1_paper.csv"
    path = table.with_name("paper.json")
    before = table.read_bytes()
    slow = before.replace(b"0.00026034800248453394", b"0.12")
    assert slow != before
    table.write_bytes(slow)
    old, new = (hashlib.sha256(data).hexdigest() for data in (before, slow))
    path.write_text(path.read_text().replace(old, new))
    changed, lost = scorecard.changes()
    assert list(changed["id"]) == ["cme_seconds_awd"]
    assert not lost


def test_own_parameters_do_not_count_and_damaged_results_are_said(copy):
    path = copy / "data" / "results" / "cme" / "paper.json"
    record = json.loads(path.read_text())
    record["provenance"]["changed"] = {"drop_hotspots": True}
    path.write_text(json.dumps(record))
    assert scorecard.best("cme").stem == "laptop"
    table = copy / "data" / "results" / "cme" / "table1_laptop.csv"
    table.write_text(table.read_text() + " ")
    with pytest.raises(ResultsError, match="table1_laptop"):
        scorecard.best("cme")


def test_a_verdict_that_an_accept_loses_is_told(copy, capsys):
    scorecard.keep()
    change(copy, "cme", "paper", "compression_reduction", estimate=-1.0, low=-1.1, high=-0.9)
    capsys.readouterr()
    scorecard.keep()
    assert "cme_compression (paper): reproduced → not reproduced" in capsys.readouterr().out


def test_without_a_kept_scorecard_it_says_so(copy):
    (copy / "data" / "results" / "scorecard" / "scorecard.csv").unlink()
    with pytest.raises(ResultsError, match="no scorecard yet: awd accept"):
        scorecard.changes()


def test_counts_add_up_to_all_rows():
    frame = scorecard.scorecard(("accepted",))
    table = scorecard.counts(frame)
    assert int(table.to_numpy().sum()) == len(frame)
    assert list(table.columns) == list(paper.VERDICTS)


def test_costs_name_every_accepted_run():
    rows = list(scorecard.costs())
    assert {("cme", "paper"), ("synthetic", "paper")} <= {(r["chapter"], r["run"]) for r in rows}
    one = next(r for r in rows if (r["chapter"], r["run"]) == ("cme", "paper"))
    assert "Cell1_1s_lifetimeData.mat 0cd45d66" in one["data files"]
    assert float(one["core hours"]) > 0
