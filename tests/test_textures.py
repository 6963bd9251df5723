"""Textures: splits share no pixel, brightness tells nothing, structure does."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from awdlib.datasets import textures
from awdlib.datasets.textures import SPLITS, TEXTURES

CHANCE = 1 / len(TEXTURES)


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    return {s: textures.crops(20 if s == "train" else 25, seed=1, split=s) for s in SPLITS}


def accuracy(features, drawn, per_class):
    x, y = drawn["train"]
    few = per_class * len(TEXTURES)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(features(x[:few]), y[:few])
    return model.score(features(drawn["test"][0]), drawn["test"][1])


def test_every_texture_is_there_and_credited():
    assert len(TEXTURES) == 8
    for name in TEXTURES:
        picture = textures.picture(name)
        assert picture.ndim == 2
        assert picture.mean() == pytest.approx(0, abs=1e-9)
        assert picture.std() == pytest.approx(1)
        assert all(textures.CREDITS[name])
    with pytest.raises(ValueError, match="there is no texture 'wood'; there are brick"):
        textures.picture("wood")


@pytest.mark.parametrize("size", [8, 33, 64])
def test_crops_depend_on_seed_split_class_and_number_alone(drawn, size):
    x, y = textures.crops(2, seed=1, split="train", size=size)
    assert x.shape == (2 * len(TEXTURES), 1, size, size)
    assert x.dtype == torch.float32
    assert y.tolist() == 2 * list(range(len(TEXTURES)))
    fewer, _ = textures.crops(1, seed=1, split="train", size=size)
    assert torch.equal(fewer, x[: len(TEXTURES)])
    if size == 64:
        assert torch.equal(x, drawn["train"][0][: len(x)])
    for other in (dict(seed=2, split="train"), dict(seed=1, split="test")):
        unlike, _ = textures.crops(1, size=size, **other)
        assert (unlike - fewer).abs().flatten(1).max(1).values.min() > 0.1


@pytest.mark.parametrize("split", SPLITS)
def test_splits_share_no_pixel(monkeypatch, split):
    """With all else of a picture made unreadable, the crops of a split stay what they are."""
    size = textures.largest_size()
    expected, _ = textures.crops(6, seed=5, split=split, size=size)
    readable = {}
    for name in TEXTURES:
        whole = textures.picture(name)
        third = SPLITS.index(split)
        strip = (len(whole) - 2 * textures.GAP) // 3
        start = third * (strip + textures.GAP)
        readable[name] = np.full_like(whole, np.nan)
        readable[name][start : start + strip] = whole[start : start + strip]
    monkeypatch.setattr(textures, "picture", readable.__getitem__)
    found, _ = textures.crops(6, seed=5, split=split, size=size)
    assert torch.equal(found, expected)  # NaN equals nothing


def test_a_gap_lies_between_the_splits(monkeypatch):
    monkeypatch.setattr(textures, "picture", lambda name: np.arange(500)[:, None] * np.ones(400))
    rows = [set(textures.strip("grass", split)[:, 0]) for split in SPLITS]
    for before, after in pairwise(rows):
        assert min(after) - max(before) == textures.GAP + 1


def test_crops_stay_within_their_strip(monkeypatch):
    """No crop reaches beyond a strip's edge, where pixels would have to be made up."""
    monkeypatch.setattr(textures, "NOISE", (0, 0))
    seen = []

    def place(source, place, **_):
        limit = np.array(source.shape)[:, None, None] - 1
        seen.append((place.min() >= 0) and (place <= limit).all())
        return place[0]

    monkeypatch.setattr("scipy.ndimage.map_coordinates", place)
    textures.crops(30, seed=0, split="test", size=textures.largest_size())
    assert len(seen) == 30 * len(TEXTURES)
    assert all(seen)


def test_crops_are_turned_and_scaled(monkeypatch):
    """On a ramp, the gradient of a crop tells its angle and its scale: all angles occur."""
    monkeypatch.setattr(textures, "NOISE", (0, 0))
    monkeypatch.setattr(textures, "CONTRAST", (1, 1))
    monkeypatch.setattr(textures, "picture", lambda name: np.add.outer(np.arange(400.0), [0] * 400))
    x, _ = textures.crops(20, seed=0, split="held", size=32)
    down, across = (g[:, 0, 0, 0] for g in (x.diff(dim=2), x.diff(dim=3)))
    angle = torch.atan2(across, down)
    counts = torch.histc(angle, 4, -torch.pi, torch.pi)
    assert counts.min() > 20  # of 160, 40 expected in each quarter


def test_brightness_and_contrast_tell_nothing(drawn):
    """Mean and standard deviation vary much, and a classifier of them is near chance."""

    def simple(x):
        return torch.stack([x.mean((1, 2, 3)), x.std((1, 2, 3))], 1).numpy()

    spread = simple(drawn["train"][0]).std(0)
    assert spread.min() > 0.2
    assert accuracy(simple, drawn, 20) < CHANCE + 0.08  # 200 crops: 3.4 standard errors


def power(x):
    """Log power in rings of frequency of standardised crops: a plain fixed feature."""
    x = x[:, 0].double()
    x = (x - x.mean((1, 2), keepdim=True)) / x.std((1, 2), keepdim=True)
    window = torch.hann_window(x.shape[-1], dtype=x.dtype)
    spectrum = torch.fft.fft2(x * torch.outer(window, window)).abs().square()
    f = torch.fft.fftfreq(x.shape[-1])
    ring = torch.hypot(f[:, None], f).clamp_min(1 / 64).log2().mul(2).round()
    return torch.stack([spectrum[:, ring == r].mean(1).log() for r in ring.unique()], 1).numpy()


def test_few_examples_give_more_than_chance_and_less_than_everything(drawn):
    few, more = accuracy(power, drawn, 5), accuracy(power, drawn, 20)
    assert 2 * CHANCE < few < 0.7
    assert few < more + 0.05
    assert more < 0.8
    assert accuracy(lambda x: x.flatten(1).numpy(), drawn, 20) < 0.3  # pixels as they are


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(count_per_class=0), "count_per_class must be at least 1, not 0"),
        (dict(size=7), "size must be 8 to 67, so that a turned crop fits its strip, not 7"),
        (dict(size=68), "size must be 8 to 67"),
        (dict(split="validation"), "there is no split 'validation'; there are train, held, test"),
    ],
)
def test_impossible_crops_are_refused(change, message):
    asked = dict(count_per_class=1, seed=0, split="train", size=64) | change
    with pytest.raises(ValueError, match=message):
        textures.crops(**asked)
