"""Classify textures from few examples: fixed and learned scattering, AWD's wavelet, a network.

Every method sees the same labelled crops: n of each texture to learn from and n/4 for early
stopping and choices, cut from other parts of the pictures. Test crops come from a third part.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from awdlib import adam, attribution, networks
from awdlib.adaptive.setup import METHODS, SCATTERING, Size, Study
from awdlib.datasets import images, textures
from awdlib.datasets.textures import TEXTURES
from awdlib.distill import distill
from awdlib.ledger import array_hash, joined, load_state, part, state_of
from awdlib.networks import SmallCNN
from awdlib.scattering import learn
from awdlib.scattering.banks import Bank
from awdlib.scattering.heads import RidgeHead
from awdlib.scattering.learn import ScatteringModel
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.orthogonal import LatticeTaps, Orthogonal2d
from awdlib.scattering.transform import Scattering2d
from awdlib.sweep import NUMERICS
from awdlib.threads import one_thread, reuse_memory

TEST_SEED = 0  # of the test crops, which are the same for all
LAM, GAMMA = 0.005, 0.05  # of AWD: the middle and the end of the published grid for images
ALPHAS = (0.1, 1.0, 10.0, 100.0)  # of the ridge heads
LR = 3e-2  # of filters: their parameters are logarithms and angles
ATTRIBUTED = ("distilled", "awd")  # methods that learn from the network's attributions
NETWORK = (adam, networks, images, textures, sys.modules[__name__])
CODE = (*NUMERICS, *SCATTERING, *NETWORK)


@dataclass(frozen=True)
class Crops:
    """Labelled crops to learn from, to choose by, and to test on; x is (n, 1, height, width)."""

    x: Tensor
    y: Tensor
    x_held: Tensor
    y_held: Tensor
    x_test: Tensor
    y_test: Tensor


def cut(split: str, count: int, seed: int, size: Size) -> tuple[Tensor, Tensor]:
    """Crops of one split, where `count` of each texture are labelled to learn from."""
    many = {"train": count, "held": max(1, count // 4), "test": size.test}[split]
    own = TEST_SEED if split == "test" else seed
    x, y = textures.crops(many, seed=own, split=split, size=size.pixels)
    return x.to(size.dtype), y


def draw(count: int, seed: int, size: Size) -> Crops:
    """Crops for `count` labelled ones of each texture."""
    return Crops(*cut("train", count, seed, size), *cut("held", count, seed, size),
                 *cut("test", count, seed, size))  # fmt: skip


def model_of(bank: Bank, size: Size) -> ScatteringModel:
    """A scattering transform by a bank, and a linear head for all textures."""
    scattering = Scattering2d((size.pixels, size.pixels), bank, rescale=True)
    return ScatteringModel(scattering, len(TEXTURES))


def network_for(crops: Crops, seed: int, size: Size) -> SmallCNN:
    """A convolutional network trained on the crops."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SmallCNN(len(TEXTURES)).to(size.dtype)
    networks.train(
        network, coloured(crops.x), crops.y, coloured(crops.x_held), crops.y_held, seed=seed,
        epochs=size.network_epochs, patience=size.network_epochs, batch_size=16, lr=2e-3,
        loss=nn.functional.cross_entropy, anneal=True,
    )  # fmt: skip
    return network


def teach(count: int, seed: int, size: Size) -> dict[str, np.ndarray]:
    """Train the network on so many crops and test it: ``state/...`` and ``correct``."""
    reuse_memory()
    with one_thread():
        crops = draw(count, seed, size)
        network = network_for(crops, seed, size)
        with torch.no_grad():
            right = network(coloured(crops.x_test)).argmax(1) == crops.y_test
    return joined({"state": state_of(network)}) | {"correct": right.numpy()}


def network_of(state: Mapping[str, np.ndarray], size: Size) -> SmallCNN:
    """The network whose ``state`` `teach` gave, in evaluation mode."""
    network = SmallCNN(len(TEXTURES)).to(size.dtype)
    load_state(network, state)
    return network.eval()


def coloured(x: Tensor) -> Tensor:
    """Grey images (n, 1, height, width) as the network takes them, with three equal channels."""
    return x.expand(-1, 3, -1, -1)


def attributions(network: SmallCNN, crops: Crops) -> Tensor:
    """Gradient of each training crop's own logit by the crop, of its shape."""

    def grey(x: Tensor) -> Tensor:
        return network(coloured(x))

    found = torch.empty_like(crops.x)
    for k in crops.y.unique().tolist():
        some = crops.y == k
        found[some] = attribution.input_gradients(grey, crops.x[some], target=int(k))
    return found


@dataclass(frozen=True)
class Fit:
    """Filters, and how they were learned: no history where they were not."""

    model: ScatteringModel
    history: learn.History | None = None
    gamma: float = 0.0


def learned(
    crops: Crops, bank: Bank, seed: int, size: Size, gamma: float = 0.0, **options: Any
) -> Fit:
    """Learn filters below a linear head, by backpropagation."""
    model = model_of(bank, size)
    history = learn.fit(
        model, crops.x, crops.y, crops.x_held, crops.y_held, seed=seed, epochs=size.epochs,
        patience=size.epochs, batch_size=32, lr_filters=LR, gamma=gamma, **options,
    )  # fmt: skip
    return Fit(model, history, gamma)


def bank_of(method: str, size: Size) -> Bank:
    """The Morlet wavelets that a method starts from."""
    share = "each" if method == "each" else "rotated"
    return Morlet2d(size.scales, size.orientations, share=share)


def fit(method: str, crops: Crops, seed: int, size: Size, network: SmallCNN | None = None) -> Fit:
    """The filters of a method of `METHODS` that has any; those of `ATTRIBUTED` need a network."""
    if method == "fixed":
        return Fit(model_of(bank_of(method, size), size))
    if method == "orthogonal":
        return learned(crops, Orthogonal2d(size.scales, "db4"), seed, size)
    if method in ("rotated", "each"):
        return learned(crops, bank_of(method, size), seed, size)
    if network is None:
        raise ValueError(f"{method} learns from a network's attributions, and there is none")
    gradients = attributions(network, crops)
    if method == "awd":
        h = distill(
            crops.x, gradients=gradients, lam=LAM, gamma=GAMMA, seed=seed, batch_size=16,
            epochs=size.distil_epochs, level=size.scales, parametrisation="lattice",
        ).h  # fmt: skip
        return Fit(model_of(Orthogonal2d(size.scales, LatticeTaps(h.double())), size), gamma=GAMMA)
    tried = [
        learned(crops, bank_of(method, size), seed, size, gamma, gradients=gradients)
        for gamma in size.gammas
    ]
    return min(tried, key=lambda one: one.history.held_loss.min() if one.history else np.inf)


def head_for(model: ScatteringModel, crops: Crops) -> RidgeHead:
    """A ridge regression on the model's features, with the α that held-out crops choose.

    All filters get such a head, learned or not: what differs then is the filters. Its held-out
    examples are the test crops; nothing but its outputs depends on them.
    """
    train, held, test = (features_of(model, x) for x in (crops.x, crops.x_held, crops.x_test))
    scores = [
        RidgeHead(train, crops.y, held, crops.y_held, alpha=alpha).score() for alpha in ALPHAS
    ]
    return RidgeHead(train, crops.y, test, crops.y_test, alpha=ALPHAS[int(np.argmax(scores))])


def features_of(model: ScatteringModel, x: Tensor) -> Tensor:
    """What a head reads of crops, (crops, features)."""
    with torch.no_grad():
        return torch.cat([model.features(some) for some in x.split(128)]).double()


def classify(
    method: str, count: int, seed: int, size: Size, state: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Teach one method of filters and test it.

    Parameters
    ----------
    state : mapping, optional
        The network's, for methods of `ATTRIBUTED`.

    Returns
    -------
    dict of str to numpy.ndarray
        ``correct`` (test crops,), ``littlewood_paley`` (the largest sum after any step; 0 where no
        filter learned), ``gamma`` that was chosen, and the parameters of the filters, ``bank/...``.
    """
    reuse_memory()
    with one_thread():
        crops = draw(count, seed, size)
        found = fit(method, crops, seed, size, network_of(state, size) if state else None)
        right = head_for(found.model, crops).predict().argmax(1) == crops.y_test
    sums = found.history.littlewood_paley if found.history else np.zeros(1)
    return joined({"bank": state_of(found.model.scattering.bank)}) | {
        "correct": right.numpy(), "littlewood_paley": np.array(sums.max()),
        "gamma": np.array(found.gamma),
    }  # fmt: skip


@dataclass(frozen=True)
class Curves:
    """Learning curves of every method.

    Attributes
    ----------
    correct : dict of method to numpy.ndarray of bool, shape (counts, seeds, test crops)
    pieces : dict of (method, count, seed) to what `classify` gave
    networks : dict of (count, seed) to the network's state
    """

    correct: dict[str, np.ndarray]
    pieces: dict[tuple[str, int, int], dict[str, np.ndarray]]
    networks: dict[tuple[int, int], dict[str, np.ndarray]]


def learning_curves(study: Study) -> Curves:
    """Teach every method on every number of crops and for every seed; each network once."""
    size = study.size
    draws = [(n, s) for n in size.counts for s in size.seeds]
    taught = study.gather(
        "networks", [({"count": n, "seed": s}, (n, s, size)) for n, s in draws], teach,
        code=NETWORK, **size.some("pixels", "test", "network_epochs"),
    )  # fmt: skip
    states = {draw: part(piece, "state") for draw, piece in zip(draws, taught, strict=True)}
    keys = [(m, n, s) for m in METHODS if m != "cnn" for n, s in draws]
    tasks = []
    for m, n, s in keys:
        state = states[n, s] if m in ATTRIBUTED else {}
        key = {"method": m, "count": n, "seed": s, "network": array_hash(*state.values())}
        tasks.append((key, (m, n, s, size, state)))
    found = study.gather(
        "textures", tasks, classify, code=CODE, what="learning curves",
        **size.some("pixels", "test", "scales", "orientations", "epochs", "distil_epochs",
                    "gammas"),
    )  # fmt: skip
    pieces = dict(zip(keys, found, strict=True))
    right = {key: piece["correct"] for key, piece in pieces.items()}
    right |= {("cnn", *d): piece["correct"] for d, piece in zip(draws, taught, strict=True)}
    correct = {
        m: np.array([[right[m, n, s] for s in size.seeds] for n in size.counts]) for m in METHODS
    }
    return Curves(correct, pieces, states)


def bank_with(state: Mapping[str, np.ndarray], method: str, size: Size) -> Bank:
    """The filters that a method of Morlet wavelets has learned: ``bank`` of `classify`."""
    bank = bank_of(method, size)
    load_state(bank, state)
    return bank
