"""How much a network's output changes when what a mask leaves out is replaced.

For an input x, a mask m and a random replacement ξ the network sees S(m ⊙ c + (1 − m) ⊙ ξ), where
c are the coefficients of x and S their synthesis. The distortion is the expected difference of its
outputs from those for x, estimated by drawing ξ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from awdlib.conventions import check_choice
from awdlib.masks.domains import Domain
from awdlib.masks.perturbations import Kind, Perturbation, perturbation

Network = Callable[[Tensor], Tensor]
Measure = Literal["label", "l2"]
MEASURES: tuple[str, ...] = ("label", "l2")


@dataclass(frozen=True)
class Question:
    """A network asked about some images: why this output? Made by `ask`.

    Attributes
    ----------
    network : callable
    domain : Domain
    rows : torch.Tensor, shape (images, channels, entries)
        Coefficients of the images.
    replace : Perturbation
    target : torch.Tensor of int, shape (images,)
        The output that is explained.
    answer : torch.Tensor, shape (images, outputs)
        Of the network for the images themselves.
    measure, softmax, clip, at_once
        As of `ask`.
    """

    network: Network
    domain: Domain
    rows: Tensor
    replace: Perturbation
    target: Tensor
    answer: Tensor
    measure: Measure
    softmax: bool
    clip: tuple[float, float] | None
    at_once: int

    def perturbed(self, mask: Tensor, noise: np.random.Generator, samples: int) -> Tensor:
        """Inputs (masks, samples, images, *shape) for masks (masks, images, entries)."""
        kept = mask[:, None, :, None]
        drawn = self.replace.draw(mask, noise, samples)
        z = self.domain.synthesise(kept * self.rows + (1 - kept) * drawn)
        return z if self.clip is None else z.clamp(*self.clip)

    def distances(self, outputs: Tensor, images: Tensor) -> Tensor:
        """Differences of outputs (inputs, outputs) from the answers for these images, (inputs,)."""
        off = outputs - self.answer[images]
        if self.measure == "label":
            return off.gather(1, self.target[images][:, None])[:, 0].square()
        # A length has no derivative at zero, which a full mask would reach.
        return (off.square().sum(1) + torch.finfo(off.dtype).tiny).sqrt()

    def distortion(self, z: Tensor) -> Tensor:
        """Differences for inputs (masks, samples, images, *shape), (masks, samples, images)."""
        with torch.no_grad():
            off = [self._off(some, which) for some, which in self._parts(z)]
        return torch.cat(off).unflatten(0, z.shape[:3])

    def targets(self, z: Tensor) -> Tensor:
        """The target's output for inputs (masks, samples, images, *shape), without the last."""
        with torch.no_grad():
            outputs = [
                _outputs(self.network, some, self.softmax).gather(1, self.target[which][:, None])
                for some, which in self._parts(z)
            ]
        return torch.cat(outputs)[:, 0].unflatten(0, z.shape[:3])

    def with_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """As `distortion`, with the gradient of each difference by its input, shaped as `z`."""
        off, slopes = [], []
        for some, which in self._parts(z):
            some.requires_grad_()
            with torch.enable_grad():
                off.append(self._off(some, which))
            slopes.append(torch.autograd.grad(off[-1].sum(), some)[0])
        lead = z.shape[:3]
        return torch.cat(off).detach().unflatten(0, lead), torch.cat(slopes).unflatten(0, lead)

    def _parts(self, z: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs, `at_once` at a time, which bounds memory, and the image each belongs to."""
        images = torch.arange(z.shape[2], device=z.device).expand(z.shape[:3]).flatten()
        flat = z.detach().flatten(0, 2)
        yield from zip(flat.split(self.at_once), images.split(self.at_once), strict=True)

    def _off(self, some: Tensor, which: Tensor) -> Tensor:
        return self.distances(_outputs(self.network, some, self.softmax), which)


def ask(
    network: Network,
    x: Tensor,
    domain: Domain,
    *,
    perturbation_kind: Kind = "gaussian",
    measure: Measure = "label",
    softmax: bool = True,
    target: Tensor | int | None = None,
    clip: tuple[float, float] | None = (0.0, 1.0),
    at_once: int = 512,
) -> Question:
    """Ask a network for what in some images its outputs rest on.

    Parameters
    ----------
    network : callable
        (batch, *shape) to (batch, outputs) or (batch,); in evaluation mode.
    x : torch.Tensor, shape (images, *shape)
    domain : Domain
        Of inputs of this shape.
    perturbation_kind : str
        What replaces masked features, see `awdlib.masks.perturbations`.
    measure : str
        ``"label"``: squared difference of the target's output (as published). ``"l2"``: length of
        the difference of all outputs (the article's equation).
    softmax : bool
        Compare probabilities; False compares outputs as they are, for regressions.
    target : torch.Tensor of int, shape (images,), or int, optional
        The output that is explained; the largest by default.
    clip : (float, float), optional
        Range of inputs that the network knows, to which perturbed ones are clipped.
    at_once : int
        Inputs that the network sees together.

    Raises
    ------
    ValueError
        For a wrong shape or choice, values or outputs that are not finite, or no such target.
    """
    check_choice("measure", measure, MEASURES)
    if at_once < 1:
        raise ValueError(f"at_once must be at least 1, not {at_once}")
    if x.ndim != len(domain.shape) + 1 or len(x) == 0:
        raise ValueError(f"x must be (images, {str(domain.shape)[1:]}, not {tuple(x.shape)}")
    if bad := int((~torch.isfinite(x.flatten(1))).any(1).sum()):
        raise ValueError(f"x is not finite in {bad} of {len(x)} images")
    rows = domain.analyse(x)
    with torch.no_grad():
        answer = torch.cat([_outputs(network, some, softmax) for some in x.split(at_once)])
    if not torch.isfinite(answer).all():
        raise ValueError("the network's outputs for x are not finite")
    chosen = answer.argmax(1) if target is None else torch.as_tensor(target).expand(len(x))
    if not ((chosen >= 0) & (chosen < answer.shape[1])).all():
        raise ValueError(f"there is no such target: the network has {answer.shape[1]} outputs")
    return Question(
        network, domain, rows, perturbation(perturbation_kind, rows, domain),
        chosen.to(x.device), answer, measure, softmax, clip, at_once,
    )  # fmt: skip


def expected_distortion(
    question: Question, mask: Tensor, *, samples: int = 64, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Monte Carlo estimate of the expected distortion of masks, and its standard error.

    Parameters
    ----------
    question : Question
    mask : torch.Tensor, shape (masks, images, entries)
        Between 0 and 1. All see the same draws, so differences between masks are steadier than
        the estimates themselves.
    samples, seed : int

    Returns
    -------
    mean, error : torch.Tensor, shape (masks, images)
    """
    check_mask(mask, question)
    noise = np.random.default_rng(seed)
    total = torch.zeros(mask.shape[:2], dtype=torch.float64)
    square = torch.zeros_like(total)
    at_once = max(1, question.at_once // max(1, mask.shape[0] * mask.shape[1]))
    done = 0
    while done < samples:
        count = min(at_once, samples - done)
        z = question.perturbed(mask, noise, count)
        found = question.distortion(z).double().cpu()
        # One draw stands for all where nothing is random.
        weight = count / found.shape[1]
        total += weight * found.sum(1)
        square += weight * found.square().sum(1)
        done += count
    mean = total / samples
    spread = (square / samples - mean.square()).clamp_min(0)
    return mean, (spread / max(1, samples - 1)).sqrt()


def check_mask(mask: Tensor, question: Question) -> None:
    """Raise ValueError unless masks are (masks, images, entries) between 0 and 1."""
    images, _, entries = question.rows.shape
    if mask.ndim != 3 or mask.shape[1:] != (images, entries):
        raise ValueError(
            f"masks must have shape (masks, {images}, {entries}), not {tuple(mask.shape)}"
        )
    if not ((mask >= 0) & (mask <= 1)).all():
        raise ValueError("a mask's values must lie between 0 and 1")


def _outputs(network: Network, x: Tensor, softmax: bool) -> Tensor:
    """(inputs, outputs)."""
    out = network(x)
    if out.shape[:1] != x.shape[:1] or out.ndim > 2:
        raise ValueError(
            "the network must return (batch,) or (batch, outputs), not "
            f"{tuple(out.shape)} for a batch of {len(x)}"
        )
    out = out[:, None] if out.ndim == 1 else out
    if softmax and out.shape[1] == 1:
        raise ValueError("the network has one output, no probabilities: take softmax=False")
    return out.softmax(1) if softmax else out
