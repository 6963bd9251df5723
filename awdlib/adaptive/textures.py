"""Classify textures from few examples: fixed and learned scattering, AWD's wavelet, a network.

How each method comes by its features, and the learning curves of all. What they share, crops and
heads, is `awdlib.adaptive.judging`'s; the network, `awdlib.adaptive.teacher`'s.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from awdlib import filters
from awdlib.adaptive import teacher
from awdlib.adaptive.judging import (
    Crops,
    Features,
    band_features,
    choose_alpha,
    copies_for,
    draw,
    features_of,
    known,
    starts,
    tested,
    turned,
)
from awdlib.adaptive.setup import METHODS, Size, Study
from awdlib.adaptive.teacher import teach
from awdlib.datasets.textures import TEXTURES
from awdlib.distill import distill
from awdlib.ledger import array_hash, joined, load_state, part, state_of
from awdlib.scattering import learn
from awdlib.scattering.banks import Bank
from awdlib.scattering.learn import jitter
from awdlib.scattering.model import ScatteringModel
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.orthogonal import LatticeTaps, Orthogonal2d
from awdlib.scattering.transform import Scattering2d
from awdlib.sweep import NUMERICS
from awdlib.threads import one_thread, reuse_memory

LAM, GAMMA = 0.005, 0.05  # of AWD: the middle and the end of the published grid for images
START = "db5"  # of AWD, and of what learns orthogonal filters
LR = 3e-2  # of filters: their parameters are logarithms and angles
SPREAD = 0.05  # of starts after the first
CHECK, PATIENCE = 4, 3  # steps between looks at the held-out crops; looks without gain
# What comes from the network, for methods that learn from its attributions.
NEEDED = {"distilled": "gradients", "awd": "taps", "awd_bands": "taps"}
CODE = (*NUMERICS, *teacher.CODE, sys.modules[__name__])


# --- filters -------------------------------------------------------------------------------------


def model_of(bank: Bank, size: Size, order: int = 2) -> ScatteringModel:
    """A scattering transform by a bank, and a linear head for all textures."""
    scattering = Scattering2d((size.pixels, size.pixels), bank, order=order, rescale=True)
    return ScatteringModel(scattering, len(TEXTURES))


@dataclass(frozen=True)
class Fit:
    """Features, and how they came about.

    Attributes
    ----------
    features : callable
    state : dict of str to numpy.ndarray
        Parameters of the filters, or the taps of a wavelet.
    sums : list of float
        Largest Littlewood–Paley sum after each step of every try; empty where nothing learned.
    gamma : float
        That was chosen.
    """

    features: Features
    state: dict[str, np.ndarray]
    sums: list[float] = field(default_factory=list)
    gamma: float = 0.0


def update(
    model: ScatteringModel, crops: Crops, seed: int, updates: int, gamma: float = 0.0,
    gradients: Tensor | None = None,
) -> learn.History:  # fmt: skip
    """Learn filters below a linear head in so many steps, whatever the number of crops."""
    every = min(CHECK, updates)
    return learn.fit(
        model, crops.x, crops.y, crops.x_held, crops.y_held, seed=seed, batch_size=32,
        lr_filters=LR, every=every, epochs=-(-updates // every), patience=PATIENCE,
        augment=turned, gamma=gamma, gradients=gradients if gamma else None,
    )  # fmt: skip


def learned(
    crops: Crops, make: Callable[[], Bank], seed: int, size: Size, gradients: Tensor | None = None
) -> Fit:
    """Learn filters from each of `starts`; the one with the smallest held-out loss.

    With a teacher's gradients each start has another γ.
    """
    tries: list[tuple[float, Fit]] = []
    sums: list[float] = []
    for k, start in enumerate(starts(seed, size)):
        bank = make()
        if k:
            jitter(bank, SPREAD, start)
        gamma = 0.0 if gradients is None else size.gammas[k]
        model = model_of(bank, size)
        history = update(model, crops, start, size.updates, gamma, gradients)
        sums += history.littlewood_paley.tolist()
        one = Fit(partial(features_of, model), state_of(bank), sums, gamma)
        tries.append((float(history.held_loss.min()), one))
    return min(tries, key=lambda one: one[0])[1]


def bank_of(method: str, size: Size) -> Bank:
    """The wavelets that a method starts from."""
    if method == "orthogonal":
        return Orthogonal2d(size.scales, START)
    share = "each" if method == "each" else "rotated"
    return Morlet2d(size.scales, size.orientations, share=share)


def bank_with(state: Mapping[str, np.ndarray], method: str, size: Size) -> Bank:
    """The filters that a method has learned: ``bank`` of `classify`."""
    bank = bank_of(method, size)
    load_state(bank, state)
    return bank


def gammas_of(size: Size) -> list[float]:
    """γ of each of AWD's wavelets."""
    return [GAMMA * (k + 1) / size.wavelets for k in range(size.wavelets)]


def distil_wavelets(
    count: int, seed: int, size: Size, gradients: np.ndarray
) -> dict[str, np.ndarray]:
    """AWD's wavelets for so many crops, one for each γ of a grid: ``taps`` (wavelets, taps).

    `gradients` are the network's at the training crops; their turns turn with the crops.
    """
    reuse_memory()
    x, batch = draw(count, seed, size).x, 16
    turns = range(copies_for(len(x), size))
    x, slopes = (torch.cat([turned(a, k) for k in turns]) for a in (x, torch.from_numpy(gradients)))
    with one_thread():
        h = distill(
            x, gradients=slopes, start=START, lam=LAM, gamma=gammas_of(size), seed=seed,
            batch_size=batch, epochs=-(-size.distil_updates // -(-len(x) // batch)),
            level=size.scales, parametrisation="lattice",
        ).h  # fmt: skip
    return {"taps": h.double().numpy()}


def wavelets(
    method: str, seed: int, size: Size, given: Mapping[str, np.ndarray]
) -> list[tuple[Tensor, float]]:
    """Lowpass filters (taps,) that a method of one wavelet may choose from, and the γ of each.

    There are as many random ones as AWD has.
    """
    start = filters.lowpass(START)
    if method.startswith("db5"):
        return [(start, 0.0)]
    if method == "random":
        draw = torch.Generator().manual_seed(seed)
        angles = filters.random_angles(size.wavelets, len(start), draw)
        return [(filters.taps_from_angles(one), 0.0) for one in angles]
    return list(zip(torch.from_numpy(given["taps"]), gammas_of(size), strict=True))


def best_wavelet(
    method: str, candidates: Sequence[tuple[Tensor, float]], crops: Crops, size: Size
) -> Fit:
    """The wavelet on whose features heads do best by cross-validation on labelled crops."""
    tries = []
    for h, gamma in candidates:
        if method.endswith("_bands"):
            features: Features = partial(band_features, h, size.scales)
        else:
            model = model_of(Orthogonal2d(size.scales, LatticeTaps(h)), size)
            features = partial(features_of, model)
        one = Fit(features, {"taps": h.numpy()}, gamma=gamma)
        score = choose_alpha(known(features, crops, size))[1] if len(candidates) > 1 else 0.0
        tries.append((score, one))
    return max(tries, key=lambda one: one[0])[1]


def fit(
    method: str, crops: Crops, seed: int, size: Size, given: Mapping[str, np.ndarray] | None = None
) -> Fit:
    """The features of a method of `METHODS`.

    Parameters
    ----------
    given : mapping, optional
        For methods of `NEEDED`: the network's ``gradients`` at the training crops, or the ``taps``
        that `distil_wavelets` found.

    Raises
    ------
    ValueError
        If what the method needs is not given.
    """
    given = given or {}
    if method in NEEDED and NEEDED[method] not in given:
        raise ValueError(f"{method} learns from a network: give its {NEEDED[method]}")
    if method == "fixed":
        bank = bank_of(method, size)
        return Fit(partial(features_of, model_of(bank, size)), state_of(bank))
    if method in ("rotated", "each", "orthogonal", "distilled"):
        gradients = torch.from_numpy(given["gradients"]) if method in NEEDED else None
        return learned(crops, partial(bank_of, method, size), seed, size, gradients)
    return best_wavelet(method, wavelets(method, seed, size, given), crops, size)


def classify(
    method: str, count: int, seed: int, size: Size, given: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Teach one method and test it.

    Parameters
    ----------
    given : mapping, optional
        As of `fit`.

    Returns
    -------
    dict of str to numpy.ndarray
        ``correct`` (test crops,), ``littlewood_paley`` (the largest sum after any step of any try;
        0 where no filter learned), ``gamma`` that was chosen, and the filters, ``bank/...``.
    """
    reuse_memory()
    with one_thread():
        crops = draw(count, seed, size)
        found = fit(method, crops, seed, size, given)
        right = tested(found.features, crops, size)
    return joined({"bank": found.state}) | {
        "correct": right, "littlewood_paley": np.array(max(found.sums, default=0.0)),
        "gamma": np.array(found.gamma),
    }  # fmt: skip


# --- learning curves -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Curves:
    """Learning curves of every method.

    Attributes
    ----------
    correct : dict of method to numpy.ndarray of bool, shape (counts, seeds, test crops)
    own : numpy.ndarray of bool, shape (counts, seeds, test crops)
        By the network's own head.
    pieces : dict of (method, count, seed) to what `classify` gave
    networks : dict of (count, seed) to the network's state
    """

    correct: dict[str, np.ndarray]
    own: np.ndarray
    pieces: dict[tuple[str, int, int], dict[str, np.ndarray]]
    networks: dict[tuple[int, int], dict[str, np.ndarray]]


def learning_curves(study: Study) -> Curves:
    """Teach every method on every number of crops and for every seed; all share one network."""
    size = study.size
    draws = [(n, s) for n in size.counts for s in size.seeds]
    taught = study.gather(
        "networks", [({"count": n, "seed": s}, (n, s, size)) for n, s in draws], teach,
        code=teacher.CODE,
        **size.some("pixels", "test", "network_updates", "examples", "gammas"),
    )  # fmt: skip
    states = {draw: part(piece, "state") for draw, piece in zip(draws, taught, strict=True)}
    slopes = [piece["gradients"] for piece in taught]
    distilled = study.gather(
        "wavelets",
        [({"count": n, "seed": s, "gradients": array_hash(g)}, (n, s, size, g))
         for (n, s), g in zip(draws, slopes, strict=True)],
        distil_wavelets, code=CODE,
        **size.some("pixels", "scales", "distil_updates", "examples", "wavelets"),
    )  # fmt: skip
    told = {
        draw: {"gradients": g, "taps": d["taps"]}
        for draw, g, d in zip(draws, slopes, distilled, strict=True)
    }
    keys = [(m, n, s) for m in METHODS if m != "cnn" for n, s in draws]
    tasks = []
    for m, n, s in keys:
        given = {NEEDED[m]: told[n, s][NEEDED[m]]} if m in NEEDED else {}
        key = {"method": m, "count": n, "seed": s, "given": array_hash(*given.values())}
        tasks.append((key, (m, n, s, size, given)))
    found = study.gather(
        "textures", tasks, classify, code=CODE, what="learning curves",
        **size.some("pixels", "test", "scales", "orientations", "updates", "examples", "wavelets",
                    "gammas"),
    )  # fmt: skip
    pieces = dict(zip(keys, found, strict=True))
    right = {key: piece["correct"] for key, piece in pieces.items()}
    right |= {("cnn", *d): piece["correct"] for d, piece in zip(draws, taught, strict=True)}
    correct = {
        m: np.array([[right[m, n, s] for s in size.seeds] for n in size.counts]) for m in METHODS
    }
    shape = (len(size.counts), len(size.seeds), -1)
    own = np.array([piece["own"] for piece in taught]).reshape(shape)
    return Curves(correct, own, pieces, states)
