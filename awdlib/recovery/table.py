"""The recovery table: how far from the truth every fit ends, chosen with and without knowing it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from awdlib import controls, filters, selection
from awdlib.datasets.synthetic import make_synthetic
from awdlib.distill import distill
from awdlib.matrices import analysis_matrix
from awdlib.recovery import published
from awdlib.recovery.lattice import Found, blind
from awdlib.recovery.problem import LENGTH, LEVEL, Problem, Setting
from awdlib.search import attribution_norms
from awdlib.sweep import Sweep

NORM = 32**0.5  # ‖ψ‖ on the published grid of 32 samples a unit of time, of any orthonormal wavelet
RECOVERED = 0.05 * NORM  # a wavelet this near the truth counts as recovered
# The paper says "accurately" of Sym5 too, whose smallest distance in Fig. B4 is .79: 15 % of ‖ψ‖
# is the smallest round share that counts it in.
ACCURATE = 0.15 * NORM


@dataclass(frozen=True)
class Graded:
    """A sweep of the published route with what both rules look at, arrays (lams, gammas, seeds).

    Attributes
    ----------
    grid : awdlib.sweep.Sweep
    distance, distance_pm : numpy.ndarray
        From the truth, as published and with ±ψ: what the rule ``oracle`` sees.
    norm : numpy.ndarray
        Mean L1 norm of the attributions at the validation examples: what ``blind`` sees.
    valid : numpy.ndarray of bool
    """

    grid: Sweep
    distance: np.ndarray
    distance_pm: np.ndarray
    norm: np.ndarray
    valid: np.ndarray


def psi_of(h: torch.Tensor | np.ndarray) -> torch.Tensor:
    """ψ on the published grid (five levels of the cascade), (..., samples)."""
    return filters.cascade(torch.as_tensor(h, dtype=torch.float64))[1]


def distances(h: torch.Tensor, truth: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Distances of filters (..., taps) from the truth, as published and up to sign, (...)."""
    psi, star = psi_of(h.flatten(0, -2)), psi_of(truth)
    both = (filters.distance(psi, star, up_to_sign=pm) for pm in (False, True))
    plain, pm = (d.reshape(h.shape[:-1]) for d in both)
    return plain, pm


def grade(grid: Sweep, problems: Sequence[Problem]) -> Graded:
    """Judge every filter of a sweep; `problems` are those of its seeds, in their order."""
    plain, pm = distances(grid.h, problems[0].setting.h)
    norm = np.stack([
        attribution_norms(p.gradients_held, grid.h[:, :, k].flatten(0, 1), level=LEVEL)
        .mean(-1).reshape(grid.h.shape[:2]).numpy()
        for k, p in enumerate(problems)
    ], -1)  # fmt: skip
    return Graded(grid, plain, pm, norm, selection.validity_of_grid(grid.h)[1])


def choose(graded: Graded, seed: int, rule: str) -> tuple[int, int] | None:
    """(λ, γ) place that a rule takes for the seed-th problem.

    ``"oracle"`` knows the truth: the smallest published distance (Sec. 4.1). ``"blind"`` does not:
    the smallest attribution norm among the filters that are wavelets'; None if none is.
    """
    if rule == "oracle":
        score = graded.distance[..., seed]
    else:
        score = np.where(graded.valid[..., seed], graded.norm[..., seed], np.inf)
    if not np.isfinite(score).any():
        return None
    lam, gamma = np.unravel_index(score.argmin(), score.shape)
    return int(lam), int(gamma)


def row_of_control(problem: Problem, count: int, *, timed: bool) -> dict[str, Any]:
    """The best of random orthonormal wavelets of ten taps by the blind rule's norm, not refined.

    What choosing among so many gains by itself. Route ``"random"``; the length is given.
    """
    began = time.perf_counter()
    drawn = controls.random_wavelets(count, 10, seed=problem.seed)
    norm = attribution_norms(problem.gradients_held[:200], drawn, level=LEVEL).mean(-1)
    h = drawn[int(norm.argmin())]
    spent = time.perf_counter() - began
    plain, pm = distances(h[None], problem.setting.h)
    return base_row(problem, "none") | {
        "route": "random", "rule": "blind", "distance_end": float(plain[0]),
        "distance_pm": float(pm[0]), "lam": 0.0, "gamma": 1.0, "taps": len(h),
        "seconds": spent if timed else None,
        "norm": float(attribution_norms(problem.gradients_held, h[None], level=LEVEL).mean()),
        "planted": planted_norm(problem.setting, h), "valid": filters.validity(h).ok(),
    }  # fmt: skip


def planted(setting: Setting) -> tuple[torch.Tensor, torch.Tensor]:
    """The weights w = Ψᵀβ of the signal's samples, (64,), and β in one piece, both float64."""
    beta = make_synthetic(
        1, seed=0, wavelet=setting.h, length=LENGTH, level=LEVEL, band=setting.band,
        shift=setting.shift,
    ).beta  # fmt: skip
    flat = torch.cat(beta)
    return analysis_matrix(setting.h, LENGTH, level=LEVEL).mT @ flat, flat


def planted_norm(setting: Setting, h: torch.Tensor) -> float:
    """`attribution_norms` of the planted weights in the basis of `h`, over that in the true one.

    What a network without errors would give.
    """
    w = planted(setting)[0][None, None]
    ours, true = (float(attribution_norms(w, one[None], level=LEVEL)) for one in (h, setting.h))
    return ours / true


def base_row(problem: Problem, start: str) -> dict[str, Any]:
    """The columns that do not depend on what is chosen."""
    setting, truth = problem.setting, problem.setting.h
    first = None
    if start != "none":
        first = float(distances(published.start_of(start)[None], truth)[0][0])
    return {
        "truth": setting.truth, "start": start, "seed": problem.seed, "distance_start": first,
        "noise": setting.noise, "n": setting.n, "band": setting.band, "shift": setting.shift,
        "network_r2": problem.r2,
        "norm_truth": float(attribution_norms(problem.gradients_held, truth[None]).mean()),
    }  # fmt: skip


def rows_of_sweep(
    graded: Graded, problems: Sequence[Problem], start: str, seconds: float | None
) -> list[dict[str, Any]]:
    """Two rows a seed: `choose` by either rule. `seconds` are those of one seed's whole grid."""
    rows = []
    for k, problem in enumerate(problems):
        for rule in ("oracle", "blind"):
            if (at := choose(graded, k, rule)) is None:
                continue
            place = (*at, k)
            rows.append(base_row(problem, start) | {
                "route": "taps", "rule": rule, "distance_end": float(graded.distance[place]),
                "distance_pm": float(graded.distance_pm[place]),
                "lam": float(graded.grid.lams[at[0]]), "gamma": float(graded.grid.gammas[at[1]]),
                "taps": graded.grid.h.shape[-1], "seconds": seconds,
                "norm": float(graded.norm[place]), "valid": bool(graded.valid[place]),
                "planted": planted_norm(problem.setting, graded.grid.h[place]),
            })  # fmt: skip
    return rows


def rows_of_search(
    found: Found, problem: Problem, start: str, *, timed: bool
) -> list[dict[str, Any]]:
    """Two rows: the filter taken without knowing the truth, and the nearest of all."""
    truth = problem.setting.h
    each = [distances(torch.from_numpy(h)[None], truth) for h in found.h]
    pm = np.array([float(d[1][0]) for d in each])
    rows = []
    for rule, k in (("oracle", int(pm.argmin())), ("blind", blind(found))):
        rows.append(base_row(problem, start) | {
            "route": "lattice", "rule": rule, "distance_end": float(each[k][0][0]),
            "distance_pm": float(pm[k]), "lam": float(found.lam[k]), "gamma": 1.0,
            "taps": len(found.h[k]), "seconds": found.seconds if timed else None,
            "norm": float(found.norm[k]),
            "planted": planted_norm(problem.setting, torch.from_numpy(found.h[k])),
            "valid": filters.validity(torch.from_numpy(found.h[k])).ok(),
        })  # fmt: skip
    return rows


def reason(row: Mapping[str, Any]) -> str:
    """What became of a row: recovered, not the sparsest, misled by the network, or missed.

    Where what was planted is more concentrated in the found basis than in the true one
    (``planted`` below 1), the truth is not what the interpretation loss asks for. Where only the
    network's gradients are, its errors have moved the minimum. Else this fit missed the truth: it
    stopped elsewhere, had not the right length to choose, or the rule took a shorter filter.
    """
    if row["distance_pm"] <= RECOVERED:
        return "recovered"
    if row["planted"] < 1:
        return "another is sparser"
    return "network's errors" if row["norm"] < row["norm_truth"] else "missed"


COLUMNS = (
    "truth", "start", "route", "rule", "seed", "distance_start", "distance_end", "distance_pm",
    "lam", "gamma", "taps", "seconds", "noise", "n", "band", "shift", "network_r2", "norm",
    "norm_truth", "planted", "valid",
)  # fmt: skip


def frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The table as a pandas.DataFrame, with `reason`; cells that may be empty are nullable."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["reason"] = [reason(row) for row in table.to_dict("records")]
    table = table.astype({"distance_start": "Float64", "seconds": "Float64"})
    return table.dropna(axis=1, how="all")  # nothing is timed in the smoke profile


def along(table: Any, column: str, **fixed: Any) -> Any:
    """Blind searches from nothing for DB5 in its usual place, where one thing varies.

    Parameters
    ----------
    table : pandas.DataFrame
        As `frame` makes it.
    column : str
        What varies: ``"noise"`` or ``"n"``; it comes back as ``value``.
    **fixed
        Columns that are held at a value.
    """
    plain = {"truth": "db5", "route": "lattice", "rule": "blind", "start": "none", "band": 2,
             "shift": 0, **fixed}  # fmt: skip
    for name, value in plain.items():
        table = table[table[name] == value]
    return table.assign(value=table[column])


def seconds_of_grid(problem: Problem, start: str, graded: Graded, epochs: int) -> float:
    """Seconds of one seed's whole grid on one thread, from twenty steps that are timed."""
    grid, n = graded.grid, min(2000, len(problem.x))
    size = max(1, n // 20)

    def twenty_steps(lams: np.ndarray, gamma: float) -> float:
        began = time.perf_counter()
        distill(
            problem.x[:n], gradients=problem.gradients[:n], start=published.start_of(start),
            lam=torch.from_numpy(lams), gamma=gamma, batch_size=size, epochs=1, level=LEVEL,
        )  # fmt: skip
        return time.perf_counter() - began

    twenty_steps(grid.lams, 0.1)  # the first call loads things
    chain, whole = twenty_steps(grid.lams[:1], 0.0) / 20, twenty_steps(grid.lams, 0.1) / 20
    steps = epochs * -(-len(problem.x) // 100)
    return steps * (chain * len(grid.lams) + whole * (len(grid.gammas) - 1))
