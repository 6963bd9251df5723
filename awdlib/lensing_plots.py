"""Figures of the cosmology chapter; drawing only, as in `awdlib.plots`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from awdlib.plots import AWD, CONTROL, NETWORK, STANDARD, figure, wavelet_of

OTHERS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # cosmologies, told apart by dashes as well
DASHES = ("-", "--", "-.", ":")
ARCMIN = 3.5 * 60 / 256  # a pixel


def _map(ax: Axes, kappa: np.ndarray, title: str, **options: Any) -> Any:
    side = kappa.shape[0] * ARCMIN / 60
    shown = ax.imshow(kappa, extent=(0, side, 0, side), **options)
    ax.set_title(title.replace(", ", ",\n"), fontsize=10)
    ax.set(xlabel="degrees")
    ax.tick_params(labelsize=8)
    return shown


def maps(named: Mapping[str, np.ndarray]) -> Figure:
    """Convergence maps side by side on one scale of colours.

    Parameters
    ----------
    named : mapping of title to numpy.ndarray, shape (height, width)
    """
    fig, axes = figure(1, len(named), height=7.4 / len(named) * 0.92, squeeze=False)
    limits = dict(vmin=-0.03, vmax=0.08, cmap="magma")
    for ax, (title, kappa) in zip(axes[0], named.items(), strict=True):
        shown = _map(ax, kappa, title, **limits)
    fig.colorbar(shown, ax=list(axes[0]), label="convergence κ", shrink=0.75, pad=0.02)
    return fig


def fidelity(
    ell: np.ndarray,
    ratios: Mapping[str, tuple[np.ndarray, np.ndarray]],
    densities: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Figure:
    """Power over theory in bands of l, and the distribution of pixel values.

    Parameters
    ----------
    ell : numpy.ndarray
        Middles of the bands.
    ratios : mapping of label to (ratio, its standard error)
    densities : mapping of label to (values, density)
    """
    fig, (left, right) = figure(1, 2, height=2.9)
    left.axhspan(0.95, 1.05, color="0.93", zorder=0)
    left.axhline(1, color="0.7", lw=0.8, zorder=0)
    for k, (label, (ratio, error)) in enumerate(ratios.items()):
        real = label.startswith("real")
        left.errorbar(
            ell * (1 + 0.02 * k), ratio, error, color="black" if real else OTHERS[k % 4], lw=1.4,
            ms=4, label=label, marker="os^D"[k % 4], ls="none" if real else DASHES[k % 4],
        )  # fmt: skip
    left.set(xscale="log", xlabel="multipole l", ylabel="power / theory", ylim=(0.5, 1.5))
    left.legend(fontsize=8)
    for k, (label, (values, density)) in enumerate(densities.items()):
        real = label.startswith("real")
        right.plot(
            values, density, color="black" if real else OTHERS[k % 4], label=label,
            ls=DASHES[k % 4], lw=2 if real else 1.4,
        )  # fmt: skip
    right.set(yscale="log", xlabel="convergence κ of a pixel", ylabel="density")
    right.legend(fontsize=8)
    return fig


def peak_histograms(
    simulated: Mapping[int, Mapping[str, np.ndarray]],
    real: Any,
    names: Mapping[str, str],
) -> Figure:
    """Mean peak histograms of simulated maps as lines, of real ones as dots.

    Parameters
    ----------
    simulated : mapping of cosmology (row of Table D1) to mapping of statistic to counts (22,)
    real : pandas.DataFrame
        As `awdlib.paper.peak_histograms` gives it.
    names : mapping of statistic to title
    """
    fig, axes = figure(1, len(names), height=2.7, sharey=True)
    for ax, (statistic, title) in zip(axes, names.items(), strict=True):
        low = real[real.statistic == statistic].low.min() if len(real) else 0.0
        edges = (-0.03 if statistic == "height" else 0.0) + 0.01 * (np.arange(22) + 0.5)
        for k, (cosmology, histograms) in enumerate(simulated.items()):
            ax.plot(
                edges, np.maximum(histograms[statistic], 0.3), DASHES[k % 4], color=OTHERS[k % 4],
                label=f"simulated, no. {cosmology}",
            )  # fmt: skip
            mine = real[(real.statistic == statistic) & (real.cosmology == cosmology)]
            ax.plot(
                (mine.low + mine.high) / 2, mine.peaks, "os^D"[k % 4], color=OTHERS[k % 4], ms=4,
                mec="black", mew=0.6, label=f"real, no. {cosmology}",
            )  # fmt: skip
        ax.set(yscale="log", title=title, xlabel="value at the peak", ylim=(3, None))
        ax.set_xlim(min(low, 0.0), 0.2)
    axes[0].set_ylabel("peaks a map and bin")
    axes[-1].legend(fontsize=7.5)
    return fig


def filters_of(
    kappa: np.ndarray,
    kernels: Mapping[str, np.ndarray],
    psi: Mapping[str, np.ndarray],
    likeness: Mapping[str, tuple[float, float]],
) -> Figure:
    """A map, the 3x3 filters of several wavelets, and their ψ (the paper's Fig. 2C).

    Parameters
    ----------
    kappa : numpy.ndarray, shape (height, width)
    kernels : mapping of wavelet to numpy.ndarray, shape (4, 3, 3)
        LL, LH, HL, HH.
    psi : mapping of wavelet to its taps
    likeness : mapping of wavelet to (symmetry, likeness to the matched filter)
    """
    rows = len(kernels)
    fig, _ = figure(height=0.6 + 1.25 * rows)
    fig.clf()
    grid = fig.add_gridspec(rows, 7, width_ratios=[2.6, 1.9, 1, 1, 1, 1, 0.06])
    ax = fig.add_subplot(grid[:, 0])
    _map(ax, kappa, "a map", vmin=-0.03, vmax=0.08, cmap="magma")
    ax.set_anchor("N")
    for row, (name, four) in enumerate(kernels.items()):
        ax = fig.add_subplot(grid[row, 1])
        t, values = wavelet_of(psi[name])
        ax.plot(t, values, color=AWD if name.startswith("AWD") else STANDARD, lw=1.4)
        ax.axhline(0, color="0.8", lw=0.6, zorder=0)
        same, like = likeness[name]
        ax.set_title(f"{name}: symmetry {same:.2f},\nmatched filter {like:.2f}", fontsize=8)
        ax.set(xticks=[], yticks=[])
        size = np.abs(four).max()
        for k, label in enumerate(("LL", "LH", "HL", "HH")):
            ax = fig.add_subplot(grid[row, 2 + k])
            shown = ax.imshow(four[k], cmap="RdBu_r", vmin=-size, vmax=size)
            ax.set(xticks=[], yticks=[])
            if row == 0:
                ax.set_title(label, fontsize=10)
        bar = fig.colorbar(shown, cax=fig.add_subplot(grid[row, 6]))
        bar.ax.tick_params(labelsize=7)
    return fig


def errors(table: Any, *, unit: float = 1e-2) -> Figure:
    """RMSE of every model with its interval, and the paper's (the paper's Table 2).

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `awdlib.lensing.table.table2` of one kind of split.
    unit : float
        Of the axis.
    """
    rows = table.sort_values("rmse").reset_index(drop=True)
    fig, ax = figure(height=0.9 + 0.3 * len(rows))
    at = np.arange(len(rows))[::-1]
    for y, row in zip(at, rows.to_dict("records"), strict=True):
        colour = _family(row["name"])
        ax.plot([row["low"] / unit, row["high"] / unit], [y, y], color=colour, lw=2)
        ax.plot(row["rmse"] / unit, y, "o", color=colour, ms=6)
        if isinstance(row["rmse_paper"], float):
            ax.plot(row["rmse_paper"] / unit, y, "*", color="black", ms=8, zorder=3)
    ax.set_yticks(at, rows["model"])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="RMSE of Ω_m on the test maps, in hundredths", ylim=(-0.6, len(rows) - 0.4))
    return fig


def steepness(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray]], cosmologies: Sequence[str]
) -> Figure:
    """Mean histograms of four statistics in four cosmologies (the paper's Fig. D1).

    Parameters
    ----------
    panels : mapping of title to (edges (bins + 1,), counts (cosmologies, bins))
    cosmologies : sequence of str
    """
    fig, axes = figure(1, len(panels), height=2.7)
    for ax, (title, (edges, counts)) in zip(axes, panels.items(), strict=True):
        for k, (label, values) in enumerate(zip(cosmologies, counts, strict=True)):
            middle = (edges[1:] + edges[:-1]) / 2
            ax.plot(middle, values, DASHES[k % 4], color=OTHERS[k % 4], label=label)
        ax.set_title(title, fontsize=10)
        ax.tick_params(labelsize=8)
        ax.set_xlabel("value at the peak", fontsize=9)
    axes[0].set_ylabel("peaks a map and bin")
    axes[-1].legend(fontsize=7.5, title="Ω_m", title_fontsize=7.5)
    return fig


def activations(
    kappa: Sequence[np.ndarray],
    rows: Mapping[str, Sequence[np.ndarray]],
    frame: tuple[int, int] | None = None,
) -> Figure:
    """Maps above, activation maps of each kind below them (the paper's Fig. D2).

    Parameters
    ----------
    kappa : sequence of numpy.ndarray, each (height, width)
    rows : mapping of label to activation maps, as many
    frame : (first pixel, side), optional
        A square to be framed, from the upper left.
    """
    count = len(kappa)
    fig, axes = figure(1 + len(rows), count, height=2.2 * (1 + len(rows)), squeeze=False)
    for column in range(count):
        axes[0, column].imshow(kappa[column], vmin=-0.03, vmax=0.08, cmap="magma")
        for row, values in enumerate(rows.values(), start=1):
            size = np.quantile(np.abs(values[column]), 0.998) or 1.0
            axes[row, column].imshow(values[column], cmap="RdBu_r", vmin=-size, vmax=size)
    for row, label in enumerate(("map", *rows)):
        axes[row, 0].set_ylabel(label, fontsize=9)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        if frame:
            first, side = frame
            ax.plot(
                np.array([0, side, side, 0, 0]) + first - 0.5,
                np.array([0, 0, side, side, 0]) + first - 0.5,
                color="#009E73", lw=1.5,
            )  # fmt: skip
    return fig


def _family(name: str) -> str:
    if name.startswith("awd"):
        return AWD
    if name in ("db5", "sym5", "haar"):
        return STANDARD
    return NETWORK if name == "resnet" else CONTROL
