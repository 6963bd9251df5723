"""What a neuron, or any model of one, prefers to see: its responses to drifting gratings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

CYCLE = 8  # frames in which a grating drifts by one period


@dataclass(frozen=True)
class Tuning:
    """Preferences of neurons, and the responses that they were read from.

    Attributes
    ----------
    orientation : numpy.ndarray, shape (neurons,)
        Preferred, in radians from 0 to π: the direction across the bars, 0 along the rows and π/2
        down the columns.
    frequency : numpy.ndarray, shape (neurons,)
        Preferred, in cycles a pixel.
    selectivity : numpy.ndarray, shape (neurons,)
        1 − circular variance of the responses over orientations at the best frequency: 0 for a
        neuron without a preference, whose `orientation` then says nothing, 1 for one that answers
        to one orientation only.
    response : numpy.ndarray, shape (neurons, orientations, frequencies)
    orientations, frequencies : numpy.ndarray
        Of the gratings.
    """

    orientation: np.ndarray
    frequency: np.ndarray
    selectivity: np.ndarray
    response: np.ndarray
    orientations: np.ndarray
    frequencies: np.ndarray


def grating(
    size: int, orientation: float, frequency: float, *, frames: int = CYCLE, contrast: float = 1.0
) -> np.ndarray:
    """A sine grating that drifts by one period in `CYCLE` frames.

    Parameters
    ----------
    size : int
        Height and width in pixels.
    orientation, frequency : float
        Radians and cycles a pixel, as in `Tuning`.
    frames : int
    contrast : float
        From 0, grey, to 1, black to white.

    Returns
    -------
    numpy.ndarray of float32, shape (frames, size, size)
        From 0 to 1.
    """
    rows, columns = np.indices((size, size))
    along = np.cos(orientation) * columns + np.sin(orientation) * rows
    drift = np.arange(frames)[:, None, None] / CYCLE
    return (0.5 + contrast / 2 * np.cos(2 * np.pi * (frequency * along - drift))).astype(np.float32)


def tuning(
    predict: Callable[[np.ndarray], np.ndarray],
    size: int,
    *,
    orientations: int = 16,
    frequencies: np.ndarray | None = None,
    contrast: float = 0.5,
    settle: int = 8,
    cycles: int = 1,
    modulation: bool = False,
) -> Tuning:
    """Find the orientation and the spatial frequency that drive each neuron most.

    Each grating is shown for `settle` frames and then for whole cycles of its drift, so for all
    phases alike, over which responses are averaged (or see `modulation`). The largest response on
    the grid is refined by a parabola through it and its neighbours; at the lowest and the highest
    frequency, beyond which nothing was shown, it is taken as it is.

    Parameters
    ----------
    predict : callable
        From a movie, (frames, size, size) from 0 to 1, to rates, (frames, neurons); a model of
        single pictures treats each frame alone.
    size : int
        Of the frames in pixels.
    orientations : int
        How many, evenly spaced, at least 4.
    frequencies : numpy.ndarray, optional
        Rising, at least 3, evenly spaced in octaves; three an octave from 1.5 periods in a frame
        to .35 cycles a pixel by default.
    contrast : float
        Of the gratings.
    settle, cycles : int
        Frames before responses count, at least the model's longest delay, and cycles that do.
    modulation : bool
        Take for a response not the mean but the amplitude at the drift's own frequency (F1), as for
        simple cells: the mean of a linear model is the same for all gratings.

    Returns
    -------
    Tuning

    Raises
    ------
    ValueError
        If the grid is too coarse or uneven, or `predict` does not return finite rates of
        (frames, neurons).
    """
    angles = np.arange(orientations) * np.pi / max(orientations, 1)
    if frequencies is None:
        octaves_shown = np.log2(0.35 * size / 1.5)
        frequencies = 0.35 * 2.0 ** np.linspace(-octaves_shown, 0, round(3 * octaves_shown) + 1)
    frequencies = np.asarray(frequencies, float)
    if orientations < 4 or len(frequencies) < 3:
        raise ValueError(
            f"a peak needs at least 4 orientations and 3 frequencies, not {orientations} and "
            f"{len(frequencies)}"
        )
    steps = np.diff(np.log2(frequencies))
    if steps[0] <= 0 or not np.allclose(steps, steps[0], rtol=1e-3):
        raise ValueError(
            "frequencies must rise in even steps of octaves, as those of numpy.geomspace"
        )
    frames = settle + cycles * CYCLE
    shown = (
        grating(size, angle, frequency, frames=frames, contrast=contrast)
        for angle in angles
        for frequency in frequencies
    )
    read = _modulation if modulation else partial(np.mean, axis=0)
    answers = [read(_rates(predict, movie)[settle:]) for movie in shown]
    response = np.stack(answers, 1).reshape(-1, orientations, len(frequencies))

    neurons = np.arange(len(response))
    best = response.reshape(len(response), -1).argmax(1)
    i, j = np.unravel_index(best, response.shape[1:])
    curve = response[neurons, :, j]  # over orientations
    around = [curve[neurons, (i + d) % orientations] for d in (-1, 0, 1)]
    orientation = (angles[i] + _summit(*around) * np.pi / orientations) % np.pi
    inner = np.clip(j, 1, len(frequencies) - 2)
    beside = [response[neurons, i, inner + d] for d in (-1, 0, 1)]
    shift = np.where(j == inner, _summit(*beside), 0.0)
    positive = np.clip(curve, 0, None)
    strength = np.abs(positive @ np.exp(2j * angles)) / np.maximum(positive.sum(1), 1e-300)
    return Tuning(
        orientation=orientation,
        frequency=frequencies[j] * 2.0 ** (shift * steps[0]),
        selectivity=strength,
        response=response,
        orientations=angles,
        frequencies=frequencies,
    )


def _rates(predict: Callable[[np.ndarray], np.ndarray], movie: np.ndarray) -> np.ndarray:
    rates = np.asarray(predict(movie), float)
    if rates.ndim != 2 or len(rates) != len(movie) or not np.isfinite(rates).all():
        raise ValueError(
            f"predict must return finite rates of shape ({len(movie)}, neurons) for a movie of "
            f"{len(movie)} frames, not an array of shape {rates.shape} with "
            f"{np.size(rates) - np.isfinite(rates).sum()} that are not finite"
        )
    return rates


def _modulation(rates: np.ndarray) -> np.ndarray:
    """Amplitude of the rates, (frames of whole cycles, neurons), at the drift's frequency."""
    wave = np.exp(-2j * np.pi * np.arange(len(rates)) / CYCLE)
    return np.abs(wave @ rates) * 2 / len(rates)


def _summit(before: np.ndarray, at: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where the parabola through three values is highest, from −½ to ½ steps from the middle."""
    bend = np.minimum(before + after - 2 * at, 0)
    return np.where(bend < 0, (before - after) / (2 * np.where(bend < 0, bend, 1)), 0.0)


def orientation_error(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """Angle between orientations given in radians: degrees from 0 to 90."""
    difference = np.asarray(a, float) - np.asarray(b, float)
    return np.abs(np.degrees((difference + np.pi / 2) % np.pi - np.pi / 2))


def octaves(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """Distance of positive frequencies in octaves, from 0."""
    return np.abs(np.log2(np.asarray(a, float) / np.asarray(b, float)))
