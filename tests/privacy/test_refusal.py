"""A no holds under every setting: the public views, what is judged, and every file of a report."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fertool.analysis import pipeline
from fertool.config import Settings
from fertool.host import toolbox
from fertool.report.render import ReportOptions, render
from fertool.storage.consents import CONSENTS
from fertool.storage.store import Store
from fertool.storage.tables import ASSESSMENTS, frame
from fertool.testing import store_lecture, timeline

TODAY = date.today()
NO, YES, WITHDRAWN = (False, None, None, None), (True, None, None, None), (True, None, None, TODAY)
REQUIRED = {"consent": {"mode": "required", "state": "x"}}

ANN, BOB = timeline("sad/down*30 absent*10 angry*20"), timeline("angry*20 surprise*40")
OTHERS = {"Dora": timeline("happy*40 absent*20"), "student-04": timeline("neutral*60")}
"""Nobody asked them."""


@pytest.fixture
def store(tmp_path: Path, empty: Path) -> Store:
    return Store(Path(shutil.copy(empty, tmp_path / "fertool.duckdb")))


def answer(store: Store, **said: tuple) -> None:
    rows = [(student, *answer) for student, answer in said.items()]
    store.consents.set_consents("signals", pl.DataFrame(rows, schema=CONSENTS, orient="row"))


def lecture(store: Store, name: str = "week 1", config: dict | None = None, **more: pl.DataFrame) -> str:
    who = {"Ann": ANN, "Bob": BOB, **OTHERS, **more}
    return store_lecture(store, "signals", name, who, recording_name=f"{name}.mp4", config=config)


def shown(store: Store) -> dict[str | None, int]:
    """Student -> number of faces in the public view."""
    return dict(store.query("SELECT student, count(*) FROM frame_emotions GROUP BY 1").rows())


def counted(store: Store) -> tuple[int, int]:
    return store.query("SELECT sum(faces)::INT, sum(dropped)::INT FROM samples_seen").row(0)


ALL = {"Ann": 50, "Bob": 60, "Dora": 40, "student-04": 60}
"""Samples with a face, as the timelines say."""
SHOWN = [
    # config, answers -> whose faces the views show
    (None, {}, {"Ann", "Bob", "Dora", "student-04"}),
    (None, {"Ann": NO}, {"Bob", "Dora", "student-04"}),
    (None, {"Ann": WITHDRAWN}, {"Bob", "Dora", "student-04"}),
    (None, {"Ann": NO, "Bob": WITHDRAWN, "Dora": YES}, {"Dora", "student-04"}),
    (None, {"Ann": (True, None, date(2026, 1, 1), None)}, {"Ann", "Bob", "Dora", "student-04"}),  # expired
    (REQUIRED, {}, set()),  # silence is a no
    (REQUIRED, {"Ann": NO, "Bob": WITHDRAWN, "Dora": YES}, {"Dora"}),
]


@pytest.mark.parametrize(("config", "answers", "expected"), SHOWN)
def test_whose_faces_the_views_show(store: Store, config, answers, expected: set[str]) -> None:
    lecture(store, config=config)
    answer(store, **answers)
    assert shown(store) == {student: ALL[student] for student in expected}
    faces = sum(ALL[student] for student in expected)
    assert counted(store) == (faces, 210 - faces), "every face is shown or counted"
    assert {*store.seen("signals", "week 1")["student"]} == expected


def test_each_recording_by_its_own_setting(store: Store) -> None:
    lecture(store)
    lecture(store, "week 2", REQUIRED)
    answer(store, Ann=NO, Bob=YES)
    assert shown(store) == {"Bob": 120, "Dora": 40, "student-04": 60}
    assert counted(store) == (220, 200)
    # Said of one course, it holds there.
    store_lecture(store, "algebra", "week 1", {"Ann": ANN})
    assert shown(store) == {"Ann": 50, "Bob": 120, "Dora": 40, "student-04": 60}


def test_faces_of_nobody_stay_where_nobody_has_to_be_asked(store: Store) -> None:
    lecture(store)
    with store.database.transaction() as con:
        con.execute("UPDATE tracks SET student = NULL WHERE student = 'Dora'")
    answer(store, Ann=NO)
    assert shown(store) == {"Bob": 60, "student-04": 60, None: 40}
    assert counted(store) == (160, 50)


def test_what_rules_said_of_who_refuses_is_shown_no_more(store: Store) -> None:
    """Neither of a lecture nor of the course, nor of all courses together; of the others it is."""
    lecture(store)
    places = ({"course": "signals", "lecture": "week 1"}, {"course": "signals"}, {})
    common = {"rule": "presence", "version": "1", "options": "{}", "evidence": "{}"}
    store.save_assessments(
        frame(
            [common | place | {"student": who} for place in places for who in ("Ann", "Dora", None)],
            ASSESSMENTS,
        ),
        [("signals", "week 1")],
    )

    def said() -> list[tuple]:
        sql = "SELECT DISTINCT student, count(*) FROM assessments_latest GROUP BY student ORDER BY 1"
        return store.query(sql).rows()

    assert said() == [("Ann", 3), ("Dora", 3), (None, 3)]
    answer(store, Ann=NO)
    assert said() == [("Dora", 3), (None, 3)]
    store.consents.answer("signals", "Ann", given=TODAY)
    assert said() == [("Ann", 3), ("Dora", 3), (None, 3)]


def test_class_figures_are_judged_again_once(store: Store) -> None:
    lecture(store)
    answers = store.consents
    store.save_assessments(frame([], ASSESSMENTS), [("signals", "week 1")])
    answer(store, Zoe=NO)
    assert answers.outdated() == [], "who is in no recording changes nothing"
    answer(store, Ann=NO)
    assert answers.outdated() == [("signals", "week 1")]
    store.save_assessments(frame([], ASSESSMENTS), [("signals", "week 1")])
    assert answers.outdated() == []
    answer(store, Bob=WITHDRAWN)
    assert answers.outdated() == [("signals", "week 1")]


def test_a_gallery_of_two_is_no_speaker_view_without_one_of_them(store: Store) -> None:
    """Of the others one is shown at a time, but there is room for two: who is not shown is away."""
    halves = {"Ann": "happy*60", "Bob": "happy*30 absent*30", "Dora": "absent*30 happy*30"}
    people = {student: timeline(states) for student, states in halves.items()}
    store_lecture(store, "signals", "week 1", people)
    answer(store, Ann=NO)
    assert shown(store) == {"Bob": 30, "Dora": 30}
    assert not store.one_at_a_time("signals", "week 1")
    del people["Ann"]
    store_lecture(store, "signals", "week 2", people, recording_name="w2.mp4")
    assert store.one_at_a_time("signals", "week 2")


def test_an_older_database_leaves_them_out_at_once(store: Store) -> None:
    """Migrated after lectures were judged: only those are judged again in which somebody refuses."""
    lecture(store)
    lecture(store, "week 2", REQUIRED)
    store_lecture(store, "signals", "week 3", OTHERS)
    answer(store, Ann=NO, Bob=YES)
    store.save_assessments(frame([], ASSESSMENTS), store.lectures())
    with store.database.transaction() as con:
        con.execute("DROP VIEW current_tracks; DROP VIEW refused")
        con.execute("DELETE FROM migrations WHERE name = '0011_refused'")
        # What the older view `agreed` said: a hash of those shown where consent is required, else nothing.
        con.execute("UPDATE lectures SET agreed = CASE lecture WHEN 'week 2' THEN md5('Bob') END")
    migrated = Store(store.database.path)
    assert shown(migrated) == {"Bob": 120, "Dora": 80, "student-04": 120}
    answers = migrated.consents
    assert answers.outdated() == [("signals", "week 1")]
    assert answers.still_stored() == [("signals", "Ann")]


def test_what_only_linking_can_tell_goes_with_a_count(store: Store) -> None:
    run, other = lecture(store), lecture(store, "week 2")
    answer(store, Ann=NO)
    store.erase.drop_refused(run)
    samples = "SELECT sum(faces)::INT, sum(dropped)::INT FROM samples WHERE run = $run"
    assert store.query(samples, run=run).row(0) == (160, 50)
    assert store.query(samples, run=other).row(0) == (210, 0)
    assert store.students_in(run) == {"Bob", "Dora", "student-04"}
    assert "Ann" in store.students_in(other)
    orphans = "SELECT count(*) FROM observations WHERE track NOT IN (SELECT track FROM tracks)"
    assert store.query(orphans).item() == 0


def test_forgetting_what_recordings_showed_keeps_the_answer(store: Store) -> None:
    lecture(store)
    lecture(store, "Ann alone", Bob=timeline("absent*60"), Dora=timeline("absent*60"))
    answer(store, Ann=NO)
    before = counted(store)
    removed = store.erase.forget("signals", "Ann", keep_answer=True)
    assert removed.rows == {"observations": 100, "tracks": 2}
    assert removed.lectures == [("signals", "Ann alone"), ("signals", "week 1")]
    answers = store.consents
    assert answers.refusing("signals") == {"Ann"}
    assert answers.still_stored() == []
    assert counted(store) == before
    assert len(store.lectures()) == 2, "recordings stay: their runs are done"
    kept = store.query("SELECT count(*) FROM decisions WHERE label = 'Ann'").item()
    assert kept == 2, "where the face is that must not be kept"


# --- every file of a report -----------------------------------------------------------------------

FORMATS = ("html", "csv", "json", "xapi")
WHEN = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[\d.]+)?(Z|[+]\d\d:?\d\d)?")
HASH = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{12,64}\b")


def site(store: Store, folder: Path) -> dict[str, str]:
    """Every file of a report but `assets`, without what differs from one analysis to the next."""
    rules = toolbox.toolbox(Settings(db=str(store.database.path))).rules
    assert pipeline.assess(store, rules, store.lectures()).failed == []
    render(store, folder, options=ReportOptions(k=1, formats=FORMATS))
    texts = {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {
        name: HASH.sub("#", WHEN.sub("(time)", file.read_text(encoding="utf-8")))
        for name, file in texts.items()
        if not name.startswith("assets")
    }


@pytest.mark.parametrize("config", [None, REQUIRED], ids=["off", "required"])
def test_a_report_is_that_of_a_class_without_them(tmp_path: Path, config) -> None:
    """Neither a name nor a figure: byte for byte what it would be if the recordings had never shown them."""
    three, two = Store(tmp_path / "three.duckdb"), Store(tmp_path / "two.duckdb")
    lecture(three, config=config)
    store_lecture(two, "signals", "week 1", OTHERS, recording_name="week 1.mp4", config=config)
    with two.database.transaction() as con:  # Ann is away from 30 s to 40 s
        con.execute("UPDATE samples SET dropped = CASE WHEN time_s BETWEEN 30 AND 39 THEN 1 ELSE 2 END")
    agreed = {"Dora": YES, "student-04": YES}
    for store in (three, two):
        answer(store, Ann=YES, Bob=YES, **agreed)
    everybody = site(three, tmp_path / "before")
    assert "Ann" in everybody["index.html"] + "".join(everybody.values())
    answer(three, Ann=NO, Bob=WITHDRAWN)
    left = site(three, tmp_path / "site")
    assert left == site(two, tmp_path / "other")
    assert left.keys() < everybody.keys(), "pages and hand-outs of two students fewer"
    assert not [name for name, text in left.items() if re.search(r"\b(Ann|Bob)\b", text)]


@pytest.mark.parametrize(
    ("lang", "words", "never"),
    [
        ("en", "Faces were found in 50 of 60 samples, but there is nobody to report on", "No face was found"),
        (
            "de",
            "In 50 von 60 Stichproben wurden Gesichter gefunden, aber zu berichten ist",
            "kein Gesicht gef",
        ),
    ],
)
def test_who_may_not_be_shown_was_seen_all_the_same(store: Store, tmp_path: Path, lang, words, never) -> None:
    store_lecture(store, "signals", "week 1", {"Ann": ANN})
    answer(store, Ann=NO)
    render(store, tmp_path / "site", options=ReportOptions(lang=lang, k=1))
    (page,) = (tmp_path / "site" / "lectures").iterdir()
    text = page.read_text(encoding="utf-8")
    assert words in text
    assert never not in text


def test_a_webcam_s_file_is_often_named_after_its_student(store: Store, tmp_path: Path) -> None:
    note = ["2 people found; 'Ann' is the one on screen longest"]
    for name in ("Ann", "Dora"):
        who = {name: timeline("happy*20")}
        file = f"{name.lower()} webcam.mp4"
        store_lecture(store, "signals", "week 1", who, recording_name=file, notes=note)
    assert "ann webcam.mp4" in "".join(site(store, tmp_path / "before").values())
    answer(store, Ann=NO)
    pages = site(store, tmp_path / "site")
    assert not [name for name, text in pages.items() if re.search(r"\bann\b", text, re.IGNORECASE)]
    assert "… webcam.mp4" in pages["method.html"]
    assert "dora webcam.mp4" in pages["method.html"]
