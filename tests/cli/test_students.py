"""`fertool students`: names, and every decision about four people of a lecture. Whole outputs."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from class_of_six import labels, lines

from fertool.cli.students.listing import consent_text
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

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


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["rename", "Ann", "Anna"], ["Ann is called Anna now"]),
        (["merge", "Ann", "Bob"], ["Bob is Ann now", "1 lecture judged again"]),
        (
            ["split", "Ann", "--recording", "w2.mp4"],
            ["student-01 is new: what was split off Ann", "1 lecture judged again"],
        ),
    ],
)
def test_a_report_that_shows_what_was_is_named(fertool, tmp_path: Path, command, said: list[str]) -> None:
    store = Store(tmp_path / "fertool.duckdb")
    early, late = timeline("neutral*60 absent*60"), timeline("absent*60 neutral*60")
    store_lecture(store, "course", "week 1", {"Ann": early}, recording_name="w1.mp4")
    store_lecture(store, "course", "week 2", {"Ann": early, "Bob": late}, recording_name="w2.mp4")
    assert fertool("report", "--out", "site").code == 0
    site = Path("site").resolve()
    last = f"{site}: still as it was; `fertool report --out {site}` renders it again"
    assert fertool("students", *command).out.splitlines() == [*said, last]


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
        ["Ann: not asked"],
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
        ((None, None, None, None), "not asked"),
        ((False, None, None, None), "refused"),
        ((False, "2026-03-01", "2026-03-14", None), "refused"),  # a no has no end
        ((True, None, None, None), "agreed"),
        ((True, "2026-03-01", "2026-04-01", None), "agreed until 2026-04-01"),
        ((True, None, "2026-03-15", None), "agreed until 2026-03-15"),  # the last day still counts
        ((True, None, "2026-03-14", None), "expired 2026-03-14"),
        ((True, "2026-03-16", None, None), "agreed from 2026-03-16"),
        ((True, None, "2026-04-01", "2026-03-15"), "withdrawn 2026-03-15"),
        ((True, None, "2026-03-14", "2026-03-15"), "withdrawn 2026-03-15"),  # of the two, the refusal
        ((True, None, None, "2026-03-16"), "agreed until 2026-03-15"),  # the first day without is the 16th
        ((True, None, "2026-04-01", "2026-03-20"), "agreed until 2026-03-19"),  # whichever ends first
        ((False, None, None, "2026-03-15"), "withdrawn 2026-03-15"),  # was never asked before
        ((False, None, None, "2026-03-16"), "withdraws 2026-03-16"),
    ],
)
def test_consent_in_a_few_words(answer: tuple, text: str) -> None:
    from datetime import date

    said, *dates = answer
    given, expires, withdrawn = (date.fromisoformat(d) if d else None for d in dates)
    row = {"consent": said, "given": given, "expires": expires, "withdrawn": withdrawn}
    in_force = text == "agreed" or text.startswith("agreed until")
    assert consent_text(row, date(2026, 3, 15), in_force) == text
