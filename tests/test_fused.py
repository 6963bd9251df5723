"""The data terms' fused value and gradient against the objective spelled out in transforms."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.testing import assert_close

from awdlib import blocks, filters, fused, fused_images, losses, objective
from awdlib.objective import Settings

CASES = [
    ((3, 1, 40), 4, "db5"), ((3, 2, 37), 3, "db3"), ((2, 1, 128), 2, "sym10"),
    ((3, 1, 64, 64), 4, "db5"), ((2, 2, 37, 52), 3, "db5"), ((2, 1, 61, 33), 2, "haar"),
    ((2, 1, 50, 41), 2, "sym10"), ((2, 1, 1, 90), 1, "db2"),
]  # fmt: skip


def _numbers(shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("scaling", ["reference", "paper"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("with_gradients", [False, True])
@pytest.mark.parametrize(("shape", "level", "name"), CASES)
def test_equals_the_objective(shape, level, name, with_gradients, paired, count, scaling):
    start = filters.lowpass(name)
    h = (start + 0.1 * _numbers((count, len(start)), 0)).requires_grad_()
    x = _numbers((count, *shape) if paired else shape, 1)
    gradients = _numbers(x.shape, 2) if with_gradients else None
    lam, gamma = _numbers(count, 3).abs(), _numbers(count, 4).abs()
    settings = Settings(level=level, scaling=scaling)
    terms = objective.loss_terms(h, x, settings, paired=paired, gradients=gradients)
    want = terms["reconstruction"] + terms["validity"] + lam * terms["sparsity"]
    if with_gradients:
        want = want + gamma * terms["interpretation"]
    pull = _numbers(count, 5)
    want_slope = torch.autograd.grad(want, h, pull)[0]

    found = objective.batch_loss(h, x, lam, gamma, settings, paired=paired, gradients=gradients)
    assert_close(found, want, rtol=1e-12, atol=0)
    slope = torch.autograd.grad(found, h, pull)[0]
    assert_close(slope, want_slope, rtol=1e-10, atol=1e-11 * want_slope.abs().max().item())
    with torch.no_grad():
        again = objective.batch_loss(h, x, lam, gamma, settings, paired=paired, gradients=gradients)
    assert torch.equal(again, found)


@pytest.mark.parametrize("with_gradients", [False, True])
def test_filters_that_share_a_batch(with_gradients):
    h = filters.lowpass("db3") + 0.1 * _numbers((6, 6), 0)
    x = _numbers((2, 5, 2, 20), 1)
    gradients = _numbers(x.shape, 2) if with_gradients else None
    lam, gamma = _numbers(6, 3).abs(), _numbers(6, 4).abs()

    def run(x, gradients):
        return objective.loss_and_gradient(
            h, x, lam, gamma, Settings(level=3), paired=True, gradients=gradients
        )

    shared = run(x, gradients)
    each = run(*(k if k is None else k.repeat_interleave(3, 0) for k in (x, gradients)))
    for a, b in zip(shared, each, strict=True):
        assert_close(a, b, rtol=1e-12, atol=1e-13)


def test_is_taken_where_it_can_be(monkeypatch):
    calls = []
    nothing = torch.zeros(1, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)
    monkeypatch.setattr(fused, "data_loss", lambda *a, **k: calls.append(1) or nothing)
    h, one = filters.lowpass("db2")[None], torch.ones(1, dtype=torch.float64)

    def run(x, **settings):
        before = len(calls)
        objective.batch_loss(h, x, one, one, Settings(level=1, **settings), gradients=x)
        return len(calls) > before

    short = _numbers((2, 1, 20), 0)
    assert run(short)
    assert run(_numbers((2, 1, 20, 20), 0))
    assert not run(_numbers((2, 1, 200), 0))
    assert not run(short, mode="symmetric")
    assert not run(short, method="input_x_gradient")
    assert not run(short.clone().requires_grad_())


def test_images_in_pieces_are_the_same(monkeypatch):
    h = (filters.lowpass("db2") + 0.1)[None]
    x, weights = _numbers((5, 1, 24, 20), 0), torch.ones(3, 1, dtype=torch.float64)

    def run():
        return fused_images.of_images(h, x, x.flip(0), weights, 2, False, True)

    whole = run()
    monkeypatch.setattr(fused_images, "CHUNK", 2 * 24 * 20)
    for a, b in zip(run(), whole, strict=True):
        assert_close(a, b, rtol=1e-12, atol=0)


def test_second_derivatives_are_refused():
    h = filters.lowpass("db2")[None].requires_grad_()
    x, one = _numbers((2, 1, 12), 0), torch.ones(1, dtype=torch.float64)
    loss = objective.batch_loss(h, x, one, one, Settings(level=1), gradients=x)
    (slope,) = torch.autograd.grad(loss.square().sum(), h, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.parametrize("pairs", [1, 2, 7, 9, 23, 31])
@pytest.mark.parametrize("taps", [2, 4, 10])
def test_filter_pairs(taps, pairs):
    x, w = _numbers((1, 3, 2 * pairs + taps - 2), 0), _numbers((2, 2, taps), 1)
    out = blocks.filter_pairs(x, w)
    want = torch.nn.functional.conv1d(x[0][:, None], w.flatten(0, 1)[:, None], stride=2)
    want = want.unflatten(1, (2, 2)).permute(1, 3, 2, 0).flatten(1, 2)
    assert_close(out, want, rtol=0, atol=1e-13)
    assert torch.equal(blocks.reverse(blocks.reverse(w)), w)
    assert (blocks.padded_length(pairs, taps) - taps + 2) % (2 * blocks.block_size(pairs)) == 0


@pytest.mark.parametrize("pairs", [2, 9])
def test_filter_pairs_gradients(pairs):
    x, w = _numbers((2, 2, 2 * pairs + 2), 0), _numbers((2, 2, 4), 1)
    inputs = (x.requires_grad_(), w.requires_grad_())
    assert gradcheck(blocks.filter_pairs, inputs)
    assert gradgradcheck(blocks.filter_pairs, inputs)
    shared = (x.detach()[:1].requires_grad_(), w)
    assert gradcheck(blocks.filter_pairs, shared)


@pytest.mark.parametrize("scaling", ["reference", "paper"])
@pytest.mark.parametrize("name", ["haar", "db2", "db5", "sym20", "db38"])
def test_penalties_at_once_are_the_penalties(name, scaling):
    start = filters.lowpass(name)
    half = 0.5 if scaling == "reference" else 1.0
    for h in (start + 0.3 * _numbers(start.shape, 0), start + 0.3 * _numbers((4, len(start)), 1)):
        each = [
            losses.lowpass_sum(h), losses.highpass_sum(h), losses.norm(h),
            losses.conjugate_mirror(h, scaling=scaling), losses.even_shifts(h),
        ]  # fmt: skip
        found = losses.validity_penalties(h, scaling=scaling)
        assert_close(found, half * torch.stack(each, -1), rtol=1e-11, atol=0)
