"""The ablations on the planted wavelet: does it take a teacher that knows the task to find it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from awdlib import metrics, networks
from awdlib.ablation import sources
from awdlib.ablation.setup import Size
from awdlib.ablation.sources import Source
from awdlib.attribution import Method
from awdlib.networks import FeedForward
from awdlib.progress import progress
from awdlib.recovery import published, table
from awdlib.recovery.problem import LENGTH, Problem, problems
from awdlib.sweep import published_grids
from awdlib.threads import one_thread

START = "db5+noise"


@dataclass(frozen=True)
class Variant:
    """The published route changed in one thing; attributes as of `tracks.Variant`."""

    name: str
    group: str
    label: str
    source: str = "network"
    sparse: bool = True
    penalties: bool = True


def variants() -> list[Variant]:
    """AWD itself and all that is compared with it."""
    return [
        Variant("full", "loss", "AWD, nothing changed"),
        Variant("silent", "loss", "without the interpretation loss, as many fits", "silent"),
        Variant("no_sparsity", "loss", "without sparsity (λ = 0)", sparse=False),
        Variant("no_penalties", "loss", "without the validity penalties", penalties=False),
        *(Variant(f"teacher_{name}", "teacher", label, name)
          for name, label in sources.TEACHERS.items()
          if name not in ("network", "authors", "silent")),
        *(Variant(f"by_{name}", "attribution", label, name)
          for name, label in sources.ATTRIBUTIONS.items() if name != "saliency"),
    ]  # fmt: skip


def draw(
    size: Size, *, ledger: Path | None = None, executor: Executor | None = None
) -> list[Problem]:
    """The planted problem of every seed, with its network."""
    tasks = [(size.planted, seed) for seed in size.planted_seeds]
    return problems(tasks, dtype=size.dtype, ledger=ledger, executor=executor)


@dataclass(frozen=True)
class Taught:
    """Gradients of a source for one problem: training and validation examples, and its R²."""

    gradients: torch.Tensor
    gradients_held: torch.Tensor
    method: Method = "saliency"
    r2: float | None = None


def taught(problem: Problem, size: Size) -> dict[str, Taught]:
    """Every source of gradients for one problem, scaled to the sizes of the network's."""
    x = torch.cat([problem.x, problem.x_held])
    seed = problem.seed
    found: dict[str, tuple[torch.Tensor, Method, float | None]] = {}
    for kind in sources.ATTRIBUTIONS:
        slopes = sources.explained([problem.network], x, kind, samples=size.samples)[0]
        method: Any = kind if kind in ("input_x_gradient", "integrated_gradients") else "saliency"
        found[kind] = (slopes, method, problem.r2)
    found["network"] = found["saliency"]
    for name, network in (("untrained", _network(problem)), ("shuffled", _fooled(problem))):
        slopes = sources.explained([network], x, "saliency", samples=1)[0]
        found[name] = (slopes, "saliency", _r2(problem, network))
    y = problem.y.numpy()
    model, slopes = sources.linear(problem.x, y, x)
    found["linear"] = (slopes, "saliency", _r2(problem, model))
    model, slopes = sources.trees(problem.x, y, x, seed=seed)
    found["tree"] = (slopes, "saliency", _r2(problem, model))
    honest = found["network"][0]
    for name, drawn in (
        ("swapped", sources.swapped(honest[None], seed)[0]),
        ("disordered", sources.disordered(honest, seed)),
        ("noise", sources.noise(honest, seed)),
        ("silent", torch.zeros_like(honest)),
    ):
        found[name] = (drawn, "saliency", None)
    n, scaled = len(problem.x), {}
    (size_of_all,) = sources.sizes_of(honest[None], x)
    for name, (slopes, method, r2) in found.items():
        one = Source(slopes[None], method).scaled_to(size_of_all, x).gradients[0]
        scaled[name] = Taught(one[:n], one[n:], method, r2)
    return scaled


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
    known: Sequence[Mapping[str, Taught]],
    *,
    ledger: Path | None = None,
    executor: Executor | None = None,
) -> Found:
    """Sweep a variant over the planted grid, every seed with its own data and teacher.

    The blind rule takes the valid filter with the sparsest saliency of the variant's own teacher;
    where nobody teaches, of the network.
    """
    lams, gammas = published_grids()
    i, j = size.planted_grid
    own = [k[variant.source] for k in known]
    mine = [
        replace(p, gradients=t.gradients, gradients_held=t.gradients_held)
        for p, t in zip(drawn, own, strict=True)
    ]
    grid = published.sweep_of(
        mine, START, lams=lams[list(i)] if variant.sparse else [0.0],
        gammas=gammas[list(j)], epochs=size.planted_epochs,
        ledger=ledger, executor=executor, method=own[0].method, penalties=variant.penalties,
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

    r2 = np.array([np.nan if t.r2 is None else t.r2 for t in own])
    return Found(variant, distance("oracle"), distance("blind"), r2)


def fit_all(
    size: Size,
    drawn: Sequence[Problem],
    known: Sequence[Mapping[str, Taught]],
    *,
    ledger: Path | None = None,
    executor: Executor | None = None,
) -> list[Found]:
    """`fit` of every variant."""
    report, found = progress("variants, planted wavelet"), []
    every = variants()
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
        networks.train_regressor(
            network, problem.x, y, problem.x_held, y_held, seed=problem.seed,
            epochs=problem.setting.epochs,
        )  # fmt: skip
    return network.eval()


def _r2(problem: Problem, model: Any) -> float:
    y = problem.y_test.numpy()
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            return metrics.r2_score(y, model(problem.x_test).numpy())
    return metrics.r2_score(y, model.predict(problem.x_test[:, 0].double().numpy()))
