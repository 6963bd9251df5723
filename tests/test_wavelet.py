"""The torch module: one parameter, and the functions behind it."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from awdlib import dwt, filters
from awdlib.conventions import MODES
from awdlib.wavelet import AdaptiveWavelet


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize(("name", "taps"), [("db5", 10), ("sym5", 10), ("coif2", 12)])
def test_the_filter_is_the_only_parameter(name, taps):
    wavelet = AdaptiveWavelet(name)
    assert [n for n, _ in wavelet.named_parameters()] == ["h"]
    assert sum(p.numel() for p in wavelet.parameters()) == taps
    assert (wavelet.level, wavelet.mode) == (4, "zero")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(2, 1, 33), (2, 3, 32), (2, 1, 17, 20)])
def test_there_and_back(shape, mode):
    wavelet, x = AdaptiveWavelet("db3", level=2, mode=mode), randn(*shape)
    coeffs = wavelet(x)
    h = filters.lowpass("db3")
    two = len(shape) == 4
    want = (dwt.wavedec2 if two else dwt.wavedec)(x, h, level=2, mode=mode)
    flat = zip(dwt.flatten_coeffs(coeffs), dwt.flatten_coeffs(want), strict=True)
    for a, d in flat:
        assert torch.equal(a.detach(), d)
    back = wavelet.inverse(coeffs).detach()
    assert back.shape == (*shape[:2], *(n + n % 2 for n in shape[2:]))
    crop = (..., *(slice(n) for n in shape[2:]))
    assert_allclose(back[crop], x, atol=1e-11)


def test_it_learns_by_gradient():
    wavelet, x = AdaptiveWavelet("db2", level=2), randn(3, 1, 20)
    sum(c.abs().sum() for c in wavelet(x)).backward()
    h = filters.lowpass("db2").requires_grad_()
    sum(c.abs().sum() for c in dwt.wavedec(x, h, level=2)).backward()
    assert_allclose(wavelet.h.grad, h.grad, rtol=1e-12)


def test_it_holds_a_copy_of_the_taps():
    taps = filters.lowpass("db2").requires_grad_()
    wavelet = AdaptiveWavelet(taps)
    with torch.no_grad():
        wavelet.h += 1
    assert_allclose(taps.detach(), filters.lowpass("db2"))
    again = AdaptiveWavelet("haar")
    again.h = torch.nn.Parameter(torch.zeros(4, dtype=torch.float64))
    again.load_state_dict(wavelet.state_dict())
    assert torch.equal(again.h, wavelet.h)


def test_functions_and_print():
    wavelet = AdaptiveWavelet("sym4", level=3, mode="reflect")
    phi, psi, t = wavelet.functions(level=4)
    want = filters.cascade(filters.lowpass("sym4"), level=4)
    assert torch.equal(phi, want[0])
    assert torch.equal(psi, want[1])
    assert np.array_equal(t, want[2])
    assert not psi.requires_grad
    assert repr(wavelet) == "AdaptiveWavelet(taps=8, level=3, mode='reflect')"


def test_refusals():
    with pytest.raises(ValueError, match="one filter of shape"):
        AdaptiveWavelet(torch.ones(2, 4))
    with pytest.raises(ValueError, match="even number of taps"):
        AdaptiveWavelet(torch.ones(5))
    with pytest.raises(ValueError, match="mode must be one of"):
        AdaptiveWavelet("db2", mode="constant")
    with pytest.raises(ValueError, match="no orthogonal wavelet"):
        AdaptiveWavelet("db99")
