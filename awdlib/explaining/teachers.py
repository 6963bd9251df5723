"""The networks that are explained: one reads a shape, one a texture, one names photographs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from awdlib import networks
from awdlib.datasets import images
from awdlib.explaining.setup import SIDE, Size, Study
from awdlib.ledger import load_state, state_of
from awdlib.networks import SmallCNN
from awdlib.threads import one_thread, reuse_memory

LABELS: dict[str, tuple[str, ...]] = {
    "shape": images.SHAPES, "texture": images.TEXTURES, "photograph": images.PHOTOGRAPHS
}  # fmt: skip
TRAINING, HELD, TESTING, TUNING, JUDGED = range(5)  # seeds of the images
SOONER = 3  # times fewer images do for textures and photographs, which are learned sooner


@dataclass(frozen=True)
class Teacher:
    """A network and how often it is right on test images."""

    network: SmallCNN
    accuracy: float


def examples(kind: str, count: int, seed: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Images and the labels that a kind of network learns."""
    if kind == "photograph":
        x, label = images.crops(count, seed=seed, size=SIDE)
        return x.to(dtype), label
    drawn = images.shapes_on_textures(count, seed=seed, size=SIDE)
    return drawn.x.to(dtype), getattr(drawn, kind)


def train(kind: str, size: Size) -> dict[str, np.ndarray]:
    """Weights of a network of a kind, and its ``accuracy``."""
    reuse_memory()
    count = size.train if kind == "shape" else size.train // SOONER
    x, y = examples(kind, count, TRAINING, size.dtype)
    x_held, y_held = examples(kind, size.held, HELD, size.dtype)
    x_test, y_test = examples(kind, size.tested, TESTING, size.dtype)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(size.seed)
        network = SmallCNN(len(LABELS[kind])).to(size.dtype)
    with one_thread():
        networks.train(
            network, x, y, x_held, y_held, seed=size.seed, epochs=size.epochs, batch_size=32,
            lr=2e-3, loss=nn.functional.cross_entropy, anneal=True,
        )  # fmt: skip
        with torch.no_grad():
            said = torch.cat([network(some).argmax(1) for some in x_test.split(500)])
    return state_of(network) | {"accuracy": (said == y_test).double().mean().numpy()}


def network_of(kind: str, state: Mapping[str, np.ndarray]) -> SmallCNN:
    """The network whose weights `train` gave, in evaluation mode."""
    network = SmallCNN(len(LABELS[kind])).to(torch.from_numpy(state["head.weight"]).dtype)
    load_state(network, {k: v for k, v in state.items() if k != "accuracy"})
    networks.channels_last(network)
    return network.eval()


def teach(study: Study) -> dict[str, Teacher]:
    """A network of every kind of `LABELS`."""
    size = study.size
    states = study.gather(
        "classifiers", [({"kind": kind}, (kind, size)) for kind in LABELS], train,
        code=(networks, images, sys.modules[__name__]), what="networks",
        **size.some("train", "held", "epochs", "tested", "seed"),
    )  # fmt: skip
    return {
        kind: Teacher(network_of(kind, state), float(state["accuracy"]))
        for kind, state in zip(LABELS, states, strict=True)
    }
