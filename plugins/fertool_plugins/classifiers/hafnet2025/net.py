"""The network of `hafnet2025`: backbone, attention heads, fusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from fertool_plugins.nets.resnet import normalize, resnet18

if TYPE_CHECKING:
    from torch import Tensor

PAPER_SIDE = 224
"""To which the paper scales its pictures (section 3.7)."""


class Seen(NamedTuple):
    """All that the losses need."""

    logits: Tensor
    features: Tensor
    """(n, 512): the backbone's, averaged over positions."""
    maps: Tensor
    """(n, heads, positions): where each head looks, not negative."""


class SpatialUnit(nn.Module):
    """Where a head looks (section 5.2): a 1x1 convolution halves the channels, 1x3, 3x1 and 3x3 ones side by
    side are summed, and the mean over channels of what is positive is the weight of a position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = _conv_norm(channels, channels // 2, (1, 1))
        self.branches = nn.ModuleList(
            _conv_norm(channels // 2, channels, size) for size in ((1, 3), (3, 1), (3, 3))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> (n, 1, h, w)."""
        y = self.narrow(x)
        total = torch.stack([branch(y) for branch in self.branches]).sum(0)
        return F.relu(total).mean(1, keepdim=True)


def _conv_norm(inputs: int, outputs: int, size: tuple[int, int]) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, size, padding=(size[0] // 2, size[1] // 2), bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class ChannelUnit(nn.Module):
    """What a head looks at: weights in 0..1 for the channels of (n, channels)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = channels // reduction
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),  # the norm's offset is its bias
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.mlp(x))


class Head(nn.Module):
    """Spatial unit, mean over positions, channel unit; the results of both units are summed (step 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = SpatialUnit(channels)
        self.channel = ChannelUnit(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """-> (n, channels) what was seen, (n, positions) where."""
        where = self.spatial(x)
        seen = (x * where).mean((2, 3))
        return seen + seen * self.channel(seen), where.flatten(1)


class HafNet(nn.Module):
    """Pictures in 0..1 -> logits; `see` gives all that the losses need."""

    def __init__(self, classes: int, heads: int, stem: Literal["paper", "small"]) -> None:
        super().__init__()
        self.side = PAPER_SIDE if stem == "paper" else 0
        self.backbone = resnet18(stem)
        channels = self.backbone.outputs
        self.heads = nn.ModuleList(Head(channels) for _ in range(heads))
        self.last = nn.Sequential(nn.Linear(channels, classes), nn.BatchNorm1d(classes))
        self.centres = nn.Parameter(torch.randn(classes, channels))
        """Of the classes, for the clustering losses; classification does not use them."""

    def forward(self, images: Tensor) -> Tensor:
        return self.see(images).logits

    def see(self, images: Tensor) -> Seen:
        if self.side:
            images = F.interpolate(images, (self.side, self.side), mode="bilinear", align_corners=False)
        x = self.backbone(normalize(images))
        seen, where = zip(*(head(x) for head in self.heads), strict=True)
        return Seen(self.last(fuse(torch.stack(seen, 1))), x.mean((2, 3)), torch.stack(where, 1))


def fuse(seen: Tensor) -> Tensor:
    """(n, heads, channels) -> (n, channels): log-softmax of each channel over the heads, summed (5.3).

    Of a single head it would be 0, so its vector is taken as it is.
    """
    return (F.log_softmax(seen, 1) if seen.shape[1] > 1 else seen).sum(1)
