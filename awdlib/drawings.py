"""Explanatory figures of the background chapter. Drawing only, as in `awdlib.plots`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from awdlib import plots


def overview(
    signal: np.ndarray, coeffs: Sequence[np.ndarray], scores: Sequence[np.ndarray]
) -> Figure:
    """The method at a glance (the paper's Fig. 1), from the project's own arrays.

    Parameters
    ----------
    signal : numpy.ndarray, shape (time,)
    coeffs, scores : sequence of numpy.ndarray
        Bands of its wavelet transform, and their attributions.
    """
    fig, ax = plots.figure(height=4.1)
    fig.get_layout_engine().set(w_pad=0, h_pad=0)
    ax.set(xlim=(0, 10), ylim=(0, 6.5))
    ax.axis("off")
    boxes = {
        "signal": (0.1, 2.3, 2.0, 1.6), "coeffs": (3.5, 3.2, 2.3, 1.6),
        "network": (3.5, 1.75, 2.3, 0.85), "scores": (3.5, 0.05, 2.3, 1.1),
    }  # fmt: skip
    for x, y, width, height in boxes.values():
        ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.05",
                                    fc="white", ec="0.6"))  # fmt: skip
    _curve(ax, boxes["signal"], signal, plots.STANDARD)
    _stripes(ax, boxes["coeffs"], coeffs, plots.AWD)
    _stripes(ax, boxes["scores"], scores, plots.NETWORK)
    ax.text(4.65, 2.18, "trained network f", ha="center", va="center", fontweight="bold")
    ax.text(1.1, 4.05, "signal x", ha="center", fontweight="bold")
    ax.text(4.65, 4.92, "coefficients Ψx", ha="center", va="bottom", fontweight="bold")
    ax.text(4.65, 1.24, "attributions TRIM(Ψx)", ha="center", va="bottom", fontweight="bold",
            fontsize=9)  # fmt: skip
    for start, end in (
        ((2.2, 3.4), (3.4, 4.0)), ((2.2, 2.9), (3.4, 2.2)), ((4.65, 1.7), (4.65, 1.5)),
        ((5.9, 4.0), (6.9, 4.0)), ((5.9, 0.6), (6.9, 0.9)),
    ):  # fmt: skip
        ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color="0.3"))
    ax.text(2.75, 3.98, "Ψ", ha="center", fontsize=12)
    for y, head, text in (
        (4.45, "reconstruction loss", "Ψ⁻¹Ψx = x"),
        (2.95, "wavelet loss", "h a valid filter, Ψx sparse"),
        (1.05, "interpretation loss", "TRIM(Ψx) sparse"),
    ):
        ax.text(7.0, y, head, fontweight="bold", va="center")
        ax.text(7.0, y - 0.42, text, va="center", color="0.25")
    back = FancyArrowPatch(
        (8.3, 4.75), (2.75, 4.3), arrowstyle="-|>", mutation_scale=12, color=plots.AWD, ls="--",
        connectionstyle="arc3,rad=0.36",
    )  # fmt: skip
    ax.add_patch(back)
    ax.text(5.5, 6.2, "all three pull on one filter h", color=plots.AWD, ha="center")
    return fig


def pipeline(
    track: np.ndarray,
    gradient: np.ndarray | None,
    bands: Sequence[np.ndarray],
    psi: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    k: int = 6,
    network: str = "LSTM",
    signal: str = "track x",
    output: str = "predicted\nauxilin",
    values: str = "coefficients",
) -> Figure:
    """From a signal to a prediction by a distilled wavelet (the paper's Fig. 2, the blog's Fig. 3).

    Parameters
    ----------
    track : numpy.ndarray, shape (time,)
        The signal.
    gradient : numpy.ndarray, shape (time,), optional
        Of the network's output with respect to `track`.
    bands : sequence of numpy.ndarray
        The signal's coefficients in the distilled wavelet; the `k` largest of each stand out.
    psi : mapping of name to numpy.ndarray, shape (samples,)
        Two wavelets: the start, and what became of it.
    names : sequence of str
        Of the bands.
    k : int
    network, signal, output, values : str
        What they are called; `values` those in `bands`.
    """
    fig, ax = plots.figure(height=4.3)
    fig.get_layout_engine().set(w_pad=0, h_pad=0)
    ax.set(xlim=(0, 10), ylim=(0, 6.6))
    ax.axis("off")
    boxes = {
        "track": (0.1, 4.3, 2.2, 1.6), "network": (3.2, 4.65, 1.3, 0.9),
        "gradient": (5.4, 4.3, 1.8, 1.6), "start": (8.1, 4.95, 1.75, 0.95),
        "adapted": (8.1, 3.3, 1.75, 0.95), "bands": (0.1, 0.2, 4.4, 2.8),
        "linear": (5.55, 1.15, 1.6, 0.9), "prediction": (8.1, 1.15, 1.75, 0.9),
    }  # fmt: skip
    for name, (x, y, width, height) in boxes.items():
        edge = {"network": plots.NETWORK, "adapted": plots.AWD}.get(name, "0.6")
        ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.05",
                                    fc="white", ec=edge))  # fmt: skip
    (first, old), (last, new) = psi.items()
    _curve(ax, boxes["track"], track, plots.STANDARD)
    if gradient is not None:
        _curve(ax, boxes["gradient"], gradient, plots.NETWORK)
    else:
        ax.text(6.3, 5.1, "∂f / ∂x", ha="center", va="center", fontsize=12)
    _curve(ax, boxes["start"], old, plots.STANDARD)
    _curve(ax, boxes["adapted"], new, plots.AWD)
    _largest(ax, boxes["bands"], bands, names, k)
    for x, y, text in (
        (1.2, 6.05, signal), (6.3, 6.05, "its gradients ∂f/∂x"), (8.97, 6.05, f"ψ: {first} …"),
        (8.97, 2.83, f"… becomes {last}"), (2.3, 3.1, f"{values}; blue: {k} largest of each"),
    ):  # fmt: skip
        ax.text(x, y, text, ha="center", va="bottom", fontweight="bold", fontsize=9.5)
    inside = dict(ha="center", va="center", fontweight="bold")
    ax.text(3.85, 5.1, network, color=plots.NETWORK, **inside)
    ax.text(6.35, 1.6, "linear\nmodel", **inside)
    ax.text(8.97, 1.6, output, **inside)
    for start, end in (
        ((2.4, 5.1), (3.12, 5.1)), ((4.58, 5.1), (5.32, 5.1)), ((7.3, 5.1), (8.02, 5.1)),
        ((8.97, 4.87), (8.97, 4.33)), ((1.2, 4.22), (1.2, 3.5)), ((4.6, 1.6), (5.47, 1.6)),
        ((7.23, 1.6), (8.02, 1.6)),
    ):  # fmt: skip
        ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color="0.3"))
    ax.add_patch(FancyArrowPatch((8.0, 3.82), (1.27, 3.82), arrowstyle="-|>", mutation_scale=12,
                                 color=plots.AWD, ls="--"))  # fmt: skip
    notes = dict(color=plots.AWD, va="center", fontsize=9.5)
    ax.text(5.1, 4.02, "transform with the new ψ", ha="center", **notes)
    ax.text(8.87, 4.61, "adapt", ha="right", **notes)
    return fig


def _largest(
    ax: Axes, box: tuple, bands: Sequence[np.ndarray], names: Sequence[str], k: int
) -> None:
    """Bands as rows of stems, the `k` largest of each in blue with a dot."""
    x, y, width, height = box
    top = max(np.abs(b).max() for b in bands)
    row = height / len(bands)
    for i, (band, name) in enumerate(zip(bands, names, strict=True)):
        base = y + row * (len(bands) - i - 0.6)
        at = x + 0.7 + (width - 0.8) * (np.arange(len(band)) + 0.5) / len(band)
        # Square roots, so that fine bands can be seen beside coarse ones.
        tip = base + 0.55 * row * np.sign(band) * np.sqrt(np.abs(band) / top)
        best = np.argsort(-band, kind="stable")[:k]
        ax.plot([x + 0.65, x + width - 0.05], [base, base], color="0.85", lw=0.6)
        ax.vlines(at, base, tip, color="0.75", lw=1.4)
        ax.vlines(at[best], base, tip[best], color=plots.AWD, lw=1.8)
        ax.plot(at[best], tip[best], "o", color=plots.AWD, ms=3)
        ax.text(x + 0.05, base, name, va="center", fontsize=9)


def _curve(ax: Axes, box: tuple, values: np.ndarray, colour: str) -> None:
    x, y, width, height = box
    span = values.max() - values.min()
    at = x + width * np.linspace(0.05, 0.95, len(values))
    ax.plot(at, y + height * (0.1 + 0.8 * (values - values.min()) / span), color=colour, lw=1.5)


def _stripes(ax: Axes, box: tuple, bands: Sequence[np.ndarray], colour: str) -> None:
    """Every band a row of stems."""
    x, y, width, height = box
    for k, band in enumerate(bands):
        top = max(np.abs(band).max(), 0.2 * max(np.abs(b).max() for b in bands))
        base = y + height * (len(bands) - k - 0.5) / len(bands)
        at = x + width * (0.03 + 0.94 * (np.arange(len(band)) + 0.5) / len(band))
        ax.vlines(at, base, base + 0.45 * height / len(bands) * band / top, color=colour, lw=1.6)
        ax.plot([x, x + width], [base, base], color="0.85", lw=0.6, zorder=0)


def filter_bank(signal: np.ndarray, bands: Sequence[np.ndarray], names: Sequence[str]) -> Figure:
    """A signal over the bands of its transform."""
    fig, axes = plots.figure(len(bands) + 1, 1, height=4.4, height_ratios=[1.6, *[1] * len(bands)])
    axes[0].plot(np.arange(len(signal)) / len(signal), signal, color=plots.STANDARD)
    axes[0].set(xticks=[], xlim=(0, 1))
    axes[0].set_ylabel("x", rotation=0, ha="right", va="center")
    plots.coefficient_bands(axes[1:], bands, names, plots.AWD)
    for ax in axes:
        ax.set_yticks([])
    axes[-1].set_xlabel("time")
    return fig


def projections(signal: np.ndarray, approximations: Sequence[np.ndarray]) -> Figure:
    """A signal and its coarser and coarser approximations."""
    fig, axes = plots.figure(1, len(approximations), height=2.3, sharey=True)
    t = np.arange(len(signal))
    for j, (ax, values) in enumerate(zip(axes, approximations, strict=True), 1):
        ax.plot(t, signal, color="0.75", lw=1)
        ax.step(t, values, where="mid", color=plots.AWD)
        ax.set(title=f"P{'₁₂₃₄₅'[j - 1]}x: blocks of {2**j}", xlabel="sample")
    return fig


def tilings(
    signal: np.ndarray, bands: Sequence[np.ndarray], spectrum: np.ndarray, names: Sequence[str]
) -> Figure:
    """How a Fourier and a wavelet basis cut up time and frequency, shaded by a signal's energy."""
    fig, (top, left, right) = plots.figure(1, 3, height=2.7)
    top.plot(np.arange(len(signal)) / len(signal), signal, color=plots.STANDARD)
    top.set(title="signal", xlabel="time", yticks=[])
    edges = np.linspace(0, 1, len(spectrum) + 1)
    for low, high, value in zip(edges[:-1], edges[1:], spectrum / spectrum.max(), strict=True):
        left.add_patch(Rectangle((0, low), 1, high - low, fc=_shade(value), ec="0.8", lw=0.2))
    strongest = max(np.abs(b).max() for b in bands)
    levels = len(bands) - 1
    for k, band in enumerate(bands):
        low = 0.0 if k == 0 else 2.0 ** (k - levels - 1)
        high = 2.0**-levels if k == 0 else 2.0 ** (k - levels)
        for n, value in enumerate(np.abs(band) / strongest):
            right.add_patch(Rectangle((n / len(band), low), 1 / len(band), high - low,
                                      fc=_shade(value), ec="0.8", lw=0.4))  # fmt: skip
    left.set(title="Fourier", xlabel="time", ylabel="frequency / Nyquist")
    right.set(title="wavelet (one tile a coefficient)", xlabel="time")
    right.set_title(right.get_title(loc="left"), fontsize=9.5)
    return fig


def _shade(value: float) -> tuple[float, float, float]:
    from matplotlib import colormaps

    return colormaps["Blues"](float(np.sqrt(value)))[:3]


def energy_curves(panels: Mapping[str, Mapping[str, np.ndarray]], colours: Sequence[str]) -> Figure:
    """Share of the energy in the k largest coefficients; a panel a kind of signal."""
    fig, axes = plots.figure(1, len(panels), height=2.7, sharey=True)
    for ax, (title, curves) in zip(axes, panels.items(), strict=True):
        for (name, curve), colour in zip(curves.items(), colours, strict=True):
            ax.plot(np.arange(1, len(curve) + 1), curve, color=colour, label=name)
        ax.set(title=title, xlabel="coefficients kept", ylim=(0, 1.02), xticks=[1, 5, 10, 15, 20])
    axes[0].set_ylabel("share of energy")
    axes[0].legend(loc="lower right")
    return fig


def attribution_by_wavelet(
    norms: Mapping[str, float], truth: str, bands: Mapping[str, Sequence[np.ndarray]]
) -> Figure:
    """How concisely several wavelets explain a network: its TRIM scores and their L1 norm."""
    fig, axes = plots.figure(1, len(bands) + 1, height=2.7, width_ratios=[*[1.2] * len(bands), 1.2])
    top = max(np.abs(b).max() for group in bands.values() for b in group)
    for ax, (name, group) in zip(axes, bands.items(), strict=False):
        colour = plots.AWD if name == truth else plots.CONTROL
        for k, band in enumerate(group):
            at = (np.arange(len(band)) + 0.5) / len(band)
            ax.vlines(at, -k, -k + 0.8 * band / top, color=colour, lw=1.6)
            ax.axhline(-k, color="0.85", lw=0.6, zorder=0)
        ax.set(title=f"TRIM in {name}", xticks=[], yticks=[], xlim=(0, 1))
        ax.set_xlabel("time; bands from coarse to fine", fontsize=8.5)
    order = sorted(norms, key=lambda name: norms[name])
    colours = [plots.AWD if name == truth else plots.CONTROL for name in order]
    axes[-1].barh(order[::-1], [norms[n] for n in order[::-1]], color=colours[::-1])
    axes[-1].set(title="‖TRIM‖₁ per signal")
    return fig


def landscape(
    angles: np.ndarray, curves: Mapping[str, np.ndarray], marks: Mapping[str, float]
) -> Figure:
    """Terms of the objective over the one free angle of a four-tap wavelet, over their means."""
    fig, ax = plots.figure(height=2.9)
    palette = {"interpretation": plots.NETWORK, "sparsity": plots.STANDARD}
    for name, values in curves.items():
        ax.plot(angles, values / values.mean(), color=palette[name], label=f"{name} loss")
    for name, angle in marks.items():
        ax.axvline(angle, color="0.3", lw=1, ls=":")
        ax.annotate(f" {name}", (angle, 0.02), xycoords=("data", "axes fraction"), fontsize=9)
    ax.set(xlabel="free lattice angle θ", ylabel="term / its mean")
    ax.set_xticks(
        [-np.pi / 2, -np.pi / 4, 0, np.pi / 4, np.pi / 2], ["−π/2", "−π/4", "0", "π/4", "π/2"]
    )
    ax.legend(loc="lower right")
    return fig
