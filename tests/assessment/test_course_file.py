"""course.toml: what it says, and what is said about one that says something else."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fertool.assessment import course_file
from fertool.errors import ConfigError

LECTURE = '[[lectures]]\nname = "w"\nrecordings = ["week1/*.mp4"]\n'
HEAD = 'course = "signals"\n'


@pytest.fixture
def folder(course_folder: Path) -> Path:
    for name in ("b.mp4", "notes.txt"):
        (course_folder / "week1" / name).touch()
    return course_folder


def read(folder: Path, text: str) -> course_file.Syllabus:
    (folder / "course.toml").write_text(text, encoding="utf-8")
    return course_file.read(folder / "course.toml")


def test_a_whole_course(folder: Path) -> None:
    course = course_file.read(folder / "course.toml")
    assert (course.course, course.instructor, course.topics) == (
        "signals",
        "E. Noether",
        ["sampling", "filters"],
    )
    assert course.difficulty == {"aliasing": "hard"}
    first, second = course.lectures
    assert (first.name, first.held, first.segments) == (
        "week 1",
        date(2026, 10, 5),
        str(folder / "week1/points.csv"),
    )
    assert [r.file.name for r in first.recordings] == ["a.mp4", "b.mp4"]
    assert (second.held, second.segments) == (None, "parts:10m")
    assert [r.offset_s for r in (*first.recordings, *second.recordings)] == [0, 0, 0, 2]
    assert [(r.file.name, r.student) for r in second.recordings] == [("ann.mp4", "Ann"), ("bob.mp4", None)]


def test_the_example_in_the_readme_is_valid(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = page.split("## A whole course\n")[1].split("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ") or not line]
    course = read(folder, "\n".join(lines))
    assert [lecture.name for lecture in course.lectures] == ["week 1", "week 2"]


def test_marks_of_difficulty_may_be_words_or_numbers(folder: Path) -> None:
    marks = '[difficulty]\na = "Very hard"\nb = 4\nc = 2.5\nd = "leicht"\n'
    assert read(folder, HEAD + marks + LECTURE).difficulty == {
        "a": "Very hard",
        "b": "4",
        "c": "2.5",
        "d": "leicht",
    }


OFFSETS = [("2.5s", 2.5), ("0", 0), ("90", 90), ("1:30", 90), ("1:00:00.5", 3600.5)]


@pytest.mark.parametrize(("offset", "seconds"), OFFSETS)
def test_clock_offsets(folder: Path, offset: str, seconds: float) -> None:
    recordings = f'[{{ file = "week2/ann.mp4" }}, {{ file = "week2/bob.mp4", offset = "{offset}" }}]'
    course = read(folder, f'{HEAD}[[lectures]]\nname = "w"\nrecordings = {recordings}')
    assert [r.offset_s for r in course.lectures[0].recordings] == [0.0, seconds]


def test_which_pictures_and_how_far_they_are_turned(folder: Path) -> None:
    recordings = '["week2/bob.mp4", { file = "week2/ann.mp4", rotate = 90, stream = "all" }]'
    course = read(folder, f'{HEAD}[[lectures]]\nname = "w"\nrecordings = {recordings}')
    assert [(r.rotate, r.stream) for r in course.lectures[0].recordings] == [("", ""), ("90", "all")]


BAD = [
    ("course = ", "course.toml: Invalid value"),
    (LECTURE, "'course' is missing"),
    (HEAD, "'lectures' is missing"),
    (HEAD + 'lecturer = "x"\n' + LECTURE, "unknown key 'lecturer' (did you mean 'lectures'?)"),
    (HEAD + "topics = [3]\n" + LECTURE, "topics: expected text, got 3"),
    (
        HEAD + '[difficulty]\nspectra = "easy"\naliasing = "schwehr"\n' + LECTURE,
        "course.toml: [difficulty] aliasing: difficulty 'schwehr' is not understood (did you mean 'schwer'?",
    ),
    (HEAD + "[difficulty]\naliasing = 6\n" + LECTURE, "aliasing: difficulty '6' is not understood"),
    (HEAD + "[difficulty]\naliasing = true\n" + LECTURE, "aliasing: difficulty 'True' is not understood"),
    (HEAD + "[difficulty]\naliasing = [4]\n" + LECTURE, "aliasing: difficulty '[4]' is not understood"),
    ("course = 3\n" + LECTURE, "course: expected str, got 3"),
    ('course = ""\n' + LECTURE, "course: expected str, got ''"),
    (HEAD + "lectures = [3]", "lecture 1: expected a table, got 3"),
    (HEAD + LECTURE + 'date = "monday"', "lecture 1: date: expected date, got 'monday'"),
    (HEAD + LECTURE + 'segment = "chapters"', "did you mean 'segments'?"),
    (HEAD + '[[lectures]]\nname = "w"\nrecordings = []', "lecture 'w': expected at least one recording"),
    (HEAD + '[[lectures]]\nname = "w"\nrecordings = [7]', "expected a file or pattern, got 7"),
    (HEAD + '[[lectures]]\nname = "w"\nrecordings = ["week9/*"]', "no recording fits 'week9/*' (looked in"),
    (HEAD + '[[lectures]]\nname = "w"\nrecordings = ["/nowhere/*"]', "no recording fits '/nowhere/*'"),
    (HEAD + '[[lectures]]\nname = "w"\nrecordings = [""]', "no recording fits ''"),
    (
        HEAD + '[[lectures]]\nname = "w"\nrecordings = [{ file = "week2/*", student = "Ann" }]',
        "'week2/*' fits 2 files, but 'Ann' is one student",
    ),
    (HEAD + '[[lectures]]\nname = "w"\nrecordings = [{ student = "Ann" }]', "'file' is missing"),
    (
        HEAD + '[[lectures]]\nname = "w"\nrecordings = [{ file = "week2/ann.mp4", offset = "-2s" }]',
        "lecture 'w': 'week2/ann.mp4': offset: time '-2': expected seconds",
    ),
    (
        HEAD + '[[lectures]]\nname = "w"\nrecordings = [{ file = "week2/ann.mp4", offset = 2.5 }]',
        "lecture 'w': recordings: offset: expected str, got 2.5",
    ),
    (
        HEAD + '[[lectures]]\nname = "w"\nrecordings = [{ file = "week2/ann.mp4", rotate = 45 }]',
        "lecture 'w': 'week2/ann.mp4': rotate 45: expected",
    ),
    (
        HEAD + '[[lectures]]\nname = "w"\nrecordings = [{ file = "week2/ann.mp4", rotate = true }]',
        "lecture 'w': 'week2/ann.mp4': rotate True: expected",
    ),
    (
        HEAD + '[[lectures]]\nname = "w"\nrecordings = [{ file = "week2/ann.mp4", stream = "both" }]',
        "lecture 'w': 'week2/ann.mp4': stream both: expected all, or a number",
    ),
    (
        HEAD + '[[lectures]]\nname = "w"\nrecordings = [{ file = "week2/ann.mp4", stream = 1.5 }]',
        "lecture 'w': recordings: stream: expected int | str, got 1.5",
    ),
    (HEAD + LECTURE + LECTURE, "the lecture 'w' is named twice"),
    (HEAD + LECTURE + LECTURE.replace('"w"', '"v"'), "is named twice (each belongs to one place)"),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_what_is_wrong_is_said(folder: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    assert str(folder / "course.toml") in str(caught.value)
    assert reason in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"course\.toml: cannot be read"):
        course_file.read(tmp_path / "course.toml")
