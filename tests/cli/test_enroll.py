"""`fertool students enroll`: a roster of the six of the demo, before and after a recording. Whole outputs."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest
from class_of_six import SIX, labels, lines

from fertool.storage.store import Store

CSV = """\
student,picture,consent,consent_date,expires
Ann,Ann.png,yes,2026-01-01,2999-12-31
Bob,Bob.png,no,,
Bob,blurred.png,,,
Dora,Dora.png,yes,2026-01-01,2026-02-01
Eve,pair.png,,,
Gus,gus.png,yes,,
"""


@pytest.fixture
def roster(pictures: Path) -> Path:
    path = pictures / "class.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def test_enroll_lists_who_is_known_and_which_pictures_are_no_good(
    fertool, roster: Path, pictures: Path
) -> None:
    done = fertool("students", "enroll", roster, "--detector", "ssd")
    assert done.code == 0
    assert lines(done.out) == [
        ["3 of 5 students enrolled"],
        ["student", "in the roster", "pictures", "consent"],
        ["Ann", "Ann", "1", "yes"],
        ["Bob", "Bob", "1", "no"],
        ["Dora", "Dora", "1", "yes"],
        ["Eve", "0"],
        ["Gus", "Gus", "0", "yes"],
    ]
    assert lines(done.err) == [
        ["picture", "not used because it"],
        [str(pictures / "blurred.png"), "is blurred: sharpness 5.8, expected at least 8"],
        [str(pictures / "pair.png"), "shows 2 faces, expected one"],
        [str(pictures / "gus.png"), "cannot be read: No such file or directory"],
    ]
    assert lines(fertool("students", "list").out) == [
        ["4 students of course"],
        ["student", "lectures", "recordings", "on screen", "pictures", "consent"],
        ["Ann", "0", "0", "0:00:00", "1", "agreed until 2999-12-31"],
        ["Bob", "0", "0", "0:00:00", "1", "refused"],
        ["Gus", "0", "0", "0:00:00", "0", "agreed"],
        ["Dora", "0", "0", "0:00:00", "1", "expired 2026-02-01"],
    ]


def test_enrolled_students_are_found_in_the_next_recording(
    fertool, pictures: Path, four: Path, secret
) -> None:
    done = fertool("students", "enroll", pictures, "--names", "names.json", "--detector", "ssd", "--json")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert {row["name"]: row["student"] for row in shown["enrolled"] if row["student"]} == {
        name: f"student-{i:02d}" for i, name in enumerate(SIX, 1)
    }
    assert [Path(row["picture"]).name for row in shown["rejected"]] == [
        "blurred.png",
        "pair.png",
        "slide.png",
    ]
    assert fertool("analyze", four, "--detector", "ssd", "--policy", "behaviour").code == 0
    assert labels(Path("fertool.duckdb")) == ["student-01", "student-02", "student-04", "student-05"]
    listed = lines(fertool("students", "list", "--names", "names.json").out)
    assert listed[2][:4] == ["student-01", "Ann", "1", "1"]
    assert listed[4][:4] == ["student-03", "Cem", "0", "0"]
    content = Path("fertool.duckdb").read_bytes()
    for name in SIX:  # nothing in the database says who they are
        assert name.encode() not in content
    assert stat.S_IMODE(Path("names.json").stat().st_mode) == 0o600


def test_who_is_enrolled_later_is_recognized_without_another_analysis(
    fertool, pictures: Path, filled: Path, four: Path, secret
) -> None:
    assert labels(filled) == [f"student-{i:02d}" for i in range(1, 5)]
    assert fertool("report", "--out", "site").code == 0
    done = fertool("students", "enroll", pictures, "--names", "n.json", "--detector", "ssd")
    assert done.code == 0
    shown = lines(done.out)
    assert shown[:8] == [
        ["6 of 9 students enrolled"],
        ["student", "in the roster", "pictures", "consent"],
        *([f"student-{i:02d}", name, "1"] for i, name in enumerate(SIX, 5)),
    ]
    assert shown[11:] == [
        ["student-01 is student-05 now"],
        ["student-02 is student-08 now"],
        ["student-03 is student-09 now"],
        ["student-04 is student-06 now"],
        ["4 of 4 numbered students recognised"],
        ["1 lecture judged again"],
        [f"{Path('site').resolve()}: rendered again"],
    ]
    found = labels(filled)
    assert found == ["student-05", "student-06", "student-08", "student-09"]
    judged = labels(filled, "SELECT DISTINCT student FROM assessments_latest ORDER BY 1")
    assert [student for student in judged if student] == found
    for page in Path("site").rglob("*.html"):
        assert "student-01" not in page.read_text(encoding="utf-8"), page
    again = ("analyze", four, "--lecture", "week 1", "--detector", "ssd", "--policy", "behaviour", "--force")
    assert fertool(*again).code == 0
    assert labels(filled) == found, "an analysis comes to the same end"


def test_of_whom_there_is_no_picture_stays_a_number(fertool, pictures: Path, filled: Path) -> None:
    roster = Path("late")
    roster.mkdir()
    for name in ("Ann", "Cem"):
        shutil.copy(pictures / f"{name}.png", roster)
    done = fertool("students", "enroll", roster, "--detector", "ssd")
    assert lines(done.out)[2:] == [
        ["Ann", "Ann", "1"],
        ["Cem", "Cem", "1"],
        ["student-01 is Ann now"],
        ["1 of 4 numbered students recognised"],
        ["1 lecture judged again"],
    ]
    assert done.err == ""
    assert labels(filled) == ["Ann", "student-02", "student-03", "student-04"]


def test_who_was_recognized_as_json(fertool, pictures: Path, filled: Path, secret) -> None:
    fertool("students", "rename", "student-02", "Robert", "--names", "n.json")
    done = fertool("students", "enroll", pictures, "--names", "n.json", "--detector", "ssd", "--json")
    shown = json.loads(done.out)
    assert shown["recognised"] == [
        {"number": "student-01", "student": "student-05"},
        {"number": "student-03", "student": "student-09"},
        {"number": "student-04", "student": "student-06"},
    ]
    assert shown["unrecognised"] == 0, "student-02 has a name already, and keeps it"
    assert done.err == "1 lecture judged again\n"


def test_faces_that_were_not_kept_cannot_be_recognized(fertool, pictures: Path, filled: Path) -> None:
    with Store(filled).database.transaction() as con:
        con.execute("UPDATE samples SET dropped = 1")
    done = fertool("students", "enroll", pictures, "--detector", "ssd")
    assert done.err.splitlines()[-1] == (
        "fertool: of 1 recording, faces without consent were not kept; "
        "`fertool analyze --force` looks for these students there"
    )


def test_enrolling_again_with_names_keeps_the_numbers(fertool, pictures: Path, secret) -> None:
    for _ in range(2):
        assert fertool("students", "enroll", pictures, "--names", "names.json", "--detector", "ssd").code == 0
    assert len(lines(fertool("students", "list").out)) == 2 + len(SIX)


def test_nothing_is_stored_when_no_picture_is_any_good(fertool, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    shutil.copy(pictures / "slide.png", tmp_path / "bad" / "Ann.png")
    done = fertool("students", "enroll", "bad", "--detector", "ssd")
    assert done.code == 2
    assert done.out == ""
    assert lines(done.err)[1:] == [["bad/Ann.png", "shows no face"]]
    assert not Path("fertool.duckdb").exists()


def test_two_students_with_one_face_are_pointed_out(fertool, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "twins").mkdir()
    for name in ("Ann", "Amy"):
        shutil.copy(pictures / "Ann.png", tmp_path / "twins" / f"{name}.png")
    done = fertool("students", "enroll", "twins", "--detector", "ssd")
    assert done.code == 0
    assert done.err == "fertool: Amy and Ann look alike: is Amy.png or Ann.png the wrong picture?\n"


def test_a_roster_of_answers_alone_needs_no_pictures(fertool, tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text("student,consent\nAnn,yes\nBob,no\n")
    done = fertool("students", "enroll", "answers.csv", "--detector", "ssd")
    assert done.code == 0
    assert done.err == (
        "fertool: Bob of course course: refused, but no picture tells whose face that is, so new recordings "
        "show it under a number; enroll a picture, or type `fertool students merge Bob NUMBER --course "
        "course`, which takes that number off all pages\n"
    )
    assert [row[-1] for row in lines(fertool("students", "list").out)[2:]] == ["agreed", "refused"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere: no such folder or file"),
        (["bad.csv"], "bad.csv:2: consent: expected yes or no, got 'perhaps'"),
        (["good.csv", "--names", "no/names.json"], "no/names.json: no such folder: no"),
        (["good.csv", "--detector", "nothing"], "nothing"),
    ],
)
def test_enroll_errors_are_one_line(
    fertool, tmp_path: Path, secret, arguments: list[str], words: str
) -> None:
    (tmp_path / "bad.csv").write_text("student,consent\nAnn,perhaps\n")
    (tmp_path / "good.csv").write_text("student,consent\nAnn,yes\n")
    done = fertool("students", "enroll", *arguments)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not Path("fertool.duckdb").exists()
