"""Figures of the chapter on mask explanations; drawing only, as in `awdlib.plots`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from awdlib.plots import AWD, CONTROL, NETWORK, STANDARD, figure

# Okabe and Ito's colours, and dashes, so that neither is needed alone.
LINES = {
    "wavelet": (AWD, "-", 2.4), "wavelet_dark": ("#56B4E9", "-", 1.6),
    "pixel": (STANDARD, "-", 2.4),
    "wam_ig": (AWD, "--", 1.4), "wam_sg": (AWD, ":", 1.6), "largest": ("#56B4E9", ":", 1.4),
    "integrated_gradients": ("#E69F00", "--", 1.4), "smoothgrad": ("#CC79A7", "--", 1.4),
    "saliency": ("#CC79A7", ":", 1.6), "grad_cam": (NETWORK, "-.", 1.6),
    "random_wavelet": (CONTROL, "--", 1.2), "random_pixel": (CONTROL, ":", 1.4),
}  # fmt: skip


def explanations(
    images: np.ndarray, rows: Mapping[str, np.ndarray], *, names: Sequence[str]
) -> Figure:
    """Images, and below each what explains it, a row a way.

    Parameters
    ----------
    images : numpy.ndarray, shape (images, 3, height, width)
        Between 0 and 1.
    rows : mapping of label to numpy.ndarray, shape (images, height, width)
        Grey pictures, each drawn from black to its own brightest value.
    names : sequence of str
        Above the images.
    """
    count = len(images)
    fig, axes = figure(len(rows) + 1, count, height=1.25 * (len(rows) + 1), squeeze=False)
    for k in range(count):
        axes[0, k].imshow(images[k].transpose(1, 2, 0))
        axes[0, k].set_title(names[k], fontsize=9)
        for ax, pictures in zip(axes[1:, k], rows.values(), strict=True):
            ax.imshow(np.abs(pictures[k]), cmap="gray", vmin=0)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    for ax, label in zip(axes[:, 0], ["image", *rows], strict=True):
        ax.set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
    return fig


def curves(panels: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str]) -> Figure:
    """Distortion against the share of entries that are kept, a panel a network.

    Parameters
    ----------
    panels : mapping of title to mapping
        ``shares`` (points,), and by method (points,).
    labels : mapping of method to text
    """
    fig, axes = figure(1, len(panels), height=3.6, squeeze=False, sharey=True)
    for ax, (title, lines) in zip(axes[0], panels.items(), strict=True):
        for name, text in labels.items():
            if name in lines:
                colour, dashes, width = LINES[name]
                ax.plot(lines["shares"], lines[name], dashes, color=colour, lw=width, label=text)
        ax.set(xlabel="share of the entries that are kept", title=title)  # fmt: skip
        ax.set_xscale("symlog", linthresh=0.05)
        ax.set(xlim=(0, 1), ylim=(0, None))
        ticks = {0: "0", 0.02: "2 %", 0.05: "5 %", 0.1: "10 %", 0.2: "20 %", 1: "all"}
        ax.set_xticks(list(ticks), list(ticks.values()))
    axes[0, 0].set_ylabel("distortion")
    axes[0, -1].legend(fontsize=7, ncols=2)
    return fig


def own(
    shares: np.ndarray,
    panels: Mapping[str, Mapping[str, np.ndarray]],
    labels: Mapping[str, str],
) -> Figure:
    """Curves of the paper's own teachers: shares (points,), by title and name (points,)."""
    fig, axes = figure(1, len(panels), height=3.0, squeeze=False)
    styles = {"awd": (AWD, "-"), "db5": (STANDARD, "-"), "random": (CONTROL, "--"),
              "samples": (CONTROL, ":")}  # fmt: skip
    for ax, (title, lines) in zip(axes[0], panels.items(), strict=True):
        for name, text in labels.items():
            colour, dashes = styles[name]
            ax.plot(shares, lines[name], dashes, color=colour, lw=2, label=text)
        ax.set(xlabel="share of the entries that are kept", title=title, xlim=(0, 1),
               ylim=(0, None))  # fmt: skip
    axes[0, 0].set_ylabel("change of the prediction")
    axes[0, -1].legend()
    return fig


def along_lambda(panels: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Mean mask and distortion of photographs against λ, a panel a way.

    Parameters
    ----------
    panels : mapping of title to (lams (lams,), mask, distortion (lams, images))
    """
    fig, axes = figure(1, len(panels), height=2.8, squeeze=False, sharey=True)
    for ax, (title, (lams, mask, distortion)) in zip(axes[0], panels.items(), strict=True):
        ax.plot(lams, mask, "-", color=AWD, lw=0.8, alpha=0.5)
        ax.plot(lams, mask.mean(1), "o-", color=AWD, label="mean of the mask")
        ax.plot(lams, distortion.mean(1), "s--", color=STANDARD, label="distortion")
        ax.set(xscale="log", xlabel="λ", title=title, ylim=(0, 1.02))
    axes[0, 0].legend(fontsize=8)
    return fig


def compaction(shares: np.ndarray, lines: Mapping[str, np.ndarray]) -> Figure:
    """Energy in the largest entries: shares (points,), by label (points, images)."""
    fig, ax = figure(height=2.8)
    for (label, values), colour in zip(lines.items(), (AWD, STANDARD, CONTROL), strict=False):
        ax.plot(shares, values, color=colour, lw=0.6, alpha=0.4)
        ax.plot(shares, values.mean(1), color=colour, lw=2.2, label=label)
    ax.set(xlabel="share of the entries, largest first", ylabel="share of the energy",
           xlim=(0, 0.5), ylim=(0, 1.02))  # fmt: skip
    ax.legend()
    return fig


def transforms(signals: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Signals, the sizes of their Fourier transforms, and of their wavelet transforms.

    Parameters
    ----------
    signals : mapping of name to (values (time,), scalogram (scales, time))
    """
    fig, axes = figure(3, len(signals), height=4.6, squeeze=False)
    for column, (name, (values, sizes)) in zip(axes.T, signals.items(), strict=True):
        column[0].plot(values, color=AWD, lw=1)
        column[0].set(title=name, xticks=[])
        column[1].plot(np.abs(np.fft.rfft(values)), color=STANDARD, lw=1)
        column[1].set(xlabel="frequency", xticks=[], ylim=(0, None))
        column[2].imshow(sizes, aspect="auto", cmap="gray")
        column[2].set(xlabel="time", xticks=[], yticks=[])
    for ax, label in zip(axes[:, 0], ("signal", "Fourier", "wavelet\n(fine above)"), strict=True):
        ax.set_ylabel(label)
    return fig


def pictures(named: Mapping[str, np.ndarray], *, rows: int = 1) -> Figure:
    """Grey (height, width) or coloured (3, height, width) pictures between 0 and 1, in rows."""
    columns = -(-len(named) // rows)
    fig, axes = figure(rows, columns, height=rows * 7.0 / columns + 0.2, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (title, one) in zip(axes.flat, named.items(), strict=False):
        shown = one.transpose(1, 2, 0) if one.ndim == 3 else one
        ax.imshow(shown, cmap="gray", vmin=0, vmax=1)
        ax.set_title(title, fontsize=8)
    return fig
