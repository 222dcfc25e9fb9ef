"""What the trainable classifiers share: attention and residual blocks by hand, weights files."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fertool import EMOTIONS, Crop, FertoolError
from fertool_plugins.classifiers.aly2023 import Aly2023
from fertool_plugins.classifiers.hafnet2025 import Hafnet2025
from fertool_plugins.classifiers.khalid2025 import Khalid2025
from fertool_plugins.classifiers.tuyakov2022 import Tuyakov2022
from fertool_plugins.nets.attention import Cbam, ChannelAttention, SelfAttention, SpatialAttention
from fertool_plugins.nets.resnet import Basic, Block, Bottleneck, normalize, resnet18, resnet50, shortcut
from fertool_plugins.nets.trained import FER2013_FRAME, Trained


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# --- attention -----------------------------------------------------------------------------------


def test_channel_attention_by_hand() -> None:
    attention = ChannelAttention(2, reduction=2)  # one hidden unit
    with torch.no_grad():
        attention.mlp[0].weight.copy_(torch.tensor([[1.0, -1.0]]))
        attention.mlp[2].weight.copy_(torch.tensor([[2.0], [-1.0]]))
    x = torch.tensor([[[[1.0, 3.0]], [[0.0, 2.0]]]])
    # Means 2 and 1: hidden 1. Maxima 3 and 2: hidden 1. So the sums are 2 + 2 and -1 - 1.
    expected = torch.tensor([[[[1.0, 3.0]], [[0.0, 2.0]]]])
    expected[:, 0] *= sigmoid(4)
    expected[:, 1] *= sigmoid(-2)
    torch.testing.assert_close(attention(x), expected)


def test_both_poolings_go_through_the_same_relu() -> None:
    attention = ChannelAttention(2, reduction=2)
    with torch.no_grad():
        attention.mlp[0].weight.copy_(torch.tensor([[1.0, -1.0]]))
        attention.mlp[2].weight.copy_(torch.tensor([[1.0], [1.0]]))
    x = torch.tensor([[[[0.0, 4.0]], [[3.0, 3.0]]]])
    # Means 2 and 3: hidden relu(-1) = 0. Maxima 4 and 3: hidden 1.
    torch.testing.assert_close(attention(x), x * sigmoid(1))


def test_spatial_attention_by_hand() -> None:
    attention = SpatialAttention(1)
    with torch.no_grad():
        attention.conv.weight.copy_(torch.tensor([1.0, -0.5]).reshape(1, 2, 1, 1))
    x = torch.tensor([[[[1.0, 2.0]], [[3.0, -2.0]]]])
    # Position 0: mean 2, max 3 -> 0.5. Position 1: mean 0, max 2 -> -1.
    weights = torch.tensor([sigmoid(0.5), sigmoid(-1)])
    torch.testing.assert_close(attention(x), x * weights)


def test_spatial_attention_looks_seven_wide_and_keeps_the_side() -> None:
    attention = SpatialAttention()
    assert attention.conv.weight.shape == (1, 2, 7, 7)
    assert attention(torch.rand(2, 5, 3, 4)).shape == (2, 5, 3, 4)


def test_cbam_is_channels_then_positions() -> None:
    cbam, x = Cbam(32), torch.rand(2, 32, 4, 4)
    torch.testing.assert_close(cbam(x), cbam[1](cbam[0](x)))
    assert sum(p.numel() for p in cbam.parameters()) == 2 * 32 * 2 + 2 * 49


def one_way_attention() -> SelfAttention:
    """Four channels, so queries and keys of width 1: both channel 0; values: all channels, doubled."""
    attention = SelfAttention(4)
    first = torch.tensor([[1.0, 0, 0, 0]])
    with torch.no_grad():
        attention.query.weight.copy_(first)
        attention.key.weight.copy_(first)
        attention.value.weight.copy_(2 * torch.eye(4))
    return attention


def test_self_attention_by_hand() -> None:
    x = torch.zeros(1, 4, 1, 2)
    x[0, 0] = torch.tensor([[1.0, 2.0]])
    x[0, 1] = torch.tensor([[10.0, 20.0]])
    # Logits of position 0: 1*1, 1*2; of position 1: 2*1, 2*2. Values: 2, 20 and 4, 40.
    second = torch.tensor([sigmoid(1), sigmoid(2)])  # the share of key 1
    expected = x.clone()
    expected[0, 0, 0] += 2 + 2 * second
    expected[0, 1, 0] += 20 + 20 * second
    torch.testing.assert_close(one_way_attention()(x), expected)


def test_self_attention_divides_by_the_root_of_the_key_width() -> None:
    attention = SelfAttention(16)  # keys of width 4
    with torch.no_grad():
        attention.query.weight.copy_(torch.eye(4, 16))
        attention.key.weight.copy_(torch.eye(4, 16))
        attention.value.weight.copy_(torch.eye(16))
    x = torch.zeros(1, 16, 1, 2)
    x[0, 0] = torch.tensor([[1.0, 3.0]])
    share = sigmoid((3 - 1) / 2)  # logits of position 0: 1/2 and 3/2
    assert attention(x)[0, 0, 0, 0].item() == pytest.approx(1 + (1 - share) + 3 * share, rel=1e-5)


def test_a_bias_draws_every_position_to_its_key() -> None:
    x = torch.zeros(1, 4, 1, 2)
    x[0, 1] = torch.tensor([[0.0, 1.0]])  # channel 0 is 0: without a bias, both keys get one half
    attention = one_way_attention()
    torch.testing.assert_close(attention(x)[0, 1, 0], torch.tensor([1.0, 2.0]))
    drawn = attention(x, torch.tensor([[0.0, 3.0]]))
    torch.testing.assert_close(drawn[0, 1, 0], torch.tensor([0.0, 1.0]) + 2 * sigmoid(3))
    torch.testing.assert_close(attention(x, torch.zeros(1, 2)), attention(x))


# --- residual networks ---------------------------------------------------------------------------


def test_normalized_pixels() -> None:
    torch.testing.assert_close(normalize(torch.tensor([0.508, 0.763])), torch.tensor([0.0, 1.0]))


def test_pooled_shortcut_sees_all_four_positions() -> None:
    x = torch.zeros(1, 1, 2, 2)
    x[..., 1, 1] = 4.0
    pooled, strided = shortcut(1, 1, 2, pooled=True), shortcut(1, 1, 2, pooled=False)
    for path in (pooled, strided):
        convolution = next(m for m in path.modules() if isinstance(m, nn.Conv2d))
        assert convolution.kernel_size == (1, 1)
        nn.init.ones_(convolution.weight)
        path.eval()
    scale = 1 / math.sqrt(1 + 1e-5)  # batch norm, fresh
    assert pooled(x).item() == pytest.approx(scale)
    assert strided(x).item() == 0
    assert [m.stride for m in pooled.modules() if isinstance(m, nn.Conv2d)] == [(1, 1)]


@pytest.mark.parametrize("block", [Basic, Bottleneck])
@pytest.mark.parametrize("side", [5, 6])
def test_paths_of_a_block_agree_on_odd_sides(block: type[Block], side: int) -> None:
    made = block(8, 4, 2, nn.Identity, True)
    assert made(torch.rand(2, 8, side, side)).shape == (2, 4 * block.expansion, 3, 3)


def test_a_block_without_its_body_is_its_shortcut() -> None:
    made = Basic(4, 4, 1, nn.Identity, False).eval()
    nn.init.zeros_(made.body[-1][1].weight)
    x = torch.rand(1, 4, 3, 3) - 0.5
    torch.testing.assert_close(made(x), x.relu())


def test_attention_weighs_the_body_only() -> None:
    class Half(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            assert channels == 4

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / 2

    made = Basic(4, 4, 1, Half, False).eval()
    x = torch.rand(1, 4, 3, 3)
    torch.testing.assert_close(made(x), (made.body(x) / 2 + x).relu())


def convolution(inputs: int, outputs: int, size: int) -> int:
    """Numbers in a convolution with batch norm."""
    return inputs * outputs * size**2 + 2 * outputs


def test_parameters_of_resnet18() -> None:
    """PyTorch's own has 11,689,512 with color, a 7x7 stem (9,408) and 1,000 classes."""
    count = convolution(1, 64, 3) + 4 * convolution(64, 64, 3)
    for wide in (128, 256, 512):
        count += convolution(wide // 2, wide, 3) + 3 * convolution(wide, wide, 3)
        count += convolution(wide // 2, wide, 1)
    net = resnet18("small")
    assert sum(p.numel() for p in net.parameters()) == count == 11_689_512 - 513_000 - (9408 - 576)


def test_parameters_of_resnet50() -> None:
    """PyTorch's own has 25,557,032 with color (9,408 in its stem, not 3,136) and 1,000 classes."""
    count = sum(p.numel() for p in resnet50("paper").parameters())
    assert count == 25_557_032 - (2048 * 1000 + 1000) - (9408 - 3136)


@pytest.mark.parametrize(("stem", "side"), [("small", 6), ("paper", 2)])
def test_sides_of_the_last_map(stem: Any, side: int) -> None:
    with torch.inference_mode():
        assert resnet18(stem).eval()(torch.rand(1, 1, 48, 48)).shape == (1, 512, side, side)


# --- weights files -------------------------------------------------------------------------------


class Toy(Trained):
    """The mean of a picture, times two weights."""

    name, version = "toy", "1"
    labels: ClassVar[tuple[str, ...]] = ("calm", "not calm")
    crop = Crop(2, channels=1)
    recipes: ClassVar[dict[str, Any]] = {}

    def network(self) -> nn.Module:
        return nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(1, 2, bias=False))


WEIGHTS = {"2.weight": torch.tensor([[2.0], [-2.0]])}
FACES = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1).repeat(2, 1).repeat(2, 2)


def stored(path: Path, tensors: dict[str, torch.Tensor] = WEIGHTS, **about: str) -> Toy:
    save_file(tensors, path, metadata=about)
    return Toy(file=str(path))


def test_without_weights_it_says_how_to_train() -> None:
    assert Toy().available() == (
        "it has no weights: train it with `fertool train toy --data PATH`, then `-o toy.file=FILE`"
    )
    assert Toy().weights() == {}
    with pytest.raises(FertoolError, match="fertool train toy"):
        Toy().load("cpu")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    toy = Toy(file=str(tmp_path / "none.safetensors"))
    assert "none.safetensors" in toy.available()


def test_shipped_weights_are_used_unless_a_file_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fertool_plugins.nets.trained.SHIPPED", tmp_path)
    stored(tmp_path / "toy.safetensors")
    assert Toy().available() == ""
    assert set(Toy().weights()) == {"toy.safetensors"}


def test_classifies_with_its_temperature(tmp_path: Path) -> None:
    toy = stored(tmp_path / "a.safetensors", temperature="2.0", labels=json.dumps(Toy.labels))
    toy.exact = True
    toy.load("cpu")
    shares = toy.classify(FACES)
    # Black: logits 0, 0. White: 2, -2, over 2: their difference is 2.
    np.testing.assert_allclose(shares, [[0.5, 0.5], [sigmoid(2), sigmoid(-2)]], rtol=1e-5)
    assert shares.dtype == np.float32


def test_half_precision_and_no_metadata_will_do(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_file({name: tensor.half() for name, tensor in WEIGHTS.items()}, path)
    toy = Toy(file=str(path), exact=True)
    toy.load("cpu")
    np.testing.assert_allclose(toy.classify(FACES)[1], [sigmoid(4), sigmoid(-4)], rtol=1e-4)


def test_many_faces_are_classified_in_parts(tmp_path: Path) -> None:
    toy = stored(tmp_path / "a.safetensors")
    toy.load("cpu")
    many = toy.classify(FACES[[0, 1] * 65])
    np.testing.assert_array_equal(many, toy.classify(FACES)[[0, 1] * 65])


def test_weights_are_named_by_their_hash(tmp_path: Path) -> None:
    toy = stored(tmp_path / "a.safetensors")
    digest = hashlib.sha256((tmp_path / "a.safetensors").read_bytes()).hexdigest()
    assert toy.weights() == {"a.safetensors": digest}


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    toy = stored(tmp_path / "a.safetensors", {"2.weight": torch.zeros(3, 1)})
    with pytest.raises(FertoolError, match="no weights of 'toy' with these options"):
        toy.load("cpu")


def test_weights_for_other_labels_are_refused(tmp_path: Path) -> None:
    toy = stored(tmp_path / "a.safetensors", labels=json.dumps(EMOTIONS))
    with pytest.raises(FertoolError, match="trained for the labels angry, disgust"):
        toy.load("cpu")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"nothing of the sort")
    with pytest.raises(FertoolError, match="no safetensors file"):
        Toy(file=str(path)).load("cpu")


# --- all four ------------------------------------------------------------------------------------

PUBLISHED = [Tuyakov2022, Aly2023, Khalid2025, Hafnet2025]
QUICKER: dict[type[Trained], dict[str, Any]] = {Aly2023: {"stem": "paper"}, Hafnet2025: {"heads": 2}}
"""Options under which they have all their kinds of layers, and tests take less time."""


@pytest.mark.parametrize("kind", PUBLISHED)
def test_stored_weights_classify_as_the_network_did(kind: type[Trained], tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "weights.safetensors"
    network = kind(**QUICKER.get(kind, {})).network().eval()
    save_file(network.state_dict(), path, metadata={"temperature": "1.5"})
    classifier = kind(file=str(path), exact=True, **QUICKER.get(kind, {}))
    classifier.load("cpu")
    faces = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1), np.uint8)
    with torch.inference_mode():
        logits = network(torch.from_numpy(faces).permute(0, 3, 1, 2) / 255)
    expected = torch.softmax(logits / 1.5, 1).numpy()
    np.testing.assert_allclose(classifier.classify(faces), expected, atol=1e-4)
    classifier.exact = False
    classifier.load("cpu")
    np.testing.assert_allclose(classifier.classify(faces), expected, atol=0.05)


@pytest.mark.parametrize("kind", PUBLISHED)
def test_a_step_moves_every_parameter(kind: type[Trained]) -> None:
    torch.manual_seed(0)
    plugin = kind(**QUICKER.get(kind, {}))
    network = plugin.network().train()
    targets = torch.eye(7)[[0, 3, 6]] * 0.9 + 0.1 / 7
    loss = plugin.loss(network, torch.rand(3, 1, 48, 48), targets)
    assert loss.shape == ()
    loss.backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("kind", PUBLISHED)
def test_is_trained_with_the_papers_recipe_or_the_best(kind: type[Trained]) -> None:
    assert {"paper", "best"} <= set(kind.recipes)
    assert kind().crop == FER2013_FRAME
    assert kind.labels == EMOTIONS
