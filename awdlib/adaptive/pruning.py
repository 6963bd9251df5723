"""Begin with too many filters and take away those that are not missed (the CAR index)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from awdlib.adaptive.setup import Size, Study
from awdlib.adaptive.textures import Crops, draw, features_of, model_of
from awdlib.progress import progress
from awdlib.scattering import pruning
from awdlib.scattering.banks import Bank
from awdlib.scattering.heads import Groups, RidgeHead, filter_groups
from awdlib.scattering.learn import ScatteringModel, jitter
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.pruning import Pruning
from awdlib.threads import one_thread

RANDOM = 20  # orders of removal that chance makes
SPREAD = 0.05  # of the learned restarts' starts


@dataclass(frozen=True)
class Pruned:
    """A path of removals.

    Attributes
    ----------
    path : Pruning
        Down to a single filter, whatever it costs on held-out crops.
    stopped : Pruning
        By the rule: only filters that no restart misses.
    correct : numpy.ndarray of bool, shape (filters, test crops)
        With all filters, then after each removal: heads of all training crops, on test crops.
    random : numpy.ndarray, shape (orders, filters)
        Test accuracy where filters are removed in a random order.
    filters : list of (scale, orientation)
        What each number is.
    """

    path: Pruning
    stopped: Pruning
    correct: np.ndarray
    random: np.ndarray
    filters: list[tuple[int, int]]


@dataclass(frozen=True)
class Sets:
    """Features of training, held-out and test crops, and which belong to which filter."""

    train: Tensor
    held: Tensor
    test: Tensor
    groups: Groups


def sets_of(model: ScatteringModel, crops: Crops) -> Sets:
    """The features that a model gives the crops."""
    with one_thread():
        train, held, test = features_of(model, crops)
    return Sets(train, held, test, filter_groups(model))


def pruned(study: Study) -> Pruned:
    """Prune the filters of a scattering transform with many orientations, none of them learned."""
    size = study.size
    crops = draw(size.pruned, size.seeds[0], size)
    bank = Morlet2d(size.scales, size.many)
    sets = sets_of(model_of(bank, size), crops)

    def heads() -> list[RidgeHead]:
        return pruning.restarts(
            sets.train, crops.y, sets.held, crops.y_held, count=size.restarts, seed=size.seeds[0]
        )

    path = pruning.prune(heads(), sets.groups, tol=None, target=1)
    stopped = pruning.prune(heads(), sets.groups, tol=0.0)
    order = [removal.filter for removal in path.removals]
    rng = np.random.default_rng(size.seeds[0])
    chance = [rng.permutation(list(sets.groups))[:-1].tolist() for _ in range(RANDOM)]
    return Pruned(
        path, stopped, tested(sets, crops, order),
        np.stack([tested(sets, crops, one).mean(1) for one in chance]),
        list(zip(bank.scales, bank.orientations, strict=True)),
    )  # fmt: skip


def tested(sets: Sets, crops: Crops, order: list[int]) -> np.ndarray:
    """Which test crops are right before and after each removal, (removals + 1, test crops)."""
    head = RidgeHead(sets.train, crops.y, sets.test, crops.y_test)
    right = [(head.predict().argmax(1) == crops.y_test).numpy()]
    for filter_ in order:
        head.remove(sets.groups[filter_])
        right.append((head.predict().argmax(1) == crops.y_test).numpy())
    return np.stack(right)


def relearned(study: Study) -> pruning.Relearned:
    """Learn, remove a block of filters, learn again: each restart from a start of its own."""
    size = study.size
    crops = draw(size.pruned, size.seeds[0], size)

    def make(seed: int) -> ScatteringModel:
        bank: Bank = Morlet2d(size.scales, size.many)
        jitter(bank, SPREAD, seed)
        return model_of(bank, size)

    with one_thread():
        return pruning.prune_and_learn(
            make, crops.x, crops.y, crops.x_held, crops.y_held, restarts=min(size.restarts, 3),
            block=size.many, seed=size.seeds[0], epochs=size.epochs, batch_size=32,
        )  # fmt: skip


def sizes_tried(size: Size) -> list[dict[str, int]]:
    """Scales and orientations of the outer problem, small to large."""
    angles = sorted({2, 4, size.orientations, size.many})
    return [{"J": j, "L": n} for j in range(1, size.scales + 1) for n in angles]


def searched(study: Study) -> tuple[pruning.Attempt, list[pruning.Attempt]]:
    """The outer problem: how many scales and orientations to begin with, by held-out crops."""
    size = study.size
    crops = draw(size.pruned, size.seeds[0], size)
    tried = sizes_tried(size)
    told = progress("sizes of the transform")

    def attempt(some: Mapping[str, int]) -> tuple[float, int]:
        sets = sets_of(model_of(Morlet2d(some["J"], some["L"]), size), crops)
        heads = pruning.restarts(
            sets.train, crops.y, sets.held, crops.y_held, count=size.restarts, seed=size.seeds[0]
        )
        found = pruning.prune(heads, sets.groups, tol=0.0)
        told(tried.index(dict(some)) + 1, len(tried))
        return float(found.curve()[-1, 1]), len(found.kept)

    # Within a scale more orientations may not help where one more scale does.
    return pruning.search(tried, attempt, patience=len(tried))
