"""Relaxed mask explanations by gradient descent (the article's Lagrangian; CartoonX, ECCV 2022)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from awdlib.adam import Adam
from awdlib.masks.distortion import Question
from awdlib.masks.domains import Domain

PUBLISHED: dict[str, Any] = {"steps": 2001, "samples": 64, "lr": 1e-3}
PUBLISHED_LAM = {"wavelets": 20.0, "pixels": 4.0}  # λ; its unit is that of `explain`
FAST: dict[str, Any] = {"steps": 100, "samples": 16, "lr": 0.1}  # the chapter holds it to these
KEPT = 0.1  # a mask's entries above this count as kept


@dataclass(frozen=True)
class Explanation:
    """Masks, one for every λ and image.

    Attributes
    ----------
    mask : torch.Tensor, shape (lams, images, entries)
        Between 0 and 1.
    lam : torch.Tensor, shape (lams,)
    loss, distortion : torch.Tensor, shape (steps, lams, images)
        Before each step; the distortion is that of the step's own draws.
    """

    mask: Tensor
    lam: Tensor
    loss: Tensor
    distortion: Tensor


def explain(
    question: Question,
    *,
    lam: float | Sequence[float],
    spatial: float = 0.0,
    steps: int = FAST["steps"],
    samples: int = FAST["samples"],
    lr: float = FAST["lr"],
    start: float = 1.0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Find masks that keep a network's outputs with as little as possible, all λ at once.

    Minimises, image by image and λ by λ, distortion + λ · mean(m) + μ · mean |S(m ⊙ c)|, the last
    over the pixels of the grey explanation (ShearletX, CVPR 2023), by Adam; after every step m is
    brought back between 0 and 1. A mask's L1 norm is divided by its number of entries, as in the
    published code, so λ means the same for images of any size.

    Parameters
    ----------
    question : Question
        See `awdlib.masks.distortion.ask`.
    lam : float or sequence of float
        λ; one gives a dimension of length one.
    spatial : float
        μ; 0 is CartoonX. Coarse wavelets light up much of an image: this asks for dark pixels.
    steps, samples, lr
        `FAST` by default; `PUBLISHED` has the published ones.
    start : float
        Of every entry of the mask; 1 is published.
    seed : int
        Of the draws, which all images and λ share.
    progress : callable, optional
        Called with (steps done, steps).

    Raises
    ------
    ValueError
        For a parameter out of range, or where the loss stops being finite.
    """
    lams = torch.as_tensor(lam, dtype=question.rows.dtype).reshape(-1).to(question.rows.device)
    _check(lams, spatial=spatial, steps=steps, samples=samples, lr=lr, start=start)
    images, _, entries = question.rows.shape
    mask = question.rows.new_full((len(lams), images, entries), start)
    adam, noise = Adam(mask, lr), np.random.default_rng(seed)
    # Written in place: small tensors kept from every step would hold the steps' memory apart.
    losses, distortions = mask.new_empty(2, steps, len(lams), images)
    for step in range(steps):
        mask.requires_grad_()
        z = question.perturbed(mask, noise, samples)
        found, slope = question.with_gradient(z)
        penalty = lams[:, None] * mask.mean(2)
        if spatial:
            penalty = penalty + spatial * shown(question, mask).abs().flatten(2).mean(2)
        # The network's part comes as the gradient by its inputs: its graph is gone by now.
        through_network = (z * slope).sum() / found.shape[1]
        (gradient,) = torch.autograd.grad(through_network + penalty.sum(), mask)
        distortions[step] = found.mean(1)
        losses[step] = distortions[step] + penalty.detach()
        if not torch.isfinite(losses[step]).all():
            raise ValueError(f"the loss is not finite after {step} steps: lower lr")
        mask.requires_grad_(False)
        adam.step(gradient)
        mask.clamp_(0, 1)
        if progress:
            progress(step + 1, steps)
    return Explanation(mask, lams, losses, distortions)


def shown(question: Question, mask: Tensor) -> Tensor:
    """Explanations to look at: the masked images in grey, (masks, images, height, width)."""
    return grey(question.domain, mask[:, :, None] * question.rows)


def grey(domain: Domain, rows: Tensor) -> Tensor:
    """Coefficients (..., channels, entries) as the mean of the channels, (..., height, width)."""
    return domain.synthesise(rows).mean(-len(domain.shape))


def _check(lams: Tensor, **values: float) -> None:
    if not len(lams) or not torch.isfinite(lams).all() or (lams < 0).any():
        raise ValueError(f"lam must be finite and at least 0, not {lams.tolist()}")
    for name, least in (("spatial", 0), ("steps", 0), ("samples", 1)):
        if not values[name] >= least:
            raise ValueError(f"{name} must be at least {least}, not {values[name]}")
    if not values["lr"] > 0:
        raise ValueError(f"lr must be positive, not {values['lr']}")
    if not 0 <= values["start"] <= 1:
        raise ValueError(f"start must lie between 0 and 1, not {values['start']}")
