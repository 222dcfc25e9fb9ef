"""Analyses killed on the way end with the same rows, whatever became of the networks that are kept."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

EVERY_NETWORK = ("--detector", "tiles-by-yunet", "--every", "10s")
"""All that a plain `analyze` runs are needed; few samples, for starting is what this is about."""
NETWORKS = ["compact", "face_landmark_68", "face_recognition", "yunet_s"]
WARNING = "networks are prepared at every start, for they cannot be kept: "


def content(folder: Path) -> dict[str, bytes]:
    """The networks in a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.onnx"))}


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all networks, as soon as `undisturbed` has run."""
    return tmp_path_factory.mktemp("warm") / "cache"


@pytest.fixture(scope="module")
def undisturbed(warm: Path, lectures_in):
    """The rows of one process without workers that finds all networks."""
    lectures = lectures_in(warm.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERTOOL_CACHE", str(warm))
        for db in ("exported.duckdb", "found.duckdb"):
            done = lectures.analyze(*EVERY_NETWORK, "--db", db)
            assert done.returncode == 0, done.stderr
    rows = lectures.rows("found.duckdb")
    assert [name.rpartition("-")[0] for name in content(warm)] == NETWORKS
    assert len(rows["observations"]) > 30
    assert len(rows["chunks"]) == 6
    assert lectures.rows("exported.duckdb") == rows
    return rows


# --- states of the folder: each gives the environment of the commands ------------------------------

Environment = dict[str, str | None]
"""None: not set."""


def shared(warm: Path, here: Path) -> Environment:
    return {"FERTOOL_CACHE": str(warm)}


def missing(warm: Path, here: Path) -> Environment:
    return {"FERTOOL_CACHE": str(here / "nothing" / "yet")}


def unwritable(warm: Path, here: Path) -> Environment:
    """Below a file: nobody can make a folder there, an administrator neither."""
    (here / "file").touch()
    return {"FERTOOL_CACHE": str(here / "file" / "cache")}


def truncated(warm: Path, here: Path) -> Environment:
    """Of every file something else is left."""
    for path, length in zip(copied(warm, here), (0, 20, 100_000, -1), strict=True):
        path.write_bytes(path.read_bytes()[:length])
    return {"FERTOOL_CACHE": str(here / "cache")}


def of_another_version(warm: Path, here: Path) -> Environment:
    """Other keys, and what those networks compute is something else: each is the next one's file."""
    paths = copied(warm, here)
    files = [path.read_bytes() for path in paths]
    for path, file in zip(paths, files[1:] + files[:1], strict=True):
        path.write_bytes(file)
        path.rename(path.with_name(f"{path.stem.rpartition('-')[0]}-{'0' * 24}.onnx"))
    return {"FERTOOL_CACHE": str(here / "cache")}


def no_home(warm: Path, here: Path) -> Environment:
    """Neither in the environment nor in the list of users, which Python asks then."""
    (here / "sitecustomize.py").write_text("import pwd\npwd.getpwuid = {}.__getitem__\n")
    return {**dict.fromkeys(("FERTOOL_CACHE", "XDG_CACHE_HOME", "HOME")), "PYTHONPATH": str(here)}


def copied(warm: Path, here: Path) -> list[Path]:
    return sorted(Path(shutil.copytree(warm, here / "cache")).iterdir())


STATES = [
    # state of the folder, workers; every start without a network costs seconds, so few states have both
    (shared, 1),
    (shared, 2),
    (missing, 2),
    (unwritable, 1),
    (truncated, 1),
    (of_another_version, 2),
    (no_home, 1),
]


@pytest.mark.parametrize(("state", "workers"), STATES)
def test_a_worker_that_is_killed(
    lectures,
    undisturbed,
    warm: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: Callable[[Path, Path], Environment],
    workers: int,
) -> None:
    """It is killed at its third batch, in the second chunk of a recording; another one loads all networks."""
    environment = state(warm, tmp_path)
    for name, value in environment.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    folder = Path(environment["FERTOOL_CACHE"] or "/nowhere")
    before, expected = content(folder), content(warm)
    done = lectures.analyze(*EVERY_NETWORK, "--workers", workers, fault="crash 3")
    assert done.returncode == 0, done.stderr
    assert not lectures.fault.exists(), "it happened"
    assert lectures.rows() == undisturbed
    if state in (unwritable, no_home):
        assert not content(folder)
        assert done.stderr.count(WARNING) == workers + 1, "a line of each that was started"
    else:
        # Files under other keys stay as they are; all others are whole.
        assert content(folder) == {**before, **expected}
        assert WARNING not in done.stderr


def test_killed_while_networks_are_exported(
    lectures, undisturbed, warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    monkeypatch.setenv("FERTOOL_CACHE", str(folder))
    process = lectures.start(*EVERY_NETWORK)
    while process.poll() is None and not content(folder):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(content(folder)) < len(NETWORKS)
    done = lectures.analyze(*EVERY_NETWORK)
    assert done.returncode == 0, done.stderr
    assert lectures.rows() == undisturbed
    assert content(folder) == content(warm)


def test_two_processes_that_export_at_once(
    lectures, undisturbed, warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two lecturers, say, on one machine after an installation; each has a database."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("FERTOOL_CACHE", str(folder))
    databases = ("mine.duckdb", "yours.duckdb")
    processes = [lectures.start(*EVERY_NETWORK, "--db", db) for db in databases]
    assert [process.wait() for process in processes] == [0, 0]
    assert [lectures.rows(db) == undisturbed for db in databases] == [True, True]
    assert content(folder) == content(warm)
    assert len([*folder.iterdir()]) == len(NETWORKS), "no drafts"


def test_several_recordings_load_networks_once(
    lectures, undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they cannot be kept, loading takes seconds."""
    for name, value in unwritable(tmp_path, tmp_path).items():
        monkeypatch.setenv(name, str(value))
    done = lectures.analyze(*EVERY_NETWORK)
    assert done.returncode == 0, done.stderr
    assert lectures.rows() == undisturbed
    assert done.stderr.count(WARNING) == 1
    assert done.stderr.count("networks are loaded") == 1
