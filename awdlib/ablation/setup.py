"""How much each profile of the ablations computes."""

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import torch

from awdlib.experiments import GridProfile
from awdlib.recovery.problem import Setting
from awdlib.selection import Signals


@dataclass(frozen=True)
class Size(GridProfile):
    """How much a profile computes.

    Attributes
    ----------
    tracks : int
        Simulated tracks; real ones are taken all.
    seeds : tuple of int
        Each trains its own network and distils it.
    epochs, lstm_epochs : int
    draws : int
        Groups of random wavelets, each as many as the grid has fits.
    noises : tuple of float
        Of starts: standard deviations of what is added to each tap of DB5.
    levels, taps : tuple of int
        Numbers of scales and filter lengths.
    samples : int
        Of SmoothGrad; LIME takes eight times as many.
    cd : tuple of int
        Tracks, epochs and seeds of the fits by contextual decomposition.
    orders : int
        Random orders of the samples.
    planted : Setting
        The problem with a known wavelet.
    planted_grid : tuple of tuples of int
        Places in its λ and γ grids.
    planted_seeds : tuple of int
    planted_epochs : int
    controls : int
        Random wavelets, of which the one with the smallest attributions is the planted problem's
        control.
    """

    tracks: int
    seeds: tuple[int, ...]
    epochs: int
    lstm_epochs: int
    draws: int
    noises: tuple[float, ...]
    levels: tuple[int, ...]
    taps: tuple[int, ...]
    samples: int
    cd: tuple[int, int, int]
    orders: int
    planted: Setting
    planted_grid: tuple[tuple[int, ...], tuple[int, ...]]
    planted_seeds: tuple[int, ...]
    planted_epochs: int
    controls: int


SIZES = {
    "smoke": Size(
        tracks=300, seeds=(1, 10), lams=(1, 4), gammas=(0, 11), epochs=3, lstm_epochs=4, draws=4,
        noises=(0.1,), levels=(2, 4), taps=(6, 10), samples=10, cd=(12, 2, 1), orders=1,
        planted=Setting(n=500, held=100, epochs=20), planted_grid=((0,), (0, 13)),
        planted_seeds=(1,), planted_epochs=30, controls=16, dtype=torch.float64,
    ),
    "laptop": Size(
        tracks=1618, seeds=(1, 10), lams=(0, 2, 4), gammas=(0, 5, 11, 14), epochs=30,
        lstm_epochs=100, draws=20, noises=(0.1, 0.3), levels=(1, 2, 3, 4, 5),
        taps=(2, 4, 6, 10, 16), samples=16, cd=(60, 6, 1), orders=1,
        planted=Setting(n=2000, held=1000, epochs=40), planted_grid=((0,), (0, 10, 13, 16)),
        planted_seeds=(1, 2), planted_epochs=20, controls=1024,
    ),
    "paper": Size(
        tracks=1618, seeds=(1, 10, 100, 1000, 10000), lams=(0, 1, 2, 3, 4),
        gammas=tuple(range(21)), epochs=100, lstm_epochs=200, draws=50, noises=(0.03, 0.1, 0.3),
        levels=(1, 2, 3, 4, 5), taps=(2, 4, 6, 8, 10, 12, 16, 20), samples=64, cd=(200, 20, 2),
        orders=5, planted=Setting(n=10_000, held=2_000),
        planted_grid=((0, 2, 4), tuple(range(0, 21, 2))), planted_seeds=(1, 2, 3, 4, 5),
        planted_epochs=30, controls=2048,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Study:
    """What every step needs: tracks, how much to compute, where pieces are kept, who helps."""

    signals: Signals
    size: Size
    ledger: Path | None = None
    executor: Executor | None = None
    timed: bool = False
