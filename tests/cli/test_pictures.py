"""Recordings that are not simply one upright stream of square pixels, through the whole command."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from make_video import changed

from fertool.vision import boxes

BOX = ("x1", "y1", "x2", "y2")
Image = np.ndarray
ANALYZE = ("--detector", "ssd", "--classifier", "faceapi-expression", "--every", "1s")


def plain(image: Image) -> Image:
    return image


def squeezed(image: Image) -> Image:
    return cv2.resize(image, (320, image.shape[0]), interpolation=cv2.INTER_AREA)


def turned(image: Image) -> Image:
    """As of a camera that was held wrongly: everybody leans to the right by 90 degrees."""
    return np.rot90(image, -1)


def empty(image: Image) -> Image:
    return np.full((240, 320, 3), 90, np.uint8)


def faces(fertool, name: str) -> list[dict]:
    sql = f"FROM frame_emotions WHERE recording IN (SELECT recording FROM recordings WHERE name = '{name}')"
    return json.loads(fertool("query", f"{sql} ORDER BY time_s, x1", "--json").out)


@pytest.mark.parametrize(
    ("change", "pixels", "words"),
    [
        (squeezed, Fraction(2), ()),
        (turned, Fraction(1), ("--rotate", "90")),
        (turned, Fraction(1), ("--rotate", "auto")),
    ],
    ids=["pixels 2:1", "turned", "auto"],
)
def test_faces_are_those_of_the_upright_picture(
    fertool,
    small_video: Path,
    tmp_path: Path,
    change: Callable[[Image], Image],
    pixels: Fraction,
    words,
) -> None:
    """640 x 288 stored as 320 x 288 with pixels of 2:1, and as 288 x 640: same boxes, same poses."""
    changed(small_video, tmp_path / "plain.mp4", plain)
    changed(small_video, tmp_path / "other.mp4", change, pixels=pixels)
    for name, more in [("plain.mp4", ()), ("other.mp4", words)]:
        done = fertool("analyze", name, *ANALYZE, *more)
        assert done.code == 0, done.err
    expected, got = faces(fertool, "plain.mp4"), faces(fertool, "other.mp4")
    assert len(expected) == len(got) == 10
    for one, other in zip(expected, got, strict=True):
        box, moved = (np.array([[row[name] for name in BOX]]) for row in (one, other))
        assert boxes.iou(box, moved)[0, 0] > 0.7  # as stored, it would be 0
        assert other["roll_deg"] == pytest.approx(one["roll_deg"], abs=5)
    stored = json.loads(
        fertool("query", "SELECT name, width, height FROM recordings ORDER BY name", "--json").out
    )
    assert [(row["width"], row["height"]) for row in stored] == [(640, 288)] * 2
    # The contact sheet is cut from the same places.
    sheet = fertool("students", "review", "--out", "sheet.html")
    assert (sheet.code, sheet.err) == (0, "")


def test_people_who_lie_are_there_and_not_read(fertool, small_video: Path, tmp_path: Path) -> None:
    changed(small_video, tmp_path / "other.mp4", turned)
    done = fertool("analyze", "other.mp4", *ANALYZE)
    assert done.code == 0, done.err
    rows = faces(fertool, "other.mp4")
    lie = [row for row in rows if row["roll_deg"] == 90]
    assert len(lie) > len(rows) / 2
    assert {
        row[name] for row in lie for name in ("emotion", "happy", "confidence", "yaw_deg", "pitch_deg")
    } == {None}
    assert f"in {len(lie)} of {len(rows)} faces, which lie: people are turned by 90 degrees" in done.err
    assert "--rotate 90 turns the picture" in done.err


def test_two_streams_are_two_recordings_of_one_lecture(fertool, small_video: Path, tmp_path: Path) -> None:
    changed(small_video, tmp_path / "talk.mp4", empty, plain)
    alone = fertool("analyze", "talk.mp4", *ANALYZE, "--rotate", "auto")
    assert "rotate auto: no face in the first 6 samples: the picture stays as it is" in alone.err
    assert (
        "talk.mp4: the file has 2 streams of pictures: 1 (320x240) was taken, not 2 (640x288): " in alone.err
    )
    assert faces(fertool, "talk.mp4") == []
    both = fertool("analyze", "talk.mp4", *ANALYZE, "--stream", "all", "--json")
    assert both.code == 0, both.err
    runs = json.loads(both.out)["runs"]
    assert [(run["name"], run["lecture"], run["coverage"]) for run in runs] == [
        ("talk.mp4", "talk", 0.0),
        ("talk.mp4 (stream 2)", "talk", 1.0),
    ]
    assert "already analyzed" in both.err, "the first of them is the stream that was taken before"
    assert len(faces(fertool, "talk.mp4 (stream 2)")) == 10
    sheet = fertool("students", "review", "--out", "sheet.html")
    assert (sheet.code, sheet.err) == (0, "")
    third = fertool("analyze", "talk.mp4", *ANALYZE, "--stream", "3")
    assert third.code == 2
    assert "talk.mp4: --stream 3: expected 1 to 2, got 3" in third.err


@pytest.mark.parametrize("words", [("--rotate", "45"), ("--stream", "0")])
def test_what_cannot_be_meant_is_refused_at_once(fertool, small_video: Path, words: tuple[str, str]) -> None:
    done = fertool("analyze", small_video, *words)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert f"{words[0][2:]} {words[1]}: expected" in done.err


def test_a_run_of_an_ordinary_recording_keeps_its_identity(fertool, small_video: Path) -> None:
    """Nothing about pictures is in its configuration, so it has the name that it had before there was any."""
    assert fertool("analyze", small_video, *ANALYZE, "--rotate", "0", "--stream", "1").code == 0
    (config,) = json.loads(fertool("query", "SELECT config FROM runs", "--json").out)
    assert "picture" not in json.loads(config["config"])
