"""Clathrin and auxilin tracks of clathrin-mediated endocytosis, as the paper's Sec. 4.2 uses them.

Two proteins are followed at each forming vesicle, one frame a second: clathrin, which builds the
coat, and auxilin, which comes in a burst when the coat is taken apart. From a track's clathrin
amplitudes `x` a model predicts its mean auxilin amplitude `y`. Real tracks come from the
``lifetimeData.mat`` files that cmeAnalysis writes (Aguet et al., Dev. Cell 2013; experiment of
He et al., J. Cell Biol. 2020); `awdlib.datasets.cme_simulator` stands in where they cannot be had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from awdlib.datasets import fetch
from awdlib.datasets.lifetime_data import LifetimeData, detection_p_value, read_lifetime_data
from awdlib.datasets.registry import DataError
from awdlib.datasets.tracks import (
    FRAME_SECONDS,
    TEST_CELLS,
    TRAIN_CELLS,
    Tracks,
    concatenate,
    is_hotspot,
    preprocess,
    resample,
)

if TYPE_CHECKING:
    import torch

__all__ = [
    "CELLS",
    "FRAME_SECONDS",
    "TEST_CELLS",
    "TRAIN_CELLS",
    "DataError",
    "LifetimeData",
    "Tracks",
    "authors_lstm",
    "detection_p_value",
    "get_tracks",
    "is_hotspot",
    "load_tracks",
    "preprocess",
    "read_lifetime_data",
    "resample",
    "simulate_tracks",
]

CELLS = TRAIN_CELLS + TEST_CELLS


def load_tracks(
    cells: Sequence[int] = CELLS, *, length: int = 40, drop_hotspots: bool = False
) -> Tracks:
    """Load the real tracks of some cells from the data folder; never downloads.

    Parameters
    ----------
    cells : sequence of int
        Out of 1 to 8; tracks come in this order, and within a cell in the file's.
    length : int
        Values a track.
    drop_hotspots : bool
        Leave out tracks with several auxilin bursts, as the paper's pipeline does.

    Raises
    ------
    DataError
        If a file is missing, truncated or altered.
    """
    parts, files = [], {}
    entries = {entry.name: entry for entry in fetch.registry("cme")}
    for cell in cells:
        name = f"Cell{cell}_1s_lifetimeData.mat"
        path = fetch.ensure("cme", name)
        files[name] = entries[name].sha256
        parts.append(
            preprocess(
                read_lifetime_data(path),
                cell,
                length=length,
                drop_hotspots=drop_hotspots,
                name=name,
            )
        )
    return concatenate(parts, files)


def simulate_tracks(
    seed: int, n: int = 1618, *, length: int = 40, drop_hotspots: bool = False
) -> Tracks:
    """Simulate `n` tracks of 8 cells; see `awdlib.datasets.cme_simulator.simulate_cell`.

    Cells hold the same shares of the tracks as the real ones, so cells 1 to 6 train and 7 and 8
    test. The same `seed` and `n` give the same tracks everywhere.

    Parameters
    ----------
    seed : int
    n : int
        Number of tracks before hotspots are dropped; at least 100.
    length : int
        Values a track.
    drop_hotspots : bool
    """
    from awdlib.datasets import cme_simulator

    return concatenate(
        [
            preprocess(
                data,
                cell,
                length=length,
                drop_hotspots=drop_hotspots,
                name=f"simulated cell {cell}",
                source="simulated",
            )
            for cell, data in zip(CELLS, cme_simulator.simulate_cells(seed, n), strict=True)
        ]
    )


def get_tracks(
    source: str = "auto",
    *,
    seed: int = 0,
    n: int = 1618,
    length: int = 40,
    drop_hotspots: bool = False,
) -> Tracks:
    """Return real or simulated tracks, as ``DATA=auto|real|simulated`` asks; prints which.

    Parameters
    ----------
    source : {"auto", "real", "simulated"}
        See `awdlib.datasets.fetch.resolve`.
    seed, n : int
        Of the simulated tracks; real ones are always all 1,618.
    length, drop_hotspots
        See `load_tracks`.
    """
    chosen, reason = fetch.resolve("cme", source)
    print(f"CME tracks: {chosen} ({reason})")
    if chosen == "real":
        return load_tracks(length=length, drop_hotspots=drop_hotspots)
    return simulate_tracks(seed, n, length=length, drop_hotspots=drop_hotspots)


def authors_lstm() -> dict[str, torch.Tensor]:
    """Return the weights of the LSTM that the paper's authors distilled, float32.

    Keys are those of a module with ``lstm = LSTM(1, 20, batch_first=True)`` over the time steps
    and ``fc = Linear(20, 1)`` on the last hidden state.

    Raises
    ------
    DataError
        If the file is missing, truncated or altered.
    """
    from safetensors.torch import load_file

    return load_file(fetch.ensure("cme", "lstm_clathrin.safetensors"))
