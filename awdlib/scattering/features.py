"""Scattering features as scikit-learn wants them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from awdlib.scattering.banks import at_least_one
from awdlib.scattering.morlet import Morlet1d, Morlet2d
from awdlib.scattering.pooling import pooled
from awdlib.scattering.transform import Scattering, Scattering1d, Scattering2d


class ScatteringFeatures(TransformerMixin, BaseEstimator):
    """Scattering coefficients of signals or images, pooled over time or space.

    Parameters
    ----------
    J : int
        Averages over about 2**J samples.
    L : int
        Orientations (images).
    Q : int
        Wavelets an octave of the first order (signals).
    dims : int
        1: X is (examples, time) or (examples, channels, time); 2: (examples, height, width) or
        (examples, channels, height, width).
    order : int
    pool : {"log-mean", "mean", "log", "none"}
        See `awdlib.scattering.pooling.pooled`.
    scattering : Scattering, optional
        Another transform, for instance with learned filters, instead of the four numbers above.
    batch_size : int
        Examples at once.

    Attributes
    ----------
    scattering_ : Scattering
    n_features_in_ : int
        Numbers that an example has.
    """

    def __init__(
        self,
        J: int = 2,
        L: int = 8,
        *,
        Q: int = 8,
        dims: int = 2,
        order: int = 2,
        pool: str = "log-mean",
        scattering: Scattering | None = None,
        batch_size: int = 64,
    ):
        self.J, self.L, self.Q, self.dims, self.order = J, L, Q, dims, order
        self.pool, self.scattering, self.batch_size = pool, scattering, batch_size

    def fit(self, X: ArrayLike, y: Any = None) -> ScatteringFeatures:
        """Make the filters for examples of this shape; learns nothing from the data.

        Raises
        ------
        ValueError
            If X has the wrong number of dimensions, no examples or no real numbers.
        """
        dims = self.scattering.dims if self.scattering is not None else self.dims
        at_least_one(batch_size=self.batch_size)
        array = _real(X)
        if dims not in (1, 2) or array.ndim not in (dims + 1, dims + 2):
            raise ValueError(
                f"X is (examples, *shape) or (examples, channels, *shape) with a shape of {dims} "
                f"dimension(s), 1 or 2, not an array of shape {array.shape}"
            )
        shape = array.shape[-dims:]
        if self.scattering is not None:
            self.scattering_ = self.scattering
        elif dims == 1:
            banks = Morlet1d(self.J, self.Q), Morlet1d(self.J, 1)
            self.scattering_ = Scattering1d(shape[0], *banks, order=self.order)
        else:
            self.scattering_ = Scattering2d(shape, Morlet2d(self.J, self.L), order=self.order)
        self._example = array.shape[1:]
        self.n_features_in_ = int(np.prod(self._example))
        self._count = self._transform(np.zeros((1, *self._example), array.dtype)).shape[1]
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """(examples, features), float64 where X is, else float32.

        Raises
        ------
        ValueError
            If the examples have another shape than those that were fitted, there are none, or they
            are not finite or not real.
        """
        check_is_fitted(self)
        array = _real(X)
        if array.shape[1:] != self._example:
            raise ValueError(
                f"fitted on examples of shape {self._example}, X has {array.shape[1:]}"
            )
        if not np.isfinite(array).all():
            raise ValueError("X holds NaN or infinite numbers: leave those examples out")
        return self._transform(array)

    def _transform(self, array: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(array.astype(np.float64 if array.dtype == np.float64 else np.float32))
        with torch.no_grad():
            parts = [
                pooled(self.scattering_(some), self.scattering_.dims, self.pool)
                for some in x.split(self.batch_size)
            ]
        return torch.cat(parts).numpy()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names such as ``S2(j0 l3, j1 l5)``; with several features a channel, their number."""
        check_is_fitted(self)
        names = [c.name for c in self.scattering_.channels]
        each = self._count // len(names)
        if each > 1:
            names = [f"{name} {k}" for name in names for k in range(each)]
        return np.array(names, dtype=object)


def _real(X: ArrayLike) -> np.ndarray:
    array = np.asarray(X)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"X holds real numbers, not {array.dtype}")
    if array.ndim and not len(array):
        raise ValueError("X has no examples")
    return array
