"""The clathrin experiment from tracks to stored results, at a tiny size."""

import ast
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from clathrinhelpers import CLAIM, TINY, planted, rows_of, tracks, warm_started
from numpy.testing import assert_allclose
from sklearn.metrics import r2_score

from awdlib import clathrin, controls, filters, networks, paper, results, selection
from awdlib.clathrin import claims, record, study, table
from awdlib.datasets import cme
from awdlib.datasets.tracks import auxilin_seen
from awdlib.selection import Judged

PACKAGE = Path(clathrin.__file__).parent


def conduct(given, size=TINY, *, timed):
    """All steps, as the chapter takes them."""
    one = study.Study(given, clathrin.signals_of(given, dtype=size.dtype), size)
    teachers = study.teach(one)
    found, against, varied = study.distil(one, teachers), study.control(one), study.vary(one)
    compared = study.compare(one, teachers, found, against, timed=timed)
    made = study.claim(one, found, compared)
    readings, read, example = study.read(one, found, against, teachers)
    numbers = record.numbers_of(one, found, against, compared, made, varied)
    numbers |= {"reading": read, "example": example.numbers()}
    return SimpleNamespace(
        study=one, teachers=teachers, found=found, against=against, varied=varied,
        compared=compared, claims=made, numbers=numbers,
        arrays=record.arrays_of(found, against, compared, readings),
    )  # fmt: skip


def stored(run):
    tables = {
        "table1": table.table1(
            run.compared.rows, run.compared.times, len(run.study.signals.y_test)
        ),
        "sensitivity": run.varied,
    }
    started = results.start("cme", "smoke", source="simulated", seeds=run.study.size.seeds,
                            parameters=run.study.size.as_dict())  # fmt: skip
    return started.save(numbers=run.numbers, tables=tables, arrays=run.arrays)


@pytest.fixture(scope="module")
def patched():
    """MiniRocket with few features; simulated tracks and a random network for "real" ones."""
    torch.manual_seed(4)
    state = networks.ClathrinLSTM(5).double().state_dict()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controls, "rocket", partial(controls.rocket, features=84))
        patch.setattr(cme, "authors_lstm", lambda: state)
        patch.setattr(cme, "load_tracks", partial(cme.simulate_tracks, 0, 100))
        yield state


@pytest.fixture(scope="module")
def real(patched):
    """A run on tracks that call themselves real, timed: with the authors' network."""
    return conduct(replace(tracks(), source="real"), timed=True)


@pytest.fixture(scope="module")
def simulated(patched):
    return conduct(tracks(), timed=False)


# --- the whole ------------------------------------------------------------------------------------


def test_a_run_can_be_stored_and_is_the_same_a_second_time(
    simulated, patched, tmp_path, monkeypatch
):
    monkeypatch.setenv("AWD_RUNS_DIR", str(tmp_path))
    first, again = stored(simulated), stored(conduct(tracks(), timed=False))
    assert dict(results.flatten(first.numbers)) == dict(results.flatten(again.numbers))
    assert first.numbers == again.numbers
    assert set(first.arrays) == set(again.arrays)
    for name, values in first.arrays.items():
        assert np.array_equal(values, again.arrays[name]), name
    for name, frame in first.tables.items():
        pd.testing.assert_frame_equal(frame, again.tables[name], check_exact=True)
    assert (tmp_path / "cme" / "smoke.json").exists()


def test_a_run_with_the_authors_network_can_be_stored(real, tmp_path, monkeypatch):
    monkeypatch.setenv("AWD_RUNS_DIR", str(tmp_path))
    found = stored(real)
    assert set(found.tables["table1"]["name"]) == set(table.ROWS)
    assert found["main.teacher"] == "authors"
    assert len(table.printed_table1(found.tables["table1"])) == len(table.ROWS)
    assert len(claims.ladder(found)) == 10
    seconds = found.tables["table1"].set_index("name")[["seconds_predict", "seconds_end_to_end"]]
    assert (seconds.drop(index="random_any") > 0).all(axis=None)


def test_no_track_is_stored(real):
    given = {row for row in rows_of(real.study.tracks.x)}
    for name, values in real.arrays.items():
        if values.ndim == 2 and values.shape[1] == 40:
            assert not given & set(rows_of(values)), name


# --- teachers -------------------------------------------------------------------------------------


def test_the_authors_network_is_only_for_real_tracks(real, simulated, patched):
    assert list(simulated.teachers) == ["lstm_ours", "lstm_40"]
    assert list(real.teachers) == ["lstm_authors", "lstm_ours", "lstm_40"]
    (theirs,) = real.teachers["lstm_authors"].networks
    for name, weight in theirs.state_dict().items():
        assert torch.equal(weight, patched[name])  # untouched
    assert (simulated.found.main, real.found.main) == ("ours", "authors")
    assert list(simulated.found.swept) == ["ours"]
    assert list(real.found.swept) == ["authors", "ours"]


def test_a_network_for_every_seed_and_one_of_input_40(simulated):
    for name, (hidden, inputs) in {"lstm_ours": (20, 1), "lstm_40": (40, 40)}.items():
        models = simulated.teachers[name].networks
        assert len(models) == 2
        for seed, model in zip(TINY.seeds, models, strict=True):
            alone = clathrin.train_lstm(
                simulated.study.signals, seed=seed, hidden=hidden, inputs=inputs, epochs=2
            )
            for p, q in zip(model.parameters(), alone.parameters(), strict=True):
                assert torch.equal(p, q)


# --- what is distilled ----------------------------------------------------------------------------


def test_every_teacher_is_distilled_with_its_own_gradients(real):
    signals, found = real.study.signals, real.found
    for name in ("authors", "ours"):
        one = clathrin.distil(signals, real.teachers[f"lstm_{name}"].gradients, TINY, teacher=name)
        assert torch.equal(found.swept[name].grid.h, one.grid.h)
        assert (found.swept[name].teacher, found.swept[name].start) == (name, "db5")
    assert found.awd is found.swept["authors"]
    assert (found.sym5.teacher, found.sym5.start) == ("authors", "sym5")
    assert not torch.equal(found.swept["authors"].grid.h, found.swept["ours"].grid.h)


def test_of_40_is_warm_started_to_the_published_setting(simulated):
    assert simulated.found.of_40.shape == (2, 10)
    for k, seed in enumerate(TINY.seeds):
        gradients = simulated.teachers["lstm_40"].gradients[k]
        path = warm_started(simulated.study.signals.x, gradients, seed, 2)
        assert_allclose(simulated.found.of_40[k], path[-1], atol=1e-12)


def test_the_trajectory_follows_the_warm_starts_of_the_main_teacher(real, simulated):
    for run in (real, simulated):
        grid = run.found.awd.grid.h[:, :, 0]
        wanted = [filters.lowpass("db5"), grid[0, 0], grid[1, 0], grid[1, 1]]
        assert torch.equal(run.found.trajectory, torch.stack(wanted))
    assert not torch.equal(real.found.trajectory, simulated.found.trajectory)


def test_the_trajectory_ends_at_the_published_setting(simulated, monkeypatch):
    """Along λ at γ = 0 and then along γ, also where the grid goes on beyond."""
    h = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 5, 2, 10)))
    one = planted(h, [0.0001, 0.001, 0.005, 0.02], [0, 0.01, 0.02, 0.04281, 0.5], (1, 10))
    monkeypatch.setattr(clathrin.sweeps, "distil", lambda *a, **k: one)
    monkeypatch.setattr(clathrin.sweeps, "published_chain", lambda *a, **k: torch.zeros(2, 2, 10))
    found = study.distil(simulated.study, simulated.teachers).trajectory
    places = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (2, 3)]
    assert torch.equal(found[0], filters.lowpass("db5"))
    assert torch.equal(found[1:], torch.stack([h[i, j, 0] for i, j in places]))


# --- controls -------------------------------------------------------------------------------------


def test_controls_have_the_grids_budget(simulated):
    found = simulated.against
    assert found.budget == 4  # 2 λ × 2 γ
    assert found.random_h.shape == (3 * 4, 10)
    score = found.drawn.cv_r2.reshape(3, 4)
    assert found.winners.tolist() == [int(k) for k in np.array([0, 4, 8]) + score.argmax(1)]
    assert found.supervised.shape == (2, 10)
    assert not torch.equal(found.supervised[0], found.supervised[1])
    assert set(found.models) == {"ridge", "lifetime_amplitude", "minirocket"}


def test_controls_are_chosen_without_test_data(simulated, patched):
    given = simulated.study
    signals = replace(given.signals, y_test=simulated.against.drawn.prediction[0])
    again = study.control(replace(given, signals=signals))
    assert again.winners.tolist() == simulated.against.winners.tolist()
    assert torch.equal(again.supervised, simulated.against.supervised)
    assert again.drawn.r2.argmax() == 0


def test_nothing_in_the_package_chooses_by_test_scores():
    """Whatever is chosen is chosen by what `selection` calls cv_r2."""
    texts = [
        ast.unparse(node)
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    chosen = [t for t in texts if t.startswith(("selection.choose(", "selection.best_of_"))]
    assert len(chosen) >= 3
    assert all("cv_r2" in text and "_test" not in text for text in chosen)


# --- the comparison -------------------------------------------------------------------------------


def test_every_row_predicts_the_same_test_tracks(real):
    signals, compared, found = real.study.signals, real.compared, real.found
    assert set(compared.rows) == set(table.ROWS)
    wanted = {
        "awd_authors": found.swept["authors"].h, "awd_ours": found.swept["ours"].h,
        "awd_without_interpretation": selection.pick(found.awd.grid.h, found.awd.chosen_plain),
        "awd_40": found.of_40, "random_best": real.against.random_h[real.against.winners],
        "supervised": real.against.supervised,
        **{name: filters.lowpass(name)[None] for name in ("db5", "sym5", "haar")},
    }  # fmt: skip
    for name, h in wanted.items():
        assert torch.equal(compared.wavelets[name], h)
        models = [controls.wavelet(one, signals.x, signals.y) for one in h.double()]
        r2 = [r2_score(signals.y_test, model.predict(signals.x_test)) for model in models]
        assert_allclose(compared.rows[name]["r2"], np.mean(r2), rtol=1e-7)
        assert compared.rows[name]["members"] == len(h)
    assert set(compared.wavelets) == set(wanted)
    for name, teacher in real.teachers.items():
        r2 = [r2_score(signals.y_test, prediction) for prediction in teacher.prediction]
        assert_allclose(compared.rows[name]["r2"], np.mean(r2))
    for name, group in real.against.models.items():
        test = table.inputs_of(name, signals, real.study.tracks.test)
        r2 = [r2_score(signals.y_test, model.predict(test)) for model in group]
        assert_allclose(compared.rows[name]["r2"], np.mean(r2))
    drawn, row = real.against.drawn.r2, compared.rows["random_any"]
    assert_allclose([row["r2"], row["r2_sd"]], [drawn.mean(), drawn.std(ddof=1)])
    assert row["members"] == 12
    assert row["r2_low"] < row["r2"] < row["r2_high"]
    assert set(compared.samples) == set(compared.rows)  # so every difference has an interval


def test_single_random_wavelets_are_the_first_drawn(simulated, patched, monkeypatch):
    """Chosen by nothing: neither winners nor all, where there are more than `SINGLE`."""
    assert study.SINGLE == 1000
    monkeypatch.setattr(study, "SINGLE", 5)
    run, drawn = simulated, simulated.against.drawn.r2
    compared = study.compare(run.study, run.teachers, run.found, run.against, timed=False)
    assert compared.rows["random_any"]["members"] == 5
    assert_allclose(compared.rows["random_any"]["r2"], drawn[:5].mean())
    numbers = record.numbers_of(
        run.study, run.found, run.against, compared, run.claims, run.varied
    )["random"]  # fmt: skip
    assert numbers["count"] == 5
    assert_allclose(numbers["median"], np.median(drawn[:5]))
    assert numbers["draws"] == 3


def test_attributions_are_those_of_each_rows_teacher(real):
    signals, compared = real.study.signals, real.compared
    own = {"awd_ours": "lstm_ours", "awd_40": "lstm_40"}
    for name, h in compared.wavelets.items():
        teacher = real.teachers[own.get(name, "lstm_authors")]
        wanted = [
            selection.compression(one, teacher.of(k)[1], signals.x_test) for k, one in enumerate(h)
        ]
        assert np.array_equal(compared.compression[name], wanted)
        assert_allclose(compared.rows[name]["compression"], np.mean(wanted))
        sd = compared.rows[name]["compression_sd"]
        assert (
            sd is None if len(h) == 1 else sd == pytest.approx(np.std(np.mean(wanted, 1), ddof=1))
        )
        assert len(compared.compression[name]) == len(h)  # the main teacher is one network
    others = set(compared.rows) - set(compared.wavelets)
    assert not any("compression" in compared.rows[name] for name in others)


def test_a_single_wavelets_compression_is_over_all_networks(simulated):
    signals, compared = simulated.study.signals, simulated.compared
    teacher = simulated.teachers["lstm_ours"]
    for name in ("db5", "sym5", "haar"):
        h = filters.lowpass(name)
        each = [selection.compression(h, teacher.of(k)[1], signals.x_test) for k in range(2)]
        assert np.array_equal(compared.compression[name], each)
        assert_allclose(compared.rows[name]["compression"], np.mean(each))
        assert compared.rows[name]["compression_sd"] > 0


def test_parameters_and_times_of_every_row(real, simulated):
    rows, times = real.compared.rows, real.compared.times
    for name in ("awd_authors", "awd_ours", "awd_40", "supervised", "random_best"):
        assert rows[name]["parameters"] == 10 + 30 + 1
    assert rows["db5"]["parameters"] == 31
    assert rows["lstm_ours"]["parameters"] == 4 * 20 * (1 + 20 + 2) + 21
    assert set(times) == set(table.ROWS) - {"random_any"}
    assert all(len(taken) == 21 and min(taken) > 0 for b in times.values() for taken in b.values())
    assert simulated.compared.times == {}


# --- the claims -----------------------------------------------------------------------------------


def test_every_quantity_that_is_judged_is_made(real):
    asked = set(paper.quantities("cme"))
    differences = {f"{claims.short(a)}_minus_{claims.short(b)}" for a, b in claims.DIFFERENCES}
    main = ("db5", "no_interpretation", "random_any", "random_best")
    extra = {"time_ratio_end_to_end", *(f"main_minus_{name}" for name in main)}
    assert set(real.claims) == asked | differences | extra
    assert "time_ratio" in asked
    for name, claim in real.claims.items():
        assert set(claim) - {"gamma"} == CLAIM, name
        assert claim["low"] <= claim["estimate"] <= claim["high"], name
        assert claim["n"] >= 1, name
        assert claim["kind"], name
    judged = paper.judge({"claims": real.claims}, "cme", "laptop", "real")
    assert "not testable here" not in set(judged[~judged["number"]]["verdict"])


def test_claims_are_made_of_the_main_teachers_numbers(real):
    made, found, compared, rows = real.claims, real.found, real.compared, real.compared.rows
    estimate = {name: claim["estimate"] for name, claim in made.items()}
    for name in ("db5", "awd_without_interpretation", "random_any", "random_best"):
        key = claims.short(name)
        assert_allclose(estimate[f"main_minus_{key}"], rows["awd_authors"]["r2"] - rows[name]["r2"])
        assert made[f"main_minus_{key}"] == made[f"awd_authors_minus_{key}"]
    ratio = compared.compression["awd_authors"].mean() / compared.compression["db5"].mean()
    assert_allclose(estimate["compression_reduction"], 1 - ratio)
    assert_allclose(estimate["seed_distance"], claims.seed_distances(found.awd.h).mean())
    assert made["abortive_ratio"] == claims.abortive_ratio(found.awd.h[0], real.study.signals)
    sweeps = claims.sweep_claims(found.awd, found.sym5)
    assert {name: made[name] for name in sweeps} == sweeps
    for key, kind in (("time_ratio", "predict"), ("time_ratio_end_to_end", "end_to_end")):
        pairs = zip(
            compared.times["lstm_authors"][kind], compared.times["awd_authors"][kind], strict=True
        )
        assert_allclose(estimate[key], np.median([slow / fast for slow, fast in pairs]))


def test_what_a_run_cannot_have_is_absent_and_not_testable(simulated):
    made = simulated.claims
    absent = {name for name, claim in made.items() if claim == claims.ABSENT}
    assert absent == {
        *(name for name in claims.expected() if "authors" in name), "time_ratio",
        "time_ratio_end_to_end",
    }  # fmt: skip
    for name in ("db5", "no_interpretation", "random_any", "random_best"):
        assert made[f"main_minus_{name}"] == made[f"awd_ours_minus_{name}"] != claims.ABSENT
    judged = paper.judge({"claims": made}, "cme", "laptop", "real")
    testable = judged[~judged["number"]]["verdict"] != "not testable here"
    assert testable.tolist() == [q not in absent for q in paper.quantities("cme")]


# --- the numbers and arrays of the page -----------------------------------------------------------


def test_the_numbers_say_what_was_found(simulated):
    numbers, found, rows = simulated.numbers, simulated.found, simulated.compared.rows
    awd, drawn = found.awd, simulated.against.drawn.r2
    assert numbers["main"] == {
        "teacher": "ours", "awd": "awd_ours", "r2": rows["awd_ours"]["r2"],
        "lstm_r2": rows["lstm_ours"]["r2"],
    }  # fmt: skip
    assert numbers["size"] == {"epochs": 2, "lams": 2, "gammas": 2, "seeds": 2}
    assert numbers["budget"] == 4
    words = set(numbers["words"]) - {"lstm", "compression"}
    assert set(numbers["table1"]) == words == set(table.ROWS)
    assert numbers["table1"]["lstm_authors"] == table.NO_ROW
    assert set(numbers["table1"]["awd_ours"]) == set(table.NO_ROW) | {"compression_sd"}
    for name in ("db5", "random_any", "random_best", "ridge", "awd_without_interpretation"):
        claim = simulated.claims[f"awd_ours_minus_{claims.short(name)}"]
        assert numbers["words"][name] == claims.in_words(claim) is not None
    assert numbers["words"]["lstm"] == numbers["words"]["lstm_ours"]
    assert numbers["words"]["lstm_authors"] is None
    assert numbers["published"] == record.published()
    assert numbers["chosen"] == {"authors": record.chosen_of(None), "ours": record.chosen_of(awd)}
    assert numbers["chosen"]["ours"]["lam"] == [awd.grid.lams[i] for i, _, _ in awd.chosen]
    assert numbers["chosen"]["ours"]["gamma"] == [awd.grid.gammas[j] for _, j, _ in awd.chosen]
    random = numbers["random"]
    assert random["count"] == 12
    assert_allclose(random["share_above_awd"], np.mean(drawn > rows["awd_ours"]["r2"]))
    assert_allclose(random["share_above_db5"], np.mean(drawn > rows["db5"]["r2"]))
    assert_allclose([random["r2_10"], random["median"], random["r2_90"]],
                    np.quantile(drawn, [0.1, 0.5, 0.9]))  # fmt: skip
    best = drawn[simulated.against.winners]
    assert random["draws"] == 3
    assert random["draws_above_awd"] == sum(r2 > rows["awd_ours"]["r2"] for r2 in best)
    assert numbers["published_setting"]["lam"] == 0.005
    assert numbers["published_setting"]["gamma"] == 0.04281
    assert numbers["published_setting"]["r2"] == awd.judged.r2[1, 1, 0]
    assert numbers["published_setting"]["cv_r2"] == awd.judged.cv_r2[1, 1, 0]
    assert (
        numbers["published_setting"]["validity"] == filters.validity(awd.grid.h[1, 1, 0]).as_dict()
    )
    assert numbers["valid"]["fits"] == 8
    assert numbers["sensitivity"]["splits"] == 1
    assert numbers["sensitivity"]["draws"] == clathrin.sensitivity.DRAWS


def numbers_with(run, **changes):
    """The page's numbers with another part of a run."""
    parts = {name: getattr(run, name) for name in ("found", "against", "compared", "claims")}
    parts |= changes
    return record.numbers_of(
        run.study, parts["found"], parts["against"], parts["compared"], parts["claims"], run.varied
    )


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.2, "smaller than"), (-0.2, -0.1, "larger than"),
     (-0.1, 0.1, "not clearly different from")],
)  # fmt: skip
def test_a_reduction_of_compression_is_a_smaller_factor(simulated, low, high, words):
    claim = simulated.claims["compression_reduction"] | {"low": low, "high": high}
    found = numbers_with(simulated, claims=simulated.claims | {"compression_reduction": claim})
    assert found["words"]["compression"] == words


@pytest.mark.parametrize("above", [0, 1, 2, 3])
def test_draws_above_awd_are_counted_among_the_winners(simulated, above):
    """And not among all random wavelets, of which some are better by the test tracks alone."""
    against = simulated.against
    r2 = np.full(12, 9.0)
    r2[against.winners] = -9
    r2[against.winners[:above]] = 9
    drawn = replace(against.drawn, r2=r2)
    random = numbers_with(simulated, against=replace(against, drawn=drawn))["random"]
    assert (random["draws"], random["draws_above_awd"]) == (3, above)
    assert_allclose(random["share_above_awd"], (9 + above) / 12)


def test_the_published_r2_of_the_authors_network():
    """Table 1's, and that of the authors' report on the sister set."""
    assert record.published() == {"lstm": 0.237, "lstm_sister_set": 0.446}


def chosen_by_hand(valid):
    """Three seeds on a grid of 2 × 3, cross-validated and tested by chance, and what is chosen."""
    rng = np.random.default_rng(7)
    cv, test = rng.random((2, 2, 3, 3))
    one = planted(
        torch.zeros(2, 3, 3, 10), [0.00188, 0.005], [0, 0.04281, 10], (1, 10, 100),
        judged=Judged(cv, np.zeros((2, 3, 3, 1)), test), valid=valid,
        chosen=selection.choose(cv),
    )  # fmt: skip
    return one, cv, test


def test_what_is_chosen_and_what_were_chosen_among_wavelets():
    everything, cv, test = chosen_by_hand(np.ones((2, 3, 3), bool))
    valid = np.ones((2, 3, 3), bool)
    for place in everything.chosen[:2]:
        valid[place] = False  # two seeds' best are no wavelets
    one, _, _ = chosen_by_hand(valid)
    found = record.chosen_of(one)
    lams, gammas = [0.00188, 0.005], [0, 0.04281, 10]
    assert found["lam"] == [lams[i] for i, _, _ in one.chosen]
    assert found["gamma"] == [gammas[j] for _, j, _ in one.chosen]
    assert (found["valid"], found["seeds"]) == (1, 3)
    wanted = []
    for seed in range(3):
        places = [(i, j) for i in range(2) for j in range(3) if valid[i, j, seed]]
        best = max(places, key=lambda place: cv[(*place, seed)])
        wanted.append(test[(*best, seed)])
    assert_allclose(found["r2_valid"], np.mean(wanted))
    # Neither what is chosen among all, nor the best by the test tracks.
    assert abs(found["r2_valid"] - np.mean([test[place] for place in one.chosen])) > 1e-3
    assert found["r2_valid"] < np.where(valid, test, 0).max((0, 1)).mean() - 1e-3
    found = record.chosen_of(everything)
    assert found["valid"] == 3
    assert_allclose(found["r2_valid"], np.mean([test[place] for place in everything.chosen]))


def test_chosen_settings_as_text():
    one = planted(
        torch.zeros(2, 3, 2, 10), [0.00188, 0.005], [0, 0.04281, 10], (1, 10),
        chosen=[(1, 1, 0), (0, 2, 1)], valid=np.ones((2, 3, 2), bool),
    )  # fmt: skip
    assert record.chosen_of(one)["settings"] == "(0.005, 0.043), (0.0019, 10)"


def test_nothing_is_chosen_where_there_is_no_teacher():
    one, _, _ = chosen_by_hand(np.ones((2, 3, 3), bool))
    assert record.chosen_of(None) == dict.fromkeys(record.chosen_of(one))


@pytest.mark.parametrize("bad", [(), ((0, 1, 0),), ((1, 1, 1), (0, 0, 1))])
def test_the_first_gamma_that_fails(simulated, bad):
    valid = np.ones((2, 2, 2), bool)
    for place in bad:
        valid[place] = False
    swept = replace(simulated.found.awd, valid=valid)
    found = replace(simulated.found, swept={"ours": swept})
    numbers = numbers_with(simulated, found=found)["valid"]
    wanted = min((swept.grid.gammas[j] for _, j, _ in bad), default=None)
    assert numbers == {"share": 1 - len(bad) / 8, "fits": 8, "first_failing_gamma": wanted}


def test_the_arrays_hold_every_filter(real):
    arrays, found = real.arrays, real.found
    assert arrays["h"].shape == (8 + 8 + 4, 10)
    for teacher, start, one in (
        ("authors", "db5", found.swept["authors"]), ("ours", "db5", found.swept["ours"]),
        ("authors", "sym5", found.sym5),
    ):  # fmt: skip
        grid = clathrin.grid_of(arrays, teacher, start)
        assert np.array_equal(grid["h"], one.grid.h)
        assert [tuple(place) for place in np.argwhere(grid["chosen"])] == sorted(one.chosen)
    assert np.array_equal(arrays["h_awd"], found.awd.h)
    assert np.array_equal(arrays["h_published"], found.awd.grid.h[1, 1, 0])
    assert np.array_equal(arrays["trajectory"], found.trajectory)
    for name, h in real.compared.wavelets.items():
        assert np.array_equal(arrays[f"filters_{name}"], h)
    assert np.array_equal(arrays["random_r2"], real.against.drawn.r2)
    assert np.array_equal(arrays["random_cv_r2"], real.against.drawn.cv_r2)


def test_the_readings_are_of_the_first_seeds_wavelet(real):
    signals, arrays, h = real.study.signals, real.arrays, real.found.awd.h[0]
    seen = auxilin_seen(tracks().test.significant)
    assert np.array_equal(real.study.seen_test, seen)
    assert len(seen) == len(signals.y_test)
    frames = tracks().test.clathrin_frames
    whole = np.array([sum(v == v for v in row) >= 40 for row in frames])
    assert np.array_equal(real.study.whole_test, whole)
    assert 0 < whole.mean() < 1
    assert real.numbers["reading"]["whole_share"] == whole.mean()
    wanted = claims.abortive_ratio(filters.lowpass("db5"), signals)["estimate"]
    assert real.numbers["reading"]["abortive_ratio_db5"] == wanted
    for name, one in (("awd", h), ("db5", filters.lowpass("db5"))):
        for key, values in clathrin.reading.aligned(one, signals, seen, whole).items():
            assert np.array_equal(arrays[f"aligned_{name}_{key}"], values)
    for key, values in clathrin.reading.mean_coefficients(h, signals).items():
        assert np.array_equal(arrays[key], values)
    pulses = {name.removeprefix("pulse_") for name in arrays if name.startswith("pulse_")}
    assert pulses == {
        *(f"{part}_{name}" for part in ("shape", "model")
          for name in ("awd_authors", "awd_ours", "db5", "sym5", "random")),
        "model_lstm_authors", "model_lstm_ours",
    }  # fmt: skip
    assert real.numbers["example"]["index"] == clathrin.reading.take_apart(h, signals).index


def test_a_track_of_just_as_many_frames_as_samples_is_whole(simulated):
    frames = np.full((4, 50), np.nan)
    for row, count in zip(frames, (39, 40, 41, 0), strict=True):
        row[:count] = 1.0
    test = SimpleNamespace(clathrin_frames=frames)
    given = replace(simulated.study, tracks=SimpleNamespace(test=test))
    assert given.signals.x_test.shape[-1] == 40
    assert given.whole_test.tolist() == [False, True, True, False]


def test_the_other_splits_take_the_same_kind_of_tracks(real, simulated, monkeypatch):
    assert real.varied["variant"].tolist() == ["split", "without hotspots", "length 30"]
    pd.testing.assert_frame_equal(real.varied, simulated.varied)
    asked = []
    monkeypatch.setattr(cme, "load_tracks", lambda **o: asked.append(o) or tracks())
    monkeypatch.setattr(cme, "simulate_tracks", None)
    study.vary(real.study)
    assert asked == [{}, {"drop_hotspots": True}, {"length": 30}]
