"""Small videos for tests, made with PyAV: every frame carries its own number in its pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

BLOCK = 16
"""Side of one black or white square; large enough to survive any compression."""
BITS = 10

Image = npt.NDArray[np.uint8]


def picture(number: int, width: int = 160, height: int = 96) -> Image:
    """(height, width, 3) BGR: the number as ten squares along the top, a pattern that moves below."""
    y, x = np.mgrid[:height, :width]
    image = np.empty((height, width, 3), np.uint8)
    for channel, (speed, scale) in enumerate([(3, 11.0), (-2, 17.0), (5, 23.0)]):
        wave = np.sin((x + speed * number) / scale) * np.cos((y - speed * number) / scale)
        image[..., channel] = 128 + 100 * wave
    image[:BLOCK] = 0
    for bit in range(BITS):
        if number >> bit & 1:
            image[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255
    return image


def number_of(image: Image) -> int:
    """The number that `picture` drew, read back from an upright frame."""
    centers = image[BLOCK // 2, BLOCK // 2 : BITS * BLOCK : BLOCK].mean(axis=1)
    return sum(int(bright) << bit for bit, bright in enumerate(centers > 128))


@dataclass(frozen=True)
class Pictures:
    """Which pictures a stream has, and when."""

    options: dict[str, str] = field(default_factory=dict)
    """Of the codec."""
    pts: Sequence[int] | None = None
    """In ticks; one after the other when left out."""
    fps: int = 25
    tick: Fraction | None = None
    """1 / fps when left out."""
    size: tuple[int, int] = (160, 96)
    """Width and height in pixels."""
    numbers: Iterable[int] | None = None
    """Their own, from 0, when left out."""


@dataclass(frozen=True)
class Video(Pictures):
    """A file: its pictures, and what it has beside them."""

    rotation: int = 0
    """As the display matrix has it."""
    matrix: Sequence[int] | None = None
    """The four signs of its upper left corner."""
    pixels: Fraction | None = None
    """Width of one by its height."""
    sound_s: float = 0.0
    chapters: Sequence[tuple[str, float, float]] = ()
    faststart: bool = False
    video: bool = True


def encode(
    stream: av.VideoStream, frames: int = 60, codec: str = "libx264", how: Pictures = Pictures()
) -> Iterable[av.Packet]:
    """Packets of `frames` numbered pictures, for `stream` (already added, not yet open)."""
    stream.width, stream.height, stream.pix_fmt = *how.size, "yuvj420p" if codec == "mjpeg" else "yuv420p"
    stream.options = how.options
    stream.thread_type = "FRAME"  # with PyAV's default, x264 cuts every frame into slices
    tick = how.tick or Fraction(1, how.fps)
    stream.codec_context.time_base = tick
    for i, number in zip(range(frames), how.numbers or range(frames), strict=False):
        frame = av.VideoFrame.from_ndarray(picture(number, *how.size), "bgr24")
        frame.pts, frame.time_base = (how.pts[i] if how.pts else i), tick
        yield from stream.encode(frame)
    yield from stream.encode(None)


@contextmanager
def usual_scheduling() -> Iterator[None]:
    """SVT-AV1 gives the calling thread real-time priority, where it may, and never takes it back. A browser
    that a test starts later would inherit it and leave no processor to anybody."""
    if not hasattr(os, "sched_getscheduler"):  # outside Linux
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


@usual_scheduling()
def write(path: Path, frames: int = 60, codec: str = "libx264", **given: Any) -> Path:
    """A file in the container its suffix asks for. `given`: fields of `Video`."""
    how = Video(**given)
    with av.open(str(path), "w", options={"movflags": "+faststart"} if how.faststart else {}) as container:
        picture_stream = container.add_stream(codec, rate=how.fps) if how.video else None
        sound_stream = container.add_stream("aac", rate=16000, layout="mono") if how.sound_s else None
        if picture_stream and how.rotation:
            picture_stream.set_display_rotation(how.rotation)
        if picture_stream and how.matrix:
            (a, b, c, d), one = how.matrix, 1 << 16
            picture_stream.set_display_matrix([a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30])
        if picture_stream and how.pixels:
            picture_stream.codec_context.sample_aspect_ratio = how.pixels
        if how.chapters:
            container.set_chapters([_chapter(i, *chapter) for i, chapter in enumerate(how.chapters)])
        if picture_stream:
            container.mux(list(encode(picture_stream, frames, codec, how)))
        if sound_stream:
            container.mux(list(silence(sound_stream, how.sound_s)))
    return path


def changed(
    source: Path,
    out: Path,
    *changes: Callable[[Image], Image],
    pixels: Fraction = Fraction(1),
    rotation: int = 0,
) -> Path:
    """The pictures of `source` again, in BGR, changed: a stream for each of `changes`. `pixels`, `rotation`:
    as in `write`."""
    with av.open(str(source)) as before, av.open(str(out), "w") as after:
        streams = [after.add_stream("libx264", rate=before.streams.video[0].average_rate) for _ in changes]
        packets = []
        for number, frame in enumerate(before.decode(video=0)):
            for stream, change in zip(streams, changes, strict=True):
                image = np.ascontiguousarray(change(frame.to_ndarray(format="bgr24")))
                if not number:
                    stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
                    stream.options = {"crf": "12", "preset": "veryfast"}
                    stream.codec_context.sample_aspect_ratio = pixels
                    if rotation:
                        stream.set_display_rotation(rotation)
                picture = av.VideoFrame.from_ndarray(image, "bgr24")
                picture.pts = number
                packets += stream.encode(picture)
        for stream in streams:
            packets += stream.encode(None)
        after.mux(sorted(packets, key=lambda packet: packet.dts * packet.time_base))
    return out


def write_annexb(path: Path, sizes: Sequence[tuple[int, int]], frames: int = 30) -> Path:
    """An MPEG transport stream whose H.264 pictures change size after every `frames` frames."""
    with av.open(str(path), "w") as container:
        out = container.add_stream("libx264", rate=25)
        out.width, out.height, out.pix_fmt = *sizes[0], "yuv420p"
        for part, size in enumerate(sizes):
            with av.open(str(path.with_suffix(f".{part}.ts")), "w") as scratch:
                stream = scratch.add_stream("libx264", rate=25)
                own = range(part * frames, (part + 1) * frames)
                how = Pictures(options={"g": "10", "bf": "0"}, pts=own, numbers=own, size=size)
                for packet in encode(stream, frames, how=how):
                    packet.stream = out
                    container.mux(packet)
    return path


def _chapter(number: int, title: str, start_s: float, end_s: float) -> av.container.core.Chapter:
    return {
        "id": number,
        "start": round(start_s * 1000),
        "end": round(end_s * 1000),
        "time_base": Fraction(1, 1000),
        "metadata": {"title": title},
    }


def silence(stream: av.AudioStream, seconds: float) -> Iterable[av.Packet]:
    for start in range(0, int(seconds * 16000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
        yield from stream.encode(frame)
    yield from stream.encode(None)
