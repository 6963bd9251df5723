"""Figures that are drawn from given arrays, and the animation: what they show, not how it looks."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from awdlib import animation, drawings, filters, plots, reading_plots, runner, wavelet_plots

rng = np.random.default_rng(0)
DB5 = filters.lowpass("db5").numpy()


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def drawn(fig):
    """Draw the figure (warnings are errors), and return the texts in it."""
    assert isinstance(fig, Figure)
    assert fig.get_size_inches()[0] == plots.WIDTH
    fig.savefig(io.BytesIO(), format="png")
    return " | ".join(t.get_text() for t in fig.findobj(plt.Text) if t.get_visible())


def random_grid(lams, gammas):
    generator = torch.Generator().manual_seed(0)
    angles = filters.random_angles(lams * gammas, 10, generator)
    return filters.taps_from_angles(angles).reshape(lams, gammas, 10).numpy()


def test_wavelet_grid_draws_every_wavelet_and_frames_the_chosen():
    lams, gammas = np.geomspace(1e-4, 5e-3, 5), np.r_[0, np.geomspace(1e-4, 10, 20)]
    valid = np.ones((5, 21), dtype=bool)
    valid[:, 19:] = False
    chosen = np.array([(0, 12, 0), (4, 3, 1), (0, 12, 2)])  # as `selection.choose` gives them
    fig = wavelet_plots.wavelet_grid(
        random_grid(5, 21), lams, gammas, valid=valid, chosen=chosen, start="SYM5"
    )
    texts = drawn(fig)
    for text in ("SYM5", "×2", "×1", "framed", "not a wavelet", "0.0001", "0.005"):
        assert text in texts
    ax = fig.axes[0]
    curves = [line for line in ax.lines if line.get_marker() == "None"]
    assert len(curves) == 105
    assert sum(line.get_color() == "0.62" for line in curves) == 10
    frames = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert {p.get_xy() for p in frames} == {(11.5, -0.5), (2.5, 3.5)}
    assert all(p.get_edgecolor()[:3] == to_rgb(plots.AWD) for p in frames)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # λ grows downward
    for k, line in enumerate(curves):  # each in its cell
        assert np.abs(line.get_xdata() - k % 21).max() <= 0.5
        assert np.abs(line.get_ydata() - k // 21).max() <= 0.5


def test_wavelet_grid_without_frames_or_greys_says_nothing_of_them():
    texts = drawn(wavelet_plots.wavelet_grid(random_grid(2, 3), [1, 2], [0, 1, 2]))
    assert "framed" not in texts
    assert "not a wavelet" not in texts
    drawn(wavelet_plots.wavelet_grid(random_grid(2, 3), [1, 2], [0, 1, 2], valid=np.zeros((2, 3))
                                     .astype(bool)))  # fmt: skip


def test_over_seeds_draws_phi_and_psi_of_every_seed():
    h = np.stack([DB5, DB5 + 0.001, DB5 - 0.001])
    texts = drawn(fig := wavelet_plots.over_seeds(h, ["1", "10", "100"], np.array([0.1, 0.2, 0.3])))
    assert "0.200 on average, 0.100 to 0.300" in texts
    for ax, function in zip(fig.axes, filters.cascade(torch.from_numpy(h))[:2], strict=True):
        assert_allclose([line.get_ydata() for line in ax.lines[:3]], function)
    drawn(wavelet_plots.over_seeds(h[:1], ["1"], np.array([])))


def test_along_gamma_shows_gamma_zero_beside_a_logarithmic_axis():
    gammas, lams = np.r_[0, np.geomspace(1e-4, 10, 6)], [1e-4, 1e-3]
    values = rng.random((2, 7)) + 0.1
    penalty = np.where(values < 0.5, 0, values)
    fig = wavelet_plots.along_gamma(
        gammas,
        lams,
        {"penalty": penalty, "R²": (values, values - 0.1, values + 0.1)},
        log=["penalty"],
    )
    texts = drawn(fig)
    assert "R²" in texts
    upper, lower = fig.axes
    assert upper.get_yscale() == "log"
    assert_array_equal(np.isnan(upper.lines[0].get_ydata()), penalty[0] == 0)
    x = lower.lines[0].get_xdata()
    assert_allclose(x[1:], np.log10(gammas[1:]))
    assert x[0] < x[1]
    labels = {
        t.get_text(): p for t, p in zip(lower.get_xticklabels(), lower.get_xticks(), strict=1)
    }
    assert labels["0"] == x[0]
    assert_allclose(labels["0.01"], -2)
    assert len(lower.collections) == 2  # a band a λ


def test_contributions_figure_adds_up_to_the_prediction():
    fig = reading_plots.contributions_figure(
        np.arange(40), rng.random(40), rng.normal(size=(3, 40)),
        ["cD4, 1st", "cA4, 2nd", "cD3, 1st"], [0.5, -0.3, 0.2],
        intercept=0.1, rest=-0.05, prediction=0.45, truth=0.6,
    )  # fmt: skip
    texts = drawn(fig)
    for text in ("cD4, 1st: +0.50", "cA4, 2nd: −0.30", "measured", "all others", "+0.45"):
        assert text in texts
    bars = next(ax for ax in fig.axes if ax.get_title(loc="left") == "The sum").patches
    *steps, total = [(bar.get_x(), bar.get_width()) for bar in bars]
    assert_allclose([w for _, w in steps], [0.1, 0.5, -0.3, 0.2, -0.05])
    assert_allclose([x for x, _ in steps], [0, 0.1, 0.6, 0.3, 0.5], atol=1e-15)
    assert total == (0, 0.45)


def test_aligned_draws_means_with_their_intervals():
    offsets, mean, error = np.arange(-3, 4), rng.random(7), np.full(7, 0.1)
    error[0] = np.nan  # where a single track reaches
    groups = {"auxilin seen": (mean, error), "no auxilin": (mean - 1, error)}
    fig = reading_plots.aligned(offsets, {"DB5": groups, "AWD": groups})
    texts = drawn(fig)
    assert texts.count("auxilin seen") == 1  # one legend
    for ax in fig.axes:
        assert_allclose(ax.lines[1].get_ydata(), mean - 1)
        low, high = np.array([c.get_datalim(ax.transData).extents[[1, 3]] for c in ax.collections])[
            0
        ]
        assert_allclose([low, high], [(mean[1:]).min() - 0.196, (mean[1:]).max() + 0.196])


def test_pulse_responses_and_their_control():
    asymmetry = np.array([[0.1, 0.3], [-0.2, -0.1]])
    fig = reading_plots.pulse_responses(
        asymmetry, ["AWD", "DB5"], [plots.AWD, plots.STANDARD], rng.normal(size=200) / 5
    )
    texts = drawn(fig)
    for text in ("+0.200", "−0.150", "random wavelets\n(200", "slow build-up"):
        assert text in texts
    low, high = fig.axes[0].get_xlim()
    assert low == -high
    drawn(reading_plots.pulse_responses([asymmetry[0], asymmetry[1, :1]], ["a", "b"], ["k", "k"]))


def test_coefficient_distribution_marks_the_medians():
    groups = {"auxilin seen": rng.normal(1, 1, 301), "no auxilin": rng.normal(0, 1, 100)}
    fig = reading_plots.coefficient_distribution(groups, label="largest coefficient")
    texts = drawn(fig)
    for name, values in groups.items():
        median = f"{np.median(values):+.2f}".replace("-", "−")
        assert f"{name}: median {median} (n = {len(values)})" in texts
    assert any(np.isclose(line.get_xdata()[0], np.median(groups["no auxilin"]))
               for line in fig.axes[0].lines)  # fmt: skip


@pytest.mark.parametrize("rows", [2, 28])
def test_splits_joins_the_models_of_every_choice_of_cells(rows):
    frame = pd.DataFrame(rng.random((rows, 3)), columns=["awd", "db5", "lstm"])
    fig = reading_plots.splits(frame, ["db5", "awd"], ["DB5", "AWD"], [plots.STANDARD, plots.AWD])
    texts = drawn(fig)
    assert f"({rows})" in texts
    assert f"{frame['awd'].mean():.3f}" in texts
    joined = np.array([line.get_xdata() for line in fig.axes[0].lines[:rows]])
    assert_allclose(joined, frame[["db5", "awd"]])


@pytest.mark.parametrize("gradient", [None, rng.normal(size=40)])
def test_pipeline_marks_the_largest_of_every_band(gradient):
    bands = [rng.normal(size=n) for n in (3, 10, 12)]
    psi = {"DB5": plots.wavelet_of(DB5)[1], "AWD": plots.wavelet_of(DB5[::-1].copy())[1]}
    fig = drawings.pipeline(rng.normal(size=40), gradient, bands, psi, ["cA2", "cD2", "cD1"])
    texts = drawn(fig)
    for text in ("LSTM", "DB5", "becomes AWD", "linear\nmodel", "6 largest", "cD1"):
        assert text in texts
    dots = [len(line.get_xdata()) for line in fig.axes[0].lines if line.get_marker() == "o"]
    assert dots == [3, 6, 6]  # a band with fewer than 6 shows all


# --- the animation -----------------------------------------------------------------------------


def straight(steps=12):
    """From DB5 to a filter near it, in equal steps."""
    return DB5 + np.linspace(0, 0.3, steps + 1)[:, None] * (DB5[::-1] - DB5)


def test_the_gif_loops_rests_at_its_ends_and_is_the_same_each_time():
    gif, still = animation.adapting(straight(), frames=7, height=1.8)
    again, _ = animation.adapting(straight(), frames=7, height=1.8)
    assert gif == again
    assert len(gif) < 200_000
    image = Image.open(io.BytesIO(gif))
    assert image.n_frames == 7
    assert image.info["loop"] == 0  # for ever
    pauses = []
    for k in range(7):
        image.seek(k)
        pauses.append(image.info["duration"])
    assert pauses[0] == pauses[-1] == animation.PAUSE_MS
    assert set(pauses[1:-1]) == {animation.FRAME_MS}
    assert "AWD, epoch 12" in drawn(still)
    assert len(still.axes) == 4


def test_frames_are_equally_far_apart_and_not_equally_long():
    speed = np.exp(-np.arange(1000) / 100)  # fast at first
    way = np.concatenate([[0], np.cumsum(speed)])[:, None] * np.array([[0.6, 0.8]])
    at = animation.equal_distances(way, 11)
    assert (at[0], at[-1]) == (0, 1000)
    assert len(at) == 11
    gaps = np.linalg.norm(np.diff(way[at], axis=0), axis=1)
    assert_allclose(gaps, gaps.mean(), rtol=0.1)
    assert_array_equal(animation.equal_distances(way[[0, 1, 1000, 1000]], 5), [0, 1, 3])


@pytest.mark.parametrize(
    ("trajectory", "message"),
    [
        (np.full((3, 10), np.nan), "NaN or infinite"),
        (np.tile(DB5, (3, 1)), "does not move"),
        (DB5, r"shape \(steps \+ 1, taps\)"),
        (DB5[None], r"with a step or more"),
    ],
)
def test_what_cannot_be_animated_is_refused(trajectory, message):
    with pytest.raises(ValueError, match=message):
        animation.adapting(trajectory)


def test_show_gives_one_output_with_a_still_for_print_and_for_reduced_motion(monkeypatch):
    seen = []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: seen.append((a, k)))
    gif, still = animation.adapting(straight(), frames=3, height=1.8)
    with pytest.raises(ValueError, match="at least six words"):
        animation.show(gif, still, alt="A wavelet moves")
    alt = 'DB5 <start> turns into the "distilled" wavelet, step by step.'
    animation.show(gif, still, alt=alt)
    ((bundle,), options) = seen[0]
    assert set(bundle) == {"image/png", "text/html"}
    png = base64.b64decode(bundle["image/png"])
    assert Image.open(io.BytesIO(png)).format == "PNG"
    page = bundle["text/html"]
    source = re.search(r'<source media="(.*?)" srcset="data:image/png;base64,(.*?)">', page)
    assert source[1] == "print, (prefers-reduced-motion: reduce)"
    assert source[2] == bundle["image/png"]
    inside = re.search(r'<img src="data:image/gif;base64,(.*?)" alt="(.*?)"></picture>', page)
    assert base64.b64decode(inside[1]) == gif
    assert (
        inside[2] == "DB5 &lt;start&gt; turns into the &quot;distilled&quot; wavelet, step by step."
    )
    cell = {"outputs": [{"metadata": options["metadata"]}]}
    assert runner.alt_texts(cell) == [alt]
    assert len(seen) == 1
