"""Fits of variants on clathrin tracks: a grid, with every seed, chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from awdlib import filters, selection
from awdlib.ablation.setup import Study
from awdlib.ablation.sources import Source
from awdlib.ablation.variants import FULL, Variant, grid_of
from awdlib.distill import distill
from awdlib.progress import progress
from awdlib.selection import Judged
from awdlib.sweep import sweep


@dataclass(frozen=True)
class Fitted:
    """What a variant came to.

    Attributes
    ----------
    variant : Variant
    h : torch.Tensor, shape (seeds, taps)
        Chosen by cross-validation on the training tracks, one a seed.
    lam, gamma : numpy.ndarray, shape (seeds,)
    judged : Judged
        Of the chosen filters.
    """

    variant: Variant
    h: torch.Tensor
    lam: np.ndarray
    gamma: np.ndarray
    judged: Judged


def fit(study: Study, variant: Variant, known: Mapping[str, Source]) -> Fitted:
    """Fit a variant over the grid with every seed, and choose by cross-validation."""
    size, signals = study.size, study.signals
    lams, gammas = grid_of(variant, size.lams, size.gammas)
    source = known[variant.source] if variant.source else None
    options: dict[str, Any] = {"epochs": size.epochs, **variant.settings}
    if source is not None:
        options["method"] = source.method
    job = Job(
        signals.x, None if source is None else source.of(len(size.seeds)),
        variant.start if variant.start is not None else filters.lowpass("db5"),
        lams, gammas, size.seeds, options, variant.fits == "first",
    )  # fmt: skip
    h = (_swept if variant.fits == "warm" else _alone)(study, job)
    flat = h.flatten(0, 2)
    judged = selection.judge_filters(flat, signals, level=variant.level)
    chosen = selection.choose(judged.cv_r2.reshape(h.shape[:3]))
    lam, gamma, _ = (np.array(index) for index in zip(*chosen, strict=True))
    rows = np.ravel_multi_index(tuple(zip(*chosen, strict=True)), h.shape[:3])
    return Fitted(
        variant, flat[torch.from_numpy(rows)], lams[lam], gammas[gamma],
        Judged(judged.cv_r2[rows], judged.prediction[rows], judged.r2[rows]),
    )  # fmt: skip


def fit_all(study: Study, every: Sequence[Variant], known: Mapping[str, Source]) -> list[Fitted]:
    """`fit` of every variant; one that diverges is left out, and said."""
    report, found = progress("variants"), []
    for done, variant in enumerate(every):
        try:
            found.append(fit(study, variant, known))
        except ValueError as error:
            if variant.name == FULL:
                raise
            print(f"{variant.name} is left out: {error}")
        report(done + 1, len(every))
    return found


@dataclass(frozen=True)
class Job:
    """The fits of a variant: every (λ, γ) with every seed.

    Attributes
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    gradients : torch.Tensor or None, shape (seeds, examples, 1, time)
    start : torch.Tensor, shape (taps,) or (seeds, taps)
    lams, gammas : numpy.ndarray
    seeds : tuple of int
    options : dict
        Of `awdlib.distill.distill`.
    first : bool
        Fits by themselves only: from where their λ ends with γ = 0.
    """

    x: torch.Tensor
    gradients: torch.Tensor | None
    start: torch.Tensor
    lams: np.ndarray
    gammas: np.ndarray
    seeds: tuple[int, ...]
    options: dict[str, Any]
    first: bool = False

    def each(self) -> list[Job]:
        """One job a seed, with a start of its own."""
        starts = self.start.expand(len(self.seeds), -1)
        return [
            replace(
                self, start=starts[k], seeds=(seed,),
                gradients=None if self.gradients is None else self.gradients[k : k + 1].clone(),
            )
            for k, seed in enumerate(self.seeds)
        ]  # fmt: skip


def _swept(study: Study, job: Job) -> torch.Tensor:
    """The published way, warm-started; (lams, gammas, seeds, taps)."""
    # a batch for every helper
    together = -(-len(job.seeds) // 2) if study.executor else len(job.seeds)

    def run(some: Job) -> torch.Tensor:
        slopes = None if some.gradients is None else some.gradients.contiguous()
        return sweep(
            some.x, gradients=slopes, start=some.start, lams=some.lams, gammas=some.gammas,
            seeds=some.seeds, seeds_per_batch=together, ledger=study.ledger,
            executor=study.executor, **some.options,
        ).h  # fmt: skip

    if job.start.ndim == 1:
        return run(job)
    # Threads only hand pieces to the processes.
    with ThreadPoolExecutor(len(job.seeds) if study.executor else 1) as waiting:
        return torch.cat(list(waiting.map(run, job.each())), 2)


def _alone(study: Study, job: Job) -> torch.Tensor:
    """Every (λ, γ) by itself; shaped as `_swept`."""
    ways = map if study.executor is None else study.executor.map
    return torch.stack(list(ways(fit_alone, job.each())), 2)


def fit_alone(job: Job) -> torch.Tensor:
    """Every (λ, γ) by itself for the one seed of a job, (lams, gammas, taps)."""
    grid = np.meshgrid(job.lams, job.gammas, indexing="ij")
    lam, gamma = (torch.from_numpy(values.flatten()) for values in grid)
    begin, (seed,) = job.start.expand(len(lam), -1), job.seeds
    if job.first:
        plain = distill(job.x, start=begin[: len(job.lams)], lam=torch.from_numpy(job.lams),
                        gamma=0.0, seed=seed, **job.options).h  # fmt: skip
        begin = plain.repeat_interleave(len(job.gammas), 0)
    slopes = None if job.gradients is None else job.gradients[0]
    h = distill(job.x, gradients=slopes, start=begin, lam=lam, gamma=gamma, seed=seed,
                **job.options).h  # fmt: skip
    return h.reshape(len(job.lams), len(job.gammas), -1)
