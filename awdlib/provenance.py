"""Where a result comes from: the commit, the packages, the machine, the memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("awdlib", "torch", "numpy", "scipy", "PyWavelets", "scikit-learn", "pandas", "h5py")


def at_start(root: Path, device: str) -> dict[str, Any]:
    """Return what is known before a run computes anything."""
    return {
        **commit(root),
        "device_name": _device_name(device),
        "python": platform.python_version(),
        "packages": versions(),
        "utc": now(),
    }


def now() -> str:
    """Return the time in UTC; these texts sort by time."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def at_end() -> dict[str, Any]:
    """Return what is known once a run has computed: threads and the most memory it held."""
    return {"threads": threads(), "peak_memory_mb": _peak_memory_mb()}


def commit(root: Path) -> dict[str, Any]:
    """Return the commit, and whether anything that results depend on differs from it."""

    def git(*arguments: str) -> str | None:
        try:
            return subprocess.run(
                ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
            ).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    # only what results depend on: `awd refs` itself changes the executed notebooks
    changed = git("status", "--porcelain", "--", "awdlib", "notebooks/*.py", "data/paper")
    return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changed)}


def versions() -> dict[str, str]:
    """Return the versions of the packages that compute."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def threads() -> int:
    """Return how many threads torch computes with (the cores, if torch is not in use)."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else os.cpu_count() or 1


def _device_name(device: str) -> str:
    if device.startswith("cuda") and "torch" in sys.modules:
        return str(sys.modules["torch"].cuda.get_device_name(device))
    return platform.machine()


def _peak_memory_mb() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
