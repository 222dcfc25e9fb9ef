"""Who looked at what, what is held, and what is left after forgetting: whole tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fertool.errors import StoreError
from fertool.privacy.custody import FORGOTTEN, Custody, Site, word
from fertool.store import Store
from fertool.students.roster import CONSENTS, ENROLLED, Roster
from fertool.tables import ASSESSMENTS, frame
from fertool.testing import store_lecture, timeline

ANN, BOB = "student-01", "student-02"


def vectors(count: int, seed: int = 0) -> np.ndarray:
    """(count, 16) float32 unit rows."""
    rows = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def give_embeddings(store: Store, seed: int = 0) -> dict[str, bytes]:
    """Every track an embedding of its own; returns track -> bytes."""
    with store.database.transaction() as con:
        names = [row[0] for row in con.execute("SELECT track FROM tracks ORDER BY track").fetchall()]
        rows = vectors(len(names), seed)
        for name, row in zip(names, rows, strict=True):
            con.execute("UPDATE tracks SET embedding = $e WHERE track = $t", {"e": row.tolist(), "t": name})
    return {name: row.tobytes() for name, row in zip(names, rows, strict=True)}


def assessed(store: Store, *rows: dict[str, object]) -> None:
    common = {"course": "signals", "version": "1", "options": "{}", "evidence": "{}", "rule": "presence"}
    store.save_assessments(frame([common | row for row in rows], ASSESSMENTS))


def enrolled(store: Store, student: str, seed: int = 9) -> bytes:
    row = vectors(1, seed)[0]
    picture = {
        "student": student,
        "picture": "a.jpg",
        "sha256": "ab",
        "embedding": row.tolist(),
        "model": "m",
    }
    Roster(store.database).enrol("signals", pl.DataFrame([picture], schema=ENROLLED))
    answer = {"student": student, "consent": True, "given": None, "expires": None, "withdrawn": None}
    Roster(store.database).set_consents("signals", pl.DataFrame([answer], schema=CONSENTS))
    return row.tobytes()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "x.duckdb")
    both = {ANN: timeline("happy*70 absent*5"), BOB: timeline("sad*75")}
    store_lecture(store, "signals", "week 1", both, notes=[f"{ANN} stands out, student-010 does not"])
    store_lecture(store, "signals", "week 2", {BOB: timeline("sad*9")}, recording_name="second.mp4")
    store_lecture(store, "optics", "week 1", {ANN: timeline("fear*9")}, recording_name="third.mp4")
    return store


def rows(store: Store, sql: str) -> list[tuple[object, ...]]:
    return store.query(sql).rows()


# --- audit ----------------------------------------------------------------------------------------


def test_the_audit_says_who_did_what_to_whom_newest_first(store: Store) -> None:
    custody = Custody(store.database)
    custody.audit("analyze", "signals", what="gallery.mp4", lecture="week 1")
    custody.audit("export", "signals", [BOB, ANN, BOB], "everything held")
    custody.audit("purge", what="all courses")
    custody.audit("report", "optics", what="site")
    log = custody.log().select("command", "course", "lecture", "student", "what").rows()
    assert log == [
        ("report", "optics", None, None, "site"),
        ("purge", None, None, None, "all courses"),
        ("export", "signals", None, ANN, "everything held"),
        ("export", "signals", None, BOB, "everything held"),
        ("analyze", "signals", "week 1", None, "gallery.mp4"),
    ]
    assert custody.log("signals")["command"].to_list() == ["purge", "export", "export", "analyze"]
    assert custody.log(student=BOB)["student"].to_list() == [BOB]
    now = datetime.now(UTC)
    assert all(now - timedelta(minutes=1) < at <= now for at in custody.log()["done_at"])


def test_the_audit_of_a_new_database_is_empty(tmp_path: Path) -> None:
    assert Custody(Store(tmp_path / "new.duckdb").database).log().is_empty()


# --- sites ----------------------------------------------------------------------------------------


def test_sites_are_remembered_once_per_folder(store: Store) -> None:
    custody = Custody(store.database)
    one, two, all_of_it = (Path(f"/r/{name}") for name in ("one", "two", "all"))
    custody.add_site(Site(one, "signals", None, 5))
    custody.add_site(Site(two, "optics", "week 1", None))
    custody.add_site(Site(all_of_it, None, None, 10))
    custody.add_site(Site(one, "signals", "week 2", 3))
    assert custody.sites("signals") == [Site(all_of_it, None, None, 10), Site(one, "signals", "week 2", 3)]
    assert [site.path for site in custody.sites()] == [all_of_it, one, two]
    custody.drop_site(one)
    custody.drop_site(one)  # no error the second time
    assert [site.path for site in custody.sites()] == [all_of_it, two]


# --- what is held ---------------------------------------------------------------------------------


def test_everything_held_on_a_student(store: Store) -> None:
    give_embeddings(store)
    enrolled(store, ANN)
    assessed(store, {"lecture": "week 1", "student": ANN}, {"lecture": "week 1", "student": BOB})
    Custody(store.database).audit("export", "signals", [ANN], "x")
    held = Custody(store.database).held("signals", ANN)
    assert {table: len(found) for table, found in held.items()} == {
        "students": 1,
        "enrolled": 1,
        "consents": 1,
        "decisions": 0,
        "tracks": 2,  # one per chunk
        "observations": 70,
        "assessments": 1,
        "audit": 1,
    }
    assert set(held["tracks"]["lecture"]) == {"week 1"}, "not the namesake of another course"
    assert len(held["tracks"]["embedding"][0]) == 16
    assert held["observations"]["time_s"].is_sorted()


def test_nothing_is_held_on_a_stranger(store: Store) -> None:
    for act in (Custody(store.database).held, Custody(store.database).forget):
        with pytest.raises(StoreError, match=r"nothing is held on 'student-99' in course 'signals'"):
            act("signals", "student-99")


# --- forgetting -----------------------------------------------------------------------------------


def test_forgetting_leaves_a_count(store: Store) -> None:
    vectors_of = give_embeddings(store)
    picture = enrolled(store, ANN)
    assessed(
        store,
        {"lecture": "week 1", "student": ANN},
        {"lecture": "week 1", "student": BOB},
        {"lecture": "week 1", "message": f"{ANN} was away"},
        {"lecture": "week 1", "evidence": f'["{ANN}"]'},
        {"lecture": "week 1", "message": "all were there"},
    )
    custody = Custody(store.database)
    custody.audit("export", "signals", [ANN, BOB], f"what is held on {ANN}")
    theirs = rows(store, "SELECT track FROM tracks JOIN runs USING (run) JOIN recordings USING (recording)"
                         f" WHERE student = '{ANN}' AND course = 'signals'")  # fmt: skip
    removed = custody.forget("signals", ANN)
    assert removed.rows == {
        "observations": 70,
        "tracks": 2,
        "students": 1,
        "enrolled": 1,
        "consents": 1,
        "assessments": 3,
    }
    assert sorted(removed.embeddings) == sorted([picture, *(vectors_of[track] for (track,) in theirs)])
    assert removed.lectures == [("signals", "week 1")]
    seen = rows(store, "SELECT faces, dropped, count(*) FROM samples_seen WHERE lecture = 'week 1'"
                       " AND course = 'signals' GROUP BY ALL ORDER BY ALL")  # fmt: skip
    assert seen == [(1, 0, 5), (1, 1, 70)]
    assert store.seen("signals", "week 1")["student"].unique().to_list() == [BOB]
    assert store.seen("optics", "week 1")["student"].unique().to_list() == [ANN], "another course's"
    assert rows(store, "SELECT notes FROM runs WHERE contains(notes, 'stands out')") == [
        (f'["{FORGOTTEN} stands out, student-010 does not"]',)
    ]
    log = custody.log("signals")
    assert set(log["student"]) == {BOB, None}
    assert log["what"].unique().to_list() == [f"what is held on {FORGOTTEN}"]
    with pytest.raises(StoreError, match="nothing is held"):
        custody.held("signals", ANN)


def test_what_was_said_of_all_courses_together_is_held_and_goes_too(store: Store) -> None:
    assessed(store, {"course": None, "student": ANN}, {"course": None, "student": BOB})
    custody = Custody(store.database)
    assert custody.held("signals", ANN)["assessments"]["course"].to_list() == [None]
    custody.forget("signals", ANN)
    assert rows(store, "SELECT student FROM assessments WHERE course IS NULL") == [(BOB,)]


def test_a_recording_of_nobody_else_goes_as_a_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    store_lecture(store, "signals", "Ann Lee", {"Ann Lee": timeline("happy*9")}, recording_name="Ann Lee.mp4")
    store_lecture(store, "signals", "both", {"Ann Lee": timeline("sad*9"), "Bo": timeline("sad*9")},
                  recording_name="Ann Lee and Bo.mp4")  # fmt: skip
    removed = Custody(store.database).forget("signals", "Ann Lee")
    assert removed.rows["recordings"] == removed.rows["lectures"] == 1
    assert removed.lectures == [("signals", "both")], "the other one is not there to be judged again"
    assert rows(store, "SELECT name FROM recordings") == [(f"{FORGOTTEN} and Bo.mp4",)]
    assert Custody(store.database).texts("Ann Lee") == []


def test_tracks_that_might_be_theirs_go_too_and_so_do_unfinished_runs(store: Store) -> None:
    with store.database.transaction() as con:
        con.execute("UPDATE tracks SET student = NULL WHERE student = $s AND chunk = 1", {"s": BOB})
        con.execute("""INSERT INTO runs (run, recording, state, fertool, policy, config, started_at, planned)
            SELECT 'broken', recording, 'running', '1', 'full', '{}', now(), 9 FROM recordings
            WHERE lecture = 'week 1' AND course = 'signals'""")
        con.execute("""INSERT INTO tracks (track, run, chunk, first_s, last_s, samples, embedding, student)
            VALUES ('t', 'broken', 0, 0, 1, 2, [0.6, 0.8], NULL)""")
    removed = Custody(store.database).forget("signals", ANN)
    assert removed.rows["runs"] == 1
    assert removed.rows["tracks"] == 2 + 1 + 1
    assert len(removed.embeddings) == 1
    assert store.run_state("broken") is None
    orphans = "SELECT count(*) FROM observations WHERE track NOT IN (SELECT track FROM tracks)"
    assert rows(store, orphans) == [(0,)]


WORDS = [
    ("student-1", "student-1 left", True),
    ("student-1", "student-10 left", False),
    ("student-1", "xstudent-1", False),
    ("Ann", "/videos/Ann.mp4", True),
    ("Ann", "/videos/ann_Ann_2.mp4", True),  # an underscore parts words in file names
    ("Ann", "Annotation", False),
    ("a.b", "axb", False),  # no pattern, a text
    ("Zoë", "Zoë's", True),
]


@pytest.mark.parametrize(("label", "text", "found"), WORDS)
def test_labels_are_found_as_whole_words(label: str, text: str, found: bool) -> None:
    assert bool(word(label).search(text)) == found


# --- purging --------------------------------------------------------------------------------------


def age(store: Store, lecture: str, days: int) -> None:
    with store.database.transaction() as con:
        con.execute(
            """UPDATE runs SET started_at = started_at - $days * INTERVAL 1 DAY WHERE recording IN (
                   SELECT recording FROM recordings WHERE lecture = $l)""",
            {"days": days, "l": lecture},
        )


def test_purging_takes_what_is_older_with_all_that_came_from_it(store: Store) -> None:
    give_embeddings(store)
    age(store, "week 1", 200)
    with store.database.transaction() as con:
        con.execute("UPDATE students SET recording = 'gone' WHERE student = $s", {"s": ANN})
    assessed(store, {"lecture": "week 1", "student": ANN}, {"lecture": "week 2", "student": BOB})
    removed = Custody(store.database).purge(datetime.now(UTC) - timedelta(days=180))
    assert removed.rows["runs"] == removed.rows["recordings"] == removed.rows["lectures"] == 2
    assert removed.rows["tracks"] == len(removed.embeddings) == 5
    assert removed.rows["students"] == 2
    assert store.lectures() == [("signals", "week 2")]
    assert rows(store, "SELECT DISTINCT lecture FROM assessments") == [("week 2",)]
    assert rows(store, "SELECT course, student FROM students") == [("signals", BOB)]
    again = Custody(store.database).purge(datetime.now(UTC) - timedelta(days=180))
    assert again.rows == {}
    assert again.embeddings == []


def test_a_newer_run_keeps_its_recording(store: Store) -> None:
    with store.database.transaction() as con:
        con.execute("""INSERT INTO runs (run, recording, state, fertool, policy, config, started_at, planned)
            SELECT 'old', recording, 'finished', '1', 'full', '{}', now() - INTERVAL 1 YEAR, 9
            FROM recordings WHERE lecture = 'week 2'""")
    removed = Custody(store.database).purge(datetime.now(UTC) - timedelta(days=180))
    assert removed.rows == {"runs": 1}
    assert removed.lectures == [("signals", "week 2")]
    assert len(store.lectures()) == 3


# --- expression under another policy --------------------------------------------------------------


def test_a_run_without_expression_takes_the_older_ones_with_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    student = {ANN: timeline("happy*9")}
    full = store_lecture(store, "signals", "week 1", student)
    home = rows(store, "SELECT recording FROM runs")[0][0]
    with store.database.transaction() as con:
        for run, policy in (("older", "behaviour"), ("newest", "behaviour")):
            con.execute(
                """INSERT INTO runs (run, recording, state, fertool, policy, config, started_at, planned)
                   VALUES ($run, $r, 'finished', '1', $p, '{}', now(), 9)""",
                {"run": run, "r": home, "p": policy},
            )
    drop = Custody(store.database).drop_superseded
    assert drop(str(home), "newest") == 0
    assert drop(str(home), "newest", expression=True) == 1
    assert store.run_state(full) is None
    assert rows(store, "SELECT count(*) FROM observations") == [(0,)]
    assert store.run_state("older") == store.run_state("newest") == "finished"
    assert drop(str(home), "newest", expression=True) == 0
    assert drop(str(home), "newest", everything=True) == 1
    assert store.run_state("older") is None
