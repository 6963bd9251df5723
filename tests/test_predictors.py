"""Features, linear models and scores against PyWavelets, scikit-learn and brute force."""

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_score

from awdlib import filters, metrics, predictors

properties = settings(deadline=None, derandomize=True, max_examples=20)


def regression(n=53, features=4, seed=0):
    stream = np.random.default_rng(seed)
    x = stream.normal(size=(n, features))
    return x, x @ stream.normal(size=features) + 0.7 * stream.normal(size=n) + 3


# --- features and linear models ------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 6])
@pytest.mark.parametrize("mode", ["zero", "symmetric"])
def test_largest_coefficients_are_brute_force(mode, k):
    x = np.random.default_rng(0).normal(size=(7, 1, 40))
    features = predictors.largest_coefficients(
        torch.from_numpy(x), filters.lowpass("db5"), mode=mode, k=k
    )
    assert features.shape == (7, 5 * k)
    for row, signal in zip(features, x[:, 0], strict=True):
        bands = pywt.wavedec(signal, "db5", mode=mode, level=4)
        want = np.concatenate([sorted(band, reverse=True)[:k] for band in bands])
        assert_allclose(row, want, atol=1e-10)


def test_largest_coefficients_are_signed_and_need_no_graph():
    h = filters.lowpass("haar").requires_grad_()
    x = torch.tensor([[[0.0, 8.0, 0.0, 2.0]]], dtype=torch.float64)
    features = predictors.largest_coefficients(x, h, level=1, k=1)
    half = np.sqrt(0.5)
    assert isinstance(features, np.ndarray)
    assert_allclose(abs(features), [[8 * half, 2 * half]])
    detail = pywt.dwt([0.0, 8.0, 0.0, 2.0], "haar")[1]
    assert_allclose(features[0, 1], detail.max())  # −2/√2, not the −8/√2 of largest size
    assert_allclose(abs(detail).max(), 8 * half)


def test_a_short_band_gives_all_it_has():
    x = np.random.default_rng(0).normal(size=(4, 1, 40))
    features = predictors.largest_coefficients(torch.from_numpy(x), filters.lowpass("haar"), k=6)
    assert features.shape == (4, 3 + 3 + 5 + 6 + 6)
    for row, signal in zip(features, x[:, 0], strict=True):
        bands = pywt.wavedec(signal, "haar", mode="zero", level=4)
        want = np.concatenate([sorted(band, reverse=True)[:6] for band in bands])
        assert_allclose(row, want, atol=1e-10)


@pytest.mark.parametrize("choose", [predictors.largest_coefficients, predictors.largest_of_many])
def test_no_coefficients_are_refused(choose):
    x = torch.randn(3, 1, 40, dtype=torch.float64)
    with pytest.raises(ValueError, match="k must be at least 1, not 0"):
        choose(x, filters.lowpass("db5")[None], k=0)


@pytest.mark.parametrize("n", [40, 17, 128, 129, 200])
@pytest.mark.parametrize(("taps", "k"), [(2, 6), (10, 6), (10, 1), (10, 11), (6, 4)])
def test_many_filters_are_one_after_the_other(n, taps, k):
    x = torch.randn(5, 1, n, dtype=torch.float64)
    h = torch.randn(3, taps, dtype=torch.float64)
    want = np.stack([predictors.largest_coefficients(x, one, level=3, k=k) for one in h])
    assert_allclose(predictors.largest_of_many(x, h, level=3, k=k), want, rtol=1e-12, atol=1e-12)
    assert_allclose(predictors.largest_coefficients(x, h, level=3, k=k), want, atol=1e-12)


def test_top_coefficients_have_a_gradient():
    x, h = torch.randn(2, 1, 12).double(), torch.randn(2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda h: predictors.top_coefficients(x, h, level=2, k=3), h, atol=1e-7
    )
    assert not predictors.largest_of_many(x, h, level=2, k=3).requires_grad


def test_fit_linear_is_least_squares():
    x, y = regression()
    model = predictors.fit_linear(x, y)
    design = np.column_stack([x, np.ones(len(x))])
    want = np.linalg.lstsq(design, y, rcond=None)[0]
    assert_allclose([*model.weights, model.intercept], want, rtol=1e-10)
    assert_allclose(model.predict(x), design @ want, rtol=1e-10)


def test_fit_linear_takes_the_shortest_solution():
    x, y = regression()
    doubled = predictors.fit_linear(np.column_stack([x, x]), y)
    single = predictors.fit_linear(x, y)
    assert_allclose(doubled.weights, np.tile(single.weights, 2) / 2, rtol=1e-8)


@properties
@given(n=st.integers(20, 60), folds=st.integers(2, 7), seed=st.integers(0, 100))
def test_cross_validated_r2_is_scikit_learns(n, folds, seed):
    x, y = regression(n, seed=seed)
    want = cross_val_score(LinearRegression(), x, y, cv=KFold(folds), scoring="r2").mean()
    assert_allclose(predictors.cross_validated_r2(x, y, folds=folds), want, rtol=1e-9, atol=1e-9)


def test_five_folds_are_the_rule():
    x, y = regression()
    want = cross_val_score(LinearRegression(), x, y, cv=KFold(5), scoring="r2").mean()
    assert_allclose(predictors.cross_validated_r2(x, y), want, rtol=1e-10)
    assert abs(predictors.cross_validated_r2(x, y, folds=4) - want) > 1e-6


# --- many at once --------------------------------------------------------------------------------


def one_by_one(features, y, tests, folds=5):
    cv = [predictors.cross_validated_r2(f.double().numpy(), y, folds=folds) for f in features]
    fits = [predictors.fit_linear(f.double().numpy(), y) for f in features]
    return cv, [m.predict(t.double().numpy()) for m, t in zip(fits, tests, strict=True)]


@properties
@given(n=st.integers(20, 60), folds=st.integers(2, 7), seed=st.integers(0, 100))
def test_fit_many_is_one_by_one(n, folds, seed):
    sets = [regression(n, seed=seed + i) for i in range(3)]
    features = torch.tensor(np.stack([x * [1, 9, 0.1, 2] + [0, 5, 80, -3] for x, _ in sets]))
    tests, y = features[:, :7].flip(0) + 1, sets[0][1] + 100
    cv_r2, prediction = predictors.fit_many(features, y, tests, folds=folds)
    want = one_by_one(features, y, tests, folds)
    assert_allclose(cv_r2, want[0], rtol=1e-9, atol=1e-9)
    assert_allclose(prediction, want[1], rtol=1e-9, atol=1e-9)


def singular(kind):
    """Features without a unique solution, or almost so."""
    stream = np.random.default_rng(1)
    x, y = regression(60)
    extra = {
        "double": x[:, :1],
        "almost double": x[:, :1] + 1e-7 * stream.normal(size=(60, 1)),
        "nearly double": x[:, :1] + 1e-5 * stream.normal(size=(60, 1)),
        "constant": np.full((60, 1), 2.5),
        "zero": np.zeros((60, 1)),
        "sum": x.sum(1, keepdims=True),
        "in one fold only": np.eye(60)[:, 3:4],
        "faint": 1e-8 * stream.normal(size=(60, 1)),
        "more than examples": stream.normal(size=(60, 70)),
    }[kind]
    return np.column_stack([x, extra]), y


KINDS = ["double", "almost double", "nearly double", "constant", "zero", "sum", "faint"]


@pytest.mark.parametrize("kind", [*KINDS, "in one fold only", "more than examples"])
def test_fit_many_falls_back_where_the_solution_is_not_unique(kind):
    x, y = singular(kind)
    features = torch.tensor(
        np.stack([x, np.random.default_rng(5).normal(size=x.shape), x[:, ::-1]])
    )
    tests = features[:, :9].flip(1) + 0.3
    cv_r2, prediction = predictors.fit_many(features, y, tests)
    want = one_by_one(features, y, tests)
    assert_allclose(cv_r2, want[0], rtol=1e-9, atol=1e-9)
    assert_allclose(prediction, want[1], rtol=1e-9, atol=1e-9)


def test_only_what_is_near_singular_falls_back(monkeypatch):
    good, y = regression(60)
    features = torch.tensor(np.stack([good, good[:, [0, 1, 2, 2]], 3 * good]))
    seen = []
    real = predictors.cross_validated_r2
    monkeypatch.setattr(
        predictors, "cross_validated_r2", lambda f, *a, **k: (seen.append(f), real(f, *a, **k))[1]
    )
    predictors.fit_many(features, y, features[:, :2])
    assert len(seen) == 1
    assert np.array_equal(seen[0], features[1])


@pytest.mark.parametrize("offset", [0, 500])
def test_fit_many_computes_in_float64(offset):
    x, y = regression(60)
    features = torch.tensor(x[None] * [1, 1, 1, 1e-3] + offset).float()
    cv_r2, prediction = predictors.fit_many(features, y, features)
    want = one_by_one(features, y, features)
    assert_allclose(cv_r2, want[0], rtol=1e-9)
    assert_allclose(prediction, want[1], rtol=1e-9)
    assert prediction.dtype == np.float64


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_fit_many_refuses_what_is_not_finite(value):
    x, y = regression(30)
    spoilt = torch.tensor(x[None]).clone()
    spoilt[0, 3, 1] = value
    for train, test in ((spoilt, spoilt[:, :2]), (torch.tensor(x[None]), spoilt)):
        with pytest.raises(ValueError, match="NaN or infinite"):
            predictors.fit_many(train, y, test)


# --- scores --------------------------------------------------------------------------------------


def test_r2_by_hand_and_by_scikit_learn():
    # Σ(y − ŷ)² = 1 + 0 + 1, Σ(y − 2)² = 2
    assert_allclose(metrics.r2_score([1, 2, 3], [2, 2, 2]), 0)
    assert_allclose(metrics.r2_score([1, 2, 3], [2, 2, 4]), 0, atol=1e-15)
    assert_allclose(metrics.r2_score([1, 2, 3], [1, 2, 3]), 1)
    assert_allclose(metrics.r2_score([1, 2, 3], [3, 2, 1]), -3)
    x, y = regression()
    assert_allclose(metrics.r2_score(y, x[:, 0]), r2_score(y, x[:, 0]))


def test_bootstrap_is_paired_and_scikit_learns():
    x, y = regression()
    predictions = np.stack([y - 0.1 * x[:, 0], x[:, 1], y - 0.1 * x[:, 0]])
    picks = np.random.default_rng(4).integers(0, len(y), (50, len(y)))
    samples = metrics.bootstrap_r2(y, predictions, picks)
    assert samples.shape == (50, 3)
    assert np.array_equal(samples[:, 0], samples[:, 2])  # the same examples for all
    want = [[r2_score(y[p], q[p]) for q in predictions] for p in picks]
    assert_allclose(samples, want, rtol=1e-9)


def test_bootstrap_spreads_around_the_score():
    x, y = regression(n=400)
    prediction = predictors.fit_linear(x, y).predict(x)
    picks = np.random.default_rng(0).integers(0, 400, (2000, 400))
    samples = metrics.bootstrap_r2(y, prediction[None], picks)[:, 0]
    whole = metrics.bootstrap_r2(y, prediction[None], np.arange(400)[None])
    assert_allclose(whole, [[metrics.r2_score(y, prediction)]])
    assert_allclose(samples.mean(), metrics.r2_score(y, prediction), atol=0.01)
    assert abs(samples.std()) > 1e-3


def test_interval_and_estimate():
    samples = np.arange(1001) / 1000
    assert_allclose(metrics.interval(samples), (0.025, 0.975))
    assert_allclose(metrics.interval(samples[::-1], level=0.5), (0.25, 0.75))
    stored = metrics.estimate(np.float64(0.4), samples, np.int64(1001), "95 %, tracks")
    assert stored == {"estimate": 0.4, "low": pytest.approx(0.025), "high": pytest.approx(0.975),
                      "n": 1001, "kind": "95 %, tracks"}  # fmt: skip
    assert (type(stored["estimate"]), type(stored["n"])) == (float, int)


def test_means_and_medians_over_examples():
    values = np.random.default_rng(5).exponential(size=200)
    mean = metrics.over_examples(values, "95 %, images")
    median = metrics.over_examples(values, "95 %, neurons", statistic="median")
    assert mean["estimate"] == values.mean()
    assert median["estimate"] == np.median(values)
    assert (mean["n"], mean["kind"], median["kind"]) == (200, "95 %, images", "95 %, neurons")
    # 1.96 standard errors of the mean; of 200 values, the 14th before and after the median
    half = 1.96 * values.std(ddof=1) / np.sqrt(200)
    wanted = values.mean() + half * np.array([-1, 1])
    assert_allclose([mean["low"], mean["high"]], wanted, rtol=0.05)
    assert_allclose([median["low"], median["high"]], np.sort(values)[[86, 113]], rtol=0.05)
    other = metrics.over_examples(values, "95 %, images", seed=1)
    assert other["low"] != mean["low"] == metrics.over_examples(values, "95 %, images")["low"]
    few = metrics.over_examples([1.0, 2.0], "95 %, images", samples=1)
    assert few["low"] == few["high"]


def test_the_standard_deviation_of_one_is_none():
    assert metrics.sd([0.3]) is None
    assert_allclose(metrics.sd([1.0, 3.0]), np.sqrt(2))


def test_compression_factors_by_hand():
    coeffs = [torch.tensor([[0.5, -0.5, 0.0], [1e-3, -2e-3, 1.0]]), torch.tensor([[3.0], [-3.0]])]
    scores = [torch.tensor([[0.2, 0.0, 9.0], [5.0, -2e-3, 1e-3]]), torch.tensor([[-1.0], [1e-4]])]
    # both exceed 1e-3 in (.5, .2) and (3, −1) of the first, in (−.002, −.002) of the second
    assert_allclose(metrics.compression_factors(coeffs, scores), [2 / 4, 1 / 4])
    assert_allclose(metrics.compression_factors(coeffs, scores, above=0.1), [2 / 4, 0])
    assert_allclose(metrics.compression_factors(coeffs, scores, above=10), [0, 0])
    assert_allclose(metrics.compression_factors(coeffs, coeffs, above=-1), [1, 1])


def test_images_are_counted_example_by_example():
    image = torch.zeros(2, 3, 4)
    image[1, :, :2] = 1.0
    assert_allclose(metrics.compression_factors([image], [image]), [0, 1 / 2])


def test_compression_factors_need_array_for_array():
    ones = torch.ones(2, 3)
    with pytest.raises(ValueError, match="zip"):
        metrics.compression_factors([ones, ones], [ones])
