"""InceptionV3: its shapes, its parameters, and weights shaped as torchvision's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fertool import FertoolError
from fertool.host.options import build
from fertool.training import trainer
from fertool_plugins.classifiers.khalid2025 import Khalid2025
from fertool_plugins.nets.inception import Branches, ConvNorm, InceptionV3, from_torchvision

FIRST = "Conv2d_1a_3x3.conv.weight"


def settled(network: nn.Module) -> nn.Module:
    """Random weights, batch norm that does something, ready to be used."""
    chance = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_var", "bn.weight", "bn.bias")):
            tensor.copy_(torch.rand(tensor.shape, generator=chance) + 0.1)
    return network.eval()


@pytest.fixture(scope="module")
def outside() -> dict[str, Tensor]:
    """A file of torchvision's shape: three colors, 1000 classes, auxiliary ones."""
    tensors = settled(InceptionV3("paper", channels=3)).state_dict()
    classes = {"fc.weight": torch.randn(1000, 2048), "fc.bias": torch.zeros(1000)}
    return {**tensors, **classes, "AuxLogits.fc.weight": torch.randn(1000, 768)}


@pytest.mark.parametrize(
    ("stem", "side", "positions"), [("paper", 299, 8), ("paper", 75, 1), ("small", 48, 6), ("small", 64, 8)]
)
def test_positions_that_are_left(stem, side, positions) -> None:
    with torch.inference_mode():
        found = InceptionV3(stem).eval()(torch.randn(1, 1, side, side))
    assert found.shape == (1, 2048, positions, positions)


def test_parameters_are_the_published_ones() -> None:
    """Of torchvision's page, without the classes and the auxiliary ones."""
    count = sum(parameter.numel() for parameter in InceptionV3("paper", channels=3).parameters())
    assert count == 27_161_264 - (2048 * 1000 + 1000) - 3_326_696
    gray = sum(parameter.numel() for parameter in InceptionV3("small").parameters())
    assert gray == count - 2 * 32 * 9


def test_channels_of_every_part() -> None:
    """Table 1 of the paper, and its figures 5 to 7 and 10: what branches add up to."""
    parts = dict(InceptionV3("small").named_children())
    widths = {}
    x = torch.randn(1, 1, 48, 48)
    with torch.inference_mode():
        for name, part in parts.items():
            x = part.eval()(x)
            widths[name] = x.shape[1]
    assert [widths[f"Mixed_5{n}"] for n in "bcd"] == [256, 288, 288]
    assert [widths[f"Mixed_6{n}"] for n in "abcde"] == [768] * 5
    assert [widths[f"Mixed_7{n}"] for n in "abc"] == [1280, 2048, 2048]


def test_a_fork_stacks_both_of_its_layers() -> None:
    layers = {"in_1": ConvNorm(2, 3), "in_2a": ConvNorm(3, 4, (1, 3)), "in_2b": ConvNorm(3, 5, (3, 1))}
    branches = settled(Branches(layers, (("in_1", "in_2"),), nn.Identity()))
    x = torch.randn(1, 2, 6, 6)
    middle = layers["in_1"](x)
    expected = torch.cat([layers["in_2a"](middle), layers["in_2b"](middle), x], 1)
    assert torch.equal(branches(x), expected)


def test_weights_from_outside_see_a_gray_picture_as_three_equal_colors(outside) -> None:
    gray, color = InceptionV3("small"), InceptionV3("small", channels=3)
    gray.load_state_dict(from_torchvision(gray, outside))
    kept = {
        name: value for name, value in outside.items() if name.partition(".")[0] not in ("fc", "AuxLogits")
    }
    color.load_state_dict(kept)
    picture = torch.rand(1, 1, 48, 48)
    with torch.inference_mode():
        found, expected = gray.eval()(picture), color.eval()(picture.expand(-1, 3, -1, -1))
    assert expected.abs().max() > 1e-3
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("change", [{"Mixed_5e.conv.weight": torch.zeros(1)}, {"missing": None}])
def test_other_networks_are_not_taken(outside, change) -> None:
    tensors = {**outside, **{name: value for name, value in change.items() if value is not None}}
    if "missing" in change:
        del tensors["Mixed_7c.branch1x1.conv.weight"]
    assert from_torchvision(InceptionV3("small"), tensors) == {}


def test_training_begins_with_them_and_says_what_is_random(outside, tmp_path: Path) -> None:
    plugin = build(Khalid2025, {"backbone": "inceptionv3"})
    file = tmp_path / "inception_v3.safetensors"
    save_file({name: value.contiguous() for name, value in outside.items()}, file)
    said = trainer.check_start(plugin, file, tmp_path / "run")
    assert (
        said
        == f"{file}: weights from outside; tensors that begin at random: 3 of 3 in attention, 2 of 2 in last"
    )
    network = plugin.network()
    trainer._take_over(plugin, network, file)
    assert torch.equal(network.backbone.state_dict()[FIRST], outside[FIRST].sum(1, keepdim=True))


def test_weights_of_another_shape_are_refused(outside, tmp_path: Path) -> None:
    plugin = build(Khalid2025, {"backbone": "inceptionv3"})
    wrong = {**outside, "Conv2d_3b_1x1.conv.weight": torch.zeros(80, 32, 1, 1)}
    file = tmp_path / "wrong.safetensors"
    save_file({name: value.contiguous() for name, value in wrong.items()}, file)
    with pytest.raises(FertoolError, match="another network than the one to be trained"):
        trainer.check_start(plugin, file, tmp_path / "run")


def test_it_learns() -> None:
    torch.manual_seed(0)
    plugin = build(Khalid2025, {"backbone": "inceptionv3"})
    network = plugin.network().train()
    images, wanted = torch.rand(4, 1, 48, 48), torch.eye(7)[:4]
    loss = plugin.loss(network, images, wanted)
    loss.backward()
    assert all(
        parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters()
    )
