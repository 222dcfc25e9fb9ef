"""HAFNet: its losses by hand, its heads, its options."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fertool import FertoolError
from fertool.host.options import build
from fertool_plugins.classifiers.hafnet2025 import CENTRE_WEIGHT, MARGIN, Hafnet2025, losses
from fertool_plugins.classifiers.hafnet2025.net import ChannelUnit, Head, Seen, SpatialUnit, fuse

FEATURES = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
CENTRES = torch.tensor([[0.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
HARD = torch.eye(3)[[0, 1]]


# --- losses --------------------------------------------------------------------------------------


def test_distance_to_centres_by_hand() -> None:
    # |(1, 0) - (0, 0)|^2 = 1, |(0, 3) - (0, 2)|^2 = 1
    assert losses.to_centres(FEATURES, HARD, CENTRES).item() == pytest.approx(1)
    assert losses.centre(FEATURES, HARD, CENTRES).item() == pytest.approx(0.5)


def test_soft_targets_weigh_the_distances() -> None:
    soft = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
    # (1 + 5) / 2 = 3 for the first, 1 for the second
    assert losses.to_centres(FEATURES, soft, CENTRES).item() == pytest.approx(2)


def test_affinity_by_hand() -> None:
    # Centres: variance (n - 1) of 0, 0, 3 is 3, of 0, 2, 1 is 1; so 1 / 4.
    assert losses.affinity(FEATURES, HARD, CENTRES).item() == pytest.approx(0.25)


def test_affinity_is_blind_to_scale_and_rewards_distant_centres() -> None:
    plain = losses.affinity(FEATURES, HARD, CENTRES)
    torch.testing.assert_close(losses.affinity(10 * FEATURES, HARD, 10 * CENTRES), plain)
    apart = CENTRES + torch.tensor([[0.0, 0.0], [0.0, 0.0], [30.0, 0.0]])
    assert losses.affinity(FEATURES, HARD, apart) < plain


def test_printed_affinity_by_hand() -> None:
    # Pairs (0, 1) and (1, 0): each 1 + 9 = 10, 20 in all, over 2.
    assert losses.affinity_printed(FEATURES, HARD, CENTRES).item() == pytest.approx(1 - 10)


MAPS = torch.tensor([[[2.0, 0.0], [0.0, 5.0], [3.0, 3.0]]])
"""One face, three heads, two positions. Scaled to length 1: (1, 0), (0, 1), (.7071, .7071)."""
NEAR = (1 - math.sqrt(0.5)) ** 2 + 0.5
"""Squared distance of the third to either of the others: 0.5858."""


def test_distances_by_hand() -> None:
    expected = torch.tensor([[2.0, NEAR, 2.0, NEAR, NEAR, NEAR]])
    torch.testing.assert_close(losses.distances(MAPS), expected)


def test_partition_by_hand() -> None:
    assert losses.partition(MAPS, 1.0).item() == pytest.approx(4 * (1 - NEAR), rel=1e-5)
    assert losses.partition_printed(MAPS, 1.0).item() == pytest.approx(2 * (2 - 1), rel=1e-5)


def test_one_head_has_nobody_to_be_kept_from() -> None:
    assert losses.partition(MAPS[:, :1], 1.0).item() == 0
    assert losses.partition_printed(MAPS[:, :1], 1.0).item() == 0


@pytest.mark.parametrize(("loss", "moves_apart"), [("partition", True), ("partition_printed", False)])
def test_purpose_drives_heads_apart_and_the_printed_form_together(loss: str, moves_apart: bool) -> None:
    maps = torch.tensor([[[2.0, 1.0], [1.0, 2.0]]], requires_grad=True)
    getattr(losses, loss)(maps, 1.0 if moves_apart else 0.1).backward()
    assert maps.grad is not None
    stepped = maps.detach() - 0.1 * maps.grad
    assert bool(losses.distances(stepped).sum() > losses.distances(maps.detach()).sum()) == moves_apart


def test_a_head_that_sees_nothing_has_finite_gradients() -> None:
    maps = torch.zeros(1, 2, 4, requires_grad=True)
    losses.partition(maps, 1.0).backward()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()


# --- network -------------------------------------------------------------------------------------


def ones(module: nn.Module) -> None:
    """Every convolution sums what it sees."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 0.0


def test_spatial_unit_by_hand() -> None:
    unit = SpatialUnit(2).eval()
    ones(unit)
    x = torch.zeros(1, 2, 3, 3)
    x[0, 0, 1, 1] = 1.0
    # Seen from the middle by all three branches, from its row and column by two, from the corners by one.
    assert unit(x)[0, 0].tolist() == [[1, 2, 1], [2, 3, 2], [1, 2, 1]]
    assert not unit(-x).any()


def test_kernels_of_the_spatial_unit() -> None:
    unit = SpatialUnit(8)
    sizes = [m.kernel_size for m in unit.modules() if isinstance(m, nn.Conv2d)]
    assert sizes == [(1, 1), (1, 3), (3, 1), (3, 3)]


def test_channel_unit_by_hand() -> None:
    unit = ChannelUnit(2, reduction=2).eval()
    with torch.no_grad():
        unit.mlp[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
        unit.mlp[1].eps = 0.0
        unit.mlp[3].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        unit.mlp[3].bias.zero_()
    expected = torch.sigmoid(torch.tensor([[5.0, -5.0], [0.0, 0.0]]))
    torch.testing.assert_close(unit(torch.tensor([[1.0, 2.0], [-1.0, -2.0]])), expected)


def test_a_head_sums_what_its_units_give() -> None:
    head, x = Head(32).eval(), torch.rand(2, 32, 3, 3)
    seen, where = head(x)
    spatial = (x * head.spatial(x)).mean((2, 3))
    torch.testing.assert_close(seen, spatial + spatial * head.channel(spatial))
    torch.testing.assert_close(where, head.spatial(x).flatten(1))


def test_fusion_by_hand() -> None:
    seen = torch.tensor([[[0.0], [math.log(3)]]])  # shares of 1/4 and 3/4
    assert fuse(seen).item() == pytest.approx(math.log(1 / 4) + math.log(3 / 4), rel=1e-6)
    assert fuse(seen[:, 1:]).item() == pytest.approx(math.log(3))


@pytest.mark.parametrize(("stem", "heads"), [("small", 4), ("paper", 4), ("small", 1)])
def test_parameters(stem: Any, heads: int) -> None:
    backbone = 11_689_512 - 513_000 - 3 * 7 * 7 * 64 + (9 if stem == "small" else 49) * 64
    spatial = (512 * 256 + 2 * 256) + (256 * 512 * (3 + 3 + 9) + 3 * 2 * 512)
    channel = 512 * 32 + 2 * 32 + 32 * 512 + 512
    last = 512 * 7 + 7 + 2 * 7
    count = sum(p.numel() for p in Hafnet2025(stem=stem, heads=heads).network().parameters())
    assert count == backbone + heads * (spatial + channel) + last + 7 * 512
    assert (stem, heads) != ("small", 4) or count == 19_711_189


@pytest.mark.parametrize(("stem", "positions"), [("small", 36), ("paper", 49)])
def test_shapes(stem: Any, positions: int) -> None:
    network = Hafnet2025(stem=stem).network().eval()
    with torch.inference_mode():
        seen = network.see(torch.rand(1, 1, 48, 48))
    assert [part.shape for part in seen] == [(1, 7), (1, 512), (1, 4, positions)]
    assert seen.maps.min() >= 0


def test_batch_norm_follows_the_linear_layer() -> None:
    assert [type(layer) for layer in Hafnet2025().network().last] == [nn.Linear, nn.BatchNorm1d]


# --- the whole loss ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return Hafnet2025(heads=2).network().train()


IMAGES = torch.rand(3, 1, 48, 48, generator=torch.Generator().manual_seed(0))
TARGETS = torch.eye(7)[[0, 3, 6]]


@pytest.fixture(scope="module")
def seen(network: Any) -> Seen:
    with torch.no_grad():
        return network.see(IMAGES)


@pytest.mark.parametrize("clustering", ["affinity", "affinity-printed", "centre", "none"])
@pytest.mark.parametrize("partition", ["purpose", "printed", "none"])
def test_loss_is_the_sum_of_its_parts(
    network: Any, seen: Seen, monkeypatch: pytest.MonkeyPatch, clustering: str, partition: str
) -> None:
    plugin: Any = build(Hafnet2025, {"clustering": clustering, "partition": partition, "heads": 2})
    monkeypatch.setattr(network, "see", lambda images: seen)  # the same each time: one pass will do
    with torch.no_grad():
        gathered = {
            "affinity": losses.affinity(seen.features, TARGETS, network.centres),
            "affinity-printed": losses.affinity_printed(seen.features, TARGETS, network.centres),
            "centre": CENTRE_WEIGHT * losses.centre(seen.features, TARGETS, network.centres),
            "none": torch.tensor(0.0),
        }
        kept = {
            "purpose": losses.partition(seen.maps, MARGIN),
            "printed": losses.partition_printed(seen.maps, MARGIN),
            "none": torch.tensor(0.0),
        }
        expected = F.cross_entropy(seen.logits, TARGETS) + gathered[clustering] + kept[partition]
        torch.testing.assert_close(plugin.loss(network, IMAGES, TARGETS), expected)


def test_without_clustering_only_the_centres_stay(network: nn.Module) -> None:
    network.zero_grad(set_to_none=True)
    Hafnet2025(heads=2, clustering="none").loss(network, IMAGES, TARGETS).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == ["centres"]


def test_losses_are_exact_under_autocast(network: nn.Module) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        loss = Hafnet2025(heads=2).loss(network, IMAGES, TARGETS)
    assert loss.dtype == torch.float32
    assert loss.isfinite()


def test_no_head_is_refused() -> None:
    with pytest.raises(FertoolError, match="heads must be at least 1, not 0"):
        build(Hafnet2025, {"heads": "0"})


def test_drawn_evenly_in_the_papers_recipe() -> None:
    assert Hafnet2025.recipes["paper"].balanced
