"""Store -> tables: every figure of a report, counted by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from fertool.report import data
from fertool.report.data import course, digest
from fertool.storage.runs import Recording, Run
from fertool.storage.store import Store
from fertool.storage.tables import OBSERVATIONS, SAMPLES, TRACKS, frame
from fertool.testing import store_lecture, timeline
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.report.data import Lecture


@pytest.fixture(scope="module")
def sampling(full_store: Store) -> Lecture:
    return data.load(full_store, "signals", "sampling")


def student(lecture: Lecture, name: str) -> dict[str, Any]:
    (row,) = lecture.students.filter(pl.col("student") == name).to_dicts()
    return row


def test_students_come_in_natural_order(sampling: Lecture) -> None:
    assert sampling.students["student"].to_list() == ["Ada", "Bob", "student-2", "student-10"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({}, ["Ada", "Bob", "student-2", "student-10"]),
        ({"student-10": "Cem", "student-99": "Nobody"}, ["Ada", "Bob", "Cem", "student-2"]),
        ({"student-2": "Ada"}, ["Ada", "Ada (student-2)", "Bob", "student-10"]),  # two remain two
        ({"Ada": "Bob", "Bob": "Ada"}, ["Ada", "Bob", "student-2", "student-10"]),
    ],
)
def test_names_take_the_place_of_pseudonyms(sampling: Lecture, names: dict, expected: list[str]) -> None:
    named = data.named(sampling, names)
    assert named.students["student"].to_list() == expected
    assert set(named.assessments["student"].drop_nulls()) <= set(expected)
    assert len(named.seen) == len(sampling.seen)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("Ada", {"samples": 120, "present": 90, "measured": 90, "posed": 90, "main": "neutral"}),
        # Bob: 30 sad with the head down, 10 away, 20 without an expression, 60 neutral without a pose
        ("Bob", {"samples": 120, "present": 110, "measured": 90, "posed": 50, "main": "neutral"}),
        ("student-10", {"samples": 120, "present": 120, "measured": 120, "posed": 120, "main": "surprise"}),
        # a tie: the first label in canonical order
        ("student-2", {"samples": 120, "present": 120, "measured": 120, "posed": 120, "main": "angry"}),
    ],
)
def test_counts_of_a_student(sampling: Lecture, name: str, counts: dict[str, Any]) -> None:
    row = student(sampling, name)
    assert {key: row[key] for key in counts} == counts
    assert sum(row[f"count:{label}"] for label in EMOTIONS) == row["measured"]
    assert row["confidence"] == pytest.approx(0.7)


def test_head_pose_is_averaged_over_what_was_measured(sampling: Lecture) -> None:
    row = student(sampling, "Bob")
    assert row["pitch_deg"] == pytest.approx(-25 * 30 / 50)
    assert row["yaw_deg"] == 0


def test_summary(sampling: Lecture) -> None:
    it = sampling.summary
    assert (it.course, it.lecture, it.samples, it.students) == ("signals", "sampling", 120, 4)
    assert (it.expected, it.measured, it.expressions) == (480, 420, True)
    assert (it.duration_s, it.period_s) == (120, 1)


def test_lecture_values(sampling: Lecture) -> None:
    assert sampling.period_s == 1
    assert sampling.with_face == 120
    assert sampling.unassigned == 0
    assert sampling.policies == ("full",)
    assert sampling.segments["title"].to_list() == ["Welcome", "<b>Quiz</b>"]
    assert sampling.student("Ada")["time_s"].to_list() == list(range(120))


def test_assessments_are_ordered(sampling: Lecture) -> None:
    rows = sampling.assessments.select("rule", "segment", "student", "value").rows()
    assert rows == [
        ("presence", None, "Bob", None),
        ("presence", 0, "Ada", 1.0),
        ("presence", 1, "Ada", 0.5),
        ("shares", 1, None, 0.123456),
        ("state", 0, "Ada", 0.75),
    ]


def test_where_it_comes_from(sampling: Lecture) -> None:
    (run,) = sampling.runs
    assert run.recording == "lecture.mp4"
    assert len(run.sha256) == 64
    assert run.notes == ("the file is cut off",)
    assert run.config["detector"]["name"] == "synthetic"
    assert (run.samples, run.planned) == (120, 120)
    assert run.command.startswith(
        "fertool analyze /recordings/lecture.mp4 --course signals --lecture sampling"
    )
    assert run.command.endswith("--every 1s --policy full")


# --- nothing there ----------------------------------------------------------------------------


def test_a_lecture_without_any_face(full_store: Store) -> None:
    it = data.load(full_store, "signals", "slides only")
    assert (it.samples.height, it.with_face, it.students.height) == (90, 0, 0)
    assert it.seen.is_empty()
    assert not it.expressions
    assert (it.summary.expected, it.summary.measured) == (0, 0)
    assert it.students.schema["count:happy"].is_integer()


def test_under_the_policy_behaviour_there_is_no_expression(full_store: Store) -> None:
    it = data.load(full_store, "signals", "by policy")
    assert not it.expressions
    assert student(it, "Ada")["main"] is None
    assert (it.summary.expected, it.summary.measured) == (60, 60)


def test_a_policy_hides_expressions_even_if_the_table_has_some(store: Store) -> None:
    run = store_lecture(store, "c", "l", {"A": timeline("happy*5")})
    with store.database.transaction() as con:
        con.execute("UPDATE runs SET policy = 'behaviour' WHERE run = $r", {"r": run})
    assert not data.load(store, "c", "l").expressions


def test_faces_nobody_could_classify(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("present*5")}, config={"classifier": None})
    it = data.load(store, "c", "l")
    assert not it.expressions
    assert student(it, "A")["confidence"] is None


def test_a_single_sample(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy")})
    it = data.load(store, "c", "l")
    assert it.period_s == 0
    assert (it.duration_s, student(it, "A")["main"]) == (1, "happy")


def test_faces_without_a_student_are_counted_not_shown(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*5"), "B": timeline("sad*5")})
    with store.database.transaction() as con:
        con.execute("UPDATE tracks SET student = NULL WHERE student = 'B'")
    it = data.load(store, "c", "l")
    assert it.unassigned == 5
    assert it.students["student"].to_list() == ["A"]


# --- several recordings, other labels, incomplete descriptions -----------------------------------


def test_a_student_is_measured_against_the_own_recording(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*10")}, recording_name="a.mp4")
    store_lecture(
        store, "c", "l", {"B": timeline("sad*30 absent*10")}, recording_name="b.mp4", policy="behaviour"
    )
    it = data.load(store, "c", "l")
    assert student(it, "A")["samples"] == 10
    assert student(it, "B")["samples"] == 40
    assert it.duration_s == 40
    assert it.samples.height == 50
    assert it.policies == ("behaviour", "full")
    assert it.expressions  # of the one recording for which they were computed
    assert [run.recording for run in it.runs] == ["a.mp4", "b.mp4"]


def test_only_the_current_run_of_a_recording_counts(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*10")})
    old = store.runs()["run"].item()
    store_lecture(store, "c", "l", {"A": timeline("happy*10")}, config={"every": 5.0})
    it = data.load(store, "c", "l")
    assert len(it.runs) == 1
    assert it.runs[0].run != old
    assert it.samples.height == 10


def test_further_labels_follow_the_canonical_ones(store: Store) -> None:
    further = ("contempt", "confusion")
    store_lecture(store, "c", "l", {"A": timeline("contempt*6 happy*4", further=further)})
    store_lecture(store, "c", "plain", {"A": timeline("happy*4")})
    store_lecture(store, "c", "unread", {"A": timeline("present*4", further=further)})
    it = data.load(store, "c", "l")
    assert it.labels == (*EMOTIONS, "confusion", "contempt")  # also one that was never the most probable
    row = student(it, "A")
    assert row["main"] == "contempt"
    assert (row["count:contempt"], row["count:confusion"], row["count:happy"]) == (6, 0, 4)
    assert data.load(store, "c", "plain").labels == EMOTIONS  # its classifier has no others
    assert data.load(store, "c", "unread").labels == EMOTIONS  # nothing was read by any


def test_a_label_of_the_seven_that_the_classifier_does_not_have_is_left_out(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*10")})
    with store.database.transaction() as con:
        con.execute("UPDATE observations SET fear = NULL")
    assert data.load(store, "c", "l").labels == tuple(label for label in EMOTIONS if label != "fear")


def test_labels_of_a_course_are_those_of_its_lectures(store: Store) -> None:
    store_lecture(store, "c", "1", {"A": timeline("happy*9", further=("not-sure", "contempt"))})
    store_lecture(store, "c", "2", {"A": timeline("happy*9", further=("boredom",))})
    store_lecture(store, "c", "3", {"A": timeline("happy*9")})
    with store.database.transaction() as con:
        con.execute("UPDATE observations SET fear = NULL WHERE others IS NOT NULL")
    about = course.describe(store, "c")
    digests = tuple(digest.digest(data.load(store, "c", name)) for name in "123")
    assert course.Course("c", digests, about).labels == (*EMOTIONS, "boredom", "contempt", "not-sure")


def test_a_pose_of_nan_is_not_a_pose(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy/down*4")})
    with store.database.transaction() as con:
        con.execute("UPDATE observations SET yaw_deg = 'nan', pitch_deg = 'nan' WHERE sample = 0")
    row = student(data.load(store, "c", "l"), "A")
    assert (row["posed"], row["pitch_deg"], row["yaw_deg"]) == (3, -25, 0)


@pytest.mark.parametrize("config", ["{}", "null", "[1]", "not json", '{"detector": null, "classifier": "x"}'])
@pytest.mark.parametrize("notes", [None, "null", "{}", "not json"])
def test_an_incomplete_description_is_no_obstacle(store: Store, config: str, notes: str | None) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy")})
    with store.database.transaction() as con:
        con.execute("UPDATE runs SET config = $c, notes = $n", {"c": config, "n": notes})
    (run,) = data.load(store, "c", "l").runs
    assert isinstance(run.config, dict)
    assert run.notes == ()
    assert run.command == "fertool analyze /recordings/lecture.mp4 --course c --lecture l --policy full"


def test_a_run_without_a_single_sample(tmp_path: Path) -> None:
    """A recording whose sampling plan is empty: nothing fails."""
    store = Store(tmp_path / "empty.duckdb")
    recording = Recording("r", "ab" * 32, "c", "l", "v.mp4", "v.mp4", 1, 0.5, 0.5, 2, 2, "h264")
    store.add_recording(recording)
    store.begin_run(Run("run", "r", "0", "full", {}, 0))
    tables = {
        "samples": frame([], SAMPLES),
        "tracks": frame([], TRACKS),
        "observations": frame([], OBSERVATIONS),
    }
    store.commit_chunk("run", 0, 0.0, tables)
    store.finish_run("run", {}, [])
    it = data.load(store, "c", "l")
    assert (it.period_s, it.with_face, it.summary.samples) == (0, 0, 0)


def test_a_read_only_store_is_enough(full_store: Store) -> None:
    read_only = Store(full_store.database.path, read_only=True)
    it = data.load(read_only, "signals", "sampling")
    assert it.students.height == 4
    assert json.dumps(it.runs[0].config)
