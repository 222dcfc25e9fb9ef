"""The encoder: landmarks and pose under shifts, turns and scales; descriptors that tell people apart."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import insightface
import numpy as np
import pytest

from fertool import Faces
from fertool.host import validate
from fertool.vision import crops
from fertool_plugins.encoders.faceapi import FaceApi

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("FERTOOL_TEST_DATA", ROOT.parent / "shared" / "data"))
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


def ready(**chosen: bool) -> FaceApi:
    encoder = FaceApi(**chosen)
    encoder.load("cpu")
    return encoder


@pytest.fixture(scope="module")
def encoder() -> FaceApi:
    return ready()


def people(where: np.ndarray = HEADS) -> Faces:
    return Faces(where, np.ones(len(where), np.float32))


@pytest.fixture(scope="module")
def known(encoder: FaceApi, photo: np.ndarray) -> Faces:
    (faces,) = validate.encode(encoder, [photo], [people()])
    return faces


def between_eyes(landmarks: np.ndarray) -> np.ndarray:
    """(n,) pixels: what distances of landmarks are measured by."""
    eyes = crops.eyes(landmarks)
    return np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)


def error(landmarks: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance as a share of the distance between the eyes."""
    return float((np.linalg.norm(landmarks - truth, axis=2).mean(1) / between_eyes(truth)).mean())


def turned(photo: np.ndarray, degrees: float, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The photo turned clockwise about its center, and the (2, 3) map from old to new pixels."""
    matrix = cv2.getRotationMatrix2D((640, 443), -degrees, scale)
    return cv2.warpAffine(photo, matrix, (1280, 886)), matrix


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def around(landmarks: np.ndarray) -> np.ndarray:
    """Boxes a detector might give for these landmarks."""
    return np.concatenate([landmarks.min(1), landmarks.max(1)], 1).astype(np.float32)


# ---------------------------------------------------------------- landmarks


def test_landmarks_lie_on_the_faces(known: Faces) -> None:
    assert known.landmarks is not None
    right, left = crops.eyes(known.landmarks).transpose(1, 0, 2)
    mouth = known.landmarks[:, 48:68].mean(1)
    nose = known.landmarks[:, 30]
    assert (right[:, 0] < left[:, 0]).all(), "the person's right eye is left in the picture"
    assert (nose[:, 1] > right[:, 1]).all()
    assert (mouth[:, 1] > nose[:, 1]).all()
    margin = 0.25 * (HEADS[:, 2:] - HEADS[:, :2])[:, None]
    assert (known.landmarks > HEADS[:, None, :2] - margin).all()
    assert (known.landmarks < HEADS[:, None, 2:] + margin).all()


@pytest.mark.parametrize(
    ("shift", "grow"),
    [
        ((0.1, 0.0), 1.0),  # a detector that looks a little aside
        ((-0.1, 0.0), 1.0),
        ((0.0, 0.1), 1.0),  # or too low
        ((0.0, -0.05), 1.0),  # or a little too high, which the net likes least
        ((0.0, 0.0), 0.9),  # or cuts it fine
        ((0.0, 0.0), 1.2),  # or gives much
    ],
)
def test_landmarks_hardly_depend_on_the_box(
    encoder: FaceApi, photo: np.ndarray, known: Faces, shift: tuple[float, float], grow: float
) -> None:
    assert known.landmarks is not None
    middle, side = (HEADS[:, :2] + HEADS[:, 2:]) / 2, HEADS[:, 2:] - HEADS[:, :2]
    middle = middle + np.array(shift, np.float32) * side
    jittered = np.concatenate([middle - grow * side / 2, middle + grow * side / 2], 1).astype(np.float32)
    (refined,) = encoder.encode([photo], [people(jittered)])
    (once,) = ready(refine=False).encode([photo], [people(jittered)])
    assert refined.landmarks is not None
    assert once.landmarks is not None
    assert error(refined.landmarks, known.landmarks) < 0.03
    assert error(once.landmarks, known.landmarks) > 1.5 * error(refined.landmarks, known.landmarks)


@pytest.mark.parametrize("degrees", [-20, -10, 10, 20, 30])
def test_landmarks_and_roll_turn_with_the_picture(
    encoder: FaceApi, photo: np.ndarray, known: Faces, degrees: float
) -> None:
    assert known.landmarks is not None
    assert known.pose_deg is not None
    image, matrix = turned(photo, degrees, 0.8)
    truth = moved(known.landmarks, matrix)
    (faces,) = encoder.encode([image], [people(around(truth))])
    assert faces.landmarks is not None
    assert faces.pose_deg is not None
    assert error(faces.landmarks, truth) < 0.04
    roll = faces.pose_deg[:, 2] - known.pose_deg[:, 2]
    assert np.abs(roll - degrees).max() < 2.5


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_scale_changes_nothing_but_the_scale(
    encoder: FaceApi, photo: np.ndarray, known: Faces, scale: float
) -> None:
    assert known.landmarks is not None
    image = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (faces,) = encoder.encode([image], [people(HEADS * np.float32(scale))])
    assert faces.landmarks is not None
    # cv2.resize shifts by half a pixel, and small faces have lost detail.
    assert error(faces.landmarks / scale, known.landmarks) < 0.04


# ---------------------------------------------------------------- pose


@pytest.mark.parametrize(
    ("person", "yaw", "roll"),
    [
        (0, "ahead", "clockwise"),
        (1, "left", "upright"),
        (2, "ahead", "anticlockwise"),
        (3, "ahead", "upright"),
        (4, "left", "clockwise"),
        (5, "left", "anticlockwise"),
    ],
)
def test_pose_is_what_one_sees(known: Faces, person: int, yaw: str, roll: str) -> None:
    assert known.pose_deg is not None
    turned, _, tilted = known.pose_deg[person]
    assert {"left": -45 < turned < -10, "ahead": abs(turned) < 10}[yaw]
    assert {"anticlockwise": tilted < -20, "upright": abs(tilted) < 6, "clockwise": tilted > 8}[roll]


def test_a_mirrored_face_looks_the_other_way(encoder: FaceApi, photo: np.ndarray, known: Faces) -> None:
    assert known.pose_deg is not None
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    x1, y1, x2, y2 = HEADS.T
    (faces,) = encoder.encode([mirrored], [people(np.stack([1280 - x2, y1, 1280 - x1, y2], 1))])
    assert faces.pose_deg is not None
    np.testing.assert_allclose(faces.pose_deg, known.pose_deg * [-1, 1, -1], atol=12)


# ---------------------------------------------------------------- batches


def test_works_across_images_some_without_faces(encoder: FaceApi, photo: np.ndarray, known: Faces) -> None:
    other = np.ascontiguousarray(photo[::-1])
    batch = [people(HEADS[:2]), Faces.none(), people(HEADS[2:]), Faces.none()]
    result = validate.encode(encoder, [photo, other, photo, other], batch)
    assert [len(faces) for faces in result] == [2, 0, 4, 0]
    together = np.concatenate([faces.landmarks for faces in result if faces.landmarks is not None])
    np.testing.assert_allclose(together, known.landmarks, atol=0.5)
    assert result[1].landmarks is not None
    assert result[1].landmarks.shape == (0, 68, 2)
    assert result[1].pose_deg is not None
    assert result[1].pose_deg.shape == (0, 3)


def test_no_face_at_all(encoder: FaceApi, photo: np.ndarray) -> None:
    (faces,) = validate.encode(encoder, [photo], [Faces.none()])
    assert len(faces) == 0


def test_everything_else_about_a_face_is_kept(known: Faces) -> None:
    np.testing.assert_array_equal(known.boxes, HEADS)
    np.testing.assert_array_equal(known.scores, np.ones(6))


@pytest.mark.parametrize(
    "box",
    [
        [-40, -40, 60, 60],  # hangs over the corner
        [5000, 5000, 5100, 5100],  # outside
        [100, 100, 100, 100],  # empty
        [10, 10, 11, 11],  # one pixel
    ],
)
def test_odd_boxes_do_not_crash(encoder: FaceApi, photo: np.ndarray, box: list[float]) -> None:
    (faces,) = encoder.encode([photo], [people(np.array([box], np.float32))])
    assert faces.landmarks is not None
    assert faces.landmarks.shape == (1, 68, 2)


def test_quick_and_exact_agree(known: Faces, photo: np.ndarray) -> None:
    (exact,) = ready(exact=True).encode([photo], [people()])
    assert exact.landmarks is not None
    assert known.landmarks is not None
    assert error(known.landmarks, exact.landmarks) < 0.01
    np.testing.assert_allclose(known.pose_deg, exact.pose_deg, atol=1.5)


# ---------------------------------------------------------------- descriptors


def degraded(image: np.ndarray, seed: int) -> np.ndarray:
    """The same scene on another day: light, noise, focus and compression."""
    rng = np.random.default_rng(seed)
    image = image * rng.uniform(0.7, 1.2) + rng.normal(0, rng.uniform(0, 6), image.shape)
    image = cv2.GaussianBlur(np.clip(image, 0, 255).astype(np.uint8), (0, 0), rng.uniform(0.3, 1.0))
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)


def embeddings(encoder: FaceApi, image: np.ndarray, where: np.ndarray) -> np.ndarray:
    (faces,) = encoder.encode([image], [people(where)])
    return validate.embed(encoder, crops.cut(image, faces.boxes, faces.landmarks, encoder.crop))


@pytest.fixture(scope="module")
def seen(encoder: FaceApi, photo: np.ndarray, known: Faces) -> np.ndarray:
    """(8, 6, 128): six people in eight pictures, turned, scaled and degraded."""
    pictures = []
    for seed in range(8):
        rng = np.random.default_rng(100 + seed)
        image, matrix = turned(degraded(photo, seed), rng.uniform(-15, 15), rng.uniform(0.55, 0.9))
        where = around(moved(known.landmarks, matrix))
        pictures.append(embeddings(encoder, image, where))
    return np.array(pictures)


def distances(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All distances between single descriptors: of one person, and of two."""
    flat = seen.reshape(-1, 128)
    who = np.tile(np.arange(6), len(seen))
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    pairs = np.triu(np.ones_like(apart, bool), 1)
    same = who[:, None] == who[None]
    return apart[same & pairs], apart[~same & pairs]


def test_descriptors_lie_on_the_unit_sphere(seen: np.ndarray) -> None:
    np.testing.assert_allclose(np.linalg.norm(seen, axis=2), 1, atol=1e-5)
    assert seen.dtype == np.float32


def test_descriptors_tell_people_apart(seen: np.ndarray) -> None:
    same, different = distances(seen)
    assert np.median(same) < 0.22
    assert np.median(different) > 0.45
    assert (same < FaceApi.same_person).mean() > 0.97
    assert (different < FaceApi.same_person).mean() < 0.01


def test_means_are_one_person_or_two_as_same_person_says(seen: np.ndarray) -> None:
    """Mean embeddings are what tracks are joined by."""
    first, second = seen[:4].mean(0), seen[4:].mean(0)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    joined = np.linalg.norm(first[:, None] - second[None], axis=2) <= FaceApi.same_person
    np.testing.assert_array_equal(joined, np.eye(6, dtype=bool))


def test_alignment_matters(encoder: FaceApi, photo: np.ndarray, known: Faces, seen: np.ndarray) -> None:
    """Crops of the box alone move a descriptor further than crops by the landmarks do."""
    image, matrix = turned(photo, 15, 0.8)
    where = around(moved(known.landmarks, matrix))
    upright = embeddings(encoder, photo, HEADS)
    aligned = np.linalg.norm(embeddings(encoder, image, where) - upright, axis=1)
    by_box = encoder.embed(crops.cut(image, where, None, encoder.crop))
    assert aligned.mean() < 0.7 * np.linalg.norm(by_box - upright, axis=1).mean()


def test_one_person_stays_one_from_neutral_to_smiling(encoder: FaceApi) -> None:
    av = pytest.importorskip("av")
    clip = DATA / "clips" / "single_face.mp4"
    if not clip.exists():
        pytest.skip(f"needs the clip {clip.name} in {DATA}")
    from fertool_plugins.detectors.ssd import Ssd

    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)][::14]
    ssd = Ssd()
    ssd.load("cpu")
    found = [
        embeddings(encoder, frame, f.boxes)[0] for frame, f in zip(frames, ssd.detect(frames), strict=True)
    ]
    assert np.linalg.norm(np.array(found) - found[0], axis=1).max() < FaceApi.same_person


def test_a_mix_up_of_red_and_blue_would_be_caught(encoder: FaceApi) -> None:
    """The original's descriptor of the same 150 px picture: close as it is, far with channels swapped."""
    reference = json.loads((ROOT / "tests/reference/faceapi.json").read_text())["waves 150"]["descriptor"]
    unit = np.array(reference) / np.linalg.norm(reference)
    y, x, c = np.ogrid[:150, :150, :3]
    waves = (((x * x * 3 + y * y * 5 + x * y * (c + 1)) >> 6) + 40 * c & 255).astype(np.uint8)
    right = encoder.embed(waves[None])[0]
    swapped = encoder.embed(np.ascontiguousarray(waves[None, :, :, ::-1]))[0]
    assert np.linalg.norm(right - unit) < 0.02
    assert np.linalg.norm(swapped - unit) > 0.1


def test_weights_are_named_by_their_hashes() -> None:
    found = FaceApi().weights()
    assert set(found) == {"face_landmark_68.safetensors", "face_recognition.safetensors"}
    assert {len(digest) for digest in found.values()} == {64}
