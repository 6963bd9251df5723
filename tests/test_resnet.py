"""The cosmology teacher: its size is ResNet-18's, its outputs are in their targets' units."""

import pytest
import torch

from awdlib.networks import count_parameters
from awdlib.resnet import ResNet18


def test_it_is_resnet18():
    model = ResNet18()
    assert count_parameters(model) == 11_171_779
    shapes = [tuple(p.shape) for p in model.parameters() if p.ndim == 4]
    assert shapes[0] == (64, 1, 7, 7)
    assert len(shapes) == 20  # 17 convolutions and 3 shortcuts
    assert shapes[-1] == (512, 512, 3, 3)
    assert 0.69e6 < count_parameters(ResNet18(width=16)) < 0.71e6


@pytest.mark.parametrize("size", [(64, 64), (33, 47)])
def test_it_takes_maps_of_any_size(size):
    assert ResNet18(width=4)(torch.zeros(2, 1, *size)).shape == (2, 3)


def test_seeds_decide_the_weights_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, again, other = ResNet18(width=4), ResNet18(width=4), ResNet18(width=4, seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    for a, b, c in zip(one.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.ndim < 4 or not torch.equal(a, c)


def test_outputs_are_in_the_targets_units():
    model = ResNet18(width=4).eval()
    x = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    plain = model(x)
    model.set_units([0.1, 0.3, 2.0], [0.01, 0.05, 0.2])
    expected = plain * torch.tensor([0.01, 0.05, 0.2]) + torch.tensor([0.1, 0.3, 2.0])
    torch.testing.assert_close(model(x), expected)
    model.set_units([0.1, 0.3, 2.0], [0.01, 0.05, 0.2], 0.02)
    torch.testing.assert_close(model(0.02 * x), expected)
