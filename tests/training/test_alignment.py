"""Faces of a data set, cut by their eyes: turned ones become upright, and the same face looks the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fertool import Crop, Encoder
from fertool.demo.gallery import FACES, picture
from fertool.training.alignment import aligned
from fertool.training.datasets.dataset import Dataset
from fertool.types import Faces
from fertool.vision import crops
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
    color = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    (found,) = encoder.encode([color], [whole])
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


class Leaning(Encoder):
    """Landmarks at fixed places of the box: a face that leans to one side."""

    name, version, crop, same_person = "leaning", "1", Crop(16), 0.5
    AT = np.array([[10, 11], [21, 14], [14, 18], [10, 22], [16, 24]]) / 32  # whole pixels of SIDE

    def encode(self, images, faces):
        return [
            f.with_(
                landmarks=(f.boxes[:, None, :2] + self.AT * (f.boxes[:, None, 2:] - f.boxes[:, None, :2]))
                .astype(np.float32),
                pose_deg=np.zeros((len(f), 3), np.float32),
            )
            for f in faces
        ]  # fmt: skip

    def embed(self, crops):
        raise NotImplementedError


CROPS = [
    Crop(SIDE, channels=1),
    Crop(SIDE, channels=1, center=(0.49, 0.505), sampling="bicubic"),
    Crop(40, 0.2, channels=1, sampling="bicubic"),
    Crop(40, 0.1, align=False, channels=1),
]


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("corner", [(SIDE, SIDE), (130, 201)])
def test_training_shows_the_pixels_that_analyze_shows(crop: Crop, corner: tuple[int, int]) -> None:
    """A picture of a data set, and the same picture somewhere in a frame with other things around it."""
    picture, (x, y) = turned(0), corner
    (trained,) = aligned(dataset(picture[None]), Leaning(), crop).images
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    frame[y : y + SIDE, x : x + SIDE] = picture[..., None]
    box = np.array([[x, y, x + SIDE, y + SIDE]], np.float32)
    (face,) = Leaning().encode([frame], [Faces(box, np.ones(1, np.float32))])
    (used,) = crops.cut(frame, face.boxes, face.landmarks, crop)
    # Where the crop shows the picture, at least two pixels from its edge: as far as bicubic looks.
    (matrix,) = crops.matrices(face.boxes, face.landmarks, crop)
    pixels = np.stack(np.meshgrid(np.arange(crop.size), np.arange(crop.size)), axis=2)
    there = pixels @ matrix[:, :2].T + matrix[:, 2] - corner
    inside = ((there >= 2) & (there <= SIDE - 3)).all(axis=2)
    assert inside.mean() > 0.4
    np.testing.assert_array_equal(trained[inside], used[..., 0][inside])
    assert (trained != used[..., 0]).any(), "the frame goes on where a picture ends"


def test_the_edge_of_a_picture_is_repeated_where_a_frame_would_go_on() -> None:
    white = dataset(np.full((1, SIDE, SIDE), 200, np.uint8))
    assert (aligned(white, Leaning(), Crop(48, 0.5, channels=1)).images == 200).all(), "no black corners"
    # The left column is gray, the rest white: gray goes on to the left.
    image = np.full((1, SIDE, SIDE), 255, np.uint8)
    image[:, :, 0] = 100
    wide = aligned(dataset(image), Leaning(), Crop(2 * SIDE, 0.5, align=False, channels=1)).images[0]
    assert (wide[:, : SIDE // 2 + 1] == 100).all()
    assert (wide[:, SIDE // 2 + 1 :] == 255).all()


def test_cut_faces_are_known_by_the_pictures_they_come_from() -> None:
    data = dataset(np.stack([turned(0), turned(10), turned(20)]))
    cut = aligned(data, Leaning(), Crop(SIDE, channels=1))
    assert not np.array_equal(cut.images, data.images)
    assert cut.uncut is data.images
    assert cut.digest() == data.digest()
    assert cut.at(np.array([2, 0])).digest() == data.at(np.array([0, 2])).digest() != data.digest()


def test_pictures_larger_than_the_crop_are_cut_at_their_own_size() -> None:
    large = dataset(np.stack([turned(15)]))
    (small,) = aligned(large, Leaning(), Crop(32, channels=1)).images
    (whole,) = aligned(large, Leaning(), Crop(SIDE, channels=1)).images
    np.testing.assert_array_equal(small, whole[::3, ::3])  # the same square, every third pixel


def test_landmarks_become_a_plane_of_their_own(encoder: FaceApi) -> None:
    data = dataset(np.stack([turned(0), turned(10)]))
    crop = Crop(SIDE, margin=0.1, align=True, channels=1, anchors=0.05)
    images = aligned(data, encoder, crop).images
    assert images.shape == (2, SIDE, SIDE, 2)
    near = images[..., 1].astype(float)
    # Eyes, nose and mouth lie in the middle third, nobody's landmarks in the upper corners.
    assert near[:, SIDE // 3 : 2 * SIDE // 3, SIDE // 3 : 2 * SIDE // 3].mean() > 100
    assert near[:, :5, :5].max() < 30
