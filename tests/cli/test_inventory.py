"""What became of every file: nothing is left out, moved or counted twice without a word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fertool.storage.store import Store

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
    assert told.split("\n")[2:7] == [
        "detector: ssd",
        "not analyzed files reason",
        "skipped ._talk.mp4 hidden",
        "skipped loop.gif, notes.txt, points.csv and 1 more no video by its name: give it by itself",
        "skipped week 3 a subfolder: give it by itself",
    ]
    assert told.split("\n")[7] == "failed reason"
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


@pytest.mark.parametrize("how", [(), ("--isolate",)])
def test_copies_in_a_folder_are_said_to_be_one_file(
    fertool, small_video: Path, tmp_path: Path, how: tuple[str, ...]
) -> None:
    (tmp_path / "weeks").mkdir()
    for name in ("upright.mp4", "copy of upright.mp4", "same bytes.mp4"):
        (tmp_path / "weeks" / name).write_bytes(small_video.read_bytes())
    done = fertool("analyze", "weeks", *END, *how)
    assert done.code == 0, done.err
    first = tmp_path / "weeks" / "copy of upright.mp4"  # in order of name
    stays = f"the same bytes as {first}, which stays in course / copy of upright; --move takes it to course /"
    for name in ("same bytes", "upright"):
        assert f"{name}.mp4: {stays} {name}" in done.err
    assert tables(done.out).endswith("\n3 found: 1 analyzed, 2 the same as another")
    store = Store(tmp_path / "fertool.duckdb")
    assert store.lectures() == [("course", "copy of upright")]
    again = fertool("analyze", "weeks", *END, *how, "--lecture", "copy of upright")
    assert again.err.count(f"the same bytes as {first}, in course / copy of upright") == 2
    assert tables(again.out).endswith("\n3 found: 1 done before, 2 the same as another")
    moved = fertool("analyze", "weeks/upright.mp4", *END, *how, "--move")
    assert "moved from course / copy of upright to course / upright" in moved.err
    assert store.lectures() == [("course", "upright")]
    assert store.query("SELECT DISTINCT lecture FROM assessments").rows() == [("upright",)]


def test_a_lecture_that_loses_a_recording_is_judged_again(fertool, small_video: Path, tmp_path: Path) -> None:
    """Nothing that was said of both recordings stays of the one that is left."""
    other = tmp_path / "other.mp4"
    other.write_bytes(small_video.read_bytes() + b" ")
    assert fertool("analyze", small_video, other, *END, "--lecture", "week 1").code == 0
    store = Store(tmp_path / "fertool.duckdb")
    asked = "SELECT lecture, assessed_at FROM lectures ORDER BY 1"
    before = dict(store.query(asked).rows())
    done = fertool("analyze", other, *END, "--lecture", "week 2", "--move")
    assert done.code == 0, done.err
    after = dict(store.query(asked).rows())
    assert after.keys() == {"week 1", "week 2"}
    assert after["week 1"] > before["week 1"]


def test_a_file_analyzed_by_half_counts_once(fertool, videos: ModuleType, tmp_path: Path) -> None:
    file = videos.write(tmp_path / "week 1.ts", frames=250)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 6 // 10])
    words = ("analyze", file, "--detector", "ssd", "--policy", "behaviour")
    assert fertool(*words).code == 0
    file.write_bytes(whole)
    done = fertool(*words)
    assert done.code == 0, done.err
    assert "week 1.ts: other bytes than when it was analyzed before (" in done.err
    assert ", 10 s now): this run replaces that\n" in done.err
    runs = json.loads(fertool("runs", "--json").out)
    assert [(run["state"], run["samples"]) for run in runs] == [("finished", 10)]
    assert json.loads(fertool("segments", "--json").out)[0]["end_s"] == pytest.approx(10, abs=0.1)


def test_one_lecture_of_two_files_named_alike_is_said(fertool, small_video: Path, tmp_path: Path) -> None:
    for suffix in ("mp4", "ts"):  # one is not what its name says, and read all the same
        (tmp_path / f"talk.{suffix}").write_bytes(small_video.read_bytes() + suffix.encode())
    told = "fertool: course / talk: one lecture of 2 recordings, named alike: talk.mp4, talk.ts"
    assert fertool("analyze", "talk.mp4", *END).code == 0
    second = fertool("analyze", "talk.ts", *END)
    assert f"{told} (--lecture names another one)\n" in second.err
    assert told not in fertool("analyze", "talk.ts", *END).err, "once"
    assert told not in fertool("analyze", "talk.ts", *END, "--force", "--lecture", "talk").err, "it was meant"


def test_workers_tell_of_every_file_too(folder: Path) -> None:
    words = ["analyze", "weeks", *END, "--isolate", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "fertool", *words], capture_output=True, text=True, cwd=folder.parent
    )
    assert done.returncode == 3, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert [one["became"] for one in last["inventory"]] == ["analyzed", *["skipped"] * 6, "failed"]
