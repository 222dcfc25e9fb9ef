"""README's "More than one machine", line by line, on a cluster of this machine alone."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'fertool[cluster]'")

from fertool.testing.gallery import Person, make_gallery

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
MARK = "FERTOOL_TEST_README"
"""In the environment of the shell, and so of whatever it starts."""


def lines() -> list[str]:
    section = README.partition("## More than one machine\n")[2].partition("\n## ")[0]
    return [line.strip() for line in re.findall(r"^    (.*)$", section, re.MULTILINE)]


@pytest.fixture
def mark() -> Iterator[str]:
    """Ends what the lines started, and nothing else: `ray stop` would also end the clusters of others."""
    name = f"{MARK}={os.getpid()}"
    yield name
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if name.encode() in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)


def test_the_lines_do_what_they_say(tmp_path: Path, mark: str) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 6379)) == 0:
            pytest.skip("something listens on port 6379, which README's lines use")
    install, *typed, stop = lines()
    assert install == "pip install -c constraints.txt '.[cluster]'"
    assert stop == "ray stop"
    people = [Person(0, ((0, 20),)), Person(2, ((5, 20),))]
    (tmp_path / "fertool-demo").mkdir()
    make_gallery(tmp_path / "fertool-demo" / "lecture.mp4", people, duration_s=20, fps=2, gop_s=10)

    # The commands of this environment, under the names that README calls them by.
    (tmp_path / "bin").mkdir()
    for name, module in (("ray", "ray.scripts.scripts"), ("fertool", "fertool")):
        script = tmp_path / "bin" / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        script.chmod(0o755)
    variable, _, value = mark.partition("=")
    env = os.environ | {variable: value, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    script = "\n".join(["set -e", *typed])
    with (tmp_path / "log").open("w+") as log:  # a pipe would stay open as long as the cluster
        command = ["bash", "-c", script]
        done = subprocess.run(command, cwd=tmp_path, env=env, stdout=log, stderr=log, timeout=400)
        log.seek(0)
        said = log.read()
    assert done.returncode == 0, said
    assert "1/1 recordings" in said
    with duckdb.connect(str(tmp_path / "fertool.duckdb"), read_only=True) as con:
        asked = "SELECT course, lecture, count(DISTINCT student), count(*) > 20"
        assert con.execute(f"{asked} FROM frame_emotions GROUP BY ALL").fetchall() == [
            ("archive", "lecture", 2, True)
        ]
    assert list((tmp_path / "spool").glob("*/*.parquet")), "it was asked for, so it stays"
    assert (tmp_path / "fertool-report" / "index.html").exists()
