"""``awd explain``: one's own network and images, and one sentence for whatever is wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from awdlib import cli
from awdlib.masks import command
from awdlib.networks import SmallCNN

MODULE = """
from awdlib.networks import SmallCNN
def small():
    return SmallCNN(3, (4, 5))
def text():
    return "no network"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a module that makes a network, its weights, and two images."""
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("mine", None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        state = SmallCNN(3, (4, 5)).state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "w.safetensors")
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    for name, shape in (("wide.png", (30, 50, 3)), ("grey.jpg", (40, 32))):
        Image.fromarray(rng.integers(0, 256, shape).astype(np.uint8)).save(images / name)
    (images / "notes.txt").write_text("no image")
    return tmp_path


QUICK = ["--steps", "3", "--samples", "2", "--size", "32", "--level", "2"]


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    status = 0
    try:
        cli.app([*arguments], standalone_mode=False)
    except ValueError as error:
        return 1, "", str(error)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("domain", ["wavelets", "pixels"])
def test_a_folder_of_images_is_explained(place, capsys, domain):
    status, said, _ = run(
        capsys, "explain", "images", "--model", "mine:small", "--weights", "w.safetensors",
        "--out", "found", "--domain", domain, *QUICK,
    )  # fmt: skip
    assert status == 0
    assert said.count("\n") == 2
    for name in ("wide", "grey"):
        assert f"{name}: class " in said
        record = json.loads((place / "found" / f"{name}_{domain}.json").read_text())
        assert 0 <= record["kept"] <= 1
        assert record["distortion"] >= 0
        with Image.open(place / "found" / record["picture"]) as picture:
            assert picture.size == (32, 32)
            assert picture.mode == "L"
    assert len(list((place / "found").iterdir())) == 4


def test_the_weights_are_those_of_the_file(place):
    model = command.load_model("mine:small", place / "w.safetensors", "imagenet")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        same = SmallCNN(3, (4, 5)).eval()
    x = torch.rand(2, 3, 16, 16)
    mean, sd = (torch.tensor(v)[:, None, None] for v in command.NORMALISATIONS["imagenet"])
    torch.testing.assert_close(model(x), same((x - mean) / sd))
    assert not model.training


def test_images_are_brought_to_size(place):
    found = dict(command.load_images(place / "images", 24))
    assert list(found) == ["grey", "wide"]
    for x in found.values():
        assert x.shape == (3, 24, 24)
        assert 0 <= x.min() < x.max() <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--model": "mine"}, "--model takes package.module:function, not 'mine'"),
        ({"--model": "nothing:small"}, "--model nothing:small: No module named 'nothing'"),
        ({"--model": "mine:none"}, "mine has no 'none'"),
        ({"--model": "mine:text"}, "it makes a str, not a network"),
        ({"--weights": "w.pth"}, "weights are read from .safetensors only"),
        ({"--weights": "v.safetensors"}, "there are no weights v.safetensors"),
        ({"--weights": "bad.safetensors"}, "bad.safetensors does not fit the network"),
        ({"--weights": "other.safetensors"}, "other.safetensors does not fit the network"),
        ({"--normalise": "cifar"}, "--normalise takes none or imagenet, not 'cifar'"),
        ({"--domain": "sounds"}, "--domain takes wavelets or pixels, not 'sounds'"),
        ({"path": "nowhere"}, "there is no nowhere"),
        ({"path": "empty"}, "there are no images in empty"),
        ({"path": "mine.py"}, "mine.py is no image that can be read"),
        ({"--wavelet": "bior2.2"}, "'bior2.2' is no orthogonal wavelet"),
        ({"--target": "7"}, "no such target: the network has 3 outputs"),
        ({"--lam": "-1"}, "lam must be finite and at least 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(place, capsys, changes, message):
    (place / "empty").mkdir()
    (place / "bad.safetensors").write_bytes(b"123")
    save_file(nn.Linear(2, 2).state_dict(), place / "other.safetensors")
    given = {"path": "images", "--model": "mine:small", "--weights": "w.safetensors"} | changes
    path = given.pop("path")
    options = [word for pair in given.items() for word in pair]
    status, _, said = run(capsys, "explain", path, "--out", "found", *QUICK, *options)
    assert status == 1
    assert message in said
    assert len(said) < 300
    assert not (place / "found").exists()


def test_the_command_is_there():
    code = "from awdlib.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", code, "explain", "--help"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert "--model" in ran.stdout
