"""Figures of the synthetic chapter; drawing only, as in `awdlib.plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from awdlib import drawings, dwt
from awdlib.plots import AWD, CONTROL, NETWORK, STANDARD, figure, wavelet_of

MARKERS = "osD^v"
REASONS = {
    "recovered": (AWD, "o"),
    "network's errors": ("#56B4E9", "D"),
    "another is sparser": (STANDARD, "s"),
    "missed": (CONTROL, "X"),
}


def recovery(
    table: Any,
    rows: Sequence[tuple[str, str, str, str]],
    *,
    published: Mapping[str, float],
    near: float,
) -> Figure:
    """How far from the truth each way ends: a row a way, a dot a seed, the start as a hollow one.

    Parameters
    ----------
    table : pandas.DataFrame
        The recovery table of the main problem.
    rows : sequence of (label, start, route, rule)
    published : mapping of start to distance
        The paper's, drawn in the rows of its own route and rule.
    near : float
        Up to here a wavelet counts as recovered: a band.
    """  # fmt: skip
    fig, ax = figure(height=0.9 + 0.36 * len(rows))
    ax.axvspan(1e-3, near, color="0.94", zorder=0)
    at = np.arange(len(rows))[::-1]
    for y, (_, start, route, rule) in zip(at, rows, strict=True):
        mine = table[
            (table["start"] == start) & (table["route"] == route) & (table["rule"] == rule)
        ]
        pm = mine["distance_pm"].to_numpy(dtype=float)
        colour = {"lattice": AWD, "taps": STANDARD}.get(route, CONTROL)
        if len(mine) and start != "none":
            ax.plot(mine["distance_start"].iloc[0], y, "o", mfc="white", mec="0.45", ms=6)
        ax.plot(pm, np.full(len(pm), y), "o", color=colour, ms=5, alpha=0.65)
        if len(pm):
            ax.plot(np.median(pm), y, "|", color=colour, ms=15, mew=2.4)
        if route == "taps" and rule == "oracle" and start in published:
            ax.plot(published[start], y, "*", color="black", ms=9)
    ax.set_xscale("log")
    ax.set(xlim=(8e-3, 40), xlabel="distance from the true wavelet DB5 (‖ψ‖ = 5.7)")
    ax.set_yticks(at, [row[0] for row in rows])
    ax.tick_params(axis="y", length=0)
    ax.text(near * 0.96, len(rows) - 0.42, "recovered", ha="right", va="bottom", fontsize=9,
            color="0.35")  # fmt: skip
    handles = [
        ax.plot([], [], "o", mfc="white", mec="0.45", label="start")[0],
        ax.plot([], [], "o", color=STANDARD, label="free taps")[0],
        ax.plot([], [], "o", color=AWD, label="lattice search")[0],
        ax.plot([], [], "o", color=CONTROL, label="control")[0],
        ax.plot([], [], "*", color="black", ms=9, label="the paper's Fig. B4")[0],
    ]
    fig.legend(handles=handles, loc="outside upper right", ncols=5, fontsize=8.5, columnspacing=1.2)
    return fig


def pipeline(
    x: np.ndarray, gradient: np.ndarray, h: torch.Tensor, psi: Mapping[str, np.ndarray]
) -> Figure:
    """From an example to its attributions in the distilled wavelet (the paper's Fig. 2A).

    Parameters
    ----------
    x, gradient : numpy.ndarray, shape (time,)
    h : torch.Tensor of float64, shape (taps,)
        The distilled filter.
    psi : mapping of name to numpy.ndarray
        Two wavelets: a start, and the distilled one.
    """
    bands = dwt.adjoint_synthesis(torch.from_numpy(gradient).double()[None, None], h, level=4)
    return drawings.pipeline(
        x, gradient, [band[0, 0].numpy() for band in bands], psi,
        ["cA4", "cD4", "cD3", "cD2", "cD1"], k=3, network="network", signal="noise x",
        output="predicted\nresponse", values="attributions",
    )  # fmt: skip


def starts_and_ends(
    starts: Mapping[str, np.ndarray], ends: Mapping[str, np.ndarray], truth: np.ndarray
) -> Figure:
    """The paper's Fig. 3: lowpass taps at the start (A), wavelets at the end over the truth (B).

    Parameters
    ----------
    starts, ends : mapping of label to taps
    truth : numpy.ndarray, shape (taps,)
    """
    fig, axes = figure(2, len(starts), height=4.2, sharey="row")
    for ax, (label, h) in zip(axes[0], starts.items(), strict=True):
        ax.vlines(np.arange(len(h)), 0, h, color=STANDARD, lw=1.8)
        ax.plot(np.arange(len(h)), h, "o", color=STANDARD, ms=4)
        ax.axhline(0, color="0.8", lw=0.7, zorder=0)
        ax.set(title=label, xlabel="n")
    axes[0, 0].set_ylabel("A: taps h[n] at the start")
    t, psi = wavelet_of(truth)
    for ax, (_, h) in zip(axes[1], ends.items(), strict=True):
        ours_t, ours = _over(h, psi)
        ax.plot(t, psi, color="black", lw=3.2, alpha=0.25, label="truth (DB5)")
        ax.plot(ours_t, ours, color=AWD, lw=1.3, label="distilled")
        ax.axhline(0, color="0.8", lw=0.7, zorder=0)
        ax.set(xlabel="t")
    axes[1, 0].set_ylabel("B: ψ at the end")
    axes[1, -1].legend(fontsize=8.5, loc="lower right")
    return fig


def _over(h: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ψ of `h` moved, flipped and signed onto `truth`, as the distance does (always up to sign)."""
    t, psi = wavelet_of(h)
    size = max(len(psi), len(truth))
    star, ours = np.pad(truth, (0, size - len(truth))), np.pad(psi, (0, size - len(psi)))
    best, moved = np.inf, ours
    for one in (ours, ours[::-1], -ours, -ours[::-1]):
        correlation = np.fft.irfft(np.conj(np.fft.rfft(one)) * np.fft.rfft(star), size)
        candidate = np.roll(one, int(correlation.argmax()))
        if (apart := float(np.linalg.norm(candidate - star))) < best:
            best, moved = apart, candidate
    return np.arange(size) * (t[1] - t[0]), moved


def along_gamma(panels: Mapping[str, tuple], *, published: Mapping[str, float]) -> Figure:
    """The paper's Fig. B4: distance along γ, a line a λ, a panel a start; γ = 0 at the left.

    Parameters
    ----------
    panels : mapping of label to (lams, gammas, distance (lams, gammas, seeds))
        Lines are medians over seeds, bands their range.
    published : mapping of label to distance
        The smallest of the published figure, as a dotted line.
    """
    fig, axes = figure(1, len(panels), height=3.5, sharey=True)
    for ax, (label, (lams, gammas, distance)) in zip(axes, panels.items(), strict=True):
        above = gammas[gammas > 0]
        x = np.where(gammas > 0, gammas, above.min() / 4)
        colours = [colormaps["viridis"](v) for v in np.linspace(0, 0.85, len(lams))]
        for k, (lam, colour) in enumerate(zip(lams, colours, strict=True)):
            ax.fill_between(
                x, distance[k].min(-1), distance[k].max(-1), color=colour, alpha=0.15, lw=0
            )
            ax.plot(x, np.median(distance[k], -1), color=colour, lw=1.4, ms=3.2,
                    marker=MARKERS[k % 5], label=f"{lam:.2g}")  # fmt: skip
        ax.axhline(published[label], color="black", ls=":", lw=1.2)
        ax.set(xscale="log", yscale="log", title=f"from {label}", xlabel="γ (0 at the left)")
        ax.legend(title="λ", fontsize=7.5, title_fontsize=8, loc="best")
    axes[0].set_ylabel("distance from DB5")
    return fig


def truths(table: Any, *, near: float) -> Figure:
    """Other truths: a row each, a dot a run, marked by what came of it.

    Parameters
    ----------
    table : pandas.DataFrame
        Blind rows of the recovery table, one condition; columns truth, distance_pm, reason.
    near : float
    """
    names = list(dict.fromkeys(table["truth"]))
    half = -(-len(names) // 2)
    fig, axes = figure(1, 2, height=1.2 + 0.24 * half, sharex=True)
    for ax, mine in zip(axes, (names[:half], names[half:]), strict=True):
        ax.axvspan(1e-3, near, color="0.94", zorder=0)
        for y, name in enumerate(mine[::-1]):
            for _, row in table[table["truth"] == name].iterrows():
                colour, marker = REASONS[row["reason"]]
                ax.plot(row["distance_pm"], y, marker, color=colour, ms=5, alpha=0.75)
        ax.set_yticks(range(len(mine)), mine[::-1])
        ax.set_ylim(-0.7, half - 0.3)
        ax.tick_params(axis="y", length=0)
        ax.set(xscale="log", xlim=(4e-3, 12), xlabel="distance from the truth (±ψ)")
    handles = [
        axes[0].plot([], [], m, color=c, label=label)[0] for label, (c, m) in REASONS.items()
    ]
    fig.legend(handles=handles, loc="outside upper right", ncols=4, fontsize=9)
    return fig


def conditions(panels: Mapping[str, Any], *, near: float) -> Figure:
    """Distance against one thing that varies, a panel each: a dot a run, a line over medians.

    Parameters
    ----------
    panels : mapping of label to pandas.DataFrame
        Columns value, distance_pm, reason.
    near : float
    """
    fig, axes = figure(1, len(panels), height=3.0, sharey=True, squeeze=False)
    for ax, (label, table) in zip(axes[0], panels.items(), strict=True):
        ax.axhspan(1e-3, near, color="0.94", zorder=0)
        median = table.groupby("value")["distance_pm"].median()
        ax.plot(median.index, median.to_numpy(), color=AWD, lw=1.4)
        for reason, (colour, marker) in REASONS.items():
            mine = table[table["reason"] == reason]
            ax.plot(
                mine["value"],
                mine["distance_pm"],
                marker,
                color=colour,
                ms=5.5,
                alpha=0.75,
                label=reason,
            )
        ax.set(xscale="log", yscale="log", ylim=(4e-3, 12), xlabel=label)
        ax.set_xticks(median.index, [f"{value:,g}" for value in median.index], minor=False)
        ax.minorticks_off()
    axes[0, 0].set_ylabel("distance from DB5 (±ψ)")
    handles, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper right", ncols=4, fontsize=9)
    return fig


def lengths(ax: Axes, taps: np.ndarray, norm: np.ndarray, *, chosen: int, truth: float) -> None:
    """The smallest attribution norm of every filter length, and what the true wavelet has."""
    ax.plot(taps, norm, "o-", color=AWD)
    k = int(np.flatnonzero(taps == chosen)[0])
    ax.plot(taps[k], norm[k], "o", mfc="none", mec="black", ms=12, mew=1.6)
    ax.annotate(
        "chosen", (taps[k], norm[k]), xytext=(8, 10), textcoords="offset points", fontsize=9
    )
    ax.axhline(truth, color=STANDARD, lw=1.2, ls="--")
    ax.annotate("the true wavelet", (taps[0], truth), xytext=(0, 4), textcoords="offset points",
                fontsize=9, color=STANDARD)  # fmt: skip
    ax.set(xlabel="taps", ylabel="L1 norm of attributions", xticks=taps, ylim=(0, 1.1 * max(norm)))


def bases(ax: Axes, table: Any) -> None:
    """L1 norm of the weights in bases that predict equally well; `table` as `identify.bases`."""
    at = np.arange(len(table))[::-1]
    colours = [AWD if "truth" in name else NETWORK if "coefficients" in name else STANDARD
               for name in table["basis"]]  # fmt: skip
    ax.barh(at, table["norm"], color=colours, height=0.62)
    for y, value in zip(at, table["norm"], strict=True):
        ax.annotate(f"{value:.1f}", (value, y), xytext=(4, 0), textcoords="offset points",
                    va="center", fontsize=9)  # fmt: skip
    ax.set_yticks(at, table["basis"])
    ax.set(xscale="log", xlim=(3, 900), xlabel="L1 norm of the weights of standardised features")
    ax.tick_params(axis="y", length=0)
