"""The article's problem itself, min E[distortion] over binary masks of l entries, for tiny cases.

There are too many masks for anything but a dozen features: exhaustive search is here to check the
relaxation, and the greedy one shows how far one can go by adding one feature at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import torch
from torch import Tensor

from awdlib.masks.distortion import Question, expected_distortion

Expected = Callable[[Tensor], Tensor]  # binary masks (masks, entries) to expected distortions
LARGEST = 200_000  # masks that are tried at most


def of_one_image(question: Question, *, samples: int = 256, seed: int = 0) -> Expected:
    """Expected distortion of one image's masks; all are compared on the same draws."""
    if len(question.rows) != 1:
        raise ValueError(f"one image at a time, not {len(question.rows)}")

    def expected(masks: Tensor) -> Tensor:
        some = masks[:, None].to(question.rows)
        return expected_distortion(question, some, samples=samples, seed=seed)[0][:, 0]

    return expected


def exhaustive(expected: Expected, entries: int, keep: int) -> tuple[Tensor, float]:
    """The best of all masks that keep so many entries, (entries,), and its distortion.

    Raises
    ------
    ValueError
        If there are more masks than anybody would wait for.
    """
    _check(entries, keep)
    if comb(entries, keep) > LARGEST:
        raise ValueError(
            f"{keep} of {entries} entries can be kept in {comb(entries, keep):,} ways: too many"
        )
    places = torch.tensor(list(combinations(range(entries), keep)), dtype=torch.long)
    masks = torch.zeros(len(places), entries).scatter(1, places, 1.0)
    values = torch.cat([expected(some) for some in masks.split(1024)])
    best = int(values.argmin())
    return masks[best], float(values[best])


def greedy(expected: Expected, entries: int, keep: int) -> tuple[Tensor, float]:
    """A mask that grows by the entry that helps most, and its distortion."""
    _check(entries, keep)
    mask, value = torch.zeros(entries), float(expected(torch.zeros(1, entries))[0])
    for _ in range(keep):
        free = (mask == 0).nonzero()[:, 0]
        tried = mask.repeat(len(free), 1)
        tried[torch.arange(len(free)), free] = 1
        values = expected(tried)
        best = int(values.argmin())
        mask, value = tried[best], float(values[best])
    return mask, value


def top(mask: Tensor, keep: int) -> Tensor:
    """The binary mask that keeps the largest entries of a relaxed one, (..., entries)."""
    _check(mask.shape[-1], keep)
    places = mask.topk(keep, -1).indices
    return torch.zeros_like(mask).scatter(-1, places, 1.0)


def _check(entries: int, keep: int) -> None:
    if not 0 <= keep <= entries:
        raise ValueError(f"between 0 and {entries} entries can be kept, not {keep}")
