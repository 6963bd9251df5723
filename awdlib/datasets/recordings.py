"""What neurons did while a movie was shown: one form for simulated and for real recordings.

A recording is a ``.npz``, an HDF5 file (``.h5``, ``.hdf5``) or a folder of ``.npy`` files that
holds, under these names:

============  ==========================  ====================================================
movie         (frames, size, size)        grey pictures, uint8 or numbers from 0 to 1
spikes        (repeats, frames, neurons)  counts of spikes in each frame, from 0; one repeat
                                          for each time that the whole movie was shown
frame_rate    one number                  frames a second (Hz)
rate          (frames, neurons)           optional: true firing rate, spikes a second
orientation   (neurons,)                  optional: preferred orientation, radians
frequency     (neurons,)                  optional: preferred frequency, cycles a pixel
============  ==========================  ====================================================

The movies that models are fitted, chosen and judged on are recordings of their own. None but
simulated ones (`awdlib.datasets.neurons`) come with this project.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from awdlib.datasets.registry import DataError

REQUIRED = ("movie", "spikes", "frame_rate")


@dataclass(frozen=True)
class Recording:
    """A movie, and the spikes of neurons while it was shown.

    Attributes
    ----------
    movie : numpy.ndarray of float32, shape (frames, size, size)
        Grey pictures from 0 to 1.
    spikes : numpy.ndarray of int, shape (repeats, frames, neurons)
        Counts in each frame.
    frame_rate : float
        Frames a second (Hz).
    source : str
        "simulated", or where the recording is from.
    rate : numpy.ndarray or None, shape (frames, neurons)
        True firing rate in spikes a second, where it is known.
    orientation : numpy.ndarray or None, shape (neurons,)
        Preferred orientation in radians modulo π, where it is known: the direction across the
        bars, from the rows' direction (0, towards the right) to the columns' (π/2, downwards).
    frequency : numpy.ndarray or None, shape (neurons,)
        Preferred spatial frequency in cycles a pixel, where it is known.

    Raises
    ------
    ValueError
        If an array has a wrong shape, or holds what it cannot hold.
    """

    movie: np.ndarray
    spikes: np.ndarray
    frame_rate: float
    source: str
    rate: np.ndarray | None = None
    orientation: np.ndarray | None = None
    frequency: np.ndarray | None = None

    def __post_init__(self) -> None:
        movie, spikes = self.movie, self.spikes
        if movie.ndim != 3 or movie.shape[1] != movie.shape[2] or 0 in movie.shape:
            raise ValueError(f"movie must have shape (frames, size, size), not {movie.shape}")
        if spikes.ndim != 3 or 0 in spikes.shape:
            raise ValueError(
                f"spikes must have shape (repeats, frames, neurons), not {spikes.shape}"
            )
        if len(movie) != spikes.shape[1]:
            raise ValueError(
                f"movie has {len(movie)} frames but spikes {spikes.shape[1]}: give a count for "
                "each frame, in the order (repeats, frames, neurons)"
            )
        shapes = {"rate": spikes.shape[1:], "orientation": spikes.shape[2:]}
        shapes["frequency"] = shapes["orientation"]
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values is not None and values.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, not {values.shape}")
        for name in ("movie", "spikes", *shapes):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                first = tuple(np.argwhere(~np.isfinite(values))[0].tolist())
                raise ValueError(f"{name} is not finite at {first}: cut out what was not recorded")
        if movie.min() < 0 or movie.max() > 1:
            raise ValueError(
                f"movie must be uint8 or lie from 0 to 1, not from {movie.min():g} to "
                f"{movie.max():g}: divide it by its white"
            )
        if spikes.min() < 0 or (spikes != np.round(spikes)).any():
            raise ValueError(
                "spikes must be counts, that is whole numbers from 0: give them before smoothing, "
                "and not as rates"
            )
        if not (np.isfinite(self.frame_rate) and self.frame_rate > 0):
            raise ValueError(f"frame_rate must be a positive number of Hz, not {self.frame_rate}")


def load_recording(path: str | Path) -> Recording:
    """Read a recording in the form that this module describes.

    Parameters
    ----------
    path : str or pathlib.Path
        A ``.npz``, ``.h5`` or ``.hdf5`` file, or a folder of ``.npy`` files.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, lacks an array, or holds one that cannot be
        what its name says.
    """
    path = Path(path)
    arrays = _read(path)
    if missing := [name for name in REQUIRED if name not in arrays]:
        raise DataError(
            f"{path.name} lacks {' and '.join(missing)}; it has {', '.join(arrays) or 'nothing'}."
        )
    for name, values in arrays.items():
        if values.dtype.kind not in "fiu":
            raise DataError(f"{path.name}: {name} holds {values.dtype}, not numbers.")
    if arrays["frame_rate"].size != 1:
        raise DataError(
            f"{path.name}: frame_rate must be one number, not {arrays['frame_rate'].size} of them."
        )
    movie = arrays["movie"]
    white = 255 if movie.dtype == np.uint8 else 1
    try:
        return Recording(
            movie=(movie / white).astype(np.float32),
            spikes=_whole(arrays["spikes"]),
            frame_rate=float(arrays["frame_rate"].item()),
            source=path.name,
            **{name: arrays.get(name) for name in ("rate", "orientation", "frequency")},
        )
    except ValueError as error:
        raise DataError(f"{path.name}: {error}.") from None


def _whole(spikes: np.ndarray) -> np.ndarray:
    """Counts as integers; what is no count stays, and `Recording` refuses it."""
    countable = np.isfinite(spikes).all() and (spikes == np.round(spikes)).all()
    return spikes.astype(np.int64) if countable else spikes


def _read(path: Path) -> Mapping[str, np.ndarray]:
    """Those arrays of a file or folder that the form names."""
    known = [field.name for field in fields(Recording) if field.name != "source"]
    if not path.exists():
        raise DataError(f"{path} does not exist.")
    try:
        if path.is_dir():
            files = {name: path / f"{name}.npy" for name in known}
            return {n: np.load(f, allow_pickle=False) for n, f in files.items() if f.exists()}
        if path.suffix == ".npz":
            # opened here, since numpy leaves a damaged file open
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return {name: file[name] for name in known if name in file}
        if path.suffix in (".h5", ".hdf5"):
            import h5py

            with h5py.File(path, "r") as file:
                return {name: np.asarray(file[name]) for name in known if name in file}
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{path.name} cannot be read ({reason}): it is damaged, or of another kind than its "
            "name says."
        ) from error
    raise DataError(f"{path.name} is neither .npz, .h5 nor .hdf5, nor a folder of .npy files.")
