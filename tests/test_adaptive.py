"""Adaptive scattering, the experiment: what chooses sees no test crop, every number is known."""

import pickle
from concurrent.futures import Executor, Future
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch

from awdlib import networks, paper, store
from awdlib.adaptive import (
    claims,
    judging,
    neurons,
    printed,
    pruning,
    readouts,
    record,
    said,
    setup,
    stability,
    teacher,
    textures,
)
from awdlib.adaptive.setup import METHODS, Study
from awdlib.datasets.neurons import SPLITS, draw_neurons
from awdlib.datasets.neurons import record as record_neurons
from awdlib.datasets.recordings import Recording, load_recording
from awdlib.datasets.textures import TEXTURES
from awdlib.ledger import part, state_of
from awdlib.networks import SmallCNN
from awdlib.scattering import learn
from awdlib.scattering.model import ScatteringModel
from awdlib.scattering.morlet import Morlet2d
from awdlib.tuning import octaves, orientation_error, tuning

TINY = replace(
    setup.SIZES["smoke"], counts=(2,), test=3, updates=1, network_updates=1, deformed=4, frames=64
)
CLASSES = len(TEXTURES)


class Posting(Executor):
    """Computes at once, of what could be sent to another process."""

    def submit(self, compute, /, *args):
        pickle.dumps((compute, args))
        future = Future()
        future.set_result(compute(*args))
        return future


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return Study(TINY, tmp_path_factory.mktemp("ledger"), Posting())


@pytest.fixture(scope="module")
def crops():
    return judging.draw(2, 1, TINY)


@pytest.fixture(scope="module")
def curves(work):
    return textures.learning_curves(work)


@pytest.fixture(scope="module")
def moved(work, curves):
    return stability.compare(work, curves)


@pytest.fixture(scope="module")
def pruned(work):
    return pruning.pruned(work)


@pytest.fixture(scope="module")
def again(work):
    return pruning.relearned(work)


@pytest.fixture(scope="module")
def tried(work):
    return pruning.searched(work)


@pytest.fixture(scope="module")
def predicted(work):
    return neurons.predict(work)


# --- the ledger ----------------------------------------------------------------------------------

WORKERS = {
    textures: ("teach", "distil_wavelets", "classify"), stability: ("move",),
    neurons: ("observe", "learn_for"),
    pruning: ("prune", "learn_again", "relearn", "attempt", "confirm"),
}  # fmt: skip


def assert_same(a, b):
    if isinstance(a, ScatteringModel):
        a, b = a.arrays(), b.arrays()
    if is_dataclass(a):
        a, b = ({f.name: getattr(one, f.name) for f in fields(one)} for one in (a, b))
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        a, b = list(a.values()), [b[key] for key in a]
    if isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    else:
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b)


def test_what_is_finished_is_not_computed_again(
    work, curves, moved, pruned, again, tried, predicted, monkeypatch
):
    def fail(*args):
        raise AssertionError("computed again")

    for module, names in WORKERS.items():
        for name in names:
            monkeypatch.setattr(module, name, fail)
    monkeypatch.setattr(pruning.pruning, "prune", fail)
    assert_same(textures.learning_curves(work), curves)
    assert_same(stability.compare(work, curves), moved)
    assert_same(pruning.pruned(work), pruned)
    assert_same(pruning.relearned(work), again)
    assert_same(pruning.searched(work), tried)
    assert_same(neurons.predict(work), predicted)
    other = Study(replace(TINY, restarts=1), work.ledger)
    for step in (pruning.pruned, pruning.relearned, pruning.searched):
        with pytest.raises(AssertionError, match="computed again"):
            step(other)


def test_relearning_goes_on_where_it_was_stopped(work, again, monkeypatch):
    """Learning is kept piece by piece, not only when all of it is done."""
    assert again.histories
    work = Study(TINY, work.ledger)
    monkeypatch.setattr(pruning, "learn_again", lambda *args: pytest.fail("learned again"))
    assert_same(pruning.relearn(work), again.arrays())


# --- textures ------------------------------------------------------------------------------------


def test_test_crops_are_the_same_for_all_and_held_ones_half_as_many(crops):
    other = judging.draw(8, 2, TINY)
    assert torch.equal(crops.x_test, other.x_test)
    assert len(crops.x) == 2 * CLASSES
    assert len(crops.x_held) == CLASSES
    assert len(other.x_held) == 4 * CLASSES
    assert len(judging.cut("held", 100, 1, TINY)[0]) == judging.HELD_MOST * CLASSES
    assert not torch.equal(crops.x, other.x[: len(crops.x)])


def test_every_method_is_taught_and_stays_non_expansive(curves):
    assert set(curves.correct) == set(METHODS)
    for name, correct in curves.correct.items():
        assert correct.shape == (1, len(TINY.seeds), 3 * CLASSES)
        assert correct.dtype == bool
        if name in claims.LEARNED:
            assert 0 < curves.pieces[name, 2, 1]["littlewood_paley"] <= 1 + 1e-6
    again = textures.classify("rotated", 2, 1, TINY)
    np.testing.assert_array_equal(again["correct"], curves.correct["rotated"][0, 0])


def test_each_network_is_trained_once_for_all_that_need_it(monkeypatch):
    taught, distilled, got = [], [], {}

    def teach(count, seed, size):
        taught.append((count, seed))
        own = np.arange(3 * CLASSES) < count
        return {
            "state/of": np.array([count, seed]), "gradients": np.array([count, seed]),
            "correct": np.zeros_like(own), "own": own,
        }  # fmt: skip

    def distil_wavelets(count, seed, size, gradients):
        assert gradients.tolist() == [count, seed]
        distilled.append((count, seed))
        return {"taps": 10 * gradients}

    def classify(method, count, seed, size, given):
        got[method, count, seed] = {name: tuple(one.tolist()) for name, one in given.items()}
        return {"correct": np.ones(3 * CLASSES, bool)}

    monkeypatch.setattr(textures, "teach", teach)
    monkeypatch.setattr(textures, "distil_wavelets", distil_wavelets)
    monkeypatch.setattr(textures, "classify", classify)
    found = textures.learning_curves(Study(replace(TINY, counts=(2, 4))))
    assert taught == distilled == [(2, 1), (2, 2), (4, 1), (4, 2)]
    assert {method for method, _, _ in got} == set(METHODS) - {"cnn"}
    for (method, count, seed), given in got.items():
        assert given == {
            "distilled": {"gradients": (count, seed)}, "awd": {"taps": (10 * count, 10 * seed)},
            "awd_bands": {"taps": (10 * count, 10 * seed)},
        }.get(method, {})  # fmt: skip
    np.testing.assert_array_equal(found.own.sum(2), [[2, 2], [4, 4]])
    assert not found.correct["cnn"].any()
    assert found.correct["fixed"].all()
    assert {draw: tuple(s["of"].tolist()) for draw, s in found.networks.items()} == {
        draw: draw for draw in taught
    }


def test_a_network_comes_back_from_its_state(crops):
    network = teacher.network_for(crops, 1, TINY)
    again = teacher.network_of(state_of(network), TINY)
    x = judging.coloured(crops.x_test)
    assert torch.equal(again(x), network(x))
    assert torch.equal(teacher.attributions(again, crops), teacher.attributions(network, crops))
    taught = teacher.teach(2, 1, TINY)
    own = judging.draw(2, 1, TINY)
    want = teacher.attributions(teacher.network_of(part(taught, "state"), TINY), own)
    assert torch.equal(torch.from_numpy(taught["gradients"]), want)


@pytest.mark.parametrize(("method", "needs"), [("awd", "taps"), ("distilled", "gradients")])
def test_methods_that_learn_from_a_network_say_what_is_missing(crops, method, needs):
    with pytest.raises(ValueError, match=f"{method} learns from a network: give its {needs}"):
        textures.fit(method, crops, 1, TINY)


def test_filters_that_learned_are_found_again(curves):
    bank = textures.bank_with(part(curves.pieces["each", 2, 1], "bank"), "each", TINY)
    start = Morlet2d(TINY.scales, TINY.orientations)
    moved = [not torch.equal(a, b) for a, b in zip(bank.parameters(), start.parameters(),
                                                  strict=True)]  # fmt: skip
    assert all(moved)


def test_attributions_are_gradients_of_each_crops_own_logit(crops):
    torch.manual_seed(0)
    network = SmallCNN(CLASSES).double().eval()
    found = teacher.attributions(network, crops)
    step = torch.zeros_like(crops.x)
    step[3, 0, 10, 12] = 1e-5

    def own(x: torch.Tensor) -> torch.Tensor:
        turns = [network(judging.coloured(judging.turned(x, k))) for k in range(8)]
        return torch.stack(turns).mean(0)[3, crops.y[3]]

    with torch.no_grad():
        want = (own(crops.x + step) - own(crops.x - step)) / 2e-5
    torch.testing.assert_close(found[3, 0, 10, 12], want, rtol=1e-4, atol=1e-9)
    turned = teacher.attributions(network, replace(crops, x=judging.turned(crops.x, 6)))
    torch.testing.assert_close(turned, judging.turned(found, 6))


def test_a_square_has_eight_turns():
    x = torch.arange(9).reshape(1, 1, 3, 3)
    turns = {tuple(judging.turned(x, k).flatten().tolist()) for k in range(8)}
    assert len(turns) == 8
    assert torch.equal(judging.turned(x, 0), x)
    assert torch.equal(judging.turned(x, 13), judging.turned(x, 5))
    assert judging.copies_for(6, TINY) == 8
    assert judging.copies_for(TINY.examples, TINY) == 1


def test_heads_choose_without_the_test_crops(crops):
    model = textures.model_of(textures.bank_of("fixed", TINY), TINY)

    def predicted(crops: judging.Crops) -> torch.Tensor:
        return judging.head_for(lambda x: judging.features_of(model, x), crops, TINY).predict()

    plain = predicted(crops)
    torch.testing.assert_close(predicted(replace(crops, y_test=crops.y_test.flip(0))), plain)
    for taught in (
        replace(crops, y=(crops.y + 1) % CLASSES),
        replace(crops, y_held=(crops.y_held + 1) % CLASSES),  # heads are fitted on these too
    ):
        assert not torch.allclose(predicted(taught), plain)


def test_turns_of_one_crop_are_in_one_fold(crops):
    found = judging.known(lambda x: x.mean((2, 3)), crops, TINY)
    count = len(crops.x) + len(crops.x_held)
    assert len(found.y) == len(found.fold) == len(found.features) == 2 * count
    assert torch.equal(found.fold[:count], found.fold[count:])
    for k in found.fold.unique():
        assert set(found.y[found.fold == k].tolist()) == set(range(CLASSES))


def test_as_many_steps_and_tries_for_all(crops, monkeypatch):
    size, taught, many = replace(TINY, updates=20, gammas=(0.1, 1.0)), [], []

    def fit(model, x, y, x_held, y_held, **options):
        taught.append((options["gamma"], options["every"] * options["epochs"]))
        return learn.History(*np.ones((5, 1)), best=0)

    def train(model, *crops, epochs, **options):
        many.append(epochs)
        return [1.0]

    monkeypatch.setattr(learn, "fit", fit)
    monkeypatch.setattr(networks, "train", train)
    network = teacher.network_for(crops, 1, replace(size, network_updates=6))
    assert many == [6, 6]  # of one batch
    slopes = teacher.attributions(network, crops).numpy()
    for method in ("rotated", "distilled"):
        textures.fit(method, crops, 1, size, {"gradients": slopes})
    assert taught == [(0.0, 20), (0.0, 20), (0.1, 20), (1.0, 20)]


def test_bands_of_the_wavelet_transform_by_hand():
    x = torch.zeros(2, 1, 16, 16).double()
    x[1] = 1
    found = judging.band_features(torch.ones(2).double() / 2**0.5, 1, x)
    assert found.shape == (2, 4 * (judging.LARGEST + 1))
    assert (found[0].exp() < 1e-5).all()  # nothing in any band
    large = found[1].exp().reshape(4, -1) > 1
    assert large.all(1).sum() == 1  # Haar's mean of ones is 2, its details are 0
    assert large.any(1).sum() == 1


# --- pruning -------------------------------------------------------------------------------------


def test_pruning_goes_down_to_one_filter_and_the_rule_stops_before(pruned):
    count, seeds = TINY.scales * TINY.orientations, len(TINY.seeds)
    assert [len(path.removals) for path in pruned.paths] == [count - 1] * seeds
    assert pruned.correct.shape == (seeds, count, 3 * CLASSES)
    assert pruned.random.shape == (seeds, pruning.RANDOM, count)
    np.testing.assert_allclose(
        pruned.random[:, :, 0].T, [pruned.correct[:, 0].mean(1)] * pruning.RANDOM
    )
    for stopped, right in zip(pruned.stopped, pruned.at_stop, strict=True):
        assert 1 <= len(stopped.kept) < count
        assert stopped.kept
        assert right.shape == (3 * CLASSES,)
        for removal in stopped.removals:
            assert max(removal.index) <= 1e-9  # nobody misses it
    frame = record.table_of_pruning(pruned)
    assert frame["left"].tolist() == list(range(count, 0, -1))
    np.testing.assert_allclose(
        frame["chance"].to_numpy(float)[1:] * frame["left"].to_numpy()[:-1], 1
    )


def test_labelled_crops_are_judged_by_heads_that_have_not_seen_them():
    z = torch.randn(6 * CLASSES, 200, generator=torch.Generator().manual_seed(0)).double()
    y = torch.arange(CLASSES).repeat(6)  # noise tells nothing of these
    sets = {"train": z[: 4 * CLASSES], "held": z[4 * CLASSES :], "y_train": y[: 4 * CLASSES],
            "y_held": y[4 * CLASSES :]}  # fmt: skip
    some = pruning.of_labelled({k: a.numpy() for k, a in sets.items()})
    heads = pruning.crossed(some, 3, seed=0, alpha=1.0)
    assert len(heads) == 3
    for head in heads:
        assert len(head.y_held) == 6 * CLASSES
        assert head.score() < 0.4
    assert len({head.predict()[0, 0].item() for head in heads}) == 3


def test_learning_again_and_the_outer_search_end(again, tried):
    assert len(again.models) == 2
    assert again.histories
    sizes = pruning.sizes_to_try(TINY)
    assert {one["layers"] for one in sizes} == {1, 2}
    assert [one.size for one in tried.tried] == sizes[: len(tried.tried)]
    assert tried.best.score == max(one.score for one in tried.tried)
    place = tried.tried.index(tried.best)
    assert len(tried.tried) == min(len(sizes), place + 1 + TINY.patience)
    assert tried.correct.shape == (3 * CLASSES,)
    assert 0 < tried.sums.max() <= 1 + 1e-6
    assert record.table_of_search(tried)["kept"].tolist() == [one.kept for one in tried.tried]
    assert printed.search(record.table_of_search(tried)).index[0] == 1


def test_more_layers_scales_and_orientations_come_later():
    sizes = pruning.sizes_to_try(replace(TINY, scales=3, orientations=6))
    assert len(sizes) == 10
    assert sizes[0] == {"layers": 1, "J": 1, "L": 4}
    assert sizes[-1] == {"layers": 2, "J": 3, "L": 6}


def test_learning_from_a_ledger_is_learning(again):
    """As `prune_and_learn` does it by itself, one restart after the other."""
    drawn = judging.draw(TINY.pruned, 1, TINY)
    plain = pruning.pruning.prune_and_learn(
        lambda seed: pruning.start_of(TINY, seed), drawn.x, drawn.y, drawn.x_held, drawn.y_held,
        restarts=2, block=TINY.many, seed=1, epochs=TINY.inner, every=1, batch_size=32,
        lr_filters=textures.LR, augment=judging.turned,
    )  # fmt: skip
    assert again.prunings == plain.prunings
    x = drawn.x_test[:4]
    for one, other in zip(again.models, plain.models, strict=True):
        torch.testing.assert_close(one(x), other(x))


def test_what_is_lost_by_hand():
    right = np.arange(200) < np.array([[160, 170, 158, 157], [160, 160, 156, 100]])[:, :, None]
    stop = np.arange(200) < np.array([[150], [158]])
    found = pruning.Pruned([], [], right, stop, np.zeros((2, 0, 4)), [(0, 0)] * 4, [1.0, 1.0])
    half = claims.lost_with_half(found)
    assert (half["estimate"], half["n"], half["kind"]) == (pytest.approx(0.015), 200,
                                                          claims.OVER_CROPS)  # fmt: skip
    assert half["low"] < 0.015 < half["high"]
    assert claims.lost(found, found.at_stop)["estimate"] == pytest.approx(0.03)
    path = pruning.Pruning([0.5], [pruning.pruning.Removal(k, [0.0], 1.0, [], [0.5], 1)
                                   for k in range(2)], [2, 3])  # fmt: skip
    assert said.chances(path) == [1 / 4, 1 / 3]


@pytest.mark.parametrize(
    ("lows", "words"),
    [
        ((-0.1, -0.1, -0.1), "not clearly different with 5, 10 and 20"),
        ((-0.1, 0.1, 0.1), "better with 10 and 20; not clearly different with 5"),
        ((0.1, -0.3, -0.1), "better with 5; worse with 10; not clearly different with 20"),
    ],
)
def test_the_page_says_where_learning_helps(monkeypatch, lows, words):
    monkeypatch.setattr(
        said, "difference", lambda curves, a, b, k: {"low": lows[k], "high": lows[k] + 0.2}
    )
    assert said.said_of_learning(replace(TINY, counts=(5, 10, 20)), None) == words


def test_the_page_says_how_often_crops_are_seen(monkeypatch):
    """The batches that the record counts with are those of learning."""
    batches = {}
    monkeypatch.setattr(textures.learn, "fit", lambda *a, **k: batches.update(filters=k))
    monkeypatch.setattr(networks, "train", lambda *a, **k: batches.update(network=k) or [0.0])
    crops = textures.draw(2, 1, TINY)
    textures.update(None, crops, 1, 8)
    teacher.network_for(crops, 1, TINY)
    assert {name: k["batch_size"] for name, k in batches.items()} == record.BATCHES
    size = replace(TINY, counts=(2, 100), updates=48, network_updates=1200)
    assert record.passes_of(size) == {
        "filters_least": 48, "filters_most": 1.92, "network_least": 1200, "network_most": 24
    }  # fmt: skip


# --- stability -----------------------------------------------------------------------------------


def test_displacements_are_smooth_periodic_and_of_unit_slope():
    tau = stability.displacement(32, seed=3).numpy()
    assert np.abs(tau.mean((1, 2))).max() < 1e-12
    slopes = np.stack([(np.roll(tau, -1, a) - np.roll(tau, 1, a)) / 2 for a in (1, 2)], -1)
    sizes = np.linalg.svd(slopes.transpose(1, 2, 0, 3), compute_uv=False)
    assert sizes.max() == pytest.approx(1)
    assert np.abs(np.diff(tau, axis=2)).max() < 1.2  # nothing jumps


@pytest.mark.parametrize("side", [16, 17])
def test_bending_by_a_constant_is_a_shift(side):
    x = torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(0)).double()
    tau = torch.zeros(2, side, side).double()
    torch.testing.assert_close(stability.bend(x, tau), x)
    tau[0], tau[1] = 3, -2
    torch.testing.assert_close(stability.bend(x, tau), x.roll((3, -2), (2, 3)))
    # Between pixels: a wave that the grid can hold, moved as if there were no grid.
    u, v = torch.meshgrid(*[2 * np.pi * torch.arange(side).double() / side] * 2, indexing="ij")
    tau = torch.stack([0.4 * torch.sin(u), 0.3 * torch.cos(u + v)])
    step = 2 * np.pi / side
    wave, moved = (torch.cos(2 * a - 3 * b)[None, None]
                   for a, b in ((u, v), (u - step * tau[0], v - step * tau[1])))  # fmt: skip
    torch.testing.assert_close(stability.bend(wave, tau), moved)


def test_scattering_moves_no_further_than_images(moved):
    for name, ratio in moved.ratio.items():
        fits = 1 if name == "fixed" else len(TINY.seeds)
        assert len(ratio) == TINY.pairs * fits
        assert len(moved.worst[name]) == TINY.ascents * fits
        assert ratio.max() < moved.worst[name].max() <= 1 + 1e-9  # ascent finds worse pairs
        for k, change in enumerate(moved.bent[name]):  # the image's change bounds it
            assert (change <= moved.bent["image"][k] + 1e-9).all()
    assert moved.averaged.max() < 1e-9
    assert moved.bound[0] == pytest.approx(moved.bent["fixed"][0].mean())
    np.testing.assert_allclose(moved.bound / moved.bound[0],
                               np.array(stability.STRENGTHS) / stability.STRENGTHS[0])  # fmt: skip
    for name in stability.SCATTERINGS:  # real shifts are no identity, and less than another crop
        assert 1e-4 < moved.read[name].mean() < moved.apart[name]
    np.testing.assert_allclose(moved.shifted["fourier"], 0, atol=1e-12)
    for name in ("image", "lowpass", *stability.SCATTERINGS):  # stronger bends move further
        assert (np.diff(moved.bent[name].mean(1)) > 0).all()


# --- neurons -------------------------------------------------------------------------------------


def recording(rng: np.random.Generator, frames: int, weights: np.ndarray) -> Recording:
    movie = rng.random((frames, 6, 6)).astype(np.float32)
    drive = movie.reshape(frames, -1) @ weights
    spikes = np.zeros((2, frames, 2), np.int64)
    for k, latency in enumerate((0, 3)):
        spikes[:, latency:, k] = np.round(100 * drive[: frames - latency, k])
    return Recording(movie=movie, spikes=spikes, frame_rate=30.0, source="a test")


def test_readouts_find_latency_and_weights():
    rng = np.random.default_rng(0)
    weights = rng.random((36, 2))
    train, held = (recording(rng, frames, weights) for frames in (300, 100))
    found = readouts.read_out(readouts.pixels, train, held)
    assert found.latency.tolist() == [0, 3]
    test = recording(rng, 50, weights)
    off = found(test.movie)[5:] - test.spikes.mean(0)[5:]
    assert np.abs(off).max() < 0.02 * test.spikes.max()
    assert found(test.movie).shape == (50, 2)


@pytest.mark.parametrize("filter_", [0, 2, 5, 9])
def test_a_filters_angle_is_that_of_the_grating_it_likes(filter_):
    """Recordings and banks count angles differently; RAR's orientations need the same count."""
    model = neurons.model_for(replace(TINY, orientations=6), noise(np.random.default_rng(0)))
    channel = next(
        k for k, c in enumerate(model.scattering.channels) if c.filters == (filter_,)
    )  # fmt: skip

    def answers(movie: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found = model.scattering(torch.from_numpy(movie).double())
        return found[:, [channel]].mean((2, 3)).numpy()

    liked = tuning(answers, neurons.SIDE).orientation[0]
    assert orientation_error(liked, neurons._angles(model)[filter_]) < 6


def noise(rng: np.random.Generator, frames: int = 40, side: int = 32, count: int = 3):
    """Neurons that answer to noise without any: rates as very large counts."""
    drawn = draw_neurons(count, seed=0, size=side)

    def one(frames: int) -> Recording:
        movie = np.clip(0.5 + 0.15 * rng.standard_normal((frames, side, side)), 0, 1)
        spikes = np.round(1e4 * drawn.rate(movie)).astype(np.int64)
        return Recording(
            movie.astype(np.float32), np.stack([spikes, spikes]), 30.0, "a test",
            orientation=drawn.orientation, frequency=drawn.frequency,
        )  # fmt: skip

    return neurons.Shown(one(frames), one(frames // 2), one(frames // 2))


def test_models_of_noise_free_neurons_have_their_tuning():
    shown = noise(np.random.default_rng(0), frames=2000, count=5)
    size = replace(TINY, orientations=6, dtype=torch.float32)
    found = neurons.observe("fixed", {}, shown, size)
    true = shown.train
    assert orientation_error(found["orientation"], true.orientation).max() < 10
    off = octaves(found["frequency"], true.frequency)
    assert np.median(off) < 0.15
    assert (off < 0.3).sum() >= 4  # wavelets are an octave apart
    assert found["latency"].tolist() == draw_neurons(5, seed=0).latency.tolist()
    # by the filters alone, up to half of the 30 degrees between them, and a bit
    assert np.median(orientation_error(found["best"], true.orientation)) < 20
    assert found["correlation"].min() > 0.4  # of what no linear readout can have in full


def test_contrast_changes_nothing_but_what_the_floor_says():
    """a·x with the floor a²·c is x with c; without a floor, contrast does not count at all."""
    shown = noise(np.random.default_rng(0))
    model = neurons.model_for(TINY, shown)
    x = torch.from_numpy(shown.train.movie[:5]).double() - 0.5
    waves = model.kinds == 1
    seen = model.features(x)
    model.floor *= 0.3**2
    torch.testing.assert_close(model.features(0.3 * x)[:, waves], seen[:, waves])
    torch.testing.assert_close(model.features(0.3 * x)[:, ~waves], 0.3 * seen[:, ~waves])
    model.floor = 1e-12
    torch.testing.assert_close(
        model.features(9 * x)[:, waves], model.features(x)[:, waves], rtol=1e-6, atol=1e-9
    )
    assert model.features(torch.zeros_like(x)).abs().max() == 0


@pytest.mark.parametrize("side", [16, 21, 32])
def test_contrast_is_local_and_stands_where_wavelets_do(side):
    shown = noise(np.random.default_rng(0), side=side)
    model = neurons.model_for(TINY, shown)
    x = torch.zeros(1, side, side).double()
    x[0, 1, 1], x[0, side - 2, 2] = 1, -1  # two places in a dark frame
    grid = model.scattering(x).shape[-2:]
    contrast = readouts.local_contrast(x, 3)
    assert contrast.shape == (1, *grid)
    assert contrast.argmax() in (0, contrast[0, :-1].numel())  # at the edges where they are
    torch.testing.assert_close(readouts.local_contrast(3 * x + 0.2, 3), 9 * contrast)
    assert (readouts.local_contrast(0 * x + 0.7, 3).abs() < 1e-12).all()
    # weighted by hand at the first place
    first = 8 - ((side // 8 + 2) * 8 - side) // 2
    window = np.exp(-0.5 * ((np.arange(side) - first) / 8) ** 2)
    weights = np.outer(window, window) / window.sum() ** 2
    by_hand = (weights * x[0].numpy() ** 2).sum() - (weights * x[0].numpy()).sum() ** 2
    assert contrast[0, 0, 0].item() == pytest.approx(by_hand)


def test_features_of_a_kind_share_a_unit():
    features = torch.tensor([[1.0, 0.0, 5.0, 2.0], [-1.0, 0.0, 5.0, 8.0]]).double()
    mean, spread = readouts.units(features, np.array([0, 0, 1, 2]))
    assert mean.tolist() == [0, 0, 5, 5]
    np.testing.assert_allclose(spread, [1, 1, 1, 3])  # a constant counts as 1, as elsewhere
    np.testing.assert_allclose(readouts.units(features)[1], 12**0.5 / 2)


def test_neurons_are_predicted_probed_and_explained(predicted):
    count, filters = TINY.neurons, 3 * TINY.orientations
    assert set(predicted.errors) == set(neurons.LABELS)
    for name in neurons.LABELS:
        assert predicted.correlation[name].shape == (TINY.movies, count)
        for what in neurons.TOLD:
            assert predicted.tuning[name][what].shape == (TINY.movies, count)
    true = predicted.truth["orientation"]
    for name in ("fixed", "learned"):
        assert predicted.rar[name].shape == (TINY.movies, count, filters)
        np.testing.assert_array_equal(
            predicted.errors[name]["filter"], orientation_error(predicted.best[name], true)
        )
    assert (predicted.rar["fixed"] != predicted.rar["learned"]).any()
    frame = record.table_of_neurons(predicted)
    shown = printed.models(frame, **setup.WITHIN)
    assert list(shown.index) == list(neurons.LABELS.values())
    assert shown.loc["pixels", "best filter"] == "–"
    everything = printed.models(frame, degrees=90, octaves=99)
    assert everything["frequency"].str.endswith(" oct. (100%)").all()


def test_the_table_of_neurons_by_hand():
    frame = pd.DataFrame({
        "label": ["a"] * 4 + ["b"], "correlation": [0.5, np.nan, 0.6, 0.7, 0.25],
        "orientation": [4, 11, 8, 9, np.nan], "frequency": [0.1, 0.2, 0.5, 0.4, np.nan],
        "filter": [2, 40, 4, 50, np.nan],
    })  # fmt: skip
    shown = printed.models(frame, degrees=10, octaves=0.3)
    assert shown.loc["a"].tolist() == ["0.60", "8.5° (75%)", "0.30 oct. (50%)", "22.0° (50%)"]
    assert shown.loc["b"].tolist() == ["0.25", "–", "–", "–"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Files of three recordings of which nobody knows the truth."""
    folder, drawn = tmp_path_factory.mktemp("recorded"), draw_neurons(2, seed=0, size=21)
    for split in SPLITS:
        one = record_neurons(drawn, 50, seed=0, split=split, repeats=1 + 2 * (split == "test"))
        np.savez(folder / f"{split}.npz", movie=one.movie, spikes=one.spikes, frame_rate=30.0)
    return {split: load_recording(folder / f"{split}.npz") for split in SPLITS}


def test_recordings_without_truth_take_the_place_of_simulated_ones(
    recorded, curves, pruned, again, tried, moved
):
    found = neurons.predict(Study(TINY), [neurons.Shown(**recorded)])
    assert found.truth == found.errors == {}
    for name in neurons.LABELS:
        assert found.correlation[name].shape == (1, 2)
        assert np.isfinite(found.tuning[name]["frequency"]).all()
    made = record.numbers_of(TINY, curves, pruned, again, tried, moved, found)
    assert made["claims"]["recovered"]["estimate"] is None
    assert made["neurons"]["learned"]["within"] is None
    frame = record.table_of_neurons(found)
    store.csv_bytes("neurons", frame)
    assert set(printed.models(frame, **setup.WITHIN)["orientation"]) == {"–"}
    assert "orientation_true" not in record.arrays_of(TINY, curves, pruned, moved, found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: {"held": replace(r["held"], movie=r["held"].movie[:, 1:, 1:])},
         "as many pixels a side: train 21, held 20, test 21"),
        (lambda r: {"test": replace(r["test"], spikes=r["test"].spikes[:, :, :1])},
         "as many neurons: train 2, held 2, test 1"),
        (lambda r: {"test": replace(r["test"], frame_rate=24.0)},
         "as many frames a second: train 30, held 30, test 24"),
        (lambda r: {"test": replace(r["test"], spikes=r["test"].spikes[:1])},
         "test has one repeat"),
        (lambda r: {"held": replace(r["held"], movie=r["held"].movie[:7],
                                    spikes=r["held"].spikes[:, :7])},
         "held has 7 frames: at least 8"),
        (lambda r: {k: replace(v, movie=v.movie[:, :15, :15]) for k, v in r.items()},
         "frames of 15 pixels a side are too small"),
    ],
)  # fmt: skip
def test_recordings_that_do_not_fit_are_refused(recorded, change, message):
    with pytest.raises(ValueError, match=message):
        neurons.Shown(**{**recorded, **change(recorded)})


def test_sets_must_be_of_the_same_neurons(recorded):
    with pytest.raises(ValueError, match="one or more, all of the same neurons"):
        neurons.predict(Study(TINY), [])
    dark = {k: replace(v, movie=0 * v.movie) for k, v in recorded.items()}
    with pytest.raises(ValueError, match="the movie has no contrast"):
        neurons.predict(Study(TINY), [neurons.Shown(**dark)])


def test_a_neuron_whose_signal_is_not_known_breaks_nothing(predicted, monkeypatch):
    def unknown(prediction, spikes):
        return np.array([np.nan, 0.5, 0.25])

    monkeypatch.setattr(neurons, "noise_corrected_correlation", unknown)
    found = neurons.predict(Study(TINY))
    for correlation in found.correlation.values():
        np.testing.assert_array_equal(correlation, [[np.nan, 0.5, 0.25]])
    (shown,) = neurons.recordings(TINY)
    store.npz_bytes(neurons.observe("pixels", {}, shown, TINY))
    frame = record.table_of_neurons(found)
    assert frame["correlation"].isna().sum() == len(neurons.LABELS)
    store.csv_bytes("neurons", frame)
    over = claims.over_neurons(found.correlation["pixels"], "median")
    assert (over["estimate"], over["n"], over["kind"]) == (0.375, 2, "95 %, neurons")
    nothing = claims.over_neurons(np.full((2, 3), np.nan), "median")
    assert nothing["estimate"] is None


def test_neurons_are_drawn_alike_for_all_movies():
    """Equal in all sets of movies, they are no more than one set's; equal neurons are one."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal(200)
    one = claims.over_neurons(values[None], "mean")
    assert one["kind"] == "95 %, neurons"
    several = claims.over_neurons(np.tile(values, (5, 1)), "mean")
    assert several["kind"] == "95 %, neurons and movies"
    for found in (one, several):
        half = (found["high"] - found["low"]) / 2
        assert half == pytest.approx(1.96 * values.std() / 200**0.5, rel=0.08)
    by_movie = np.tile(np.arange(5.0)[:, None], (1, 200))
    found = claims.over_neurons(by_movie, "mean")
    assert (found["low"], found["high"]) == pytest.approx((2 - 1.24, 2 + 1.24), abs=0.21)


# --- numbers -------------------------------------------------------------------------------------


def test_the_bootstrap_draws_seeds_and_crops_alike_for_all():
    rng = np.random.default_rng(1)
    correct = rng.random((5, 200)) < 0.7
    found = claims.bootstrap(correct)
    np.testing.assert_array_equal(found, claims.bootstrap(correct))
    assert found.mean() == pytest.approx(correct.mean(), abs=0.01)
    same = claims.bootstrap(np.ones((5, 200), bool))
    np.testing.assert_allclose(same, 1)
    # crops are shared by the seeds: their noise does not average out over seeds
    shared = np.repeat(correct[:1], 5, 0)
    alone = np.sqrt(shared.mean() * (1 - shared.mean()) / 200)
    assert claims.bootstrap(shared).std() == pytest.approx(alone, rel=0.15)


def test_every_claim_has_its_quantity(curves, pruned, again, tried, moved, predicted):
    made = record.numbers_of(TINY, curves, pruned, again, tried, moved, predicted)
    assert set(paper.quantities("scattering")) <= set(made["claims"])
    assert made["claims"]["expansion"]["estimate"] <= 1
    arrays = record.arrays_of(TINY, curves, pruned, moved, predicted)
    assert arrays["each_sigma"].shape == (TINY.scales, TINY.orientations)
    frame = record.table_of_curves(TINY, curves)
    assert len(printed.curves(frame)) == len(METHODS)


def test_numbers_of_the_page_are_those_of_the_run(curves, pruned, again, tried, moved, predicted):
    made = record.numbers_of(TINY, curves, pruned, again, tried, moved, predicted)
    bound = paper.claims("scattering").set_index("id")["bound"]
    assert made["size"]["within"] == {"degrees": 10.0, "octaves": 0.3}  # as the claim says
    assert made["size"]["point"] == bound["scattering_redundant"]
    assert set(made["bent"]) == set(stability.LABELS)
    assert 0 < made["pruning"]["chance"] < 1
    shift = made["shift"]
    assert (shift["small"], shift["window"]) == (1, 2**TINY.scales)
    for name in ("image", "fixed", "learned"):
        assert shift[name]["small"] == moved.shifted[name][0].mean()
        assert shift[name]["window"] == moved.shifted[name][-1].mean()
    ways = [curves.correct[name][-1].mean() for name in claims.MORLET]
    most = made["most"]
    assert (most["learned"]["low"], most["learned"]["high"]) == (min(ways), max(ways))
    assert most["fixed"] == curves.correct["fixed"][-1].mean()
    for name, off in predicted.errors.items():
        near = (off["orientation"] <= 10) & (off["frequency"] <= 0.3)
        assert made["neurons"][name]["within"] == near.mean()
    assert made["claims"]["recovered"]["estimate"] == made["neurons"]["learned"]["within"]
