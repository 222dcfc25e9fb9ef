"""Recordings and spool in a bucket, on an S3 server of our own on loopback, to which workers talk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

moto = pytest.importorskip("moto.server", reason="needs moto, an S3 server for tests")
s3fs = pytest.importorskip("s3fs", reason="needs s3fs")


@pytest.fixture
def bucket(course: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[s3fs.S3FileSystem]:
    """`films`, with the recordings of the course; the settings are those that AWS's own tools read."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    files = s3fs.S3FileSystem(skip_instance_cache=True)
    if not files.exists("films"):  # the server forgets nothing as long as this process lives
        files.mkdir("films")
    for video in course.glob("*.mp4"):
        files.put(str(video), f"films/{video.name}")
    yield files
    server.stop()


def test_recordings_and_spool_in_a_bucket(lectures, alone, bucket) -> None:
    """The same rows as from files, but for where the recordings are."""
    lectures.base = "s3://films"
    done = lectures.analyze("--workers", 2, "--spool", "s3://films/spool")
    assert done.returncode == 0, done.stderr
    found = lectures.rows()
    assert {table: rows for table, rows in found.items() if table != "recordings"} == {
        table: rows for table, rows in alone.items() if table != "recordings"
    }
    assert len(bucket.glob("films/spool/*/*.parquet")) == len(alone["chunks"])
    for mine, theirs in zip(found["recordings"], alone["recordings"], strict=True):
        changed = {one: other for one, other in zip(mine, theirs, strict=True) if one != other}
        assert changed == {f"s3://films/{Path(path).name}": path for path in changed.values()}

    # Alone, the spool makes another database, and what is done is not measured again.
    assert lectures.ingest("s3://films/spool", "--db", "other.duckdb").returncode == 0
    assert lectures.rows("other.duckdb")["observations"] == alone["observations"]
    again = lectures.analyze("--workers", 2, "--spool", "s3://films/spool")
    assert again.stderr.count("already analyzed") == 3


def test_a_bucket_that_is_not_there(lectures, bucket) -> None:
    lectures.base = "s3://elsewhere"
    done = lectures.analyze()
    assert done.returncode == 2
    assert "s3://elsewhere/one.mp4: cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
