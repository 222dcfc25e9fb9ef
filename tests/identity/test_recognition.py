"""Enrolled after the recordings: who was a number is recognized, as if the pictures had been there before."""

from __future__ import annotations

import itertools
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_people import ADA, BEN, CAM, DAN, LIMIT, TOOLS, analyzed, enroll, face, tracks

from fertool.identity.recognition import recognize, together
from fertool.storage.store import Store

THREE = tracks((face(ADA), range(5), 60), (face(BEN), range(4), 60), (face(CAM), range(3), 60))
ONE, TWO, THIRD = (f"student-0{i}" for i in (1, 2, 3))


def enrol_late(store, course="signals", named=(), model=TOOLS.model, **pictures):
    """Who is recognized, and how many were asked about; the rows are moved."""
    enroll(store, course, **pictures)
    roster = store.students
    found, asked = recognize(roster, course, {*pictures}, model=model, limit=LIMIT, named=named)
    store.corrections.recognize(course, found)
    return found, asked


def who(store):
    """Track -> student, of the current runs."""
    sql = "SELECT track, student FROM tracks JOIN current_runs USING (run) ORDER BY 1"
    return dict(store.query(sql).rows())


def test_who_is_enrolled_later_is_recognized_in_every_recording(store):
    analyzed(store, "one", THREE)
    analyzed(store, "two", tracks((face(CAM, 5), range(5), 60), (face(DAN), range(2), 60)))
    assert enrol_late(store, Cam=face(CAM, 8), Ada=face(ADA, 8)) == ({ONE: "Ada", THIRD: "Cam"}, 4)
    now = {"one-00-0": "Ada", "one-00-1": TWO, "one-00-2": "Cam", "two-04-0": "Cam", "two-00-1": "student-04"}
    assert now.items() <= who(store).items()
    assert store.query("SELECT student FROM students ORDER BY 1")["student"].to_list() == [
        "Ada", "Cam", TWO, "student-04",
    ]  # fmt: skip


def test_it_is_nobody_s_decision(store):
    analyzed(store, "one", THREE)
    enrol_late(store, Ada=face(ADA))
    assert store.corrections.all("signals").is_empty()
    before = who(store)
    analyzed(store, "one", THREE)
    assert who(store) == before, "a new analysis comes to the same end by itself"


def test_enrolling_again_finds_nothing_more(store):
    analyzed(store, "one", THREE)
    enrol_late(store, Ada=face(ADA))
    before = who(store)
    assert enrol_late(store, Ada=face(ADA)) == ({}, 2)
    assert who(store) == before


def test_a_number_that_was_somebody_is_not_given_again(store):
    analyzed(store, "one", THREE)
    enrol_late(store, Cam=face(CAM))
    assert analyzed(store, "two", tracks((face(DAN), [0], 60)))[0] == ["student-04"]


@pytest.mark.parametrize(
    ("pictures", "found"),
    [
        ({"Dan": face(DAN)}, {}),  # not there at all
        ({"Ada": face(ADA, 28)}, {ONE: "Ada"}),  # 0.48 away, within 0.5
        ({"Ada": face(ADA, 30)}, {}),  # 0.52 away
        ({"Ada": face(ADA, 10), "Amy": face(ADA, 12)}, {}),  # two alike: too close to call
        ({"Ada": face(ADA, 10), "Amy": face(ADA, 20)}, {ONE: "Ada"}),  # 0.17 and 0.35 away
        ({"Amy": face(ADA, 20), "Ben": face(BEN, 3)}, {ONE: "Amy", TWO: "Ben"}),  # each for himself
    ],
)
def test_near_enough_and_clearly_nearer(store, pictures, found):
    analyzed(store, "one", THREE)
    assert enrol_late(store, **pictures) == (found, 3)


def test_who_was_seen_together_is_not_one_student(store):
    analyzed(store, "one", tracks((face(ADA, 8), [0], 60), (face(ADA, 40), [0], 60)))
    assert enrol_late(store, Ada=face(ADA, 24.5))[0] == {TWO: "Ada"}, "the nearer one only"


def test_two_numbers_of_one_person_become_one_student(store):
    """Too far apart for each other, near enough to a picture between them; never seen together."""
    analyzed(store, "one", tracks((face(ADA), [0], 60), (face(ADA, 40), [1], 60)))
    assert enrol_late(store, Ada=face(ADA, 20))[0] == {ONE: "Ada", TWO: "Ada"}


def test_nobody_else_is_who_is_seen_there_already(store):
    analyzed(store, "one", THREE, student="Ada")
    assert enrol_late(store, Ada=face(BEN))[0] == {}


@pytest.mark.parametrize("kind", ["picture", "answer", "decision", "name elsewhere", "another model"])
def test_of_whom_more_is_known_stays_who_it_is(store, kind):
    analyzed(store, "one", THREE)
    named, model = set(), TOOLS.model
    if kind == "picture":
        enroll(store, **{ONE: face(DAN)})
    elif kind == "answer":
        store.consents.answer("signals", ONE, given=date(2026, 1, 1))
    elif kind == "decision":
        store.corrections.merge("signals", ONE, TWO)
    elif kind == "name elsewhere":
        named = {ONE}
    else:
        model = "another"
    before = who(store)
    found, asked = enrol_late(store, named=named, model=model, Ada=face(ADA))
    assert found == {}
    assert asked == {"decision": 1, "another model": 3}.get(kind, 2)
    assert who(store) == before


def test_other_courses_are_left_alone(store):
    analyzed(store, "one", THREE)
    analyzed(store, "two", THREE, course="optics")
    assert enrol_late(store, "optics", Ada=face(ADA))[0] == {ONE: "Ada"}
    assert who(store)["one-00-0"] == ONE


# --- as if they had been enrolled before ------------------------------------------------------------

LECTURES = st.lists(
    st.lists(st.sampled_from(range(4)), min_size=1, max_size=4, unique=True), min_size=1, max_size=3
)
"""Who is in each recording, most time on screen first."""


def lecture(people, turn):
    """Everybody a little different every time, by far less than people differ."""
    rows = [(face(person, 3.0 * turn), range(len(people) - i), 60) for i, person in enumerate(people)]
    return tracks(*rows)


def groups(store):
    """Who is who, whatever numbers are called: track -> name, or all tracks of that number."""
    found = who(store)
    same = {label: frozenset(t for t in found if found[t] == label) for label in {*found.values()}}
    return {t: same[label] if label.startswith("student-") else label for t, label in found.items()}


@settings(max_examples=15)
@given(lectures=LECTURES, enrolled=st.sets(st.sampled_from(range(4))))
def test_late_is_as_good_as_early(empty, tmp_path_factory, lectures, enrolled):
    """Where people look clearly different. Where two are close, order counts: a face that decided later is
    not asked."""
    pictures = {f"P{person}": face(person, 7.0) for person in sorted(enrolled)}
    ends = []
    for early in (True, False):
        store = Store(Path(shutil.copy(empty, tmp_path_factory.mktemp("late"))))
        if early and pictures:
            enroll(store, **pictures)
        for turn, people in enumerate(lectures):
            analyzed(store, f"w{turn}", lecture(people, turn))
        if not early and pictures:
            enrol_late(store, **pictures)
        ends.append(groups(store))
    assert ends[0] == ends[1]


# --- together -------------------------------------------------------------------------------------


def test_together_is_within_a_recording():
    def person(*rows):
        return pl.DataFrame(rows, schema=["recording", "first_s", "last_s"], orient="row")

    ada = person(("one", 0.0, 10.0), ("two", 0.0, 10.0))
    ben = person(("two", 5.0, 15.0))
    cam = person(("one", 20.0, 30.0), ("three", 0.0, 10.0))
    table = together([ada, ben, cam])
    pairs = {(i, j) for i, j in itertools.product(range(3), repeat=2) if table[i, j]}
    assert pairs == {(0, 1), (1, 0)}
    assert together([]).shape == (0, 0)
