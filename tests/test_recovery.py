"""The synthetic experiment at a tiny size: problems, both routes, both rules, claims, tables."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from awdlib import attribution, dwt, filters, paper, recovery_plots, results
from awdlib.recovery import claims, identify, lattice, printed, published, setup, study, table
from awdlib.recovery.lattice import Effort, Found
from awdlib.recovery.problem import Setting, problems, train
from awdlib.search import Stage
from awdlib.sweep import Sweep

SMALL = Setting(n=300, held=100, epochs=12)
EFFORT = Effort(stages=(Stage(16, 1, 15, 0.15), Stage(4, 8, 25, 0.05)))
TINY = setup.Size(
    main=SMALL, seeds=(1, 2),
    grids={"db5+noise": ((0, 1), (0, 9, 13), 2), "sym5": ((0, 4), (0, 9), 1),
           "coif2": ((0, 1), (0, 9), 2)},
    epochs=1, lengths=(4, 6), effort=EFFORT, other_effort=EFFORT, controls=20,
    truths=("db2", "random3"),
    conditions=setup.conditions(SMALL, noise=(1.0,), n=(150,), bands=(0,), shifts=(2,)),
    other_seeds=(1,), reference=(60, 1), dtype=torch.float64,
)  # fmt: skip


@pytest.fixture(scope="module")
def drawn():
    return problems([(SMALL, 1), (SMALL, 2)], dtype=torch.float64)


def conduct(ledger=None, executor=None):
    """All steps, as the chapter takes them."""
    given = study.Study(TINY, ledger, executor)
    first = study.main_problems(given)
    public, main = study.follow_the_paper(given, first), study.search_main(given, first)
    against, others = study.control(given, first), study.search_others(given)
    tables = {
        "recovery": table.frame([*public.rows, *main.rows, *against, *others.rows]),
        "cases": study.cases(others), "bases": identify.bases(first[0]),
        "relatives": identify.relatives(first[0]),
    }  # fmt: skip
    way = identify.reference_way(first[0], *TINY.reference, timed=False)
    numbers = study.numbers_of(
        given, first, public, main, against, tables["cases"], tables["bases"], way
    )
    return SimpleNamespace(
        drawn=first, public=public, main=main, others=others, tables=tables, numbers=numbers,
        arrays=study.arrays_of(public, main, first),
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return conduct(tmp_path_factory.mktemp("ledger"))


@pytest.fixture
def stored(run, tmp_path, monkeypatch):
    monkeypatch.setenv("AWD_RUNS_DIR", str(tmp_path))
    started = results.start("synthetic", "smoke", seeds=TINY.seeds, parameters=TINY.as_dict())
    return started.save(numbers=run.numbers, tables=run.tables, arrays=run.arrays)


# --- problems ----------------------------------------------------------------------------------


def test_the_papers_problem_is_the_default():
    one = Setting()
    assert (one.truth, one.n, one.held, one.epochs, one.noise) == ("db5", 50_000, 5_000, 20, 0.1)
    assert torch.equal(one.h, filters.lowpass("db5"))
    paper_size = setup.SIZES["paper"]
    assert paper_size.main == one
    assert paper_size.epochs == 50
    assert paper_size.lengths == (4, 6, 8, 10, 12, 14, 16)
    assert len(paper_size.truths) == 33
    assert len(paper_size.seeds) == 5
    assert {"db2", "db8", "sym4", "sym8", "coif1", "coif2", "random0", "random19"} <= set(
        paper_size.truths
    )


def test_random_truths_are_orthonormal_and_differ():
    h = [replace(SMALL, truth=f"random{k}").h for k in range(3)]
    assert all(filters.validity(one).even_shifts < 1e-12 for one in h)
    assert not torch.allclose(h[0], h[1])
    assert torch.equal(h[1], replace(SMALL, truth="random1").h)


def test_a_problem_is_split_and_its_network_asked_once(drawn):
    one = drawn[0]
    assert [len(t) for t in (one.x, one.x_held, one.x_test)] == [300, 100, 100]
    together = torch.cat([one.x, one.x_held, one.x_test])[:, 0]
    assert len(torch.unique(together, dim=0)) == 500
    for x, slopes in ((one.x, one.gradients), (one.x_held, one.gradients_held)):
        assert torch.equal(slopes, attribution.input_gradients(one.network, x, batch_size=1000))
    prediction = one.network(one.x_test).detach().numpy()
    y = one.y_test.numpy()
    assert_allclose(one.r2, 1 - ((y - prediction) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    assert not torch.equal(drawn[0].x, drawn[1].x)


def test_the_response_is_the_planted_one(drawn):
    w, beta = table.planted(SMALL)
    bands = dwt.wavedec(drawn[0].x, SMALL.h, level=4)
    assert [b.shape[-1] for b in bands] == [12, 12, 15, 22, 36]
    assert torch.nonzero(beta)[:, 0].tolist() == [12 + 12 + k for k in (7, 8, 9)]
    expected = torch.cat(bands, -1)[:, 0] @ beta
    assert_allclose(drawn[0].x[:, 0] @ w, expected, atol=1e-12)
    noise = drawn[0].y - expected
    assert abs(float(noise.std()) - 0.1) < 0.012


@pytest.mark.parametrize("wrong", [{"band": 5}, {"band": -1}, {"shift": 6}, {"shift": -8}])
def test_a_place_outside_is_refused(wrong):
    with pytest.raises(ValueError, match="band"):
        table.planted(replace(SMALL, **wrong))


def test_bands_and_places_are_those_asked_for():
    _, beta = table.planted(replace(SMALL, band=4, shift=-3))
    assert torch.nonzero(beta)[:, 0].tolist() == [12 + 12 + 15 + 22 + 18 - 3 + k for k in range(3)]


def test_test_examples_decide_nothing(monkeypatch):
    from awdlib.recovery import problem

    honest, draw = train(SMALL, 1, torch.float64), problem._draw

    def scrambled(*arguments):
        x, y = draw(*arguments)
        cut = SMALL.n + SMALL.held
        return torch.cat([x[:cut], -x[cut:]]), torch.cat([y[:cut], y[cut:] + 100])

    monkeypatch.setattr(problem, "_draw", scrambled)
    again = train(SMALL, 1, torch.float64)
    assert all(np.array_equal(honest[name], again[name]) for name in honest)
    one, other = drawn_with(draw), drawn_with(scrambled, monkeypatch)
    assert torch.equal(one.gradients, other.gradients)
    assert torch.equal(one.gradients_held, other.gradients_held)
    assert one.r2 != other.r2


def drawn_with(draw, monkeypatch=None):
    from awdlib.recovery import problem

    before, problem._draw = problem._draw, draw
    try:
        return problems([(SMALL, 1)], dtype=torch.float64)[0]
    finally:
        problem._draw = before


def test_networks_are_kept(tmp_path, monkeypatch):
    from awdlib.recovery import problem

    first = problems([(SMALL, 1)], dtype=torch.float64, ledger=tmp_path)
    monkeypatch.setattr(problem, "train", None)  # nothing is trained again
    again = problems([(SMALL, 1)], dtype=torch.float64, ledger=tmp_path)
    assert torch.equal(first[0].gradients, again[0].gradients)


def test_conditions_vary_one_thing_and_keep_the_steps():
    found = TINY.conditions
    assert found["noise"] == (SMALL, replace(SMALL, noise=1.0))
    assert found["n"][0] == replace(SMALL, n=150, epochs=24)
    assert (found["band"][0].band, found["shift"][0].shift) == (0, 2)
    assert TINY.other == SMALL


# --- the published route -----------------------------------------------------------------------


def test_the_starts_are_the_published_ones():
    noisy = published.start_of("db5+noise")
    assert_allclose(noisy[:5], [0.36, 0.68, 0.74, 0.32, -0.38], atol=0.005)
    star = filters.cascade(filters.lowpass("db5"))[1]
    expected = {"db5+noise": 18.0, "sym5": 1.3, "coif2": 3.5}
    for name, value in expected.items():
        psi = filters.cascade(published.start_of(name))[1]
        assert float(filters.distance(psi, star)) == pytest.approx(value, abs=0.05)
    assert len(published.start_of("coif2")) == 12
    assert not torch.equal(noisy, published.start_of("db5+noise", seed=2))


def test_the_grids_are_the_published_ones():
    lams, gammas = published.grids("coif2")
    assert (lams[0], lams[-1], gammas[0], gammas[1], gammas[-1]) == (1e-4, 5e-3, 0, 1e-4, 10)
    assert (len(lams), len(gammas)) == (5, 21)
    lams, gammas = published.grids("sym5")
    assert (lams[0], lams[-1], gammas[0], gammas[1], gammas[-1]) == (1e-5, 1e-4, 0, 1e-5, 50)
    assert (len(lams), len(gammas)) == (5, 21)


def test_every_seed_is_swept_over_its_own_data(drawn):
    options = {"lams": [1e-4, 1e-3], "gammas": [0.0, 0.1], "epochs": 1}
    both = published.sweep_of(drawn, "sym5", **options)
    for k, one in enumerate(drawn):
        alone = published.sweep_of([one], "sym5", **options)
        assert_allclose(both.h[:, :, k], alone.h[:, :, 0], atol=1e-12)
    assert both.seeds == (1, 2)


def test_a_killed_run_goes_on_and_ends_the_same(run, tmp_path):
    class Stop(Exception):
        pass

    seen = []

    def stop(*arguments):
        seen.append(arguments)
        if len(seen) == 3:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "progress", lambda what: stop)
        with pytest.raises(Stop):
            conduct(tmp_path)
    with ThreadPoolExecutor(2) as executor:
        again = conduct(tmp_path, executor)
    assert {k: v.tolist() for k, v in again.arrays.items()} == {
        k: v.tolist() for k, v in run.arrays.items()
    }


# --- both rules --------------------------------------------------------------------------------


def graded(distance, norm, valid):
    """One seed on a grid of given values."""
    distance, norm, valid = (np.asarray(v)[..., None] for v in (distance, norm, valid))
    shape = distance.shape[:2]
    grid = Sweep(torch.zeros(*shape, 1, 10), torch.zeros(*shape, 1), np.arange(shape[0]) + 1.0,
                 np.array([0.0, 0.01, 1.0])[: shape[1]], (1,))  # fmt: skip
    return table.Graded(grid, distance, distance, norm, valid)


def test_the_oracle_sees_distances_and_the_blind_rule_norms_of_wavelets():
    one = graded([[3, 1, 2], [5, 4, 6]], [[9, 8, 7], [4, 3, 1]], [[1, 1, 1], [1, 1, 0]])
    assert table.choose(one, 0, "oracle") == (0, 1)
    assert table.choose(one, 0, "blind") == (1, 1)
    none = graded([[3, 1, 2]], [[9, 8, 7]], [[0, 0, 0]])
    assert table.choose(none, 0, "blind") is None
    blinded = graded([[0, 0, 0], [0, 0, 0]], one.norm[..., 0], one.valid[..., 0])
    assert table.choose(blinded, 0, "blind") == table.choose(one, 0, "blind")


def test_the_blind_rule_takes_the_shortest_that_is_as_good():
    found = Found([np.zeros(t) for t in (4, 6, 6, 8)], np.array([9.0, 7.05, 7.03, 7.0]), None, 0.0)
    assert lattice.blind(found) == 2
    assert lattice.blind(found, slack=0.001) == 3
    assert lattice.blind(found, slack=1.0) == 0


def test_a_search_stops_when_two_more_lengths_gain_nothing():
    lengths = [np.zeros(t) for t in (4, 6, 8, 10)]
    assert not lattice._settled(lengths[:2], [9.0, 9.0])
    assert lattice._settled(lengths[:3], [9.0, 9.0, 8.95])
    assert not lattice._settled(lengths, [9.0, 8.0, 7.99, 7.0])
    assert lattice._settled(lengths, [9.0, 7.0, 7.0, 6.99])


def test_a_planted_wavelet_is_recovered_blindly():
    setting = Setting(truth="db2", n=600, held=100, epochs=30)
    (one,) = problems([(setting, 1)], dtype=torch.float64)
    found = lattice.find(one, "none", (4, 6), Effort(stages=EFFORT.stages, ratios=(0.0, 0.1)))
    rows = table.rows_of_search(found, one, "none", timed=False)
    assert [row["rule"] for row in rows] == ["oracle", "blind"]
    assert rows[0]["distance_pm"] <= rows[1]["distance_pm"] < table.RECOVERED
    assert rows[1]["taps"] == 4
    assert rows[1]["distance_start"] is None
    assert table.reason(rows[1]) == "recovered"
    assert set(found.lam) == {0.0, 0.1}


def test_neither_search_nor_choice_sees_the_truth(drawn):
    honest = drawn[0]
    misled = replace(honest, setting=replace(SMALL, truth="haar", band=4))
    found, other = (lattice.find(p, "none", (4, 6), EFFORT) for p in (honest, misled))
    assert all(np.array_equal(a, b) for a, b in zip(found.h, other.h, strict=True))
    assert np.array_equal(found.norm, other.norm)
    assert lattice.blind(found) == lattice.blind(other)
    grid = published.sweep_of([honest], "sym5", lams=[1e-4], gammas=[0.0, 0.1], epochs=1)
    judged = [table.grade(grid, [p]) for p in (honest, misled)]
    assert np.array_equal(judged[0].norm, judged[1].norm)
    assert table.choose(judged[0], 0, "blind") == table.choose(judged[1], 0, "blind")
    assert not np.allclose(judged[0].distance, judged[1].distance)


def test_the_control_is_the_best_of_random_wavelets(drawn):
    row = table.row_of_control(drawn[0], 30, timed=False)
    assert (row["start"], row["route"], row["rule"]) == ("none", "random", "blind")
    one = table.row_of_control(drawn[0], 1, timed=False)
    assert row["norm"] < one["norm"]
    assert row["distance_pm"] <= row["distance_end"]


def test_planted_norms_ask_a_network_without_errors():
    assert table.planted_norm(SMALL, SMALL.h) == pytest.approx(1)
    assert table.planted_norm(SMALL, filters.lowpass("sym5")) > 2
    assert table.planted_norm(replace(SMALL, band=0), filters.lowpass("haar")) < 1


def test_what_came_of_a_search_is_told_by_the_norms():
    row = {"distance_pm": 1.0, "norm": 7.0, "norm_truth": 8.0}
    row["planted"] = 1.0
    assert table.reason(row) == "network's errors"
    assert table.reason(row | {"planted": 0.99}) == "another is sparser"
    assert table.reason(row | {"norm": 9.0}) == table.reason(row | {"norm": 8.0}) == "missed"
    assert table.reason(row | {"distance_pm": 0.2}) == "recovered"


def test_distances_are_the_published_ones_and_with_sign(drawn):
    h = torch.stack([SMALL.h, SMALL.h.flip(0)])[None]
    plain, pm = table.distances(h, SMALL.h)
    assert plain.shape == pm.shape == (1, 2)
    assert_allclose(plain[0], [0, 3.69], atol=0.01)
    assert_allclose(pm, 0, atol=1e-10)


def test_seconds_count_the_steps_of_a_grid(drawn, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(table.time, "perf_counter", lambda: float(next(clock)))
    one = graded(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)))
    # Each timed call takes a second for twenty steps; 300 examples are three steps an epoch.
    seconds = table.seconds_of_grid(drawn[0], "sym5", one, epochs=10)
    assert seconds == pytest.approx(30 * (1 / 20 * 2 + 1 / 20 * 2))


# --- what the data can tell --------------------------------------------------------------------


def test_other_bases_predict_the_same_with_larger_weights(drawn):
    found = identify.bases(drawn[0]).set_index("basis")
    assert found["difference"].max() < 1e-9
    assert np.ptp(found["r2"]) < 1e-9
    assert found["norm"].idxmin() == "DB5, the truth"
    _, beta = table.planted(SMALL)
    assert found.loc["DB5, the truth", "norm"] == pytest.approx(float(beta.abs().sum()), rel=0.15)
    assert len(found) == 7


def test_relatives_of_the_truth(drawn):
    found = identify.relatives(drawn[0]).set_index("filter")
    norm = found["norm"]
    assert_allclose(found["distance_pm"], 0, atol=1e-9)
    assert_allclose(norm["two zeros in front"], norm["the truth"])
    assert norm["two zeros behind"] > 1.3 * norm["the truth"]
    assert norm["reversed taps"] > 1.5 * norm["the truth"]
    assert norm["one zero in front, one behind"] > 1.3 * norm["the truth"]


def test_spread_and_reversal():
    short = replace(SMALL, truth="haar", band=4)
    assert identify.spread_of(short) == pytest.approx(1, abs=1e-12)  # nothing is cut
    assert identify.spread_of(SMALL) == pytest.approx(1.03, abs=0.02)
    assert identify.spread_of(replace(SMALL, truth="db8")) > 1.15
    assert identify.reversed_of(SMALL) > 2
    assert identify.reversed_of(replace(SMALL, truth="sym8")) < 1.7  # nearly symmetric


def test_the_reference_way_gives_the_same_filters(drawn):
    found = identify.reference_way(drawn[0], 60, 2, timed=True)
    assert found["difference"] < 1e-12 < found["moved"]
    assert found["difference_detached"] < 1e-12  # a ReLU network
    assert found["ratio"] > 0
    assert next(drawn[0].network.parameters()).dtype == torch.float64


# --- claims ------------------------------------------------------------------------------------


def test_decades_are_the_longest_accurate_stretch():
    gammas = np.array([0, 0.01, 0.1, 1, 10, 100])
    near, far = 0.2, 0.5  # recovered, and not
    assert claims._decades(np.array([near, far, near, near, near, far]), gammas) == pytest.approx(2)
    assert claims._decades(np.array([near, near, far, near, far, far]), gammas) == 0
    assert claims._decades(np.full(6, far), gammas) == 0
    assert claims._decades(np.full(6, near), gammas) == pytest.approx(4)  # γ = 0 is no decade


def test_interior_is_the_lesser_of_both_ends():
    gammas = np.array([0, 0.1, 1, 10])
    line = np.array([0.0, 4.0, 0.1, 3.0]) * table.RECOVERED
    assert claims._interior(line, gammas) == pytest.approx(3)
    assert claims._interior(line[[0, 2, 1, 3]], gammas) == pytest.approx(0.1)
    assert claims._interior(line + table.RECOVERED, gammas) == 0  # nothing is recovered


def test_quantities_of_planted_distances():
    distance = np.array([[5.0, 0.02, 2.0], [5.0, 0.5, 3.0]])
    one = graded(distance, distance, distance > 0)
    grades = {"db5+noise": one, "sym5": one, "coif2": one}
    found = claims.quantities(grades, {"db5+noise": 10.0, "sym5": 1.0, "coif2": 4.0}, [0.99, 0.995])
    assert found["closer_noise"]["estimate"] == pytest.approx(0.002)
    assert found["closer_coif2"]["estimate"] == pytest.approx(0.005)
    assert found["wide_gamma"]["estimate"] == 0  # a single place
    assert found["interior_noise"]["estimate"] == pytest.approx(0.02 / table.RECOVERED)
    assert found["network_r2"] == {
        "estimate": pytest.approx(0.9925), "low": 0.99, "high": 0.995, "n": 2, "kind": claims.OVER,
    }  # fmt: skip
    assert found["same_noise"]["estimate"] == pytest.approx(0.02 / 32**0.5)
    asked = set(paper.quantities("synthetic"))
    assert asked <= set(found)


def test_small_and_large_lam_are_told_apart():
    distance = np.array([[4.0, 4, 4], [3, 2, 3], [2, 1, 2], [1, 0.5, 1]])
    one = graded(distance, distance, distance > 0)
    found = claims.quantities({"sym5": one, "coif2": one}, {"sym5": 1.0, "coif2": 1.0}, [1.0])
    assert found["sym5_small_lam"]["estimate"] == 2
    assert found["sym5_accurate"]["estimate"] == 0.5
    assert found["coif2_large_lam"]["estimate"] == 0.5
    assert found["coif2_accurate"]["estimate"] == 2


def test_a_thin_grid_of_lam_has_one_value_at_each_end():
    low, high = claims._ends(np.array([[[4.0], [3.0]], [[2.0], [1.0]], [[9.0], [7.0]]]))
    assert (low.tolist(), high.tolist()) == ([3.0], [7.0])


def test_the_published_readings_are_there():
    found = study.published_readings()
    assert found["noise"] == {"distance": 0.03, "distance_start": 18.0}
    assert found["sym5"]["distance"] == 0.79
    assert found["coif2"]["distance"] == 0.08


# --- the whole ---------------------------------------------------------------------------------


def test_the_recovery_table_has_every_way(run):
    found = run.tables["recovery"]
    asked = {"truth", "start", "route", "rule", "seed", "distance_start", "distance_end",
             "distance_pm", "lam", "gamma", "taps"}  # fmt: skip
    assert asked <= set(found.columns)
    assert set(found["start"]) == {"db5+noise", "sym5", "coif2", "none"}
    assert set(found["route"]) == {"taps", "lattice", "random"}
    assert set(found["rule"]) == {"oracle", "blind"}
    assert (found["distance_pm"] <= found["distance_end"] + 1e-12).all()
    main = found[(found["truth"] == "db5") & (found["start"] == "none") & (found["noise"] == 0.1)]
    assert {1, 2} <= set(main["seed"])
    lattice_rows = found[found["route"] == "lattice"]
    assert lattice_rows["valid"].all()
    assert "seconds" not in found.columns  # nothing was timed


def test_one_thing_varies_at_a_time(run):
    noise = table.along(run.tables["recovery"], "noise", n=300)
    assert set(noise["value"]) == {0.1, 1.0}
    assert set(noise["n"]) == {300}
    assert set(noise["route"]) == {"lattice"}
    assert set(table.along(run.tables["recovery"], "n", noise=0.1)["value"]) == {150, 300}


def test_the_cases_have_a_reason_each(run):
    found = run.tables["cases"]
    assert len(found) == 2 + 5  # truths and conditions
    assert set(found["truth"]) == {"db2", "random3", "db5"}
    for reasons in found["reason"]:
        counts = dict(one.split(": ") for one in reasons.split(", "))
        assert set(counts) <= set(recovery_plots.REASONS)
        assert set(counts.values()) == {"1"}
    assert (found["distance_low"] <= found["distance"]).all()
    assert run.numbers["others"]["named"]["truths"] == 2  # DB5 itself is one
    assert run.numbers["others"]["random"]["truths"] == 1


def test_everything_that_the_page_needs_is_stored(stored):
    for claim in paper.quantities("synthetic"):
        assert set(stored[f"claims.{claim}"]) == {"estimate", "low", "high", "n", "kind"}, claim
    assert printed.minima(stored).shape == (3, 7)
    shown = printed.cases(stored.tables["cases"])
    assert len(shown) == len(stored.tables["cases"])
    assert shown.loc[["db2", "random3"], "differs in"].tolist() == ["", ""]
    assert shown.loc["db5", "differs in"].tolist() == [
        "", "noise 1", "n = 150", "band cA4", "+2 places",
    ]  # fmt: skip
    for start, route in study.WAYS:
        name = claims.SHORT.get(start, start)
        for rule in ("oracle", "blind"):
            assert set(stored[f"recovery.{name}_{route}_{rule}"]) == set(study.NOTHING)


def test_the_blind_rule_chooses_the_start_by_the_norm():
    rows = [
        {"route": "taps", "rule": rule, "seed": seed, "start": start, "norm": norm,
         "distance_end": end}
        for rule, seed, start, norm, end in [
            ("blind", 1, "sym5", 9.0, 0.1), ("blind", 1, "coif2", 7.0, 0.5),
            ("blind", 2, "sym5", 6.0, 0.7), ("blind", 2, "coif2", 7.0, 0.0),
            ("oracle", 1, "sym5", 1.0, 0.0),
        ]
    ]  # fmt: skip
    found = study.blind_start(rows)
    assert found == {"starts": "Coif2, Sym5", "distance": pytest.approx(0.6), "n": 2}
    assert study.blind_start([]) == {"starts": "", "distance": None, "n": 0}


def test_a_rule_that_could_choose_nothing_is_empty_in_print():
    assert printed._range(study.NOTHING) == "–"


def test_stored_grids_have_the_shapes_of_their_axes(run):
    for name, (i, j, seeds) in zip(("noise", "sym5", "coif2"), TINY.grids.values(), strict=True):
        shape = (len(i), len(j), seeds)
        for kind in ("distance", "distance_pm", "norm", "valid"):
            assert run.arrays[f"{name}_{kind}"].shape == shape
        assert run.arrays[f"{name}_h"].shape[:3] == shape
    assert isinstance(run.tables["recovery"], pd.DataFrame)
