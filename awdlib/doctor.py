"""What `awd doctor` says about this machine: one line each, and what to do where that helps."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from pathlib import Path

from awdlib import provenance, results

DATASETS = ("cme",)


def report() -> str:
    """Return the report on versions, devices, threads, data, disk and the lock."""
    import torch

    cuda = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    facts = {
        "python": f"{platform.python_version()} on {platform.platform()}",
        "packages": ", ".join(f"{name} {v}" for name, v in provenance.versions().items()),
        "devices": ", ".join(["cpu", *cuda]),
        "threads": f"{torch.get_num_threads()} for torch, {os.cpu_count()} cores",
        "data": "; ".join(_data()),
        "runs": str(results.folder("", "run")),
        "free disk": f"{shutil.disk_usage(results.root()).free / 1e9:.1f} GB",
        "lock": _compare(results.root() / "requirements.lock"),
    }
    return "\n".join(f"{name:10} {fact}" for name, fact in facts.items())


def _data() -> list[str]:
    try:
        from awdlib.datasets import fetch
    except ModuleNotFoundError as error:
        return [f"cannot be looked for without the package '{error.name}'"]
    folder, why = fetch.where()
    lines = [f"{folder} ({why})"]
    if not folder.is_dir():
        hint = "name another folder in AWD_DATA_DIR, or unset it and run: awd data fetch cme"
        return [f"{lines[0]} is not there; {hint}"]
    for dataset in DATASETS:
        status = [record.status for record in fetch.verify(dataset)]
        lines.append(f"{dataset}: {status.count('ok')} of {len(status)} files verified")
        if "missing" in status:
            lines[-1] += f", awd data fetch {dataset} brings them"
    return lines


def _compare(lock: Path) -> str:
    """Say how the installed packages differ from the lock."""
    from packaging.requirements import Requirement

    if not lock.exists():
        return "there is no requirements.lock here"
    different = []
    for line in lock.read_text().splitlines():
        if "==" not in line or line.startswith((" ", "#")):
            continue
        wanted = Requirement(line.rstrip(" \\"))
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            found = "missing"
        if found == "missing" or found not in wanted.specifier:
            different.append(f"{wanted.name} is {found}, locked{wanted.specifier}")
    return "; ".join(different) or "the environment matches requirements.lock"
