"""`fertool students`: a roster of the six of the demo, their lecture, and every decision. Whole outputs."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path

import cv2
import numpy as np
import pytest

from fertool.cli.students import consent_text
from fertool.store import Store
from fertool.testing import gallery, store_lecture, timeline

SIX = ("Ann", "Bob", "Cem", "Dora", "Eve", "Finn")
PEOPLE = tuple(gallery.Person(i, ((0, 12),)) for i in (0, 1, 3, 4))
"""Ann, Bob, Dora and Eve."""


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the six, and of three pictures that are no good."""
    folder = tmp_path_factory.mktemp("roster")
    views = [np.ascontiguousarray(view) for view in gallery.portraits()]
    for name, view in zip(SIX, views, strict=True):
        cv2.imwrite(str(folder / f"{name}.png"), view)
    height = min(view.shape[0] for view in views[:2])
    bad = {
        "blurred": cv2.GaussianBlur(views[3], (0, 0), 3),
        "pair": np.hstack([views[0][:height], views[1][:height]]),
        "slide": np.full((200, 300, 3), 255, np.uint8),
    }
    for name, image in bad.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    return folder


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of four people."""
    path = tmp_path_factory.mktemp("four") / "four.mp4"
    gallery.make_gallery(path, PEOPLE, duration_s=12, size=(960, 640), columns=2, gop_s=2)
    return path


@pytest.fixture(scope="session")
def analyzed(four: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of that recording, without a roster."""
    from fertool.cli.analyze import run_all
    from fertool.config import Settings

    path = tmp_path_factory.mktemp("analyzed") / "fertool.duckdb"
    flags = {"lecture": "week 1", "student": None, "start": None, "end": None, "force": False}
    chosen = Settings(db=str(path), course="course", detector="ssd", policy="behaviour")
    run_all([four], chosen, flags, [], [], failed=[], json=True)
    return path


@pytest.fixture
def filled(analyzed: Path, tmp_path: Path) -> Path:
    """A copy of it in the current folder."""
    return Path(shutil.copy(analyzed, tmp_path / "fertool.duckdb"))


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERTOOL_PASSPHRASE", "open sesame")


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


def lines(text: str) -> list[list[str]]:
    """Rows of printed tables, cell by cell."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return [row for row in rows if row != [""] and "─" not in row[0]]


def labels(database: Path, sql: str = "SELECT DISTINCT student FROM frame_emotions ORDER BY 1") -> list:
    return Store(database).query(sql)["student"].to_list()


# --- enroll ---------------------------------------------------------------------------------------


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
        ["Ann", "0", "0", "0:00:00", "1", "until 2999-12-31"],
        ["Bob", "0", "0", "0:00:00", "1", "no"],
        ["Gus", "0", "0", "0:00:00", "0", "yes"],
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


def test_who_is_enrolled_later_is_recognised_without_another_analysis(
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
        [f"{Path('site').resolve()}: rendered anew"],
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


def test_who_was_recognised_as_json(fertool, pictures: Path, filled: Path, secret) -> None:
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


def test_faces_that_were_not_kept_cannot_be_recognised(fertool, pictures: Path, filled: Path) -> None:
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
    assert fertool("students", "enroll", "answers.csv", "--detector", "ssd").code == 0
    assert [row[-1] for row in lines(fertool("students", "list").out)[2:]] == ["yes", "no"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere: no such folder or file"),
        (["bad.csv"], "bad.csv, line 2: consent: expected yes or no, got 'perhaps'"),
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


# --- names ----------------------------------------------------------------------------------------


def test_names_need_their_passphrase(fertool, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERTOOL_PASSPHRASE", "right")
    assert (
        fertool("students", "rename", "student-01", "Ann", "--names", "n.json").out
        == "student-01 is called Ann now\n"
    )
    monkeypatch.setenv("FERTOOL_PASSPHRASE", "wrong")
    for command in (
        ["students", "list"],
        ["students", "review"],
        ["report"],
        ["students", "rename", "student-02", "B"],
    ):
        done = fertool(*command, "--names", "n.json")
        assert done.code == 2
        assert done.err.startswith("fertool: n.json: the passphrase is not the one"), command
    monkeypatch.delenv("FERTOOL_PASSPHRASE")
    done = fertool("students", "list", "--names", "n.json")
    assert (done.code, done.err) == (2, "fertool: a names file needs a passphrase (set FERTOOL_PASSPHRASE)\n")


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        (["sesame", "sesame"], ""),  # a new file: typed twice
        (["sesame", "simsim"], "fertool: the two passphrases differ (try again)\n"),
        (["", ""], "fertool: n.json: expected a passphrase, got none (set FERTOOL_PASSPHRASE)\n"),
    ],
)
def test_a_passphrase_is_asked_for_on_a_terminal(
    fertool, filled: Path, monkeypatch, typed, error: str
) -> None:
    monkeypatch.delenv("FERTOOL_PASSPHRASE", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = iter([*typed, "sesame"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    done = fertool("students", "rename", "student-01", "Ann", "--names", "n.json")
    assert done.err == error
    assert Path("n.json").exists() == (not error)
    if not error:  # the file is there now: typed once
        assert "Ann" in fertool("students", "list", "--names", "n.json").out


def test_reading_is_recorded(fertool, filled: Path) -> None:
    for command in (["list"], ["show", "student-01"], ["review"], ["rename", "student-01", "Ann"]):
        assert fertool("students", *command).code == 0
    rows = Store(filled).query(
        "SELECT command, student FROM audit WHERE command LIKE 'students%' ORDER BY done_at"
    )
    assert rows.rows()[:2] == [("students list", None), ("students show", "Ann")]
    assert ("students review", "student-04") in rows.rows()
    assert rows.rows()[-1] == ("students rename", "Ann")


def test_names_are_joined_in_reports_only(fertool, tmp_path: Path, secret) -> None:
    store = Store(tmp_path / "fertool.duckdb")
    who = {"student-01": timeline("happy*6"), "student-02": timeline("neutral*6")}
    store_lecture(store, "course", "week 1", who)
    assert fertool("assess").code == 0
    for student in who:  # two of one name
        assert fertool("students", "rename", student, "Zoë", "--names", "n.json").code == 0
    assert fertool("report", "--names", "n.json", "--out", "named").code == 0
    assert fertool("report", "--out", "plain").code == 0
    named, plain = (
        next((tmp_path / site / "lectures").iterdir()).read_text(encoding="utf-8")
        for site in ("named", "plain")
    )
    assert "Zoë (student-01)" in named
    assert "Zoë (student-02)" in named
    assert "Zoë" not in plain
    assert "student-01" in plain
    assert "Zoë" not in fertool("query", "FROM assessments_latest").out
    assert "Zoë".encode() not in (tmp_path / "fertool.duckdb").read_bytes()


# --- decide ---------------------------------------------------------------------------------------


def test_decisions_hold_after_another_analysis(fertool, filled: Path, four: Path) -> None:
    assert fertool("students", "rename", "student-01", "Ann").out == "student-01 is called Ann now\n"
    merged = fertool("students", "merge", "student-02", "student-03")
    assert (merged.code, merged.out) == (0, "student-03 is student-02 now\n1 lecture judged again\n")
    places = """SELECT DISTINCT student, x1 + x2 > 960 AS right, y1 + y2 > 640 AS low
                FROM frame_emotions ORDER BY ALL"""
    before = Store(filled).query(places).rows()
    assert len(before) == 4, "each in one tile, student-02 in two"
    other = ("--every", "1500ms", "--lecture", "week 1", "--detector", "ssd", "--policy", "behaviour")
    assert fertool("analyze", four, *other).code == 0
    assert (
        Store(filled).query("SELECT count(*) AS n FROM current_runs WHERE config LIKE '%1.5%'")["n"].item()
        == 1
    )
    assert Store(filled).query(places).rows() == before
    assert fertool("analyze", four, *other, "--force").code == 0
    assert Store(filled).query(places).rows() == before
    assert labels(filled, "SELECT student FROM students ORDER BY 1") == ["Ann", "student-02", "student-04"]


def test_split_by_time_and_recording(fertool, tmp_path: Path) -> None:
    store = Store(tmp_path / "fertool.duckdb")
    for week in (1, 2):
        who = {"Ann": timeline("happy*150"), "Bob": timeline("neutral*150")}
        store_lecture(store, "course", f"week {week}", who, recording_name=f"w{week}.mp4")
    # The timelines' faces are all in one place; so that they can be told apart, Bob moves.
    with store.database.transaction() as con:
        con.execute("""UPDATE observations SET x1 = x1 + 300, x2 = x2 + 300
                       WHERE track IN (SELECT track FROM tracks WHERE student = 'Bob')""")
    done = fertool("students", "split", "Ann", "--recording", "w2.mp4", "--at", "1:30")
    assert (done.code, done.out) == (0, "student-01 is new: what was split off Ann\n1 lecture judged again\n")
    again = fertool("students", "split", "Ann", "--recording", "w1.mp4")
    assert again.out.startswith("student-02 is new")
    *shown, first, second = lines(fertool("students", "show", "Ann").out)
    assert shown == [
        ["Ann: consent not on record"],
        ["on screen for 0:01:28"],
        ["lecture", "recording", "from", "to", "samples"],
        ["week 2", "w2.mp4", "0:00:00", "0:00:59", "60"],
        ["week 2", "w2.mp4", "0:02:00", "0:02:29", "30"],
        ["decision", "on", "tracks"],
    ]
    assert [(row[0], row[2]) for row in (first, second)] == [("split", "5"), ("split", "2")]
    judged = Store(tmp_path / "fertool.duckdb").query("SELECT DISTINCT student FROM assessments_latest")
    assert {"student-01", "student-02"} <= set(judged["student"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["rename", "student-01", "student-02"],
            "expected a student's name, got what looks like a pseudonym",
        ),
        (
            ["rename", "student-09", "Ann"],
            "course: no student 'student-09' (`fertool students list` shows them)",
        ),
        (["rename", "student-09", "Ann", "--names", "n.json"], "no student 'student-09'"),
        (["merge", "student-01", "Ann"], "no student 'Ann'"),
        (["split", "student-01"], "expected --at TIME or --recording R"),
        (["split", "student-01", "--to", "5", "--recording", "four.mp4"], "expected --at TIME"),
        (["split", "student-01", "--at", "5"], "student-01: nothing would be left"),
        (["split", "student-01", "--at", "1:00:00"], "student-01 is not seen at that time"),
        (["split", "student-01", "--recording", "x.mp4"], "not seen in 'x.mp4', but in four.mp4"),
        (["show", "Ann"], "no student 'Ann'"),
    ],
)
def test_what_cannot_be_decided_is_said_in_one_line(
    fertool, filled: Path, secret, arguments, words: str
) -> None:
    done = fertool("students", *arguments)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1
    assert labels(filled) == [f"student-{i:02d}" for i in range(1, 5)]
    assert not Path("n.json").exists()


def test_merging_moves_the_name_too(fertool, filled: Path, secret) -> None:
    fertool("students", "rename", "student-03", "Dora", "--names", "n.json")
    assert fertool("students", "merge", "student-02", "student-03", "--names", "n.json").code == 0
    rows = json.loads(fertool("students", "list", "--names", "n.json", "--json").out)
    assert [(row["student"], row["name"]) for row in rows] == [
        ("student-01", None),
        ("student-02", "Dora"),
        ("student-04", None),
    ]


def test_show_as_json_has_everything(fertool, filled: Path) -> None:
    shown = json.loads(fertool("students", "show", "student-01", "--json").out)
    assert (shown["student"], shown["consent"], shown["pictures"]) == ("student-01", None, [])
    assert [row["name"] for row in shown["seen"]] == ["four.mp4"]


# --- review ---------------------------------------------------------------------------------------


def test_review_shows_everybody_and_stores_no_picture(fertool, filled: Path, secret) -> None:
    fertool("students", "rename", "student-01", "<b>Zoë</b>", "--names", "n.json")
    size = len(filled.read_bytes())
    done = fertool("students", "review", "--names", "n.json", "--each", "4", "--out", "sheet.html")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{Path('sheet.html').resolve()}\n"
    page = Path("sheet.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 4 * 4
    assert "&lt;b&gt;Zoë&lt;/b&gt;" in page
    assert "<b>Zoë" not in page
    assert "fertool students merge student-01 OTHER --names n.json --course course" in page
    assert "One person, or two" not in page, "all four were seen together"
    assert stat.S_IMODE(Path("sheet.html").stat().st_mode) == 0o600
    assert len(filled.read_bytes()) <= size + 1_000_000
    assert b"JFIF" not in filled.read_bytes()


def test_review_without_the_recording_says_so(fertool, filled: Path) -> None:
    store = Store(filled)
    with store.database.transaction() as con:
        con.execute("UPDATE recordings SET path = '/gone/four.mp4'")
    done = fertool("students", "review")
    assert done.code == 0
    assert done.err.startswith("fertool: four.mp4: ")
    page = Path("fertool-review.html").read_text(encoding="utf-8")
    assert "no picture" in page
    assert "data:image/jpeg" not in page


def test_review_of_an_empty_course(fertool, filled: Path) -> None:
    assert fertool("students", "review", "--course", "algebra").code == 0
    assert "Nobody seen yet" in Path("fertool-review.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((None, None, None, None), ""),
        ((False, None, None, None), "no"),
        ((True, None, None, None), "yes"),
        ((True, "2026-03-01", "2026-04-01", None), "until 2026-04-01"),
        ((True, None, "2026-03-15", None), "until 2026-03-15"),
        ((True, None, "2026-03-14", None), "expired 2026-03-14"),
        ((True, "2026-03-16", None, None), "from 2026-03-16"),
        ((True, None, "2026-04-01", "2026-03-15"), "withdrawn 2026-03-15"),
        ((True, None, None, "2026-03-16"), "yes"),
    ],
)
def test_consent_in_a_few_words(answer: tuple, text: str) -> None:
    from datetime import date

    said, *dates = answer
    given, expires, withdrawn = (date.fromisoformat(d) if d else None for d in dates)
    row = {"consent": said, "given": given, "expires": expires, "withdrawn": withdrawn}
    assert consent_text(row, date(2026, 3, 15)) == text
