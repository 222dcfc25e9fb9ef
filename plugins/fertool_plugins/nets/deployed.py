"""A trained network as it is used: pictures in, probabilities out."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Deployed(nn.Module):
    """(n, h, w, planes) uint8 faces -> (n, labels) float32: softmax(network(faces / 255) / temperature)."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, faces: Tensor) -> Tensor:
        logits: Tensor = self.network(faces.permute(0, 3, 1, 2).float() / 255)
        return torch.softmax(logits.float() / self.temperature, 1)
