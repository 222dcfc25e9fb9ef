"""What several workers are worth: two against one on two cores, and Ray against processes.

python tests/bench/cluster.py [--minutes 2] [--recordings 4] [--rounds 3] [--ray HOST:PORT]

Prints ratios of the computing time of all chunks and of the whole command, one thread a worker: the
machines this runs on are shared, so A and B alternate, and only their quotient is worth keeping.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fertool.demo.gallery import DEMO, make_gallery


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=2)
    parser.add_argument("--recordings", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ray", metavar="HOST:PORT", help="a cluster that was started, with two cores")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "fertool-bench-cluster")
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    videos = make(given.folder, given.minutes, given.recordings)
    ways = {"one": ["--workers", "1"], "two": ["--workers", "2"]}
    if given.ray:
        ways["Ray"] = ["--workers", "2", "--engine", "ray", "--address", given.ray]
    gains, costs = [], []
    for number in range(given.rounds):
        # There and back: what drifts in one direction weighs on none of them.
        order = list(ways)[:: -1 if number % 2 else 1]
        took = {name: timed(videos, given.folder, ways[name]) for name in order}
        gains.append(took["one"] / took["two"] / 2)
        costs.append(took.get("Ray", 0.0) / took["two"])
        print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items()), flush=True)
    print(f"efficiency of two workers, one thread each: median {statistics.median(gains):.2f} (goal: 0.8)")
    if given.ray:
        print(f"Ray / processes: median {statistics.median(costs):.2f} (goal: at most 1.10)")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def make(folder: Path, minutes: int, count: int) -> list[Path]:
    """Gallery views of six people, each file another one."""
    videos = [folder / f"lecture-{minutes}-{number}.mp4" for number in range(count)]
    for number, video in enumerate(videos):
        if not video.exists():
            part = folder / "part.mp4"
            length = 60 * minutes + number
            make_gallery(part, DEMO, duration_s=length, size=(1280, 720), fps=5, gop_s=4, preset="veryfast")
            part.replace(video)
    return videos


def timed(videos: list[Path], folder: Path, more: list[str]) -> float:
    """Seconds of the whole command: workers started, models loaded, students linked."""
    work = Path(tempfile.mkdtemp(dir=folder))
    words = ["analyze", *map(str, videos), "--detector", "ssd", "--threads", "1", "--json", *more]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "fertool", *words], cwd=work, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    shutil.rmtree(work)
    if done.returncode:
        raise SystemExit(done.stderr)
    return seconds


if __name__ == "__main__":
    main()
