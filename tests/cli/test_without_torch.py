"""PyTorch, whose import takes seconds, stays out of the commands of every day: kept networks do without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from fertool.demo import gallery

SCRIPT = """
import sys
from fertool.cli.app import main
try:
    main()
except SystemExit as end:
    code = end.code
else:
    code = 0
print(*sorted({"torch", "onnx"} & {*sys.modules}), file=sys.stderr)
raise SystemExit(code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_video: Path) -> Path:
    """The recording, a folder with a picture of its first person, and a roster; analyzed once with every
    network that ships, so that all of them are kept."""
    path = tmp_path_factory.mktemp("light")
    (path / "two.mp4").symlink_to(small_video)
    (path / "roster").mkdir()
    cv2.imwrite(str(path / "roster" / "Ann.png"), gallery.portraits()[0])
    for words in (["--classifier", "compact"], ["--classifier", "faceapi-expression", "--detector", "ssd"]):
        assert run(path, "analyze", "two.mp4", "--db", f"{words[1]}.duckdb", *words).returncode == 0
    return path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


COMMANDS = [
    ["analyze", "two.mp4"],
    ["analyze", "two.mp4", "--force", "--detector", "ssd", "--classifier", "faceapi-expression"],
    ["assess"],
    ["report"],
    ["students", "list"],
    ["students", "enroll", "roster"],
    ["students", "review", "--out", "review.html"],
    ["runs"],
    ["query", "FROM students"],
]
"""In this order, in one folder."""


def test_no_command_of_every_day_imports_pytorch(folder: Path) -> None:
    for words in COMMANDS:
        done = run(folder, *words)
        assert done.returncode == 0, (words, done.stderr)
        assert done.stderr.splitlines()[-1] == "", words
