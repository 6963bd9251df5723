"""Predict neurons that watch movies, and read their tuning from what predicts them.

The neurons are simulated ones like those of V4, or anybody's recordings (`Shown`). Models are
fitted by `awdlib.adaptive.readouts`, which says what keeps their tuning free of bias.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch

from awdlib import metrics
from awdlib import tuning as probing
from awdlib.adaptive import readouts
from awdlib.adaptive.readouts import (
    LATENCIES,
    Features,
    Normalised,
    Readout,
    contrasts,
    delayed,
    features_of,
    local_contrast,
    pixels,
    read_out,
)
from awdlib.adaptive.setup import SCATTERING, Size, Study
from awdlib.datasets import neurons as simulator
from awdlib.datasets.recordings import Recording
from awdlib.ledger import array_hash
from awdlib.metrics import noise_corrected_correlation
from awdlib.scattering import learn
from awdlib.scattering.heads import RidgeHead, car, filter_groups
from awdlib.scattering.model import ScatteringModel
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.transform import Scattering2d
from awdlib.threads import one_thread, reuse_memory
from awdlib.tuning import octaves, orientation_error, tuning

SIDE = 32  # of simulated frames, in pixels
SCALES = 3
SEED = 1  # of the neurons
# of the median contrast of a training movie: below it, contrasts are divided less and less
HALF = 0.5
LEARNING = (*SCATTERING, readouts, sys.modules[__name__])
CODE = (*LEARNING, metrics, probing)
LABELS = {
    "pixels": "pixels", "contrast": "local contrast", "fixed": "fixed scattering",
    "learned": "learned scattering",
}  # fmt: skip
# What no wavelet is part of: the parts of a neuron's response that need no orientation.
PLAIN = ("pixels", "contrast")
TOLD = ("orientation", "frequency")  # of a neuron's tuning
State = Mapping[str, np.ndarray]  # what a model has learned; nothing where it is at its start


@dataclass(frozen=True)
class Shown:
    """Recordings of the same neurons: to fit, to choose by and to test on.

    Attributes
    ----------
    train, held, test : Recording
        The last with at least two repeats. Where `train` knows the truth, models are held against
        it.

    Raises
    ------
    ValueError
        If they do not fit each other, or frames or repeats are too few.
    """

    train: Recording
    held: Recording
    test: Recording

    def __post_init__(self) -> None:
        every = self.every
        for what, of in (("pixels a side", lambda r: r.movie.shape[1]),
                         ("neurons", lambda r: r.spikes.shape[2]),
                         ("frames a second", lambda r: r.frame_rate)):  # fmt: skip
            values = {name: of(r) for name, r in every.items()}
            if len(set(values.values())) > 1:
                told = ", ".join(f"{name} {value:g}" for name, value in values.items())
                raise ValueError(f"all three need as many {what}: {told}")
        for name, one in every.items():
            if len(one.movie) < 2 * max(LATENCIES):
                raise ValueError(
                    f"{name} has {len(one.movie)} frames: at least {2 * max(LATENCIES)} are needed"
                )
        if self.side < 2 ** (SCALES + 1):
            raise ValueError(f"frames of {self.side} pixels a side are too small: give at least "
                             f"{2 ** (SCALES + 1)}")  # fmt: skip
        if len(self.test.spikes) < 2:
            raise ValueError("test has one repeat: without a second, noise cannot be told from "
                             "signal")  # fmt: skip

    @property
    def every(self) -> dict[str, Recording]:
        """By name."""
        return {"train": self.train, "held": self.held, "test": self.test}

    @property
    def side(self) -> int:
        """Of the frames, in pixels."""
        return self.train.movie.shape[1]

    @property
    def neurons(self) -> int:
        """How many were recorded."""
        return self.train.spikes.shape[2]

    @cached_property
    def hash(self) -> str:
        """Of all that models see."""
        return array_hash(*(a for r in self.every.values() for a in (r.movie, r.spikes)))


@dataclass(frozen=True)
class Predicted:
    """Models of neurons, fitted anew to each set of movies.

    Attributes
    ----------
    truth : dict of str to numpy.ndarray, shape (neurons,)
        True tuning by `TOLD`; empty where it is not known.
    correlation : dict of model to numpy.ndarray, shape (sets, neurons)
        Noise-corrected, on the test movie; NaN where the signal is not known.
    tuning : dict of model to dict of str to numpy.ndarray, shape (sets, neurons)
        By `TOLD`; pixels by the modulation of their responses, the others by the mean.
    best : dict of model to numpy.ndarray, shape (sets, neurons)
        Orientation, in radians, of the filter whose removal costs each neuron most (RAR).
    rar : dict of model to numpy.ndarray, shape (sets, neurons, filters)
    latency : numpy.ndarray, shape (sets, neurons)
        That the fixed scattering found.
    """

    truth: dict[str, np.ndarray]
    correlation: dict[str, np.ndarray]
    tuning: dict[str, dict[str, np.ndarray]]
    best: dict[str, np.ndarray]
    rar: dict[str, np.ndarray]
    latency: np.ndarray

    @cached_property
    def errors(self) -> dict[str, dict[str, np.ndarray]]:
        """Between truth and each model, where it is known: degrees and octaves, (sets, neurons).

        ``filter`` is of the orientation of the best filter, in degrees.
        """
        if not self.truth:
            return {}
        true = self.truth["orientation"]
        found = {
            name: {
                "orientation": orientation_error(one["orientation"], true),
                "frequency": octaves(one["frequency"], self.truth["frequency"]),
            }
            for name, one in self.tuning.items()
        }
        for name, best in self.best.items():
            found[name]["filter"] = orientation_error(best, true)
        return found


def recordings(size: Size) -> list[Shown]:
    """Sets of movies, each of other shots, and what the simulated neurons answer."""
    drawn = simulator.draw_neurons(size.neurons, seed=SEED, size=SIDE)
    frames = {"train": size.frames, "held": size.frames // 2, "test": size.frames // 2}
    repeats = {"train": 1, "held": 1, "test": size.repeats}
    return [
        Shown(**{
            name: simulator.record(drawn, count, seed=seed, split=name, repeats=repeats[name])
            for name, count in frames.items()
        })
        for seed in range(1, size.movies + 1)
    ]  # fmt: skip


def model_for(size: Size, shown: Shown) -> Normalised:
    """First-order scattering of frames at every place, and a head for all neurons."""
    shape, movie = (shown.side, shown.side), torch.from_numpy(shown.train.movie).double()
    contrast = torch.cat([local_contrast(some, SCALES) for some in movie.split(256)])
    scattering = Scattering2d(shape, Morlet2d(SCALES, size.orientations), order=1, rescale=True)
    return Normalised(scattering, shown.neurons, floor=HALF * float(contrast.median()))


def observe(name: str, state: State, shown: Shown, size: Size) -> dict[str, np.ndarray]:
    """Read the neurons out from one of `LABELS`, and probe what was found.

    Returns
    -------
    dict of str to numpy.ndarray
        ``correlation`` where it is ``known`` (elsewhere 0), ``latency``, ``orientation``,
        ``frequency``, each (neurons,), and of scattering ``best`` and ``rar``, as of `Predicted`.
    """
    reuse_memory()
    with one_thread():
        model = model_for(size, shown)
        if state:
            model.restore(state)
        plain: dict[str, Features] = {"pixels": pixels, "contrast": partial(contrasts, SCALES)}
        features = plain.get(name) or features_of(model, size.dtype)
        kinds = None if name in plain else model.kinds
        readout = read_out(features, shown.train, shown.held, kinds)
        found = noise_corrected_correlation(readout(shown.test.movie), shown.test.spikes)
        known = np.isfinite(found)
        liked = tuning(readout, shown.side, settle=max(LATENCIES), modulation=name == "pixels")
        pieces = {
            "correlation": np.where(known, found, 0), "known": known, "latency": readout.latency,
        } | {what: getattr(liked, what) for what in TOLD}  # fmt: skip
        if name not in PLAIN:
            pieces["rar"] = _indices(model, readout, shown)
            pieces["best"] = _angles(model)[pieces["rar"].argmax(1)]
    return pieces


def learn_for(latency: np.ndarray, shown: Shown, size: Size) -> dict[str, np.ndarray]:
    """Learn filters for all neurons at once, given their latencies: the model's arrays."""
    reuse_memory()
    model = model_for(size, shown)
    with one_thread():
        given = [
            a.to(size.dtype) for one in (shown.train, shown.held) for a in delayed(latency, one)
        ]
        learn.fit(
            model, *given, seed=SEED, epochs=size.steps, patience=max(2, size.steps // 4),
            weight_decay=1e-1,
        )  # fmt: skip
    return model.arrays()


def predict(study: Study, sets: Sequence[Shown] | None = None) -> Predicted:
    """Fit every model of `LABELS` to every set of movies, and probe it.

    Parameters
    ----------
    study : Study
    sets : sequence of Shown, optional
        Of the same neurons; simulated ones of the study's size by default.

    Raises
    ------
    ValueError
        If there is no set, or sets are of different numbers of neurons.
    """
    size = study.size
    sets = recordings(size) if sets is None else list(sets)
    if len({shown.neurons for shown in sets}) != 1:
        raise ValueError("sets must be one or more, all of the same neurons")
    config = size.some("orientations")

    def observed(states: Mapping[str, Sequence[State]]) -> dict[str, dict[str, np.ndarray]]:
        tasks = [
            ({"model": name, "movies": shown.hash, "state": array_hash(*state.values())},
             (name, state, shown, size))
            for name, each in states.items() for state, shown in zip(each, sets, strict=True)
        ]  # fmt: skip
        pieces = iter(study.gather("neurons", tasks, observe, code=CODE, **config))
        return {name: _stacked([next(pieces) for _ in sets]) for name in states}

    start: list[State] = [{} for _ in sets]
    found = observed(dict.fromkeys((*PLAIN, "fixed"), start))
    latency = found["fixed"]["latency"]
    tasks = [
        ({"movies": shown.hash, "latency": late}, (late, shown, size))
        for late, shown in zip(latency, sets, strict=True)
    ]
    states = study.gather(
        "neurons, learning", tasks, learn_for, code=LEARNING, **size.some("steps"), **config
    )
    found |= observed({"learned": states})
    first = sets[0].train
    truth = {what: true for what in TOLD if (true := getattr(first, what)) is not None}
    return Predicted(
        truth if len(truth) == len(TOLD) else {},
        {name: np.where(one["known"], one["correlation"], np.nan) for name, one in found.items()},
        {name: {what: one[what] for what in TOLD} for name, one in found.items()},
        {name: one["best"] for name, one in found.items() if "best" in one},
        {name: one["rar"] for name, one in found.items() if "rar" in one},
        latency,
    )  # fmt: skip


def _stacked(pieces: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays of all sets, one after the other along a new first axis."""
    return {name: np.stack([piece[name] for piece in pieces]) for name in pieces[0]}


def _indices(model: Normalised, readout: Readout, shown: Shown) -> np.ndarray:
    """RAR of every filter for every neuron, on the held-out movie; 0 for one that was silent."""
    (x, y), (x_held, y_held) = (delayed(readout.latency, one) for one in (shown.train, shown.held))
    sets = [readout.features(some.numpy()) for some in (x, x_held)]
    groups, found = filter_groups(model), []
    for k, alpha in enumerate(readout.alpha):
        head = RidgeHead(
            sets[0], y[:, k], sets[1], y_held[:, k], alpha=float(alpha), spread=readout.spread
        )
        found.append(list(car(head, groups).values()))
    rar = np.array(found)
    return np.where(np.isfinite(rar), rar, 0)


def _angles(model: ScatteringModel) -> np.ndarray:
    """Orientation of every filter as recordings count it: 0 to the right, π/2 downwards.

    A bank's angle 0 points down the rows.
    """
    bank = model.scattering.bank
    assert isinstance(bank, Morlet2d)
    theta = bank.values()["theta"].detach().flatten().numpy()
    return (np.pi / 2 - theta) % np.pi
