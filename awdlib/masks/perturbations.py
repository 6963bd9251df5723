"""What stands in for masked features: noise, an average, or a fill from what is left.

Each is made for some images and then asked for draws: (masks, samples, images, channels, entries),
where a dimension that does not matter has length one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from awdlib.conventions import check_choice
from awdlib.masks.domains import Domain, band_rows

Kind = Literal["gaussian", "constant", "inpainting"]
KINDS: tuple[str, ...] = ("gaussian", "constant", "inpainting")


class Perturbation(Protocol):
    """What replaces the masked coefficients of some images."""

    def draw(self, mask: Tensor, noise: np.random.Generator, samples: int) -> Tensor:
        """Replacements for masks (masks, images, entries)."""


class Gaussian:
    """Noise with the mean and the standard deviation of each scale of each image (as published).

    Both are taken over all channels and orientations of a scale. All images and masks see the same
    noise: an image's explanation does not depend on which others are explained with it.

    Parameters
    ----------
    rows : torch.Tensor, shape (images, channels, entries)
    domain : Domain
    """

    def __init__(self, rows: Tensor, domain: Domain):
        self.mean, self.sd = (torch.empty_like(rows[:, :1]) for _ in range(2))
        for scale in domain.scales.unique():
            there = domain.scales == scale
            some = rows[..., there].flatten(1)
            self.mean[..., there] = some.mean(1)[:, None, None]
            # One coefficient has no spread: nothing can be drawn for it but itself.
            self.sd[..., there] = some.std(1, correction=0)[:, None, None]
        self.channels = rows.shape[1]

    def draw(self, mask: Tensor, noise: np.random.Generator, samples: int) -> Tensor:
        """See `Perturbation`."""
        shape = (samples, 1, self.channels, mask.shape[-1])
        drawn = torch.from_numpy(noise.standard_normal(shape)).to(self.mean)
        return (self.mean + self.sd * drawn)[None]


class Constant:
    """The mean of each scale, channel by channel: for pixels, the average colour.

    Parameters
    ----------
    rows : torch.Tensor, shape (images, channels, entries)
    domain : Domain
    """

    def __init__(self, rows: Tensor, domain: Domain):
        self.mean = torch.empty_like(rows)
        for scale in domain.scales.unique():
            there = domain.scales == scale
            self.mean[..., there] = rows[..., there].mean(-1, keepdim=True)

    def draw(self, mask: Tensor, noise: np.random.Generator, samples: int) -> Tensor:
        """See `Perturbation`."""
        return self.mean[None, None]


class Inpainting:
    """A smooth fill of every band from what the mask leaves of it.

    Where a coefficient is masked, the average of ever wider neighbourhoods goes on ("pull-push").

    Parameters
    ----------
    rows : torch.Tensor, shape (images, channels, entries)
    domain : Domain
    """

    def __init__(self, rows: Tensor, domain: Domain):
        self.rows, self.domain = rows, domain

    def draw(self, mask: Tensor, noise: np.random.Generator, samples: int) -> Tensor:
        """See `Perturbation`."""
        kept = mask[:, None, :, None]  # (masks, 1, images, 1, entries)
        bands = zip(
            band_rows(self.domain, kept * self.rows), band_rows(self.domain, kept), strict=True
        )
        dims = len(self.domain.bands[0])
        return torch.cat([_fill(v, w, dims).flatten(-dims) for v, w in bands], -1)


def _fill(values: Tensor, weights: Tensor, dims: int) -> Tensor:
    """Values over weights where there is any weight, else of wider neighbourhoods, else zero."""
    pool = functional.avg_pool1d if dims == 1 else functional.avg_pool2d
    here = values / weights.clamp_min(1e-6)
    size = values.shape[-dims:]
    if max(size) == 1:
        return here
    wide = [
        pool(v.flatten(0, -dims - 1)[:, None], 2, ceil_mode=True)
        .squeeze(1)
        .unflatten(0, v.shape[:-dims])
        for v in (values, weights)
    ]
    coarse = _fill(wide[0], wide[1], dims)
    for axis, length in zip(range(-dims, 0), size, strict=True):
        coarse = coarse.repeat_interleave(2, axis).narrow(axis, 0, length)
    share = weights.clamp(max=1)
    return share * here + (1 - share) * coarse


def perturbation(kind: Kind, rows: Tensor, domain: Domain) -> Perturbation:
    """One of `KINDS` for coefficients (images, channels, entries)."""
    check_choice("perturbation", kind, KINDS)
    kinds: dict[str, Callable[[Tensor, Domain], Perturbation]] = {
        "gaussian": Gaussian, "constant": Constant, "inpainting": Inpainting
    }  # fmt: skip
    return kinds[kind](rows, domain)
