"""The background's statements hold for a wavelet, and their checks notice where they do not."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from awdlib import attribution, filters, results, theory

DB5 = filters.lowpass("db5")
BROKEN = DB5 + 0.02 * torch.from_numpy(np.random.default_rng(0).normal(size=10))
CUT = torch.cat([DB5[2:], torch.zeros(2, dtype=DB5.dtype)])  # its two first taps are gone
LOWPASS = filters.lowpass


def model(x):
    return torch.tanh(x).square().sum((1, 2))


def signals(n=32):
    return torch.from_numpy(np.random.default_rng(1).normal(size=(5, 1, n)))


@pytest.mark.parametrize(
    ("error", "tiny", "others"),
    [
        (theory.gram_error, 1e-3, [BROKEN, CUT]),  # of sampling
        (theory.filter_error, 1e-3, [BROKEN, CUT]),
        (theory.fourier_product_error, 1e-3, [BROKEN]),  # of CUT, with Σh < √2, both sides vanish
        (theory.reconstruction_error, 1e-10, [BROKEN, CUT]),
    ],
)
def test_a_statement_holds_for_a_wavelet_and_fails_for_another_filter(error, tiny, others):
    assert error(DB5) < tiny
    for other in others:
        assert error(other) > 10 * tiny


def test_pywavelets_is_the_oracle(monkeypatch):
    assert max(theory.pywavelets_error(name) for name in ("db5", "haar")) < 1e-10
    monkeypatch.setattr(filters, "lowpass", lambda name: LOWPASS(name).flip(0))
    assert theory.pywavelets_error("db5") > 0.1


def test_trim_changes_no_output_for_any_filter():
    for h in (DB5, BROKEN):
        assert theory.trim_error(model, signals(), h) < 1e-12
    restless = iter([0.0, 1.0])
    assert theory.trim_error(lambda x: model(x) + next(restless), signals(), DB5) > 0.9


def test_the_cached_gradient_is_that_of_the_network(monkeypatch):
    for h in (DB5, BROKEN):
        assert max(theory.cached_gradient_error(model, signals(), h).values()) < 1e-12
    whole = attribution.input_gradients
    monkeypatch.setattr(attribution, "input_gradients", lambda *a: 1.5 * whole(*a))
    found = theory.cached_gradient_error(model, signals(), DB5)
    assert found["loss"] > 1e-4
    assert found["gradient"] > 1e-4


def test_haar_projections_are_block_means(monkeypatch):
    x = np.array([1.0, 3, 2, 6, 0, 0, 4, 8])
    first, second, third = theory.haar_projections(x, 3)
    assert_allclose(first, [2, 2, 4, 4, 0, 0, 6, 6])
    assert_allclose(second, [3, 3, 3, 3, 3, 3, 3, 3])
    assert_allclose(third, np.full(8, 3.0))
    x = np.random.default_rng(0).normal(size=64)
    assert theory.multiresolution_error(x, 4) < 1e-12
    monkeypatch.setattr(filters, "lowpass", lambda name: LOWPASS("db2"))
    assert theory.multiresolution_error(x, 4) > 0.1


def test_jump_signals_jump_a_few_times():
    x = theory.jump_signals(200, 64, jumps=3, seed=1)
    assert x.shape == (200, 64)
    jumps = (np.diff(x, axis=1) != 0).sum(1)
    assert (jumps.min(), jumps.max()) in {(1, 3), (2, 3)}  # two may fall on one place
    assert np.mean(jumps == 3) > 0.8
    assert np.array_equal(x, theory.jump_signals(200, 64, jumps=3, seed=1))
    assert not np.array_equal(x, theory.jump_signals(200, 64, jumps=3, seed=2))


def test_energy_kept_by_hand():
    coeffs = np.array([[3.0, 0, -4, 0], [1, -1, 1, 1]])
    want = (np.array([16, 25, 25]) / 25 + np.array([1, 2, 3]) / 4) / 2
    assert_allclose(theory.energy_kept(coeffs, 3), want)


def test_the_bases_are_orthonormal(monkeypatch):
    monkeypatch.setattr(theory, "energy_kept", lambda coeffs, count: coeffs)
    bases = theory.energy_by_basis(np.eye(32), level=2, count=32)
    assert list(bases) == ["wavelet (Haar)", "wavelet (DB5)", "Fourier (cosine)", "samples"]
    for basis in bases.values():
        assert_allclose(basis @ basis.T, np.eye(32), atol=1e-10)
    flat = [np.round(basis, 6).tobytes() for basis in bases.values()]
    assert len(set(flat)) == 4


def test_energy_by_basis_is_a_rising_share():
    x = theory.jump_signals(20, 64)
    for share in theory.energy_by_basis(x, level=3, count=64).values():
        assert (np.diff(share) >= -1e-12).all()
        assert_allclose(share[-1], 1)
    concise = theory.energy_by_basis(x, level=6, count=8)
    assert concise["wavelet (Haar)"][-1] > concise["samples"][-1]


def test_every_check_of_the_accepted_chapter_holds():
    numbers = results.load("background", "smoke", origin="accepted").numbers
    assert numbers["held"] == len(numbers["checks"]) > 0
