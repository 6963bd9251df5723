"""What a chosen wavelet, and the linear model on top of it, respond to.

Two questions: which coefficients made one prediction (`contributions`, `curve`), and what the
tracks look like where a coefficient is large (`locations`, `aligned_mean`); `awdlib.pulses` asks
with made-up shapes. Tensors in, NumPy out; ``zero`` mode throughout, as in the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from awdlib import dwt
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
