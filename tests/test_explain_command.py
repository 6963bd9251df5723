"""``awd explain``: one's own network and images, and one sentence for whatever is wrong."""

import json
import struct
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
from torch import nn
from awdlib.networks import SmallCNN
def small():
    return SmallCNN(3, (4, 5))
def text():
    return "no network"
def needy(classes):
    return SmallCNN(classes, (4, 5))
def broken():
    raise RuntimeError("no disk\\nno hope")
word = "no function"
class Grey(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 3, 3)
    def forward(self, x):
        return self.layer(x).mean((2, 3))
class Pair(nn.Module):
    def forward(self, x):
        return x.mean((2, 3)), x
class Whole(nn.Module):
    def forward(self, x):
        return x.mean((2, 3)).round().long()
class Flat(nn.Module):
    def forward(self, x):
        return x.detach().mean((2, 3))
class Large(nn.Module):
    def forward(self, x):
        return nn.functional.max_pool2d(x, 40).mean((2, 3))
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


OWN = {"--weights": ""}  # those that the network was made with


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
        ({"path": "same"}, "a.jpg and same/a.png would have results of the same name"),
        ({"path": "whole.tif"}, "whole.tif: which of its numbers are black and white is not known"),
        ({"path": "float.tif"}, "float.tif: which of its numbers are black and white is not known"),
        ({"path": "cut.png"}, "cut.png is no image that can be read"),
        ({"path": "late"}, "late/z.png is no image that can be read"),
        ({"--model": "wrong:small"}, "--model wrong:small: wrong cannot be imported: SyntaxError"),
        ({"--model": "mine:broken"}, "calling broken() without arguments fails: RuntimeError: no"),
        ({"--model": "mine:needy"}, "missing 1 required positional argument: 'classes'"),
        ({"--model": "mine:word"}, "calling word() without arguments fails: TypeError"),
        ({"--model": "mine:Grey"} | OWN, "the network fails on images of shape (1, 3, 32, 32)"),
        ({"--model": "mine:Large"} | OWN, "height and width from --size): RuntimeError: "),
        ({"--model": "mine:Pair"} | OWN, "the network must return a tensor, not a tuple"),
        ({"--model": "mine:Whole"} | OWN, "a tensor of floats, not of torch.int64"),
        ({"--model": "mine:Flat"} | OWN, "grey: fitting the mask fails: RuntimeError: "),
        ({"--size": "2"}, "the network fails on images of shape (1, 3, 2, 2)"),
        ({"--size": "0"}, "--size must be at least 1, not 0"),
        ({"--steps": "-1"}, "--steps must be at least 0, not -1"),
        ({"--samples": "0"}, "--samples must be at least 1, not 0"),
        ({"--device": "abacus"}, "--device abacus cannot hold the network: RuntimeError"),
        ({"--out": "mine.py"}, "--out takes a folder, and mine.py is a file"),
        *[
            ({f"--{name}": value}, f"--{name} must be finite and {least}, not {value}")
            for name, least in (
                ("lam", "at least 0"),
                ("spatial", "at least 0"),
                ("lr", "positive"),
            )
            for value in ("nan", "inf", "-1.0")
        ],
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(place, capsys, changes, message):
    (place / "empty").mkdir()
    (place / "bad.safetensors").write_bytes(b"123")
    save_file(nn.Linear(2, 2).state_dict(), place / "other.safetensors")
    (place / "wrong.py").write_text("def small(:")
    (place / "same").mkdir()
    (place / "late").mkdir()
    picture = Image.new("RGB", (30, 30), "blue")
    for name in ("same/a.png", "same/a.jpg", "late/a.png", "cut.png"):
        picture.save(place / name)
    for name in ("late/z.png", "cut.png"):
        (place / name).write_bytes((place / "late/a.png").read_bytes()[:60])
    Image.fromarray(np.full((30, 30), 70_000, np.int32)).save(place / "whole.tif")
    Image.fromarray(np.full((30, 30), 0.5, np.float32)).save(place / "float.tif")
    given = {"path": "images", "--model": "mine:small", "--weights": "w.safetensors"} | changes
    path = given.pop("path")
    before = sorted(place.rglob("*.*"))
    options = [word for pair in given.items() if pair[1] for word in pair]
    status, _, said = run(capsys, "explain", path, "--out", "found", *QUICK, *options)
    assert status == 1
    assert message in said
    assert len(said) < 300
    assert "\n" not in said
    assert not (place / "found").exists()
    assert [file for file in sorted(place.rglob("*.*")) if file.suffix != ".pyc"] == before


def test_grey_levels_of_16_bits_are_scaled(place):
    levels = np.arange(256).repeat(4).reshape(32, 32)
    for name in ("deep.png", "deep.tif"):
        Image.fromarray((257 * levels).astype(np.uint16)).save(place / name)
        ((_, x),) = command.load_images(place / name, 32)
        np.testing.assert_array_equal(x.mul(255).round(), np.broadcast_to(levels, (3, 32, 32)))


@pytest.mark.parametrize(("tag", "other"), [(258, 12), (262, 0)])
def test_16_bits_that_hold_12_or_begin_with_white_are_refused(place, tag, other):
    file = place / "other.tif"
    Image.fromarray(np.full((4, 4), 4095, np.uint16)).save(file)
    begin = struct.pack("<HHI", tag, 3, 1)  # one short number
    usual = struct.pack("<H", {258: 16, 262: 1}[tag])
    assert begin + usual in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(begin + usual, begin + struct.pack("<H", other)))
    with pytest.raises(ValueError, match="not known"):
        list(command.load_images(file, 4))


def test_what_is_transparent_is_white(place):
    half = np.full((8, 8, 4), (200, 0, 0, 255), np.uint8)
    half[:, 4:, 3] = 0
    Image.fromarray(half).save(place / "colours.png")
    Image.fromarray(half[..., [0, 3]]).save(place / "grey.png")
    indices = Image.fromarray(np.uint8(half[..., 3] == 0))
    indices.putpalette([200, 0, 0, 0, 255, 0])
    indices.save(place / "palette.png", transparency=1)
    deep = half[..., 3].astype(np.uint16) * 100 + 7
    Image.fromarray(deep).save(place / "deep.png", transparency=7)
    for name in ("colours.png", "grey.png", "palette.png", "deep.png"):
        ((_, x),) = command.load_images(place / name, 8)
        assert (x[:, :, 4:] == 1).all(), name
        assert (x[1:, :, :4] < 1).all(), name


def test_masks_are_judged_by_other_draws_than_their_own(place, monkeypatch):
    seeds = []
    default = np.random.default_rng

    def noted(seed=None):
        seeds.append(seed)
        return default(seed)

    monkeypatch.setattr(np.random, "default_rng", noted)
    model = command.load_model("mine:small", place / "w.safetensors")
    quick = {"steps": 1, "samples": 2, "size": 32, "level": 2}
    command.explain(place / "images" / "wide.png", place / "found", model, **quick)
    assert seeds == [0, 1]


def test_the_command_is_there():
    code = "from awdlib.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", code, "explain", "--help"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert "--model" in ran.stdout
