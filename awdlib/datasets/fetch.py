"""Download the files that the project may read but not redistribute, and choose real or simulated.

Nothing that lies in the data folder already is ever overwritten or removed: a file that is not
what it should be is an error that says what to do. Only `fetch`, and so ``auto`` of `resolve`,
opens a connection; what is on this machine is the business of `awdlib.datasets.registry`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from awdlib.datasets.registry import (
    DataError,
    FileRecord,
    RegistryEntry,
    available,
    data_dir,
    ensure,
    missing_files,
    record_of,
    refusal,
    registry,
    verify,
    where,
)

__all__ = [
    "DataError",
    "FileRecord",
    "NetworkError",
    "available",
    "data_dir",
    "ensure",
    "fetch",
    "reachable",
    "registry",
    "resolve",
    "verify",
    "where",
]

PROBE_SECONDS = 2.5  # patience of the one look at the network that DATA=auto takes
SOURCES = ("auto", "real", "simulated")


class NetworkError(DataError):
    """A data file could not be downloaded because its address could not be reached."""


def offline() -> bool:
    """Whether ``AWD_OFFLINE`` forbids every connection (set, and neither empty nor 0)."""
    return os.environ.get("AWD_OFFLINE", "").strip() not in ("", "0")


def fetch(dataset: str, *, echo: Callable[[str], None] = print) -> list[FileRecord]:
    """Download what is missing of a data set, verify it, and return the state of all its files.

    Each file arrives under a temporary name in the same folder, is hashed, and only then moved to
    its place, so a download that is cut off leaves nothing behind.

    Parameters
    ----------
    dataset : str
        A data set of ``registry.txt``, such as "cme".
    echo : callable
        Receives each line of progress.

    Raises
    ------
    NetworkError
        If an address cannot be reached or ``AWD_OFFLINE`` is set while something is missing.
    DataError
        If a file that is there is altered or truncated, a downloaded file is not the published
        one, the folder cannot be written, or the disk is full.
    """
    missing = missing_files(dataset)
    if not missing:
        echo(f"{dataset}: all {len(registry(dataset))} files are there and verified.")
        return verify(dataset)
    if offline():
        first = missing[0]
        raise NetworkError(
            f"AWD_OFFLINE is set and {dataset}/{first.name} is missing: {first.remedy}."
        )
    total = sum(entry.bytes for entry in missing) / 1e6
    hosts = ", ".join(sorted({urlsplit(entry.address).netloc for entry in missing}))
    folder = data_dir() / dataset
    echo(f"{dataset}: downloading {len(missing)} files, {total:.1f} MB, from {hosts} to {folder}")
    for number, entry in enumerate(missing, start=1):
        _download(entry)
        echo(f"  [{number}/{len(missing)}] {entry.name}  {entry.bytes / 1e6:.2f} MB")
    echo("Please cite: " + "; ".join(dict.fromkeys(entry.citation for entry in missing)))
    return verify(dataset)


def _download(entry: RegistryEntry) -> None:
    """Download one file, or download and convert it, into its place."""
    import pooch
    from requests.exceptions import RequestException

    pooch.get_logger().setLevel(logging.WARNING)
    transfer = pooch.HTTPDownloader(chunk_size=1 << 16)

    def checked(url: str, output_file: str, pooch_instance: object) -> None:
        transfer(url, output_file, pooch_instance)
        with open(output_file, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if not entry.converted and found != entry.sha256:
            raise DataError(
                f"{entry.address} did not send the published {entry.name}: expected sha256 "
                f"{entry.sha256}, found {found}; nothing was kept."
            )

    try:
        entry.path.parent.mkdir(parents=True, exist_ok=True)
        # A folder of its own beside the target: the last step is a rename on one file system.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=entry.path.parent) as folder:
            arrived = Path(
                pooch.retrieve(
                    entry.address, None, fname="arrived", path=folder, downloader=checked
                )
            )
            if entry.converted:
                arrived = _convert(entry, arrived)
            arrived.chmod(0o644)  # temporary files are private to their owner, data need not be
            if not entry.path.exists():  # another process may have been faster
                arrived.rename(entry.path)
    except RequestException as error:  # a subclass of OSError: must come first
        raise NetworkError(
            f"Could not download {entry.address} ({type(error).__name__}): try again later, or put "
            f"the file at {entry.path} yourself (sha256 {entry.sha256})."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            trouble = f"the disk is full ({entry.bytes / 1e6:.1f} MB needed)"
        else:
            trouble = f"it cannot be written ({error.strerror or error})"
        raise DataError(
            f"Could not store {entry.name} in {entry.path.parent}: {trouble}; name another folder "
            "in AWD_DATA_DIR."
        ) from error


def _convert(entry: RegistryEntry, pickled: Path) -> Path:
    """Convert a published pickle of tensors to the safetensors file of the registry."""
    from awdlib.datasets import restricted_pickle

    metadata = restricted_pickle.CLATHRIN_METADATA
    content = restricted_pickle.to_safetensors(
        restricted_pickle.read_tensors(pickled, name=Path(urlsplit(entry.address).path).name),
        metadata,
    )
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        raise DataError(
            f"The conversion of {entry.address} is not the registry's {entry.name}: expected "
            f"sha256 {entry.sha256}, found {found}; nothing was kept."
        )
    converted = pickled.with_name(entry.name)
    converted.write_bytes(content)
    return converted


def reachable(address: str, *, seconds: float = PROBE_SECONDS) -> bool:
    """Whether a server answers for `address` within `seconds`; one attempt.

    The attempt runs in a thread of its own because resolving a name has no timeout.
    """
    import requests  # here, so that a slow import does not count against the network

    answer: list[bool] = []

    def probe() -> None:
        with (
            contextlib.suppress(requests.exceptions.RequestException),
            requests.head(address, timeout=seconds, allow_redirects=True) as response,
        ):
            answer.append(response.ok)

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(seconds + 0.5)
    return answer == [True]


def resolve(
    dataset: str, source: str = "auto", *, echo: Callable[[str], None] = print
) -> tuple[str, str]:
    """Decide between real and simulated data, as ``DATA=auto|real|simulated`` asks.

    Parameters
    ----------
    dataset : str
        A data set of ``registry.txt``.
    source : {"auto", "real", "simulated"}
        "auto" takes real data that are there or that one short probe of the network says can be
        had (then they are downloaded); "real" takes only what is there.
    echo : callable
        Receives what a download has to say.

    Returns
    -------
    (str, str)
        "real" or "simulated", and the reason in one line that names no folder.

    Raises
    ------
    DataError
        If "real" data are missing, or, for "real" and "auto", a file is altered or truncated:
        spoilt data are never quietly replaced by simulated ones.
    ValueError
        If `source` is none of the three.
    """
    if source not in SOURCES:
        raise ValueError(f"source must be one of {SOURCES}, not {source!r}")
    if source == "simulated":
        return "simulated", "simulated data were asked for"
    missing = missing_files(dataset)
    place = "the folder of AWD_DATA_DIR" if where()[1] == "AWD_DATA_DIR" else "the download cache"
    everything = f"{len(registry(dataset))} verified files"
    if not missing:
        return "real", f"{everything} in {place}"
    if source == "real":
        raise refusal(missing[0], record_of(missing[0]))
    lacking = f"{len(missing)} of {len(registry(dataset))} files are missing"
    if offline():
        return "simulated", f"{lacking} and AWD_OFFLINE is set"
    if not reachable(missing[0].address):
        return "simulated", f"{lacking} and their address cannot be reached"
    try:
        fetch(dataset, echo=echo)
    except NetworkError:
        return "simulated", f"{lacking} and their download broke off"
    return "real", f"{everything} in {place}, {len(missing)} of them just downloaded"
