"""What the data folder should hold, and what it holds: no connection is ever opened here.

A file is used only if its sha256 is the one in ``registry.txt``.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REGISTRY = Path(__file__).with_name("registry.txt")


class DataError(RuntimeError):
    """A data file cannot be used; the message says in one sentence which, why and what to do."""


@dataclass(frozen=True)
class RegistryEntry:
    """One row of ``registry.txt``."""

    dataset: str
    name: str
    sha256: str
    bytes: int
    address: str
    licence: str
    citation: str

    @property
    def converted(self) -> bool:
        """Whether the file is made from what its address holds, rather than being it."""
        return self.name.endswith(".safetensors") and self.address.endswith(".pkl")

    @property
    def path(self) -> Path:
        """Where the file belongs on this machine."""
        return data_dir() / self.dataset / self.name

    @property
    def remedy(self) -> str:
        """How to get the file, by command or by hand."""
        made = " (converted from it by that command)" if self.converted else ""
        return (
            f"fetch it with `awd data fetch {self.dataset}`, or put it at {self.path} yourself "
            f"(source {self.address}{made}, {self.bytes:,} bytes, sha256 {self.sha256})"
        )


@dataclass(frozen=True)
class FileRecord:
    """The state of one file on this machine: what `verify` lists.

    `status` is "ok", "missing", "truncated" (shorter than it should be) or "altered";
    `expected` and `found` are sha256 in hexadecimal, `found` empty for a missing file.
    """

    name: str
    status: str
    path: Path
    expected: str
    found: str
    bytes: int


@cache
def registry(dataset: str) -> tuple[RegistryEntry, ...]:
    """Return the registry's rows of one data set, in file order.

    Raises
    ------
    DataError
        If no row belongs to `dataset`.
    """
    rows = []
    for line in REGISTRY.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name_of_set, name, sha256, size, address, licence, citation = line.split(None, 6)
            rows.append(
                RegistryEntry(name_of_set, name, sha256, int(size), address, licence, citation)
            )
    found = tuple(row for row in rows if row.dataset == dataset)
    if not found:
        known = ", ".join(sorted({row.dataset for row in rows}))
        raise DataError(f"No data set is called {dataset!r}; known are: {known}.")
    return found


def where() -> tuple[Path, str]:
    """Return the data folder (absolute; it may not exist yet) and why it is that one."""
    named = os.environ.get("AWD_DATA_DIR", "").strip()
    if named:
        return Path(os.path.abspath(Path(named).expanduser())), "AWD_DATA_DIR"
    import pooch

    return Path(os.path.abspath(pooch.os_cache("awdlib"))), "download cache"


def data_dir() -> Path:
    """Return the absolute data folder: ``AWD_DATA_DIR``, else the user's download cache.

    Raises
    ------
    DataError
        If ``AWD_DATA_DIR`` names nothing (a slip of the pen should not start a download into a
        new folder), or if the folder's path is taken by a file.
    """
    folder, reason = where()
    if folder.exists() and not folder.is_dir():
        raise DataError(
            f"{folder} ({reason}) is a file, not a folder: name another in AWD_DATA_DIR."
        )
    if reason == "AWD_DATA_DIR" and not folder.exists():
        raise DataError(
            f"AWD_DATA_DIR names {folder}, which does not exist: correct it, create the folder, "
            "or unset the variable to use the download cache."
        )
    return folder


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal; unchanged files are read once a process."""
    state = path.stat()
    return _sha256(path, state.st_size, state.st_mtime_ns)


@cache
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def record_of(entry: RegistryEntry) -> FileRecord:
    """Return the state of one file."""
    path, found, status = entry.path, "", "missing"
    if path.exists():
        try:
            found = sha256_of(path)
            size = path.stat().st_size
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}).") from error
        status = "ok" if found == entry.sha256 else "altered"
        if size < entry.bytes:
            status = "truncated"
    return FileRecord(entry.name, status, path, entry.sha256, found, entry.bytes)


def verify(dataset: str) -> list[FileRecord]:
    """Return the state of every file of a data set; see `FileRecord`. Opens no connection."""
    return [record_of(entry) for entry in registry(dataset)]


def available(dataset: str) -> bool:
    """Whether every file of a data set is there and is what it should be."""
    return all(record.status == "ok" for record in verify(dataset))


def refusal(entry: RegistryEntry, record: FileRecord) -> DataError:
    """Return the error for a file that is not ok: what is wrong, and what to do about it."""
    label = f"{entry.dataset}/{entry.name}"
    if record.status == "missing":
        return DataError(f"{label} is missing: {entry.remedy}.")
    return DataError(
        f"{label} is {record.status}: expected sha256 {record.expected}, found {record.found}; "
        f"remove {record.path} (nothing is overwritten), then {entry.remedy}."
    )


def ensure(dataset: str, name: str) -> Path:
    """Return the path of a verified file; never downloads.

    Raises
    ------
    DataError
        If the file is missing, truncated or altered, or unknown to the registry.
    """
    for entry in registry(dataset):
        if entry.name == name:
            record = record_of(entry)
            if record.status != "ok":
                raise refusal(entry, record)
            return record.path
    raise DataError(f"The registry has no file {name!r} in the data set {dataset!r}.")


def missing_files(dataset: str) -> list[RegistryEntry]:
    """Return the entries that are not there; raise if one is there and wrong."""
    missing = []
    for entry in registry(dataset):
        record = record_of(entry)
        if record.status == "missing":
            missing.append(entry)
        elif record.status != "ok":
            raise refusal(entry, record)
    return missing
