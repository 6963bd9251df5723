"""The quantities that the claims about the synthetic problem are judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from awdlib.recovery.table import NORM, RECOVERED, Graded, choose

OVER = "median and range over seeds"
SHORT = {"db5+noise": "noise", "sym5": "sym5", "coif2": "coif2"}


def over_seeds(values: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """Median and range, as claims store it."""
    values = np.asarray(values, dtype=float)
    return {
        "estimate": float(np.median(values)), "low": float(values.min()),
        "high": float(values.max()), "n": len(values), "kind": OVER,
    }  # fmt: skip


def quantities(
    graded: Mapping[str, Graded], starts: Mapping[str, float], r2: Sequence[float]
) -> dict[str, dict[str, Any]]:
    """Every claim's quantity, of the published distances (no −ψ).

    Parameters
    ----------
    graded : mapping of start to Graded
    starts : mapping of start to distance of the start from the truth
    r2 : sequence of float
        Of the networks, on test examples.
    """
    made = {"network_r2": over_seeds(r2)}
    for start, one in graded.items():
        seeds = range(one.distance.shape[2])
        places = [choose(one, k, "oracle") for k in seeds]
        end = [one.distance[(*at, k)] for k, at in enumerate(places) if at is not None]
        made[f"closer_{SHORT[start]}"] = over_seeds(np.array(end) / starts[start])
        made[f"same_{SHORT[start]}"] = over_seeds(np.array(end) / NORM)
        made[f"interior_{SHORT[start]}"] = over_seeds(
            [_interior(one.distance[at[0], :, k], one.grid.gammas)
             for k, at in enumerate(places) if at is not None]
        )  # fmt: skip
    if "db5+noise" in graded:
        one = graded["db5+noise"]
        near = np.where(one.valid, one.distance, np.inf)
        made["wide_gamma"] = over_seeds([
            min(_decades(line, one.grid.gammas) for line in near[..., k])
            for k in range(near.shape[2])
        ])  # fmt: skip
    if "sym5" in graded:
        low, high = _ends(graded["sym5"].distance)
        made["sym5_small_lam"], made["sym5_accurate"] = over_seeds(low), over_seeds(high)
    if "coif2" in graded:
        low, high = _ends(graded["coif2"].distance)
        made["coif2_large_lam"], made["coif2_accurate"] = over_seeds(high), over_seeds(low)
    return made


def _ends(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest distance over γ at the smallest λ, and at the largest: (seeds,) each.

    Two of the published five at either end, one where there are fewer than four. With a single λ
    there are no ends: it is both.
    """
    best = distance.min(1)
    count = 2 if len(best) > 3 else 1
    return best[:count].min(0), best[-count:].min(0)


def _decades(distance: np.ndarray, gammas: np.ndarray) -> float:
    """Longest stretch of the γ grid, in powers of ten, over which the truth is recovered."""
    fine = (distance <= RECOVERED) & (gammas > 0)
    longest, first = 0.0, None
    for k, good in enumerate(fine):
        first = (k if first is None else first) if good else None
        if first is not None:
            longest = max(longest, float(np.log10(gammas[k] / gammas[first])))
    return longest


def _interior(distance: np.ndarray, gammas: np.ndarray) -> float:
    """The lesser distance at the smallest and largest γ > 0, over `RECOVERED`; 0 if none is."""
    line = distance[gammas > 0]
    return float(min(line[0], line[-1]) / RECOVERED) if line.min() <= RECOVERED else 0.0
