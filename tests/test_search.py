"""The global search over lattice angles: norms against PyWavelets, planted wavelets recovered."""

import numpy as np
import pytest
import pywt
import torch
from numpy.testing import assert_allclose

from awdlib import filters, search
from awdlib.matrices import analysis_matrix
from awdlib.search import Stage

QUICK = (Stage(24, 1, 20, 0.15), Stage(6, 4, 40, 0.05), Stage(3, 8, 60, 0.02))


def planted(h, *, examples=8, noise=0.02, level=4, n=64):
    """Gradients of a network that has learned three adjacent coefficients of a wavelet."""
    matrix = analysis_matrix(h, n, level=level)
    coefficients = torch.zeros(len(matrix), dtype=torch.float64)
    first = 2 * (n // 2**level + (len(h) - 1)) + 5  # somewhere in cD_3
    coefficients[first : first + 3] = 2.0
    stream = torch.Generator().manual_seed(1)
    shape = (examples, 1, n)
    return matrix.mT @ coefficients + noise * torch.randn(
        shape, generator=stream, dtype=torch.float64
    )


def randn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("taps", [2, 4, 10, 16])
@pytest.mark.parametrize(("n", "level"), [(64, 4), (63, 4), (40, 3), (33, 2), (21, 1)])
def test_norms_are_those_of_pywavelets(taps, n, level):
    stream = torch.Generator().manual_seed(taps)
    h = filters.taps_from_angles(filters.random_angles(3, taps, stream))
    g = randn(5, 1, n)
    expected = np.empty((3, 5))
    for k, one in enumerate(h):
        lo, hi = one.numpy(), filters.highpass(one).numpy()
        bank = pywt.Wavelet("own", filter_bank=(lo[::-1], hi[::-1], lo, hi))
        for i in range(5):
            bands = pywt.wavedec(g[i, 0].numpy(), bank, mode="zero", level=level)
            expected[k, i] = sum(np.abs(band).sum() for band in bands)
    assert_allclose(search.attribution_norms(g, h, level=level), expected, rtol=1e-10)
    if taps > 2:
        fast = search._norms(h, g[:, 0], level)
        assert_allclose(fast, expected.mean(1), rtol=1e-10)


def test_a_shorter_filter_does_not_pass_for_a_sparser_one():
    h = torch.stack([filters.lowpass("db5"), 0.9 * filters.lowpass("db5")])
    norms = search.attribution_norms(randn(4, 1, 64), h)
    assert_allclose(norms[0], norms[1], rtol=1e-12)


def test_the_l2_norm_is_the_same_in_every_orthonormal_basis():
    h = filters.taps_from_angles(filters.random_angles(5, 10, torch.Generator().manual_seed(0)))
    g = randn(4, 64)
    for one in analysis_matrix(h, 64, level=4):
        assert_allclose((g @ one.mT).norm(dim=-1), g.norm(dim=-1), rtol=1e-12)


@pytest.mark.parametrize("name", ["db2", "db3"])
def test_a_planted_wavelet_is_found_from_nothing(name):
    truth = filters.lowpass(name)
    found = search.search(planted(truth), len(truth), stages=QUICK)
    psi, star = filters.cascade(found.h)[1], filters.cascade(truth)[1]
    assert filters.distance(psi[0], star, up_to_sign=True) < 0.1
    assert found.h.dtype == torch.float64
    assert (found.norm.diff() >= 0).all()
    for h in found.h:
        assert max(filters.validity(h).as_dict()[k] for k in ("norm", "even_shifts")) < 1e-12
        assert filters.validity(h).lowpass_sum < 1e-12


def test_reported_norms_are_those_of_the_last_stage():
    g = planted(filters.lowpass("db2"))
    found = search.search(g, 6, stages=QUICK)
    assert_allclose(found.norm, search.attribution_norms(g[:8], found.h).mean(-1), rtol=1e-10)


def test_a_search_repeats_to_the_bit_and_depends_on_its_seed():
    g = planted(filters.lowpass("db4"))
    first, again, other = (search.search(g, 8, seed=s, stages=QUICK[:1]) for s in (1, 1, 2))
    assert torch.equal(first.h, again.h)
    assert not torch.equal(first.h[0], other.h[0])


def test_known_filters_enter_the_last_stage():
    truth = filters.lowpass("db5")
    g = planted(truth)
    stages = (Stage(2, 1, 1, 0.01), Stage(2, 8, 30, 0.01))  # far too little to find anything
    without = search.search(g, 12, stages=stages)
    within = search.search(g, 12, stages=stages, starts=search.pad(truth[None], 12))
    psi, star = filters.cascade(within.h)[1], filters.cascade(truth)[1]
    assert filters.distance(psi[0], star, up_to_sign=True) < 0.2
    assert within.norm[0] < 0.8 * without.norm[0]


def test_near_begins_with_the_filter_itself_and_goes_farther_and_farther():
    h = filters.lowpass("sym5")
    free = search._starts(10, 50, 0, h)
    assert_allclose(search._taps(free)[0], h, atol=1e-10)
    away = (free - free[0]).norm(dim=-1)
    assert away[1:10].mean() < 0.2 < 2 < away[-10:].mean()
    assert not torch.equal(free, search._starts(10, 50, 0, None))


def test_padding_keeps_the_wavelet_and_with_zeros_in_front_the_norm():
    h = filters.lowpass("db3")[None]
    longer = search.pad(h, 10)
    assert longer.shape == (3, 10)
    g = randn(3, 1, 64)
    norms, shorter = search.attribution_norms(g, longer), search.attribution_norms(g, h)[0]
    assert_allclose(norms[2], shorter, rtol=1e-12)
    assert (norms[:2] - shorter).abs().min() > 0.1
    star = filters.cascade(h[0])[1]
    assert filters.distance(filters.cascade(longer)[1], star).max() < 1e-12
    assert torch.equal(search.pad(h, 6), h)


def test_copies_of_a_wavelet_are_left_out():
    h = filters.lowpass("db3")
    several = torch.stack([*search.pad(h[None], 8), search.pad(filters.lowpass("sym3")[None], 8)[0],
                           filters.lowpass("db4")])  # fmt: skip
    assert search._different(several, 5) == [0, 3] or search._different(several, 5) == [0, 2, 3]
    assert len(search._different(several, 1)) == 1


def test_more_angles_get_more_starts():
    counts = [search.stages_for(taps)[0].keep for taps in (4, 6, 8, 10, 12, 16)]
    assert counts == [64, 128, 256, 512, 1024, 2048]
    assert search.stages_for(16, most=100)[0].keep == 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gradients": torch.zeros(8, 64)}, "gradients"),
        ({"gradients": torch.zeros(8, 2, 64)}, "shape"),
        ({"gradients": torch.full((8, 1, 64), torch.nan)}, "not finite"),
        ({"gradients": torch.zeros(2, 1, 64)}, "take 8 examples"),
        ({"gradients": torch.zeros(0, 1, 64)}, "non-empty"),
        ({"taps": 5}, "even"),
        ({"taps": 2}, "at least 4"),
        ({"near": filters.lowpass("db3")}, "8 taps"),
        ({"near": torch.rand(8)}, "not an orthonormal"),
        ({"starts": filters.lowpass("db2")[None]}, "8 taps"),
    ],
)
def test_wrong_input_is_named(change, message):
    options = {"gradients": randn(8, 1, 64), "taps": 8, "stages": QUICK} | change
    with pytest.raises(ValueError, match=message):
        search.search(options.pop("gradients"), options.pop("taps"), **options)


def test_progress_counts_stages():
    seen = []
    search.search(randn(8, 1, 32), 4, stages=QUICK, level=2, progress=lambda *a: seen.append(a))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_padded_filters_with_ends_of_nearly_zero_can_be_starts():
    # such starts come up in long searches; their angles are lost to rounding below 1e-5
    generator = torch.Generator().manual_seed(0)
    for _ in range(3000):
        short = filters.taps_from_angles(filters.random_angles(1, 6, generator))
        angles = filters.angles_from_taps(search.pad(short, 16)[2])[:-1]
        dust = 1e-6 * torch.randn(len(angles), generator=generator, dtype=torch.float64)
        start = search.pad(search._taps((angles + dust)[None]), 18)[1]
        back = search._taps(search._angles(start, 18)[None])[0]
        if (back - start).abs().max() > 1e-6:
            break
    else:
        raise AssertionError("no such start was met")
    assert (back - start).abs().max() < 1e-4
    gradients = torch.randn(20, 1, 32, generator=generator)
    stages = [search.Stage(2, 1, 2, 0.1), search.Stage(1, 4, 2, 0.05)]
    found = search.search(gradients, 18, level=2, seed=1, starts=start[None], stages=stages)
    assert torch.isfinite(found.norm).all()
