"""Made-up shapes: closed forms, PyWavelets and brute force."""

from itertools import product

import numpy as np
import pytest
import pywt
import torch
from hypothesis import settings
from numpy.testing import assert_allclose, assert_array_equal
from wavelethelpers import bank, random_filters

from awdlib import filters, pulses

properties = settings(deadline=None, derandomize=True, max_examples=20)


def test_a_pulse_sample_by_sample():
    expected = [0, 0, 0.25, 0.5, 0.75, 1, 0.5, 0]
    assert_allclose(pulses.pulse(8, 4, 2, 5), expected, rtol=0, atol=1e-15)
    many = pulses.pulse(20, np.array([4, 1])[:, None], 2, np.array([5, 9, 12]))
    assert many.shape == (2, 3, 20)
    assert_allclose(many[0, 0, :8], pulses.pulse(8, 4, 2, 5), rtol=0, atol=1e-15)
    assert_allclose(many[1, 2, 10:15], [0, 0, 1, 0.5, 0], rtol=0, atol=1e-15)
    mirror = pulses.pulse(20, 2, 4, 20 - 1 - 5)
    assert_allclose(pulses.pulse(20, 4, 2, 5).flip(-1), mirror, rtol=0, atol=1e-15)
    with pytest.raises(ValueError, match="above 0"):
        pulses.pulse(8, 0, 2, 5)


@pytest.mark.parametrize(("up", "down", "places"), [(8, 3, 29), (3, 8, 29), (1, 1, 38)])
def test_pulse_response_position_by_position(up, down, places):
    h = random_filters(3)
    found = pulses.pulse_response(h, up, down)
    assert found.shape == (3, 4)
    # A whole number of steps of 16 samples: as any 16 positions in a row give.
    fitting = [at for at in range(40) if at - up >= 0 and at + down <= 39]
    assert len(fitting) == places
    for one, row in zip(h, found, strict=True):
        largest = []
        for at in fitting[:16]:
            track = np.interp(np.arange(40), [at - up, at, at + down], [0, 1, 0])
            largest.append([b.max() for b in pywt.wavedec(track, bank(one), "zero", 4)[1:]])
        assert_allclose(row, np.mean(largest, 0), rtol=0, atol=1e-12)
    assert_allclose(pulses.pulse_response(h[0], up, down), found[0], rtol=0, atol=1e-12)


def test_pulse_response_does_not_depend_on_the_tracks_length():
    h = random_filters(3)
    expected = pulses.pulse_response(h, 12, 2)
    for n in (41, 57, 100):
        assert_allclose(pulses.pulse_response(h, 12, 2, n=n), expected, rtol=0, atol=1e-12)


def test_pulse_response_of_haar_in_closed_form():
    # A spike of one sample gives 1/√2 on even samples; on odd ones −1/√2, and the largest is 0.
    found = pulses.pulse_response(filters.lowpass("haar"), 1, 1, level=1)
    assert_allclose(found, [1 / np.sqrt(2) / 2], rtol=0, atol=1e-15)
    with pytest.raises(ValueError, match=r"of 16 \+ 9 samples fits into 40 at 15 places"):
        pulses.pulse_response(filters.lowpass("haar"), 16, 9)


def test_asymmetry_pair_by_pair():
    h, slow, sharp = random_filters(4), (8, 12), (1, 2, 3)
    found = pulses.asymmetry(h, slow=slow, sharp=sharp)
    assert found.shape == (4, 6)
    assert np.abs(found).max() <= 1
    for column, (long, short) in enumerate(product(slow, sharp)):
        for one, value in zip(h, found[:, column], strict=True):
            first = pulses.pulse_response(one, long, short).max()
            second = pulses.pulse_response(one, short, long).max()
            assert_allclose(value, (first - second) / (first + second), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("taps", "n"), [(2, 40), (4, 41), (10, 40), (10, 57)])
def test_reversed_taps_and_a_dip_change_the_sign_of_the_asymmetry(taps, n):
    h = random_filters(20, taps)
    found = pulses.asymmetry(h, n=n)
    assert_allclose(pulses.asymmetry(h.flip(-1), n=n, height=-1.0), -found, rtol=0, atol=1e-12)
    if taps > 2:  # Reversal alone does not: it also turns ψ upside down; features are signed.
        assert np.abs(pulses.asymmetry(h.flip(-1), n=n) + found).max() > 0.01


def test_haar_prefers_the_sharp_drop():
    # ψ is +, then −: a drop gives a large positive coefficient, a rise a negative one.
    haar = filters.lowpass("haar")
    assert pulses.asymmetry(haar, level=2).min() > 0.1
    assert pulses.asymmetry(haar, level=2, height=-1.0).max() < -0.1


def test_model_asymmetry_of_models_with_known_answers():
    slow, sharp = (8, 12), (1, 2)
    shape = dict(slow=slow, sharp=sharp)
    # The sum over a track does not see its direction; nor does a constant.
    assert_allclose(pulses.model_asymmetry(lambda x: x.sum((1, 2)), **shape), 0, atol=1e-12)
    # The steepest drop is height / down.
    steepest = pulses.model_asymmetry(
        lambda x: -x[:, 0].diff().amin(-1), **shape, height=3.0, base=-1.0
    )
    expected = [3.0 / short - 3.0 / long for long, short in product(slow, sharp)]
    assert_allclose(steepest, expected, rtol=0, atol=1e-12)
    seen = []

    def predict(x):
        seen.append(x)
        return x[:, 0, -1].numpy()

    assert_allclose(pulses.model_asymmetry(predict, **shape, base=-1.0), 0, atol=1e-12)
    assert seen[0].shape[1:] == (1, 40)
    assert seen[0].min() == -1
    assert seen[0].max() == 0
    building, mirrored = seen[0].split(16)[:2]
    assert_array_equal(building, mirrored.flip(0, -1))
    with pytest.raises(ValueError, match="one number for each"):
        pulses.model_asymmetry(lambda x: x[:, 0], **shape)


def test_edge_response_of_haar_in_closed_form():
    haar = filters.lowpass("haar")
    assert_allclose(pulses.edge_response(haar, level=1), 0.5 / np.sqrt(2), rtol=0, atol=1e-14)
    # Level j gives min(r + 1, 2^j − 1 − r) / 2^(j/2), r being the drop's place in its block.
    r = np.arange(16)
    bands = [np.minimum(r % 2**j + 1, 2**j - 1 - r % 2**j) / 2 ** (j / 2) for j in (1, 2, 3, 4)]
    expected = np.max(bands, 0).mean()
    assert_allclose(pulses.edge_response(haar), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("taps", [4, 10])
def test_edge_response_against_the_middle_of_long_tracks(taps):
    h = torch.cat([random_filters(3, taps), filters.lowpass(f"db{taps // 2}")[None]])
    found = pulses.edge_response(h, level=3)
    assert found.shape == (4,)
    for one, value in zip(h, found, strict=True):
        largest = []
        for s in range(300, 308):
            bands = pywt.wavedec((np.arange(600) <= s).astype(float), bank(one), "zero", 3)[1:]
            # The middle third of each band: atoms that reach neither border.
            inner = [np.abs(b[len(b) // 3 : 2 * len(b) // 3]).max() for b in bands]
            largest.append(max(inner))
        assert_allclose(value, np.mean(largest), rtol=0, atol=1e-12)
    assert_allclose(pulses.edge_response(h.flip(-1), level=3), found, rtol=0, atol=1e-12)
