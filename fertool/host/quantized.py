"""Weights in safetensors files, plain or quantized to int8 with one scale per output channel.

A weight w of output channel c is stored as round(w / s_c), s_c = max |w| of the channel / 127, the
symmetric scheme of Jacob et al. (2018); it is computed with in float again. What has one dimension (norms
and biases) is small and stays as it is.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from fertool.errors import FertoolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

SCALE = ".scale"
"""Added to the name of a packed tensor: its (outputs,) float32 scales."""
STEPS = 127


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (unpacked, on the CPU) and metadata of a weights file; a FertoolError if it is none."""
    with _opened(path, "pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  (no mapping)
        return unpack(tensors), stored.metadata() or {}


def metadata(path: Path) -> dict[str, str]:
    """What a weights file remembers; does without PyTorch. A FertoolError if it is none."""
    with _opened(path, "np") as stored:
        return stored.metadata() or {}


@contextmanager
def _opened(path: Path, framework: str) -> Iterator[Any]:
    try:
        with safe_open(path, framework) as stored:
            yield stored
    except (SafetensorError, OSError) as error:
        what = f"{path} is no safetensors file: {error}"
        raise FertoolError(what, "give one that `fertool train` wrote") from error


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Floats of two and more dimensions become int8 and their scales; all else is kept."""
    import torch

    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or tensor.ndim < 2:
            packed[name] = tensor.contiguous()
            continue
        largest = tensor.float().abs().flatten(1).amax(1)
        scale = torch.where(largest > 0, largest / STEPS, torch.ones_like(largest))
        packed[name] = (tensor.float() / _beside(scale, tensor)).round().to(torch.int8).contiguous()
        packed[name + SCALE] = scale
    return packed


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Float32 where there are scales; tensors that were never packed are kept."""
    return {
        name: tensor.float() * _beside(tensors[name + SCALE], tensor) if name + SCALE in tensors else tensor
        for name, tensor in tensors.items()
        if not (name.endswith(SCALE) and name.removesuffix(SCALE) in tensors)
    }


def _beside(scale: Tensor, tensor: Tensor) -> Tensor:
    """(outputs,) -> (outputs, 1, 1, ...), to multiply the tensor with."""
    return scale.view(-1, *[1] * (tensor.ndim - 1))
