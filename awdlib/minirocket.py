"""MiniRocket: thousands of fixed convolution features of a time series, a strong plain baseline.

Dempster, Schmidt and Webb, *MiniRocket: a very fast (almost) deterministic transform for time
series classification*, KDD 2021. Own code, because the libraries that keep one (aeon, sktime) do
not resolve with this project's versions; held against aeon's once by hand, with its dilations and
biases: equal but where float32 decides.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

TAPS = 9
# Which three of a kernel's nine weights are 2; the others are −1, so each kernel sums to 0.
TWOS = np.array(list(combinations(range(TAPS), 3)))
KERNELS = np.full((len(TWOS), TAPS), -1.0)
np.put_along_axis(KERNELS, TWOS, 2.0, axis=1)
MOST_DILATIONS = 32
CHUNK = 128  # examples at a time: 84 convolutions of 40 samples are then 3 MB


@dataclass(frozen=True)
class MiniRocket:
    """A fitted transform; `fit_minirocket` makes it.

    Attributes
    ----------
    length : int
        Samples of a signal.
    dilations : numpy.ndarray of int, shape (dilations,)
        Samples between two weights of a kernel.
    counts : numpy.ndarray of int, shape (dilations,)
        Features of every kernel at that dilation.
    biases : numpy.ndarray, shape (features,)
        In the signal's units; by dilation, then kernel.
    """

    length: int
    dilations: np.ndarray
    counts: np.ndarray
    biases: np.ndarray

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Proportions of positive values: how often a convolution exceeds its bias.

        Every other kernel counts only where it lies wholly inside the signal; the others count
        everywhere, the signal going on with zeros.

        Parameters
        ----------
        x : numpy.ndarray, shape (examples, length)

        Returns
        -------
        numpy.ndarray of float64, shape (examples, features)
            Between 0 and 1; by dilation, then kernel, then bias.

        Raises
        ------
        ValueError
            If `x` has another length than the signals of the fit, or holds NaN.
        """
        x = _checked(x)
        if x.shape[1] != self.length:
            raise ValueError(f"fitted to signals of {self.length} samples, not of {x.shape[1]}")
        out = np.empty((len(x), len(self.biases)))
        for start in range(0, len(x), CHUNK):
            self._transform(x[start : start + CHUNK], out[start : start + CHUNK])
        return out

    def _transform(self, x: np.ndarray, out: np.ndarray) -> None:
        last = 0
        for place, (dilation, count) in enumerate(zip(self.dilations, self.counts, strict=True)):
            convolved = convolutions(x, dilation)
            edge = (TAPS - 1) // 2 * dilation
            for kernel, values in enumerate(convolved):
                first, last = last, last + count
                inside = values[edge:-edge] if (place + kernel) % 2 else values
                positive = inside[:, None] > self.biases[first:last, None]
                # Time comes first: adding whole rows is several times faster than short sums.
                total = positive.view(np.uint8).sum(0, dtype=np.uint32)
                out[:, first:last] = total.T / len(inside)


def convolutions(x: np.ndarray, dilation: int) -> np.ndarray:
    """All 84 kernels on signals that go on with zeros beyond their ends.

    Parameters
    ----------
    x : numpy.ndarray, shape (examples, length)
    dilation : int

    Returns
    -------
    numpy.ndarray, shape (84, length, examples)
    """
    edge, length = (TAPS - 1) // 2 * dilation, x.shape[1]
    padded = np.pad(x.T, ((edge, edge), (0, 0)))
    shifted = np.stack([padded[m * dilation : m * dilation + length] for m in range(TAPS)])
    # −1 everywhere and 3 more at three places: a third of the work of a product with `KERNELS`.
    three = shifted[TWOS[:, 0]] + shifted[TWOS[:, 1]] + shifted[TWOS[:, 2]]
    return 3 * three - shifted.sum(0)


def fit_minirocket(x: np.ndarray, *, features: int = 10_000, seed: int = 0) -> MiniRocket:
    """Choose dilations by the signals' length, and biases from a few of the signals.

    Parameters
    ----------
    x : numpy.ndarray, shape (examples, length)
        Training signals; at least 9 samples long.
    features : int
        Rounded down to a multiple of 84 (10,000 to 9,996), at least 84.
    seed : int
        Of the signals that biases are drawn from: one for each kernel and dilation.

    Raises
    ------
    ValueError
        If signals are shorter than 9 samples, hold NaN, or fewer than 84 features are asked for.
    """
    x = _checked(x)
    dilations, counts = _dilations(x.shape[1], features)
    rng = np.random.default_rng(seed)
    # Quantiles from a golden-ratio sequence spread evenly however many a kernel has.
    golden = (1 + np.sqrt(5)) / 2
    quantiles = np.arange(1, counts.sum() * len(KERNELS) + 1) * golden % 1
    biases, last = [], 0
    for dilation, count in zip(dilations, counts, strict=True):
        drawn = rng.integers(len(x), size=len(KERNELS))
        convolved = convolutions(x[drawn], dilation)
        for kernel in range(len(KERNELS)):
            first, last = last, last + count
            biases.append(np.quantile(convolved[kernel, :, kernel], quantiles[first:last]))
    return MiniRocket(x.shape[1], dilations, counts, np.concatenate(biases))


def _dilations(length: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Dilations from 1 to the longest that fits, and how many features a kernel has at each."""
    if length < TAPS:
        raise ValueError(f"MiniRocket needs signals of at least {TAPS} samples, not {length}")
    each = features // len(KERNELS)
    if each < 1:
        raise ValueError(f"at least {len(KERNELS)} features, one a kernel, not {features}")
    number = min(each, MOST_DILATIONS)
    spaced = np.logspace(0, np.log2((length - 1) / (TAPS - 1)), number, base=2)
    dilations, repeats = np.unique(spaced.astype(int), return_counts=True)
    counts = (repeats * (each / number)).astype(int)
    left = each - counts.sum()  # rounded down above: one more for each of the first
    counts += left // len(counts)
    counts[: left % len(counts)] += 1
    return dilations, counts


def _checked(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or not len(x):
        raise ValueError(f"signals must have shape (examples, length), not {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("the signals hold NaN or infinite values")
    return x
