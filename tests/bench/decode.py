"""What sampling costs, as a share of decoding every frame once. Run: python tests/bench/decode.py [VIDEO ...]

Without arguments it makes one-minute 1080p25 H.264 files with B-frames: a keyframe every 10 s, and every
second. "everything" is PyAV with its own automatic threads and no conversion; the two take turns, and the
medians are compared, by the wall clock and by processor time, which is what counts once nets run beside it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from fertool.media.decode import Samples
from fertool.media.probe import VideoInfo, probe, sha256
from fertool.media.sampling import Every, plan

ROUNDS = 5
SIZE, FPS, SECONDS = (1920, 1080), 25, 60


def make(path: Path, keyframe_s: float) -> Path:
    """A textured room that the camera pans across, with six ellipses that nod."""
    width, height = SIZE
    noise = np.random.default_rng(0).integers(0, 255, (height // 8, width // 4, 3), np.uint8)
    room = cv2.GaussianBlur(cv2.resize(noise, (2 * width, height), interpolation=cv2.INTER_CUBIC), (0, 0), 3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        group = str(round(keyframe_s * FPS))
        stream.options = {"g": group, "keyint_min": group, "sc_threshold": "0", "preset": "veryfast"}
        stream.thread_type = "FRAME"  # PyAV's default makes x264 cut frames into slices, as cameras do not
        for i in range(SECONDS * FPS):
            left = int(width / 2 + width / 8 * np.sin(i / 40))
            image = room[:, left : left + width].copy()
            for person in range(6):
                x = int(width * (person + 0.5) / 6 + 40 * np.sin(i / 9 + person))
                y = int(height / 2 + 60 * np.cos(i / 11 + 2 * person))
                cv2.ellipse(image, (x, y), (70, 95), 0, 0, 360, (120, 160, 210), -1)
            frame = av.VideoFrame.from_ndarray(image, "bgr24")
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def everything(path: Path) -> int:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))


def sampled(source: VideoInfo, every: Every) -> int:
    return sum(1 for _ in Samples(source.path, source.index, plan(source.index, every)))


def cost(work: Callable[[], int]) -> tuple[float, float, int]:
    """(wall clock, processor time, frames)"""
    wall, processor = time.perf_counter(), time.process_time()
    frames = work()
    return time.perf_counter() - wall, time.process_time() - processor, frames


def compare(path: Path) -> None:
    for name, work in {
        "probe": lambda: len(probe(path).index.pts),
        "sha256": lambda: len(sha256(path)),
    }.items():
        print(f"  {name:<16} {cost(work)[0]:6.2f} s")
    source = probe(path)
    ways: dict[str, Callable[[], int]] = {
        "everything": lambda: everything(path),
        "every 1 s": lambda: sampled(source, 1.0),
        "every 0.2 s": lambda: sampled(source, 0.2),
        "keyframes": lambda: sampled(source, "keyframes"),
    }
    runs = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, work in ways.items():
            runs[name].append(cost(work))
    full = [statistics.median(column) for column in zip(*runs["everything"], strict=True)]
    for name, results in runs.items():
        wall, processor, frames = (statistics.median(column) for column in zip(*results, strict=True))
        print(
            f"  {name:<16} {wall:6.2f} s ({wall / full[0]:5.1%})  processor {processor:6.2f} s "
            f"({processor / full[1]:5.1%})  {frames:.0f} frames"
        )


def main() -> None:
    if paths := [Path(name) for name in sys.argv[1:]]:
        for path in paths:
            print(path.name)
            compare(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        for keyframe_s in (10, 1):
            path = make(Path(folder) / f"{keyframe_s}.mp4", keyframe_s)
            megabytes = path.stat().st_size / 1e6
            print(f"1080p25 H.264, {SECONDS} s, a keyframe every {keyframe_s} s, {megabytes:.0f} MB")
            compare(path)


if __name__ == "__main__":
    main()
