"""Masks for the paper's own teacher: does AWD's wavelet lower the rate-distortion curve?

An LSTM is trained on clathrin tracks and distilled; then test tracks are explained by masks over
coefficients of the distilled wavelet, of DB5, where it started, of random wavelets, and over the
samples themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from awdlib import controls
from awdlib.clathrin.setup import PUBLISHED
from awdlib.clathrin.teachers import train_lstm
from awdlib.distill import distill
from awdlib.experiments import Signals
from awdlib.explaining.judging import interval_of
from awdlib.explaining.setup import Study
from awdlib.ledger import gather
from awdlib.masks import evaluate, optimise
from awdlib.masks.distortion import ask
from awdlib.masks.domains import Domain, Pixels, Wavelets
from awdlib.progress import progress
from awdlib.threads import one_thread

LEVEL = 4
LAM = 0.1  # of the masks, in units of the prediction's variance
LABELS = {"awd": "AWD", "db5": "DB5", "random": "random wavelets", "samples": "samples"}


@dataclass(frozen=True)
class Own:
    """Areas under rate-distortion curves of tracks.

    Attributes
    ----------
    areas : dict of name to numpy.ndarray, shape (tracks,)
        As of `LABELS`; of random wavelets the mean over draws. In units of the standard deviation
        of the network's predictions.
    curves : dict of name to numpy.ndarray, shape (points,)
        Means over tracks.
    h : torch.Tensor, shape (taps,)
        The distilled filter.
    """

    areas: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    h: Tensor

    def difference(self, name: str, other: str) -> dict[str, Any]:
        """Area of one less that of another, track by track."""
        return interval_of(self.areas[name] - self.areas[other])


def domains_of(shape: tuple[int, ...], h: Tensor, draws: int) -> list[tuple[str, Domain]]:
    """What masks are made over: samples, and wavelets by name; `draws` of them random."""
    every: list[tuple[str, Domain]] = [
        ("awd", Wavelets(shape, h, level=LEVEL)), ("db5", Wavelets(shape, "db5", level=LEVEL)),
        ("samples", Pixels(shape)),
    ]  # fmt: skip
    drawn = controls.random_wavelets(draws, len(h), seed=5)
    return every + [("random", Wavelets(shape, one, level=LEVEL)) for one in drawn]


def explain_tracks(
    network: torch.nn.Module, x: Tensor, domain: Domain, spread: float, settings: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Rate-distortion curve (points, tracks) of masks over one domain: ``restored``."""
    options: dict[str, Any] = {"softmax": False, "clip": None, "target": 0}

    def scaled(some: Tensor) -> Tensor:
        return network(some) / spread

    with one_thread():
        masks = optimise.explain(ask(scaled, x, domain, **options), lam=LAM, **settings)
        noise = np.random.default_rng(0).random(tuple(masks.mask[0].shape))
        order = masks.mask[0] + 1e-6 * torch.from_numpy(noise).to(masks.mask)
        noisy = ask(scaled, x, domain, measure="l2", **options)
        flat = ask(scaled, x, domain, perturbation_kind="constant", **options)
        found = evaluate.curves(noisy, flat, order, samples=settings["samples"])
    return {"restored": found.restored}


def study_tracks(study: Study, signals: Signals) -> Own:
    """Train, distil and explain; see the module."""
    size = study.size
    network = train_lstm(signals, seed=size.seed, epochs=size.lstm_epochs)
    h = distill(
        signals.x, network, lam=PUBLISHED["lam"], gamma=PUBLISHED["gamma"], seed=size.seed,
        epochs=size.distil_epochs, level=LEVEL,
    ).h  # fmt: skip
    x = signals.x_test[: size.tracks_explained]
    with torch.no_grad():
        spread = float(network(signals.x_test).std())
    settings = {"steps": size.steps, "samples": size.samples, "lr": size.lr}
    every = domains_of(tuple(x.shape[1:]), h, size.random_wavelets)
    pieces = gather(
        None, [({}, (network, x, domain, spread, settings)) for _, domain in every],
        explain_tracks, executor=study.executor, progress=progress("masks of tracks"),
    )  # fmt: skip
    return _summed(every, [piece["restored"] for piece in pieces], h)


def _summed(every: Sequence[tuple[str, Domain]], curves: Sequence[np.ndarray], h: Tensor) -> Own:
    by: dict[str, list[np.ndarray]] = {}
    for (name, _), curve in zip(every, curves, strict=True):
        by.setdefault(name, []).append(curve)
    means = {name: np.mean(some, 0) for name, some in by.items()}  # (points, tracks)
    return Own(
        {n: np.trapezoid(one, evaluate.SHARES, axis=0) for n, one in means.items()},
        {n: one.mean(1) for n, one in means.items()}, h,
    )  # fmt: skip
