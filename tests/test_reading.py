"""What wavelets and models respond to: closed forms, PyWavelets and brute force."""

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from wavelethelpers import random_filters, random_linear, random_tracks

from awdlib import dwt, filters, predictors, reading
from awdlib.matrices import band_lengths

properties = settings(deadline=None, derandomize=True, max_examples=20)

# --- contributions -----------------------------------------------------------------------------


def test_contributions_and_intercept_are_the_prediction():
    x, h = random_tracks(30, 40), filters.lowpass("db5")
    y = np.random.default_rng(1).normal(size=30)
    features = predictors.largest_coefficients(x, h, k=3)
    linear = predictors.fit_linear(features, y)
    found = reading.contributions(x, h, linear, k=3)
    assert found.values.shape == found.position.shape == (30, 15)
    assert_allclose(
        found.values.sum(1) + found.intercept, linear.predict(features), rtol=0, atol=1e-10
    )
    assert_allclose(found.coefficients, features, rtol=0, atol=1e-14)
    assert found.names[:4] == ["cA4, 1st", "cA4, 2nd", "cA4, 3rd", "cD4, 1st"]
    assert found.names[-1] == "cD1, 3rd"


@properties
@given(
    name=st.sampled_from(["haar", "db2", "db5"]),
    time=st.integers(5, 45),
    level=st.integers(1, 4),
    k=st.integers(1, 8),
)
def test_contributions_against_pywavelets_also_with_fewer_coefficients_than_k(name, time, level, k):
    x, h = random_tracks(4, time), filters.lowpass(name)
    expected = [
        np.concatenate([np.sort(b)[::-1][:k] for b in bands])
        for bands in (pywt.wavedec(one[0], name, "zero", level) for one in x.numpy())
    ]
    linear = random_linear(len(expected[0]))
    found = reading.contributions(x, h, linear, level=level, k=k)
    assert_allclose(found.coefficients, expected, rtol=0, atol=1e-11)
    prediction = np.array(expected) @ linear.weights + linear.intercept
    assert_allclose(found.values.sum(1) + found.intercept, prediction, rtol=0, atol=1e-10)
    bands = dwt.wavedec(x, h, level=level)
    for b, of in enumerate(bands):
        own = found.band == b
        assert own.sum() == min(k, of.shape[-1])
        there = np.take_along_axis(of[:, 0].numpy(), found.position[:, own], 1)
        assert_array_equal(there, found.coefficients[:, own])
        assert_array_equal(found.rank[own], np.arange(own.sum()))


@pytest.mark.parametrize(("name", "time"), [("haar", 40), ("haar", 37), ("db5", 40), ("db5", 33)])
def test_curves_are_weighted_atoms_one_by_one(name, time):
    x, h = random_tracks(3, time), filters.lowpass(name)
    lengths = band_lengths(time, len(h), level=4)
    linear = random_linear(sum(min(6, n) for n in lengths))
    found = reading.contributions(x, h, linear)
    chosen = [0, 7, len(linear.weights) - 1]
    curves = reading.curve(found, 1, chosen)
    assert curves.shape == (3, time)
    for got, feature in zip(curves, chosen, strict=True):
        single = [np.zeros(n) for n in lengths]
        single[found.band[feature]][found.position[1, feature]] = found.values[1, feature]
        assert_allclose(got, pywt.waverec(single, name, "zero")[:time], rtol=0, atol=1e-11)


@pytest.mark.parametrize("time", [40, 37])
def test_all_curves_with_weight_one_are_the_track(time):
    x, h = random_tracks(3, time), filters.lowpass("db5")
    count = sum(band_lengths(time, 10, level=4))
    ones = predictors.LinearModel(np.ones(count), 0.0)
    found = reading.contributions(x, h, ones, k=time)
    track = reading.curve(found, 2, range(count)).sum(0)
    assert_allclose(track, x[2, 0], rtol=0, atol=1e-10)


def test_contributions_refuse_what_does_not_fit():
    x, h = random_tracks(3, 40), filters.lowpass("db5")
    with pytest.raises(ValueError, match="give 30 features: was it fitted"):
        reading.contributions(x, h, random_linear(29))
    with pytest.raises(ValueError, match=r"must have shape \(examples, 1, time\)"):
        reading.contributions(x[:, 0], h, random_linear(30))
    with pytest.raises(ValueError, match="one filter"):
        reading.contributions(x, h[None], random_linear(30))
    with pytest.raises(ValueError, match="NaN"):
        reading.contributions(x, h * torch.nan, random_linear(30))
    with pytest.raises(ValueError, match="k must be at least 1"):
        reading.contributions(x, h, random_linear(0), k=0)


# --- tracks around a coefficient ---------------------------------------------------------------


def test_haar_places_a_drop_on_the_last_sample_before_it():
    # Level 1 sees drops between samples 2p and 2p + 1; level 2 those in the middle of four.
    before = torch.arange(40) <= torch.tensor([[10], [22], [38]])
    x = before.double()[:, None]
    location, value = reading.locations(x, filters.lowpass("haar"), band=4)
    assert_array_equal(location, [10, 22, 38])
    assert_allclose(value, np.full(3, 1 / np.sqrt(2)), rtol=0, atol=1e-14)
    x = (torch.arange(40) <= torch.tensor([[9], [21]])).double()[:, None]
    location, value = reading.locations(x, filters.lowpass("haar"), band=3)
    assert_array_equal(location, [9, 21])
    assert_allclose(value, np.ones(2), rtol=0, atol=1e-14)


@pytest.mark.parametrize("time", [40, 33])
@pytest.mark.parametrize("band", [0, 1, 4])
def test_locations_are_centres_of_energy_one_by_one(time, band):
    x, h = random_tracks(6, time), random_filters(1)[0]
    location, value = reading.locations(x, h, band=band)
    bands = dwt.wavedec(x, h, level=4)
    for one in range(6):
        index = int(bands[band][one, 0].argmax())
        assert value[one] == bands[band][one, 0, index]
        single = [torch.zeros(b.shape[-1], dtype=torch.float64) for b in bands]
        single[band][index] = 1.0
        energy = (dwt.waverec(single, h)[:time] ** 2).numpy()
        assert abs(location[one] - (energy * np.arange(time)).sum() / energy.sum()) < 0.5 + 1e-6


def test_an_atom_without_a_sample_still_has_a_place():
    h = torch.nn.functional.pad(filters.lowpass("haar"), (4, 4))
    # Only the atoms that reach no sample are not below 0.
    x = -torch.ones(1, 1, 8, dtype=torch.float64)
    location, value = reading.locations(x, h, band=0, level=1)
    assert value == 0
    assert 0 <= location[0] < 8


def test_a_band_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"between 0 \(cA2\) and 2 \(cD1\), not 3"):
        reading.locations(random_tracks(2, 40), filters.lowpass("haar"), band=3, level=2)


def test_aligned_mean_track_by_track():
    x = random_tracks(7, 12).numpy()
    x[2, 0, 8:] = np.nan  # a track that ends early
    location = np.array([0, 3, 5, 11, 6, 0, 2])
    found = reading.aligned_mean(torch.from_numpy(x), location, before=4, after=3)
    assert_array_equal(found.offset, np.arange(-4, 4))
    for column, offset in enumerate(found.offset):
        values = [
            x[i, 0, at + offset]
            for i, at in enumerate(location)
            if 0 <= at + offset < 12 and np.isfinite(x[i, 0, at + offset])
        ]
        assert found.count[column] == len(values)
        assert_allclose(found.mean[column], np.mean(values), rtol=0, atol=1e-14)
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        assert_allclose(found.standard_error[column], error, rtol=0, atol=1e-14)


def test_where_no_track_reaches_there_is_no_mean():
    found = reading.aligned_mean(np.ones((2, 4)), np.array([0, 1]), before=2, after=3)
    assert_array_equal(found.count, [0, 1, 2, 2, 2, 1])
    assert_array_equal(np.isnan(found.mean), found.count < 1)
    assert_array_equal(np.isnan(found.standard_error), found.count < 2)


def test_aligned_mean_refuses_what_does_not_fit():
    for x, location in (
        (np.ones((2, 4)), np.zeros(3, dtype=int)),
        (np.ones((2, 4)), np.zeros(2)),
        (np.ones((2, 3, 4)), np.zeros(2, dtype=int)),
    ):
        with pytest.raises(ValueError, match="one integer location each"):
            reading.aligned_mean(x, location, before=1, after=1)
    with pytest.raises(ValueError, match="must not be negative"):
        reading.aligned_mean(np.ones((2, 4)), np.zeros(2, dtype=int), before=-1, after=1)
