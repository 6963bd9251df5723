"""The results of adaptive scattering as a page shows them: panels of figures, tables as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from awdlib.adaptive import neurons

VALUES = ("sigma", "xi", "slant", "theta")
BANKS = {"fixed": "fixed", "rotated": "learned, shared", "each": "learned, every filter"}


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Accuracies with intervals, a row a method and a column a number of crops to learn from."""
    text = frame.assign(shown=[
        f"{row.accuracy:.2f} [{row.low:.2f}, {row.high:.2f}]" for row in frame.itertuples()
    ])  # fmt: skip
    found = text.pivot(index="label", columns="count", values="shown")
    found = found.rename(columns=lambda n: f"{n} crops")
    return (
        found.loc[list(dict.fromkeys(frame["label"]))].rename_axis(None).rename_axis(None, axis=1)
    )


def search(frame: pd.DataFrame) -> pd.DataFrame:
    """The outer search in words, a row a size in the order in which they were tried."""
    rows = [
        {"layers": row.layers, "scales": row.scales, "orientations": row.orientations,
         "filters": row.filters, "kept": row.kept, "held-out accuracy": f"{row.score:.3f}"}
        for row in frame.itertuples()
    ]  # fmt: skip
    return pd.DataFrame(rows, index=range(1, len(rows) + 1))


def banks(res: Any) -> dict[str, dict[str, np.ndarray]]:
    """Morlet wavelets before and after learning, by title."""
    return {
        title: {value: res.arrays[f"{name}_{value}"] for value in VALUES}
        for name, title in BANKS.items()
    }


def models(frame: pd.DataFrame, *, degrees: float, octaves: float) -> pd.DataFrame:
    """Means and medians over neurons and movies, a row a model; shares near the truth in brackets.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `awdlib.adaptive.record.table_of_neurons`.
    degrees, octaves : float
        From the truth, within which a tuning counts as found.
    """
    columns = {
        "orientation": ("orientation", ".1f", "°", degrees),
        "frequency": ("frequency", ".2f", " oct.", octaves),
        "best filter": ("filter", ".1f", "°", degrees),
    }
    rows = []
    for label, some in frame.groupby("label", sort=False):
        known = some["correlation"].dropna()
        row = {"": label, "correlation": f"{known.mean():.2f}" if len(known) else "–"}
        for title, (name, form, unit, limit) in columns.items():
            off = some[name].dropna()
            row[title] = (
                f"{off.median():{form}}{unit} ({(off <= limit).mean():.0%})" if len(off) else "–"
            )
        rows.append(row)
    return pd.DataFrame(rows).set_index("").rename_axis(None)


def tuned(res: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Orientation and frequency of every neuron by the models that are worth drawing."""
    return {
        name: (res.arrays[f"orientation_{name}"], res.arrays[f"frequency_{name}"])
        for name in neurons.LABELS
        if name not in neurons.PLAIN
    }


def correlations(frame: pd.DataFrame) -> dict[str, list[float]]:
    """Corrected correlations of every neuron, by model."""
    return {name: list(some["correlation"]) for name, some in frame.groupby("name", sort=False)}
