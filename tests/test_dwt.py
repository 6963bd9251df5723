"""The transform against PyWavelets, its own adjoint, finite differences and pytorch_wavelets."""

import numpy as np
import peers
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from awdlib import dwt, filters, matrices
from awdlib.conventions import MODES, Details2d

WAVELETS = [
    "haar",
    *(f"db{k}" for k in range(1, 21)),
    *(f"sym{k}" for k in range(2, 21)),
    *(f"coif{k}" for k in range(1, 6)),
]
SHORT, LONG = (40, 33), (200, 201)  # one matrix a filter; convolutions
WAYS = {"matrix": 10**9, "convolutions": 0}
properties = settings(deadline=None, derandomize=True, max_examples=30)


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Both ways to compute a transform."""
    monkeypatch.setattr(dwt, "DENSE_UP_TO", WAYS[request.param])


def signals(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def levels(n, taps):
    """1 to PyWavelets' limit, and 1, 2 and the paper's 4 where that is below them."""
    return sorted({1, 2, 4, *range(1, pywt.dwt_max_level(n, taps) + 1)})


def filter_bank(h):
    """PyWavelets' wavelet of any lowpass filter."""
    h = h.detach().numpy()
    g = (-1.0) ** np.arange(len(h)) * h[::-1]
    return pywt.Wavelet("bank", filter_bank=(h[::-1], g[::-1], h, g))


def assert_coeffs(actual, desired, atol):
    """Every band equal; 2-D details are tuples."""
    assert len(actual) == len(desired)
    for k, (a, d) in enumerate(zip(actual, desired, strict=True)):
        if isinstance(d, tuple):
            assert isinstance(a, Details2d)
            assert_coeffs(a, d, atol)
        else:
            assert a.shape == d.shape, f"band {k}"
            a, d = (torch.as_tensor(c).detach() for c in (a, d))
            assert_allclose(a, d, rtol=0, atol=atol, err_msg=f"band {k}")


def inner(a, b):
    flat = zip(dwt.flatten_coeffs(a), dwt.flatten_coeffs(b), strict=True)
    return sum((x * y).sum().item() for x, y in flat)


# --- one dimension -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WAVELETS)
def test_equals_pywavelets(name, mode):
    h, wavelet = filters.lowpass(name), pywt.Wavelet(name)
    for n in SHORT + LONG:
        x = signals(2, n)
        for level in levels(n, len(h)):
            where = f"n={n}, level={level}"
            want = pywt.wavedec(x.numpy(), wavelet, mode=mode, level=level)
            coeffs = dwt.wavedec(x, h, level=level, mode=mode)
            assert_coeffs(coeffs, want, atol=1e-10)
            back = dwt.waverec(coeffs, h, mode=mode)
            assert_allclose(back, pywt.waverec(want, wavelet, mode=mode), atol=1e-10, err_msg=where)
            # PyWavelets' tables of some sym are correct to a few 1e-12 only.
            assert_allclose(back[:, :n], x, atol=1e-9, err_msg=where)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WAVELETS)
def test_equals_pywavelets_in_float32(name, mode):
    h = filters.lowpass(name, dtype=torch.float32)
    for n in (SHORT[1], LONG[0]):
        x = signals(2, n)
        level = max(4, pywt.dwt_max_level(n, len(h)))
        want = pywt.wavedec(x.numpy(), name, mode=mode, level=level)
        coeffs = dwt.wavedec(x.float(), h, level=level, mode=mode)
        assert {c.dtype for c in coeffs} == {torch.float32}
        scale = max(np.abs(c).max() for c in want)
        assert_coeffs(coeffs, want, atol=1e-5 * scale)
        back = dwt.waverec(coeffs, h, mode=mode)
        assert_allclose(back[:, :n], x, atol=1e-5 * scale)


def test_pywavelets_warns_of_the_papers_level_and_agrees():
    x = signals(1, 40)
    with pytest.warns(UserWarning, match="Level value of 4 is too high"):
        want = pywt.wavedec(x.numpy(), "db5", mode="zero", level=4)
    assert_coeffs(dwt.wavedec(x, filters.lowpass("db5"), level=4), want, atol=1e-10)


@pytest.mark.parametrize(
    ("mode", "n"),
    [(mode, n) for mode in MODES for n in (1, 2, 3, 5) if (mode, n) != ("reflect", 1)],
)
@pytest.mark.parametrize("name", ["haar", "db2", "db5"])
def test_tiny_signals(name, mode, n, way):
    x, h = signals(2, n), filters.lowpass(name)
    want = pywt.wavedec(x.numpy(), name, mode=mode, level=1)
    coeffs = dwt.wavedec(x, h, level=1, mode=mode)
    assert_coeffs(coeffs, want, atol=1e-12)
    assert_allclose(dwt.waverec(coeffs, h, mode=mode), pywt.waverec(want, name, mode), atol=1e-12)


@properties
@given(
    n=st.integers(2, 70),
    taps=st.sampled_from([2, 4, 6, 10, 12]),
    level=st.integers(1, 4),
    mode=st.sampled_from(MODES),
    seed=st.integers(0, 1000),
)
def test_equals_pywavelets_for_any_filter(n, taps, level, mode, seed):
    x, h = signals(2, n, seed=seed), signals(taps, seed=seed + 1)
    lengths = [n, *matrices.band_lengths(n, taps, level=level, mode=mode)[1:]]
    if mode == "reflect" and min(lengths) < 2:
        return
    want = pywt.wavedec(x.numpy(), filter_bank(h), mode=mode, level=level)
    coeffs = dwt.wavedec(x, h, level=level, mode=mode)
    assert [c.shape[-1] for c in coeffs] == matrices.band_lengths(n, taps, level=level, mode=mode)
    scale = max(np.abs(c).max() for c in want)
    assert_coeffs(coeffs, want, atol=1e-10 * scale)
    back = dwt.waverec(coeffs, h, mode=mode)
    want = pywt.waverec(want, filter_bank(h), mode=mode)
    assert_allclose(back, want, rtol=1e-10, atol=1e-10 * np.abs(want).max())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["haar", "db5", "sym8", "coif3", "db20"])
def test_both_ways_agree(name, mode, monkeypatch):
    h = filters.lowpass(name)
    for n in (33, 40, 101):
        for level in (1, 2, 4):
            x, results = signals(3, n), []
            for limit in WAYS.values():
                monkeypatch.setattr(dwt, "DENSE_UP_TO", limit)
                results.append(dwt.wavedec(x, h, level=level, mode=mode))
            assert_coeffs(*results, atol=1e-12)


def test_the_way_is_chosen_by_length(monkeypatch):
    seen = []
    matrix = matrices.analysis_matrix
    monkeypatch.setattr(dwt, "analysis_matrix", lambda *a, **k: seen.append(1) or matrix(*a, **k))
    h = filters.lowpass("db2")
    dwt.wavedec(signals(1, dwt.DENSE_UP_TO), h, level=1)
    assert len(seen) == 1
    dwt.wavedec(signals(1, dwt.DENSE_UP_TO + 1), h, level=1)
    assert len(seen) == 1


@pytest.mark.parametrize("n", [33, 34])
@pytest.mark.parametrize("mode", MODES)
def test_odd_lengths_come_back_one_longer(mode, n, way):
    h, x = filters.lowpass("db3"), signals(2, n)
    back = dwt.waverec(dwt.wavedec(x, h, level=3, mode=mode), h, mode=mode)
    assert back.shape == (2, 34)
    assert_allclose(back[:, :n], x, atol=1e-11)


def test_leading_dimensions_are_kept():
    h, x = filters.lowpass("db2"), signals(2, 3, 4, 20)
    coeffs = dwt.wavedec(x, h, level=2)
    assert [c.shape for c in coeffs] == [(2, 3, 4, 7), (2, 3, 4, 7), (2, 3, 4, 11)]
    assert_coeffs([c[1, 2, 3] for c in coeffs], dwt.wavedec(x[1, 2, 3], h, level=2), atol=1e-14)
    assert dwt.waverec(coeffs, h).shape == x.shape


# --- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [11, 12])
@pytest.mark.parametrize("mode", MODES)
def test_gradients_in_x_and_h(mode, n, way):
    def there_and_back(x, h):
        coeffs = dwt.wavedec(x, h, level=2, mode=mode)
        return (*coeffs, dwt.waverec(coeffs, h, mode=mode)[..., :n])

    x, h = signals(2, n).requires_grad_(), signals(6, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(there_and_back, (x, h))


@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_synthesis_in_coefficients_and_h(mode):
    h = signals(4, seed=1)
    coeffs = [c.requires_grad_() for c in dwt.wavedec(signals(1, 9), h, level=2, mode=mode)]
    assert torch.autograd.gradcheck(
        lambda h, *coeffs: dwt.waverec(list(coeffs), h, mode=mode), (h.requires_grad_(), *coeffs)
    )


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_gradients_for_a_batch_of_filters(mode, paired, way):
    x = (signals(2, 1, 7) if paired else signals(1, 7)).requires_grad_()
    h = signals(2, 4, seed=1).requires_grad_()

    def there_and_back(x, h):
        coeffs = dwt.wavedec(x, h, level=2, mode=mode, paired=paired)
        return (*coeffs, dwt.waverec(coeffs, h, mode=mode))

    assert torch.autograd.gradcheck(there_and_back, (x, h))


@pytest.mark.parametrize("mode", MODES)
def test_second_derivatives(mode, way):
    def there_and_back(x, h):
        coeffs = dwt.wavedec(x, h, level=2, mode=mode)
        return (*coeffs, dwt.waverec(coeffs, h, mode=mode))

    x, h = signals(1, 7).requires_grad_(), signals(4, seed=1).requires_grad_()
    assert torch.autograd.gradgradcheck(there_and_back, (x, h))


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_gradients_2d(mode, level):
    def there_and_back(x, h):
        coeffs = dwt.wavedec2(x, h, level=level, mode=mode)
        return (*dwt.flatten_coeffs(coeffs), dwt.waverec2(coeffs, h, mode=mode))

    x, h = signals(1, 5, 6).requires_grad_(), signals(4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(there_and_back, (x, h))


@pytest.mark.parametrize("mode", MODES)
def test_second_derivatives_2d(mode):
    def there_and_back(x, h):
        coeffs = dwt.wavedec2(x, h, level=1, mode=mode)
        return (*dwt.flatten_coeffs(coeffs), dwt.waverec2(coeffs, h, mode=mode))

    x, h = signals(1, 3, 4).requires_grad_(), signals(4, seed=1).requires_grad_()
    assert torch.autograd.gradgradcheck(there_and_back, (x, h))


@pytest.mark.parametrize("n", [9, 10])
@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_the_adjoint(mode, n):
    x, h = signals(2, n).requires_grad_(), signals(4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, h: tuple(dwt.adjoint_synthesis(x, h, level=2, mode=mode)), (x, h)
    )


# --- two dimensions ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["haar", "db5", "sym8", "coif2", "db20"])
def test_equals_pywavelets_2d(name, mode):
    h, wavelet = filters.lowpass(name), pywt.Wavelet(name)
    for shape in ((32, 32), (33, 24), (20, 31), (64, 9)):
        x = signals(2, *shape)
        for level in (1, 2, 4):
            want = pywt.wavedec2(x.numpy(), wavelet, mode=mode, level=level)
            coeffs = dwt.wavedec2(x, h, level=level, mode=mode)
            assert_coeffs(coeffs, want, atol=1e-10)
            back = dwt.waverec2(coeffs, h, mode=mode)
            assert_allclose(back, pywt.waverec2(want, wavelet, mode=mode), atol=1e-10)
            assert_allclose(back[:, : shape[0], : shape[1]], x, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_equals_pywavelets_2d_in_float32(mode):
    x, h = signals(1, 45, 64), filters.lowpass("db5", dtype=torch.float32)
    want = pywt.wavedec2(x.numpy(), "db5", mode=mode, level=3)
    coeffs = dwt.wavedec2(x.float(), h, level=3, mode=mode)
    scale = np.abs(want[0]).max()
    assert coeffs[0].dtype == torch.float32
    assert_coeffs(coeffs, want, atol=1e-5 * scale)
    back = dwt.waverec2(coeffs, h, mode=mode)[:, :45]
    assert_allclose(back, x, atol=1e-5 * scale)


def test_the_papers_maps_have_73839_coefficients():
    coeffs = dwt.wavedec2(signals(1, 256, 256), filters.lowpass("db5"), level=4)
    assert [c.shape[-2:] for c in coeffs if isinstance(c, torch.Tensor)] == [(24, 24)]
    assert [c.diagonal.shape[-2:] for c in coeffs[1:]] == [(24, 24), (39, 39), (70, 70), (132, 132)]
    assert sum(c.numel() for c in dwt.flatten_coeffs(coeffs)) == 73_839


def test_bands_2d_are_separable():
    """ψ1 = φ(x1)ψ(x2) and so on: an outer product's bands are outer products."""
    h, u, v = filters.lowpass("db3"), signals(1, 20), signals(1, 27, seed=1)
    low_u, high_u = dwt.wavedec(u, h, level=1)
    low_v, high_v = dwt.wavedec(v, h, level=1)
    low_low, details = dwt.wavedec2(u.T @ v, h, level=1)
    assert_allclose(low_low, low_u.T @ low_v, atol=1e-12)
    assert_allclose(details.horizontal, high_u.T @ low_v, atol=1e-12)  # highpass along the height
    assert_allclose(details.vertical, low_u.T @ high_v, atol=1e-12)
    assert_allclose(details.diagonal, high_u.T @ high_v, atol=1e-12)


def test_flatten_and_unflatten_coefficients():
    coeffs = dwt.wavedec2(signals(1, 16, 16), filters.lowpass("db2"), level=2)
    flat = dwt.flatten_coeffs(coeffs)
    assert len(flat) == 7
    assert flat[1] is coeffs[1].horizontal
    again = dwt.unflatten_coeffs(flat, coeffs)
    assert [type(c) for c in again] == [torch.Tensor, Details2d, Details2d]
    assert again[2].diagonal is coeffs[2].diagonal


# --- adjoint and matrices ------------------------------------------------------------------------


@properties
@given(
    n=st.integers(2, 60),
    taps=st.sampled_from([2, 4, 6, 10]),
    level=st.integers(1, 4),
    mode=st.sampled_from(MODES),
    seed=st.integers(0, 1000),
)
def test_adjoint_identity(n, taps, level, mode, seed):
    """<(Ψ⁻¹)ᵀx, w> = <x, Ψ⁻¹w>, Ψ⁻¹ cropped to the signal."""
    x, h = signals(2, n, seed=seed), signals(taps, seed=seed + 1)
    lengths = matrices.band_lengths(n, taps, level=level, mode=mode)
    w = [signals(2, length, seed=seed + 2 + k) for k, length in enumerate(lengths)]
    left = inner(dwt.adjoint_synthesis(x, h, level=level, mode=mode), w)
    right = inner([x], [dwt.waverec(w, h, mode=mode)[..., :n]])
    scale = max(1, abs(right))
    assert_allclose(left, right, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("shape", [(12, 12), (13, 10), (9, 15)])
@pytest.mark.parametrize("level", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_adjoint_identity_2d(mode, level, shape):
    x, h = signals(2, *shape), signals(6, seed=1)
    like = dwt.wavedec2(x, h, level=level, mode=mode)
    w = [signals(*c.shape, seed=2 + k) for k, c in enumerate(dwt.flatten_coeffs(like))]
    left = inner(
        dwt.adjoint_synthesis2(x, h, level=level, mode=mode), dwt.unflatten_coeffs(w, like)
    )
    signal = dwt.waverec2(dwt.unflatten_coeffs(w, like), h, mode=mode)
    right = inner([x], [signal[..., : shape[0], : shape[1]]])
    assert_allclose(left, right, rtol=1e-11)


@pytest.mark.parametrize("mode", MODES)
def test_adjoint_without_gradients_enabled(mode):
    x, h = signals(2, 11), signals(4, seed=1)
    want = dwt.adjoint_synthesis(x, h, level=2, mode=mode)
    with torch.no_grad():
        assert_coeffs(dwt.adjoint_synthesis(x, h, level=2, mode=mode), want, atol=1e-14)


@pytest.mark.parametrize("mode", MODES)
def test_adjoint_keeps_no_graph_of_constants(mode):
    x, h = signals(1, 8, 11), signals(4, seed=1)
    assert not any(c.requires_grad for c in dwt.adjoint_synthesis(x, h, level=2, mode=mode))
    flat = dwt.flatten_coeffs(dwt.adjoint_synthesis2(x, h, level=2, mode=mode))
    assert not any(c.requires_grad for c in flat)


@pytest.mark.parametrize("n", [12, 13, 40])
@pytest.mark.parametrize("level", [1, 2, 4])
@pytest.mark.parametrize("mode", MODES)
def test_matrices_are_the_transforms(mode, level, n):
    x, h = signals(3, n), signals(2, 6, seed=1)
    analysis = matrices.analysis_matrix(h, n, level=level, mode=mode)
    want = torch.cat([torch.cat(dwt._analysis_conv(x[None], one[None], level, mode), -1)
                      for one in h])  # fmt: skip
    assert_allclose(x @ analysis.mT, want, atol=1e-9)
    assert_allclose(
        matrices.analysis_matrix(h[0], n, level=level, mode=mode), analysis[0], atol=1e-12
    )

    synthesis = matrices.synthesis_matrix(h, n, level=level, mode=mode)
    lengths = matrices.band_lengths(n, 6, level=level, mode=mode)
    w = signals(2, 3, sum(lengths), seed=2)
    want = dwt.waverec(list(w.split(lengths, -1)), h, mode=mode)[..., :n]
    assert_allclose(w @ synthesis.mT, want, rtol=1e-9, atol=1e-9)
    assert synthesis.shape == (2, n, sum(lengths))


@pytest.mark.parametrize("n", [40, 41])
@pytest.mark.parametrize("mode", MODES)
def test_matrices_of_a_valid_filter_are_inverse(mode, n):
    h = filters.lowpass("db5")
    analysis = matrices.analysis_matrix(h, n, level=4, mode=mode)
    synthesis = matrices.synthesis_matrix(h, n, level=4, mode=mode)
    assert_allclose(synthesis @ analysis, np.eye(n), atol=1e-11)


def test_band_lengths():
    assert matrices.band_lengths(40, 10, level=4) == [10, 10, 12, 16, 24]
    assert matrices.band_lengths(64, 10, level=4) == [12, 12, 15, 22, 36]
    assert matrices.band_lengths(41, 10, level=3, mode="periodization") == [6, 6, 11, 21]


# --- batches of filters --------------------------------------------------------------------------


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_batch_of_filters_is_one_by_one(mode, paired, way):
    x = signals(3, 4, 1, 21) if paired else signals(4, 1, 21)
    h = signals(3, 6, seed=1)
    coeffs = dwt.wavedec(x, h, level=2, mode=mode, paired=paired)
    scores = dwt.adjoint_synthesis(x, h, level=2, mode=mode, paired=paired)
    back = dwt.waverec(coeffs, h, mode=mode)
    for k in range(3):
        own = x[k] if paired else x
        one = dwt.wavedec(own, h[k], level=2, mode=mode)
        assert_coeffs([c[k] for c in coeffs], one, atol=1e-12)
        assert_allclose(back[k], dwt.waverec(one, h[k], mode=mode), atol=1e-11)
        one = dwt.adjoint_synthesis(own, h[k], level=2, mode=mode)
        assert_coeffs([c[k] for c in scores], one, atol=1e-12)


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_batch_of_filters_is_one_by_one_2d(mode, paired):
    x = signals(3, 2, 1, 9, 12) if paired else signals(2, 1, 9, 12)
    h = signals(3, 4, seed=1)
    coeffs = dwt.wavedec2(x, h, level=2, mode=mode, paired=paired)
    scores = dwt.adjoint_synthesis2(x, h, level=2, mode=mode, paired=paired)
    back = dwt.waverec2(coeffs, h, mode=mode)
    for k in range(3):
        own = x[k] if paired else x
        one = dwt.wavedec2(own, h[k], level=2, mode=mode)
        flat = [c[k] for c in dwt.flatten_coeffs(coeffs)]
        assert_coeffs(flat, dwt.flatten_coeffs(one), atol=1e-12)
        assert_allclose(back[k], dwt.waverec2(one, h[k], mode=mode), atol=1e-11)
        one = dwt.adjoint_synthesis2(own, h[k], level=2, mode=mode)
        flat = [c[k] for c in dwt.flatten_coeffs(scores)]
        assert_coeffs(flat, dwt.flatten_coeffs(one), atol=1e-12)


# --- a second oracle -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [32, 33])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["haar", "db5", "sym4"])
def test_equals_pytorch_wavelets(name, mode, n, way):
    lowlevel = peers.pytorch_wavelets_lowlevel()
    x = signals(2, n)
    h = filters.lowpass(name).requires_grad_()
    theirs = h.detach().clone().requires_grad_()

    coeffs = dwt.wavedec(x, h, level=1, mode=mode)
    back = dwt.waverec(coeffs, h, mode=mode)
    g = filters.highpass(theirs)
    bands = lowlevel.afb1d(x[:, None, None], theirs, g, mode=mode, dim=3)
    want = lowlevel.sfb1d(bands[:, :1], bands[:, 1:], theirs, g, mode=mode, dim=3)
    assert_coeffs([c.detach() for c in coeffs], bands.detach()[:, :, 0].unbind(1), atol=1e-12)
    assert_allclose(back.detach(), want.detach()[:, 0, 0], atol=1e-12)

    weight = signals(2, back.shape[-1], seed=1)
    (ours,) = torch.autograd.grad((torch.tanh(back) * weight).sum(), h)
    (peer,) = torch.autograd.grad((torch.tanh(want[:, 0, 0]) * weight).sum(), theirs)
    assert_allclose(ours, peer, atol=1e-11)


# --- what is refused -----------------------------------------------------------------------------

DB2 = filters.lowpass("db2")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dwt.wavedec(signals(9), DB2, level=0), "level must be at least 1, not 0"),
        (lambda: dwt.wavedec(signals(9), DB2, level=1, mode="wrap"), "mode must be one of zero, "),
        (lambda: dwt.wavedec(signals(9), torch.ones(3), level=1), "even number of taps, not (3,)"),
        (lambda: dwt.wavedec(signals(9), torch.ones(0), level=1), "even number of taps, not (0,)"),
        (lambda: dwt.wavedec(signals(9), torch.ones(1, 1, 4), level=1), "shape (taps,) or"),
        (lambda: dwt.wavedec(signals(9), torch.ones(4).long(), level=1), "h must be floating"),
        (lambda: dwt.wavedec(torch.ones(9).long(), DB2, level=1), "x must be floating point"),
        (lambda: dwt.wavedec(signals(2, 0), DB2, level=1), "non-empty array"),
        (lambda: dwt.wavedec2(signals(9), DB2, level=1), "last 2 axes"),
        (lambda: dwt.wavedec(signals(2, 9), torch.ones(3, 4).double(), level=1, paired=True),
         "needs arrays with a leading dimension of 3, not of shape (2, 9)"),
        (lambda: dwt.waverec([signals(2, 6)] * 2, torch.ones(3, 4).double()),
         "needs arrays with a leading dimension of 3, not of shape (2, 6)"),
        (lambda: dwt.waverec([signals(6), signals(9)], DB2), "lengths 6 and 9 do not belong"),
        (lambda: dwt.waverec([signals(9), signals(6)], DB2), "lengths 9 and 6 do not belong"),
        (lambda: dwt.waverec([signals(9)], DB2), "level must be at least 1"),
        (lambda: dwt.waverec2([signals(5, 5), Details2d(*[signals(5, 8)] * 3)], DB2),
         "lengths 5 and 8 do not belong"),
        (lambda: dwt.waverec2([signals(5, 5), Details2d(*[signals(8, 5)] * 3)], DB2),
         "lengths 5 and 8 do not belong"),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    assert message in str(caught.value)


def test_reflect_needs_two_samples(way):
    with pytest.raises(ValueError, match="at least 2 samples at every level"):
        dwt.wavedec(signals(1), DB2, level=1, mode="reflect")
    haar = filters.lowpass("haar")
    assert len(dwt.wavedec(signals(4), haar, level=2, mode="reflect")) == 3
    with pytest.raises(ValueError, match="at least 2 samples at every level"):
        dwt.wavedec(signals(4), haar, level=3, mode="reflect")
