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


def test_lognormal_shells_are_as_good_as_they_were(run):
    # ten per cent too few peaks is what such shells have; no. 2, the clumpiest, has one more
    for row, bound, off in (("c01", 0.13, 0.1), ("c02", 0.18, 0.11)):
        for one in run["fidelity"]["shells"][row]["misfits"].values():
            assert one["misfit"] < bound
            assert one["total"] == pytest.approx(1, abs=off)


def test_the_moments_are_those_of_n_body_simulations(run):
    moments = run["fidelity"]["mesh"]["c01"]["moments"]
    assert moments["sd"] == pytest.approx(0.0167, abs=0.0005)
    for one in run["fidelity"]["mesh"].values():
        assert 1.5 < one["moments"]["skewness"] < 2.8
        assert 5 < one["moments"]["kurtosis"] < 25
        # -0.045 in no. 1, in its standard deviations: how empty a line of sight can be grows with
        # the clumpiness, and nos. 2 and 4 reach -0.046
        assert one["moments"]["least"] > -0.045 / 0.0167 * one["moments"]["sd"]
    assert moments["least"] > -0.045


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
    # the mark is bright, so a network that has not learned it looks there too, but half as much
    assert found["share_deceived"] > 2 * found["share_honest"]
    assert found["share_deceived"] > 20 * found["area"]
