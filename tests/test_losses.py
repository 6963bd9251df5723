"""Each term of Eq. 8, and the whole on a batch, against a short numpy reference."""

import numpy as np
import pytest
import pywt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from awdlib import dwt, filters, losses
from awdlib.conventions import MODES
from awdlib.objective import Settings, batch_loss, loss_terms

SCALINGS = ("reference", "paper")
METHODS = ("saliency", "input_x_gradient")
WAYS = {"matrix": 10**9, "transforms": 0}
PENALTIES = ("lowpass_sum", "highpass_sum", "norm", "conjugate_mirror", "even_shifts")
DB5 = filters.lowpass("db5")
properties = settings(deadline=None, derandomize=True, max_examples=25)


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def near(name, seed=0):
    """A filter near a wavelet's, none of whose residuals is zero."""
    h = filters.lowpass(name)
    return h + 0.1 * randn(len(h), seed=seed)


def central_differences(function, h, step=1e-6):
    """Gradient of a function of one filter."""
    moves = step * np.eye(len(h))
    return np.array([(function(h + d) - function(h - d)) / (2 * step) for d in moves])


# --- the reference -------------------------------------------------------------------------------


def numpy_penalties(h, scaling):
    """L4 to L8 by their definitions."""
    taps, reference = len(h), scaling == "reference"
    n = np.arange(taps)
    g = (-1.0) ** n * h[::-1]
    w = 2 * np.pi * np.arange(taps // 2 if reference else taps) / taps
    power, mirror = (np.abs(np.exp(-1j * np.outer(v, n)) @ h) ** 2 for v in (w, w + np.pi))
    shifts = [
        sum(h[m] * h[m - 2 * k] for m in n if 0 <= m - 2 * k < taps) - (k == 0)
        for k in range(-taps, taps + 1)
    ]
    terms = [
        (h.sum() - np.sqrt(2)) ** 2,
        g.sum() ** 2,
        (h @ h - 1) ** 2,
        ((power + mirror - 2) ** 2).sum(),
        np.square(shifts).sum(),
    ]
    return np.array(terms) * (0.5 if reference else 1)


def numpy_terms(h, x, slopes, config):
    """The four terms with PyWavelets, synthesis as a matrix made column by column."""
    g = (-1.0) ** np.arange(len(h)) * h[::-1]
    bank = pywt.Wavelet("bank", filter_bank=(h[::-1], g[::-1], h, g))
    examples, crop = x.reshape(-1, *x.shape[2:]), tuple(slice(n) for n in x.shape[2:])

    def analyse(signal):
        return pywt.ravel_coeffs(pywt.wavedecn(signal, bank, config.mode, config.level))

    def rebuild(vector):
        return pywt.waverecn(pywt.unravel_coeffs(vector, *layout), bank, config.mode)[crop]

    layout = analyse(examples[0])[1:]
    w = np.stack([analyse(signal)[0] for signal in examples])
    back = np.stack([rebuild(vector) for vector in w])
    synthesis = np.stack([rebuild(unit).ravel() for unit in np.eye(w.shape[1])])
    scores = slopes.reshape(len(examples), -1) @ synthesis.T
    if config.method != "saliency":
        scores = scores * w
    m, bands, reference = len(x), config.level + 1, config.scaling == "reference"
    return {
        "reconstruction": ((examples - back) ** 2).sum() / m,
        "validity": numpy_penalties(h, config.scaling).sum(),
        "sparsity": np.abs(w).sum() / (m * bands if reference else m),
        "interpretation": np.abs(scores).sum() / (m * bands if reference else 1),
    }


def numpy_loss(h, x, slopes, lam, gamma, config):
    terms = numpy_terms(h, x, slopes, config)
    return (terms["reconstruction"] + terms["validity"]
            + lam * terms["sparsity"] + gamma * terms["interpretation"])  # fmt: skip


# --- single terms --------------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("name", ["haar", "db5", "sym5", "coif2"])
def test_penalties_are_the_numpy_reference(name, scaling):
    for seed in range(3):
        h = near(name, seed)
        want = numpy_penalties(h.numpy(), scaling)
        assert_allclose(losses.validity_penalties(h, scaling=scaling), want, rtol=1e-10)


@properties
@given(seed=st.integers(0, 1000), taps=st.sampled_from([2, 4, 10, 12]))
def test_penalties_are_the_numpy_reference_for_any_filter(seed, taps):
    h = randn(2, 3, taps, seed=seed)
    for scaling in SCALINGS:
        penalties = losses.validity_penalties(h, scaling=scaling)
        assert penalties.shape == (2, 3, 5)
        want = [[numpy_penalties(one, scaling) for one in row] for row in h.numpy()]
        assert_allclose(penalties, want, rtol=1e-9, atol=1e-12)


def test_penalties_by_hand():
    """h = (a, b): Σh = a+b, Σg = b−a, |ĥ(w)|² + |ĥ(w+π)|² = 2(a² + b²) at every w."""
    a, b = 0.9, 0.2
    h = torch.tensor([a, b], dtype=torch.float64)
    s = a**2 + b**2
    assert_allclose(losses.lowpass_sum(h), (a + b - np.sqrt(2)) ** 2)
    assert_allclose(losses.highpass_sum(h), (b - a) ** 2)
    assert_allclose(losses.norm(h), (s - 1) ** 2)
    assert_allclose(losses.even_shifts(h), (s - 1) ** 2)
    # N = 2: one frequency in the authors' half, two in Eq. 8
    assert_allclose(losses.conjugate_mirror(h), (2 * s - 2) ** 2)
    assert_allclose(losses.conjugate_mirror(h, scaling="paper"), 2 * (2 * s - 2) ** 2)
    four = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    # r[0] = 30, r[±2] = 1·3 + 2·4 = 11
    assert_allclose(losses.even_shifts(four), 29**2 + 2 * 11**2)


def test_one_weight_for_all_penalties():
    """No knob but λ and γ: the sum is that of the five, halved in the authors' units."""
    h = near("db5")
    each = torch.stack([getattr(losses, name)(h) for name in PENALTIES])
    assert_allclose(losses.validity_penalties(h), each / 2)
    each[3] = losses.conjugate_mirror(h, scaling="paper")
    assert_allclose(losses.validity_penalties(h, scaling="paper"), each)
    assert_allclose(each[3], 2 * losses.conjugate_mirror(h))


@pytest.mark.parametrize("name", ["db5", "coif2"])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_penalties_are_zero_on_a_wavelet(name, scaling):
    penalties = losses.validity_penalties(filters.lowpass(name), scaling=scaling)
    assert_allclose(penalties, np.zeros(5), atol=1e-24)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("name", ["db5", "coif2"])
def test_gradients_of_the_penalties(name, scaling):
    h = near(name).requires_grad_()
    assert torch.autograd.gradcheck(lambda h: losses.validity_penalties(h, scaling=scaling), h)


@pytest.mark.parametrize("taps", range(2, 21, 2))
@pytest.mark.parametrize("scaling", SCALINGS)
def test_penalties_with_their_gradient_are_the_penalties(scaling, taps):
    h = (0.5 * randn(4, taps)).requires_grad_()
    want = losses.validity_penalties(h, scaling=scaling).sum(-1)
    slope = torch.autograd.grad(want.sum(), h)[0]
    found, its_slope = losses.validity_and_gradient(h.detach(), scaling=scaling)
    assert_allclose(found, want.detach(), rtol=1e-12)
    assert_allclose(its_slope, slope, rtol=1e-12, atol=1e-12)


def test_l1_of_a_batch_of_filters():
    arrays = [torch.tensor([[[1.0, -2.0]], [[0.5, 0.0]]]), torch.tensor([[[-3.0]], [[4.0]]])]
    assert losses.l1(arrays).tolist() == [6.0, 4.5]


def test_scalings_of_the_data_terms():
    total = torch.tensor([30.0, 60.0])
    assert losses.reconstruction(total, 3).tolist() == [10.0, 20.0]
    assert losses.sparsity(total, 3, 5).tolist() == [2.0, 4.0]
    assert losses.sparsity(total, 3, 5, scaling="paper").tolist() == [10.0, 20.0]
    assert losses.interpretation(total, 3, 5).tolist() == [2.0, 4.0]
    assert losses.interpretation(total, 3, 5, scaling="paper").tolist() == [30.0, 60.0]


# --- the whole on a batch ------------------------------------------------------------------------

SHAPES = {
    "short": (4, 1, 21),
    "two channels": (3, 2, 16),
    "long": (2, 1, 131),
    "2-D": (3, 1, 9, 12),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("mode", ["zero", "symmetric", "periodization"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_terms_are_the_numpy_reference(shape, mode, scaling, method):
    config = Settings(level=2, mode=mode, scaling=scaling, method=method)
    h, x, slopes = near("db2"), randn(*shape, seed=1), randn(*shape, seed=2)
    terms = loss_terms(h[None], x, config, gradients=slopes)
    want = numpy_terms(h.numpy(), x.numpy(), slopes.numpy(), config)
    assert terms.keys() == want.keys()
    for name, value in want.items():
        assert terms[name].shape == (1,)
        assert_allclose(terms[name].detach(), value, rtol=1e-10, err_msg=name)


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("method", METHODS)
def test_a_batch_of_filters(method, shape, paired):
    config = Settings(level=2, method=method)
    h = torch.stack([near("db2", seed) for seed in range(3)])
    lam, gamma = torch.tensor([[0.1, 0.0, 2.0], [0.5, 3.0, 0.0]], dtype=torch.float64)
    x, slopes = (randn(3, *shape, seed=s) for s in (1, 2))
    if not paired:
        x, slopes = x[0], slopes[0]
    loss = batch_loss(h, x, lam, gamma, config, paired=paired, gradients=slopes)
    want = [
        numpy_loss(
            h[k].numpy(), *((a[k] if paired else a).numpy() for a in (x, slopes)),
            lam[k].item(), gamma[k].item(), config,
        )
        for k in range(3)
    ]  # fmt: skip
    assert_allclose(loss, want, rtol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("paired", [False, True])
def test_matrix_way_equals_transform_way(paired, mode, method, monkeypatch):
    config = Settings(level=3, mode=mode, method=method)
    shape = (2, 4, 2, 23) if paired else (4, 2, 23)
    x, slopes = randn(*shape, seed=1), randn(*shape, seed=2)
    h = torch.stack([near("db3", seed) for seed in range(2)]).requires_grad_()
    lam, gamma = torch.tensor([[0.1, 2.0], [0.5, 0.7]], dtype=torch.float64)
    results = []
    for limit in WAYS.values():
        monkeypatch.setattr(dwt, "DENSE_UP_TO", limit)
        loss = batch_loss(h, x, lam, gamma, config, paired=paired, gradients=slopes)
        results.append((loss.detach(), *torch.autograd.grad(loss.sum(), h)))
    assert_allclose(results[0][0], results[1][0], rtol=1e-12)
    assert_allclose(results[0][1], results[1][1], rtol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(3, 1, 15), (2, 1, 6, 7)], ids=["1-D", "2-D"])
def test_gradient_is_finite_differences_of_the_numpy_reference(
    shape, way, scaling, method, monkeypatch
):
    monkeypatch.setattr(dwt, "DENSE_UP_TO", WAYS[way])
    config = Settings(level=2, scaling=scaling, method=method)
    x, slopes = randn(*shape, seed=1), randn(*shape, seed=2)
    h = near("db2").requires_grad_()
    lam, gamma = torch.tensor([[0.3], [0.7]], dtype=torch.float64)
    loss = batch_loss(h[None], x, lam, gamma, config, gradients=slopes)
    (gradient,) = torch.autograd.grad(loss.sum(), h)
    want = central_differences(
        lambda h: numpy_loss(h, x.numpy(), slopes.numpy(), 0.3, 0.7, config), h.detach().numpy()
    )
    assert_allclose(gradient, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("term", ["reconstruction", "validity", "sparsity", "interpretation"])
def test_gradient_of_each_term(term):
    config = Settings(level=3)
    x, slopes, h = randn(3, 1, 20, seed=1), randn(3, 1, 20, seed=2), near("db5").requires_grad_()
    (gradient,) = torch.autograd.grad(
        loss_terms(h[None], x, config, gradients=slopes)[term].sum(), h
    )
    want = central_differences(
        lambda h: numpy_terms(h, x.numpy(), slopes.numpy(), config)[term], h.detach().numpy()
    )
    assert_allclose(gradient, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(4, 1, 40), (2, 1, 16, 19)], ids=["1-D", "2-D"])
def test_reconstruction_is_zero_for_a_wavelet_and_grows(shape, mode):
    x, config = randn(*shape, seed=1), Settings(level=2, mode=mode)
    h = torch.stack([DB5 + noise * randn(10) for noise in (0, 0.01, 0.03, 0.1)])
    errors = loss_terms(h, x, config)["reconstruction"]
    assert_allclose(errors[0], 0, atol=1e-10)
    assert_allclose(errors[1:].diff().sign(), 1)
    assert abs(errors[1].item()) > 1e-4


def test_without_gradients_there_is_no_interpretation_term():
    x, h, config = randn(4, 1, 20), near("db2")[None], Settings(level=2)
    assert set(loss_terms(h, x, config)) == {"reconstruction", "validity", "sparsity"}
    lam, gamma = (torch.ones(1, dtype=torch.float64) for _ in range(2))
    want = sum(value for value in loss_terms(h, x, config).values())
    assert_allclose(batch_loss(h, x, lam, gamma, config), want, rtol=1e-14)


def test_ready_made_attributions_take_the_gradients_place():
    x, slopes, h, config = randn(4, 1, 20), randn(4, 1, 20, seed=1), near("db2"), Settings(level=2)
    scores = dwt.adjoint_synthesis(slopes, h[None], level=2)
    ready = loss_terms(h[None], x, config, attributions=scores)
    cached = loss_terms(h[None], x, config, gradients=slopes)
    assert_allclose(ready["interpretation"], cached["interpretation"], rtol=1e-12)
