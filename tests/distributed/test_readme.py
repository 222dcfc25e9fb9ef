"""README's "More than one machine", line by line, on a cluster of this machine alone."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'fertool[cluster]'")

from fertool.demo.gallery import Person, make_gallery

README = (Path(__file__).parents[2] / "fertool" / "distributed" / "README.md").read_text(encoding="utf-8")


def lines() -> list[str]:
    section = README.partition("## More than one machine\n")[2].partition("\n## ")[0]
    return [line.strip() for line in re.findall(r"^    (.*)$", section, re.MULTILINE)]


@dataclass
class Marked:
    """Processes with this in their environment: the shell, and whatever it started."""

    variable: str
    value: str

    def found(self) -> list[Path]:
        entry, processes = f"{self.variable}={self.value}".encode(), []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # gone meanwhile
                if entry in (process / "environ").read_bytes().split(b"\0"):
                    processes.append(process)
        return processes

    def listening(self) -> set[tuple[str, int]]:
        """(address, port) where they wait for connections, as /proc/net has them; see proc_net_tcp(5)."""
        sockets = {}
        for table in ("tcp", "tcp6"):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                if state == "0A":
                    address, _, port = local.partition(":")
                    sockets[f"socket:[{inode}]"] = (address, int(port, 16))
        links = set()
        for process in self.found():
            for link in process.glob("fd/*"):
                with suppress(OSError):
                    links.add(str(link.readlink()))
        return {sockets[link] for link in links & sockets.keys()}

    def end(self) -> None:
        for process in self.found():
            with suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""127.0.0.1, the same as an IPv6 address, and ::1."""


@pytest.fixture
def marked() -> Iterator[Marked]:
    """Ended afterwards, and nothing else: `ray stop` would also end the clusters of others."""
    made = Marked("FERTOOL_TEST_README", str(os.getpid()))
    yield made
    made.end()


def test_the_lines_do_what_they_say(tmp_path: Path, marked: Marked) -> None:
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
    env = os.environ | {marked.variable: marked.value, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    script = "\n".join(["set -e", *typed])
    ports: set[tuple[str, int]] = set()
    with (tmp_path / "log").open("w+") as log:  # a pipe would stay open as long as the cluster
        shell = subprocess.Popen(["bash", "-c", script], cwd=tmp_path, env=env, stdout=log, stderr=log)
        while shell.poll() is None:
            ports |= marked.listening()
            time.sleep(0.3)
        log.seek(0)
        said = log.read()
    assert shell.returncode == 0, said
    assert 6379 in {port for _, port in ports}
    assert {address for address, _ in ports} <= LOOPBACK, "Ray obeys anybody who reaches it"
    assert "1/1 recordings" in said
    with duckdb.connect(str(tmp_path / "fertool.duckdb"), read_only=True) as con:
        asked = "SELECT course, lecture, count(DISTINCT student), count(*) > 20"
        assert con.execute(f"{asked} FROM frame_emotions GROUP BY ALL").fetchall() == [
            ("archive", "lecture", 2, True)
        ]
    assert list((tmp_path / "spool").glob("*/*.parquet")), "it was asked for, so it stays"
    assert (tmp_path / "fertool-report" / "index.html").exists()
