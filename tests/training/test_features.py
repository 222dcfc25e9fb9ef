"""Ensembles of features: what a network sees before its last layer, and the layer fitted over it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from fertool.contracts import Trainable
from fertool.errors import ConfigError
from fertool.host import registry
from fertool.recipes import Recipe
from fertool.training import checkpoints, features
from fertool.training.datasets.dataset import Dataset
from fertool.types import Crop

SHIPPED = ["compact", "hafnet2025", "khalid2025", "tuyakov2022", "aly2023"]


class Plain(Trainable):
    """A network given as it is; the weights file is made of it."""

    name, version, crop = "plain", "1", Crop(4, channels=1)
    recipes: ClassVar[dict[str, Recipe]] = {}
    layers: nn.Module

    def __init__(self, layers: nn.Module, file: Path) -> None:
        self.layers, self.file = layers, str(file)
        checkpoints.save_model(layers.state_dict(), file, {"made": "{}", "temperature": "1"})

    def network(self) -> nn.Module:
        return self.layers

    def classify(self, crops):
        raise NotImplementedError


class Heads(nn.Module):
    """Two layers that give labels, of two pixels each, and one of other outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.beside = nn.Linear(2, 7), nn.Linear(2, 7), nn.Linear(16, 3)

    def forward(self, images):
        pixels = images.flatten(1)
        self.beside(pixels)
        return self.first(pixels[:, :2]) + self.second(pixels[:, 2:4])


def faces(count: int, side: int = 4) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (count, side, side)).astype(np.uint8)
    names = np.array([str(i) for i in range(count)])
    return Dataset(images, np.arange(count) % 7, None, np.array(["train"] * count), names, Path("made.csv"))


def flat(part: Dataset) -> np.ndarray:
    return part.images.reshape(len(part), -1).astype(np.float32) / 255


@pytest.mark.parametrize("count", [1, 64, 130])
def test_features_are_what_the_last_layer_sees_in_order(tmp_path: Path, count: int) -> None:
    part = faces(count)
    plain = Plain(nn.Sequential(nn.Flatten(), nn.Linear(16, 7)), tmp_path / "w.safetensors")
    told = []
    found = features.of(plain, part, lambda done, of: told.append((done, of)))
    np.testing.assert_allclose(found, flat(part), atol=1e-6)
    assert told[-1] == (count, count)


def test_several_layers_of_labels_stand_side_by_side(tmp_path: Path) -> None:
    part = faces(5)
    found = features.of(Plain(Heads(), tmp_path / "w.safetensors"), part)
    np.testing.assert_allclose(found, flat(part)[:, :4], atol=1e-6)


def test_a_network_without_such_a_layer_is_named(tmp_path: Path) -> None:
    plain = Plain(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), tmp_path / "w.safetensors")
    with pytest.raises(ConfigError, match="'plain' has no linear layer for its labels"):
        features.of(plain, faces(2))


def test_wide_features_are_projected_and_keep_their_distances(tmp_path: Path) -> None:
    part = faces(40, side=48)
    plain = Plain(nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 7)), tmp_path / "w.safetensors")
    found = features.of(plain, part)
    assert found.shape == (40, features.WIDEST)
    np.testing.assert_array_equal(found, features.of(plain, part))
    before, after = (np.linalg.norm(rows[:1] - rows[1:], axis=1) for rows in (flat(part), found))
    # The spread of a squared length is sqrt(2 / 512): .0625.
    assert np.abs((after / before) ** 2 - 1).max() < 4 * (2 / features.WIDEST) ** 0.5


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_show_features_from_which_their_answer_follows(name: str) -> None:
    """A linear layer over the features gives the labels, so equal features are equal answers."""
    classifier = registry.load_plugins().get("classifier", name).plugin()
    part = faces(3, side=48)
    found = features.of(classifier, part)
    assert found.shape[0] == 3
    assert 7 < found.shape[1] <= features.WIDEST
    assert np.isfinite(found).all()
    assert len(np.unique(found, axis=0)) == 3


def clusters(count: int, seed: int = 0, apart: float = 6.0) -> tuple[np.ndarray, np.ndarray]:
    """Faces whose class is plain to see in the features, among as many that say nothing."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 7
    rows = chance.normal(0, 1, (count, 14))
    rows[np.arange(count), labels] += apart
    return rows.astype(np.float32), labels


def test_the_layer_learns_what_can_be_seen_and_says_so() -> None:
    layer = features.fit(*clusters(700))
    rows, labels = clusters(350, seed=1)
    found = layer.probabilities(rows)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == labels).mean() > 0.97
    assert layer.penalty in features.PENALTIES


def test_where_nothing_can_be_seen_it_says_how_often_each_occurs() -> None:
    rows, labels = clusters(1400, apart=0.0)
    layer = features.fit(rows, labels)
    assert layer.penalty == max(features.PENALTIES), "noise is not learned by heart"
    found = layer.probabilities(clusters(50, seed=2, apart=0.0)[0])
    assert np.abs(found - 1 / 7).max() < 0.1


def test_units_of_a_feature_do_not_matter() -> None:
    rows, labels = clusters(350)
    scale = np.logspace(-3, 3, rows.shape[1]).astype(np.float32)
    first, second = features.fit(rows, labels), features.fit(rows * scale + 5, labels)
    np.testing.assert_allclose(first.probabilities(rows), second.probabilities(rows * scale + 5), atol=0.02)


def test_a_feature_that_never_changes_is_harmless() -> None:
    rows, labels = clusters(140)
    rows[:, 3 + 7] = 2.5
    assert np.isfinite(features.fit(rows, labels).probabilities(rows)).all()


def test_fitting_is_deterministic() -> None:
    first, second = (features.fit(*clusters(140)) for _ in range(2))
    assert torch.equal(first.weights, second.weights)


def test_two_networks_see_more_than_one() -> None:
    """Each sees three or four of seven classes; side by side they see all."""
    rows, labels = clusters(700)
    test, truth = clusters(350, seed=1)
    halves = (slice(0, 3), slice(3, 14))

    def accuracy(seen: list[slice]) -> float:
        layer = features.fit(features.together([rows[:, s] for s in seen]), labels)
        found = layer.probabilities(features.together([test[:, s] for s in seen]))
        return float((found.argmax(axis=1) == truth).mean())

    both = accuracy(list(halves))
    assert both > 0.97
    assert all(accuracy([half]) < both - 0.1 for half in halves[:1])
