"""Finished pieces of long work on disk, so that a run killed at any moment goes on where it was.

A piece is a function of its key alone: everything that decides its numbers is in the key (the
configuration, the code that computes it, the hashes of the data, the composition of its batch),
and nothing else is. It is one file, written under a temporary name and renamed, so it is there
whole or not at all; one that cannot be read is computed again.
"""

import hashlib
import inspect
import io
import json
import tokenize
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from awdlib.store import npz_bytes, plain, write

KEY = "ledger_key"


class Ledger:
    """A folder of finished pieces.

    Parameters
    ----------
    folder : pathlib.Path
        Made when the first piece is finished. Pieces of other configurations may lie beside.
    config : mapping
        What all pieces of this work have in common: settings, starts, hashes of the data.

    Attributes
    ----------
    found, computed : int
        Pieces taken from the folder, and pieces computed, since this object was made.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]):
        self.folder = Path(folder)
        self.config = plain(dict(config), "config")
        self.found = self.computed = 0

    def piece(
        self, key: Mapping[str, Any], compute: Callable[[], Mapping[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """The arrays of one piece: read if finished before, else computed and kept.

        What is returned has always been through the file, so a run that was interrupted and one
        that was not see the same numbers.

        Parameters
        ----------
        key : mapping
            What distinguishes this piece, plain numbers and texts.
        compute : callable
            Gives arrays by name.

        Raises
        ------
        OSError
            If the piece cannot be written: nothing half-written is left.
        """
        found = self.find(key)
        return self.keep(key, compute()) if found is None else found

    def find(self, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
        """The arrays of a piece that was finished before, else None."""
        text, path = self._place(key)
        stored = _read(path, text)
        self.found += stored is not None
        return stored

    def keep(
        self, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Keep the arrays of a finished piece, and read them back; raises as `piece` does."""
        text, path = self._place(key)
        write(path, npz_bytes({**arrays, KEY: np.array(text)}))
        self.computed += 1
        stored = _read(path, text)
        assert stored is not None
        return stored

    def _place(self, key: Mapping[str, Any]) -> tuple[str, Path]:
        """All that decides a piece, as text, and the file that is named by it."""
        everything = {"config": self.config, "piece": plain(key, "piece")}
        text = json.dumps(everything, sort_keys=True, allow_nan=False)
        return text, self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"


def gather(
    book: Ledger | None,
    tasks: Sequence[tuple[Mapping[str, Any], tuple[Any, ...]]],
    compute: Callable[..., dict[str, np.ndarray]],
    *,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, np.ndarray]]:
    """Pieces that do not depend on each other: found, or computed beside each other and kept.

    Each is kept as soon as it is there, so a run that is stopped loses what is under way alone.

    Parameters
    ----------
    book : Ledger, optional
        Without one nothing is kept.
    tasks : sequence of (key, arguments)
        Of `Ledger.piece`, and of `compute`.
    compute : callable
        Gives arrays by name; it runs in the workers, which see nothing of the ledger.
    executor : concurrent.futures.Executor, optional
        By default one piece is computed after the other, here.
    progress : callable, optional
        Called with (pieces done, pieces).
    """
    found = {k: piece for k, (key, _) in enumerate(tasks) if book and (piece := book.find(key))}
    left = [k for k in range(len(tasks)) if k not in found]

    def keep(k: int, arrays: dict[str, np.ndarray]) -> None:
        found[k] = book.keep(tasks[k][0], arrays) if book else arrays
        if progress:
            progress(len(found), len(tasks))

    if executor is None:
        for k in left:
            keep(k, compute(*tasks[k][1]))
    else:
        waiting = {executor.submit(compute, *tasks[k][1]): k for k in left}
        try:
            for future in as_completed(waiting):
                keep(waiting[future], future.result())
        finally:
            for future in waiting:  # when one failed, or somebody stopped it
                future.cancel()
    return [found[k] for k in range(len(tasks))]


def joined(parts: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays of several parts as those of one piece: ``part/name``."""
    return {f"{part}/{name}": a for part, arrays in parts.items() for name, a in arrays.items()}


def part(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The arrays of one part under their own names, as `joined` was given them."""
    begin = f"{name}/"
    return {k.removeprefix(begin): a for k, a in arrays.items() if k.startswith(begin)}


def state_of(module: torch.nn.Module) -> dict[str, np.ndarray]:
    """A module's parameters and buffers as arrays; `load_state` is the way back."""
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def load_state(module: torch.nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Give a module the parameters and buffers that `state_of` told."""
    module.load_state_dict({k: torch.from_numpy(np.asarray(a)) for k, a in arrays.items()})


def array_hash(*arrays: np.ndarray) -> str:
    """sha256 of arrays, their types and shapes: how data enter a ledger's configuration."""
    digest = hashlib.sha256()
    for array in arrays:
        contiguous = np.ascontiguousarray(array)
        digest.update(f"{contiguous.dtype.str}{contiguous.shape}".encode())
        digest.update(contiguous.tobytes())
    return digest.hexdigest()


def code_hash(*modules: ModuleType) -> str:
    """sha256 of what modules do: of their tokens, so that comments and blank lines do not count."""
    # Not of their syntax trees: Python 3.11 cannot make two of them in two threads at once.
    digest = hashlib.sha256()
    for module in modules:
        lines = io.StringIO(inspect.getsource(module)).readline
        for kind, text, *_ in tokenize.generate_tokens(lines):
            if kind not in (tokenize.COMMENT, tokenize.NL):
                digest.update(f"{kind} {text}\n".encode())
    return digest.hexdigest()


def _read(path: Path, text: str) -> dict[str, np.ndarray] | None:
    """The arrays of a piece, or None if it is missing, broken or another's."""
    try:
        data = path.read_bytes()
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile):
        return None
    if str(arrays.pop(KEY, "")) != text:
        return None
    return arrays
