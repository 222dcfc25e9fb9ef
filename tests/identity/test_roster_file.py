"""Rosters: folders and CSVs, and what is wrong with them, by file and line."""

from __future__ import annotations

import unicodedata
from datetime import date
from pathlib import Path

import pytest

from fertool.errors import ConfigError
from fertool.identity.roster_file import Answer, Listed, read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "bob.PNG",
        "ann/2.jpg",
        "ann/1.jpg",
        "ann/notes.txt",
        ".hidden.jpg",
        "read me.txt",
        "eve.jpeg",
    ):
        path = tmp_path / "roster" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "roster"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "class.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_folder_names_students_by_file_or_sub_folder(folder: Path) -> None:
    assert read(folder) == [
        Listed("ann", (folder / "ann/1.jpg", folder / "ann/2.jpg")),
        Listed("bob", (folder / "bob.PNG",)),
        Listed("eve", (folder / "eve.jpeg",)),
    ]


def test_a_file_and_a_sub_folder_of_one_name_are_one_student(folder: Path) -> None:
    (folder / "ann.jpg").write_bytes(b"")
    assert read(folder)[0] == Listed("ann", (folder / "ann/1.jpg", folder / "ann/2.jpg", folder / "ann.jpg"))


def test_an_accent_has_one_spelling_on_every_file_system(folder: Path) -> None:
    (folder / unicodedata.normalize("NFD", "Zoë.jpg")).write_bytes(b"")
    assert "Zoë" in [listed.student for listed in read(folder)]


FULL = """\
student,picture,consent,consent_date,expires
Ann,a/1.jpg,yes,2026-03-01,2026-09-30
Ann,a/2.jpg,,,

"Bob, the second",bob.jpg,no,,
Eve,,YES,2026-03-01,
Joe,joe.jpg,,,
"""


def test_a_csv_has_pictures_and_answers(tmp_path: Path) -> None:
    assert read(write(tmp_path, FULL)) == [
        Listed(
            "Ann",
            (tmp_path / "a/1.jpg", tmp_path / "a/2.jpg"),
            Answer(True, date(2026, 3, 1), date(2026, 9, 30)),
        ),
        Listed("Bob, the second", (tmp_path / "bob.jpg",), Answer(False)),
        Listed("Eve", (), Answer(True, date(2026, 3, 1))),
        Listed("Joe", (tmp_path / "joe.jpg",)),
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("student,picture\nZoë,z.jpg\n", "utf-8-sig"),  # as spreadsheets save it
        ("Student; Picture\r\nZoë; z.jpg\r\n", "utf-8"),  # as they do where the comma is for decimals
        ("\npicture,student\nz.jpg,Zoë", "utf-8"),  # any order, no last line end
        ("student,picture\nZoë,z.jpg\nZoë,z.jpg\n", "utf-8"),  # twice is once
    ],
)
def test_csvs_of_all_sorts(tmp_path: Path, text: str, encoding: str) -> None:
    assert read(write(tmp_path, text, encoding)) == [Listed("Zoë", (tmp_path / "z.jpg",))]


HEAD = "student,picture,consent,consent_date,expires\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("who,picture\nann,a.jpg\n", 1, "expected a column student, got who, picture"),
        ("student,student\nann,ann\n", 1, "column 'student' stands there twice"),
        ("student,pictur\nann,a.jpg\n", 1, "unknown column 'pictur' (did you mean 'picture'?)"),
        ("student,shoe size\nann,40\n", 1, "unknown column 'shoe size' (known are student, picture"),
        (HEAD + ",a.jpg,,,\n", 2, "expected a student's name, got nothing"),
        (HEAD + "ann,a.jpg,,,\nstudent-07,b.jpg,,,\n", 3, "looks like a pseudonym: student-07"),
        (HEAD + "ann,a.jpg,perhaps,,\n", 2, "consent: expected yes or no, got 'perhaps'"),
        (HEAD + "ann,a.jpg,yes,1.3.2026,\n", 2, "consent_date: expected a date, got '1.3.2026'"),
        (HEAD + "ann,a.jpg,yes,,2026-02-30\n", 2, "expires: expected a date, got '2026-02-30'"),
        (HEAD + "ann,a.jpg,,2026-03-01,\n", 2, "a date of consent, but no consent"),
        (HEAD + "ann,a.jpg,yes,2026-03-02,2026-03-01\n", 2, "before it is given"),
        (HEAD + "ann,a.jpg,yes,,\nann,b.jpg,no,,\n", 3, "another consent than in a row above"),
        (HEAD + "ann,a.jpg,yes,,,\n", 2, "column 6: expected at most 5 cells, got 6"),
        (HEAD + '"an\u0007n",a.jpg,,,\n', 2, "control characters"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert words in str(error.value)


def test_what_is_no_roster(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder or file"):
        read(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="no student in it"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="no student in it"):
        read(write(tmp_path, HEAD))


PLATFORMS = {
    "Moodle": '"First name","Last name","Email address",Groups\n"Zoë","Muster","zoe@example.org","G1"\n',
    "Moodle in German": "Vorname;Nachname;E-Mail-Adresse\nZoë;Muster;zoe@example.org\n",
    "Canvas": 'Student,ID,SIS User ID,SIS Login ID,Section\nPoints Possible,,,,\n"Muster, Zoë",7,s7,zoe,01\n',
    "Zoom": "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest\n"
    "Zoë Muster (Z),zoe@example.org,11/16/2026 10:00:04 AM,11/16/2026 10:20:00 AM,20,No\n"
    "Zoë Muster (Z),zoe@example.org,11/16/2026 10:19:30 AM,11/16/2026 11:30:10 AM,71,No\n",
    "Teams": "1. Summary\nMeeting title\tSignals\n\n2. Participants\nName\tFirst Join\tLast Leave\tEmail\n"
    "Zoë Muster\t10:00\t11:30\tzoe@example.org\n\n3. In-Meeting Activities\nName\tJoin Time\n",
}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_lists_of_platforms(tmp_path: Path, platform: str, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody who joined twice is one student; no address is kept."""
    path = write(tmp_path, PLATFORMS[platform], "utf-16" if platform == "Teams" else "utf-8-sig")
    found = read(path)
    assert found == [Listed("Zoë Muster")]
    assert "example.org" not in repr(found)
    assert "not read and not stored: " in caplog.text


def test_brackets_of_a_name_stay_where_nobody_but_a_platform_wrote_them(tmp_path: Path) -> None:
    assert read(write(tmp_path, "student\nZoë (Erasmus)\n")) == [Listed("Zoë (Erasmus)")]


def test_another_heading_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "Kürzel,picture\nzm,z.jpg\n")
    assert read(path, {"student": "Kürzel"}) == [Listed("zm", (tmp_path / "z.jpg",))]
    with pytest.raises(ConfigError, match="--column student=HEADING says which one it is"):
        read(path)


def test_answers_in_german_and_in_windows_1252(tmp_path: Path) -> None:
    path = write(tmp_path, "Student;Bild;Einwilligung\nZoë;z.jpg;ja\nBob;;nein\n", "cp1252")
    assert read(path) == [
        Listed("Zoë", (tmp_path / "z.jpg",), Answer(True)),
        Listed("Bob", (), Answer(False)),
    ]


def test_a_folder_named_like_a_pseudonym_is_refused(folder: Path) -> None:
    (folder / "student-3").mkdir()
    with pytest.raises(ConfigError, match=r"student-3: expected a student's name"):
        read(folder)
