"""Figures of what a wavelet and its linear model respond to; drawing only, as in `awdlib.plots`.

Beside the colours of `awdlib.plots`: tracks in which auxilin was seen are green and solid, the
others dark grey and dashed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from awdlib.plots import AWD, CONTROL, NETWORK, STANDARD, figure

GROUPS = ((NETWORK, "-"), ("#444444", "--"), ("#CC79A7", "-."), ("#E69F00", ":"))
_WHITE = dict(fc="white", ec="none", pad=0.8)  # behind text that lines would cross


def contributions_figure(
    time: np.ndarray,
    track: np.ndarray,
    curves: np.ndarray,
    names: Sequence[str],
    values: Sequence[float] | np.ndarray,
    *,
    intercept: float,
    rest: float,
    prediction: float,
    truth: float | None = None,
    unit: str = "prediction",
    time_label: str = "sample",
) -> Figure:
    """One prediction taken apart (the paper's Fig. C4): its strongest coefficients, and the sum.

    Parameters
    ----------
    time, track : numpy.ndarray, shape (time,)
    curves : numpy.ndarray, shape (shown, time)
        Of `awdlib.reading.curve`, the strongest first.
    names : sequence of str
    values : sequence of float
        Contributions of the coefficients shown, in units of the prediction.
    intercept, rest, prediction : float
        ``intercept + sum(values) + rest`` is `prediction`; `rest` is all coefficients not shown.
    truth : float, optional
    unit, time_label : str
    """
    fig, axes = figure(
        len(curves) + 1, 2, height=1.1 * (len(curves) + 1), width_ratios=[1.35, 1], sharex="col"
    )
    grid = axes[0, 1].get_gridspec()
    for ax in axes[:, 1]:
        ax.remove()
    bars = fig.add_subplot(grid[:, 1])
    axes[0, 0].plot(time, track, color=STANDARD)
    axes[0, 0].set_title("A  track", fontsize=10)
    top = 1.1 * np.abs(curves).max()
    for k, (ax, values_, name) in enumerate(zip(axes[1:, 0], curves, names, strict=True)):
        behind = ax.twinx()
        behind.plot(time, track, color=STANDARD, lw=1, alpha=0.3)
        behind.axis("off")
        ax.plot(time, values_, color=AWD)
        ax.axhline(0, color="0.8", lw=0.7, zorder=0)
        ax.set(ylim=(-top, top))
        ax.set_title(f"{'BCDEFGH'[k]}  {name}: {_signed(values[k])}", fontsize=10)
    for ax in axes[:, 0]:
        ax.margins(x=0.01)
        ax.tick_params(labelsize=8)
    axes[-1, 0].set_xlabel(time_label)
    steps = [("intercept", intercept), *zip(names, values, strict=True), ("all others", rest)]
    _waterfall(bars, steps, prediction, truth)
    bars.set_title("The sum", fontsize=10)
    bars.set_xlabel(unit)
    return fig


def _waterfall(
    ax: Axes, steps: Sequence[tuple[str, float]], prediction: float, truth: float | None
) -> None:
    """Bars that each start where the one above ends; the last one is their sum."""
    total, reach = 0.0, [0.0, prediction]
    for y, (_, value) in enumerate(steps):
        ax.barh(y, value, left=total, height=0.6, color=AWD if 0 < y < len(steps) - 1 else CONTROL)
        total += value
        reach.append(total)
        ax.plot([total, total], [y - 0.3, y + 1.3], color="0.4", lw=0.8)
        right = max(total, total - value)
        ax.annotate(_signed(value), (right, y), xytext=(4, 0), textcoords="offset points",
                    va="center", fontsize=8.5, bbox=_WHITE)  # fmt: skip
    last = len(steps)
    ax.barh(last, prediction, height=0.6, color="black")
    ax.annotate(_signed(prediction), (max(prediction, 0), last), xytext=(4, 0), va="center",
                textcoords="offset points", fontsize=8.5, fontweight="bold")  # fmt: skip
    ticks = [*(name for name, _ in steps), "prediction"]
    if truth is not None:
        reach.append(truth)
        ax.plot(truth, last + 1, "D", color=NETWORK, ms=6)
        ax.annotate(_signed(truth), (truth, last + 1), xytext=(7, 0), textcoords="offset points",
                    va="center", fontsize=8.5, color=NETWORK)  # fmt: skip
        ticks.append("measured")
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    ax.set_yticks(range(len(ticks)), ticks, fontsize=9)
    ax.tick_params(axis="y", length=0)
    span = max(reach) - min(reach)
    ax.set(xlim=(min(reach) - 0.06 * span, max(reach) + 0.24 * span))
    ax.set_ylim(len(ticks) - 0.4, -0.6)


def _signed(value: float, digits: int = 2) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def aligned(
    offsets: np.ndarray,
    groups: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
    *,
    unit: str = "mean track",
    time_label: str = "samples from the wavelet's place",
) -> Figure:
    """Mean tracks around each track's strongest coefficient, with 95 % bands; a panel a wavelet.

    Parameters
    ----------
    offsets : numpy.ndarray, shape (offsets,)
    groups : mapping of panel to mapping of group to (mean, standard error)
        Each of shape (offsets,); the band is ±1.96 standard errors.
    unit, time_label : str
    """
    fig, axes = figure(1, len(groups), height=2.9, sharey=True, squeeze=False)
    for ax, (title, curves) in zip(axes[0], groups.items(), strict=True):
        for (name, (mean, error)), (colour, style) in zip(curves.items(), GROUPS, strict=False):
            ax.fill_between(
                offsets, mean - 1.96 * error, mean + 1.96 * error, color=colour, alpha=0.2, lw=0
            )
            ax.plot(offsets, mean, color=colour, ls=style, label=name)
        ax.axvline(0, color="0.6", lw=0.8, ls=":", zorder=0)
        ax.set_title(title)
        ax.tick_params(labelsize=9)
        ax.margins(x=0.01)
    fig.supxlabel(time_label, fontsize=10)
    axes[0, 0].set_ylabel(unit)
    handles, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper right", ncols=len(names), fontsize=9)
    return fig


def pulse_responses(
    asymmetry: Sequence[np.ndarray] | np.ndarray,
    names: Sequence[str],
    colours: Sequence[str],
    control: np.ndarray | None = None,
    *,
    control_name: str = "random wavelets",
    label: str = "difference of the two responses / their sum",
) -> Figure:
    """Who answers more to slow build-up and sharp drop than to the mirror image.

    Parameters
    ----------
    asymmetry : sequence of numpy.ndarray, each (pairs,)
        A model each: of `awdlib.reading.asymmetry` or `model_asymmetry`. The small dots are pairs
        of pulses, the large one is their mean.
    names, colours : sequence of str
    control : numpy.ndarray, shape (wavelets,), optional
        A mean each: a histogram at the bottom, and its middle 95 % as a band behind the rows.
    control_name, label : str
    """
    rows = len(names) + (control is not None)
    fig, ax = figure(height=1.25 + 0.42 * rows + (0.35 if control is not None else 0))
    for y, (values, colour) in enumerate(zip(asymmetry, colours, strict=True)):
        ax.plot(values, np.full(len(values), y), "o", color=colour, ms=4, alpha=0.45, mew=0)
        mean = float(np.mean(values))
        ax.plot(mean, y, "o", color=colour, ms=9, mec="white", zorder=3)
        ax.annotate(_signed(mean, 3), (mean, y), xytext=(0, 6), textcoords="offset points",
                    ha="center", fontsize=8.5)  # fmt: skip
    labels, foot = list(names), len(names) - 0.4
    if control is not None:
        low, high = np.nanquantile(control, [0.025, 0.975])
        ax.axvspan(low, high, color="0.93", lw=0, zorder=0)
        heights, edges = np.histogram(control[np.isfinite(control)], bins=30)
        foot = len(names) + 0.75
        ax.stairs(foot - 1.15 * heights / heights.max(), edges, baseline=foot, fill=True,
                  color=CONTROL, alpha=0.8)  # fmt: skip
        labels.append(f"{control_name}\n({len(control)}; band: 95 %)")
    ax.axvline(0, color="0.3", lw=1)
    at = [*range(len(names)), *([foot - 0.4] if control is not None else [])]
    ax.set_yticks(at, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(foot, -0.95)
    reach = 1.08 * np.nanmax(np.abs(np.concatenate([np.ravel(a) for a in asymmetry])))
    reach = reach if control is None else max(reach, 1.08 * np.nanmax(np.abs(control)))
    ax.set_xlim(-reach, reach)
    ax.set_xlabel(label)
    for x, side, text in (
        (0.0, "left", "← more to sharp rise, slow fall"),
        (1.0, "right", "more to slow build-up, sharp drop →"),
    ):
        ax.text(x, 1.02, text, transform=ax.transAxes, ha=side, va="bottom", fontsize=9.5)
    return fig


def coefficient_distribution(groups: Mapping[str, np.ndarray], *, label: str) -> Figure:
    """Densities of a coefficient or a prediction in groups of tracks, their medians marked.

    Parameters
    ----------
    groups : mapping of name to numpy.ndarray, shape (tracks,)
    label : str
        Of the values.
    """
    fig, ax = figure(height=2.8)
    every = np.concatenate([np.ravel(v) for v in groups.values()])
    # A few far values would leave the rest a spike: the axis ends at the middle 99 %.
    low, high = np.quantile(every, [0.005, 0.995])
    bins = np.linspace(low, high, 41)
    for k, ((name, values), (colour, style)) in enumerate(
        zip(groups.items(), GROUPS, strict=False)
    ):
        heights, _ = np.histogram(values, bins)
        heights = heights / len(values) / np.diff(bins)
        ax.stairs(heights, bins, color=colour, ls=style, lw=1.8)
        ax.stairs(heights, bins, color=colour, fill=True, alpha=0.12)
        median = float(np.median(values))
        ax.axvline(median, color=colour, ls=style, lw=1.2)
        ax.plot(median, -0.03, "^", color=colour, ms=7, transform=ax.get_xaxis_transform(),
                clip_on=False)  # fmt: skip
        ax.text(0.99, 0.97 - 0.11 * k, f"{name}: median {_signed(median)} (n = {len(values)})",
                color=colour, transform=ax.transAxes, ha="right", va="top", fontsize=9.5,
                bbox=_WHITE)  # fmt: skip
    ax.tick_params(axis="x", pad=7)
    ax.set(xlabel=label, ylabel="density", xlim=(low, high), ylim=(0, None))
    return fig


def splits(
    frame: Any, columns: Sequence[str], labels: Sequence[str], colours: Sequence[str]
) -> Figure:
    """R² of several models over many choices of the test cells.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row a choice, a column a model.
    columns, labels, colours : sequence of str
        A model each, from the top down.
    """
    values = frame[list(columns)].to_numpy(dtype=float)
    fig, ax = figure(height=1.0 + 0.5 * len(columns))
    at = np.arange(len(columns))
    ax.plot(
        values.T, at, color="0.45", lw=0.8, alpha=max(0.25, min(0.6, 4 / len(values))), zorder=1
    )
    for y, column, colour in zip(at, values.T, colours, strict=True):
        ax.plot(column, np.full(len(column), y), "o", color=colour, ms=4, alpha=0.6, mew=0)
        mean = float(np.nanmean(column))
        ax.plot([mean, mean], [y - 0.26, y + 0.26], color=colour, lw=4, zorder=3)
        ax.annotate(f"{mean:.3f}", (mean, y - 0.27), xytext=(0, 1), textcoords="offset points",
                    ha="center", va="bottom", fontsize=9, fontweight="bold", color=colour,
                    bbox=_WHITE, zorder=4)  # fmt: skip
    ax.set_yticks(at, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(columns) - 0.6, -0.75)
    ax.set_xlabel(f"R² on the test cells; a thin line a choice of them ({len(values)}), bars: mean")
    return fig
