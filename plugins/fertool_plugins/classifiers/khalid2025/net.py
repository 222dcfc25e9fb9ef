"""The network of `khalid2025`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from fertool_plugins.nets.attention import SelfAttention, nearness
from fertool_plugins.nets.resnet import normalise

if TYPE_CHECKING:
    from torch import Tensor

SPREAD = 0.1
"""How far a landmark reaches, in sides of the picture: about one of six cells."""


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
    """Features of 6 x 6 positions, self-attention with anchors, flattening, dropout, linear layer."""

    def __init__(self, backbone: nn.Module, channels: int, classes: int, pull: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.attention = SelfAttention(channels)
        self.pull = pull
        self.last = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(channels * 36, classes))

    def forward(self, images: Tensor, anchors: Tensor | None = None) -> Tensor:
        """(n, 1, 48, 48) in 0..1 -> logits. Anchors: (n, k, 2) landmarks x, y as shares of the picture's
        side; NaN where a face has none."""
        x = self.backbone(normalise(images))
        bias = None if anchors is None else self.pull * nearness(anchors, x.shape[2], x.shape[3], SPREAD)
        logits: Tensor = self.last(self.attention(x, bias))
        return logits
