"""The chapters that there are, and the check of their parameters before any kernel starts."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from awdlib import results

CHOICES = {
    "profile": results.PROFILES,
    "data": ("auto", "real", "simulated"),
    "device": ("auto", "cpu", "cuda"),
}


class RunError(RuntimeError):
    """A chapter that cannot run or failed; the message is one line."""


def chapters(root: Path | None = None) -> dict[str, Path]:
    """Return the notebooks by the name of their chapter, in the order of their numbers."""
    folder = (root or results.root()) / "notebooks"
    return {path.stem[3:]: path for path in sorted(folder.glob("[0-9][0-9]_*.py"))}


def source_of(chapter: str, root: Path | None = None) -> Path:
    """Return the notebook of a chapter, or say in one sentence which chapters there are."""
    known = chapters(root)
    if chapter not in known:
        raise RunError(f"There is no chapter '{chapter}'; there are: {', '.join(known)}.")
    return known[chapter]


def check_parameters(
    chapter: str, given: Mapping[str, Any], root: Path | None = None
) -> dict[str, Any]:
    """Return the given parameters with their types, less those that equal the default.

    Values may be text from a command line. An unknown name, a value of another type than the
    default's, or one that is not among its choices raises `RunError`, before any kernel starts.
    """
    defaults = read_parameters(source_of(chapter, root))
    checked = {}
    for name, value in given.items():
        if name not in defaults:
            raise RunError(
                f"{chapter} has no parameter '{name}'; it has: {', '.join(sorted(defaults))}."
            )
        default, annotation = defaults[name]
        value = _typed(f"{chapter}: parameter '{name}'", value, default, annotation)
        if name in CHOICES and value not in CHOICES[name]:
            choices = ", ".join(CHOICES[name])
            raise RunError(f"{chapter}: {name} is '{value}', and must be one of {choices}.")
        if value != default or type(value) is not type(default):
            checked[name] = value
    settings = {name: default for name, (default, _) in defaults.items()} | checked
    if settings.get("profile") == "smoke" and settings.get("data") == "real":
        raise RunError("The smoke profile always computes on simulated data: take another profile.")
    if settings.get("device") == "cuda" and not _has_cuda():
        raise RunError("device is 'cuda', but torch finds no CUDA device here: take auto or cpu.")
    return checked


def read_parameters(source: Path) -> dict[str, tuple[Any, str]]:
    """Return (default, annotation) of each name in the one cell tagged ``parameters``."""
    import jupytext

    cells = [
        cell.source
        for cell in jupytext.read(source).cells
        if "parameters" in cell.metadata.get("tags", [])
    ]
    if len(cells) != 1:
        raise RunError(f"{source.name} has {len(cells)} cells tagged 'parameters', and needs one.")
    found: dict[str, tuple[Any, str]] = {}
    for line in ast.parse(cells[0]).body:
        try:
            if isinstance(line, ast.AnnAssign) and line.value is not None:
                target, annotation = line.target, ast.unparse(line.annotation)
            elif isinstance(line, ast.Assign) and len(line.targets) == 1:
                target, annotation = line.targets[0], ""  # type: ignore[assignment]
            else:
                raise ValueError
            found[ast.unparse(target)] = (ast.literal_eval(line.value), annotation)
        except ValueError:
            raise RunError(
                f"{source.name}: '{ast.unparse(line)}' in the parameters cell is not name = value."
            ) from None
    return found


def _typed(what: str, value: Any, default: Any, annotation: str) -> Any:
    """Return the value in the type of the default, or of its annotation (``int | None``)."""
    outer = re.sub(r"\[.*?\]", "", annotation)  # list[float] is a list
    kinds = set(re.findall(r"\w+", outer)) or {type(default).__name__}
    if default is None:
        kinds.add("None")
    kinds = {"None" if kind == "NoneType" else kind for kind in kinds}
    if isinstance(value, str) and "str" not in kinds:
        try:
            value = ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
        except (ValueError, SyntaxError):
            pass
    kind = "None" if value is None else type(value).__name__
    if kind in kinds and not isinstance(value, list | tuple):
        return value
    if kind == "int" and "float" in kinds:
        return float(value)
    if isinstance(value, list | tuple) and kinds & {"list", "tuple"}:
        items = [_typed(what, item, default[0], "") if default else item for item in value]
        return type(default)(items) if default is not None else items
    raise RunError(f"{what} is {value!r}, and must be of the type {' or '.join(sorted(kinds))}.")


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()
