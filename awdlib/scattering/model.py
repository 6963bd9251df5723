"""Scattering coefficients below a linear head, and how well its outputs do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from awdlib.ledger import load_state, state_of
from awdlib.scattering.pooling import pooled
from awdlib.scattering.transform import Scattering


class ScatteringModel(nn.Module):
    """Scattering coefficients, pooled and standardised, and a linear head.

    Parameters
    ----------
    scattering : Scattering
    outputs : int
        Classes, or targets of a regression.
    inputs : int
        Channels of an input (colours); inputs of one may come without that dimension.
    pool : str
        As of `awdlib.scattering.pooling.pooled`.
    """

    def __init__(
        self, scattering: Scattering, outputs: int, *, inputs: int = 1, pool: str = "log-mean"
    ):
        super().__init__()
        self.scattering, self.pool = scattering, pool
        with torch.no_grad():
            features = self.features(torch.zeros(1, inputs, *scattering.shape))
        self._per_channel = features.shape[1] // len(scattering.channels)
        self.head = nn.Linear(features.shape[1], outputs).double()
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(features.shape[1]).double())
        self.register_buffer("spread", torch.ones(features.shape[1]).double())
        # Of a regression's targets; 0 and 1 for classes.
        self.centre: Tensor
        self.unit: Tensor
        self.register_buffer("centre", torch.zeros(outputs).double())
        self.register_buffer("unit", torch.ones(outputs).double())

    def features(self, x: Tensor) -> Tensor:
        """(batch, *shape) or (batch, inputs, *shape) to (batch, features), not standardised."""
        return pooled(self.scattering(x), self.scattering.dims, self.pool)

    @property
    def channel_of_feature(self) -> np.ndarray:
        """Number of the scattering channel that each feature comes from."""
        return np.repeat(np.arange(len(self.scattering.channels)), self._per_channel)

    def apply_head(self, features: Tensor) -> Tensor:
        """Features, not standardised, to outputs: (batch, outputs)."""
        z = ((features - self.mean) / self.spread).to(self.head.weight.dtype)
        return self.head(z) * self.unit + self.centre

    def forward(self, x: Tensor) -> Tensor:
        """(batch, *shape) or (batch, inputs, *shape) to logits or predictions (batch, outputs)."""
        return self.apply_head(self.features(x))

    def start(self, features: Tensor, y: Tensor, seed: int) -> None:
        """Standardise by these training features and targets, and draw a small head.

        The standardisation then stays: as the head is linear it sets where learning starts and how
        fast it goes, not what can be learned.
        """
        mean, spread = standardisation(features.detach().double())
        self._make_room(len(mean))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.mean, self.spread = mean, spread
            draw = torch.randn(self.head.weight.shape, generator=generator) * 0.01
            self.head.weight.copy_(draw)
            self.head.bias.zero_()
            if y.is_floating_point():
                self.centre, self.unit = standardisation(as_columns(y).double())

    def _make_room(self, features: int) -> None:
        """Have a head for so many features: fewer are left when filters have been removed."""
        if features != self.head.in_features:
            self.head = nn.Linear(features, self.head.out_features).to(self.head.weight)
            self.mean, self.spread = (self.mean.new_zeros(features) for _ in range(2))

    def arrays(self) -> dict[str, np.ndarray]:
        """Which filters there are, and all that was learned; `restore` is the way back."""
        return {"keep": np.array(self.scattering.keep), **state_of(self)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Become the model that told its `arrays`; it has equal banks and outputs."""
        self.scattering.keep = arrays["keep"].tolist()
        self._make_room(len(arrays["mean"]))
        load_state(self, {name: a for name, a in arrays.items() if name != "keep"})


def standardisation(a: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each column; 1 for a column that is constant."""
    spread = a.std(0, correction=0)
    return a.mean(0), torch.where(spread > 1e-12, spread, 1.0)


def as_columns(y: Tensor) -> Tensor:
    """(examples,) to (examples, 1)."""
    return y[:, None] if y.ndim == 1 else y


def score(outputs: Tensor, y: Tensor) -> float:
    """Accuracy for classes (integers); R², the mean over targets, for a regression."""
    if not y.is_floating_point():
        return float((outputs.argmax(1) == y).double().mean())
    y = as_columns(y).to(outputs)
    residual, total = ((outputs - y) ** 2).sum(0), ((y - y.mean(0)) ** 2).sum(0)
    return float((1 - residual / total).mean())
