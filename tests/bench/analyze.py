"""What an analysis costs against decoding the same file once, and how its memory grows with length.

python tests/bench/analyze.py [--detector yunet] [--minutes 2] [--rounds 3] [--memory]

Prints ratios: the machines this runs on are shared, so A and B alternate, and only their quotient is
worth keeping. `--memory` compares the peak memory of 60 minutes with that of 5.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import av

from fertool.demo.gallery import DEMO, make_gallery

DECODE = """
import sys, av
with av.open(sys.argv[1]) as container:
    container.streams.video[0].thread_type = "AUTO"
    for frame in container.decode(video=0): pass
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", default="yunet")
    parser.add_argument("--minutes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "fertool-bench")
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    if given.memory:
        memory(given.folder, given.detector)
    else:
        speed(given.folder, given.detector, given.minutes, given.rounds)


def speed(folder: Path, detector: str, minutes: int, rounds: int) -> None:
    video = lecture(folder, minutes)
    ratios = []
    for number in range(rounds):
        decoding, _ = timed([sys.executable, "-c", DECODE, str(video)])
        analysis, peak = timed(analyze(video, folder, detector))
        ratios.append(analysis / decoding)
        print(
            f"round {number + 1}: decode {decoding:.1f} s, analyze {analysis:.1f} s "
            f"({minutes * 60 / analysis:.0f}x real time), ratio {ratios[-1]:.2f}, peak {peak:.0f} MB",
            flush=True,
        )
    print(f"{detector}, {minutes} min of 1080p25 H.264 with six faces, one sample a second")
    print(f"analysis / decoding: median {statistics.median(ratios):.2f} (goal: at most 2)")


def memory(folder: Path, detector: str) -> None:
    peaks = {}
    for minutes in (5, 60):
        seconds, peaks[minutes] = timed(analyze(lecture(folder, minutes), folder, detector))
        print(
            f"{minutes} min: peak {peaks[minutes]:.0f} MB, {minutes * 60 / seconds:.0f}x real time",
            flush=True,
        )
    print(f"60 min / 5 min: {peaks[60] / peaks[5]:.3f} (goal: at most 1.10, and below 1500 MB)")


def analyze(video: Path, folder: Path, detector: str) -> list[str]:
    words = [sys.executable, "-m", "fertool", "analyze", str(video), "--detector", detector, "--force"]
    return [*words, "--db", str(folder / "bench.duckdb"), "--json"]


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds, and the peak memory of the process in MB."""
    # Installed packages are compiled; what runs from its sources is to be so as well.
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=compiled)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def lecture(folder: Path, minutes: int) -> Path:
    """A 1080p25 gallery of six people: one minute made, then repeated without encoding it again."""
    video = folder / f"lecture-{minutes}.mp4"
    minute = folder / "minute.mp4"
    if not minute.exists():
        part = folder / "part.mp4"
        make_gallery(part, DEMO, size=(1920, 1080), fps=25, gop_s=10, preset="veryfast")
        part.replace(minute)
    if not video.exists():
        repeat(minute, video, minutes)
    return video


def repeat(source: Path, target: Path, times: int) -> None:
    """Copy the packets of `source` several times over, shifted in time."""
    with av.open(str(source)) as first, av.open(str(target), "w") as out:
        stream = first.streams.video[0]
        copy = out.add_stream_from_template(stream)
        length = stream.duration or 0
        for number in range(times):
            with av.open(str(source)) as again:
                mux_shifted(again.demux(video=0), out, copy, number * length)


def mux_shifted(
    packets: Iterable[av.Packet], out: av.container.OutputContainer, stream: object, by: int
) -> None:
    for packet in packets:
        if packet.dts is None:
            continue  # the flushing packet
        packet.pts, packet.dts = (packet.pts or 0) + by, packet.dts + by
        packet.stream = stream
        out.mux(packet)


if __name__ == "__main__":
    main()
