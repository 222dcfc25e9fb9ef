"""Residual networks (He et al., 2016) for small gray faces, with places for attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    Attention = Callable[[int], nn.Module]
    """Channels -> a module that keeps the shape of its input."""

MEAN, DEVIATION = 0.508, 0.255
"""Of FER2013's training pixels, in 0..1."""
WIDTHS = (64, 128, 256, 512)


def normalize(images: Tensor) -> Tensor:
    """Pixels in 0..1 to mean 0 and deviation 1 over FER2013."""
    return (images - MEAN) / DEVIATION


def conv_norm(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the side (over stride), and batch norm."""
    conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


def shortcut(inputs: int, outputs: int, stride: int, pooled: bool) -> nn.Module:
    """The path past a block. A strided 1x1 convolution sees one position in four; `pooled` averages all four
    first. Odd sides are rounded up, as a strided convolution does."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    if not (pooled and stride > 1):
        return conv_norm(inputs, outputs, 1, stride)
    pool = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(pool, conv_norm(inputs, outputs, 1))


class Block(nn.Module):
    """relu(attention(body(x)) + shortcut(x))."""

    expansion: ClassVar[int]
    """Channels it gives, over its width."""

    def __init__(self, inputs: int, width: int, stride: int, attention: Attention, pooled: bool) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.body = self.convolutions(inputs, width, stride)
        self.attention = attention(outputs)
        self.shortcut = shortcut(inputs, outputs, stride, pooled)

    @staticmethod
    def convolutions(inputs: int, width: int, stride: int) -> nn.Sequential:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.attention(self.body(x)) + self.shortcut(x), inplace=True)


class Basic(Block):
    """Two 3x3 convolutions, as in ResNet-18."""

    expansion = 1

    @staticmethod
    def convolutions(inputs: int, width: int, stride: int) -> nn.Sequential:
        first = conv_norm(inputs, width, 3, stride)
        return nn.Sequential(first, nn.ReLU(inplace=True), conv_norm(width, width, 3))


class Bottleneck(Block):
    """1x1, 3x3 and 1x1 convolutions, as in ResNet-50; the 3x3 one strides, as in PyTorch's own."""

    expansion = 4

    @staticmethod
    def convolutions(inputs: int, width: int, stride: int) -> nn.Sequential:
        narrow, middle = conv_norm(inputs, width, 1), conv_norm(width, width, 3, stride)
        wide = conv_norm(width, width * 4, 1)
        return nn.Sequential(narrow, nn.ReLU(inplace=True), middle, nn.ReLU(inplace=True), wide)


class ResNet(nn.Sequential):
    """(n, channels, h, w) normalized pictures -> (n, outputs, h / s, w / s) features.

    Stem `paper`: 7x7 convolution of stride 2 and max pooling, s = 32, made for 224 pixels. `small`: a 3x3
    convolution of stride 1, s = 8, which leaves a 48-pixel face a map of 6 x 6.
    """

    def __init__(
        self,
        block: type[Block],
        depths: tuple[int, int, int, int],
        stem: Literal["paper", "small"],
        attention: Attention = nn.Identity,
        pooled: bool = False,
        channels: int = 1,
    ) -> None:
        layers: list[nn.Module] = [*_stem(stem, channels)]
        inputs = WIDTHS[0]
        for width, depth in zip(WIDTHS, depths, strict=True):
            for i in range(depth):
                stride = 2 if i == 0 and width > WIDTHS[0] else 1
                layers.append(block(inputs, width, stride, attention, pooled))
                inputs = width * block.expansion
        super().__init__(*layers)
        self.outputs = inputs
        self.depths = depths


def _stem(stem: str, channels: int) -> list[nn.Module]:
    if stem == "small":
        return [conv_norm(channels, WIDTHS[0], 3), nn.ReLU(inplace=True)]
    return [conv_norm(channels, WIDTHS[0], 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]


def resnet18(stem: Literal["paper", "small"]) -> ResNet:
    """ResNet-18: two basic blocks per width. `stem`: see `ResNet`."""
    return ResNet(Basic, (2, 2, 2, 2), stem)


def resnet50(
    stem: Literal["paper", "small"], attention: Attention = nn.Identity, pooled: bool = False
) -> ResNet:
    """ResNet-50: three to six bottleneck blocks per width. Options: see `ResNet`."""
    return ResNet(Bottleneck, (3, 4, 6, 3), stem, attention, pooled)


def from_torchvision(features: ResNet, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights named and shaped as those of torchvision's ResNets, under the names of `features`; empty if
    they are of another kind or depth. The classes (`fc`) are left out.

    The first convolution sees three colors there. A gray picture has three equal ones, so the sum over them
    is what it computes of such a picture. It is left out where its kernel has another size (stem `small`).
    """
    names = {"conv1": "0.0", "bn1": "0.1"}
    blocks = ((place, block) for place, block in features.named_children() if isinstance(block, Block))
    for layer, depth in enumerate(features.depths, 1):
        for number in range(depth):
            (place, block), theirs = next(blocks), f"layer{layer}.{number}"
            bodies = [name for name, part in block.body.named_children() if isinstance(part, nn.Sequential)]
            for i, body in enumerate(bodies, 1):
                names[f"{theirs}.conv{i}"] = f"{place}.body.{body}.0"
                names[f"{theirs}.bn{i}"] = f"{place}.body.{body}.1"
            if isinstance(block.shortcut, nn.Sequential):
                pooled = ".1" if isinstance(block.shortcut[0], nn.AvgPool2d) else ""
                names[f"{theirs}.downsample.0"] = f"{place}.shortcut{pooled}.0"
                names[f"{theirs}.downsample.1"] = f"{place}.shortcut{pooled}.1"
    heads = {name.rpartition(".")[0] for name in tensors}
    if heads - {"fc"} != set(names):
        return {}
    found = {}
    for name, tensor in tensors.items():
        head, _, leaf = name.rpartition(".")
        if head != "fc":
            found[f"{names[head]}.{leaf}"] = tensor
    stem = features.state_dict()["0.0.weight"]
    gray = found.pop("0.0.weight").float().sum(1, keepdim=True)
    return found | ({"0.0.weight": gray} if gray.shape == stem.shape else {})


class Pooled(nn.Module):
    """A classifier of pictures in 0..1: normalize, features, mean over positions, linear layer."""

    def __init__(self, features: ResNet, classes: int) -> None:
        super().__init__()
        self.features = features
        self.last = nn.Linear(features.outputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.last(self.features(normalize(images)).mean((2, 3)))
        return logits
