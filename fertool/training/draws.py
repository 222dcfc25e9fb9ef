"""Random numbers for pictures, one for each, drawn on the generator's device and moved to the pictures'."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def between(low: float, high: float, images: Tensor, generator: Generator) -> Tensor:
    """(n, 1, 1, 1) uniform in low..high, one for each of `images`, on their device."""
    drawn = torch.rand(len(images), 1, 1, 1, generator=generator, device=generator.device)
    return (drawn * (high - low) + low).to(images.device)


def around(middle: float, reach: float, images: Tensor, generator: Generator) -> Tensor:
    """`between`, as far as `reach` to either side of `middle`."""
    return between(middle - reach, middle + reach, images, generator)


def some(images: Tensor, changed: Tensor, probability: float, generator: Generator) -> Tensor:
    """Each picture of `images` (n, c, h, w) or, with that probability, the same one of `changed`."""
    return torch.where(between(0, 1, images, generator) < probability, changed, images)


def grid(images: Tensor) -> tuple[Tensor, Tensor]:
    """x (1, 1, 1, w) and y (1, 1, h, 1) of the centers of pixels, as shares of the width and the height."""
    height, width = images.shape[2:]
    x = (torch.arange(width, device=images.device) + 0.5) / width
    y = (torch.arange(height, device=images.device) + 0.5) / height
    return x[None, None, None, :], y[None, None, :, None]
