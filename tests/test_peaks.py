"""Peak counting against brute force, SciPy and numpy.histogram, and what it is for."""

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from awdlib import filters, peaks

RANDOM = np.random.default_rng(7)
MAPS = torch.from_numpy(RANDOM.normal(size=(3, 1, 17, 23)))


def brute_force(image):
    """Every pixel against its neighbours, one by one."""
    found = np.zeros(image.shape, bool)
    for i in range(1, image.shape[0] - 1):
        for j in range(1, image.shape[1] - 1):
            around = [
                image[i + a, j + b] for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)
            ]
            found[i, j] = all(image[i, j] > value for value in around)
    return found


def test_peaks_are_those_of_brute_force():
    found = peaks.find_peaks(MAPS)
    for image, mask in zip(MAPS[:, 0].numpy(), found[:, 0].numpy(), strict=True):
        np.testing.assert_array_equal(mask, brute_force(image))
    assert found.sum() > 50


def test_ties_constants_and_the_border_give_no_peak():
    flat = torch.zeros(1, 1, 6, 6)
    assert not peaks.find_peaks(flat).any()
    flat[0, 0, 2, 2] = flat[0, 0, 2, 3] = 1.0
    assert not peaks.find_peaks(flat).any()
    flat[0, 0, 0, 4] = 5.0
    assert not peaks.find_peaks(flat)[..., 0, :].any()
    flat[0, 0, 2, 3] = 0.5
    assert peaks.find_peaks(flat).nonzero().tolist() == [[0, 0, 2, 2]]


def test_values_at_peaks_are_those_of_filtered_maps():
    found = peaks.patches(MAPS)
    place = peaks.find_peaks(MAPS).nonzero()
    kernels = torch.from_numpy(RANDOM.normal(size=(5, 3, 3)))
    values = peaks.filtered(found, kernels)
    for k, kernel in enumerate(kernels.numpy()):
        for m in range(3):
            whole = signal.correlate2d(MAPS[m, 0].numpy(), kernel, mode="same")
            at = place[place[:, 0] == m].numpy()
            np.testing.assert_allclose(
                values[found.of_map == m, k], whole[at[:, 2], at[:, 3]], atol=1e-12
            )
    centre = MAPS[place[:, 0], 0, place[:, 2], place[:, 3]]
    torch.testing.assert_close(peaks.heights(found)[:, 0], centre)


def test_laplace_has_the_codes_sign_and_roberts_is_its_definition():
    found = peaks.patches(MAPS)
    # a peak is above its neighbours: with the paper's sign every value would be negative
    assert (peaks.laplace(found) > 0).all()
    torch.testing.assert_close(peaks.laplace(peaks.patches(MAPS + 3)), peaks.laplace(found))
    image = MAPS[0, 0].numpy()
    r = np.hypot(
        signal.correlate2d(image, [[1, 0], [0, -1]], mode="valid"),
        signal.correlate2d(image, [[0, 1], [-1, 0]], mode="valid"),
    )
    expected = [
        r[i - 1, j - 1] + r[i - 1, j] + r[i, j - 1] + r[i, j]
        for i, j in np.argwhere(brute_force(image))
    ]
    np.testing.assert_allclose(peaks.roberts(found)[found.of_map == 0, 0], expected)


def test_histograms_are_numpys():
    found = peaks.patches(MAPS)
    values = torch.cat([peaks.heights(found), peaks.laplace(found)], 1)
    values[3, 0], values[4, 0], values[5, 1] = 2.0, 0.0, 99.0  # last edge, first edge, outside
    counted = peaks.histogram(found, values, 0.0, 2.0, bins=8)
    assert counted.shape == (3, 16)
    for m in range(3):
        for column in (0, 1):
            mine = values[found.of_map == m, column].numpy()
            expected = np.histogram(mine, bins=8, range=(0.0, 2.0))[0]
            np.testing.assert_array_equal(counted[m, 8 * column : 8 * column + 8], expected)


def test_several_ranges_at_once_are_the_same_histograms():
    found = peaks.patches(MAPS)
    values = torch.cat([peaks.heights(found), peaks.laplace(found)], 1)
    highs = [0.5, 0.9, 2.0, 2.3]
    for high, counted in zip(highs, peaks.histograms(found, values, 0.0, highs), strict=True):
        torch.testing.assert_close(counted, peaks.histogram(found, values, 0.0, high))


def test_a_map_without_peaks_keeps_its_row():
    maps = torch.cat([torch.zeros(1, 1, 17, 23, dtype=torch.float64), MAPS])
    whole = peaks.patches(maps)
    assert whole.maps == 4
    counted = peaks.histogram(whole, peaks.heights(whole), -9, 9)
    assert counted[0].sum() == 0
    assert (counted[1:].sum(1) > 10).all()


def test_subfilters_of_db5_are_the_authors():
    kernels = peaks.wavelet_kernels(filters.lowpass("db5"))
    low, high = np.array([0.160, 0.604, 0.724]), np.array([0.138, -0.724, 0.604])
    np.testing.assert_allclose(kernels[0, 0], np.outer(low, low), atol=2e-3)
    for k, (a, b) in enumerate(((low, high), (high, low), (high, high)), start=1):
        expected = np.outer(a, b) - np.outer(a, b).mean()
        np.testing.assert_allclose(kernels[0, k], expected, atol=2e-3)
    both = torch.stack([filters.lowpass("db5"), filters.lowpass("sym5")])
    torch.testing.assert_close(peaks.wavelet_kernels(both)[:1], kernels)


def test_the_nearest_cosmology_is_the_authors_rule():
    n, p = 60, 5
    centres = RANDOM.normal(size=(3, p)) * 4
    mixing = RANDOM.normal(size=(3, p, p))
    label = np.repeat([2, 5, 9], n)
    x = np.concatenate(
        [RANDOM.normal(size=(n, p)) @ m + c for c, m in zip(centres, mixing, strict=True)]
    )
    model = peaks.NearestCosmology().fit(torch.from_numpy(x), label)
    new = RANDOM.normal(size=(7, p)) * 4
    chi = np.empty((7, 3))
    for c, value in enumerate((2, 5, 9)):
        mine = x[label == value]
        inverse = np.linalg.pinv(np.cov(mine.T))
        for m in range(7):
            off = new[m] - mine.mean(0)
            chi[m, c] = off @ inverse @ off
    np.testing.assert_allclose(model.distances(torch.from_numpy(new)), chi, rtol=1e-9)
    np.testing.assert_array_equal(
        model.predict(torch.from_numpy(new)), np.array([2, 5, 9])[chi.argmin(1)]
    )


def test_bins_that_never_fill_do_not_break_the_covariance():
    x = torch.from_numpy(np.concatenate([RANDOM.poisson(4, (40, 6)), RANDOM.poisson(9, (40, 6))]))
    x = torch.cat([x.double(), torch.zeros(80, 3, dtype=torch.float64)], 1)
    label = np.repeat([0, 1], 40)
    model = peaks.NearestCosmology().fit(x, label)
    assert (model.predict(x) == label).mean() > 0.95


@pytest.mark.parametrize(
    ("maps", "match"),
    [
        (torch.zeros(4, 9, 9), "batch, 1, height, width"),
        (torch.zeros(4, 2, 9, 9), "batch, 1, height, width"),
        (torch.zeros(1, 1, 2, 9), "3 or more"),
        (torch.full((1, 1, 9, 9), torch.nan), "NaN"),
    ],
)
def test_wrong_maps_are_refused(maps, match):
    with pytest.raises(ValueError, match=match):
        peaks.find_peaks(maps)


def test_wrong_training_sets_are_refused():
    x = torch.ones(4, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="4 maps, but 3 labels"):
        peaks.NearestCosmology().fit(x, [0, 0, 1])
    with pytest.raises(ValueError, match="at least two"):
        peaks.NearestCosmology().fit(x, [0, 0, 0, 1])


def test_periodic_padding_gives_the_counts_of_a_periodic_peak_finder():
    # LensTools counts peaks of a map that wraps round; padding by one pixel makes ours do so too
    image = MAPS[0, 0].numpy()
    wrapped = np.pad(image, 1, "wrap")
    footprint = np.ones((3, 3), bool)
    footprint[1, 1] = False
    highest = ndimage.maximum_filter(image, footprint=footprint, mode="wrap")
    ours = peaks.find_peaks(torch.from_numpy(wrapped)[None, None])[0, 0, 1:-1, 1:-1].numpy()
    np.testing.assert_array_equal(ours, image > highest)
