"""Scores and their uncertainty."""

from collections.abc import Sequence

import numpy as np
import torch


def r2_score(y: np.ndarray, prediction: np.ndarray) -> float:
    """Share of the variance of y explained: 1 − Σ(y − ŷ)² / Σ(y − ȳ)². Both (examples,)."""
    y, prediction = np.asarray(y), np.asarray(prediction)
    return float(1 - ((y - prediction) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def bootstrap_r2(
    y: np.ndarray, predictions: Sequence[np.ndarray], *, count: int = 2000, seed: int = 0
) -> np.ndarray:
    """R² of several predictions on the same bootstrap samples of the test examples.

    The same samples for all, so that differences of columns are paired.

    Parameters
    ----------
    y : numpy.ndarray, shape (examples,)
    predictions : sequence of numpy.ndarray, each (examples,)
    count : int
        Bootstrap samples.

    Returns
    -------
    numpy.ndarray, shape (count, len(predictions))
    """
    y = np.asarray(y)
    picks = np.random.default_rng(seed).integers(0, len(y), (count, len(y)))
    drawn = y[picks]
    total = ((drawn - drawn.mean(1, keepdims=True)) ** 2).sum(1)
    squared = [((y - np.asarray(p)) ** 2)[picks].sum(1) for p in predictions]
    return 1 - np.stack(squared, 1) / total[:, None]


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Central interval of bootstrap samples, shape (count,)."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def sd(values: Sequence[float] | np.ndarray) -> float | None:
    """Standard deviation over seeds; None for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def estimate(value: float, samples: np.ndarray, n: int) -> dict[str, float | int]:
    """{estimate, low, high, n}: how every claim's quantity is stored."""
    low, high = interval(samples)
    return {"estimate": float(value), "low": low, "high": high, "n": int(n)}


def compression_factor(
    coeffs: Sequence[torch.Tensor], attributions: Sequence[torch.Tensor], *, above: float = 1e-3
) -> float:
    """Share of (coefficient, example) pairs whose size *and* attribution exceed `above`.

    Parameters
    ----------
    coeffs, attributions : sequence of torch.Tensor
        Array by array of the same shapes.

    Returns
    -------
    float
        Between 0 and 1; lower is more concise (paper, Table 1).
    """
    both = sum(
        int(((c.abs() > above) & (a.abs() > above)).sum())
        for c, a in zip(coeffs, attributions, strict=True)
    )
    return both / sum(c.numel() for c in coeffs)
