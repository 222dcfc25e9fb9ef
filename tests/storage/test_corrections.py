"""Rename, merge, split: carried out at once, and found again in the next analysis."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from fertool.errors import FertoolError
from fertool.identity import linking
from fertool.storage.consents import CONSENTS
from fertool.storage.corrections import DECISIONS, Corrections, TrackSelection
from fertool.storage.runs import Recording, Run
from fertool.storage.store import Store
from fertool.storage.students import ENROLLED
from fertool.storage.tables import ASSESSMENTS, OBSERVATIONS, SAMPLES, TRACKS, frame

PLACES = {"a": 0.0, "b": 200.0, "c": 400.0}
"""Left edge of the tile of each person, in pixels."""


@pytest.fixture
def decisions(store) -> Corrections:
    return store.corrections


def analyze(
    store: Store, recording: str, who: dict[str, str], run: str = "run", chunks: int = 2
) -> dict[str, str]:
    """A finished run in which each person of `who` (place -> label) has one track of three samples per chunk
    of 60 s. Returns track -> label."""
    name = f"{recording}.mp4"
    store.add_recording(
        Recording(recording, recording * 4, "signals", f"week {recording}", f"/v/{name}", name, 1,
                  120.0, 120.0, 640, 360, "h264")
    )  # fmt: skip
    run = f"{run}-{recording}"
    store.begin_run(Run(run, recording, "1", "full", {}, 3 * chunks))
    students = {}
    for chunk in range(chunks):
        samples = [3 * chunk + i for i in range(3)]
        times = {s: chunk * 60.0 + 10.0 * i for i, s in enumerate(samples)}
        tracks = {place: f"{run}-{chunk}-{place}" for place in who}
        faces = [
            {"sample": s, "face": i, "track": tracks[place], "x1": PLACES[place], "y1": 10.0,
             "x2": PLACES[place] + 100, "y2": 110.0, "detection": 0.9}
            for s in samples for i, place in enumerate(who)
        ]  # fmt: skip
        ends = {"first_s": times[samples[0]], "last_s": times[samples[-1]], "samples": 3, "chunk": chunk}
        store.commit_chunk(
            run,
            chunk,
            0.0,
            {
                "samples": frame(
                    [{"sample": s, "time_s": t, "faces": len(who)} for s, t in times.items()], SAMPLES
                ),
                "tracks": frame(
                    [{"track": track, "embedding": [1.0, 0.0], **ends} for track in tracks.values()], TRACKS
                ),
                "observations": frame(faces, OBSERVATIONS),
            },
        )  # fmt: skip
        students |= {tracks[place]: label for place, label in who.items()}
    store.finish_run(run, students, [])
    with store.database.transaction() as con:
        for label in set(who.values()):
            con.execute(
                "INSERT INTO students VALUES ('signals', ?, ?) ON CONFLICT DO NOTHING", [label, recording]
            )
    return students


def labels(store: Store, recording: str = "r1") -> dict[str, str]:
    """`chunk-place` -> label in the current run of a recording."""
    rows = store.query(
        "SELECT track, student FROM tracks JOIN current_runs USING (run) WHERE recording = $r ORDER BY 1",
        r=recording,
    ).rows()
    return {track.split("-", 2)[2]: student for track, student in rows}


def students(store: Store) -> list[tuple]:
    return store.query("SELECT student, recording FROM students WHERE course = 'signals' ORDER BY 1").rows()


def judge(store: Store, *who: str) -> None:
    rows = [
        {
            "course": "signals",
            "lecture": "week r1",
            "student": s,
            "rule": "r",
            "version": "1",
            "options": "{}",
        }
        for s in who
    ]
    store.save_assessments(frame(rows, ASSESSMENTS))


def judged(store: Store) -> list[str]:
    return store.query("SELECT student FROM assessments ORDER BY 1")["student"].to_list()


def enroll(store: Store, *who: str, sha256: str = "") -> None:
    rows = [
        {
            "student": s,
            "picture": "me.jpg",
            "sha256": sha256 or s[::-1],
            "embedding": [1.0, 0.0],
            "model": "m",
        }
        for s in who
    ]
    store.students.enroll("signals", frame(rows, ENROLLED))


def answer(store: Store, student: str, consent: bool, expires: date | None = None) -> None:
    row = pl.DataFrame([(student, consent, None, expires, None)], schema=CONSENTS, orient="row")
    store.consents.set_consents("signals", row)


ONE, TWO = "student-01", "student-02"


def test_rename_reaches_every_table(store: Store, decisions: Corrections) -> None:
    analyze(store, "r1", {"a": ONE, "b": TWO}, run="older")
    analyze(store, "r1", {"a": ONE, "b": TWO})
    analyze(store, "r2", {"a": ONE})
    judge(store, ONE, TWO)
    enroll(store, ONE)
    answer(store, ONE, True)
    assert decisions.rename("signals", ONE, "Ann") == []
    assert labels(store) == {"0-a": "Ann", "0-b": TWO, "1-a": "Ann", "1-b": TWO}
    assert set(labels(store, "r2").values()) == {"Ann"}
    assert judged(store) == ["Ann", TWO]
    assert list(store.students.enrolled("signals")) == ["Ann"]
    assert store.consents.consenting("signals") == {"Ann"}
    assert students(store) == [("Ann", None), (TWO, "r1")]
    for (table,) in store.query("SELECT table_name FROM duckdb_tables()").rows():
        assert ONE not in str(store.query(f"FROM {table}").rows()), table


def test_a_decision_is_recorded_with_the_place_and_time_of_every_track(store, decisions) -> None:
    analyze(store, "r1", {"a": ONE, "b": TWO})
    decisions.rename("signals", TWO, "Bob")
    table = decisions.all("signals")
    assert table.schema == DECISIONS
    assert table.drop("decided_at").rows() == [
        (1, "rename", "Bob", "Bob", "r1", 10.0, 250.0, 60.0),
        (1, "rename", "Bob", "Bob", "r1", 70.0, 250.0, 60.0),
    ]
    assert decisions.all("signals", "r2").is_empty()
    assert decisions.all("algebra").is_empty()


def test_merge_moves_everything_and_names_the_lectures_to_judge_again(store, decisions) -> None:
    analyze(store, "r1", {"a": ONE, "b": TWO})
    analyze(store, "r2", {"a": ONE})
    judge(store, ONE, TWO)
    enroll(store, ONE, TWO)
    assert decisions.merge("signals", ONE, TWO) == [("signals", "week r1")]
    assert set(labels(store).values()) == {ONE}
    assert judged(store) == [ONE], "what was said of half a person is gone"
    assert len(store.students.enrolled("signals")[ONE]) == 2
    assert students(store) == [(ONE, None)]
    assert set(decisions.all("signals")["label"]) == {ONE}
    assert len(decisions.all("signals")) == 6


def test_a_picture_of_both_is_kept_once(store, decisions) -> None:
    enroll(store, ONE, TWO, sha256="same bytes")
    decisions.merge("signals", ONE, TWO)
    assert len(store.students.enrolled("signals")[ONE]) == 1


@pytest.mark.parametrize(
    ("answers", "consent"),
    [
        ({}, []),
        ({ONE: True}, [(ONE, True)]),
        ({TWO: False}, [(ONE, False)]),
        ({ONE: True, TWO: True}, [(ONE, True)]),
        ({ONE: True, TWO: False}, None),  # not for us to choose
    ],
)
def test_merged_students_have_one_answer_on_consent(store, decisions, answers, consent) -> None:
    enroll(store, ONE, TWO)
    for student, said in answers.items():
        answer(store, student, said)
    if consent is None:
        with pytest.raises(FertoolError, match="different answers on consent"):
            decisions.merge("signals", ONE, TWO)
        assert len(students(store)) == 2
    else:
        decisions.merge("signals", ONE, TWO)
        assert store.consents.consents("signals").select("student", "consent").rows() == consent


@pytest.mark.parametrize(
    ("part", "moved"),
    [
        (TrackSelection(start_s=65.0), {"1-a"}),  # the track at that time
        (TrackSelection("r1.mp4", start_s=20.0), {"0-a"}),  # its last instant is still of it
        (TrackSelection("r1", start_s=30.0, end_s=200.0), {"1-a"}),
        (TrackSelection("r1", start_s=30.0, end_s=60.0), {"1-a"}),
    ],
)
def test_split_by_time(store, decisions, part: TrackSelection, moved: set[str]) -> None:
    analyze(store, "r1", {"a": ONE, "b": TWO})
    new, lectures = decisions.split("signals", ONE, part)
    assert (new, lectures) == ("student-03", [("signals", "week r1")])
    assert {track for track, student in labels(store).items() if student == new} == moved
    assert (new, None) in students(store)
    assert set(decisions.all("signals")["label"]) == {ONE, new}


def test_split_by_recording(store, decisions) -> None:
    analyze(store, "r1", {"a": ONE})
    analyze(store, "r2", {"a": ONE})
    new, _ = decisions.split("signals", ONE, TrackSelection("r2.mp4"))
    assert set(labels(store).values()) == {ONE}
    assert set(labels(store, "r2").values()) == {new}


def test_all_may_be_split_off_who_is_known_by_more_than_recordings(store, decisions) -> None:
    """A number that was merged into an enrolled student by mistake is a number again."""
    analyze(store, "r1", {"a": ONE, "b": TWO})
    answer(store, "Ann", consent=False)
    decisions.merge("signals", "Ann", ONE)
    new, lectures = decisions.split("signals", "Ann", TrackSelection("r1"))
    assert (new, lectures) == ("student-03", [("signals", "week r1")])
    assert set(labels(store).values()) == {TWO, new}
    assert ("Ann", None) in students(store)
    with pytest.raises(FertoolError, match="nothing would be left"):
        decisions.split("signals", "Ann", TrackSelection())  # of nothing, nothing can be split off


def test_a_number_is_never_given_twice(store, decisions) -> None:
    """A names file may still know it, and would give somebody the name of somebody else."""
    analyze(store, "r1", {"a": ONE, "b": TWO, "c": "student-03"})
    decisions.merge("signals", ONE, "student-03")
    assert decisions.newcomers("signals", 2) == ["student-04", "student-05"]
    decisions.rename("signals", "student-05", "Eve")
    assert store.students.claim("signals", "r9", 1) == ["student-06"]
    store.erase.forget("signals", "student-06")
    assert decisions.newcomers("signals", 1) == ["student-07"]
    assert decisions.newcomers("algebra", 1) == ["student-01"]


def test_the_audit_follows_the_label(store, decisions) -> None:
    analyze(store, "r1", {"a": ONE, "b": TWO})
    store.audit.record("export", "signals", [ONE, TWO], "all")
    decisions.rename("signals", ONE, "Ann")
    decisions.merge("signals", "Ann", TWO)
    assert store.audit.log("signals")["student"].to_list() == ["Ann", "Ann"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: d.rename("signals", "student-09", "Ann"), "signals: no student 'student-09'"),
        (lambda d: d.rename("signals", ONE, TWO), "there is a student 'student-02' already"),
        (lambda d: d.merge("signals", ONE, "Bob"), "no student 'Bob'"),
        (lambda d: d.merge("signals", "Bob", ONE), "no student 'Bob'"),
        (lambda d: d.merge("signals", ONE, ONE), "expected two students"),
        (lambda d: d.merge("algebra", ONE, TWO), "algebra: no student"),
        (lambda d: d.split("signals", "Bob", TrackSelection()), "no student 'Bob'"),
        (
            lambda d: d.split("signals", ONE, TrackSelection("r3")),
            "is not seen in 'r3', but in r1.mp4, r2.mp4",
        ),
        (lambda d: d.split("signals", ONE, TrackSelection(start_s=40.0)), "not seen at that time"),
        (
            lambda d: d.split("signals", ONE, TrackSelection(start_s=5.0)),
            "seen in r1.mp4 (r1), r2.mp4 (r2): expected one of them",
        ),
        (lambda d: d.split("signals", TWO, TrackSelection("r1")), "nothing would be left"),
    ],
)
def test_what_cannot_be_decided_changes_nothing(store, decisions, call, words: str) -> None:
    analyze(store, "r1", {"a": ONE, "b": TWO})
    analyze(store, "r2", {"a": ONE})
    before = labels(store), students(store)
    with pytest.raises(FertoolError) as error:
        call(decisions)
    assert words in str(error.value)
    assert (labels(store), students(store)) == before
    assert decisions.all("signals").is_empty()


def test_the_next_analysis_finds_all_decisions_again(store, decisions) -> None:
    analyze(store, "r1", {"a": ONE, "b": TWO, "c": "student-03"})
    decisions.merge("signals", ONE, "student-03")
    new, _ = decisions.split("signals", TWO, TrackSelection(start_s=60.0))
    decisions.rename("signals", TWO, "Bob")
    expected = {"0-a": ONE, "0-b": "Bob", "0-c": ONE, "1-a": ONE, "1-b": new, "1-c": ONE}
    assert labels(store) == expected
    analyze(store, "r1", {"a": "x", "b": "y", "c": "z"}, run="again")
    found = linking.decided(store, "signals", "r1", "again-r1")
    assert {track.split("-", 2)[2]: label for track, label in found.items()} == expected
    assert linking.decided(store, "signals", "r2", "again-r1") == {}
