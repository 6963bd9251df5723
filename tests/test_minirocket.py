"""MiniRocket against convolutions in loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from awdlib import minirocket
from awdlib.minirocket import MiniRocket, fit_minirocket


def signals(n=5, length=40, seed=0):
    return np.cumsum(np.random.default_rng(seed).normal(size=(n, length)), 1)


def slow_convolution(signal, kernel, dilation):
    """The kernel's fifth weight on each sample in turn; zeros beyond the ends."""
    out = np.zeros(len(signal))
    for t in range(len(signal)):
        for m in range(9):
            place = t + (m - 4) * dilation
            if 0 <= place < len(signal):
                out[t] += kernel[m] * signal[place]
    return out


def test_kernels_are_all_of_weights_minus_one_and_two():
    assert minirocket.KERNELS.shape == (84, 9)
    assert len({tuple(kernel) for kernel in minirocket.KERNELS}) == 84
    assert (minirocket.KERNELS.sum(1) == 0).all()
    assert set(minirocket.KERNELS.ravel()) == {-1.0, 2.0}


@pytest.mark.parametrize(("length", "dilation"), [(40, 1), (40, 4), (9, 1), (17, 2), (30, 3)])
def test_convolutions_are_loops(length, dilation):
    x = signals(3, length)
    got = minirocket.convolutions(x, dilation)
    assert got.shape == (84, length, 3)
    for kernel, values in zip(minirocket.KERNELS, got, strict=True):
        want = [slow_convolution(signal, kernel, dilation) for signal in x]
        assert_allclose(values.T, want, atol=1e-12)


@pytest.mark.parametrize(("length", "features"), [(40, 588), (40, 168), (9, 84), (83, 420)])
def test_features_are_shares_counted_in_loops(length, features):
    x = signals(4, length)
    fitted = fit_minirocket(signals(9, length, seed=1), features=features, seed=2)
    got, at = fitted.transform(x), 0
    assert got.shape == (4, features)
    for place, (dilation, count) in enumerate(zip(fitted.dilations, fitted.counts, strict=True)):
        for number, kernel in enumerate(minirocket.KERNELS):
            for _ in range(count):
                for i, signal in enumerate(x):
                    values = slow_convolution(signal, kernel, dilation)
                    if (place + number) % 2 == 1:  # wholly inside
                        values = values[4 * dilation : len(signal) - 4 * dilation]
                    assert got[i, at] == pytest.approx((values > fitted.biases[at]).mean())
                at += 1
    assert at == features
    assert 0.2 < got.mean() < 0.8


def test_a_value_equal_to_the_bias_does_not_count():
    fitted = MiniRocket(9, np.array([1]), np.array([1]), np.zeros(84))
    assert (fitted.transform(np.zeros((2, 9))) == 0).all()


def test_published_numbers_for_forty_samples():
    fitted = fit_minirocket(signals())
    # 119 features a kernel; 32 dilations 2^0 .. 39/8 = 4.875, rounded down: 14, 8, 6, 4 of them.
    assert fitted.dilations.tolist() == [1, 2, 3, 4]
    assert fitted.counts.tolist() == [53, 30, 22, 14]
    assert len(fitted.biases) == 9996
    assert fitted.transform(signals()).shape == (5, 9996)


@pytest.mark.parametrize("length", [9, 10, 17, 40, 100, 1000])
@pytest.mark.parametrize("features", [84, 100, 168, 84 * 33, 10_000])
def test_number_of_features_and_longest_dilation(length, features):
    fitted = fit_minirocket(signals(3, length), features=features)
    assert fitted.counts.sum() == features // 84
    assert (fitted.counts >= 1).all() or features // 84 < 32
    assert len(fitted.biases) == features // 84 * 84
    assert fitted.dilations[0] == 1
    assert 8 * fitted.dilations.max() <= length - 1
    assert (np.diff(fitted.dilations) > 0).all()


def test_biases_are_quantiles_of_drawn_signals():
    one = signals(1)
    fitted = fit_minirocket(one, features=84 * 3)
    golden, at = (np.sqrt(5) + 1) / 2, 0
    for dilation, count in zip(fitted.dilations, fitted.counts, strict=True):
        for kernel in minirocket.KERNELS:
            values = slow_convolution(one[0], kernel, dilation)
            for _ in range(count):
                want = np.quantile(values, (at + 1) * golden % 1)
                assert_allclose(fitted.biases[at], want, atol=1e-12)
                at += 1


def test_a_seed_fixes_it():
    x = signals(30)
    one, same, other = (fit_minirocket(x, features=840, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.biases, same.biases)
    assert np.array_equal(one.transform(x), same.transform(x))
    assert not np.array_equal(one.biases, other.biases)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    fit_minirocket(x, features=84)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_an_example_does_not_depend_on_its_neighbours(monkeypatch):
    x = signals(11)
    fitted = fit_minirocket(x, features=840)
    whole = fitted.transform(x)
    monkeypatch.setattr(minirocket, "CHUNK", 4)
    assert np.array_equal(fitted.transform(x), whole)
    assert np.array_equal(fitted.transform(x[5:6]), whole[5:6])


def test_an_offset_is_seen_at_the_ends_alone():
    x = signals(6)
    fitted = fit_minirocket(x, features=84)  # one dilation: every odd kernel stays inside
    same = fitted.transform(x) == fitted.transform(x + 100)
    assert same[:, 1::2].mean() > 0.99
    assert same[:, ::2].mean() < 0.99


def test_refusals():
    with pytest.raises(ValueError, match="at least 9 samples, not 8"):
        fit_minirocket(signals(3, 8))
    with pytest.raises(ValueError, match="at least 84 features, one a kernel, not 83"):
        fit_minirocket(signals(), features=83)
    with pytest.raises(ValueError, match="shape"):
        fit_minirocket(signals()[0])
    with pytest.raises(ValueError, match="shape"):
        fit_minirocket(signals()[:0])
    fitted = fit_minirocket(signals(), features=84)
    with pytest.raises(ValueError, match="fitted to signals of 40 samples, not of 41"):
        fitted.transform(signals(2, 41))
    spoilt = signals()
    spoilt[2, 3] = np.nan
    for refuse in (fitted.transform, fit_minirocket):
        with pytest.raises(ValueError, match="NaN"):
            refuse(spoilt)
