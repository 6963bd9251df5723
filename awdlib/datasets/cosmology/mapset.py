"""Sets of maps on disk: made once, read in batches, never all in memory.

A set is a folder of pieces. A piece is one array file (maps, height, width), float32, and a note
beside it: the parameters and names of its maps, what decided them, and the array's sha256. Both are
written whole or not at all, the note last, so a run that was killed goes on with the next piece.
"""

import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from awdlib.datasets.registry import DataError
from awdlib.store import plain, write

FORMAT = 1


@dataclass(frozen=True)
class MapSet:
    """Maps with their parameters; ``maps[i]`` is (map, parameters, name).

    Attributes
    ----------
    sha256 : tuple of str
        Of the pieces.
    files : tuple of pathlib.Path
        The pieces' arrays, (maps, height, width); they are mapped into memory where they are read,
        so a set is small when it is handed to another process.
    size : tuple of int
        Height and width of the maps.
    place : numpy.ndarray
        The piece of every map, and its row there, shape (maps, 2).
    parameters : numpy.ndarray
        (m_nu, omega_m, 10^9 A_s) of every map, shape (maps, 3).
    cosmology : numpy.ndarray
        A number for each distinct triple of parameters, shape (maps,).
    names : numpy.ndarray of str
    source : str
        What the maps are: one of `simulated.SOURCES`, "MassiveNuS", "own".
    """

    sha256: tuple[str, ...]
    files: tuple[Path, ...]
    size: tuple[int, int]
    place: np.ndarray
    parameters: np.ndarray
    cosmology: np.ndarray
    names: np.ndarray
    source: str

    def __len__(self) -> int:
        return len(self.place)

    def __getitem__(self, i: int) -> tuple[Tensor, np.ndarray, str]:
        """The map, float32 (1, height, width), its parameters (3,), and its name."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"map {i} of {len(self)}")
        return self.read([i])[0], self.parameters[i], str(self.names[i])

    @property
    def identity(self) -> str:
        """What tells these maps from others: a hash of their pieces' hashes and of their rows."""
        pieces = {str(k): self.sha256[k] for k in np.unique(self.place[:, 0])}
        text = json.dumps([pieces, self.place.tolist()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def read(self, rows: Sequence[int] | np.ndarray) -> Tensor:
        """Some maps, float32 (rows, 1, height, width)."""
        found = np.stack([_array(self.files[piece])[row] for piece, row in self.place[rows]])
        return torch.from_numpy(found.astype(np.float32, copy=False))[:, None]

    def batches(self, size: int) -> Iterator[Tensor]:
        """All maps in their order, `size` at a time."""
        for begin in range(0, len(self), size):
            yield self.read(np.arange(begin, min(begin + size, len(self))))

    def spread_out(self, count: int) -> "MapSet":
        """`count` of the maps at even distances; all where there are fewer."""
        return self.take(np.linspace(0, len(self) - 1, min(count, len(self))).astype(int))

    def take(self, rows: np.ndarray) -> "MapSet":
        """Some of the maps, by number or mask, as a set that shares the files."""
        return replace(
            self,
            place=self.place[rows],
            parameters=self.parameters[rows],
            cosmology=self.cosmology[rows],
            names=self.names[rows],
        )


@lru_cache(maxsize=1024)
def _array(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)


def piece_is_there(folder: Path, name: str, key: Mapping[str, Any]) -> bool:
    """Whether a piece was finished before, from the same key and with its array's size."""
    try:
        note = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        size = (folder / f"{name}.npy").stat().st_size
    except (OSError, ValueError):
        return False
    return note.get("key") == _as_stored(key) and note.get("bytes") == size


def write_piece(
    folder: Path,
    name: str,
    maps: np.ndarray,
    *,
    parameters: np.ndarray,
    names: Sequence[str],
    source: str,
    key: Mapping[str, Any],
) -> None:
    """Keep one piece: the array under a temporary name, renamed; then its note.

    Raises
    ------
    DataError
        If a value is not finite: nothing is written.
    OSError
        If the disk is full: nothing half-written is left.
    """
    maps = np.ascontiguousarray(maps, np.float32)
    if not np.isfinite(maps).all():
        bad = names[int(np.flatnonzero(~np.isfinite(maps).all((1, 2)))[0])]
        raise DataError(f"The map {bad} holds NaN or an infinity: mend it, or leave it out.")
    buffer = io.BytesIO()
    np.save(buffer, maps, allow_pickle=False)
    data = buffer.getvalue()
    _array.cache_clear()  # it may be replaced
    (folder / f"{name}.json").unlink(missing_ok=True)
    write(folder / f"{name}.npy", data)
    note = {
        "format": FORMAT,
        "key": _as_stored(key),
        "source": source,
        "shape": list(maps.shape),
        "parameters": np.asarray(parameters, float).tolist(),
        "names": list(names),
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
    write(folder / f"{name}.json", (json.dumps(note, indent=1) + "\n").encode())


def open_set(folder: Path, names: Sequence[str], *, verify: bool = False) -> MapSet:
    """Open finished pieces as one set.

    Parameters
    ----------
    folder : pathlib.Path
    names : sequence of str
        Of the pieces, in the order of the set.
    verify : bool
        Compare each array with its sha256, which reads all of it.

    Raises
    ------
    DataError
        If a piece is missing, truncated or altered, or if pieces differ in size or source.
    """
    notes, arrays = [], []
    for name in names:
        path = folder / f"{name}.npy"
        try:
            note = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            if verify and hashlib.sha256(path.read_bytes()).hexdigest() != note["sha256"]:
                raise ValueError("altered")
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            if list(array.shape) != note["shape"]:
                raise ValueError("another shape")
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"The maps {path} are missing or broken ({error}): delete them, and the next run "
                "makes them again."
            ) from error
        notes.append(note)
        arrays.append(array)
    for what, values in (
        ("resolutions", {a.shape[1:] for a in arrays}),
        ("sources", {note["source"] for note in notes}),
    ):
        if len(values) > 1:
            raise DataError(f"The maps in {folder} have different {what}: {sorted(values)}.")
    if not arrays:
        raise DataError(f"There are no maps in {folder}.")
    parameters = np.concatenate([np.array(n["parameters"]).reshape(-1, 3) for n in notes])
    row = [np.stack([np.full(len(a), k), np.arange(len(a))], 1) for k, a in enumerate(arrays)]
    return MapSet(
        tuple(note["sha256"] for note in notes),
        tuple(folder / f"{name}.npy" for name in names),
        arrays[0].shape[1:],
        np.concatenate(row),
        parameters,
        np.unique(parameters, axis=0, return_inverse=True)[1].reshape(-1),
        np.array([name for note in notes for name in note["names"]]),
        notes[0]["source"],
    )


def need_space(folder: Path, needed: int) -> None:
    """Refuse work whose files would not fit, before it begins.

    Parameters
    ----------
    folder : pathlib.Path
        Where they will lie; it may not exist yet.
    needed : int
        Bytes.

    Raises
    ------
    DataError
        If less than that, and a twentieth more, is free.
    """
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < 1.05 * needed:
        raise DataError(
            f"The maps need {needed / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free at "
            f"{place}: make room, or name another place in AWD_RUNS_DIR."
        )


def _as_stored(key: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(plain(dict(key), "key"), sort_keys=True))
