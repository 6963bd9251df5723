"""Controls: planted wavelets are found, gradients are right, nothing of the test data is seen."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from datahelpers import real_tracks
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_score
from sklearn.preprocessing import StandardScaler

from awdlib import clathrin, controls, filters, minirocket, predictors, selection
from awdlib.datasets.cme import simulate_tracks
from awdlib.selection import Signals


def stream(seed=0):
    return np.random.default_rng(seed)


def planted(taps=6, train=200, test=80, noise=0.1, level=2, k=2):
    """A target made from the features of a wavelet of no named family."""
    h = controls.random_wavelets(1, taps, seed=11)[0]
    x = torch.from_numpy(stream(1).normal(size=(train + test, 1, 24)))
    features = predictors.largest_coefficients(x, h, level=level, k=k)
    y = features @ stream(2).normal(size=features.shape[1])
    y = (y - y.mean()) / y.std() + noise * stream(3).normal(size=len(y))
    cells = np.arange(train) * 6 // train + 1
    return h, Signals(x[:train], y[:train], cells, x[train:], y[train:])


def simulated():
    return clathrin.signals_of(simulate_tracks(0, n=400))


# --- the differentiable score ---------------------------------------------------------------------


@pytest.mark.parametrize("folds", [3, 5])
def test_the_differentiable_score_is_the_rule(folds):
    signals = simulated()
    h = controls.random_wavelets(6, 10, seed=0)
    features = predictors.largest_of_many(signals.x, h)
    got = predictors.soft_cross_validated_r2(features, torch.from_numpy(signals.y), folds=folds)
    want = [
        cross_val_score(LinearRegression(), f, signals.y, cv=KFold(folds), scoring="r2").mean()
        for f in features.numpy()
    ]
    assert_allclose(got, want, atol=1e-6)
    exact = predictors.soft_cross_validated_r2(
        features, torch.from_numpy(signals.y), folds=folds, ridge=0
    )
    assert_allclose(exact, want, rtol=1e-9)


def test_its_gradient_is_the_finite_difference_of_scikit_learns_score():
    signals, step = simulated(), 1e-7  # larger steps meet other coefficients
    angles = filters.random_angles(1, 10, torch.Generator().manual_seed(4))[0, :-1]

    def score(free):
        features = predictors.largest_coefficients(signals.x, controls._filters_of(free))
        folds = KFold(5)
        return cross_val_score(
            LinearRegression(), features, signals.y, cv=folds, scoring="r2"
        ).mean()

    sides = [(score(angles + step * e), score(angles - step * e)) for e in torch.eye(4)]
    want = np.diff(np.array(sides)[:, ::-1])[:, 0] / (2 * step)
    free = angles.clone().requires_grad_()
    features = predictors.top_coefficients(signals.x, controls._filters_of(free)[None])
    y = torch.from_numpy(signals.y)
    predictors.soft_cross_validated_r2(features, y, ridge=0).sum().backward()
    assert np.abs(want).min() > 1e-3
    assert_allclose(free.grad, want, rtol=1e-5)


def test_repeated_features_leave_score_and_gradient_finite():
    x = torch.randn(2, 60, 3).double()
    features = torch.cat([x, x[..., :1], torch.zeros(2, 60, 1)], -1).requires_grad_()
    y = torch.randn(60).double()
    score = predictors.soft_cross_validated_r2(features, y)
    score.sum().backward()
    want = [predictors.cross_validated_r2(one.numpy(), y.numpy()) for one in x]
    assert_allclose(score.detach(), want, atol=1e-6)
    assert features.grad.isfinite().all()


# --- wavelets -------------------------------------------------------------------------------------


def test_random_wavelets_are_orthonormal_and_seeded():
    h = controls.random_wavelets(50, 10, seed=3)
    assert (h.shape, h.dtype) == ((50, 10), torch.float64)
    for shift in (2, 4, 6, 8):
        assert_allclose((h[:, shift:] * h[:, :-shift]).sum(1), 0, atol=1e-12)
    assert_allclose(h.square().sum(1), 1)
    assert_allclose(h.sum(1), np.sqrt(2))
    assert torch.equal(h, controls.random_wavelets(50, 10, seed=3))
    assert not torch.equal(h, controls.random_wavelets(50, 10, seed=4))
    angles = filters.random_angles(50, 10, torch.Generator().manual_seed(3))
    assert_allclose(h, filters.taps_from_angles(angles), atol=1e-14)  # every chapter's control


def search(signals, **options):
    settings = {"taps": 6, "starts": 16, "steps": 40, "seed": 1, "level": 2, "k": 2} | options
    return controls.supervised(signals, **settings)


def test_supervision_finds_a_planted_wavelet():
    h, signals = planted()
    found = search(signals)
    truth = selection.judge_filters(h[None], signals, level=2, k=2)
    assert truth.cv_r2[0] > 0.98
    assert found.cv_r2 > truth.cv_r2[0] - 0.01
    assert found.history[0].max() < truth.cv_r2[0] - 0.05  # no start was there already
    assert_allclose(found.h, h, atol=0.05)
    judged = selection.judge_filters(found.h[None], signals, level=2, k=2)
    assert_allclose(judged.cv_r2[0], found.cv_r2, rtol=1e-9)
    assert judged.r2[0] > 0.97


def test_the_search_climbs():
    _, signals = planted(noise=0.5)
    found = search(signals, steps=20)
    assert found.history.shape == (21, 16)
    assert_allclose(found.cv_r2, found.history.max(), atol=1e-6)
    better = found.history.max(0) - found.history[0]
    assert (better >= 0).all()
    assert np.median(better) > 0.02
    assert found.history[-1].mean() > found.history[10].mean() > found.history[0].mean()
    assert_allclose(found.h.sum(), np.sqrt(2))
    assert filters.validity(found.h).conjugate_mirror < 1e-10


def test_each_start_is_refined_by_itself():
    _, signals = planted()
    starts = search(signals, starts=11, steps=3).history
    assert_allclose(search(signals, starts=3, steps=3).history, starts[:, :3], rtol=1e-6)


def test_no_step_is_the_best_of_the_starts():
    _, signals = planted()
    found = search(signals, steps=0, starts=5)
    random = controls.random_wavelets(5, 6, seed=1)
    scores = selection.judge_filters(random, signals, level=2, k=2).cv_r2
    assert_allclose(found.h, random[scores.argmax()], atol=1e-12)
    assert_allclose(found.history[0], scores, atol=1e-6)


def test_nothing_of_the_test_data_is_seen():
    _, signals = planted(train=60)
    other = replace(
        signals,
        x_test=torch.full_like(signals.x_test, torch.nan),
        y_test=np.full_like(signals.y_test, np.nan),
    )
    one, same = (search(s, steps=3, starts=4) for s in (signals, other))
    assert torch.equal(one.h, same.h)
    assert np.array_equal(one.history, same.history)
    for make in (controls.wavelet, controls.linear, controls.ridge, controls.rocket):
        assert not any("test" in name for name in inspect.signature(make).parameters)


def test_progress_and_refusals():
    _, signals = planted(train=60)
    heard = []
    search(signals, steps=2, starts=2, progress=lambda *a: heard.append(a))
    assert heard == [(0, 2), (1, 2), (2, 2)]
    short = replace(signals, x=signals.x.float())
    assert search(short, steps=1, starts=2).h.dtype == torch.float64
    for taps in (2, 5):
        with pytest.raises(ValueError, match="nothing is free"):
            search(signals, taps=taps)


# --- models ---------------------------------------------------------------------------------------


def models(signals):
    return {
        "wavelet": controls.wavelet(filters.lowpass("db5"), signals.x, signals.y),
        "ridge": controls.ridge(signals.x, signals.y),
        "rocket": controls.rocket(signals.x, signals.y, features=168),
    }


def test_a_prediction_is_features_then_head():
    signals = simulated()
    sizes = {"wavelet": 30, "ridge": 40, "rocket": 168}
    for name, model in models(signals).items():
        ready = model.features(signals.x_test)
        assert ready.shape == (len(signals.y_test), sizes[name])
        assert model.predict(signals.x_test).shape == signals.y_test.shape
        assert np.array_equal(model.head.predict(ready), model.predict(signals.x_test))
        one = model.predict(signals.x_test[3:4])  # a signal does not depend on the others
        assert_allclose(one, model.predict(signals.x_test)[3:4], rtol=1e-9)


def test_parameters():
    signals = simulated()
    counts = {name: model.parameters for name, model in models(signals).items()}
    assert counts == {"wavelet": 31, "ridge": 41, "rocket": 337}
    db5 = filters.lowpass("db5")
    assert controls.wavelet(db5, signals.x, signals.y, free=10, k=3).parameters == 10 + 15 + 1


def test_the_wavelet_model_is_what_is_judged():
    signals, h = simulated(), controls.random_wavelets(1, 10, seed=2)
    judged = selection.judge_filters(h, signals)
    model = controls.wavelet(h[0], signals.x, signals.y)
    assert_allclose(model.predict(signals.x_test), judged.prediction[0], rtol=1e-8, atol=1e-9)


def test_linear_is_least_squares():
    x = stream().normal(size=(50, 2)).astype(np.float32)
    y = x @ [2.0, -1.0] + 3
    model = controls.linear(x, y)
    assert_allclose(model.predict(x[:7]), y[:7], rtol=1e-5)
    assert model.parameters == 3


def test_ridge_takes_the_penalty_that_five_plain_folds_prefer():
    signals = simulated()
    x, x_test = signals.x[:, 0].numpy(), signals.x_test[:, 0].numpy()
    scores = [
        cross_val_score(Ridge(a), x, signals.y, cv=KFold(5), scoring="r2").mean()
        for a in controls.PENALTIES
    ]
    best = int(np.argmax(scores))
    assert 0 < best < len(scores) - 1
    want = Ridge(controls.PENALTIES[best]).fit(x, signals.y).predict(x_test)
    model = controls.ridge(signals.x, signals.y)
    assert_allclose(model.predict(signals.x_test), want, rtol=1e-6, atol=1e-8)


def test_rocket_is_standardised_ridge_on_its_features():
    signals = simulated()
    fitted = minirocket.fit_minirocket(signals.x[:, 0].numpy(), features=168, seed=4)
    train, test = (fitted.transform(x[:, 0].numpy()) for x in (signals.x, signals.x_test))
    scale = StandardScaler().fit(train)
    ridge = RidgeCV(controls.PENALTIES).fit(scale.transform(train), signals.y)
    model = controls.rocket(signals.x, signals.y, features=168, seed=4)
    prediction = model.predict(signals.x_test)
    assert_allclose(prediction, ridge.predict(scale.transform(test)), rtol=1e-8)
    assert r2_score(signals.y_test, prediction) > 0.1


@pytest.mark.real_data
def test_the_penalty_on_real_tracks_lies_inside_the_grid():
    signals = clathrin.signals_of(real_tracks())
    alpha = controls.ridge(signals.x, signals.y).head.alpha_
    assert controls.PENALTIES[0] < alpha < controls.PENALTIES[-1]
