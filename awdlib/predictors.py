"""The small models that replace a network: a few wavelet coefficients and a linear model."""

from dataclasses import dataclass

import numpy as np
import torch

from awdlib import dwt, metrics
from awdlib.conventions import Mode


def largest_coefficients(
    x: torch.Tensor, h: torch.Tensor, *, level: int = 4, mode: Mode = "zero", k: int = 6
) -> np.ndarray:
    """The k largest signed coefficients of every band, sorted (paper, Sec. 4.2).

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    h : torch.Tensor, shape (taps,)

    Returns
    -------
    numpy.ndarray, shape (examples, (level + 1) * k)
        Bands in PyWavelets' order, each from its largest coefficient down.

    Raises
    ------
    ValueError
        If a band has fewer than k coefficients.
    """
    with torch.no_grad():
        bands = dwt.wavedec(x, h, level=level, mode=mode)
    shortest = min(b.shape[-1] for b in bands)
    if shortest < k:
        raise ValueError(f"k = {k} coefficients a band, but one band has only {shortest}")
    return torch.cat([b[:, 0].topk(k, -1).values for b in bands], -1).cpu().numpy()


@dataclass(frozen=True)
class LinearModel:
    """y ≈ features · weights + intercept, by ordinary least squares."""

    weights: np.ndarray
    intercept: float

    def predict(self, features: np.ndarray) -> np.ndarray:
        """(examples, features) to (examples,)."""
        return features @ self.weights + self.intercept


def fit_linear(features: np.ndarray, y: np.ndarray) -> LinearModel:
    """Ordinary least squares with an intercept; the shortest solution where it is not unique."""
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit(features, y)
    return LinearModel(fitted.coef_, float(fitted.intercept_))


def cross_validated_r2(features: np.ndarray, y: np.ndarray, *, folds: int = 5) -> float:
    """Mean R² over unshuffled folds in file order: the selection rule, on training data only."""
    parts = np.array_split(np.arange(len(y)), folds)  # scikit-learn's KFold(5), unshuffled
    scores = []
    for part in parts:
        keep = np.ones(len(y), dtype=bool)
        keep[part] = False
        model = fit_linear(features[keep], y[keep])
        scores.append(metrics.r2_score(y[part], model.predict(features[part])))
    return float(np.mean(scores))
