"""Which made-up shapes a wavelet, or a whole model, prefers.

Slow build-up with a sharp drop against its mirror image (`pulse_response`, `asymmetry`,
`model_asymmetry`), and a single drop (`edge_response`). Tensors in, NumPy out; ``zero`` mode
throughout, as in the paper.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch

from awdlib import dwt, filters
from awdlib.conventions import check_filter, check_finite


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
