"""What a run of the clathrin experiment stores: the numbers and the arrays of its page."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from awdlib import filters, paper, selection
from awdlib.clathrin import claims, sensitivity, setup, sweeps, table
from awdlib.clathrin import study as steps
from awdlib.clathrin.study import Comparison, Controls, Distillations, Study
from awdlib.clathrin.sweeps import Swept


def published() -> dict[str, float]:
    """Published R² of the authors' LSTM: Table 1's, and their report's on the sister set."""
    found = paper.published("table1", source=None)
    lstm = found[(found["row"] == "R2") & (found["column"] == "LSTM")]
    return {
        "lstm": lstm[lstm["source"] == "paper"]["value"].item(),
        "lstm_sister_set": lstm[lstm["note"].str.contains("EGFP-GAK")]["value"].item(),
    }


def chosen_of(swept: Swept | None) -> dict[str, Any]:
    """What cross-validation picks, seed by seed, and whether it picks wavelets.

    Returns
    -------
    dict
        ``lam`` and ``gamma`` of every seed, ``settings`` (both as text), ``valid`` (how many of the
        ``seeds`` chosen filters are wavelets'), and ``r2_valid``: the mean test R² had it chosen
        among those that are, None if a seed has none.
    """
    if swept is None:
        return dict.fromkeys(("lam", "gamma", "settings", "valid", "seeds", "r2_valid"))
    lam = [float(swept.grid.lams[c[0]]) for c in swept.chosen]
    gamma = [float(swept.grid.gammas[c[1]]) for c in swept.chosen]
    possible = swept.valid.any((0, 1)).all()
    among = selection.choose(np.where(swept.valid, swept.judged.cv_r2, -np.inf))
    return {
        "lam": lam, "gamma": gamma,
        "settings": ", ".join(f"({a:.2g}, {b:.2g})" for a, b in zip(lam, gamma, strict=True)),
        "valid": int(selection.pick(swept.valid, swept.chosen).sum()), "seeds": len(lam),
        "r2_valid": float(selection.pick(swept.judged.r2, among).mean()) if possible else None,
    }  # fmt: skip


def numbers_of(
    study: Study,
    found: Distillations,
    against: Controls,
    compared: Comparison,
    quantities: Mapping[str, Any],
    varied: Any,
) -> dict[str, Any]:
    """All numbers of the page, nested."""
    awd, name = found.awd, f"awd_{found.main}"
    r2 = against.drawn.r2[: steps.SINGLE]
    best = against.drawn.r2[against.winners]
    rows, grid = compared.rows, found.awd.grid
    words = {
        other: claims.in_words(quantities.get(f"{name}_minus_{claims.short(other)}"))
        for other in table.ROWS
    }
    at = (*awd.published, 0)
    failing = grid.gammas[~awd.valid.all((0, 2))]
    low, high = np.quantile(r2, [0.1, 0.9])
    return {
        "data": setup.describe(study.tracks),
        "size": {"epochs": study.size.epochs, "lams": len(grid.lams), "gammas": len(grid.gammas),
                 "seeds": len(grid.seeds)},
        "main": {"teacher": found.main, "awd": name, "r2": rows[name]["r2"],
                 "lstm_r2": rows[f"lstm_{found.main}"]["r2"]},
        "words": words | {
            "lstm": words[f"lstm_{found.main}"],
            "compression": claims.in_words(
                quantities["compression_reduction"], more="smaller than", less="larger than"
            ),
        },
        "budget": against.budget,
        "table1": {key: rows.get(key, table.NO_ROW) for key in table.ROWS},
        "claims": dict(quantities),
        "published": published(),
        "chosen": {key: chosen_of(found.swept.get(key)) for key in ("authors", "ours")},
        "random": {"count": len(r2), "share_above_awd": (r2 > rows[name]["r2"]).mean(),
                   "share_above_db5": (r2 > rows["db5"]["r2"]).mean(), "median": np.median(r2),
                   "r2_10": low, "r2_90": high, "draws": len(best),
                   "draws_above_awd": int((best > rows[name]["r2"]).sum())},
        "valid": {"share": awd.valid.mean(), "fits": awd.valid.size,
                  "first_failing_gamma": min(failing, default=None)},
        "published_setting": {
            "lam": grid.lams[at[0]], "gamma": grid.gammas[at[1]], "cv_r2": awd.judged.cv_r2[at],
            "r2": awd.judged.r2[at], "validity": filters.validity(grid.h[at]).as_dict(),
        },
        "sensitivity": sensitivity.summary(varied) | {"draws": sensitivity.DRAWS},
    }  # fmt: skip


def arrays_of(
    found: Distillations, against: Controls, compared: Comparison, readings: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """All arrays of the page; the filters of every sweep first (`sweeps.filters_kept`)."""
    return {
        **sweeps.filters_kept([*found.swept.values(), found.sym5]),
        "h_awd": found.awd.h.cpu().numpy(),
        "h_published": found.awd.grid.h[(*found.awd.published, 0)].cpu().numpy(),
        "trajectory": found.trajectory.cpu().numpy(),
        "random_r2": against.drawn.r2, "random_cv_r2": against.drawn.cv_r2,
        **{f"filters_{name}": h.cpu().numpy() for name, h in compared.wavelets.items()},
        **readings,
    }  # fmt: skip
