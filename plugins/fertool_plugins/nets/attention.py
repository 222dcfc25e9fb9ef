"""Attention blocks: CBAM (Woo et al., 2018), and self-attention over positions with spatial anchors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ChannelAttention(nn.Module):
    """What to look at: sigmoid(MLP(mean) + MLP(max)), one weight per channel.

    Woo et al., equation 2: the two poolings go through the same two matrices, which have no biases.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, channels, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        # Not `amax`: its gradient looks for all equals of the maximum, in several passes over x.
        largest = F.adaptive_max_pool2d(x, 1).flatten(1)
        weights = torch.sigmoid(self.mlp(x.mean((2, 3))) + self.mlp(largest))
        return x * weights[:, :, None, None]


class SpatialAttention(nn.Module):
    """Where to look: sigmoid(conv([mean; max])) over channels, one weight per position.

    Woo et al., equation 3: a 7x7 convolution, with neither bias nor normalization.
    """

    def __init__(self, size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat((x.mean(1, keepdim=True), x.max(1, keepdim=True).values), 1)
        return x * torch.sigmoid(self.conv(pooled))


class Cbam(nn.Sequential):
    """Channels first, then positions."""

    def __init__(self, channels: int) -> None:
        super().__init__(ChannelAttention(channels), SpatialAttention())


class SelfChannelAttention(nn.Module):
    """x + softmax(X X^T / sqrt(positions)) X over the channels of a feature map; X is (channels, positions).

    Khalid et al., equation 7, with channels in the place of positions; queries, keys and values are x itself,
    as in Fu et al., "Dual attention network", CVPR 2019, for maps have any number of positions.
    """

    def forward(self, x: Tensor) -> Tensor:
        channels = x.flatten(2)
        logits = channels @ channels.transpose(1, 2) / channels.shape[-1] ** 0.5
        result: Tensor = x + (torch.softmax(logits, -1) @ channels).reshape(x.shape)
        return result


class SelfAttention(nn.Module):
    """x + softmax(Q K^T / sqrt(d_k) + bias) V over the positions of a feature map.

    Q, K (channels / 4 wide) and V are linear in x. The bias, (n, positions) or None for zero, is added
    to the logits of a key, for every query: every position looks more towards positions that have much.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels // 4, bias=False)
        self.key = nn.Linear(channels, channels // 4, bias=False)
        self.value = nn.Linear(channels, channels, bias=False)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        positions = x.flatten(2).transpose(1, 2)
        query, key, value = self.query(positions), self.key(positions), self.value(positions)
        logits = query @ key.transpose(1, 2) / key.shape[-1] ** 0.5
        if bias is not None:
            logits = logits + bias[:, None]
        seen = torch.softmax(logits, -1) @ value
        result: Tensor = x + seen.transpose(1, 2).reshape(x.shape)
        return result
