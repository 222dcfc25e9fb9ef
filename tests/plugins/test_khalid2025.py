"""The CNN with anchored self-attention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fertool.host.options import build
from fertool_plugins.classifiers.khalid2025 import Khalid2025

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


@pytest.mark.parametrize("backbone", ["cnn", "resnet50"])
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


def test_recipe_of_the_paper() -> None:
    paper = Khalid2025.recipes["paper"]
    assert (paper.optimizer, paper.lr, paper.batch, paper.schedule) == ("adam", 1e-4, 32, "plateau")
    # "Early stopping, which monitors validation accuracy": 11 epochs without 5e-5, halved after 7.
    assert (paper.watch, paper.patience, paper.stop_after, paper.min_gain) == ("accuracy", 7, 11, 5e-5)
    assert Khalid2025.recipes["paper-loss"] == replace(paper, watch="loss")
    augment = paper.augment
    assert augment.flip
    assert all((augment.rotate_deg, augment.brightness, augment.blur))
