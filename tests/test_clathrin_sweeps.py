"""The published sweep: what is judged and chosen, which filter is which, what is stored."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from clathrinhelpers import TINY, planted, randn, spoilt, toy_signals, warm_started
from numpy.testing import assert_allclose

from awdlib import clathrin, filters, losses, selection
from awdlib.distill import distill
from awdlib.store import npz_bytes
from awdlib.sweep import published_grids, sweep

SIZE = replace(TINY, lams=(0, 3), gammas=(0, 11, 20), seeds=(1, 10, 100), epochs=1)


def gradients_of(signals, count=None, seed=5):
    shape = signals.x.shape if count is None else (count, *signals.x.shape)
    return randn(*shape, seed=seed)


def swept(signals, gradients=None, **options):
    if gradients is None:
        gradients = gradients_of(signals)
    return clathrin.distil(signals, gradients, SIZE, teacher="ours", **options)


# --- what is swept --------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("start", ["db5", "sym5"])
def test_the_sweep_is_that_of_the_published_grid(start, own):
    signals = toy_signals()
    gradients = gradients_of(signals, 3 if own else None)
    size = replace(SIZE, sym5_gammas=(0, 12), sym5_seeds=(1, 10))
    found = clathrin.distil(signals, gradients, size, teacher="theirs", start=start)
    lams, gammas = published_grids()
    seeds, places = ([1, 10], [0, 12]) if start == "sym5" else ([1, 10, 100], [0, 11, 20])
    given = gradients[: len(seeds)] if own else gradients
    wanted = sweep(
        signals.x, gradients=given, start=start, lams=lams[[0, 3]], gammas=gammas[places],
        seeds=seeds, epochs=1,
    )  # fmt: skip
    assert torch.equal(found.grid.h, wanted.h)
    assert found.grid.gammas.tolist() == gammas[places].tolist()
    assert found.grid.lams.tolist() == lams[[0, 3]].tolist()
    assert list(found.grid.seeds) == seeds
    assert (found.teacher, found.start) == ("theirs", start)
    moved = (found.grid.h - filters.lowpass(start)).abs().amax((0, 1, 2, 3))
    assert 1e-4 < moved < 0.5  # it started there, and went on


def test_every_seed_distils_its_own_network():
    signals = toy_signals()
    gradients = gradients_of(signals, 3)
    first, other = (swept(signals, g).grid.h for g in (gradients, gradients[[0, 2, 1]]))
    assert torch.equal(first[:, :, 0], other[:, :, 0])
    for seed in (1, 2):
        assert not torch.equal(first[:, 1:, seed], other[:, 1:, seed])
        assert torch.equal(first[:, 0, seed], other[:, 0, seed])  # γ = 0 hears no network


def test_every_filter_is_judged_and_validated_where_it_stands():
    signals = toy_signals()
    found = swept(signals)
    assert found.judged.cv_r2.shape == found.penalty.shape == found.valid.shape == (2, 3, 3)
    for place in np.ndindex(2, 3, 3):
        h = found.grid.h[place]
        alone = selection.judge_filters(h[None], signals)
        assert_allclose(found.judged.cv_r2[place], alone.cv_r2[0], rtol=1e-9)
        assert_allclose(found.judged.r2[place], alone.r2[0], rtol=1e-9)
        assert_allclose(found.judged.prediction[place], alone.prediction[0], rtol=1e-7)
        assert_allclose(found.penalty[place], float(losses.validity_penalties(h).sum()), rtol=1e-9)
        assert found.valid[place] == filters.validity(h).ok()


@pytest.mark.parametrize("seed", range(3))
def test_the_best_in_cross_validation_is_chosen_seed_by_seed(monkeypatch, seed):
    score, other = np.random.default_rng(seed).random((2, 2, 3, 3))
    judged = selection.Judged(score, np.zeros((2, 3, 3, 1)), other)
    monkeypatch.setattr(selection, "judge_grid", lambda grid, signals: judged)
    found = swept(toy_signals())
    for k, (one, plain) in enumerate(zip(found.chosen, found.chosen_plain, strict=True)):
        assert one[2] == plain[2] == k
        assert score[one] == score[:, :, k].max()
        assert plain[1] == 0
        assert score[plain] == score[:, 0, k].max()
        assert torch.equal(found.h[k], found.grid.h[one])
    assert found.h.shape == (3, 10)


@pytest.mark.parametrize("how", ["other tracks", "other targets"])
def test_test_data_decide_nothing(how):
    signals = toy_signals()
    first = swept(signals)
    by_test = selection.choose(first.judged.r2)
    if how == "other tracks":
        others = spoilt(signals)
    else:  # such that another filter predicts them best
        others = replace(signals, y_test=first.judged.prediction[0, 0, 0])
    again = swept(others)
    assert torch.equal(first.grid.h, again.grid.h)
    assert np.array_equal(first.judged.cv_r2, again.judged.cv_r2)
    assert (first.chosen, first.chosen_plain) == (again.chosen, again.chosen_plain)
    assert torch.equal(first.h, again.h)
    for name in ("penalty", "valid"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert np.abs(first.judged.r2 - again.judged.r2).min() > 1e-6
    if how == "other targets":  # choosing by them would have shown
        assert selection.choose(again.judged.r2)[0] == (0, 0, 0) != by_test[0]


def test_a_stopped_sweep_goes_on_from_its_ledger(tmp_path, monkeypatch):
    signals, told = toy_signals(), []
    first = swept(signals, ledger=tmp_path, progress=lambda *a: told.append(a))
    assert told[-1] == (18, 18)
    assert len(list(tmp_path.glob("*.npz"))) == 3  # a piece a γ
    monkeypatch.setattr("awdlib.sweep.distill", None)
    again = swept(signals, ledger=tmp_path)
    assert torch.equal(first.grid.h, again.grid.h)
    assert first.chosen == again.chosen


def test_the_published_place_is_the_nearest():
    h = torch.zeros(3, 4, 1, 10)
    exact = planted(h, [0.00188, 0.005, 0.01], [0, 0.02336, 0.04281, 0.07848], (1,))
    assert exact.published == (1, 2)
    near = planted(h, [0.0001, 0.00027, 0.00071], [0, 0.01, 0.05, 1], (1,))
    assert near.published == (2, 2)


# --- one setting alone ----------------------------------------------------------------------------


@pytest.mark.parametrize("own", [False, True])
def test_the_published_chain_is_that_of_a_sweep_of_one_lambda(own, tmp_path, monkeypatch):
    signals = toy_signals()
    gradients = gradients_of(signals, 2 if own else None)
    options = {"seeds": [10, 1], "epochs": 1}
    found = clathrin.sweeps.published_chain(signals.x, gradients, **options, ledger=tmp_path)
    lams, gammas = published_grids()
    whole = sweep(signals.x, gradients=gradients, lams=lams[[4]], gammas=gammas, **options)
    assert (lams[4], gammas[11]) == (0.005, 0.04281)
    assert found.shape == (2, 2, 10)
    assert torch.equal(found, torch.stack([whole.h[0, 11], whole.h[0, 0]]))
    assert (found[0] - found[1]).abs().amax(1).min() > 1e-4  # the interpretation loss is heard
    assert len(list(tmp_path.glob("*.npz"))) == 12  # and nothing beyond the published γ
    monkeypatch.setattr("awdlib.sweep.distill", None)
    again = clathrin.sweeps.published_chain(signals.x, gradients, **options, ledger=tmp_path)
    assert torch.equal(found, again)


def test_the_published_chain_by_hand_is_not_one_fit():
    """Twelve fits, each from where the last ended; one alone from DB5 ends elsewhere."""
    signals = toy_signals()
    gradients = gradients_of(signals, 2)
    found = clathrin.sweeps.published_chain(signals.x, gradients, seeds=[1, 10], epochs=2)
    for k, seed in enumerate((1, 10)):
        path = warm_started(signals.x, gradients[k], seed, 2)
        assert_allclose(found[:, k], path[[-1, 0]], atol=1e-12)
    at = {**clathrin.PUBLISHED, "seed": 10, "epochs": 2}
    alone = distill(signals.x, gradients=gradients[1], **at).h
    assert (found[0, 1] - alone).norm() > 1e-3


# --- what is stored -------------------------------------------------------------------------------


def three_sweeps():
    """Of two teachers and two starts, of different grids, values that are no round numbers."""
    lams, gammas = published_grids()
    authors = planted(randn(2, 3, 2, 10, seed=1), lams[[1, 4]], gammas[[0, 11, 14]], (1, 10),
                      teacher="authors", chosen=[(1, 2, 0), (0, 1, 1)])  # fmt: skip
    ours = planted(randn(3, 2, 3, 10, seed=2), lams[:3], gammas[[0, 7]], (1, 10, 100),
                   chosen=[(2, 1, 0), (2, 0, 1), (0, 0, 2)])  # fmt: skip
    sym5 = planted(randn(2, 2, 1, 10, seed=3), lams[[1, 4]], gammas[[0, 11]], (1,),
                   teacher="authors", start="sym5", chosen=[(0, 1, 0)])  # fmt: skip
    return authors, ours, sym5


def test_every_filter_is_stored_with_what_it_is():
    sweeps = three_sweeps()
    kept = clathrin.filters_kept(sweeps)
    assert kept["h"].shape == (12 + 18 + 4, 10)
    assert {len(values) for values in kept.values()} == {34}
    row = 0
    for one in sweeps:
        for place in np.ndindex(one.penalty.shape):
            lam, gamma, seed = place
            assert np.array_equal(kept["h"][row], one.grid.h[place])
            assert kept["lam"][row] == one.grid.lams[lam]
            assert kept["gamma"][row] == one.grid.gammas[gamma]
            assert kept["seed"][row] == one.grid.seeds[seed]
            assert (kept["start"][row], kept["teacher"][row]) == (one.start, one.teacher)
            assert kept["cv_r2"][row] == one.judged.cv_r2[place]
            assert kept["r2"][row] == one.judged.r2[place]
            assert kept["penalty"][row] == one.penalty[place]
            assert kept["valid"][row] == one.valid[place]
            assert kept["chosen"][row] == (place in one.chosen)
            row += 1
    assert kept["chosen"].sum() == 2 + 3 + 1
    assert npz_bytes(kept)


def test_the_stored_filters_are_those_of_the_sweep_at_every_setting():
    signals = toy_signals()
    one = swept(signals, gradients_of(signals, 3))
    kept = clathrin.filters_kept([one])
    for i, lam in enumerate(one.grid.lams):
        for j, gamma in enumerate(one.grid.gammas):
            for k, seed in enumerate(one.grid.seeds):
                mask = (kept["lam"] == lam) & (kept["gamma"] == gamma) & (kept["seed"] == seed)
                assert mask.sum() == 1
                assert np.array_equal(kept["h"][mask][0], one.grid.h[i, j, k])
                assert kept["chosen"][mask][0] == ((i, j, k) in one.chosen)


def test_a_stored_sweep_comes_back_as_a_grid():
    sweeps = three_sweeps()
    kept = clathrin.filters_kept(sweeps)
    for one in sweeps:
        found = clathrin.grid_of(kept, one.teacher, one.start)
        assert np.array_equal(found["h"], one.grid.h)
        for name in ("lams", "gammas", "seeds"):
            assert np.array_equal(found[name], getattr(one.grid, name))
        for name, values in (("cv_r2", one.judged.cv_r2), ("r2", one.judged.r2),
                             ("penalty", one.penalty), ("valid", one.valid)):  # fmt: skip
            assert np.array_equal(found[name], values)
        assert [tuple(place) for place in np.argwhere(found["chosen"])] == sorted(one.chosen)


def test_seeds_in_any_order_keep_their_filters():
    one = planted(randn(2, 2, 3, 10), [0.1, 0.2], [0, 1], (10, 1, 100))
    found = clathrin.grid_of(clathrin.filters_kept([one]), "ours", "db5")
    for k, seed in enumerate((10, 1, 100)):
        (place,) = np.flatnonzero(found["seeds"] == seed)
        assert np.array_equal(found["h"][:, :, place], one.grid.h[:, :, k])
        assert np.array_equal(found["r2"][:, :, place], one.judged.r2[:, :, k])


@pytest.mark.parametrize(("teacher", "start"), [("ours", "sym5"), ("nobody", "db5")])
def test_a_sweep_that_is_not_stored_is_named(teacher, start):
    kept = clathrin.filters_kept(three_sweeps())
    with pytest.raises(KeyError, match=f"no sweep of the teacher '{teacher}' from '{start}'"):
        clathrin.grid_of(kept, teacher, start)
