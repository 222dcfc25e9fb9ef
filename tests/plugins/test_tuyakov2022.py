"""The table of the thesis, row by row."""

from __future__ import annotations

import torch
from torch import nn

from fertool_plugins.classifiers.tuyakov2022 import Tuyakov2022

TABLE = [
    (nn.Conv2d, (32, 48, 48), 320),
    (nn.Conv2d, (64, 48, 48), 18_496),
    (nn.BatchNorm2d, (64, 48, 48), 256),
    (nn.MaxPool2d, (64, 24, 24), 0),
    (nn.Dropout, (64, 24, 24), 0),
    (nn.Conv2d, (128, 24, 24), 73_856),
    (nn.Conv2d, (256, 22, 22), 295_168),
    (nn.BatchNorm2d, (256, 22, 22), 1_024),
    (nn.MaxPool2d, (256, 11, 11), 0),
    (nn.Dropout, (256, 11, 11), 0),
    (nn.Flatten, (30_976,), 0),
    (nn.Linear, (1_024,), 31_720_448),
    (nn.Dropout, (1_024,), 0),
    (nn.Linear, (7,), 7_175),
]
"""Figure 8, channels first. Keras counts the running mean and variance of batch norm as well."""


def numbers(layer: nn.Module) -> int:
    return sum(v.numel() for k, v in layer.state_dict().items() if not k.endswith("num_batches_tracked"))


def test_layers_are_those_of_the_table() -> None:
    network = Tuyakov2022().network().eval()
    x, rows = torch.rand(1, 1, 48, 48), []
    for layer in network.children():
        x = layer(x)
        if not isinstance(layer, nn.ReLU):
            rows.append((type(layer), tuple(x.shape[1:]), numbers(layer)))
    assert rows == TABLE


def test_numbers_in_all() -> None:
    network = Tuyakov2022().network()
    assert numbers(network) == sum(count for _, _, count in TABLE) == 32_116_743
    assert sum(p.numel() for p in network.parameters()) == 32_116_743 - 2 * (64 + 256)


def test_relu_follows_every_hidden_layer_and_dropout_is_a_half() -> None:
    layers = list(Tuyakov2022().network().children())
    hidden = [i for i, layer in enumerate(layers[:-1]) if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert all(isinstance(layers[i + 1], nn.ReLU) for i in hidden)
    assert [layer.p for layer in layers if isinstance(layer, nn.Dropout)] == [0.5] * 3


def test_starts_as_keras_does() -> None:
    torch.manual_seed(0)
    last = list(Tuyakov2022().network().children())[-1]
    assert not last.bias.any()
    bound = (6 / (1024 + 7)) ** 0.5
    assert 0.98 * bound < last.weight.abs().max() <= bound


def test_both_learning_rates_of_the_text() -> None:
    recipes = Tuyakov2022.recipes
    assert (recipes["paper"].lr, recipes["paper-1e-3"].lr) == (1e-4, 1e-3)
    for name in ("paper", "paper-1e-3"):
        assert (recipes[name].epochs, recipes[name].batch, recipes[name].optimizer) == (60, 64, "adam")
