"""Synthetic timelines: what they say, and that they arrive in a database as an analysis would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.errors import ConfigError
from fertool.storage.store import Store
from fertool.storage.tables import ASSESSMENTS, MEASURES, SEEN, SEGMENTS, frame
from fertool.testing import store_lecture, timeline
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from pathlib import Path


# --- timeline ---------------------------------------------------------------------------------


def test_a_timeline_has_the_columns_rules_get() -> None:
    assert timeline("neutral*2 absent").schema == pl.Schema(SEEN)


@pytest.mark.parametrize(
    ("every", "times"),
    [
        ("1s", [0.0, 1.0, 2.0]),
        ("500ms", [0.0, 0.5, 1.0]),
        ("0.1s", [0.0, 0.1, 0.2]),  # no 0.30000000000000004
        ("2.5s", [0.0, 2.5, 5.0]),
        ("1min", [0.0, 60.0, 120.0]),
    ],
)
def test_times_are_multiples_of_the_period(every: str, times: list[float]) -> None:
    assert timeline("happy*3", every)["time_s"].to_list() == times


def test_blocks_follow_each_other_and_a_count_may_be_left_out() -> None:
    rows = timeline("neutral*2 happy absent*2 sad")
    assert rows["emotion"].to_list() == ["neutral", "neutral", "happy", None, None, "sad"]
    assert rows["present"].to_list() == [True, True, True, False, False, True]


def test_absence_has_no_measurement_at_all() -> None:
    (row,) = timeline("absent").to_dicts()
    assert row["present"] is False
    assert {name for name in MEASURES if row[name] is not None} == set()


def test_present_is_a_face_without_an_expression() -> None:
    (row,) = timeline("present").to_dicts()
    assert row["present"] is True
    assert row["detection"] is not None
    assert row["pitch_deg"] == 0
    assert {name for name in (*EMOTIONS, "emotion", "confidence") if row[name] is not None} == set()


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_probabilities_sum_to_one_and_favour_the_named_emotion(emotion: str) -> None:
    (row,) = timeline(emotion).to_dicts()
    assert sum(row[name] for name in EMOTIONS) == pytest.approx(1)
    assert max(EMOTIONS, key=lambda name: row[name]) == row["emotion"] == emotion
    assert row["confidence"] == row[emotion] == pytest.approx(0.7)
    assert len({row[name] for name in EMOTIONS if name != emotion}) == 1


@pytest.mark.parametrize(
    ("modifiers", "pose"),
    [
        ("", (0, 0, 0)),
        ("/down", (0, -25, 0)),
        ("/up", (0, 25, 0)),
        ("/left", (-40, 0, 0)),
        ("/right/down", (40, -25, 0)),
        ("/tilted", (0, 0, 25)),
        ("/unposed", (None, None, None)),
    ],
)
def test_head_poses(modifiers: str, pose: tuple[float | None, ...]) -> None:
    (row,) = timeline(f"neutral{modifiers}*1").to_dicts()
    assert (row["yaw_deg"], row["pitch_deg"], row["roll_deg"]) == pose


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "nothing in it"),
        ("   ", "nothing in it"),
        ("hapy*3", "unknown state in 'hapy*3'"),
        ("happy*0", "no positive count"),
        ("happy*-2", "no positive count"),
        ("happy*", "no positive count"),
        ("happy*2.5", "no positive count"),
        ("happy*two", "no positive count"),
        ("happy/bowed*2", "unknown pose 'bowed'"),
        ("absent/down*2", "nobody there"),
        ("*3", "unknown state"),
    ],
)
def test_nonsense_is_refused_in_words(spec: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says.replace("*", r"\*")) as caught:
        timeline(spec)
    assert caught.value.hint


@pytest.mark.parametrize("every", ["", "0s", "0ms", "1", "s", "-1s", "1h", "1 s", "nan"])
def test_a_period_must_be_one(every: str) -> None:
    with pytest.raises(ConfigError, match="is not a period"):
        timeline("happy", every)


blocks = st.lists(
    st.tuples(st.sampled_from([*EMOTIONS, "present", "absent"]), st.integers(1, 40)), min_size=1
)


@given(blocks)
def test_every_block_lasts_as_long_as_it_says(spec: list[tuple[str, int]]) -> None:
    rows = timeline(" ".join(f"{state}*{n}" for state, n in spec))
    assert len(rows) == sum(n for _, n in spec)
    for state in (*EMOTIONS, "absent", "present"):
        wanted = sum(n for name, n in spec if name == state)
        if state in EMOTIONS:
            found = rows.filter(pl.col("emotion") == state)
        else:
            found = rows.filter(pl.col("emotion").is_null(), pl.col("present") == (state == "present"))
        assert len(found) == wanted


@pytest.mark.parametrize("label", ["contempt", "not-sure", "happy"])
def test_further_labels_are_states_and_columns(label: str) -> None:
    rows = timeline(f"{label} present absent", further=("contempt", "not-sure"))
    assert rows.columns == [*SEEN, "contempt", "not-sure"]
    (row, *others) = rows.to_dicts()
    nine = (*EMOTIONS, "contempt", "not-sure")
    assert sum(row[name] for name in nine) == pytest.approx(1)
    assert max(nine, key=lambda name: row[name]) == row["emotion"] == label
    assert [row[name] for name in nine if name != label] == pytest.approx([0.3 / 8] * 8)
    assert [(one["contempt"], one["not-sure"]) for one in others] == [(None, None)] * 2


@pytest.mark.parametrize("label", ["happy", "absent", "time_s", "Contempt", "not sure", "_x", "1st", ""])
def test_no_further_label_can_be_called_so(label: str) -> None:
    with pytest.raises(ConfigError, match="is no further label"):
        timeline("neutral", further=(label,))


# --- store_lecture ----------------------------------------------------------------------------


def test_what_is_stored_is_what_rules_see(store: Store) -> None:
    ada, bob = timeline("neutral/down*70 absent*10 happy*60"), timeline("absent*30 sad*110", student="x")
    store_lecture(store, "c", "l", {"Ada": ada, "Bob": bob})
    seen = store.seen("c", "l")
    for name, rows in (("Ada", ada), ("Bob", bob)):
        wanted = rows.with_columns(student=pl.lit(name))
        assert seen.filter(pl.col("student") == name).equals(wanted)


def test_students_may_have_different_lengths_and_periods(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*10"), "B": timeline("sad*4", "500ms")})
    seen = store.seen("c", "l")
    times = seen.filter(pl.col("student") == "A")["time_s"].to_list()
    assert times == [0, 0.5, 1, 1.5, *range(2, 10)]  # all samples of the recording
    assert seen.filter(pl.col("student") == "A")["present"].sum() == 10
    assert seen.filter(pl.col("student") == "B")["present"].sum() == 4


def test_it_is_written_chunk_by_chunk_with_tracks_that_never_cross_one(store: Store) -> None:
    run = store_lecture(store, "c", "l", {"A": timeline("happy*150"), "B": timeline("absent*70 sad*80")})
    assert store.chunks_done(run) == {0, 1, 2}
    tracks = store.query("SELECT chunk, first_s, last_s, samples, student FROM tracks ORDER BY ALL")
    assert tracks.rows() == [
        (0, 0, 59, 60, "A"),
        (1, 60, 119, 60, "A"),
        (1, 70, 119, 50, "B"),
        (2, 120, 149, 30, "A"),
        (2, 120, 149, 30, "B"),
    ]


def test_a_lecture_without_any_face(store: Store) -> None:
    run = store_lecture(store, "c", "l", {"": timeline("absent*70")})
    assert store.run_state(run) == "finished"
    assert store.seen("c", "l").is_empty()
    assert store.query("SELECT count(*) AS n, sum(faces) AS f FROM samples_seen").rows() == [(70, 0)]
    assert store.query("SELECT * FROM students").is_empty()


def test_faces_per_sample_are_counted_and_numbered(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*2 absent"), "B": timeline("absent sad*2")})
    assert store.query("SELECT faces FROM samples_seen ORDER BY sample")["faces"].to_list() == [1, 2, 1]
    faces = store.query("SELECT sample, face FROM observations ORDER BY ALL").rows()
    assert faces == [(0, 0), (1, 0), (1, 1), (2, 0)]


def test_the_policy_behaviour_stores_no_expression(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy/down*5")}, policy="behaviour")
    seen = store.seen("c", "l")
    assert seen["present"].all()
    assert seen["pitch_deg"].to_list() == [-25] * 5
    assert all(seen[name].null_count() == 5 for name in (*EMOTIONS, "emotion", "confidence"))
    (run,) = store.runs().to_dicts()
    assert run["policy"] == "behaviour"
    assert json.loads(run["config"])["classifier"] is None


def test_the_run_is_described_as_the_pipeline_does(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*5", "2s")}, notes=["cut"], config={"every": 2.0})
    (run,) = store.runs().to_dicts()
    assert (run["state"], run["current"], run["samples"], run["planned"]) == ("finished", True, 5, 5)
    assert run["duration_s"] == 10  # up to the end of the last sample's period
    assert json.loads(run["notes"]) == ["cut"]
    config = json.loads(run["config"])
    assert config["every"] == 2
    assert set(config) >= {
        "detector",
        "encoder",
        "classifier",
        "start_s",
        "end_s",
        "policy",
        "chunk_s",
        "format",
    }


def test_segments_and_assessments_are_optional(store: Store) -> None:
    segments = frame([{"segment": 0, "title": "all", "start_s": 0.0, "end_s": 5.0}], SEGMENTS)
    row = {"course": "c", "lecture": "l", "rule": "r", "version": "1", "options": "{}", "value": 1.0}
    rows = {"A": timeline("happy*5")}
    store_lecture(store, "c", "l", rows, segments=segments, assessments=frame([row], ASSESSMENTS))
    store_lecture(store, "c", "bare", rows)
    assert store.segments("c", "l")["title"].to_list() == ["all"]
    assert store.segments("c", "bare")["title"].to_list() == ["Part 1"]
    assert store.query("SELECT rule, value FROM assessments_latest").rows() == [("r", 1.0)]


def test_the_same_input_gives_the_same_run(tmp_path: Path) -> None:
    rows = {"A": timeline("happy*5"), "B": timeline("sad*70")}
    one, two = Store(tmp_path / "1.duckdb"), Store(tmp_path / "2.duckdb")
    assert store_lecture(one, "c", "l", rows) == store_lecture(two, "c", "l", rows)
    for table in ("samples", "tracks", "observations"):
        sql = f"SELECT * FROM {table} ORDER BY ALL"
        assert one.query(sql).equals(two.query(sql))


def test_storing_it_twice_changes_nothing(store: Store) -> None:
    rows = {"A": timeline("happy*70")}
    run = store_lecture(store, "c", "l", rows)
    assert store_lecture(store, "c", "l", rows) == run
    assert len(store.seen("c", "l")) == 70
    assert len(store.runs()) == 1


def test_a_lecture_may_have_several_recordings(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*5")}, recording_name="a.mp4")
    store_lecture(store, "c", "l", {"B": timeline("sad*7")}, recording_name="b.mp4")
    assert store.runs()["current"].to_list() == [True, True]
    assert dict(store.seen("c", "l").group_by("student").len().iter_rows()) == {"A": 5, "B": 7}


def test_a_recording_is_read_by_one_classifier(store: Store) -> None:
    more = timeline("contempt*5", further=("contempt",))
    with pytest.raises(ConfigError, match="c/l: timelines differ in their further labels"):
        store_lecture(store, "c", "l", {"A": more, "B": timeline("happy*5")})
    store_lecture(store, "c", "l", {"A": more}, policy="behaviour")
    assert store.query("SELECT count(emotion) + count(others) FROM observations").item() == 0
    assert store.further_labels() == ()


@pytest.mark.parametrize("students", [{}, {"A": pl.DataFrame(schema=SEEN)}])
def test_no_samples_at_all_is_refused(store: Store, students: dict[str, pl.DataFrame]) -> None:
    with pytest.raises(ConfigError, match="no samples"):
        store_lecture(store, "c", "l", students)
