"""The clathrin experiment's sizes, and tracks split by cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from awdlib.datasets.tracks import TEST_CELLS, Tracks, auxilin_seen
from awdlib.experiments import GridProfile
from awdlib.selection import Signals

PUBLISHED = {"lam": 0.005, "gamma": 0.04281}  # of the grid; the paper prints 0.043
ALL_PAIRS = tuple((a, b) for a in range(1, 9) for b in range(a + 1, 9))


@dataclass(frozen=True)
class Size(GridProfile):
    """How much a profile computes.

    Attributes
    ----------
    tracks : int
        Simulated tracks; real ones are taken all.
    sym5_gammas, sym5_seeds : tuple of int
        Places in the γ grid of the sweep from Sym5, and its seeds.
    seeds : tuple of int
        Of the distillation and of the LSTMs trained here (the paper's are the five of ``paper``).
    epochs, lstm_epochs : int
    draws : int
        Groups of random orthonormal wavelets, each as many as the grid has fits.
    supervised : tuple of int
        Starts and steps of a search by supervision alone.
    splits : tuple of pairs of int
        Test cells of the sensitivity to the split.
    lengths : tuple of int
        Track lengths of the sensitivity to the length.
    """

    tracks: int
    sym5_gammas: tuple[int, ...]
    sym5_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    epochs: int
    lstm_epochs: int
    draws: int
    supervised: tuple[int, int]
    splits: tuple[tuple[int, int], ...]
    lengths: tuple[int, ...]


SIZES = {
    "smoke": Size(
        tracks=400, lams=(1, 4), gammas=(0, 7, 11, 15), sym5_gammas=(0, 11), sym5_seeds=(1,),
        seeds=(1, 10), epochs=6, lstm_epochs=5, draws=4, supervised=(8, 5), splits=((5, 6),),
        lengths=(30,), dtype=torch.float64,
    ),
    "laptop": Size(
        tracks=1618, lams=(0, 1, 2, 3, 4), gammas=tuple(range(21)),
        sym5_gammas=(0, 5, 9, 11, 12, 13, 14), sym5_seeds=(1,), seeds=(1, 10, 100), epochs=100,
        lstm_epochs=200, draws=10, supervised=(20, 60), splits=((1, 2), (3, 4), (5, 6), (7, 8)),
        lengths=(30, 60),
    ),
    "paper": Size(
        tracks=1618, lams=(0, 1, 2, 3, 4), gammas=tuple(range(21)), sym5_gammas=tuple(range(21)),
        sym5_seeds=(1, 10, 100, 1000, 10000), seeds=(1, 10, 100, 1000, 10000), epochs=100,
        lstm_epochs=200, draws=50, supervised=(64, 60), splits=ALL_PAIRS, lengths=(30, 60),
    ),
}  # fmt: skip


def signals_of(
    tracks: Tracks,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float64,
    test_cells: Sequence[int] = TEST_CELLS,
) -> Signals:
    """Tracks as tensors, split by cell; the test cells are never among the training ones.

    Raises
    ------
    ValueError
        If no track is left to train on, or to test with.
    """
    testing = np.isin(tracks.cell, test_cells)
    if testing.all() or not testing.any():
        raise ValueError(f"test cells {tuple(test_cells)} leave no tracks to train on, or to test")
    train, test = tracks.select(~testing), tracks.select(testing)
    x, x_test = (torch.from_numpy(t.x)[:, None].to(device, dtype) for t in (train, test))
    return Signals(x=x, y=train.y, group=train.cell, x_test=x_test, y_test=test.y)


def describe(tracks: Tracks) -> dict[str, object]:
    """What the captions say of the data."""
    return {
        "source": tracks.source,
        "n": len(tracks),
        "n_train": len(tracks.train),
        "n_test": len(tracks.test),
        "share_significant": float(tracks.significant.any(1).mean()),
        "share_seen": float(auxilin_seen(tracks.significant).mean()),
        "lifetime_median": float(np.median(tracks.lifetime_s)),
    }
