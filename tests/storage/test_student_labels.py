"""Labels of students: their one spelling, and their numbers through analyses and moves."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored import analyzed, recording

from fertool.analysis.request import Request
from fertool.assessment import course_file
from fertool.errors import ConfigError
from fertool.identity import roster_file
from fertool.storage.student_labels import PSEUDONYM, clean_label, is_pseudonym, number, pseudonym, spelled

COMPOSED, DECOMPOSED = "Zo\u00eb", "Zoe\u0308"
SAME = [  # as given, its one spelling
    (COMPOSED, COMPOSED),
    (DECOMPOSED, COMPOSED),  # as macOS types it
    ("  Ann Lee ", "Ann Lee"),
    ("Ann\u00a0 Lee", "Ann Lee"),  # a blank that does not break, as spreadsheets have it
    ("Ann\tLee", "Ann Lee"),
    ("ann", "ann"),  # case is kept: two students
    ("Ann", "Ann"),
    ("\u200f\u05e9\u05e8\u05d4\u200f", "\u05e9\u05e8\u05d4"),  # Hebrew, between marks of direction
    (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647",
    ),  # Persian, with a joiner
    ("\u5b66\u4e60", "\u5b66\u4e60"),
    ("x" * 200, "x" * 200),
    ("student-a", "student-a"),
]
REFUSED = [  # as given, what is said of it
    ("", "expected a student's name, got nothing"),
    ("  ", "expected a student's name, got nothing"),
    ("\u200f", "expected a student's name, got nothing"),
    ("A\x07nn", "got control characters: 'A\\x07nn'"),
    ("Ann\u202eeeL", "got control characters"),  # shown backwards from here
    ("student-07", "got what looks like a pseudonym: student-07"),
    ("Student-7", "got what looks like a pseudonym: Student-7"),
    (" student-1 ", "got what looks like a pseudonym: student-1"),
    ("x" * 201, "expected at most 200 characters, got 201"),
]


@pytest.mark.parametrize(("given_", "label"), SAME)
def test_a_name_has_one_spelling(given_: str, label: str) -> None:
    assert clean_label(given_, "here") == label
    assert spelled(given_) == label


@pytest.mark.parametrize(("given_", "words"), REFUSED)
def test_what_is_no_name_is_refused(given_: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        clean_label(given_, "here")
    assert str(error.value).startswith("here: ")
    assert words in str(error.value)


@given(st.text())
def test_a_clean_label_is_clean(name: str) -> None:
    try:
        label = clean_label(name, "here")
    except ConfigError:
        return
    assert clean_label(label, "here") == label == spelled(label) == unicodedata.normalize("NFC", label)
    assert 0 < len(label) <= 200
    assert not is_pseudonym(label)


@pytest.mark.parametrize(
    ("label", "expected"),
    [("student-07", 7), ("student-100", 100), ("student-", None), ("student-\u0663", None), ("Ann", None)],
)
def test_pseudonyms_are_known_alike_by_python_and_polars(label: str, expected: int | None) -> None:
    assert number(label) == expected
    assert is_pseudonym(label) == (expected is not None)
    assert pl.Series([label]).str.contains(PSEUDONYM).item() == (expected is not None)
    if expected is not None:
        assert pseudonym(expected) == label


def _by_flag(folder: Path, name: str) -> str | None:
    tools = SimpleNamespace()  # a request reads them where it is carried out, not where it is made
    return Request("c", "l", tools, student=name).student  # type: ignore[arg-type]


def _by_course_file(folder: Path, name: str) -> str | None:
    (folder / "a.mp4").touch()
    text = f'course = "c"\n[[lectures]]\nname = "l"\nrecordings = [{{file = "a.mp4", student = "{name}"}}]\n'
    (folder / "course.toml").write_text(text, encoding="utf-8")
    return course_file.read(folder / "course.toml").lectures[0].recordings[0].student


def _by_table(folder: Path, name: str) -> str | None:
    (folder / "roster.csv").write_text(f'student,consent\n"{name}",yes\n', encoding="utf-8")
    return roster_file.read(folder / "roster.csv")[0].student


def _by_folder(folder: Path, name: str) -> str | None:
    (folder / "roster" / name).mkdir(parents=True)
    (folder / "roster" / name / "1.jpg").touch()
    return roster_file.read(folder / "roster")[0].student


ENTRANCES = [_by_flag, _by_course_file, _by_table, _by_folder]


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("name", [COMPOSED, DECOMPOSED, f" {DECOMPOSED}\u00a0"])
def test_every_entrance_has_the_same_spelling(tmp_path: Path, entrance, name: str) -> None:
    assert entrance(tmp_path, name) == COMPOSED


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("name", ["student-03", "\u200f", "Ann\u202eeeL"])
def test_every_entrance_refuses_what_is_no_name(tmp_path: Path, entrance, name: str) -> None:
    with pytest.raises(ConfigError, match="expected a student's name"):
        entrance(tmp_path, name)


def claim(store, recording_, count, course="signals"):
    return store.students.claim(course, recording_, count)


def test_numbers_go_on_through_the_recordings_of_a_course(store):
    assert claim(store, "r1", 3) == ["student-01", "student-02", "student-03"]
    assert claim(store, "r2", 2) == ["student-04", "student-05"]
    assert claim(store, "r9", 1, "circuits") == ["student-01"]  # another course counts for itself
    assert claim(store, "r3", 0) == []


def test_a_second_analysis_keeps_its_numbers(store):
    claim(store, "r1", 2)
    claim(store, "r2", 2)
    assert claim(store, "r1", 2) == ["student-01", "student-02"]
    assert claim(store, "r1", 3) == ["student-01", "student-02", "student-05"]  # 03 and 04 are others'
    assert claim(store, "r2", 2) == ["student-03", "student-04"]


def test_numbers_that_are_no_longer_needed_are_given_up(store):
    claim(store, "r1", 4)
    assert claim(store, "r1", 2) == ["student-01", "student-02"]
    assert store.query("SELECT student FROM students ORDER BY 1").rows() == [("student-01",), ("student-02",)]
    assert claim(store, "r2", 1) == ["student-03"]
    assert claim(store, "r1", 0) == []
    assert store.query("SELECT student FROM students").rows() == [("student-03",)]


def test_a_hundred_students_are_ordered_by_number(store):
    first = claim(store, "r1", 101)
    assert first[8:11] == ["student-09", "student-10", "student-11"]
    assert first[98:] == ["student-99", "student-100", "student-101"]
    assert claim(store, "r1", 100) == first[:100]  # the last is given up, not the last of the alphabet


def test_a_named_student_is_known_once_and_takes_no_number(store):
    store.students.know("signals", "Ada")
    store.students.know("signals", "Ada")
    assert store.query("SELECT * FROM students").rows() == [("signals", "Ada", None)]
    assert claim(store, "r1", 1) == ["student-01"]
    assert claim(store, "r1", 0) == []
    assert store.query("SELECT student FROM students").rows() == [("Ada",)]  # surplus numbers only


def test_a_number_given_as_a_name_is_not_given_out_again(store):
    store.students.know("signals", "student-07")
    assert claim(store, "r1", 1) == ["student-08"]


def test_a_recording_that_moves_to_another_course_gets_numbers_there(store):
    store.add_recording(recording("r1"))
    store.add_recording(recording("r2", course="circuits"))
    assert claim(store, "r1", 2) == ["student-01", "student-02"]
    assert claim(store, "r2", 1, "circuits") == ["student-01"]
    store.students.know("signals", "Ada")
    store.add_recording(recording("r1", course="circuits"))
    assert claim(store, "r1", 2, "circuits") == ["student-02", "student-03"]
    rows = store.query("SELECT course, student, recording FROM students ORDER BY ALL").rows()
    assert rows == [
        ("circuits", "student-01", "r2"),
        ("circuits", "student-02", "r1"),
        ("circuits", "student-03", "r1"),
        ("signals", "Ada", None),  # a student with a name stays
    ]


def test_numbers_are_inherited_by_what_replaces_a_recording(store):
    """`r1` showed three; of these `r2`, the file with other bytes, shows the second, and somebody new."""
    analyzed(store, "run1", students={"a": "student-01"})
    claim(store, "r1", 3)
    again = {"a": "student-02", "b": "student-04"}
    analyzed(store, "run2", recording("r2", path="/v/r1.mp4"), again, people=("a", "b"))
    claim(store, "r2", 1)
    lengths, decisions = store.erase.drop_replaced(recording("r2", path="/v/r1.mp4"))
    assert (lengths, decisions) == ([129.5], 0)
    rows = store.query("SELECT student, recording FROM students ORDER BY ALL").rows()
    assert rows == [("student-02", "r2"), ("student-04", "r2")]
    assert store.query("SELECT recording FROM recordings").rows() == [("r2",)]
    assert store.erase.drop_replaced(recording("r2", path="/v/r1.mp4")) == ([], 0)


def test_a_recording_that_moves_within_its_course_keeps_its_numbers(store):
    store.add_recording(recording("r1"))
    claim(store, "r1", 2)
    store.add_recording(recording("r1", lecture="week-2"))
    assert claim(store, "r1", 2) == ["student-01", "student-02"]
