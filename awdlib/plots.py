"""Drawing only: every function takes what a chapter computed and gives back a figure.

Colours mean the same thing throughout: blue is AWD or the distilled filter, vermilion the start or
the standard wavelet, green the network, grey the controls.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from awdlib.filters import cascade

AWD, STANDARD, NETWORK, CONTROL = "#0072B2", "#D55E00", "#009E73", "#777777"
STYLE = Path(__file__).with_name("awd.mplstyle")
WIDTH = 7.4  # inches: the text width of the book


def figure(rows: int = 1, columns: int = 1, *, height: float = 2.6, **options: Any) -> tuple:
    """A figure of the book's width in the book's style.

    Parameters
    ----------
    rows, columns : int
    height : float
        In inches, of the whole figure.
    **options
        Of ``matplotlib.pyplot.subplots``.

    Returns
    -------
    (Figure, Axes or array of Axes)
    """
    mpl.rcdefaults()
    plt.style.use(STYLE)
    return plt.subplots(rows, columns, figsize=(WIDTH, height), **options)


def check_alt(alt: str) -> None:
    """Refuse a text that is too short to stand for a figure."""
    if len(alt.split()) < 6:
        raise ValueError("alt must say what the figure shows and its point: at least six words")


def show(fig: Figure, *, alt: str) -> None:
    """Display a figure with the text that stands for it where it cannot be seen.

    Parameters
    ----------
    fig : Figure
    alt : str
        What the figure shows, and its point, in a sentence or two.

    Raises
    ------
    ValueError
        If `alt` is too short to say that.
    """
    from IPython.display import display

    check_alt(alt)
    display(fig, metadata={"image/png": {"alt": alt}})
    plt.close(fig)


# --- wavelets ----------------------------------------------------------------------------------


def wavelets(
    named: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], *, height: float = 2.6
) -> Figure:
    """φ and ψ of several filters side by side.

    Parameters
    ----------
    named : mapping of str to (t, phi, psi)
    """
    fig, axes = figure(1, len(named), height=height, sharey=True, squeeze=False)
    for ax, (name, (t, phi, psi)) in zip(axes[0], named.items(), strict=True):
        ax.plot(t, phi, color=CONTROL, lw=1.2, label="φ (scaling)")
        ax.plot(t, psi, color=AWD, label="ψ (wavelet)")
        ax.axhline(0, color="0.8", lw=0.7, zorder=0)
        ax.set(title=name, xlabel="t")
    axes[0, max(len(named) - 2, 0)].legend(loc="lower right", fontsize=8)
    return fig


def wavelet_of(h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(t, psi) of lowpass taps, for drawing."""
    _, psi, t = cascade(torch.from_numpy(np.asarray(h, dtype=float)))
    return t, psi.numpy()


def coefficient_bands(
    axes: Sequence[Axes], bands: Sequence[np.ndarray], names: Sequence[str], colour: str
) -> None:
    """Stems of each band on its own axis, spread over the signal's length."""
    for ax, band, name in zip(axes, bands, names, strict=True):
        at = (np.arange(len(band)) + 0.5) / len(band)
        ax.vlines(at, 0, band, color=colour, lw=1.6)
        ax.plot(at, band, "o", ms=2.5, color=colour)
        ax.axhline(0, color="0.8", lw=0.7, zorder=0)
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.set(xticks=[], xlim=(0, 1))


# --- results -----------------------------------------------------------------------------------


def intervals(
    ax: Axes, table: Any, *, estimate: str, low: str, high: str, colours: Sequence[str]
) -> None:
    """Points with intervals, a row each, the first row on top.

    Parameters
    ----------
    table : pandas.DataFrame
        With a ``row`` column for the labels and the named columns.
    """
    at = np.arange(len(table))[::-1]
    for y, (_, row), colour in zip(at, table.iterrows(), colours, strict=True):
        ax.plot([row[low], row[high]], [y, y], color=colour, lw=2)
        ax.plot(row[estimate], y, "o", color=colour, ms=6)
        ax.annotate(
            f"{row[estimate]:.3f}", (row[estimate], y), xytext=(0, 6),
            textcoords="offset points", ha="center", fontsize=8.5,
        )  # fmt: skip
    ax.set_yticks(at, table["row"])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(table) - 0.4)


def histogram(
    ax: Axes, values: np.ndarray, *, label: str, marks: Mapping[str, tuple[float, str]]
) -> None:
    """Distribution of the controls, with named values marked on it; its lowest few are counted."""
    import seaborn as sns

    lowest = min(np.quantile(values, 0.01), *(value for value, _ in marks.values()))
    shown = values[values >= lowest]
    if len(shown) < len(values):
        label += f"; {len(values) - len(shown)} of {len(values)} below {lowest:.2f} not drawn"
    sns.histplot(x=shown, ax=ax, color=CONTROL, edgecolor="white", stat="count", bins=30)
    top = ax.get_ylim()[1]
    for k, (name, (value, colour)) in enumerate(marks.items()):
        ax.axvline(value, color=colour, lw=2)
        left = value < np.median(values)
        ax.annotate(
            f"{name} {value:.3f}", (value, top * (0.97 - 0.12 * k)), color=colour, fontsize=9,
            xytext=(-4 if left else 4, 0), textcoords="offset points", va="top",
            ha="right" if left else "left", bbox=dict(fc="white", ec="none", pad=1),
        )  # fmt: skip
    ax.set(xlabel=label, ylabel="wavelets")


def track_example(data: Any, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """(seconds, clathrin, auxilin, title) of one of `awdlib.datasets.tracks.Tracks`."""
    clathrin, auxilin = data.clathrin_frames[index], data.auxilin_frames[index]
    there = np.isfinite(clathrin)
    title = f"cell {data.cell[index]}, {data.lifetime_s[index]:.0f} s"
    return np.arange(there.sum()), clathrin[there], auxilin[there], title


def tracks(
    examples: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, str]], *, unit: str
) -> Figure:
    """Example tracks: clathrin and auxilin against time.

    Parameters
    ----------
    examples : sequence of (seconds, clathrin, auxilin, title)
    unit : str
        Of the amplitudes.
    """
    columns = len(examples) // 2
    fig, axes = figure(2, columns, height=3.8, sharey=True, squeeze=False)
    for ax, (seconds, clathrin, auxilin, title) in zip(axes.flat, examples, strict=True):
        ax.plot(seconds, clathrin, color=STANDARD, label="clathrin (input)")
        ax.plot(seconds, auxilin, color=NETWORK, lw=1.2, label="auxilin (target)")
        ax.axhline(0, color="0.8", lw=0.7, zorder=0)
        ax.set_title(title, fontsize=9.5)
    for ax in axes[-1]:
        ax.set_xlabel("seconds")
    for row in axes:
        row[0].set_ylabel(unit)
    axes[0, 0].legend(fontsize=8)
    return fig
