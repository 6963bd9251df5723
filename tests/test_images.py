"""Shapes on textures and photographs: what is known of them is true, and nothing leaks."""

import numpy as np
import pytest
import torch

from awdlib.datasets import images
from awdlib.datasets.images import PHOTOGRAPHS, SHAPES, TEXTURES


@pytest.fixture(scope="module")
def drawn() -> images.Images:
    return images.shapes_on_textures(600, seed=3)


def test_images_depend_on_seed_and_number_alone(drawn):
    few = images.shapes_on_textures(7, seed=3)
    assert torch.equal(few.x, drawn.x[:7])
    assert torch.equal(few.mask, drawn.mask[:7])
    other = images.shapes_on_textures(7, seed=4)
    assert not torch.equal(other.x, few.x)
    assert 0 <= drawn.x.min() <= drawn.x.max() <= 1
    assert drawn.x.dtype == torch.float32


def test_the_shape_is_where_the_mask_says(drawn):
    inside = drawn.mask[:, None]
    count = inside.sum((2, 3))
    mean = (drawn.x * inside).sum((2, 3)) / count
    spread = ((drawn.x - mean[..., None, None]).square() * inside).sum((2, 3)).div(count).sqrt()
    assert spread.max() < 2 * images.NOISE  # one colour, and nothing of the background
    outside = (drawn.x * ~inside).sum((2, 3)) / (~inside).sum((2, 3))
    assert (outside - mean).norm(dim=1).min() > 0.5 * images.CONTRAST


def test_no_shape_is_cut_by_the_edge(drawn):
    edge = drawn.mask[:, [0, -1]].any() or drawn.mask[:, :, [0, -1]].any()
    assert not edge
    area = drawn.mask.float().mean((1, 2))
    assert 0.03 < area.min() < area.max() < 0.2


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        ("disc", np.pi * 0.85**2), ("square", 1.4**2), ("triangle", 0.75 * 3**0.5),
        ("star", 5 * 0.42 * np.sin(np.pi / 5)), ("ring", np.pi * (0.95**2 - 0.49**2)),
        ("cross", 4 * 0.27 * 1.8 - 4 * 0.27**2),
    ],
)  # fmt: skip
def test_areas_are_those_of_the_shapes(shape, area):
    grid = (np.arange(800) + 0.5) / 400 - 1
    found = images._INSIDE[SHAPES.index(shape)](grid[None, :], grid[:, None])
    assert found.mean() * 4 == pytest.approx(area, rel=5e-3)


def test_nothing_but_the_shape_tells_the_shape(drawn):
    """Shape, texture, colour, place and angle are drawn independently."""
    table = np.zeros((len(SHAPES), len(TEXTURES)))
    np.add.at(table, (drawn.shape.numpy(), drawn.texture.numpy()), 1)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    assert ((table - expected) ** 2 / expected).sum() < 25.2  # χ², 10 degrees of freedom, .995
    for label in (drawn.shape, drawn.texture):
        means = torch.stack([drawn.x[label == k].mean((0, 2, 3)) for k in label.unique()])
        assert means.std(0).max() < 0.06


def test_photographs_are_there_and_credited():
    assert len(PHOTOGRAPHS) == 12
    for name in PHOTOGRAPHS:
        x = images.photograph(name, size=48)
        assert x.shape == (3, 48, 48)
        assert 0 <= x.min() < x.max() <= 1
        assert x.std() > 0.05
        assert images.photograph(name).shape[0] == 3
    with pytest.raises(ValueError, match="there is no photograph 'dog'"):
        images.photograph("dog")


def test_crops_come_from_their_photographs():
    x, label = images.crops(40, seed=0, size=32)
    again, same = images.crops(5, seed=0, size=32)
    assert torch.equal(x[:5], again)
    assert torch.equal(label[:5], same)
    assert x.shape == (40, 3, 32, 32)
    assert len(label.unique()) > 8
    colour = torch.stack([images.photograph(n, size=32).std((1, 2)) for n in PHOTOGRAPHS])
    assert (x.std((2, 3)) - colour[label]).abs().mean() < 0.06


@pytest.mark.parametrize(("count", "size"), [(0, 64), (3, 8), (3, 600)])
def test_impossible_images_are_refused(count, size):
    with pytest.raises(ValueError, match="count must be at least 1 and size 16 to 512"):
        images.shapes_on_textures(count, seed=0, size=size)
