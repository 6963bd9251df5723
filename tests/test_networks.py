"""The teachers, and how they are trained."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from awdlib.networks import (
    ClathrinLSTM,
    FeedForward,
    SmallCNN,
    channels_last,
    count_parameters,
    lstm_from_state,
    train,
)


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def regression(n=80, seed=0):
    """Signals and a noisy, curved target."""
    x = randn(n, 1, 8, seed=seed)
    return x, torch.tanh(x[:, 0, 1] - x[:, 0, 4]) + 0.3 * randn(n, seed=seed + 1)


def fitted(seed=1, **options):
    torch.manual_seed(2)
    model = FeedForward(8, (6,)).double()
    x, y = regression()
    options = {"epochs": 12, "batch_size": 20} | options
    curve = train(model, x, y, *regression(40, seed=9), seed=seed, **options)
    return model, curve


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lstm_state_round_trip(dtype):
    model = ClathrinLSTM(7).to(dtype)
    again = lstm_from_state(model.state_dict())
    x = randn(5, 1, 12).to(dtype)
    assert torch.equal(again(x), model(x))
    assert again(x).shape == (5,)
    assert not again.training
    assert {p.dtype for p in again.parameters()} == {dtype}


def test_lstm_state_takes_any_name_for_the_linear_layer():
    model = ClathrinLSTM(3)
    state = {k.replace("fc.", "output."): v for k, v in model.state_dict().items()}
    x = randn(2, 1, 6).float()
    assert torch.equal(lstm_from_state(state)(x), model(x))


@pytest.mark.parametrize("change", ["missing", "extra", "other"])
def test_other_weights_are_refused(change):
    state = dict(ClathrinLSTM(3).state_dict())
    if change == "missing":
        del state["lstm.bias_hh_l0"]
    elif change == "extra":
        state["lstm.weight_ih_l1"] = torch.ones(1)
    else:
        state = FeedForward(4).state_dict()
    with pytest.raises(ValueError, match="not a ClathrinLSTM's"):
        lstm_from_state(state)


def test_lstm_reads_time_step_by_step():
    """One hidden unit by hand."""
    model = ClathrinLSTM(1).double()
    w, u, b, c = (p.detach().numpy().ravel() for p in model.lstm.parameters())
    x, hidden, cell = randn(1, 1, 5), 0.0, 0.0
    for value in x[0, 0].numpy():
        i, f, g, o = w * value + u * hidden + b + c
        sigmoid = [1 / (1 + np.exp(-gate)) for gate in (i, f, o)]
        cell = sigmoid[1] * cell + sigmoid[0] * np.tanh(g)
        hidden = sigmoid[2] * np.tanh(cell)
    want = model.fc.weight.item() * hidden + model.fc.bias.item()
    assert_allclose(model(x).item(), want, rtol=1e-12)


@pytest.mark.parametrize(("inputs", "time"), [(40, 40), (8, 40), (1, 12), (5, 5)])
def test_lstm_reads_so_many_values_a_step(inputs, time):
    """Cell by cell; 40 values a step read a whole track in one step (App. C by the word)."""
    model, x = ClathrinLSTM(6, inputs).double(), randn(3, 1, time)
    w, u, b, c = (p.detach().numpy() for p in model.lstm.parameters())
    steps = x.numpy().reshape(3, time // inputs, inputs)
    hidden = cell = np.zeros((3, 6))
    for k in range(time // inputs):
        gates = steps[:, k] @ w.T + hidden @ u.T + b + c
        i, f, g, o = np.split(gates, 4, 1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        cell = f * cell + i * np.tanh(g)
        hidden = o * np.tanh(cell)
    want = hidden @ model.fc.weight.detach().numpy()[0] + model.fc.bias.item()
    assert_allclose(model(x).detach(), want, rtol=1e-12)


def test_lstm_of_input_40_has_no_memory_of_a_first_step():
    """One step from nothing: the recurrent weights are met by zeros, the forget gate too."""
    model, x = ClathrinLSTM(40, 40).double(), randn(4, 1, 40)
    before = model(x).detach()
    with torch.no_grad():
        model.lstm.weight_hh_l0.fill_(7.0)
    assert torch.equal(model(x), before)
    with torch.no_grad():
        model.lstm.weight_ih_l0.mul_(2.0)
    assert not torch.equal(model(x), before)


def test_lstm_refuses_a_time_that_is_no_multiple_of_its_inputs():
    with pytest.raises(RuntimeError):
        ClathrinLSTM(4, 40)(randn(2, 1, 30).float())


def test_sizes():
    assert count_parameters(ClathrinLSTM()) == 4 * 20 * (1 + 20 + 2) + 21
    assert count_parameters(ClathrinLSTM(40, 40)) == 4 * 40 * (40 + 40 + 2) + 41
    assert count_parameters(FeedForward(64)) == 65 * 32 + 33 * 32 + 33
    frozen = FeedForward(4, (3,))
    frozen.layers[0].requires_grad_(False)
    assert count_parameters(frozen) == 4


def test_feed_forward_is_relu_layers():
    model, x = FeedForward(8, (5, 4)).double(), randn(3, 1, 8)
    values = x[:, 0].numpy()
    for layer in (0, 2):
        w, b = (p.detach().numpy() for p in model.layers[layer].parameters())
        values = np.maximum(values @ w.T + b, 0)
    w, b = (p.detach().numpy() for p in model.layers[4].parameters())
    assert_allclose(model(x).detach(), (values @ w.T + b)[:, 0], rtol=1e-12)


def test_training_is_deterministic():
    (first, curve), (again, same) = fitted(), fitted()
    assert curve == same
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert fitted(seed=7)[1] != curve  # another shuffling


def test_training_learns():
    _, curve = fitted(epochs=40)
    y = regression(40, seed=9)[1]
    assert abs(min(curve) / y.var().item()) < 0.5


def test_the_best_weights_are_kept():
    model, curve = fitted(epochs=60, patience=60, lr=0.1)
    assert int(np.argmin(curve)) < len(curve) - 1  # the last epoch is not the best one
    x, y = regression(40, seed=9)
    with torch.no_grad():
        assert_allclose(nn.functional.mse_loss(model(x), y).item(), min(curve), rtol=1e-12)
    assert not model.training


def test_early_stopping():
    _, long = fitted(epochs=60, patience=60, lr=0.1)
    _, short = fitted(epochs=60, patience=3, lr=0.1)
    stop = next(e for e in range(60) if e - int(np.argmin(long[: e + 1])) >= 3)
    assert short == long[: stop + 1]
    assert len(short) < 60


def test_the_steps_are_adams():
    """Against torch's own: the same weights after some epochs."""
    model, _ = fitted(epochs=5, patience=5, lr=0.02)
    import torch.optim

    from awdlib import networks

    class Torchs:
        def __init__(self, parameters, lr):
            self.parameters, self.adam = parameters, torch.optim.Adam([parameters], lr=lr)

        def step(self, gradient):
            self.parameters.grad = gradient
            self.adam.step()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "Adam", Torchs)
        theirs, _ = fitted(epochs=5, patience=5, lr=0.02)
    for own, other in zip(model.parameters(), theirs.parameters(), strict=True):
        assert_allclose(own.detach(), other.detach(), rtol=0, atol=1e-10)


def test_progress():
    told = []
    fitted(epochs=2, progress=lambda *a: told.append(a))
    assert told == [(1, 2), (2, 2)]


def test_diverging_training_is_refused():
    with pytest.raises(ValueError, match="training diverged in epoch 1: lower lr"):
        fitted(lr=1e200)


@pytest.mark.parametrize(("widths", "last"), [((16, 32), True), ((8, 16), False), ((5,), False)])
def test_channels_are_last_only_where_it_is_safe(widths, last):
    model = SmallCNN(3, widths)
    with torch.no_grad():
        before = model(torch.ones(2, 3, 16, 16))
    kept = [w for w in model.parameters() if w.ndim == 4 and w.shape[1] > 1]
    form = torch.channels_last
    assert all(w.is_contiguous(memory_format=form) == last for w in kept)
    channels_last(model)
    assert_allclose(model(torch.ones(2, 3, 16, 16)).detach(), before, rtol=1e-5)


def test_a_classifier_learns_and_its_steps_can_fade():
    x = torch.rand(120, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0].mean((1, 2)) > x[:, 1].mean((1, 2))).long()
    curves = []
    for anneal in (False, True):
        torch.manual_seed(0)
        model = SmallCNN(2, (4, 4))
        options = {"seed": 1, "epochs": 15, "batch_size": 20, "anneal": anneal}
        curve = train(model, x, y, x, y, loss=nn.functional.cross_entropy, lr=3e-2, **options)
        curves.append(curve)
        assert min(curve) < 0.6 * np.log(2)
    assert curves[0] != curves[1]
    assert abs(curves[1][-1] - curves[1][-2]) < abs(curves[0][-1] - curves[0][-2]) + 0.05


def test_a_folded_classifier_is_the_same_function():
    torch.manual_seed(1)
    model = SmallCNN(3, (16, 32)).double()
    for _ in range(3):
        model(torch.randn(20, 3, 17, 16).double() + 1)  # normalisations get their statistics
    model.eval()
    found, x = model.folded(), torch.randn(4, 3, 17, 16).double().requires_grad_()
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in found.modules())
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())
    assert_allclose(found(x).detach(), model(x).detach(), rtol=1e-12)
    slopes = [torch.autograd.grad(one(x).square().sum(), x)[0] for one in (found, model)]
    assert_allclose(slopes[0], slopes[1], rtol=1e-10, atol=1e-14)
