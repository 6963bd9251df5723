"""The ablations: variants differ in one thing, broken teachers are broken, test data are unseen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from awdlib import attribution, dwt, filters, paper
from awdlib.ablation import contextual, planted, record, setup, sources, tracks
from awdlib.ablation.sources import Source
from awdlib.clathrin.setup import PUBLISHED
from awdlib.distill import distill
from awdlib.experiments import Signals
from awdlib.networks import ClathrinLSTM
from awdlib.objective import Settings, batch_loss, loss_and_gradient
from awdlib.recovery.problem import Setting

TINY = replace(
    setup.SIZES["smoke"], seeds=(1, 2), lams=(1, 4), gammas=(0, 11), epochs=1, lstm_epochs=1,
    draws=2, noises=(0.1,), levels=(2, 4), taps=(6, 10), samples=10, cd=(6, 1),
    planted=Setting(n=200, held=60, epochs=2), planted_seeds=(1,), planted_epochs=1, controls=8,
)  # fmt: skip


def some_signals(count: int = 90, seed: int = 0) -> Signals:
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(count + 30, 1, 40)).cumsum(-1))
    y = (x[:, 0, 10] - x[:, 0, 20]).numpy() + 0.1 * rng.normal(size=count + 30)
    group = np.arange(count) % 3
    return Signals(x[:count], y[:count], group, x[count:], y[count:])


@pytest.fixture(scope="module")
def study() -> tracks.Study:
    return tracks.Study(some_signals(), TINY)


@pytest.fixture(scope="module")
def known(study) -> dict[str, Source]:
    return tracks.teach(study)


# --- variants ------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["smoke", "laptop", "paper"])
def test_variants_have_names_of_their_own_and_differ_in_one_thing(profile):
    size = setup.SIZES[profile]
    every = tracks.variants(size, [*sources.TEACHERS, *sources.ATTRIBUTIONS])
    names = [v.name for v in every]
    assert len(set(names)) == len(names)
    assert not any("." in name for name in names)  # keys of results have no dots
    assert {v.group for v in every} == set(tracks.GROUPS)
    plain = every[0]
    assert plain.name == tracks.FULL
    for one in every[1:]:
        differs = [
            one.source != plain.source, one.start is not None, not one.sparse,
            bool(one.settings),
        ]  # fmt: skip
        both = differs.count(True) + (not one.warm)
        assert both == (2 if one.name == "random_taps_cold" else 1), one.name
    assert {v.name for v in planted.variants()} <= set(names) | {"full"}


def test_starts_are_drawn_anew_for_every_seed():
    every = {v.name: v for v in tracks.variants(TINY, list(sources.TEACHERS))}
    for name in ("noise_10", "random_taps", "random_angles"):
        start = every[name].start
        assert start.shape == (2, 10)
        assert not torch.equal(start[0], start[1])
    assert torch.equal(every["random_taps"].start, every["random_taps_cold"].start)


def test_without_a_source_no_network_has_a_part(study, known):
    variant = tracks.Variant("a", "loss", "a", None)
    fitted = tracks.fit(study, variant, {})
    again = tracks.fit(study, replace(variant, source="network"), known)
    assert (fitted.gamma == 0).all()
    assert fitted.h.shape == again.h.shape == (2, 10)


def test_a_start_for_every_seed_is_that_seeds_alone(study, known):
    starts = torch.stack([filters.lowpass("db5"), filters.lowpass("sym5")])
    both = tracks.fit(study, tracks.Variant("a", "start", "a", start=starts), known)
    one = tracks.fit(study, tracks.Variant("a", "start", "a", start=starts[0]), known)
    torch.testing.assert_close(both.h[0], one.h[0])
    assert not torch.allclose(both.h[1], one.h[1])


def test_cold_fits_are_single_fits_from_the_start(study, known):
    variant = tracks.Variant("cold", "route", "cold", warm=False)
    fitted = tracks.fit(study, variant, known)
    gradients = known["network"].gradients[0]
    alone = distill(
        study.signals.x, gradients=gradients, start="db5", lam=fitted.lam[0],
        gamma=fitted.gamma[0], seed=1, epochs=1,
    )  # fmt: skip
    torch.testing.assert_close(fitted.h[0], alone.h)


def test_nothing_is_chosen_with_test_tracks(study, known):
    variant = tracks.variants(TINY, list(known))[0]
    plain = tracks.fit(study, variant, known)
    scrambled = replace(study.signals, y_test=np.random.default_rng(1).normal(size=30))
    other = tracks.fit(replace(study, signals=scrambled), variant, known)
    assert torch.equal(plain.h, other.h)
    assert not np.allclose(plain.judged.r2, other.judged.r2)


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
    wanted = sources.size_of(known["network"].gradients, x)
    for name, one in known.items():
        assert sources.size_of(one.gradients, x, one.method) == pytest.approx(wanted, rel=1e-6), (
            name
        )
        assert one.gradients.shape[1:] == x.shape
        assert one.of(2).shape == (2, *x.shape)
    h = filters.lowpass("db5")
    scores = dwt.flatten_coeffs(
        attribution.from_gradients(known["network"].gradients[0], x, h, level=4)
    )
    mean = torch.cat([s.flatten() for s in scores]).abs().mean()
    other = sources.size_of(known["network"].gradients[:1], x)
    assert float(mean) == pytest.approx(other)


def test_broken_teachers_are_broken(study, known):
    honest = known["network"].gradients
    swapped = sources.swapped(honest, seed=3)
    assert not torch.equal(swapped, honest)
    order = torch.cdist(swapped[0, :, 0], honest[0, :, 0]).argmin(1)
    assert sorted(order.tolist()) == list(range(len(order)))  # the same gradients, elsewhere
    drawn = sources.noise(honest, seed=3)
    assert float(drawn.abs().mean()) == pytest.approx(float(honest.abs().mean()))
    assert torch.equal(drawn, sources.noise(honest, seed=3))
    shuffled = tracks._shuffled(study.signals)
    assert sorted(shuffled) == sorted(study.signals.y)
    assert not np.array_equal(shuffled, study.signals.y)
    assert tracks.is_broken("teacher_noise")
    assert not tracks.is_broken("teacher_linear")
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
    other = tracks.permuted(study.signals)
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


def test_fits_that_ask_at_every_step_are_those_of_distill():
    """By saliency the small loop of contextual decomposition is distillation the reference way."""
    x = some_signals().x[:40]
    torch.manual_seed(0)
    network = ClathrinLSTM(6).double().eval()
    settings = Settings(epochs=2, batch_size=16)
    mine = contextual.fit(
        x, contextual.scores_by("saliency", network), filters.lowpass("db5"), seed=3,
        settings=settings,
    )  # fmt: skip
    theirs = distill(
        x, network, lam=PUBLISHED["lam"], gamma=PUBLISHED["gamma"], seed=3, epochs=2,
        batch_size=16, through_network=True,
    ).h  # fmt: skip
    torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12)
    plain = contextual.fit(x, None, filters.lowpass("db5"), seed=3, settings=settings)
    theirs = distill(x, lam=PUBLISHED["lam"], gamma=0.0, seed=3, epochs=2, batch_size=16).h
    torch.testing.assert_close(plain, theirs, rtol=1e-9, atol=1e-12)


def test_contextual_decomposition_moves_the_filter_its_own_way(study, known):
    found = contextual.compare(study, known)
    assert list(found.table["name"]) == list(contextual.KINDS)
    assert found.numbers["sum_rule"] < 1e-12
    assert found.numbers["slower"] is None  # untimed
    printed = record.printed_contextual(found.table)
    assert printed.loc["contextual decomposition", "s a fit"] == "—"


# --- the planted wavelet -------------------------------------------------------------------------


def test_a_source_that_knows_the_planted_weights_is_the_best(tmp_path):
    size = replace(
        TINY, planted=Setting(n=600, held=200, epochs=2), planted_grid=((0,), (0, 13)),
        planted_epochs=20,
    )  # fmt: skip
    drawn = planted.draw(size)
    taught = [planted.taught(one, size) for one in drawn]
    assert taught[0]["linear"].r2 > 0.99  # the task is linear
    assert abs(taught[0]["untrained"].r2) < 0.2
    by = {
        name: planted.fit(size, planted.Variant(name, "teacher", name, name), drawn, taught)
        for name in ("linear", "noise")
    }
    plain = planted.fit(size, planted.Variant("p", "loss", "p", None), drawn, taught)
    assert by["linear"].oracle[0] < min(by["noise"].oracle[0], plain.oracle[0])
    frame = record.table_of_planted([by["linear"], plain], planted.control(size, drawn))
    assert list(frame["name"]) == ["linear", "p", "random"]


# --- what is stored ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(study, known):
    every = tracks.variants(TINY, list(known))
    fitted = tracks.fit_all(study, every, known)
    references = tracks.refer(study, known)
    return (
        fitted,
        references,
        record.compare(study.signals.y_test, record.predictions_of(fitted, references)),
    )


def test_every_claim_of_the_chapter_has_its_quantity(study, known, compared):
    _, _, found = compared
    permuted = record.compare(study.signals.y_test, tracks.without_order(study))
    names = ["full", *(f"teacher_{n}" for n in sources.BROKEN)]
    on_planted = [
        planted.Fitted(planted.Variant(n, "a", n), np.ones(1), np.full(1, float(k)),
                       torch.ones(1, 10), np.ones(1))
        for k, n in enumerate(names)
    ]  # fmt: skip
    made = record.claims_of(found, permuted, on_planted)
    assert set(paper.quantities("ablations")) <= set(made)
    assert made["planted_broken_minus_full"]["estimate"] == pytest.approx(2.5)
    assert made["random_spread"]["estimate"] is None  # two seeds say nothing of a spread
    rest = {k: v for k, v in made.items() if v["estimate"] is not None}
    for name, one in rest.items():
        assert one["low"] <= one["estimate"] <= one["high"], name
    mean = np.mean([found.rows[f"teacher_{n}"]["r2"] for n in sources.BROKEN])
    assert made["full_minus_broken"]["estimate"] == pytest.approx(found.rows["full"]["r2"] - mean)


def test_the_table_of_variants_says_what_was_fitted(study, known, compared):
    fitted, _, found = compared
    frame = record.table_of_variants(fitted, found, known, study.signals)
    assert len(frame) == len(fitted)
    rows = frame.set_index("name")
    assert rows.loc["full", "minus_full"] == 0
    assert pd.isna(rows.loc["no_interpretation", "teacher_r2"])
    assert rows.loc["no_sparsity", "lam"] == 0
    assert rows["compression"].between(0, 1).all()
    assert rows["low"].le(rows["r2"]).all()
    assert rows["r2"].le(rows["high"]).all()
    assert rows.loc["lattice", "valid"] == 1
    text = record.printed(frame, ("start",))
    assert text.index[0] == "AWD, nothing changed"
    assert "from Sym5" in text.index
    assert "boosted trees" not in text.index
    scales = record.scales_of(fitted, 40)
    assert scales["level"] in TINY.levels
    assert scales["taps"] in TINY.taps
    assert scales["rule"] == 2


def test_shares_of_a_gain_that_is_none_are_none():
    def rows(**r2):
        return record.Compared({k: {"r2": v} for k, v in r2.items()}, {}, 1)

    names = ("no_interpretation", "teacher_untrained", "teacher_shuffled", "random_any",
             "random_best")  # fmt: skip
    some = record.shares(rows(full=0.3, db5=0.2, **dict.fromkeys(names, 0.25)))
    assert some["random_any"] == pytest.approx(0.5)
    none = record.shares(rows(full=0.2, db5=0.2, **dict.fromkeys(names, 0.25)))
    assert none["random_any"] is None
