"""The convolutional network that learns from the same crops as the filters, and what it attributes.

It is one of the methods, and the teacher of those that learn from its attributions.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from awdlib import networks
from awdlib.adaptive import judging
from awdlib.adaptive.judging import (
    COPIES,
    Crops,
    coloured,
    draw,
    network_features,
    starts,
    tested,
    turned,
)
from awdlib.adaptive.setup import SCATTERING, Size
from awdlib.datasets import images, textures
from awdlib.datasets.textures import TEXTURES
from awdlib.ledger import joined, load_state, state_of
from awdlib.networks import SmallCNN
from awdlib.threads import one_thread, reuse_memory

CODE = (*SCATTERING, networks, images, textures, judging, sys.modules[__name__])


class Turning(nn.Module):
    """A network of grey crops, each batch of which is turned at random while it is trained."""

    def __init__(self, network: SmallCNN, seed: int):
        super().__init__()
        self.network, self._turns = network, np.random.default_rng(seed)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, side, side) to logits (batch, classes)."""
        if self.training:
            x = turned(x, int(self._turns.integers(COPIES)))
        return self.network(coloured(x))


def network_for(crops: Crops, seed: int, size: Size) -> SmallCNN:
    """A convolutional network trained on the crops: of as many tries as filters get, the best.

    The number of steps is the same for all numbers of crops, up to one pass through them. The step
    length falls to zero, so all of them are made; the weights of the best pass are kept.
    """
    batch = 16
    epochs = -(-size.network_updates // -(-len(crops.x) // batch))
    best: tuple[float, SmallCNN] | None = None
    for start in starts(seed, size):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(start)
            network = SmallCNN(len(TEXTURES)).to(size.dtype)
        curve = networks.train(
            Turning(network, start), crops.x, crops.y, crops.x_held, crops.y_held, seed=start,
            epochs=epochs, patience=epochs, batch_size=batch, lr=2e-3,
            loss=nn.functional.cross_entropy, anneal=True,
        )  # fmt: skip
        if best is None or min(curve) < best[0]:
            best = min(curve), network
    assert best is not None
    return best[1]


def teach(count: int, seed: int, size: Size) -> dict[str, np.ndarray]:
    """Train the network on so many crops and test it.

    Returns
    -------
    dict of str to numpy.ndarray
        ``state/...``; its ``gradients`` at the training crops (see `attributions`); ``correct``
        (test crops,) by a ridge head on its features as all methods have one, and ``own`` by its
        own head.
    """
    reuse_memory()
    with one_thread():
        crops = draw(count, seed, size)
        network = network_for(crops, seed, size)
        right = tested(partial(network_features, network), crops, size)
        with torch.no_grad():
            own = network(coloured(crops.x_test)).argmax(1) == crops.y_test
        gradients = attributions(network, crops)
    return joined({"state": state_of(network)}) | {
        "gradients": gradients.numpy(), "correct": right, "own": own.numpy(),
    }  # fmt: skip


def network_of(state: Mapping[str, np.ndarray], size: Size) -> SmallCNN:
    """The network whose ``state`` `teach` gave, in evaluation mode."""
    network = SmallCNN(len(TEXTURES)).to(size.dtype)
    load_state(network, state)
    return network.eval()


def attributions(network: SmallCNN, crops: Crops) -> Tensor:
    """Gradient of each training crop's own logit by the crop, of its shape.

    Of the network's mean over all turns of a crop: this mean does not change when the crop turns,
    so its gradients turn with the crop.
    """
    parts = []
    for some, y in zip(crops.x.split(128), crops.y.split(128), strict=True):
        x = some.clone().requires_grad_()
        logits = torch.stack([network(coloured(turned(x, k))) for k in range(COPIES)]).mean(0)
        own = logits.gather(1, y[:, None]).sum()  # no crop has a part in another's logit
        parts.append(torch.autograd.grad(own, x)[0])
    return torch.cat(parts)
