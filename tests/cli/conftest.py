"""The command in this process: torch is loaded once for all tests of the command line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from class_of_six import SIX

from fertool.cli.app import main
from fertool.demo import gallery


@dataclass
class Shown:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


Fertool = Callable[..., Shown]


@pytest.fixture
def fertool(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Fertool:
    """Run a command as typed, in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FERTOOL_DB", raising=False)

    def run(*args: object) -> Shown:
        monkeypatch.setattr(sys, "argv", ["fertool", *map(str, args)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        shown = capsys.readouterr()
        return Shown(code, shown.out, shown.err)

    return run


@pytest.fixture(scope="session")
def demo_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's lecture."""
    path = tmp_path_factory.mktemp("demo") / "lecture.mp4"
    gallery.make_gallery(path)
    return path


@pytest.fixture(scope="session")
def small_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, six seconds; the second leaves after three and a half."""
    people = [gallery.Person(0, ((0, 6),)), gallery.Person(3, ((0, 3.5),))]
    path = tmp_path_factory.mktemp("small") / "two.mp4"
    gallery.make_gallery(path, people, duration_s=6, size=(640, 288), columns=2, gop_s=2)
    return path


# --- a class of six: a recording shows four of them ----------------------------------------------

PEOPLE = tuple(gallery.Person(i, ((0, 12),)) for i in (0, 1, 3, 4))
"""Ann, Bob, Dora and Eve."""


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the six, and of three pictures that are no good."""
    folder = tmp_path_factory.mktemp("roster")
    views = [np.ascontiguousarray(view) for view in gallery.portraits()]
    for name, view in zip(SIX, views, strict=True):
        cv2.imwrite(str(folder / f"{name}.png"), view)
    height = min(view.shape[0] for view in views[:2])
    bad = {
        "blurred": cv2.GaussianBlur(views[3], (0, 0), 3),
        "pair": np.hstack([views[0][:height], views[1][:height]]),
        "slide": np.full((200, 300, 3), 255, np.uint8),
    }
    for name, image in bad.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    return folder


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of four people."""
    path = tmp_path_factory.mktemp("four") / "four.mp4"
    gallery.make_gallery(path, PEOPLE, duration_s=12, size=(960, 640), columns=2, gop_s=2)
    return path


@pytest.fixture(scope="session")
def analyzed(four: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of that recording, without a roster."""
    from fertool.config import Settings
    from fertool.workflows.analyze import analyze
    from fertool.workflows.plan import Arguments

    path = tmp_path_factory.mktemp("analyzed") / "fertool.duckdb"
    chosen = Settings(db=str(path), course="course", detector="ssd", policy="behaviour")
    analyze(Arguments((str(four),), lecture="week 1"), chosen)
    return path


@pytest.fixture
def filled(analyzed: Path, tmp_path: Path) -> Path:
    """A copy of it in the current folder."""
    return Path(shutil.copy(analyzed, tmp_path / "fertool.duckdb"))


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERTOOL_PASSPHRASE", "open sesame")
