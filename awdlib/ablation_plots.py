"""Figures of the ablation chapter; drawing only, as in `awdlib.plots`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from awdlib.plots import AWD, CONTROL, NETWORK, STANDARD, figure

COLOURS = {
    "standard": STANDARD, "awd": AWD, "broken": "#CC79A7", "control": CONTROL, "network": NETWORK
}  # fmt: skip
MARKS = {"standard": "s", "awd": "o", "broken": "X", "control": "D", "network": "^"}


def gain(rows: Sequence[Mapping[str, Any]], *, label: str) -> Figure:
    """R² of one model a line with its interval, from DB5 to AWD and beyond.

    Parameters
    ----------
    rows : sequence of mapping
        ``label``, ``r2``, ``low``, ``high`` and ``kind``: "standard", "awd", "broken", "control" or
        "network".
    label : str
        Of the axis.
    """
    fig, ax = figure(height=0.31 * len(rows) + 0.9)
    for k, row in enumerate(rows):
        off = [[row["r2"] - row["low"]], [row["high"] - row["r2"]]]
        kind = row["kind"]
        ax.errorbar(row["r2"], k, xerr=off, fmt=MARKS[kind], color=COLOURS[kind], ms=7, lw=1.6)
        ax.annotate(
            f"{row['r2']:.3f}", (row["high"], k), (6, 0), textcoords="offset points", va="center",
            fontsize=9,
        )  # fmt: skip
    for row in rows:
        if row["kind"] == "standard" or row.get("line"):
            ax.axvline(row["r2"], color=COLOURS[row["kind"]], lw=0.9, ls=":", zorder=0)
    ax.set(yticks=range(len(rows)), xlabel=label, ylim=(len(rows) - 0.5, -0.5))
    ax.set_yticklabels([row["label"] for row in rows])
    low, high = ax.get_xlim()
    ax.set_xlim(low, high + 0.08 * (high - low))
    return fig


def distances(rows: Sequence[Mapping[str, Any]], *, start: float, recovered: float) -> Figure:
    """Distance from the planted wavelet, one variant a line, chosen blindly and by the truth.

    Parameters
    ----------
    rows : sequence of mapping
        ``label``, ``blind``, ``blind_low``, ``blind_high``, ``oracle`` (None where there is none)
        and ``kind``, as of `gain`.
    start, recovered : float
        Distance of the start, and that below which a wavelet counts as recovered.
    """
    fig, ax = figure(height=0.31 * len(rows) + 1.0)
    ax.axvspan(0, recovered, color="0.92", zorder=0)
    ax.axvline(start, color=STANDARD, lw=0.9, ls=":", zorder=0)
    for k, row in enumerate(rows):
        if row["blind"] is not None:
            off = [[row["blind"] - row["blind_low"]], [row["blind_high"] - row["blind"]]]
            kind = row["kind"]
            ax.errorbar(
                row["blind"], k, xerr=off, fmt=MARKS[kind], color=COLOURS[kind], ms=7, lw=1.6
            )
        if row["oracle"] is not None:
            ax.plot(row["oracle"], k, "|", color="black", ms=11, mew=2)
    ax.set(
        xscale="symlog", yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.5), xlim=(0, None),
        xlabel="distance from the planted wavelet (grey: recovered; dotted: the start)",
    )  # fmt: skip
    ax.set_yticklabels([row["label"] for row in rows])
    return fig


def scales(
    groups: Mapping[str, Sequence[tuple[float, float, float, float, float]]], *, db5: float
) -> Figure:
    """R² on training tracks (cross-validated) and on test tracks against J and the filter length.

    Parameters
    ----------
    groups : mapping of axis label to sequence of (value, cv_r2, r2, low, high)
    db5 : float
        Test R² of DB5 at the published J.
    """
    fig, axes = figure(1, len(groups), height=2.8, sharey=True, squeeze=False)
    for ax, (label, points) in zip(axes[0], groups.items(), strict=True):
        value, cv, r2, low, high = np.array(sorted(points), dtype=float).T
        ax.errorbar(
            value, r2, [r2 - low, high - r2], fmt="o-", color=AWD, lw=1.4, label="test tracks"
        )
        ax.plot(value, cv, "s--", color=CONTROL, lw=1.2, label="training tracks, cross-validated")
        ax.axhline(db5, color=STANDARD, lw=0.9, ls=":", label="DB5, J = 4, test tracks")
        ax.set(xlabel=label, xticks=value)
    axes[0, 0].set_ylabel("R²")
    axes[0, 0].legend(fontsize=8)
    return fig


def pairs(rows: Sequence[Mapping[str, Any]], *, labels: tuple[str, str]) -> Figure:
    """Two values of R² a line, joined: as the samples are, and in another order.

    Parameters
    ----------
    rows : sequence of mapping
        ``label``, ``r2_in_order``, ``r2``, ``low``, ``high``.
    labels : (str, str)
        Of ``r2_in_order`` and of ``r2``.
    """
    fig, ax = figure(height=0.36 * len(rows) + 1.0)
    for k, row in enumerate(rows):
        ax.plot([row["r2_in_order"], row["r2"]], [k, k], color="0.75", lw=2, zorder=1)
        ax.plot(row["r2_in_order"], k, "o", color=AWD, ms=7, label=labels[0] if k == 0 else None)
        off = [[row["r2"] - row["low"]], [row["high"] - row["r2"]]]
        ax.errorbar(row["r2"], k, xerr=off, fmt="X", color=STANDARD, ms=7,
                    label=labels[1] if k == 0 else None)  # fmt: skip
    ax.set(yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.5), xlabel="R² on the test tracks")
    ax.set_yticklabels([row["label"] for row in rows])
    ax.legend(fontsize=9)
    return fig
