"""What a chosen wavelet, and the linear model on top of it, respond to.

Three questions: which coefficients made one prediction (`contributions`, `curve`), what the tracks
look like where a coefficient is large (`locations`, `aligned_mean`), and which made-up shapes a
wavelet or a whole model prefers (`pulse_response`, `asymmetry`, `model_asymmetry`,
`edge_response`). Tensors in, NumPy out; ``zero`` mode throughout, as in the paper.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch

from awdlib import dwt, filters
from awdlib.conventions import check_filter, check_finite
from awdlib.matrices import analysis_matrix, band_lengths
from awdlib.predictors import LinearModel

# --- one prediction ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Contributions:
    """The predictions of a linear model, taken apart: ``values.sum(1) + intercept``.

    Attributes
    ----------
    values : numpy.ndarray, shape (examples, features)
        Coefficient times weight, in units of the prediction.
    coefficients : numpy.ndarray, shape (examples, features)
    weights : numpy.ndarray, shape (features,)
    band : numpy.ndarray of int, shape (features,)
        Place in ``[cA_J, cD_J, ..., cD_1]``.
    rank : numpy.ndarray of int, shape (features,)
        Place within the band, 0 for its largest coefficient.
    position : numpy.ndarray of int, shape (examples, features)
        Index of the coefficient within its band.
    intercept : float
    h : numpy.ndarray, shape (taps,)
    time : int
        Samples of a track.
    """

    values: np.ndarray
    coefficients: np.ndarray
    weights: np.ndarray
    band: np.ndarray
    rank: np.ndarray
    position: np.ndarray
    intercept: float
    h: np.ndarray
    time: int

    @property
    def names(self) -> list[str]:
        """Names of the features for a figure: "cD4, 1st"."""
        level = int(self.band.max())
        bands = [f"cA{level}", *(f"cD{j}" for j in range(level, 0, -1))]
        nth = ["1st", "2nd", "3rd"]
        return [
            f"{bands[b]}, {nth[r] if r < 3 else f'{r + 1}th'}"
            for b, r in zip(self.band, self.rank, strict=True)
        ]


def contributions(
    x: torch.Tensor, h: torch.Tensor, linear: LinearModel, *, level: int = 4, k: int = 6
) -> Contributions:
    """What each of the largest coefficients adds to a prediction (paper, Fig. C4).

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    h : torch.Tensor, shape (taps,)
    linear : LinearModel
        Fitted on `awdlib.predictors.largest_coefficients` of the same `h`, `level` and `k`.
    level, k : int
        A band with fewer than `k` coefficients gives all of them.

    Returns
    -------
    Contributions

    Raises
    ------
    ValueError
        For wrong shapes, or a model with another number of weights.
    """
    bands = _bands(x, h, level)
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    largest = [b.topk(min(k, b.shape[-1]), -1) for b in bands]
    counts = [found.values.shape[-1] for found in largest]
    weights = np.asarray(linear.weights, dtype=float)
    if weights.shape != (sum(counts),):
        raise ValueError(
            f"the linear model has weights of shape {weights.shape}, but {level + 1} bands with up "
            f"to {k} coefficients give {sum(counts)} features: was it fitted on the same ones?"
        )
    coefficients = torch.cat([found.values for found in largest], -1).cpu().numpy()
    return Contributions(
        values=coefficients * weights,
        coefficients=coefficients,
        weights=weights,
        band=np.repeat(np.arange(len(counts)), counts),
        rank=np.concatenate([np.arange(count) for count in counts]),
        position=torch.cat([found.indices for found in largest], -1).cpu().numpy(),
        intercept=float(linear.intercept),
        h=h.detach().cpu().double().numpy(),
        time=x.shape[-1],
    )


def curve(found: Contributions, example: int, features: Sequence[int] | np.ndarray) -> np.ndarray:
    """Contributions of one example as signals: weight × coefficient × the coefficient's atom.

    With weights of 1, all coefficients' curves together are the track itself.

    Parameters
    ----------
    found : Contributions
    example : int
    features : sequence of int, length n

    Returns
    -------
    numpy.ndarray, shape (n, time)
    """
    chosen = np.asarray(features, dtype=int)
    lengths = band_lengths(found.time, len(found.h), level=int(found.band.max()))
    starts = np.cumsum([0, *lengths])[found.band[chosen]]
    single = torch.zeros(len(chosen), sum(lengths), dtype=torch.float64)
    place = torch.from_numpy(starts + found.position[example, chosen])
    single[torch.arange(len(chosen)), place] = torch.from_numpy(
        found.values[example, chosen].astype(float)
    )
    signals = dwt.waverec(list(single.split(lengths, -1)), torch.from_numpy(found.h))
    return signals[..., : found.time].numpy()  # an odd length comes back one longer


# --- tracks around a coefficient ---------------------------------------------------------------


def locations(
    x: torch.Tensor, h: torch.Tensor, *, band: int, level: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Where in each track the atom of a band's largest signed coefficient lies.

    An atom's place is its centre of energy, Σ t ψ(t)² / Σ ψ(t)², to the nearest sample (of two
    equally near, the earlier). For an edge detector that is the edge: a Haar drop is placed on the
    last sample before it. The largest |value| would serve in the middle of a track, where a band's
    atoms are copies of one another, but jumps from lobe to lobe where a track's end cuts an atom,
    and between lobes of equal height for the smallest change of the taps.

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    h : torch.Tensor, shape (taps,)
    band : int
        Place in ``[cA_J, cD_J, ..., cD_1]``.

    Returns
    -------
    location : numpy.ndarray of int, shape (examples,)
        In samples.
    value : numpy.ndarray, shape (examples,)
        The coefficient.

    Raises
    ------
    ValueError
        For wrong shapes, or a band that the transform does not have.
    """
    bands = _bands(x, h, level)
    if not 0 <= band <= level:
        raise ValueError(f"band must be between 0 (cA{level}) and {level} (cD1), not {band}")
    time, length = x.shape[-1], bands[band].shape[-1]
    value, index = bands[band].max(-1)
    # In zero mode an atom is a row of the analysis matrix (synthesis is its transpose).
    rows = analysis_matrix(h.detach().double().cpu(), time, level=level)
    energy = rows.split([b.shape[-1] for b in bands])[band] ** 2
    total = energy.sum(-1)
    # Zero taps at the ends of h can leave an atom without a sample: such a one lies where its
    # index says.
    middle = (torch.arange(length, dtype=torch.float64) + 0.5) * time / length - 0.5
    centre = torch.where(total > 0, energy @ torch.arange(time).double() / total, middle)
    nearest = torch.ceil(centre - 0.5 - 1e-9).long().clamp(0, time - 1)
    return nearest[index.cpu()].numpy(), value.cpu().numpy()


@dataclass(frozen=True)
class Aligned:
    """Tracks averaged around a place of each.

    Attributes
    ----------
    offset : numpy.ndarray of int, shape (before + after + 1,)
        In samples, from −before to after.
    mean, standard_error : numpy.ndarray, shape (before + after + 1,)
        NaN where fewer than one (two) tracks reach.
    count : numpy.ndarray of int, shape (before + after + 1,)
    """

    offset: np.ndarray
    mean: np.ndarray
    standard_error: np.ndarray
    count: np.ndarray


def aligned_mean(
    x: torch.Tensor | np.ndarray, location: np.ndarray, *, before: int, after: int
) -> Aligned:
    """Mean track around each track's own location.

    Parameters
    ----------
    x : torch.Tensor or numpy.ndarray, shape (examples, time) or (examples, 1, time)
        NaN where a track is not defined.
    location : numpy.ndarray of int, shape (examples,)
        In samples.
    before, after : int
        Samples to either side.

    Raises
    ------
    ValueError
        If there is not one location for each track, or a side is negative.
    """
    tracks = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    place = np.asarray(location)
    if tracks.ndim == 3 and tracks.shape[1] == 1:
        tracks = tracks[:, 0]
    if tracks.ndim != 2 or place.shape != (len(tracks),) or place.dtype.kind not in "iu":
        raise ValueError(
            f"tracks of shape (examples, time) need one integer location each: got tracks of shape "
            f"{tuple(x.shape)} and locations of shape {place.shape}, {place.dtype}"
        )
    if before < 0 or after < 0:
        raise ValueError(f"before and after must not be negative: {before}, {after}")
    offset = np.arange(-before, after + 1)
    at = place[:, None] + offset
    inside = (at >= 0) & (at < tracks.shape[1])
    values = np.take_along_axis(tracks, np.where(inside, at, 0), 1).astype(float)
    there = inside & np.isfinite(values)
    values = np.where(there, values, 0.0)
    count = there.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(0) / count  # NaN where no track reaches
        squares = (np.where(there, values - mean, 0.0) ** 2).sum(0)
        error = np.sqrt(squares / np.where(count > 1, count - 1, np.nan) / count)
    return Aligned(offset, mean, error, count)


# --- made-up shapes ----------------------------------------------------------------------------


def pulse(n: int, up: Any, down: Any, at: Any) -> torch.Tensor:
    """Tracks that rise linearly over `up` samples to 1 at sample `at` and fall over `down`.

    Zero from sample ``at - up`` back and from ``at + down`` on.

    Parameters
    ----------
    n : int
        Samples of a track.
    up, down, at : float or array
        In samples, broadcast against one another; `up` and `down` above 0.

    Returns
    -------
    torch.Tensor of float64, shape (..., n)

    Raises
    ------
    ValueError
        If a rise or a fall takes no time.
    """
    rise, fall, peak = (torch.as_tensor(v, dtype=torch.float64)[..., None] for v in (up, down, at))
    if not ((rise > 0).all() and (fall > 0).all()):
        raise ValueError("a pulse's up and down must be above 0 samples")
    past = torch.arange(n, dtype=torch.float64) - peak
    return torch.minimum(1 + past / rise, 1 - past / fall).clamp(min=0)


def pulse_response(
    h: torch.Tensor, up: int, down: int, *, n: int = 40, level: int = 4, height: float = 1.0
) -> np.ndarray:
    """Largest signed detail coefficient of a pulse in every band, averaged over its positions.

    Every position leaves the pulse whole, the zeros at its feet included: so the track is zero at
    both ends and its borders are no edges. A coefficient depends on how the pulse lies on the grid
    of 2**level samples; so of the positions that fit, the middle ones are taken that are a whole
    number of grid steps, and no alignment counts more than another. (With all 21 positions of a
    pulse of 16 + 3 samples in 40, Haar's `asymmetry` is off by more than its own size.)

    Parameters
    ----------
    h : torch.Tensor, shape (taps,) or (filters, taps)
    up, down : int
        In samples.
    n : int
        Samples of the track.
    height : float
        −1 for a dip.

    Returns
    -------
    numpy.ndarray, shape (level,) or (filters, level)
        ``cD_J`` first.

    Raises
    ------
    ValueError
        If the pulse fits at fewer than 2**level positions.
    """
    check_filter(h)
    check_finite(h)
    with torch.no_grad():
        pulses = height * _pulses(n, up, down, 2**level).to(h)
        bands = dwt.wavedec(pulses, h, level=level)[1:]
        return torch.stack([b.amax(-1).mean(-1) for b in bands], -1).cpu().numpy()


def asymmetry(
    h: torch.Tensor,
    *,
    slow: Sequence[int] = (8, 12, 16),
    sharp: Sequence[int] = (1, 2, 3),
    n: int = 40,
    level: int = 4,
    height: float = 1.0,
) -> np.ndarray:
    """Does a wavelet answer to slow build-up and sharp drop more than to their mirror image?

    For every pair, (R(slow, sharp) − R(sharp, slow)) / (R(slow, sharp) + R(sharp, slow)), where
    R(up, down) is the band's `pulse_response` that is largest. Positive: more to the slow build-up
    followed by the sharp drop.

    The features are *signed*, so the sign of ψ matters. Reversing the taps reverses every atom in
    time and also turns its sign: it changes the sign of the asymmetry if at the same time the
    pulse becomes a dip (``height=-1``), and not otherwise.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,) or (filters, taps)
    slow, sharp : sequence of int
        In samples.
    n, level, height
        As of `pulse_response`.

    Returns
    -------
    numpy.ndarray, shape (pairs,) or (filters, pairs)
        Pairs as ``itertools.product(slow, sharp)``; NaN where a filter responds to neither.
    """
    options: dict[str, Any] = {"n": n, "level": level, "height": height}
    found = []
    for long, short in product(slow, sharp):
        building = pulse_response(h, long, short, **options).max(-1)
        mirrored = pulse_response(h, short, long, **options).max(-1)
        total = building + mirrored
        found.append((building - mirrored) / np.where(total == 0, np.nan, total))
    return np.stack(found, -1)


def model_asymmetry(
    predict: Callable[[torch.Tensor], Any],
    *,
    slow: Sequence[int] = (8, 12, 16),
    sharp: Sequence[int] = (1, 2, 3),
    n: int = 40,
    height: float = 1.0,
    base: float = 0.0,
    period: int = 16,
) -> np.ndarray:
    """Does a whole model predict more for slow build-up and sharp drop than for the mirror image?

    Parameters
    ----------
    predict : callable
        From tracks (examples, 1, n), float64, to predictions (examples,). The tracks are
        ``base + height * pulse`` in the units that the model was trained on: for the clathrin
        tracks standardised amplitudes, so that `base` is what an empty pit has (below 0) and
        `base` + `height` the amplitude of a full coat.
    slow, sharp : sequence of int
        In samples.
    period : int
        The number of positions is a multiple of it: 2**level of a wavelet, as in `pulse_response`.

    Returns
    -------
    numpy.ndarray, shape (pairs,)
        Difference of the mean predictions over positions that leave the pulse whole, in units
        of the prediction; pairs as ``itertools.product(slow, sharp)``.

    Raises
    ------
    ValueError
        If a pulse does not fit, or `predict` gives another shape.
    """
    pairs = list(product(slow, sharp))
    tracks = [_pulses(n, *shape, period) for pair in pairs for shape in (pair, pair[::-1])]
    counts = [len(t) for t in tracks]
    x = base + height * torch.cat(tracks)[:, None]
    with torch.no_grad():
        predicted = torch.as_tensor(predict(x)).double().cpu()
    if predicted.shape != (len(x),):
        raise ValueError(
            f"predict must give one number for each of {len(x)} tracks, not an array of shape "
            f"{tuple(predicted.shape)}"
        )
    means = torch.stack([part.mean() for part in predicted.split(counts)])
    return (means[0::2] - means[1::2]).numpy()


def edge_response(h: torch.Tensor, *, level: int = 4) -> np.ndarray:
    """Largest |detail coefficient| of a drop from 1 to 0, averaged over the places of the drop.

    In a track of finite length the borders are edges too, and ψ at the coarsest scale is longer
    than the clathrin tracks. So no track is transformed: on the whole line the coefficient of a
    drop after sample s is the running sum Σ_{t ≤ s} ψ_j(t) of an atom, and 2**level neighbouring
    places of the drop meet every alignment of it with every atom. Exact, and free of borders.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,) or (filters, taps)

    Returns
    -------
    numpy.ndarray, shape () or (filters,)
        Of the largest over the detail bands; Haar at level 1 has (1/√2 + 0) / 2.
    """
    check_filter(h)
    check_finite(h)
    taps = h.detach().reshape(-1, h.shape[-1])
    n = taps.shape[-1]
    drop = torch.arange(2**level)
    lowest = torch.ones(len(taps), 1).to(taps)  # the atom of an approximation coefficient
    best = torch.zeros(len(taps), 2**level).to(taps)
    for j in range(1, level + 1):
        sums = _refine(filters.highpass(taps), lowest, j).cumsum(-1)
        lowest = _refine(taps, lowest, j)
        # Atoms of level j start every 2**j samples; beyond its end the sum stays what it is.
        tail = sums[:, -1:].expand(-1, -sums.shape[-1] % 2**j)
        phases = torch.cat([sums, tail], -1).unflatten(-1, (-1, 2**j)).abs().amax(1)
        best = torch.maximum(best, phases[:, (drop - (2 - n) * (2**j - 1)) % 2**j])
    return best.mean(-1).reshape(h.shape[:-1]).cpu().numpy()


def _refine(taps: torch.Tensor, lowest: torch.Tensor, j: int) -> torch.Tensor:
    """Σ_m taps[m] lowest(t − 2**(j−1) m): atoms of level j from those of j − 1, both (filters,)."""
    spread = torch.nn.functional.conv_transpose1d(
        taps[None], lowest[:, None], stride=2 ** (j - 1), groups=len(taps)
    )
    return spread[0]


def _pulses(n: int, up: int, down: int, period: int) -> torch.Tensor:
    """The pulse at the middle places where it is whole, their number a multiple of `period`.

    (places, n); the places of the mirrored pulse are the mirrored places.
    """
    places = n - up - down
    if places < period:
        raise ValueError(
            f"a pulse of {up} + {down} samples fits into {n} at {max(places, 0)} places, but a "
            f"multiple of {period} is needed: take a longer track"
        )
    extra = places % period
    first = up + (extra // 2 if up >= down else extra - extra // 2)
    return pulse(n, up, down, first + torch.arange(places - extra))


def _bands(x: torch.Tensor, h: torch.Tensor, level: int) -> list[torch.Tensor]:
    """Bands of tracks, each (examples, length), after the checks that they share."""
    check_filter(h)
    check_finite(h)
    if h.ndim != 1:
        raise ValueError(f"one filter of shape (taps,) is read at a time, not {tuple(h.shape)}")
    if x.ndim != 3 or x.shape[1] != 1:
        raise ValueError(f"tracks must have shape (examples, 1, time), not {tuple(x.shape)}")
    with torch.no_grad():
        return [b[:, 0] for b in dwt.wavedec(x, h.to(x), level=level)]
