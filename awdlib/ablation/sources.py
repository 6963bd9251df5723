"""Who teaches: a network's gradients by one attribution or another, and teachers that are broken.

A source is all that distillation ever sees of a teacher: one gradient for every example. Sanity
checks in the sense of Adebayo et al. (NeurIPS 2018) replace it by one that cannot know the task.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from awdlib import attribution, dwt, filters, metrics, selection, surrogates
from awdlib.attribution import Method
from awdlib.threads import one_thread

LEVEL = 4
TEACHERS = {
    "network": "the network, trained here",
    "authors": "the authors' network",
    "linear": "a linear model",
    "tree": "boosted trees",
    "swapped": "gradients swapped between examples",
    "untrained": "an untrained network",
    "shuffled": "a network of shuffled targets",
    "disordered": "gradients in disorder",
    "noise": "white noise",
    "silent": "nobody: gradients of zero",
}
BROKEN = ("untrained", "shuffled", "disordered", "noise")  # they cannot know the task
ATTRIBUTIONS = {
    "saliency": "saliency (as published)",
    "input_x_gradient": "input × gradient",
    "integrated_gradients": "integrated gradients",
    "smoothgrad": "SmoothGrad",
    "lime": "LIME",
}
EXACT = ("saliency", "input_x_gradient", "integrated_gradients")  # by distillation's own methods
DISTURBED = 0.2  # SmoothGrad and LIME: sd of what they add to an example, in its own sd
STEP = 0.5  # of trees' finite differences, in the examples' sd


@dataclass(frozen=True)
class Source:
    """A teacher as distillation sees it.

    Attributes
    ----------
    gradients : torch.Tensor, shape (members, examples, 1, time)
        A member for every seed, or one for all.
    method : str
        How gradients become attributions, see `awdlib.attribution.from_gradients`.
    prediction : numpy.ndarray, shape (members, tests), or None
        Of the teacher itself; None where there is nothing that predicts.
    seconds : float
        That it took to get the gradients of one member.
    networks : sequence of torch.nn.Module
        Empty where it is something else.
    """

    gradients: torch.Tensor
    method: Method = "saliency"
    prediction: np.ndarray | None = None
    seconds: float = 0.0
    networks: Sequence[torch.nn.Module] = ()

    def of(self, count: int) -> torch.Tensor:
        """Gradients of the first `count` members, the same for all if there is only one."""
        return self.gradients[:count].expand(count, *self.gradients.shape[1:])

    def r2(self, y: np.ndarray) -> float | None:
        """The teacher's own R² against test targets, mean over members."""
        if self.prediction is None:
            return None
        return float(np.mean([metrics.r2_score(y, one) for one in self.prediction]))

    def scaled_to(self, size: float, x: torch.Tensor) -> Source:
        """Every member with attributions of a given mean size, so that γ weighs all alike."""
        scaled = [
            one * (size / own if own > 0 else 1.0)
            for one, own in zip(self.gradients, sizes_of(self.gradients, x, self.method),
                                strict=True)
        ]  # fmt: skip
        return replace(self, gradients=torch.stack(scaled))


def sizes_of(gradients: torch.Tensor, x: torch.Tensor, method: Method = "saliency") -> list[float]:
    """Mean size of DB5's attributions by every member of gradients (members, *shape of x)."""
    h, sizes = filters.lowpass("db5").to(x), []
    for one in gradients:
        scores = dwt.flatten_coeffs(
            attribution.from_gradients(one, x, h, level=LEVEL, method=method)
        )
        sizes.append(float(torch.cat([s.flatten() for s in scores]).abs().mean()))
    return sizes


def taught(
    networks: Mapping[str, Sequence[torch.nn.Module]],
    x: torch.Tensor,
    x_test: torch.Tensor,
    *,
    fitted_on: tuple[torch.Tensor, np.ndarray],
    samples: int,
    seed: int,
) -> dict[str, Source]:
    """Every source of gradients at x, scaled to the sizes of the network's.

    Parameters
    ----------
    networks : mapping of name to sequence of torch.nn.Module
        Of `TEACHERS`, ``network`` among them: it is explained by all of `ATTRIBUTIONS`, and its
        gradients are what is swapped, put in disorder and replaced by noise.
    x, x_test : torch.Tensor, shape (examples, 1, time)
    fitted_on : (torch.Tensor, numpy.ndarray)
        Examples and targets of the linear model and the trees.
    samples : int
        Of SmoothGrad; LIME takes eight times as many.
    seed : int
        Of what is drawn.
    """
    found = by_networks(networks, x, x_test)
    own = networks["network"]
    for kind in ATTRIBUTIONS:
        began = time.perf_counter()
        slopes = explained(own, x, kind, samples=samples)
        method: Any = kind if kind in EXACT else "saliency"
        found[kind] = replace(
            found["network"], gradients=slopes, method=method,
            seconds=(time.perf_counter() - began) / len(own),
        )  # fmt: skip
    found["network"] = found["saliency"]
    for name, (model, slopes) in {
        "linear": linear(*fitted_on, x),
        "tree": trees(*fitted_on, x, seed=seed),
    }.items():
        found[name] = Source(slopes[None], prediction=model.predict(_rows(x_test))[None])
    given = found["network"].gradients
    for name, slopes in {
        "swapped": swapped(given, seed),
        "disordered": disordered(given, seed),
        "noise": noise(given, seed),
        "silent": torch.zeros_like(given),
    }.items():
        found[name] = Source(slopes)
    size = float(np.mean(sizes_of(given, x)))
    return {name: one.scaled_to(size, x) for name, one in found.items()}


def by_networks(
    networks: Mapping[str, Sequence[torch.nn.Module]], x: torch.Tensor, x_test: torch.Tensor
) -> dict[str, Source]:
    """Networks as sources: their saliency at x, and what they predict at x_test."""
    with one_thread():
        return {
            name: Source(
                explained(models, x, "saliency"),
                prediction=np.stack([selection.predict(m, x_test) for m in models]).astype(float),
                networks=models,
            )
            for name, models in networks.items()
        }  # fmt: skip


def explained(
    networks: Sequence[torch.nn.Module],
    x: torch.Tensor,
    kind: str,
    *,
    samples: int = 0,
    seed: int = 0,
) -> torch.Tensor:
    """Gradients of networks by one of `ATTRIBUTIONS`, (networks, *shape of x)."""
    sd = DISTURBED * float(x.std())

    def of(network: torch.nn.Module) -> torch.Tensor:
        if kind == "smoothgrad":
            return surrogates.smoothgrad(network, x, sd=sd, samples=samples, seed=seed)
        if kind == "lime":
            return surrogates.lime(network, x, sd=sd, samples=8 * samples, seed=seed)
        return attribution.input_gradients(network, x, method=kind)  # type: ignore[arg-type]

    with one_thread():
        return torch.stack([of(network) for network in networks])


def linear(x: torch.Tensor, y: np.ndarray, x_new: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """Ridge regression on the samples, and its gradient: the same weights for every example.

    Returns
    -------
    model
        A scikit-learn model of (examples, time).
    gradients : torch.Tensor, shape of `x_new`
    """
    from sklearn.linear_model import RidgeCV

    model = RidgeCV(alphas=np.geomspace(1e-2, 1e4, 13)).fit(_rows(x), y)
    return model, torch.from_numpy(model.coef_).to(x_new).expand_as(x_new).clone()


def trees(
    x: torch.Tensor, y: np.ndarray, x_new: torch.Tensor, *, seed: int
) -> tuple[Any, torch.Tensor]:
    """Boosted trees on the samples, and finite differences, as they have no gradient (T15).

    Trees are constant between their cuts: a smaller step would mostly find zeros.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=100, random_state=seed).fit(_rows(x), y)

    def answer(some: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(model.predict(_rows(some))).to(some)

    return model, surrogates.finite_differences(answer, x_new, step=STEP * float(x.std()))


def swapped(gradients: torch.Tensor, seed: int) -> torch.Tensor:
    """Every example gets the gradient of another, drawn at random; (members, examples, ...).

    By saliency this changes nothing but the order of mini-batches: the interpretation loss is a
    sum over gradients, and never asks which example one belongs to.
    """
    order = np.random.default_rng(seed).permutation(gradients.shape[1])
    return gradients[:, torch.from_numpy(order)]


def disordered(gradients: torch.Tensor, seed: int) -> torch.Tensor:
    """The samples of every gradient in another order, the same for all; (..., time)."""
    order = np.random.default_rng(seed).permutation(gradients.shape[-1])
    return gradients[..., torch.from_numpy(order)]


def noise(like: torch.Tensor, seed: int) -> torch.Tensor:
    """White noise of the shape and mean size of gradients."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)
    return drawn * like.abs().mean() / drawn.abs().mean()


def _rows(x: torch.Tensor) -> np.ndarray:
    return x[:, 0].double().cpu().numpy()
