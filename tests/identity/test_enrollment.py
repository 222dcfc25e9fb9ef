"""Which pictures make a student known, and why the others do not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fertool.config import Settings
from fertool.demo import gallery
from fertool.host import toolbox
from fertool.identity import enrollment
from fertool.identity.enrollment import MAX_PICTURE_PX, MIN_SHARPNESS, MIN_SIDE_PX, look, sharpness, unfit
from fertool.types import Faces


@pytest.fixture(scope="module")
def engine():
    return enrollment.engine(toolbox.toolbox(Settings(detector="ssd")), "cpu")


@pytest.fixture(scope="module")
def portraits() -> list[np.ndarray]:
    return [np.ascontiguousarray(view) for view in gallery.portraits()]


def save(path: Path, image: np.ndarray) -> Path:
    cv2.imwrite(str(path), image)
    return path


def test_six_portraits_are_fit_and_six_people(engine, portraits, tmp_path: Path) -> None:
    found = [look(engine, save(tmp_path / f"{i}.png", view)) for i, view in enumerate(portraits)]
    assert [p.reason for p in found] == [""] * 6
    rows = np.array([p.embedding for p in found])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2) + 9 * np.eye(6)
    assert apart.min() > engine.encoder.same_person


def test_the_same_person_in_another_picture_is_near(engine, portraits, tmp_path: Path) -> None:
    one = look(engine, save(tmp_path / "one.png", portraits[0]))
    brighter = cv2.convertScaleAbs(portraits[0], alpha=1.2, beta=10)
    other = look(engine, save(tmp_path / "other.jpg", brighter))
    assert one.sha256 != other.sha256
    assert np.linalg.norm(one.embedding - other.embedding) < 0.6 * engine.encoder.same_person


def test_a_very_large_picture_is_shrunk(engine, portraits, tmp_path: Path) -> None:
    large = cv2.resize(portraits[0], None, fx=10, fy=10, interpolation=cv2.INTER_CUBIC)
    assert max(large.shape) > MAX_PICTURE_PX
    small = look(engine, save(tmp_path / "small.png", portraits[0]))
    found = look(engine, save(tmp_path / "large.jpg", large))
    assert found.reason == ""
    assert np.linalg.norm(found.embedding - small.embedding) < 0.6 * engine.encoder.same_person


def bad_pictures(view: np.ndarray, other: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
    height = min(view.shape[0], other.shape[0])
    return {
        "slide": (np.full((300, 400, 3), 240, np.uint8), "shows no face"),
        "pair": (np.hstack([view[:height], other[:height]]), "shows 2 faces, expected one"),
        "tiny": (
            cv2.resize(view, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
            "expected at least 60",
        ),
        "blurred": (cv2.GaussianBlur(other, (0, 0), 3), "is blurred: sharpness"),
    }


def test_bad_pictures_have_their_reason(engine, portraits, tmp_path: Path) -> None:
    for name, (image, words) in bad_pictures(portraits[0], portraits[3]).items():
        found = look(engine, save(tmp_path / f"{name}.png", image))
        assert words in found.reason, name
        assert found.embedding is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is not a picture"), (b"%PDF-1.7", "is not a picture"), (None, "cannot be read: No such file")],
)
def test_files_that_are_no_pictures(engine, tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "x.jpg"
    if content is not None:
        path.write_bytes(content)
    assert reason in look(engine, path).reason


def face(yaw: float | None = 0.0, side: float = 100.0, count: int = 1) -> Faces:
    boxes = np.array([[20, 20, 20 + side, 20 + side * 1.2]] * count, np.float32).reshape(-1, 4)
    pose = None if yaw is None else np.array([[yaw, 0, 0]] * count, np.float32)
    return Faces(boxes, np.ones(count, np.float32), None, pose)


NOISE = np.random.default_rng(0).integers(0, 255, (240, 240, 3), np.uint8)


@pytest.mark.parametrize(
    ("faces", "words"),
    [
        (face(), ""),
        (face(yaw=-39.9), ""),
        (face(yaw=40), "turned away by 40 degrees, expected less than 40"),
        (face(yaw=-55), "turned away by 55 degrees"),
        (face(yaw=float("nan")), "head pose could not be measured"),
        (face(yaw=None), "head pose could not be measured"),
        (face(side=MIN_SIDE_PX), ""),
        (face(side=MIN_SIDE_PX - 1), "the face is 59 px wide"),
        (face(count=0), "shows no face"),
        (face(count=3), "shows 3 faces, expected one"),
    ],
)
def test_what_is_unfit(faces: Faces, words: str) -> None:
    assert words in unfit(NOISE, faces)
    assert bool(words) == bool(unfit(NOISE, faces))


def test_sharpness_falls_with_every_blur(portraits) -> None:
    for view in portraits:
        blurred = [cv2.GaussianBlur(view, (0, 0), sigma) for sigma in (0.5, 1, 2, 4)]
        width = view.shape[1]
        whole = Faces(
            np.array([[width * 0.25, 0, width * 0.75, view.shape[0]]], np.float32), np.ones(1, np.float32)
        )
        figures = [sharpness(image, whole) for image in [view, *blurred]]
        assert figures == sorted(figures, reverse=True)
        assert figures[0] > 3 * MIN_SHARPNESS > figures[-1]


def picture(name: str, *angles: float) -> enrollment.RosterPicture:
    radians = np.radians(angles[0]) if angles else None
    vector = None if radians is None else np.array([np.cos(radians), np.sin(radians)], np.float32)
    return enrollment.RosterPicture(Path(name), embedding=vector, reason="" if angles else "shows no face")


@pytest.mark.parametrize(
    ("students", "pairs"),
    [
        ({}, []),
        ({"Ann": [picture("a.jpg", 0), picture("b.jpg", 5)]}, []),  # one person may look like herself
        ({"Ann": [picture("a.jpg", 0)], "Bob": [picture("b.jpg", 90)]}, []),
        ({"Ann": [picture("a.jpg", 0)], "Bob": [picture("b.jpg")]}, []),  # an unfit one is no face
        (
            {"Ann": [picture("a.jpg", 0)], "Bob": [picture("b.jpg", 90), picture("c.jpg", 10)]},
            ["Ann and Bob look alike: is a.jpg or c.jpg the wrong picture?"],
        ),
    ],
)
def test_students_who_look_alike_are_named_with_their_pictures(students: dict, pairs: list[str]) -> None:
    assert enrollment.alike(students, 0.5) == pairs
