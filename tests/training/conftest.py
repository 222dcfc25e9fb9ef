"""A tiny data set that can be learned, and a tiny network that learns it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from bars import bar

from fertool import Augment, Crop, Recipe, Trainable
from fertool.types import EMOTIONS


@dataclass
class Tiny(Trainable):
    """A dozen filters and a linear layer, with dropout and batch norm: all that has a state."""

    name, version, crop = "tiny", "1", Crop(16, channels=1)
    recipes: ClassVar[dict[str, Recipe]] = {
        "best": Recipe(
            epochs=4, batch=16, lr=0.05, schedule="cosine", warmup_epochs=1, ema=0.9, weight_decay=1e-4,
            mixup=0.2, label_smoothing=0.1, balanced=True, clip_norm=1.0,
            augment=Augment(shift=0.05, erase=0.2),
        ),
        "paper": Recipe(epochs=4, batch=16, lr=1e-3, optimizer="adam", schedule="plateau", patience=1),
    }  # fmt: skip
    file: str = ""

    def network(self):
        from torch import nn

        return nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(),
            nn.Dropout(0.2), nn.Linear(12 * 16, 7),
        )  # fmt: skip

    def classify(self, crops):
        raise NotImplementedError


@pytest.fixture
def tiny() -> Tiny:
    return Tiny()


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders with splits `train` (8 of each class) and `public` (3)."""
    root = tmp_path_factory.mktemp("bars")
    chance = np.random.default_rng(0)
    for split, count in (("train", 8), ("public", 3)):
        for number, label in enumerate(EMOTIONS):
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                cv2.imwrite(str(folder / f"{i}.png"), bar(number, chance))
    return root
