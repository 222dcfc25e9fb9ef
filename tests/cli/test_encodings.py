"""Every command on a terminal or in a pipe that cannot hold the names: ASCII, and Windows' code page 1252.

Streams here are those of a process with that PYTHONIOENCODING, and as strict; tests/cli/test_streams.py runs
such processes.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fertool.cli.app import app
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

COURSE, LECTURE, STUDENT = "Kürs 学", "Übung 学习 🎓", "Zoë 学"
OWN = ("--course", COURSE)
# Command -> what is typed behind it, and how it ends: 2 where a name is refused.
RUNS: dict[str, tuple[tuple[str, ...], int]] = {
    "analyze": (("Woche 学", *OWN, "--end", "0.5", "--detector", "ssd", "--policy", "behaviour"), 2),
    "assess": (OWN, 0),
    "report": ((*OWN, "--out", "Bericht 学"), 0),
    "demo": (("--out", "points 学.csv"), 2),  # a file is there already
    "runs": (OWN, 0),
    "query": (("SELECT DISTINCT lecture, student FROM frame_emotions",), 0),
    "doctor": ((), 0),
    "train": (("学", "--data", "学"), 2),
    "evaluate": (("学", "--data", "学"), 2),
    "export": (("学", "--onnx", "学.onnx"), 2),
    "explain": (("学.gif",), 2),
    "purge": (("--older-than", "9000d"), 0),
    "audit": (OWN, 0),
    "blur": (("学.mp4", "--out", "学 2.mp4"), 2),
    "ingest": (("学",), 2),
    "segments": (("points 学.csv", *OWN), 0),
    "new": (("rule", "学"), 2),
    "models list": ((), 0),
    "models pull": (("学",), 2),
    "models verify": (("学",), 2),
    "models path": (("学",), 2),
    "policy explain": ((), 0),
    "identity evaluate": (("truth 学.csv", *OWN), 0),
    "students list": (OWN, 0),
    "students show": ((STUDENT, *OWN), 0),
    "students forget": ((STUDENT, *OWN), 0),
    "students export": ((STUDENT, *OWN, "--out", "学.zip"), 0),
    "students enroll": (("roster 学.csv", *OWN), 0),
    "students review": ((*OWN, "--out", "学.html"), 0),
    "students rename": ((STUDENT, "Zoë 习", *OWN), 0),
    "students merge": ((STUDENT, "Bob 学", *OWN), 0),
    "students split": ((STUDENT, "--to", "Cem 学", "--recording", LECTURE, *OWN), 2),
    "students consent": ((STUDENT, *OWN), 0),
    "students withdraw": ((STUDENT, *OWN), 0),
    "plugins": ((), 0),
    "plugins check": (("学.py",), 2),
    "rules sensitivity": (("shares", *OWN), 0),
}


def commands(group: Any, *above: str) -> Iterator[tuple[str, Any]]:
    """Every command of a group of Click's, by the words that are typed for it."""
    for name, command in group.commands.items():
        below = hasattr(command, "commands")
        if not below or command.invoke_without_command:
            yield " ".join((*above, name)), command
        if below:
            yield from commands(command, *above, name)


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.fixture(scope="module")
def composed(small_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database, and files to read, all with such names."""
    folder = tmp_path_factory.mktemp("encodings")
    people = {name: timeline("happy*6 sad*6") for name in (STUDENT, "Bob 学")}
    name = f"{LECTURE}.mp4"
    store_lecture(Store(folder / "fertool.duckdb"), COURSE, LECTURE, people, recording_name=name)
    (folder / "points 学.csv").write_text("start,title\n0,Überblick 学\n", encoding="utf-8")
    (folder / "roster 学.csv").write_text(f"student,consent\n{STUDENT},yes\n", encoding="utf-8")
    truth = f"recording,time_s,person,x1,y1,x2,y2\n{name},0,{STUDENT},0,0,9,9\n"
    (folder / "truth 学.csv").write_text(truth, encoding="utf-8")
    (folder / "Woche 学").mkdir()
    shutil.copy(small_video, folder / "Woche 学" / "学习.mp4")
    (folder / "Woche 学" / "Übung 习.mp4").write_bytes(b"no video")
    (folder / "Woche 学" / "学.gif").touch()
    return folder


def test_every_command_is_in_the_table() -> None:
    assert set(COMMANDS) == set(RUNS)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("name", RUNS)
def test_no_command_ends_at_a_character(
    fertool, composed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, encoding: str
) -> None:
    shutil.copytree(composed, tmp_path, dirs_exist_ok=True)
    words, code = RUNS[name]
    has_json = any(option.name == "json" for option in COMMANDS[name].params)
    for more in ((), ("--json",)) if has_json else ((),):
        streams = {one: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for one in ("stdout", "stderr")}
        for one, stream in streams.items():
            monkeypatch.setattr(sys, one, stream)
        done = fertool(*name.split(), *words, *more)
        out, err = (streams[one].buffer.getvalue() for one in ("stdout", "stderr"))
        assert (done.code, b"Traceback" in err) == (code, False), err.decode(encoding)
        err.decode(encoding)
        if more and out:
            json.loads(out.decode("utf-8"))
        else:
            out.decode(encoding)
