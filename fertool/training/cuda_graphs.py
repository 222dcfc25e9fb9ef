"""Forward, loss and backward as a CUDA graph. Leaves gradients in the parameters.

On CUDA the work of a step is recorded once for each shape of batch and then replayed as one launch (CUDA
graphs): small faces keep a GPU so little occupied that launching hundreds of kernels one by one would
take most of the time. What is replayed is what would have been launched, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fertool.contracts import Trainable

EAGER = 3
"""Steps of each shape before it is recorded: libraries choose their algorithms in them."""


class Step:
    """`step(images, targets)`: images (b, c, h, w) float32 and targets (b, t, k), both on the device -> the
    loss, a scalar without history."""

    def __init__(self, plugin: Trainable, network: nn.Module, *, mixed: bool) -> None:
        self._plugin = plugin
        self._network = network
        self._mixed = mixed
        self._parameters = list(network.parameters())

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Forward, loss and backward of one batch; gradients are in the parameters afterwards."""
        for parameter in self._parameters:
            parameter.grad = None
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self._mixed):
            loss = self._plugin.loss(self._network, images, *targets.unbind(1))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()


@dataclass(slots=True)
class _Recorded:
    """A graph, and the memory that it reads from and writes to."""

    graph: torch.cuda.CUDAGraph
    images: Tensor
    targets: Tensor
    loss: Tensor
    gradients: list[Tensor | None]


class Replayed(Step):
    """The same on CUDA, recorded."""

    def __init__(self, plugin: Trainable, network: nn.Module, *, mixed: bool) -> None:
        super().__init__(plugin, network, mixed=mixed)
        # What is to be recorded must not have run on the default stream before.
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._eager: dict[torch.Size, int] = {}
        self._recorded: dict[torch.Size, _Recorded] = {}

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """See `Step`. The first `EAGER` batches of each shape run as they are, the next one is recorded."""
        shape = images.shape
        if self._eager.setdefault(shape, 0) < EAGER:
            self._eager[shape] += 1
            return self._aside(images, targets)
        if shape not in self._recorded:
            self._recorded[shape] = self._record(images.clone(), targets.clone())
        known = self._recorded[shape]
        known.images.copy_(images)
        known.targets.copy_(targets)
        known.graph.replay()
        for parameter, gradient in zip(self._parameters, known.gradients, strict=True):
            parameter.grad = gradient
        return known.loss.clone()

    def _aside(self, images: Tensor, targets: Tensor) -> Tensor:
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            loss = super().__call__(images, targets)
        torch.cuda.current_stream().wait_stream(self._stream)
        return loss

    def _record(self, images: Tensor, targets: Tensor) -> _Recorded:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            loss = super().__call__(images, targets)
        return _Recorded(graph, images, targets, loss, [p.grad for p in self._parameters])


def step(plugin: Trainable, network: nn.Module, device: str, *, mixed: bool) -> Step:
    """The quickest kind of step on `device`; with `mixed` in bfloat16 where that is safe."""
    kind = Replayed if device.startswith("cuda") else Step
    return kind(plugin, network, mixed=mixed)
