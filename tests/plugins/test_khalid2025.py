"""The CNN with anchored self-attention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fertool.errors import FertoolError
from fertool.host.options import build
from fertool_plugins.classifiers.khalid2025 import Khalid2025
from fertool_plugins.nets.attention import SelfChannelAttention

CONVOLUTIONS = [(1, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]


def attention(channels: int) -> int:
    return 2 * channels * (channels // 4) + channels**2


@pytest.mark.parametrize(("norm", "expected"), [(True, 1_326_183), (False, 1_325_255)])
def test_parameters_of_the_cnn(norm: bool, expected: int) -> None:
    own = sum(9 * i * o + (2 * o if norm else o) for i, o in CONVOLUTIONS)
    count = sum(p.numel() for p in Khalid2025(norm=norm).network().parameters())
    assert count == own + attention(256) + 36 * 256 * 7 + 7 == expected


def test_parameters_with_resnet50() -> None:
    resnet = 25_557_032 - (2048 * 1000 + 1000) - (3 * 7 * 7 - 3 * 3) * 64
    network = build(Khalid2025, {"backbone": "resnet50"}).network()
    count = sum(p.numel() for p in network.parameters())
    assert count == resnet + attention(2048) + 36 * 2048 * 7 + 7 == 30_306_759


def test_layers_of_the_text() -> None:
    network = Khalid2025(norm=False).network()
    kinds = [type(layer).__name__ for layer in network.backbone]
    pair = ["Conv2d", "ELU", "Conv2d", "ELU", "MaxPool2d"]
    assert kinds == ["Conv2d", "ELU", *pair, *pair, *pair]
    assert network.last[1].p == 0.5
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())


@pytest.mark.parametrize("backbone", ["cnn", "resnet50", "inceptionv3"])
def test_shapes(backbone: str) -> None:
    network = build(Khalid2025, {"backbone": backbone}).network().eval()
    with torch.inference_mode():
        images = torch.rand(2, 1, 48, 48)
        assert network.backbone(images).shape[2:] == (6, 6)
        assert network(images).shape == (2, 7)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return Khalid2025().network().eval()


def two_planes(near: torch.Tensor) -> torch.Tensor:
    """Two faces with what is near a landmark as their second plane."""
    pixels = torch.rand(2, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    return torch.cat([pixels, near], 1)


def test_without_landmarks_the_bias_is_zero(network: nn.Module) -> None:
    images = two_planes(torch.zeros(2, 1, 48, 48))
    torch.testing.assert_close(network(images), network(images[:, :1]))


def test_landmarks_move_the_attention_of_their_own_face_only(network: nn.Module) -> None:
    near = torch.zeros(2, 1, 48, 48)
    near[0, :, :16, :16] = 1
    images = two_planes(near)
    drawn, plain = network(images), network(images[:, :1])
    assert not torch.allclose(drawn[0], plain[0])
    torch.testing.assert_close(drawn[1], plain[1])


def test_landmarks_everywhere_draw_nowhere(network: nn.Module) -> None:
    images = two_planes(torch.ones(2, 1, 48, 48))
    torch.testing.assert_close(network(images), network(images[:, :1]))


def test_pull_of_zero_ignores_landmarks() -> None:
    network = Khalid2025(pull=0.0).network().eval()
    images = two_planes(torch.rand(2, 1, 48, 48))
    torch.testing.assert_close(network(images), network(images[:, :1]))


def test_the_crop_has_a_plane_for_landmarks_if_they_are_wanted() -> None:
    assert Khalid2025().crop.planes == 1
    assert Khalid2025(anchors=True).crop.planes == 2
    faces = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 2), np.uint8)
    prepared = Khalid2025(anchors=True, lighting="equalise").prepare(faces)
    assert not np.array_equal(prepared[..., 0], faces[..., 0])
    np.testing.assert_array_equal(prepared[..., 1], faces[..., 1])


def test_primary_landmarks_are_those_of_table_1() -> None:
    crop = Khalid2025(anchors=True, landmarks="primary").crop
    assert len(crop.anchor_points) == 11
    # The points in the order of a face: brows from left to right, eyes, nose, mouth; by iBUG's 68.
    brows, eyes, nose, mouth = (set(range(*span)) for span in ((17, 27), (36, 48), (27, 36), (48, 68)))
    counted = [len(part & set(crop.anchor_points)) for part in (brows, eyes, nose, mouth)]
    assert counted == [4, 4, 1, 2]
    assert Khalid2025(anchors=True).crop.anchor_points == ()
    assert Khalid2025(landmarks="primary").crop == Khalid2025().crop, "nothing without anchors"


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_layers_add_their_parameters_and_nothing_else(layers: int) -> None:
    network = build(Khalid2025, {"layers": layers, "attention": "both"}).network().eval()
    count = sum(p.numel() for p in network.parameters())
    assert count == 1_326_183 + (layers - 1) * attention(256), "attention over channels has none"
    with torch.inference_mode():
        assert network(torch.rand(2, 1, 48, 48)).shape == (2, 7)


def test_every_layer_is_used_and_drawn_by_landmarks() -> None:
    torch.manual_seed(0)
    network = Khalid2025(layers=2).network().eval()
    images = two_planes(torch.rand(2, 1, 48, 48))
    before = network(images)
    for layer in (network.attention, network.further[0]):
        kept = layer.value.weight.data.clone()
        layer.value.weight.data.zero_()
        assert not torch.allclose(network(images), before)
        assert not torch.allclose(network(images), network(images[:, :1])), "the other one is drawn, too"
        layer.value.weight.data.copy_(kept)
    for layer in (network.attention, network.further[0]):
        layer.value.weight.data.zero_()
    torch.testing.assert_close(network(images), network(images[:, :1]))


def test_channels_attend_by_hand() -> None:
    """Two channels, two positions: equation 7 with channels in the place of positions."""
    x = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
    scale = 2**0.5
    first = torch.softmax(torch.tensor([1 / scale, 0.0]), 0)
    second = torch.softmax(torch.tensor([0.0, 4 / scale]), 0)
    rows = torch.stack([first, second]) @ torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    expected = x + rows.reshape(x.shape)
    torch.testing.assert_close(SelfChannelAttention()(x), expected)


def test_shipped_weights_fit_the_network_as_it_is_by_default() -> None:
    from fertool.host import quantized

    plain = Khalid2025()
    plain.network().load_state_dict(quantized.read(plain.path)[0])
    with pytest.raises(RuntimeError, match="further"):
        Khalid2025(layers=2).network().load_state_dict(quantized.read(plain.path)[0])


@pytest.mark.parametrize("layers", [0, -1])
def test_at_least_one_layer(layers: int) -> None:
    with pytest.raises(FertoolError, match="at least 1"):
        build(Khalid2025, {"layers": layers})


def test_recipe_of_the_paper() -> None:
    paper = Khalid2025.recipes["paper"]
    assert (paper.optimizer, paper.lr, paper.batch, paper.schedule) == ("adam", 1e-4, 32, "plateau")
    # "Early stopping, which monitors validation accuracy": 11 epochs without 5e-5, halved after 7.
    assert (paper.watch, paper.patience, paper.stop_after, paper.min_gain) == ("accuracy", 7, 11, 5e-5)
    assert Khalid2025.recipes["paper-loss"] == replace(paper, watch="loss")
    augment = paper.augment
    assert augment.flip
    assert all((augment.rotate_deg, augment.brightness, augment.blur))
