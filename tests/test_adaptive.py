"""Adaptive scattering, the experiment: what chooses sees no test crop, every number is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from awdlib import paper
from awdlib.adaptive import neurons, printed, pruning, record, setup, stability, textures
from awdlib.adaptive.setup import METHODS, Study
from awdlib.datasets.recordings import Recording
from awdlib.datasets.textures import TEXTURES
from awdlib.scattering.morlet import Morlet2d
from awdlib.tuning import orientation_error, tuning

TINY = replace(
    setup.SIZES["smoke"], counts=(2,), test=3, epochs=1, network_epochs=1, deformed=4, frames=64
)
CLASSES = len(TEXTURES)


@pytest.fixture(scope="module")
def crops():
    return textures.draw(2, 1, TINY)


@pytest.fixture(scope="module")
def curves():
    return textures.learning_curves(Study(TINY))


@pytest.fixture(scope="module")
def moved(curves):
    return stability.compare(Study(TINY), curves)


@pytest.fixture(scope="module")
def pruned():
    return pruning.pruned(Study(TINY))


@pytest.fixture(scope="module")
def predicted():
    return neurons.predict(Study(TINY))


# --- textures ------------------------------------------------------------------------------------


def test_test_crops_are_the_same_for_all_and_held_ones_a_quarter(crops):
    other = textures.draw(8, 2, TINY)
    assert torch.equal(crops.x_test, other.x_test)
    assert len(crops.x) == 2 * CLASSES
    assert len(crops.x_held) == CLASSES
    assert len(other.x_held) == 2 * CLASSES
    assert not torch.equal(crops.x, other.x[: len(crops.x)])


def test_every_method_is_taught_and_stays_non_expansive(curves):
    assert set(curves.correct) == set(METHODS)
    for name, correct in curves.correct.items():
        assert correct.shape == (1, len(TINY.seeds), 3 * CLASSES)
        assert correct.dtype == bool
        piece = curves.pieces[name, 2, 1]
        if name in record.LEARNED:
            assert 0 < piece["littlewood_paley"] <= 1 + 1e-6
    again = textures.classify("rotated", 2, 1, TINY)
    np.testing.assert_array_equal(again["correct"], curves.correct["rotated"][0, 0])


def test_filters_that_learned_are_found_again(curves):
    bank = textures.bank_with(curves.pieces["each", 2, 1], "each", TINY)
    start = Morlet2d(TINY.scales, TINY.orientations)
    moved = [not torch.equal(a, b) for a, b in zip(bank.parameters(), start.parameters(),
                                                  strict=True)]  # fmt: skip
    assert all(moved)


def test_attributions_are_gradients_of_each_crops_own_logit(crops):
    torch.manual_seed(0)
    network = textures.SmallCNN(CLASSES).double().eval()
    found = textures.attributions(network, crops)
    step = torch.zeros_like(crops.x)
    step[3, 0, 10, 12] = 1e-5

    def own(x: torch.Tensor) -> torch.Tensor:
        return network(textures.coloured(x))[3, crops.y[3]]

    with torch.no_grad():
        want = (own(crops.x + step) - own(crops.x - step)) / 2e-5
    torch.testing.assert_close(found[3, 0, 10, 12], want, rtol=1e-4, atol=1e-9)


def test_heads_choose_without_the_test_crops(crops):
    model = textures.model_of(textures.bank_of("fixed", TINY), TINY)
    plain = textures.head_for(model, crops).predict()
    mixed = replace(crops, y_test=crops.y_test.flip(0))
    torch.testing.assert_close(textures.head_for(model, mixed).predict(), plain)
    taught = replace(crops, y=(crops.y + 1) % CLASSES)
    assert not torch.allclose(textures.head_for(model, taught).predict(), plain)


# --- pruning -------------------------------------------------------------------------------------


def test_pruning_goes_down_to_one_filter_and_the_rule_stops_before(pruned):
    count = TINY.scales * TINY.many
    assert len(pruned.path.removals) == count - 1
    assert pruned.correct.shape == (count, 3 * CLASSES)
    assert pruned.random.shape == (pruning.RANDOM, count)
    np.testing.assert_allclose(pruned.random[:, 0], pruned.correct[0].mean())
    assert len(pruned.stopped.kept) >= 0
    for removal in pruned.stopped.removals:
        assert max(removal.index) <= 1e-9  # nobody misses it
    frame = record.table_of_pruning(pruned)
    assert frame["left"].tolist() == list(range(count, 0, -1))


def test_learning_again_and_the_outer_search_end():
    again = pruning.relearned(Study(TINY))
    assert len(again.models) == 2
    assert again.histories
    best, tried = pruning.searched(Study(TINY))
    assert len(tried) == len(pruning.sizes_tried(TINY))
    assert best.score == max(one.score for one in tried)


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
    tau[0], tau[1] = 0, 0.5
    torch.testing.assert_close(stability.bend(x, tau), (x + x.roll(1, 3)) / 2)


def test_scattering_moves_no_further_than_images(moved):
    for ratio in moved.ratio.values():
        assert len(ratio) == TINY.pairs
        assert 0 < ratio.max() <= 1 + 1e-9
    assert moved.averaged.max() < 1e-9
    np.testing.assert_allclose(moved.shifted["fourier"], 0, atol=1e-12)
    for bent in moved.bent.values():
        assert (np.diff(bent.mean(1)) > -0.05).all()  # stronger bends move further


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
    found = neurons.read_out(neurons.pixels, train, held)
    assert found.latency.tolist() == [0, 3]
    test = recording(rng, 50, weights)
    off = found(test.movie)[5:] - test.spikes.mean(0)[5:]
    assert np.abs(off).max() < 0.02 * test.spikes.max()
    assert found(test.movie).shape == (50, 2)


@pytest.mark.parametrize("filter_", [0, 2, 5, 9])
def test_a_filters_angle_is_that_of_the_grating_it_likes(filter_):
    """Recordings and banks count angles differently; RAR's orientations need the same count."""
    size = replace(TINY, orientations=6)
    model = neurons.model_for(size)
    channel = next(
        k for k, c in enumerate(model.scattering.channels) if c.filters == (filter_,)
    )  # fmt: skip

    def answers(movie: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found = model.scattering(torch.from_numpy(movie).double())
        return found[:, [channel]].mean((2, 3)).numpy()

    liked = tuning(answers, neurons.SIDE).orientation[0]
    assert orientation_error(liked, neurons._angles(model)[filter_]) < 6


def test_neurons_are_predicted_probed_and_explained(predicted):
    count = TINY.neurons
    for name in neurons.LABELS:
        assert predicted.correlation[name].shape == (count,)
        errors = predicted.errors(name)
        assert ((errors["orientation"] >= 0) & (errors["orientation"] <= 90)).all()
    assert predicted.rar.shape == (count, 3 * TINY.orientations)
    frame = record.table_of_neurons(predicted)
    assert len(printed.models(frame)) == 3


# --- numbers -------------------------------------------------------------------------------------


def test_the_bootstrap_draws_seeds_and_crops_alike_for_all():
    rng = np.random.default_rng(1)
    correct = rng.random((5, 200)) < 0.7
    found = record.bootstrap(correct)
    np.testing.assert_array_equal(found, record.bootstrap(correct))
    assert found.mean() == pytest.approx(correct.mean(), abs=0.01)
    same = record.bootstrap(np.ones((5, 200), bool))
    np.testing.assert_allclose(same, 1)
    # crops are shared by the seeds: their noise does not average out over seeds
    shared = np.repeat(correct[:1], 5, 0)
    alone = np.sqrt(shared.mean() * (1 - shared.mean()) / 200)
    assert record.bootstrap(shared).std() == pytest.approx(alone, rel=0.15)


def test_every_claim_has_its_quantity(curves, pruned, moved, predicted):
    again = pruning.relearned(Study(TINY))
    tried = pruning.searched(Study(TINY))
    made = record.numbers_of(TINY, curves, pruned, again, tried, moved, predicted)
    assert set(paper.quantities("scattering")) <= set(made["claims"])
    assert made["claims"]["expansion"]["estimate"] <= 1
    arrays = record.arrays_of(TINY, curves, pruned, moved, predicted)
    assert arrays["each_sigma"].shape == (TINY.scales, TINY.orientations)
    frame = record.table_of_curves(TINY, curves)
    assert len(printed.curves(frame)) == len(METHODS)
