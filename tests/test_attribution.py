"""TRIM: closed forms, the shortcut against the way through the network, completeness."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch import nn

from awdlib import attribution, dwt, filters, matrices
from awdlib.attribution import from_gradients, input_gradients, trim
from awdlib.conventions import MODES

METHODS = attribution.METHODS
VALID = filters.lowpass("db2")
BROKEN = VALID + 0.1 * torch.tensor([1.0, -2.0, 0.5, 1.5], dtype=torch.float64)
FILTERS = {"valid": VALID, "broken": BROKEN}
SHAPES = {"1-D even": (3, 1, 14), "1-D odd": (3, 1, 13), "2-D": (2, 1, 7, 10)}
properties = settings(deadline=None, derandomize=True, max_examples=15)


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def smooth_network(inputs, outputs=2):
    """A small tanh network, (batch, ...) to (batch, outputs)."""
    torch.manual_seed(5)
    layers = nn.Flatten(), nn.Linear(inputs, 6), nn.Tanh(), nn.Linear(6, outputs)
    return nn.Sequential(*layers).double()


def linear(weights):
    return lambda x: (x * weights).flatten(1).sum(-1)


def assert_coeffs(actual, desired, atol=1e-11):
    flat = zip(dwt.flatten_coeffs(actual), dwt.flatten_coeffs(desired), strict=True)
    for a, d in flat:
        assert a.shape == d.shape
        assert_allclose(a.detach(), d.detach(), rtol=0, atol=atol)


def total(coeffs):
    """Sum of a signal's attributions, one value an example."""
    return sum(c.flatten(1).sum(-1) for c in dwt.flatten_coeffs(coeffs))


def rebuilt(x, h, level, mode="zero"):
    """Ψ⁻¹Ψx."""
    return dwt.waverec(dwt.wavedec(x, h, level=level, mode=mode), h, mode=mode)[..., : x.shape[-1]]


# --- closed forms --------------------------------------------------------------------------------


@pytest.mark.parametrize("h", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n", [13, 14])
def test_saliency_of_a_linear_model(n, mode, h):
    """TRIM of x ↦ v·x is (Ψ⁻¹)ᵀv at every x."""
    x, weights = randn(3, 1, n), randn(n, seed=1)
    synthesis = matrices.synthesis_matrix(h, n, level=2, mode=mode)
    want = (weights @ synthesis).expand(3, 1, -1)
    through = trim(linear(weights), x, h, level=2, mode=mode)
    assert_allclose(torch.cat(through, -1), want, atol=1e-12)
    slopes = input_gradients(linear(weights), x)
    assert_allclose(slopes, weights.expand(3, 1, -1), atol=1e-14)
    short = from_gradients(slopes, None, h, level=2, mode=mode)
    assert_allclose(torch.cat(short, -1).detach(), want, atol=1e-12)


@pytest.mark.parametrize("method", ["input_x_gradient", "integrated_gradients"])
def test_products_of_a_linear_model(method):
    x, weights, h = randn(3, 1, 14), randn(14, seed=1), BROKEN
    scores = torch.cat(trim(linear(weights), x, h, level=2, method=method), -1)
    coeffs = torch.cat(dwt.wavedec(x, h, level=2), -1)
    want = coeffs * (weights @ matrices.synthesis_matrix(h, 14, level=2))
    assert_allclose(scores, want, atol=1e-12)


def test_integrated_gradients_of_a_quadratic():
    """f = Σ x²: the mean gradient over αx is x."""
    x = randn(4, 1, 8)
    slopes = input_gradients(lambda x: (x**2).sum((1, 2)), x, method="integrated_gradients")
    assert_allclose(slopes, x, atol=1e-13)
    one_step = input_gradients(
        lambda x: (x**4).sum((1, 2)), x, method="integrated_gradients", steps=1
    )
    assert_allclose(one_step, 4 * (x / 2) ** 3, atol=1e-13)  # the midpoint of the path


# --- the shortcut, and Eq. 7 ---------------------------------------------------------------------


@pytest.mark.parametrize("h", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_shortcut_is_the_way_through_the_network(shape, method, mode, h):
    x = randn(*shape)
    model = smooth_network(x[0].numel())
    through = trim(model, x, h, level=2, mode=mode, method=method, target=1, steps=8)
    slopes = input_gradients(model, x, method=method, target=1, steps=8)
    assert_coeffs(from_gradients(slopes, x, h, level=2, mode=mode, method=method), through)


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_the_shortcut_for_a_batch_of_filters(method, paired):
    shape, h = (2, 3, 1, 13) if paired else (3, 1, 13), torch.stack([VALID, BROKEN])
    x, slopes = randn(*shape), randn(*shape, seed=1)
    scores = from_gradients(slopes, x, h, level=2, method=method, paired=paired)
    for k in range(2):
        own = (slopes[k], x[k]) if paired else (slopes, x)
        one = from_gradients(*own, h[k], level=2, method=method)
        assert_coeffs([c[k] for c in scores], one)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("residual", ["follow", "detached", "fixed"])
def test_the_network_sees_the_signal_itself(residual, mode):
    """f'(Ψx) = f(x), even for a broken filter (T13)."""
    x, seen = randn(3, 1, 13), []

    def spy(signal):
        seen.append(signal.detach())
        return signal.sum((1, 2))

    trim(spy, x, BROKEN, level=2, mode=mode, residual=residual)
    assert abs(rebuilt(x, BROKEN, 2, mode) - x).max() > 0.1
    assert len(seen) == 1
    assert_allclose(seen[0], x, atol=1e-12)


def test_where_the_network_is_read_along_the_path():
    x, seen = randn(2, 1, 13), []

    def spy(signal):
        seen.append(signal.detach())
        return signal.sum((1, 2))

    rest = x - rebuilt(x, BROKEN, 2)
    for residual in ("follow", "fixed"):
        trim(spy, x, BROKEN, level=2, method="integrated_gradients", residual=residual, steps=2)
    alphas = 0.5 - 0.5 / np.sqrt(3), 0.5 + 0.5 / np.sqrt(3)
    for alpha, follow, fixed in zip(alphas, seen[:2], seen[2:], strict=True):
        assert_allclose(follow, alpha * x, atol=1e-12)
        assert_allclose(fixed, alpha * (x - rest) + rest, atol=1e-12)


# --- completeness --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n", [13, 14])
def test_completeness_for_a_valid_filter(n, mode):
    x, model = randn(4, 1, n), smooth_network(n)
    scores = trim(model, x, VALID, level=2, mode=mode, method="integrated_gradients")
    want = (model(x) - model(0 * x))[:, 0].detach()
    assert_allclose(total(scores), want, atol=1e-9)


@pytest.mark.parametrize("h", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("mode", MODES)
def test_completeness_with_a_fixed_residual(mode, h):
    x, model = randn(4, 1, 13), smooth_network(13)
    scores = trim(model, x, h, level=2, mode=mode, method="integrated_gradients", residual="fixed")
    rest = x - rebuilt(x, h, 2, mode)
    want = (model(x) - model(rest))[:, 0].detach()
    assert_allclose(total(scores), want, atol=1e-9)


def test_completeness_2d():
    x, model = randn(2, 1, 8, 9), smooth_network(72)
    slopes = input_gradients(model, x, method="integrated_gradients")
    scores = from_gradients(slopes, x, VALID, level=2, method="integrated_gradients")
    assert_allclose(total(scores), (model(x) - model(0 * x))[:, 0].detach(), atol=1e-9)


# --- gradients in the filter (L10) ---------------------------------------------------------------


def l1_norm(coeffs):
    return sum(c.abs().sum() for c in dwt.flatten_coeffs(coeffs))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("residual", ["follow", "fixed"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_second_order_gradient_is_finite_differences(shape, residual, method):
    x = randn(*shape)
    model = smooth_network(x[0].numel())

    def norm(h, **options):
        return l1_norm(
            trim(model, x, h, level=2, method=method, residual=residual, steps=4, **options)
        )

    h = BROKEN.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(norm(h, create_graph=True), h)
    steps = 1e-6 * torch.eye(4, dtype=torch.float64)
    want = [((norm(BROKEN + d) - norm(BROKEN - d)) / 2e-6).item() for d in steps]
    assert_allclose(gradient, want, rtol=1e-6, atol=1e-6)

    if residual == "follow":
        slopes = input_gradients(model, x, method=method, steps=4)
        short = l1_norm(from_gradients(slopes, x, h, level=2, method=method))
        assert_allclose(torch.autograd.grad(short, h)[0], gradient, atol=1e-10)


@pytest.mark.parametrize("mode", MODES)
@properties
@given(seed=st.integers(0, 1000))
def test_gradient_of_the_shortcut_in_every_mode(mode, seed):
    x, slopes, h = randn(2, 1, 11, seed=seed), randn(2, 1, 11, seed=seed + 1), randn(4, seed=seed)

    def scores(h):
        return torch.cat(
            from_gradients(slopes, x, h, level=2, mode=mode, method="input_x_gradient"), -1
        )

    assert torch.autograd.gradcheck(scores, h.requires_grad_())


@pytest.mark.parametrize("method", METHODS)
def test_detached_residual_has_the_values_but_not_the_gradient(method):
    x, model = randn(3, 1, 14), smooth_network(14)
    h = BROKEN.clone().requires_grad_()
    results = {}
    for residual in ("follow", "detached"):
        scores = trim(
            model, x, h, level=2, method=method, residual=residual, steps=4, create_graph=True
        )
        results[residual] = scores, torch.autograd.grad(l1_norm(scores), h)[0]
    assert_coeffs(results["follow"][0], results["detached"][0], atol=1e-12)
    difference = (results["follow"][1] - results["detached"][1]).norm()
    assert abs(difference / results["follow"][1].norm()) > 0.05


@pytest.mark.parametrize("requires_grad", [False, True])
def test_trim_keeps_a_graph_only_if_asked(requires_grad):
    x, model = randn(2, 1, 14), smooth_network(14)
    h = VALID.clone().requires_grad_(requires_grad)
    assert not any(c.requires_grad for c in trim(model, x, h, level=2))
    assert all(c.requires_grad for c in trim(model, x, h, level=2, create_graph=True))
    assert all(p.grad is None for p in model.parameters())


# --- batches, shapes and refusals ----------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_batches_bound_memory_without_changing_the_result(method):
    x, model, sizes = randn(11, 1, 14), smooth_network(14), []

    def counted(x):
        sizes.append(len(x))
        return model(x)

    want = input_gradients(model, x, method=method)
    for batch_size in (1, 4, 11, 100):
        sizes.clear()
        result = input_gradients(counted, x, method=method, batch_size=batch_size)
        assert_allclose(result, want, atol=1e-14)
        assert max(sizes) == min(batch_size, 11)


def test_gradients_tell_their_progress_and_are_detached():
    told, x = [], randn(5, 1, 14)
    x.requires_grad_()
    result = input_gradients(
        smooth_network(14), x, batch_size=2, progress=lambda *a: told.append(a)
    )
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert not result.requires_grad
    assert x.grad is None


def test_target_picks_the_output():
    x, model = randn(5, 1, 14), smooth_network(14, outputs=3)
    for target in (0, 2, -1):
        want = input_gradients(lambda x, t=target: model(x)[:, t], x)
        assert_allclose(input_gradients(model, x, target=target), want, atol=1e-15)
    assert_allclose(input_gradients(model, x, target=-1), input_gradients(model, x, target=2))
    assert abs(input_gradients(model, x, target=0) - want).max() > 1e-3


@pytest.mark.parametrize("target", [2, -3])
def test_a_target_out_of_range_is_refused(target):
    x, model = randn(5, 1, 14), smooth_network(14, outputs=2)
    message = f"target {target} does not exist: the network has 2 outputs"
    with pytest.raises(ValueError, match=message):
        input_gradients(model, x, target=target)
    with pytest.raises(ValueError, match=message):
        trim(model, x, VALID, level=1, target=target)


@pytest.mark.parametrize(
    "output",
    [lambda x: x.sum(), lambda x: x[:-1].sum((1, 2)), lambda x: x, lambda x: x.sum(0)],
    ids=["scalar", "fewer", "three axes", "no batch"],
)
def test_a_network_with_a_wrong_output_is_refused(output):
    with pytest.raises(ValueError, match=r"must return \(batch,\) or \(batch, outputs\)"):
        input_gradients(output, randn(5, 1, 14))


def test_a_gradient_that_is_not_finite_is_refused():
    x = randn(5, 1, 14).abs()
    x[1, 0, 3] = x[4, 0, 0] = 0
    with pytest.raises(ValueError, match="gradient is not finite for 2 of 5 examples"):
        input_gradients(lambda x: x.sqrt().sum((1, 2)), x)


@pytest.mark.parametrize("method", METHODS[1:])
def test_products_need_the_signals(method):
    slopes = randn(5, 1, 14)
    with pytest.raises(ValueError, match=f"'{method}' needs the signals x beside"):
        from_gradients(slopes, None, VALID, level=1, method=method)


def test_unknown_words_are_refused():
    x, model = randn(5, 1, 14), smooth_network(14)
    with pytest.raises(ValueError, match=r"method must be one of saliency, .*not 'lime'"):
        input_gradients(model, x, method="lime")
    with pytest.raises(ValueError, match="method must be one of"):
        from_gradients(x, x, VALID, level=1, method="shap")
    with pytest.raises(ValueError, match="residual must be one of follow, detached, fixed"):
        trim(model, x, VALID, level=1, residual="none")
    with pytest.raises(ValueError, match="takes one filter"):
        trim(model, x, VALID[None], level=1)


def test_second_derivatives_reach_through_an_lstm():
    torch.manual_seed(1)
    lstm = nn.LSTM(1, 3, batch_first=True).double()

    def model(x):
        return lstm(x.transpose(1, 2))[0][:, -1, 0]

    x = randn(2, 1, 9)

    def norm(h):
        return l1_norm(trim(model, x, h, level=1, create_graph=True))

    assert torch.autograd.gradcheck(norm, BROKEN.clone().requires_grad_())
