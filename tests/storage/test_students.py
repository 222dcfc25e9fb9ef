"""Who is known in a course: pictures, prototypes, where they are seen."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from fertool.storage.consents import CONSENTS
from fertool.storage.runs import Recording, Run
from fertool.storage.store import Store
from fertool.storage.students import ENROLLED, PROTOTYPES, Students
from fertool.storage.tables import OBSERVATIONS, SAMPLES, TRACKS, frame
from fertool.testing import store_lecture, timeline

MODEL = "faceapi 1 0123456789ab"


@pytest.fixture
def roster(store) -> Students:
    return store.students


def unit(angle: float) -> list[float]:
    """A direction in the plane, in degrees: an embedding that is easy to tell from another."""
    return [float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))]


def angles(rows) -> list[float]:
    return [round(float(np.degrees(np.arctan2(row[1], row[0])))) for row in rows]


def pictures(*rows: tuple[str, str, float], model: str = MODEL) -> pl.DataFrame:
    """(student, name of the picture, angle)"""
    return frame(
        [
            {"student": s, "picture": p, "sha256": f"hash of {p}", "embedding": unit(a), "model": model}
            for s, p, a in rows
        ],
        ENROLLED,
    )


def consents(*rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CONSENTS, orient="row")


def analyzed(store: Store, name: str, tracks: list[tuple[str | None, int, float | None]], **more) -> str:
    """A finished run of recording `name` with tracks of (student, samples, angle); returns its id."""
    recording = Recording(name, name * 4, more.get("course", "signals"), "week 1", f"/v/{name}.mp4", name, 1,
                          60.0, 60.0, 640, 360, "h264")  # fmt: skip
    run = more.get("run", f"run-{name}")
    store.add_recording(recording)
    store.begin_run(Run(run, name, "1", "full", {"model": more.get("model", MODEL)}, 1))
    rows = [
        {"track": f"{run}-{i}", "chunk": 0, "first_s": 0.0, "last_s": 1.0, "samples": samples,
         "embedding": None if angle is None else unit(angle)}
        for i, (_, samples, angle) in enumerate(tracks)
    ]  # fmt: skip
    tables = {
        "samples": frame([], SAMPLES),
        "tracks": frame(rows, TRACKS),
        "observations": frame([], OBSERVATIONS),
    }
    store.commit_chunk(run, 0, 0.0, tables)
    store.finish_run(run, {f"{run}-{i}": who for i, (who, _, _) in enumerate(tracks) if who}, [])
    return run


def test_nobody_is_known_at_first(roster: Students) -> None:
    assert roster.prototypes("signals") == {}
    assert roster.enrolled("signals") == {}


def test_enrolled_pictures_come_back_as_unit_rows_in_order_of_label(roster: Students) -> None:
    roster.enroll("signals", pictures(("student-10", "b.jpg", 20), ("student-9", "a.jpg", 10)))
    roster.enroll("signals", pictures(("student-9", "c.jpg", 30)))
    roster.enroll("algebra", pictures(("ann", "d.jpg", 40)))
    known = roster.enrolled("signals")
    assert list(known) == ["student-9", "student-10"]
    assert angles(known["student-9"]) == [10, 30]
    assert known["student-9"].dtype == np.float32
    assert known["student-9"].shape == (2, 2)


def test_enrolling_twice_changes_nothing(roster: Students, store: Store) -> None:
    rows = pictures(("ann", "a.jpg", 10), ("ann", "a copy.jpg", 10))
    rows = rows.with_columns(sha256=pl.lit("same bytes"))
    for _ in range(2):
        roster.enroll("signals", rows)
        assert angles(roster.enrolled("signals")["ann"]) == [10]
    assert store.query("SELECT * FROM students").rows() == [("signals", "ann", None)]


def test_embeddings_of_another_model_are_not_compared(roster: Students, store: Store) -> None:
    roster.enroll("signals", pictures(("ann", "a.jpg", 10)))
    roster.enroll("signals", pictures(("ann", "a.jpg", 50), model="other"))
    analyzed(store, "r1", [("ann", 5, 12)])
    analyzed(store, "r2", [("ann", 5, 52)], model="other")
    assert angles(roster.prototypes("signals", model=MODEL)["ann"]) == [10, 12]
    assert sorted(angles(roster.prototypes("signals", model="other")["ann"])) == [50, 52]
    assert angles(roster.enrolled("signals", model="other")["ann"]) == [50]
    assert roster.prototypes("signals", model="third") == {}


def test_tracks_count_if_they_are_somebody_s_and_of_a_current_run(roster: Students, store: Store) -> None:
    analyzed(store, "r1", [("ann", 5, 1)], run="older")
    analyzed(store, "r1", [("ann", 5, 10), (None, 9, 80), ("bob", 3, None), ("bob", 2, 70)], run="newer")
    analyzed(store, "r2", [("ann", 5, 20)], course="algebra")
    known = roster.prototypes("signals")
    assert {student: angles(rows) for student, rows in known.items()} == {"ann": [10], "bob": [70]}
    assert roster.prototypes("signals", without="r1") == {}


def test_pictures_first_then_the_longest_tracks_of_every_recording_in_turn(
    roster: Students, store: Store
) -> None:
    roster.enroll("signals", pictures(("ann", "a.jpg", 0)))
    analyzed(store, "r1", [("ann", 60 - i, 10 + i) for i in range(20)])
    analyzed(store, "r2", [("ann", 5, 50), ("ann", 6, 51)])
    found = angles(roster.prototypes("signals")["ann"])
    assert len(found) == PROTOTYPES
    assert found[:5] == [0, 10, 51, 11, 50]
    assert found[5:] == list(range(12, 19))


FROM, TO = date(2026, 3, 1), date(2026, 3, 31)


# --- where they are seen --------------------------------------------------------------------------


@pytest.fixture
def course(store: Store) -> Store:
    """Ann in two lectures, Bob in one; Ann is enrolled and agreed, Cem agreed and was never seen."""
    two = {"Ann": timeline("happy*90"), "Bob": timeline("absent*30 happy*30 absent*30")}
    store_lecture(store, "signals", "week 1", two, recording_name="w1.mp4")
    store_lecture(store, "signals", "week 2", {"Ann": timeline("happy*11")}, recording_name="w2.mp4")
    roster = store.students
    roster.enroll("signals", pictures(("Ann", "a.jpg", 0), ("Ann", "b.jpg", 9)))
    store.consents.set_consents(
        "signals", consents(("Ann", True, FROM, TO, None), ("Cem", True, None, None, None))
    )
    return store


def test_overview_has_everybody(course: Store) -> None:
    table = course.students.overview("signals")
    assert table.columns == [
        "student", "lectures", "recordings", "seen_s", "pictures", "consent", "given", "expires", "withdrawn",
        "refused",
    ]  # fmt: skip
    assert table.rows() == [
        ("Ann", 2, 2, 59.0 + 29.0 + 10.0, 2, True, FROM, TO, None, False),
        ("Bob", 1, 1, 29.0, 0, None, None, None, None, False),
        ("Cem", 0, 0, 0.0, 0, True, None, None, None, False),
    ]
    assert course.students.overview("algebra").is_empty()


def test_sightings_are_tracks_by_lecture_and_time(course: Store) -> None:
    roster = course.students
    rows = roster.sightings("signals", "Ann").drop("recording").rows()
    assert rows == [
        ("week 1", "w1.mp4", 0.0, 59.0, 60),
        ("week 1", "w1.mp4", 60.0, 89.0, 30),
        ("week 2", "w2.mp4", 0.0, 10.0, 11),
    ]
    assert roster.sightings("signals", "Cem").is_empty()
    assert roster.pictures("signals", "Ann")["picture"].to_list() == ["a.jpg", "b.jpg"]


def test_who_was_seen_at_the_same_time(course: Store) -> None:
    assert course.students.seen_together("signals") == {("Ann", "Bob")}
    assert course.students.seen_together("algebra") == set()


def test_glimpses_are_spread_over_the_course_and_frontal(course: Store) -> None:
    with course.database.transaction() as con:  # only at second 40 does Ann look into the camera
        con.execute("""UPDATE observations SET yaw_deg = 50
                       WHERE sample <> 40 AND track IN (SELECT track FROM tracks WHERE student = 'Ann')""")
    table = course.students.glimpses("signals", 2)
    rows = table.select("student", "name", "time_s").rows()
    assert rows[0] == ("Ann", "w1.mp4", 40.0)
    assert [row[0] for row in rows] == ["Ann", "Ann", "Bob", "Bob"]
    assert rows[1][2] > 50 or rows[1][1] == "w2.mp4"
    assert table.select("x1", "y1", "x2", "y2").row(0) == (100.0, 80.0, 180.0, 180.0)


def test_who_refuses_counts_as_seen_nowhere_and_is_told_apart_all_the_same(course: Store) -> None:
    roster = course.students
    course.consents.set_consents("signals", consents(("Ann", False, None, None, None)))
    assert roster.overview("signals").rows()[0] == (
        "Ann", 0, 0, 0.0, 2, False, None, None, None, True
    )  # fmt: skip
    assert roster.sightings("signals", "Ann").is_empty()
    assert {*roster.glimpses("signals", 2)["student"]} == {"Bob"}
    # Nobody else in these recordings may become Ann.
    assert len(roster.recordings("signals", "Ann")) == 2
    assert roster.recordings("signals", "Cem") == set()
    assert {*roster.prototypes("signals")} >= {"Ann"}


def test_glimpses_of_consenting_students_only_where_consent_was_required(store: Store) -> None:
    who = {"Ann": timeline("happy*5"), "Bob": timeline("happy*5")}
    config = {"consent": {"mode": "required"}}
    store_lecture(store, "signals", "week 1", who, config=config)
    roster = store.students
    store.consents.set_consents(
        "signals", consents(("Ann", True, None, None, None), ("Bob", True, None, None, FROM))
    )
    assert set(roster.glimpses("signals", 3)["student"]) == {"Ann"}
