"""What the data can tell about the wavelet, and what they cannot (paper, Sec. 4.1)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from awdlib import controls, filters, metrics
from awdlib.attribution import Residual
from awdlib.distill import Distilled, distill
from awdlib.matrices import analysis_matrix
from awdlib.recovery.lattice import Found
from awdlib.recovery.problem import LENGTH, LEVEL, Problem, Setting
from awdlib.recovery.table import ACCURATE, RECOVERED, distances, planted, reason
from awdlib.search import attribution_norms

BASES = {"db5": "DB5, the truth", "sym5": "Sym5", "coif2": "Coif2", "haar": "Haar"}


def bases(problem: Problem) -> Any:
    """The same predictions from many bases, and how concentrated their weights are (S8).

    For orthonormal wavelets x = Ψᵀ(Ψx), so <x, w> = <Ψx, Ψw>: any of them predicts as well as the
    true one. The same for any invertible A, by <A⁻¹Ψx, AᵀΨw>. What differs is how concentrated the
    weights are: their L1 norm, of features brought to unit variance so that the scale of A is out.

    Returns
    -------
    pandas.DataFrame
        Columns basis, r2 (test examples), difference (largest, of predictions from the truth's),
        norm (L1 of the weights of standardised features).
    """
    import pandas as pd

    w, _ = planted(problem.setting)
    x, y = problem.x_test[:, 0].double(), problem.y_test.double().numpy()
    truth = analysis_matrix(problem.setting.h, LENGTH, level=LEVEL)
    named = {label: analysis_matrix(filters.lowpass(n), LENGTH, level=LEVEL)
             for n, label in BASES.items()}  # fmt: skip
    named["a random wavelet"] = analysis_matrix(
        controls.random_wavelets(1, 10, seed=1)[0], LENGTH, level=LEVEL
    )
    models = {label: (x @ p.mT, p @ w) for label, p in named.items()}
    stream = torch.Generator().manual_seed(0)
    a = torch.randn(len(truth), len(truth), generator=stream, dtype=torch.float64)
    for label, mix in (("DB5, coefficients rotated", torch.linalg.qr(a)[0]),
                       ("DB5, coefficients mixed by an A", a)):  # fmt: skip
        models[label] = (torch.linalg.solve(mix, (x @ truth.mT).mT).mT, mix.mT @ (truth @ w))
    rows, first = [], None
    for label, (features, weights) in models.items():
        prediction = (features @ weights).numpy()
        first = prediction if first is None else first
        rows.append({
            "basis": label, "r2": metrics.r2_score(y, prediction),
            "difference": float(np.abs(prediction - first).max()),
            "norm": float((weights.abs() * features.std(0)).sum()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def relatives(problem: Problem) -> Any:
    """Filters that the distance takes for the truth, or nearly: does the network tell them apart?

    Returns
    -------
    pandas.DataFrame
        Columns filter, distance, distance_pm, norm (of the attributions at the validation
        examples).
    """
    import pandas as pd

    h = problem.setting.h
    zeros = torch.zeros(2, dtype=h.dtype)
    named = {
        "the truth": h,
        "reversed taps": h.flip(0),
        "two zeros in front": torch.cat([zeros, h]),
        "two zeros behind": torch.cat([h, zeros]),
        "one zero in front, one behind": torch.cat([zeros[:1], h, zeros[:1]]),
    }
    rows = []
    for label, one in named.items():
        plain, pm = distances(one[None], h)
        norm = attribution_norms(problem.gradients_held, one[None], level=LEVEL).mean()
        rows.append({"filter": label, "distance": float(plain[0]), "distance_pm": float(pm[0]),
                     "norm": float(norm)})  # fmt: skip
    return pd.DataFrame(rows)


def spread_of(setting: Setting) -> float:
    """How far the signal's edges spread what is planted: L1 over L2 norm of Ψw, over that of β.

    Ψ maps 64 samples to more coefficients than that. Where the planted atoms reach beyond the
    signal, Ψw = ΨΨᵀβ has other coefficients than β, and more of them: the ratio exceeds 1.
    """
    w, beta = planted(setting)
    coefficients = analysis_matrix(setting.h, LENGTH, level=LEVEL) @ w

    def concentration(values: torch.Tensor) -> float:
        return float(values.abs().sum() / values.norm())

    return concentration(coefficients) / concentration(beta)


def reversed_of(setting: Setting) -> float:
    """L1 norm of the planted weights' coefficients with reversed taps, over that with the truth."""
    w, _ = planted(setting)
    both = analysis_matrix(torch.stack([setting.h.flip(0), setting.h]), LENGTH, level=LEVEL) @ w
    norms = both.abs().sum(-1)
    return float(norms[0] / norms[1])


def cases(rows: Sequence[Mapping[str, Any]], found: Sequence[Found], settings: Sequence[Setting]):
    """One row a setting: how often a search without the truth recovers it, and what is in its way.

    Parameters
    ----------
    rows : sequence of rows of `awdlib.recovery.table`
        The blind ones, of the searches.
    found : sequence of Found
        Of these searches.
    settings : sequence of Setting
        Of these searches.

    Returns
    -------
    pandas.DataFrame
        Columns truth, noise, n, band, shift, seeds, true_taps, taps (chosen, median), distance
        (±ψ, median), distance_low and distance_high (range), recovered (how many), spread
        (`spread_of`), reversed (`reversed_of`), gap (how much larger than the truth's norm the
        smallest is of a wavelet farther away than 15 % of ‖ψ‖, median; empty where none was met),
        network_r2 (median), reason (how often which).
    """
    import pandas as pd

    table = []
    for setting in dict.fromkeys(settings):
        mine = [k for k, other in enumerate(settings) if other == setting]
        pm = np.array([rows[k]["distance_pm"] for k in mine])
        gaps = [gap for k in mine if (gap := _gap(found[k], rows[k], setting)) is not None]
        reasons = pd.Series([reason(rows[k]) for k in mine])
        table.append({
            "truth": setting.truth, "noise": setting.noise, "n": setting.n, "band": setting.band,
            "shift": setting.shift, "seeds": len(mine), "true_taps": len(setting.h),
            "taps": statistics.median_low([rows[k]["taps"] for k in mine]),
            "distance": float(np.median(pm)), "distance_low": float(pm.min()),
            "distance_high": float(pm.max()), "recovered": int((pm <= RECOVERED).sum()),
            "spread": spread_of(setting), "reversed": reversed_of(setting),
            "gap": float(np.median(gaps)) if gaps else None,
            "network_r2": float(np.median([rows[k]["network_r2"] for k in mine])),
            "reason": ", ".join(f"{kind}: {k}" for kind, k in reasons.value_counts().items()),
        })  # fmt: skip
    return pd.DataFrame(table).astype({"gap": "Float64"})


def _gap(found: Found, row: Mapping[str, Any], setting: Setting) -> float | None:
    others = [
        norm for h, norm in zip(found.h, found.norm, strict=True)
        if float(distances(torch.from_numpy(h)[None], setting.h)[1][0]) > ACCURATE
    ]  # fmt: skip
    return min(others) / row["norm_truth"] - 1 if others else None


def reference_way(problem: Problem, examples: int, epochs: int, *, timed: bool) -> dict[str, Any]:
    """Fits with the cached gradient and through the network: same filters? And the time of each.

    From DB5 with noise at λ = 1e-4, γ = .01, one fit, one thread. ``detached`` is the authors'
    code, whose residual does not follow the filter.

    Returns
    -------
    dict
        ``examples``, ``epochs``; ``difference`` and ``difference_detached`` (largest, of a tap,
        from the cached way); ``moved`` (largest change of a tap in the fit); seconds of each way
        and their ``ratio`` (None where not timed).
    """
    from awdlib.recovery.published import start_of

    x = problem.x[:examples].double()
    network = problem.network.double()
    start = start_of("db5+noise")

    def fit(through_network: bool, residual: Residual = "follow") -> tuple[Distilled, float]:
        began = time.perf_counter()
        fitted = distill(
            x, network, start=start, lam=1e-4, gamma=0.01, epochs=epochs, level=LEVEL,
            through_network=through_network, residual=residual,
        )  # fmt: skip
        return fitted, time.perf_counter() - began

    try:
        fit(False)  # the first call loads things
        (cached, fast), (reference, slow), (detached, _) = (
            fit(False),
            fit(True),
            fit(True, "detached"),
        )
    finally:
        network.to(problem.x.dtype)

    def apart(other: torch.Tensor) -> float:
        return float((cached.h - other).abs().max())

    return {
        "examples": len(x), "epochs": epochs, "difference": apart(reference.h),
        "difference_detached": apart(detached.h), "moved": apart(start),
        "seconds": fast if timed else None, "seconds_reference": slow if timed else None,
        "ratio": slow / fast if timed else None,
    }  # fmt: skip
