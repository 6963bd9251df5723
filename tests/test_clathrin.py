"""The clathrin experiment: who trains on what, and how Table 1 and the claims are made."""

from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.metrics import r2_score

from awdlib import clathrin, experiments, filters, paper
from awdlib.datasets import cme

NAMES = ("awd", "awd_without_interpretation", "db5", "random_best", "lstm_ours", "lstm_authors")
SEEDS, TESTS = 3, 50


@cache
def tracks():
    return cme.simulate_tracks(0, 200)


@cache
def signals():
    return clathrin.signals_of(tracks())


# --- who trains on what ---------------------------------------------------------------------------


def test_cells_1_to_6_train_and_7_and_8_test():
    found, train = signals(), tracks().cell <= 6
    assert set(found.group) == {1, 2, 3, 4, 5, 6}
    assert set(tracks().cell[~train]) == {7, 8}
    assert np.array_equal(found.x[:, 0], tracks().x[train])
    assert np.array_equal(found.x_test[:, 0], tracks().x[~train])
    assert np.array_equal(found.y, tracks().y[train])
    assert np.array_equal(found.group, tracks().cell[train])
    assert np.array_equal(found.y_test, tracks().y[~train])
    rows = [{row.numpy().tobytes() for row in x} for x in (found.x, found.x_test)]
    assert not rows[0] & rows[1]


def test_early_stopping_is_on_cell_6_which_is_not_trained_on(monkeypatch):
    seen = []
    monkeypatch.setattr(clathrin.networks, "train_regressor", lambda *a, **k: seen.append((a, k)))
    clathrin.train_lstm(signals(), seed=4, epochs=9)
    ((_, x, y, x_held, y_held), options) = seen[0]
    for (a, b), cells in (((x, y), [1, 2, 3, 4, 5]), ((x_held, y_held), [6])):
        rows = np.isin(tracks().cell, cells)
        assert np.array_equal(a[:, 0], tracks().x[rows])
        assert np.array_equal(b, tracks().y[rows])
    assert (options["seed"], options["epochs"]) == (4, 9)


def test_a_seed_decides_the_network_and_leaves_no_trace():
    def weights(seed):
        model = clathrin.train_lstm(signals(), seed=seed, hidden=4, epochs=1)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    before = torch.get_rng_state()
    first = weights(1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(weights(1), first)
    assert not torch.equal(weights(2), first)


# --- claims ---------------------------------------------------------------------------------------


def example(h_awd=None):
    """Rows, samples, compressions and filters as the chapter has them; AWD best, db5 worst."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=TESTS)
    noise = dict(zip(NAMES, (0.3, 0.5, 0.9, 0.6, 0.4, 0.8), strict=True))
    members = {name: 1 if name in ("db5", "lstm_authors") else SEEDS for name in NAMES}
    predictions = {
        name: y + noise[name] * rng.normal(size=(members[name], TESTS)) for name in NAMES
    }
    rows, samples = experiments.compare_r2(y, predictions, count=500, seed=0)
    each = {
        name: [r2_score(y, member) for member in members] for name, members in predictions.items()
    }
    compressions = {
        "awd": rng.uniform(0.4, 0.6, (SEEDS, TESTS)) + 0.02 * np.arange(SEEDS)[:, None],
        "db5": rng.uniform(0.6, 0.8, (1, TESTS)),
    }
    if h_awd is None:
        h_awd = torch.stack([filters.lowpass(name) for name in ("db5", "sym5", "db5")])
        h_awd[2] += 0.01
    return rows, samples, compressions, h_awd, {name: np.mean(r2) for name, r2 in each.items()}


def test_differences_of_r2_are_paired_and_point_the_right_way():
    *given, r2 = example()
    claims = clathrin.claim_quantities(*given)
    for key, (name, other) in {
        "awd_minus_db5": ("awd", "db5"),
        "awd_minus_random_best": ("awd", "random_best"),
        "awd_minus_lstm_ours": ("awd", "lstm_ours"),
        "awd_minus_lstm_authors": ("awd", "lstm_authors"),
        "no_interpretation_minus_db5": ("awd_without_interpretation", "db5"),
        "no_interpretation_minus_lstm_ours": ("awd_without_interpretation", "lstm_ours"),
        "no_interpretation_minus_lstm_authors": ("awd_without_interpretation", "lstm_authors"),
    }.items():
        found = claims.pop(key)
        assert_allclose(found["estimate"], r2[name] - r2[other])
        paired = given[1][name] - given[1][other]
        assert_allclose([found["low"], found["high"]], np.quantile(paired, [0.025, 0.975]))
        assert found["n"] == TESTS
        assert (found["estimate"] < 0) == (key == "no_interpretation_minus_lstm_ours")
    assert set(claims) == {"compression_reduction", "seed_distance"}


def test_every_quantity_that_is_judged_is_there_and_says_its_kind():
    *given, _ = example()
    claims = clathrin.claim_quantities(*given)
    asked = {name.removeprefix("claims.") for name in paper.claims("cme")["quantity"]}
    assert asked - set(claims) == {"time_ratio"}  # `prediction_times`, where time is measured
    for found in claims.values():
        assert set(found) == {"estimate", "low", "high", "n", "kind"}
        assert found["low"] <= found["estimate"] <= found["high"]
        assert found["kind"]
    judged = paper.judge({"claims": claims}, "cme", "laptop", "real").set_index("id")
    assert judged["kind"]["cme_awd_beats_db5"] == "95 %, test tracks and members"
    assert judged["kind"]["cme_stable"] == "range over pairs of seeds"


def test_a_network_that_is_missing_has_no_claims():
    rows, samples, *rest, _ = example()
    for given in (rows, samples):
        del given["lstm_authors"]
    claims = clathrin.claim_quantities(rows, samples, *rest)
    assert not any("authors" in name for name in claims)
    assert "awd_minus_lstm_ours" in claims


def test_the_compression_reduction_and_its_interval():
    rows, samples, compressions, h, _ = example()
    found = clathrin.claim_quantities(rows, samples, compressions, h)["compression_reduction"]
    awd, db5 = compressions["awd"], compressions["db5"][0]
    assert_allclose(found["estimate"], 1 - awd.mean() / db5.mean())
    rng, slow = np.random.default_rng(5), []
    for _ in range(2000):
        picked = rng.choice(TESTS, TESTS)  # the same tracks for both
        drawn = [awd[s, picked].mean() for s in rng.choice(SEEDS, SEEDS)]
        slow.append(1 - np.mean(drawn) / db5[picked].mean())
    assert_allclose(
        [found["low"], found["high"]], np.quantile(slow, [0.025, 0.975]), atol=0.3 * np.std(slow)
    )


def test_the_distance_between_seeds():
    *given, _ = example()
    found = clathrin.claim_quantities(*given)["seed_distance"]
    psi = filters.cascade(given[3])[1]
    apart = [filters.distance(a, b) / np.linalg.norm(a) for a, b in combinations(psi, 2)]
    assert found["n"] == 3
    assert_allclose(found["estimate"], np.mean(apart))
    assert_allclose([found["low"], found["high"]], [min(apart), max(apart)])
    assert found["estimate"] > 0.01

    db5 = filters.lowpass("db5")
    *given, _ = example(db5.repeat(SEEDS, 1))
    assert clathrin.claim_quantities(*given)["seed_distance"]["high"] < 1e-12
    rows, samples, compressions, h, _ = example(db5[None])
    compressions["awd"] = compressions["awd"][:1]
    assert "seed_distance" not in clathrin.claim_quantities(rows, samples, compressions, h)


# --- Table 1 --------------------------------------------------------------------------------------


def some_rows():
    rows, *_ = example()
    rows["awd"] |= {"compression": 0.5, "compression_sd": 0.01, "parameters": 41}
    rows["random_any"] = {"r2": 0.1, "r2_sd": 0.02, "members": 320}
    del rows["lstm_authors"]
    return rows


def test_published_numbers_stand_beside_the_right_rows():
    table = clathrin.table1(some_rows()).set_index("name")
    assert table.index.tolist() == [
        "awd", "awd_without_interpretation", "db5", "lstm_ours", "random_best", "random_any",
    ]  # fmt: skip
    assert table["r2_paper"].dropna().to_dict() == {
        "awd": 0.262, "awd_without_interpretation": 0.231, "db5": 0.197, "lstm_ours": 0.237,
    }  # fmt: skip
    assert table["compression_paper"].dropna().to_dict() == {
        "awd": 0.574, "awd_without_interpretation": 0.651, "db5": 0.704,
    }  # fmt: skip
    for name, row in some_rows().items():
        assert table["r2"][name] == row["r2"]
        assert table["members"][name] == row["members"]
    assert table["parameters"].dropna().to_dict() == {"awd": 41}
    assert table["r2_low"].isna().to_dict()["random_any"]
    assert "LSTM, the authors'" not in set(table["row"])
    assert clathrin.table1(example()[0])["r2_paper"].tolist()[3:5] == [0.237, 0.237]


def test_the_printed_table_has_dashes_and_no_nan():
    table = clathrin.table1(some_rows())
    printed = clathrin.printed_table1(table)
    assert printed.index.tolist() == table["row"].tolist()
    cells = set(printed.to_numpy().ravel())
    assert "—" in cells
    assert not any("na" in cell.lower() or "none" in cell.lower() for cell in cells)
    assert printed.loc["AWD", "R² (paper)"] == "0.262"
    assert printed.loc["AWD", "parameters"] == "41"
    assert printed.loc["DB5", "sd"] == "—"
    assert printed.loc["Random wavelets, any one", "of"] == "320"


# --- times, summaries, sizes ----------------------------------------------------------------------


def test_prediction_times_say_what_they_are():
    lstm = clathrin.train_lstm(signals(), seed=0, hidden=3, epochs=1)
    found = clathrin.prediction_times(lstm, filters.lowpass("db5"), signals(), repeats=5)
    assert list(found) == [
        "network", "published", "end_to_end", "ratio_published", "ratio_end_to_end",
    ]  # fmt: skip
    assert all(found[name] > 0 for name in ("network", "published", "end_to_end"))
    for name in ("ratio_published", "ratio_end_to_end"):
        ratio = found[name]
        assert 0 < ratio["low"] <= ratio["estimate"] <= ratio["high"]
        assert (ratio["n"], ratio["kind"]) == (5, "95 %, repeats")


def test_a_summary_keeps_no_track():
    found, part = clathrin.summary(tracks()), clathrin.summary(tracks().train)
    shapes = {"lifetime": 15, "auxilin": 22, "autocorrelation": 21, "most": 40, "least": 40}
    for summary in (found, part):  # of any number of tracks
        assert {name: len(values) for name, values in summary.items()} == shapes
        assert all(values.ndim == 1 for values in summary.values())
    for name in ("lifetime", "auxilin"):
        assert (found[name] >= 0).all()
        assert 0.9 < found[name].sum() <= 1 + 1e-12
    assert_allclose(found["autocorrelation"][0], 1)
    assert (np.abs(found["autocorrelation"]) <= 1 + 1e-12).all()
    order = np.argsort(tracks().y)
    assert_allclose(found["most"], tracks().x[order[-67:]].mean(0), atol=1e-12)
    assert found["most"].max() > found["least"].max()
    for name in ("most", "least"):
        assert np.abs(tracks().x - found[name]).max(1).min() > 0.05


def test_the_description_counts():
    found = clathrin.describe(tracks())
    assert (found["source"], found["n"]) == ("simulated", 200)
    assert found["n_train"] == len(signals().y)
    assert found["n_test"] == len(signals().y_test)
    assert 0 < found["share_significant"] < 1
    assert 15 < found["lifetime_median"] < 161


@pytest.mark.parametrize("profile", ["smoke", "laptop", "paper"])
def test_sizes_are_places_in_the_published_grid(profile):
    size = clathrin.SIZES[profile]
    for places, count in ((size.lams, 5), (size.gammas, 21)):
        assert list(places) == sorted(set(places))
        assert set(places) <= set(range(count))
    assert size.gammas[0] == 0  # γ = 0 is "without interpretation loss"
    assert len(set(size.seeds)) == len(size.seeds)
    if profile == "paper":
        assert (len(size.lams), len(size.gammas), len(size.seeds), size.epochs) == (5, 21, 5, 100)


def test_table_1_knows_every_row():
    assert set(NAMES) | {"random_any"} == set(clathrin.TABLE1)
    printed = set(paper.published("table1")["column"])
    assert {column for _, column in clathrin.TABLE1.values() if column} == printed
    assert isinstance(clathrin.table1(some_rows()), pd.DataFrame)
