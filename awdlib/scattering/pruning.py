"""Which filters a task needs: greedy pruning, and learning again in between.

The proposal's Sec. I(2), by the index of `awdlib.scattering.heads`. All choices are made on
held-out *training* examples: no function here takes test data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from awdlib.ledger import joined, part
from awdlib.scattering.heads import Groups, Head, RidgeHead, filter_groups
from awdlib.scattering.learn import History, fit
from awdlib.scattering.model import ScatteringModel, score


@dataclass(frozen=True)
class Removal:
    """One step of `prune`.

    Attributes
    ----------
    filter : int
    index : list of float
        Its CAR (or RAR) in each restart.
    agreement : float
        Share of the pairs of restarts that by themselves would remove one and the same filter; 1
        for a single restart. Of n filters, chance alone makes 1/n of all pairs agree.
    vetoed : list of int
        Filters whose mean index is within the tolerance, and that of some restart is not.
    score : list of float
        Held-out score of each restart afterwards.
    features : int
        Features that are left.
    """

    filter: int
    index: list[float]
    agreement: float
    vetoed: list[int]
    score: list[float]
    features: int


@dataclass(frozen=True)
class Pruning:
    """What `prune` did.

    Attributes
    ----------
    start : list of float
        Held-out score of each restart with all filters.
    removals : list of Removal
        In order.
    kept : list of int
        Filters that are left.
    """

    start: list[float]
    removals: list[Removal]
    kept: list[int]

    def curve(self) -> np.ndarray:
        """Filters left and the mean held-out score with them, shape (removals + 1, 2)."""
        left = len(self.kept) + len(self.removals)
        scores = [self.start, *(r.score for r in self.removals)]
        return np.array([(left - k, np.mean(s)) for k, s in enumerate(scores)])

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it for a ledger, removals along the first axis; `of` is the way back."""
        vetoed = [(k, n) for k, r in enumerate(self.removals) for n in r.vetoed]
        plain = ("filter", "index", "agreement", "score", "features")
        found = {name: np.array([getattr(r, name) for r in self.removals]) for name in plain}
        return found | {
            "start": np.array(self.start), "kept": np.array(self.kept),
            "vetoed": np.array(vetoed, int).reshape(-1, 2),  # (removal, filter)
        }  # fmt: skip

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Pruning:
        """The pruning that told its `arrays`."""
        plain = {name: array.tolist() for name, array in arrays.items()}
        removals = [
            Removal(
                filter=plain["filter"][k], index=plain["index"][k],
                agreement=plain["agreement"][k], score=plain["score"][k],
                features=plain["features"][k], vetoed=[n for j, n in plain["vetoed"] if j == k],
            )
            for k in range(len(plain["filter"]))
        ]  # fmt: skip
        return cls(plain["start"], removals, plain["kept"])


def restarts(
    features: Tensor, y: Tensor, features_held: Tensor, y_held: Tensor, *,
    count: int, seed: int, alpha: float = 1.0,
) -> list[RidgeHead]:  # fmt: skip
    """Heads of `count` random draws of the training examples, with replacement.

    Where no filter learns, a head in closed form has nothing else that chance could decide.
    """
    generator = np.random.default_rng(seed)
    draws = [torch.from_numpy(generator.integers(len(y), size=len(y))) for _ in range(count)]
    return [
        RidgeHead(features[i], y[i], features_held, y_held, alpha=alpha)
        for i in draws
    ]  # fmt: skip


def prune(
    heads: Sequence[Head],
    groups: Groups,
    *,
    tol: float | None = 0.0,
    target: int = 0,
    max_loss: float | None = None,
    refit: bool = True,
) -> Pruning:
    """Remove filters greedily, one at a time, refitting the heads after each.

    Of the filters whose index is at most `tol` in **every** restart, the one with the smallest mean
    goes; among equals the one without which the held-out outputs change least. It ends where no
    filter may go, `target` filters are left, or the mean score is `max_loss` below the start's.

    Parameters
    ----------
    heads : sequence of RidgeHead or FoldedHead
        One a restart: from `restarts`, or each of other learned filters. Changed in place.
    groups : mapping
        From `heads.filter_groups` or `heads.channel_groups`.
    tol : float, optional
        None: any filter may go, for a curve down to `target`.
    target : int
    max_loss : float, optional
    refit : bool
        Whether the index refits the head (see `RidgeHead.without`).

    Raises
    ------
    ValueError
        If there is no restart.
    """
    if not heads:
        raise ValueError("prune needs at least one head: one for each restart")
    left = {int(n): group for n, group in groups.items()}
    start = [head.score() for head in heads]
    removals: list[Removal] = []
    while len(left) > target:
        index, change = _indices(heads, left, refit)
        names, mean = list(left), index.mean(0)
        within = np.ones(len(left), bool) if tol is None else (index <= tol + 1e-12).all(0)
        if not within.any():
            break
        order = np.lexsort((change.mean(0), mean.round(12)))
        chosen = next(int(k) for k in order if within[k])
        before = [head.score() for head in heads]
        after = [s - index[r, chosen] for r, s in enumerate(before)]
        if max_loss is not None and np.mean(after) < np.mean(start) - max_loss:
            break
        for head in heads:
            head.remove(left[names[chosen]])
        removals.append(
            Removal(
                filter=names[chosen],
                index=index[:, chosen].tolist(),
                agreement=_agreement(index, change),
                vetoed=[n for n, m, w in zip(names, mean, within, strict=True)
                        if tol is not None and m <= tol and not w],
                score=[head.score() for head in heads],
                features=int(heads[0].left.sum()),
            )
        )  # fmt: skip
        del left[names[chosen]]
    return Pruning(start, removals, list(left))


def _agreement(index: np.ndarray, change: np.ndarray) -> float:
    """Share of the pairs of restarts with one choice; equal indices are no agreement by themselves.

    Among filters of equal index, each restart takes the one that changes its own outputs least.
    """
    own = [np.lexsort((c, i.round(12)))[0] for i, c in zip(index, change, strict=True)]
    pairs = [a == b for a, b in combinations(own, 2)]
    return float(np.mean(pairs)) if pairs else 1.0


def _indices(heads: Sequence[Head], groups: Groups, refit: bool) -> tuple[Any, Any]:
    """Index, and mean squared change of the outputs, both (restarts, groups)."""
    index, change = [], []
    for head in heads:
        whole, predicted = head.score(), head.predict()
        outputs = head.without(groups, refit=refit).values()
        index.append([whole - score(p, head.y_held) for p in outputs])
        change.append([float(((p - predicted) ** 2).mean()) for p in outputs])
    return np.array(index), np.array(change)


@dataclass(frozen=True)
class Relearned:
    """What `prune_and_learn` did.

    Attributes
    ----------
    models : list of ScatteringModel
        One a restart, all with the same filters left.
    prunings : list of Pruning
        One a block.
    histories : list of list of History
        Of the learning before each block (and after the last), for each restart.
    """

    models: list[ScatteringModel]
    prunings: list[Pruning]
    histories: list[list[History]]

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it for a ledger; `of` is the way back."""
        parts = {f"model {r}": one.arrays() for r, one in enumerate(self.models)}
        parts |= {f"pruning {k}": one.arrays() for k, one in enumerate(self.prunings)}
        parts |= {
            f"history {k} {r}": one.arrays()
            for k, block in enumerate(self.histories)
            for r, one in enumerate(block)
        }
        counts = [len(self.models), len(self.prunings), len(self.histories)]
        return joined(parts) | {"counts": np.array(counts)}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], make: Callable[[], ScatteringModel]) -> Relearned:
        """What told its `arrays`; `make` gives models of equal banks and outputs."""
        restarts, blocks, learned = arrays["counts"].tolist()
        models = [make() for _ in range(restarts)]
        for r, model in enumerate(models):
            model.restore(part(arrays, f"model {r}"))
        return cls(
            models,
            [Pruning.of(part(arrays, f"pruning {k}")) for k in range(blocks)],
            [[History.of(part(arrays, f"history {k} {r}")) for r in range(restarts)]
             for k in range(learned)],
        )  # fmt: skip


Learner = Callable[[Sequence[ScatteringModel]], list[History]]


def prune_and_learn(
    make: Callable[[int], ScatteringModel],
    x: Tensor,
    y: Tensor,
    x_held: Tensor,
    y_held: Tensor,
    *,
    restarts: int = 3,
    block: int = 4,
    tol: float = 0.0,
    target: int = 1,
    alpha: float = 1.0,
    seed: int = 0,
    learner: Learner | None = None,
    **learning: Any,
) -> Relearned:
    """Learn, remove up to `block` filters, learn again from there, until none may go.

    Parameters
    ----------
    make : callable
        Of a restart's seed; for instance a bank passed through `awdlib.scattering.learn.jitter`.
        All models have equal channels.
    x, y, x_held, y_held
        As of `awdlib.scattering.learn.fit`.
    restarts, block, tol, target, alpha
        See `prune`; the filters of every restart are learned on their own.
    seed : int
        The first restart's; the others count on.
    learner : callable, optional
        Fits all models in place and gives their histories: beside each other, say, or from a
        ledger. By default one is fitted after the other.
    **learning
        Passed on to `fit`, where there is no `learner`.
    """

    def in_turn(models: Sequence[ScatteringModel]) -> list[History]:
        return [
            fit(m, x, y, x_held, y_held, seed=seed + r, **learning) for r, m in enumerate(models)
        ]

    models = [make(seed + r) for r in range(restarts)]
    histories: list[list[History]] = []
    prunings: list[Pruning] = []
    while True:
        histories.append((learner or in_turn)(models))
        if prunings and len(prunings[-1].removals) < block:
            return Relearned(models, prunings, histories)
        with torch.no_grad():
            heads = [
                RidgeHead(m.features(x), y, m.features(x_held), y_held, alpha=alpha)
                for m in models
            ]  # fmt: skip
        groups = filter_groups(models[0])
        stop = max(target, len(groups) - block)
        prunings.append(prune(heads, groups, tol=tol, target=stop))
        if not prunings[-1].removals:
            return Relearned(models, prunings, histories)
        gone = {r.filter for r in prunings[-1].removals}
        for model in models:
            model.scattering.keep = [
                kept and n not in gone for n, kept in enumerate(model.scattering.keep)
            ]
