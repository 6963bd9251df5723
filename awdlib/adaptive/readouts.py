"""Read neurons out of what single frames show: linear predictions, and the features below them.

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

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from awdlib.datasets.recordings import Recording
from awdlib.scattering.model import ScatteringModel, standardisation
from awdlib.scattering.transform import Scattering2d

LATENCIES = range(5)  # frames that are tried
ALPHAS = tuple(10.0**k for k in range(7))  # of the ridge
Features = Callable[[np.ndarray], Tensor]  # a movie (frames, side, side) to (frames, features)


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
    mean, spread = standardisation(features)
    kinds = np.zeros(len(mean), int) if kinds is None else kinds
    for kind in np.unique(kinds):
        alike = torch.from_numpy(kinds == kind)
        spread[alike] = spread[alike].square().mean().sqrt()
    return mean, spread


def pixels(movie: np.ndarray) -> Tensor:
    """Frames as they are, (frames, pixels)."""
    return torch.from_numpy(movie.reshape(len(movie), -1)).double()


def contrasts(scales: int, movie: np.ndarray) -> Tensor:
    """Contrast of frames about each place, as `Normalised` divides by: (frames, places)."""
    x = torch.from_numpy(movie).double()
    found = torch.cat([local_contrast(some, scales) for some in x.split(256)])
    return found.flatten(1).clamp_min(0).sqrt()  # rounding may leave an even patch below 0


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


def delayed(latency: np.ndarray, recording: Recording) -> tuple[Tensor, Tensor]:
    """Frames and the spikes that follow each by its neuron's latency, without the last frames."""
    last, spikes = int(max(LATENCIES)), recording.spikes.mean(0)
    frames = len(spikes) - last
    y = np.stack([spikes[d : d + frames, k] for k, d in enumerate(latency)], 1)
    return torch.from_numpy(recording.movie[:frames].copy()), torch.from_numpy(y)
