"""Classify textures from few examples: fixed and learned scattering, AWD's wavelet, a network.

Every method sees the same labelled crops: n of each texture to learn from and n/4 for early
stopping and choices, cut from other parts of the pictures. Test crops come from a third part.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from awdlib import attribution, losses, networks, objective
from awdlib.adaptive.setup import METHODS, Size, Study
from awdlib.datasets import textures
from awdlib.datasets.textures import TEXTURES
from awdlib.distill import distill
from awdlib.ledger import Ledger, code_hash, gather
from awdlib.networks import SmallCNN
from awdlib.progress import progress
from awdlib.scattering import banks, heads, learn, morlet, orthogonal, spectra, transform
from awdlib.scattering.banks import Bank
from awdlib.scattering.heads import RidgeHead
from awdlib.scattering.learn import ScatteringModel
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.orthogonal import LatticeTaps, Orthogonal2d
from awdlib.scattering.transform import Scattering2d
from awdlib.threads import one_thread, reuse_memory

TEST_SEED = 0  # of the test crops, which are the same for all
LAM, GAMMA = 0.005, 0.05  # of AWD: the middle and the end of the published grid for images
ALPHAS = (0.1, 1.0, 10.0, 100.0)  # of the ridge heads
LR = 3e-2  # of filters: their parameters are logarithms and angles


@dataclass(frozen=True)
class Crops:
    """Labelled crops to learn from, to choose by, and to test on; x is (n, 1, height, width)."""

    x: Tensor
    y: Tensor
    x_held: Tensor
    y_held: Tensor
    x_test: Tensor
    y_test: Tensor


def draw(count: int, seed: int, size: Size) -> Crops:
    """Crops for `count` labelled ones of each texture."""
    options: dict[str, Any] = {"size": size.pixels}
    parts = [
        textures.crops(count, seed=seed, split="train", **options),
        textures.crops(max(1, count // 4), seed=seed, split="held", **options),
        textures.crops(size.test, seed=TEST_SEED, split="test", **options),
    ]
    return Crops(*[a for x, y in parts for a in (x.to(size.dtype), y)])


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


def fit(method: str, crops: Crops, seed: int, size: Size) -> Fit:
    """The filters of a method of `METHODS` that has any."""
    if method == "fixed":
        return Fit(model_of(bank_of(method, size), size))
    if method == "orthogonal":
        return learned(crops, Orthogonal2d(size.scales, "db4"), seed, size)
    if method in ("rotated", "each"):
        return learned(crops, bank_of(method, size), seed, size)
    gradients = attributions(network_for(crops, seed, size), crops)
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
    sets = features_of(model, crops)
    scores = [
        RidgeHead(sets[0], crops.y, sets[1], crops.y_held, alpha=alpha).score() for alpha in ALPHAS
    ]
    return RidgeHead(sets[0], crops.y, sets[2], crops.y_test, alpha=ALPHAS[int(np.argmax(scores))])


def features_of(model: ScatteringModel, crops: Crops) -> list[Tensor]:
    """Features of the training, the held-out and the test crops."""
    with torch.no_grad():
        return [
            torch.cat([model.features(some) for some in x.split(128)]).double()
            for x in (crops.x, crops.x_held, crops.x_test)
        ]


def classify(method: str, count: int, seed: int, size: Size) -> dict[str, np.ndarray]:
    """Teach one method and test it.

    Returns
    -------
    dict of str to numpy.ndarray
        ``correct`` (test crops,), ``seconds``, ``littlewood_paley`` (the largest sum after any
        step; 0 where no filter learned), ``gamma`` that was chosen, and the parameters of the
        filters, ``bank_...``.
    """
    reuse_memory()
    began = time.perf_counter()
    with one_thread():
        crops = draw(count, seed, size)
        extra: dict[str, np.ndarray] = {}
        if method == "cnn":
            network = network_for(crops, seed, size)
            with torch.no_grad():
                outputs = network(coloured(crops.x_test))
        else:
            found = fit(method, crops, seed, size)
            outputs = head_for(found.model, crops).predict()
            sums = found.history.littlewood_paley if found.history else np.zeros(1)
            extra = {"littlewood_paley": sums.max(), "gamma": np.array(found.gamma)}
            bank = found.model.scattering.bank
            extra |= {f"bank_{name}": v.numpy() for name, v in bank.state_dict().items()}
    return {
        "correct": (outputs.argmax(1) == crops.y_test).numpy(),
        "seconds": np.array(time.perf_counter() - began), **extra,
    }  # fmt: skip


CODE = (
    attribution, banks, heads, learn, losses, morlet, networks, objective, orthogonal, spectra,
    textures, transform,
    sys.modules[distill.__module__], sys.modules[__name__],
)  # fmt: skip


@dataclass(frozen=True)
class Curves:
    """Learning curves of every method.

    Attributes
    ----------
    correct : dict of method to numpy.ndarray of bool, shape (counts, seeds, test crops)
    pieces : dict of (method, count, seed) to what `classify` gave
    """

    correct: dict[str, np.ndarray]
    pieces: dict[tuple[str, int, int], dict[str, np.ndarray]]


def learning_curves(study: Study) -> Curves:
    """Teach every method on every number of crops and for every seed."""
    size = study.size
    parts = (
        "pixels", "test", "scales", "orientations", "epochs", "network_epochs", "distil_epochs",
        "gammas",
    )  # fmt: skip
    config = {name: getattr(size, name) for name in parts}
    config |= {"work": "textures", "code": code_hash(*CODE), "dtype": str(size.dtype)}
    keys = [(m, n, s) for m in METHODS for n in size.counts for s in size.seeds]
    tasks = [({"method": m, "count": n, "seed": s}, (m, n, s, size)) for m, n, s in keys]
    found = gather(
        Ledger(study.ledger, config) if study.ledger else None, tasks, classify,
        executor=study.executor, progress=progress("learning curves"),
    )  # fmt: skip
    pieces = dict(zip(keys, found, strict=True))
    correct = {
        m: np.array([[pieces[m, n, s]["correct"] for s in size.seeds] for n in size.counts])
        for m in METHODS
    }
    return Curves(correct, pieces)


def bank_with(piece: Mapping[str, np.ndarray], method: str, size: Size) -> Bank:
    """The filters that a method of Morlet wavelets has learned."""
    bank = bank_of(method, size)
    state = {
        name.removeprefix("bank_"): torch.from_numpy(np.asarray(value))
        for name, value in piece.items()
        if name.startswith("bank_")
    }
    bank.load_state_dict(state)
    return bank
