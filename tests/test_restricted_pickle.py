"""The reader that converts the authors' pickled LSTM runs nothing that a pickle asks for."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load as load_safetensors

from awdlib.datasets import DataError
from awdlib.datasets.restricted_pickle import CLATHRIN_METADATA, read_tensors, to_safetensors


def state() -> OrderedDict[str, torch.Tensor]:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.LSTM(1, 4, batch_first=True), torch.nn.Linear(4, 1))
    return network.state_dict()


def odd_tensors() -> dict[str, torch.Tensor]:
    """Views into shared storages, other dtypes, no dimension, no values."""
    base = torch.arange(24, dtype=torch.float64).reshape(4, 6)
    return {
        "transposed": base.T,
        "part": base[1:3, ::2],
        "half": torch.tensor([1.5, -2.0], dtype=torch.float16),
        "bfloat": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "whole": torch.tensor([[2**40, -1]]),
        "flags": torch.tensor([True, False]),
        "scalar": torch.tensor(3.0),
        "empty": torch.empty(0, 3),
    }


def saved(value: object, form: str) -> bytes:
    if form == "pickle":
        return pickle.dumps(value, protocol=3)
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=form == "zip")
    return stream.getvalue()


def write(tmp_path, content: bytes):
    path = tmp_path / "network.pkl"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("form", ["pickle", "legacy", "zip"])
@pytest.mark.parametrize(
    "wrap",
    [dict, lambda tensors: {"model_state_dict": tensors}, lambda tensors: {"state_dict": tensors}],
    ids=["bare", "model_state_dict", "state_dict"],
)
def test_every_form_gives_back_the_tensors_unchanged(tmp_path, form, wrap):
    for tensors in (state(), odd_tensors()):
        read = read_tensors(write(tmp_path, saved(wrap(tensors), form)))
        assert list(read) == list(tensors)
        for name, tensor in tensors.items():
            torch.testing.assert_close(read[name], tensor, rtol=0, atol=0)  # dtype and shape too
            assert read[name].is_contiguous()


@pytest.mark.parametrize("form", ["pickle", "legacy", "zip"])
def test_parameters_are_read_as_tensors(tmp_path, form):
    weight = torch.nn.Parameter(torch.ones(3))
    read = read_tensors(write(tmp_path, saved({"weight": weight}, form)))
    assert type(read["weight"]) is torch.Tensor
    assert not read["weight"].requires_grad


def test_safetensors_are_what_the_library_reads():
    tensors = {name: value for name, value in odd_tensors().items()}
    content = to_safetensors(tensors, {"source": "a test", "made": "now"})
    assert content == to_safetensors(
        dict(reversed(tensors.items())), {"source": "a test", "made": "now"}
    )
    read = load_safetensors(content)
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        torch.testing.assert_close(read[name], tensor.contiguous(), rtol=0, atol=0)


def test_metadata_names_the_source():
    assert b"auxilin-prediction" in to_safetensors(state(), CLATHRIN_METADATA)[:400]


# hostile files


class Asks:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def refused(tmp_path, content: bytes) -> str:
    with pytest.raises(DataError) as error:
        read_tensors(write(tmp_path, content), name="published.pkl")
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith("published.pkl is ")
    return text


@pytest.mark.parametrize("form", ["pickle", "legacy", "zip"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_system_call_is_refused_by_name_and_not_run(tmp_path, form, deep):
    trap = Asks(os.system, f"touch {tmp_path}/ran")
    value = {"weight": torch.ones(2), "more": {"x": trap}} if deep else trap
    text = refused(tmp_path, saved(value, form))
    assert f"its pickle asks for {os.system.__module__}.system, and only tensors" in text
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("inner", ["pickle", "legacy"])
def test_a_system_call_nested_in_storage_bytes_is_refused(tmp_path, inner):
    """The outer pickle is harmless; the bytes for _load_from_bytes are not."""
    nested = saved(Asks(os.system, f"touch {tmp_path}/ran"), inner)
    content = pickle.dumps({"weight": Asks(torch.storage._load_from_bytes, nested)})
    assert f"{os.system.__module__}.system" in refused(tmp_path, content)
    assert not (tmp_path / "ran").exists()


def test_tensor_functions_are_not_allowed_inside_storage_bytes(tmp_path):
    nested = saved(torch.ones(2), "legacy")
    content = pickle.dumps({"weight": Asks(torch.storage._load_from_bytes, nested)})
    assert "torch._utils._rebuild_tensor_v2" in refused(tmp_path, content)


@pytest.mark.parametrize(
    "value",
    [
        Asks(eval, "1"),
        Asks(getattr, "x", "y"),
        torch.float32,
        torch.nn.Linear(1, 1),
        {"a": io.BytesIO()},
    ],
    ids=["eval", "getattr", "dtype", "module", "other class"],
)
def test_anything_not_on_the_list_is_refused(tmp_path, value):
    assert "is refused: its pickle asks for" in refused(tmp_path, pickle.dumps(value))


def test_dotted_names_do_not_reach_further(tmp_path):
    # protocol 4: collections.OrderedDict.__init__.__globals__ ...
    content = b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93."
    assert "collections.OrderedDict.__init__" in refused(tmp_path, content)


def test_a_stand_in_cannot_be_altered_by_a_file(tmp_path):
    # BUILD sets attributes of an object: here of the function that rebuilds tensors
    content = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aK\x01sb."
    assert "is not a pickled dictionary of tensors" in refused(tmp_path, content)
    read = read_tensors(write(tmp_path, saved({"a": torch.ones(1)}, "pickle")))
    assert float(read["a"]) == 1.0


# damaged files


@pytest.mark.parametrize("form", ["pickle", "legacy", "zip"])
def test_a_file_cut_off_anywhere_is_one_sentence(tmp_path, form):
    content = saved({"weight": torch.ones(7)}, form)
    for end in range(0, len(content), max(1, len(content) // 60)):
        assert "is not a pickled dictionary of tensors" in refused(tmp_path, content[:end])


def test_a_storage_of_another_length_than_announced_is_refused(tmp_path):
    content = bytearray(saved({"weight": torch.ones(7)}, "legacy"))
    content[-7 * 4 - 8] = 6  # the count before the numbers
    assert "another length than announced" in refused(tmp_path, bytes(content))


@pytest.mark.parametrize(
    "value", [{}, [1, 2], {"a": 1}, {3: torch.ones(1)}, "text", None], ids=repr
)
def test_other_contents_are_no_dictionary_of_tensors(tmp_path, value):
    assert "is not a pickled dictionary of tensors" in refused(tmp_path, pickle.dumps(value))


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((9,), (1,), 0), ((2,), (7,), 0), ((2,), (1,), 3), ((2,), (-1,), 2), ((2, 2), (1,), 0)],
)
def test_a_tensor_beyond_its_storage_is_refused(tmp_path, size, stride, offset):
    storage = torch.zeros(4).untyped_storage()
    typed = torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.float32, _internal=True)
    rebuild = torch._utils._rebuild_tensor_v2
    tensor = Asks(rebuild, typed, offset, size, stride, False, OrderedDict())
    text = refused(tmp_path, pickle.dumps({"weight": tensor}))
    assert "beyond its storage" in text or "impossible shape" in text


def test_text_and_empty_files_are_refused(tmp_path):
    for content in (b"", b"<html>not found</html>", b"PK\x03\x04 no archive"):
        assert refused(tmp_path, content).startswith("published.pkl is ")


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
        archive.writestr("archive/data/0", bytes(65 << 20))
    assert "unpacks to more than it should" in refused(tmp_path, stream.getvalue())
