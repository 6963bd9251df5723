"""Masks for the paper's own teachers: does AWD's wavelet lower the rate-distortion curve?

A network is trained, on clathrin tracks or on lensing maps, and distilled. Then test examples are
explained by masks over coefficients of the distilled wavelet, of DB5, where it started, of random
wavelets, and over samples or pixels themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from awdlib import controls, metrics, networks, resnet
from awdlib.clathrin.setup import PUBLISHED
from awdlib.clathrin.teachers import train_lstm
from awdlib.distill import distill
from awdlib.explaining.setup import Study
from awdlib.explaining.study import CODE as MASKS
from awdlib.ledger import array_hash, state_of
from awdlib.lensing import setup as lensing_setup
from awdlib.lensing import study as lensing
from awdlib.lensing import teacher
from awdlib.masks import evaluate, optimise
from awdlib.masks.distortion import ask, expected_distortion
from awdlib.masks.domains import Domain, Pixels, Wavelets
from awdlib.selection import Signals, predict
from awdlib.threads import one_thread

CODE = (*MASKS, evaluate, networks, resnet, sys.modules[__name__])
LEVEL = 4
LAM = 0.1  # of all masks, in units of the prediction's variance: no domain has one of its own
LABELS = {"awd": "AWD", "db5": "DB5", "random": "random wavelets", "samples": "samples or pixels"}


@dataclass(frozen=True)
class Own:
    """Areas under rate-distortion curves of test examples.

    Attributes
    ----------
    areas : dict of name to numpy.ndarray, shape (examples,)
        As of `LABELS`; of random wavelets the mean over draws. In units of the standard deviation
        of the network's predictions.
    curves : dict of name to numpy.ndarray, shape (points,)
        Means over examples.
    entries : dict of name to int
        How many there are of each: coefficients, samples or pixels.
    what : str
        What the examples are, such as "tracks".
    """

    areas: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    entries: dict[str, int]
    what: str

    def area(self, name: str) -> dict[str, Any]:
        """Mean area of one, with its interval over examples."""
        return metrics.over_examples(self.areas[name], f"95 %, {self.what}")

    def difference(self, name: str, other: str) -> dict[str, Any]:
        """Area of one less that of another, example by example."""
        less = self.areas[name] - self.areas[other]
        return metrics.over_examples(less, f"95 %, {self.what}")


def domains_of(shape: tuple[int, ...], h: Tensor, draws: int) -> list[tuple[str, Domain]]:
    """What masks are made over: samples, and wavelets by name; `draws` of them random."""
    every: list[tuple[str, Domain]] = [
        ("awd", Wavelets(shape, h, level=LEVEL)), ("db5", Wavelets(shape, "db5", level=LEVEL)),
        ("samples", Pixels(shape)),
    ]  # fmt: skip
    drawn = controls.random_wavelets(draws, len(h), seed=5)
    return every + [("random", Wavelets(shape, one, level=LEVEL)) for one in drawn]


def explain_one(
    network: torch.nn.Module,
    x: Tensor,
    domain: Domain,
    target: int,
    spread: float,
    settings: dict[str, Any],
) -> dict[str, np.ndarray]:
    """Rate-distortion curve (points, examples) of masks over one domain: ``restored``."""
    options: dict[str, Any] = {"softmax": False, "clip": None, "target": target, "at_once": 256}

    def scaled(some: Tensor) -> Tensor:
        return network(some) / spread

    with one_thread():
        masks = optimise.explain(ask(scaled, x, domain, **options), lam=LAM, **settings)
        kept = evaluate.masks_of(masks.mask[0], evaluate.SHARES).to(x)
        noisy = ask(scaled, x, domain, measure="l2", **options)
        found, _ = expected_distortion(noisy, kept, samples=settings["samples"], seed=1)
    return {"restored": found.numpy()}


def compare(
    study: Study, network: torch.nn.Module, h: Tensor, x: Tensor, *, target: int, spread: float,
    what: str,
) -> Own:  # fmt: skip
    """Masks of x (examples, *shape) for an output of a network, over each of `domains_of`.

    Parameters
    ----------
    spread : float
        Standard deviation of that output over all test examples: the unit of distortions.
    what : str
        What the examples are.
    """
    size = study.size
    settings: dict[str, Any] = {"steps": size.steps, "samples": size.samples, "lr": size.lr}
    every = domains_of(tuple(x.shape[1:]), h, size.random_wavelets)
    key = {"network": array_hash(*state_of(network).values()), "examples": array_hash(x.numpy())}
    tasks = [
        (key | {"wavelet": array_hash(h.numpy()), "domain": k, "target": target, "spread": spread},
         (network, x, domain, target, spread, settings))
        for k, (_, domain) in enumerate(every)
    ]  # fmt: skip
    pieces = study.gather(
        "own masks", tasks, explain_one, code=CODE, what=f"masks of {what}", **settings
    )
    return _summed(every, [piece["restored"] for piece in pieces], what)


def study_tracks(study: Study, signals: Signals) -> Own:
    """Train an LSTM on tracks, distil it at the published (λ, γ), and explain test tracks."""
    size = study.size
    network = train_lstm(signals, seed=size.seed, epochs=size.lstm_epochs)
    h = distill(
        signals.x, network, lam=PUBLISHED["lam"], gamma=PUBLISHED["gamma"], seed=size.seed,
        epochs=size.distil_epochs, level=LEVEL,
    ).h  # fmt: skip
    x = signals.x_test[: size.tracks_explained]
    spread = float(predict(network, signals.x_test).std())
    return compare(study, network, h, x, target=0, spread=spread, what="tracks")


def study_maps(study: Study, folder: Path) -> Own:
    """Train a ResNet on simulated maps (lognormal shells), distil it, and explain test maps.

    Parameters
    ----------
    folder : pathlib.Path
        Where maps are made.
    """
    size = study.size
    work = lensing.Study(size.lensing, folder, study.executor, keep=study.ledger is not None)
    maps = lensing.simulate(work)
    trained = lensing.teach(work, maps)
    h = lensing.distil(work, maps, trained).h[-1, -1, 0]
    places = np.linspace(0, len(maps.test) - 1, size.maps_explained).astype(int)
    x = maps.test.read(places).to(size.lensing.dtype)
    target = lensing_setup.TARGET
    spread = float(teacher.predict(trained.model, maps.test)[:, target].std())
    return compare(study, trained.model, h, x, target=target, spread=spread, what="maps")


def _summed(every: Sequence[tuple[str, Domain]], curves: Sequence[np.ndarray], what: str) -> Own:
    by: dict[str, list[np.ndarray]] = {}
    for (name, _), curve in zip(every, curves, strict=True):
        by.setdefault(name, []).append(curve)
    means = {name: np.mean(some, 0) for name, some in by.items()}  # (points, examples)
    return Own(
        {n: np.trapezoid(one, evaluate.SHARES, axis=0) for n, one in means.items()},
        {n: one.mean(1) for n, one in means.items()},
        {n: len(domain.scales) for n, domain in every},
        what,
    )
