"""Filters judged as predictors, chosen without test data, and compared with controls.

Selection sees training tracks only: `judge_filters` scores by cross-validation on them, and test
predictions are made for the comparison alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from awdlib import attribution, dwt, losses, metrics, predictors
from awdlib.sweep import Sweep


def pick_device(device: str, profile: str) -> str:
    """``"cuda"`` or ``"cpu"`` for auto, cpu or cuda; smoke's auto is the CPU, as its reference."""
    if device == "auto":
        return "cuda" if profile != "smoke" and torch.cuda.is_available() else "cpu"
    return device


@dataclass(frozen=True)
class Signals:
    """Training and test signals: x (n, 1, time), y (n,), and the group (cell, box) of each."""

    x: torch.Tensor
    y: np.ndarray
    group: np.ndarray
    x_test: torch.Tensor
    y_test: np.ndarray


def predict(model: torch.nn.Module, x: torch.Tensor) -> np.ndarray:
    """A network's outputs, (examples,)."""
    with torch.no_grad():
        return model(x).cpu().numpy()


@dataclass(frozen=True)
class Judged:
    """Filters as predictors.

    Attributes
    ----------
    cv_r2 : numpy.ndarray, shape (filters,)
        Five-fold cross-validated R² on the training tracks: what selection may use.
    prediction : numpy.ndarray, shape (filters, test tracks)
    r2 : numpy.ndarray, shape (filters,)
        On the test tracks: for the comparison, never for selection.
    """

    cv_r2: np.ndarray
    prediction: np.ndarray
    r2: np.ndarray


def judge_filters(h: torch.Tensor, signals: Signals, *, level: int = 4, k: int = 6) -> Judged:
    """Fit the paper's linear model on the k largest coefficients of every band, filter by filter.

    Parameters
    ----------
    h : torch.Tensor, shape (filters, taps)
    signals : Signals
    """
    scores, predictions = [], []
    for one in h.to(signals.x):
        train = predictors.largest_coefficients(signals.x, one, level=level, k=k)
        test = predictors.largest_coefficients(signals.x_test, one, level=level, k=k)
        scores.append(predictors.cross_validated_r2(train, signals.y))
        predictions.append(predictors.fit_linear(train, signals.y).predict(test))
    r2 = [metrics.r2_score(signals.y_test, p) for p in predictions]
    return Judged(np.array(scores), np.array(predictions), np.array(r2))


def judge_grid(grid: Sweep, signals: Signals, *, level: int = 4, k: int = 6) -> Judged:
    """`judge_filters` of a whole sweep; the arrays are (lams, gammas, seeds, ...)."""
    judged = judge_filters(grid.h.flatten(0, 2), signals, level=level, k=k)
    shape = tuple(grid.h.shape[:3])
    return Judged(
        judged.cv_r2.reshape(shape),
        judged.prediction.reshape(*shape, -1),
        judged.r2.reshape(shape),
    )


def choose(cv_r2: np.ndarray, *, gammas: slice = slice(None)) -> list[tuple[int, int, int]]:
    """(λ, γ, seed) indices of the best cross-validated fit of every seed.

    Parameters
    ----------
    cv_r2 : numpy.ndarray, shape (lams, gammas, seeds)
    gammas : slice
        Which columns may be chosen; ``slice(1)`` is γ = 0 alone.
    """
    allowed = cv_r2[:, gammas]
    first = range(cv_r2.shape[1])[gammas][0]
    best = []
    for seed in range(cv_r2.shape[2]):
        lam, gamma = np.unravel_index(allowed[:, :, seed].argmax(), allowed.shape[:2])
        best.append((int(lam), int(gamma) + first, seed))
    return best


def pick(values: torch.Tensor | np.ndarray, chosen: list[tuple[int, int, int]]):
    """The entries of (lams, gammas, seeds, ...) at the chosen places, (chosen, ...)."""
    lam, gamma, seed = (list(index) for index in zip(*chosen, strict=True))
    return values[lam, gamma, seed]


def nearest(grid: np.ndarray, value: float) -> int:
    """Index of the grid's value nearest to another."""
    return int(np.abs(np.asarray(grid) - value).argmin())


def penalties(h: torch.Tensor) -> np.ndarray:
    """Sum of the five validity penalties of every filter, (...,) for (..., taps)."""
    return losses.validity_penalties(h.double()).sum(-1).cpu().numpy()


def compression(
    h: torch.Tensor, model: attribution.Network, x: torch.Tensor, *, level: int = 4
) -> float:
    """Compression factor of one filter on test signals, with TRIM's saliency of `model`."""
    gradients = attribution.input_gradients(model, x)
    scores = dwt.adjoint_synthesis(gradients, h.to(x), level=level)
    return metrics.compression_factor(dwt.wavedec(x, h.to(x), level=level), scores)


def best_of_budget(judged: Judged, *, budget: int, draws: int, seed: int) -> np.ndarray:
    """Which of `budget` controls cross-validation picks, again for each of `draws` subsets.

    What a selection from as many candidates gains by itself; a distilled wavelet is selected from
    a grid of `budget` fits.

    Returns
    -------
    numpy.ndarray of int, shape (draws,)
        Indices into `judged`.

    Raises
    ------
    ValueError
        If there are fewer controls than `budget`.
    """
    if len(judged.cv_r2) < budget:
        raise ValueError(f"{len(judged.cv_r2)} controls are fewer than the budget of {budget}")
    rng = np.random.default_rng(seed)
    subsets = [rng.choice(len(judged.cv_r2), budget, replace=False) for _ in range(draws)]
    return np.array([subset[judged.cv_r2[subset].argmax()] for subset in subsets])


def compare_r2(
    y: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    *,
    count: int,
    seed: int,
) -> tuple[dict[str, dict[str, float | None]], dict[str, np.ndarray]]:
    """R² of several models on the same bootstrap samples of the test tracks.

    Parameters
    ----------
    y : numpy.ndarray, shape (tests,)
    predictions : mapping of name to (tests,) or (seeds, tests)
        R² is averaged over seeds.
    count : int
        Bootstrap samples.

    Returns
    -------
    rows : dict of name to {r2, r2_low, r2_high, r2_sd, seeds}
        95 % intervals over test tracks; the standard deviation is over seeds, None for one.
    samples : dict of name to numpy.ndarray, shape (count,)
        Bootstrap R², paired between models.
    """
    names, stacked = [], []
    for name, p in predictions.items():
        block = np.atleast_2d(p)
        names += [name] * len(block)
        stacked += list(block)
    all_samples = metrics.bootstrap_r2(y, stacked, count=count, seed=seed)
    rows, samples = {}, {}
    for name in predictions:
        own = [k for k, other in enumerate(names) if other == name]
        r2 = [metrics.r2_score(y, stacked[k]) for k in own]
        samples[name] = all_samples[:, own].mean(1)
        low, high = metrics.interval(samples[name])
        rows[name] = {
            "r2": float(np.mean(r2)), "r2_low": low, "r2_high": high,
            "r2_sd": float(np.std(r2, ddof=1)) if len(own) > 1 else None, "seeds": len(own),
        }  # fmt: skip
    return rows, samples
