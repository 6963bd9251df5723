"""The networks that are distilled: who trains on what, and what is asked of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from awdlib import attribution, networks, selection
from awdlib.datasets import cme
from awdlib.datasets.tracks import Tracks
from awdlib.selection import Signals
from awdlib.threads import one_thread


def train_lstm(
    signals: Signals,
    *,
    seed: int,
    hidden: int = 20,
    inputs: int = 1,
    epochs: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> networks.ClathrinLSTM:
    """An LSTM trained on all training cells but the last, which stops it early.

    With cells 7 and 8 to test: trained on 1 to 5, stopped on 6. It never sees test cells.

    Parameters
    ----------
    signals : Signals
    seed : int
        Of the weights' start and of the shuffling.
    hidden, inputs : int
        Of `awdlib.networks.ClathrinLSTM`.
    epochs : int
        At most.

    Raises
    ------
    ValueError
        If there is only one training cell.
    """
    if len(np.unique(signals.group)) < 2:
        raise ValueError("an LSTM needs two training cells: one to learn from, one to stop on")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = networks.ClathrinLSTM(hidden, inputs).to(signals.x)
    held = torch.from_numpy(signals.group == signals.group.max()).to(signals.x.device)
    y = torch.from_numpy(signals.y).to(signals.x)
    with one_thread():
        networks.train(
            model, signals.x[~held], y[~held], signals.x[held], y[held],
            seed=seed, epochs=epochs, progress=progress,
        )  # fmt: skip
    return model


@dataclass(frozen=True)
class Teacher:
    """Networks to distil, and their gradients: one network, or one for every seed.

    Attributes
    ----------
    networks : list of torch.nn.Module
    gradients, gradients_test : torch.Tensor, shape of the signals or (networks, *that)
        With respect to training and test tracks.
    prediction : numpy.ndarray, shape (networks, tests)
    """

    networks: list[torch.nn.Module]
    gradients: torch.Tensor
    gradients_test: torch.Tensor
    prediction: np.ndarray

    def of(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients at training and test tracks, of the network that the k-th seed distils.

        More members than networks are given the networks in turn.
        """
        if len(self.networks) == 1:
            return self.gradients, self.gradients_test
        return self.gradients[k % len(self.networks)], self.gradients_test[k % len(self.networks)]


def teacher_of(models: Sequence[torch.nn.Module], signals: Signals) -> Teacher:
    """The teacher that these networks make: asked once for everything that is needed of them."""
    with one_thread():
        train, test = (
            torch.stack([attribution.input_gradients(m, x) for m in models])
            for x in (signals.x, signals.x_test)
        )
        prediction = np.stack([selection.predict(m, signals.x_test) for m in models])
    if len(models) == 1:
        train, test = train[0], test[0]
    return Teacher(list(models), train, test, prediction.astype(np.float64))


def authors_network(tracks: Tracks, signals: Signals) -> networks.ClathrinLSTM | None:
    """The authors' network, for real tracks: it was made for them. None for others."""
    if tracks.source != "real":
        return None
    return networks.lstm_from_state(cme.authors_lstm()).to(signals.x)


def train_teacher(
    signals: Signals,
    seeds: Sequence[int],
    *,
    epochs: int,
    hidden: int = 20,
    inputs: int = 1,
    executor: Executor | None = None,
) -> Teacher:
    """`train_lstm` with every seed, and the teacher that these networks make."""
    options: dict[str, Any] = {"epochs": epochs, "hidden": hidden, "inputs": inputs}
    if executor is None:
        models = [train_lstm(signals, seed=s, **options) for s in seeds]
    else:
        waiting = [executor.submit(train_lstm, signals, seed=s, **options) for s in seeds]
        models = [future.result() for future in waiting]
    return teacher_of(models, signals)
