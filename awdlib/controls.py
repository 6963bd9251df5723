"""What AWD's gain has to be held against: random wavelets, supervision alone, plain baselines.

Nothing here can see test data: each function takes training signals and their targets only. All
models that predict from features have one shape, `FeatureModel`, so that a prediction can be timed
on ready features and end to end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import Any, Protocol

import numpy as np
import torch

from awdlib import filters, minirocket, predictors
from awdlib.adam import Adam
from awdlib.selection import Signals

PENALTIES = np.logspace(-3, 5, 33)  # of ridge regression


# --- models of one shape -------------------------------------------------------------------------


class Head(Protocol):
    """What predicts from ready features: `predictors.LinearModel`, or one of scikit-learn's."""

    def predict(self, features: np.ndarray, /) -> np.ndarray:
        """(examples, features) to (examples,)."""


@dataclass(frozen=True)
class FeatureModel:
    """Features of a signal and a linear head.

    Attributes
    ----------
    features : callable
        From signals, (examples, 1, time), to (examples, features).
    head : Head
        ``head.predict(ready)`` predicts from ready features.
    parameters : int
        Fitted numbers: coefficients and intercept, and what the features have been fitted by.
    """

    features: Callable[[Any], np.ndarray]
    head: Head
    parameters: int

    def predict(self, x: torch.Tensor | np.ndarray) -> np.ndarray:
        """End to end: signals (or what `features` takes) to (examples,)."""
        return self.head.predict(self.features(x))


def wavelet(
    h: torch.Tensor, x: torch.Tensor, y: np.ndarray, *, level: int = 4, k: int = 6, free: int = 0
) -> FeatureModel:
    """The paper's model: the k largest coefficients of every band and least squares.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,)
    x : torch.Tensor, shape (examples, 1, time)
    y : numpy.ndarray, shape (examples,)
    free : int
        Numbers of the filter that were fitted, to be counted: its taps, or none of a standard one.
    """
    taps = h.detach().to(x)

    def features(signals: torch.Tensor) -> np.ndarray:
        return predictors.largest_coefficients(signals, taps.to(signals), level=level, k=k)

    ready = features(x)
    return FeatureModel(features, predictors.fit_linear(ready, y), free + ready.shape[1] + 1)


def linear(features: np.ndarray, y: np.ndarray) -> FeatureModel:
    """Least squares on given features, such as lifetime and largest amplitude.

    Parameters
    ----------
    features : numpy.ndarray, shape (examples, features)
        `FeatureModel.predict` takes such features too.
    y : numpy.ndarray, shape (examples,)
    """
    ready = np.asarray(features, dtype=np.float64)
    return FeatureModel(np.asarray, predictors.fit_linear(ready, y), ready.shape[1] + 1)


def ridge(x: torch.Tensor, y: np.ndarray) -> FeatureModel:
    """Ridge regression on the raw samples; the selection rule's five folds choose the penalty.

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    y : numpy.ndarray, shape (examples,)
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold

    ready = raw_samples(x)
    head = RidgeCV(PENALTIES, cv=KFold(5), scoring="r2").fit(ready, y)
    return FeatureModel(raw_samples, head, ready.shape[1] + 1)


def rocket(
    x: torch.Tensor, y: np.ndarray, *, features: int = 10_000, seed: int = 0
) -> FeatureModel:
    """MiniRocket features, standardised, and ridge regression.

    As published, leave-one-out chooses the penalty: five folds would cost minutes.

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    y : numpy.ndarray, shape (examples,)
    features : int
        Rounded down to a multiple of 84.
    seed : int
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = minirocket.fit_minirocket(raw_samples(x), features=features, seed=seed)

    def transform(signals: torch.Tensor) -> np.ndarray:
        return fitted.transform(raw_samples(signals))

    ready = transform(x)
    head = make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(ready, y)
    return FeatureModel(transform, head, 2 * ready.shape[1] + 1)  # a bias and a coefficient each


def raw_samples(x: torch.Tensor | np.ndarray) -> np.ndarray:
    """Signals, (examples, 1, time), as a table, (examples, time), in float64."""
    values = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    return values.reshape(len(values), -1).astype(np.float64)


# --- wavelets that no network taught -------------------------------------------------------------


def random_wavelets(count: int, taps: int, seed: int) -> torch.Tensor:
    """Random orthonormal filters: lattice angles uniform on [−π, π), Σh = √2.

    Returns
    -------
    torch.Tensor of float64, shape (count, taps)
    """
    generator = torch.Generator().manual_seed(seed)
    return filters.taps_from_angles(filters.random_angles(count, taps, generator))


@dataclass(frozen=True)
class Supervised:
    """A wavelet chosen by supervision alone.

    Attributes
    ----------
    h : torch.Tensor, shape (taps,)
    cv_r2 : float
        Its cross-validated R² on the training signals, as `awdlib.selection.judge_filters` has.
    history : numpy.ndarray, shape (steps + 1, starts)
        That of every start before, between and after the steps.
    """

    h: torch.Tensor
    cv_r2: float
    history: np.ndarray


def supervised(
    signals: Signals,
    *,
    taps: int = 10,
    starts: int = 32,
    steps: int = 60,
    lr: float = 0.1,
    seed: int = 0,
    level: int = 4,
    k: int = 6,
    progress: Callable[[int, int], None] | None = None,
) -> Supervised:
    """The wavelet whose features predict best in cross-validation, sought without any network.

    Adam climbs the selection rule itself, in the lattice angles of an orthonormal filter, from
    random starts that are all refined; the best that any of them met is taken.

    Measured on the real tracks, three seeds: the best of 32 random starts scores .370 (mean), 60
    steps bring .395 in 8 s on one thread; 64 starts and 100 steps bring .397 in 25 s; a learning
    rate of .05 or .2 instead brings .391 or .394.

    Parameters
    ----------
    signals : Signals
        Only the training signals are looked at.
    taps : int
        2K; there are K − 1 free angles, so at least 4.
    starts, steps : int
    lr : float
        In radians a step.
    progress : callable, optional
        Called with (steps done, steps in all).

    Raises
    ------
    ValueError
        If there are fewer than 4 taps: two taps leave only Haar.
    """
    if taps < 4 or taps % 2:
        raise ValueError(f"taps must be even and at least 4, not {taps}: else nothing is free")
    x = signals.x.double()
    y = torch.as_tensor(signals.y, dtype=torch.float64, device=x.device)
    generator = torch.Generator().manual_seed(seed)
    free = filters.random_angles(starts, taps, generator)[:, :-1].to(x).requires_grad_()
    adam = Adam(free, lr)
    history = np.empty((steps + 1, starts))
    best, best_h = -np.inf, torch.empty(taps)
    for step in range(steps + 1):
        free.grad = None
        h = _filters_of(free)
        scores = []
        for some in h.split(8):  # fits a processor's cache
            features = predictors.top_coefficients(x, some, level=level, k=k)
            score = predictors.soft_cross_validated_r2(features, y)
            if step < steps:
                (-score.sum()).backward(retain_graph=True)
            scores.append(score.detach())
        history[step] = torch.cat(scores).cpu().numpy()
        if history[step].max() > best:
            best, best_h = history[step].max(), h[history[step].argmax()].detach().cpu().clone()
        if step < steps:
            assert free.grad is not None
            adam.step(free.grad)
        if progress:
            progress(step, steps)
    ready = predictors.largest_coefficients(x, best_h.to(x), level=level, k=k)
    return Supervised(best_h, predictors.cross_validated_r2(ready, signals.y), history)


def _filters_of(free: torch.Tensor) -> torch.Tensor:
    """Filters of K − 1 free angles each; the last angle makes the taps sum to √2."""
    return filters.taps_from_angles(torch.cat([free, pi / 4 - free.sum(-1, keepdim=True)], -1))
