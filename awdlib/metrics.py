"""Scores and their uncertainty."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch


def r2_score(y: np.ndarray, prediction: np.ndarray) -> float:
    """Share of the variance of y explained: 1 − Σ(y − ŷ)² / Σ(y − ȳ)². Both (examples,)."""
    y, prediction = np.asarray(y), np.asarray(prediction)
    return float(1 - ((y - prediction) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def bootstrap_r2(y: np.ndarray, predictions: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """R² of several predictions on bootstrap samples of the test examples.

    Parameters
    ----------
    y : numpy.ndarray, shape (examples,)
    predictions : numpy.ndarray, shape (predictions, examples)
    picks : numpy.ndarray of int, shape (samples, examples)
        Which examples each sample is made of; the same for all models that are compared.

    Returns
    -------
    numpy.ndarray, shape (samples, predictions)
    """
    drawn = y[picks]
    total = ((drawn - drawn.mean(1, keepdims=True)) ** 2).sum(1)
    squared = [((y - p) ** 2)[picks].sum(1) for p in predictions]
    return 1 - np.stack(squared, 1) / total[:, None]


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Central interval of bootstrap samples, shape (count,)."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def sd(values: Sequence[float] | np.ndarray) -> float | None:
    """Standard deviation over seeds; None for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def estimate(value: float, samples: np.ndarray, n: int, kind: str) -> dict[str, float | int | str]:
    """{estimate, low, high, n, kind}: how every claim's quantity is stored.

    `kind` says what the 95 % interval of `samples` ranges over.
    """
    low, high = interval(samples)
    return {"estimate": float(value), "low": low, "high": high, "n": int(n), "kind": kind}


ABSENT: dict[str, Any] = {"estimate": None, "low": None, "high": None, "n": None, "kind": ""}


def over_range(values: np.ndarray | Sequence[float], kind: str) -> dict[str, Any]:
    """Mean and range of a quantity over seeds or other members, as `estimate` stores one."""
    values = np.asarray(values, dtype=float)
    return {
        "estimate": float(values.mean()), "low": float(values.min()), "high": float(values.max()),
        "n": len(values), "kind": kind,
    }  # fmt: skip


def in_words(
    difference: Mapping[str, Any] | None, *, more: str = "better than", less: str = "worse than"
) -> str | None:
    """What a difference says, in words that its interval allows."""
    if not difference or difference["low"] is None or difference["high"] is None:
        return None
    if difference["low"] > 0:
        return more
    return less if difference["high"] < 0 else "not clearly different from"


def compression_factors(
    coeffs: Sequence[torch.Tensor], attributions: Sequence[torch.Tensor], *, above: float = 1e-3
) -> np.ndarray:
    """Share of an example's coefficients whose size *and* attribution exceed `above`.

    Parameters
    ----------
    coeffs, attributions : sequence of torch.Tensor, each (examples, ...)
        Array by array of the same shapes.

    Returns
    -------
    numpy.ndarray, shape (examples,)
        Between 0 and 1; the mean is the compression factor (paper, Table 1): lower is more concise.
    """
    both = [
        ((c.abs() > above) & (a.abs() > above)).flatten(1)
        for c, a in zip(coeffs, attributions, strict=True)
    ]
    return torch.cat(both, 1).double().mean(1).cpu().numpy()
