"""The network of `compact`: seven residual blocks, and outputs for two kinds of labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fertool_plugins.nets.resnet import Basic, conv_norm, normalize

STAGES = ((32, 1), (64, 2), (128, 2), (256, 2))
"""Channels and blocks; the side is halved between stages."""
DROPOUT = 0.2


class CompactNet(nn.Module):
    """(n, 1, h, w) pictures in 0..1, sides of 16 and more -> logits of the data set's own labels."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = STAGES[0][0]
        layers: list[nn.Module] = [conv_norm(1, inputs, 3), nn.ReLU(inplace=True)]
        for outputs, blocks in STAGES:
            for _ in range(blocks):
                layers.append(Basic(inputs, outputs, 1 if inputs == outputs else 2, nn.Identity, pooled=True))
                inputs = outputs
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(DROPOUT)
        self.label = nn.Linear(inputs, classes)
        self.votes = nn.Linear(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.see(images)[0]

    def see(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the label, and of the votes of ten people (FER+)."""
        seen = self.dropout(self.features(normalize(images)).mean((2, 3)))
        label: Tensor = self.label(seen)
        votes: Tensor = self.votes(seen)
        return label, votes


def loss(seen: tuple[Tensor, Tensor], targets: Tensor, votes: Tensor | None) -> Tensor:
    """Cross-entropy with the label, and with the votes where there are any, both counting the same."""
    label, voted = (logits.float() for logits in seen)
    total = torch.nn.functional.cross_entropy(label, targets)
    return total if votes is None else total + torch.nn.functional.cross_entropy(voted, votes)
