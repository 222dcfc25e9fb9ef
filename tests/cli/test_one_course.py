"""Commands without --course mean the one that the database holds; a failed analysis leaves no database."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

DB = Path("fertool.duckdb")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def held(*courses: str) -> None:
    for course in courses:
        seen = {"Ann": timeline("happy*60"), "Bob": timeline("sad*60")}
        store_lecture(Store(DB), course, "week 1", seen, recording_name=f"{course}.mp4")


def students(course: str) -> list[str]:
    return [row["student"] for row in Store(DB, read_only=True).students.overview(course).to_dicts()]


@pytest.mark.parametrize(
    ("courses", "file", "flags", "course", "count"),
    [
        (["signals"], "", [], "signals", 2),  # no other can be meant
        (["signals"], "", ["--course", "filters"], "filters", 0),  # what is typed counts
        (["signals"], 'course = "filters"', [], "filters", 0),  # and what fertool.toml says
        (["signals"], 'course = "filters"', ["--course", "signals"], "signals", 2),
        (["signals", "filters"], "", [], "course", 0),  # two: the default
        (["signals", "course"], "", [], "course", 2),
        (["course"], "", [], "course", 2),
    ],
)
def test_which_course_is_meant(fertool, courses, file, flags, course, count) -> None:
    held(*courses)
    Path("fertool.toml").write_text(file, encoding="utf-8")
    lines = fertool("students", "list", *flags).out.splitlines()
    assert lines[0].rstrip() == f"{count} students of {course}"


def test_what_list_shows_can_be_typed_on(fertool) -> None:
    """Every command about a student of that list means the same course."""
    held("signals")
    for words in (["show", "Ann"], ["rename", "Ann", "Anna"], ["consent", "Anna", "--given", "2026-10-01"]):
        done = fertool("students", *words)
        assert done.code == 0, (words, done.err)
    assert sorted(students("signals")) == ["Anna", "Bob"]
    assert Store(DB).consents.consenting("signals") >= {"Anna"}
    assert fertool("students", "export", "Anna", "--out", "anna").code == 0
    assert fertool("students", "merge", "Anna", "Bob").code == 0
    assert len(students("signals")) == 1
    assert students("course") == []
    forgotten = fertool("students", "forget", students("signals")[0])
    assert forgotten.code == 0, forgotten.err
    assert students("signals") == []


def test_courses_are_those_of_which_anything_is_held(tmp_path: Path) -> None:
    store = Store(DB)
    assert store.students.courses() == []
    held("signals", "filters")
    assert store.students.courses() == ["filters", "signals"]


def test_without_a_database_the_error_is_as_before(fertool) -> None:
    done = fertool("students", "list")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("fertool: fertool.duckdb: no database here")


@pytest.mark.parametrize("content", [None, b"", b"no video at all" * 99])
def test_an_analysis_of_nothing_leaves_no_database(fertool, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        Path("bad.mp4").write_bytes(content)
    before = sorted(tmp_path.iterdir())
    assert fertool("analyze", "bad.mp4").code == 2
    assert sorted(tmp_path.iterdir()) == before


def test_a_database_that_was_there_stays(fertool) -> None:
    Store(DB)
    assert fertool("analyze", "gone.mp4").code == 2
    assert DB.exists()


def test_only_an_empty_database_is_discarded() -> None:
    held("signals")
    assert not Store(DB).discard()
    assert students("signals") == ["Ann", "Bob"]
    other = Store(Path("other.duckdb"))
    assert other.discard()
    assert not other.database.path.exists()
