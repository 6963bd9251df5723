"""Predict neurons that watch movies, and read their tuning from what predicts them.

The neurons are simulated ones like those of V4, or anybody's recordings (`Shown`).

What a model says of spatial frequency is easily wrong, always upwards: movies show coarse bars with
far more contrast than fine ones, gratings show all alike. Three choices mend that; held-out frames
confirm each, and none uses what is known of the simulated neurons.

- Amplitudes are divided by the contrast about them (`Normalised`), as neurons of all visual areas
  divide; no linear readout can.
- Features of one kind share one unit (`read_out`). Each in its own spread, fine bars, which movies
  show faintly, would count as cheap in ridge regression.
- α may be large: most neurons choose 10³ to 10⁵.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from awdlib import metrics
from awdlib import tuning as probing
from awdlib.adaptive.setup import SCATTERING, Size, Study
from awdlib.datasets import neurons as simulator
from awdlib.datasets.recordings import Recording
from awdlib.ledger import array_hash
from awdlib.metrics import noise_corrected_correlation
from awdlib.scattering import learn
from awdlib.scattering.heads import RidgeHead, car, filter_groups
from awdlib.scattering.learn import ScatteringModel
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.transform import Scattering2d
from awdlib.threads import one_thread, reuse_memory
from awdlib.tuning import octaves, orientation_error, tuning

SIDE = 32  # of simulated frames, in pixels
SCALES = 3
LATENCIES = range(5)  # frames that are tried
ALPHAS = tuple(10.0**k for k in range(7))  # of the ridge
SEED = 1  # of the neurons
# of the median contrast of a training movie: below it, contrasts are divided less and less
HALF = 0.5
LEARNING = (*SCATTERING, sys.modules[__name__])
CODE = (*LEARNING, metrics, probing)
LABELS = {
    "pixels": "pixels", "fixed": "fixed scattering", "learned": "learned scattering"
}  # fmt: skip
TOLD = ("orientation", "frequency")  # of a neuron's tuning
State = Mapping[str, np.ndarray]  # what a model has learned; nothing where it is at its start
Features = Callable[[np.ndarray], Tensor]  # a movie (frames, side, side) to (frames, features)


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
class Readout:
    """Linear predictions of every neuron from features of single frames.

    Attributes
    ----------
    features : callable
    mean, spread : torch.Tensor, shape (features,)
        Of the training frames; see `read_out`.
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


def read_out(
    features: Features, train: Recording, held: Recording, kinds: np.ndarray | None = None
) -> Readout:
    """Fit ridge regressions for every latency and α; keep each neuron's best on the held-out movie.

    Frames whose response begins before the movie count in neither.

    Parameters
    ----------
    features : callable
    train, held : Recording
    kinds : numpy.ndarray of int, shape (features,), optional
        Features of one kind share a unit; all do by default. Wavelets of one transform answer to
        their best gratings alike, so ridge regression, which favours what is large, then favours
        none before it has seen a movie.
    """
    raw, raw_held = features(train.movie), features(held.movie)
    mean, spread = units(raw, kinds)
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


def units(features: Tensor, kinds: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """Mean of each of (frames, features), and the spread (root mean square) of its kind."""
    mean, spread = learn.standardisation(features)
    kinds = np.zeros(len(mean), int) if kinds is None else kinds
    for kind in np.unique(kinds):
        alike = torch.from_numpy(kinds == kind)
        spread[alike] = spread[alike].square().mean().sqrt()
    return mean, spread


def pixels(movie: np.ndarray) -> Tensor:
    """Frames as they are, (frames, pixels)."""
    return torch.from_numpy(movie.reshape(len(movie), -1)).double()


class Normalised(ScatteringModel):
    """First-order scattering divided by the contrast about each place, and a head.

    Receptive fields are places, so there is no mean over them.

    Parameters
    ----------
    scattering : Scattering2d
        Of order 1.
    outputs : int
    floor : float
        Of the squared contrast, above 0: an even patch stays one.
    """

    def __init__(self, scattering: Scattering2d, outputs: int, *, floor: float):
        if not floor > 0:
            raise ValueError(f"floor must be above 0, not {floor}: the movie has no contrast")
        self.floor = floor  # known first, since features are counted by computing some
        super().__init__(scattering, outputs, pool="none")

    @property
    def kinds(self) -> np.ndarray:
        """Of features, for `read_out`: averages, and what wavelets see."""
        return np.array([c.order for c in self.scattering.channels])[self.channel_of_feature]

    def features(self, x: Tensor) -> Tensor:
        """(batch, side, side) to (batch, features), not standardised."""
        x = x.reshape(len(x), *self.scattering.shape)
        found = self.scattering(x)
        contrast = local_contrast(x, self.scattering.bank.J)
        divided = found[:, 1:] / (self.floor + contrast).sqrt()[:, None]
        return torch.cat([found[:, :1], divided], 1).flatten(1)

    def start(self, features: Tensor, y: Tensor, seed: int) -> None:
        """As of `ScatteringModel`, but in the units of `read_out`."""
        super().start(features, y, seed)
        self.spread = units(features.detach().double(), self.kinds)[1]


def local_contrast(x: Tensor, scales: int) -> Tensor:
    """Variance of pixels within a Gaussian window about each place of a scattering transform.

    Parameters
    ----------
    x : torch.Tensor, shape (batch, side, side)
    scales : int
        J: places, and the window's standard deviation, are 2ᴶ pixels apart and wide.

    Returns
    -------
    torch.Tensor, shape (batch, side // 2ᴶ, side // 2ᴶ)
    """
    side, step = x.shape[-1], 2**scales
    # where kymatio's transform, with its mirrored edges, has its outputs
    count = side // step
    first = step - ((count + 2) * step - side) // 2
    places = first + step * torch.arange(count)[:, None]
    window = torch.exp(-0.5 * ((places - torch.arange(side)) / step) ** 2).to(x)
    window = window / window.sum(1, keepdim=True)
    x = x - x.mean((1, 2), keepdim=True)  # for float32's sake
    return window @ x.square() @ window.T - (window @ x @ window.T).square()


def features_of(model: Normalised, dtype: torch.dtype) -> Features:
    """What a scattering model sees of each frame, before its head."""

    def features(movie: np.ndarray) -> Tensor:
        x = torch.from_numpy(np.ascontiguousarray(movie)).to(dtype)
        with torch.no_grad():
            return torch.cat([model.features(some) for some in x.split(256)]).double()

    return features


def model_for(size: Size, shown: Shown) -> Normalised:
    """First-order scattering of frames at every place, and a head for all neurons."""
    shape, movie = (shown.side, shown.side), torch.from_numpy(shown.train.movie).double()
    contrast = torch.cat([local_contrast(some, SCALES) for some in movie.split(256)])
    scattering = Scattering2d(shape, Morlet2d(SCALES, size.orientations), order=1, rescale=True)
    return Normalised(scattering, shown.neurons, floor=HALF * float(contrast.median()))


def delayed(latency: np.ndarray, recording: Recording) -> tuple[Tensor, Tensor]:
    """Frames and the spikes that follow each by its neuron's latency, without the last frames."""
    last, spikes = int(max(LATENCIES)), recording.spikes.mean(0)
    frames = len(spikes) - last
    y = np.stack([spikes[d : d + frames, k] for k, d in enumerate(latency)], 1)
    return torch.from_numpy(recording.movie[:frames].copy()), torch.from_numpy(y)


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
        linear = name == "pixels"
        features = pixels if linear else features_of(model, size.dtype)
        kinds = None if linear else model.kinds
        readout = read_out(features, shown.train, shown.held, kinds)
        found = noise_corrected_correlation(readout(shown.test.movie), shown.test.spikes)
        known = np.isfinite(found)
        liked = tuning(readout, shown.side, settle=max(LATENCIES), modulation=linear)
        pieces = {
            "correlation": np.where(known, found, 0), "known": known, "latency": readout.latency,
        } | {what: getattr(liked, what) for what in TOLD}  # fmt: skip
        if not linear:
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
    found = observed({"pixels": start, "fixed": start})
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
