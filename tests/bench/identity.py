"""How well people are told apart over whole lectures: IDF1 and switches, after `fertool identity evaluate`.

python tests/bench/identity.py [--hours 1] [--lectures 2] [--every 5] [--shuffles 6] [--seed 1] [--out DIR]

Makes lectures of fourteen people (`fertool.demo.lectures`), a third of the time away, whose tiles are
rearranged a few times, and analyzes them as a user would, one after the other, in one course. An hour at
a sample in five seconds takes some minutes. `--out`: where recordings, truth and database stay.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fertool.demo.lectures import LOOKS, Guest, SimulatedMeeting, make_lecture, schedule, write_truth


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--lectures", type=int, default=2)
    parser.add_argument("--every", type=float, default=5, help="seconds from one sample to the next")
    parser.add_argument("--shuffles", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1, help="of the first lecture; the others count on")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = given.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        meetings = {
            f"lecture-{seed}.mp4": meeting(given.hours * 3600, given.every, given.shuffles, seed)
            for seed in range(given.seed, given.seed + given.lectures)
        }
        for name, held in meetings.items():
            make_lecture(out / name, held)
            start = time.monotonic()
            fertool(out, "analyze", name, "--course", "bench", "--every", f"{given.every}s")
            took = time.monotonic() - start
            print(f"{name}: {took:.0f} s for {held.duration_s:.0f} s of video", flush=True)
        for name, held in meetings.items():
            write_truth(out / "one.csv", {name: held})
            print(name, flush=True)
            fertool(out, "identity", "evaluate", "one.csv")
        write_truth(out / "truth.csv", meetings)
        print("all together", flush=True)
        fertool(out, "identity", "evaluate", "truth.csv")


def meeting(duration_s: float, every_s: float, shuffles: int, seed: int) -> SimulatedMeeting:
    """Fourteen people in tiles; shuffles evenly over the time, each half a sample before a frame."""
    spans = schedule(list(LOOKS), duration_s, every_s=every_s, seed=seed)
    parts = (duration_s * part / (shuffles + 1) for part in range(1, shuffles + 1))
    at = tuple((math.floor(part / every_s) + 0.5) * every_s for part in parts)
    people = {name: Guest(look, spans[name]) for name, look in LOOKS.items()}
    return SimulatedMeeting(people, duration_s, every_s=every_s, shuffles=at, seed=seed)


def fertool(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "fertool", *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    main()
