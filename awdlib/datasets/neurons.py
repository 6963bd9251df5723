"""Simulate neurons of visual area V4 that watch natural movies; their preferences are known.

Movies are shots of packaged photographs, drifting and zooming. A neuron is an energy model: the
squared responses of pairs of filters in quadrature, summed over places, divided by the contrast
about them, raised to a power, plus a baseline, some frames late. Spikes are drawn from a Poisson
distribution.

Across its bars a filter is a difference of two Gaussians, or the Hilbert transform of one; along
them it is a Gaussian. That makes it no Morlet wavelet and no member of any family that is fitted to
these data, and its preferred frequency has a closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from awdlib.datasets import images
from awdlib.datasets.recordings import Recording

FRAME_RATE = 30.0  # Hz
SPLITS = ("train", "held", "test")
SCENES = {
    "train": ("astronaut", "cat", "coffee", "retina", "tissue", "galaxies"),
    "held": ("coins", "portrait", "rocket"),
    "test": ("flower", "motorcycle", "temple"),
}
# frames until the next shot. Frames of one shot are much alike: of 2,000 in shots of a second, 67
# say something new, and what a model then makes of frequencies is mostly chance.
SHOT = 10
ZOOM = (0.8, 1.25)  # pixels of a scene to a pixel of the movie
SPEED = (0.1, 0.7)  # of the movie's side, in one shot
CONTRAST = (0.12, 0.25)  # standard deviation of a shot, white being 1
GREY = 0.5

WIDER = 1.6  # the wider Gaussian of a difference, in widths of the narrower
# cycles in one standard deviation of the narrower Gaussian at the frequency that passes best:
# where exp(−2π²s²f²) − exp(−2π²(WIDER s)²f²) is largest
CYCLES = np.sqrt(np.log(WIDER**2) / (2 * np.pi**2 * (WIDER**2 - 1)))


@cache
def _scene(name: str, side: int) -> np.ndarray:
    return images.photograph(name, size=side).mean(0).double().numpy()


def movie(frames: int, *, seed: int, split: str, size: int = 32) -> np.ndarray:
    """Short shots of photographs that drift and zoom, turned by any angle.

    Each shot is drawn from (seed, split, number) alone, so that a movie begins with any shorter.

    Parameters
    ----------
    frames, seed : int
    split : {"train", "held", "test"}
        Which of `SCENES` are shown.
    size : int
        Height and width in pixels, 16 to 64.

    Returns
    -------
    numpy.ndarray of float32, shape (frames, size, size)
        Between 0 and 1, about `GREY`.

    Raises
    ------
    ValueError
        If there is no such split, or no such movie.
    """
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; there are {', '.join(SPLITS)}")
    if frames < 1 or not 16 <= size <= 64:
        raise ValueError(f"frames must be at least 1 and size 16 to 64, not {frames} and {size}")
    shots = []
    for number in range(-(-frames // SHOT)):
        rng = np.random.default_rng([seed, SPLITS.index(split), number])
        scene = _scene(SCENES[split][rng.integers(len(SCENES[split]))], 4 * size)
        shots.append(_shot(rng, scene, size))
    return np.concatenate(shots)[:frames]


def _shot(rng: np.random.Generator, scene: np.ndarray, size: int) -> np.ndarray:
    """Frames (SHOT, size, size) of a window that moves over a scene, and never leaves it."""
    from scipy.ndimage import map_coordinates

    path = np.linspace(-0.5, 0.5, SHOT)[:, None, None]
    first, last = (rng.uniform(*np.log(ZOOM)) for _ in range(2))
    zoom = np.exp((0.5 - path) * first + (0.5 + path) * last)
    turn, heading = rng.uniform(0, 2 * np.pi, 2)
    drift = size * np.exp(rng.uniform(*np.log(SPEED)))
    reach = (size - 1) / 2**0.5 * zoom.max() + drift / 2
    v0, u0 = rng.uniform(reach, len(scene) - 1 - reach, 2)
    grid = np.arange(size) - (size - 1) / 2
    down, across = zoom * np.sin(turn), zoom * np.cos(turn)
    v = v0 + drift * path * np.sin(heading) + across * grid[:, None] + down * grid
    u = u0 + drift * path * np.cos(heading) + across * grid - down * grid[:, None]
    shot = map_coordinates(scene, np.stack([v, u]), order=1)
    contrast = rng.uniform(*CONTRAST) / max(shot.std(), 0.03)  # an empty sky stays almost empty
    return np.clip(GREY + contrast * (shot - shot.mean()), 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Neurons:
    """Parameters of simulated neurons, each of shape (neurons,) where nothing else is said.

    Attributes
    ----------
    size : int
        Of the frames that they see, in pixels.
    orientation, frequency : numpy.ndarray
        Preferred, as in `Recording`: radians, cycles a pixel.
    centre : numpy.ndarray, shape (neurons, 2)
        Of the receptive field, row and column in pixels.
    aspect : numpy.ndarray
        Standard deviation of a filter along its bars, in widths of its wider Gaussian.
    half_contrast : numpy.ndarray
        Contrast at which the division by the surround begins to tell, white to black being 1.
    exponent, baseline, peak : numpy.ndarray
        Of the nonlinearity; rates without a stimulus and, above it, at the best grating of full
        contrast, in spikes a second.
    latency : numpy.ndarray of int
        Frames between a picture and its response.
    """

    size: int
    orientation: np.ndarray
    frequency: np.ndarray
    centre: np.ndarray
    aspect: np.ndarray
    half_contrast: np.ndarray
    exponent: np.ndarray
    baseline: np.ndarray
    peak: np.ndarray
    latency: np.ndarray

    def rate(self, movie: np.ndarray) -> np.ndarray:
        """Firing rates to a movie that follows a grey screen.

        Parameters
        ----------
        movie : numpy.ndarray, shape (frames, size, size)
            From 0 to 1.

        Returns
        -------
        numpy.ndarray, shape (frames, neurons)
            Spikes a second.
        """
        if movie.ndim != 3 or movie.shape[1:] != (self.size, self.size):
            raise ValueError(
                f"movie must have shape (frames, {self.size}, {self.size}), not {movie.shape}"
            )
        contrast = (np.asarray(movie, float).reshape(len(movie), -1) - GREY) / GREY
        drive = self._energy(contrast) / self._surround(contrast)
        drive *= 1 + self.half_contrast**2  # 1 for the best grating of full contrast
        rate = np.tile(self.baseline, (len(movie), 1))
        for k, latency in enumerate(self.latency):
            rate[latency:, k] += self.peak[k] * drive[: -latency or None, k] ** self.exponent[k]
        return rate

    def _energy(self, contrast: np.ndarray) -> np.ndarray:
        """Weighted squared responses of the filters, (frames, neurons)."""
        answers = contrast @ self._filters.transpose(1, 0, 2).reshape(contrast.shape[1], -1)
        return (answers**2).reshape(len(contrast), len(self.orientation), -1).sum(2)

    @cached_property
    def _filters(self) -> np.ndarray:
        """Pairs of filters at 3 by 3 places, (neurons, pixels, 18): their squares add up to 1."""
        from scipy.special import dawsn

        y, x = (i.ravel()[:, None] for i in np.indices((self.size, self.size)))
        along, across = (i.ravel() - 1 for i in np.indices((3, 3)))
        weight = np.exp(-0.5 * (along**2 + across**2))
        weight /= weight.sum()
        found = []
        for k, (angle, frequency) in enumerate(zip(self.orientation, self.frequency, strict=True)):
            narrow = CYCLES / frequency
            wide = WIDER * narrow
            long = wide * self.aspect[k]
            row, column = y - self.centre[k, 0], x - self.centre[k, 1]
            u = np.cos(angle) * column + np.sin(angle) * row - across * wide
            v = np.cos(angle) * row - np.sin(angle) * column - along * long
            bars = np.exp(-0.5 * (v / long) ** 2)
            s, t = u / narrow / 2**0.5, u / wide / 2**0.5
            even = bars * (np.exp(-(s**2)) - np.exp(-(t**2)) / WIDER)
            odd = bars * (dawsn(s) - dawsn(t) / WIDER) * 2 / np.pi**0.5
            pair = np.stack([even, odd])  # (2, pixels, places)
            # where the frame cuts a filter off, it must not answer to an even grey either
            blob = bars * np.exp(-(t**2))
            pair -= blob * (pair.sum(1) / blob.sum(0))[:, None]
            best = np.abs((pair[0] * np.exp(2j * np.pi * frequency * u)).sum(0))
            found.append(np.concatenate(pair * np.sqrt(weight) / best, 1))
        return np.stack(found)

    def _surround(self, contrast: np.ndarray) -> np.ndarray:
        """What divides the energy: squared contrast about the field, (frames, neurons)."""
        y, x = (i.ravel()[:, None] for i in np.indices((self.size, self.size)))
        distance = np.hypot(y - self.centre[:, 0], x - self.centre[:, 1])
        window = np.exp(-0.5 * (distance / (self.size / 5)) ** 2)
        window /= window.sum(0)
        variance = contrast**2 @ window - (contrast @ window) ** 2
        return self.half_contrast**2 + 2 * variance  # of a grating of full contrast: twice ½


def draw_neurons(count: int, *, seed: int, size: int = 32) -> Neurons:
    """Draw neurons, each from (seed, number) alone.

    Parameters
    ----------
    count, seed : int
    size : int
        Of the frames that they will see, in pixels, 16 to 64.
    """
    if count < 1 or not 16 <= size <= 64:
        raise ValueError(f"count must be at least 1 and size 16 to 64, not {count} and {size}")
    drawn = [np.random.default_rng([seed, len(SPLITS), k]) for k in range(count)]

    def uniform(low: float, high: float) -> np.ndarray:
        return np.array([rng.uniform(low, high) for rng in drawn])

    middle = (size - 1) / 2
    return Neurons(
        size=size,
        orientation=uniform(0, np.pi),
        # 2.5 cycles fit the frame; finer bars than 5 pixels would be sampled badly
        frequency=np.exp(uniform(np.log(2.5 / size), np.log(0.2))),
        centre=middle + np.stack([uniform(-size / 8, size / 8) for _ in range(2)], 1),
        aspect=uniform(0.9, 1.5),
        half_contrast=uniform(0.1, 0.3),
        exponent=uniform(1.0, 1.5),
        baseline=uniform(0.5, 3.0),
        peak=uniform(60, 150),
        latency=np.array([rng.integers(1, 4) for rng in drawn]),  # 33 to 100 ms
    )


def record(neurons: Neurons, frames: int, *, seed: int, split: str, repeats: int = 1) -> Recording:
    """Show a movie to simulated neurons.

    Parameters
    ----------
    neurons : Neurons
    frames : int
    seed : int
        Of movie and spikes.
    split : {"train", "held", "test"}
        Which photographs the movie shows; no two splits have one in common.
    repeats : int
        How often it is shown; spikes of each are drawn anew.

    Returns
    -------
    Recording
        Simulated, with the truth.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, not {repeats}")
    shown = movie(frames, seed=seed, split=split, size=neurons.size)
    rate = neurons.rate(shown)
    spikes = np.empty((repeats, *rate.shape), np.int64)
    for repeat, k in np.ndindex(repeats, rate.shape[1]):
        rng = np.random.default_rng([seed, len(SPLITS) + 1 + SPLITS.index(split), repeat, k])
        spikes[repeat, :, k] = rng.poisson(rate[:, k] / FRAME_RATE)
    return Recording(
        movie=shown,
        spikes=spikes,
        frame_rate=FRAME_RATE,
        source="simulated",
        rate=rate,
        orientation=neurons.orientation,
        frequency=neurons.frequency,
    )
