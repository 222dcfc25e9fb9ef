"""Names are data: whatever courses, lectures, students, segments and recordings are called, commands take the
names as they are typed and print them as they are. Pages and exports: tests/report/test_names.py."""

from __future__ import annotations

import csv
import html
import io
import json
import unicodedata
from pathlib import Path

import pytest
from hostile import NAMES

from fertool.storage.store import Store
from fertool.storage.tables import SEGMENTS, frame
from fertool.testing import store_lecture, timeline

MANY = 26
"""Names at once: each is a lecture, a student, a segment and a point, and the first the course."""


@pytest.fixture(params=range(0, len(NAMES), MANY))
def names(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Their database is in the current folder: the lectures are the first and the last name."""
    names = [NAMES[(request.param + i) % len(NAMES)] for i in range(MANY)]
    store = Store(tmp_path / "fertool.duckdb")
    people = {name: timeline("happy*2 sad*2") for name in names}
    parts = [
        {"segment": i, "title": name, "point": name, "start_s": i / 10, "end_s": (i + 1) / 10}
        for i, name in enumerate(names)
    ]
    for lecture in lectures(names):
        recording = f"{lecture}.mp4"
        segments = frame(parts, SEGMENTS)
        store_lecture(store, names[0], lecture, people, recording_name=recording, segments=segments)
    return names


def lectures(names: list[str]) -> list[str]:
    return [names[0], names[-1]]


def test_every_command_takes_and_shows_any_name(fertool, names: list[str], tmp_path: Path) -> None:
    course, own = names[0], ("--course", names[0])

    def data(*words: object) -> list[dict]:
        return json.loads(run(*words, "--json").out)

    def run(*words: object):
        done = fertool(*words)
        assert (done.code, "Traceback" in done.err) == (0, False), (words, done.err)
        return done

    run("assess", *own)
    assert {row["lecture"] for row in data("runs", *own)} == set(lectures(names))
    for lecture in lectures(names):
        (row,) = data("runs", *own, "--lecture", lecture)
        assert (row["course"], row["lecture"], row["name"]) == (course, lecture, f"{lecture}.mp4")
        shown = data("segments", *own, "--lecture", lecture)
        assert [(part["title"], part["point"]) for part in shown] == [(name, name) for name in names]
    run("runs")
    run("segments")

    asked = "SELECT DISTINCT course, lecture, student FROM frame_emotions ORDER BY ALL"
    expected = sorted((course, lecture, name) for lecture in lectures(names) for name in names)
    assert [tuple(row.values()) for row in data("query", asked)] == expected
    rows = csv.reader(io.StringIO(run("query", asked, "--csv").out))
    assert [tuple(row) for row in rows][1:] == expected
    # A table is cut into lines where a name is long: without blanks and lines it holds every name.
    table = "".join(run("query", "SELECT DISTINCT student FROM frame_emotions").out.split())
    assert all("".join(name.split()) in table for name in names)
    columns = ", ".join(f'7 AS "{name.replace(chr(34), 2 * chr(34))}"' for name in names)
    assert data("query", f"SELECT {columns}") == [dict.fromkeys(names, 7)]

    assert {row["student"] for row in data("students", "list", *own)} == set(names)
    for name in names[:3]:
        run("students", "show", *own, "--", name)
        assert json.loads(run("students", "show", *own, "--json", "--", name).out)["student"] == name
        run("students", "consent", *own, "--", name)
    run("students", "export", *own, "--out", "all.zip", "--", names[0])
    for line in run("students", "review", *own).err.splitlines():
        assert "no such file" in line  # of the recordings, which are composed
    page = html.unescape(Path("fertool-review.html").read_text(encoding="utf-8"))
    assert all(" ".join(name.split()) in " ".join(page.split()) for name in names)
    run("students", "withdraw", *own, "--", names[0])
    assert {row["student"] for row in data("students", "list", *own)} == set(names)
    assert {row["student"] for row in data("query", "SELECT DISTINCT student FROM frame_emotions")} == {
        *names[1:]
    }
    audit = data("audit", *own)
    assert {row["course"] for row in audit} == {course}
    assert set(names[:3]) <= {row["student"] for row in audit}
    run("audit")
    run("students", "forget", *own, "--", names[1])
    assert names[1] not in {row["student"] for row in data("students", "list", *own)}


@pytest.mark.parametrize("first", range(0, len(NAMES), MANY))
def test_names_are_given_and_read_from_lists(fertool, tmp_path: Path, first: int) -> None:
    """A number is called so, and so again; a roster and a list of segments have the names in their cells."""
    names = [NAMES[(first + i) % len(NAMES)] for i in range(MANY)]
    store = Store(tmp_path / "fertool.duckdb")
    store_lecture(store, "signals", "week 1", {"student-01": timeline(f"neutral*{MANY}")})
    called = "student-01"
    for name in names[::3]:
        done = fertool("students", "rename", "--course", "signals", "--", called, name)
        if not name.isprintable():
            assert (done.code, "expected a student's name, got control characters" in done.err) == (2, True)
            continue
        assert (done.code, done.out) == (0, f"{called} is called {name} now\n")
        called = unicodedata.normalize("NFC", name)
    assert store.query("SELECT DISTINCT student FROM frame_emotions").rows() == [(called,)]

    with Path("points.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["start", "title", "point"])
        rows.writerows([str(i), name, name] for i, name in enumerate(names))
    done = fertool("segments", "points.csv", "--json")
    assert done.code == 0, done.err
    assert [part["title"] for part in json.loads(done.out)] == [name.strip() for name in names]

    people = [name for name in names if name.isprintable()]
    with Path("class.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["student", "consent"], *([name, "yes"] for name in people)])
    done = fertool("students", "enroll", "class.csv", "--course", names[0], "--json")
    assert done.code == 0, done.err
    assert [one["name"] for one in json.loads(done.out)["enrolled"]] == people


def test_recordings_of_any_name_are_analyzed(fertool, small_video: Path, tmp_path: Path) -> None:
    """From a folder, and one by one as typed: `?`, `*` and brackets are no patterns."""
    folder = tmp_path / "[week] 1?"
    folder.mkdir()
    chosen = ("student", "CON", "a?b*", "[link](x)", "مرحبا", "x" * 200)
    for name in chosen:
        (folder / f"{name}.mp4").write_bytes(small_video.read_bytes() + name.encode())
    run = ("--end", "0.5", "--detector", "ssd", "--policy", "behaviour", "--json")
    done = fertool("analyze", folder, "--course", "DROP TABLE runs; --", "--student", "null", *run)
    assert (done.code, "--student names one person" in done.err) == (2, True)
    done = fertool("analyze", folder, "--course", "DROP TABLE runs; --", *run)
    assert done.code == 0, done.err
    rows = json.loads(done.out)["runs"]
    assert {(row["name"], row["lecture"]) for row in rows} == {(f"{name}.mp4", name) for name in chosen}
    files = [folder / f"{name}.mp4" for name in chosen]
    again = fertool("analyze", *files, "--course", "DROP TABLE runs; --", *run)
    found = [(Path(one["file"]), one["became"]) for one in json.loads(again.out)["inventory"]]
    assert found == [(file, "done before") for file in files]
