"""Filters against PyWavelets' tables and functions, the theorems' conditions and brute force."""

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from awdlib import filters, losses

ORTHOGONAL = [
    name
    for name in pywt.wavelist(kind="discrete")
    if pywt.Wavelet(name).orthogonal and name != "dmey"
]
RESIDUALS = ("lowpass_sum", "highpass_sum", "norm", "conjugate_mirror", "even_shifts")
properties = settings(deadline=None, derandomize=True, max_examples=20)


def psi_of(h, level=5):
    return filters.cascade(h, level=level)[1]


def filter_bank(h):
    """PyWavelets' wavelet of any lowpass filter."""
    h = h.numpy()
    g = (-1.0) ** np.arange(len(h)) * h[::-1]
    return pywt.Wavelet("bank", filter_bank=(h[::-1], g[::-1], h, g))


def random_filters(count, taps, seed):
    generator = torch.Generator().manual_seed(seed)
    return filters.taps_from_angles(filters.random_angles(count, taps, generator))


# --- names, h and g ------------------------------------------------------------------------------


def test_the_list_of_families_is_not_empty():
    assert len(ORTHOGONAL) == 1 + 38 + 19 + 17


@pytest.mark.parametrize("name", [*ORTHOGONAL, "dmey"])
def test_lowpass_and_highpass_are_pywavelets(name):
    h = filters.lowpass(name)
    assert h.dtype == torch.float64
    assert_allclose(h, pywt.Wavelet(name).rec_lo, rtol=0, atol=0)
    assert_allclose(filters.highpass(h), pywt.Wavelet(name).rec_hi, rtol=0, atol=1e-16)


def test_highpass_acts_on_each_filter_of_a_batch():
    h = torch.arange(12.0).reshape(2, 6)
    assert filters.highpass(h).tolist() == [[5, -4, 3, -2, 1, 0], [11, -10, 9, -8, 7, -6]]


@pytest.mark.parametrize("name", ["bior2.2", "db39", "morl", "", "DB5"])
def test_lowpass_refuses_what_is_not_orthogonal(name):
    with pytest.raises(ValueError, match="no orthogonal wavelet of PyWavelets"):
        filters.lowpass(name)


# --- validity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_validity_of_pywavelets_filters(name):
    report = filters.validity(filters.lowpass(name))
    # PyWavelets' own tables of sym are that coarse; the mirror adds up taps - 1 lags of them.
    atol = 2e-11 if name.startswith("sym") else 1e-12
    for residual in RESIDUALS:
        wide = 3 if residual == "conjugate_mirror" else 1
        assert_allclose(getattr(report, residual), 0, atol=wide * atol, err_msg=residual)
    assert_allclose(report.penalty, 0, atol=1e-19)
    # |ĥ|² falls from 2 at 0 to 1 at π/2, as |ĥ(w)|² + |ĥ(w+π)|² = 2.
    assert_allclose(report.infimum, 1, atol=2e-11)
    assert report.ok()


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_identities_of_theorem_3(name):
    h = filters.lowpass(name)
    g, n = filters.highpass(h), np.arange(len(h))
    atol = 2e-11 if name.startswith("sym") else 1e-12
    assert_allclose(g, (-1.0) ** n * h.numpy()[::-1], atol=0)
    assert_allclose(g.sum(), 0, atol=atol)
    assert_allclose(h[0::2].sum(), h[1::2].sum(), atol=atol)
    for k in range(len(h) // 2):
        assert_allclose(h[2 * k :] @ h[: len(h) - 2 * k], float(k == 0), atol=atol)
        assert_allclose(g[2 * k :] @ h[: len(h) - 2 * k], 0, atol=atol)


S = np.sqrt(0.5)
BAD = {
    # taps, the residuals by hand: Σh − √2, Σg, ‖h‖² − 1, mirror, even shifts
    "highpass": ([S, -S], [np.sqrt(2), np.sqrt(2), 0, 0, 0]),
    "twice Haar": ([2 * S, 2 * S], [np.sqrt(2), 0, 3, 6, 3]),
    "one tap": ([1.0, 0.0], [np.sqrt(2) - 1, 1, 0, 0, 0]),
    "mean of four": ([S / 2] * 4, [0, 0, 0.5, 2, 0.5]),
    "two apart": ([S, 0.0, S, 0.0], [0, np.sqrt(2), 0, 2, 0.5]),
}


@pytest.mark.parametrize("name", BAD)
def test_validity_residuals_of_bad_filters(name):
    taps, expected = BAD[name]
    report = filters.validity(torch.tensor(taps, dtype=torch.float64))
    assert_allclose([getattr(report, r) for r in RESIDUALS], expected, atol=1e-12)
    assert not report.ok()


@pytest.mark.parametrize("residual", RESIDUALS)
def test_each_residual_fails_for_three_bad_filters(residual):
    failing = [name for name, (_, want) in BAD.items() if want[RESIDUALS.index(residual)] > 0.1]
    more = {
        "db5 with noise": filters.lowpass("db5") + 0.3 * torch.randn(10, dtype=torch.float64),
        "db5 scaled": 1.2 * filters.lowpass("db5"),
        "db5 without a tap": filters.lowpass("db5") * (torch.arange(10) != 1),
    }
    reports = [filters.validity(torch.tensor(BAD[n][0], dtype=torch.float64)) for n in failing]
    reports += [filters.validity(h) for h in more.values()]
    assert sum(getattr(report, residual) > 0.05 for report in reports) >= 3


def test_infimum_is_not_implied_by_the_residuals():
    report = filters.validity(torch.tensor([S, 0, 0, S], dtype=torch.float64))
    assert_allclose([getattr(report, r) for r in RESIDUALS], 0, atol=1e-14)
    assert_allclose(report.infimum, 0, atol=1e-8)  # |ĥ(π/3)| = 0, between two grid points
    assert not report.ok()


@properties
@given(seed=st.integers(0, 1000), taps=st.sampled_from([2, 4, 10]))
def test_validity_is_what_the_definitions_say(seed, taps):
    h = torch.randn(taps, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    report = filters.validity(h)
    w = np.linspace(-np.pi, np.pi, 4097)
    spectrum = np.exp(-1j * np.outer(w, np.arange(taps))) @ h.numpy()
    mirror = np.exp(-1j * np.outer(w + np.pi, np.arange(taps))) @ h.numpy()
    assert_allclose(
        report.conjugate_mirror, np.abs(np.abs(spectrum) ** 2 + np.abs(mirror) ** 2 - 2).max()
    )
    inside = np.abs(w) <= np.pi / 2
    assert_allclose(report.infimum, np.abs(spectrum[inside]).min(), atol=5e-3)
    assert_allclose(report.penalty, losses.validity_penalties(h).sum())
    assert report.as_dict()["norm"] == report.norm


def test_validity_ok_uses_its_tolerance():
    report = filters.validity(filters.lowpass("db5") + 1e-3)
    assert report.ok(atol=0.1)
    assert not report.ok(atol=1e-6)


def test_validity_refuses_what_is_not_one_finite_filter():
    with pytest.raises(ValueError, match="one filter"):
        filters.validity(torch.ones(2, 4))
    with pytest.raises(ValueError, match="NaN or infinite"):
        filters.validity(torch.tensor([1.0, float("nan")]))
    with pytest.raises(ValueError, match="even number of taps"):
        filters.validity(torch.ones(3))
    with pytest.raises(ValueError, match="floating point"):
        filters.validity(torch.ones(4, dtype=torch.int64))


# --- lattice -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_lattice_round_trip(name):
    h = filters.lowpass(name)
    angles = filters.angles_from_taps(h)
    assert angles.shape == (len(h) // 2,)
    assert_allclose(filters.taps_from_angles(angles), h, atol=1e-10)
    turns = (angles.sum().item() - np.pi / 4) / (2 * np.pi)
    assert_allclose(turns, round(turns), atol=1e-10)


def test_lattice_by_hand():
    c, s = np.cos(0.3), np.sin(0.3)
    assert_allclose(filters.taps_from_angles(torch.tensor([0.3], dtype=torch.float64)), [c, s])
    d, t = np.cos(1.1), np.sin(1.1)
    taps = filters.taps_from_angles(torch.tensor([0.3, 1.1], dtype=torch.float64))
    # e = d(c, 0) − t(0, s), o = t(c, 0) + d(0, s)
    assert_allclose(taps, [d * c, t * c, -t * s, d * s])


@pytest.mark.parametrize("taps", [2, 4, 10, 20])
def test_random_angles_give_valid_filters(taps):
    generator = torch.Generator().manual_seed(3)
    angles = filters.random_angles(50, taps, generator)
    assert angles.shape == (50, taps // 2)
    assert_allclose(angles.sum(-1), np.pi / 4, atol=1e-12)
    assert (angles[:, :-1].abs() <= np.pi).all()
    h = filters.taps_from_angles(angles)
    assert_allclose(h.sum(-1), np.sqrt(2), atol=1e-12)
    for one in h:
        report = filters.validity(one)
        assert_allclose([getattr(report, r) for r in RESIDUALS], 0, atol=1e-12)


def test_random_angles_are_uniform_and_decided_by_the_generator():
    draw = filters.random_angles(4000, 6, torch.Generator().manual_seed(1))
    again = filters.random_angles(4000, 6, torch.Generator().manual_seed(1))
    assert torch.equal(draw, again)
    histogram = np.histogram(draw[:, :-1].numpy(), bins=8, range=(-np.pi, np.pi))[0] / 8000
    assert_allclose(histogram, 1 / 8, atol=0.02)


@properties
@given(seed=st.integers(0, 1000), taps=st.sampled_from([2, 4, 6, 10, 16]))
def test_random_filters_convert_to_angles_and_back(seed, taps):
    h = random_filters(1, taps, seed)[0]
    assert_allclose(filters.taps_from_angles(filters.angles_from_taps(h)), h, atol=1e-9)


@pytest.mark.parametrize(
    "h",
    [
        filters.lowpass("db5") * 1.01,
        filters.lowpass("db5") + 0.01,
        torch.tensor(pywt.Wavelet("bior2.2").rec_lo, dtype=torch.float64),
        torch.tensor(pywt.Wavelet("dmey").rec_lo, dtype=torch.float64),
        torch.full((4,), float("nan"), dtype=torch.float64),
    ],
    ids=["scaled", "moved", "biorthogonal", "dmey", "NaN"],
)
def test_angles_from_taps_refuses_what_is_not_orthonormal(h):
    with pytest.raises(ValueError, match="not an orthonormal filter"):
        filters.angles_from_taps(h)


def test_angles_from_taps_takes_one_filter():
    with pytest.raises(ValueError, match="takes one filter"):
        filters.angles_from_taps(random_filters(2, 4, 0))


# --- scaling function and wavelet ----------------------------------------------------------------


@pytest.mark.parametrize("level", [1, 2, 5, 8])
@pytest.mark.parametrize("name", ["haar", "db2", "db5", "db20", "sym4", "coif3"])
def test_cascade_is_wavefun(name, level):
    h = filters.lowpass(name)
    phi, psi, t = filters.cascade(h, level=level)
    want = filter_bank(h).wavefun(level=level)
    assert_allclose(phi, want[0], atol=1e-10)
    assert_allclose(psi, want[3], atol=1e-10)
    assert_allclose(t, want[4], atol=1e-12)


@properties
@given(seed=st.integers(0, 1000), taps=st.sampled_from([2, 4, 10, 12]))
def test_cascade_is_wavefun_for_any_filter(seed, taps):
    h = torch.randn(3, taps, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    phi, psi, t = filters.cascade(h, level=4)
    for k in range(3):
        want = filter_bank(h[k]).wavefun(level=4)
        assert_allclose(phi[k], want[0], rtol=1e-10, atol=1e-10)
        assert_allclose(psi[k], want[3], rtol=1e-10, atol=1e-10)
        assert_allclose(t, want[4])


def test_cascade_is_the_named_wavefun_but_for_its_last_sample():
    phi, psi, _ = filters.cascade(filters.lowpass("db5"))
    want = pywt.Wavelet("db5").wavefun(level=5)
    assert psi.shape == (288,)
    assert want[1].shape == (289,)
    assert_allclose(phi, want[0][:-1], atol=1e-12)
    assert_allclose(psi, want[1][:-1], atol=1e-12)
    assert_allclose([want[0][-1], want[1][-1]], 0, atol=1e-12)


@pytest.mark.parametrize("name", ["db3", "db5", "sym6", "coif2"])
def test_cascade_is_the_infinite_product(name):
    level, size = 12, 2**17
    h = filters.lowpass(name)
    phi, psi, _ = filters.cascade(h, level=level)
    n, taps = np.arange(len(h)), h.numpy()
    g = filters.highpass(h).numpy()
    w = 2 * np.pi * np.fft.rfftfreq(size, 2.0**-level)

    def transfer(filter_, w):
        return np.polyval(filter_[::-1], np.exp(-1j * w)) / np.sqrt(2)

    def scaling(w):
        return np.prod([transfer(taps, w / 2**p) for p in range(1, 40)], axis=0)

    # PyWavelets' samples are late by (1 − Σ n h[n]/√2) steps of the grid.
    late = np.exp(-1j * w * (1 - n @ taps / np.sqrt(2)) * 2.0**-level)
    for function, spectrum in (
        (phi, scaling(w)),
        (psi, transfer(g, w / 2) * scaling(w / 2)),
    ):
        product = np.fft.irfft(spectrum * late)[: len(phi)] * 2**level
        assert_allclose(function, product, atol=1e-3)


def test_filters_are_inner_products_of_the_functions():
    """Eq. 4: h[n] = <φ(t/2)/√2, φ(t − n)>, g[n] = <ψ(t/2)/√2, φ(t − n)>."""
    level = 10
    h = filters.lowpass("db5")
    phi, psi, _ = filters.cascade(h, level=level)

    def inner(wide):
        total = np.zeros(len(h))
        for n in range(len(h)):  # t = 2 m 2^-level
            k = 2 * np.arange(len(wide)) - n * 2**level
            inside = (k >= 0) & (k < len(phi))
            total[n] = (wide.numpy()[inside] * phi.numpy()[k[inside]]).sum()
        return total * 2 * 2.0**-level / np.sqrt(2)

    assert_allclose(inner(phi), pywt.Wavelet("db5").rec_lo, atol=1e-3)
    assert_allclose(inner(psi), pywt.Wavelet("db5").rec_hi, atol=1e-3)


def test_cascade_is_orthonormal_to_its_shifts():
    phi, psi, _ = (np.asarray(a) for a in filters.cascade(filters.lowpass("db5"), level=10))
    shifts = [np.pad(f, (1024 * k, 1024 * (9 - k))) for f in (phi, psi) for k in range(10)]
    gram = np.stack(shifts) @ np.stack(shifts).T / 1024
    assert_allclose(gram, np.eye(20), atol=1e-3)


def test_cascade_is_differentiable_in_h():
    h = random_filters(1, 4, 2)[0].requires_grad_()
    assert torch.autograd.gradcheck(lambda h: filters.cascade(h, level=2)[:2], h)


# --- distance ------------------------------------------------------------------------------------


def brute_force(psi, star, signs=(1,)):
    size = max(len(psi), len(star))
    psi, star = (np.pad(np.asarray(a), (0, size - len(a))) for a in (psi, star))
    return min(
        np.linalg.norm(sign * np.roll(candidate, k) - star)
        for candidate in (psi, psi[::-1])
        for k in range(size)
        for sign in signs
    )


@pytest.mark.parametrize("name", ["db5", "sym5", "coif2"])
def test_distance_of_shifted_and_flipped_copies_is_zero(name):
    psi = psi_of(filters.lowpass(name))
    for copy in (psi, psi.roll(17), psi.flip(0), psi.flip(0).roll(-100)):
        assert_allclose(filters.distance(copy, psi), 0, atol=1e-12)
        assert_allclose(filters.distance(psi, copy), 0, atol=1e-12)
    assert abs(filters.distance(-psi, psi)) > 1
    assert_allclose(filters.distance(-psi, psi, up_to_sign=True), 0, atol=1e-12)


@properties
@given(
    seed=st.integers(0, 1000),
    size=st.integers(1, 40),
    other=st.integers(1, 40),
    up_to_sign=st.booleans(),
)
def test_distance_is_brute_force_over_shifts(seed, size, other, up_to_sign):
    generator = torch.Generator().manual_seed(seed)
    psi = torch.randn(3, size, dtype=torch.float64, generator=generator)
    star = torch.randn(other, dtype=torch.float64, generator=generator)
    want = [brute_force(one, star, (1, -1) if up_to_sign else (1,)) for one in psi]
    assert_allclose(filters.distance(psi, star, up_to_sign=up_to_sign), want, atol=1e-12)
    single = filters.distance(psi[0], star, up_to_sign=up_to_sign)
    assert single.shape == ()
    assert_allclose(single, filters.distance(star, psi[0], up_to_sign=up_to_sign), atol=1e-12)


def test_shorter_functions_are_padded_at_their_end():
    long = torch.tensor([3.0, 1.0, 0.0, 0.0, 2.0], dtype=torch.float64)
    short = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64)
    # circular in 5 samples: (2, 3, 1) and (3, 1, 2) in a row, flips and shifts allowed
    assert_allclose(filters.distance(short, long), brute_force(short, long))
    assert_allclose(filters.distance(torch.cat([short, torch.zeros(2)]), long),
                    filters.distance(short, long))  # fmt: skip
    assert_allclose(filters.distance(short, torch.cat([short, torch.zeros(2)])), 0, atol=1e-15)


def test_published_distances_to_db5():
    db5 = filters.lowpass("db5")
    star = psi_of(db5)
    torch.manual_seed(1)
    noisy = db5 + (0.3 * torch.randn(10)).double()
    assert_allclose(noisy[:5], [0.36, 0.68, 0.74, 0.32, -0.38], atol=5e-3)
    assert_allclose(filters.distance(psi_of(noisy), star), 18.0, atol=0.05)
    assert_allclose(filters.distance(psi_of(filters.lowpass("coif2")), star), 3.5, atol=0.05)
    assert_allclose(filters.distance(psi_of(filters.lowpass("sym5")), star), 1.3, atol=0.05)
    reverse = psi_of(db5.flip(0))
    assert_allclose(filters.distance(reverse, star), 3.69, atol=5e-3)
    assert_allclose(filters.distance(reverse, star, up_to_sign=True), 0, atol=1e-12)
