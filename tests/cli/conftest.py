"""The command in this process: torch is loaded once for all tests of the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fertool.cli import main
from fertool.testing import gallery


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
