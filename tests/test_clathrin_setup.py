"""The clathrin experiment: its sizes, its tracks split by cell, and which events succeeded."""

from itertools import combinations, groupby

import numpy as np
import pytest
import torch
from clathrinhelpers import TINY, rows_of, tracks
from datahelpers import real_tracks
from numpy.testing import assert_allclose

from awdlib import clathrin
from awdlib.clathrin.setup import ALL_PAIRS
from awdlib.datasets.tracks import TEST_CELLS, auxilin_seen, longest_run
from awdlib.store import plain
from awdlib.sweep import published_grids

# --- tracks split by cell -------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [(7, 8), (1, 2), (8, 3), (5,), (2, 3, 4, 5, 6, 7, 8)])
def test_tracks_are_split_by_cell_and_nothing_is_on_both_sides(cells):
    found, testing = clathrin.signals_of(tracks(), test_cells=cells), np.isin(tracks().cell, cells)
    assert found.x.shape == (np.sum(~testing), 1, 40)
    assert found.x_test.shape == (np.sum(testing), 1, 40)
    assert np.array_equal(found.x[:, 0], tracks().x[~testing])
    assert np.array_equal(found.x_test[:, 0], tracks().x[testing])
    assert np.array_equal(found.y, tracks().y[~testing])
    assert np.array_equal(found.y_test, tracks().y[testing])
    assert np.array_equal(found.group, tracks().cell[~testing])
    assert not set(found.group) & set(cells)
    assert not set(rows_of(found.x)) & set(rows_of(found.x_test))


def test_cells_7_and_8_test_unless_told_otherwise():
    assert set(clathrin.signals_of(tracks()).group) == {1, 2, 3, 4, 5, 6}
    assert TEST_CELLS == (7, 8)


@pytest.mark.parametrize("cells", [(), (9, 10), tuple(range(1, 9))])
def test_a_split_that_leaves_one_side_empty_is_refused(cells):
    with pytest.raises(ValueError, match=r"test cells \(.*\) leave no tracks"):
        clathrin.signals_of(tracks(), test_cells=cells)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_signals_are_of_the_type_asked_for_and_targets_stay_in_full(dtype):
    found = clathrin.signals_of(tracks(), dtype=dtype)
    assert found.x.dtype == found.x_test.dtype == dtype
    assert found.y.dtype == found.y_test.dtype == np.float64


# --- sizes ----------------------------------------------------------------------------------------


def test_the_paper_profile_is_the_published_experiment():
    size = clathrin.SIZES["paper"]
    lams, gammas = published_grids()
    assert [lams[k] for k in size.lams] == lams.tolist()
    assert [gammas[k] for k in size.gammas] == gammas.tolist()
    assert (len(lams), len(gammas)) == (5, 21)
    assert size.sym5_gammas == size.gammas
    assert size.seeds == size.sym5_seeds == (1, 10, 100, 1000, 10000)
    assert size.epochs == 100
    assert set(size.splits) == set(combinations(range(1, 9), 2))
    assert len(size.splits) == len(ALL_PAIRS) == 28


def test_the_published_place_is_one_of_the_grid():
    lams, gammas = published_grids()
    assert clathrin.PUBLISHED["lam"] in lams
    assert clathrin.PUBLISHED["gamma"] in gammas
    assert round(clathrin.PUBLISHED["gamma"], 3) == 0.043  # as the paper prints it


@pytest.mark.parametrize("profile", ["smoke", "laptop", "paper"])
def test_every_size_can_be_run(profile):
    size, (lams, gammas) = clathrin.SIZES[profile], published_grids()
    for places, count in ((size.lams, 5), (size.gammas, 21), (size.sym5_gammas, 21)):
        assert list(places) == sorted(set(places))
        assert set(places) <= set(range(count))
    assert size.gammas[0] == size.sym5_gammas[0] == 0  # "without interpretation loss"
    assert size.seeds[: len(size.sym5_seeds)] == size.sym5_seeds  # a network for every seed
    assert list(size.seeds) == sorted(set(size.seeds))
    assert set(size.sym5_gammas) <= set(size.gammas)  # the two starts are held at a common γ
    assert size.gammas[-1] > size.gammas[0]
    assert list(lams).index(clathrin.PUBLISHED["lam"]) in size.lams
    assert list(gammas).index(clathrin.PUBLISHED["gamma"]) in size.gammas
    assert set(size.splits) <= set(ALL_PAIRS)
    assert len(set(size.splits)) == len(size.splits)
    assert 40 not in size.lengths
    assert min(size.draws, size.epochs, size.lstm_epochs, *size.supervised) >= 1
    assert (size.dtype == torch.float64) == (profile == "smoke")


def test_a_size_can_be_stored():
    found = plain(TINY.as_dict(), "size")
    assert found["dtype"] == "float64"
    assert found["splits"] == [[5, 6]]
    assert set(found) == set(TINY.__dataclass_fields__)


# --- what the captions say ------------------------------------------------------------------------


def test_the_description_counts():
    found, all_of = clathrin.describe(tracks()), tracks()
    assert (found["source"], found["n"]) == ("simulated", 100)
    assert found["n_train"] == sum(cell < 7 for cell in all_of.cell)
    assert found["n_test"] == sum(cell >= 7 for cell in all_of.cell)
    assert_allclose(found["share_significant"], np.mean([any(t) for t in all_of.significant]))
    runs = [brute_force_run(t) for t in all_of.significant]
    assert_allclose(found["share_seen"], np.mean([run >= 3 for run in runs]))
    assert 0 < found["share_seen"] < found["share_significant"] <= 1
    assert_allclose(found["lifetime_median"], np.median(all_of.lifetime_s))


@pytest.mark.real_data
def test_the_description_of_the_real_tracks():
    found = clathrin.describe(real_tracks())
    assert (found["source"], found["n"], found["n_train"], found["n_test"]) == (
        "real", 1618, 1244, 374,
    )  # fmt: skip
    assert 0.2 < found["share_seen"] < 0.8 < found["share_significant"]


# --- successful events ----------------------------------------------------------------------------


def brute_force_run(frames):
    return max((len(list(run)) for now, run in groupby(frames) if now), default=0)


def test_the_longest_run_track_by_track():
    rng = np.random.default_rng(0)
    frames = np.concatenate([
        rng.random((200, 30)) < rng.random((200, 1)), np.zeros((1, 30), bool),
        np.ones((1, 30), bool), np.eye(30, dtype=bool)[[0, 29]],
    ])  # fmt: skip
    found = longest_run(frames)
    assert found.tolist() == [brute_force_run(track) for track in frames]
    assert {0, 1, 2, 30} <= set(found)
    assert np.array_equal(longest_run(frames[:, ::-1]), found)
    assert longest_run(frames[:0]).shape == (0,)
    assert longest_run(frames[:, :0]).tolist() == [0] * len(frames)


@pytest.mark.parametrize(
    ("frames", "seen"),
    [("0110110", False), ("0111000", True), ("1110000", True), ("0000111", True), ("1111", True),
     ("1011011", False), ("000", False)],
)  # fmt: skip
def test_auxilin_is_seen_from_three_frames_in_a_row(frames, seen):
    assert auxilin_seen(np.array([[c == "1" for c in frames]])).tolist() == [seen]
