"""Contextual decomposition: the sum rule, each rule against another way to compute it, wavelets."""

from itertools import permutations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from awdlib import coefficient_scores, dwt, filters, matrices
from awdlib.coefficient_scores import wavelet_scores
from awdlib.conventions import MODES
from awdlib.decomposition import decompose
from awdlib.networks import ClathrinLSTM, FeedForward
from awdlib.resnet import Block, ResNet18

VALID = filters.lowpass("db2")
BROKEN = VALID + 0.1 * torch.tensor([1.0, -2.0, 0.5, 1.5], dtype=torch.float64)
FILTERS = {"valid": VALID, "broken": BROKEN}


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def ready(model, seed=1):
    """The network in evaluation mode, with weights, biases and statistics that all matter."""
    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    for name, values in [*model.named_parameters(), *model.named_buffers()]:
        if name.endswith(("bias", "running_mean")):
            values.data.normal_(0, 0.5, generator=generator)
        elif name.endswith("running_var") or (name.endswith("weight") and values.ndim == 1):
            values.data.uniform_(0.5, 1.5, generator=generator)
    return model


def resnet():
    model = ready(ResNet18(width=2))
    model.set_units([0.3, -0.8, 2.0], [0.1, 0.5, 2.0], 1.7)
    return model


def images():
    """Every layer that a ResNet lacks, and pooling at its most awkward."""
    layers = nn.Conv2d(2, 3, 3, 2, 1, padding_mode="circular"), nn.Tanh(), nn.AvgPool2d(2, 1)
    pool = nn.MaxPool2d(3, 2, 1, dilation=2, ceil_mode=True)
    return ready(nn.Sequential(*layers, pool, nn.Identity(), nn.Flatten(), nn.Linear(18, 2)))


def signals():
    layers = nn.Conv1d(1, 3, 4), nn.ReLU(), nn.Conv1d(3, 2, 3, bias=False), nn.Tanh()
    return ready(nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 2)))


NETWORKS = {
    "feed-forward": (lambda: ready(FeedForward(13, (7, 5))), (3, 1, 13)),
    "LSTM": (lambda: ready(ClathrinLSTM(4)), (3, 1, 13)),
    "LSTM, 3 a step": (lambda: ready(ClathrinLSTM(4, 3)), (3, 1, 12)),
    "ResNet": (resnet, (2, 1, 33, 47)),
    "1-D layers": (signals, (3, 1, 13)),
    "2-D layers": (images, (3, 2, 9, 14)),
}
every_network = pytest.mark.parametrize("network", NETWORKS)


def network_and_parts(name):
    make, shape = NETWORKS[name]
    torch.manual_seed(3)
    return make(), randn(*shape), randn(*shape, seed=1)


# --- the sum rule --------------------------------------------------------------------------------


@every_network
@pytest.mark.parametrize("size", [1e-6, 1, 100])
def test_the_parts_sum_to_the_output(network, size):
    model, relevant, rest = network_and_parts(network)
    parts = decompose(model, size * relevant, rest)
    whole = model(size * relevant + rest)
    assert parts[0].shape == parts[1].shape == whole.shape
    assert_allclose((parts[0] + parts[1]).detach(), whole.detach(), rtol=0, atol=1e-10)
    assert abs(parts[0]).max() > 1e-9


@every_network
def test_float32_stays_float32(network):
    model, relevant, rest = network_and_parts(network)
    want = decompose(model, relevant, rest)[0].detach()
    have = decompose(model.float(), relevant.float(), rest.float())[0].detach()
    assert have.dtype == torch.float32
    assert_allclose(have, want, rtol=1e-3, atol=1e-4)


@every_network
def test_nothing_relevant_earns_nothing(network):
    model, relevant, rest = network_and_parts(network)
    for other in (rest, 0 * rest):
        rel, irrel = decompose(model, 0 * relevant, other)
        assert not rel.any()
        assert_allclose(irrel.detach(), model(other).detach(), rtol=0, atol=1e-12)


@every_network
def test_everything_relevant_earns_everything(network):
    """All of f, biases included; but for the LSTM, where products of biases are nobody's."""
    model, relevant, rest = network_and_parts(network)
    rel, irrel = decompose(model, relevant, 0 * rest)
    if isinstance(model, ClathrinLSTM):
        assert abs(irrel).min() > 1e-3
        for name, values in model.lstm.named_parameters():
            if name.startswith("bias"):
                values.data.zero_()
        rel, irrel = decompose(model, relevant, 0 * rest)
    assert_allclose(rel.detach(), model(relevant).detach(), rtol=0, atol=1e-12)
    assert_allclose(irrel.detach(), 0 * irrel.detach(), rtol=0, atol=1e-12)


# --- each rule -----------------------------------------------------------------------------------


def row(*values):
    return torch.tensor([values], dtype=torch.float64)


def test_a_neuron_by_hand():
    layer = nn.Linear(2, 1).double().eval()
    layer.weight.data, layer.bias.data = row(1, 2), torch.tensor([3.0], dtype=torch.float64)
    rel, irrel = decompose(layer, row(1, 0), row(0, -1))  # the bias 3 splits as |1| : |−2|
    assert (rel.item(), irrel.item()) == pytest.approx((1 + 1, -2 + 2), abs=1e-15)
    rel, irrel = decompose(layer, row(2, -1), row(0, 0))  # nothing on either side
    assert (rel.item(), irrel.item()) == (0, 3)


def test_relu_and_tanh_by_hand():
    rel, irrel = decompose(nn.ReLU().eval(), row(-1, 2, 1, -1), row(3, -5, 1, -1))
    assert rel.tolist() == [[0, 2, 1, 0]]
    assert irrel.tolist() == [[2, -2, 1, 0]]
    rel, irrel = decompose(nn.Tanh().eval(), row(0.5), row(1))
    first, second = np.tanh(0.5), np.tanh(1.5) - np.tanh(1)
    assert rel.item() == pytest.approx((first + second) / 2, abs=1e-15)
    assert irrel.item() == pytest.approx(np.tanh(1.5) - (first + second) / 2, abs=1e-15)


def test_max_pooling_follows_the_sum():
    relevant = row(5, 0, 1, 2).view(1, 1, 2, 2)
    rest = row(-9, 1, 0, 0.5).view(1, 1, 2, 2)
    rel, irrel = decompose(nn.MaxPool2d(2).eval(), relevant, rest)
    assert (rel.item(), irrel.item()) == (2, 0.5)


def dense(layer, shape):
    """The same affine map as an nn.Linear of flattened arrays."""
    size = int(np.prod(shape))
    basis = torch.eye(size, dtype=torch.float64).view(size, *shape)
    offset = layer(torch.zeros(1, *shape, dtype=torch.float64)).flatten()
    linear = nn.Linear(size, len(offset)).double().eval()
    linear.weight.data = (layer(basis).flatten(1) - offset).mT.detach()
    linear.bias.data = offset.detach()
    return linear


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(2, 3, 3, 2, 1, groups=1), (2, 7)),
        (nn.Conv2d(2, 4, 3, 2, 1, groups=2), (2, 5, 6)),
        (nn.Conv2d(1, 2, 3, padding="same", padding_mode="reflect"), (1, 5, 6)),
        (nn.BatchNorm2d(3), (3, 2, 4)),
        (nn.BatchNorm2d(3, affine=False), (3, 2, 4)),
    ],
    ids=["1-D", "2-D in groups", "reflecting", "normalisation", "no gain"],
)
def test_affine_layers_are_dense_layers(layer, shape):
    layer = ready(layer)
    relevant, rest = randn(3, *shape), randn(3, *shape, seed=1)
    want = decompose(dense(layer, shape), relevant.flatten(1), rest.flatten(1))
    for a, b in zip(decompose(layer, relevant, rest), want, strict=True):
        assert_allclose(a.flatten(1).detach(), b.detach(), rtol=0, atol=1e-12)


def reference(module, rel, irrel):
    """The layers of a ResNet as the authors of ACD go through them: a bias is what zero gives."""
    if isinstance(module, nn.Sequential):
        for layer in module:
            rel, irrel = reference(layer, rel, irrel)
    elif isinstance(module, Block):
        body, around = (reference(m, rel, irrel) for m in (module.body, module.shortcut))
        rel, irrel = reference(nn.ReLU(), body[0] + around[0], body[1] + around[1])
    elif isinstance(module, nn.ReLU):
        rel, irrel = rel.clamp(min=0), (rel + irrel).clamp(min=0) - rel.clamp(min=0)
    elif isinstance(module, nn.MaxPool2d):  # 3 wide, step 2, one around
        sides = (1, 1, 1, 1)
        windows = [
            nn.functional.pad(part, sides, value=value).unfold(2, 3, 2).unfold(3, 3, 2).flatten(4)
            for part, value in ((rel + irrel, -torch.inf), (rel, 0), (irrel, 0))
        ]
        winner = windows[0].argmax(4, keepdim=True)
        rel, irrel = (w.gather(4, winner)[..., 0] for w in windows[1:])
    else:
        bias = module(torch.zeros_like(rel))
        rel, irrel = module(rel) - bias, module(irrel) - bias
        share = torch.where(bias == 0, 0, rel.abs() / (rel.abs() + irrel.abs()))
        rel, irrel = rel + share * bias, irrel + (1 - share) * bias
    return rel, irrel


def test_a_resnet_is_its_layers():
    model, relevant, rest = resnet(), randn(2, 1, 33, 47), randn(2, 1, 33, 47, seed=1)
    rel, irrel = reference(model.layers, relevant / 1.7, rest / 1.7)
    rel, irrel = rel * model.scale, irrel * model.scale
    share = rel.abs() / (rel.abs() + irrel.abs())
    have = decompose(model, relevant, rest)
    assert_allclose(have[0].detach(), (rel + share * model.centre).detach(), atol=1e-10)
    assert_allclose(have[1].detach(), (irrel + (1 - share) * model.centre).detach(), atol=1e-10)
    assert_allclose(sum(have).detach(), model(relevant + rest).detach(), atol=1e-10)


def shapley(function, terms):
    """Mean of what each named term adds over all orders that begin with the bias."""
    gains = dict.fromkeys(terms, 0.0)
    orders = [order for order in permutations(terms) if "bias" not in terms or order[0] == "bias"]
    for order in orders:
        for k, name in enumerate(order):
            before = sum(terms[other] for other in order[:k])
            # Alone at the beginning a bias earns all of its value, sigmoid(0) included.
            floor = function(before) if k else 0.0
            gains[name] += (function(before + terms[name]) - floor) / len(orders)
    return gains


def lstm_by_hand(state, relevant, rest):
    """Relevant and irrelevant output for one signal; every product of every term one by one."""
    w, v = state["lstm.weight_ih_l0"], state["lstm.weight_hh_l0"]
    b = state["lstm.bias_ih_l0"] + state["lstm.bias_hh_l0"]
    units = v.shape[1]
    h = {"rel": np.zeros(units), "irrel": np.zeros(units)}
    c = {"rel": np.zeros(units), "irrel": np.zeros(units)}

    def owner(*names):
        """An irrelevant factor spoils a product, and biases alone earn nothing."""
        return "rel" if "irrel" not in names and "rel" in names else "irrel"

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    for t in range(len(relevant)):
        after = {"h": {"rel": np.zeros(units), "irrel": np.zeros(units)}}
        after["c"] = {"rel": np.zeros(units), "irrel": np.zeros(units)}
        for unit in range(units):
            gate = {}
            for k, name in enumerate("ifgo"):
                at = k * units + unit
                terms = {
                    "rel": w[at, 0] * relevant[t] + v[at] @ h["rel"],
                    "irrel": w[at, 0] * rest[t] + v[at] @ h["irrel"],
                    "bias": b[at],
                }
                gate[name] = shapley(np.tanh if name == "g" else sigmoid, terms)
            for mine, i in gate["i"].items():
                for other, g in gate["g"].items():
                    after["c"][owner(mine, other)][unit] += i * g
            for mine, f in gate["f"].items():
                for other in ("rel", "irrel"):
                    after["c"][owner(mine, other)][unit] += f * c[other][unit]
            new = shapley(np.tanh, {name: after["c"][name][unit] for name in ("rel", "irrel")})
            for name, share in new.items():
                after["h"][name][unit] = sum(gate["o"].values()) * share
        h, c = after["h"], after["c"]
    rel, irrel = (state["fc.weight"][0] @ h[name] for name in ("rel", "irrel"))
    share = abs(rel) / (abs(rel) + abs(irrel)) * state["fc.bias"][0]
    return rel + share, irrel + state["fc.bias"][0] - share


def test_an_lstm_is_the_papers_sum_of_products():
    torch.manual_seed(4)
    model, relevant, rest = ready(ClathrinLSTM(3)), randn(4, 1, 5), randn(4, 1, 5, seed=1)
    for values in model.lstm.parameters():
        values.data *= 2  # away from where sigmoid and tanh are linear
    state = {name: values.numpy() for name, values in model.state_dict().items()}
    want = [lstm_by_hand(state, a[0], b[0]) for a, b in zip(relevant.numpy(), rest.numpy())]  # noqa: B905
    have = torch.stack(decompose(model, relevant, rest), 1)
    assert_allclose(have.detach(), want, rtol=0, atol=1e-13)


# --- wavelets ------------------------------------------------------------------------------------


def flat(coeffs):
    """(batch, coefficients)."""
    return torch.cat([c.flatten(1) for c in dwt.flatten_coeffs(coeffs)], 1)


@pytest.mark.parametrize("h", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("mode", MODES)
def test_scores_of_a_linear_network(mode, h):
    """Without a bias a score is input × gradient."""
    x = randn(3, 1, 13)
    model = nn.Sequential(nn.Flatten(), nn.Linear(13, 2, bias=False)).double().eval()
    coeffs = dwt.wavedec(x, h, level=2, mode=mode)
    slopes = model[1].weight[1].detach() @ matrices.synthesis_matrix(h, 13, level=2, mode=mode)
    have = wavelet_scores(model, x, h, level=2, mode=mode, target=1)
    assert [c.shape for c in have] == [c.shape for c in coeffs]
    assert_allclose(flat(have), flat(coeffs) * slopes, rtol=0, atol=1e-12)


@pytest.mark.parametrize("h", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("network", ["feed-forward", "LSTM"])
def test_scores_are_coefficients_alone(network, mode, h):
    """One coefficient after the other through the synthesis matrix; the residual is in the rest."""
    model, x, _ = network_and_parts(network)
    synthesis = matrices.synthesis_matrix(h, 13, level=2, mode=mode)
    coeffs = torch.cat(dwt.wavedec(x, h, level=2, mode=mode), -1)
    have = flat(wavelet_scores(model, x, h, level=2, mode=mode))
    for k in range(coeffs.shape[-1]):
        alone = coeffs[..., k, None] * synthesis[:, k]
        want = decompose(model, alone, x - alone)[0].detach()
        assert_allclose(have[:, k], want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("network", ["2-D layers", "ResNet"])
def test_scores_of_images(network):
    """The largest coefficient of every band of an image, put alone into the bands."""
    model, x, _ = network_and_parts(network)
    x = x[..., :9, :14]
    coeffs = dwt.wavedec2(x, BROKEN, level=2)
    bands = dwt.flatten_coeffs(coeffs)
    have = dwt.flatten_coeffs(wavelet_scores(model, x, BROKEN, level=2, target=-1))
    assert [c.shape for c in have] == [c.shape for c in bands]
    earned = 0
    for band, scores in zip(bands, have, strict=True):
        largest = band[1].abs() == band[1].abs().max()
        only = [largest * b if b is band else 0 * b for b in bands]
        alone = dwt.waverec2(dwt.unflatten_coeffs(only, coeffs), BROKEN)[..., :9, :14]
        want = decompose(model, alone, x - alone)[0][1, -1].item()
        assert scores[1][largest].item() == pytest.approx(want, abs=1e-12)
        earned += want != 0
    assert earned >= 5  # of 7: pooling may overlook one


@pytest.mark.parametrize("network", ["feed-forward", "2-D layers"])
def test_the_largest_coefficients_are_kept(network):
    model, x, _ = network_and_parts(network)
    analysis = dwt.wavedec if x.ndim == 3 else dwt.wavedec2
    every, sizes = flat(wavelet_scores(model, x, VALID, level=2)), flat(analysis(x, VALID, level=2))
    kept = flat(wavelet_scores(model, x, VALID, level=2, keep=5))
    smallest = sizes.abs().sort(1, descending=True).values[:, 4:5]
    want = torch.where(sizes.abs() >= smallest, every, 0)
    assert_allclose(kept, want, rtol=0, atol=1e-14)


@pytest.mark.parametrize("create_graph", [False, True])
def test_batches_bound_memory_without_changing_scores(create_graph, monkeypatch):
    model, x, _ = network_and_parts("LSTM")
    want, seen, told = flat(wavelet_scores(model, x, VALID, level=2)), [], []

    def counted(model, relevant, rest):
        seen.append(len(relevant))
        return decompose(model, relevant, rest)

    monkeypatch.setattr(coefficient_scores, "decompose", counted)
    scores = wavelet_scores(
        model, x, VALID, level=2, batch_size=7, create_graph=create_graph,
        progress=lambda *done: told.append(done),
    )  # fmt: skip
    assert_allclose(flat(scores).detach(), want, rtol=0, atol=1e-14)
    assert max(seen) == 7
    assert sum(seen) == want.numel() == told[-1][0] == told[-1][1]
    assert told[0] == (7, want.numel())


@pytest.mark.parametrize("network", ["feed-forward", "LSTM", "2-D layers", "1-D layers"])
@pytest.mark.parametrize("mode", ["zero", "periodization"])
def test_scores_are_differentiable_in_the_filter_and_the_signal(mode, network):
    model, x, _ = network_and_parts(network)
    options = {"level": 2, "mode": mode, "keep": 12, "batch_size": 8}
    pull = randn(*flat(wavelet_scores(model, x, BROKEN, **options)).shape, seed=2)

    def total(h, x, **more):
        return (pull * flat(wavelet_scores(model, x, h, **options, **more))).sum()

    h, x = BROKEN.clone().requires_grad_(), x.requires_grad_()
    in_h, in_x = torch.autograd.grad(total(h, x, create_graph=True), [h, x])
    steps = 1e-6 * torch.eye(4, dtype=torch.float64)
    want = [((total(h + d, x) - total(h - d, x)) / 2e-6).item() for d in steps]
    assert_allclose(in_h, want, rtol=1e-6, atol=1e-7)
    along = 1e-6 * randn(*x.shape, seed=3)
    want = (total(h, x + along) - total(h, x - along)).item() / 2
    assert (in_x * along).sum().item() == pytest.approx(want, rel=1e-6)


def test_a_graph_is_kept_only_if_asked():
    model, x, _ = network_and_parts("feed-forward")
    h = VALID.clone().requires_grad_()
    assert not any(c.requires_grad for c in wavelet_scores(model, x, h, level=1))
    assert all(c.requires_grad for c in wavelet_scores(model, x, h, level=1, create_graph=True))


# --- refusals ------------------------------------------------------------------------------------


class Heir(nn.Linear):
    """May compute anything."""


@pytest.mark.parametrize(
    ("model", "name"),
    [(nn.GELU(), "GELU"), (nn.Sequential(nn.Flatten(), nn.Softmax(1)), "Softmax"),
     (Heir(4, 1), "Heir"), (torch.relu, "builtin_function_or_method")],
    ids=["layer", "inside", "heir", "function"],
)  # fmt: skip
def test_unknown_layers_are_refused(model, name):
    x = randn(2, 4)
    model = model.eval() if isinstance(model, nn.Module) else model
    with pytest.raises(ValueError, match=f"no rule for {name}; it knows FeedForward, Clathrin"):
        decompose(model, x, x)


def test_what_decompose_refuses():
    model, x = ready(FeedForward(4)), randn(2, 1, 4)
    with pytest.raises(ValueError, match=r"must have one shape, not \(2, 1, 4\) and \(1, 1, 4\)"):
        decompose(model, x, x[:1])
    model.layers[1].train()
    with pytest.raises(ValueError, match=r"in training mode: call model\.eval\(\) first"):
        decompose(model, x, x)
    loose = nn.BatchNorm2d(1, track_running_stats=False).double().eval()
    with pytest.raises(ValueError, match="without running statistics mixes the examples"):
        decompose(loose, x[None], x[None])


def test_what_wavelet_scores_refuses():
    model, x = ready(nn.Sequential(nn.Flatten(), nn.Linear(9, 3))), randn(2, 1, 9)
    for target in (3, -4):
        with pytest.raises(ValueError, match=f"target {target} does not exist: .* 3 outputs"):
            wavelet_scores(model, x, VALID, level=1, target=target)
    for keep in (0, 13):
        with pytest.raises(ValueError, match=f"between 1 and the 12 coefficients, not {keep}"):
            wavelet_scores(model, x, VALID, level=1, keep=keep)
    with pytest.raises(ValueError, match=r"takes one filter of shape \(taps,\), not \(1, 4\)"):
        wavelet_scores(model, x, VALID[None], level=1)
    with pytest.raises(ValueError, match=r"x must be .* not of shape"):
        wavelet_scores(model, x[0], VALID, level=1)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        wavelet_scores(model, x, VALID, level=1, batch_size=0)
    x[1, 0, 3] = torch.nan
    with pytest.raises(ValueError, match="scores are not finite for 1 of 2 examples"):
        wavelet_scores(model, x, VALID, level=1)
    with pytest.raises(ValueError, match=r"must return \(batch,\) or \(batch, outputs\), not"):
        wavelet_scores(ready(nn.Sequential(nn.ReLU())), randn(2, 1, 9), VALID, level=1)
