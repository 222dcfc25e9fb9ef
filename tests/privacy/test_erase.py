"""What is left after forgetting and purging: whole tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fertool.errors import StoreError
from fertool.storage.erase import FORGOTTEN, word
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

ANN, BOB = "student-01", "student-02"


def rows(store: Store, sql: str) -> list[tuple[object, ...]]:
    return store.query(sql).rows()


# --- forgetting -----------------------------------------------------------------------------------


def test_forgetting_leaves_a_count(store: Store, give_embeddings, assessed, enrolled) -> None:
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
    custody = store.audit
    custody.record("export", "signals", [ANN, BOB], f"what is held on {ANN}")
    theirs = rows(store, "SELECT track FROM tracks JOIN runs USING (run) JOIN recordings USING (recording)"
                         f" WHERE student = '{ANN}' AND course = 'signals'")  # fmt: skip
    removed = store.erase.forget("signals", ANN)
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


def test_what_was_said_of_all_courses_together_is_held_and_goes_too(store: Store, assessed) -> None:
    assessed(store, {"course": None, "student": ANN}, {"course": None, "student": BOB})
    custody = store.audit
    assert custody.held("signals", ANN)["assessments"]["course"].to_list() == [None]
    store.erase.forget("signals", ANN)
    assert rows(store, "SELECT student FROM assessments WHERE course IS NULL") == [(BOB,)]


def test_a_recording_of_nobody_else_goes_as_a_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    store_lecture(store, "signals", "Ann Lee", {"Ann Lee": timeline("happy*9")}, recording_name="Ann Lee.mp4")
    store_lecture(store, "signals", "both", {"Ann Lee": timeline("sad*9"), "Bo": timeline("sad*9")},
                  recording_name="Ann Lee and Bo.mp4")  # fmt: skip
    removed = store.erase.forget("signals", "Ann Lee")
    assert removed.rows["recordings"] == removed.rows["lectures"] == 1
    assert removed.lectures == [("signals", "both")], "the other one is not there to be judged again"
    assert rows(store, "SELECT name FROM recordings") == [(f"{FORGOTTEN} and Bo.mp4",)]
    assert store.audit.texts("Ann Lee") == []


def test_tracks_that_might_be_theirs_go_too_and_so_do_unfinished_runs(store: Store) -> None:
    with store.database.transaction() as con:
        con.execute("UPDATE tracks SET student = NULL WHERE student = $s AND chunk = 1", {"s": BOB})
        con.execute("""INSERT INTO runs (run, recording, state, fertool, policy, config, started_at, planned)
            SELECT 'broken', recording, 'running', '1', 'full', '{}', now(), 9 FROM recordings
            WHERE lecture = 'week 1' AND course = 'signals'""")
        con.execute("""INSERT INTO tracks (track, run, chunk, first_s, last_s, samples, embedding, student)
            VALUES ('t', 'broken', 0, 0, 1, 2, [0.6, 0.8], NULL)""")
    removed = store.erase.forget("signals", ANN)
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


def test_purging_takes_what_is_older_with_all_that_came_from_it(
    store: Store, give_embeddings, assessed
) -> None:
    give_embeddings(store)
    age(store, "week 1", 200)
    with store.database.transaction() as con:
        con.execute("UPDATE students SET recording = 'gone' WHERE student = $s", {"s": ANN})
    assessed(store, {"lecture": "week 1", "student": ANN}, {"lecture": "week 2", "student": BOB})
    removed = store.erase.purge(datetime.now(UTC) - timedelta(days=180))
    assert removed.rows["runs"] == removed.rows["recordings"] == removed.rows["lectures"] == 2
    assert removed.rows["tracks"] == len(removed.embeddings) == 5
    assert removed.rows["students"] == 2
    assert store.lectures() == [("signals", "week 2")]
    assert rows(store, "SELECT DISTINCT lecture FROM assessments") == [("week 2",)]
    assert rows(store, "SELECT course, student FROM students") == [("signals", BOB)]
    again = store.erase.purge(datetime.now(UTC) - timedelta(days=180))
    assert again.rows == {}
    assert again.embeddings == []


def test_a_newer_run_keeps_its_recording(store: Store) -> None:
    with store.database.transaction() as con:
        con.execute("""INSERT INTO runs (run, recording, state, fertool, policy, config, started_at, planned)
            SELECT 'old', recording, 'finished', '1', 'full', '{}', now() - INTERVAL 1 YEAR, 9
            FROM recordings WHERE lecture = 'week 2'""")
    removed = store.erase.purge(datetime.now(UTC) - timedelta(days=180))
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
    drop = store.erase.drop_superseded
    assert drop(str(home), "newest") == 0
    assert drop(str(home), "newest", expression=True) == 1
    assert store.run_state(full) is None
    assert rows(store, "SELECT count(*) FROM observations") == [(0,)]
    assert store.run_state("older") == store.run_state("newest") == "finished"
    assert drop(str(home), "newest", expression=True) == 0
    assert drop(str(home), "newest", ungated=True) == 0, "neither kept anybody out"
    with store.database.transaction() as con:
        con.execute("""UPDATE runs SET config = '{"consent": {"mode": "off", "state": "a"}}'""")
        con.execute(
            """INSERT INTO runs SELECT 'same' AS run, * EXCLUDE (run) FROM runs WHERE run = 'older'"""
        )
        con.execute("""UPDATE runs SET config = '{"consent": {"mode": "off", "state": "b"}}'
                       WHERE run = 'older'""")
    assert drop(str(home), "newest", ungated=True) == 1, "the one that kept other people"
    assert store.run_state("older") is None
    assert store.run_state("same") == "finished"
