"""Distillation: both ways agree, what is learned, what is promised of repeats and batches."""

import sys

import numpy as np
import pytest
import pywt
import torch
from datahelpers import real_tracks
from numpy.testing import assert_allclose
from torch import nn

from awdlib import attribution, dwt, filters, matrices, objective
from awdlib.adam import Adam
from awdlib.batches import batches_of, examples_of, groups_of
from awdlib.conventions import MODES
from awdlib.datasets import cme
from awdlib.distill import distill
from awdlib.networks import ClathrinLSTM, lstm_from_state
from awdlib.objective import Settings, batch_loss, loss_terms

module = sys.modules[distill.__module__]
METHODS = attribution.METHODS
RESIDUALS = ("lowpass_sum", "highpass_sum", "norm", "conjugate_mirror", "even_shifts")
DB5 = filters.lowpass("db5")
QUICK = {"level": 2, "epochs": 2, "batch_size": 5, "lr": 1e-2}


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def smooth_network(inputs, outputs=1):
    torch.manual_seed(5)
    layers = nn.Flatten(), nn.Linear(inputs, 6), nn.Tanh(), nn.Linear(6, outputs)
    return nn.Sequential(*layers).double()


def relu_network(inputs):
    torch.manual_seed(5)
    layers = nn.Flatten(), nn.Linear(inputs, 12), nn.ReLU(), nn.Linear(12, 1)
    return nn.Sequential(*layers).double()


def small_lstm():
    torch.manual_seed(5)
    lstm = ClathrinLSTM(4).double()
    for parameter in lstm.parameters():
        nn.init.normal_(parameter)  # far from linear
    return lstm


NETWORKS = {
    "tanh": lambda: smooth_network(16),
    "ReLU": lambda: relu_network(16),
    "LSTM": small_lstm,
}
X = randn(12, 1, 16)
SLOPES = randn(12, 1, 16, seed=1)


def perturbed(name, noise=0.05, seed=3):
    h = filters.lowpass(name)
    return h + noise * randn(len(h), seed=seed)


def distance_to_db5(h):
    return filters.distance(filters.cascade(h)[1], filters.cascade(DB5)[1]).item()


# --- the two ways --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["zero", "reflect", "periodization"])
@pytest.mark.parametrize("network", NETWORKS)
def test_both_ways_have_one_loss_and_one_gradient(network, mode, method):
    model, h = NETWORKS[network](), perturbed("db2").requires_grad_()
    config = Settings(level=2, mode=mode, method=method)
    lam, gamma = torch.tensor([[0.01], [0.5]], dtype=torch.float64)
    slopes = attribution.input_gradients(model, X, method=method)
    cached = batch_loss(h[None], X, lam, gamma, config, gradients=slopes)
    scores = attribution.trim(model, X, h, level=2, mode=mode, method=method, create_graph=True)
    through = batch_loss(
        h[None], X, lam, gamma, config, attributions=[c[None] for c in dwt.flatten_coeffs(scores)]
    )
    assert_allclose(cached.detach(), through.detach(), rtol=1e-10)
    gradients = [torch.autograd.grad(loss.sum(), h)[0] for loss in (cached, through)]
    assert_allclose(*gradients, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", [7, [7, 8]], ids=["single", "batch"])
@pytest.mark.parametrize("parametrisation", ["taps", "lattice"])
@pytest.mark.parametrize("method", METHODS)
def test_both_ways_train_alike(method, parametrisation, seed):
    model = smooth_network(16, outputs=2)
    options = dict(QUICK, method=method, parametrisation=parametrisation, target=1)
    options |= {"lam": 0.01, "gamma": 0.5, "seed": seed, "start": "db3"}
    cached = distill(X, model, **options)
    through = distill(X, model, through_network=True, **options)
    assert abs(cached.h - filters.lowpass("db3")).max() > 1e-3
    assert_allclose(cached.trajectory, through.trajectory, rtol=0, atol=1e-10)
    assert_allclose(cached.loss, through.loss, rtol=1e-10)


def test_both_ways_train_alike_on_images():
    torch.manual_seed(2)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 5, stride=2), nn.Tanh(), nn.Conv2d(3, 2, 3, stride=2), nn.Tanh(),
        nn.Flatten(), nn.Linear(72, 3),
    ).double()  # fmt: skip
    x = randn(6, 1, 32, 32)
    options = {"level": 3, "epochs": 2, "batch_size": 4, "lr": 1e-2, "target": 1, "gamma": 0.1}
    cached = distill(x, model, **options)
    through = distill(x, model, through_network=True, **options)
    assert abs(cached.h - DB5).max() > 1e-3
    assert_allclose(cached.trajectory, through.trajectory, rtol=0, atol=1e-10)
    assert_allclose(cached.loss, through.loss, rtol=1e-10)


@pytest.mark.parametrize("seed", [7, [7, 8]], ids=["single", "batch"])
def test_own_scores_stand_in_for_the_network(seed):
    model = smooth_network(16)

    def scores(x, h):
        found = attribution.trim(model, x, h, level=2, create_graph=h.requires_grad)
        return [3 * band for band in dwt.flatten_coeffs(found)]

    options = dict(QUICK, level=2, gamma=0.5, seed=seed)
    mine = distill(X, scores=scores, **options)
    theirs = distill(X, model, **options | {"gamma": 1.5})
    assert_allclose(mine.trajectory, theirs.trajectory, rtol=0, atol=1e-10)
    assert abs(mine.h - distill(X, **options | {"gamma": 0.0}).h).max() > 1e-4
    for given in ({"model": model}, {"gradients": SLOPES}, {"through_network": True}):
        with pytest.raises(ValueError, match="scores stand in for a network"):
            distill(X, scores=scores, **given, **options)


def test_given_gradients_replace_the_network():
    model = smooth_network(16)
    slopes = attribution.input_gradients(model, X)
    with_model = distill(X, model, **QUICK)
    assert torch.equal(distill(X, gradients=slopes, **QUICK).trajectory, with_model.trajectory)


# --- the authors' detached residual --------------------------------------------------------------


def interpretation(model, h, residual, x=X, level=2):
    scores = attribution.trim(model, x, h, level=level, residual=residual, create_graph=True)
    config = Settings(level=level)
    return loss_terms(h[None], x, config, attributions=[c[None] for c in scores])["interpretation"]


def difference(follow, detached):
    """Relative difference and cosine of two gradients."""
    return (
        ((detached - follow).norm() / follow.norm()).item(),
        (follow @ detached / follow.norm() / detached.norm()).item(),
    )


@pytest.mark.parametrize("h", [DB5, perturbed("db5")], ids=["valid", "broken"])
@pytest.mark.parametrize("network", NETWORKS)
def test_detached_has_the_same_values(network, h):
    model = NETWORKS[network]()
    values = [interpretation(model, h, residual).item() for residual in ("follow", "detached")]
    assert_allclose(*values, rtol=1e-12)


@pytest.mark.parametrize("network", NETWORKS)
def test_detached_has_the_same_gradient_along_the_lattice(network):
    model = NETWORKS[network]()
    angles = filters.angles_from_taps(DB5).requires_grad_()
    gradients = []
    for residual in ("follow", "detached"):
        term = interpretation(model, filters.taps_from_angles(angles), residual)
        gradients.append(torch.autograd.grad(term.sum(), angles)[0])
    assert abs(gradients[0]).max() > 1e-3
    assert_allclose(*gradients, rtol=0, atol=1e-12)


@pytest.mark.parametrize("h", [DB5, perturbed("db5")], ids=["valid", "broken"])
def test_detached_has_the_same_gradient_for_relu_networks(h):
    model, h, gradients = relu_network(16), h.clone().requires_grad_(), []
    for residual in ("follow", "detached"):
        term = interpretation(model, h, residual)
        gradients.append(torch.autograd.grad(term.sum(), h)[0])
    assert_allclose(*gradients, rtol=0, atol=1e-12)


@pytest.mark.parametrize("h", [DB5, perturbed("db5")], ids=["valid", "broken"])
def test_detached_has_another_gradient_for_an_lstm(h):
    model, h, gradients = small_lstm(), h.clone().requires_grad_(), []
    for residual in ("follow", "detached"):
        term = interpretation(model, h, residual)
        gradients.append(torch.autograd.grad(term.sum(), h)[0])
    assert abs(difference(*gradients)[0]) > 0.1


@pytest.mark.parametrize("parametrisation", ["taps", "lattice"])
def test_detached_trains_elsewhere_with_free_taps_only(parametrisation):
    options = dict(QUICK, gamma=1.0, parametrisation=parametrisation, through_network=True)
    follow = distill(X, small_lstm(), **options)
    detached = distill(X, small_lstm(), residual="detached", **options)
    apart = abs(follow.h - detached.h).max().item()
    if parametrisation == "lattice":
        assert_allclose(apart, 0, atol=1e-10)
    else:
        assert abs(apart) > 1e-4


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("tracks", "term", "cosine", "total"),
    [(300, 1.87, -0.31, 0.69), (1244, 0.92, 0.76, 0.35)],
)
def test_detached_on_the_real_tracks(tracks, term, cosine, total):
    """At db5, λ = .005, γ = .043, the authors' LSTM: how far the gradients are apart."""
    x = torch.from_numpy(real_tracks().train.x)[:tracks, None]
    state = {name: tensor.double() for name, tensor in cme.authors_lstm().items()}
    model = lstm_from_state(state)
    h = DB5.clone().requires_grad_()
    others = loss_terms(h[None], x, Settings())
    rest = others["reconstruction"] + others["validity"] + 0.005 * others["sparsity"]
    terms, totals = [], []
    for residual in ("follow", "detached"):
        value = interpretation(model, h, residual, x, level=4)
        terms.append(torch.autograd.grad(value.sum(), h, retain_graph=True)[0])
        loss = rest + 0.043 * value
        totals.append(torch.autograd.grad(loss.sum(), h, retain_graph=True)[0])
    assert len(x) == tracks
    assert_allclose(difference(*terms), [term, cosine], atol=0.005)
    assert_allclose(difference(*totals)[0], total, atol=0.005)


# --- training ------------------------------------------------------------------------------------


def test_adam_as_published():
    """Three steps by hand: lr, β₁ = .9, β₂ = .999, ε = 1e-8, no schedule, no decay."""
    config = Settings(level=2)
    start, (lam, gamma) = perturbed("db3"), torch.tensor([[0.01], [0.5]], dtype=torch.float64)
    h, m, v, losses = start.numpy().copy(), np.zeros(6), np.zeros(6), []
    path = [h]
    for step in range(1, 4):
        taps = torch.from_numpy(h).requires_grad_()
        loss = batch_loss(taps[None], X, lam, gamma, config, gradients=SLOPES)
        g = torch.autograd.grad(loss.sum(), taps)[0].numpy()
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        h = h - 1e-3 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        losses.append(loss.item())
        path.append(h)
    result = distill(
        X, gradients=SLOPES, start=start, lam=0.01, gamma=0.5, level=2, epochs=3, batch_size=12
    )
    assert_allclose(result.trajectory, path, rtol=0, atol=1e-12)
    assert_allclose(result.h, h, rtol=0, atol=1e-12)
    assert_allclose(result.loss, losses, rtol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_adam_is_torchs(dtype):
    """Gradients of very different sizes, one of them always zero."""
    mine, theirs = (randn(3, 10).to(dtype) for _ in range(2))
    adam, torchs = Adam(mine, 1e-2), torch.optim.Adam([theirs], lr=1e-2)
    size = torch.logspace(-12, 3, 10, dtype=dtype)
    size[4] = 0
    for step in range(300):
        theirs.grad = size * (randn(3, 10, seed=step).to(dtype) + 0.3)
        adam.step(theirs.grad)
        torchs.step()
        if step in (0, 1, 10, 299):
            assert_allclose(mine, theirs, rtol=0, atol=1e-12 if dtype == torch.float64 else 1e-5)
    assert abs(mine - randn(3, 10).to(dtype)).max() > 0.1


def test_without_autograd_is_with_autograd(monkeypatch):
    """The taps' own way against the objective spelled out, differentiated by autograd."""
    options = dict(QUICK, epochs=20, gradients=SLOPES, lam=[0.001, 0.01], gamma=[0.5, 0.1])
    seed, start = [3, 4], perturbed("db3")
    without = distill(X, seed=seed, start=start, **options)
    monkeypatch.setattr(module, "is_fused", lambda *a, **k: False)
    monkeypatch.setattr(objective, "is_fused", lambda *a, **k: False)
    spelled_out = distill(X, seed=seed, start=start, **options)
    assert abs(without.h - start).max() > 0.1
    assert_allclose(without.trajectory, spelled_out.trajectory, rtol=0, atol=1e-10)
    assert_allclose(without.loss, spelled_out.loss, rtol=1e-10)


def test_filters_of_a_seed_stand_together():
    order, groups = groups_of(torch.tensor([7, 2, 7, 2, 7, 2]))
    assert (order.tolist(), groups.tolist()) == ([1, 3, 5, 0, 2, 4], [2, 7])
    order, groups = groups_of(torch.tensor([7, 2, 7]))
    assert (order.tolist(), groups.tolist()) == ([0, 1, 2], [7, 2, 7])
    order, groups = groups_of(torch.tensor([5, 5]))
    assert (order.tolist(), groups.tolist()) == ([0, 1], [5])


@pytest.mark.parametrize("seed", [[7, 2, 7, 2], [7, 2, 7, 7]], ids=["groups", "no groups"])
def test_the_order_of_the_filters_is_kept(seed):
    lam, gamma = [0.001, 0.01, 0.1, 0.02], [0.5, 0.1, 0.0, 1.0]
    batch = distill(X, gradients=SLOPES, lam=lam, gamma=gamma, seed=seed, **QUICK)
    for k in range(4):
        alone = distill(X, gradients=SLOPES, lam=lam[k], gamma=gamma[k], seed=seed[k], **QUICK)
        assert_allclose(batch.trajectory[:, k], alone.trajectory, rtol=0, atol=1e-10)
        assert_allclose(batch.loss[:, k], alone.loss, rtol=1e-10)
        got = batch.lam[k].item(), batch.gamma[k].item(), batch.seed[k].item()
        assert got == (lam[k], gamma[k], seed[k])


def test_defaults_are_the_papers():
    config = Settings()
    assert (config.level, config.mode, config.epochs, config.batch_size) == (4, "zero", 100, 100)
    assert (config.lr, config.scaling, config.method) == (1e-3, "reference", "saliency")
    assert (config.parametrisation, config.target) == ("taps", 0)


@pytest.mark.parametrize("seed", [1, [1, 2, 1]], ids=["single", "batch"])
def test_every_epoch_sees_every_example_once_in_a_new_order(seed):
    seeds = torch.as_tensor(seed).reshape(-1)
    seen = examples_of(12, seeds, None)
    orders = []
    for epoch in range(3):
        batches = list(batches_of(seen, 5, seeds, epoch))
        assert [b.shape[-1] for b in batches] == [5, 5, 2]
        orders.append(torch.cat(batches, -1))
        assert torch.equal(orders[-1].sort(-1).values, torch.arange(12).expand_as(orders[-1]))
    assert not torch.equal(orders[0], orders[1])
    if len(seeds) > 1:
        assert torch.equal(orders[0][0], orders[0][2])
        assert not torch.equal(orders[0][0], orders[0][1])
        assert torch.equal(orders[0][0], torch.cat(list(batches_of(seen, 5, seeds[:1], 0))))


@pytest.mark.parametrize("gamma", [0.0, 0.3])
@pytest.mark.parametrize("parametrisation", ["taps", "lattice"])
def test_rows_give_every_seed_its_own_data(parametrisation, gamma):
    rows = {3: torch.arange(4, 12), 5: torch.tensor([0, 2, 1, 3, 11, 10, 9, 8])}
    options = dict(QUICK, parametrisation=parametrisation, gamma=gamma)
    lam = [0.1, 0.2, 0.3, 0.4]
    both = distill(X, gradients=SLOPES, seed=[3, 5, 3, 5], lam=lam, rows=rows, **options)
    for k, seed in enumerate([3, 5, 3, 5]):
        mine = rows[seed]
        alone = distill(X[mine], gradients=SLOPES[mine], seed=seed, lam=lam[k], **options)
        assert_allclose(both.h[k], alone.h, rtol=0, atol=1e-12)
        assert_allclose(both.loss[:, k], alone.loss, rtol=1e-12)
    everything = distill(X, gradients=SLOPES, seed=3, **options)
    assert (everything.h - both.h[0]).abs().max() > 1e-6  # the rows were not ignored


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({3: torch.arange(4)}, "lack seed 5"),
        ({3: torch.arange(4), 5: torch.arange(3)}, "equally many"),
        ({3: torch.arange(4), 5: torch.tensor([0, 1, 2, 12])}, "between 0 and 11"),
        ({3: torch.arange(4), 5: torch.tensor([-1, 1, 2, 3])}, "between 0 and 11"),
        ({3: torch.arange(4), 5: torch.rand(4)}, "int64"),
        ({3: torch.arange(4), 5: torch.arange(0)}, "one-dimensional tensor"),
    ],
)
def test_wrong_rows_are_named(rows, message):
    with pytest.raises(ValueError, match=message):
        distill(X, gradients=SLOPES, seed=[3, 5], rows=rows, **QUICK)


def test_rows_and_gradients_for_every_fit_exclude_each_other():
    with pytest.raises(ValueError, match="exclude each other"):
        distill(X, gradients=SLOPES[None], seed=[3], rows={3: torch.arange(4)}, **QUICK)


@pytest.mark.parametrize("parametrisation", ["taps", "lattice"])
@pytest.mark.parametrize("seed", [3, [3, 4]], ids=["single", "batch"])
def test_repeats_are_bit_identical(seed, parametrisation):
    runs = []
    for noise in (1, 2):
        torch.manual_seed(noise)  # nothing global decides a fit
        runs.append(
            distill(X, gradients=SLOPES, seed=seed, parametrisation=parametrisation, **QUICK)
        )
    assert torch.equal(runs[0].trajectory, runs[1].trajectory)
    assert torch.equal(runs[0].loss, runs[1].loss)
    other = distill(X, gradients=SLOPES, seed=99, parametrisation=parametrisation, **QUICK)
    assert abs(other.h - runs[0].h).max() > 1e-6


@pytest.mark.parametrize("parametrisation", ["taps", "lattice"])
@pytest.mark.parametrize("mode", MODES)
def test_a_filter_in_a_batch_is_the_same_fit_alone(mode, parametrisation):
    lam, gamma, seed = [0.0, 0.01, 0.1, 0.01], [0.5, 0.0, 0.1, 0.5], [1, 2, 1, 3]
    start = torch.stack([filters.lowpass(name) for name in ("db3", "sym3", "coif1", "db3")])
    options = dict(QUICK, mode=mode, parametrisation=parametrisation, gradients=SLOPES)
    batch = distill(X, start=start, lam=lam, gamma=gamma, seed=seed, **options)
    assert batch.h.shape == (4, 6)
    for k in range(4):
        alone = distill(X, start=start[k], lam=lam[k], gamma=gamma[k], seed=seed[k], **options)
        assert_allclose(batch.trajectory[:, k], alone.trajectory, rtol=0, atol=1e-10)
        assert_allclose(batch.loss[:, k], alone.loss, rtol=1e-10)
        assert batch.seed[k] == alone.seed == seed[k]


def test_a_filter_in_a_batch_is_the_same_fit_alone_on_images():
    x, slopes = randn(6, 1, 12, 13), randn(6, 1, 12, 13, seed=1)
    options = {"gradients": slopes, "level": 2, "epochs": 2, "batch_size": 4, "start": "db2"}
    batch = distill(x, gamma=[0.1, 0.5], seed=[1, 2], **options)
    for k, (gamma, seed) in enumerate([(0.1, 1), (0.5, 2)]):
        alone = distill(x, gamma=gamma, seed=seed, **options)
        assert_allclose(batch.trajectory[:, k], alone.trajectory, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("start", "taps"), [("db5", 10), ("sym5", 10), ("coif2", 12)])
def test_only_h_is_learned(start, taps, monkeypatch):
    learned = []

    def spy(parameters, lr):
        learned.append(parameters)
        return Adam(parameters, lr)

    monkeypatch.setattr(module, "Adam", spy)
    distill(X, gradients=SLOPES, start=start, **QUICK)
    assert [p.numel() for p in learned] == [taps]
    learned.clear()
    distill(X, gradients=SLOPES, start=start, parametrisation="lattice", **QUICK)
    assert [p.numel() for p in learned] == [taps // 2 - 1]


@pytest.mark.parametrize("through_network", [False, True])
def test_the_network_is_left_as_it_was(through_network):
    model = smooth_network(16)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    distill(X, model, through_network=through_network, **QUICK)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("through_network", [False, True])
def test_without_interpretation_loss_no_network_is_needed(through_network):
    def never(x):
        raise AssertionError("the network was called")

    plain = distill(X, gamma=0, **QUICK)
    with_model = distill(X, never, gamma=0, through_network=through_network, **QUICK)
    assert torch.equal(plain.h, with_model.h)
    with_slopes = distill(X, gradients=SLOPES, gamma=[0, 0.5], **QUICK)
    assert_allclose(with_slopes.h[0], plain.h, rtol=0, atol=1e-12)
    assert abs(with_slopes.h[1] - plain.h).max() > 1e-4


def test_the_lattice_keeps_every_penalty_at_zero():
    result = distill(
        X, gradients=SLOPES, gamma=[0.1, 10], parametrisation="lattice", level=2, epochs=20, lr=0.05
    )
    assert abs(result.h - DB5).max() > 0.1
    for h in result.trajectory.flatten(0, 1):
        report = filters.validity(h)
        assert_allclose([getattr(report, name) for name in RESIDUALS], np.zeros(5), atol=1e-12)


@pytest.mark.parametrize("parametrisation", ["taps", "lattice"])
def test_a_perturbed_wavelet_is_recovered(parametrisation):
    """A teacher linear in three coefficients of one of db5's bands."""
    x = randn(1000, 1, 64)
    lengths = matrices.band_lengths(64, 10, level=4)
    beta = [torch.zeros(length, dtype=torch.float64) for length in lengths]
    beta[2][7:10] = 2.0  # cD_3
    true = matrices.analysis_matrix(DB5, 64, level=4)
    if parametrisation == "taps":
        start = DB5 + 0.1 * torch.randn(10, generator=torch.Generator().manual_seed(1)).double()
    else:
        turn = 0.2 * torch.tensor([1, -2, 0, 2, -1], dtype=torch.float64)
        start = filters.taps_from_angles(filters.angles_from_taps(DB5) + turn)
    before = distance_to_db5(start)
    result = distill(
        x, lambda x: x[:, 0] @ (torch.cat(beta) @ true), start=start, lam=0, gamma=0.1,
        epochs=20, lr=1e-2, parametrisation=parametrisation,
    )  # fmt: skip
    assert abs(before) > 1
    assert abs(distance_to_db5(result.h) / before) < 1 / 20
    assert_allclose(result.validity.penalty, 0, atol=1e-4)


def test_history_and_result():
    told = []
    result = distill(
        X, gradients=SLOPES, start="sym4", lam=0.01, gamma=0.2, seed=5,
        progress=lambda *a: told.append(a), **QUICK,
    )  # fmt: skip
    assert result.loss.shape == (2,)
    assert result.trajectory.shape == (3, 8)
    assert_allclose(result.trajectory[0], pywt.Wavelet("sym4").rec_lo)
    assert torch.equal(result.trajectory[-1], result.h)
    assert (result.lam.item(), result.gamma.item(), result.seed.item()) == (0.01, 0.2, 5)
    assert result.validity == filters.validity(result.h)
    assert result.settings == Settings(**QUICK)
    assert told == [(1, 2), (2, 2)]
    assert not result.h.requires_grad


def test_the_loss_is_the_mean_over_an_epochs_batches():
    """With a learning rate of almost nothing the batches see the start."""
    config = Settings(level=2)
    one = torch.ones(1, dtype=torch.float64)
    args = 0.01 * one, 0.5 * one, config
    result = distill(
        X, gradients=SLOPES, lam=0.01, gamma=0.5, level=2, epochs=1, batch_size=6, lr=1e-300
    )
    full = batch_loss(DB5[None], X, *args, gradients=SLOPES)
    assert_allclose(result.loss, full, rtol=1e-10)  # two batches of the same size


@pytest.mark.parametrize("seed", [2, [2, 1]])
def test_every_filter_may_have_its_own_network(seed):
    networks = torch.stack([SLOPES, randn(12, 1, 16, seed=9)])
    both = distill(X, gradients=networks, seed=seed, gamma=0.5, **QUICK)
    for k, slopes in enumerate(networks):
        alone = distill(X, gradients=slopes, seed=both.seed[k].item(), gamma=0.5, **QUICK)
        assert_allclose(both.h[k], alone.h, rtol=0, atol=1e-12)
        assert_allclose(both.loss[:, k], alone.loss, rtol=1e-12)
    without = distill(X, gradients=networks, seed=seed, gamma=0, **QUICK)
    assert_allclose(without.h[0], distill(X, seed=2, gamma=0, **QUICK).h, rtol=0, atol=1e-12)


def test_no_epochs_give_the_start():
    result = distill(X, gamma=0, start="sym4", epochs=0, level=2)
    assert_allclose(result.h, pywt.Wavelet("sym4").rec_lo)
    assert result.loss.shape == (0,)
    assert result.trajectory.shape == (1, 8)


def test_lam_gamma_seed_and_start_broadcast():
    single = distill(X, gradients=SLOPES, **QUICK)
    assert single.h.shape == (10,)
    assert single.lam.shape == single.seed.shape == ()
    batch = distill(X, gradients=SLOPES, lam=[0, 0.1, 0.2], seed=torch.tensor([4]), **QUICK)
    assert batch.h.shape == (3, 10)
    assert batch.loss.shape == (2, 3)
    assert batch.trajectory.shape == (3, 3, 10)
    assert batch.gamma.tolist() == [0.043] * 3
    assert batch.seed.tolist() == [4, 4, 4]
    assert len(batch.validity) == 3
    starts = distill(X, gradients=SLOPES, start=torch.stack([DB5, DB5.flip(0)]), **QUICK)
    assert starts.h.shape == (2, 10)
    one = distill(X, gradients=SLOPES, lam=[0.1], **QUICK)
    assert one.h.shape == (1, 10)


@pytest.mark.parametrize("parametrisation", ["taps", "lattice"])
def test_the_type_is_that_of_x(parametrisation):
    options = dict(QUICK, parametrisation=parametrisation, gamma=[0.1, 0.2])
    result = distill(X.float(), gradients=SLOPES.float(), **options)
    double = distill(X, gradients=SLOPES, **options)
    assert {result.h.dtype, result.loss.dtype, result.lam.dtype} == {torch.float32}
    assert_allclose(result.h, double.h, atol=1e-3)


# --- what is refused -----------------------------------------------------------------------------


def spoiled(x, value):
    x = x.clone()
    x[[2, 5], 0, 3] = value
    return x


NAN, INF = float("nan"), float("inf")
WITH = {"gradients": SLOPES, "level": 2, "epochs": 1}


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (spoiled(X, NAN), WITH, "x is not finite in 2 of 12 examples"),
        (spoiled(X, INF), WITH, "x is not finite in 2 of 12 examples"),
        (X[:, 0], WITH, "(12, 16)"),
        (X[None, None], WITH, "x must have shape (examples, channel, time) or"),
        (X[:0], WITH, "non-empty"),
        (X.long(), WITH, "x must be floating point"),
        (X, WITH | {"gradients": SLOPES[:, :, :8]}, "shape of x, (12, 1, 16), or that after the"),
        (X, WITH | {"gradients": spoiled(SLOPES, NAN)}, "gradients hold values that are not fin"),
        (X, {"gamma": 0.1}, "γ > 0 needs a network (model) or its gradients"),
        (X, {"gamma": [0, 0.1]}, "γ > 0 needs a network (model) or its gradients"),
        (X, WITH | {"through_network": True}, "through_network=True needs the network"),
        (X, WITH | {"lam": -1e-3}, "lam must be finite and at least 0, not -0.001"),
        (X, WITH | {"gamma": [0.1, NAN]}, "gamma must be finite and at least 0"),
        (X, WITH | {"gamma": INF}, "gamma must be finite and at least 0"),
        (X, WITH | {"seed": -1}, "seed must be at least 0, not -1"),
        (X, WITH | {"mode": "wrap"}, "mode must be one of zero, symmetric"),
        (X, WITH | {"scaling": "ours"}, "scaling must be one of reference, paper, not 'ours'"),
        (X, WITH | {"method": "lime"}, "method must be one of saliency"),
        (X, WITH | {"parametrisation": "angles"}, "parametrisation must be one of taps, lattice"),
        (X, WITH | {"level": 0}, "level must be at least 1, not 0"),
        (X, WITH | {"epochs": -1}, "epochs must be at least 0, not -1"),
        (X, WITH | {"batch_size": 0}, "batch_size must be at least 1, not 0"),
        (X, WITH | {"lr": 0.0}, "lr must be positive, not 0.0"),
        (X, WITH | {"lr": NAN}, "lr must be positive, not nan"),
        (X, WITH | {"start": "bior2.2"}, "'bior2.2' is no orthogonal wavelet"),
        (X, WITH | {"start": DB5[:9]}, "even number of taps, not (9,)"),
        (X, WITH | {"start": 1.1 * DB5, "parametrisation": "lattice"}, "not an orthonormal filter"),
        (X, WITH | {"lam": [0, 1], "gamma": [0, 1, 2]}, "must be single or equally many, not (2,)"),
        (X, WITH | {"lam": [0, 1, 2], "gradients": SLOPES.expand(2, *X.shape)},
         "must be single or equally many, not (3,)"),
        (X, WITH | {"lam": [0, 1, 2], "gradients": SLOPES.expand(1, *X.shape)},
         "gradients of 1 networks for 3 fits"),
        (X, WITH | {"lam": [[0.0], [1.0]]}, "must have one dimension, not 2"),
        (X, WITH | {"lr": 1e200}, "the fit at λ = 0.005, γ = 0.043 diverged (1 of 1 filters)"),
        (X, WITH | {"target": 3, "gradients": None, "model": smooth_network(16)},
         "target 3 does not exist"),
    ],
)  # fmt: skip
def test_refusals(x, options, message):
    options = {"epochs": 3, "batch_size": 5} | options
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        distill(x, **options)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 250


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="epoch"):
        distill(X, gamma=0, epoch=3)


def test_the_lattice_starts_at_the_start_or_refuses_it():
    """An orthonormal filter with Σh ≠ √2 is not in the lattice's set."""
    turned = filters.taps_from_angles(torch.tensor([0.3, 0.4, 0.9], dtype=torch.float64))
    with pytest.raises(ValueError, match=r"√2|lattice"):
        distill(X, gamma=0, start=turned, parametrisation="lattice", **QUICK)
