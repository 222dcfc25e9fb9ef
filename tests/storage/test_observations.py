"""What reports read of a course, worked out by hand from runs of few faces."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl
import pytest
from stored import analyzed, assessments, begin, chunk, recording

if TYPE_CHECKING:
    from fertool.storage.store import Store


@pytest.fixture
def course(store: Store) -> Store:
    """week-1: Ann and somebody unknown in r1, Ann in r2, which begins 60 s later; week-2: Bob in r3, in the
    second of two samples. A superseded run of r1 had Zoe; r4 is not finished; optics has a course of its own.
    """
    analyzed(store, "old", students={"a": "Zoe"})
    analyzed(store, "run1", people=("a", "b"), students={"a": "Ann"})
    analyzed(store, "run2", recording("r2", offset_s=60.0), students={"a": "Ann"})
    analyzed(store, "run3", recording("r3", lecture="week-2"), students={"a": "Bob"}, absent=((0, "a"),))
    begin(store, "run4", recording("r4", lecture="week-3"))
    store.commit_chunk("run4", 0, 1.0, chunk("run4"))
    analyzed(store, "run5", recording("r5", course="optics"), students={"a": "Eve"})
    return store


def test_current_runs_alone_say_who_is_seen(course: Store) -> None:
    assert course.labels("signals") == {"Ann", "Bob"}
    assert course.labels("optics") == {"Eve"}
    assert course.labels("algebra") == set()
    assert sorted(course.appearances("signals").rows()) == [
        ("week-1", "r1", "Ann"),
        ("week-1", "r2", "Ann"),
        ("week-2", "r3", "Bob"),
    ]


def test_recordings_are_known_before_their_run_is_finished(course: Store) -> None:
    assert course.known_recordings() == {"r1", "r2", "r3", "r4", "r5"}
    table = course.analyses("signals").drop("started_at")
    assert table.rows() == [
        # lecture, recording, run, name, bytes, offset_s, consent
        ("week-1", "r1", "run1", "r1.mp4", 1000, 0.0, "off"),
        ("week-1", "r2", "run2", "r2.mp4", 1000, 60.0, "off"),
        ("week-2", "r3", "run3", "r3.mp4", 1000, 0.0, "off"),
    ]


def test_faces_of_nobody_are_counted(course: Store) -> None:
    assert course.unassigned("signals", "week-1") == 2  # `b`, in both samples of r1
    assert course.unassigned("signals", "week-2") == 0
    assert course.unassigned("signals", "week-9") == 0


def test_samples_count_faces_without_consent_apart(course: Store) -> None:
    sql = "UPDATE samples SET faces = 1, dropped = 1 WHERE run = 'run1' AND sample = 1"
    with course.database.transaction() as con:
        con.execute(sql)
    assert course.samples("signals", "week-1").rows() == [
        # recording, sample, time_s, faces, dropped; of the recording's own clock
        ("r1", 0, 0.0, 2, 0),
        ("r2", 0, 0.0, 1, 0),
        ("r1", 1, 1.0, 1, 1),
        ("r2", 1, 1.0, 1, 0),
    ]
    assert course.samples("signals", "week-2")["faces"].to_list() == [0, 1]


def test_days_are_those_of_course_toml(course: Store) -> None:
    held = {"week-1": date(2026, 10, 5), "week-2": None}
    course.describe_course("signals", "E. Noether", ["aliasing"], held)
    assert course.days("signals") == {"week-1": date(2026, 10, 5)}
    assert course.days("optics") == {}


def test_assessments_of_a_lecture_and_of_what_is_wider(course: Store) -> None:
    of_week = assessments(("presence", 0.25), ("engagement", 0.5))
    wide = assessments(("trend", 1.0), lecture=None)
    everywhere = wide.with_columns(
        course=pl.lit(None, pl.String), rule=pl.lit("dropout"), version=pl.lit("2")
    )
    judged = [("signals", "week-1"), ("signals", "week-2")]
    course.save_assessments(assessments(("old", 0.0)), judged)
    course.save_assessments(pl.concat([of_week, wide, everywhere]), judged)
    assert course.assessments("signals", "week-1")["rule"].to_list() == ["engagement", "presence"]
    assert course.assessments("signals", "week-2").is_empty()
    assert course.wide_assessments("signals").select("course", "rule").rows() == [
        (None, "dropout"),
        ("signals", "trend"),
    ]
    assert course.rules("signals").rows() == [  # rule, version, options; not the old one
        ("dropout", "2", "{}"),
        ("engagement", "1", "{}"),
        ("presence", "1", "{}"),
        ("trend", "1", "{}"),
    ]
    assert course.rules("optics").is_empty()
