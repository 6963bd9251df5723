"""ResNet-18 (He et al., CVPR 2016, Table 1) for maps of one channel: the cosmology teacher."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from awdlib.networks import channels_last


class Block(nn.Module):
    """Two 3×3 convolutions and a shortcut; 1×1 convolution there if the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, height, width) to (batch, outputs, height / stride, width / stride)."""
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet18(nn.Module):
    """ResNet-18 with seeded random weights.

    It takes maps and gives targets in their own units. Pixels are divided by `pixel`, and what the
    layers give is spread by `scale` and moved by `centre`: training sets these to the pixels'
    standard deviation and the targets' standard deviations and means.

    Parameters
    ----------
    channels, outputs : int
    width : int
        Channels of the first stage: 64 is ResNet-18 (11.2 M parameters), 16 a sixteenth of it.
    seed : int
    """

    pixel: Tensor
    scale: Tensor
    centre: Tensor

    def __init__(self, *, channels: int = 1, outputs: int = 3, width: int = 64, seed: int = 0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            blocks, before = [], width
            for stage in range(4):
                for index in range(2):
                    stride = 2 if stage > 0 and index == 0 else 1
                    blocks.append(Block(before, width << stage, stride))
                    before = width << stage
            self.layers = nn.Sequential(
                nn.Conv2d(channels, width, 7, 2, 3, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.MaxPool2d(3, 2, 1),
                *blocks,
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(before, outputs),
            )
        channels_last(self)
        self.register_buffer("pixel", torch.ones(()))
        self.register_buffer("scale", torch.ones(outputs))
        self.register_buffer("centre", torch.zeros(outputs))

    def set_units(
        self, centre: Sequence[float] | Tensor, scale: Sequence[float] | Tensor, pixel: float = 1.0
    ) -> None:
        """Give the outputs their targets' mean and spread, (outputs,) each, and pixels theirs."""
        self.centre.copy_(torch.as_tensor(centre))
        self.scale.copy_(torch.as_tensor(scale))
        self.pixel.fill_(pixel)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) to (batch, outputs)."""
        return self.layers(x / self.pixel) * self.scale + self.centre
