"""A no is a no: a lecture of three. One said no, one agrees and withdraws later, one was not asked."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from class_of_six import lines

from fertool.demo import gallery
from fertool.storage.consents import CONSENTS
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

TODAY = date.today()
THREE = {"Ann": 0, "Bob": 1, "Dora": 3}
"""Who is in the picture, from the left: portraits of the demo."""
ANALYZE = ("--course", "signals", "--lecture", "week 1", "--detector", "ssd", "--every", "2s")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds; with `ANALYZE`, four samples of three faces."""
    people = [gallery.Person(i, ((0, 8),)) for i in THREE.values()]
    path = tmp_path_factory.mktemp("three") / "three.mp4"
    gallery.make_gallery(path, people, duration_s=8, size=(960, 640), columns=2, gop_s=2)
    return path


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann says no, Bob yes; both with a picture. Of Dora there is nothing."""
    folder = tmp_path_factory.mktemp("class")
    for name in ("Ann", "Bob"):
        view = np.ascontiguousarray(gallery.portraits()[THREE[name]])
        cv2.imwrite(str(folder / f"{name}.png"), view)
    (folder / "class.csv").write_text("student,picture,consent\nAnn,Ann.png,no\nBob,Bob.png,yes\n")
    return folder / "class.csv"


@pytest.fixture(scope="module")
def numbered(three: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of the lecture before anybody was asked: three numbers."""
    from fertool.config import Settings
    from fertool.workflows.analyze import analyze
    from fertool.workflows.plan import Arguments

    path = tmp_path_factory.mktemp("numbered") / "fertool.duckdb"
    chosen = Settings(db=str(path), course="signals", detector="ssd", every="2s")
    analyze(Arguments((str(three),), lecture="week 1"), chosen)
    return path


@pytest.fixture
def analyzed(numbered: Path, tmp_path: Path) -> Path:
    """A copy of it in the current folder."""
    return Path(shutil.copy(numbered, tmp_path / "fertool.duckdb"))


def enroll(fertool, roster: Path):
    return fertool("students", "enroll", roster, "--course", "signals", "--detector", "ssd")


def stored(course: str = "signals", *students: str) -> str:
    """The line about those who refuse and are still stored."""
    who = students[0] if len(students) == 1 else "NAME"
    return (
        f"fertool: {', '.join(students)} of course {course}: refused and on no page, but rows of earlier "
        f"analyses are still stored; `fertool students forget {who} --course {course} --keep-answer` "
        "removes them"
    )


def faces(db: str = "fertool.duckdb") -> dict[str, int]:
    """Student -> faces that the views show."""
    sql = "SELECT student, count(*) FROM frame_emotions GROUP BY 1 ORDER BY 1"
    return dict(Store(Path(db)).query(sql).rows())


def samples(db: str = "fertool.duckdb") -> list[tuple[int, int]]:
    return Store(Path(db)).query("SELECT DISTINCT faces, dropped FROM samples_seen ORDER BY 1").rows()


def held(student: str | None = None) -> int:
    """Tracks in any run, of one student or of all."""
    sql = "SELECT count(*) FROM tracks WHERE $s IS NULL OR student = $s"
    return Store(Path("fertool.duckdb")).query(sql, s=student).item()


def naming(site: str, *names: str) -> list[str]:
    """Files of a report, in all its formats, in which a name stands; none of `assets` is about anybody."""
    word = re.compile(rf"\b({'|'.join(names)})\b", re.IGNORECASE)
    found = [file for file in Path(site).rglob("*") if file.is_file() and "assets" not in file.parts]
    assert found
    return [str(file) for file in found if word.search(file.read_text(encoding="utf-8"))]


def report(fertool, out: str = "site"):
    done = fertool("report", "--out", out, "--format", "html,csv,json,xapi", "--k", 1)
    assert done.code == 0, done.err
    return done


# --- the lecture of three -------------------------------------------------------------------------


def test_where_nobody_has_to_be_asked(fertool, three: Path, roster: Path) -> None:
    assert enroll(fertool, roster).err == ""
    assert fertool("analyze", three, *ANALYZE).code == 0
    assert held() == 2
    assert faces() == {"Bob": 4, "student-01": 4}
    assert samples() == [(2, 1)]
    report(fertool)
    assert naming("site", "Ann") == []
    assert naming("site", "Bob")
    assert pl.read_csv("site/data/lectures.csv")["students"].item() == 2

    done = fertool("students", "withdraw", "Bob", "--course", "signals")
    assert done.out == f"Bob in course signals: withdrawn {TODAY}\n"
    assert done.err.splitlines() == [
        "fertool: consent has changed since these lectures were judged:",
        "1 lecture judged again",
        f"{Path('site').resolve()}: rendered again",
        stored("signals", "Bob"),
    ]
    assert faces() == {"student-01": 4}
    assert samples() == [(1, 2)]
    assert naming("site", "Ann", "Bob") == []
    assert pl.read_csv("site/data/lectures.csv")["students"].item() == 1
    listed = fertool("students", "list", "--course", "signals")
    assert lines(listed.out)[2:] == [
        ["Ann", "0", "0", "0:00:00", "1", "refused"],
        ["Bob", "0", "0", "0:00:00", "1", f"withdrawn {TODAY}"],
        ["student-01", "1", "1", "0:00:06", "0", "not asked"],
    ]
    assert listed.err == stored("signals", "Bob") + "\n"
    shown = fertool("students", "show", "Bob", "--course", "signals")
    assert shown.out.splitlines()[0] == f"Bob: withdrawn {TODAY}"
    assert lines(shown.out)[1] == ["on screen for 0:00:00"]

    # Another analysis is not the same one, and stores nobody who refuses.
    again = fertool("analyze", three, *ANALYZE)
    assert again.code == 0
    assert "1 earlier run without consent deleted" in again.err
    assert "still stored" not in again.err
    assert held() == 1
    assert samples() == [(1, 2)]
    assert "already analyzed" in fertool("analyze", three, *ANALYZE).err
    assert fertool("runs").err == ""


def test_where_silence_is_a_no(fertool, three: Path, roster: Path) -> None:
    enroll(fertool, roster)
    assert fertool("analyze", three, *ANALYZE, "--consent", "required").code == 0
    assert held() == 1
    assert faces() == {"Bob": 4}
    assert samples() == [(1, 2)]
    report(fertool)
    assert naming("site", "Ann") == []
    assert fertool("students", "withdraw", "Bob", "--course", "signals").code == 0
    assert faces() == {}
    assert samples() == [(0, 3)]
    assert naming("site", "Ann", "Bob") == []
    refused = fertool("analyze", three, *ANALYZE, "--consent", "required")
    assert refused.code == 2
    assert "no student of course 'signals' has a picture and consent in force" in refused.err
    # Without it, the same recording shows the one who was not asked.
    assert fertool("analyze", three, *ANALYZE).code == 0
    assert faces() == {"student-01": 4}
    assert held() == 1


def test_a_worker_leaves_nothing_of_them_in_the_spool(fertool, three: Path, roster: Path) -> None:
    enroll(fertool, roster)
    assert fertool("analyze", three, *ANALYZE, "--isolate", "--spool", "spool").code == 0
    rows = pl.read_parquet("spool/*/*.parquet")
    assert rows.filter(table="tracks").height == 2
    assert rows.filter(table="observations").height == 8
    assert rows.filter(table="samples")["dropped"].to_list() == [1] * 4
    assert faces() == {"Bob": 4, "student-01": 4}

    # What was measured before a no is not taken in after it.
    store = Store(Path("fertool.duckdb"))
    store.delete_run(store.runs()["run"][0])
    fertool("students", "withdraw", "Bob", "--course", "signals")
    refused = fertool("ingest", "spool")
    assert refused.code == 3
    assert "consents or enrolled pictures have changed since it was measured: analyze it again" in refused.out
    assert held() == 0


# --- who a number is becomes known later ----------------------------------------------------------


def test_a_picture_that_comes_later_takes_the_number_off_all_pages(fertool, analyzed: Path, roster: Path):
    assert faces() == {"student-01": 4, "student-02": 4, "student-03": 4}
    report(fertool)
    done = enroll(fertool, roster)
    assert done.code == 0
    (number,) = re.findall(r"(student-\d+) is Ann now", done.out)
    assert done.out.endswith(f"1 lecture judged again\n{Path('site').resolve()}: rendered again\n")
    assert done.err == stored("signals", "Ann") + "\n"
    assert set(faces().values()) == {4}
    assert len(faces()) == 2
    assert "Ann" not in faces()
    assert samples() == [(2, 1)]
    assert naming("site", "Ann", number) == []

    forgotten = fertool("students", "forget", "Ann", "--course", "signals", "--keep-answer")
    assert forgotten.code == 0, forgotten.err
    assert lines(forgotten.out) == [
        ["removed from", "rows"],
        ["observations", "4"],
        ["tracks", "1"],
        ["1 lecture judged again"],
        [f"{Path('site').resolve()}: rendered again"],
        ["fertool.duckdb: rewritten"],
        ["Searched byte by byte, and not found: 1 embeddings"],
        ["Nothing that recordings showed of Ann is left; the answer is, and holds."],
    ]
    assert forgotten.err == ""
    assert samples() == [(2, 1)]
    assert lines(fertool("students", "list", "--course", "signals").out)[2][-2:] == ["1", "refused"]


def test_a_merge_takes_the_number_off_all_pages(fertool, analyzed: Path, tmp_path: Path, three: Path) -> None:
    (tmp_path / "answers.csv").write_text("student,consent\nAnn,no\n")
    blind = (
        "fertool: Ann of course signals: refused, but no picture tells whose face that is, so new recordings "
        "show it under a number; enroll a picture, or type `fertool students merge Ann NUMBER --course "
        "signals`, which takes that number off all pages"
    )
    assert enroll(fertool, Path("answers.csv")).err == blind + "\n"
    report(fertool)
    done = fertool("students", "merge", "Ann", "student-02", "--course", "signals")
    assert done.out.splitlines() == [
        "student-02 is Ann now",
        "1 lecture judged again",
        f"{Path('site').resolve()}: rendered again",
    ]
    assert done.err == stored("signals", "Ann") + "\n"
    assert faces() == {"student-01": 4, "student-03": 4}
    assert naming("site", "Ann", "student-02") == []

    # By mistake, it is undone.
    split = fertool("students", "split", "Ann", "--at", "4", "--course", "signals")
    assert split.out.startswith("student-04 is new: what was split off Ann\n1 lecture judged again\n")
    assert faces() == {"student-01": 4, "student-03": 4, "student-04": 4}
    assert fertool("students", "merge", "Ann", "student-04", "--course", "signals").code == 0

    # What was decided holds in another analysis, at another sampling too: nothing is stored then.
    for more in (("--force",), ("--every", "1s")):
        again = fertool("analyze", three, *ANALYZE, *more)
        assert again.code == 0
        assert blind in again.err
        assert set(faces()) == {"student-01", "student-03"}
        assert samples() == [(2, 1)]
    assert held("Ann") == 0


def test_a_number_that_withdraws_stays_away(fertool, analyzed: Path, three: Path) -> None:
    done = fertool("students", "withdraw", "student-01", "--course", "signals")
    assert done.code == 0
    assert stored("signals", "student-01") in done.err
    assert "student-01 of course signals: refused, but no picture tells" in done.err
    left = {"student-02": 4, "student-03": 4}
    assert faces() == left
    assert fertool("students", "forget", "student-01", "--course", "signals", "--keep-answer").code == 0
    again = fertool("analyze", three, *ANALYZE, "--force")
    assert again.code == 0
    assert faces() == left, "the number is not given to anybody else"
    assert samples() == [(2, 1)]
    assert held("student-01") == 0


# --- databases, webcams, mistakes -----------------------------------------------------------------


def consents(store: Store, *rows: tuple) -> None:
    store.consents.set_consents("signals", pl.DataFrame(rows, schema=CONSENTS, orient="row"))


@pytest.fixture
def simulated(tmp_path: Path) -> Store:
    """A lecture of two, judged by all rules before Ann said no."""
    store = Store(tmp_path / "fertool.duckdb")
    both = {"Ann": timeline("sad*60"), "Bo Lee": timeline("happy*60")}
    store_lecture(store, "signals", "week 1", both)
    return store


@pytest.mark.parametrize("command", [("students", "list", "--json"), ("segments", "parts:1m")])
def test_the_next_command_says_what_to_type(fertool, simulated: Store, command) -> None:
    assert fertool("assess").code == 0
    consents(simulated, ("Ann", False, None, None, None), ("Bo Lee", True, None, None, TODAY))
    line = stored("signals", "Ann", "Bo Lee")
    first = fertool(*command)
    assert first.err.splitlines() == [
        "fertool: consent has changed since these lectures were judged:",
        "1 lecture judged again",
        line,
    ]
    assert "judged again" not in first.out, "what comes out can still be read by programs"
    assert fertool(*command).err == line + "\n", "until it is done"
    for name in ("Ann", "Bo Lee"):
        assert fertool("students", "forget", name, "--course", "signals", "--keep-answer").code == 0
    assert fertool(*command).err == ""


READING = [("runs", "--json"), ("query", "SELECT 1", "--json"), ("audit",), ("segments",)]


@pytest.mark.parametrize("command", READING, ids=lambda words: words[0])
def test_a_command_that_only_reads_warns_and_writes_nothing(fertool, simulated: Store, command) -> None:
    assert fertool("assess").code == 0
    consents(simulated, ("Ann", False, None, None, None))
    before = simulated.database.path.read_bytes()
    done = fertool(*command)
    assert done.err.splitlines() == [
        "fertool: consent has changed since lectures were judged: class figures may still count people "
        "without consent; `fertool assess` judges them again",
        stored("signals", "Ann"),
    ]
    assert simulated.database.path.read_bytes() == before
    assert fertool("assess").code == 0
    assert fertool(*command).err == stored("signals", "Ann") + "\n"


def test_what_to_type_names_another_database(fertool, simulated: Store, tmp_path: Path) -> None:
    consents(simulated, ("Bo Lee", False, None, None, None))
    (tmp_path / "fertool.duckdb").rename(tmp_path / "my course.duckdb")
    said = fertool("runs", "--db", "my course.duckdb").err
    command = "students forget 'Bo Lee' --course signals --db 'my course.duckdb' --keep-answer"
    assert f"`fertool {command}` removes them" in said


@pytest.mark.parametrize("flags", [(), ("--isolate", "--spool", "spool")])
def test_a_webcam_recording_of_who_refuses(fertool, simulated: Store, three: Path, flags) -> None:
    consents(simulated, ("Ann", False, None, None, None))
    done = fertool("analyze", three, "--course", "signals", "--student", "Ann", "--detector", "ssd", *flags)
    assert done.code == 2
    assert "--student Ann: this student refuses to be analyzed" in done.err
    assert held() == 2, "what was there"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            ("forget", "Bo Lee", "--keep-answer"),
            "--keep-answer: Bo Lee does not refuse in course signals (`fertool students withdraw` records",
        ),
        (
            ("forget", "Ann", "--keep-answer", "--names", "n.json"),
            "--keep-answer leaves the name where it is",
        ),
        (("withdraw", "Ann", "--on", "2999-01-01"), "Ann refuses already: expected a day up to today"),
    ],
)
def test_what_makes_no_sense_changes_nothing(fertool, simulated: Store, command, words: str) -> None:
    consents(simulated, ("Ann", False, None, None, None))
    done = fertool("students", *command, "--course", "signals")
    assert done.code == 2
    assert words in done.err.splitlines()[-1]
    assert held() == 2
    assert simulated.consents.refusing("signals") == {"Ann"}


def test_the_contact_sheet_shows_no_face_of_who_refuses(fertool, analyzed: Path) -> None:
    fertool("students", "rename", "student-01", "Ann", "--course", "signals")
    consents(Store(analyzed), ("Ann", False, None, None, None))
    assert fertool("students", "review", "--course", "signals", "--each", 1).code == 0
    page = Path("fertool-review.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 2
    assert "Ann" not in page
