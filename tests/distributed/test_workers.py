"""Several workers end with bit for bit the rows of one process, whatever happens on the way."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest

from fertool.analysis.spool import Spool
from fertool.distributed.ingest import ingest
from fertool.storage.store import Store


def test_two_workers_and_a_spool(lectures, alone, tmp_path: Path) -> None:
    done = lectures.analyze("--workers", 2, "--spool", "spool", "--json")
    assert done.returncode == 0, done.stderr
    assert lectures.rows() == alone

    # Events for schedulers: a line each, the last one the summary.
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["event"] for e in events if e["event"] != "progress"] == ["ingest"] * 3 + ["summary"]
    last = [e for e in events if e["event"] == "progress"][-1]
    assert (last["recordings"], last["done"], last["failed"]) == (3, 3, 0)
    assert last["hours_done"] == last["hours"] == pytest.approx(0.1)
    assert [run["name"] for run in events[-1]["runs"]] == ["one.mp4", "two.mp4", "three.mp4"]

    # One file a chunk, named by run and chunk, for the owner's eyes only.
    files = sorted((tmp_path / "spool").glob("*/*.parquet"))
    assert [file.name for file in files] == sorted(
        f"{run}-{chunk:04d}.parquet" for run, chunk in alone["chunks"]
    )
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert {stat.S_IMODE(file.parent.stat().st_mode) for file in files} == {0o700}

    # A spool can be asked as it is, as README says.
    glob = f"{tmp_path}/spool/*/*.parquet"
    asked = f"""SELECT count(*) FROM '{glob}' WHERE "table" = 'observations'"""
    assert duckdb.sql(asked).fetchall() == [(len(alone["observations"]),)]
    faces = pl.scan_parquet(glob).filter(pl.col("table") == "observations").select(pl.len()).collect()
    assert faces.item() == len(alone["observations"])

    # Doing it twice changes nothing; a database of its own ends the same.
    for db in ("fertool.duckdb", "other.duckdb"):
        store = Store(tmp_path / db)
        found = ingest(store, Spool(str(tmp_path / "spool")))
        assert [outcome.fresh for _, outcome in found.outcomes] == [db == "other.duckdb"] * 3
        for table in ("observations", "tracks", "samples", "students", "segments", "runs"):
            assert lectures.rows(db)[table] == alone[table], table
    again = lectures.analyze("--workers", 1)
    assert again.stderr.count("already analyzed") == 3
    assert lectures.rows() == alone
    forced = lectures.analyze("--workers", 1, "--force")
    assert (forced.returncode, "already analyzed" in forced.stderr) == (0, False), forced.stderr
    rows = lectures.rows()
    for table in alone.keys() - {"assessments"}:  # judged with the other lectures in view, this time
        assert rows[table] == alone[table], table


def test_killed_and_started_again(lectures, alone, tmp_path: Path) -> None:
    """Of the process that asks, nothing is left behind: its workers end with it."""
    first = lectures.start("--isolate")
    spool = tmp_path / "fertool.duckdb.spool"
    while first.poll() is None and not list(spool.glob("*/*.parquet")):
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert lectures.analyze("--isolate").returncode == 0
    assert lectures.rows() == alone
    assert not spool.exists(), "nobody asked for it"


def test_a_worker_killed_in_the_middle_of_a_chunk(lectures, alone, tmp_path: Path) -> None:
    done = lectures.analyze("--workers", 2, fault="crash 3")
    assert done.returncode == 0, done.stderr
    assert not lectures.fault.exists(), "it happened"
    assert lectures.rows() == alone


def test_a_video_that_crashes_its_worker(lectures, alone, tmp_path: Path) -> None:
    """It costs that recording; the command to retry it, run when the fault is gone, ends the same."""
    done = lectures.analyze("--isolate", fault="poison 728")
    assert done.returncode == 3
    assert "three.mp4: the worker died over it 3 times" in done.stderr
    assert {row[5] for row in lectures.rows()["recordings"]} == {"one.mp4", "two.mp4"}
    retry = done.stderr.partition("to try again what failed: ")[2].splitlines()[0]
    words = shlex.split(retry)
    assert words[:2] == ["fertool", "analyze"]
    assert [Path(word).name for word in words if word.endswith(".mp4")] == ["three.mp4"]
    env = {**os.environ, "FAULT": "nothing"}
    subprocess.run([sys.executable, "-m", *words], cwd=tmp_path, env=env, check=True, capture_output=True)
    rows = lectures.rows()
    del rows["assessments"]  # they keep their history: of two lectures, then of all three
    assert rows == {table: alone[table] for table in rows}


def test_a_full_spool_stops_the_set(lectures, alone, tmp_path: Path) -> None:
    done = lectures.analyze("--workers", 2, fault="full 5000")
    assert done.returncode == 2
    assert done.stderr.count("could not be written: File too large (make room") == 1
    assert "Traceback" not in done.stderr
    lectures.fault.unlink()
    assert lectures.analyze("--workers", 2).returncode == 0
    assert lectures.rows() == alone


def test_a_slow_worker_does_not_hold_the_others(lectures, alone, tmp_path: Path) -> None:
    done = lectures.analyze("--workers", 2, fault="slow 1")
    assert done.returncode == 0, done.stderr
    assert lectures.rows() == alone
