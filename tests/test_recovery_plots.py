"""Figures of the synthetic chapter: what they show, not how it looks."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from awdlib import filters, plots, recovery_plots

DB5 = filters.lowpass("db5").numpy()
ROWS = [
    ("from Sym5", "sym5", "taps", "oracle"),
    ("from nothing", "none", "lattice", "blind"),
    ("from Coif2", "coif2", "taps", "blind"),
]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def drawn(fig):
    """Draw the figure (warnings are errors), and return the texts in it."""
    fig.savefig(io.BytesIO(), format="png")
    return " | ".join(t.get_text() for t in fig.findobj(plt.Text) if t.get_visible())


def blind_rows():
    return pd.DataFrame({
        "truth": ["db2", "db2", "db3", "sym4"], "distance_pm": [0.01, 0.5, 2.0, 0.02],
        "reason": ["recovered", "another is sparser", "missed", "recovered"],
        "value": [0.1, 1.0, 1.0, 3.0],
    })  # fmt: skip


def test_recovery_marks_start_seeds_and_published_minimum():
    table = pd.DataFrame({
        "start": ["sym5", "sym5", "none"], "route": ["taps", "taps", "lattice"],
        "rule": ["oracle", "oracle", "blind"], "distance_start": [1.3, 1.3, np.nan],
        "distance_end": [1.2, 1.1, 3.0], "distance_pm": [0.7, 0.6, 0.04],
    })  # fmt: skip
    fig = recovery_plots.recovery(table, ROWS, published={"sym5": 0.79}, near=0.28)
    text = drawn(fig)
    assert "from nothing" in text
    assert "recovered" in text
    points = {tuple(line.get_xdata()) for line in fig.axes[0].get_lines()}
    assert {(1.3,), (0.79,), (0.7, 0.6), (0.04,)} <= points  # all with ±ψ


def test_the_distilled_wavelet_is_laid_onto_the_truth():
    t, psi = plots.wavelet_of(DB5)
    for other in (DB5, DB5[::-1], np.concatenate([[0, 0], DB5])):
        _, moved = recovery_plots._over(other.copy(), psi)
        assert_allclose(moved[: len(psi)], psi, atol=1e-10)
    fig = recovery_plots.starts_and_ends({"A": DB5, "B": DB5}, {"A": DB5, "B": DB5}, DB5)
    assert "ψ at the end" in drawn(fig)
    assert len(t) == len(psi)


def test_along_gamma_has_a_line_for_every_lam_and_the_published_minimum():
    gammas, distance = np.array([0, 0.1, 1.0]), np.arange(1.0, 13).reshape(2, 3, 2)
    panels = {
        "Sym5": (np.array([1e-4, 1e-3]), gammas, distance),
        "Coif2": (np.array([1e-4]), gammas, distance[:1]),
    }
    fig = recovery_plots.along_gamma(panels, published={"Sym5": 0.79, "Coif2": 0.08})
    assert "from Sym5" in drawn(fig)
    lines = fig.axes[0].get_lines()
    assert_allclose(lines[0].get_ydata(), [1.5, 3.5, 5.5])  # medians over seeds
    assert lines[0].get_xdata()[0] < 0.1  # γ = 0 at the left
    assert_allclose(lines[-1].get_ydata(), 0.79)


def test_truths_are_marked_by_what_came_of_them():
    fig = recovery_plots.truths(blind_rows(), near=0.28)
    text = drawn(fig)
    assert all(name in text for name in ("db2", "db3", "sym4", "another is sparser"))
    marks = [
        line.get_marker() for ax in fig.axes for line in ax.get_lines() if len(line.get_xdata())
    ]
    assert sorted(marks) == ["X", "o", "o", "s"]


def test_conditions_have_a_line_over_medians():
    fig = recovery_plots.conditions({"noise": blind_rows(), "n": blind_rows()}, near=0.28)
    drawn(fig)
    line = fig.axes[0].get_lines()[0]
    assert_allclose(line.get_xdata(), [0.1, 1, 3])
    assert_allclose(line.get_ydata(), [0.01, 1.25, 0.02])


def test_lengths_and_bases():
    fig, axes = plots.figure(1, 2)
    taps = np.array([4, 6, 8])
    recovery_plots.lengths(axes[0], taps, np.array([9.0, 7, 6.99]), chosen=6, truth=7.1)
    table = pd.DataFrame({"basis": ["DB5, the truth", "Haar", "DB5, coefficients rotated"],
                          "norm": [6.2, 15.0, 26.3]})  # fmt: skip
    recovery_plots.bases(axes[1], table)
    text = drawn(fig)
    assert "chosen" in text
    assert "the true wavelet" in text
    assert "26.3" in text


def test_the_pipeline_shows_attributions_of_the_example():
    x, gradient = np.random.default_rng(0).standard_normal((2, 64))
    psi = {"a start": plots.wavelet_of(DB5)[1], "the end": plots.wavelet_of(DB5)[1]}
    text = drawn(recovery_plots.pipeline(x, gradient, filters.lowpass("db5"), psi))
    assert "attributions; blue: 3 largest of each" in text
    assert "noise x" in text
