"""How good is an explanation? Curves over its order, and scores of its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from awdlib.masks.distortion import Question, expected_distortion

SHARES = np.concatenate([np.arange(0, 0.1, 0.01), np.arange(0.1, 1.0001, 0.05)])  # of the entries


def place_of(share: float) -> int:
    """Which of `SHARES` is nearest."""
    return int(np.abs(SHARES - share).argmin())


@dataclass(frozen=True)
class Curves:
    """What becomes of a network's output while entries are kept in the order of their scores.

    Attributes
    ----------
    shares : numpy.ndarray, shape (points,)
        Of the entries that come first.
    restored, randomised : numpy.ndarray, shape (points, images)
        Expected distortion where only these are kept, and where only these are replaced.
    inserted, deleted : numpy.ndarray, shape (points, images)
        The target's probability, with averages in place of what is missing.
    """

    shares: np.ndarray
    restored: np.ndarray
    randomised: np.ndarray
    inserted: np.ndarray
    deleted: np.ndarray

    def areas(self) -> dict[str, np.ndarray]:
        """Area under each curve, (images,), and faithfulness = inserted − deleted (WAM)."""
        names = ("restored", "randomised", "inserted", "deleted")
        found = {name: np.trapezoid(getattr(self, name), self.shares, axis=0) for name in names}
        return found | {"faithfulness": found["inserted"] - found["deleted"]}


def masks_of(scores: Tensor, shares: Sequence[float] | np.ndarray) -> Tensor:
    """Binary masks (points, images, entries) that keep the largest scores (images, entries).

    Equal scores, such as a mask's zeros, come in a random order of each image's own.
    """
    drawn = np.random.default_rng(0).random(tuple(scores.shape)).argsort(1)
    order = torch.from_numpy(drawn).to(scores.device)
    first = scores.gather(1, order).argsort(stable=True, dim=1, descending=True)
    rank = order.gather(1, first).argsort(1)
    keep = torch.as_tensor(np.round(np.asarray(shares) * scores.shape[1]))
    return (rank < keep[:, None, None].to(rank.device)).to(scores.dtype)


def curves(
    noisy: Question,
    averaged: Question,
    scores: Tensor,
    *,
    shares: np.ndarray = SHARES,
    samples: int = 8,
    seed: int = 1,
) -> Curves:
    """Curves of scores (images, entries) of the questions' domain.

    Parameters
    ----------
    noisy : Question
        With measure ``"l2"`` and Gaussian noise, for the rate-distortion curves.
    averaged : Question
        The same network and images with constants, for insertion and deletion.
    samples, seed : int
        Of the noise: other draws than those that a mask was fitted to (`optimise.explain` has 0).
    """
    kept = masks_of(scores, shares).to(noisy.rows)
    both = []
    for mask in (kept, 1 - kept):
        distortion = expected_distortion(noisy, mask, samples=samples, seed=seed)[0]
        z = averaged.perturbed(mask, np.random.default_rng(seed), 1)
        both.append((distortion.numpy(), averaged.targets(z)[:, 0].cpu().numpy()))
    (restored, inserted), (randomised, deleted) = both
    return Curves(np.asarray(shares), restored, randomised, inserted, deleted)


def hallucination(explanation: Tensor, x: Tensor) -> np.ndarray:
    """Edges of explanations that are not in the image, over the image's edges, (images,).

    After ShearletX (CVPR 2023), which finds edges with shearlets; here Canny does. The image's are
    widened to 3 × 3, the explanation is divided by its largest value.

    Parameters
    ----------
    explanation, x : torch.Tensor, shape (images, height, width)
        Grey.
    """
    from skimage.feature import canny

    found = []
    for one, whole in zip(explanation.double().numpy(), x.double().numpy(), strict=True):
        size = np.abs(one).max()
        edges = canny(np.abs(one) / size if size > 0 else one)
        there = canny(whole)
        near = functional.max_pool2d(torch.from_numpy(there)[None].double(), 3, 1, 1)[0].numpy() > 0
        found.append((edges & ~near).sum() / max(1, there.sum()))
    return np.array(found)


def conciseness(
    probability: np.ndarray, of_image: np.ndarray, kept: Tensor, whole: Tensor
) -> np.ndarray:
    """How much probability an explanation keeps for how much information: ShearletX's CP score.

    (p_explanation / p_image) / (information_explanation / information_image), where information is
    the L1 norm of `kept` and `whole`, both (images, ...): pixels, or coefficients. An explanation
    without any has 0.
    """

    def l1(values: Tensor) -> np.ndarray:
        return values.abs().flatten(1).sum(1).double().numpy()

    information = l1(kept) / np.maximum(l1(whole), 1e-12)
    some = information > 0
    return np.where(some, probability / of_image / np.where(some, information, 1.0), 0.0)


def inside(explanation: Tensor, truth: Tensor) -> np.ndarray:
    """Share of the energy of pictures (images, height, width) where the truth is, (images,)."""
    energy = explanation.double().square()
    total = energy.sum((1, 2)).clamp_min(1e-300)
    return ((energy * truth).sum((1, 2)) / total).numpy()


def roughness(explanation: Tensor) -> np.ndarray:
    """Total variation over the L1 norm of pictures (images, height, width): jitter, (images,).

    A picture of isolated pixels has about 4, a constant one 0.
    """
    x = explanation.double()
    variation = x.diff(dim=1).abs().sum((1, 2)) + x.diff(dim=2).abs().sum((1, 2))
    return (variation / x.abs().sum((1, 2)).clamp_min(1e-300)).numpy()


def compaction(rows: Tensor, shares: Sequence[float] | np.ndarray) -> np.ndarray:
    """Energy in the largest coefficients: rows (images, channels, entries) to (points, images)."""
    energy = rows.double().square().flatten(1).sort(1, descending=True).values.cumsum(1)
    places = np.round(np.asarray(shares) * energy.shape[1]).astype(int)
    padded = torch.cat([torch.zeros(len(energy), 1).double(), energy], 1)
    return (padded[:, places] / energy[:, -1:]).T.numpy()
