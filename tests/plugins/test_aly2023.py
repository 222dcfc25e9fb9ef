"""ResNet-50 with CBAM in every block and averaging shortcuts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from fertool import FertoolError
from fertool.host.options import build
from fertool.host.toolbox import Plugged
from fertool_plugins.classifiers.aly2023 import Aly2023
from fertool_plugins.nets.attention import Cbam
from fertool_plugins.nets.resnet import Bottleneck

BLOCKS = [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3
"""Channels that the 16 blocks give."""


@pytest.mark.parametrize(("stem", "first"), [("small", 3 * 3 * 64), ("paper", 7 * 7 * 64)])
def test_parameters(stem: Any, first: int) -> None:
    plain = 25_557_032 - (2048 * 1000 + 1000) - 3 * 7 * 7 * 64  # PyTorch's, without both ends
    cbam = sum(2 * c * (c // 16) + 2 * 7 * 7 for c in BLOCKS)
    ends = first + 2048 * 7 + 7
    count = sum(p.numel() for p in Aly2023(stem=stem).network().parameters())
    assert count == plain + cbam + ends == {"small": 26_030_055, "paper": 26_032_615}[stem]


def test_attention_in_every_block_and_a_pool_before_each_strided_shortcut() -> None:
    blocks = [m for m in Aly2023().network().modules() if isinstance(m, Bottleneck)]
    assert [block.attention[0].mlp[0].in_features for block in blocks] == BLOCKS
    assert all(isinstance(block.attention, Cbam) for block in blocks)
    pooled = [i for i, b in enumerate(blocks) if any(isinstance(m, nn.AvgPool2d) for m in b.modules())]
    assert pooled == [3, 7, 13]
    ones = [m for b in blocks for m in b.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    assert {m.stride for m in ones} == {(1, 1)}


@pytest.mark.parametrize(
    ("cbam", "pooled", "attended", "strides"),
    [
        (True, True, 16, {(1, 1)}),  # the paper's: attention in 16 blocks, no 1x1 convolution strides
        (True, False, 16, {(1, 1), (2, 2)}),
        (False, True, 0, {(1, 1)}),
        (False, False, 0, {(1, 1), (2, 2)}),  # before the adjustments: ResNet-50 as in PyTorch
    ],
)
def test_the_ablation(cbam: bool, pooled: bool, attended: int, strides: set[tuple[int, int]]) -> None:
    network = Aly2023(cbam=cbam, pooled=pooled).network()
    assert sum(isinstance(m, Cbam) for m in network.modules()) == attended
    ones = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    assert {m.stride for m in ones} == strides
    # CBAM has two matrices and one 7x7 convolution a block; averaging has no parameters.
    added = sum(2 * c * (c // 16) + 2 * 7 * 7 for c in BLOCKS) if cbam else 0
    with_all = sum(p.numel() for p in Aly2023().network().parameters())
    all_cbam = sum(2 * c * (c // 16) + 2 * 7 * 7 for c in BLOCKS)
    assert sum(p.numel() for p in network.parameters()) == with_all - all_cbam + added
    with torch.inference_mode():
        assert network.eval()(torch.rand(1, 1, 48, 48)).shape == (1, 7)


def test_the_ablation_is_another_configuration() -> None:
    whole, without = Plugged(Aly2023()).describe(), Plugged(build(Aly2023, {"cbam": "false"})).describe()
    assert (whole["options"]["cbam"], without["options"]["cbam"]) == (True, False)
    assert {k for k in whole if whole[k] != without[k]} == {"options"}


@pytest.mark.parametrize("options", [{"cbam": "false"}, {"pooled": "false"}])
def test_weights_that_ship_have_both_adjustments(options: dict[str, str]) -> None:
    Aly2023()._deployed()
    with pytest.raises(FertoolError, match="holds no weights of 'aly2023' with these options"):
        build(Aly2023, options)._deployed()


@pytest.mark.parametrize(("stem", "side"), [("small", 6), ("paper", 2)])
def test_maps(stem: Any, side: int) -> None:
    network = Aly2023(stem=stem).network().eval()
    with torch.inference_mode():
        images = torch.rand(1, 1, 48, 48)
        assert network.features(images).shape == (1, 2048, side, side)
        assert network(images).shape == (1, 7)


def test_recipes() -> None:
    paper, best = Aly2023.recipes["paper"], Aly2023.recipes["best"]
    assert (paper.optimizer, paper.lr, paper.batch) == ("sgd", 1e-4, 16)
    assert (best.optimizer, best.lr, best.schedule) == ("sgd", 0.04, "cosine")


def test_an_unknown_stem_is_refused() -> None:
    with pytest.raises(FertoolError, match=r"aly2023\.stem: expected small or paper"):
        build(Aly2023, {"stem": "large"})
