"""Copies in which every frame is covered: time by time, pixel by pixel, packet by packet."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.errors import VideoError
from fertool.media.decode import Samples
from fertool.media.display import View
from fertool.media.probe import probe
from fertool.privacy.blur import MOSAIC, NOTHING, blur, cover, covered, reach

SIZE = 40
"""Side of the moving square that stands for a face."""


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


# --- which boxes ----------------------------------------------------------------------------------


def run(looks: dict[int, np.ndarray], count: int, step: int):
    """(which pictures were looked at, boxes per picture)."""
    asked = []

    def look(image):
        asked.append(int(image[0, 0, 0]))
        return looks.get(asked[-1], NOTHING)

    shots = [(i, np.full((2, 2, 3), i, np.uint8)) for i in range(count)]
    shown = list(covered(shots, look, step))
    assert [shot[0] for shot, _ in shown] == list(range(count)), "every frame, in order"
    return asked, [found for _, found in shown]


LOOKS = [
    (0, 5, []),
    (1, 5, [0, 0]),
    (5, 5, [0, 4]),
    (6, 5, [0, 5, 5]),
    (12, 5, [0, 5, 10, 11]),
    (3, 1, [0, 1, 2, 2]),
]


@pytest.mark.parametrize(("count", "step", "expected"), LOOKS)
def test_every_nth_picture_and_the_last_are_looked_at(count, step, expected):
    assert run({}, count, step)[0] == expected


def test_what_one_look_finds_is_covered_in_its_neighborhood():
    found = run({10: boxes([10, 10, 20, 20])}, 40, 5)[1]
    assert [i for i, here in enumerate(found) if len(here)] == list(range(20))


def test_a_face_that_every_other_look_misses_is_covered_throughout():
    face = boxes([10, 10, 20, 20])
    found = run(dict.fromkeys(range(0, 40, 10), face), 40, 5)[1]
    assert all(len(here) for here in found)


def test_a_face_seen_last_of_all_is_covered_before():
    found = run({13: boxes([10, 10, 20, 20])}, 14, 5)[1]
    assert [i for i, here in enumerate(found) if len(here)] == list(range(5, 14))


BOX = st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(1, 30), st.integers(1, 30)).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)


@given(st.lists(st.lists(BOX, max_size=3), min_size=1, max_size=4))
def test_every_box_of_every_look_is_covered_with_a_margin(looks):
    result = reach([boxes(*look) for look in looks])
    for x1, y1, x2, y2 in (box for look in looks for box in look):
        w, h = (x2 - x1) / 2, (y2 - y1) / 2
        inside = (result <= [x1 - w, y1 - h, 9999, 9999]).all(axis=1) & (
            result >= [-9999, -9999, x2 + w, y2 + h]
        ).all(axis=1)
        assert inside.any()


@given(BOX, st.integers(-10, 10), st.integers(-10, 10), st.floats(0, 1))
def test_the_way_between_two_looks_is_covered(box, dx, dy, share):
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    moved = [x1 + dx * w / 10, y1 + dy * h / 10, x2 + dx * w / 10, y2 + dy * h / 10]  # up to its own size
    between = np.array(box) * (1 - share) + np.array(moved) * share
    result = reach([boxes(box), boxes(moved)])
    low, high = (result[:, :2] <= between[:2] + 1e-3), (result[:, 2:] >= between[2:] - 1e-3)
    assert (low.all(axis=1) & high.all(axis=1)).any()


# --- pixels ---------------------------------------------------------------------------------------


@given(st.lists(st.tuples(*[st.integers(-30, 110)] * 4), max_size=4))
def test_nothing_but_a_mosaic_is_left_inside_and_all_stays_outside(corners):
    image = np.random.default_rng(7).integers(0, 255, (60, 80, 3), np.uint8)
    found = boxes(*([min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in corners))
    result = cover(image.copy(), found)
    outside = np.ones(image.shape[:2], bool)
    for x1, y1, x2, y2 in found.astype(int):
        outside[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = False
    np.testing.assert_array_equal(result[outside], image[outside])
    if len(found):
        x1, y1, x2, y2 = found[-1].astype(int)  # the last one lies on top
        part = result[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
        assert len(np.unique(part.reshape(-1, 3), axis=0)) <= MOSAIC**2


def test_two_different_faces_look_much_the_same_afterwards():
    one, other = (np.random.default_rng(seed).integers(0, 255, (60, 60, 3), np.uint8) for seed in (1, 2))
    before = np.abs(one.astype(int) - other).mean()
    after = np.abs(cover(one, boxes([0, 0, 60, 60])).astype(int) - cover(other, boxes([0, 0, 60, 60]))).mean()
    assert after < before / 5


# --- whole files ----------------------------------------------------------------------------------


def noise(number: int, size=(160, 96)) -> np.ndarray:
    """A gray picture with a checkered square on its way from left to right."""
    image = np.full((size[1], size[0], 3), 100, np.uint8)
    x = number * 2 % (size[0] - SIZE)
    checks = (np.indices((SIZE, SIZE)).sum(axis=0) // 2 % 2 * 255).astype(np.uint8)
    image[20 : 20 + SIZE, x : x + SIZE] = checks[:, :, None]
    return image


def square(image: np.ndarray) -> np.ndarray:
    """A detector for it: where there are strong edges."""
    edges = np.abs(cv2.Laplacian(image[:, :, 0], cv2.CV_64F)) > 200
    if not edges.any():
        return NOTHING
    y, x = np.nonzero(edges)
    return boxes([x.min(), y.min(), x.max(), y.max()])


def film(path: Path, frames: int = 40, *, sound: bool = True, ticks=None, size=(160, 96)) -> Path:
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=20)
        pictures.width, pictures.height, pictures.pix_fmt = *size, "yuv420p"
        pictures.options = {"crf": "10"}
        pictures.codec_context.time_base = Fraction(1, 1000)
        voice = out.add_stream("aac", rate=16000, layout="mono") if sound else None
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(noise(i, size), "bgr24")
            frame.pts, frame.time_base = (ticks or (lambda n: 50 * n))(i), Fraction(1, 1000)
            out.mux(pictures.encode(frame))
        out.mux(pictures.encode(None))
        if voice is not None:
            for start in range(0, frames * 800, 1024):
                tone = np.sin(np.arange(start, start + 1024) / 20, dtype=np.float32)[None]
                frame = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
                frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
                out.mux(voice.encode(frame))
            out.mux(voice.encode(None))
    return path


def pictures(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as source:
        return [(float(f.pts * f.time_base), f.to_ndarray(format="bgr24")) for f in source.decode(video=0)]


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as source:
        return [bytes(packet) for packet in source.demux(audio=0) if packet.size]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_every_frame_is_covered_and_every_packet_of_sound_is_kept(tmp_path: Path, suffix: str):
    film(tmp_path / f"in{suffix}")
    told = []
    done = blur(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", square, lambda *a: told.append(a))
    before, after = pictures(tmp_path / f"in{suffix}"), pictures(tmp_path / f"out{suffix}")
    assert done == len(before) == len(after) == len(told) == 40
    np.testing.assert_allclose([t for t, _ in after], [t for t, _ in before], atol=0.002)
    assert all(len(square(image)) for _, image in before)
    for _, image in after:
        assert not len(square(image)), "no detail is left"
    assert sound(tmp_path / f"out{suffix}") == sound(tmp_path / f"in{suffix}")
    assert [file.name for file in sorted(tmp_path.iterdir())] == [f"in{suffix}", f"out{suffix}"]
    assert (tmp_path / f"out{suffix}").stat().st_mode & 0o777 == 0o600


def test_what_is_not_covered_stays_as_it_was(tmp_path: Path):
    film(tmp_path / "in.mp4", sound=False)
    blur(tmp_path / "in.mp4", tmp_path / "out.mp4", lambda image: NOTHING, lambda *a: None)
    for (_, a), (_, b) in zip(pictures(tmp_path / "in.mp4"), pictures(tmp_path / "out.mp4"), strict=True):
        assert np.abs(a.astype(int) - b).mean() < 6


def test_frames_at_uneven_times_keep_them(tmp_path: Path):
    film(tmp_path / "in.mkv", 20, ticks=lambda i: i * i * 7 + 90)
    blur(tmp_path / "in.mkv", tmp_path / "out.mkv", square, lambda *a: None, step=3)
    times = [[t for t, _ in pictures(tmp_path / name)] for name in ("in.mkv", "out.mkv")]
    np.testing.assert_allclose(np.diff(times[0]), np.diff(times[1]), atol=0.002)


def test_a_rotated_recording_stands_upright(tmp_path: Path, videos):
    videos.write(tmp_path / "in.mp4", 10, rotation=90)
    blur(tmp_path / "in.mp4", tmp_path / "out.mp4", lambda image: NOTHING, lambda *a: None)
    assert pictures(tmp_path / "out.mp4")[0][1].shape == (160, 96, 3)


# (how it is stored, what is asked for, size of the copy, number in its first frame; None: it is turned)
COPIES: list[tuple[dict, View, tuple[int, int], int | None]] = [
    ({"pixels": Fraction(16, 9), "size": (180, 96)}, View(), (320, 96), None),
    ({"matrix": (-1, 0, 0, 1)}, View(), (160, 96), None),
    ({}, View(rotate=90), (96, 160), None),
    ({}, View(), (160, 96), 0),
]


@pytest.mark.parametrize(("stored", "view", "size", "number"), COPIES)
def test_a_copy_shows_what_the_recording_shows(tmp_path: Path, videos, stored, view, size, number):
    path = videos.write(tmp_path / "in.mp4", 10, options={"qp": "0"}, **stored)
    blur(path, tmp_path / "out.mp4", lambda image: NOTHING, lambda *a: None, view=view)
    with av.open(str(tmp_path / "out.mp4")) as copy:
        assert copy.streams.video[0].sample_aspect_ratio in (None, 1)
    image = pictures(tmp_path / "out.mp4")[0][1]
    assert image.shape[1::-1] == size
    source = probe(path, view)
    original = next(iter(Samples(path, source.index, source.index.times[:1], view=source.view))).image
    assert np.abs(image.astype(int) - original).mean() < 6
    assert number is None or videos.number_of(image) == number


def test_a_copy_has_one_stream_of_pictures(tmp_path: Path, videos):
    with av.open(str(tmp_path / "in.mkv"), "w") as out:
        streams = [out.add_stream("libx264", rate=25) for _ in range(2)]
        packets = [
            packet
            for number, stream in enumerate(streams)
            for packet in videos.encode(stream, 5, how=videos.Pictures(numbers=range(9 * number, 20)))
        ]
        out.mux(sorted(packets, key=lambda packet: packet.dts * packet.time_base))
    for number, drawn in [(0, 0), (1, 0), (2, 9)]:
        out = tmp_path / f"{number}.mkv"
        assert blur(tmp_path / "in.mkv", out, lambda image: NOTHING, lambda *a: None, view=View(number)) == 5
        assert videos.number_of(pictures(out)[0][1]) == drawn
    with pytest.raises(VideoError, match="--stream 3: expected 1 to 2"):
        blur(tmp_path / "in.mkv", tmp_path / "3.mkv", square, lambda *a: None, view=View(3))


def test_an_odd_picture_loses_a_row(tmp_path: Path):
    """4:2:0 has no odd sides; a codec without such a rule can."""
    with av.open(str(tmp_path / "in.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 101, 75, "bgr0"
        for i in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((75, 101, 3), 90, np.uint8), "bgr24")
            frame.pts = i
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert blur(tmp_path / "in.mkv", tmp_path / "out.mkv", square, lambda *a: None) == 4
    assert pictures(tmp_path / "out.mkv")[0][1].shape == (74, 100, 3)


def test_what_goes_wrong_leaves_nothing(tmp_path: Path):
    film(tmp_path / "in.mp4", 10)
    (tmp_path / "no.mp4").write_bytes(b"no video")
    (tmp_path / "there.mp4").write_bytes(b"mine")

    def interrupted(image):
        raise KeyboardInterrupt("enough")

    cases = [
        (tmp_path / "none.mp4", tmp_path / "x.mp4", square, VideoError, "none.mp4: cannot be read"),
        (tmp_path / "no.mp4", tmp_path / "x.mp4", square, VideoError, "no.mp4: cannot be read"),
        (tmp_path / "in.mp4", tmp_path / "there.mp4", square, VideoError, "is there already"),
        (tmp_path / "in.mp4", tmp_path / "no" / "x.mp4", square, VideoError, "no such folder"),
        (tmp_path / "in.mp4", tmp_path / "x.wav", square, VideoError, "could not be written"),
        (tmp_path / "in.mp4", tmp_path / "x.what", square, VideoError, "could not be written"),
        (tmp_path / "in.mp4", tmp_path / "x.mp4", interrupted, KeyboardInterrupt, "enough"),
    ]
    for source, out, look, error, words in cases:
        with pytest.raises(error, match=words):
            blur(source, out, look, lambda *a: None)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["in.mp4", "no.mp4", "there.mp4"]
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"
