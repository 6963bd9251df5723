"""Gradients through noise and of black boxes: closed forms, one another, captum as an oracle."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from awdlib import attribution, dwt, filters
from awdlib.distill import distill
from awdlib.networks import ClathrinLSTM
from awdlib.surrogates import finite_differences, lime, smoothgrad

VALID = filters.lowpass("db2")
SHAPES = {"1-D": (5, 1, 9), "2-D": (3, 2, 3, 4)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def linear(weights):
    return lambda x: (x * weights).flatten(1).sum(-1) + 3


def waves(x):
    """f = Σ sin(a_k x_k), whose mean slope under noise of variance v is a cos(ax) exp(−a²v/2)."""
    return torch.sin(rates(x) * x.flatten(1)).sum(-1)


def rates(x):
    return torch.linspace(0.5, 2, x[0].numel(), dtype=x.dtype)


def slopes_of_waves(x, variance=0.0):
    a = rates(x)
    slopes = a * torch.cos(a * x.flatten(1)) * torch.exp(-(a**2) * variance / 2)
    return slopes.view_as(x)


def smooth_network(inputs, outputs=2):
    torch.manual_seed(5)
    layers = nn.Flatten(), nn.Linear(inputs, 6), nn.Tanh(), nn.Linear(6, outputs)
    return nn.Sequential(*layers).double()


METHODS = {
    "smoothgrad": lambda f, x, **more: smoothgrad(f, x, **{"sd": 0.3, "samples": 20} | more),
    "lime": lambda f, x, **more: lime(f, x, **{"sd": 0.3, "samples": 30} | more),
    "differences": lambda f, x, **more: finite_differences(f, x, **{"step": 0.3} | more),
}
every_method = pytest.mark.parametrize("method", METHODS)


# --- closed forms --------------------------------------------------------------------------------


@every_shape
@every_method
def test_slopes_of_a_linear_function_are_exact(method, shape):
    x, weights = randn(*shape), randn(*shape[1:], seed=1)
    more = {"ridge": 0.0} if method == "lime" else {}
    slopes = METHODS[method](linear(weights), x, **more)
    assert slopes.shape == x.shape
    assert_allclose(slopes, weights.expand(shape), rtol=0, atol=1e-11)


def test_differences_are_exact_for_a_quadratic():
    x, curve = randn(4, 1, 9), randn(9, 9, seed=1)
    slopes = finite_differences(lambda x: ((x[:, 0] @ curve) * x[:, 0]).sum(1), x, step=0.5)
    assert_allclose(slopes, x @ (curve + curve.mT), rtol=0, atol=1e-12)


def test_differences_of_a_cubic_take_the_whole_step():
    x = randn(4, 1, 5)
    slopes = finite_differences(lambda x: (x**3).sum((1, 2)), x, step=0.5)
    assert_allclose(slopes, 3 * x**2 + 0.25, rtol=0, atol=1e-12)


def test_smoothgrad_of_a_quadratic_is_its_gradient_in_expectation():
    x, sd, samples = randn(200, 1, 4), 0.5, 16
    error = smoothgrad(lambda x: (x**2).sum((1, 2)), x, sd=sd, samples=samples) - 2 * x
    spread = 2 * sd / samples**0.5
    assert abs(error.mean()) < 4 * spread / error.numel() ** 0.5
    assert error.std().item() == pytest.approx(spread, rel=0.1)


def test_smoothgrad_of_waves():
    x = randn(3, 1, 4)
    slopes = smoothgrad(waves, x, sd=0.8, samples=1000)
    assert_allclose(slopes, slopes_of_waves(x, 0.8**2), rtol=0, atol=0.1)
    assert abs(slopes_of_waves(x) - slopes).max() > 0.5


@pytest.mark.parametrize("width", [0.5, 0.75])
def test_lime_is_smoothgrad_with_the_noise_that_the_kernel_leaves(width):
    x, sd = randn(3, 1, 4), 0.8
    slopes = lime(waves, x, sd=sd, samples=20_000, width=width, ridge=0.0)
    variance = sd**2 / (1 + 2 / (width**2 * 4))
    assert_allclose(slopes, slopes_of_waves(x, variance), rtol=0, atol=0.04)
    smooth = smoothgrad(waves, x, sd=variance**0.5, samples=1000)
    assert_allclose(slopes, smooth, rtol=0, atol=0.1)
    assert abs(slopes_of_waves(x, sd**2) - slopes).max() > 0.2


def test_every_method_approaches_the_gradient():
    x, model = randn(6, 1, 9), smooth_network(9)
    want = attribution.input_gradients(model, x, target=1)

    def function(x):
        return model(x)[:, 1]

    assert_allclose(smoothgrad(model, x, sd=1e-4, target=1), want, rtol=0, atol=1e-3)
    assert_allclose(lime(function, x, sd=1e-4, ridge=0.0), want, rtol=0, atol=1e-4)
    assert_allclose(finite_differences(function, x, step=1e-5), want, rtol=0, atol=1e-9)


def test_the_ridge_shrinks_slopes_by_its_share_of_the_noise():
    x, weights = randn(2, 1, 40), randn(40, seed=1)
    for ridge in (0.0, 0.5, 2.0):
        slopes = lime(linear(weights), x, sd=0.01, samples=10_000, width=1e3, ridge=ridge)
        assert_allclose(slopes, weights.expand(2, 1, 40) / (1 + ridge), rtol=0, atol=0.1)


# --- in the wavelet domain -----------------------------------------------------------------------


def spied(function):
    seen = []

    def spy(points):
        seen.append(points)
        return function(points)

    return spy, seen


@pytest.mark.parametrize("mode", ["zero", "periodization"])
def test_a_surrogate_of_the_coefficients_has_the_surrogates_attributions(mode):
    """Weighted ridge regression on Ψδ with the same δ, as least squares, against (Ψ⁻¹)ᵀG."""
    x, model, sd, ridge, width = randn(1, 1, 16), smooth_network(16, 1), 0.4, 0.1, 0.75
    spy, seen = spied(lambda x: model(x)[:, 0])
    slopes = lime(spy, x, sd=sd, samples=60, ridge=ridge, width=width)
    coeffs = torch.cat(dwt.wavedec(seen[0] - x, VALID, level=2, mode=mode), -1)[:, 0].numpy()
    distances = (coeffs**2).sum(1) / sd**2  # in the coefficients as in the signals
    weights = np.exp(-distances / (width**2 * 16))
    root = np.sqrt(weights / weights.sum())[:, None]
    penalty = ridge**0.5 * sd * np.eye(coeffs.shape[1] + 1)[:-1]  # none on the intercept
    left = np.vstack([root * np.column_stack([coeffs, np.ones(60)]), penalty])
    right = np.append(root[:, 0] * model(seen[0]).detach()[:, 0].numpy(), np.zeros(len(penalty)))
    want = np.linalg.lstsq(left, right)[0][:-1]
    scores = attribution.from_gradients(slopes, None, VALID, level=2, mode="zero")
    if mode == "periodization":
        scores = dwt.wavedec(slopes, VALID, level=2, mode=mode)  # its Ψ is its own (Ψ⁻¹)ᵀ
    assert_allclose(torch.cat(scores, -1)[0, 0], want, rtol=0, atol=1e-12)


def test_smoothgrad_is_the_mean_of_noisy_saliencies():
    x, model = randn(3, 1, 14), smooth_network(14)
    spy, seen = spied(model)
    slopes = smoothgrad(spy, x, sd=0.5, samples=6, seed=3)
    scores = attribution.from_gradients(slopes, None, VALID, level=2)
    noisy = [attribution.trim(model, point.detach(), VALID, level=2) for point in seen]
    assert len(noisy) == 6
    assert_allclose(
        torch.cat(scores, -1), sum(torch.cat(n, -1) for n in noisy) / 6, rtol=0, atol=1e-13
    )


def test_boosted_trees_can_be_distilled():
    """No network, no gradient: numbers in, a filter out (paper, footnote 3)."""
    from sklearn.ensemble import GradientBoostingRegressor

    x = randn(200, 1, 16)
    y = torch.cat(dwt.wavedec(x, VALID, level=1), -1)[:, 0, 3]
    trees = GradientBoostingRegressor(n_estimators=30, random_state=0).fit(x[:, 0], y)
    slopes = finite_differences(lambda x: trees.predict(x[:, 0].numpy()), x, step=1.0)
    scores = torch.cat(attribution.from_gradients(slopes, None, VALID, level=1), -1)[:, 0]
    assert scores.abs().mean(0).argmax() == 3
    fitted = distill(x, gradients=slopes, start="haar", level=1, lam=0.0, gamma=0.1, epochs=2)
    assert torch.isfinite(fitted.h).all()


# --- batches, seeds and types --------------------------------------------------------------------


@every_method
def test_batches_bound_memory_without_changing_the_result(method):
    x, model = randn(11, 1, 9), smooth_network(9, 1)
    want = METHODS[method](lambda x: model(x)[:, 0], x)
    for batch_size, most in {1: {"lime": 30, "differences": 2}, 70: {"lime": 60}}.items():
        spy, seen = spied(lambda x: model(x)[:, 0])
        result = METHODS[method](spy, x, batch_size=batch_size)
        assert_allclose(result, want, rtol=0, atol=1e-13)
        assert max(len(points) for points in seen) <= most.get(method, batch_size)


@pytest.mark.parametrize("method", ["smoothgrad", "lime"])
def test_seeds_decide_the_noise_alone(method):
    x = randn(3, 1, 9)
    one = METHODS[method](waves, x, seed=1)
    torch.manual_seed(77)
    state = torch.random.get_rng_state()
    assert torch.equal(METHODS[method](waves, x, seed=1), one)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert abs(METHODS[method](waves, x, seed=2) - one).max() > 1e-3
    spy, seen = spied(waves)
    METHODS[method](spy, x, seed=1)
    noise = torch.cat([(p.view(-1, *x.shape[1:]) if method == "lime" else p) for p in seen])
    count = 3 * (30 if method == "lime" else 20)
    assert len(torch.unique(noise.flatten(1), dim=0)) == count  # every example's, every sample's


@every_method
def test_types_progress_and_graphs(method):
    x, told = randn(7, 1, 9).float().requires_grad_(), []
    more = {"batch_size": 60} if method == "lime" else {}
    slopes = METHODS[method](waves, x, progress=lambda *n: told.append(n), **more)
    assert slopes.dtype == torch.float32
    assert not slopes.requires_grad
    assert x.grad is None
    assert_allclose(slopes, METHODS[method](waves, x.detach().double(), **more), atol=2e-4)
    last = {"smoothgrad": (20, 20), "lime": (7, 7), "differences": (63, 63)}[method]
    assert told[-1] == last
    assert told[0] == {"smoothgrad": (1, 20), "lime": (2, 7), "differences": (63, 63)}[method]


@pytest.mark.parametrize("method", ["lime", "differences"])
def test_black_boxes_of_numpy(method):
    x = randn(3, 1, 9)
    boxed = METHODS[method](lambda x: np.sin(x.numpy()[:, 0]).sum(-1), x)
    assert_allclose(boxed, METHODS[method](lambda x: torch.sin(x[:, 0]).sum(-1), x), atol=1e-12)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "name"),
    [("smoothgrad", "sd"), ("lime", "sd"), ("lime", "width"), ("differences", "step")],
)
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_scales_must_be_positive(method, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive number, not {value}"):
        METHODS[method](waves, randn(2, 1, 9), **{name: value})


def test_numbers_that_are_refused():
    x = randn(2, 1, 9)
    with pytest.raises(ValueError, match="samples must be at least 1, not 0"):
        smoothgrad(waves, x, sd=0.1, samples=0)
    with pytest.raises(ValueError, match=r"samples must be more than the 9 values .* not 9"):
        lime(waves, x, sd=0.1, samples=9)
    for ridge in (-1e-3, np.nan):
        with pytest.raises(ValueError, match="ridge must be a number of at least 0"):
            lime(waves, x, sd=0.1, ridge=ridge)


@every_method
def test_signals_that_are_refused(method):
    x = randn(4, 1, 9)
    x[1, 0, 3], x[2, 0, 0] = torch.nan, torch.inf
    with pytest.raises(ValueError, match="x holds NaN or infinite values in 2 of 4 examples"):
        METHODS[method](waves, x)
    with pytest.raises(ValueError, match=r"x must be \(examples, \.\.\.\), not of shape \(9,\)"):
        METHODS[method](waves, randn(9))
    with pytest.raises(ValueError, match="x must be floating point"):
        METHODS[method](waves, torch.ones(2, 1, 9, dtype=torch.int64))


@pytest.mark.parametrize("method", ["lime", "differences"])
def test_functions_that_are_refused(method):
    x = randn(4, 1, 9)
    for function in (lambda x: x.sum(), lambda x: x[:-1].sum((1, 2)), lambda x: x.sum(2)):
        with pytest.raises(ValueError, match=r"the function must return \(points,\), not"):
            METHODS[method](function, x)
    with pytest.raises(ValueError, match="the function's values are not all finite"):
        METHODS[method](lambda x: x[:, 0, 0].sqrt(), x)


# --- captum as an oracle -------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["tanh", "LSTM"])
@pytest.mark.parametrize("method", attribution.METHODS)
def test_captum_agrees_with_trim(method, network):
    """Its methods of the coefficients, through the synthesis, against gradients of the signal."""
    captum = pytest.importorskip("captum.attr")
    x = randn(4, 1, 14)
    torch.manual_seed(2)
    model = smooth_network(14, 1) if network == "tanh" else ClathrinLSTM(3).double().eval()
    coeffs = tuple(dwt.wavedec(x, VALID, level=2))

    def through(*coeffs):
        return model(dwt.waverec(list(coeffs), VALID)).reshape(-1)

    oracle, options = {
        "saliency": (captum.Saliency, {"abs": False}),
        "input_x_gradient": (captum.InputXGradient, {}),
        "integrated_gradients": (captum.IntegratedGradients, {"n_steps": 8}),
    }[method]
    inputs = tuple(c.clone().requires_grad_() for c in coeffs)
    want = torch.cat(oracle(through).attribute(inputs, **options), -1)
    slopes = attribution.input_gradients(model, x, method=method, steps=8)
    have = attribution.from_gradients(slopes, x, VALID, level=2, method=method)
    # Its quadrature is in float32.
    atol = 1e-7 if method == "integrated_gradients" else 1e-14
    assert_allclose(torch.cat(have, -1), want.detach(), rtol=0, atol=atol)


def test_captum_agrees_with_smoothgrad(monkeypatch):
    """NoiseTunnel, given our noise."""
    captum = pytest.importorskip("captum.attr")
    x, model = randn(4, 1, 9), smooth_network(9, 1)
    spy, seen = spied(lambda x: model(x)[:, 0])
    have = smoothgrad(spy, x, sd=0.5, samples=6)
    ours = torch.stack([point.detach() - x for point in seen], 1).flatten(0, 1)
    monkeypatch.setattr(torch, "normal", lambda mean, spread: ours)
    tunnel = captum.NoiseTunnel(captum.Saliency(model))
    want = tunnel.attribute(x, nt_samples=6, stdevs=0.5, target=0, abs=False)
    assert_allclose(have, want, rtol=0, atol=1e-14)


def test_captum_agrees_with_lime():
    """LimeBase with our points; its regression is sklearn's, of features of unit variance."""
    captum = pytest.importorskip("captum.attr")
    from captum._utils.models.linear_model import SkLearnRidge

    x, model = randn(2, 1, 9), smooth_network(9, 1)
    sd, samples, ridge, width = 0.4, 40, 0.05, 0.75
    spy, seen = spied(lambda x: model(x)[:, 0])
    have = lime(spy, x, sd=sd, samples=samples, ridge=ridge, width=width)
    source = iter(seen[0][:, None])

    def closeness(original, point, features, **_):
        return torch.exp(-(features**2).sum() / (width**2 * 9))

    def shape_of(point, original, **_):
        return (point - original)[:, 0] / sd

    for example, points, slopes in zip(x, seen[0].split(samples), have, strict=True):
        weights = torch.stack([closeness(None, None, (p - example) / sd) for p in points])
        oracle = captum.LimeBase(
            model, SkLearnRidge(alpha=ridge * weights.sum().item()), closeness,
            lambda original, **_: next(source), False, None, shape_of,
        )  # fmt: skip
        want = oracle.attribute(example[None], target=0, n_samples=samples)
        assert_allclose(slopes[0] * sd, want[0], rtol=0, atol=1e-7)  # it fits in float32
