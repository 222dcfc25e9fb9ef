"""InceptionV3 (Szegedy et al., "Rethinking the Inception architecture", CVPR 2016), without its classes.

Parts have torchvision's names, so its weights fit as they are; the auxiliary classes are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    Size = int | tuple[int, int]

OUTPUTS = 2048
LEFT_OUT = ("fc", "AuxLogits")
"""Of torchvision's weights: the classes."""


class ConvNorm(nn.Module):
    """Convolution, batch norm, ReLU. Sides stay, but for the stride; `padded=False` cuts the edge off."""

    def __init__(
        self, inputs: int, outputs: int, size: Size = 1, stride: int = 1, padded: bool = True
    ) -> None:
        super().__init__()
        sides = (size, size) if isinstance(size, int) else size
        padding = (sides[0] // 2, sides[1] // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


class Branches(nn.Module):
    """Convolutions beside one another, each a chain of named layers; their outputs are stacked as channels.

    `chains` name layers of `layers` in order; where a name is in two of them, ended by `a` and by `b`, the
    chain forks. `pool`: what the last branch pools with, before its convolution if it has one.
    """

    def __init__(
        self, layers: dict[str, ConvNorm], chains: tuple[tuple[str, ...], ...], pool: nn.Module
    ) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.chains, self.pool = chains, pool

    def forward(self, x: Tensor) -> Tensor:
        layers = self._modules
        outputs = [self._chain(x, chain) for chain in self.chains]
        last, pooled = layers.get("branch_pool"), self.pool(x)
        return torch.cat([*outputs, pooled if last is None else last(pooled)], 1)

    def _chain(self, x: Tensor, chain: tuple[str, ...]) -> Tensor:
        for name in chain:
            names = [name] if name in self._modules else [f"{name}a", f"{name}b"]
            x = torch.cat([self.get_submodule(one)(x) for one in names], 1)
        return x


def _mean() -> nn.AvgPool2d:
    return nn.AvgPool2d(3, 1, 1)


def _a(inputs: int, pooled: int) -> Branches:
    """Figure 5: 5x5, and two 3x3 in its place."""
    layers = {
        "branch1x1": ConvNorm(inputs, 64),
        "branch5x5_1": ConvNorm(inputs, 48),
        "branch5x5_2": ConvNorm(48, 64, 5),
        "branch3x3dbl_1": ConvNorm(inputs, 64),
        "branch3x3dbl_2": ConvNorm(64, 96, 3),
        "branch3x3dbl_3": ConvNorm(96, 96, 3),
        "branch_pool": ConvNorm(inputs, pooled),
    }
    return Branches(layers, (("branch1x1",), _steps("branch5x5", 2), _steps("branch3x3dbl", 3)), _mean())


def _b(inputs: int, small: bool) -> Branches:
    """Figure 10: half the side."""
    layers = {
        "branch3x3": ConvNorm(inputs, 384, 3, 2, small),
        "branch3x3dbl_1": ConvNorm(inputs, 64),
        "branch3x3dbl_2": ConvNorm(64, 96, 3),
        "branch3x3dbl_3": ConvNorm(96, 96, 3, 2, small),
    }
    return Branches(layers, (("branch3x3",), _steps("branch3x3dbl", 3)), nn.MaxPool2d(3, 2, int(small)))


def _c(inputs: int, width: int) -> Branches:
    """Figure 6: 7x7 as 1x7 and 7x1."""
    layers = {
        "branch1x1": ConvNorm(inputs, 192),
        "branch7x7_1": ConvNorm(inputs, width),
        "branch7x7_2": ConvNorm(width, width, (1, 7)),
        "branch7x7_3": ConvNorm(width, 192, (7, 1)),
        "branch7x7dbl_1": ConvNorm(inputs, width),
        "branch7x7dbl_2": ConvNorm(width, width, (7, 1)),
        "branch7x7dbl_3": ConvNorm(width, width, (1, 7)),
        "branch7x7dbl_4": ConvNorm(width, width, (7, 1)),
        "branch7x7dbl_5": ConvNorm(width, 192, (1, 7)),
        "branch_pool": ConvNorm(inputs, 192),
    }
    return Branches(layers, (("branch1x1",), _steps("branch7x7", 3), _steps("branch7x7dbl", 5)), _mean())


def _d(inputs: int, small: bool) -> Branches:
    """Half the side once more; not where it is small already."""
    stride = 1 if small else 2
    layers = {
        "branch3x3_1": ConvNorm(inputs, 192),
        "branch3x3_2": ConvNorm(192, 320, 3, stride, small),
        "branch7x7x3_1": ConvNorm(inputs, 192),
        "branch7x7x3_2": ConvNorm(192, 192, (1, 7)),
        "branch7x7x3_3": ConvNorm(192, 192, (7, 1)),
        "branch7x7x3_4": ConvNorm(192, 192, 3, stride, small),
    }
    pool = nn.MaxPool2d(3, stride, int(small))
    return Branches(layers, (_steps("branch3x3", 2), _steps("branch7x7x3", 4)), pool)


def _e(inputs: int) -> Branches:
    """Figure 7: forks of 1x3 and 3x1."""
    layers = {
        "branch1x1": ConvNorm(inputs, 320),
        "branch3x3_1": ConvNorm(inputs, 384),
        "branch3x3_2a": ConvNorm(384, 384, (1, 3)),
        "branch3x3_2b": ConvNorm(384, 384, (3, 1)),
        "branch3x3dbl_1": ConvNorm(inputs, 448),
        "branch3x3dbl_2": ConvNorm(448, 384, 3),
        "branch3x3dbl_3a": ConvNorm(384, 384, (1, 3)),
        "branch3x3dbl_3b": ConvNorm(384, 384, (3, 1)),
        "branch_pool": ConvNorm(inputs, 192),
    }
    return Branches(layers, (("branch1x1",), _steps("branch3x3", 2), _steps("branch3x3dbl", 3)), _mean())


def _steps(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{step}" for step in range(1, count + 1))


class InceptionV3(nn.Sequential):
    """(n, channels, h, w) normalized pictures -> (n, 2048, rows, columns) features.

    Stem `paper`: made for 299 pixels, of which 8 x 8 positions are left. `small`: the first convolution and
    the last pooling have stride 1 and edges are padded, which leaves a 48-pixel face a map of 6 x 6; no
    kernel has another size, so weights from outside fit both.
    """

    def __init__(self, stem: Literal["paper", "small"], channels: int = 1) -> None:
        small = stem == "small"
        pool = nn.MaxPool2d(3, 2, int(small))
        parts: dict[str, nn.Module] = {
            "Conv2d_1a_3x3": ConvNorm(channels, 32, 3, 1 if small else 2, small),
            "Conv2d_2a_3x3": ConvNorm(32, 32, 3, 1, small),
            "Conv2d_2b_3x3": ConvNorm(32, 64, 3),
            "maxpool1": pool,
            "Conv2d_3b_1x1": ConvNorm(64, 80),
            "Conv2d_4a_3x3": ConvNorm(80, 192, 3, 1, small),
            "maxpool2": pool,
            **{f"Mixed_5{n}": _a(i, o) for n, i, o in (("b", 192, 32), ("c", 256, 64), ("d", 288, 64))},
            "Mixed_6a": _b(288, small),
            **{f"Mixed_6{n}": _c(768, o) for n, o in (("b", 128), ("c", 160), ("d", 160), ("e", 192))},
            "Mixed_7a": _d(768, small),
            "Mixed_7b": _e(1280),
            "Mixed_7c": _e(OUTPUTS),
        }
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


def from_torchvision(features: InceptionV3, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights named as those of torchvision's `inception_v3`; empty if they are of another network.

    The classes are left out. The first convolution sees three colors there, which are summed, for a gray
    picture has three equal ones.
    """
    found = {name: tensor for name, tensor in tensors.items() if name.partition(".")[0] not in LEFT_OUT}
    own = features.state_dict()
    first = "Conv2d_1a_3x3.conv.weight"
    if set(found) != set(own):
        return {}
    found[first] = found[first].float().sum(1, keepdim=True)
    return found
