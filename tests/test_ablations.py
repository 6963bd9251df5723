"""The ablations: variants differ in one thing, broken teachers are broken, test data are unseen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from awdlib import attribution, dwt, filters, paper
from awdlib.ablation import (
    contextual,
    fitting,
    planted,
    printed,
    record,
    setup,
    sources,
    tracks,
    variants,
)  # fmt: skip
from awdlib.ablation.sources import Source
from awdlib.distill import distill
from awdlib.objective import Settings, batch_loss, loss_and_gradient
from awdlib.recovery.problem import Setting
from awdlib.selection import Signals

TINY = replace(
    setup.SIZES["smoke"], seeds=(1, 2), lams=(1, 4), gammas=(0, 11), epochs=1, lstm_epochs=1,
    draws=2, noises=(0.1,), levels=(2, 4), taps=(6, 10), samples=10, cd=(6, 2, 2), orders=2,
    planted=Setting(n=200, held=60, epochs=2), planted_seeds=(1,), planted_epochs=1, controls=8,
)  # fmt: skip


def some_signals(count: int = 90, seed: int = 0) -> Signals:
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(count + 30, 1, 40)).cumsum(-1))
    y = (x[:, 0, 10] - x[:, 0, 20]).numpy() + 0.1 * rng.normal(size=count + 30)
    group = np.arange(count) % 3
    return Signals(x[:count], y[:count], group, x[count:], y[count:])


@pytest.fixture(scope="module")
def study() -> setup.Study:
    return setup.Study(some_signals(), TINY)


@pytest.fixture(scope="module")
def known(study) -> dict[str, Source]:
    return tracks.teach(study)


# --- variants ------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["smoke", "laptop", "paper"])
def test_variants_have_names_of_their_own_and_differ_in_one_thing(profile):
    size = setup.SIZES[profile]
    every = variants.variants(size, [*sources.TEACHERS, *sources.ATTRIBUTIONS])
    names = [v.name for v in every]
    assert len(set(names)) == len(names)
    assert not any("." in name for name in names)  # keys of results have no dots
    assert {v.group for v in every} == set(variants.GROUPS)
    plain = every[0]
    assert plain.name == variants.FULL
    allowed = {"lattice": 2, "random_taps_first": 2, "random_taps_cold": 3}  # see their labels
    for one in every[1:]:
        differs = [one.source != "network", one.start is not None, not one.sparse,
                   one.fits != "warm", *one.settings]  # fmt: skip
        assert sum(map(bool, differs)) == allowed.get(one.name, 1), one.name
    there = planted.variants(every)
    assert there[0] is plain
    assert {"no_sparsity", "silent", "by_lime", *(f"teacher_{n}" for n in sources.BROKEN)} <= {
        v.name for v in there
    }
    assert not {"no_interpretation", "teacher_authors", "lattice"} & {v.name for v in there}


def test_starts_are_drawn_anew_for_every_seed():
    every = {v.name: v for v in variants.variants(TINY, list(sources.TEACHERS))}
    for name in ("noise_10", "random_taps", "random_angles"):
        start = every[name].start
        assert start.shape == (2, 10)
        assert not torch.equal(start[0], start[1])
    assert torch.equal(every["random_taps"].start, every["random_taps_cold"].start)


def test_without_a_source_no_network_has_a_part(study, known):
    variant = variants.Variant("a", "loss", "a", None)
    fitted = fitting.fit(study, variant, {})
    again = fitting.fit(study, replace(variant, source="network"), known)
    assert (fitted.gamma == 0).all()
    assert fitted.h.shape == again.h.shape == (2, 10)


def test_a_start_for_every_seed_is_that_seeds_alone(study, known):
    starts = torch.stack([filters.lowpass("db5"), filters.lowpass("sym5")])
    both = fitting.fit(study, variants.Variant("a", "start", "a", start=starts), known)
    one = fitting.fit(study, variants.Variant("a", "start", "a", start=starts[0]), known)
    torch.testing.assert_close(both.h[0], one.h[0])
    assert not torch.allclose(both.h[1], one.h[1])


def test_a_silent_teacher_is_none(study, known):
    """Gradients of zero are γ = 0, only with as many fits and as much training."""
    silent = fitting.fit(study, variants.Variant("a", "loss", "a", "silent"), known)
    assert not known["silent"].gradients.any()
    lams, gammas = (g[list(p)] for g, p in zip(variants.published_grids(), (TINY.lams, TINY.gammas),
                                               strict=True))  # fmt: skip
    plain = fitting.sweep(study.signals.x, lams=lams, gammas=[0.0], seeds=TINY.seeds, epochs=1)
    assert set(silent.gamma) <= set(gammas)
    if (silent.gamma == 0).all():
        place = [list(lams).index(v) for v in silent.lam]
        torch.testing.assert_close(silent.h, plain.h[place, 0, [0, 1]])


def test_without_sparsity_there_are_as_many_fits(study, known, monkeypatch):
    grids = []
    swept = fitting.sweep
    monkeypatch.setattr(fitting, "sweep", lambda *a, **k: grids.append(k["lams"]) or swept(*a, **k))
    fitting.fit(study, variants.Variant("a", "loss", "a", sparse=False), known)
    assert len(grids[0]) == len(TINY.lams)
    assert max(grids[0]) < 1e-9


def test_fits_that_come_first_without_gamma_go_on_from_there(study, known):
    variant = variants.Variant("a", "start", "a", fits="first")
    fitted = fitting.fit(study, variant, known)
    plain = distill(study.signals.x, lam=fitted.lam[0], gamma=0.0, seed=1, epochs=1).h
    alone = distill(
        study.signals.x, gradients=known["network"].gradients[0], start=plain, lam=fitted.lam[0],
        gamma=fitted.gamma[0], seed=1, epochs=1,
    )  # fmt: skip
    torch.testing.assert_close(fitted.h[0], alone.h)


def test_a_variant_that_diverges_is_left_out(study, known, monkeypatch, capsys):
    plain = fitting.fit

    def fit(study, variant, known):
        if variant.name == "b":
            raise ValueError("the fit diverged")
        return plain(study, variant, known)

    monkeypatch.setattr(fitting, "fit", fit)
    every = [variants.Variant(name, "loss", name) for name in (variants.FULL, "b")]
    assert [f.variant.name for f in fitting.fit_all(study, every, known)] == [variants.FULL]
    assert "b is left out: the fit diverged" in capsys.readouterr().out


def test_cold_fits_are_single_fits_from_the_start(study, known):
    variant = variants.Variant("cold", "route", "cold", fits="cold")
    fitted = fitting.fit(study, variant, known)
    gradients = known["network"].gradients[0]
    alone = distill(
        study.signals.x, gradients=gradients, start="db5", lam=fitted.lam[0],
        gamma=fitted.gamma[0], seed=1, epochs=1,
    )  # fmt: skip
    torch.testing.assert_close(fitted.h[0], alone.h)


def test_nothing_is_chosen_with_test_tracks(study, known):
    rng = np.random.default_rng(1)
    scrambled = replace(
        study.signals,
        y_test=rng.normal(size=30),
        x_test=torch.from_numpy(rng.normal(size=(30, 1, 40))),
    )
    variant = variants.variants(TINY, list(known))[0]
    plain = fitting.fit(study, variant, known)
    other = fitting.fit(replace(study, signals=scrambled), variant, known)
    assert torch.equal(plain.h, other.h)
    assert not np.allclose(plain.judged.r2, other.judged.r2)
    again = tracks.teach(replace(study, signals=scrambled))
    for name in ("network", "shuffled", "linear", "lime"):
        assert torch.equal(again[name].gradients, known[name].gradients), name
    moved = tracks.permuted(scrambled, 0).x
    assert torch.equal(moved, tracks.permuted(study.signals, 0).x)


# --- the loss without penalties ------------------------------------------------------------------


def test_penalties_can_be_left_out_of_loss_and_gradient():
    x = some_signals().x[:8]
    h = (filters.lowpass("db5") * 1.05)[None]
    lam, gamma = torch.tensor([0.01]).double(), torch.tensor([0.0]).double()
    with_, without = Settings(), Settings(penalties=False)
    off = batch_loss(h, x, lam, gamma, with_) - batch_loss(h, x, lam, gamma, without)
    penalty = filters.validity(h[0]).penalty
    assert float(off) > 0.5 * penalty > 0
    loss, slope = loss_and_gradient(h, x, lam, gamma, without)
    free = h.clone().requires_grad_()
    (by_autograd,) = torch.autograd.grad(batch_loss(free, x, lam, gamma, without).sum(), free)
    torch.testing.assert_close(slope, by_autograd)
    step = 1e-6 * torch.randn(1, 10, generator=torch.Generator().manual_seed(0)).double()
    up, down = (batch_loss(h + s * step, x, lam, gamma, without) for s in (1, -1))
    assert float((up - down) / 2) == pytest.approx(float((slope * step).sum()), rel=1e-5)
    assert float(loss) == pytest.approx(float(batch_loss(h, x, lam, gamma, without)))


# --- sources -------------------------------------------------------------------------------------


def test_sources_weigh_alike(study, known):
    x = study.signals.x
    wanted = np.mean(sources.sizes_of(known["network"].gradients, x))
    for name, one in known.items():
        sizes = sources.sizes_of(one.gradients, x, one.method)
        if name != "silent":
            assert sizes == pytest.approx([wanted] * len(sizes), rel=1e-6), name
        assert one.gradients.shape[1:] == x.shape
        assert one.of(2).shape == (2, *x.shape)
    scores = dwt.flatten_coeffs(
        attribution.from_gradients(
            known["network"].gradients[0], x, filters.lowpass("db5"), level=4
        )
    )
    assert float(torch.cat([s.flatten() for s in scores]).abs().mean()) == pytest.approx(wanted)


def test_broken_teachers_are_broken_and_swapped_ones_are_not(study, known):
    """By saliency the objective never asks which example a gradient belongs to."""
    x, one = study.signals.x, torch.ones(1).double()
    h = filters.lowpass("sym4")[None]

    def loss(name: str) -> float:
        slopes = known[name].gradients[0]
        return float(batch_loss(h, x, 0 * one, one, Settings(), gradients=slopes))

    honest = loss("network")
    assert loss("swapped") == pytest.approx(honest, rel=1e-9)
    for name in (*sources.BROKEN, "silent"):
        assert abs(loss(name) - honest) > 1e-3 * honest, name
    drawn = sources.noise(known["network"].gradients, seed=3)
    assert torch.equal(drawn, sources.noise(known["network"].gradients, seed=3))
    order = sources.disordered(torch.arange(40.0).expand(2, 3, 1, 40), seed=1)
    assert torch.equal(order[0, 0, 0].sort().values, torch.arange(40.0))
    assert torch.equal(order[0], order[1])
    shuffled = tracks._shuffled(study.signals)
    assert sorted(shuffled) == sorted(study.signals.y)
    assert not np.array_equal(shuffled, study.signals.y)
    assert variants.is_broken("teacher_noise")
    assert not variants.is_broken("teacher_swapped")
    assert set(sources.BROKEN) <= set(sources.TEACHERS)


def test_a_linear_teachers_gradient_is_its_weights(study):
    x, y = study.signals.x, study.signals.y
    model, slopes = sources.linear(x, y, x[:5])
    np.testing.assert_allclose(slopes[3, 0], model.coef_)
    by_difference = model.predict((x[:5, 0] + slopes[:5, 0]).numpy()) - model.predict(
        x[:5, 0].numpy()
    )
    np.testing.assert_allclose(by_difference, slopes[:5, 0].square().sum(1))


def test_trees_find_the_sample_that_matters():
    x = some_signals(300).x
    y = 3 * x[:, 0, 7].numpy()
    _, slopes = sources.trees(x, y, x, seed=0)
    assert int(slopes.abs().mean((0, 1)).argmax()) == 7


# --- order, spread, contextual decomposition -----------------------------------------------------


def test_another_order_is_the_same_for_all_tracks(study):
    other = tracks.permuted(study.signals, 0)
    assert torch.equal(other.x.sort(-1).values, study.signals.x.sort(-1).values)
    whole = torch.cat([study.signals.x, study.signals.x_test])
    changed = torch.cat([other.x, other.x_test])
    order = [int((whole[:, 0] == changed[:, 0, k : k + 1]).all(0).nonzero()) for k in range(40)]
    assert sorted(order) == list(range(40))
    assert order != list(range(40))


def test_equal_wavelets_are_not_apart():
    h = filters.lowpass("db5")
    assert tracks.spread(torch.stack([h, h, -h])) == pytest.approx(0, abs=1e-9)
    assert len(tracks.spread(h[None])) == 0
    assert tracks.spread(torch.stack([h, filters.lowpass("sym5")]))[0] > 1


def test_contextual_decomposition_moves_the_filter_its_own_way(study, known):
    found = contextual.compare(study, known)
    assert list(found.table["name"]) == list(contextual.KINDS)
    assert found.numbers["sum_rule"] < 1e-12
    assert found.numbers["slower"] is None  # untimed
    rows = found.table.set_index("name")
    assert rows.loc["saliency", "from_saliency"] == pytest.approx(0, abs=1e-9)
    assert rows.loc["cd", "from_saliency"] > 1e-8  # its network has hardly learned
    assert (rows["moved"] > 1e-3).all()
    text = printed.contextual(found.table)
    assert text.loc["contextual decomposition", "s a fit"] == "—"


# --- the planted wavelet -------------------------------------------------------------------------


def test_a_source_that_knows_the_planted_weights_is_the_best(tmp_path):
    size = replace(
        TINY, planted=Setting(n=600, held=200, epochs=2), planted_grid=((0,), (0, 13)),
        planted_epochs=20,
    )  # fmt: skip
    drawn = planted.draw(size)
    taught = [planted.teach(one, size) for one in drawn]
    y = drawn[0].y_test.numpy()
    assert taught[0]["linear"].r2(y) > 0.99  # the task is linear
    assert abs(taught[0]["untrained"].r2(y)) < 0.2
    assert taught[0]["noise"].r2(y) is None
    found = {
        name: planted.fit(size, variants.Variant(name, "teacher", name, name), drawn, taught)
        for name in ("linear", "noise", "silent")
    }
    assert found["linear"].oracle[0] < min(found["noise"].oracle[0], found["silent"].oracle[0])
    frame = record.table_of_planted(list(found.values()), planted.control(size, drawn))
    assert list(frame["name"]) == ["linear", "noise", "silent", "random"]


def of_planted(**blind: list[float]) -> list[planted.Found]:
    return [
        planted.Found(variants.Variant(n, "a", n), np.ones(2), np.array(values), np.ones(2))
        for n, values in blind.items()
    ]


def test_the_nearest_broken_teacher_decides():
    """Three that recover and one that does not are no sign that the teacher matters."""
    good = {f"teacher_{name}": [0.02, 0.03] for name in sources.BROKEN}
    found = record.planted_difference(of_planted(full=[0.02, 0.02], **good), 18.0)
    assert found["estimate"] == pytest.approx(0.005)
    one = {**good, "teacher_noise": [5.0, 5.0]}
    found = record.planted_difference(of_planted(full=[0.02, 0.02], **one), 18.0)
    assert found["estimate"] == pytest.approx(0.005)
    every = {name: [3.0, np.nan] for name in good}  # without a valid filter nothing is found
    found = record.planted_difference(of_planted(full=[0.02, 0.02], **every), 18.0)
    assert (found["low"], found["high"]) == pytest.approx((2.98, 17.98))
    none = record.planted_difference(of_planted(full=[np.nan, np.nan], **every), 18.0)
    assert none["estimate"] < 0


def test_the_spreads_interval_covers_the_truth():
    rng = np.random.default_rng(5)
    sds = rng.normal(size=(400, 2, 5)).std(-1, ddof=1)  # both of standard deviation 1
    found = [record.more_spread(a, b, 5) for a, b in sds]
    covered = np.mean([one["low"] <= 0 <= one["high"] for one in found])
    assert 0.9 < covered <= 1
    assert record.more_spread(0.1, 0.2, 2)["estimate"] is None
    assert record.more_spread(None, 0.2, 5)["estimate"] is None


# --- what is stored ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(study, known):
    every = variants.variants(TINY, list(known))
    fitted = fitting.fit_all(study, every, known)
    references = tracks.refer(study, known)
    predictions = record.predictions_of(fitted, references, tracks.without_order(study))
    return fitted, references, record.compare(study.signals.y_test, predictions)


def test_every_claim_of_the_chapter_has_its_quantity(compared):
    _, _, found = compared
    names = ["full", *(f"teacher_{n}" for n in sources.BROKEN)]
    blind = {name: [float(k), float(k)] for k, name in enumerate(names)}
    made = record.claims_of(found, of_planted(**blind), 18.0)
    assert set(paper.quantities("ablations")) <= set(made)
    assert made["planted_broken_minus_full"]["estimate"] == pytest.approx(1)
    assert made["random_spread"]["estimate"] is None  # two seeds say nothing of a spread
    for name, one in made.items():
        if one["estimate"] is not None:
            assert one["low"] <= one["estimate"] <= one["high"], name
    r2 = {name: row["r2"] for name, row in found.rows.items()}
    mean = np.mean([r2[f"teacher_{n}"] for n in sources.BROKEN])
    assert made["full_minus_broken"]["estimate"] == pytest.approx(r2["full"] - mean)
    lead = (r2["permuted_awd"] - r2["permuted_ridge"]) - (r2["full"] - r2["ridge"])
    assert made["benefit_without_order"]["estimate"] == pytest.approx(lead)
    order = record.table_of_order(found).set_index("name")
    # ridge regression does not notice the order, but for its choice of a penalty
    assert order.loc["ridge", "r2"] == pytest.approx(order.loc["ridge", "r2_in_order"], abs=1e-6)


def test_the_table_of_variants_says_what_was_fitted(study, known, compared):
    fitted, _, found = compared
    frame = record.table_of_variants(fitted, found, known, study)
    assert len(frame) == len(fitted)
    rows = frame.set_index("name")
    assert rows.loc["full", "minus_full"] == 0
    assert pd.isna(rows.loc["no_interpretation", "teacher_r2"])
    assert rows.loc["no_sparsity", "lam"] < 1e-9
    assert rows["compression"].between(0, 1).all()
    assert rows["low"].le(rows["r2"]).all()
    assert rows["r2"].le(rows["high"]).all()
    assert rows.loc["lattice", "valid"] == 1
    text = printed.variants(frame, ("start",))
    assert text.index[0] == "AWD, nothing changed"
    assert "from Sym5" in text.index
    assert "boosted trees" not in text.index
    scales = record.scales_of(fitted, 40)
    assert scales["level"] in TINY.levels
    assert scales["taps"] in TINY.taps
    assert (scales["rule_level"], scales["rule_taps"]) == (2, 2)
    assert scales["rule_taps_r2"] is None  # not fitted here


def test_a_gain_that_may_be_none_is_not_shared_out():
    def compared(**r2):
        noise = np.random.default_rng(0).normal(scale=0.01, size=200)
        samples = {k: v + (noise if k == "full" else 0) for k, v in r2.items()}
        return record.Compared({k: {"r2": v} for k, v in r2.items()}, samples, 9)

    names = ("silent", "teacher_untrained", "random_any")
    some = record.shares(compared(full=0.3, db5=0.2, **dict.fromkeys(names, 0.25)))
    assert some["random_any"] == pytest.approx(0.5)
    assert "50% is there without a network" in some["words"]
    none = record.shares(compared(full=0.21, db5=0.2, **dict.fromkeys(names, 0.25)))
    assert none["random_any"] is None
    assert "cannot be told from none" in none["words"]
