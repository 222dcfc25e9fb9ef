"""The same on a real Ray cluster: a head without work and two workers, on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'fertool[cluster]'")

from fertool import __version__
from fertool.distributed import ray_cluster
from fertool.errors import ConfigError

RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",  # several nodes listen on all interfaces; nobody else shall be obeyed
    "RAY_AUTH_TOKEN": uuid.uuid4().hex,
    "RAY_raylet_start_wait_time_s": "120",  # on a busy machine a node takes its time to start
    # What starts a process for each client of ray:// forks while gRPC has threads: see `ray_cluster.TRIES`.
    "GRPC_ENABLE_FORK_SUPPORT": "0",
}
ROOT = Path(__file__).parents[2]


@dataclass
class Cluster:
    """Nodes of one cluster, started and ended by Ray's own command line, on loopback only."""

    port: int
    client_port: int
    folder: Path
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def options(self) -> tuple[str, ...]:
        return ("--engine", "ray", "--address", self.address)

    def start(self, *more: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A node in the foreground, so that ending this process ends it."""
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        sizes = ["--object-store-memory=80000000", "--node-ip-address=127.0.0.1"]
        with (self.folder / "ray.log").open("ab") as log:
            return subprocess.Popen(
                [*ray, *sizes, *more],
                env=os.environ | (env or {}),
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    @property
    def fault(self) -> Path:
        return self.folder / "fault"

    def wait_for_cores(self, count: int) -> None:
        """Until that many are to be had: nodes come and go within seconds."""
        ask = (
            f"import ray; ray.init('{self.address}', logging_level=40); print(ray.cluster_resources()['CPU'])"
        )
        until = time.monotonic() + 90
        found = ""
        while found != f"{count}.0" and time.monotonic() < until:
            found = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout.strip()
        assert found == f"{count}.0", (self.folder / "ray.log").read_text()

    def worker(self, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        return self.start(
            f"--address={self.address}", "--num-cpus=1", env={"FAULT": str(self.fault)} | (env or {})
        )


def end(node: subprocess.Popen[bytes]) -> None:
    """A node and all its processes."""
    if node.poll() is None:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The head, which does no work itself."""
    with pytest.MonkeyPatch.context() as patch:  # for every reader
        for name, value in RAY_SETTINGS.items():
            patch.setenv(name, value)
        yield from _cluster(tmp_path_factory)


def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(free_port(), free_port(), tmp_path_factory.mktemp("ray"))
    ports = (f"--port={made.port}", f"--ray-client-server-port={made.client_port}")
    head = made.start("--head", *ports, "--num-cpus=0", "--include-dashboard=false")
    until = time.monotonic() + 90
    while not answers(made.port) and head.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    assert answers(made.port), (made.folder / "ray.log").read_text()
    yield made
    for node in (*made.nodes, head):
        end(node)


@pytest.fixture
def nodes(cluster: Cluster, lectures: Any) -> list[subprocess.Popen[bytes]]:
    """Two nodes of one core each; those of the last test if they are still there."""
    cluster.nodes = [node for node in cluster.nodes if node.poll() is None]
    while len(cluster.nodes) < 2:
        cluster.nodes.append(cluster.worker())
        cluster.wait_for_cores(len(cluster.nodes))
    cluster.fault.unlink(missing_ok=True)
    lectures.fault = cluster.fault
    return cluster.nodes


def test_the_same_rows_although_one_worker_is_slow(nodes, cluster: Cluster, lectures, alone) -> None:
    done = lectures.analyze(*cluster.options, fault="slow 0.5")
    assert done.returncode == 0, done.stderr
    assert "2 workers" in done.stderr
    assert lectures.rows() == alone


def test_a_worker_killed_in_the_middle_of_a_chunk(nodes, cluster: Cluster, lectures, alone) -> None:
    done = lectures.analyze(*cluster.options, fault="crash 3")
    assert done.returncode == 0, done.stderr
    assert not cluster.fault.exists(), "it happened"
    assert lectures.rows() == alone


def test_a_video_that_crashes_its_worker(nodes, cluster: Cluster, lectures, alone) -> None:
    done = lectures.analyze(*cluster.options, fault="poison 728")
    assert done.returncode == 3
    assert "three.mp4: the worker died over it 3 times" in done.stderr
    assert {row[5] for row in lectures.rows()["recordings"]} == {"one.mp4", "two.mp4"}


def test_a_full_spool_stops_the_set_and_it_goes_on_when_there_is_room(
    nodes, cluster: Cluster, lectures, alone
) -> None:
    done = lectures.analyze(*cluster.options, fault="full 5000")
    assert done.returncode == 2
    assert done.stderr.count("could not be written: File too large (make room") == 1
    cluster.fault.unlink()
    assert lectures.analyze(*cluster.options).returncode == 0
    assert lectures.rows() == alone


def test_whoever_asks_is_killed_and_asks_again(nodes, cluster: Cluster, lectures, alone) -> None:
    first = lectures.start(*cluster.options)
    wait_for_a_chunk(lectures.folder, first)
    first.kill()
    first.wait()
    assert lectures.analyze(*cluster.options).returncode == 0
    assert lectures.rows() == alone


def test_a_node_is_lost(nodes, cluster: Cluster, lectures, alone) -> None:
    process = lectures.start(*cluster.options)
    wait_for_a_chunk(lectures.folder, process)
    end(nodes[0])
    assert process.wait(timeout=200) == 0
    assert lectures.rows() == alone


def test_another_version_is_refused(cluster: Cluster, lectures, tmp_path: Path) -> None:
    for node in cluster.nodes:
        end(node)
    other = shutil.copytree(ROOT / "fertool", tmp_path / "path" / "fertool")
    text = (other / "__init__.py").read_text()
    (other / "__init__.py").write_text(text.replace(f'"{__version__}"', '"9.9.9"'))
    cluster.nodes.append(cluster.worker({"PYTHONPATH": str(other.parent)}))
    cluster.wait_for_cores(1)
    done = lectures.analyze(*cluster.options)
    end(cluster.nodes.pop())
    assert done.returncode == 2
    assert f"has fertool 9.9.9, this is fertool {__version__}" in done.stderr
    assert not lectures.rows()["runs"]


def test_no_cluster(lectures) -> None:
    done = lectures.analyze("--engine", "ray", "--address", f"127.0.0.1:{free_port()}")
    assert done.returncode == 2
    assert "nothing answers there (start one: `ray start --head`; see README)" in done.stderr


def test_through_a_ray_client(nodes, cluster: Cluster, lectures, alone) -> None:
    """From a machine that is no part of the cluster."""
    done = lectures.analyze("--engine", "ray", "--address", f"ray://127.0.0.1:{cluster.client_port}")
    assert done.returncode == 0, done.stderr
    assert lectures.rows() == alone


ABORTED = (
    "Initialization failure from server:\nTraceback (most recent call last):\n"
    '  File "proxier.py", line 772, in Datapath\n    raise RuntimeError(\n'
    "RuntimeError: Starting Ray client server failed. See ray_client_server_23000.err for detailed logs.\n"
)


def test_a_client_whose_process_dies_at_its_start_asks_again(monkeypatch) -> None:
    answers = iter((ConnectionAbortedError(ABORTED), ConnectionAbortedError(ABORTED), None))

    def init(**_: object) -> None:
        if error := next(answers):
            raise error

    monkeypatch.setattr("ray.init", init)
    monkeypatch.setattr("ray.cluster_resources", lambda: {"CPU": 4.0})
    assert ray_cluster.Cluster("ray://head", threads=2, gpus=0).room == 2
    assert not list(answers), "all were asked for"


def test_a_client_whose_process_never_starts_says_why(monkeypatch) -> None:
    def init(**_: object) -> None:
        raise ConnectionAbortedError(ABORTED)

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ConfigError, match=r"RuntimeError: Starting .* failed\. See .*\(its logs are on"):
        ray_cluster.Cluster("ray://head", threads=2, gpus=0)


def test_without_its_token_a_cluster_does_not_answer(cluster: Cluster, lectures, monkeypatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", uuid.uuid4().hex)
    done = lectures.analyze(*cluster.options)
    assert done.returncode == 2
    *_, last = done.stderr.splitlines()  # after some that Ray writes
    assert last.startswith(f"fertool: --address {cluster.address}: no Ray cluster answers: ")
    assert last.endswith("(does it want a token, or run another version of Ray than this one? see README)")
    assert not list(lectures.folder.glob("*.spool"))


def wait_for_a_chunk(folder: Path, process: subprocess.Popen[bytes]) -> None:
    spool = folder / "fertool.duckdb.spool"
    while process.poll() is None and not list(spool.glob("*/*.parquet")):
        time.sleep(0.05)
