"""From tracks to students, within a recording and across the recordings of a course."""

from __future__ import annotations

import polars as pl
import pytest
from synthetic_people import ADA, BEN, CAM, DAN, Eyes, Nothing, analyzed, enroll, face, tracks

from fertool.host.toolbox import Plugged, Toolbox


def students(store, course="signals"):
    sql = "SELECT student FROM students WHERE course = $c ORDER BY student"
    return store.query(sql, c=course)["student"].to_list()


THREE = tracks((face(ADA), range(5), 60), (face(BEN), range(4), 60), (face(CAM), range(3), 60))


def test_most_time_on_screen_comes_first(store):
    people, notes = analyzed(store, "one", tracks((face(ADA), [0], 20), (face(BEN), [0, 1], 20)))
    assert people == ["student-02", "student-01"]
    assert notes == []


def test_too_few_samples_or_no_embedding_is_nobody(store):
    table = tracks((face(ADA), [0], 60), (face(BEN), [0], 2), (None, [0], 60))
    people, notes = analyzed(store, "one", table)
    assert people == ["student-01", None, None]
    assert notes == ["2 of 3 tracks could not be assigned to a student"]


def test_single_looks_are_nobody_where_others_are_followed(store):
    poor = tracks((face(ADA), range(4), 60), (face(BEN), range(4), 1))
    assert analyzed(store, "one", poor)[0] == ["student-01", None]
    # With a sample every two minutes nobody is followed: then single looks are all there is.
    sparse = tracks((face(ADA), range(4), 1), (face(BEN), range(4), 1))
    assert None not in analyzed(store, "two", sparse)[0]


def test_no_tracks_at_all(store):
    assert analyzed(store, "one", tracks()) == ([], [])


def test_two_lectures_share_their_students(store):
    assert analyzed(store, "one", THREE)[0] == ["student-01", "student-02", "student-03"]
    other = tracks((face(CAM, 5), range(5), 60), (face(DAN), range(4), 60), (face(ADA, 5), range(3), 60))
    assert analyzed(store, "two", other)[0] == ["student-03", "student-04", "student-01"]
    assert students(store) == [f"student-0{i}" for i in range(1, 5)]


def test_courses_do_not(store):
    analyzed(store, "one", THREE)
    assert analyzed(store, "two", THREE, course="optics")[0] == ["student-01", "student-02", "student-03"]


def test_embeddings_of_another_model_are_not_compared(store):
    analyzed(store, "one", THREE)
    other = Toolbox(Plugged(Eyes(), "edited"), Plugged(Nothing()), None, [])
    people = analyzed(store, "two", THREE, tools=other)[0]
    assert people == ["student-04", "student-05", "student-06"]


def test_who_is_seen_together_is_not_one_student(store):
    """Twins: one was there before."""
    analyzed(store, "one", tracks((face(ADA), [0], 60)))
    twins = tracks((face(ADA, 8), [0], 60), (face(ADA, 4), [0], 60))
    assert analyzed(store, "two", twins)[0] == ["student-02", "student-01"]  # the nearer one is she


def test_look_alikes_are_new_rather_than_wrong(store):
    analyzed(store, "one", tracks((face(ADA), [0], 60), (face(ADA, 12), [0], 60)))
    between = tracks((face(ADA, 6), [0], 60))
    assert analyzed(store, "two", between)[0] == ["student-03"]


def test_a_named_student_of_another_recording_is_recognized(store):
    analyzed(store, "one", tracks((face(ADA), [0], 60)), student="Ada")
    assert analyzed(store, "two", THREE)[0] == ["Ada", "student-01", "student-02"]


def test_a_name_given_here_counts_for_nobody_else_here(store):
    analyzed(store, "one", tracks((face(BEN), [0], 60)), student="Ada")  # a mistake, perhaps
    people, notes = analyzed(store, "two", THREE, student="Ada")
    assert people == ["Ada", "student-01", "student-02"]
    assert notes == ["3 people found; 'Ada' is the one on screen longest"]


def test_enrolled_pictures_count(store):
    enroll(store, Cam=face(CAM, 8), Ben=face(BEN, 8))
    assert analyzed(store, "one", THREE)[0] == ["student-01", "Ben", "Cam"]


# --- again ----------------------------------------------------------------------------------------


def test_the_same_again_gives_the_same_labels(store):
    first = analyzed(store, "one", THREE)
    assert analyzed(store, "one", THREE) == first
    assert students(store) == ["student-01", "student-02", "student-03"]


def test_also_after_another_lecture(store):
    first = analyzed(store, "one", THREE)
    analyzed(store, "two", tracks((face(CAM, 5), range(5), 60), (face(DAN), range(4), 60)))
    assert analyzed(store, "one", THREE) == first


def test_who_is_on_screen_longest_may_change(store):
    """Once somebody is known from another lecture, it is the face that decides."""
    analyzed(store, "one", THREE)
    analyzed(store, "two", THREE)
    longer = tracks((face(ADA), range(1), 60), (face(BEN), range(2), 60), (face(CAM), range(3), 60))
    assert analyzed(store, "one", longer)[0] == ["student-01", "student-02", "student-03"]


def test_what_was_too_close_to_call_later_does_not_take_over(store):
    """Two alike of the first lecture; the second shows one who could be either, and becomes a third."""
    alike = tracks((face(ADA), range(2), 60), (face(ADA, 12), range(1), 60))
    first = analyzed(store, "one", alike)
    assert analyzed(store, "two", tracks((face(ADA, 6), [0], 60)))[0] == ["student-03"]
    assert analyzed(store, "one", alike) == first


def test_a_number_that_another_lecture_uses_is_not_handed_to_a_stranger(store):
    analyzed(store, "one", tracks((face(ADA), [0], 60)))
    analyzed(store, "two", tracks((face(ADA), [0], 60)))
    # A better detector, say: the first lecture shows Dan, not Ada.
    assert analyzed(store, "one", tracks((face(DAN), [0], 60)))[0] == ["student-02"]
    assert students(store) == ["student-01", "student-02"]  # and the number is not given up either


def test_numbers_that_nobody_carries_are_given_up(store):
    analyzed(store, "one", THREE)
    analyzed(store, "one", tracks((face(ADA), [0], 60)))
    assert students(store) == ["student-01"]


def test_a_recording_that_moves_leaves_behind_whom_others_know(store):
    analyzed(store, "one", THREE)
    analyzed(store, "two", tracks((face(CAM), [0], 60)))
    analyzed(store, "one", THREE, course="optics")
    assert students(store) == ["student-03"]
    assert students(store, "optics") == ["student-01", "student-02", "student-03"]


# --- pictures and places --------------------------------------------------------------------------


def changing(table, **changes):
    """The same tracks with a change of so many gray levels, per person (p0, p1, ...)."""
    person = pl.col("track").str.split("-").list.last()
    levels = {name.removeprefix("p"): level for name, level in changes.items()}
    return table.with_columns(change=person.replace_strict(levels, default=None, return_dtype=pl.Float32))


def test_a_still_picture_is_nobody(store):
    table = changing(THREE, p0=0.1, p1=9.0, p2=None)
    people, notes = analyzed(store, "one", table)
    assert people == [None, "student-01", "student-02"]
    assert notes == ["1 still picture was left out"]
    assert store.tracks("run-one").height == 12  # what was measured stays


LENGTHS = [
    # seconds that a portrait stays on a slide, and whether it is taken for a picture
    (2.9, False),
    (3.0, True),
    (9.0, True),
]


@pytest.mark.parametrize(("seconds", "picture"), LENGTHS)
def test_a_portrait_on_a_slide_is_nobody_from_three_seconds_on(store, seconds, picture):
    table = changing(tracks((face(ADA), [0], 4), (face(BEN), range(5), 60)), p0=0.1, p1=9.0)
    end = pl.when(track="00-0").then(pl.col("first_s") + seconds).otherwise("last_s")
    people, _ = analyzed(store, "one", table.with_columns(last_s=end))
    assert (people[0] is None) is picture
    assert people[1] is not None, "who moves is somebody"


def test_what_is_short_beside_a_picture_is_the_picture(store):
    """Too short to tell, but the face is the picture's."""
    table = changing(THREE, p0=0.1, p1=9.0, p2=9.0)
    first = pl.col("track") == "00-0"
    table = table.with_columns(last_s=pl.when(first).then(pl.col("first_s") + 2).otherwise("last_s"))
    assert analyzed(store, "one", table)[0] == [None, "student-01", "student-02"]


def test_somebody_whose_camera_froze_stays_a_student(store):
    table = THREE.with_columns(change=pl.when(pl.col("chunk") == 1).then(0.0).otherwise(9.0).cast(pl.Float32))
    analyzed(store, "one", table)
    rows = store.query("SELECT chunk, student FROM tracks WHERE run = 'run-one' AND ends_with(track, '-0')")
    assert dict(rows.rows()) == {0: "student-01", 1: None, 2: "student-01", 3: "student-01", 4: "student-01"}


def test_several_pictures_are_counted(store):
    notes = analyzed(store, "one", changing(THREE, p0=0.1, p1=0.1, p2=9.0))[1]
    assert notes[0] == "2 still pictures were left out"
