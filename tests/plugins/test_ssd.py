"""ssd: on a photograph, on gallery views and close-ups made of it, and on clips where there are any."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import insightface
import numpy as np
import pytest

from fertool import Faces
from fertool.host import validate
from fertool.vision import boxes
from fertool_plugins.detectors.ssd import FOREHEAD, Ssd, _nested, tighten

DATA = Path(os.environ.get("FERTOOL_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
HEADS = np.array(
    [
        *([464, 270, 572, 413], [901, 55, 1005, 204], [55, 267, 160, 393]),
        *([1131, 271, 1226, 401], [746, 344, 848, 476], [271, 146, 368, 270]),
    ],
    np.float32,
)
"""The six faces of insightface's t1.jpg, brow to chin."""


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return cv2.imread(str(Path(insightface.__path__[0], "data", "images", "t1.jpg")))


def ready(**chosen: object) -> Ssd:
    detector = Ssd(**chosen)  # type: ignore[arg-type]
    detector.load("cpu")
    return detector


@pytest.fixture(scope="module")
def ssd() -> Ssd:
    return ready()


def shot(photo: np.ndarray, head: np.ndarray, height: float, size: tuple[int, int]) -> np.ndarray:
    """One person alone, `height` pixels from brow to chin, in the middle of a picture of (width, height)."""
    x1, y1, x2, y2 = head
    scale = height / (y2 - y1)
    shift = np.array(size) / 2 - scale * np.array([x1 + x2, y1 + y2]) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    view = cv2.warpAffine(photo, matrix, size, flags=cv2.INTER_AREA)
    # The neighbors are painted over: half a face is neither right nor wrong to find.
    seen = np.abs(np.arange(size[0]) - size[0] / 2) < 0.9 * scale * (x2 - x1)
    return np.where(seen[None, :, None], view, np.uint8(90))


def gallery(photo: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """5 x 5 tiles at 1080p with faces of `low` to `high` pixels, and where they are."""
    heights = np.random.default_rng(1).uniform(low, high, 25)
    tiles = [shot(photo, HEADS[i % 6], height, (384, 216)) for i, height in enumerate(heights)]
    view = np.concatenate([np.concatenate(tiles[r : r + 5], 1) for r in range(0, 25, 5)])
    where = []
    for i, height in enumerate(heights):
        x1, y1, x2, y2 = HEADS[i % 6]
        half = np.array([(x2 - x1) / (y2 - y1), 1]) * height / 2
        middle = np.array([i % 5 * 384 + 192, i // 5 * 216 + 108])
        where.append([*(middle - half), *(middle + half)])
    return view, np.array(where, np.float32)


def found(faces: Faces, where: np.ndarray) -> int:
    """How many of `where` one of the faces covers."""
    return int((boxes.iou(where, faces.boxes).max(axis=1, initial=0) > 0.4).sum())


# ---------------------------------------------------------------- what it finds


def test_finds_six_people_and_nobody_else(ssd: Ssd, photo: np.ndarray) -> None:
    (faces,) = validate.detect(ssd, [photo])
    assert len(faces) == found(faces, HEADS) == 6
    assert (faces.scores[:-1] >= faces.scores[1:]).all(), "best first"


def test_boxes_suit_the_landmark_net(ssd: Ssd, photo: np.ndarray) -> None:
    """With the forehead cut off, landmarks lie nearer to where a second look puts them."""
    from fertool_plugins.encoders.faceapi import FaceApi

    (faces,) = ssd.detect([photo])
    loose = faces.boxes.copy()
    loose[:, 1] -= FOREHEAD / (1 - FOREHEAD) * (loose[:, 3] - loose[:, 1])
    once, twice = FaceApi(refine=False), FaceApi()
    for encoder in (once, twice):
        encoder.load("cpu")
    truth = twice.encode([photo], [faces])[0].landmarks
    tight_error, loose_error = (
        np.abs(once.encode([photo], [faces.with_(boxes=b)])[0].landmarks - truth).mean()
        for b in (faces.boxes, loose)
    )
    assert tight_error < 0.9 * loose_error


@pytest.mark.parametrize(
    ("low", "high", "at_least"),
    [
        (70, 110, 25),  # what a gallery of 25 looks like at 1080p
        (45, 70, 18),  # people who sit far back: most of them
    ],
)
def test_finds_small_faces_of_a_gallery(
    ssd: Ssd, photo: np.ndarray, low: float, high: float, at_least: int
) -> None:
    view, where = gallery(photo, low, high)
    (faces,) = ssd.detect([view])
    assert found(faces, where) >= at_least
    assert len(faces) <= found(faces, where) + 1, "nothing twice, and nothing that is no face"


def test_width_trades_small_faces_for_time(photo: np.ndarray) -> None:
    view, where = gallery(photo, 40, 60)
    counts = [found(ready(width=width).detect([view])[0], where) for width in (480, 960, 1280)]
    assert counts[0] < counts[1] < counts[2] == 25


@pytest.mark.parametrize("height", [150, 300, 600, 900])
@pytest.mark.parametrize("person", range(6))
def test_finds_close_ups(ssd: Ssd, photo: np.ndarray, person: int, height: int) -> None:
    view = shot(photo, HEADS[person], height, (1920, 1080))
    (faces,) = ssd.detect([view])
    x1, y1, x2, y2 = HEADS[person]
    half = np.array([(x2 - x1) / (y2 - y1), 1]) * height / 2
    where = np.array([[960 - half[0], 540 - half[1], 960 + half[0], 540 + half[1]]], np.float32)
    assert found(faces, where) == 1


def test_the_second_look_finds_what_fills_the_frame(photo: np.ndarray) -> None:
    views = [shot(photo, head, 1000, (1920, 1080)) for head in HEADS]
    once, twice = (sum(map(len, ready(close_ups=c).detect(views))) for c in (False, True))
    assert once < twice == 6


@pytest.mark.parametrize(
    ("corners", "kept"),
    [
        ([], 0),
        ([[0, 0, 100, 100], [200, 0, 300, 100]], 2),  # apart
        ([[0, 0, 100, 100], [60, 0, 160, 100]], 2),  # one head in front of another
        ([[0, 0, 100, 100], [20, 20, 60, 60]], 1),  # a face in a face
        ([[20, 20, 60, 60], [0, 0, 100, 100]], 1),  # the better one is the smaller
        ([[0, 0, 0, 0], [0, 0, 0, 0]], 2),  # empty boxes share nothing
    ],
)
def test_nested_boxes_are_one_face(corners: list[list[float]], kept: int) -> None:
    dropped = _nested(np.array(corners, np.float32).reshape(-1, 4))
    assert (~dropped).sum() == kept
    assert not dropped[:1].any(), "the best one stays"


# ---------------------------------------------------------------- nothing there


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((360, 640, 3), np.uint8),  # black
        np.full((1080, 1920, 3), 255, np.uint8),  # white
        np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8),  # noise
        np.zeros((1, 1, 3), np.uint8),  # a single pixel
        np.zeros((2000, 3, 3), np.uint8),  # a sliver
    ],
    ids=["black", "white", "noise", "pixel", "sliver"],
)
def test_no_face_is_fine(ssd: Ssd, image: np.ndarray) -> None:
    (faces,) = validate.detect(ssd, [image])
    assert len(faces) == 0
    assert faces.boxes.shape == (0, 4)
    assert faces.boxes.dtype == faces.scores.dtype == np.float32


def frames(name: str, step: int) -> list[np.ndarray]:
    av = pytest.importorskip("av")
    if not (DATA / "clips" / name).exists():
        pytest.skip(f"needs the clip {name} in {DATA}")
    with av.open(str(DATA / "clips" / name)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)][::step]


def test_no_face_in_a_sky(ssd: Ssd) -> None:
    assert [len(faces) for faces in ssd.detect(frames("no_face.mp4", 10))] == [0] * 10


def test_one_face_in_every_frame_of_a_portrait(ssd: Ssd) -> None:
    found = ssd.detect(frames("single_face.mp4", 8))
    assert [len(faces) for faces in found] == [1] * 9
    corners = np.concatenate([faces.boxes for faces in found])
    assert np.abs(corners - corners.mean(0)).max() < 0.15 * (corners[0, 3] - corners[0, 1])


# ---------------------------------------------------------------- batches, options


def test_each_image_gets_its_own_faces_whatever_the_batch(ssd: Ssd, photo: np.ndarray) -> None:
    empty = np.full_like(photo, 90)
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    batch = ssd.detect([photo, empty, mirrored])
    assert [len(faces) for faces in batch] == [6, 0, 6]
    for image, faces in zip([photo, empty, mirrored], batch, strict=True):
        (alone,) = ssd.detect([image])
        np.testing.assert_allclose(faces.boxes, alone.boxes, atol=1)


def test_a_mirrored_frame_gives_mirrored_faces(ssd: Ssd, photo: np.ndarray) -> None:
    (faces,) = ssd.detect([np.ascontiguousarray(photo[:, ::-1])])
    x1, y1, x2, y2 = HEADS.T
    assert found(faces, np.stack([1280 - x2, y1, 1280 - x1, y2], 1)) == 6


def test_boxes_are_pixels_of_the_frame_at_any_size(ssd: Ssd, photo: np.ndarray) -> None:
    for scale in (0.75, 2):
        image = cv2.resize(photo, None, fx=scale, fy=scale)
        (faces,) = ssd.detect([image])
        assert found(faces, HEADS * scale) == 6


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"max_faces": 2}, 2),  # the best two
        ({"max_faces": 0}, 0),
        ({"threshold": 1.0}, 0),  # nothing is that certain
        ({"exact": True}, 6),  # float32 finds the same
    ],
)
def test_options(photo: np.ndarray, options: dict[str, object], expected: int) -> None:
    (faces,) = ready(**options).detect([photo])
    assert len(faces) == expected


def test_quick_and_exact_agree(ssd: Ssd, photo: np.ndarray) -> None:
    (quick,), (exact,) = ssd.detect([photo]), ready(exact=True).detect([photo])
    nearest = boxes.iou(exact.boxes, quick.boxes).argmax(1)
    np.testing.assert_allclose(quick.scores[nearest], exact.scores, atol=1e-2)
    np.testing.assert_allclose(quick.boxes[nearest], exact.boxes, atol=2)


def test_tighten_cuts_the_forehead_off_a_copy() -> None:
    corners = np.array([[10, 100, 60, 200]], np.float32)
    assert tighten(corners).tolist() == [[10, 110, 60, 200]]
    assert corners.tolist() == [[10, 100, 60, 200]]
    assert tighten(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_weights_are_named_by_their_hash() -> None:
    ((name, digest),) = Ssd().weights().items()
    assert name == "ssd_mobilenetv1.safetensors"
    assert len(digest) == 64
