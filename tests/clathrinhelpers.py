"""What the tests of the clathrin experiment share: small tracks, toy signals, a tiny size."""

from functools import cache

import numpy as np
import torch

from awdlib import clathrin
from awdlib.datasets import cme
from awdlib.distill import distill
from awdlib.selection import Judged, Signals
from awdlib.sweep import Sweep, published_grids

CLAIM = {"estimate", "low", "high", "n", "kind"}

TINY = clathrin.Size(
    tracks=100, lams=(3, 4), gammas=(0, 11), sym5_gammas=(0, 11), sym5_seeds=(1,), seeds=(1, 10),
    epochs=2, lstm_epochs=2, draws=3, supervised=(2, 1), splits=((5, 6),), lengths=(30,),
    dtype=torch.float64,
)  # fmt: skip


@cache
def tracks():
    return cme.simulate_tracks(0, 100)


def randn(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def toy_signals(train=60, test=31, *, time=40, seed=0):
    """Signals without a simulator: random walks of cells 1 to 6, and a target that they explain."""
    rng = np.random.default_rng(seed)
    x, x_test = (rng.normal(size=(n, 1, time)).cumsum(-1) / 3 for n in (train, test))
    y, y_test = (a[:, 0].max(1) + 0.5 * rng.normal(size=len(a)) for a in (x, x_test))
    return Signals(
        torch.from_numpy(x), y, np.arange(train) * 6 // train + 1, torch.from_numpy(x_test), y_test
    )


def spoilt(signals):
    """The same training signals with other test data."""
    return Signals(
        signals.x, signals.y, signals.group,
        9 * randn(*signals.x_test.shape, seed=8), 7 * randn(len(signals.y_test), seed=9).numpy(),
    )  # fmt: skip


def rows_of(x):
    """Signals as hashable rows."""
    return [row.tobytes() for row in np.asarray(x, dtype=np.float64).reshape(len(x), -1)]


def warm_started(x, gradients, seed, epochs):
    """h at λ = .005 along γ = 0, .0001, ... to .04281, every fit from the one before: by hand."""
    h, path = "db5", []
    for gamma in published_grids()[1][:12]:
        h = distill(
            x, gradients=gradients, start=h, lam=0.005, gamma=gamma, seed=seed, epochs=epochs
        ).h
        path.append(h)
    assert gamma == 0.04281
    return torch.stack(path)


def planted(h, lams, gammas, seeds, *, teacher="ours", start="db5", **changes):
    """A `Swept` of given filters, (lams, gammas, seeds, taps), and of numbers that tell places."""
    shape = tuple(h.shape[:3])
    number = np.arange(np.prod(shape), dtype=float).reshape(shape)
    judged = Judged(number / 7, np.zeros((*shape, 2)), number / 11)
    given = {
        "judged": judged, "penalty": number / 13, "valid": number % 3 > 0,
        "chosen": [(0, 0, k) for k in range(len(seeds))],
        "chosen_plain": [(0, 0, k) for k in range(len(seeds))],
    }  # fmt: skip
    grid = Sweep(h, torch.zeros(shape), np.array(lams, float), np.array(gammas, float), seeds)
    return clathrin.Swept(teacher, start, grid, **given | changes)
