"""The ablations on clathrin tracks: who teaches, what stands beside AWD, tracks out of order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from awdlib import controls, dwt, filters, metrics, selection
from awdlib.ablation import sources
from awdlib.ablation.fitting import fit
from awdlib.ablation.setup import Study
from awdlib.ablation.sources import LEVEL, Source
from awdlib.ablation.variants import FULL, Variant
from awdlib.clathrin.teachers import train_teacher
from awdlib.networks import ClathrinLSTM
from awdlib.progress import progress
from awdlib.selection import Signals


def teach(study: Study, theirs: torch.nn.Module | None = None) -> dict[str, Source]:
    """Every source of gradients, scaled to the sizes of the network's.

    Parameters
    ----------
    theirs : torch.nn.Module, optional
        The authors' network, for real tracks.
    """
    signals = study.signals
    networks: dict[str, list[torch.nn.Module]] = {
        "network": _train(study, signals),
        "shuffled": _train(study, replace(signals, y=_shuffled(signals))),
        "untrained": [_untrained(seed, signals.x) for seed in study.size.seeds],
    }
    if theirs is not None:
        networks["authors"] = [theirs]
    return sources.taught(
        networks, signals.x, signals.x_test, fitted_on=(signals.x, signals.y),
        samples=study.size.samples, seed=study.size.seeds[0],
    )  # fmt: skip


@dataclass(frozen=True)
class References:
    """What no teacher had a part in.

    Attributes
    ----------
    predictions : dict of name to numpy.ndarray, shape (members, tests)
    winners : torch.Tensor, shape (draws, taps)
        The best of as many random wavelets as the grid has fits, chosen as AWD's.
    """

    predictions: dict[str, np.ndarray]
    winners: torch.Tensor


SHOWN = 1000  # random wavelets whose mean is told
REFERENCES = {
    "db5": "DB5, where AWD starts",
    "random_any": "a random wavelet",
    "random_best": "the best of as many random wavelets",
    "ridge": "ridge on the 40 values",
    "network": "the network itself",
}


def refer(study: Study, known: Mapping[str, Source]) -> References:
    """Predictions of `REFERENCES`."""
    size, signals = study.size, study.signals
    drawn = controls.random_wavelets(size.draws * size.budget, 10, seed=0)
    judged = selection.judge_filters(drawn, signals, progress=progress("random wavelets"))
    winners = selection.best_of_budget(judged.cv_r2, size.budget)
    network = known["network"].prediction
    assert network is not None
    return References({
        "db5": selection.judge_filters(filters.lowpass("db5")[None], signals).prediction,
        "random_any": judged.prediction[:SHOWN],
        "random_best": judged.prediction[winners],
        "ridge": controls.ridge(signals.x, signals.y).predict(signals.x_test)[None],
        "network": network,
    }, drawn[winners])  # fmt: skip


def compressions(
    filters_: torch.Tensor, network: Source, signals: Signals, level: int = LEVEL
) -> np.ndarray:
    """Compression factors of filters (members, taps) by the network's saliency, (members,).

    At the training tracks, of which there are more; the network is that of the same seed.
    """
    found = []
    for h, slope in zip(filters_.to(signals.x), network.of(len(filters_)), strict=True):
        w = dwt.wavedec(signals.x, h, level=level)
        scores = dwt.adjoint_synthesis(slope, h, level=level)
        found.append(metrics.compression_factors(w, scores).mean())
    return np.array(found)


def spread(h: torch.Tensor) -> np.ndarray:
    """Distances between the wavelets of any two seeds, as published but up to sign."""
    psi = filters.cascade(h.double())[1]
    pairs = torch.combinations(torch.arange(len(h)))
    if not len(pairs):
        return np.zeros(0)
    return np.concatenate([
        filters.distance(psi[a : a + 1], psi[b], up_to_sign=True) for a, b in pairs.tolist()
    ])  # fmt: skip


def permuted(signals: Signals, seed: int) -> Signals:
    """The same tracks with their samples in another order, the same for all (D-1)."""
    order = torch.from_numpy(np.random.default_rng(seed).permutation(signals.x.shape[-1]))
    return replace(signals, x=signals.x[..., order], x_test=signals.x_test[..., order])


def without_order(study: Study) -> dict[str, np.ndarray]:
    """Predictions where the order of samples means nothing, a member for every order and seed.

    Returns
    -------
    dict
        By `REFERENCES`, and ``awd``; (orders × members, tests).
    """
    found: dict[str, list[np.ndarray]] = {}
    for order in range(study.size.orders):
        own = replace(study, signals=permuted(study.signals, order))
        networks = {"network": _train(own, own.signals)}
        source = sources.by_networks(networks, own.signals.x, own.signals.x_test)["network"]
        fitted = fit(own, Variant(FULL, "loss", ""), {"network": source})
        predictions = refer(own, {"network": source}).predictions
        # as many of them as without permutations
        predictions["random_any"] = predictions["random_any"][: SHOWN // study.size.orders]
        for name, one in {"awd": fitted.judged.prediction, **predictions}.items():
            found.setdefault(name, []).append(one)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _train(study: Study, signals: Signals) -> list[torch.nn.Module]:
    size = study.size
    return train_teacher(
        signals, size.seeds, epochs=size.lstm_epochs, executor=study.executor
    ).networks


def _untrained(seed: int, like: torch.Tensor) -> ClathrinLSTM:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ClathrinLSTM().to(like).eval()


def _shuffled(signals: Signals) -> np.ndarray:
    """Targets of the training tracks in another order."""
    return np.random.default_rng(0).permutation(signals.y)
