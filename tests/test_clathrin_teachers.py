"""The clathrin experiment's networks: who trains on what, and what is asked of them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from clathrinhelpers import rows_of, spoilt, toy_signals, tracks
from numpy.testing import assert_allclose

from awdlib import clathrin, networks, threads
from awdlib.networks import ClathrinLSTM


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.fixture
def trainings(monkeypatch):
    """What `networks.train` is given, which trains nothing."""
    seen = []
    monkeypatch.setattr(networks, "train", lambda *a, **k: seen.append((a, k)))
    return seen


# --- who trains on what ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test_cells", "stops"), [((7, 8), 6), ((1, 2), 8), ((6, 8), 7), ((5, 6, 7, 8), 4)]
)
def test_the_last_training_cell_stops_and_is_not_trained_on(trainings, test_cells, stops):
    signals = clathrin.signals_of(tracks(), test_cells=test_cells)
    clathrin.train_lstm(signals, seed=4, epochs=9)
    (((model, x, y, x_held, y_held), options),) = trainings
    fitted = [c for c in range(1, 9) if c not in (*test_cells, stops)]
    for (a, b), cells in (((x, y), fitted), ((x_held, y_held), [stops])):
        rows = np.isin(tracks().cell, cells)
        assert np.array_equal(a[:, 0], tracks().x[rows])
        assert np.array_equal(b, tracks().y[rows])
    seen = set(rows_of(x)) | set(rows_of(x_held))
    assert not seen & set(rows_of(tracks().x[np.isin(tracks().cell, test_cells)]))
    assert (options["seed"], options["epochs"]) == (4, 9)
    assert (model.lstm.hidden_size, model.lstm.input_size) == (20, 1)  # as published


def test_cells_need_not_stand_in_order(trainings):
    signals = toy_signals()
    order = np.random.default_rng(0).permutation(len(signals.y))
    mixed = replace(signals, x=signals.x[order], y=signals.y[order], group=signals.group[order])
    clathrin.train_lstm(mixed, seed=0)
    (((_, x, y, x_held, _), _),) = trainings
    assert np.array_equal(x, mixed.x[mixed.group < 6])
    assert np.array_equal(y, mixed.y[mixed.group < 6])
    assert np.array_equal(x_held, mixed.x[mixed.group == 6])


def test_test_tracks_do_not_change_a_network():
    signals = toy_signals()
    first, again = (clathrin.train_lstm(s, seed=1, epochs=2) for s in (signals, spoilt(signals)))
    assert torch.equal(weights(first), weights(again))


def test_a_seed_decides_the_network_and_leaves_no_trace():
    def trained(seed):
        return weights(clathrin.train_lstm(toy_signals(), seed=seed, hidden=4, epochs=1))

    before = torch.get_rng_state()
    first = trained(1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(trained(1), first)
    assert not torch.equal(trained(2), first)


@pytest.mark.parametrize("part", ["start", "shuffling"])
def test_a_seed_decides_both_the_start_and_the_shuffling(part, trainings):
    for seed in (1, 2, 1):
        clathrin.train_lstm(toy_signals(), seed=seed)
    if part == "start":
        first, other, again = (weights(given[0]) for given, _ in trainings)
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
    else:
        assert [options["seed"] for _, options in trainings] == [1, 2, 1]


def test_a_trained_network_fits_the_training_cells_better_than_at_its_start():
    signals = toy_signals()

    def error(epochs):
        model = clathrin.train_lstm(signals, seed=1, epochs=epochs)
        assert not model.training
        with torch.no_grad():
            return ((model(signals.x).numpy() - signals.y) ** 2).mean()

    assert error(15) < 0.7 * error(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_has_the_type_of_the_signals(dtype):
    signals = toy_signals()
    signals = replace(signals, x=signals.x.to(dtype), x_test=signals.x_test.to(dtype))
    model = clathrin.train_lstm(signals, seed=0, hidden=3, epochs=1)
    assert {p.dtype for p in model.parameters()} == {dtype}


# --- what is asked of them ------------------------------------------------------------------------


def some_networks(count, inputs=1):
    torch.manual_seed(3)
    return [ClathrinLSTM(4, inputs).double() for _ in range(count)]


@pytest.mark.parametrize("count", [1, 3])
def test_a_teacher_knows_every_networks_gradients_and_predictions(count):
    signals, models = toy_signals(test=7), some_networks(count, inputs=40)
    teacher = clathrin.teacher_of(models, signals)
    assert teacher.networks == models
    assert teacher.prediction.shape == (count, 7)
    assert teacher.prediction.dtype == np.float64
    for k, model in enumerate(models):
        train, test = teacher.of(k)
        for gradients, x in ((train, signals.x), (test, signals.x_test)):
            leaf = x.clone().requires_grad_()
            model(leaf).sum().backward()
            assert_allclose(gradients, leaf.grad, atol=1e-14)
            assert gradients.abs().max() > 1e-3
        with torch.no_grad():
            assert_allclose(teacher.prediction[k], model(signals.x_test), rtol=1e-12)
    own = (count,) if count > 1 else ()
    assert teacher.gradients.shape == (*own, *signals.x.shape)
    assert teacher.gradients_test.shape == (*own, *signals.x_test.shape)


def test_more_members_than_networks_are_given_them_in_turn():
    signals = toy_signals()
    three = clathrin.teacher_of(some_networks(3), signals)
    for k in range(7):
        train, test = three.of(k)
        assert torch.equal(train, three.gradients[k % 3])
        assert torch.equal(test, three.gradients_test[k % 3])
    assert not torch.equal(three.of(0)[0], three.of(1)[0])
    one = clathrin.teacher_of(some_networks(1), signals)
    for k in range(3):
        assert one.of(k)[0] is one.gradients
        assert one.of(k)[1] is one.gradients_test


def test_gradients_leave_no_trace_in_the_network():
    (model,) = models = some_networks(1)
    clathrin.teacher_of(models, toy_signals())
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("beside", [False, True])
def test_every_seed_trains_its_own_network_in_the_order_of_the_seeds(beside):
    signals, seeds = toy_signals(), (10, 1, 100)
    options = {"epochs": 1, "hidden": 5, "inputs": 8}
    with threads.one_thread():
        if beside:
            with ThreadPoolExecutor(1) as executor:
                teacher = clathrin.train_teacher(signals, seeds, executor=executor, **options)
        else:
            teacher = clathrin.train_teacher(signals, seeds, **options)
    assert len(teacher.networks) == 3
    for seed, model in zip(seeds, teacher.networks, strict=True):
        assert (model.lstm.hidden_size, model.lstm.input_size) == (5, 8)
        alone = clathrin.train_lstm(signals, seed=seed, **options)
        assert torch.equal(weights(model), weights(alone))
