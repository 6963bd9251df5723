"""The quantities that the claims about clathrin tracks are judged by, with their intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from awdlib import filters, metrics, paper, pulses
from awdlib.clathrin.reading import mean_coefficients
from awdlib.clathrin.sweeps import Swept
from awdlib.metrics import ABSENT, in_words
from awdlib.selection import Signals

OVER = "95 %, test tracks and members"
# The differences of R² that the claims and the text speak of.
DIFFERENCES = [
    *[("awd_authors", other) for other in (
        "db5", "lstm_authors", "lstm_ours", "awd_without_interpretation", "awd_ours", "random_any",
        "random_best", "supervised", "ridge", "minirocket", "lifetime_amplitude",
    )],
    *[("awd_ours", other) for other in (
        "db5", "lstm_authors", "lstm_ours", "awd_without_interpretation", "random_any",
        "random_best", "supervised", "ridge", "minirocket", "lifetime_amplitude",
    )],
    *[("awd_without_interpretation", other) for other in (
        "db5", "lstm_ours", "lstm_authors", "random_any", "random_best",
    )],
    *[("random_best", other) for other in (
        "random_any", "db5", "lstm_ours", "lstm_authors", "ridge",
    )],
    ("random_any", "db5"), ("supervised", "random_best"), ("lstm_authors", "lstm_ours"),
    ("lstm_40", "lstm_ours"), ("awd_40", "lstm_40"), ("awd_40", "db5"),
]  # fmt: skip
SHORT = {"awd_without_interpretation": "no_interpretation"}


def differences(
    rows: Mapping[str, Mapping[str, Any]], samples: Mapping[str, np.ndarray], n: int
) -> dict[str, dict[str, float | int | str]]:
    """`DIFFERENCES` of R², paired on the same bootstrap samples; those whose rows are there."""
    found = {}
    for name, other in DIFFERENCES:
        if name in samples and other in samples:
            value = rows[name]["r2"] - rows[other]["r2"]
            key = f"{short(name)}_minus_{short(other)}"
            found[key] = metrics.estimate(value, samples[name] - samples[other], n, OVER)
    return found


UNDEFINED = 1e6  # larger than any ratio


def short(name: str) -> str:
    """A row's name as it stands in the names of differences."""
    return SHORT.get(name, name)


def expected() -> list[str]:
    """Names of all claims' quantities; one that a run cannot have is stored as `ABSENT`."""
    pairs = [f"{short(a)}_minus_{short(b)}" for a, b in DIFFERENCES]
    return [*pairs, *paper.quantities("cme")]


def compression_reduction(awd: np.ndarray, db5: np.ndarray) -> dict[str, Any]:
    """1 − AWD's compression factor / DB5's.

    Parameters
    ----------
    awd : numpy.ndarray, shape (seeds, tests)
    db5 : numpy.ndarray, shape (1, tests) or (seeds, tests)
        The latter where every seed has a network of its own.
    """
    rng, (members, n) = np.random.default_rng(1), awd.shape
    tracks = rng.integers(0, n, (2000, n))
    seeds = rng.integers(0, members, (2000, members))

    def drawn(factors: np.ndarray) -> np.ndarray:
        each = factors[:, tracks].mean(-1).T  # (samples, members)
        return np.take_along_axis(each, seeds, 1).mean(1) if len(factors) > 1 else each[:, 0]

    ratio = drawn(awd) / drawn(db5)
    return metrics.estimate(1 - awd.mean() / db5.mean(), 1 - ratio, n, OVER)


def seed_distances(h: torch.Tensor) -> np.ndarray:
    """Distance of every pair of wavelets over the norm of the first, (pairs,)."""
    psi = filters.cascade(h.double())[1]
    return np.array([
        float(filters.distance(a, b)) / float(a.norm())
        for i, a in enumerate(psi)
        for b in psi[i + 1 :]
    ])  # fmt: skip


def distance_from_start(h: torch.Tensor, start: str) -> np.ndarray:
    """Distance of wavelets to that of the start over its norm; h (..., taps) to (...)."""
    psi = filters.cascade(h.double().flatten(0, -2))[1]
    first = filters.cascade(filters.lowpass(start))[1]
    return (filters.distance(psi, first) / float(first.norm())).reshape(h.shape[:-1])


def shape_claims(h: torch.Tensor) -> dict[str, Any]:
    """Claims about the shape of the chosen wavelets, (seeds, taps): stable, edges, build-up."""
    over, found = "range over seeds", {}
    if len(h) > 1:
        found["seed_distance"] = metrics.over_range(seed_distances(h), "range over pairs of seeds")
    db5 = filters.lowpass("db5")
    edges = pulses.edge_response(h.double()) / pulses.edge_response(db5)
    return found | {
        "edge_response": metrics.over_range(edges, over),
        "build_up_drop": metrics.over_range(pulses.asymmetry(h.double()).mean(-1), over),
    }


def _last_valid(swept: Swept) -> float:
    """The largest γ up to which all filters of a sweep are wavelets'; −1 if there is none."""
    fine = np.asarray(swept.valid.all((0, 2)))
    count = len(fine) if fine.all() else int(np.argmin(fine))  # the first that is not
    return float(swept.grid.gammas[count - 1]) if count else -1.0


def sweep_claims(swept: Swept, sym5: Swept) -> dict[str, Any]:
    """Claims about whole sweeps, of one teacher: the Sym5 start (C12), and large γ (L12)."""
    found = {}
    mean = swept.penalty.mean(-1)
    ratio = np.log10(mean[:, -1] / mean[:, swept.published[1]])
    found["penalty_ratio"] = {
        name: value if name in ("n", "kind") else 10**value
        for name, value in metrics.over_range(ratio, "geometric mean and range over λ").items()
    }
    limit = min(_last_valid(swept), _last_valid(sym5))
    shared = [g for g in sym5.grid.gammas if g in swept.grid.gammas and g <= limit]
    if shared:
        h, other = (
            one.grid.h[:, one.grid.gammas.tolist().index(shared[-1])] for one in (swept, sym5)
        )
        h = h[:, : other.shape[1]]  # the seeds that both have
        pairs = zip(
            *(filters.cascade(f.double().flatten(0, 1))[1] for f in (h, other)), strict=True
        )
        apart = np.array([float(filters.distance(p, q)) / float(p.norm()) for p, q in pairs])
        each = apart.reshape(h.shape[:2]).mean(1)
        found["sym5_distance"] = metrics.over_range(each, "range over λ, means over seeds") | {
            "gamma": shared[-1]
        }
    return found


def abortive_ratio(h: torch.Tensor, signals: Signals, *, samples: int = 2000) -> dict[str, Any]:
    """Are the coefficients much smaller where the model predicts an abortive event? (C17)

    Parameters
    ----------
    h : torch.Tensor, shape (taps,)

    Returns
    -------
    dict
        Mean of the chosen coefficients over the test tracks predicted below the median, over that
        of the others.
    """
    found = mean_coefficients(h, signals)
    mean, prediction = found["mean_coefficient"], found["prediction"]
    abortive = prediction < np.median(prediction)

    def ratio(picks: np.ndarray) -> np.ndarray:
        low = abortive[picks]
        inside, outside = (
            np.where(m, mean[picks], 0).sum(-1) / np.maximum(m.sum(-1), 1) for m in (low, ~low)
        )
        # "Much smaller" means nothing where the others' coefficients are not positive themselves.
        return np.where(outside > 0, inside / np.where(outside > 0, outside, 1), UNDEFINED)

    rng, n = np.random.default_rng(2), len(mean)
    drawn = ratio(rng.integers(0, n, (samples, n)))
    value = float(ratio(np.arange(n)[None])[0])
    if max(value, drawn.max()) >= UNDEFINED:
        return ABSENT
    return metrics.estimate(value, drawn, n, "95 %, test tracks")


def ladder(res: Any) -> Any:
    """What AWD's gain is made of: R² of each step, and AWD minus it, a pandas.DataFrame of text.

    Parameters
    ----------
    res : awdlib.results.Results
        Of the chapter.
    """
    import pandas as pd

    steps = {
        "db5": "DB5, where AWD starts", "awd_without_interpretation": "AWD with γ = 0: no network",
        "random_any": "a random wavelet, not chosen",
        "random_best": "the best of as many random ones",
        "supervised": "chosen by supervision alone",
        "ridge": "no wavelet: ridge on the 40 values",
        "lifetime_amplitude": "no wavelet: lifetime and amplitude",
        "minirocket": "no wavelet: MiniRocket", "lstm_ours": "LSTM trained here",
        "lstm_authors": "the authors' LSTM",
    }  # fmt: skip
    teachers = {"authors": "AWD of the authors' LSTM", "ours": "AWD of LSTMs trained here"}
    rows = []
    for name, label in steps.items():
        if res[f"table1.{name}.r2"] is None:
            continue
        row = {"instead of AWD": label, "R²": f"{res[f'table1.{name}.r2']:.3f}"}
        for teacher, head in teachers.items():
            if res[f"table1.awd_{teacher}.r2"] is not None:
                row[f"{head}, minus it"] = _in_short(
                    res["claims"][f"awd_{teacher}_minus_{short(name)}"]
                )
        rows.append(row)
    return pd.DataFrame(rows).set_index("instead of AWD").rename_axis(None)


def _in_short(difference: Mapping[str, Any]) -> str:
    words = {"better than": "better", "worse than": "worse"}.get(
        in_words(difference) or "", "unclear"
    )
    value, low, high = (
        f"{difference[k]:+.3f}".replace("-", "−") for k in ("estimate", "low", "high")
    )
    return f"{value} [{low}, {high}]: {words}"
