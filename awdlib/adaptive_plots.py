"""Figures of the chapter on adaptive scattering; drawing only, as in `awdlib.plots`."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from awdlib.plots import AWD, CONTROL, NETWORK, STANDARD, figure

# Okabe and Ito's colours, with dashes and marks, so that none is needed alone.
LINES = {
    "fixed": (STANDARD, "-", "s"), "rotated": (AWD, "-", "o"), "each": ("#56B4E9", "-", "^"),
    "distilled": (AWD, "--", "D"), "orthogonal": ("#CC79A7", "--", "v"),
    "awd": (AWD, "-", "o"), "cnn": (NETWORK, "-.", "X"), "learned": (AWD, "-", "o"),
    "db5": (STANDARD, "-", "s"), "random": (CONTROL, "-", "^"),
    "db5_bands": (STANDARD, ":", "P"), "awd_bands": (AWD, ":", "X"),
    "image": (CONTROL, ":", "."), "fourier": (CONTROL, "--", "x"), "pixels": (CONTROL, ":", "."),
    "contrast": ("#E69F00", ":", "+"),
    "lowpass": ("#E69F00", "-", "+"), "read_fixed": (STANDARD, "--", "s"),
    "read_learned": (AWD, "--", "o"),
}  # fmt: skip


def learning_curves(
    frame: pd.DataFrame, families: Mapping[str, Sequence[str]], *, chance: float
) -> Figure:
    """Accuracy against the number of labelled examples, with intervals.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``name``, ``label``, ``count``, ``accuracy``, ``low``, ``high``.
    families : mapping of a panel's title to names
    chance : float
    """
    fig, axes = figure(1, len(families), height=4.4, squeeze=False, sharey=True)
    counts = sorted(set(frame["count"]))
    for ax, (title, names) in zip(axes[0], families.items(), strict=True):
        for k, name in enumerate(names):
            rows = frame[frame["name"] == name]
            colour, dashes, mark = LINES[name]
            x = rows["count"] * 1.025 ** (k - len(names) / 2)  # side by side
            off = [rows["accuracy"] - rows["low"], rows["high"] - rows["accuracy"]]
            ax.errorbar(x, rows["accuracy"], off, fmt=mark + dashes, color=colour, lw=1.6, ms=5,
                        elinewidth=0.9, label=rows["label"].iloc[0])  # fmt: skip
        ax.axhline(chance, color=CONTROL, lw=0.8, ls=":")
        ax.set(title=title, xscale="log", xlabel="crops of each texture to learn from")
        ax.set_xticks(counts, [str(n) for n in counts])
        ax.minorticks_off()
        below(ax)
    axes[0, 0].set_ylabel("accuracy")
    return fig


def below(ax: Axes, columns: int = 1) -> None:
    """The legend under the axes, where it covers nothing."""
    ax.legend(fontsize=8, ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.18),
              borderaxespad=0)  # fmt: skip


def filters(banks: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Morlet wavelets in the frequency plane: an ellipse at half of each one's height.

    Parameters
    ----------
    banks : mapping of title to mapping
        ``sigma`` (pixels), ``xi`` (radians a pixel), ``slant`` and ``theta`` (radians), each of
        shape (scales, orientations).
    """
    fig, axes = figure(1, len(banks), height=2.9, squeeze=False)
    colours = (AWD, STANDARD, "#009E73", "#CC79A7", "#56B4E9")
    half = np.sqrt(2 * np.log(2))
    for ax, (title, bank) in zip(axes[0], banks.items(), strict=True):
        for j, rows in enumerate(zip(*(bank[k] for k in ("sigma", "xi", "slant", "theta")),
                                     strict=True)):  # fmt: skip
            for sigma, xi, slant, theta in zip(*rows, strict=True):
                ax.add_patch(Ellipse(
                    (xi * np.cos(theta), xi * np.sin(theta)), 2 * half / sigma,
                    2 * half * slant / sigma, angle=np.degrees(theta), fill=False, lw=1.1,
                    color=colours[j % len(colours)],
                ))  # fmt: skip
        ax.set(title=title, xlim=(-np.pi, np.pi), ylim=(-np.pi, np.pi), aspect="equal")
        ax.set_xticks([-np.pi, 0, np.pi], ["−π", "0", "π"])
        ax.set_yticks([-np.pi, 0, np.pi], ["−π", "0", "π"])
    axes[0, 0].set(xlabel="frequency down", ylabel="frequency across")
    return fig


def pruning(
    test: np.ndarray, random: np.ndarray, held: np.ndarray, *, stopped: tuple[float, float]
) -> Figure:
    """Accuracy against the filters that are left.

    Parameters
    ----------
    test : numpy.ndarray, shape (seeds, filters)
        With all filters first, on test crops.
    held : numpy.ndarray, shape (filters,)
        By cross-validation on labelled crops.
    random : numpy.ndarray, shape (orders, filters)
    stopped : tuple of float
        Fewest and most filters that the rule leaves, over seeds.
    """
    fig, ax = figure(height=3.6)
    left = test.shape[1] - np.arange(test.shape[1])
    ax.fill_between(left, *np.quantile(random, (0.025, 0.975), axis=0), color=CONTROL, alpha=0.25,
                    lw=0, label="random orders, 95 %")  # fmt: skip
    ax.plot(left, held, ":", color=STANDARD, lw=1.6,
            label="smallest CAR first, cross-validation on labelled crops")  # fmt: skip
    ax.plot(left, test.T, "-", color=AWD, lw=0.7, alpha=0.5)
    ax.plot(left, test.mean(0), "-", color=AWD, lw=2.2,
            label="smallest CAR first, test crops (thin: each seed)")  # fmt: skip
    low, high = stopped
    ax.axvspan(low - 0.15, high + 0.15, color="#E69F00", alpha=0.25, lw=0,
               label="where the rule stops, all seeds")  # fmt: skip
    ax.set(xlabel="filters left", ylabel="accuracy", xlim=(len(left), 0))
    below(ax, 2)
    return fig


def stability(
    panels: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]],
    labels: Mapping[str, str],
    bound: np.ndarray,
) -> Figure:
    """How far features move, over the norm of the image.

    Parameters
    ----------
    panels : mapping of the abscissa's label to (values (points,), features' name to (points,))
    labels : mapping of name to text
        A panel draws those that it has.
    bound : numpy.ndarray, shape (points of the first panel,)
    """
    fig, axes = figure(1, len(panels), height=4.6, squeeze=False, sharey=True)
    for ax, (title, (x, lines)) in zip(axes[0], panels.items(), strict=True):
        for name, text in labels.items():
            if name not in lines:
                continue
            colour, dashes, mark = LINES[name]
            ax.plot(x, np.maximum(lines[name], 1e-4), mark + dashes, color=colour, lw=1.6, ms=4,
                    label=text)  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel=title)
        ax.set_xticks(x, [f"{one:g}" for one in x])
        ax.minorticks_off()
    first = axes[0, 0]
    first.plot(panels[next(iter(panels))][0], bound, "-", color="0.3", lw=0.8,
               label="shape of the deformation bound")  # fmt: skip
    first.set_ylabel("change over the norm of the image")
    for ax in axes[0]:
        below(ax)
    return fig


def neurons(
    truth: tuple[np.ndarray, np.ndarray],
    found: Mapping[str, tuple[np.ndarray, np.ndarray]],
    correlation: Mapping[str, Sequence[float]],
    labels: Mapping[str, str],
    *,
    degrees: float,
    octaves: float,
) -> Figure:
    """Tuning of neurons as models have it against the truth, and how well they predict.

    Parameters
    ----------
    truth : (orientation, frequency), each of shape (neurons,)
        Radians, cycles a pixel.
    found : mapping of model to the same, each of shape (sets of movies, neurons)
    correlation : mapping of model to (sets · neurons,)
    labels : mapping of model to text
    degrees, octaves : float
        From the truth, within which a tuning counts as found: shaded.
    """
    fig, axes = figure(1, 3, height=2.9)
    around = np.array([0, 180])
    axes[0].fill_between(around, around - degrees, around + degrees, color=CONTROL, alpha=0.2, lw=0)
    reach = np.array([0.9 * truth[1].min(), 1.1 * truth[1].max()])
    near = 2**octaves
    axes[1].fill_between(reach, reach / near, reach * near, color=CONTROL, alpha=0.2, lw=0)
    for k, (name, text) in enumerate(labels.items()):
        colour, _, mark = LINES[name]
        if name in found:
            angle, frequency = (
                [np.ravel(a) for a in np.broadcast_arrays(*pair)]
                for pair in zip(truth, found[name], strict=True)
            )
            true, ours = np.degrees(angle)
            ours = true + (ours - true + 90) % 180 - 90  # the nearer of two equal angles
            axes[0].plot(true, ours, mark, color=colour, ms=4, alpha=0.8, label=text)
            axes[1].plot(*frequency, mark, color=colour, ms=4, alpha=0.8)
        values = np.asarray(correlation[name], float)
        spread = np.linspace(-0.18, 0.18, len(values))
        axes[2].plot(k + spread, values, mark, color=colour, ms=3, alpha=0.7)
        axes[2].plot([k - 0.25, k + 0.25], [np.nanmedian(values)] * 2, color=colour, lw=2)
    axes[0].set(xlabel="true orientation (°)", ylabel="model's (°)")
    axes[1].set(xlabel="true frequency (cycles a pixel)", ylabel="model's", xscale="log",
                yscale="log")  # fmt: skip
    axes[2].set(ylabel="corrected correlation", ylim=(min(0, axes[2].get_ylim()[0]), 1.05))
    axes[2].set_xticks(range(len(labels)), [t.replace(" ", "\n") for t in labels.values()],
                       fontsize=6)  # fmt: skip
    axes[0].legend(fontsize=7)
    return fig
