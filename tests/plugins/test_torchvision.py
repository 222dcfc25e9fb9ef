"""Weights shaped as torchvision's ResNets: the same outputs, what is left out, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from fertool import FertoolError
from fertool.training import trainer
from fertool_plugins.classifiers.aly2023 import Aly2023
from fertool_plugins.classifiers.compact import Compact
from fertool_plugins.classifiers.hafnet2025 import Hafnet2025
from fertool_plugins.classifiers.khalid2025 import Khalid2025
from fertool_plugins.nets.resnet import Basic, Bottleneck, ResNet, from_torchvision, resnet18, resnet50

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def imagenet(number: int) -> dict[str, Tensor]:
    """Random weights with the names and shapes of torchvision's `resnet18`, `resnet34` or `resnet50`."""
    chance = torch.Generator().manual_seed(number)
    tensors: dict[str, Tensor] = {}

    def conv(name: str, norm: str, outputs: int, inputs: int, size: int) -> None:
        scale = (2 / (inputs * size * size)) ** 0.5
        tensors[f"{name}.weight"] = torch.randn(outputs, inputs, size, size, generator=chance) * scale
        for leaf, low in (("weight", 0.5), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 0.5)):
            tensors[f"{norm}.{leaf}"] = torch.rand(outputs, generator=chance) + low
        tensors[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    conv("conv1", "bn1", 64, 3, 7)
    inputs, wide = 64, 4 if number == 50 else 1
    for layer, depth in enumerate(DEPTHS[number], 1):
        width = 32 * 2**layer
        for i in range(depth):
            name = f"layer{layer}.{i}"
            sizes = ((width, inputs, 1), (width, width, 3), (4 * width, width, 1))
            if number != 50:
                sizes = ((width, inputs, 3), (width, width, 3))
            for k, (outputs, seen, size) in enumerate(sizes, 1):
                conv(f"{name}.conv{k}", f"{name}.bn{k}", outputs, seen, size)
            if inputs != wide * width:
                conv(f"{name}.downsample.0", f"{name}.downsample.1", wide * width, inputs, 1)
            inputs = wide * width
    return tensors | {"fc.weight": torch.randn(1000, inputs), "fc.bias": torch.zeros(1000)}


def reference(tensors: dict[str, Tensor], number: int, x: Tensor) -> Tensor:
    """The features of torchvision's ResNet, by its documentation: (n, 3, h, w) -> maps."""

    def step(x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        weight = tensors[f"{conv}.weight"]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        mean, var, scale, shift = (
            tensors[f"{norm}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, var, scale, shift)

    x = F.max_pool2d(F.relu(step(x, "conv1", "bn1", 2)), 3, 2, 1)
    for layer, depth in enumerate(DEPTHS[number], 1):
        for i in range(depth):
            name, stride = f"layer{layer}.{i}", 2 if i == 0 and layer > 1 else 1
            past = x
            if f"{name}.downsample.0.weight" in tensors:
                past = step(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
            steps = 3 if number == 50 else 2
            strides = (1, stride, 1) if number == 50 else (stride, 1)
            for k in range(1, steps + 1):
                x = step(x, f"{name}.conv{k}", f"{name}.bn{k}", strides[k - 1])
                x = F.relu(x) if k < steps else x
            x = F.relu(x + past)
    return x


@pytest.mark.parametrize(
    ("number", "features"), [(18, lambda: resnet18("paper")), (50, lambda: resnet50("paper"))]
)
def test_a_gray_picture_gives_what_torchvision_gives_of_three_equal_colors(
    number: int, features: Any
) -> None:
    tensors, network = imagenet(number), features()
    network.load_state_dict(from_torchvision(network, tensors))  # strict: all of it is there
    gray = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        ours, theirs = network.eval()(gray), reference(tensors, number, gray.expand(-1, 3, -1, -1))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()))


@pytest.mark.parametrize(
    ("block", "file"),
    [(Basic, 34), (Basic, 50), (Bottleneck, 18)],  # other depths, and blocks of another kind
)
def test_another_depth_is_not_taken(block: Any, file: int) -> None:
    network = ResNet(block, DEPTHS[18 if block is Basic else 50], "paper")
    assert from_torchvision(network, imagenet(file)) == {}


# Without counts of batches: ResNet-18 has 20 convolutions with four tensors of a norm each, ResNet-50 has 53.
# A head of HAFNet has four convolutions with norms, and two linear layers with a norm and one bias.
# CBAM adds two matrices and one convolution in each of 16 blocks. The small stem is another convolution.
@pytest.mark.parametrize(
    ("plugin", "number", "random"),
    [
        (Hafnet2025(stem="paper", heads=1), 18, "1 of 1 in centres, 27 of 27 in heads, 6 of 6 in last"),
        (
            Hafnet2025(heads=1),
            18,
            "1 of 1 in centres, 1 of 100 in backbone, 27 of 27 in heads, 6 of 6 in last",
        ),
        (Aly2023(stem="paper", cbam=False, pooled=False), 50, "2 of 2 in last"),
        (Aly2023(stem="paper"), 50, "48 of 313 in features, 2 of 2 in last"),
        (Aly2023(cbam=False), 50, "1 of 265 in features, 2 of 2 in last"),
        (Khalid2025(backbone="resnet50"), 50, "1 of 265 in backbone, 3 of 3 in attention, 2 of 2 in last"),
    ],
)
def test_networks_begin_with_it_and_say_what_is_random(
    plugin: Any, number: int, random: str, tmp_path: Path
) -> None:
    file = tmp_path / "imagenet.safetensors"
    save_file(imagenet(number), file)
    said = trainer.check_start(plugin, file, tmp_path / "run")
    assert said == f"{file}: weights from outside; tensors that begin at random: {random}"


@pytest.mark.parametrize(("plugin", "number"), [(Hafnet2025(), 50), (Aly2023(), 18), (Compact(), 18)])
def test_weights_of_another_network_are_refused(plugin: Any, number: int, tmp_path: Path) -> None:
    file = tmp_path / "imagenet.safetensors"
    save_file(imagenet(number), file)
    with pytest.raises(FertoolError, match="holds weights of another network than the one to be trained"):
        trainer.check_start(plugin, file, tmp_path / "run")


def test_a_wrong_shape_is_refused(tmp_path: Path) -> None:
    tensors = imagenet(18)
    tensors["layer2.0.conv1.weight"] = torch.zeros(128, 64, 5, 5)
    file = tmp_path / "imagenet.safetensors"
    save_file(tensors, file)
    with pytest.raises(FertoolError, match="holds weights of another network"):
        trainer.check_start(Hafnet2025(), file, tmp_path / "run")
