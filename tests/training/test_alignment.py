"""Faces of a data set, cut by their eyes: turned ones become upright, and the same face looks the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fertool import Crop, crops
from fertool.testing.gallery import FACES, picture
from fertool.training.alignment import aligned
from fertool.training.data import Dataset
from fertool.types import Faces
from fertool_plugins.encoders.faceapi import FaceApi

SIDE = 96
TURNS = (-20, -10, 0, 10, 20)


@pytest.fixture(scope="module")
def encoder() -> FaceApi:
    found = FaceApi(exact=True)
    found.load("cpu")
    return found


def turned(degrees: float, face: int = 0) -> np.ndarray:
    """(SIDE, SIDE) gray: one of the six faces, turned around its middle."""
    x, y, width, height = FACES[face]
    matrix = cv2.getRotationMatrix2D((x + width / 2, y + height / 2), degrees, SIDE / (1.2 * height))
    matrix[:, 2] += SIDE / 2 - np.array([x + width / 2, y + height / 2])
    return cv2.cvtColor(cv2.warpAffine(picture(), matrix, (SIDE, SIDE)), cv2.COLOR_BGR2GRAY)


def dataset(images: np.ndarray) -> Dataset:
    count = len(images)
    names = np.array([str(i) for i in range(count)])
    return Dataset(images, np.zeros(count, np.int64), None, np.array(["train"] * count), names, Path("made"))


def roll_deg(encoder: FaceApi, image: np.ndarray) -> float:
    """Slope of the line through the eyes."""
    whole = Faces(np.array([[0, 0, SIDE, SIDE]], np.float32), np.ones(1, np.float32))
    colour = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    (found,) = encoder.encode([colour], [whole])
    assert found.landmarks is not None
    right, left = crops.eyes(found.landmarks)[0]
    return float(np.degrees(np.arctan2(*(left - right)[::-1])))


@pytest.mark.parametrize("channels", [1, 3])
def test_turned_faces_become_upright(encoder: FaceApi, channels: int) -> None:
    images = np.stack([turned(d) for d in TURNS])
    if channels == 3:
        images = images[..., None].repeat(3, axis=3)
    data = dataset(images)
    upright = aligned(data, encoder, Crop(SIDE, margin=0.1, align=True, channels=channels)).images
    assert upright.shape == images.shape
    assert upright.dtype == np.uint8
    before = [roll_deg(encoder, image) for image in images]
    after = [roll_deg(encoder, image) for image in upright]
    assert max(before) - min(before) > 25
    assert max(after) - min(after) < 5
    np.testing.assert_array_equal(data.images[2].reshape(SIDE, SIDE, -1)[:, :, 0], turned(0))


def test_nothing_but_pixels_changes_and_nothing_is_fine(encoder: FaceApi) -> None:
    data = dataset(np.stack([turned(0), turned(0, face=3)]))
    changed = aligned(data, encoder, Crop(SIDE, margin=0.0, align=True, channels=1))
    assert changed.ids.tolist() == data.ids.tolist()
    assert changed.labels is data.labels
    none = aligned(data.at(np.zeros(0, np.int64)), encoder, Crop(SIDE, align=True, channels=1))
    assert none.images.shape == (0, SIDE, SIDE)


def test_landmarks_become_a_plane_of_their_own(encoder: FaceApi) -> None:
    data = dataset(np.stack([turned(0), turned(10)]))
    crop = Crop(SIDE, margin=0.1, align=True, channels=1, anchors=0.05)
    images = aligned(data, encoder, crop).images
    assert images.shape == (2, SIDE, SIDE, 2)
    near = images[..., 1].astype(float)
    # Eyes, nose and mouth lie in the middle third, nobody's landmarks in the upper corners.
    assert near[:, SIDE // 3 : 2 * SIDE // 3, SIDE // 3 : 2 * SIDE // 3].mean() > 100
    assert near[:, :5, :5].max() < 30
