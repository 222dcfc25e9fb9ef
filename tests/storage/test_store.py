"""What the pipeline writes, and what a query finds. What rules read back is in test_readings."""

import json

import duckdb
import polars as pl
import pytest
from stored import analyzed, assessments, begin, chunk, recording, segments

from fertool.errors import StoreError
from fertool.storage.runs import RUN_TABLES
from fertool.storage.store import Store
from fertool.storage.tables import WIDE
from fertool.types import COLUMNS, EMOTIONS, Course

NASTY = """O'Brien "Bobby"; DROP TABLE students;-- <script>alert(1)</script> 🎓 \\ %s $c"""


def counts(store):
    """Rows per table."""
    names = store.query("SELECT table_name FROM duckdb_tables() ORDER BY ALL")["table_name"]
    each = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in names)
    return dict(store.query(each).rows())


SSD = {"name": "ssd", "version": "1", "options": {"threshold": 0.4}, "weights": {"w": "ff"}}

ORPHANS = [
    # child, key -> parent
    ("runs", "recording", "recordings"),
    ("chunks", "run", "runs"),
    ("samples", "run", "runs"),
    ("tracks", "run", "runs"),
    ("observations", "run", "runs"),
    ("observations", "run, sample", "samples"),
    ("observations", "run, track", "tracks"),
    ("tracks", "run, chunk", "chunks"),
    ("recordings", "course, lecture", "lectures"),
    ("lectures", "course", "courses"),
    ("segments", "course, lecture", "lectures"),
    ("assessments", "course, lecture", "lectures"),
    ("students", "course", "courses"),
]


def orphans(store):
    """Rows whose parent is missing, per relation; foreign keys would do this, had DuckDB usable ones."""
    each = " UNION ALL ".join(
        f"SELECT '{child} without {parent}', count(*) AS n FROM {child} ANTI JOIN {parent} USING ({keys})"
        for child, keys, parent in ORPHANS
    )
    return dict(store.query(f"FROM ({each}) WHERE n > 0").rows())


MOVES = [
    # (segments there, source) before -> after in the new lecture; what the old one keeps
    ((), False, [("A", "points.csv"), ("B", "points.csv")], []),  # they follow
    (("C",), False, [("C", "own.csv")], []),  # it has some: those of the old one go with it
    ((), True, [], [("A", "points.csv"), ("B", "points.csv")]),  # the old one is still a lecture
]


@pytest.mark.parametrize(("there", "shared", "new", "old"), MOVES)
def test_a_lecture_without_recordings_is_given_up(store, there, shared, new, old) -> None:
    analyzed(store)
    store.set_segments("signals", "week-1", segments("A", "B"), "points.csv")
    store.save_assessments(assessments(("presence", 1.0)))
    if shared:
        analyzed(store, "run2", recording("r2"))
    if there:
        analyzed(store, "run3", recording("r3", lecture="week-2"))
        store.set_segments("signals", "week-2", segments(*there), "own.csv")
    store.add_recording(recording(lecture="week-2"))
    sql = "SELECT title, source FROM segments WHERE lecture = $l ORDER BY segment"
    assert store.query(sql, l="week-2").rows() == new
    assert store.query(sql, l="week-1").rows() == old
    names = [row[0] for row in store.query("SELECT lecture FROM lectures ORDER BY 1").rows()]
    assert names == (["week-1", "week-2"] if shared else ["week-2"])
    assert counts(store)["assessments"] == shared
    assert orphans(store) == {}


def test_the_place_of_a_recording(store) -> None:
    begin(store)
    assert store.place("r1") is None  # nothing of it is shown
    store.finish_run("run1", {}, [])
    assert store.place("r1") == ("signals", "week-1", "/v/r1.mp4")
    assert store.place("r2") is None


# --- runs and chunks ------------------------------------------------------------------------------


def test_a_run_from_begin_to_finish(store):
    assert store.run_state("run1") is None
    begin(store)
    assert store.run_state("run1") == "running"
    assert store.chunks_done("run1") == set()
    store.commit_chunk("run1", 0, 2.5, chunk("run1"))
    store.commit_chunk("run1", 2, 1.5, chunk("run1", 2, samples=(120,)))
    assert store.chunks_done("run1") == {0, 2}
    store.finish_run("run1", {"run1-0-a": "student-01"}, ["one sample could not be decoded"])
    assert store.run_state("run1") == "finished"
    (row,) = store.runs().to_dicts()
    assert (row["seconds"], row["samples"], row["planned"], row["current"]) == (4.0, 3, 2, True)
    assert json.loads(row["notes"]) == ["one sample could not be decoded"]
    assert json.loads(row["config"]) == {"every": 1.0}
    assert (row["course"], row["lecture"], row["name"]) == ("signals", "week-1", "r1.mp4")


def test_the_same_chunk_twice_counts_once(store):
    begin(store)
    store.commit_chunk("run1", 0, 2.5, chunk("run1"))
    before = counts(store)
    store.commit_chunk("run1", 0, 9.9, chunk("run1", people=("b", "c")))
    assert counts(store) == before
    assert store.query("SELECT seconds FROM chunks").item() == 2.5
    assert store.tracks("run1")["track"].to_list() == ["run1-0-a"]


def test_a_chunk_that_cannot_be_stored_is_no_chunk_already_there(store):
    begin(store)
    bad = chunk("run1")
    bad["samples"] = bad["samples"].with_columns(time_s=pl.lit(None, pl.Float64))
    before = counts(store)
    with pytest.raises(duckdb.ConstraintException, match="NOT NULL"):
        store.commit_chunk("run1", 0, 2.5, bad)
    assert counts(store) == before
    assert store.chunks_done("run1") == set()


def test_a_chunk_is_stored_as_a_whole_or_not_at_all(store):
    begin(store)
    tables = chunk("run1") | {"no_such_table": chunk("run1")["samples"]}
    before = counts(store)
    with pytest.raises(duckdb.CatalogException):
        store.commit_chunk("run1", 0, 2.5, tables)
    assert counts(store) == before


def test_a_chunk_without_any_face(store):
    begin(store)
    store.commit_chunk("run1", 0, 1.0, chunk("run1", people=()))
    store.finish_run("run1", {}, [])
    assert store.query("SELECT sample, faces FROM samples_seen ORDER BY 1").rows() == [(0, 0), (1, 0)]
    assert store.seen("signals", "week-1").is_empty()
    assert store.summary("run1")["coverage"] == 0
    assert store.summary("run1")["happy"] is None


def test_beginning_again_keeps_what_is_there(store):
    begin(store)
    store.commit_chunk("run1", 0, 2.5, chunk("run1"))
    before = store.query("SELECT * FROM runs").rows()
    begin(store)
    assert store.query("SELECT * FROM runs").rows() == before
    assert store.chunks_done("run1") == {0}


def test_deleting_a_run_leaves_no_orphan_and_touches_no_other(store):
    analyzed(store)
    analyzed(store, "run2", recording("r2"))
    before = counts(store)
    store.delete_run("run1")
    after = counts(store)
    assert orphans(store) == {}
    left = " UNION ".join(f"SELECT run FROM {table}" for table in RUN_TABLES)
    assert store.query(left).rows() == [("run2",)]
    assert {table: 2 * after[table] for table in RUN_TABLES} == {table: before[table] for table in RUN_TABLES}
    store.delete_run("run2")
    assert [counts(store)[table] for table in RUN_TABLES] == [0] * 5
    store.delete_run("run2")  # gone already: nothing to say


def test_every_table_with_a_run_is_deleted_from(store):
    sql = "SELECT DISTINCT table_name FROM duckdb_columns() WHERE column_name = 'run' AND NOT internal"
    tables = set(
        store.query(f"{sql} AND table_name IN (SELECT table_name FROM duckdb_tables())")["table_name"]
    )
    assert tables == set(RUN_TABLES)


def test_a_whole_course_has_no_orphans(store):
    analyzed(store, people=("a", "b"))
    store.students.claim("signals", "r1", 2)
    store.set_segments("signals", "week-1", segments("Part 1"))
    store.save_assessments(assessments(("presence", 0.5)))
    assert orphans(store) == {}


def test_finishing_again_gives_up_links_that_no_longer_hold(store):
    analyzed(store, people=("a", "b"), students={"a": "student-01", "b": "student-02"})
    store.finish_run("run1", {"run1-0-a": "Ada"}, [])
    rows = store.query("SELECT track, student FROM tracks ORDER BY 1").rows()
    assert rows == [("run1-0-a", "Ada"), ("run1-0-b", None)]


def test_finishing_one_run_leaves_the_students_of_another(store):
    analyzed(store)
    analyzed(store, "run2", recording("r2"), students={"a": "student-02"})
    rows = store.query("SELECT run, student FROM tracks ORDER BY 1").rows()
    assert rows == [("run1", "student-01"), ("run2", "student-02")]


def test_the_current_run_is_the_one_finished_last(store):
    analyzed(store)
    analyzed(store, "run2")
    assert store.query("SELECT run FROM current_runs").rows() == [("run2",)]
    assert {row["run"]: row["current"] for row in store.runs().to_dicts()} == {"run1": False, "run2": True}
    begin(store, "run3")  # running: not yet
    store.commit_chunk("run3", 0, 1.0, chunk("run3"))
    assert store.query("SELECT run FROM current_runs").rows() == [("run2",)]
    store.finish_run("run1", {}, [])  # asked for once more, and it was there
    assert store.query("SELECT run FROM current_runs").rows() == [("run1",)]
    store.delete_run("run1")
    assert store.query("SELECT run FROM current_runs").rows() == [("run2",)]


def test_views_show_the_current_run_only(store):
    analyzed(store)
    analyzed(store, "run2", samples=(0, 1, 2))
    assert store.query("SELECT count(*) FROM frame_emotions").item() == 3
    assert store.query("SELECT count(*) FROM samples_seen").item() == 3


def test_a_summary_in_figures(store):
    analyzed(store, people=("a", "b"), samples=(0, 1, 2, 5), absent={(1, "a"), (1, "b"), (2, "b")})
    row = store.summary("run1")
    assert (row["samples"], row["coverage"], row["analyzed_s"], row["seconds"]) == (4, 0.75, 5.0, 2.5)
    assert row["students"] == 1  # b was nobody's
    assert row["happy"] == 0.75
    assert row["angry"] is None
    assert (row["course"], row["name"], row["duration_s"]) == ("signals", "r1.mp4", 130.0)
    store.query("UPDATE runs SET config = $c", c=json.dumps({"detector": SSD}))
    assert store.summary("run1")["detector"] == SSD
    # Configurations that lack it, or are none.
    for config in ('{"every": 1}', '{"detector": null}', "", "no JSON"):
        store.query(f"UPDATE runs SET config = '{config}'")
        assert store.summary("run1")["detector"] is None


# --- recordings -----------------------------------------------------------------------------------


def test_a_recording_has_one_home(store):
    assert store.home("r1") is None
    store.add_recording(recording())
    store.add_recording(recording(lecture="week-2", path="/elsewhere/r1.mp4"))
    assert store.home("r1") == ("signals", "week-2")
    assert store.query("SELECT path FROM recordings").rows() == [("/elsewhere/r1.mp4",)]


def test_the_offset_of_a_recording_survives_its_next_analysis(store):
    store.add_recording(recording())
    store.query("UPDATE recordings SET offset_s = 60")
    store.add_recording(recording(path="/elsewhere/r1.mp4"))
    assert store.offset_s("r1") == 60
    store.add_recording(recording(offset_s=2.5))  # unless it says another one
    assert store.offset_s("r1") == 2.5
    assert store.offset_s("nobody's") == 0
    assert store.duration_s("signals", "week-1") == 2.5 + 129.5


def test_the_duration_of_a_lecture_is_that_of_its_longest_recording(store):
    store.add_recording(recording("r1", readable_s=100.0))
    store.add_recording(recording("r2", readable_s=160.0))
    store.add_recording(recording("r3", lecture="week-2", readable_s=900.0))
    assert store.duration_s("signals", "week-1") == 160.0
    assert store.duration_s("signals", "no-such-week") == 0


def test_lectures_are_those_with_a_finished_run(store):
    analyzed(store, rec=recording(lecture="week-2"))
    analyzed(store, "run2", recording("r2"))
    analyzed(store, "run3", recording("r3", course="circuits"))
    begin(store, "run4", recording("r4", lecture="week-9"))
    assert store.lectures() == [("circuits", "week-1"), ("signals", "week-1"), ("signals", "week-2")]
    assert store.lectures("signals") == [("signals", "week-1"), ("signals", "week-2")]
    assert store.lectures(lecture="week-1") == [("circuits", "week-1"), ("signals", "week-1")]
    assert store.lectures("signals", "week-2") == [("signals", "week-2")]
    assert store.lectures("none") == []


def test_one_recording_under_the_policy_behaviour_puts_the_lecture_under_it(store):
    assert store.policy("signals", "week-1") == "full"
    analyzed(store)
    assert store.policy("signals", "week-1") == "full"
    analyzed(store, "run2", recording("r2"), policy="behaviour")
    assert store.policy("signals", "week-1") == "behaviour"
    assert store.policy("signals", "week-2") == "full"
    analyzed(store, "run3", recording("r2"))  # analyzed again: the old run no longer counts
    assert store.policy("signals", "week-1") == "full"


# --- views and queries ----------------------------------------------------------------------------

VIEWS = {
    "frame_emotions": """course, lecture, recording, student, sample, time_s, x1, y1, x2, y2, detection,
        yaw_deg, pitch_deg, roll_deg, angry, disgust, fear, happy, sad, surprise, neutral, emotion,
        confidence""",
    "samples_seen": "course, lecture, recording, sample, time_s, faces, dropped",
    "assessments_latest": """course, lecture, segment, student, rule, value, level, message, start_s,
        end_s, coverage, low, high, spans, said""",
}


@pytest.mark.parametrize("view", VIEWS)
def test_views_have_exactly_the_columns_that_are_promised(store, view):
    assert store.query(f"SELECT * FROM {view}").columns == [name.strip() for name in VIEWS[view].split(",")]


def test_no_label_can_be_called_as_a_column_that_is_there():
    fixed = {name.strip() for name in VIEWS["frame_emotions"].split(",")} | WIDE.keys()
    assert fixed - {*EMOTIONS} == COLUMNS


def labeled(store, run, others, rec="r1", lecture="week-1"):
    """A finished run of Ann, whose classifier gave these further labels (JSON) in both samples."""
    begin(store, run, recording(rec, lecture=lecture))
    tables = chunk(run)
    tables["observations"] = tables["observations"].with_columns(others=pl.lit(others, pl.String()))
    store.commit_chunk(run, 0, 1.0, tables)
    store.finish_run(run, {f"{run}-0-a": "Ann"}, [])


def test_a_further_label_is_a_column_from_the_run_on_that_brings_it(store):
    usual = store.query("FROM frame_emotions").columns
    labeled(store, "run1", None)
    assert store.query("FROM frame_emotions").columns == usual
    labeled(store, "run2", '{"not-sure": 0.5, "contempt": 0.125}', "r2", "week-2")
    assert store.query("FROM frame_emotions").columns == [*usual, "contempt", "not-sure"]
    labeled(store, "run3", '{"boredom": 0.25, "contempt": 0.25}', "r3", "week-3")
    asked = (
        'SELECT lecture, happy, boredom, contempt, "not-sure" FROM frame_emotions WHERE sample = 0 ORDER BY 1'
    )
    assert store.query(asked).rows() == [
        ("week-1", 0.75, None, None, None),  # its classifier has none of them: not 0
        ("week-2", 0.75, None, 0.125, 0.5),
        ("week-3", 0.75, 0.25, 0.25, None),
    ]
    assert store.further_labels() == ("boredom", "contempt", "not-sure")


def test_a_further_label_shows_once_its_run_is_finished(store):
    begin(store)
    tables = chunk("run1")
    tables["observations"] = tables["observations"].with_columns(others=pl.lit('{"contempt": 0.5}'))
    store.commit_chunk("run1", 0, 1.0, tables)
    assert store.further_labels() == ()
    store.finish_run("run1", {}, [])
    assert store.query("SELECT contempt FROM frame_emotions").rows() == [(0.5,), (0.5,)]


def test_a_summary_has_every_label(store):
    labeled(store, "run1", None)
    labeled(store, "run2", '{"contempt": 0.125}', "r2")
    assert (store.summary("run1")["happy"], store.summary("run1")["contempt"]) == (0.75, None)
    assert (store.summary("run2")["happy"], store.summary("run2")["contempt"]) == (0.75, 0.125)


def test_names_are_stored_as_they_are(store):
    rec = recording("r1", course=NASTY, lecture=NASTY + "2", name=NASTY, path=f"/v/{NASTY}")
    analyzed(store, rec=rec, students={"a": NASTY})
    store.students.know(NASTY, NASTY)
    assert store.students.claim(NASTY, "r1", 1) == ["student-01"]
    store.set_segments(NASTY, NASTY + "2", segments(NASTY))
    assert store.home("r1") == (NASTY, NASTY + "2")
    assert store.lectures(NASTY) == [(NASTY, NASTY + "2")]
    assert store.segments(NASTY, NASTY + "2")["title"].to_list() == [NASTY]
    assert store.seen(NASTY, NASTY + "2")["student"].unique().to_list() == [NASTY]
    assert store.runs()["name"].to_list() == [NASTY]
    assert counts(store)["students"] == 2


def test_a_query_that_makes_no_sense_is_a_store_error(store):
    with pytest.raises(StoreError, match=r"query failed: Parser Error.*\n*.*selct"):
        store.query("selct")
    with pytest.raises(StoreError, match="no_such_view"):
        store.query("SELECT * FROM no_such_view")


def test_parameters_are_no_sql(store):
    assert store.query("SELECT $name AS name", name=NASTY).rows() == [(NASTY,)]


def test_a_statement_without_a_result_gives_an_empty_table(store):
    assert store.query("CREATE TEMP TABLE t (x INTEGER)").is_empty()
    assert store.query("-- nothing").is_empty()


def test_what_is_known_of_courses(store: Store) -> None:
    assert store.courses() == {}
    store.describe_course("signals", "E. Noether", ["sampling", "filters"], {"week 1": None, "week 2": None})
    store.describe_course("art", "", [], {"week 1": None})
    assert store.courses() == {"art": Course(), "signals": Course("E. Noether", ("sampling", "filters"))}
    store.describe_course("signals", "C. Babbage", [], {"week 1": None})
    assert store.courses()["signals"] == Course("C. Babbage")


# (roll and whether the expression was read, of each face; faces that stand unread, those that lie)
LYING = [
    ([(0, True), (3, False), (None, False), (45, False)], 3, []),
    ([(90, False), (90, False), (180, False), (0, True)], 0, [(90, 2), (180, 1)]),
    # a roll is that of the nearest quarter turn: -78 and 260 are 270, -180 is 180
    ([(-78, False), (-90, False), (-180, False), (46, False), (2, False)], 1, [(270, 2), (90, 1), (180, 1)]),
]


@pytest.mark.parametrize(("faces", "unread", "lie"), LYING)
def test_faces_that_lie_are_counted_by_quarter_turns(store, faces, unread, lie):
    analyzed(store, samples=tuple(range(len(faces))))
    with store.database.transaction() as con:
        for sample, (roll, read) in enumerate(faces):
            sql = "UPDATE observations SET roll_deg = $roll, emotion = $read WHERE sample = $s"
            con.execute(sql, {"roll": roll, "read": "happy" if read else None, "s": sample})
    assert store.count_faces("run1") == (unread, len(faces))
    assert store.count_lying("run1") == lie
