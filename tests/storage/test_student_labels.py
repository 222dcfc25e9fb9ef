"""Who goes by which number or name in a course, through analyses and moves."""

from __future__ import annotations

from stored import analyzed, recording

from fertool.storage.erase import Removal


def claim(store, recording_, count, course="signals"):
    return store.claim_students(course, recording_, count)


def test_numbers_go_on_through_the_recordings_of_a_course(store):
    assert claim(store, "r1", 3) == ["student-01", "student-02", "student-03"]
    assert claim(store, "r2", 2) == ["student-04", "student-05"]
    assert claim(store, "r9", 1, "circuits") == ["student-01"]  # another course counts for itself
    assert claim(store, "r3", 0) == []


def test_a_second_analysis_keeps_its_numbers(store):
    claim(store, "r1", 2)
    claim(store, "r2", 2)
    assert claim(store, "r1", 2) == ["student-01", "student-02"]
    assert claim(store, "r1", 3) == ["student-01", "student-02", "student-05"]  # 03 and 04 are others'
    assert claim(store, "r2", 2) == ["student-03", "student-04"]


def test_numbers_that_are_no_longer_needed_are_given_up(store):
    claim(store, "r1", 4)
    assert claim(store, "r1", 2) == ["student-01", "student-02"]
    assert store.query("SELECT student FROM students ORDER BY 1").rows() == [("student-01",), ("student-02",)]
    assert claim(store, "r2", 1) == ["student-03"]
    assert claim(store, "r1", 0) == []
    assert store.query("SELECT student FROM students").rows() == [("student-03",)]


def test_a_hundred_students_are_ordered_by_number(store):
    first = claim(store, "r1", 101)
    assert first[8:11] == ["student-09", "student-10", "student-11"]
    assert first[98:] == ["student-99", "student-100", "student-101"]
    assert claim(store, "r1", 100) == first[:100]  # the last is given up, not the last of the alphabet


def test_a_named_student_is_known_once_and_takes_no_number(store):
    store.name_student("signals", "Ada")
    store.name_student("signals", "Ada")
    assert store.query("SELECT * FROM students").rows() == [("signals", "Ada", None)]
    assert claim(store, "r1", 1) == ["student-01"]
    assert claim(store, "r1", 0) == []
    assert store.query("SELECT student FROM students").rows() == [("Ada",)]  # surplus numbers only


def test_a_number_given_as_a_name_is_not_given_out_again(store):
    store.name_student("signals", "student-07")
    assert claim(store, "r1", 1) == ["student-08"]


def test_a_recording_that_moves_to_another_course_gets_numbers_there(store):
    store.add_recording(recording("r1"))
    store.add_recording(recording("r2", course="circuits"))
    assert claim(store, "r1", 2) == ["student-01", "student-02"]
    assert claim(store, "r2", 1, "circuits") == ["student-01"]
    store.name_student("signals", "Ada")
    store.add_recording(recording("r1", course="circuits"))
    assert claim(store, "r1", 2, "circuits") == ["student-02", "student-03"]
    rows = store.query("SELECT course, student, recording FROM students ORDER BY ALL").rows()
    assert rows == [
        ("circuits", "student-01", "r2"),
        ("circuits", "student-02", "r1"),
        ("circuits", "student-03", "r1"),
        ("signals", "Ada", None),  # whoever has a name stays
    ]


def test_numbers_are_inherited_by_what_replaces_a_recording(store):
    """`r1` showed three; of these `r2`, the file with other bytes, shows the second, and somebody new."""
    analyzed(store, "run1", students={"a": "student-01"})
    claim(store, "r1", 3)
    again = {"a": "student-02", "b": "student-04"}
    analyzed(store, "run2", recording("r2", path="/v/r1.mp4"), again, people=("a", "b"))
    claim(store, "r2", 1)
    lengths, decisions = Removal(store.database).drop_replaced(recording("r2", path="/v/r1.mp4"))
    assert (lengths, decisions) == ([129.5], 0)
    rows = store.query("SELECT student, recording FROM students ORDER BY ALL").rows()
    assert rows == [("student-02", "r2"), ("student-04", "r2")]
    assert store.query("SELECT recording FROM recordings").rows() == [("r2",)]
    assert Removal(store.database).drop_replaced(recording("r2", path="/v/r1.mp4")) == ([], 0)


def test_a_recording_that_moves_within_its_course_keeps_its_numbers(store):
    store.add_recording(recording("r1"))
    claim(store, "r1", 2)
    store.add_recording(recording("r1", lecture="week-2"))
    assert claim(store, "r1", 2) == ["student-01", "student-02"]
