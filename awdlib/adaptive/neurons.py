"""Predict simulated V4-like neurons, and read their tuning from what predicts them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from awdlib import metrics
from awdlib import tuning as probing
from awdlib.adaptive.setup import SCATTERING, Size, Study
from awdlib.datasets import neurons as simulator
from awdlib.datasets.neurons import Neurons
from awdlib.datasets.recordings import Recording
from awdlib.ledger import array_hash, joined, part
from awdlib.metrics import noise_corrected_correlation
from awdlib.scattering import learn
from awdlib.scattering.heads import RidgeHead, car, filter_groups
from awdlib.scattering.learn import ScatteringModel
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.transform import Scattering2d
from awdlib.threads import one_thread, reuse_memory
from awdlib.tuning import Tuning, octaves, orientation_error, tuning

SIDE = 32  # of the frames, in pixels
LATENCIES = range(5)  # frames that are tried
ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10000.0)  # of the ridge
SEED = 1  # of neurons, their movies and the learning
LEARNING = (*SCATTERING, simulator, sys.modules[__name__])
CODE = (*LEARNING, metrics, probing)
LABELS = {
    "pixels": "pixels", "fixed": "fixed scattering", "learned": "learned scattering"
}  # fmt: skip
State = Mapping[str, np.ndarray]  # what a model has learned; nothing where it is at its start
Features = Callable[[np.ndarray], Tensor]  # a movie (frames, side, side) to (frames, features)


@dataclass(frozen=True)
class Readout:
    """Linear predictions of every neuron from features of single frames.

    Attributes
    ----------
    features : callable
    mean, spread : torch.Tensor, shape (features,)
        Of the training frames.
    weights : torch.Tensor, shape (features, neurons)
    offset : torch.Tensor, shape (neurons,)
    latency, alpha : numpy.ndarray, shape (neurons,)
        By the held-out movie.
    """

    features: Features
    mean: Tensor
    spread: Tensor
    weights: Tensor
    offset: Tensor
    latency: np.ndarray
    alpha: np.ndarray

    def __call__(self, movie: np.ndarray) -> np.ndarray:
        """Rates in spikes a frame, (frames, neurons), each later than its frame by its latency."""
        now = ((self.features(movie) - self.mean) / self.spread) @ self.weights + self.offset
        found = np.empty(now.shape)
        for k, latency in enumerate(self.latency):
            # before the first frame's response: what its own frame would give
            found[:, k] = now[:, k].numpy()[np.maximum(np.arange(len(now)) - latency, 0)]
        return found


def read_out(features: Features, train: Recording, held: Recording) -> Readout:
    """Fit ridge regressions for every latency and α; keep each neuron's best on the held-out movie.

    Frames whose response begins before the movie count in neither.
    """
    raw, raw_held = features(train.movie), features(held.movie)
    mean, spread = learn.standardisation(raw)
    z, z_held = (raw - mean) / spread, (raw_held - mean) / spread
    y, y_held = (torch.from_numpy(r.spikes.mean(0)).double() for r in (train, held))
    count, none = y.shape[1], z.new_zeros(z.shape[1])
    best = [(np.inf, 0, 0.0, none, none[0]) for _ in range(count)]
    for latency in LATENCIES:
        seen, later = z[: len(z) - latency], y[latency:]
        middle, offset = seen.mean(0), later.mean(0)
        centred = seen - middle
        values, vectors = torch.linalg.eigh(centred.T @ centred)
        onto = vectors.T @ (centred.T @ (later - offset))
        for alpha in ALPHAS:
            weights = vectors @ (onto / (values.clamp_min(0)[:, None] + alpha))
            shift = offset - middle @ weights
            off = z_held[: len(z_held) - latency] @ weights + shift - y_held[latency:]
            error = off.square().mean(0)
            for k in range(count):
                if float(error[k]) < best[k][0]:
                    best[k] = (float(error[k]), latency, alpha, weights[:, k], shift[k])
    return Readout(
        features, mean, spread, torch.stack([one[3] for one in best], 1),
        torch.stack([one[4] for one in best]), np.array([one[1] for one in best]),
        np.array([one[2] for one in best]),
    )  # fmt: skip


def pixels(movie: np.ndarray) -> Tensor:
    """Frames as they are, (frames, pixels)."""
    return torch.from_numpy(movie.reshape(len(movie), -1)).double()


def features_of(model: ScatteringModel) -> Features:
    """What a scattering model sees of each frame, before its head."""

    def features(movie: np.ndarray) -> Tensor:
        x = torch.from_numpy(np.ascontiguousarray(movie)).to(next(model.parameters()).dtype)
        with torch.no_grad():
            return torch.cat([model.features(some) for some in x.split(256)]).double()

    return features


def model_for(size: Size) -> ScatteringModel:
    """First-order scattering of frames at every place, and a head for all neurons.

    Receptive fields are places, so there is no mean over them.
    """
    scattering = Scattering2d((SIDE, SIDE), Morlet2d(3, size.orientations), order=1, rescale=True)
    return ScatteringModel(scattering, size.neurons, pool="none")


def delayed(latency: np.ndarray, recording: Recording) -> tuple[Tensor, Tensor]:
    """Frames and the spikes that follow each by its neuron's latency, without the last frames."""
    last, spikes = int(max(LATENCIES)), recording.spikes.mean(0)
    frames = len(spikes) - last
    y = np.stack([spikes[d : d + frames, k] for k, d in enumerate(latency)], 1)
    return torch.from_numpy(recording.movie[:frames].copy()), torch.from_numpy(y)


@dataclass(frozen=True)
class Predicted:
    """Models of neurons.

    Attributes
    ----------
    truth : Neurons
        With their own tuning.
    correlation : dict of model to numpy.ndarray, shape (neurons,)
        Noise-corrected, on the test movie.
    tuning : dict of model to Tuning
    best : numpy.ndarray, shape (neurons,)
        Orientation, in radians, of the filter whose removal costs each neuron most (RAR).
    rar : numpy.ndarray, shape (neurons, filters)
    latency : numpy.ndarray, shape (neurons,)
        That the fixed scattering found.
    """

    truth: Neurons
    correlation: dict[str, np.ndarray]
    tuning: dict[str, Tuning]
    best: np.ndarray
    rar: np.ndarray
    latency: np.ndarray

    @cached_property
    def errors(self) -> dict[str, dict[str, np.ndarray]]:
        """Between truth and each model: degrees of orientation and octaves of frequency."""
        return {
            name: {
                "orientation": orientation_error(found.orientation, self.truth.orientation),
                "frequency": octaves(found.frequency, self.truth.frequency),
            }
            for name, found in self.tuning.items()
        }


def neurons_of(size: Size) -> Neurons:
    """The simulated neurons."""
    return simulator.draw_neurons(size.neurons, seed=SEED, size=SIDE)


def recordings(size: Size) -> dict[str, Recording]:
    """Movies to fit, to choose by and to test on, of different photographs; simulated."""
    drawn = neurons_of(size)
    frames = {"train": size.frames, "held": size.frames // 2, "test": size.frames // 2}
    repeats = {"train": 1, "held": 1, "test": size.repeats}
    return {
        name: simulator.record(drawn, count, seed=SEED, split=name, repeats=repeats[name])
        for name, count in frames.items()
    }


def observe(name: str, state: State, size: Size) -> dict[str, np.ndarray]:
    """Read the neurons out from one of `LABELS`, and probe what was found.

    Returns
    -------
    dict of str to numpy.ndarray
        ``correlation`` where it is ``known`` (elsewhere 0) and ``latency``, each (neurons,),
        ``tuning/...``, and of fixed scattering ``rar``, all as of `Predicted`.
    """
    reuse_memory()
    shown = recordings(size)
    with one_thread():
        model = model_for(size)
        if state:
            model.restore(state)
        features = pixels if name == "pixels" else features_of(model)
        readout = read_out(features, shown["train"], shown["held"])
        test = shown["test"]
        found = noise_corrected_correlation(readout(test.movie), test.spikes)
        known = np.isfinite(found)
        pieces = joined({"tuning": vars(tuning(readout, SIDE))}) | {
            "correlation": np.where(known, found, 0), "known": known, "latency": readout.latency,
        }  # fmt: skip
        if name == "fixed":
            pieces["rar"] = _indices(model, readout, shown)
    return pieces


def learn_for(latency: np.ndarray, size: Size) -> dict[str, np.ndarray]:
    """Learn filters for all neurons at once, given their latencies: the model's arrays."""
    reuse_memory()
    shown, model = recordings(size), model_for(size)
    with one_thread():
        given = [
            a.to(size.dtype) for name in ("train", "held") for a in delayed(latency, shown[name])
        ]
        learn.fit(
            model, *given, seed=SEED, epochs=size.steps, patience=max(2, size.steps // 4),
            weight_decay=1e-1,
        )  # fmt: skip
    return model.arrays()


def predict(study: Study) -> Predicted:
    """Fit every model of `LABELS` and probe it."""
    size = study.size
    config = size.some("neurons", "frames", "repeats", "orientations")

    def observed(states: Mapping[str, State]) -> dict[str, dict[str, np.ndarray]]:
        tasks = [
            ({"model": name, "state": array_hash(*state.values())}, (name, state, size))
            for name, state in states.items()
        ]
        pieces = study.gather("neurons", tasks, observe, code=CODE, **config)
        return dict(zip(states, pieces, strict=True))

    found = observed({"pixels": {}, "fixed": {}})
    latency = found["fixed"]["latency"]
    (state,) = study.gather(
        "neurons, learning", [({"latency": latency}, (latency, size))], learn_for, code=LEARNING,
        **size.some("steps"), **config,
    )  # fmt: skip
    found |= observed({"learned": state})
    rar = found["fixed"]["rar"]
    return Predicted(
        neurons_of(size),
        {name: np.where(one["known"], one["correlation"], np.nan) for name, one in found.items()},
        {name: Tuning(**part(one, "tuning")) for name, one in found.items()},
        _angles(model_for(size))[rar.argmax(1)], rar, latency,
    )  # fmt: skip


def _indices(
    model: ScatteringModel, readout: Readout, shown: Mapping[str, Recording]
) -> np.ndarray:
    """RAR of every filter for every neuron, on the held-out movie."""
    (x, y), (x_held, y_held) = (delayed(readout.latency, shown[name]) for name in ("train", "held"))
    features = features_of(model)
    sets, groups = (features(x.numpy()), features(x_held.numpy())), filter_groups(model)
    found = []
    for k, alpha in enumerate(readout.alpha):
        head = RidgeHead(sets[0], y[:, k], sets[1], y_held[:, k], alpha=float(alpha))
        found.append(list(car(head, groups).values()))
    return np.array(found)


def _angles(model: ScatteringModel) -> np.ndarray:
    """Orientation of every filter as recordings count it: 0 to the right, π/2 downwards.

    A bank's angle 0 points down the rows.
    """
    bank = model.scattering.bank
    assert isinstance(bank, Morlet2d)
    theta = bank.values()["theta"].detach().flatten().numpy()
    return (np.pi / 2 - theta) % np.pi
