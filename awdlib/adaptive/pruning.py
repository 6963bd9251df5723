"""Take away filters that are not missed (the CAR index), and search how many to begin with."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from awdlib.adaptive import textures
from awdlib.adaptive.judging import (
    Known,
    choose_alpha,
    cut,
    draw,
    features_of,
    folds,
    tested,
)
from awdlib.adaptive.setup import Size, Study
from awdlib.adaptive.textures import SPREAD, model_of, update
from awdlib.datasets.textures import SPLITS
from awdlib.ledger import array_hash, joined, load_state, part, state_of
from awdlib.scattering import pruning
from awdlib.scattering.banks import Bank
from awdlib.scattering.heads import FoldedHead, Groups, RidgeHead, filter_groups
from awdlib.scattering.learn import History, jitter
from awdlib.scattering.model import ScatteringModel
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.pruning import Pruning, Relearned
from awdlib.scattering.sizes import Attempt, search
from awdlib.threads import one_thread, reuse_memory

RANDOM = 20  # orders of removal that chance makes, for each seed
RESTARTS = 3  # of those that learn, at most
CODE = (*textures.CODE, pruning, sys.modules[__name__])
Sets = Mapping[str, np.ndarray]  # what `measure` gives


@dataclass(frozen=True)
class Pruned:
    """A path of removals for each seed, which draws the labelled crops.

    Attributes
    ----------
    paths : list of Pruning
        Down to a single filter, whatever it costs on labelled crops.
    stopped : list of Pruning
        By the rule: only filters that no restart misses.
    correct : numpy.ndarray of bool, shape (seeds, filters, test crops)
        With all filters, then after each removal: heads of all labelled crops, on test crops.
    at_stop : numpy.ndarray of bool, shape (seeds, test crops)
        With the filters that the rule leaves.
    random : numpy.ndarray, shape (seeds, orders, filters)
        Test accuracy where filters are removed in a random order.
    filters : list of (scale, orientation)
        What each number is.
    alphas : list of float
        α of every seed's heads, by cross-validation on labelled crops with all filters.
    """

    paths: list[Pruning]
    stopped: list[Pruning]
    correct: np.ndarray
    at_stop: np.ndarray
    random: np.ndarray
    filters: list[tuple[int, int]]
    alphas: list[float]


def measure(size: Size, seed: int) -> dict[str, np.ndarray]:
    """Features of crops by the standard wavelets, none of them learned, and what the crops are of.

    Returns
    -------
    dict of str to numpy.ndarray
        For each split its name, (crops, features), and ``y_...``, (crops,).
    """
    found: dict[str, np.ndarray] = {}
    model = model_of(Morlet2d(size.scales, size.orientations), size)
    for split in SPLITS:
        x, y = cut(split, size.pruned, seed, size)
        found |= {split: features_of(model, x).numpy(), f"y_{split}": y.numpy()}
    return found


def of_labelled(sets: Sets) -> Known:
    """Features and classes of crops to learn from and of those held out; no turns of them."""
    found = (np.concatenate([sets[k + name] for name in ("train", "held")]) for k in ("", "y_"))
    z, y = map(torch.from_numpy, found)
    return Known(z, y, folds(len(y)))


def crossed(some: Known, count: int, seed: int, alpha: float) -> list[FoldedHead]:
    """Restarts of a cross-validation on all labelled crops, which so all tell what is missed.

    In each restart every fold's head has its training crops drawn anew with replacement; no copy
    of a crop that it judges is among them.
    """
    z, y, fold = some.features, some.y, some.fold.numpy()
    rng = np.random.default_rng(seed)
    heads = []
    for _ in range(count):
        each = []
        for k in np.unique(fold):
            out, others = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
            drawn = rng.choice(others, len(others))
            each.append(RidgeHead(z[drawn], y[drawn], z[out], y[out], alpha=alpha))
        heads.append(FoldedHead(each))
    return heads


def along(sets: Sets, groups: Groups, order: Sequence[int], alpha: float) -> np.ndarray:
    """Which test crops are right before and after each removal, (removals + 1, test crops).

    The head is that of all labelled crops.
    """
    test, y_test = torch.from_numpy(sets["test"]), torch.from_numpy(sets["y_test"])
    some = of_labelled(sets)
    head = RidgeHead(some.features, some.y, test, y_test, alpha=alpha)
    right = [(head.predict().argmax(1) == y_test).numpy()]
    for filter_ in order:
        head.remove(groups[filter_])
        right.append((head.predict().argmax(1) == y_test).numpy())
    return np.stack(right)


def prune(size: Size, seed: int) -> dict[str, np.ndarray]:
    """Prune by labelled crops of one seed, and test: the arrays of `Pruned` that are about it."""
    reuse_memory()
    with one_thread():
        sets = measure(size, seed)
        some = of_labelled(sets)
        alpha, _ = choose_alpha(some)  # once, with all filters
        groups = filter_groups(model_of(Morlet2d(size.scales, size.orientations), size))
        path, stopped = (
            pruning.prune(crossed(some, size.restarts, seed, alpha), groups, tol=tol, target=1)
            for tol in (None, 0.0)
        )
        rng = np.random.default_rng(seed)
        chance = [rng.permutation(list(groups))[:-1].tolist() for _ in range(RANDOM)]
        return joined({"path": path.arrays(), "stopped": stopped.arrays()}) | {
            "alpha": np.array(alpha),
            "correct": along(sets, groups, [r.filter for r in path.removals], alpha),
            "at_stop": along(sets, groups, [r.filter for r in stopped.removals], alpha)[-1],
            "random": np.stack([along(sets, groups, one, alpha).mean(1) for one in chance]),
        }  # fmt: skip


def pruned(study: Study) -> Pruned:
    """Prune the filters of the standard transform, none of them learned, for each seed."""
    size = study.size
    found = study.gather(
        "pruning", [({"seed": seed}, (size, seed)) for seed in size.seeds], prune, code=CODE,
        **size.some("pixels", "pruned", "test", "scales", "orientations", "restarts"),
    )  # fmt: skip
    bank = Morlet2d(size.scales, size.orientations)
    correct, at_stop, random = (
        np.stack([one[name] for one in found]) for name in ("correct", "at_stop", "random")
    )
    return Pruned(
        paths=[Pruning.of(part(one, "path")) for one in found],
        stopped=[Pruning.of(part(one, "stopped")) for one in found],
        correct=correct, at_stop=at_stop, random=random,
        filters=list(zip(bank.scales, bank.orientations, strict=True)),
        alphas=[float(one["alpha"]) for one in found],
    )  # fmt: skip


# --- learning again ------------------------------------------------------------------------------


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
        history = update(model, crops, seed, size.inner)
    return joined({"model": model.arrays(), "history": history.arrays()})


def common(size: Size) -> dict[str, Any]:
    """What every piece of learning again depends on."""
    return size.some("pixels", "pruned", "scales", "many", "inner") | {"seed": size.seeds[0]}


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
        found = study.gather("learning again", tasks, learn_again, code=CODE, **common(size))
        for model, piece in zip(models, found, strict=True):
            model.restore(part(piece, "model"))
        return [History.of(part(piece, "history")) for piece in found]

    with one_thread():
        alpha, _ = choose_alpha(
            Known(features_of(start_of(size, seed), crops.x), crops.y, folds(len(crops.y)))
        )
        return pruning.prune_and_learn(
            lambda seed: start_of(size, seed), crops.x, crops.y, crops.x_held, crops.y_held,
            restarts=min(size.restarts, RESTARTS), block=size.many, seed=seed, learner=learner,
            alpha=alpha,
        ).arrays()  # fmt: skip


def relearned(study: Study) -> Relearned:
    """Learn, remove a block of filters, learn again: each restart from a start of its own."""
    size = study.size
    (piece,) = study.gather(
        "pruning and learning", [({}, (study,))], relearn, code=CODE, here=True,
        restarts=size.restarts, **common(size),
    )  # fmt: skip
    return Relearned.of(piece, lambda: start_of(size, size.seeds[0]))


# --- the outer search ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Searched:
    """What the outer search found.

    Attributes
    ----------
    best : Attempt
    tried : list of Attempt
        In order, until no size had been better for a while.
    sums : numpy.ndarray, shape (tried,)
        Largest Littlewood–Paley sum after any step of each.
    correct : numpy.ndarray of bool, shape (test crops,)
        Of the best one, the only one that is tested.
    """

    best: Attempt
    tried: list[Attempt]
    sums: np.ndarray
    correct: np.ndarray


def sizes_to_try(size: Size) -> list[dict[str, int]]:
    """Layers, scales and orientations of the outer problem, by the coefficients that they make.

    Two layers need two scales.
    """
    sizes = [
        {"layers": m, "J": j, "L": n}
        for m in (1, 2)
        for j in range(m, size.scales + 1)
        for n in sorted({4, size.orientations})
    ]

    def coefficients(some: dict[str, int]) -> int:
        j, n = some["J"], some["L"]
        return 1 + j * n + (some["layers"] - 1) * j * (j - 1) // 2 * n * n

    return sorted(sizes, key=coefficients)


def attempt(size: Size, layers: int, scales: int, orientations: int) -> dict[str, np.ndarray]:
    """Learn so many filters for a few steps and prune them, as the inner problem has it.

    Returns
    -------
    dict of str to numpy.ndarray
        Held-out ``score``, how many are ``kept``, ``littlewood_paley`` (the largest sum after any
        step), ``keep`` (filters,) and the filters, ``bank/...``.
    """
    reuse_memory()
    with one_thread():
        seed = size.seeds[0]
        crops = draw(size.pruned, seed, size)
        model = model_of(Morlet2d(scales, orientations, share="rotated"), size, layers)
        history = update(model, crops, seed, size.inner)
        # Filters have seen the crops they learned from: those held out alone may judge them.
        some = Known(features_of(model, crops.x), crops.y, folds(len(crops.y)))
        alpha, _ = choose_alpha(some)
        heads = pruning.restarts(
            some.features, some.y, features_of(model, crops.x_held), crops.y_held,
            count=size.restarts, seed=seed, alpha=alpha,
        )  # fmt: skip
        found = pruning.prune(heads, filter_groups(model), tol=0.0, target=1)
    keep = [n in found.kept for n in range(scales * orientations)]
    return joined({"bank": state_of(model.scattering.bank)}) | {
        "score": np.array(found.curve()[-1, 1]), "kept": np.array(len(found.kept)),
        "littlewood_paley": np.array(history.littlewood_paley.max()), "keep": np.array(keep),
    }  # fmt: skip


def confirm(
    size: Size, layers: int, scales: int, orientations: int, piece: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Test what one `attempt` has left: ``correct`` (test crops,)."""
    reuse_memory()
    with one_thread():
        bank = Morlet2d(scales, orientations, share="rotated")
        load_state(bank, part(piece, "bank"))
        model = model_of(bank, size, layers)
        model.scattering.keep = piece["keep"].tolist()
        crops = draw(size.pruned, size.seeds[0], size)
    return {"correct": tested(lambda x: features_of(model, x), crops, size)}


def searched(study: Study) -> Searched:
    """The outer problem: how many layers, scales and orientations, by held-out crops."""
    size = study.size
    sizes = sizes_to_try(size)
    found: list[dict[str, np.ndarray]] = []
    config = size.some("pixels", "pruned", "restarts", "inner") | {"seed": size.seeds[0]}

    def told(some: dict[str, int]) -> tuple[float, int]:
        k = sizes.index(some)
        if k == len(found):  # as many beside each other as may be worse in a row
            ahead = sizes[k : k + size.patience]
            found.extend(study.gather(
                "sizes of the transform", [(one, (size, *one.values())) for one in ahead], attempt,
                code=CODE, **config,
            ))  # fmt: skip
        return float(found[k]["score"]), int(found[k]["kept"])

    best, tried = search(sizes, told, patience=size.patience)
    winner = found[sizes.index(best.size)]
    (tested,) = study.gather(
        "the size that was found",
        [({**best.size, "bank": array_hash(*winner.values())},
          (size, *best.size.values(), winner))],
        confirm, code=CODE, **size.some("test", "examples"), **config,
    )  # fmt: skip
    sums = np.array([float(one["littlewood_paley"]) for one in found[: len(tried)]])
    return Searched(best, tried, sums, tested["correct"])
