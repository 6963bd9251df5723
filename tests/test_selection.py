"""Judging, choosing and comparing filters: by hand, and with nothing of the test data chosen by."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pywt
import torch
from datahelpers import real_tracks
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_score

from awdlib import attribution, clathrin, filters, metrics, predictors, selection
from awdlib.datasets.cme import simulate_tracks
from awdlib.selection import Signals
from awdlib.sweep import Sweep, sweep

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "02_cme.py"
STEPS = sorted((Path(__file__).resolve().parents[1] / "awdlib" / "clathrin").glob("*.py"))
DB5 = filters.lowpass("db5")


def stream(seed=0):
    return np.random.default_rng(seed)


def make_signals(train=90, test=40):
    rng = stream(1)
    x, x_test = (np.cumsum(rng.normal(size=(n, 1, 40)), -1) for n in (train, test))
    y, y_test = (0.3 * a[:, 0].max(1) + rng.normal(size=len(a)) for a in (x, x_test))
    cells = np.arange(train) * 6 // train + 1
    return Signals(torch.from_numpy(x), y, cells, torch.from_numpy(x_test), y_test)


def scrambled(signals):
    rng = stream(2)
    return replace(
        signals,
        x_test=torch.from_numpy(rng.normal(size=signals.x_test.shape) * 5),
        y_test=rng.normal(size=len(signals.y_test)) * 7 + 3,
    )


def random_filters(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return filters.taps_from_angles(filters.random_angles(count, 10, generator))


# --- nothing is chosen by test data ---------------------------------------------------------------


def chain(signals):
    """The clathrin chapter in small: what is chosen, and what is predicted."""
    lstm = clathrin.train_lstm(signals, seed=3, hidden=4, epochs=2)
    grid = sweep(
        signals.x, gradients=attribution.input_gradients(lstm, signals.x), seeds=(1, 2), epochs=1,
        lams=[0.001, 0.01], gammas=[0.0, 0.1],
    )  # fmt: skip
    judged = selection.judge_grid(grid, signals)
    controls = selection.judge_filters(random_filters(8), signals)
    chosen = {
        **{name: tensor.numpy() for name, tensor in lstm.state_dict().items()},
        "grid": grid.h.numpy(),
        "cv_r2": judged.cv_r2,
        "choice": np.array(selection.choose(judged.cv_r2)),
        "control": controls.cv_r2,
        "winners": selection.best_of_budget(controls.cv_r2, 4),
    }
    return chosen, judged, controls


def test_what_is_chosen_never_sees_the_test_data():
    signals = make_signals()
    chosen, *judged = chain(signals)
    again, *rejudged = chain(scrambled(signals))
    assert len(chosen) > 8
    for name in chosen:
        assert np.array_equal(chosen[name], again[name]), name
    for one, other in zip(judged, rejudged, strict=True):
        assert (one.prediction != other.prediction).all()
        assert (one.r2 != other.r2).all()


def test_the_chapter_chooses_by_cross_validation_alone():
    trees = [ast.parse(path.read_text()) for path in STEPS]
    texts = [ast.unparse(n) for tree in trees for n in ast.walk(tree) if type(n) is ast.Call]
    choices = [t for t in texts if t.startswith(("selection.choose(", "selection.best_of_"))]
    assert len(choices) == 4  # the last: what would have been chosen among wavelets only
    assert all(".cv_r2" in text for text in choices)
    trained = [t for t in texts if t.startswith(("sweep(", "distill(", "networks.train("))]
    assert len(trained) == 3
    assert not any(word in text for text in choices + trained for word in ("_test", ".r2", ".pred"))
    assert "selection.choose" not in NOTEBOOK.read_text()  # it happens in those steps


# --- judging --------------------------------------------------------------------------------------


def by_hand(x):
    """The six largest coefficients of each of PyWavelets' five bands."""
    bands = pywt.wavedec(x[:, 0].numpy(), "db5", mode="zero", level=4)
    return np.concatenate([-np.sort(-band, axis=1)[:, :6] for band in bands], 1)


def test_judging_a_filter_is_pywavelets_and_scikit_learn():
    signals = make_signals()
    train, test = by_hand(signals.x), by_hand(signals.x_test)
    judged = selection.judge_filters(torch.stack([random_filters(1)[0], DB5]), signals)
    want = cross_val_score(LinearRegression(), train, signals.y, cv=KFold(5), scoring="r2").mean()
    prediction = LinearRegression().fit(train, signals.y).predict(test)
    assert judged.prediction.shape == (2, 40)
    assert_allclose(judged.cv_r2[1], want, rtol=1e-8)
    assert_allclose(judged.prediction[1], prediction, rtol=1e-8, atol=1e-8)
    assert_allclose(judged.r2[1], r2_score(signals.y_test, prediction), rtol=1e-8)


def test_a_judged_grid_keeps_its_places():
    signals, h = make_signals(), random_filters(12).reshape(2, 3, 2, 10)
    grid = Sweep(h, torch.zeros(2, 3, 2), np.arange(2), np.arange(3), (1, 2))
    judged = selection.judge_grid(grid, signals)
    assert judged.prediction.shape == (2, 3, 2, 40)
    for at in np.ndindex(2, 3, 2):
        one = selection.judge_filters(h[at][None], signals)
        assert_allclose(judged.cv_r2[at], one.cv_r2[0], rtol=1e-12)  # last bits: another batch
        assert_allclose(judged.r2[at], one.r2[0], rtol=1e-12)
        assert_allclose(judged.prediction[at], one.prediction[0], rtol=1e-10, atol=1e-11)


def one_by_one(h, signals, k):
    """The readable reference."""
    cv, predictions = [], []
    for one in h:
        train, test = (
            predictors.largest_coefficients(x.double(), one, k=k)
            for x in (signals.x, signals.x_test)
        )
        cv.append(predictors.cross_validated_r2(train, signals.y))
        predictions.append(predictors.fit_linear(train, signals.y).predict(test))
    return np.array(cv), np.array(predictions), [r2_score(signals.y_test, p) for p in predictions]


def simulated():
    return clathrin.signals_of(simulate_tracks(0, n=400))


@pytest.mark.parametrize("k", [1, 6])
@pytest.mark.parametrize("make", [make_signals, simulated])
def test_judging_many_is_one_by_one(make, k):
    signals = make()
    h = torch.cat([random_filters(20), DB5[None], torch.randn(3, 10).double(), DB5[None] * 1e-3])
    h[3] = 0  # all features 0
    judged, want = selection.judge_filters(h, signals, k=k), one_by_one(h, signals, k)
    for got, expected in zip((judged.cv_r2, judged.prediction, judged.r2), want, strict=True):
        assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def test_haar_is_judged_by_what_its_bands_have():
    signals, haar = simulated(), filters.lowpass("haar")[None]
    judged, want = selection.judge_filters(haar, signals), one_by_one(haar, signals, 6)
    assert_allclose(judged.cv_r2, want[0], rtol=1e-9)
    assert_allclose(judged.prediction, want[1], rtol=1e-9, atol=1e-9)


def test_float32_signals_are_judged_in_float64():
    signals, h = simulated(), random_filters(3)
    short = replace(signals, x=signals.x.float(), x_test=signals.x_test.float())
    judged, want = selection.judge_filters(h, short), one_by_one(h, short, 6)
    assert_allclose(judged.cv_r2, want[0], rtol=1e-9)
    assert_allclose(judged.prediction, want[1], rtol=1e-9, atol=1e-9)


def test_chunks_change_nothing_and_say_how_far_they_are(monkeypatch):
    signals, h = make_signals(), random_filters(7)
    whole = selection.judge_filters(h, signals)
    monkeypatch.setattr(selection, "CHUNK_BYTES", 3 * 8 * 72 * 90)
    heard = []
    parts = selection.judge_filters(h, signals, progress=lambda *a: heard.append(a))
    assert heard == [(3, 7), (6, 7), (7, 7)]
    assert_allclose(parts.cv_r2, whole.cv_r2, rtol=1e-11)
    assert_allclose(parts.prediction, whole.prediction, rtol=1e-10, atol=1e-11)
    monkeypatch.setattr(selection, "CHUNK_BYTES", 1)
    assert_allclose(selection.judge_filters(h, signals).r2, whole.r2, rtol=1e-10)


@pytest.mark.real_data
def test_db5_on_the_real_tracks():
    signals = clathrin.signals_of(real_tracks())
    judged = selection.judge_filters(DB5[None], signals)
    assert_allclose([judged.cv_r2[0], judged.r2[0]], [0.277, 0.321], atol=5e-4)


def test_predict_gives_an_array_without_a_graph():
    lstm = clathrin.train_lstm(signals := make_signals(), seed=0, hidden=3, epochs=1)
    out = selection.predict(lstm, signals.x_test)
    assert isinstance(out, np.ndarray)
    assert_allclose(out, lstm(signals.x_test).detach())


def test_validity_of_a_grid():
    broken = DB5 + 0.1 * torch.from_numpy(stream().normal(size=10))
    h = torch.stack([DB5, broken, broken, DB5, DB5, broken]).reshape(3, 2, 1, 10)
    penalty, valid = selection.validity_of_grid(h.float())
    assert valid[..., 0].tolist() == [[True, False], [False, True], [True, False]]
    assert (penalty[valid] < 1e-10).all()
    assert_allclose(penalty[~valid], filters.validity(broken).penalty, rtol=1e-4)


def test_compression_by_brute_force():
    rng = stream(4)
    x, slopes = (rng.normal(size=(7, 40)) * (rng.uniform(size=(7, 40)) < 0.1) for _ in range(2))
    want = []
    for signal, slope in zip(x, slopes, strict=True):
        bands = pywt.wavedec(signal, "db5", mode="zero", level=4)
        flat, places = pywt.coeffs_to_array(bands)
        units = pywt.array_to_coeffs
        scores = [  # a coefficient moves the signal by its atom
            slope @ pywt.waverec(units(unit, places, "wavedec"), "db5", "zero")[:40]
            for unit in np.eye(len(flat))
        ]
        both = (np.abs(flat) > 1e-3) & (np.abs(scores) > 1e-3)
        want.append(both.mean())
    assert 0 < min(want) < max(want) < 0.9
    got = selection.compression(
        DB5, torch.from_numpy(slopes)[:, None], torch.from_numpy(x)[:, None]
    )
    assert_allclose(got, want, atol=1e-12)


# --- choosing -------------------------------------------------------------------------------------


def test_choose_finds_each_seeds_planted_optimum():
    scores = stream().uniform(size=(3, 5, 2))
    scores[2, 4, 0] = scores[0, 3, 1] = 3.0
    scores[1, 0, 0] = scores[2, 0, 1] = 2.0
    scores[0, 2, 0] = scores[1, 1, 1] = 1.5
    assert selection.choose(scores) == [(2, 4, 0), (0, 3, 1)]
    assert selection.choose(scores, gammas=slice(1)) == [(1, 0, 0), (2, 0, 1)]
    assert selection.choose(scores, gammas=slice(1, 3)) == [(0, 2, 0), (1, 1, 1)]
    assert selection.choose(scores, gammas=slice(-2, None)) == [(2, 4, 0), (0, 3, 1)]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_pick_takes_the_chosen_places(kind):
    values = np.arange(3 * 5 * 2 * 4).reshape(3, 5, 2, 4)
    chosen = [(2, 4, 0), (0, 3, 1), (1, 0, 0)]
    picked = selection.pick(kind(values), chosen)
    assert type(picked) is type(kind(values))
    assert picked.tolist() == [values[at].tolist() for at in chosen]


def test_nearest():
    grid = np.array([0.0, 0.1, 0.5, 3.0])
    assert [selection.nearest(grid, v) for v in (-1, 0.06, 0.31, 9)] == [0, 1, 2, 3]


def test_best_of_budget_picks_one_of_every_disjoint_group():
    scores = stream().uniform(size=23)
    scores[[3, 5, 14, 15]] = 2.0
    scores[[20, 21, 22]] = 9.0  # no whole group is left for these
    assert selection.best_of_budget(scores, 5).tolist() == [3, 5, 14, 15]
    assert selection.best_of_budget(scores, 23).tolist() == [20]
    assert selection.best_of_budget(scores, 1).tolist() == list(range(23))
    with pytest.raises(ValueError, match="23 controls are fewer than the budget of 24"):
        selection.best_of_budget(scores, 24)


# --- comparing ------------------------------------------------------------------------------------


def predictions_of(members, n=60, spread=0.5, seed=0):
    rng = stream(seed)
    y = rng.normal(size=n)
    common = 0.6 * y + 0.4 * rng.normal(size=n)
    return y, common + spread * np.arange(members)[:, None] * rng.normal(size=(members, n))


def test_r2_of_one_and_of_several_members():
    y, several = predictions_of(3)
    given = {"one": several[0], "same": several[:1], "several": several}
    rows, samples = selection.compare_r2(y, given, count=50, seed=0)
    each = [r2_score(y, p) for p in several]
    assert_allclose([rows["one"]["r2"], rows["several"]["r2"]], [each[0], np.mean(each)])
    assert (rows["one"]["r2_sd"], rows["one"]["members"]) == (None, 1)
    assert rows["same"] == rows["one"]
    assert_allclose(rows["several"]["r2_sd"], np.std(each, ddof=1))
    assert rows["several"]["members"] == 3
    for name, row in rows.items():
        assert samples[name].shape == (50,)
        assert (row["r2_low"], row["r2_high"]) == metrics.interval(samples[name])


def test_all_models_meet_the_same_tracks():
    y, several = predictions_of(4)
    alone = np.stack([selection.compare_r2(y, {"a": p}, count=99, seed=5)[1]["a"] for p in several])
    given = {"a": several, "b": several, "more": several[[0, 1, 2, 2]], "copies": several[[1] * 5],
             "one": several[1]}  # fmt: skip
    samples = selection.compare_r2(y, given, count=99, seed=5)[1]
    assert np.array_equal(samples["one"], alone[1])
    assert_allclose(samples["copies"], alone[1], rtol=1e-12)
    assert np.array_equal(samples["a"], samples["b"])  # members that belong together stay so
    assert not np.allclose(samples["a"], alone.mean(0))  # and are drawn anew every time
    for name in ("a", "more"):  # each sample is a mean over members, on the tracks of that sample
        assert (samples[name] >= alone.min(0) - 1e-12).all()
        assert (samples[name] <= alone.max(0) + 1e-12).all()
    assert np.array_equal(selection.compare_r2(y, given, count=99, seed=5)[1]["a"], samples["a"])
    other = selection.compare_r2(y, given, count=99, seed=6)[1]["a"]
    assert not np.array_equal(other, samples["a"])


def test_the_interval_grows_where_members_disagree():
    y, agreeing = predictions_of(3, n=400, spread=0)
    apart = agreeing + np.array([-0.6, 0, 0.6])[:, None]
    rows = selection.compare_r2(y, {"agree": agreeing, "apart": apart}, count=500, seed=0)[0]
    width = {name: row["r2_high"] - row["r2_low"] for name, row in rows.items()}
    assert width["apart"] > 1.5 * width["agree"]


def test_the_bootstrap_is_that_of_a_slow_one():
    y, several = predictions_of(3)
    samples = selection.compare_r2(y, {"a": several}, count=4000, seed=0)[1]["a"]
    rng, slow = stream(77), []
    for _ in range(4000):
        tracks = rng.choice(60, 60)
        drawn = [several[m] for m in rng.choice(3, 3)]
        slow.append(np.mean([1 - np.mean((y - p)[tracks] ** 2) / np.var(y[tracks]) for p in drawn]))
    assert_allclose(samples.mean(), np.mean(slow), atol=0.05 * np.std(slow))
    assert_allclose(samples.std(), np.std(slow), rtol=0.05)


def test_a_shift_of_the_data_changes_nothing():
    y, several = predictions_of(3)
    rows, samples = selection.compare_r2(y, {"a": several}, count=50, seed=0)
    moved, shifted = selection.compare_r2(y + 5, {"a": several + 5}, count=50, seed=0)
    assert_allclose(shifted["a"], samples["a"], rtol=1e-9)
    assert moved["a"] == pytest.approx(rows["a"])
