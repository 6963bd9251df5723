"""Filters judged as predictors, chosen without test data, and compared with controls.

Selection sees training tracks only: `judge_filters` scores by cross-validation on them, and test
predictions are made for the comparison alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from awdlib import dwt, filters, losses, metrics, predictors
from awdlib.matrices import band_lengths
from awdlib.sweep import Sweep


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


CHUNK_BYTES = 8e6  # of one chunk's coefficients (a few times as much in all): fits a cache


def judge_filters(
    h: torch.Tensor,
    signals: Signals,
    *,
    level: int = 4,
    k: int = 6,
    progress: Callable[[int, int], None] | None = None,
) -> Judged:
    """Fit the paper's linear model on the k largest coefficients of every band, filter by filter.

    The same as `awdlib.predictors.largest_coefficients`, `cross_validated_r2` and `fit_linear` for
    every filter, but for many at once, in float64 and in bounded memory, on the signals' device.

    Parameters
    ----------
    h : torch.Tensor, shape (filters, taps)
    signals : Signals
    progress : callable, optional
        Called with (filters done, filters in all).
    """
    # float32 would show in the fourth digit of an R²: enough to choose another filter.
    x, x_test = signals.x.double(), signals.x_test.double()
    size = sum(band_lengths(x.shape[-1], h.shape[-1], level=level))
    chunk = max(1, int(CHUNK_BYTES / (8 * size * max(len(x), len(x_test)))))
    scores, predictions, done = [], [], 0
    for some in h.detach().to(x).split(chunk):
        train, test = (
            predictors.largest_of_many(one, some, level=level, k=k) for one in (x, x_test)
        )
        cv_r2, prediction = predictors.fit_many(train, signals.y, test)
        scores.append(cv_r2)
        predictions.append(prediction)
        done += len(some)
        if progress:
            progress(done, len(h))
    r2 = [metrics.r2_score(signals.y_test, p) for block in predictions for p in block]
    return Judged(np.concatenate(scores), np.concatenate(predictions), np.array(r2))


def judge_grid(
    grid: Sweep,
    signals: Signals,
    *,
    level: int = 4,
    k: int = 6,
    progress: Callable[[int, int], None] | None = None,
) -> Judged:
    """`judge_filters` of a whole sweep; the arrays are (lams, gammas, seeds, ...)."""
    judged = judge_filters(grid.h.flatten(0, 2), signals, level=level, k=k, progress=progress)
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
    allowed, places = cv_r2[:, gammas], range(cv_r2.shape[1])[gammas]
    best = []
    for seed in range(cv_r2.shape[2]):
        lam, gamma = np.unravel_index(allowed[:, :, seed].argmax(), allowed.shape[:2])
        best.append((int(lam), places[int(gamma)], seed))
    return best


def pick(values: torch.Tensor | np.ndarray, chosen: list[tuple[int, int, int]]):
    """The entries of (lams, gammas, seeds, ...) at the chosen places, (chosen, ...)."""
    lam, gamma, seed = (list(index) for index in zip(*chosen, strict=True))
    return values[lam, gamma, seed]


def nearest(grid: np.ndarray, value: float) -> int:
    """Index of the grid's value nearest to another."""
    return int(np.abs(np.asarray(grid) - value).argmin())


def validity_of_grid(h: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the five validity penalties of every filter, and whether it is a wavelet's.

    Parameters
    ----------
    h : torch.Tensor, shape (lams, gammas, seeds, taps)

    Returns
    -------
    penalty : numpy.ndarray of float, valid : numpy.ndarray of bool, both (lams, gammas, seeds)
        `valid` is `awdlib.filters.Validity.ok`.
    """
    penalty = losses.validity_penalties(h.double()).sum(-1).cpu().numpy()
    valid = [filters.validity(one).ok() for one in h.flatten(0, 2)]
    return penalty, np.array(valid).reshape(penalty.shape)


def compression(
    h: torch.Tensor, gradients: torch.Tensor, x: torch.Tensor, *, level: int = 4
) -> np.ndarray:
    """Compression factor of every signal by itself, with TRIM's saliency; their mean is Table 1's.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,)
    gradients, x : torch.Tensor, shape (examples, 1, time)
        Test signals, and the network's gradient at each.

    Returns
    -------
    numpy.ndarray, shape (examples,)
    """
    scores = dwt.adjoint_synthesis(gradients, h.to(x), level=level)
    return metrics.compression_factors(dwt.wavedec(x, h.to(x), level=level), scores)


def best_of_budget(cv_r2: np.ndarray, budget: int) -> np.ndarray:
    """Which of `budget` controls cross-validation picks, once for every disjoint group of them.

    What a selection from as many candidates gains by itself: a distilled wavelet is selected from
    a grid of `budget` fits.

    Parameters
    ----------
    cv_r2 : numpy.ndarray, shape (controls,)

    Returns
    -------
    numpy.ndarray of int, shape (controls // budget,)
        One index a group ("draw").

    Raises
    ------
    ValueError
        If there are fewer controls than `budget`.
    """
    draws = len(cv_r2) // budget
    if draws < 1:
        raise ValueError(f"{len(cv_r2)} controls are fewer than the budget of {budget}")
    groups = cv_r2[: draws * budget].reshape(draws, budget)
    return groups.argmax(1) + budget * np.arange(draws)


def compare_r2(
    y: np.ndarray, predictions: Mapping[str, np.ndarray], *, count: int, seed: int
) -> tuple[dict[str, dict[str, float | None]], dict[str, np.ndarray]]:
    """R² of several models on the same bootstrap samples of the test tracks.

    A model with several members (seeds, draws) is their mean R²; each bootstrap sample draws
    members anew as well as tracks, so intervals include both. Models with equally many members are
    drawn alike: their members belong together, as a network and what was distilled from it.

    Parameters
    ----------
    y : numpy.ndarray, shape (tests,)
    predictions : mapping of name to (tests,) or (members, tests)
    count : int
        Bootstrap samples.

    Returns
    -------
    rows : dict of name to {r2, r2_low, r2_high, r2_sd, members}
        95 % intervals; the standard deviation is over members, None for one.
    samples : dict of name to numpy.ndarray, shape (count,)
        Bootstrap R², on the same tracks for every model.
    """
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(y), (count, len(y)))
    rows, samples, again = {}, {}, {}
    for name, given in predictions.items():
        block = np.atleast_2d(given)
        members = metrics.bootstrap_r2(y, block, picks)
        if len(block) not in again:
            again[len(block)] = rng.integers(0, len(block), (count, len(block)))
        samples[name] = np.take_along_axis(members, again[len(block)], axis=1).mean(1)
        r2 = [metrics.r2_score(y, p) for p in block]
        low, high = metrics.interval(samples[name])
        rows[name] = {
            "r2": float(np.mean(r2)), "r2_low": low, "r2_high": high, "r2_sd": metrics.sd(r2),
            "members": len(block),
        }  # fmt: skip
    return rows, samples
