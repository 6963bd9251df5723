"""What a benchmark stores: one record a name, in a JSON file that is written whole."""

import json
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from measuring import Timing

from awdlib import provenance

NAMES = (
    "cme_fit_single", "cme_fit_batch25", "cme_sweep525", "cosmology_step", "dwt2_forward_backward",
    "scattering2d",
)  # fmt: skip
# Keys that every record has; those that may be null where they make no sense are listed twice.
KEYS = (
    "name", "unit", "ours_seconds", "ours_range", "peer", "peer_version", "peer_seconds",
    "peer_range", "ratio", "gradient_seconds", "ratio_with_gradients", "ours_loss", "peer_loss",
    "batch", "epochs", "repeats", "dtype", "threads", "clock", "data", "machine", "versions",
    "utc", "commit", "dirty", "note",
)  # fmt: skip
NULLABLE = ("gradient_seconds", "ratio_with_gradients", "ours_loss", "peer_loss", "epochs")


def machine() -> dict[str, Any]:
    """CPU model and the cores that this process may use; no names of hosts or folders."""
    model = ""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    model = model or platform.processor() or platform.machine()
    affinity = getattr(os, "sched_getaffinity", None)
    return {"cpu": model, "cores": len(affinity(0)) if affinity else os.cpu_count()}


def versions() -> dict[str, str]:
    """Versions of what computes, ours and below ours."""
    return {name: metadata.version(name) for name in ("awdlib", "torch", "numpy")}


def assemble(
    *,
    name: str,
    unit: str,
    ours: Timing,
    peer: str,
    peer_version: str,
    peer_timing: Timing,
    gradient_seconds: float | None = None,
    gradient_share: float = 1.0,
    **rest: Any,
) -> dict[str, Any]:
    """Make a record from timings.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    unit : str
        What a second is per, for instance ``"fit"``.
    ours, peer_timing : Timing
        In that unit. Their medians make the ratio.
    peer, peer_version : str
    gradient_seconds : float, optional
        What the cached gradients cost, once.
    gradient_share : float
        The part of that which one unit bears.
    **rest
        Every other key of `KEYS` (machine and versions are filled in), and any more.

    Returns
    -------
    dict
        JSON-ready.
    """
    with_gradients = None
    if gradient_seconds is not None:
        total = ours.median + gradient_share * gradient_seconds
        with_gradients = peer_timing.median / total
    record = {
        "name": name,
        "unit": unit,
        "ours_seconds": ours.median,
        "ours_range": ours.as_range(),
        "peer": peer,
        "peer_version": peer_version,
        "peer_seconds": peer_timing.median,
        "peer_range": peer_timing.as_range(),
        "ratio": peer_timing.median / ours.median,
        "gradient_seconds": gradient_seconds,
        "ratio_with_gradients": with_gradients,
        "ours_loss": None,
        "peer_loss": None,
        "repeats": len(ours.seconds),
        "machine": machine(),
        "versions": versions(),
        "utc": provenance.now(),
        **provenance.commit(Path(__file__).resolve().parents[1]),
        **rest,
    }
    missing = set(KEYS) - set(record)
    if missing:
        raise ValueError(f"the record {name} lacks {', '.join(sorted(missing))}")
    return record


def read(path: Path) -> list[dict[str, Any]]:
    """Records of a results file, none if there is no file."""
    if not path.exists():
        return []
    return json.loads(path.read_text(encoding="utf-8"))["records"]


def write(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write records to a temporary name, then rename: a reader never sees half a file."""
    order = sorted(records, key=lambda r: (NAMES.index(r["name"]), r["threads"]))
    text = json.dumps({"records": order}, indent=1, sort_keys=True, ensure_ascii=False)
    part = path.with_name(path.name + ".part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)


def merge(old: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    """The records with `new` in the place of the one of its name and threads."""
    key = (new["name"], new["threads"])
    return [r for r in old if (r["name"], r["threads"]) != key] + [new]


def table(records: list[dict[str, Any]]) -> str:
    """The records as a table of text."""
    head = ["name", "threads", "ours", "peer", "ratio", "with gradients", "our loss", "its loss"]
    rows = [head]
    for r in records:
        per = f" s/{r['unit']}"
        rows.append([
            r["name"], str(r["threads"]), f"{r['ours_seconds']:.3g}{per}",
            f"{r['peer_seconds']:.3g}{per} ({r['peer']} {r['peer_version']})", f"{r['ratio']:.1f}",
            _number(r["ratio_with_gradients"], ".1f"), _number(r["ours_loss"], ".5g"),
            _number(r["peer_loss"], ".5g"),
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
