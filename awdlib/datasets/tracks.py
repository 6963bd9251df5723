"""From measured amplitudes to tracks that a model can read, as the paper's pipeline does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from awdlib.datasets.lifetime_data import SIGNIFICANCE, LifetimeData, detection_p_value
from awdlib.datasets.registry import DataError

TRAIN_CELLS = (1, 2, 3, 4, 5, 6)
TEST_CELLS = (7, 8)
FRAME_SECONDS = 1.0
# Shorter tracks are almost all without auxilin, longer ones almost all with it: neither teaches.
LIFETIME_SECONDS = (15.0, 161.0)  # both excluded
CLATHRIN, AUXILIN = 0, 1  # channels


@dataclass(frozen=True)
class Tracks:
    """Tracks ready for a model, and what is needed to draw them.

    Attributes
    ----------
    x : (n, length) float64
        Clathrin amplitudes resampled to `length` values, standardised over the values of a cell.
    y : (n,) float64
        Mean auxilin amplitude over its significant frames (0 if none), standardised over a cell.
    cell : (n,) int
    lifetime_s : (n,) float64
        In seconds, one frame a second.
    clathrin : (n, length) float64
        `x` before it was standardised, in camera counts.
    auxilin : (n,) float64
        `y` before it was standardised, in camera counts.
    clathrin_frames, auxilin_frames : (n, 160) float64
        Amplitudes frame by frame, in camera counts, NaN after a track's end.
    significant : (n, 160) bool
        Frames in which auxilin stands out from the background (p < 0.05).
    source : {"real", "simulated"}
    files : dict
        sha256 of every file the tracks were read from, by name; empty for simulated ones.
    """

    x: np.ndarray
    y: np.ndarray
    cell: np.ndarray
    lifetime_s: np.ndarray
    clathrin: np.ndarray
    auxilin: np.ndarray
    clathrin_frames: np.ndarray
    auxilin_frames: np.ndarray
    significant: np.ndarray
    source: str
    files: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    def select(self, mask: np.ndarray) -> Tracks:
        """Return the tracks that a boolean mask or an index array picks."""
        arrays = {
            item.name: getattr(self, item.name)[mask]
            for item in fields(self)
            if isinstance(getattr(self, item.name), np.ndarray)
        }
        return replace(self, **arrays)

    @property
    def train(self) -> Tracks:
        """Tracks of cells 1 to 6."""
        return self.select(np.isin(self.cell, TRAIN_CELLS))

    @property
    def test(self) -> Tracks:
        """Tracks of cells 7 and 8."""
        return self.select(np.isin(self.cell, TEST_CELLS))


def resample(frames: np.ndarray, length: int = 40) -> np.ndarray:
    """Bring tracks of different lifetimes to one length, as the paper's pipeline does.

    A track of m >= length values contributes value ``int((m - 1) * i / (length - 1))`` for i = 0
    to length - 1; a shorter one its values followed by zeros.

    Parameters
    ----------
    frames : (n, frames) array
        One track a row; NaN are left out.
    length : int
        At least 2.

    Returns
    -------
    (n, length) float64 array
    """
    absent = np.isnan(frames)
    m = (~absent).sum(axis=1, keepdims=True)
    # values first, in their order, then the NaN
    packed = np.take_along_axis(frames, np.argsort(absent, axis=1, kind="stable"), axis=1)
    packed = np.pad(packed, ((0, 0), (0, max(0, length - packed.shape[1]))))
    i = np.arange(length)
    index = np.where(m >= length, ((m - 1) * i / (length - 1)).astype(int), i)
    return np.where(i < m, np.take_along_axis(packed, index, axis=1), 0.0)


def longest_run(significant: np.ndarray) -> np.ndarray:
    """Return the longest run of consecutive significant frames of every track.

    Parameters
    ----------
    significant : (n, frames) bool array

    Returns
    -------
    (n,) int array
    """
    run = longest = np.zeros(len(significant), int)
    for now in significant.T:
        run = np.where(now, run + 1, 0)
        longest = np.maximum(longest, run)
    return longest


def auxilin_seen(significant: np.ndarray) -> np.ndarray:
    """Return which tracks show auxilin: at least three consecutive significant frames.

    The successful events, against the abortive ones. One significant frame would not do: at
    p < 0.05 a track of 50 frames has one by chance nine times in ten, three in a row less than
    once in a hundred.
    """
    return longest_run(significant) >= 3


def is_hotspot(significant: np.ndarray) -> np.ndarray:
    """Return which tracks show several separate auxilin bursts.

    Number a track's significant frames in order: between two neighbouring pairs of adjacent ones
    the number jumps by more than 2, so isolated significant frames lie between two bursts (which
    takes at least 5 of them). The paper's pipeline drops such tracks: probably several events.

    Parameters
    ----------
    significant : (n, frames) bool array

    Returns
    -------
    (n,) bool array
    """
    number = significant.cumsum(axis=1)[:, :-1]
    pair = significant[:, :-1] & significant[:, 1:]
    latest = np.maximum.accumulate(np.where(pair, number, 0), axis=1)  # 0 before the first pair
    jump = pair[:, 1:] & (latest[:, :-1] > 0) & (number[:, 1:] - latest[:, :-1] > 2)
    return jump.any(axis=1)


def preprocess(
    data: LifetimeData,
    cell: int,
    *,
    length: int = 40,
    drop_hotspots: bool = False,
    name: str = "tracks",
    source: str = "real",
) -> Tracks:
    """Turn one cell's measured amplitudes into standardised tracks.

    Category 1 tracks of 15 s < lifetime < 161 s are kept; clathrin is resampled (`resample`); the
    auxilin amplitudes of significant frames (`detection_p_value`) are averaged; both are
    standardised over the cell's kept tracks.

    Parameters
    ----------
    data : LifetimeData
    cell : int
    length : int
    drop_hotspots : bool
        Leave out the tracks of `is_hotspot`, before standardising.
    name : str
        What messages call the data.
    source : {"real", "simulated"}

    Raises
    ------
    DataError
        If no track is kept, a kept track is nothing but NaN, or the kept ones do not vary.
    """
    lifetime_s = data.lifetime_s[data.category == 1]
    kept = (lifetime_s > LIFETIME_SECONDS[0]) & (lifetime_s < LIFETIME_SECONDS[1])
    if not kept.any():
        raise DataError(f"{name} has no category 1 track of 15 s < lifetime < 161 s.")
    last = int(LIFETIME_SECONDS[1] / FRAME_SECONDS) - 1

    def frames(values: np.ndarray, channel: int) -> np.ndarray:
        return values[channel, :, kept][:, :last]

    clathrin_frames, auxilin_frames = (
        frames(data.amplitude, channel) for channel in (CLATHRIN, AUXILIN)
    )
    empty = np.isnan(clathrin_frames).all(axis=1) | np.isnan(auxilin_frames).all(axis=1)
    if empty.any():
        raise DataError(f"{name}: {empty.sum()} of {len(empty)} tracks hold nothing but NaN.")
    p = detection_p_value(
        auxilin_frames,
        *(
            frames(values, AUXILIN)
            for values in (data.amplitude_sd, data.background_sd, data.background_se)
        ),
    )
    significant = p < SIGNIFICANCE  # False where NaN
    count = significant.sum(axis=1)
    total = np.where(significant, auxilin_frames, 0.0).sum(axis=1)
    tracks = Tracks(
        x=(clathrin := resample(clathrin_frames, length)),
        y=(auxilin := total / np.maximum(count, 1)),
        cell=np.full(len(total), cell),
        lifetime_s=lifetime_s[kept],
        clathrin=clathrin,
        auxilin=auxilin,
        clathrin_frames=clathrin_frames,
        auxilin_frames=auxilin_frames,
        significant=significant,
        source=source,
    )
    if drop_hotspots:
        tracks = tracks.select(~is_hotspot(tracks.significant))
    return replace(
        tracks,
        x=_standardised(tracks.x, name, "clathrin"),
        y=_standardised(tracks.y, name, "auxilin"),
    )


def _standardised(values: np.ndarray, name: str, protein: str) -> np.ndarray:
    if not len(values) or not values.std() > 0:
        raise DataError(f"{name}: the {protein} amplitudes of the kept tracks do not vary.")
    return (values - values.mean()) / values.std()


def concatenate(parts: Sequence[Tracks], files: dict[str, str] | None = None) -> Tracks:
    """Join the tracks of several cells, in the order given."""
    arrays = {
        item.name: np.concatenate([getattr(part, item.name) for part in parts])
        for item in fields(Tracks)
        if isinstance(getattr(parts[0], item.name), np.ndarray)
    }
    return Tracks(source=parts[0].source, files=files or {}, **arrays)
