"""What rules and reports read back: faces as they are seen, segments, assessments, baselines."""

import polars as pl
import pytest
from stored import analyzed, assessments, begin, chunk, recording, segments

from fertool.storage.tables import (
    ASSESSMENTS,
    MEASURES,
    SEEN,
    SEGMENTS,
    TRACKS,
    frame,
    seen_schema,
    segment_table,
)
from fertool.testing import store_lecture, timeline
from fertool.types import Segment

# --- what rules see -------------------------------------------------------------------------------


def test_seen_has_a_row_for_every_sample_also_where_somebody_is_absent(store):
    labels = {"a": "student-01", "b": "student-02"}
    analyzed(
        store, people=("a", "b"), students=labels, samples=(0, 1, 2), absent={(1, "b"), (2, "a"), (2, "b")}
    )
    seen = store.seen("signals", "week-1")
    assert seen.schema == pl.Schema(SEEN)
    assert seen.select("time_s", "student", "present").rows() == [
        (0.0, "student-01", True),
        (0.0, "student-02", True),
        (1.0, "student-01", True),
        (1.0, "student-02", False),
        (2.0, "student-01", False),
        (2.0, "student-02", False),
    ]
    away = seen.filter(~pl.col("present"))
    assert away.select(*MEASURES).null_count().row(0) == (3,) * len(MEASURES)
    here = seen.filter("present")
    assert here["happy"].to_list() == [0.75] * 3
    assert here["angry"].null_count() == 3


def test_seen_knows_a_student_only_where_its_recording_is(store):
    """One webcam recording each: nobody is absent from the recording of somebody else."""
    analyzed(store, students={"a": "Ada"})
    analyzed(store, "run2", recording("r2"), students={"a": "Ben"}, samples=(0, 1, 2))
    rows = store.seen("signals", "week-1").select("student", "time_s", "present").rows()
    assert rows == [("Ada", 0, True), ("Ben", 0, True), ("Ada", 1, True), ("Ben", 1, True), ("Ben", 2, True)]


def test_seen_shows_one_face_of_a_student_per_sample_the_surer_one(store):
    begin(store)
    tables = chunk("run1", people=("a", "b"), samples=(0,))
    tables["observations"] = tables["observations"].with_columns(
        detection=pl.Series([0.4, 0.8], dtype=pl.Float32)
    )
    store.commit_chunk("run1", 0, 1.0, tables)
    store.finish_run("run1", {"run1-0-a": "student-01", "run1-0-b": "student-01"}, [])
    seen = store.seen("signals", "week-1")
    assert seen["x1"].to_list() == [10.0]
    assert seen["detection"].to_list() == pytest.approx([0.8])


def test_faces_of_nobody_are_not_seen_by_rules_but_stay_in_the_view(store):
    analyzed(store, people=("a", "b"))
    assert set(store.seen("signals", "week-1")["student"]) == {"student-01"}
    assert store.query("SELECT count(*) FROM frame_emotions WHERE student IS NULL").item() == 2


def test_seen_of_an_unknown_lecture_is_an_empty_table(store):
    seen = store.seen("signals", "week-1")
    assert seen.is_empty()
    assert seen.schema == pl.Schema(SEEN)


def test_tracks_come_in_order_of_time(store):
    begin(store)
    store.commit_chunk("run1", 1, 1.0, chunk("run1", 1, people=("b", "a"), samples=(60, 61)))
    store.commit_chunk("run1", 0, 1.0, chunk("run1", 0, people=("z",)))
    tracks = store.tracks("run1")
    assert tracks["track"].to_list() == ["run1-0-z", "run1-1-a", "run1-1-b"]
    assert tracks.columns == [*TRACKS, "first_box", "last_box"]
    assert tracks["embedding"][0].to_list() == pytest.approx([0.6, 0.8])


# --- segments and assessments ---------------------------------------------------------------------


def test_setting_segments_replaces_those_of_that_lecture(store):
    analyzed(store)
    store.set_segments("signals", "week-1", segments("a", "b", "c"))
    store.set_segments("signals", "week-2", segments("x"))
    store.set_segments("signals", "week-1", segments("d", "e"))
    got = store.segments("signals", "week-1")
    assert got.rows() == [(0, "d", 0.0, 60.0, "", ""), (1, "e", 60.0, 120.0, "", "")]
    assert got.schema == pl.Schema(SEGMENTS)
    assert len(store.segments("signals", "week-2")) == 1
    store.set_segments("signals", "week-1", segments())
    assert store.segments("signals", "week-1").is_empty()


def test_a_segment_keeps_its_difficulty_and_knowledge_point(store):
    parts = [Segment(0, "Intro", 0.0, 60.0), Segment(1, "Proof", 60.0, 120.0, "hard", "induction")]
    store.set_segments("signals", "week-1", segment_table(parts))
    assert [Segment(*row) for row in store.segments("signals", "week-1").rows()] == parts


def test_the_latest_assessments_are_all_that_was_said_last_of_a_lecture(store):
    store.save_assessments(assessments(("presence", 0.1), ("presence", 0.2), ("shares", 0.3)))
    store.save_assessments(assessments(("presence", 0.4), lecture="week-2"))
    store.save_assessments(assessments(("presence", 0.5), ("presence", 0.6)))
    sql = "SELECT lecture, rule, value FROM assessments_latest ORDER BY ALL"
    assert store.query(sql).rows() == [
        ("week-1", "presence", 0.5),
        ("week-1", "presence", 0.6),  # `shares` had nothing to say this time
        ("week-2", "presence", 0.4),
    ]
    assert store.query("SELECT count(*) FROM assessments").item() == 6  # the older ones stay on record
    store.save_assessments(assessments(), judged=[("signals", "week-1")])
    assert store.query("SELECT DISTINCT lecture FROM assessments_latest").rows() == [("week-2",)]


def test_what_is_said_of_a_whole_course_or_of_all_is_the_latest_with_its_lectures(store):
    def wide(course, value):
        row = {"course": course, "rule": "r", "version": "1", "options": "{}", "value": value}
        return frame([row], ASSESSMENTS)

    first, second = [("signals", "week-1")], [("law", "week-1")]
    store.save_assessments(pl.concat([wide("signals", 0.1), wide(None, 0.2)]), judged=first)
    sql = "SELECT course, lecture, value FROM assessments_latest ORDER BY ALL"
    assert store.query(sql).rows() == [("signals", None, 0.1), (None, None, 0.2)]
    store.save_assessments(pl.concat([wide("law", 0.3), wide(None, 0.4)]), judged=second)
    assert store.query(sql).rows() == [("law", None, 0.3), ("signals", None, 0.1), (None, None, 0.4)]
    store.save_assessments(assessments(), judged=first, withdrawn=[("signals", None, "r")])
    assert store.query(sql).rows() == [("law", None, 0.3)]
    rows = store.query("SELECT course, value FROM assessments ORDER BY ALL").rows()
    assert rows == [("law", 0.3), (None, 0.2), (None, 0.4)]  # withdrawn with its history


def test_what_made_the_latest_assessments(store):
    for lecture in ("a", "b"):
        store_lecture(store, "signals", lecture, {"Ada": timeline("happy*3")}, recording_name=lecture)
    assert store.judged_by() == []
    row = {"rule": "r", "version": "1", "options": "{}"}
    everywhere = [{"course": c, "lecture": n} | row for c, n in (("signals", "a"), ("signals", "b"))]
    wide = [{"course": None, "lecture": None} | row | {"rule": "w"}]
    pairs = store.lectures()
    store.save_assessments(frame([*everywhere, *wide], ASSESSMENTS), judged=pairs)
    one = [("signals", "a", "r", "1"), ("signals", "a", "w", "1")]
    other = [("signals", "b", "r", "1"), ("signals", "b", "w", "1")]
    assert store.judged_by() == one + other
    again = [everywhere[0] | {"version": "2"}]
    store.save_assessments(frame(again, ASSESSMENTS), judged=pairs[:1])  # history does not count
    assert store.judged_by() == [("signals", "a", "r", "2"), *other]


def test_baselines_are_medians_and_shares_over_the_course(store):
    store_lecture(
        store, "signals", "a", {"Ada": timeline("neutral*2 happy/down*1"), "Bob": timeline("sad*3")}
    )
    store_lecture(store, "signals", "b", {"Ada": timeline("happy/down*2 neutral/unposed*1 absent*9")})
    store_lecture(store, "law", "a", {"Ada": timeline("fear*9")})
    found = store.baselines("signals")
    assert set(found) == {"Ada", "Bob"}
    assert (found["Ada"]["pitch_deg"], found["Ada"]["yaw_deg"]) == (-25.0, 0.0)  # of 0, 0, -25, -25, -25
    assert (found["Ada"]["happy"], found["Ada"]["neutral"], found["Ada"]["fear"]) == (0.5, 0.5, 0.0)
    assert found["Bob"]["sad"] == 1.0
    assert (found["Ada"]["measured"], found["Bob"]["measured"]) == (6, 3)


def test_a_baseline_leaves_out_what_was_not_measured(store):
    store_lecture(store, "signals", "a", {"Ada": timeline("present/unposed*3")}, policy="behaviour")
    assert store.baselines("signals") == {"Ada": {}}


CONTEMPT = ("contempt",)


def test_further_labels_stand_behind_the_columns_of_seen(store):
    """Also in the table of a lecture whose classifier has none of them: rules find one table everywhere."""
    plain, more = timeline("happy*2 absent"), timeline("contempt present absent neutral", further=CONTEMPT)
    store_lecture(store, "signals", "a", {"Ada": plain})
    assert store.seen("signals", "a").columns == list(SEEN)
    store_lecture(store, "signals", "b", {"Ada": more})
    assert store.seen("signals", "b").equals(more.with_columns(student=pl.lit("Ada")))
    seen = store.seen("signals", "a")
    assert seen.schema == seen_schema(CONTEMPT)
    assert seen["contempt"].to_list() == [None] * 3
    assert seen.drop("contempt").equals(plain.with_columns(student=pl.lit("Ada")))


def test_a_baseline_counts_a_label_where_it_could_be_said(store):
    store_lecture(store, "signals", "a", {"Ada": timeline("happy*6"), "Bob": timeline("happy*3")})
    found = store.baselines("signals")["Ada"]
    assert "contempt" not in found
    spec = "contempt*1 neutral*3 absent*5"
    store_lecture(store, "signals", "b", {"Ada": timeline(spec, further=CONTEMPT)})
    found = store.baselines("signals")
    assert found["Ada"]["contempt"] == 0.25  # 1 of 4, and not of all 10
    assert (found["Ada"]["happy"], found["Ada"]["neutral"]) == (0.6, 0.3)  # of 10
    assert "contempt" not in found["Bob"]  # nobody looked for it in Bob's face


def test_angles_are_counted_by_lecture_student_and_whole_degree(store):
    tilted = timeline("neutral*2 neutral/down*1 neutral/unposed*1 absent*2").with_columns(
        pitch_deg=pl.col("pitch_deg") + pl.Series([0.25, 0.5, 0.0, 0.0, 0.0, 0.0])
    )
    store_lecture(store, "signals", "a", {"Ada": tilted, "Bob": timeline("sad/left*3")})
    store_lecture(store, "signals", "b", {"Ada": timeline("neutral*1")})
    store_lecture(store, "law", "a", {"Ada": timeline("neutral*9")})
    assert store.angles("signals", "pitch_deg").rows() == [
        ("a", "Ada", -25, 1, -25.0),
        ("a", "Ada", 0, 1, 0.25),
        ("a", "Ada", 1, 1, 0.5),  # a half is rounded away from zero
        ("a", "Bob", 0, 3, 0.0),
        ("b", "Ada", 0, 1, 0.0),
    ]
    yaw = store.angles("signals", "yaw_deg").rows()
    assert yaw == [("a", "Ada", 0, 3, 0.0), ("a", "Bob", -40, 3, -120.0), ("b", "Ada", 0, 1, 0.0)]
    assert store.angles("none", "yaw_deg").is_empty()


def test_lectures_of_named_students(store):
    store_lecture(store, "signals", "a", {"Ada": timeline("happy*3"), "student-01": timeline("sad*3")})
    store_lecture(store, "signals", "b", {"student-01": timeline("happy*3")})
    assert store.named_lectures() == [("signals", "a")]


def test_what_a_policy_switches_off_is_deleted_with_its_history(store):
    store.save_assessments(assessments(("presence", 0.1), ("shares", 0.3)))
    store.save_assessments(assessments(("shares", 0.4), lecture="week-2"))
    store.save_assessments(assessments(("presence", 0.2)), withdrawn=[("signals", "week-1", "shares")])
    rows = store.query("SELECT lecture, rule, value FROM assessments ORDER BY ALL").rows()
    assert rows == [("week-1", "presence", 0.1), ("week-1", "presence", 0.2), ("week-2", "shares", 0.4)]


def test_saving_no_assessment_is_no_error(store):
    store.save_assessments(assessments())
    assert store.query("SELECT * FROM assessments_latest").is_empty()


VIEWS = [
    # students of one recording, whether it shows one face at a time
    ({"Ada": "happy*60"}, False),  # a webcam
    ({"Ada": "happy*30 absent*30", "Bob": "absent*30 happy*30"}, True),
    ({"Ada": "happy*30 absent*30", "Bob": "absent*40 happy*20"}, True),  # nobody for ten seconds
    ({"Ada": "happy*60", "Bob": "happy*3 absent*57"}, False),  # together in 3 of 60: 5 %
    ({"Ada": "happy*60", "Bob": "happy*2 absent*58"}, True),  # in 2 of 60
    ({"Ada": "happy*60", "Bob": "happy*60"}, False),
    ({"": "absent*60"}, False),  # nobody at all
]


@pytest.mark.parametrize(("people", "expected"), VIEWS)
def test_whether_a_recording_shows_one_face_at_a_time(store, people, expected):
    store_lecture(store, "signals", "a", {name: timeline(spec) for name, spec in people.items()})
    assert store.one_at_a_time("signals", "a") is expected


def test_webcams_of_one_student_each_are_no_speaker_view(store):
    store_lecture(store, "signals", "a", {"Ada": timeline("happy*9")}, recording_name="ada.mp4")
    store_lecture(store, "signals", "a", {"Bob": timeline("happy*9")}, recording_name="bob.mp4")
    assert store.one_at_a_time("signals", "a") is False
    assert store.one_at_a_time("signals", "none") is False
