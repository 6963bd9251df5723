"""The quantities that the clathrin claims are judged by: sign, pairing, interval, absence."""

import json
from functools import cache
from itertools import combinations

import numpy as np
import pytest
import torch
from clathrinhelpers import CLAIM, planted, spoilt, toy_signals
from numpy.testing import assert_allclose
from sklearn.metrics import r2_score

from awdlib import filters, paper, pulses, selection
from awdlib.clathrin import claims
from awdlib.results import Results

SEEDS, TESTS = 3, 50
NOISE = {
    "awd_authors": 0.3, "awd_ours": 0.5, "awd_without_interpretation": 0.6, "random_best": 0.4,
    "supervised": 0.35, "minirocket": 0.45, "db5": 0.9, "ridge": 0.55, "lifetime_amplitude": 0.8,
    "lstm_ours": 0.85, "lstm_authors": 0.65, "random_any": 0.7, "lstm_40": 0.75, "awd_40": 0.62,
}  # fmt: skip
SINGLE = ("db5", "ridge", "lifetime_amplitude", "lstm_authors")
DB5 = filters.lowpass("db5")


@cache
def predictions():
    """Every model's, with known noise: the truth and as many members as the chapter has."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=TESTS)
    return y, {
        name: y + noise * rng.normal(size=(1 if name in SINGLE else SEEDS, TESTS))
        for name, noise in NOISE.items()
    }


def compared(without=()):
    y, given = predictions()
    given = {name: p for name, p in given.items() if name not in without}
    return selection.compare_r2(y, given, count=500, seed=0)


def is_complete(claim):
    """A claim's quantity: five parts, an interval around the estimate, and a word for its kind."""
    return (
        set(claim) >= CLAIM
        and claim["low"] <= claim["estimate"] <= claim["high"]
        and claim["n"] >= 1
        and bool(claim["kind"])
    )


# --- differences of R² ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "other"), claims.DIFFERENCES)
def test_differences_are_paired_and_point_the_right_way(name, other):
    (y, given), (rows, samples) = predictions(), compared()
    found = claims.differences(rows, samples, TESTS)
    short = [n.replace("awd_without_interpretation", "no_interpretation") for n in (name, other)]
    claim = found["_minus_".join(short)]
    r2 = [np.mean([r2_score(y, p) for p in given[n]]) for n in (name, other)]
    assert_allclose(claim["estimate"], r2[0] - r2[1])
    paired = samples[name] - samples[other]
    assert_allclose([claim["low"], claim["high"]], np.quantile(paired, [0.025, 0.975]))
    assert claim["n"] == TESTS
    assert is_complete(claim)
    # Pairing is what makes the interval: an unpaired one is another.
    unpaired = samples[name] - np.roll(samples[other], 1)
    assert abs(np.quantile(unpaired, 0.025) - claim["low"]) > 1e-4


def test_the_interval_of_a_difference_covers_less_than_the_two_by_themselves():
    """Tracks that are hard are hard for both: the same samples take that out."""
    rng = np.random.default_rng(0)
    y = rng.standard_t(2, size=200)  # heavy tails: R² swings with the sample
    shared = 0.5 * y + rng.normal(size=200)
    given = {"awd_ours": shared, "db5": shared + 0.1 * rng.normal(size=200)}
    rows, samples = selection.compare_r2(y, given, count=500, seed=0)
    (claim,) = claims.differences(rows, samples, 200).values()
    widths = [rows[n]["r2_high"] - rows[n]["r2_low"] for n in given]
    assert claim["high"] - claim["low"] < 0.5 * min(widths)


def test_every_pair_that_is_there_and_no_other():
    rows, samples = compared()
    found = claims.differences(rows, samples, TESTS)
    assert len(found) == len(claims.DIFFERENCES) == len(set(claims.DIFFERENCES))
    rows, samples = compared(without=("lstm_authors", "awd_authors"))
    fewer = claims.differences(rows, samples, TESTS)
    assert not any("authors" in name for name in fewer)
    assert set(fewer) == {name for name in found if "authors" not in name}


def test_expected_names_all_claims_and_all_differences():
    names = claims.expected()
    asked = set(paper.quantities("cme"))
    assert asked <= set(names)
    assert set(claims.differences(*compared(), TESTS)) <= set(names)
    assert claims.short("awd_without_interpretation") == "no_interpretation"
    assert claims.short("awd_ours") == "awd_ours"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.1, "better than"), (-0.1, -0.01, "worse than"),
        (-0.1, 0.1, "not clearly different from"), (0.0, 0.1, "not clearly different from"),
        (-0.1, 0.0, "not clearly different from"), (None, 0.1, None), (0.1, None, None),
    ],
)  # fmt: skip
def test_in_words(low, high, words):
    assert claims.in_words({"estimate": 0.05, "low": low, "high": high}) == words


def test_in_words_of_another_kind():
    words = {"more": "smaller than", "less": "larger than"}
    for low, high, wanted in ((0.1, 0.2, "smaller than"), (-0.2, -0.1, "larger than"),
                              (-0.1, 0.1, "not clearly different from")):  # fmt: skip
        claim = {"estimate": 0.5 * (low + high), "low": low, "high": high}
        assert claims.in_words(claim, **words) == wanted
    assert claims.in_words(claims.ABSENT, **words) is None


def test_in_words_of_nothing():
    assert claims.in_words(None) is None
    assert claims.in_words({}) is None
    assert claims.in_words(claims.ABSENT) is None


# --- compression ----------------------------------------------------------------------------------


def test_the_compression_reduction_and_its_interval():
    rng = np.random.default_rng(0)
    hard = rng.uniform(0, 0.3, TESTS)  # for both
    awd = rng.uniform(0.3, 0.4, (SEEDS, TESTS)) + hard + 0.05 * np.arange(SEEDS)[:, None]
    db5 = rng.uniform(0.6, 0.7, (1, TESTS)) + hard
    found = claims.compression_reduction(awd, db5)
    assert_allclose(found["estimate"], 1 - awd.mean() / db5.mean())
    assert is_complete(found)
    assert found["n"] == TESTS
    rng, slow = np.random.default_rng(5), []
    for _ in range(4000):
        picked = rng.choice(TESTS, TESTS)  # the same tracks for both
        drawn = [awd[s, picked].mean() for s in rng.choice(SEEDS, SEEDS)]
        slow.append(1 - np.mean(drawn) / db5[0, picked].mean())
    wanted = np.quantile(slow, [0.025, 0.975])
    assert_allclose([found["low"], found["high"]], wanted, atol=0.15 * np.std(slow))


def test_the_compression_reduction_of_what_is_exactly_half():
    db5 = np.random.default_rng(0).uniform(0.2, 0.9, (1, TESTS))
    found = claims.compression_reduction(np.repeat(db5 / 2, SEEDS, 0), db5)
    assert_allclose([found[k] for k in ("low", "estimate", "high")], 0.5)  # pairing cancels tracks


# --- shapes ---------------------------------------------------------------------------------------


def some_filters():
    h = torch.stack([filters.lowpass(name) for name in ("db5", "sym5", "db5")])
    h[2] += 0.01
    return h


def test_the_distance_between_seeds():
    h = some_filters()
    found = claims.shape_claims(h)["seed_distance"]
    psi = filters.cascade(h)[1]
    apart = [filters.distance(a, b) / np.linalg.norm(a) for a, b in combinations(psi, 2)]
    assert_allclose(claims.seed_distances(h), apart)
    assert_allclose([found[k] for k in ("estimate", "low", "high")],
                    [np.mean(apart), min(apart), max(apart)])  # fmt: skip
    assert (found["n"], found["kind"]) == (3, "range over pairs of seeds")
    assert found["low"] > 0.01
    same = claims.shape_claims(DB5.repeat(SEEDS, 1))["seed_distance"]
    assert same["high"] < 1e-12
    assert "seed_distance" not in claims.shape_claims(DB5[None])


def test_float32_filters_are_measured_in_full():
    h = some_filters().float()
    assert_allclose(claims.seed_distances(h), claims.seed_distances(h.double()), rtol=1e-12)
    for name, found in claims.shape_claims(h).items():
        assert_allclose(found["estimate"], claims.shape_claims(h.double())[name]["estimate"])


def test_the_distance_from_the_start():
    h = some_filters().reshape(3, 1, 1, 10)
    found = claims.distance_from_start(h, "sym5")
    assert found.shape == (3, 1, 1)
    sym5 = filters.cascade(filters.lowpass("sym5"))[1]
    for k, one in enumerate(h.flatten(0, 2)):
        wanted = filters.distance(filters.cascade(one)[1], sym5) / np.linalg.norm(sym5)
        assert_allclose(found[k, 0, 0], wanted, atol=1e-12)
    assert found[1, 0, 0] < 1e-9 < 0.01 < found[0, 0, 0]


def test_edges_and_build_up_are_ranges_over_seeds():
    h = some_filters()
    found = claims.shape_claims(h)
    edges = [float(pulses.edge_response(one) / pulses.edge_response(DB5)) for one in h]
    drops = [float(pulses.asymmetry(one).mean()) for one in h]
    for name, values in (("edge_response", edges), ("build_up_drop", drops)):
        claim = found[name]
        assert_allclose([claim[k] for k in ("estimate", "low", "high")],
                        [np.mean(values), min(values), max(values)], rtol=1e-9)  # fmt: skip
        assert (claim["n"], claim["kind"]) == (3, "range over seeds")
    assert_allclose(claims.shape_claims(DB5[None])["edge_response"]["estimate"], 1)
    haar = torch.zeros(10, dtype=torch.float64)
    haar[4:6] = 2**-0.5
    assert claims.shape_claims(haar[None])["edge_response"]["estimate"] > 1  # it is an edge


# --- whole sweeps ---------------------------------------------------------------------------------

GAMMAS = [0.0, 0.001, 0.04281, 0.5, 10.0]


def two_sweeps(valid=None, valid_sym5=None, *, gammas_sym5=(0, 2, 3, 4), away=None):
    """The same filters from both starts, valid everywhere; `away` moves Sym5's at one place."""
    lams, seeds = [0.001, 0.005], (1, 10)
    random = filters.random_angles(2 * 5 * 2, 10, torch.Generator().manual_seed(0))
    h = filters.taps_from_angles(random).reshape(2, 5, 2, 10)
    others = h[:, list(gammas_sym5), :1].clone()
    if away is not None:
        others[:, away] = DB5
    valid = np.ones((2, 5, 2), bool) if valid is None else valid
    fine = np.ones(others.shape[:3], bool) if valid_sym5 is None else valid_sym5
    return planted(h, lams, GAMMAS, seeds, valid=valid), planted(
        others, lams, [GAMMAS[j] for j in gammas_sym5], seeds[:1], start="sym5", valid=fine
    )


def distance(a, b):
    psi, other = (filters.cascade(h)[1] for h in (a, b))
    return float(filters.distance(psi, other)) / float(psi.norm())


def test_the_penalty_ratio_is_a_geometric_mean_over_lambda():
    first, again = two_sweeps()
    penalty = np.ones((2, 5, 2))
    penalty[0, 4] = [30, 50]  # mean 40 over seeds, published 2: ratio 20
    penalty[0, 2] = [1, 3]
    penalty[1, 4] = [8, 2]  # mean 5, published 1: ratio 5
    swept = planted(first.grid.h, first.grid.lams, GAMMAS, (1, 10), penalty=penalty)
    found = claims.sweep_claims(swept, again)["penalty_ratio"]
    assert_allclose([found[k] for k in ("low", "estimate", "high")], [5, 10, 20])
    assert (found["n"], found["kind"]) == (2, "geometric mean and range over λ")
    assert set(found) == CLAIM


def test_identical_sweeps_are_at_no_distance():
    found = claims.sweep_claims(*two_sweeps())["sym5_distance"]
    assert found["high"] < 1e-12
    assert found["gamma"] == GAMMAS[-1]
    assert (found["n"], found["kind"]) == (2, "range over λ, means over seeds")


@pytest.mark.parametrize("side", ["db5", "sym5"])
@pytest.mark.parametrize("first_bad", [1, 2, 3, 4])
def test_the_distance_is_taken_at_the_last_gamma_where_all_are_valid_in_both(side, first_bad):
    """Of the common γ, indices 0, 2, 3, 4: one seed or λ that fails is enough."""
    bad, bad_sym5 = np.ones((2, 5, 2), bool), np.ones((2, 4, 1), bool)
    shared = [0, 2, 3, 4]
    if side == "db5":
        bad[1, first_bad, 1] = False
        usable = [j for j in shared if j < first_bad]  # also where sym5 skips the bad one
    else:
        bad_sym5[0, first_bad - 1, 0] = False
        usable = shared[: first_bad - 1]
    first, again = two_sweeps(bad, bad_sym5)
    found = claims.sweep_claims(first, again)
    if not usable:
        assert "sym5_distance" not in found
        return
    assert found["sym5_distance"]["gamma"] == GAMMAS[usable[-1]]
    assert found["sym5_distance"]["high"] < 1e-12
    # Filters that differ there, and only there, are seen.
    place = shared.index(usable[-1])
    first, again = two_sweeps(bad, bad_sym5, away=place)
    found = claims.sweep_claims(first, again)["sym5_distance"]
    wanted = [distance(first.grid.h[k, usable[-1], 0], DB5) for k in range(2)]
    assert_allclose([found[k] for k in ("low", "estimate", "high")],
                    [min(wanted), np.mean(wanted), max(wanted)])  # fmt: skip
    assert found["low"] > 0.1
    unseen = two_sweeps(bad, bad_sym5, away=place - 1 if place else place + 1)
    assert claims.sweep_claims(*unseen)["sym5_distance"]["high"] < 1e-12


def test_one_good_gamma_behind_a_bad_one_does_not_count():
    bad = np.ones((2, 5, 2), bool)
    bad[0, 3, 0] = False  # and at γ = 10 all are valid again
    found = claims.sweep_claims(*two_sweeps(bad))["sym5_distance"]
    assert found["gamma"] == GAMMAS[2]


def test_without_one_valid_start_there_is_no_distance():
    bad = np.ones((2, 5, 2), bool)
    bad[0, 0, 0] = False
    assert set(claims.sweep_claims(*two_sweeps(bad))) == {"penalty_ratio"}


# --- abortive events ------------------------------------------------------------------------------


def ratio_of(monkeypatch, mean, prediction):
    found = {"mean_coefficient": np.asarray(mean, float), "prediction": np.asarray(prediction)}
    monkeypatch.setattr(claims, "mean_coefficients", lambda h, signals: found)
    return claims.abortive_ratio(DB5, None)


def test_the_abortive_ratio_by_hand(monkeypatch):
    # Predicted below the middle (3): 1, 2, of coefficients 4 and −1; the others' mean is 6.
    found = ratio_of(monkeypatch, [4, 5, -1, 6, 7] * 9, [1, 3, 2, 4, 5] * 9)
    assert_allclose(found["estimate"], 1.5 / 6)
    assert (found["n"], found["kind"]) == (45, "95 %, test tracks")


def test_the_abortive_ratio_is_planted_and_bootstrapped_over_tracks(monkeypatch):
    rng = np.random.default_rng(0)
    prediction = rng.permutation(np.arange(200.0))
    abortive = prediction < 99.5
    mean = np.where(abortive, 0.2, 1.0) + 0.3 * rng.normal(size=200)
    found = ratio_of(monkeypatch, mean, prediction)
    assert_allclose(found["estimate"], mean[abortive].mean() / mean[~abortive].mean())
    assert is_complete(found)
    assert 0.1 < found["low"] < 0.25 < found["high"] < 0.35
    slow = []
    for _ in range(3000):
        picked = rng.choice(200, 200)
        m, low = mean[picked], abortive[picked]
        slow.append(m[low].mean() / m[~low].mean())
    assert_allclose([found["low"], found["high"]], np.quantile(slow, [0.025, 0.975]),
                    atol=0.15 * np.std(slow))  # fmt: skip


@pytest.mark.parametrize(("low", "high"), [(0.5, -1.0), (-1.0, -3.0)])
def test_no_abortive_ratio_where_the_others_coefficients_are_not_positive(monkeypatch, low, high):
    """−.5 and .33 would pass for "much smaller"."""
    mean = np.repeat([low, high], 20)
    planted = {"mean_coefficient": mean, "prediction": np.arange(40.0)}
    monkeypatch.setattr(claims, "mean_coefficients", lambda *a: planted)
    assert claims.abortive_ratio(DB5, None) == claims.ABSENT


def test_no_abortive_ratio_whose_interval_has_no_end(monkeypatch):
    """The estimate is .2 / 1.5; in some samples the others' mean is not positive."""
    mean = np.concatenate([np.full(20, 0.2), np.tile([11.0, -8.0], 10)])
    found = ratio_of(monkeypatch, mean, np.arange(40.0))
    assert found == claims.ABSENT
    steady = np.concatenate([np.full(20, 0.2), np.tile([2.0, 1.0], 10)])
    assert is_complete(ratio_of(monkeypatch, steady, np.arange(40.0)))


def test_the_abortive_ratio_of_a_model():
    signals = toy_signals()
    found = claims.abortive_ratio(DB5.float(), signals)
    given = claims.mean_coefficients(DB5, signals)
    low = given["prediction"] < np.median(given["prediction"])
    mean = given["mean_coefficient"]
    assert_allclose(found["estimate"], mean[low].mean() / mean[~low].mean(), rtol=1e-4)
    # the truth of the test tracks has no say in it
    others = toy_signals()
    others = type(others)(others.x, others.y, others.group, others.x_test, spoilt(others).y_test)
    assert claims.abortive_ratio(DB5.float(), others) == found


# --- judged ---------------------------------------------------------------------------------------


def test_what_is_absent_is_not_testable_and_nothing_else_is():
    made = {key: claims.ABSENT for key in claims.expected()}
    made |= claims.differences(*compared(without=("lstm_authors",)), TESTS)
    numbers = json.loads(json.dumps({"claims": made}))  # as a results file keeps it
    judged = paper.judge(numbers, "cme", "laptop", "real").set_index("id")
    verdicts = judged["verdict"]
    for name in ("cme_awd_beats_lstm_authors", "cme_time", "cme_stable", "cme_sym5",
                 "cme_compression", "cme_abortive", "cme_large_gamma", "cme_edges"):  # fmt: skip
        assert verdicts[name] == "not testable here"
    assert verdicts["cme_awd_beats_db5"] == "reproduced"
    assert verdicts["cme_awd_beats_lstm_ours"] == "reproduced"
    assert verdicts["cme_no_interpretation_below_lstm_ours"] == "not reproduced"
    assert judged["kind"]["cme_awd_beats_db5"] == claims.OVER
    assert judged["kind"]["cme_time"] == ""


# --- what a gain is made of -----------------------------------------------------------------------


def ladder_of(without=()):
    rows, samples = compared(without=without)
    made = {key: claims.ABSENT for key in claims.expected()}
    made |= claims.differences(rows, samples, TESTS)
    absent = dict.fromkeys(("r2", "r2_low", "r2_high"))
    numbers = {"claims": made, "table1": {name: rows.get(name, absent) for name in NOISE}}
    numbers["main"] = {"awd": "awd_ours" if without else "awd_authors"}
    return rows, made, claims.ladder(Results("cme", "laptop", "run", numbers, {}))


def test_the_ladder_shows_each_steps_r2_and_what_awd_has_over_it():
    rows, made, found = ladder_of()
    assert len(found) == 10
    labels = {"db5": "DB5, where AWD starts", "random_any": "a random wavelet, not chosen",
              "random_best": "the best of as many random ones",
              "lstm_authors": "the authors' LSTM"}  # fmt: skip
    assert found.index.tolist().index(labels["random_any"]) == 2  # just before the best of them
    assert found.index.tolist().index(labels["random_best"]) == 3
    for name, label in labels.items():
        assert found.loc[label, "R²"] == f"{rows[name]['r2']:.3f}"
        for column, teacher in zip(found.columns[1:], ("authors", "ours"), strict=True):
            claim = made[f"awd_{teacher}_minus_{name}"]
            text = f"{claim['estimate']:+.3f} [{claim['low']:+.3f}, {claim['high']:+.3f}]"
            shown = found.loc[label, column]
            assert shown.startswith(text.replace("-", "−"))
            word = {"better than": "better", "worse than": "worse"}.get(claims.in_words(claim))
            assert shown.endswith(word or "unclear")


def test_the_ladder_without_the_authors_network():
    _, _, found = ladder_of(("lstm_authors", "awd_authors"))
    assert "the authors' LSTM" not in found.index
    assert len(found.columns) == 2
    assert "None" not in found.to_string()
