"""Capabilities of a device."""

from __future__ import annotations

import torch


def quick_bfloat16(device: str) -> bool:
    """Whether bfloat16 takes less time than float32 on `device`: `cpu`, `cuda`, `mps`.

    Processors without instructions for it compute it all the same, some ten times slower than float32.
    """
    if device == "cpu":
        return torch.cpu._is_avx512_bf16_supported()
    return device.startswith("cuda") and torch.cuda.is_bf16_supported()
