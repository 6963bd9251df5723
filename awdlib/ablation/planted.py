"""The ablations on the planted wavelet: does it take a teacher that knows the task to find it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from awdlib import networks
from awdlib.ablation import sources
from awdlib.ablation.setup import Size
from awdlib.ablation.sources import Source
from awdlib.ablation.variants import Variant, grid_of
from awdlib.networks import FeedForward
from awdlib.progress import progress
from awdlib.recovery import published, table
from awdlib.recovery.problem import LENGTH, Problem, problems
from awdlib.threads import one_thread

START = "db5+noise"


def variants(every: Sequence[Variant]) -> list[Variant]:
    """Those variants that can be tried here: of the loss, of teachers and of attributions.

    γ = 0 alone is left out: its grid has nothing to choose from.
    """
    groups = ("loss", "teacher", "attribution")
    return [v for v in every if v.group in groups and v.source not in (None, "authors")]


def draw(
    size: Size, *, ledger: Path | None = None, executor: Executor | None = None
) -> list[Problem]:
    """The planted problem of every seed, with its network."""
    tasks = [(size.planted, seed) for seed in size.planted_seeds]
    return problems(tasks, dtype=size.dtype, ledger=ledger, executor=executor)


def teach(problem: Problem, size: Size) -> dict[str, Source]:
    """Every source of gradients for one problem: at training, then at validation examples."""
    return sources.taught(
        {"network": [problem.network], "untrained": [_network(problem)],
         "shuffled": [_fooled(problem)]},
        torch.cat([problem.x, problem.x_held]), problem.x_test,
        fitted_on=(problem.x, problem.y.numpy()), samples=size.samples, seed=problem.seed,
    )  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a variant came to: distances of ±ψ from the truth, (seeds,), chosen by both rules.

    `blind` is NaN where no filter of the grid is a wavelet's; `r2` is the teacher's.
    """

    variant: Variant
    oracle: np.ndarray
    blind: np.ndarray
    r2: np.ndarray


def fit(
    size: Size,
    variant: Variant,
    drawn: Sequence[Problem],
    known: Sequence[Mapping[str, Source]],
    *,
    ledger: Path | None = None,
    executor: Executor | None = None,
) -> Found:
    """Sweep a variant over the planted grid, every seed with its own data and teacher.

    The blind rule takes the valid filter with the sparsest saliency of the variant's own teacher;
    where nobody teaches, of the network.
    """
    lams, gammas = grid_of(variant, *size.planted_grid)
    assert variant.source is not None
    own = [k[variant.source] for k in known]
    mine = []
    for problem, source in zip(drawn, own, strict=True):
        n = len(problem.x)
        slopes, held = source.gradients[0, :n], source.gradients[0, n:]
        mine.append(replace(problem, gradients=slopes, gradients_held=held))
    grid = published.sweep_of(
        mine, START, lams=lams, gammas=gammas, epochs=size.planted_epochs, ledger=ledger,
        executor=executor, method=own[0].method, **variant.settings,
        seeds_per_batch=-(-len(drawn) // 2) if executor else len(drawn),  # a batch for each helper
    )  # fmt: skip
    graded = table.grade(grid, list(drawn) if variant.source == "silent" else mine)
    picked = {
        rule: [table.choose(graded, k, rule) for k in range(len(drawn))]
        for rule in ("oracle", "blind")
    }

    def distance(rule: str) -> np.ndarray:
        return np.array([
            np.nan if place is None else graded.distance_pm[(*place, k)]
            for k, place in enumerate(picked[rule])
        ])  # fmt: skip

    r2 = [one.r2(p.y_test.numpy()) for one, p in zip(own, drawn, strict=True)]
    return Found(variant, distance("oracle"), distance("blind"), np.array(r2, float))


def fit_all(
    size: Size,
    every: Sequence[Variant],
    drawn: Sequence[Problem],
    known: Sequence[Mapping[str, Source]],
    *,
    ledger: Path | None = None,
    executor: Executor | None = None,
) -> list[Found]:
    """`fit` of every variant."""
    report, found = progress("variants, planted wavelet"), []
    for variant in every:
        found.append(fit(size, variant, drawn, known, ledger=ledger, executor=executor))
        report(len(found), len(every))
    return found


def control(size: Size, drawn: Sequence[Problem]) -> np.ndarray:
    """Distance of the random wavelet with the smallest attributions, of every seed."""
    rows = [table.row_of_control(p, size.controls, timed=False) for p in drawn]
    return np.array([row["distance_pm"] for row in rows])


def start_distance(problem: Problem) -> float:
    """Distance of the start from the truth."""
    start = published.start_of(START)[None]
    return float(table.distances(start, problem.setting.h)[1][0])


def _network(problem: Problem) -> FeedForward:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(10_000 + problem.seed)
        return FeedForward(LENGTH).to(problem.x).eval()


def _fooled(problem: Problem) -> FeedForward:
    """A network of the same kind that learned shuffled targets."""
    rng = np.random.default_rng(problem.seed)
    network = _network(problem)
    y, y_held = (v[torch.from_numpy(rng.permutation(len(v)))] for v in (problem.y, problem.y_held))
    with one_thread():
        networks.train(
            network, problem.x, y, problem.x_held, y_held, seed=problem.seed,
            epochs=problem.setting.epochs,
        )  # fmt: skip
    return network.eval()
