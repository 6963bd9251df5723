"""Linear heads in closed form, and what they lose without a filter: the CAR index.

The index of Abbasi-Asl and Yu (2017), on held-out *training* examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from awdlib.scattering.model import ScatteringModel, as_columns, score, standardisation

Groups = Mapping[int, np.ndarray]  # the features that go when a filter goes


class RidgeHead:
    """A linear head in closed form from which features can be taken away.

    Ridge regression on standardised features; for classes, one against all. (ZᵀZ + αI)⁻¹ is kept
    and updated, so a head refitted without some features costs no new solution.

    Parameters
    ----------
    features, y : torch.Tensor
        Training examples: (examples, features), and classes (int64) or targets (floats).
    features_held, y_held : torch.Tensor
        Held-out ones, on which every score is taken.
    alpha : float
        α, above 0.
    spread : torch.Tensor, shape (features,), optional
        What features are divided by; by default each by its own standard deviation.

    Attributes
    ----------
    left : torch.Tensor of bool, shape (features,)
        Which are left.
    y_held : torch.Tensor

    Raises
    ------
    ValueError
        If `alpha` is not above 0, or the arrays do not fit each other or are not finite.
    """

    def __init__(
        self, features: Tensor, y: Tensor, features_held: Tensor, y_held: Tensor, *,
        alpha: float = 1.0, spread: Tensor | None = None,
    ):  # fmt: skip
        if not alpha > 0:
            raise ValueError(f"alpha must be above 0, not {alpha}")
        if len(features) != len(y) or len(features_held) != len(y_held):
            raise ValueError("features and y, and both held out, must have as many examples each")
        if features.ndim != 2 or features.shape[1:] != features_held.shape[1:]:
            raise ValueError(
                "features are (examples, features), as many of them held out, not "
                f"{tuple(features.shape)} and {tuple(features_held.shape)}"
            )
        for name, some in (("features", features), ("features_held", features_held)):
            if bad := int((~torch.isfinite(some)).any(1).sum()):
                raise ValueError(f"{name} are not finite in {bad} of {len(some)} examples")
        # In float64 on the CPU, wherever the features come from.
        features, features_held = (a.detach().double().cpu() for a in (features, features_held))
        y, self.y_held = y.cpu(), y_held.cpu()
        mean, own = standardisation(features)
        spread = own if spread is None else spread.double().cpu()
        z, self._z_held = ((a - mean) / spread for a in (features, features_held))
        if y.is_floating_point():
            targets = as_columns(y).double()
        else:
            classes = int(max(y.max(), self.y_held.max())) + 1
            targets = torch.nn.functional.one_hot(y.long(), classes).double()
        self._offset = targets.mean(0)
        gram = z.T @ z + alpha * torch.eye(z.shape[1], dtype=z.dtype)
        self._inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
        self._weights = self._inverse @ (z.T @ (targets - self._offset))
        self.left = torch.ones(z.shape[1], dtype=torch.bool)

    def predict(self) -> Tensor:
        """Outputs for the held-out examples, (examples, outputs)."""
        return self._offset + self._z_held @ self._weights

    def score(self) -> float:
        """Held-out accuracy or R²."""
        return score(self.predict(), self.y_held)

    def without(self, groups: Groups, *, refit: bool = True) -> dict[int, Tensor]:
        """Held-out outputs without each group in turn.

        Parameters
        ----------
        groups : mapping
            Numbers to indices of features; those already gone are left out.
        refit : bool
            Fit the rest of the head anew, or only put the features at their training means.
        """
        predicted = self.predict()
        through = self._z_held @ self._inverse if refit else self._z_held
        found = {}
        for name, group in groups.items():
            s = self._present(group)
            lost = self._weights[s]
            if refit:
                lost = torch.linalg.solve(self._inverse[s][:, s], lost)
            found[name] = predicted - through[:, s] @ lost
        return found

    def remove(self, group: np.ndarray) -> None:
        """Take features away and refit the rest."""
        s = self._present(group)
        columns = self._inverse[:, s]
        solved = torch.linalg.solve(columns[s], columns.T)
        self._weights -= columns @ torch.linalg.solve(columns[s], self._weights[s])
        self._inverse -= columns @ solved
        # Exactly zero, not up to rounding, from here on.
        self._weights[s] = 0
        self._inverse[s] = 0
        self._inverse[:, s] = 0
        self.left[s] = False

    def _present(self, group: np.ndarray) -> Tensor:
        index = torch.as_tensor(np.asarray(group), dtype=torch.long)
        return index[self.left[index]]


class Head(Protocol):
    """What pruning asks: `RidgeHead`, or several of them as one."""

    y_held: Tensor

    @property
    def left(self) -> Tensor:
        """Which features are left, (features,)."""

    def predict(self) -> Tensor:
        """Outputs for the held-out examples, (examples, outputs)."""

    def score(self) -> float:
        """Held-out accuracy or R²."""

    def without(self, groups: Groups, *, refit: bool = True) -> dict[int, Tensor]:
        """Held-out outputs without each group in turn."""

    def remove(self, group: np.ndarray) -> None:
        """Take features away and refit the rest."""


class FoldedHead:
    """The heads of a cross-validation as one: each speaks for the examples that it has not seen.

    Parameters
    ----------
    heads : sequence of RidgeHead
        One a fold, whose held-out examples are those that the fold leaves out.

    Attributes
    ----------
    y_held : torch.Tensor
        Of all folds, one after the other.
    """

    def __init__(self, heads: Sequence[RidgeHead]):
        self.heads = heads
        self.y_held = torch.cat([head.y_held for head in heads])

    @property
    def left(self) -> Tensor:
        """Which features are left, (features,)."""
        return self.heads[0].left

    def predict(self) -> Tensor:
        """Outputs for all examples, (examples, outputs)."""
        return torch.cat([head.predict() for head in self.heads])

    def score(self) -> float:
        """Cross-validated accuracy or R²."""
        return score(self.predict(), self.y_held)

    def without(self, groups: Groups, *, refit: bool = True) -> dict[int, Tensor]:
        """Outputs for all examples without each group in turn; as of `RidgeHead`."""
        found = [head.without(groups, refit=refit) for head in self.heads]
        return {name: torch.cat([one[name] for one in found]) for name in groups}

    def remove(self, group: np.ndarray) -> None:
        """Take features away and refit the rest, in every fold."""
        for head in self.heads:
            head.remove(group)


def car(head: Head, groups: Groups, *, refit: bool = True) -> dict[int, float]:
    """CAR index of each filter: the held-out accuracy lost without it; for a regression RAR, R².

    CAR(j) = score(all) − score(all but j) (Abbasi-Asl and Yu 2017, Sec. 2.2). Negative where the
    head does better without it.

    Parameters
    ----------
    head, groups, refit
        As of `RidgeHead.without`.
    """
    whole = head.score()
    return {j: whole - score(p, head.y_held) for j, p in head.without(groups, refit=refit).items()}


def filter_groups(model: ScatteringModel) -> dict[int, np.ndarray]:
    """Features of every path that each filter is part of, whichever its place in the path.

    A path of two filters belongs to both.
    """
    channels = model.scattering.channels
    of = model.channel_of_feature
    names = [n for n, kept in enumerate(model.scattering.keep) if kept]
    return {
        n: np.flatnonzero(np.isin(of, [k for k, c in enumerate(channels) if n in c.filters]))
        for n in names
    }


def channel_groups(model: ScatteringModel) -> dict[int, np.ndarray]:
    """Features of each output channel but the zeroth, the average."""
    of = model.channel_of_feature
    return {k: np.flatnonzero(of == k) for k, c in enumerate(model.scattering.channels) if c.order}
