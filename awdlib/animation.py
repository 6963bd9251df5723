"""A wavelet adapting to new data, as a small looping GIF and as a still (the blog's Fig. 1).

Drawing only, as in `awdlib.plots`.
"""

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from awdlib.filters import cascade
from awdlib.plots import AWD, STANDARD, check_alt, figure

PAUSE_MS, FRAME_MS = 1500, 70  # at both ends, and between
_STYLE = (  # a browser settles a picture's source before it prints, so print has its own image
    "<style>.awd-print{display:none!important}@media print{.awd-moving{display:none!important}"
    ".awd-print{display:inline!important}}</style>"
)


def adapting(
    trajectory: np.ndarray,
    *,
    labels: tuple[str, str] = ("DB5", "AWD"),
    frames: int = 40,
    height: float = 2.5,
    unit: str = "epoch",
) -> tuple[bytes, Figure]:
    """Taps and wavelet on their way from a start to what was distilled.

    Frames are steps of the trajectory at equal distances along the way and not at equal times:
    training moves a filter far in its first epochs and hardly in its last.

    Parameters
    ----------
    trajectory : numpy.ndarray, shape (steps + 1, taps)
        Lowpass taps, the start first.
    labels : (str, str)
        Names of the start and of the end.
    frames : int
        At most so many; a step that covers several equal distances is shown once.
    height : float
        In inches.
    unit : str
        What a step of the trajectory is.

    Returns
    -------
    gif : bytes
        Loops without end and rests at both ends; the same for the same input and versions.
    still : Figure
        The start, two steps on the way, and the end.

    Raises
    ------
    ValueError
        If the trajectory has another shape, holds NaN or infinite taps, or does not move.
    """
    h = np.asarray(trajectory, dtype=float)
    if h.ndim != 2 or len(h) < 2 or frames < 2:
        raise ValueError(
            "an animation needs a trajectory of shape (steps + 1, taps) with a step or more and at "
            f"least two frames, not shape {h.shape} and {frames}"
        )
    if not np.isfinite(h).all():
        raise ValueError("the trajectory holds NaN or infinite taps")
    if not (h != h[0]).any():
        raise ValueError("the trajectory does not move: there is nothing to animate")
    _, psi, t = cascade(torch.from_numpy(h))
    at = equal_distances(h, frames)
    return (
        _gif(h, t, psi.numpy(), at, labels, height, unit),
        _still(t, psi.numpy(), equal_distances(h, 4), labels, height, unit),
    )


def equal_distances(trajectory: np.ndarray, count: int) -> np.ndarray:
    """Places along a trajectory at equal distances of the way, the first and the last included.

    Parameters
    ----------
    trajectory : numpy.ndarray, shape (steps + 1, taps)
    count : int

    Returns
    -------
    numpy.ndarray of int, shape (count or fewer,)
        Growing; each the step nearest to its distance.
    """
    way = np.concatenate([[0.0], np.linalg.norm(np.diff(trajectory, axis=0), axis=1).cumsum()])
    wanted = np.linspace(0, way[-1], count)
    nearest = np.abs(way[None] - wanted[:, None]).argmin(1)
    nearest[way[nearest] == way[-1]] = len(way) - 1  # the end, also if its last steps stood still
    return np.unique(nearest)


def show(gif: bytes, still: Figure, *, alt: str) -> None:
    """Display the animation, or the still where motion is not wanted or not possible.

    One output with two faces: a page gets a picture that is the still for readers who asked for
    reduced motion, and in print; LaTeX and other places without HTML get the still.

    Parameters
    ----------
    gif : bytes
    still : Figure
    alt : str
        What is shown, and its point, in a sentence or two.

    Raises
    ------
    ValueError
        If `alt` is too short to say that.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    check_alt(alt)
    buffer = io.BytesIO()
    still.savefig(buffer, format="png")
    plt.close(still)
    png, moving = (base64.b64encode(data).decode() for data in (buffer.getvalue(), gif))
    says = html.escape(alt)
    still_face, quiet = f"data:image/png;base64,{png}", "print, (prefers-reduced-motion: reduce)"
    picture = (
        f'{_STYLE}<picture class="awd-moving"><source media="{quiet}" srcset="{still_face}">'
        f'<img src="data:image/gif;base64,{moving}" alt="{says}"></picture>'
        f'<img class="awd-print" src="{still_face}" alt="{says}">'
    )
    display(
        {"image/png": png, "text/html": picture}, raw=True, metadata={"image/png": {"alt": alt}}
    )


def _gif(
    h: np.ndarray,
    t: np.ndarray,
    psi: np.ndarray,
    at: np.ndarray,
    labels: tuple[str, str],
    height: float,
    unit: str,
) -> bytes:
    import matplotlib.pyplot as plt
    from PIL import Image

    fig, (left, right) = figure(1, 2, height=height, width_ratios=[1, 1.6])
    fig.set_dpi(100)
    n = np.arange(h.shape[1])
    behind = dict(color=STANDARD, lw=1.2, alpha=0.6)
    left.plot(n, h[0], "o", ms=6, mfc="none", color=STANDARD, alpha=0.6)
    right.plot(t, psi[0], ls="--", **behind)
    stems = left.vlines(n, 0, h[0], color=AWD, lw=2)
    (heads,) = left.plot(n, h[0], "o", ms=4, color=AWD)
    (curve,) = right.plot(t, psi[0], color=AWD)
    for ax, values, title in ((left, h, "Lowpass filter h"), (right, psi, "Wavelet ψ")):
        low, high = values[at].min(), values[at].max()
        ax.set_ylim(low - 0.07 * (high - low), high + 0.07 * (high - low))
        ax.axhline(0, color="0.8", lw=0.7, zorder=0)
        ax.set_title(title)
    left.set(xlabel="tap n", xticks=n[::2])
    right.set(xlabel="t")
    corner = dict(transform=right.transAxes, ha="right", va="top")
    right.text(0.99, 0.98, f"{labels[0]} (start)", color=STANDARD, **corner)
    says = right.text(0.99, 0.86, "", color=AWD, **corner)
    # The axes are laid out and drawn once; a frame is what moves, drawn over them.
    moving = ((left, stems), (left, heads), (right, curve), (right, says))
    for _, artist in moving:
        artist.set_animated(True)
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    background = canvas.copy_from_bbox(fig.bbox)
    pictures = []
    for step in at:
        stems.set_segments([[(m, 0.0), (m, v)] for m, v in zip(n, h[step], strict=True)])
        heads.set_ydata(h[step])
        curve.set_ydata(psi[step])
        name = "" if step == at[0] else "adapting, " if step < at[-1] else f"{labels[1]}, "
        says.set_text(f"{name}{unit} {step}")
        canvas.restore_region(background)
        for ax, artist in moving:
            ax.draw_artist(artist)
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
    plt.close(fig)
    palette = _palette()
    first, *others = (p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures)
    buffer = io.BytesIO()
    pauses = [PAUSE_MS, *[FRAME_MS] * (len(at) - 2), PAUSE_MS]
    first.save(
        buffer, format="GIF", save_all=True, append_images=others, duration=pauses, loop=0,
        optimize=False, disposal=1,
    )  # fmt: skip
    return buffer.getvalue()


def _palette():
    """The GIF's one palette: white and what fades into it where lines are smoothed."""
    from matplotlib.colors import to_rgb
    from PIL import Image

    fade = np.linspace(0, 1, 8)[:, None]
    inks = (np.array(to_rgb(colour)) for colour in ("black", AWD, STANDARD))
    shades = np.concatenate([1 - fade * (1 - ink) for ink in inks])
    image = Image.new("P", (1, 1))
    image.putpalette((255 * shades).round().astype(np.uint8).tobytes())
    return image


def _still(
    t: np.ndarray,
    psi: np.ndarray,
    at: np.ndarray,
    labels: Sequence[str],
    height: float,
    unit: str,
) -> Figure:
    fig, axes = figure(1, len(at), height=height, sharey=True, squeeze=False)
    for ax, step in zip(axes[0], at, strict=True):
        end = step in (at[0], at[-1])
        name = f"{labels[0] if step == at[0] else labels[1]}, " if end else ""
        if step != at[0]:
            ax.plot(t, psi[0], color=STANDARD, lw=1.2, ls="--", alpha=0.6)
        ax.plot(t, psi[step], color=STANDARD if step == at[0] else AWD)
        ax.axhline(0, color="0.8", lw=0.7, zorder=0)
        ax.set_title(f"{name}{unit} {step}", fontsize=10)
        ax.set_xlabel("t")
    axes[0, 0].set_ylabel("ψ")
    return fig
