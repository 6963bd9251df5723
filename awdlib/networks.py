"""The teachers: networks that are distilled, and how they are trained."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from awdlib.adam import Adam


class ClathrinLSTM(nn.Module):
    """The paper's network for clathrin tracks: one LSTM layer read at its last step.

    The authors' code feeds 40 steps of one value to 20 hidden units; App. C says "input of size
    40", "hidden size of 40": taken by the word, one step of 40 values.

    Parameters
    ----------
    hidden : int
        Hidden units.
    inputs : int
        Consecutive values fed at each step.
    """

    def __init__(self, hidden: int = 20, inputs: int = 1):
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 1, time) to (batch,); time must be a multiple of `inputs`."""
        states, _ = self.lstm(x.unflatten(-1, (-1, self.lstm.input_size))[:, 0])
        return self.fc(states[:, -1])[:, 0]


def lstm_from_state(state: Mapping[str, torch.Tensor]) -> ClathrinLSTM:
    """The network whose weights are given, in evaluation mode, of the weights' type.

    Parameters
    ----------
    state : mapping
        ``lstm.weight_ih_l0`` and so on; the linear layer may have any name.

    Raises
    ------
    ValueError
        If the tensors are not those of one LSTM layer and one linear layer.
    """
    linear = {k.rsplit(".", 1)[-1]: v for k, v in state.items() if not k.startswith("lstm.")}
    tensors = {k: v for k, v in state.items() if k.startswith("lstm.")}
    tensors |= {f"fc.{k}": v for k, v in linear.items()}
    expected = set(ClathrinLSTM(1).state_dict())
    if set(tensors) != expected:
        raise ValueError(f"these weights are not a ClathrinLSTM's: {sorted(state)}")
    model = ClathrinLSTM(tensors["lstm.weight_hh_l0"].shape[1])
    model.load_state_dict(tensors)
    return model.to(next(iter(tensors.values())).dtype).eval()


class FeedForward(nn.Module):
    """Fully connected ReLU network, inputs to widths to one output (App. B: 64-32-32-1)."""

    def __init__(self, inputs: int, widths: tuple[int, ...] = (32, 32)):
        super().__init__()
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.Linear(inputs, width), nn.ReLU()]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 1, time) to (batch,)."""
        return self.layers(x.flatten(1))[:, 0]


class SmallCNN(nn.Module):
    """A classifier of small images: four times convolution, normalisation, pooling by two, ReLU.

    Largest values are taken before the ReLU: the same numbers from a quarter of the work.

    Parameters
    ----------
    classes : int
    widths : tuple of int
        Channels of the convolutions (3 × 3).
    """

    def __init__(self, classes: int, widths: tuple[int, ...] = (16, 32, 48, 64)):
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in widths:
            layers += [
                nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.MaxPool2d(2),
                nn.ReLU(),
            ]  # fmt: skip
            before = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)
        channels_last(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3, height, width) to logits (batch, classes)."""
        return self.head(self.body(x).mean((2, 3)))

    def folded(self) -> "SmallCNN":
        """The same function in evaluation mode, normalisations inside convolutions: faster."""
        found = deepcopy(self).eval()
        for k, (before, layer) in enumerate(pairwise(found.body), 1):
            if isinstance(before, nn.Conv2d) and isinstance(layer, nn.BatchNorm2d):
                found.body[k - 1] = fuse_conv_bn_eval(before, layer)
                found.body[k] = nn.Identity()
        channels_last(found)
        return found


def channels_last(model: nn.Module) -> None:
    """Store the weights of convolutions channels last, in place: a third faster on a CPU.

    Only where every convolution has a multiple of 16 outputs: with 8, oneDNN (torch 2.13) writes
    beyond its memory on the way back, and the process dies.
    """
    weights = [weight for weight in model.parameters() if weight.ndim == 4]
    if all(weight.shape[0] % 16 == 0 for weight in weights):
        for weight in weights:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def train(
    model: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    x_held: torch.Tensor,
    y_held: torch.Tensor,
    *,
    seed: int,
    epochs: int = 200,
    patience: int = 20,
    batch_size: int = 100,
    lr: float = 1e-2,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = nn.functional.mse_loss,
    anneal: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[float]:
    """Train with Adam, and keep the weights that do best on held-out examples.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place; left in evaluation mode.
    x, y : torch.Tensor
        Training examples (examples, ...) and targets (examples,).
    x_held, y_held : torch.Tensor
        For early stopping: held-out *training* examples, never test ones.
    seed : int
        Of the shuffling. The weights' start is the caller's.
    patience : int
        Epochs without improvement after which to stop.
    loss : callable
        Of (outputs, targets); the mean squared error by default.
    anneal : bool
        Let the step length fall to zero along a cosine over all epochs.

    Returns
    -------
    list of float
        Held-out loss after each epoch.

    Raises
    ------
    ValueError
        If the loss stops being finite.
    """
    # torch.optim would load its compiler first: five seconds in every process.
    adams = [(p, Adam(p, lr)) for p in model.parameters()]
    best, best_state, curve = float("inf"), model.state_dict(), []
    for epoch in range(epochs):
        model.train()
        order = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(len(x)))
        for k, index in enumerate(order.split(batch_size)):
            index = index.to(x.device)
            if anneal:
                share = (epoch + k * batch_size / len(x)) / epochs
                for _, adam in adams:
                    adam.lr = lr * (1 + np.cos(np.pi * share)) / 2
            value = loss(model(x[index]), y[index])
            gradients = torch.autograd.grad(value, [p for p, _ in adams])
            for (_, adam), gradient in zip(adams, gradients, strict=True):
                adam.step(gradient)
        model.eval()
        with torch.no_grad():
            outputs = torch.cat([model(some) for some in x_held.split(1024)])
            held = loss(outputs, y_held).item()
        if not np.isfinite(held):
            raise ValueError(f"training diverged in epoch {epoch + 1}: lower lr")
        curve.append(held)
        if progress:
            progress(epoch + 1, epochs)
        if held < best:
            best = held
            best_state = {k: v.detach().clone() for k, v in model.state_dict().items()}
        elif epoch - int(np.argmin(curve)) >= patience:
            break
    model.load_state_dict(best_state)
    model.eval()
    return curve


def count_parameters(model: nn.Module) -> int:
    """Number of trainable numbers."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
