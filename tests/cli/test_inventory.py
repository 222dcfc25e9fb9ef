"""What became of every file: nothing is left out, moved or counted twice without a word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

END = ("--end", "1", "--detector", "ssd", "--policy", "behaviour")
"""Two samples: enough to be a run."""


def tables(text: str) -> str:
    """The printed text without lines of the frame and with single spaces."""
    lines = (" ".join(line.split()) for line in text.splitlines() if "─" not in line)
    return "\n".join(line for line in lines if line)


def inventory(shown) -> list[tuple[str, str]]:
    """(name, what became of it), in order."""
    return [(Path(one["file"]).name, one["became"]) for one in json.loads(shown.out)["inventory"]]


@pytest.fixture
def folder(small_video: Path, tmp_path: Path) -> Path:
    """A recording, a broken one, and what lies beside recordings."""
    folder = tmp_path / "weeks"
    (folder / "week 3").mkdir(parents=True)
    (folder / "talk.mp4").write_bytes(small_video.read_bytes())
    (folder / "cut.mp4").write_bytes(small_video.read_bytes()[:2000])
    (folder / "loop.gif").write_bytes(b"GIF89a")
    for name in ("._talk.mp4", "talk.srt", "notes.txt", "points.csv"):
        (folder / name).write_text("x")
    return folder


def test_every_file_of_a_folder_is_in_the_list(fertool, folder: Path) -> None:
    done = fertool("analyze", "weeks", *END)
    assert done.code == 2
    told = tables(done.out)
    # The reason of the broken one is ffmpeg's own and is not held here.
    assert told.split("\n")[2:6] == [
        "not analyzed files reason",
        "skipped ._talk.mp4 hidden",
        "skipped loop.gif, notes.txt, points.csv and 1 more no video by its name: give it by itself",
        "skipped week 3 a subfolder: give it by itself",
    ]
    assert told.split("\n")[6] == "failed reason"
    assert told.endswith("\n8 found: 1 analyzed, 6 skipped, 1 failed")
    again = fertool("analyze", "weeks", *END, "--json")
    assert inventory(again) == [
        ("talk.mp4", "done before"),
        ("._talk.mp4", "skipped"),
        ("loop.gif", "skipped"),
        ("notes.txt", "skipped"),
        ("points.csv", "skipped"),
        ("talk.srt", "skipped"),
        ("week 3", "skipped"),
        ("cut.mp4", "failed"),
    ]


def test_a_run_that_goes_on_is_resumed(fertool, small_video: Path, tmp_path: Path) -> None:
    """The run of a recording of one chunk, set back to what it is before students are linked."""
    import duckdb

    assert fertool("analyze", small_video, *END).code == 0
    with duckdb.connect(str(tmp_path / "fertool.duckdb")) as con:
        con.execute("UPDATE runs SET state = 'running', finished_at = NULL")
    assert inventory(fertool("analyze", small_video, *END, "--json")) == [("two.mp4", "resumed")]
    assert inventory(fertool("analyze", small_video, *END, "--json", "--force")) == [("two.mp4", "analyzed")]


def test_a_name_that_is_no_text_costs_one_recording(fertool, folder: Path, small_video: Path) -> None:
    odd = folder / os.fsdecode(b"week \xff.mp4")
    odd.write_bytes(small_video.read_bytes())
    done = fertool("analyze", "weeks", *END)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "week �.mp4 expected a name in UTF-8: rename the file or its folder" in tables(done.out)
    assert tables(done.out).endswith("\n9 found: 1 analyzed, 6 skipped, 2 failed")
    alone = fertool("analyze", odd, *END, "--json")
    assert inventory(alone) == [("week �.mp4", "failed")]
    gone = fertool("analyze", f"{odd}x", *END)
    assert "week �.mp4x: no such file" in gone.err


def test_an_unforeseen_error_costs_one_recording(fertool, folder: Path, small_video: Path) -> None:
    """Somebody has put an index on a table, which the second recording of this width breaks."""
    import duckdb

    (folder / "cut.mp4").write_bytes(small_video.read_bytes() + b" ")
    assert fertool("analyze", folder / "talk.mp4", *END).code == 0
    with duckdb.connect(str(folder.parent / "fertool.duckdb")) as con:
        con.execute("CREATE UNIQUE INDEX sizes ON recordings (width)")
    done = fertool("analyze", "weeks", *END)
    assert done.code == 2
    assert "Traceback (most recent call last)" in done.err, "it is kept for a report"
    assert "internal error: ConstraintException" in tables(done.out)
    assert tables(done.out).endswith("\n8 found: 1 done before, 6 skipped, 1 failed")


def test_workers_tell_of_every_file_too(folder: Path) -> None:
    words = ["analyze", "weeks", *END, "--isolate", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "fertool", *words], capture_output=True, text=True, cwd=folder.parent
    )
    assert done.returncode == 3, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert [one["became"] for one in last["inventory"]] == ["analyzed", *["skipped"] * 6, "failed"]
