"""How explanations are judged: rivals' scores, curves, scores of pictures."""

import numpy as np
import pytest
import torch
from torch import nn

from awdlib.masks import evaluate, relevance
from awdlib.masks.distortion import ask
from awdlib.masks.domains import Pixels, Wavelets
from awdlib.networks import SmallCNN

SHAPE = (3, 16, 16)


@pytest.fixture(scope="module")
def network() -> SmallCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SmallCNN(4, (5, 6)).double().eval()


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(1)).double()


TARGET = torch.tensor([0, 2, 1, 2, 3])


# --- rivals --------------------------------------------------------------------------------------


def test_gradients_are_those_of_each_images_own_target(network, x):
    free = x.clone().requires_grad_()
    (want,) = torch.autograd.grad(network(free).gather(1, TARGET[:, None]).sum(), free)
    torch.testing.assert_close(relevance.gradients(network, x, TARGET), want)
    torch.testing.assert_close(relevance.of_pixels(want)[1], want[1].abs().sum(0).flatten())


def test_wavelet_attributions_are_gradients_by_the_coefficients(network, x):
    domain = Wavelets(SHAPE, "db2", level=2)
    rows = domain.analyse(x).requires_grad_()
    out = network(domain.synthesise(rows)).gather(1, TARGET[:, None]).sum()
    (want,) = torch.autograd.grad(out, rows)
    slopes = relevance.gradients(network, x, TARGET)
    found = relevance.of_coefficients(slopes, domain)
    torch.testing.assert_close(found, want.abs().sum(1))
    times = relevance.of_coefficients(slopes, domain, rows.detach())
    torch.testing.assert_close(times, (want * rows).abs().sum(1).detach())


def test_grad_cam_of_a_head_that_averages_is_its_class_map(network, x):
    layer = network.body[-1]
    found = relevance.grad_cam(network, layer, x, TARGET)
    maps = network.body(x).detach()
    weights = network.head.weight[TARGET].detach() / maps[0, 0].numel()
    want = (weights[:, :, None, None] * maps).sum(1, keepdim=True).relu()
    want = nn.functional.interpolate(want, SHAPE[1:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, want.flatten(1))
    assert not layer._forward_hooks


def test_rivals_score_every_entry_once(network, x):
    pixels, wavelets = Pixels(SHAPE), Wavelets(SHAPE, "db2", level=2)
    found = relevance.rivals(network, network.body[-1], x, TARGET, pixels, wavelets, samples=3)
    assert len(found) == 9
    for name, (domain, score) in found.items():
        assert score.shape == (5, len(domain.scales)), name
        assert torch.isfinite(score).all()
    plain = relevance.of_pixels(relevance.gradients(network, x, TARGET))
    torch.testing.assert_close(found["saliency"][1], plain, rtol=1e-6, atol=1e-8)


# --- curves --------------------------------------------------------------------------------------


def linear_question(weights: torch.Tensor, x: torch.Tensor, domain: Pixels, **options):
    return ask(lambda z: z.flatten(1) @ weights, x, domain, softmax=False, clip=None, **options)


def test_masks_keep_the_largest():
    scores = torch.tensor([[3.0, 1.0, 2.0, 5.0], [0.1, 0.2, 0.3, 0.4]])
    found = evaluate.masks_of(scores, [0, 0.25, 0.5, 1])
    assert found[1].tolist() == [[0, 0, 0, 1], [0, 0, 0, 1]]
    assert found[2].tolist() == [[1, 0, 0, 1], [0, 0, 1, 1]]
    assert found[0].sum() == 0
    assert found[3].min() == 1


def test_equal_scores_come_in_a_random_order_after_larger_ones():
    scores = torch.zeros(2, 400)
    scores[0, 17], scores[1, 399] = 1.0, 0.5
    shares = np.arange(0, 1.01, 0.05)
    found = evaluate.masks_of(scores, shares)
    np.testing.assert_array_equal(found.sum(2), np.tile(np.round(shares * 400)[:, None], 2))
    assert found[1:, 0, 17].all()
    assert found[1:, 1, 399].all()
    assert 60 < found[10, :, :200].sum(1).min() <= found[10, :, :200].sum(1).max() < 140
    assert not torch.equal(found[10, 0], found[10, 1])  # an order of each image's own
    assert (found.diff(dim=0) >= 0).all()  # what is kept stays kept


def test_the_right_order_has_the_lower_curve():
    """A linear network: what is left of the distortion are the shares that are not kept."""
    weights = torch.linspace(1, 20, 20).double()
    domain = Pixels((1, 20))
    x = torch.rand(3, 1, 20, generator=torch.Generator().manual_seed(0)).double()
    noisy = linear_question(weights, x, domain, measure="l2")
    flat = linear_question(weights, x, domain, perturbation_kind="constant")
    shares = np.linspace(0, 1, 21)
    right = evaluate.curves(noisy, flat, weights.expand(3, -1), shares=shares, samples=400)
    wrong = evaluate.curves(noisy, flat, -weights.expand(3, -1), shares=shares, samples=400)
    assert (right.areas()["restored"] < 0.8 * wrong.areas()["restored"]).all()
    assert (right.areas()["randomised"] > wrong.areas()["randomised"]).all()
    np.testing.assert_allclose(right.restored[-1], 0, atol=1e-12)
    np.testing.assert_allclose(right.randomised[0], 0, atol=1e-12)
    np.testing.assert_allclose(right.restored[0], right.randomised[-1])
    whole = (x[:, 0] @ weights).numpy()
    np.testing.assert_allclose(right.inserted[-1], whole)
    np.testing.assert_allclose(right.deleted[0], whole)
    areas = right.areas()
    np.testing.assert_allclose(areas["faithfulness"], areas["inserted"] - areas["deleted"])
    kept = evaluate.masks_of(weights[None], [0.5])[0, 0]
    sd = noisy.replace.sd[0, 0]
    bias = ((1 - kept) * weights * (x[:, 0] - x.mean(2))).sum(1)
    size = (bias.square() + ((1 - kept) * weights * sd).square().sum()).sqrt()
    assert (right.restored[10] < size.numpy() * 1.05).all()  # Jensen: E|.| is less than the root


# --- scores of pictures --------------------------------------------------------------------------


def box() -> torch.Tensor:
    picture = torch.zeros(1, 40, 40).double()
    picture[:, 10:25, 12:30] = 1
    return picture


def test_edges_that_are_not_there_are_hallucinated():
    x = box()
    assert evaluate.hallucination(x, x)[0] == 0
    assert evaluate.hallucination(torch.zeros_like(x), x)[0] == 0
    moved = x.roll(6, 2)
    assert evaluate.hallucination(moved, x)[0] > 0.3
    assert evaluate.hallucination(x.roll(1, 2), x)[0] <= evaluate.hallucination(moved, x)[0]


def test_conciseness_counts_information():
    rows = torch.rand(2, 3, 50, generator=torch.Generator().manual_seed(0)) + 0.1
    same = evaluate.conciseness(np.ones(2), np.ones(2), rows, rows)
    np.testing.assert_allclose(same, 1)
    half = evaluate.conciseness(np.full(2, 0.5), np.ones(2), rows / 4, rows)
    np.testing.assert_allclose(half, 2)
    nothing = evaluate.conciseness(np.ones(2), np.ones(2), torch.zeros_like(rows), rows)
    np.testing.assert_array_equal(nothing, 0)


def test_energy_inside_and_jitter():
    x, truth = box(), box()[:, :, :] > 0
    assert evaluate.inside(x, truth)[0] == pytest.approx(1)
    assert evaluate.inside(torch.ones_like(x), truth)[0] == pytest.approx(float(x.mean()))
    assert evaluate.inside(torch.zeros_like(x), truth)[0] == 0
    dots = torch.zeros(1, 40, 40)
    dots[:, 4::4, 4::4] = 1
    assert evaluate.roughness(dots)[0] == pytest.approx(4)
    assert evaluate.roughness(x)[0] == pytest.approx(2 * (15 + 18) / (15 * 18))


def test_compaction_is_the_share_of_energy():
    rows = torch.tensor([[[3.0, 0.0, 4.0, 0.0]]])
    found = evaluate.compaction(rows, [0, 0.25, 0.5, 1])
    np.testing.assert_allclose(found[:, 0], [0, 16 / 25, 1, 1])
    smooth = torch.linspace(0, 1, 32)[None, None, None].expand(1, 1, 32, 32)
    by_wavelets = evaluate.compaction(Wavelets((1, 32, 32), "db2", level=3).analyse(smooth), [0.05])
    by_pixels = evaluate.compaction(Pixels((1, 32, 32)).analyse(smooth), [0.05])
    assert by_wavelets[0, 0] > 0.9 > 0.3 > by_pixels[0, 0]
