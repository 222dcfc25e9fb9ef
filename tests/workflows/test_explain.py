"""Explanations as a workflow: which classifiers, which sample, whose face; before any video is opened."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from fertool import Crop
from fertool.config import Settings
from fertool.errors import ConfigError, FertoolError, PluginError, VideoError
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline
from fertool.types import Faces
from fertool.workflows import explain
from fertool.workflows.explain import Asked, Face, classifiers, in_picture, in_recording

# --- which classifiers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("compact", ["compact"]),
        ("khalid2025+compact", ["khalid2025", "compact"]),  # in the order in which they are named
    ],
)
def test_members_of_an_ensemble_are_asked_one_by_one(name: str, expected: list[str]) -> None:
    assert [plugin.name for plugin in classifiers(Asked(Settings(classifier=name)), "happy")] == expected


def test_options_are_theirs() -> None:
    asked = Asked(Settings(options={"compact": {"lighting": "clahe"}}), ("compact.exact=true",))
    (plugin,) = classifiers(asked)
    assert (plugin.lighting, plugin.exact) == ("clahe", True)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("settings", "label", "error", "said"),
    [
        (Settings(policy="behaviour"), None, ConfigError, "explain reads expressions, which the policy"),
        (Settings(classifier="faceapi-expression"), None, PluginError, "these can: aly2023, compact, hafnet"),
        (Settings(classifier="nobody"), None, PluginError, "nobody"),
        (Settings(), "contempt", ConfigError, "--expression contempt: compact has none of that name"),
    ],
)
def test_what_cannot_be_asked(settings: Settings, label: str | None, error, said: str) -> None:
    with pytest.raises(error) as found:
        classifiers(Asked(settings), label)
    assert said in str(found.value)


def test_a_plugin_file_can_be_explained_and_is_named_among_those_that_can(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text((Path(__file__).parents[1] / "support" / "tiny_classifier.py").read_text())
    with pytest.raises(PluginError) as found:
        classifiers(Asked(Settings(classifier="faceapi-expression"), files=(file,)))
    assert "khalid2025, tiny, tuyakov2022" in str(found.value)


# --- a picture ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(48, 48), (60, 90), (200, 100)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_whole_picture_is_read_as_data_sets_are(
    tmp_path: Path, height: int, width: int, channels: int
) -> None:
    """The square in its middle, in the size of the network."""
    image = np.zeros((height, width, 3), np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image[top : top + side, left : left + side] = 200
    cv2.imwrite(str(tmp_path / "face.png"), image)
    face = in_picture(Asked(Settings()), tmp_path / "face.png", whole=True)
    cut = face.cut(Crop(48, channels=channels))
    assert (face.title, cut.shape, cut.dtype) == ("face.png", (48, 48, channels), np.uint8)
    assert np.all(cut == 200)


def test_a_whole_picture_has_no_landmarks_for_those_who_need_them() -> None:
    class Anchored:
        name, floor_px, crop = "anchored", 32.0, Crop(48, channels=1, anchors=0.05)

    image = np.zeros((10, 10, 3), np.uint8)
    reason = explain._unfit(Face("face.png", image, None), Anchored())  # type: ignore[arg-type]
    assert reason == "not measured: it needs landmarks, so not --whole"


@pytest.mark.parametrize(
    ("side", "floor_px", "reason"),
    [
        (31.9, 32.0, "not measured: the face has 32 px, below the 32 px of square"),
        (32.0, 32.0, ""),
        (5.0, 0.0, ""),
    ],
)
def test_the_floor_is_that_of_the_classifier(side: float, floor_px: float, reason: str) -> None:
    class Square:
        name, crop = "square", Crop(48, align=False)

    Square.floor_px = floor_px  # type: ignore[attr-defined]
    box = Faces(np.array([[0, 0, side, side / 2]], np.float32), np.ones(1, np.float32))
    assert explain._unfit(Face("x", np.zeros((9, 9, 3), np.uint8), box), Square()) == reason  # type: ignore[arg-type]


# --- a moment -------------------------------------------------------------------------------------


@pytest.fixture
def lecture(store: Store, tmp_path: Path) -> Path:
    """A file that is no video, as if it had been analyzed every two seconds for a minute: Ann is there in the
    first twenty, Bob from then on."""
    file = tmp_path / "lecture.mp4"
    file.write_bytes(b"no video")
    people = {"Ann": "happy*10 absent*20", "Bob": "absent*10 neutral*20"}
    lines = {name: timeline(text, every="2s") for name, text in people.items()}
    store_lecture(store, "signals", "week 1", lines)
    with store.database.transaction() as con:
        con.execute("UPDATE recordings SET sha256 = $h", {"h": hashlib.sha256(b"no video").hexdigest()})
    return file


def refused(store: Store, file: Path, at_s: float, student: str | None = None) -> str:
    with pytest.raises(FertoolError) as found:
        in_recording(store, Asked(Settings()), file, at_s, student)
    return str(found.value)


@pytest.mark.parametrize(
    ("at_s", "student", "said"),
    [
        (30.9, "Ann", "lecture.mp4 at 0:00:30: Ann is not seen there (nearest at 0:00:18: --at 18)"),
        (31.1, "Ann", "lecture.mp4 at 0:00:32: Ann is not seen there (nearest at 0:00:18: --at 18)"),
        (31, "Ann", "lecture.mp4 at 0:00:30: Ann is not seen there (nearest at 0:00:18: --at 18)"),
        (0, "Bob", "lecture.mp4 at 0:00:00: Bob is not seen there (nearest at 0:00:20: --at 20)"),
        (59.9, "Ann", "lecture.mp4 at 0:00:58: Ann is not seen there (nearest at 0:00:18: --at 18)"),
        (60.1, None, "--at 0:01:00: lecture.mp4 ends at 0:01:00"),
        (5, "Cem", "signals: no student 'Cem' (`fertool students list` shows them)"),
    ],
)
def test_the_nearest_sample_counts(
    store: Store, lecture: Path, at_s: float, student: str | None, said: str
) -> None:
    assert refused(store, lecture, at_s, student) == said


@pytest.mark.parametrize("student", [None, "Ann"])
def test_then_the_recording_is_opened(store: Store, lecture: Path, student: str | None) -> None:
    with pytest.raises(VideoError, match=r"lecture\.mp4"):
        in_recording(store, Asked(Settings()), lecture, 4, student)


def test_a_recording_with_one_sample_has_one_moment(store: Store, lecture: Path) -> None:
    with store.database.transaction() as con:
        con.execute("DELETE FROM samples WHERE time_s <> 40")
    said = "lecture.mp4 at 0:00:40: Ann is not seen there (nor at any other time of the recording)"
    assert refused(store, lecture, 1, "Ann") == said


def test_a_recording_without_samples_has_none(store: Store, lecture: Path) -> None:
    with store.database.transaction() as con:
        con.execute("DELETE FROM samples")
    assert refused(store, lecture, 1) == (
        "lecture.mp4: not one picture of it could be decoded when it was analyzed"
    )


def test_other_bytes_are_another_recording(store: Store, lecture: Path) -> None:
    lecture.write_bytes(b"cut since then")
    assert refused(store, lecture, 1) == (
        f"{lecture}: no analysis of a recording with these bytes in {store.database.path} "
        "(`fertool analyze lecture.mp4` first)"
    )


def test_detector_and_encoder_are_those_of_the_run() -> None:
    """Whatever fertool.toml says by now; the classifier is the one asked for."""
    now = Settings(detector="yunet", classifier="khalid2025", options={"ssd": {"threshold": 0.1}})
    config = {
        "detector": {"name": "ssd", "options": {"threshold": 0.7}},
        "encoder": {"name": "faceapi", "options": {"refine": False}},
    }
    then = explain._as_then(now, config)
    assert (then.detector, then.encoder, then.classifier) == ("ssd", "faceapi", "khalid2025")
    assert then.options == {"ssd": {"threshold": 0.7}, "faceapi": {"refine": False}}
    assert explain._as_then(now, {}) == now
