"""Distillation by contextual decomposition, whose scores need the network at every step.

A score of CD is not linear in its coefficient, so nothing about the network can be computed once,
as it can for gradients. Hence few tracks, few epochs and one (λ, γ); other attributions stand
beside it at the same small size.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from awdlib import attribution, coefficient_scores, decomposition, dwt, filters, selection
from awdlib.ablation.setup import Study
from awdlib.ablation.sources import LEVEL, Source
from awdlib.ablation.tracks import compressions, spread
from awdlib.clathrin.setup import PUBLISHED
from awdlib.distill import Scores, distill
from awdlib.progress import progress

KINDS = {
    "saliency": "saliency (as published)",
    "input_x_gradient": "input × gradient",
    "cd": "contextual decomposition",
}
BATCH, LR = 20, 1e-2  # few tracks: small batches and long steps, or no filter would move
GAMMA = 10 * PUBLISHED["gamma"]  # so that few steps show what the attribution does


@dataclass(frozen=True)
class Compared:
    """A row a kind of attribution, and what the text says of them."""

    table: pd.DataFrame
    numbers: dict[str, Any]


def scores_by(kind: str, network: nn.Module) -> Scores:
    """A function of (x, h) to attributions (batch, 1, ...), band by band, differentiable in h."""
    method: Any = kind

    def scores(x: torch.Tensor, h: torch.Tensor) -> list[torch.Tensor]:
        options: dict[str, Any] = {"level": LEVEL, "create_graph": h.requires_grad}
        if kind == "cd":
            found = coefficient_scores.wavelet_scores(network, x, h, **options)
        else:
            found = attribution.trim(network, x, h, method=method, **options)
        return dwt.flatten_coeffs(found)

    return scores


def compare(study: Study, known: Mapping[str, Source]) -> Compared:
    """AWD by several attributions on a few tracks: first without one (γ = 0), then with it."""
    count, epochs, seeds = study.size.cd
    every = study.signals.x
    x = every[torch.linspace(0, len(every) - 1, count).long()]
    networks = known["network"].networks[:seeds]
    options: dict[str, Any] = {
        "lam": PUBLISHED["lam"], "epochs": epochs, "level": LEVEL, "batch_size": BATCH, "lr": LR
    }  # fmt: skip
    found: dict[str, list[torch.Tensor]] = {kind: [] for kind in KINDS}
    spent = dict.fromkeys(KINDS, 0.0)
    start = filters.lowpass("db5")
    report, done = progress("fits by contextual decomposition"), 0
    for seed, network in zip(study.size.seeds, networks, strict=False):
        plain = distill(x, start=start, gamma=0.0, seed=seed, **options).h
        size = _size(scores_by("saliency", network), x)
        for kind in KINDS:
            began = time.perf_counter()
            scores = _scaled(scores_by(kind, network), size, x)
            found[kind].append(
                distill(x, scores=scores, start=plain, gamma=GAMMA, seed=seed, **options).h
            )
            spent[kind] += time.perf_counter() - began
            done += 1
            report(done, len(KINDS) * len(networks))
    records = []
    for kind, label in KINDS.items():
        h = torch.stack(found[kind])
        r2 = selection.judge_filters(h, study.signals).r2
        apart, shares = spread(h), compressions(h, known["network"], study.signals)
        records.append({
            "name": kind, "label": label, "r2": float(r2.mean()),
            "moved": float(_distances(h, start).mean()),
            "from_saliency": float(_distances(h, torch.stack(found["saliency"])).mean()),
            "compression": float(shares.mean()),
            "spread": float(apart.mean()) if len(apart) else None,
            "seconds": spent[kind] / len(networks) if study.timed else None,
        })  # fmt: skip
    table = pd.DataFrame(records).astype({"spread": "Float64", "seconds": "Float64"})
    return Compared(
        table,
        {"tracks": count, "epochs": epochs, "seeds": len(networks),
         "steps": epochs * -(-count // BATCH), "gamma": GAMMA,
         "slower": spent["cd"] / spent["saliency"] if study.timed else None,
         "sum_rule": _sum_rule(networks[0], x)},
    )  # fmt: skip


def _distances(h: torch.Tensor, other: torch.Tensor) -> np.ndarray:
    """Distances of wavelets (members, taps) from others, member by member or from one."""
    psi, star = (filters.cascade(v.double())[1] for v in (h, other.expand(len(h), -1)))
    return np.array([
        float(filters.distance(a[None], b, up_to_sign=True)[0])
        for a, b in zip(psi, star, strict=True)
    ])  # fmt: skip


def _size(scores: Scores, x: torch.Tensor) -> float:
    flat = scores(x, filters.lowpass("db5").to(x))
    return float(torch.cat([s.flatten() for s in flat]).abs().mean())


def _scaled(scores: Scores, size: float, x: torch.Tensor) -> Scores:
    own = _size(scores, x)
    factor = size / own if own > 0 else 1.0
    return lambda x, h: [factor * s for s in scores(x, h)]


def _sum_rule(network: nn.Module, x: torch.Tensor) -> float:
    """Largest difference between the network and the sum of CD's two parts."""
    parts = decomposition.decompose(network, 0.3 * x, 0.7 * x)
    with torch.no_grad():
        return float((sum(parts) - network(x)).abs().max())
