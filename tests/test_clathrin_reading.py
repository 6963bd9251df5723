"""What a wavelet and its model respond to: predictions taken apart, tracks aligned, pulses."""

from dataclasses import replace

import numpy as np
import pytest
import pywt
import torch
from clathrinhelpers import spoilt, toy_signals
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression

from awdlib import clathrin, controls, filters, networks, predictors, pulses, reading, threads
from awdlib.clathrin.reading import (
    AFTER,
    BEFORE,
    aligned,
    asymmetries,
    bands_of,
    groups_of,
    mean_coefficients,
    psi_of,
    rise_and_fall,
    strongest_band,
    summary,
    take_apart,
)
from awdlib.store import plain

DB5, SYM5 = filters.lowpass("db5"), filters.lowpass("sym5")


def features(x, wavelet="db5"):
    """The six largest coefficients of each of PyWavelets' five bands."""
    bands = pywt.wavedec(x[:, 0].numpy(), wavelet, mode="zero", level=4)
    return np.concatenate([-np.sort(-band, axis=1)[:, :6] for band in bands], 1)


def model_of(signals):
    return LinearRegression().fit(features(signals.x), signals.y)


# --- one prediction -------------------------------------------------------------------------------


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.9, 1.0])
def test_contributions_rest_and_intercept_are_the_prediction(quantile):
    signals = toy_signals(test=31)
    found = take_apart(DB5, signals, quantile=quantile)
    whole = found.intercept + found.values.sum() + found.rest
    assert abs(whole - found.prediction) < 1e-9
    model = model_of(signals)
    prediction = model.predict(features(signals.x_test))
    assert_allclose(found.prediction, prediction[found.index], rtol=1e-7)
    assert_allclose(found.intercept, model.intercept_, rtol=1e-7)
    assert found.truth == signals.y_test[found.index]


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.9, 1.0])
def test_the_track_is_picked_by_its_predictions_rank(quantile):
    signals = toy_signals(test=31)
    prediction = model_of(signals).predict(features(signals.x_test))
    found = take_apart(DB5, signals, quantile=quantile)
    assert (prediction < prediction[found.index]).sum() == int(30 * quantile)
    # and not by how well it is predicted
    other = take_apart(DB5, replace(signals, y_test=-signals.y_test), quantile=quantile)
    assert other.index == found.index


def test_the_three_contributions_are_the_largest():
    signals = toy_signals()
    found = take_apart(DB5, signals)
    own = features(signals.x_test)[found.index] * model_of(signals).coef_
    order = np.argsort(-np.abs(own))
    assert_allclose(found.values, own[order[:3]], rtol=1e-6)
    assert_allclose(found.rest, own[order[3:]].sum(), rtol=1e-6)
    nth = ["1st", "2nd", "3rd", "4th", "5th", "6th"]
    bands = ("cA4", "cD4", "cD3", "cD2", "cD1")
    assert found.names == [f"{bands[k // 6]}, {nth[k % 6]}" for k in order[:3]]
    assert found.curves.shape == (3, 40)
    # An atom has norm 1, less where a track's end cuts it: so much of a contribution is drawn.
    drawn = np.linalg.norm(found.curves, axis=1) / np.abs(found.values)
    assert (drawn < 1 + 1e-9).all()
    assert drawn.max() > 0.5


def test_an_example_can_be_stored_and_holds_no_track():
    signals = toy_signals()
    found = take_apart(DB5, signals)
    numbers = plain(found.numbers(), "example")
    assert set(numbers) == {
        "index", "names", "values", "intercept", "rest", "prediction", "truth",
    }  # fmt: skip
    assert len(numbers["values"]) == len(numbers["names"]) == 3
    assert numbers["prediction"] == found.prediction


def test_mean_coefficients_and_predictions_track_by_track():
    signals = toy_signals()
    found = mean_coefficients(DB5.float(), signals)
    wanted = mean_coefficients(DB5, signals)
    ready = features(signals.x_test)
    assert_allclose(wanted["mean_coefficient"], ready.mean(1), rtol=1e-9)
    assert_allclose(wanted["prediction"], model_of(signals).predict(ready), rtol=1e-7)
    assert_allclose(found["prediction"], wanted["prediction"], atol=1e-4)
    other = mean_coefficients(DB5, replace(signals, y_test=-signals.y_test))
    for name, values in wanted.items():
        assert np.array_equal(other[name], values)


def test_bands_of_one_track_and_psi():
    signals = toy_signals()
    wanted = pywt.wavedec(signals.x_test[2, 0].numpy(), "db5", mode="zero", level=4)
    found = bands_of(signals.x_test[2].float(), DB5.float())
    assert len(found) == 5
    for band, reference in zip(found, wanted, strict=True):
        assert band.dtype == np.float64
        assert_allclose(band, reference, atol=1e-5)
    assert np.array_equal(psi_of(DB5), filters.cascade(DB5)[1])


# --- tracks around a coefficient ------------------------------------------------------------------


def planted_band(band, train=200):
    """Signals whose target is the largest coefficient of one band, and little of another."""
    rng = np.random.default_rng(band)
    signals = toy_signals(train=train)
    x = torch.from_numpy(rng.normal(size=(train, 1, 40)))
    ready = features(x)
    weak = 6 * (1 + band % 4)
    return replace(signals, x=x, y=3 * ready[:, 6 * band] + 0.2 * ready[:, weak])


@pytest.mark.parametrize("band", [1, 2, 3, 4])
def test_the_strongest_band_is_the_planted_one(band):
    signals = planted_band(band)
    assert strongest_band(DB5, signals) == band
    assert strongest_band(DB5.float(), signals) == band
    assert strongest_band(DB5, spoilt(signals)) == band  # test tracks have no say in it


def test_the_approximation_is_never_the_strongest_band():
    signals = planted_band(3)
    ready = features(signals.x)
    signals = replace(signals, y=9 * ready[:, 0] + 0.1 * ready[:, 12])
    assert strongest_band(DB5, signals) == 2


def test_it_is_the_spread_that_counts_and_not_the_weight_alone():
    """A band's coefficients of a hundredth need a hundredfold weight to matter as much."""
    rng = np.random.default_rng(0)
    signals = toy_signals(train=300)
    x = torch.from_numpy(rng.normal(size=(300, 1, 40)))
    smooth = torch.nn.functional.avg_pool1d(x, 9, 1, 4)  # little is left of the finest band
    ready = features(smooth)
    weight = 0.3 * ready[:, 6].std() / ready[:, 24].std()
    assert weight > 1.5
    signals = replace(signals, x=smooth, y=ready[:, 6] + weight * ready[:, 24])
    assert strongest_band(DB5, signals) == 1


@pytest.mark.parametrize("few", [14, 5])
def test_tracks_of_either_group_are_averaged_around_their_place(few):
    signals = toy_signals(test=60)
    order = np.random.default_rng(0).permutation(60)
    seen, whole = np.zeros(60, bool), np.ones(60, bool)
    seen[order[:few]] = True
    seen[order[40:44]] = whole[order[40:50]] = False
    seen[order[44:50]] = True  # seen, but short
    found = aligned(DB5, signals, seen, whole)
    band = strongest_band(DB5, signals)
    place, _ = reading.locations(signals.x_test, DB5, band=band)
    assert int(found["band"]) == band
    assert found["offset"].tolist() == list(range(-BEFORE, AFTER + 1))
    for name, mask in (("seen", seen), ("unseen", ~seen)):
        for k, offset in enumerate(range(-BEFORE, AFTER + 1)):
            reached = [
                float(signals.x_test[n, 0, place[n] + offset])
                for n in np.flatnonzero(mask & whole)
                if 0 <= place[n] + offset < 40
            ]
            enough = len(reached) >= 10
            assert found[f"{name}_enough"][k] == enough
            mean = np.mean(reached) if enough else 0.0
            error = np.std(reached, ddof=1) / np.sqrt(len(reached)) if enough else 0.0
            assert_allclose(found[f"{name}_mean"][k], mean, atol=1e-12)
            assert_allclose(found[f"{name}_error"][k], error, atol=1e-12)
    rows = [n for n in np.flatnonzero(seen & whole) if 10 <= place[n] < 35]
    x = signals.x_test[:, 0].numpy()
    assert_allclose(found["rise"], [x[n, place[n]] - x[n, place[n] - 10] for n in rows])
    assert_allclose(found["fall"], [x[n, place[n]] - x[n, place[n] + 5] for n in rows])
    assert found["seen_enough"].any() == (few == 14)
    assert all(np.isfinite(values).all() for values in found.values())  # so it can be stored


def test_short_tracks_are_nowhere_in_the_alignment():
    signals = toy_signals(test=60)
    seen, whole = np.arange(60) < 30, np.arange(60) % 3 > 0
    found = aligned(DB5, signals, seen, whole)
    x = signals.x_test.clone()
    x[~torch.from_numpy(whole)] = 1e3 * spoilt(signals).x_test[~torch.from_numpy(whole)]
    again = aligned(DB5, replace(signals, x_test=x), seen, whole)
    assert set(found) == set(again)
    for key, values in found.items():
        assert np.array_equal(values, again[key]), key
    other = aligned(DB5, replace(signals, x_test=x), seen, np.ones(60, bool))
    assert len(other["rise"]) > len(found["rise"]) > 0  # they would have been


def test_rise_and_fall_by_hand():
    """Of t², 10 before and 5 after; tracks too near to an end or outside the mask are out."""
    x = (torch.arange(40.0) ** 2).repeat(7, 1, 1) * torch.arange(1.0, 8)[:, None, None]
    place = np.array([9, 10, 20, 34, 35, 20, 0])
    mask = np.array([1, 1, 1, 1, 1, 0, 1], bool)
    rise, fall = rise_and_fall(x, place, mask)
    assert rise.tolist() == [2 * 100, 3 * (400 - 100), 4 * (34**2 - 24**2)]
    assert fall.tolist() == [2 * (100 - 225), 3 * (400 - 625), 4 * (34**2 - 39**2)]
    assert rise.dtype == fall.dtype == np.float64
    none = rise_and_fall(x, place, np.zeros(7, bool))
    assert [len(values) for values in none] == [0, 0]


def test_groups_show_nothing_where_too_few_tracks_reach():
    signals = toy_signals(test=60)
    found = aligned(SYM5, signals, np.arange(60) < 14, np.ones(60, bool))
    stored = {f"aligned_awd_{key}": value for key, value in found.items()}
    groups = groups_of(stored, "awd")
    assert list(groups) == ["successful", "abortive"]
    for label, key in (("successful", "seen"), ("abortive", "unseen")):
        for part, values in zip(("mean", "error"), groups[label], strict=True):
            enough = found[f"{key}_enough"]
            assert np.array_equal(values[enough], found[f"{key}_{part}"][enough])
            assert np.isnan(values[~enough]).all()
    assert np.isnan(groups["successful"][0]).any()
    assert not np.isnan(groups["successful"][0]).all()


# --- made-up pulses -------------------------------------------------------------------------------


def test_pulses_ask_every_wavelet_every_model_and_every_network():
    signals = toy_signals()
    torch.manual_seed(0)
    models = [networks.ClathrinLSTM(3).double() for _ in range(2)]
    teachers = {"lstm_ours": clathrin.teacher_of(models, signals)}
    wavelets = {"awd_ours": controls.random_wavelets(2, 10, seed=3), "db5": DB5[None]}
    random = controls.random_wavelets(104, 10, seed=4)
    with threads.one_thread():  # many tiny steps
        found = asymmetries(wavelets, teachers, random, signals)
    assert set(found) == {
        "shape_awd_ours", "model_awd_ours", "shape_db5", "model_db5", "model_lstm_ours",
        "shape_random", "model_random",
    }  # fmt: skip
    low, high = np.quantile(signals.x, [0.05, 0.95])

    def asked(predict):
        return pulses.model_asymmetry(predict, base=low, height=high - low)

    def of_model(h):
        reference = LinearRegression()
        own = [-((-1) ** np.arange(10)) * h.numpy(), h.numpy()]
        bank = pywt.Wavelet("own", [own[1][::-1], own[0], own[1], -own[0][::-1]])
        reference.fit(features(signals.x, bank), signals.y)
        return asked(lambda x: reference.predict(features(x, bank)))

    for name, h in wavelets.items():
        assert found[f"shape_{name}"].shape == found[f"model_{name}"].shape == (9,)
        assert_allclose(found[f"shape_{name}"], np.mean([pulses.asymmetry(one) for one in h], 0))
        assert_allclose(found[f"model_{name}"], np.mean([of_model(one) for one in h], 0), rtol=1e-6)
    with torch.no_grad():
        wanted = np.mean([asked(model) for model in models], 0)
    assert_allclose(found["model_lstm_ours"], wanted, rtol=1e-9)
    assert found["shape_random"].shape == (104,)
    for k in (0, 103):
        assert_allclose(found["shape_random"][k], pulses.asymmetry(random[k]).mean())
    assert found["model_random"].shape == (100,)
    for k in (0, 99):
        assert_allclose(found["model_random"][k], of_model(random[k]).mean(), rtol=1e-6)


def test_what_the_text_says_of_the_readings():
    arrays = {
        "pulse_shape_awd_ours": np.array([0.1, 0.2, 0.6]), "pulse_model_db5": np.array([-1.0, 0.0]),
        "pulse_shape_random": np.linspace(0, 1, 41), "other": np.zeros(3),
        "aligned_awd_rise": np.array([1.0, 2.0, 6.0]), "aligned_awd_fall": np.array([0.0, -1, 4]),
        "aligned_db5_rise": np.array([5.0, 1.0]), "aligned_db5_fall": np.array([-2.0, -2.0]),
    }  # fmt: skip
    random = torch.cat([controls.random_wavelets(30, 10, seed=0), SYM5[None]])
    h = torch.stack([DB5, SYM5])
    found = summary(arrays, h.float(), random)
    assert set(found["pulse"]) == {"shape_awd_ours", "model_db5", "shape_random"}
    assert_allclose(found["pulse"]["shape_awd_ours"], 0.3)
    assert_allclose(found["pulse"]["model_db5"], -0.5)
    assert found["pulse"]["shape_random"] == pytest.approx({"low": 0.025, "high": 0.975})
    # Variances 14 / 2 and 14 / 2 of three tracks; 8 and 0 of two.
    assert found["aligned"]["awd"] == pytest.approx({
        "n": 3, "rise": 3, "rise_error": 1.96 * (7 / 3) ** 0.5,
        "fall": 1, "fall_error": 1.96 * (7 / 3) ** 0.5,
    })  # fmt: skip
    assert found["aligned"]["db5"] == pytest.approx(
        {"n": 2, "rise": 3, "rise_error": 1.96 * 2, "fall": -2, "fall_error": 0}
    )
    for n in (0, 1):  # no mean of one track, and no error
        few = arrays | {f"aligned_awd_{key}": np.ones(n) for key in ("rise", "fall")}
        one = summary(few, h, random)["aligned"]
        nothing = dict.fromkeys(("rise", "rise_error", "fall", "fall_error"))
        assert one["awd"] == {"n": n} | nothing
        assert one["db5"] == found["aligned"]["db5"]
        assert plain(one, "reading")
    own = np.mean([pulses.edge_response(one) for one in h])
    above = [float(pulses.edge_response(one)) > own for one in random]
    assert found["edges_share_above"] == np.mean(above)
    assert 0 < np.mean(above) < 1
    assert plain(found, "reading")


def test_the_linear_model_that_is_read_is_the_one_that_is_judged():
    signals = toy_signals()
    found = mean_coefficients(SYM5, signals)["prediction"]
    ready, given = (predictors.largest_coefficients(x, SYM5) for x in (signals.x, signals.x_test))
    assert_allclose(found, predictors.fit_linear(ready, signals.y).predict(given))
