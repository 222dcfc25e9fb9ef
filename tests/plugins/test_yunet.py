"""YuNet: on a photograph, on a gallery view made of it, and without its weights."""

import os
from pathlib import Path

import cv2
import insightface
import numpy as np
import pytest

from fertool import FertoolError
from fertool.host import weights
from fertool.vision import boxes
from fertool_plugins.detectors.yunet import YUNET, Yunet

COPY = Path(os.environ.get("FERTOOL_TEST_MODELS", Path(__file__).parents[3] / "shared" / "models"))
needs_weights = pytest.mark.skipif(
    not (COPY / YUNET.download).exists(), reason=f"needs a copy of {YUNET.download} in {COPY}"
)
HEADS = np.array(
    [[464, 270, 572, 413], [901, 55, 1005, 204], [55, 267, 160, 393],
     [1131, 271, 1226, 401], [746, 344, 848, 476], [271, 146, 368, 270]],
    np.float32,
)  # fmt: skip
"""The six faces of insightface's t1.jpg, brow to chin."""


@pytest.fixture(scope="module")
def photo():
    return cv2.imread(str(Path(insightface.__path__[0], "data", "images", "t1.jpg")))


@pytest.fixture
def pulled(tmp_path, monkeypatch):
    """The weights, got as a user without network gets them."""
    monkeypatch.setenv("FERTOOL_MODELS", str(tmp_path / "models"))
    weights.pull(YUNET, COPY)


def ready(**chosen):
    yunet = Yunet(**chosen)
    yunet.load("cpu")
    return yunet


def gallery(photo, heights, seed=0):
    """A 1080p gallery view of five times five tiles, a head in each, and where the faces are."""
    rng = np.random.default_rng(seed)
    view, faces = np.full((1080, 1920, 3), 60, np.uint8), []
    for i in range(25):
        x1, y1, x2, y2 = HEADS[i % len(HEADS)]
        scale = rng.uniform(*heights) / (y2 - y1)
        width, height = min(380, int(3 * (x2 - x1) * scale)), 212
        x, y = i % 5 * 384 + (384 - width) // 2, i // 5 * 216 + 2
        shift = np.array([width, height]) / 2 - scale * np.array([x1 + x2, y1 + y2]) / 2
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        tile = cv2.warpAffine(photo, matrix, (width, height), flags=cv2.INTER_AREA)
        view[y : y + height, x : x + width] = tile
        faces.append(HEADS[i % len(HEADS)] * scale + np.tile(shift + np.array([x, y]), 2))
    return view, np.array(faces, np.float32)


@needs_weights
@pytest.mark.usefixtures("pulled")
class TestWithWeights:
    def test_finds_everyone_on_the_photo(self, photo):
        (faces,) = ready().detect([photo])
        overlaps = boxes.iou(faces.boxes, HEADS)
        assert overlaps.shape == (6, 6)
        assert (overlaps.max(axis=0) > 0.7).all()
        assert faces.boxes.dtype == faces.scores.dtype == np.float32
        assert ((faces.scores >= 0.6) & (faces.scores <= 1)).all()
        assert faces.landmarks is faces.pose_deg is faces.embeddings is None

    @pytest.mark.parametrize(
        ("heights", "long_side", "at_least"),
        [
            ((70, 110), 640, 25),  # what a gallery of 25 looks like: everyone
            ((45, 70), 640, 24),  # a gallery of 49
            ((30, 45), 1280, 20),  # a lecture hall, at four times the price
        ],
    )
    def test_finds_a_gallery(self, photo, heights, long_side, at_least):
        view, people = gallery(photo, heights)
        (faces,) = ready(long_side=long_side).detect([view])
        assert (boxes.iou(people, faces.boxes).max(axis=1) > 0.5).sum() >= at_least

    @pytest.mark.parametrize("long_side", [320, 500, 640, 1280, 4000])
    def test_boxes_are_in_frame_pixels_whatever_the_net_sees(self, photo, long_side):
        (faces,) = ready(long_side=long_side).detect([photo])
        assert (boxes.iou(faces.boxes, HEADS).max(axis=0) > 0.7).sum() >= 5

    @pytest.mark.parametrize("shape", [(886, 600), (600, 886), (333, 1000), (64, 64), (37, 91)])
    def test_any_shape_of_frame(self, photo, shape):
        """Upright telephone pictures, strips, and sides that are no multiple of 32."""
        (faces,) = ready().detect([np.ascontiguousarray(photo[: shape[0], : shape[1]])])
        whole = [head for head in HEADS if head[2] <= shape[1] and head[3] <= shape[0]]
        assert len(faces) >= len(whole)
        for head in whole:
            assert boxes.iou(head[None], faces.boxes).max() > 0.7

    def test_images_keep_their_order(self, photo):
        empty = np.zeros_like(photo)
        assert [len(faces) for faces in ready().detect([photo, empty, photo])] == [6, 0, 6]

    @pytest.mark.parametrize("shade", [0, 128, 255])
    def test_no_face(self, shade):
        (faces,) = ready().detect([np.full((480, 640, 3), shade, np.uint8)])
        assert faces.boxes.shape == (0, 4)
        assert faces.scores.shape == (0,)

    def test_a_higher_threshold_finds_fewer(self, photo):
        found = {t: len(ready(threshold=t).detect([photo])[0]) for t in (0.6, 0.91, 0.999)}
        assert found[0.6] > found[0.91] > found[0.999] == 0

    def test_weights_are_those_of_the_catalog(self):
        assert Yunet().weights() == {YUNET.file: YUNET.sha256}
        assert Yunet().available() == ""

    def test_other_weights_under_its_name_are_refused(self):
        weights.require(YUNET).write_bytes(b"an onnx file of somebody else's")
        with pytest.raises(FertoolError, match="'yunet' is damaged"):
            Yunet().load("cpu")


def test_without_weights_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("FERTOOL_MODELS", str(tmp_path))
    assert "fertool models pull yunet" in Yunet().available()
    assert Yunet().weights() == {}
    with pytest.raises(FertoolError) as caught:
        Yunet().load("cpu")
    assert "fertool models pull yunet" in caught.value.hint
    assert not list(tmp_path.iterdir()), "nothing is fetched unasked"


def test_the_catalog_entry_is_pinned():
    assert "/02246e79b1e976c83d1e135a85e0628120c93769/" in YUNET.url
    assert YUNET.license == "Apache-2.0"
    assert Yunet.models == (YUNET,)
