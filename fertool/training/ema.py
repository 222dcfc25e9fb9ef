"""EMA of weights, and re-estimated batch-norm statistics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from fertool.training import augment

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

AT_ONCE = 256
"""Faces per pass."""
RECALIBRATED_ON = 3000
"""Pictures, or up to twice as many, from which batch norm is estimated again."""


def decay(ema: float, step: int) -> float:
    """Less at first, or the random weights of the beginning would count for thousands of steps."""
    return min(ema, (1 + step) / (10 + step))


def follower(average: nn.Module | None, network: nn.Module) -> Callable[[float], None]:
    """`follow(decay)`: weights follow slowly, and so do the means and variances of batch norm: those of the
    moment would belong to other weights than the averaged ones. Counters are taken over.

    All tensors of a kind at once: one by one, hundreds of small ones take longer than a step on a GPU.
    """
    if average is None:
        return lambda _: None
    kept, now = _tensors(average, floating=True), _tensors(network, floating=True)
    counted, counts = _tensors(average, floating=False), _tensors(network, floating=False)

    def follow(decay: float) -> None:
        with torch.no_grad():
            torch._foreach_lerp_(kept, now, 1 - decay)
            if counted:
                torch._foreach_copy_(counted, counts)

    return follow


def _tensors(network: nn.Module, *, floating: bool) -> list[Tensor]:
    every = [*network.parameters(), *network.buffers()]
    return [tensor for tensor in every if tensor.is_floating_point() == floating]


def recalibrate(network: nn.Module, images: Tensor) -> None:
    """Measure the means and variances of batch norm on `images` (n, h, w, ...) as they are, some 3,000 of
    them, evenly spread, in place of the moving ones. The network is left ready to classify."""
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    chosen = images[:: max(1, len(images) // RECALIBRATED_ON)]
    with torch.no_grad():
        for some in chosen.tensor_split(math.ceil(len(chosen) / AT_ONCE)):
            network(augment.as_input(some))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
