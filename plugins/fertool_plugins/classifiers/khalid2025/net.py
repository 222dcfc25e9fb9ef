"""The network of `khalid2025`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import nn

from fertool_plugins.nets.attention import SelfAttention, SelfChannelAttention
from fertool_plugins.nets.resnet import normalize

if TYPE_CHECKING:
    from torch import Tensor


def cnn(norm: bool) -> nn.Sequential:
    """(n, 1, 48, 48) -> (n, 256, 6, 6): convolutions of 32, then pairs with max pooling after each."""
    layers = _conv(1, 32, norm)
    for inputs, outputs in ((32, 64), (64, 128), (128, 256)):
        layers += [*_conv(inputs, outputs, norm), *_conv(outputs, outputs, norm), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def _conv(inputs: int, outputs: int, norm: bool) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=not norm)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return [conv, *([nn.BatchNorm2d(outputs)] if norm else []), nn.ELU(inplace=True)]


class KhalidNet(nn.Module):
    """Features of 6 x 6 positions, self-attention with anchors, flattening, dropout, linear layer.

    Each of `layers` attends over positions and, with `by_channel`, over channels after that; the first is
    `attention`, the others are `further`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        channels: int,
        classes: int,
        pull: float,
        layers: int = 1,
        by_channel: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.attention = SelfAttention(channels)
        self.further = nn.ModuleList(SelfAttention(channels) for _ in range(layers - 1))
        self.channels = SelfChannelAttention() if by_channel else nn.Identity()
        self.pull = pull
        self.last = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(channels * 36, classes))

    def forward(self, images: Tensor) -> Tensor:
        """(n, 1, 48, 48) in 0..1 -> logits; a second plane is the nearness of landmarks (`Crop.anchors`)."""
        x = self.backbone(normalize(images[:, :1]))
        near = images[:, 1:]
        bias = self.pull * F.adaptive_avg_pool2d(near, x.shape[2:]).flatten(1) if near.shape[1] else None
        for attention in (self.attention, *self.further):
            x = self.channels(attention(x, bias))
        logits: Tensor = self.last(x)
        return logits
