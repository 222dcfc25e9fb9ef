"""Averages by hand: of weights that move, and of the pictures that batch norm sees."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fertool.training import ema


def test_the_average_follows_at_once_and_slowly_later() -> None:
    decays = [ema.decay(0.99, step) for step in (0, 8, 89, 890, 10_000)]
    assert decays == pytest.approx([0.1, 0.5, 10 / 11, 0.99, 0.99])


def test_weights_and_batch_norm_are_averaged_and_counters_taken_over() -> None:
    kept, now = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    for value, norm in ((0.0, kept), (1.0, now)):
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            nn.init.constant_(tensor, value)
    nn.init.constant_(now.num_batches_tracked, 7)
    follow = ema.follower(kept, now)
    follow(0.75)
    follow(0.5)
    for tensor in (kept.weight, kept.bias, kept.running_mean, kept.running_var):
        assert tensor.item() == pytest.approx(0.25 + 0.75 * 0.5)
    assert kept.num_batches_tracked == 7
    ema.follower(None, now)(0.5)  # without an average there is nothing to do


def test_recalibrated_batch_norm_is_that_of_the_pictures_as_they_are() -> None:
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5))
    network[0].momentum = 0.3
    images = (
        torch.arange(7000, dtype=torch.int32).remainder(251).to(torch.uint8)[:, None, None].expand(-1, 4, 4)
    )
    ema.recalibrate(network, images)
    seen = images[::2].double() / 255  # as many as are wanted, evenly spread
    assert network[0].running_mean.item() == pytest.approx(seen.mean().item(), abs=1e-3)
    assert network[0].running_var.item() == pytest.approx(seen.var().item(), rel=0.02)
    assert network[0].momentum == 0.3
    assert not any(module.training for module in network.modules())
