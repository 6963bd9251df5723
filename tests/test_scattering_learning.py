"""Filters learned below a linear head, pruned, and scikit-learn's face of it all."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from torch import nn

from awdlib.attribution import input_gradients
from awdlib.ledger import Ledger
from awdlib.scattering import pruning
from awdlib.scattering.features import ScatteringFeatures
from awdlib.scattering.heads import FoldedHead, RidgeHead, car, channel_groups, filter_groups
from awdlib.scattering.learn import attribution_spread, fit, jitter
from awdlib.scattering.model import ScatteringModel, score
from awdlib.scattering.morlet import Morlet1d, Morlet2d
from awdlib.scattering.orthogonal import Orthogonal2d
from awdlib.scattering.pruning import (
    Pruning,
    Relearned,
    Removal,
    prune,
    prune_and_learn,
)
from awdlib.scattering.sizes import search
from awdlib.scattering.transform import Scattering1d, Scattering2d


def gratings(count: int, seed: int = 0, size: int = 16, noise: float = 0.5):
    """Two gratings in noise, (examples, size, size), of neighbouring frequencies; and classes."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % 2
    phase = 2 * torch.pi * torch.rand(count, 1, 1, generator=generator).double()
    frequency = torch.where(y == 0, 1.7, 2.1).double()[:, None, None]
    x = torch.cos(frequency * torch.arange(size) + phase).expand(count, size, size)
    return x + noise * torch.randn(count, size, size, generator=generator).double(), y


def model(seed: int = 0, spread: float = 0.0, rescale: bool = True, **options) -> ScatteringModel:
    bank = Morlet2d(2, 4, share="rotated")
    jitter(bank, spread, seed)
    scattering = Scattering2d((16, 16), bank, order=1, rescale=rescale)
    return ScatteringModel(scattering, 2, **options)


def sets():
    return (*gratings(48), *gratings(48, seed=1))


# --- learning ------------------------------------------------------------------------------------


def test_learned_filters_lower_the_held_out_loss():
    fixed = fit(model(), *sets(), seed=0, lr_filters=0, lr_head=0.05, epochs=20)
    learning = model()
    learned = fit(learning, *sets(), seed=0, lr_filters=0.05, lr_head=0.05, epochs=20)
    assert learned.held_loss.min() < 0.8 * fixed.held_loss.min()
    np.testing.assert_allclose(learned.littlewood_paley, 1, atol=1e-6)
    assert len(learned.littlewood_paley) == len(learned.loss) == 20
    # What is kept is the best epoch's, and it still brings no pair further apart.
    x, y = gratings(48, seed=1)
    with torch.no_grad():
        value = nn.functional.cross_entropy(learning(x), y)
        # At full size: where places are left out, pairs come closer whatever the filters.
        whole = Scattering2d(learning.scattering.shape, learning.scattering.bank,
                             padding="circular", subsample=False, rescale=True)  # fmt: skip
        others = torch.cat([x + 0.1, 1.1 * x, x.flip(0)])
        apart = whole(x).repeat(3, 1, 1, 1) - whole(others)
    assert float(value) == pytest.approx(learned.held_loss[learned.best], abs=1e-9)
    ratio = apart.flatten(1).norm(dim=1) / (x.repeat(3, 1, 1) - others).flatten(1).norm(dim=1)
    assert 0.8 < float(ratio.max()) <= 1 + 1e-9


def test_a_seed_decides_everything():
    runs = [fit(model(), *sets(), seed=s, epochs=2) for s in (3, 3, 4)]
    assert (runs[0].loss == runs[1].loss).all()
    assert (runs[0].loss != runs[2].loss).any()


def test_frozen_filters_stay_and_are_used_once():
    frozen = model(rescale=False)
    before = [p.detach().clone() for p in frozen.scattering.parameters()]
    made = []
    frozen.scattering.bank.register_forward_hook(lambda *_: made.append(1))
    history = fit(frozen, *sets(), seed=0, lr_filters=0, epochs=30, lr_head=0.05)
    assert history.held_loss[-1] < history.held_loss[0]
    for old, new in zip(before, frozen.scattering.parameters(), strict=True):
        torch.testing.assert_close(old, new.detach(), rtol=0, atol=0)
    assert len(made) <= 3


def test_standardisation_is_of_the_training_examples():
    x, y, x_held, y_held = sets()
    one, other = model(), model()
    fit(one, x, y, x_held, y_held, seed=0, lr_filters=0, epochs=1)
    fit(other, x, y, 100 * x_held + 5, y_held, seed=0, lr_filters=0, epochs=1)
    features = one.features(x)
    torch.testing.assert_close(one.mean, features.mean(0).detach())
    torch.testing.assert_close(one.spread, features.std(0, correction=0).detach())
    torch.testing.assert_close(other.mean, one.mean)
    torch.testing.assert_close(other.head.weight, one.head.weight)


def test_regression_in_the_targets_own_units():
    x, y = gratings(64, noise=0.1)
    target = 1000.0 + 50.0 * y.double()
    regression = ScatteringModel(Scattering2d((16, 16), Morlet2d(2, 2), rescale=True), 1)
    history = fit(
        regression, x[:48], target[:48], x[48:], target[48:], seed=0, lr_filters=1e-3,
        lr_head=0.05, epochs=30,
    )  # fmt: skip
    assert history.held_score[history.best] > 0.9
    with torch.no_grad():
        assert float((regression(x[48:])[:, 0] - target[48:]).abs().mean()) < 10


def test_early_stopping_keeps_the_best():
    x, y, x_held, y_held = sets()
    wrong = 1 - y_held  # the better it learns, the worse
    stopped = fit(model(), x, y, x_held, wrong, seed=0, lr_head=0.1, lr_filters=0, patience=3)
    assert len(stopped.held_loss) == stopped.best + 4 < 100


def test_score_is_accuracy_or_r2():
    assert score(torch.tensor([[1.0, 0], [0, 1], [1, 0]]), torch.tensor([0, 1, 1])) == 2 / 3
    y = torch.tensor([1.0, 2, 3, 6])
    assert score(torch.full((4, 1), 3.0), y) == pytest.approx(0)
    assert score(torch.tensor([[1.0], [2], [3], [5]]), y) == pytest.approx(1 - 1 / 14)


# --- a teacher -----------------------------------------------------------------------------------


def test_spread_is_small_for_attributions_in_few_coefficients():
    scattering = Scattering2d((16, 16), Orthogonal2d(2, "haar"), order=1)
    one = torch.zeros(1, 16, 16).double()
    one[0, 5, 5], one[0, 5, 6] = 1, -1  # close to one Haar wavelet
    rough = gratings(2)[0][1:]
    with torch.no_grad():
        small, large = (float(attribution_spread(scattering, g)) for g in (one, rough))
        assert small < 0.5 * large <= 0.5
        assert float(attribution_spread(scattering, 7 * rough)) == pytest.approx(large)


def test_a_teachers_gradients_pull_on_the_filters():
    x, y, x_held, y_held = sets()
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(256, 2)).double()
    with torch.no_grad():
        teacher[1].weight.copy_(torch.cos(1.9 * torch.arange(16)).repeat(16)[None] * 0.1)
    gradients = input_gradients(teacher, x[:, None], target=0)[:, 0]
    plain, pulled = model(), model()
    options = {"seed": 0, "epochs": 4, "lr_filters": 0.02, "gradients": gradients}
    without = fit(plain, x, y, x_held, y_held, **options)
    with_it = fit(pulled, x, y, x_held, y_held, gamma=20.0, **options)
    assert (without.penalty == 0).all()
    assert with_it.penalty[-1] < with_it.penalty[0]
    with torch.no_grad():
        spread = [float(attribution_spread(m.scattering, gradients)) for m in (pulled, plain)]
    assert spread[0] < spread[1]


# --- CAR -----------------------------------------------------------------------------------------


def planted(count: int = 200, seed: int = 0):
    """Features: 0 vital, 1 and 2 copies of one another and useful, 3 noise; classes."""
    generator = np.random.default_rng(seed)
    vital, twin, chance = generator.normal(size=(3, count))
    y = (2 * vital + 0.7 * twin + 0.1 * generator.normal(size=count) > 0).astype(np.int64)
    features = np.stack([vital, twin, twin, chance], 1)
    return torch.from_numpy(features), torch.from_numpy(y)


GROUPS = {n: np.array([n]) for n in range(4)}


@pytest.mark.parametrize("regression", [False, True])
def test_planted_filters_are_told_apart(regression):
    (x, y), (x_held, y_held) = planted(), planted(seed=1)
    if regression:
        y, y_held = (2 * a[:, 0] + 0.7 * a[:, 1] for a in (x, x_held))
    head = RidgeHead(x, y, x_held, y_held, alpha=1e-6)
    index = car(head, GROUPS)
    assert index[1] == pytest.approx(0, abs=1e-9)
    assert index[2] == pytest.approx(0, abs=1e-9)
    assert index[0] == max(index.values()) > 0.2
    # Without a refit, a twin's share of the weights is missed.
    assert car(head, GROUPS, refit=False)[1] > 0.01
    found = prune([head], GROUPS, tol=0.01)
    assert set(found.kept) in ({0, 1}, {0, 2})


def test_a_filter_planted_twice_is_redundant():
    x, y, x_held, y_held = sets()
    twins = model()
    bank = Morlet2d(2, 4)
    with torch.no_grad():
        for value in (bank.log_xi, bank.log_sigma, bank.log_slant):
            value[0, 3] = value[0, 0]
        bank.turn[0, 3] = bank.start[0] - bank.start[3]
    twins.scattering.bank = bank
    head = RidgeHead(twins.features(x), y, twins.features(x_held), y_held, alpha=1e-9)
    index = car(head, filter_groups(twins))
    assert index[0] == index[3] == 0
    assert max(index.values()) > 0


def test_heads_without_features_are_those_fitted_anew():
    (x, y), (x_held, y_held) = planted(), planted(seed=1)
    x, x_held = (a + 0.1 * torch.randn(a.shape, generator=torch.Generator().manual_seed(k)).double()
                 for k, a in enumerate((x, x_held)))  # fmt: skip
    target = torch.stack([y.double() + x[:, 3], x[:, 1]], 1)
    held = torch.stack([y_held.double(), x_held[:, 1]], 1)
    head = RidgeHead(x, target, x_held, held, alpha=3.0)

    def scratch(left):
        mean, spread = x.mean(0), x.std(0, correction=0)
        one, other = ((a - mean) / spread for a in (x, x_held))
        ridge = Ridge(alpha=3.0).fit(one[:, left].numpy(), target.numpy())
        return ridge.predict(other[:, left].numpy())

    np.testing.assert_allclose(head.predict(), scratch([0, 1, 2, 3]), atol=1e-9)
    groups = {0: np.array([0, 2]), 1: np.array([3])}
    np.testing.assert_allclose(head.without(groups)[0], scratch([1, 3]), atol=1e-9)
    head.remove(groups[0])
    np.testing.assert_allclose(head.predict(), scratch([1, 3]), atol=1e-9)
    np.testing.assert_allclose(head.without(groups)[0], head.predict(), atol=1e-12)
    np.testing.assert_allclose(head.without({1: np.array([2, 3])})[1], scratch([1]), atol=1e-9)
    head.remove(np.array([1, 3]))
    np.testing.assert_allclose(head.predict(), target.mean(0).expand(200, 2), atol=1e-9)


def test_every_restart_must_agree_before_a_filter_goes():
    (x, y), (x_held, y_held) = planted(), planted(seed=1)
    # In the second restart feature 3, noise in the first, is the only one that tells classes apart.
    swapped, swapped_held = x[:, [3, 1, 2, 0]], x_held[:, [3, 1, 2, 0]]

    def heads():
        return [RidgeHead(x, y, x_held, y_held), RidgeHead(swapped, y, swapped_held, y_held)]

    one = prune(heads()[:1], GROUPS, tol=0.005)
    both = prune(heads(), GROUPS, tol=0.005)
    assert 3 not in one.kept
    assert {0, 3} <= set(both.kept)
    lenient = prune(heads(), {3: GROUPS[3]}, tol=None)
    assert [r.filter for r in lenient.removals] == [3]
    for removal in both.removals:
        assert max(removal.index) <= 0.005 + 1e-9
        assert len(removal.score) == len(both.start) == 2
        assert 0 <= removal.agreement <= 1


def test_pruning_curves_targets_and_losses():
    (x, y), (x_held, y_held) = planted(), planted(seed=1)
    heads = pruning.restarts(x, y, x_held, y_held, count=3, seed=0)
    whole = prune(heads, GROUPS, tol=None)
    assert whole.kept == []
    curve = whole.curve()
    assert curve[:, 0].tolist() == [4, 3, 2, 1, 0]
    assert curve[0, 1] == np.mean(whole.start)
    assert whole.removals[-1].filter == 0
    assert curve[3, 1] > curve[4, 1] + 0.2
    again = prune(pruning.restarts(x, y, x_held, y_held, count=3, seed=0), GROUPS, tol=None)
    assert again == whole
    two = prune(pruning.restarts(x, y, x_held, y_held, count=3, seed=0), GROUPS, tol=None, target=2)
    assert two.removals == whole.removals[:2]
    careful = prune(
        pruning.restarts(x, y, x_held, y_held, count=3, seed=0), GROUPS, tol=None, max_loss=0.1
    )
    assert 0 in careful.kept


def test_restarts_agree_only_where_they_choose_alike():
    index = np.array([[0.0, 0.0, 0.1], [0.0, 0.0, 0.1], [0.1, 0.0, 0.0]])
    change = np.array([[0.2, 0.1, 0.0], [0.1, 0.2, 0.0], [0.0, 0.3, 0.4]])
    assert pruning._agreement(index, change) == pytest.approx(1 / 3)  # they choose 1, 0 and 1
    assert pruning._agreement(index[:2], change[:2]) == 0
    assert pruning._agreement(index[:1], change[:1]) == 1


def test_folds_as_one_head():
    (x, y), (x_held, y_held) = planted(), planted(seed=1)
    parts = [RidgeHead(x, y, x_held[k::2], y_held[k::2]) for k in range(2)]
    folded, whole = FoldedHead(parts), RidgeHead(x, y, x_held, y_held)
    assert folded.score() == pytest.approx(whole.score())
    for name, outputs in folded.without(GROUPS).items():
        alone = whole.without(GROUPS)[name]
        torch.testing.assert_close(outputs, torch.cat([alone[0::2], alone[1::2]]))
    folded.remove(GROUPS[0])
    whole.remove(GROUPS[0])
    assert torch.equal(folded.left, whole.left)
    assert folded.score() == pytest.approx(whole.score())


def test_few_and_many_examples_get_as_many_steps_and_are_changed_at_every_one():
    x, y, x_held, y_held = sets()
    asked = []

    def turned(a: torch.Tensor, k: int) -> torch.Tensor:
        asked.append((len(a), k))
        return a.rot90(k % 4, (-2, -1))

    for some in (8, 48):
        asked.clear()
        found = fit(model(), x[:some], y[:some], x_held, y_held, seed=0, epochs=2, every=3,
                    batch_size=8, augment=turned)  # fmt: skip
        assert len(found.loss) == len(asked) == 6
        assert len(found.held_loss) == 2
        assert len({k for _, k in asked}) > 1


def test_groups_are_the_features_of_a_filters_paths():
    two = ScatteringModel(Scattering2d((16, 16), Morlet2d(2, 2)), 2, inputs=3, pool="none")
    channels = two.scattering.channels
    each = 3 * 4 * 4
    assert len(two.mean) == len(channels) * each
    groups = filter_groups(two)
    for n, group in groups.items():
        paths = [k for k, c in enumerate(channels) if n in c.filters]
        assert set(group // each) == set(paths)
        assert len(group) == each * len(paths)
    assert set(channel_groups(two)) == set(range(1, len(channels)))
    # Features named so do vanish with the filter.
    x = gratings(6)[0].reshape(2, 3, 16, 16)
    whole = two.features(x)
    two.scattering.keep = [n != 1 for n in range(4)]
    left = np.setdiff1d(np.arange(whole.shape[1]), groups[1])
    torch.testing.assert_close(two.features(x), whole[:, left])


def test_learning_and_pruning_in_turn():
    x, y, x_held, y_held = sets()
    found = prune_and_learn(
        lambda seed: model(seed, 0.05), x, y, x_held, y_held, restarts=2, block=3, tol=0.05,
        target=2, epochs=3, lr_head=0.05,
    )  # fmt: skip
    gone = [r.filter for p in found.prunings for r in p.removals]
    assert len(gone) == len(set(gone)) >= 3
    for one in found.models:
        assert [n for n, kept in enumerate(one.scattering.keep) if not kept] == sorted(gone)
        assert one(x).shape == (48, 2)
    assert len(found.histories) >= 2
    assert all(len(block) == 2 for block in found.histories)


def test_what_was_pruned_and_learned_comes_back_from_a_ledger(tmp_path):
    x, y, x_held, y_held = sets()
    found = prune_and_learn(
        lambda seed: model(seed, 0.05), x, y, x_held, y_held, restarts=2, block=3, tol=0.05,
        target=2, epochs=3, lr_head=0.05,
    )  # fmt: skip
    again = Relearned.of(Ledger(tmp_path, {}).piece({}, found.arrays), model)
    assert again.prunings == found.prunings
    for one, other in zip(again.models, found.models, strict=True):
        assert one.scattering.keep == other.scattering.keep != (True,) * 8
        assert torch.equal(one(x), other(x))
    assert len(again.histories) == len(found.histories)
    for block, before in zip(again.histories, found.histories, strict=True):
        for one, other in zip(block, before, strict=True):
            assert (one.best, type(one.best)) == (other.best, int)
            for name in ("loss", "penalty", "littlewood_paley", "held_loss", "held_score"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_vetoes_come_back_too(tmp_path):
    removals = [
        Removal(3, [0.0, -0.1], 0.5, [], [0.7, 0.8], 12), Removal(1, [0.1, 0.0], 1.0, [0, 7],
        [0.6, 0.7], 9), Removal(0, [0.1, 0.2], 1.0, [7], [0.5, 0.6], 6),
    ]  # fmt: skip
    for some in (removals, []):
        made = Pruning([0.7, 0.75], some, [7, 9])
        assert Pruning.of(Ledger(tmp_path, {"n": len(some)}).piece({}, made.arrays)) == made


def test_a_learner_of_ones_own_takes_the_place_of_fit():
    x, y, x_held, y_held = sets()
    asked = []

    def learner(models):
        asked.append([sum(one.scattering.keep) for one in models])
        found = [fit(m, x, y, x_held, y_held, seed=5 + r, epochs=2) for r, m in enumerate(models)]
        return found

    options = {"restarts": 2, "block": 2, "tol": 0.1, "target": 5, "seed": 5}
    mine = prune_and_learn(model, x, y, x_held, y_held, learner=learner, **options)
    plain = prune_and_learn(model, x, y, x_held, y_held, epochs=2, **options)
    assert mine.prunings == plain.prunings
    assert asked[0] == [8, 8]
    assert len(asked) == len(mine.histories) == len(plain.histories)


def test_search_stops_saves_and_goes_on(tmp_path):
    sizes = [{"J": j, "L": 4} for j in (1, 2, 3, 4, 5)]
    scores = {1: 0.5, 2: 0.8, 3: 0.8, 4: 0.79, 5: 1.0}
    asked = []

    def attempt(size):
        asked.append(size["J"])
        return scores[size["J"]], 4 * size["J"]

    history = tmp_path / "search.json"
    best, tried = search(sizes, attempt, patience=2, history=history, data="a")
    assert best.size == {"J": 2, "L": 4}
    assert [a.size["J"] for a in tried] == asked == [1, 2, 3, 4]
    assert [a["score"] for a in json.loads(history.read_text())] == [0.5, 0.8, 0.8, 0.79]
    assert search(sizes, attempt, patience=2, history=history, data="a") == (best, tried)
    assert asked == [1, 2, 3, 4]
    assert search(sizes, attempt, patience=3, history=history, data="a")[0].score == 1.0
    scores[2] = 0.6  # other data: asked anew
    other, _ = search(sizes, attempt, patience=2, history=history, data="b")
    assert (other.score, asked[-5:]) == (1.0, [1, 2, 3, 4, 5])
    assert {a["data"] for a in json.loads(history.read_text())} == {"a", "b"}
    assert search(sizes, attempt, gain=0.4, patience=5)[0].size["J"] == 5


# --- scikit-learn --------------------------------------------------------------------------------


def test_features_in_a_pipeline():
    x, y, x_held, y_held = (a.numpy() for a in sets())
    pipeline = make_pipeline(ScatteringFeatures(J=2, L=4), LogisticRegression())
    assert pipeline.fit(x, y).score(x_held, y_held) > 0.6
    step = clone(pipeline[0]).set_params(order=1, pool="none").fit(x)
    found = step.transform(x)
    names = step.get_feature_names_out()
    assert found.shape == (48, len(names)) == (48, 9 * 16)
    assert len(set(names)) == len(names)
    assert names[16] == "S1(j0 l0) 0"
    np.testing.assert_allclose(clone(step).set_params(batch_size=7).fit_transform(x), found)
    assert step.transform(x.astype(np.float32)).dtype == np.float32
    colours = ScatteringFeatures(L=2).fit(x.reshape(12, 4, 16, 16))
    assert len(colours.get_feature_names_out()) == 4 * len(colours.scattering_.channels)


def test_features_of_signals_and_of_own_filters():
    x = np.random.default_rng(0).normal(size=(3, 128))
    signals = ScatteringFeatures(J=4, Q=2, dims=1).fit(x)
    own = Scattering1d(128, Morlet1d(4, 2), Morlet1d(4, 1))
    found = clone(ScatteringFeatures(scattering=own)).fit(x).transform(x)
    np.testing.assert_allclose(signals.transform(x), found)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x, y: fit(model(rescale=False), x, y, x, y, seed=0), "rescale=True"),
        (lambda x, y: fit(model(), x, y[1:], x, y, seed=0), "48 training examples have 47"),
        (lambda x, y: fit(model(), x, y + 1, x, y, seed=0), "numbered from 0 to 1"),
        (lambda x, y: fit(model(), x, y, x, y + 1, seed=0), "y_held has classes 1 to 2"),
        (
            lambda x, y: fit(model(), x, y.double()[:, None].expand(-1, 2), x, y, seed=0),
            "both need",
        ),
        (lambda x, y: fit(model(), x, y.double(), x, y.double(), seed=0), "2 outputs, y 1"),
        (lambda x, y: fit(model(), x, y, x, y, seed=0, gamma=1.0), "teacher's gradients"),
        (lambda x, y: fit(model(), x * torch.nan, y, x, y, seed=0), "x is not finite in 48 of 48"),
        (lambda x, y: fit(model(), x, y, x, y.int(), seed=0), "y.long\\(\\) makes them so"),
        (lambda x, y: fit(model(), x, y, x, y, seed=0, epochs=0), "epochs must be a whole number"),
        (lambda x, y: fit(model(), x, y, x, y, seed=0, every=0), "every must be a whole number"),
        (
            lambda x, y: fit(model(), x, y, x, y, seed=0, lr_filters=0, augment=lambda a, k: a),
            "without lr_filters",
        ),
        (lambda x, y: search([{"J": 1}], lambda size: (0.0, 0), history=Path("x")), "needs data"),
        (lambda x, y: RidgeHead(x[:, 0], y, x[:, 0], y, alpha=0), "alpha must be above 0"),
        (lambda x, y: RidgeHead(x, y, x, y), "features are"),
        (lambda x, y: RidgeHead(x[:, 0], y[1:], x[:, 0], y), "as many examples"),
        (lambda x, y: RidgeHead(x[:, 0] / 0, y, x[:, 0], y), "not finite in 48 of 48"),
        (lambda x, y: prune([], GROUPS), "at least one head"),
        (lambda x, y: search([], lambda size: (0.0, 0)), "at least one size"),
        (lambda x, y: ScatteringFeatures().fit(x.numpy()[0]), "examples, \\*shape"),
        (lambda x, y: ScatteringFeatures().fit(x).transform(x[:, 1:]), "fitted on"),
        (lambda x, y: ScatteringFeatures().fit(x).transform(x * torch.nan), "NaN"),
        (lambda x, y: ScatteringFeatures().fit(x).transform(x[:0]), "no examples"),
        (lambda x, y: ScatteringFeatures().fit(x.numpy() * 1j), "real numbers, not complex128"),
        (lambda x, y: ScatteringFeatures(batch_size=0).fit(x), "batch_size must be a whole"),
    ],
)
def test_errors_say_what_is_wrong(run, message):
    with pytest.raises(ValueError, match=message):
        run(*gratings(48))
