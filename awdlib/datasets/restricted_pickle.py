"""Convert a pickle of tensors to safetensors without running anything that the pickle asks for.

Pickles are programs. This reader replaces every callable that a pickle of tensors may name by a
stand-in that only records its arguments, and refuses any other name; torch first sees the bytes
after unpickling is over. Read are

* a plain pickle of a dictionary of tensors, in which each storage is a nested stream handed to
  ``torch.storage._load_from_bytes`` (how the authors saved their LSTM),
* the stream that ``torch.save`` wrote before torch 1.6, and
* the zip archive that it writes since.
"""

from __future__ import annotations

import io
import json
import math
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from awdlib.datasets.registry import DataError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # first number of torch's stream without a zip archive
LEGACY_PROTOCOL = 1001
MAX_BYTES = 64 << 20  # far above the 9 kB of the LSTM: nothing larger is meant to be read here

# What the registry's lstm_clathrin.safetensors says of itself (part of its hash).
CLATHRIN_METADATA = {
    "source": "Yu-Group/auxilin-prediction models/dnn_full_long_normalized_across_track_1_feat.pkl",
    "architecture": "LSTM(input_size=1, hidden_size=20, num_layers=1, batch_first) -> Linear(20,1)",
}

# torch's name of a storage: its dtype, and that dtype's name in the safetensors format.
STORAGES = {
    "DoubleStorage": (torch.float64, "F64"),
    "FloatStorage": (torch.float32, "F32"),
    "HalfStorage": (torch.float16, "F16"),
    "BFloat16Storage": (torch.bfloat16, "BF16"),
    "LongStorage": (torch.int64, "I64"),
    "IntStorage": (torch.int32, "I32"),
    "ShortStorage": (torch.int16, "I16"),
    "CharStorage": (torch.int8, "I8"),
    "ByteStorage": (torch.uint8, "U8"),
    "BoolStorage": (torch.bool, "BOOL"),
}
FORMAT_NAMES = dict(STORAGES.values())


class _Refused(Exception):
    """The pickle names something that is not allowed; the message is the name."""


@dataclass(slots=True)
class _Storage:
    """A run of numbers; `content` may arrive after the tensors that look into it."""

    dtype: torch.dtype
    numel: int
    content: bytes | None = None


class _Tensor(NamedTuple):
    """The arguments of a tensor: it is built when unpickling is over."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


# The stand-ins have no attributes of their own (slots), so that a pickle cannot alter them; a
# storage's type is stood in for by its dtype, which cannot be called at all.
class _RebuildTensor:
    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *ignored: Any) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise ValueError("a tensor without a storage")
        return _Tensor(storage, int(offset), tuple(map(int, size)), tuple(map(int, stride)))


class _RebuildParameter:
    __slots__ = ()

    def __call__(self, data: Any, *ignored: Any) -> Any:
        return data


class _LoadFromBytes:
    __slots__ = ()

    def __call__(self, content: Any) -> Any:
        # Only a storage may be nested: the inner reader allows nothing else.
        return _read_legacy(bytes(content), _StorageReader)


class _StorageReader(pickle.Unpickler):
    """Unpickler that knows storages and nothing else."""

    allowed: dict[tuple[str, str], Any] = {  # noqa: RUF012 - never written to
        (module, name): dtype
        for name, (dtype, _) in STORAGES.items()
        for module in ("torch", "torch.cuda")
    }

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.allowed[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None

    def persistent_load(self, reference: Any) -> _Storage:
        # ("storage", type, key, device, number of values[, view]); the device does not matter here
        word, kind, key, _device, numel, *view = reference
        if word != "storage" or not isinstance(kind, torch.dtype) or any(view):
            raise ValueError("an unknown kind of reference")
        return self.storages.setdefault(str(key), _Storage(kind, int(numel)))


class _TensorReader(_StorageReader):
    """Unpickler for dictionaries of tensors."""

    allowed = {  # noqa: RUF012 - never written to
        **_StorageReader.allowed,
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
        ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
        ("torch.storage", "_load_from_bytes"): _LoadFromBytes(),
    }


def _read_legacy(content: bytes, reader: type[_StorageReader]) -> Any:
    """Read torch's older stream: five pickles, then the bytes of each storage."""
    stream = io.BytesIO(content)
    if reader(stream).load() != LEGACY_MAGIC or reader(stream).load() != LEGACY_PROTOCOL:
        raise ValueError("neither a zip archive nor a torch stream")
    if reader(stream).load().get("little_endian") is not True:
        raise ValueError("numbers of the other byte order")
    body = reader(stream)
    result = body.load()
    for key in reader(stream).load():
        storage = body.storages[key]
        if int.from_bytes(stream.read(8), "little") != storage.numel:
            raise ValueError("a storage of another length than announced")
        storage.content = stream.read(storage.numel * storage.dtype.itemsize)
    return result


def _read_zip(content: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if sum(sizes.values()) > MAX_BYTES:
            raise ValueError("an archive that unpacks to more than it should")
        index = next(name for name in sizes if name == "data.pkl" or name.endswith("/data.pkl"))
        root = index.removesuffix("data.pkl")
        if root + "byteorder" in sizes and archive.read(root + "byteorder") != b"little":
            raise ValueError("numbers of the other byte order")
        body = _TensorReader(io.BytesIO(archive.read(index)))
        result = body.load()
        for key, storage in body.storages.items():
            storage.content = archive.read(f"{root}data/{key}")
    return result


def _build(record: _Tensor) -> torch.Tensor:
    """Build a tensor from its record; every index is checked against the storage first."""
    storage, item = record.storage, record.storage.dtype.itemsize
    if storage.content is None or len(storage.content) != storage.numel * item:
        raise ValueError("a storage that is cut off")
    if (
        len(record.size) != len(record.stride)
        or min((record.offset, *record.size, *record.stride), default=0) < 0
    ):
        raise ValueError("a tensor of impossible shape")
    if math.prod(record.size) == 0:
        return torch.empty(record.size, dtype=storage.dtype)
    last = record.offset + sum(
        (size - 1) * stride for size, stride in zip(record.size, record.stride, strict=True)
    )
    if last >= storage.numel or math.prod(record.size) * item > MAX_BYTES:
        raise ValueError("a tensor that reaches beyond its storage")
    flat = torch.frombuffer(bytearray(storage.content), dtype=storage.dtype)
    return flat.as_strided(record.size, record.stride, record.offset).clone(
        memory_format=torch.contiguous_format
    )


def read_tensors(path: str | Path, *, name: str | None = None) -> dict[str, torch.Tensor]:
    """Read a pickled dictionary of tensors with the allow-list reader.

    Parameters
    ----------
    path : path
        The file. Tensors may lie at the top level or under "model_state_dict" or "state_dict".
    name : str, optional
        What messages call the file; by default its own name.

    Returns
    -------
    dict of str to torch.Tensor
        Contiguous, on the CPU, dtype and values as stored.

    Raises
    ------
    DataError
        If the pickle names anything but ordered dictionaries, tensors, parameters and storages
        (the message holds the name), or is no dictionary of tensors.
    """
    path = Path(path)
    name = name or path.name
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{name} is refused: larger than {MAX_BYTES >> 20} MiB.")
    content = path.read_bytes()
    try:
        result = _read_any(content)
        for key in ("model_state_dict", "state_dict"):
            if isinstance(result, dict) and isinstance(result.get(key), dict):
                result = result[key]
        if not isinstance(result, dict) or not result:
            raise ValueError("no dictionary of tensors")
        for key, value in result.items():
            if not isinstance(key, str) or not isinstance(value, _Tensor):
                raise ValueError(f"its entry {key!r} is no tensor")
        return {key: _build(value) for key, value in result.items()}
    except _Refused as refused:
        raise DataError(
            f"{name} is refused: its pickle asks for {refused}, and only tensors are read from it."
        ) from None
    # A damaged or hostile stream can make the unpickler raise almost anything.
    except Exception as error:
        raise DataError(f"{name} is not a pickled dictionary of tensors ({error}).") from error


def _read_any(content: bytes) -> Any:
    if content[:4] == b"PK\x03\x04":
        return _read_zip(content)
    first = _TensorReader(io.BytesIO(content)).load()
    return _read_legacy(content, _TensorReader) if first == LEGACY_MAGIC else first


def to_safetensors(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> bytes:
    """Return tensors as the content of a safetensors file, the same bytes at every call.

    The library's own writer orders the metadata by chance, so its files have no fixed hash. Here
    metadata keep their order and tensors are sorted by size of a value, then by name.

    Parameters
    ----------
    tensors : dict of str to torch.Tensor
        Written contiguously, little-endian.
    metadata : dict of str to str
    """
    header: dict[str, Any] = {"__metadata__": metadata}
    chunks: list[bytes] = []
    start = 0
    for name in sorted(tensors, key=lambda key: (-tensors[key].dtype.itemsize, key)):
        tensor = tensors[name].detach().contiguous()
        chunk = tensor.flatten().view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": FORMAT_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, start + len(chunk)],
        }
        start += len(chunk)
        chunks.append(chunk)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the numbers start at a multiple of 8
    return len(text).to_bytes(8, "little") + text + b"".join(chunks)
