"""What may be stored, in which bytes, and how a file is written whole or not at all."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


class ResultsError(ValueError):
    """A result that cannot be written or read; the message is one sentence for the user."""


def write(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, then rename it: it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def png(pixels: np.ndarray) -> bytes:
    """The bytes of a PNG of an image of bytes, (height, width) or (3, height, width)."""
    from PIL import Image

    file = io.BytesIO()
    picture = pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "PNG", optimize=True)
    return file.getvalue()


def write_set(place: Path, stem: str, contents: Mapping[str, bytes]) -> None:
    """Write the files of one stem, JSON last, then remove what only the previous JSON listed."""
    final = f"{stem}.json"
    try:
        old = set(read_record(place / final)["files"])
    except (OSError, ResultsError):
        old = set()  # none yet, or broken: the new one replaces it
    for name in sorted(contents, key=lambda name: name == final):
        write(place / name, contents[name])
    for name in old - set(contents):
        (place / name).unlink(missing_ok=True)


def read_record(path: Path) -> dict[str, Any]:
    """Read the JSON of a results file."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if {"numbers", "provenance", "files", "stem"} <= set(record):
            return record
    except ValueError:
        pass
    raise ResultsError(f"{path} is not a results file that awdlib wrote: delete it and run again.")


def to_json(record: Any) -> bytes:
    """Return the bytes of a JSON file: full precision, sorted keys, no NaN."""
    text = json.dumps(record, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def plain(value: Any, key: str) -> Any:
    """Turn NumPy and torch scalars into Python's own, and refuse what JSON cannot keep."""
    if isinstance(value, Mapping):
        for name in value:
            # the packages in the provenance and such may hold dots; results are looked up by them
            if key.startswith("numbers") and (not isinstance(name, str) or set(name) & set(".:")):
                raise ResultsError(f"The key {name!r} in '{key}' must be text without '.' or ':'.")
        return {str(name): plain(item, f"{key}.{name}") for name, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item, f"{key}.{i}") for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ResultsError(f"'{key}' is {value}; a value that does not exist must be None.")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ResultsError(f"'{key}' is a {type(value).__name__}, which cannot be stored as a number.")


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of an NPZ file of number and text arrays."""
    for name, array in arrays.items():
        array = np.asarray(array)
        if array.dtype.kind not in "biufcU":
            raise ResultsError(f"The array '{name}' has the type {array.dtype}, not numbers.")
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            raise ResultsError(f"The array '{name}' holds NaN or an infinity.")
    buffer = io.BytesIO()
    sorted_arrays: dict[str, Any] = {name: np.asarray(arrays[name]) for name in sorted(arrays)}
    np.savez(buffer, **sorted_arrays)
    return buffer.getvalue()


def csv_bytes(name: str, frame: Any) -> bytes:
    """Return the bytes of a CSV file in full precision; an empty cell must be meant."""
    for column in frame.columns:
        # plain floats and objects only: in a nullable or text column an empty cell is meant
        if isinstance(frame[column].dtype, np.dtype) and frame[column].dtype.kind in "fcO":
            if any(isinstance(x, float) and not math.isfinite(x) for x in frame[column].tolist()):
                raise ResultsError(
                    f"Column '{column}' of the table '{name}' holds NaN or an infinity; a column "
                    f'that may be empty needs .astype({{"{column}": "Float64"}}).'
                )
    return frame.to_csv(index=False, lineterminator="\n").encode()
