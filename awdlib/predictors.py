"""The small models that replace a network: a few wavelet coefficients and a linear model."""

from dataclasses import dataclass

import numpy as np
import torch

from awdlib import dwt, metrics
from awdlib.conventions import Mode
from awdlib.matrices import analysis_matrix, band_lengths


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")


def top_coefficients(
    x: torch.Tensor, h: torch.Tensor, *, level: int = 4, mode: Mode = "zero", k: int = 6
) -> torch.Tensor:
    """`largest_coefficients` as a tensor, differentiable in x and h, of one filter or of many.

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    h : torch.Tensor, shape (taps,) or (filters, taps)

    Returns
    -------
    torch.Tensor, shape (examples, features) or (filters, examples, features)
    """
    _check_k(k)
    bands = dwt.wavedec(x, h, level=level, mode=mode)
    best = [b[..., 0, :].topk(min(k, b.shape[-1]), -1).values for b in bands]
    return torch.cat(best, -1)


def largest_coefficients(
    x: torch.Tensor, h: torch.Tensor, *, level: int = 4, mode: Mode = "zero", k: int = 6
) -> np.ndarray:
    """The k largest signed coefficients of every band, sorted (paper, Sec. 4.2).

    A band that has fewer than k coefficients gives all of them: a long filter makes the bands of a
    short signal longer, so what DB5 has is not what Haar has. At level 4 and 40 samples (mode
    ``zero``) Haar's bands have 3, 3, 5, 10 and 20 coefficients: with k = 6, 23 features.

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    h : torch.Tensor, shape (taps,) or (filters, taps)
    k : int
        At least 1.

    Returns
    -------
    numpy.ndarray, shape (examples, features), or (filters, examples, features)
        Bands in PyWavelets' order, each from its largest coefficient down; (level + 1) * k
        features where every band has k coefficients.

    Raises
    ------
    ValueError
        If k is less than 1.
    """
    with torch.no_grad():
        return top_coefficients(x, h, level=level, mode=mode, k=k).cpu().numpy()


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


# Where the reference takes over. The normal equations of standardised features lose about as many
# digits as their condition number has; random wavelets on tracks reach 1e4. scikit-learn from
# 1.7 on drops directions whose singular value is below 1e-6 of the largest, of the features as they
# are: in squares 1e-12, with some room.
WORST_CONDITION = 1e7
WORST_SPREAD = 1e11


def largest_of_many(
    x: torch.Tensor, h: torch.Tensor, *, level: int = 4, mode: Mode = "zero", k: int = 6
) -> torch.Tensor:
    """`top_coefficients` of many filters, much faster on short signals, but without a graph.

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    h : torch.Tensor, shape (filters, taps)

    Returns
    -------
    torch.Tensor, shape (filters, examples, features)
    """
    _check_k(k)
    with torch.no_grad():
        if x.shape[-1] > dwt.DENSE_UP_TO:
            return top_coefficients(x, h, level=level, mode=mode, k=k)
        lengths = band_lengths(x.shape[-1], h.shape[-1], level=level, mode=mode)
        # Examples last: sorting is then arithmetic on long rows, not many small sorts.
        matrix = analysis_matrix(h, x.shape[-1], level=level, mode=mode)
        bands = (matrix @ x[:, 0].T).split(lengths, 1)
        best: list[torch.Tensor] = []
        for band in bands:
            top: list[torch.Tensor] = []
            for row in band.unbind(1):  # insert it among the largest so far
                for i, held in enumerate(top):
                    top[i], row = torch.maximum(held, row), torch.minimum(held, row)
                if len(top) < k:
                    top.append(row)
            best += top
        return torch.stack(best, 1).mT


def fit_many(
    features: torch.Tensor, y: np.ndarray, features_test: torch.Tensor, *, folds: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """`cross_validated_r2` and `fit_linear` of many sets of features at once.

    The same least squares by normal equations: a fold is left out by taking its sums of products
    from those of all examples. Where these are near singular, `cross_validated_r2` and
    `fit_linear` do the work, so the shortest solution is found there too.

    Parameters
    ----------
    features : torch.Tensor, shape (sets, examples, features)
        Computed in float64, whatever their type.
    y : numpy.ndarray, shape (examples,)
    features_test : torch.Tensor, shape (sets, tests, features)

    Returns
    -------
    cv_r2 : numpy.ndarray, shape (sets,)
    prediction : numpy.ndarray, shape (sets, tests)
        For `features_test`, fitted on all examples.

    Raises
    ------
    ValueError
        If the features hold NaN or infinite values.
    """
    rows, rows_test = features.double().mT, features_test.double().mT
    if not (rows.isfinite().all() and rows_test.isfinite().all()):
        raise ValueError("the features hold NaN or infinite values: did a filter diverge?")
    count = rows.shape[1]
    # Centred first, so that the products lose no digits to a common offset.
    centre = rows.mean(-1, keepdim=True)
    target = torch.as_tensor(y, dtype=torch.float64, device=rows.device)
    offset = target.mean()
    parts, moments = _moments(rows - centre, target - offset, folds)
    gram, cross, mean = _normal_equations(moments, count)
    weights, sound = _solve(gram, cross, mean), _sound(gram)
    cv_r2 = _held_out_r2(parts, weights[:, 1:]).cpu().numpy()
    fitted = (-weights[:, :1, :count] @ (rows_test - centre))[:, 0]
    prediction = (fitted - weights[:, 0, -1:] + offset).cpu().numpy()
    for i in np.flatnonzero(~sound.cpu().numpy()):
        train, test = features[i].cpu().numpy(), features_test[i].cpu().numpy()
        cv_r2[i] = cross_validated_r2(train, y, folds=folds)
        prediction[i] = fit_linear(train, y).predict(test)
    return cv_r2, prediction


def soft_cross_validated_r2(
    features: torch.Tensor, y: torch.Tensor, *, folds: int = 5, ridge: float = 1e-9
) -> torch.Tensor:
    """`cross_validated_r2` of many sets of features, differentiable in the features.

    Parameters
    ----------
    features : torch.Tensor, shape (sets, examples, features)
    y : torch.Tensor, shape (examples,)
    ridge : float
        Added to the normal equations, in units of the features' mean variance: it moves the score
        by less than 1e-6 (of tracks), and keeps it and its gradient finite where features repeat.

    Returns
    -------
    torch.Tensor, shape (sets,)
    """
    rows = features.mT
    # Any centre gives the same score: no gradient has to go through it.
    parts, moments = _moments(rows - rows.detach().mean(-1, keepdim=True), y - y.mean(), folds)
    weights = _solve(*_normal_equations(moments[:, 1:], rows.shape[1]), ridge)
    return _held_out_r2(parts, weights)


def _moments(
    rows: torch.Tensor, y: torch.Tensor, folds: int
) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Sums of products of (features, y, 1) over all examples, then over all without each fold.

    Parameters
    ----------
    rows : torch.Tensor, shape (sets, features, examples)
    y : torch.Tensor, shape (examples,)

    Returns
    -------
    parts : tuple of torch.Tensor, each (sets, features + 2, examples of a fold)
    moments : torch.Tensor, shape (sets, folds + 1, features + 2, features + 2)
    """
    row = y.expand(len(rows), 1, -1)
    table = torch.cat([rows, row, torch.ones_like(row)], 1)
    parts = table.tensor_split(folds, -1)
    moments = torch.stack([part @ part.mT for part in parts], 1)
    whole = moments.sum(1, keepdim=True)
    return parts, torch.cat([whole, whole - moments], 1)


def _held_out_r2(parts: tuple[torch.Tensor, ...], weights: torch.Tensor) -> torch.Tensor:
    """Mean over folds of R²; `weights` (sets, folds, features + 2) map to the residual."""
    r2 = []
    for fold, part in enumerate(parts):
        residual = (weights[:, fold, None] @ part)[:, 0]
        held = part[0, -2]  # y
        spread = (held - held.mean()).square().sum()
        r2.append(1 - residual.square().sum(-1) / spread)
    return torch.stack(r2).mean(0)


def _normal_equations(
    moments: torch.Tensor, count: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Centred products of features, those with y, and the means of (features, y)."""
    mean = moments[..., :-1, -1] / moments[..., -1:, -1]
    centred = moments[..., :-1, :-1] - moments[..., :-1, -1:] * mean[..., None, :]
    return centred[..., :count, :count], centred[..., :count, count:], mean


def _solve(
    gram: torch.Tensor, cross: torch.Tensor, mean: torch.Tensor, ridge: float = 0.0
) -> torch.Tensor:
    """What maps (features, y, 1) to the residual of least squares, (..., features + 2)."""
    if ridge:
        size = gram.detach().diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
        eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
        gram = gram + ridge * size * eye
    factor, _ = torch.linalg.cholesky_ex(gram)  # without a check: see `_sound`
    slope = torch.cholesky_solve(cross, factor)[..., 0]
    intercept = mean[..., -1] - (slope * mean[..., :-1]).sum(-1)
    ones = torch.ones_like(intercept)
    return torch.cat([-slope, torch.stack([ones, -intercept], -1)], -1)


def _sound(gram: torch.Tensor) -> torch.Tensor:
    """Which sets' normal equations (sets, fits, features, features) can all be trusted."""
    size = gram.diagonal(dim1=-2, dim2=-1).sqrt()
    scaled = gram / (size[..., None] * size[..., None, :])
    # A constant feature divides 0 by 0: any value will do that is not sound.
    smallest = torch.linalg.eigvalsh(scaled.nan_to_num(0, 0, 0))[..., 0]
    values = torch.linalg.eigvalsh(gram)
    sound = smallest * WORST_CONDITION > gram.shape[-1]
    return (sound & (values[..., 0] * WORST_SPREAD > values[..., -1])).all(-1)
