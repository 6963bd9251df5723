"""Peak counting (App. D.1): histograms at the peaks of lensing maps, and the nearest cosmology.

A peak is a pixel strictly above its eight neighbours. What any of the paper's filters says of a
peak is a function of the 3×3 pixels around it. So peaks are found once, their patches are kept,
and every further filter costs one product of matrices.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from awdlib.filters import highpass

BINS = 22
HEIGHTS = (-0.03, 0.19)  # the authors' ranges
STEEPNESS = (0.0, 0.22)
# App. D.1 has -10/3, which would leave the bins empty: at a peak its value is negative.
LAPLACE = (10 / 3) * torch.tensor(
    [[-0.05, -0.2, -0.05], [-0.2, 1.0, -0.2], [-0.05, -0.2, -0.05]], dtype=torch.float64
)


@dataclass(frozen=True)
class Peaks:
    """The peaks of a set of maps.

    Attributes
    ----------
    patches : Tensor
        The 3×3 pixels around each peak, shape (peaks, 9), row by row.
    of_map : Tensor
        The map that each belongs to, shape (peaks,), int64.
    maps : int
        Maps in the set; some may have no peak.
    """

    patches: Tensor
    of_map: Tensor
    maps: int


def find_peaks(maps: Tensor) -> Tensor:
    """Where pixels are strictly above their eight neighbours; the border never is.

    Parameters
    ----------
    maps : Tensor
        Shape (batch, 1, height, width).

    Returns
    -------
    Tensor
        Of the same shape, bool.

    Raises
    ------
    ValueError
        If the shape is another, a side is shorter than 3, or a value is not finite.
    """
    if maps.ndim != 4 or maps.shape[1] != 1 or min(maps.shape[2:]) < 3:
        raise ValueError(f"maps must be (batch, 1, height, width), 3 or more, got {_shape(maps)}")
    if not torch.isfinite(maps).all():
        raise ValueError("a map holds NaN or an infinity: mend or leave out that map")
    height, width = maps.shape[2:]
    centre = maps[..., 1:-1, 1:-1]
    above = torch.ones_like(centre, dtype=torch.bool)
    for i in range(3):
        for j in range(3):
            if (i, j) != (1, 1):
                above &= centre > maps[..., i : height - 2 + i, j : width - 2 + j]
    return torch.nn.functional.pad(above, (1, 1, 1, 1))


def patches(maps: Tensor) -> Peaks:
    """The 3×3 around every peak of maps (batch, 1, height, width); raises as `find_peaks`."""
    place = find_peaks(maps).nonzero()
    of_map, row, column = place[:, 0], place[:, 2], place[:, 3]
    around = [maps[of_map, 0, row + i - 1, column + j - 1] for i in range(3) for j in range(3)]
    return Peaks(torch.stack(around, 1), of_map, len(maps))


def heights(peaks: Peaks) -> Tensor:
    """The peaks' own values, shape (peaks, 1)."""
    return peaks.patches[:, 4:5]


def filtered(peaks: Peaks, kernels: Tensor) -> Tensor:
    """Cross-correlation with kernels (filters, 3, 3) at the peaks, shape (peaks, filters)."""
    return peaks.patches @ kernels.to(peaks.patches).reshape(len(kernels), 9).T


def laplace(peaks: Peaks) -> Tensor:
    """Steepness by the Laplace kernel, shape (peaks, 1)."""
    return filtered(peaks, LAPLACE[None])


def roberts(peaks: Peaks) -> Tensor:
    """Steepness by the Roberts cross of the four 2×2 blocks that hold the peak, summed.

    Each block [[a, b], [c, d]] has the magnitude sqrt((a - d)^2 + (b - c)^2). Shape (peaks, 1).
    """
    p = peaks.patches.reshape(-1, 3, 3)
    down, up = p[:, :2, :2] - p[:, 1:, 1:], p[:, :2, 1:] - p[:, 1:, :2]
    return torch.hypot(down, up).sum((1, 2))[:, None]


def wavelet_kernels(h: Tensor) -> Tensor:
    """LL, LH, HL, HH of a wavelet's three taps with the most variation, shape (filters, 4, 3, 3).

    The window of three consecutive taps of h (and of g) with the largest sum of (h - mean h)^2, as
    separable products; all but LL minus their mean. The authors' search never looks at the last
    window, and neither does this one: for DB5 that decides g's.

    Parameters
    ----------
    h : Tensor
        Lowpass filters (``rec_lo``), shape (filters, taps) or (taps,).
    """
    if h.shape[-1] < 4:  # Haar: zeros around it, so that there is a window of three
        h = torch.nn.functional.pad(h, (2, 2))
    low, high = (_heaviest(bank) for bank in (torch.atleast_2d(h), highpass(torch.atleast_2d(h))))
    pairs = ((low, low), (low, high), (high, low), (high, high))
    kernels = torch.stack([a[:, :, None] * b[:, None, :] for a, b in pairs], 1)
    kernels[:, 1:] -= kernels[:, 1:].mean((2, 3), keepdim=True)
    return kernels


def _heaviest(bank: Tensor) -> Tensor:
    spread = (bank - bank.mean(1, keepdim=True)) ** 2
    windows = spread.unfold(1, 3, 1).sum(2)[:, :-1]
    first = windows.argmax(1)
    return bank.gather(1, first[:, None] + torch.arange(3, device=bank.device))


def histogram(peaks: Peaks, values: Tensor, low: float, high: float, bins: int = BINS) -> Tensor:
    """Histograms of values at the peaks, a map and a column each; what lies outside is not counted.

    As `numpy.histogram` counts: bins are half open but for the last.

    Parameters
    ----------
    values : Tensor
        Shape (peaks, columns).
    low, high : float
        The range.
    bins : int

    Returns
    -------
    Tensor
        Counts, shape (maps, columns × bins), float64: the columns' histograms one after the other.
    """
    edges = torch.linspace(low, high, bins + 1, dtype=torch.float64, device=values.device)
    closed = torch.cat([edges[:-1], torch.nextafter(edges[-1:], edges[-1:] + 1)])
    return histogram_between(peaks, values, closed).reshape(peaks.maps, -1).double()


def histograms(
    peaks: Peaks, values: Tensor, low: float, highs: Sequence[float], bins: int = BINS
) -> list[Tensor]:
    """`histogram` for several ranges with one lower end, in the time of one.

    Values are counted once between the edges of all ranges; each range's bins are sums of these.
    (A value that is exactly an upper end is left out.)
    """
    columns = values.shape[1]
    ranges = [np.linspace(low, high, bins + 1) for high in highs]
    fine = np.unique(np.concatenate(ranges))
    counted = histogram_between(peaks, values, torch.from_numpy(fine).to(values.device))
    total = torch.nn.functional.pad(counted.cumsum(-1), (1, 0))
    places = [torch.from_numpy(np.searchsorted(fine, edges)) for edges in ranges]
    return [
        total[..., at].diff(dim=-1).reshape(peaks.maps, columns * bins).double() for at in places
    ]


def histogram_between(peaks: Peaks, values: Tensor, edges: Tensor) -> Tensor:
    """Counts of values between growing edges, (maps, columns, edges - 1); the last is open."""
    columns, bins = values.shape[1], len(edges) - 1
    place = torch.bucketize(values.double().contiguous(), edges, right=True) - 1
    inside = (place >= 0) & (place < bins)
    cell = peaks.of_map[:, None] * columns + torch.arange(columns, device=values.device)
    counts = torch.bincount((cell * bins + place)[inside], minlength=peaks.maps * columns * bins)
    return counts.reshape(peaks.maps, columns, bins)


class NearestCosmology:
    """Predict a map's parameters as those of the cosmology whose histograms are nearest.

    chi^2_c = (n - mu_c)' Sigma_c^+ (n - mu_c) with the mean and covariance of the training maps of
    each cosmology c, the pseudo-inverse, and neither a determinant nor a correction for the number
    of maps: as the authors do.
    """

    def __init__(self) -> None:
        self.labels = np.empty(0)
        self.mean = self.inverse = torch.empty(0)

    def fit(self, features: Tensor, cosmology: Iterable[int]) -> "NearestCosmology":
        """Learn from training maps.

        Parameters
        ----------
        features : Tensor
            Shape (maps, features), float64.
        cosmology : sequence of int
            Of each map.

        Raises
        ------
        ValueError
            If a cosmology has fewer than two maps, or the lengths differ.
        """
        of_map = np.asarray(list(cosmology))
        if len(of_map) != len(features):
            raise ValueError(f"{len(features)} maps, but {len(of_map)} labels")
        self.labels, counts = np.unique(of_map, return_counts=True)
        if not len(counts) or counts.min() < 2:
            raise ValueError("each cosmology needs at least two training maps for its covariance")
        groups = [features[torch.from_numpy(of_map == label)] for label in self.labels]
        self.mean = torch.stack([group.mean(0) for group in groups])
        covariances = torch.stack([torch.atleast_2d(torch.cov(group.T)) for group in groups])
        self.inverse = torch.linalg.pinv(covariances, hermitian=True)
        return self

    def distances(self, features: Tensor) -> Tensor:
        """chi^2 to every cosmology, shape (maps, cosmologies)."""
        off = features - self.mean[:, None]
        return ((off @ self.inverse) * off).sum(-1).T

    def predict(self, features: Tensor) -> np.ndarray:
        """The nearest cosmology's label of each map."""
        return self.labels[self.distances(features).argmin(1).cpu().numpy()]


def _shape(x: Tensor) -> str:
    return "(" + ", ".join(map(str, x.shape)) + ")"
