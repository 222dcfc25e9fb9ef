"""Faces cut from recordings again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from fertool.identity.thumbnails import SHOWN, cut
from fertool.vision import crops

SCHEMA = {
    "recording": pl.String, "name": pl.String, "path": pl.String, "bytes": pl.Int64, "time_s": pl.Float64,
    "picture": pl.String, "x1": pl.Float32, "y1": pl.Float32, "x2": pl.Float32, "y2": pl.Float32,
}  # fmt: skip
LEFT, RIGHT = (40.0, 60.0, 80.0, 100.0), (200.0, 60.0, 240.0, 100.0)


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    """Three seconds, 320 by 160: the left half is black and gets lighter, the right half is white."""
    import av
    from av.video.frame import VideoFrame

    path = tmp_path_factory.mktemp("glimpses") / "two halves.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 160, "yuv420p"
        for number in range(30):
            image = np.full((160, 320, 3), 255, np.uint8)
            image[:, :160] = 8 * number
            container.mux(stream.encode(VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


def wanted(
    path: Path, *faces: tuple, recording: str = "r1", size: int | None = None, picture: str | None = None
) -> pl.DataFrame:
    """(time_s, box) of faces in one recording."""
    there = path.stat().st_size if size is None else size
    rows = [(recording, path.name, str(path), there, time_s, picture, *box) for time_s, box in faces]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def mean(jpeg: bytes) -> float:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (SHOWN.size, SHOWN.size, 3)
    return float(image.mean())


def test_pictures_come_in_the_order_asked_for(video: Path) -> None:
    found, notes = cut(wanted(video, (2.0, LEFT), (0.0, RIGHT), (1.0, LEFT), (2.0, RIGHT)))
    assert notes == []
    assert [mean(jpeg) for jpeg in found] == pytest.approx([160, 255, 80, 255], abs=6)


def test_nothing_wanted(video: Path) -> None:
    assert cut(wanted(video)) == ([], [])


def test_a_recording_that_is_gone_or_another_by_now_costs_only_its_own(video: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    rows = [
        wanted(tmp_path / "gone.mp4", (0.0, LEFT), recording="r2", size=1),
        wanted(video, (0.0, RIGHT)),
        wanted(video, (0.0, RIGHT), recording="r3", size=7),
        wanted(tmp_path / "broken.mp4", (0.0, LEFT), recording="r4"),
    ]
    found, notes = cut(pl.concat(rows))
    assert [jpeg is not None for jpeg in found] == [False, True, False, False]
    assert [note.split(": ")[0] for note in notes] == ["gone.mp4", "two halves.mp4", "broken.mp4"]
    assert "is not the file that was analyzed" in notes[1]


def test_a_face_at_the_edge_is_cut_with_what_is_there(video: Path) -> None:
    found, _ = cut(wanted(video, (0.0, (300.0, 130.0, 340.0, 170.0))))
    assert 20 < mean(found[0]) < 200, "partly outside, which is black"


# (how it is stored, what is on record of the run, whether a face can be cut)
SHOWN_OTHERWISE: list[tuple[dict, str | None, bool]] = [
    ({"pixels": Fraction(8, 5)}, '{"pixels":"8:5"}', True),
    ({"pixels": Fraction(8, 5)}, None, False),  # by a version that knew no pixels but square ones
    ({"rotation": 90}, '{"rotate":270}', True),
    ({}, '{"rotate":180}', True),
    ({}, None, True),
]


@pytest.mark.parametrize(("stored", "picture", "cut_out"), SHOWN_OTHERWISE)
def test_faces_are_cut_from_pictures_as_they_were_shown(
    videos, tmp_path: Path, stored: dict, picture: str | None, cut_out: bool
) -> None:
    """The face is where the picture shown has it: the same pixels as of an image written by hand."""
    path = videos.write(tmp_path / "a.mp4", 5, options={"qp": "0"}, **stored)
    box = (20.0, 40.0, 60.0, 80.0)
    found, notes = cut(wanted(path, (0.0, box), picture=picture))
    if not cut_out:
        assert (found, notes) == (
            [None],
            ["a.mp4: " + f"{path}: its pictures are shown in another shape by now: analyze it again"],
        )
        return
    image = videos.picture(0)
    if "pixels" in stored:
        image = cv2.resize(image, (256, 96))  # 160 * 8 / 5
    if picture == '{"rotate":180}':
        image = image[::-1, ::-1]
    expected = crops.cut(np.ascontiguousarray(image), np.array([box], np.float32), None, SHOWN)[0]
    got = cv2.imdecode(np.frombuffer(found[0], np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(got.astype(int) - expected).mean() < 4
