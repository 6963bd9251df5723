"""Mask explanations: domains, perturbations, the estimate, the optimiser by exact solutions."""

from math import prod

import numpy as np
import pytest
import pywt
import torch
from torch import nn

from awdlib import filters
from awdlib.masks import domains, exact, perturbations
from awdlib.masks.distortion import Question, ask, expected_distortion
from awdlib.masks.domains import Pixels, Wavelets
from awdlib.masks.optimise import FAST, PUBLISHED, explain, shown
from awdlib.threads import one_thread

RNG = np.random.default_rng(0)  # where nothing is drawn
DOMAINS = {
    "pixel": lambda: Pixels((3, 12, 9)),
    "channel": lambda: Pixels((3, 12, 9), per_channel=True),
    "wavelet": lambda: Wavelets((3, 12, 9), "db3", level=2),
    "periodization": lambda: Wavelets((3, 16, 8), "db2", level=2, mode="periodization"),
    "signal": lambda: Wavelets((1, 41), "db5", level=3),
    "samples": lambda: Pixels((2, 41)),
}


def images(domain, count: int = 2, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, *domain.shape, generator=generator, dtype=torch.float64)


def linear(weights: torch.Tensor):
    """A network with one output, w · x."""
    return lambda x: x.flatten(1) @ weights.flatten()


def classifier(shape, classes: int = 3, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(prod(shape), 8), nn.Tanh(), nn.Linear(8, classes)
        ).double()


# --- domains -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DOMAINS)
def test_domains_are_linear_and_invertible(name):
    domain = DOMAINS[name]()
    x, other = images(domain), images(domain, seed=1)
    rows = domain.analyse(x)
    assert rows.shape == (2, 1 if name == "channel" else domain.shape[0], len(domain.scales))
    assert sum(map(prod, domain.bands)) == rows.shape[-1]
    torch.testing.assert_close(domain.synthesise(rows), x)
    both = domain.synthesise(2 * rows - domain.analyse(other))
    torch.testing.assert_close(both, 2 * x - other)
    stacked = domain.synthesise(rows.expand(4, 5, *rows.shape))
    torch.testing.assert_close(stacked[3, 4], x)


def test_wavelet_rows_are_those_of_pywavelets():
    domain, x = DOMAINS["wavelet"](), images(DOMAINS["wavelet"]())
    bands = domains.band_rows(domain, domain.analyse(x))
    first, *details = pywt.wavedec2(x.numpy(), "db3", mode="zero", level=2)
    theirs = [first, *(band for three in details for band in three)]
    for mine, other in zip(bands, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-10)
    assert domain.scales.unique().tolist() == [0, 1, 2]
    sizes = [int((domain.scales == s).sum()) for s in range(3)]
    assert sizes == [first[0, 0].size, 3 * details[0][0][0, 0].size, 3 * details[1][0][0, 0].size]


def test_own_filters_make_domains():
    own = Wavelets((1, 40), filters.lowpass("db5").requires_grad_(), level=4)
    named = Wavelets((1, 40), "db5", level=4)
    x = images(named)
    torch.testing.assert_close(own.analyse(x), named.analyse(x))
    assert not own.analyse(x).requires_grad


# --- what replaces -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pixel", "wavelet", "signal"])
def test_noise_has_the_mean_and_spread_of_its_scale(name):
    domain = DOMAINS[name]()
    rows = domain.analyse(images(domain))
    mask = torch.zeros(1, 2, rows.shape[-1]).double()
    noise = np.random.default_rng(0)
    drawn = perturbations.Gaussian(rows, domain).draw(mask, noise, 4000)[0]
    assert drawn.shape[1:] == rows.shape
    for scale in domain.scales.unique():
        some = domain.scales == scale
        for k in range(2):
            mine, theirs = drawn[:, k, :, some], rows[k, :, some]
            assert float(mine.mean()) == pytest.approx(float(theirs.mean()), abs=0.02)
            assert float(mine.std()) == pytest.approx(float(theirs.std(correction=0)), rel=0.05)


@pytest.mark.parametrize("kind", ["pixel", "channel"])
def test_a_constant_is_the_average_colour(kind):
    domain = DOMAINS[kind]()
    x = images(domain)
    question = ask(classifier(domain.shape), x, domain, perturbation_kind="constant")
    nothing = question.perturbed(torch.zeros(1, 2, len(domain.scales)).double(), RNG, 3)
    colour = x.mean((2, 3), keepdim=True)
    torch.testing.assert_close(nothing[0, 0], colour.expand_as(x))


@pytest.mark.parametrize("shape", [(3, 12, 9), (1, 1, 5), (2, 41), (1, 1)])
def test_a_fill_goes_on_smoothly_and_leaves_what_is_kept(shape):
    domain = Pixels(shape)
    flat = torch.full((1, *shape), 0.7).double()
    mask = (torch.rand(3, 1, prod(shape[1:])) > 0.6).double()
    mask[:, :, 0] = 1
    fill = perturbations.Inpainting(domain.analyse(flat), domain)
    drawn = fill.draw(mask, RNG, 5)
    torch.testing.assert_close(drawn, torch.full_like(drawn, 0.7))
    x = images(domain, count=1)
    question = ask(linear(torch.ones(shape).double()), x, domain, perturbation_kind="inpainting",
                   softmax=False)  # fmt: skip
    whole = question.perturbed(torch.ones_like(mask), RNG, 1)
    torch.testing.assert_close(whole[:, 0], x.expand(3, *x.shape))
    free = (0.3 * torch.ones_like(mask[:1])).requires_grad_()
    with one_thread():  # many tiny steps
        assert torch.autograd.gradcheck(lambda m: question.replace.draw(m, RNG, 1), (free,))


# --- the estimate --------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["label", "l2"])
@pytest.mark.parametrize("name", DOMAINS)
def test_a_full_mask_has_no_distortion(name, measure):
    domain = DOMAINS[name]()
    question = ask(classifier(domain.shape), images(domain), domain, measure=measure, clip=None)
    mean, error = expected_distortion(question, torch.ones(1, 2, len(domain.scales)).double())
    assert mean.abs().max() < 1e-12
    assert error.abs().max() < 1e-12
    assert (
        expected_distortion(question, torch.zeros(1, 2, len(domain.scales)).double())[0].min() > 0
    )


def test_the_estimate_is_the_expectation_of_a_linear_network():
    domain = Pixels((1, 4, 5))
    x, weights = images(domain, 1), torch.randn(20, generator=torch.Generator().manual_seed(2))
    weights = weights.double()
    question = ask(linear(weights), x, domain, softmax=False, clip=None)
    mask = torch.rand(3, 1, 20, generator=torch.Generator().manual_seed(3)).double()
    off = (1 - mask[:, 0]) * weights
    mean, sd = x.mean(), x.std(correction=0)
    want = ((off * (x.flatten() - mean)).sum(1)).square() + (sd * off).square().sum(1)
    errors = []
    for samples in (400, 6400):
        found, error = expected_distortion(question, mask, samples=samples, seed=1)
        assert ((found[:, 0] - want).abs() < 5 * error[:, 0]).all()
        errors.append(float(error.mean()))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.25)  # as the root of samples


def test_what_is_seen_at_once_changes_nothing():
    domain = DOMAINS["wavelet"]()
    x, mask = images(domain), torch.rand(3, 2, len(DOMAINS["wavelet"]().scales)).double()
    few, many = (ask(classifier(domain.shape), x, domain, at_once=n) for n in (7, 512))
    for mine, theirs in zip(
        expected_distortion(few, mask, samples=10), expected_distortion(many, mask, samples=10),
        strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(mine, theirs)
    z = few.perturbed(mask, np.random.default_rng(0), 4)
    for mine, theirs in zip(few.with_gradient(z), many.with_gradient(z), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("measure", ["label", "l2"])
def test_the_gradient_by_parts_is_autograds(measure):
    domain = DOMAINS["wavelet"]()
    question = ask(classifier(domain.shape), images(domain), domain, measure=measure, clip=None)
    mask = (0.5 * torch.ones(2, 2, len(domain.scales))).double()
    found = explain(question, lam=[0.0, 1.0], steps=1, samples=3, lr=1e-3, start=0.5)
    free = mask.clone().requires_grad_()
    z = question.perturbed(free, np.random.default_rng(0), 3)
    out = question.network(z.flatten(0, 2)).softmax(1)
    off = question.distances(out, torch.arange(2).expand(2, 3, 2).flatten())
    loss = off.unflatten(0, (2, 3, 2)).mean(1) + torch.tensor([[0.0], [1.0]]) * free.mean(2)
    torch.testing.assert_close(found.loss[0], loss.detach())
    (slope,) = torch.autograd.grad(loss.sum(), free)
    moved = mask - found.mask  # Adam's first step is lr times the sign
    big = slope.abs() > 1e-6
    assert (moved[big].sign() == slope[big].sign()).all()


# --- the optimiser -------------------------------------------------------------------------------


def small_question(seed: int = 0) -> tuple[Question, torch.Tensor]:
    """Ten pixels, all of them average: their shares of the distortion add up, w² σ²."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(10, generator=generator).double()
    domain = Pixels((1, 10))
    x = torch.cat([torch.full((5,), 0.2), torch.full((5,), 0.8)])[None, None].double()
    question = ask(linear(weights), x, domain, softmax=False, clip=None)
    question.replace.mean.copy_(question.rows)  # nothing but the spread is left
    return question, weights


@pytest.mark.parametrize("keep", [0, 3, 7, 10])
def test_greedy_and_exhaustive_find_the_largest_shares(keep):
    question, weights = small_question()
    expected = exact.of_one_image(question, samples=4000)
    best, value = exact.exhaustive(expected, 10, keep)
    step, least = exact.greedy(expected, 10, keep)
    share = (weights * question.replace.sd.flatten()).square()
    want = exact.top(share, keep)
    assert torch.equal(best.double(), want)
    assert torch.equal(step, best)
    assert value == pytest.approx(least)
    assert value == pytest.approx(float((share * (1 - want)).sum()), rel=0.15, abs=1e-9)


def test_the_relaxed_mask_orders_features_as_the_exact_one():
    question, weights = small_question()
    share = (weights * question.replace.sd.flatten()).square()
    lam = 10 * 2 * float(share.sort().values[4:6].mean())  # between the fifth and the sixth
    found = explain(question, lam=lam, steps=400, samples=64, lr=0.02)
    best, _ = exact.exhaustive(exact.of_one_image(question, samples=4000), 10, 5)
    assert torch.equal(exact.top(found.mask[0, 0], 5), best.double())


def test_exhaustive_search_beats_greed_where_features_act_together():
    """f = 2a + 1.6b − 1.6c with constants: alone a helps most, b and c only together."""
    domain = Pixels((1, 3))
    x = torch.tensor([[[1.0, 1.0, 1.0]]]).double()
    question = ask(linear(torch.tensor([0.5, 2.0, -2.0]).double()), x, domain, softmax=False,
                   clip=None, perturbation_kind="constant")  # fmt: skip
    question.replace.mean.zero_()
    expected = exact.of_one_image(question, samples=1)
    assert exact.exhaustive(expected, 3, 1)[1] == pytest.approx(0)  # the first of them
    two, value = exact.exhaustive(expected, 3, 2)
    assert value == pytest.approx(0.25)
    assert two.tolist() == [0, 1, 1]
    assert exact.greedy(expected, 3, 2)[1] > 1


def test_masks_stay_in_bounds_shrink_with_lambda_and_do_not_depend_on_company():
    domain = DOMAINS["wavelet"]()
    x, model = images(domain, 3), classifier(domain.shape)
    lams = [0.0, 0.01, 0.1, 1.0]
    together = explain(ask(model, x, domain), lam=lams, steps=30, samples=4)
    assert together.mask.min() >= 0
    assert together.mask.max() <= 1
    assert together.loss.shape == together.distortion.shape == (30, 4, 3)
    sizes = together.mask.mean(2)
    assert (sizes[1:] <= sizes[:-1] + 1e-9).all()
    assert (sizes[-1] < 0.5).all()
    alone = explain(ask(model, x[1:2], domain), lam=0.1, steps=30, samples=4)
    torch.testing.assert_close(alone.mask[0, 0], together.mask[2, 1])
    again = explain(ask(model, x, domain), lam=lams, steps=30, samples=4)
    assert torch.equal(again.mask, together.mask)
    other = explain(ask(model, x, domain), lam=lams, steps=30, samples=4, seed=1)
    assert not torch.equal(other.mask, together.mask)


def test_the_loss_goes_down_and_the_spatial_penalty_darkens():
    domain = DOMAINS["wavelet"]()
    question = ask(classifier(domain.shape), images(domain), domain)
    plain = explain(question, lam=0.02, steps=60, samples=8)
    assert (plain.loss[-10:].mean(0) < plain.loss[:1].mean(0)).all()
    dark = explain(question, lam=0.02, spatial=1.0, steps=60, samples=8)
    size = [shown(question, one.mask).abs().mean() for one in (plain, dark)]
    assert size[1] < 0.7 * size[0]
    assert PUBLISHED["steps"] * PUBLISHED["samples"] > 10 * FAST["steps"] * FAST["samples"]


def test_what_is_shown_is_the_grey_image_under_the_mask():
    domain = DOMAINS["wavelet"]()
    x = images(domain)
    question = ask(classifier(domain.shape), x, domain)
    mask = torch.ones(1, 2, len(domain.scales)).double()
    torch.testing.assert_close(shown(question, mask)[0], x.mean(1))
    mask[:, :, domain.scales > 0] = 0
    assert shown(question, mask).diff(dim=-1).abs().mean() < x.mean(1).diff(dim=-1).abs().mean()


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "kl"}, "measure must be one of label, l2"),
        ({"perturbation_kind": "blur"}, "perturbation must be one of gaussian, constant"),
        ({"target": 3}, "no such target: the network has 3 outputs"),
        ({"at_once": 0}, "at_once must be at least 1"),
        ({"x": torch.full((2, 3, 12, 9), torch.nan)}, "x is not finite in 2 of 2 images"),
        ({"x": torch.zeros(2, 3, 12, 8)}, "x must end with the shape (3, 12, 9), not"),
        ({"x": torch.zeros(0, 3, 12, 9)}, "x must be (images, 3, 12, 9), not (0, 3, 12, 9)"),
        ({"network": lambda x: x}, "the network must return (batch,) or (batch, outputs)"),
        ({"network": lambda x: x.flatten(1).sum(1)}, "take softmax=False"),
        ({"network": lambda x: x.flatten(1)[:, :2] / 0 * 0}, "outputs for x are not finite"),
    ],
)  # fmt: skip
def test_bad_questions_are_refused(options, message):
    domain = DOMAINS["pixel"]()
    given = {"network": classifier(domain.shape), "x": images(domain)} | options
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        ask(given.pop("network"), given.pop("x"), domain, **given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lam": -1.0}, "lam must be finite and at least 0"),
        ({"lam": []}, "lam must be finite and at least 0"),
        ({"steps": -1}, "steps must be at least 0"),
        ({"samples": 0}, "samples must be at least 1"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"start": 1.5}, "start must lie between 0 and 1"),
        ({"spatial": -0.1}, "spatial must be at least 0"),
    ],
)
def test_bad_parameters_are_refused(options, message):
    domain = DOMAINS["pixel"]()
    question = ask(classifier(domain.shape), images(domain), domain)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        explain(question, **{"lam": 0.1, "steps": 1} | options)
    assert message in str(caught.value)


def test_other_refusals():
    question, _ = small_question()
    with pytest.raises(ValueError, match=r"masks must have shape \(masks, 1, 10\)"):
        expected_distortion(question, torch.ones(10))
    with pytest.raises(ValueError, match="between 0 and 1"):
        expected_distortion(question, 2 * torch.ones(1, 1, 10))
    with pytest.raises(ValueError, match=r"184,756 ways|too many"):
        exact.exhaustive(lambda m: m.sum(1), 30, 15)
    with pytest.raises(ValueError, match="between 0 and 10 entries can be kept, not 11"):
        exact.top(torch.ones(10), 11)
    domain = DOMAINS["pixel"]()
    two = ask(classifier(domain.shape), images(domain), domain)
    with pytest.raises(ValueError, match="one image at a time"):
        exact.of_one_image(two)
    with pytest.raises(ValueError, match="an input's shape is"):
        Pixels((3,))
