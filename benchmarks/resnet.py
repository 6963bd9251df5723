"""ResNet-18 (He et al., CVPR 2016, Table 1) for maps of one channel and three outputs.

The paper's teacher in cosmology. Time does not depend on its weights, so they are random here.
"""

import torch
from torch import nn


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
        self.shortcut = (
            nn.Identity()
            if stride == 1 and inputs == outputs
            else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, inputs, height, width) to (batch, outputs, height / stride, width / stride)."""
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet18(*, channels: int = 1, outputs: int = 3, seed: int = 0) -> nn.Module:
    """ResNet-18 in evaluation mode with seeded random weights that ask for no gradients.

    Parameters
    ----------
    channels, outputs : int
    seed : int

    Returns
    -------
    torch.nn.Module
        (batch, channels, height, width) to (batch, outputs).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        blocks, width = [], 64
        for stage in range(4):
            for index in range(2):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(Block(width, 64 << stage, stride))
                width = 64 << stage
        network = nn.Sequential(
            nn.Conv2d(channels, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
            *blocks,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, outputs),
        )
    return network.eval().requires_grad_(False)
