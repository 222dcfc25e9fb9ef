"""Output that cannot hold a character, is full or closed; signals that end a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fertool.cli.app import COMMANDS
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

LECTURE = "Übung 学习 🎓"
HARD = """SELECT count(*) FROM range(100000000000) t(a) WHERE hash(a) % 7 = 9"""
"""Takes hours."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    store_lecture(Store(folder / "fertool.duckdb"), "signals", LECTURE, {"Zoë": timeline("happy*3")})
    return folder


def start(folder: Path, *words: str, shell: str = "", **env: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fertool", *words]
    if shell:
        command = ["bash", "-c", f'exec "$0" "$@" {shell}', *command]
    return subprocess.Popen(
        command, cwd=folder, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(folder: Path, *words: str, shell: str = "", **env: str) -> tuple[int, bytes, str]:
    process = start(folder, *words, shell=shell, **env)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err.decode("utf-8", "replace")


SCREENS = [
    ("runs",),
    ("query", "SELECT lecture, student FROM frame_emotions LIMIT 1"),
    ("students", "list", "--course", "signals"),
    ("segments", "--lecture", LECTURE),
    ("assess", "--lecture", LECTURE),
]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("words", SCREENS, ids=lambda words: words[0])
def test_a_screen_replaces_what_it_cannot_show(folder: Path, words: tuple[str, ...], encoding: str) -> None:
    code, out, err = run(folder, *words, PYTHONIOENCODING=encoding)
    assert (code, "Traceback" in err) == (0, False), err
    shown = "?bung ?? ?" if encoding == "ascii" else "Übung ?? ?"
    if words[0] in ("runs", "query"):
        assert shown in out.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_data_are_utf8_always(folder: Path, encoding: str) -> None:
    sql = "SELECT DISTINCT lecture, student FROM frame_emotions"
    code, out, _ = run(folder, "query", sql, "--json", PYTHONIOENCODING=encoding)
    assert (code, json.loads(out.decode("utf-8"))) == (0, [{"lecture": LECTURE, "student": "Zoë"}])
    code, out, _ = run(folder, "query", sql, "--csv", PYTHONIOENCODING=encoding)
    assert (code, out.decode("utf-8").split()) == (0, ["lecture,student", *f"{LECTURE},Zoë".split()])
    code, out, _ = run(folder, "runs", "--json", PYTHONIOENCODING=encoding)
    assert (code, LECTURE in out.decode("utf-8")) == (0, True)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_every_command_explains_itself_in_any_encoding(folder: Path, encoding: str) -> None:
    for name in ("", *COMMANDS):
        code, out, err = run(folder, *filter(None, (name,)), "--help", PYTHONIOENCODING=encoding)
        assert (code, err) == (0, ""), name
        assert b"Usage" in out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "words", [("runs",), ("runs", "--json"), ("query", "SELECT 1", "--csv"), ("--version",)]
)
def test_output_that_is_full(folder: Path, words: tuple[str, ...]) -> None:
    code, _, err = run(folder, *words, shell="> /dev/full")
    assert (code, err) == (1, "fertool: cannot write to standard output: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("shell", [">&-", "2>&-", ">&- 2>&-"])
def test_output_that_is_closed(folder: Path, shell: str) -> None:
    code, out, err = run(folder, "query", "SELECT 7 AS seven", "--csv", shell=shell)
    assert code == 0
    assert out in (b"seven\n7\n", b"")
    assert (out == b"") == shell.startswith(">&-")
    assert err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_reader_that_leaves(folder: Path) -> None:
    sql = "SELECT unnest(range(200000)) AS n"
    code, out, err = run(folder, "query", sql, "--csv", shell="| head -n 2; exit ${PIPESTATUS[0]}")
    assert (out, err) == (b"n\n0\n", "")
    assert code in (0, 1, 141)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_during_a_statement(folder: Path, name: str) -> None:
    number = getattr(signal, name)
    process = start(folder, "query", HARD)
    deadline = time.monotonic() + 120
    while not _computes(process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err.decode()) == (128 + number, b"", "Stopped.\n")


def _computes(pid: int) -> bool:
    """Whether DuckDB works on the statement: its threads are there, and have used some seconds."""
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK") > 6
