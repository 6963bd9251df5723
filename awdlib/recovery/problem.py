"""The problems with a known wavelet: data, the network that learned them, and its gradients."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from awdlib import adam, attribution, controls, dwt, filters, metrics, networks, selection
from awdlib.datasets import synthetic
from awdlib.ledger import Ledger, code_hash, gather
from awdlib.networks import FeedForward
from awdlib.progress import progress
from awdlib.threads import one_thread

LENGTH, LEVEL = 64, 4
# What a network's numbers depend on.
CODE = (sys.modules[__name__], synthetic, controls, networks, adam, filters, dwt)


@dataclass(frozen=True)
class Setting:
    """What is planted, and how well it can be seen. The defaults are the paper's (Sec. 4.1).

    Attributes
    ----------
    truth : str
        A PyWavelets name, or ``"random"`` and a number: an orthonormal filter of ten taps, the
        control of every chapter.
    band, shift : int
        Where β is 2, see `awdlib.datasets.synthetic.make_synthetic`.
    noise : float
        Standard deviation of ε.
    n : int
        Training examples.
    held : int
        Validation examples, and as many test examples.
    epochs : int
        Of the network's training (the paper's are 20).
    """

    truth: str = "db5"
    band: int = 2
    shift: int = 0
    noise: float = 0.1
    n: int = 50_000
    held: int = 5_000
    epochs: int = 20

    @property
    def h(self) -> torch.Tensor:
        """The true lowpass filter, (taps,)."""
        if self.truth.startswith("random"):
            # Far from the seeds that searches start from.
            number = int(self.truth.removeprefix("random"))
            return controls.random_wavelets(1, 10, seed=9_000_000 + number)[0]
        return filters.lowpass(self.truth)


@dataclass(frozen=True)
class Problem:
    """One draw of a setting with its network.

    Attributes
    ----------
    setting : Setting
    seed : int
        Of the data, of the network's start and of its shuffling.
    x, y, gradients : torch.Tensor, shapes (n, 1, 64), (n,), (n, 1, 64)
        Training examples, and the network's gradient at each.
    x_held, y_held, gradients_held : torch.Tensor
        Validation examples: they pick the network's epoch, and serve the choice of a filter by
        somebody who does not know the truth.
    x_test, y_test : torch.Tensor
    network : torch.nn.Module
    r2 : float
        Of the network on the test examples.
    """

    setting: Setting
    seed: int
    x: torch.Tensor
    y: torch.Tensor
    gradients: torch.Tensor
    x_held: torch.Tensor
    y_held: torch.Tensor
    gradients_held: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor
    network: FeedForward
    r2: float


def train(setting: Setting, seed: int, dtype: torch.dtype) -> dict[str, np.ndarray]:
    """Weights of the 64-32-32-1 network of App. B, trained on one draw of a setting."""
    x, y = _draw(setting, seed, dtype)
    n, held = setting.n, setting.n + setting.held
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = FeedForward(LENGTH).to(dtype)
    with one_thread():
        networks.train(
            network, x[:n], y[:n], x[n:held], y[n:held], seed=seed, epochs=setting.epochs
        )
    return {name: value.numpy() for name, value in network.state_dict().items()}


def problems(
    settings: Sequence[tuple[Setting, int]],
    *,
    dtype: torch.dtype,
    ledger: Path | None = None,
    executor: Executor | None = None,
) -> list[Problem]:
    """Draw settings with their seeds, and train a network on each (kept in the ledger).

    Parameters
    ----------
    settings : sequence of (Setting, seed)
    dtype : torch.dtype
        Of data and network.
    ledger, executor
        As of `awdlib.sweep.sweep`.
    """
    book = Ledger(ledger, {"network": str(dtype), "code": code_hash(*CODE)}) if ledger else None
    tasks = [({"setting": asdict(one), "seed": seed}, (one, seed, dtype)) for one, seed in settings]
    weights = gather(book, tasks, train, executor=executor, progress=progress("networks"))
    return [
        _assemble(one, seed, dtype, found)
        for (one, seed), found in zip(settings, weights, strict=True)
    ]


def _draw(setting: Setting, seed: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    data = synthetic.make_synthetic(
        setting.n + 2 * setting.held, seed=seed, wavelet=setting.h, length=LENGTH, level=LEVEL,
        band=setting.band, shift=setting.shift, noise=setting.noise,
    )  # fmt: skip
    return data.x.to(dtype), data.y.to(dtype)


def _assemble(
    setting: Setting, seed: int, dtype: torch.dtype, weights: dict[str, np.ndarray]
) -> Problem:
    x, y = _draw(setting, seed, dtype)
    network = FeedForward(LENGTH).to(dtype)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    network.eval()
    n, held = setting.n, setting.n + setting.held
    with one_thread():
        slopes = attribution.input_gradients(network, x[:held], batch_size=1000)
        prediction = selection.predict(network, x[held:])
    return Problem(
        setting, seed, x[:n], y[:n], slopes[:n], x[n:held], y[n:held], slopes[n:], x[held:],
        y[held:], network, metrics.r2_score(y[held:].numpy(), prediction),
    )  # fmt: skip
