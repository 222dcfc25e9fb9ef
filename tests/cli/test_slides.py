"""`report --slides`: pictures of slides cut from a composed recording, and none with a face in it.

A slide on the left, 640 x 360, another one from 20 s on; camera pictures of three people on the right; 40 s.
"""

from __future__ import annotations

import base64
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest

from fertool.demo import gallery
from fertool.storage.consents import CONSENTS
from fertool.storage.store import Store
from fertool.storage.tables import ASSESSMENTS, frame
from fertool_plugins.rules.lost_moments import LostMoments

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("scenedetect")

PICTURE = re.compile(r'<img class="slide"[^>]*src="data:image/jpeg;base64,([^"]+)" alt="([^"]+)">')
LOST = ((5.0, 18.0), (24.0, 38.0))
"""Moments: on the first slide, on the second."""


def slide(number: int) -> Any:
    """Four lines of 'text', others for each number."""
    image = np.full((360, 640, 3), 245, np.uint8)
    for line in range(4):
        words = np.random.default_rng(10 * number + line).integers(0, 2, 30)
        for place in np.flatnonzero(words):
            image[60 + 70 * line : 85 + 70 * line, 40 + 18 * place : 52 + 18 * place] = 30
    return image


def compose(path: Path, *, inside_from: float = 99.0) -> Path:
    """A frame a second; from `inside_from` on, somebody is shown in the middle of the slide, too."""
    ben, *beside = gallery.portraits()[:4]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=1)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 1000, 360, "yuv420p", Fraction(1)
        stream.options = {"preset": "ultrafast", "crf": "18", "threads": "1"}
        for second in range(40):
            image = np.full((360, 1000, 3), gallery.BACKGROUND, np.uint8)
            image[:, :640] = slide(second >= 20)
            for i, face in enumerate(beside):
                image[120 * i : 120 * i + 120, 720:940] = gallery.alive(face, 220, 120, second + 7 * i)
            if second >= inside_from:
                image[90:270, 160:480] = gallery.alive(ben, 320, 180, second)
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = second, Fraction(1)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def analyze(fertool: Any, video: Path) -> Store:
    """The recording analyzed, and judged as if a class had been lost in it."""
    shown = fertool("analyze", video, "--course", "c", "--lecture", "l", "--segments", "slides:0,0,640,360")
    assert shown.code == 0, shown.err
    store = Store(video.parent / "fertool.duckdb")
    lose(store)
    return store


def lose(store: Store) -> None:
    rows = [
        {
            "course": "c", "lecture": "l", "rule": "lost-moments", "version": LostMoments.version,
            "options": "{}", "evidence": "{}", "value": 0.5, "level": "attention", "message": "lost",
            "start_s": start, "end_s": end,
        }
        for start, end in LOST
    ]  # fmt: skip
    store.save_rules([(LostMoments.name, LostMoments.version, LostMoments.feeds, None)])
    store.save_assessments(frame(rows, ASSESSMENTS))


def report(fertool: Any, folder: Path, *more: object) -> tuple[list[tuple[Any, str]], str]:
    """The pictures of the lecture's page with their alternative text, and what was noted."""
    shown = fertool("report", "--slides", "--k", 1, "--out", folder / "site", *more)
    assert shown.code == 0, shown.err
    (page,) = (folder / "site/lectures").glob("*.html")
    found = PICTURE.findall(page.read_text(encoding="utf-8"))
    notes = "".join(line for line in shown.err.splitlines() if "slide" in line)
    return [(_decoded(jpeg), text) for jpeg, text in found], notes


def _decoded(jpeg: str) -> Any:
    return cv2.imdecode(np.frombuffer(base64.b64decode(jpeg), np.uint8), cv2.IMREAD_COLOR)


def which(picture: Any) -> int:
    """The number of the slide that a picture shows; it shows nothing else."""
    apart = [np.abs(cv2.resize(slide(n), (480, 270)) - picture.astype(float)).mean() for n in (0, 1)]
    assert min(apart) < 12 < max(apart)
    return int(np.argmin(apart))


def test_a_slide_stands_beside_each_moment_where_nobody_can_be_on_it(fertool: Any, tmp_path: Path) -> None:
    store = analyze(fertool, compose(tmp_path / "talk.mp4"))
    pictures, note = report(fertool, tmp_path)
    assert [(which(picture), text) for picture, text in pictures] == [
        (1, "Slide at 0:00:24"),  # the longer moment first
        (0, "Slide at 0:00:05"),
    ]
    assert note == "fertool: c / l: pictures of slides at 2 of 2 places"
    segments = sorted((tmp_path / "site/segments").glob("*.html"))
    assert [len(PICTURE.findall(page.read_text("utf-8"))) for page in segments] == [1, 1]
    assert len(re.findall("Slides are cut from the recording", segments[0].read_text("utf-8"))) == 1
    assert [text for _, text in report(fertool, tmp_path, "--lang", "de")[0]] == [
        "Folie bei 0:00:24",
        "Folie bei 0:00:05",
    ]
    # without the flag, and where the recording is gone or is another file, pages have no picture
    assert fertool("report", "--k", 1, "--out", "site").code == 0
    assert 'class="slide"' not in "".join(p.read_text("utf-8") for p in (tmp_path / "site").rglob("*.html"))
    with (tmp_path / "talk.mp4").open("ab") as file:
        file.write(b"\0")
    gone = "fertool: c / l: no picture of a slide, the recording that was analyzed is not there"
    assert report(fertool, tmp_path) == ([], gone)
    (tmp_path / "talk.mp4").unlink()
    assert report(fertool, tmp_path) == ([], gone)
    # a face whose place is not known may be anywhere
    no = frame([{"student": "student-01", "consent": False}], CONSENTS)
    compose(tmp_path / "talk.mp4")
    assert len(report(fertool, tmp_path)[0]) == 2
    store.consents.set_consents("c", no)
    assert fertool("runs").code == 0  # judges the lecture again
    lose(store)
    pictures, note = report(fertool, tmp_path)
    assert pictures == []
    assert note.endswith("at 0 of 2 places; at the others a face may be in it")
    assert "talk" not in store.query("SELECT string_agg(table_name, ' ') AS t FROM duckdb_tables()")["t"][0]


def test_a_face_on_the_slide_leaves_the_picture_out(fertool: Any, tmp_path: Path) -> None:
    analyze(fertool, compose(tmp_path / "talk.mp4", inside_from=27.0))
    pictures, note = report(fertool, tmp_path)
    assert [(which(picture), text) for picture, text in pictures] == [(0, "Slide at 0:00:05")]
    assert note == "fertool: c / l: pictures of slides at 1 of 2 places; at the others a face may be in it"
