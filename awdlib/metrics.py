"""Scores and their uncertainty."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

SAMPLES = 2000  # of a bootstrap


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


def over_examples(
    values: np.ndarray | Sequence[float],
    kind: str,
    *,
    statistic: Literal["mean", "median"] = "mean",
    samples: int = SAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Mean or median over examples with its 95 % bootstrap interval, as `estimate` stores one.

    Parameters
    ----------
    values : numpy.ndarray, shape (examples,)
    kind : str
        What the interval ranges over, such as "95 %, images".
    statistic : {"mean", "median"}
    samples, seed : int
        Of the bootstrap.
    """
    values = np.asarray(values, dtype=float)
    of: Callable[..., Any] = np.mean if statistic == "mean" else np.median
    picks = np.random.default_rng(seed).integers(len(values), size=(samples, len(values)))
    return estimate(float(of(values)), of(values[picks], axis=1), len(values), kind)


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


def noise_corrected_correlation(prediction: np.ndarray, spikes: np.ndarray) -> np.ndarray:
    """Correlation of predictions with what a stimulus explains of noisy responses.

    CC_norm of Schoppe et al., *Measuring the performance of neural models*, Frontiers in
    Computational Neuroscience 10:10, 2016: the covariance of prediction and mean response, over
    the standard deviations of the prediction and of the signal. The signal power is estimated from
    repeats of one stimulus, without bias, as [Var(Σ spikes) − Σ Var(spikes)] / (N² − N).

    Parameters
    ----------
    prediction : numpy.ndarray, shape (frames, neurons)
        On any scale.
    spikes : numpy.ndarray, shape (repeats, frames, neurons)
        Counts of at least two repeats of one stimulus.

    Returns
    -------
    numpy.ndarray, shape (neurons,)
        1, up to an error of estimation in both directions, for the true rate; 0 for a constant
        prediction; NaN where the signal power is not positive: repeats have nothing in common.

    Raises
    ------
    ValueError
        If there is one repeat only, or shapes do not fit.
    """
    prediction, spikes = np.asarray(prediction, float), np.asarray(spikes, float)
    if spikes.ndim != 3 or prediction.shape != spikes.shape[1:]:
        raise ValueError(
            "prediction must have shape (frames, neurons) and spikes (repeats, frames, neurons), "
            f"not {prediction.shape} and {spikes.shape}"
        )
    repeats = len(spikes)
    if repeats < 2:
        raise ValueError(
            f"noise can only be told from signal with at least 2 repeats of the stimulus, not "
            f"{repeats}: correlate with the single response instead"
        )
    total = spikes.sum(0)
    signal = (total.var(0) - spikes.var(1).sum(0)) / (repeats**2 - repeats)
    centred = prediction - prediction.mean(0)
    covariance = (centred * total).mean(0) / repeats
    # what rounding leaves of a constant counts as constant
    spread = np.where(np.ptp(prediction, axis=0) > 0, prediction.std(0), np.inf)
    return covariance / (spread * np.sqrt(np.where(signal > 0, signal, np.nan)))
