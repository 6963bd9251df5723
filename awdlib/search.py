"""Distil without a known wavelet to start from: global search over lattice angles.

With lattice angles every filter is orthonormal, so of Eq. 8 only the L1 terms are left, in a few
unknowns (four for ten taps). Their landscape has many minima, and the deepest may be narrow. So
many random starts are all refined a little on a few examples, and the best of them more and more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import torch

from awdlib import filters, matrices
from awdlib.adam import Adam
from awdlib.conventions import check_signal
from awdlib.threads import one_thread

CHUNK = 128  # examples times filters at a time: their coefficients stay in a cache


@dataclass(frozen=True)
class Stage:
    """One round of a search: so many of the best so far take so many steps.

    Attributes
    ----------
    keep : int
        Filters that enter, the best ones.
    examples : int
        Of which the norm is minimised, the first so many.
    steps : int
        Of Adam, with a rate that falls from `lr` like a cosine.
    lr : float
        In radians.
    """

    keep: int
    examples: int
    steps: int
    lr: float


def stages_for(taps: int, *, most: int = 2048) -> tuple[Stage, ...]:
    """The rounds of a search: 64 starts for four taps, and twice as many for each angle more.

    Refining the 24 best of 4,000 does not find DB5; refining all of 1,000 a little does. Planted
    into white noise, DB3 is reached from 11 % of the starts, DB4 from 3 %, DB5 from 1 %, DB6 and
    DB7 from .2 %.

    Parameters
    ----------
    taps : int
    most : int
        Starts, at most.
    """
    starts = min(most, 64 * 2 ** (taps // 2 - 2))
    return (
        Stage(starts, 1, 30, 0.15), Stage(min(48, starts), 4, 60, 0.05),
        Stage(min(8, starts), 16, 100, 0.02),
    )  # fmt: skip


@dataclass(frozen=True)
class Candidates:
    """The best filters of a search, best first.

    Attributes
    ----------
    h : torch.Tensor of float64, shape (filters, taps)
    norm : torch.Tensor of float64, shape (filters,)
        Mean over the examples of the attributions' L1 norm.
    """

    h: torch.Tensor
    norm: torch.Tensor


def attribution_norms(gradients: torch.Tensor, h: torch.Tensor, *, level: int = 4) -> torch.Tensor:
    """L1 norm of the attributions (Ψ⁻¹)ᵀG of every example, in the basis of every filter.

    The third term of Eq. 8 without γ. An orthonormal filter leaves the L2 norm as it is, so this
    says how concentrated attributions are, and filters may be compared by it. Free taps may be a
    little shorter, which would pass for sparsity: each filter is taken at ‖h‖ = 1, and its
    attributions at the gradient's own L2 norm. For orthonormal filters neither changes anything.

    Parameters
    ----------
    gradients : torch.Tensor, shape (examples, 1, time)
        As of `awdlib.attribution.input_gradients`, for short signals.
    h : torch.Tensor, shape (filters, taps)

    Returns
    -------
    torch.Tensor of float64, shape (filters, examples)
    """
    signals = gradients[:, 0].double()
    unit = torch.nn.functional.normalize(h.double().to(signals.device), dim=-1)
    size = signals.norm(dim=-1)
    norms = []
    for matrix in matrices.analysis_matrix(unit, signals.shape[-1], level=level):
        scores = signals @ matrix.mT
        norms.append(scores.abs().sum(-1) * size / scores.norm(dim=-1).clamp_min(1e-300))
    return torch.stack(norms)


def search(
    gradients: torch.Tensor,
    taps: int,
    *,
    level: int = 4,
    seed: int = 0,
    starts: torch.Tensor | None = None,
    near: torch.Tensor | None = None,
    stages: Sequence[Stage] | None = None,
    keep: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> Candidates:
    """Look for orthonormal filters whose attributions have a small L1 norm.

    Parameters
    ----------
    gradients : torch.Tensor, shape (examples, 1, time)
        ∇f(x) at as many examples as the last stage takes, or more: see
        `awdlib.attribution.input_gradients`.
    taps : int
        Length of the filters, even and at least 4.
    seed : int
        Of the random starts.
    starts : torch.Tensor, shape (some, taps), optional
        Orthonormal filters found before, such as shorter ones with zeros (`pad`): they enter the
        last stage beside the best of the random ones.
    near : torch.Tensor, shape (taps,), optional
        Look around this orthonormal filter: the starts are it, and its angles with Gaussian noise
        of a standard deviation from .02 to π. Without it they are uniform, with no known wavelet
        among them.
    stages : sequence of Stage, optional
        `stages_for` the taps by default. The first `keep` is the number of starts; no later one
        may be larger.
    keep : int
        How many filters to return; copies of the same wavelet are left out.
    progress : callable, optional
        Called with (stages done, stages).

    Returns
    -------
    Candidates

    Raises
    ------
    ValueError
        If shapes are wrong, a gradient is not finite, or `near` or a start is not orthonormal.
    """
    check_signal(gradients, 3, "gradients")
    if gradients.ndim != 3 or gradients.shape[1] != 1:
        raise ValueError(
            f"gradients must have shape (examples, 1, time), not {tuple(gradients.shape)}"
        )
    if not torch.isfinite(gradients).all():
        raise ValueError("gradients hold values that are not finite")
    if taps < 4 or taps % 2:
        raise ValueError(f"taps must be even and at least 4, not {taps}")
    stages = stages or stages_for(taps)
    most = max(stage.examples for stage in stages)
    if len(gradients) < most:
        raise ValueError(f"the stages take {most} examples, and there are {len(gradients)}")
    signals = gradients[:, 0]
    free = _starts(taps, stages[0].keep, seed, near).to(signals)
    known = free[:0] if starts is None else torch.stack([_angles(h, taps) for h in starts])
    norm = free.new_zeros(len(free))
    with one_thread():
        for done, stage in enumerate(stages):
            if done:
                free = free[norm.argsort()[: stage.keep]]
            if done == len(stages) - 1:
                free = torch.cat([known.to(free), free])
            few, chunk = signals[: stage.examples], max(1, CHUNK // stage.examples)
            parts = [_descend(part, few, level, stage) for part in free.split(chunk)]
            free, norm = (torch.cat(each) for each in zip(*parts, strict=True))
            if progress:
                progress(done + 1, len(stages))
    order = norm.argsort()
    different = _different(_taps(free[order].double()), keep)
    return Candidates(_taps(free[order].double())[different], norm[order].double()[different])


def pad(h: torch.Tensor, taps: int) -> torch.Tensor:
    """Orthonormal filters with zeros, so that they have `taps` taps: all even ways to do so.

    The wavelets are the same. With all zeros in front the basis is, too, so a longer filter can
    always do as well as a shorter one; zeros behind shift the signal against the coarser grids.

    Parameters
    ----------
    h : torch.Tensor, shape (filters, shorter taps)

    Returns
    -------
    torch.Tensor, shape (more filters, taps)
    """
    more = taps - h.shape[-1]
    ways = [torch.nn.functional.pad(h, (k, more - k)) for k in range(0, more + 1, 2)]
    return torch.cat(ways)


def _taps(free: torch.Tensor) -> torch.Tensor:
    """Filters from all angles but the last, which makes Σh = √2."""
    return filters.taps_from_angles(torch.cat([free, pi / 4 - free.sum(-1, keepdim=True)], -1))


def _angles(h: torch.Tensor, taps: int) -> torch.Tensor:
    if h.shape != (taps,):
        raise ValueError(f"a start must have {taps} taps, not the shape {tuple(h.shape)}")
    # Padded filters whose own ends are nearly zero give their angles back to 1e-5 only: enough for
    # a place to start from.
    return filters.angles_from_taps(h.double(), atol=1e-3)[:-1]


def _starts(taps: int, count: int, seed: int, near: torch.Tensor | None) -> torch.Tensor:
    """Free angles (count, taps / 2 − 1)."""
    stream = torch.Generator().manual_seed(seed)
    if near is None:
        return filters.random_angles(count, taps, stream)[:, :-1]
    width = torch.from_numpy(np.geomspace(0.02, pi, count - 1))[:, None]
    noise = torch.randn(count - 1, taps // 2 - 1, generator=stream, dtype=torch.float64)
    first = _angles(near, taps)
    return torch.cat([first[None], first + width * noise])


def _descend(
    free: torch.Tensor, signals: torch.Tensor, level: int, stage: Stage
) -> tuple[torch.Tensor, torch.Tensor]:
    """Angles after the steps of a stage, and their norms."""
    free = free.clone().requires_grad_()
    adam = Adam(free, stage.lr)
    for step in range(stage.steps):
        adam.lr = stage.lr * (1 + cos(pi * step / stage.steps)) / 2
        (slope,) = torch.autograd.grad(_norms(_taps(free), signals, level).sum(), free)
        adam.step(slope)
    with torch.no_grad():
        return free.detach(), _norms(_taps(free), signals, level)


def _norms(h: torch.Tensor, signals: torch.Tensor, level: int) -> torch.Tensor:
    """Mean of `attribution_norms` over the examples, for many filters and few signals.

    By filter banks: one matrix a filter, as in training, would take longer to build than to use.
    """
    taps = h.shape[-1]
    both = torch.stack([h, filters.highpass(h)], -1)
    lowest, total = signals.expand(len(h), *signals.shape), torch.zeros_like(h[:, 0])
    for _ in range(level):
        n = lowest.shape[-1]
        windows = torch.nn.functional.pad(lowest, (taps - 2, taps - 2 + n % 2)).unfold(-1, taps, 2)
        bands = torch.bmm(windows.flatten(1, 2), both).unflatten(1, windows.shape[1:3])
        lowest, total = bands[..., 0], total + bands[..., 1].abs().sum((1, 2))
    return (total + lowest.abs().sum((1, 2))) / len(signals)


def _different(h: torch.Tensor, most: int) -> list[int]:
    """Indices of the first filters whose wavelets differ from all before them."""
    psi = filters.cascade(h)[1]
    chosen: list[int] = []
    for k in range(len(h)):
        if all(filters.distance(psi[k], psi[j], up_to_sign=True) > 0.05 for j in chosen):
            chosen.append(k)
        if len(chosen) == most:
            break
    return chosen
