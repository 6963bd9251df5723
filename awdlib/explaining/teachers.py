"""The networks that are explained: one reads a shape, one a texture, one names photographs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from awdlib import networks
from awdlib.datasets import images
from awdlib.explaining.setup import SIDE, Size, Study
from awdlib.ledger import Ledger, code_hash, gather
from awdlib.networks import SmallCNN
from awdlib.progress import progress
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
    state = {name: value.contiguous().numpy() for name, value in network.state_dict().items()}
    return state | {"accuracy": (said == y_test).double().mean().numpy()}


def state_of(teacher: Teacher) -> dict[str, np.ndarray]:
    """A network's weights as arrays, from which `network_of` makes it again."""
    return {k: v.contiguous().numpy() for k, v in teacher.network.state_dict().items()}


def network_of(kind: str, state: dict[str, Any]) -> SmallCNN:
    """The network whose weights `train` gave, in evaluation mode."""
    tensors = {k: torch.from_numpy(np.asarray(v)) for k, v in state.items() if k != "accuracy"}
    network = SmallCNN(len(LABELS[kind])).to(tensors["head.weight"].dtype)
    network.load_state_dict(tensors)
    networks.channels_last(network)
    return network.eval()


def teach(study: Study) -> dict[str, Teacher]:
    """A network of every kind of `LABELS`."""
    size = study.size
    parts = ("train", "held", "epochs", "tested", "seed")
    config = {name: getattr(size, name) for name in parts}
    code = code_hash(networks, images, sys.modules[__name__])
    config |= {"work": "classifiers", "code": code, "dtype": str(size.dtype)}
    states = gather(
        Ledger(study.ledger, config) if study.ledger else None,
        [({"kind": kind}, (kind, size)) for kind in LABELS],
        train, executor=study.executor, progress=progress("networks"),
    )  # fmt: skip
    return {
        kind: Teacher(network_of(kind, state), float(state["accuracy"]))
        for kind, state in zip(LABELS, states, strict=True)
    }
