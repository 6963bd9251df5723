"""Begin with too many filters and take away those that are not missed (the CAR index)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from awdlib.adaptive import textures
from awdlib.adaptive.setup import Size, Study
from awdlib.adaptive.textures import cut, draw, features_of, model_of
from awdlib.datasets.textures import SPLITS
from awdlib.ledger import array_hash, joined, load_state, part, state_of
from awdlib.scattering import learn, pruning
from awdlib.scattering.banks import Bank
from awdlib.scattering.heads import Groups, RidgeHead, filter_groups
from awdlib.scattering.learn import History, ScatteringModel, jitter
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.pruning import Attempt, Pruning, Relearned
from awdlib.threads import one_thread, reuse_memory

RANDOM = 20  # orders of removal that chance makes
SPREAD = 0.05  # of the learned restarts' starts
RESTARTS = 3  # of those, at most
RULES: tuple[dict[str, Any], ...] = (
    {"tol": None, "target": 1},  # the whole path
    {"tol": 0.0},  # only filters that no restart misses
)
CODE = (*textures.CODE, pruning, sys.modules[__name__])
Sets = Mapping[str, np.ndarray]  # what `measure` gives


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


def common(size: Size) -> dict[str, Any]:
    """What every piece of pruning depends on."""
    return size.some("pixels", "pruned", "test", "scales", "many") | {"seed": size.seeds[0]}


def measure(
    size: Size, scales: int, orientations: int, splits: Sequence[str] = SPLITS
) -> dict[str, np.ndarray]:
    """Features of crops by wavelets that are not learned, and what the crops are of.

    Returns
    -------
    dict of str to numpy.ndarray
        For each split its name, (crops, features), and ``y_...``, (crops,).
    """
    reuse_memory()
    found: dict[str, np.ndarray] = {}
    with one_thread():
        model = model_of(Morlet2d(scales, orientations), size)
        for split in splits:
            x, y = cut(split, size.pruned, size.seeds[0], size)
            found |= {split: features_of(model, x).numpy(), f"y_{split}": y.numpy()}
    return found


def prune(sets: Sets, groups: Groups, size: Size, rule: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Prune by held-out crops; the arrays of a `Pruning`."""
    with one_thread():
        heads = pruning.restarts(
            *(torch.from_numpy(sets[name]) for name in ("train", "y_train", "held", "y_held")),
            count=size.restarts, seed=size.seeds[0],
        )  # fmt: skip
        return pruning.prune(heads, groups, **rule).arrays()


def tested(sets: Sets, groups: Groups, order: Sequence[int]) -> dict[str, np.ndarray]:
    """Which test crops are right before and after each removal: ``correct`` (removals + 1, crops).

    The head is that of all training crops.
    """
    with one_thread():
        head = RidgeHead(
            *(torch.from_numpy(sets[name]) for name in ("train", "y_train", "test", "y_test"))
        )
        right = [(head.predict().argmax(1) == head.y_held).numpy()]
        for filter_ in order:
            head.remove(groups[filter_])
            right.append((head.predict().argmax(1) == head.y_held).numpy())
    return {"correct": np.stack(right)}


def pruned(study: Study) -> Pruned:
    """Prune the filters of a scattering transform with many orientations, none of them learned."""
    size = study.size
    bank = Morlet2d(size.scales, size.many)
    (sets,) = study.gather(
        "features", [({}, (size, size.scales, size.many))], measure, code=CODE, **common(size)
    )
    groups = filter_groups(model_of(bank, size))
    features = array_hash(*sets.values())
    path, stopped = map(Pruning.of, study.gather(
        "pruning", [(rule, (sets, groups, size, rule)) for rule in RULES], prune, code=CODE,
        features=features, restarts=size.restarts, seed=size.seeds[0],
    ))  # fmt: skip
    rng = np.random.default_rng(size.seeds[0])
    chance = [rng.permutation(list(groups))[:-1].tolist() for _ in range(RANDOM)]
    orders = [[removal.filter for removal in path.removals], *chance]
    right = study.gather(
        "orders of removal", [({"order": one}, (sets, groups, one)) for one in orders], tested,
        code=CODE, features=features,
    )  # fmt: skip
    return Pruned(
        path, stopped, right[0]["correct"],
        np.stack([one["correct"].mean(1) for one in right[1:]]),
        list(zip(bank.scales, bank.orientations, strict=True)),
    )  # fmt: skip


def start_of(size: Size, seed: int) -> ScatteringModel:
    """A restart's model before anything is learned: each has a start of its own."""
    bank: Bank = Morlet2d(size.scales, size.many)
    jitter(bank, SPREAD, seed)
    return model_of(bank, size)


def learn_again(
    size: Size, seed: int, keep: Sequence[bool], filters: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Learn the filters that a restart has left: ``model/...`` and ``history/...``."""
    reuse_memory()
    with one_thread():
        crops, model = draw(size.pruned, size.seeds[0], size), start_of(size, seed)
        model.scattering.keep = keep
        load_state(model.scattering, filters)
        history = learn.fit(
            model, crops.x, crops.y, crops.x_held, crops.y_held, seed=seed, epochs=size.epochs,
            batch_size=32,
        )  # fmt: skip
    return joined({"model": model.arrays(), "history": history.arrays()})


def relearn(study: Study) -> dict[str, np.ndarray]:
    """Learn, remove a block of filters, learn again; the arrays of a `Relearned`."""
    size, seed = study.size, study.size.seeds[0]
    crops = draw(size.pruned, seed, size)

    def learner(models: Sequence[ScatteringModel]) -> list[History]:
        tasks = []  # no head is in them: each fit draws its own
        for r, scattering in enumerate(model.scattering for model in models):
            keep, filters = scattering.keep, state_of(scattering)
            key = {"restart": seed + r, "keep": keep, "filters": array_hash(*filters.values())}
            tasks.append((key, (size, seed + r, keep, filters)))
        found = study.gather(
            "learning again", tasks, learn_again, code=CODE, epochs=size.epochs, **common(size)
        )
        for model, piece in zip(models, found, strict=True):
            model.restore(part(piece, "model"))
        return [History.of(part(piece, "history")) for piece in found]

    with one_thread():
        return pruning.prune_and_learn(
            lambda seed: start_of(size, seed), crops.x, crops.y, crops.x_held, crops.y_held,
            restarts=min(size.restarts, RESTARTS), block=size.many, seed=seed, learner=learner,
        ).arrays()  # fmt: skip


def relearned(study: Study) -> Relearned:
    """Learn, remove a block of filters, learn again: each restart from a start of its own."""
    size = study.size
    (piece,) = study.gather(
        "pruning and learning", [({}, (study,))], relearn, code=CODE, here=True,
        **size.some("restarts", "epochs"), **common(size),
    )  # fmt: skip
    return Relearned.of(piece, lambda: start_of(size, size.seeds[0]))


def sizes_tried(size: Size) -> list[dict[str, int]]:
    """Scales and orientations of the outer problem, small to large."""
    angles = sorted({2, 4, size.orientations, size.many})
    return [{"J": j, "L": n} for j in range(1, size.scales + 1) for n in angles]


def attempt(size: Size, scales: int, orientations: int) -> dict[str, np.ndarray]:
    """Prune from so many filters on: held-out ``score``, and how many are ``kept``."""
    sets = measure(size, scales, orientations, ("train", "held"))
    groups = filter_groups(model_of(Morlet2d(scales, orientations), size))
    found = Pruning.of(prune(sets, groups, size, {"tol": 0.0}))
    return {"score": np.array(found.curve()[-1, 1]), "kept": np.array(len(found.kept))}


def searched(study: Study) -> tuple[Attempt, list[Attempt]]:
    """The outer problem: how many scales and orientations to begin with, by held-out crops."""
    size = study.size
    tried = sizes_tried(size)
    found = study.gather(
        "sizes of the transform", [(one, (size, *one.values())) for one in tried], attempt,
        code=CODE, **size.some("pixels", "pruned", "restarts"), seed=size.seeds[0],
    )  # fmt: skip

    def told(some: dict[str, int]) -> tuple[float, int]:
        one = found[tried.index(some)]
        return float(one["score"]), int(one["kept"])

    # Within a scale more orientations may not help where one more scale does: all are tried.
    return pruning.search(tried, told, patience=len(tried))
