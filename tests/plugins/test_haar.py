"""Haar: what it finds on a photograph of six people, and what it does with nothing to find."""

import hashlib
from pathlib import Path

import cv2
import insightface
import numpy as np
import pytest

from fertool import FertoolError
from fertool.host import options
from fertool.vision import boxes
from fertool_plugins.detectors.haar import Haar

HEADS = np.array(
    [[464, 270, 572, 413], [901, 55, 1005, 204], [55, 267, 160, 393],
     [1131, 271, 1226, 401], [746, 344, 848, 476], [271, 146, 368, 270]],
    np.float32,
)  # fmt: skip
"""The six faces of insightface's t1.jpg, brow to chin."""


@pytest.fixture(scope="module")
def photo():
    return cv2.imread(str(Path(insightface.__path__[0], "data", "images", "t1.jpg")))


def ready(**chosen):
    haar = Haar(**chosen)
    haar.load("cpu")
    return haar


def test_finds_upright_frontal_faces(photo):
    """Three of the six: the others hold their heads aslant, which is what Haar is known to miss."""
    (faces,) = ready().detect([photo])
    overlaps = boxes.iou(faces.boxes, HEADS)
    assert (overlaps.max(axis=0) > 0.4).sum() >= 3
    assert (overlaps.max(axis=1) < 0.1).sum() <= 1, "at most one thing that is no face"
    assert faces.boxes.dtype == faces.scores.dtype == np.float32
    assert ((faces.scores > 0) & (faces.scores <= 1)).all()
    assert (faces.boxes[:, 2:] > faces.boxes[:, :2]).all()
    assert faces.landmarks is faces.pose_deg is faces.embeddings is None


def test_boxes_are_in_frame_pixels(photo):
    """The same photograph further right and down: the boxes follow."""
    haar = ready()
    moved = np.zeros((photo.shape[0] + 40, photo.shape[1] + 60, 3), np.uint8)
    moved[40:, 60:] = photo
    (before,), (after,) = haar.detect([photo]), haar.detect([moved])
    overlaps = boxes.iou(before.boxes + np.float32([60, 40, 60, 40]), after.boxes)
    assert (overlaps.max(axis=1) > 0.8).sum() >= 3


def test_images_keep_their_order(photo):
    empty = np.zeros_like(photo)
    first, second, third = ready().detect([empty, photo, empty])
    assert len(first) == len(third) == 0
    assert len(second) > 0


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((480, 640, 3), np.uint8),  # black: a camera switched off
        np.full((480, 640, 3), 255, np.uint8),  # white: a slide
        np.zeros((10, 10, 3), np.uint8),  # smaller than the smallest face
    ],
)
def test_no_face(image):
    (faces,) = ready().detect([image])
    assert faces.boxes.shape == (0, 4)
    assert faces.scores.shape == (0,)


def test_options_change_what_is_found(photo):
    found = {n: len(ready(neighbours=n).detect([photo])[0]) for n in (1, 5, 12)}
    assert found[1] > found[5] >= found[12]
    (none,) = ready(min_size=400).detect([photo])
    assert len(none) == 0


def test_a_scale_that_would_never_end_is_refused():
    with pytest.raises(ValueError, match="greater than 1"):
        Haar(scale=1.0)
    with pytest.raises(FertoolError, match="greater than 1"):
        options.build(Haar, {"scale": "0.5"})


def test_weights_name_opencvs_file():
    ((name, digest),) = Haar().weights().items()
    file = Path(cv2.data.haarcascades) / name
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert Haar().available() == ""
