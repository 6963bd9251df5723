"""Figures of wavelets over a grid, along γ and over seeds; drawing only, as in `awdlib.plots`."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from awdlib.filters import cascade
from awdlib.plots import AWD, figure


def wavelet_grid(
    h: np.ndarray,
    lams: Sequence[float] | np.ndarray,
    gammas: Sequence[float] | np.ndarray,
    *,
    valid: np.ndarray | None = None,
    chosen: Sequence[Sequence[int]] | np.ndarray = (),
    start: str = "DB5",
) -> Figure:
    """ψ of every fit of a grid (the paper's Figs. 4 and C3).

    All wavelets on one scale; a filter that is no wavelet's is drawn no larger than the largest.

    Parameters
    ----------
    h : numpy.ndarray, shape (lams, gammas, taps)
    lams, gammas : sequence of float
        Growing; λ goes downward and γ to the right.
    valid : numpy.ndarray of bool, shape (lams, gammas), optional
        Filters that are no wavelet's are drawn in grey.
    chosen : sequence of (λ index, γ index, ...)
        Framed, with a dot; a cell that comes several times (once a seed) has its count beside it.
    start : str
        Name of the wavelet that the fits started from.

    Returns
    -------
    Figure
    """
    rows, columns = np.shape(h)[:2]
    fig, ax = figure(height=min(1.35 + 0.58 * rows, 4.6))
    psi = cascade(torch.as_tensor(h, dtype=torch.float64).flatten(0, 1))[1].numpy()
    psi = psi.reshape(rows, columns, -1)
    counts = Counter((int(c[0]), int(c[1])) for c in chosen)
    sound = np.ones((rows, columns), dtype=bool) if valid is None else np.asarray(valid)
    # Cells are small: the flat ends are left out, the same everywhere, and the scale is that of
    # the wavelets, which an invalid filter's peaks may not press flat.
    inside = np.flatnonzero(np.abs(psi).max((0, 1)) > 0.04 * np.abs(psi).max())
    psi = psi[..., inside[0] : inside[-1] + 1]
    peak = np.abs(psi).max(-1, keepdims=True)
    psi = 0.46 * psi / np.maximum(peak[sound].max(initial=0), peak)
    across = np.linspace(-0.44, 0.44, psi.shape[-1])
    for i, j in np.ndindex(rows, columns):
        colour, width = (AWD, 1.7) if (i, j) in counts else ("0.15", 1.0)
        if not sound[i, j]:
            colour = "0.62"
        ax.plot(j + across, i - psi[i, j], color=colour, lw=width, solid_capstyle="round")
    for (i, j), count in counts.items():
        ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, ec=AWD, lw=2.6, zorder=3))
        ax.plot(j - 0.33, i - 0.33, "o", color=AWD, ms=4.5, zorder=4)
        if max(counts.values()) > 1:
            ax.text(j + 0.44, i - 0.43, f"×{count}", color=AWD, fontsize=8, ha="right", va="top",
                    fontweight="bold", zorder=4)  # fmt: skip
    edges = dict(color="0.9", lw=0.6, zorder=0)
    ax.hlines(np.arange(rows + 1) - 0.5, -0.5, columns - 0.5, **edges)
    ax.vlines(np.arange(columns + 1) - 0.5, -0.5, rows - 0.5, **edges)
    ax.set(xlim=(-0.55, columns - 0.45), ylim=(rows - 0.45, -0.55))
    tilt = dict(rotation=50, ha="right", rotation_mode="anchor") if columns > 10 else {}
    ax.set_xticks(range(columns), [f"{g:.3g}" for g in gammas], fontsize=9, **tilt)
    ax.set_yticks(range(rows), [f"{v:.3g}" for v in lams], fontsize=9)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set(xlabel="γ, interpretation loss  →", ylabel="←  λ, sparsity")
    grey = "" if sound.all() else "; grey: not a wavelet"
    framed = "; framed: chosen" if counts else ""
    ax.set_title(f"ψ distilled from {start}{framed}{grey}", fontsize=10)
    return fig


def over_seeds(h: np.ndarray, labels: Sequence[str], distances: np.ndarray) -> Figure:
    """φ and ψ of several runs (the paper's Fig. C2), and how far apart they are.

    Parameters
    ----------
    h : numpy.ndarray, shape (seeds, taps)
    labels : sequence of str
    distances : numpy.ndarray, any shape
        Between every two seeds' ψ, over the norm of ψ, each pair once.
    """
    phi, psi, t = cascade(torch.as_tensor(h, dtype=torch.float64))
    fig, axes = figure(1, 2, height=2.9, sharey=True)
    styles = ["-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1))]
    for ax, functions, title in zip(
        axes, (phi, psi), ("Scaling function φ", "Wavelet ψ"), strict=True
    ):
        for k, (one, label) in enumerate(zip(functions.numpy(), labels, strict=True)):
            ax.plot(t, one, ls=styles[k % 5], lw=1.8, label=label)
        ax.axhline(0, color="0.8", lw=0.7, zorder=0)
        ax.set(title=title, xlabel="t")
    axes[0].legend(fontsize=8.5, title="seed", title_fontsize=8.5)
    d = np.asarray(distances)
    if d.size:
        text = f"{d.mean():.3f} on average, {d.min():.3f} to {d.max():.3f}"
        bottom, top = axes[1].get_ylim()
        axes[1].set_ylim(bottom, top + 0.2 * (top - bottom))
        axes[1].text(
            0.99, 0.99, f"distance of two seeds / ‖ψ‖:\n{text}", transform=axes[1].transAxes,
            fontsize=9, ha="right", va="top",
        )  # fmt: skip
    return fig


def along_gamma(
    gammas: Sequence[float] | np.ndarray,
    lams: Sequence[float] | np.ndarray,
    panels: Mapping[str, Any],
    *,
    log: Collection[str] = (),
) -> Figure:
    """Several quantities along γ, a line a λ, on one axis; γ = 0 stands at its left.

    Parameters
    ----------
    gammas, lams : sequence of float
        γ growing, at most one of them 0.
    panels : mapping of title to values, or to (values, low, high)
        Each of shape (lams, gammas); NaN is left out. `low` and `high` are drawn as a band.
    log : collection of titles
        Of the panels with a logarithmic axis, where values of 0 and below are left out.
    """
    gamma = np.asarray(gammas, dtype=float)
    fig, axes = figure(len(panels), 1, height=0.7 + 1.45 * len(panels), sharex=True, squeeze=False)
    above = gamma[gamma > 0]
    step = np.median(np.diff(np.log10(above))) if len(above) > 1 else 1.0
    x = np.log10(np.where(gamma > 0, gamma, above.min() / 10 ** (1.6 * step)))
    colours = [colormaps["viridis"](v) for v in np.linspace(0, 0.85, len(lams))]
    for ax, (title, given) in zip(axes[:, 0], panels.items(), strict=True):
        mean, *band = given if isinstance(given, tuple) else (given,)
        for k, (lam, colour) in enumerate(zip(lams, colours, strict=True)):
            # λ is told by the marker too, for those who cannot tell the colours.
            ax.plot(x, _drawable(mean[k], title in log), color=colour, marker="osD^v"[k % 5], ms=3,
                    lw=1.4, label=f"{lam:.3g}")  # fmt: skip
            if band:
                low, high = (_drawable(side[k], title in log) for side in band)
                ax.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
        if title in log:
            ax.set_yscale("log")
        ax.set_title(title, fontsize=10)
        if len(above) < len(gamma):
            ax.axvline((x[0] + x[1]) / 2, color="0.75", lw=0.8, ls=":")
    powers = np.arange(np.ceil(np.log10(above.min()) - 1e-9), np.log10(above.max()) + 1e-9)
    ticks = {float(p): f"{10.0**p:g}" for p in powers}
    if len(above) < len(gamma):
        ticks[float(x[0])] = "0"
    axes[-1, 0].set_xticks(list(ticks), list(ticks.values()))
    axes[-1, 0].set_xlabel("γ (interpretation loss)")
    handles, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper right", ncols=len(names), title="λ (sparsity)",
               fontsize=8.5, title_fontsize=8.5, columnspacing=1.2)  # fmt: skip
    return fig


def _drawable(values: np.ndarray, log: bool) -> np.ndarray:
    return np.where(values > 0, values, np.nan) if log else values
