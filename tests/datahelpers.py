"""What the tests of the data sets share: a toy registry, a file server, small measured files."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest

from awdlib.datasets import cme, registry


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback interface; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def use_registry(
    monkeypatch: pytest.MonkeyPatch, folder: Path, files: dict[str, bytes], address: str
) -> None:
    """Make the program read a registry of data set "toy" instead of its own."""
    rows = [
        f"toy {name} {sha256(content)} {len(content)} {address}/{name} none-stated Somebody, 2020"
        for name, content in files.items()
    ]
    path = folder / "registry.txt"
    path.write_text("# a comment\n\n" + "\n".join(rows) + "\n")
    monkeypatch.setattr(registry, "REGISTRY", path)
    registry.registry.cache_clear()


def write_lifetime_data(path: Path, *, n: int = 12, frames: int = 60, **changes: object) -> Path:
    """Write a small lifetimeData.mat; `changes` replace a field, or leave it out if None.

    The first 8 of its `n` tracks are of category 1, each 30 frames long.
    """
    rng = np.random.default_rng(0)
    kept, end = 8, 30
    fields: dict[str, object] = {
        "catIdx": np.where(np.arange(n) < kept, 1.0, 5.0)[None],
        "lifetime_s": np.full((1, n), float(end)),
        "A": rng.uniform(500, 3000, (2, frames, kept)),
        "A_pstd": np.full((2, frames, kept), 150.0),
        "sigma_r": np.full((2, frames, kept), 300.0),
        "SE_sigma_r": np.full((2, frames, kept), 20.0),
    }
    for name in ("A", "A_pstd", "sigma_r", "SE_sigma_r"):
        fields[name][:, end:] = np.nan  # type: ignore[index]
    with h5py.File(path, "w") as file:
        for name, values in (fields | changes).items():
            if values is not None:
                file[name] = values
    return path


@cache
def _why_no_real_tracks() -> str:
    try:
        missing = [record.name for record in registry.verify("cme") if record.status != "ok"]
    except registry.DataError as error:
        return str(error)
    return f"real tracks are not here: {len(missing)} files missing or spoilt" if missing else ""


def real_tracks(**options: object) -> cme.Tracks:
    """Return the real tracks; skip the test, with the reason, where they are not."""
    need_real_data()
    return cme.load_tracks(**options)  # type: ignore[arg-type]


def need_real_data() -> None:
    if reason := _why_no_real_tracks():
        pytest.skip(reason)
