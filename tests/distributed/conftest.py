"""A course of short recordings, a detector that can be told to misbehave, and commands as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from same_rows import ROWS

from fertool.demo.gallery import Person, make_gallery

# Finds the two tiles without looking, or with YuNet. FAULT names a file that says what goes wrong:
# "crash 3" is the end of a process, once, at its third call; "poison 728" ends it in native code at every
# picture of that width; "full 5000" is a disk on which no file can be larger; "slow 0.5" makes every call of
# its first reader take as long.
DETECTOR = """
import ctypes, os, resource, signal, time
from pathlib import Path
import numpy as np
from fertool import Detector, Faces, hookimpl
from fertool_plugins.detectors.yunet import Yunet

class Tiles(Detector):
    name, version = "tiles", "1"
    calls, slow = 0, 0.0

    def detect(self, images):
        Tiles.calls += 1
        self.misbehave(images)
        return [self.one(image) for image in images]

    def misbehave(self, images):
        fault = Path(os.environ.get("FAULT", "/nowhere"))
        time.sleep(Tiles.slow)
        if not fault.exists():
            return
        what, _, number = fault.read_text().partition(" ")
        if what == "poison" and images[0].shape[1] == int(number):
            ctypes.string_at(0)
        if what == "crash" and Tiles.calls == int(number):
            fault.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), int(number)))
        if what == "slow":
            fault.unlink()
            Tiles.slow = float(number)

    def one(self, image):
        half = image.shape[1] // 2
        lit = [x for x in (0, half) if image[:, x + 20 : x + half - 20].std() > 20]
        boxes = np.array([[x + 120, 40, x + 240, 200] for x in lit], np.float32).reshape(-1, 4)
        return Faces(boxes, np.full(len(lit), 0.9, np.float32))

class TilesByYunet(Tiles):
    name = "tiles-by-yunet"

    def load(self, device):
        print("networks are loaded")
        self.yunet = Yunet()
        self.yunet.load(device)

    def one(self, image):
        return self.yunet.detect([image])[0]

@hookimpl
def fertool_plugins():
    return [Tiles, TilesByYunet]
"""
Content = dict[str, list[tuple]]


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings of two chunks each; the same two people, and a third in the last one."""
    path = tmp_path_factory.mktemp("workers")
    shapes = {"one": (0, 3), "two": (3, 0), "three": (3, 5)}
    for length, (name, (left, right)) in enumerate(shapes.items(), start=62):
        people = [Person(left, ((0, length),)), Person(right, ((10, length - 5),))]
        size = (728 if name == "three" else 720, 320)
        make_gallery(path / f"{name}.mp4", people, duration_s=length, size=size, columns=2, fps=2, gop_s=10)
    (path / "tiles.py").write_text(DETECTOR)
    return path


@dataclass
class Lectures:
    """The course, analyzed by commands as typed, in a folder of their own."""

    videos: Path
    folder: Path
    fault: Path
    """What the detector shall do, if it exists."""
    base: str = ""
    """Where the recordings are, if not in the folder `videos`: the start of a URI."""

    def command(self, *more: object) -> list[str]:
        videos = [f"{self.base or self.videos}/{name}.mp4" for name in ("one", "two", "three")]
        words = ["analyze", *videos, "--every", "2s", "--detector", "tiles"]
        # The two faces are near each other: who is known again must not hang on the processor's bfloat16.
        words += ["--plugin", self.videos / "tiles.py", "-o", "faceapi.exact=true"]
        return [sys.executable, "-m", "fertool", *map(str, [*words, *more])]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "FAULT": str(self.fault)}

    def analyze(self, *more: object, fault: str = "") -> subprocess.CompletedProcess[str]:
        """`fault`: what the detector shall do."""
        if fault:
            self.fault.write_text(fault)
        return subprocess.run(
            self.command(*more),
            env=self.environment,
            capture_output=True,
            cwd=self.folder,
            text=True,
            timeout=300,
        )

    def ingest(self, *more: object) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "fertool", "ingest", *map(str, more)]
        return subprocess.run(words, capture_output=True, cwd=self.folder, text=True, timeout=300)

    def start(self, *more: object) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            self.command(*more), env=self.environment, cwd=self.folder, stdout=quiet, stderr=quiet
        )

    def rows(self, db: str = "fertool.duckdb") -> Content:
        with duckdb.connect(str(self.folder / db), read_only=True) as con:
            return {t: con.execute(f"SELECT {c} FROM {t} ORDER BY ALL").fetchall() for t, c in ROWS.items()}


@pytest.fixture(scope="session")
def lectures_in(course: Path) -> Callable[[Path], Lectures]:
    """Folder -> the course, analyzed there."""
    return lambda folder: Lectures(course, folder, folder / "fault")


@pytest.fixture
def lectures(lectures_in: Callable[[Path], Lectures], tmp_path: Path) -> Lectures:
    return lectures_in(tmp_path)


@pytest.fixture(scope="session")
def alone(lectures_in: Callable[[Path], Lectures], course: Path) -> Content:
    """What one process without workers makes of the course."""
    one = lectures_in(course)
    done = one.analyze()
    assert done.returncode == 0, done.stderr
    found = one.rows()
    assert len(found["chunks"]) == 6
    assert len({row[-2] for row in found["tracks"]}) < 6, "some are known again in another recording"
    return found
