"""The accepted paper run of the cosmology chapter: are its simulated maps like real ones?

Bounds are those that the simulators were built for. What was free in them was chosen on cosmology
no. 1 and on two real maps; everything else here only verifies.
"""

import numpy as np
import pytest

from awdlib import results
from awdlib.lensing import table

ALL = [f"c{row:02}" for row in range(1, 11)]
EXTREME = ("c02", "c05")  # the largest and the smallest clumpiness
INNER = slice(1, 8)  # bands from l = 500 to 8,000


def short_of(why: str) -> pytest.MarkDecorator:
    """A bound that the accepted run does not reach; once it does, the test says so."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=why)


@pytest.fixture(scope="module")
def run() -> results.Results:
    return results.load("cosmology", "paper", "accepted")


@pytest.mark.parametrize("row", ALL)
def test_the_particle_mesh_has_the_spectrum_of_theory(run, row):
    one = run["fidelity"]["mesh"][row]
    off = np.abs(np.array(one["power"])[INNER] - 1)
    # with so few boxes the largest waves scatter; what scatters is in the errors
    allowed = (0.1 if row in EXTREME else 0.05) + 2 * np.array(one["power_error"])[INNER]
    assert (off < allowed).all(), off


@pytest.mark.parametrize("row", ["c01", "c02"])
def test_the_particle_mesh_has_the_peaks_of_real_maps(run, row):
    misfits = run["fidelity"]["mesh"][row]["misfits"]
    for statistic, bound in (("height", 0.15), ("laplace", 0.3), ("roberts", 0.22)):
        assert misfits[statistic]["misfit"] < bound, statistic
        # the first bins of no. 2's Roberts crosses are hidden in the figure that was read off
        allowed = 0.06 if (row, statistic) == ("c02", "roberts") else 0.03
        assert misfits[statistic]["total"] == pytest.approx(1, abs=allowed), statistic


@pytest.mark.parametrize(("row", "bound"), [("c01", 0.13), ("c02", 0.18)])
def test_lognormal_shells_have_the_histograms_they_had(run, row, bound):
    for one in run["fidelity"]["shells"][row]["misfits"].values():
        assert one["misfit"] < bound


@pytest.mark.parametrize(
    ("row", "statistic"),
    [
        *[("c01", name) for name in ("height", "laplace", "roberts")],
        pytest.param("c02", "height", marks=short_of("no. 2's height peaks are .892 of real ones")),
        *[("c02", name) for name in ("laplace", "roberts")],
    ],
)
def test_lognormal_shells_have_the_peaks_they_had(run, row, statistic):
    total = run["fidelity"]["shells"][row]["misfits"][statistic]["total"]
    assert total == pytest.approx(1, abs=0.1)


def test_the_moments_are_those_of_n_body_simulations(run):
    assert run["fidelity"]["mesh"]["c01"]["moments"]["sd"] == pytest.approx(0.0167, abs=0.0005)
    for one in run["fidelity"]["mesh"].values():
        assert 1.5 < one["moments"]["skewness"] < 2.8
        assert 5 < one["moments"]["kurtosis"] < 25


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, marks=short_of("its emptiest pixel is at -0.046"))
        if row in ("c02", "c04")
        else row
        for row in ALL
    ],
)
def test_no_line_of_sight_is_too_empty(run, row):
    assert run["fidelity"]["mesh"][row]["moments"]["least"] > -0.045


def test_counts_tell_cosmologies_apart_in_the_order_of_real_maps(run):
    """Roberts before DB5, Laplace before heights: two standard errors of the paired bootstrap."""
    frame = run.tables["table2"]
    for _, same in frame.groupby("shared_box"):
        error = same.set_index("name")["rmse"]
        assert error["roberts"] < error["db5"]
        assert error["laplace"] < error["height"]
    for claim in ("roberts_minus_db5", "laplace_minus_height"):
        assert run["claims"][claim]["high"] < 0, claim
    assert set(frame["name"]) == set(table.ROWS)


def test_the_run_is_of_the_size_that_claims_need(run):
    assert run["data"]["source"] == "simulated (particle mesh)"
    assert (run["data"]["n_train"], run["data"]["n_test"]) == (2000, 2000)
    assert not run["data"]["shared_box"]
    assert run["data"]["believable"]


def test_the_planted_artefact_is_learned_and_seen(run):
    found = run["artefact"]
    assert found["rmse_with"] < 0.75 * found["rmse_without"]
    assert found["share_deceived"] > found["share_honest"]
    assert found["share_deceived"] > 20 * found["area"]


@short_of("the mark is bright: the honest network has half as much evidence there")
def test_the_artefact_holds_three_times_the_honest_networks_evidence(run):
    assert run["artefact"]["share_deceived"] > 3 * run["artefact"]["share_honest"]
