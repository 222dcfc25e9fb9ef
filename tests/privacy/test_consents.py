"""Consent on record: whose is in force when, and which lectures have to be judged again because of it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertool.cli.students.listing import consent_text
from fertool.errors import FertoolError, StoreError
from fertool.storage.consents import CONSENTS
from fertool.storage.store import Store
from fertool.storage.students import ENROLLED
from fertool.storage.tables import ASSESSMENTS
from fertool.testing import store_lecture, timeline


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "x.duckdb")


def consents(*rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CONSENTS, orient="row")


def test_at_first_nobody_has_answered(store: Store) -> None:
    answers = store.consents
    assert answers.consents("signals").is_empty()
    assert answers.consents("signals").schema == CONSENTS
    assert answers.consenting("signals") == set()
    assert answers.outdated() == []


FROM, TO = date(2026, 3, 1), date(2026, 3, 31)


@pytest.mark.parametrize(
    ("answer", "on", "expected"),
    [
        ((True, None, None, None), date(1999, 1, 1), True),  # no dates: always
        ((False, None, None, None), FROM, False),
        ((True, FROM, TO, None), date(2026, 2, 28), False),  # not yet given
        ((True, FROM, TO, None), FROM, True),
        ((True, FROM, TO, None), TO, True),  # the last day still holds
        ((True, FROM, TO, None), date(2026, 4, 1), False),
        ((True, FROM, None, TO), date(2026, 3, 30), True),
        ((True, FROM, None, TO), TO, False),  # withdrawn: from that day on
    ],
)
def test_whose_consent_is_in_force(store: Store, answer: tuple, on: date, expected: bool) -> None:
    said, *days = answer
    to_today = date.today() - on  # moved along, so that `on` is today
    moved = (day and day + to_today for day in days)
    store.consents.set_consents("signals", consents(("ann", said, *moved)))
    store.consents.set_consents("algebra", consents(("bob", True, None, None, None)))
    assert store.consents.consenting("signals") == ({"ann"} if expected else set())


def test_the_last_answer_is_the_one_on_record(store: Store) -> None:
    store.consents.set_consents(
        "signals", consents(("ann", True, FROM, TO, None), ("bob", True, None, None, None))
    )
    store.consents.set_consents("signals", consents(("ann", False, None, None, None)))
    assert store.consents.consents("signals").rows() == [
        ("ann", False, None, None, None),
        ("bob", True, None, None, None),
    ]
    assert store.query("SELECT student FROM students ORDER BY 1")["student"].to_list() == ["ann", "bob"]


# --- which lectures have to be judged again -------------------------------------------------------

TODAY = date.today()
REQUIRED = {"consent": {"mode": "required"}}


def judged(store: Store, *lectures: str) -> None:
    store.save_assessments(pl.DataFrame(schema=ASSESSMENTS), [("signals", name) for name in lectures])


@pytest.fixture
def course(store: Store) -> Store:
    """Two lectures under `required`, Ann in both, Bob in the first; one of theirs where it is not. All judged
    while both agreed."""
    ann, bob = timeline("happy*9"), timeline("sad*9")
    store_lecture(store, "signals", "week 1", {"ann": ann, "bob": bob}, config=REQUIRED)
    store_lecture(store, "signals", "week 2", {"ann": ann}, recording_name="w2.mp4", config=REQUIRED)
    store_lecture(store, "signals", "open", {"ann": ann, "bob": bob}, recording_name="open.mp4")
    both = (("ann", True, None, TODAY, None), ("bob", True, None, None, None))
    store.consents.set_consents("signals", consents(*both))
    judged(store, "week 1", "week 2", "open")
    return store


def test_as_long_as_answers_stay_nothing_is_outdated(course: Store) -> None:
    answers = course.consents
    assert answers.outdated() == []
    # Another date, the same effect today; a stranger's answer; another course's.
    answers.answer("signals", "ann", given=TODAY, expires=TODAY + timedelta(5))
    answers.set_consents("signals", consents(("cem", False, None, None, None)))
    answers.set_consents("algebra", consents(("ann", False, None, None, None)))
    assert answers.outdated() == []


WEEK_1, WEEK_2, OPEN = ("signals", "week 1"), ("signals", "week 2"), ("signals", "open")


@pytest.mark.parametrize(
    ("who", "answer", "outdated"),
    [
        ("ann", (True, None, TODAY - timedelta(1), None), [WEEK_1, WEEK_2]),  # expired
        ("ann", (True, None, None, TODAY), [OPEN, WEEK_1, WEEK_2]),  # withdrawn: under `off` as well
        ("ann", (True, TODAY + timedelta(1), None, None), [WEEK_1, WEEK_2]),  # not yet given
        ("bob", (False, None, None, None), [OPEN, WEEK_1]),  # a no, the same
        ("bob", (True, None, None, TODAY + timedelta(1)), []),  # from tomorrow on
    ],
)
def test_lectures_are_outdated_when_somebody_else_may_be_seen(course: Store, who, answer, outdated) -> None:
    answers = course.consents
    answers.set_consents("signals", consents((who, *answer)))
    assert answers.outdated() == outdated
    judged(course, "open", "week 1")
    assert answers.outdated() == [pair for pair in outdated if pair == WEEK_2]
    judged(course, "week 2")
    assert answers.outdated() == []


def test_an_answer_that_comes_back_counts_too(course: Store) -> None:
    answers = course.consents
    answers.answer("signals", "bob", withdrawn=TODAY)
    judged(course, "open", "week 1")
    answers.answer("signals", "bob", given=TODAY)
    assert answers.outdated() == [OPEN, WEEK_1]


def test_what_was_never_judged_is_outdated(store: Store) -> None:
    store_lecture(store, "signals", "week 1", {"ann": timeline("happy*9")}, config=REQUIRED)
    assert store.consents.outdated() == [WEEK_1]
    judged(store, "week 1")
    assert store.consents.outdated() == [], "although nobody in it has agreed"


def test_answers_about_somebody_nobody_has_heard_of(course: Store) -> None:
    with pytest.raises(StoreError, match="nothing is held on 'zoe' in course 'signals'"):
        course.consents.answer("signals", "zoe", given=TODAY)


# --- who refuses ----------------------------------------------------------------------------------

DAY = timedelta(1)


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        ((True, None, None, None), False),
        ((False, None, None, None), True),
        ((False, TODAY + DAY, None, None), True),  # whatever the date: a no begins at once
        ((False, None, TODAY - DAY, None), True),  # and has no end
        ((True, TODAY + DAY, None, None), False),  # not yet given: silence
        ((True, None, TODAY - DAY, None), False),  # expired: silence
        ((True, None, None, TODAY + DAY), False),
        ((True, None, None, TODAY), True),  # the first day without
        ((True, None, TODAY - DAY, TODAY), True),  # expired, and withdrawn
        ((False, None, None, TODAY + DAY), False),  # not asked before: a no from that day on
        ((False, None, None, TODAY), True),
    ],
)
def test_what_is_a_refusal(shared: Store, answer: tuple, refuses: bool) -> None:
    answers = shared.consents
    answers.set_consents("signals", consents(("ann", *answer), ("bob", True, None, None, None)))
    assert answers.refusing("signals") == ({"ann"} if refuses else set())
    assert answers.refusing("algebra") == set(), "an answer is given to a course"


def test_a_refusal_is_not_put_off(course: Store) -> None:
    answers = course.consents
    for row in (("ann", False, None, None, None), ("ann", True, None, None, TODAY - DAY)):
        answers.set_consents("signals", consents(row))
        with pytest.raises(FertoolError, match="ann refuses already: expected a day up to today"):
            answers.answer("signals", "ann", withdrawn=TODAY + DAY)
        assert answers.refusing("signals") == {"ann"}
    answers.answer("signals", "ann", withdrawn=TODAY)
    assert answers.consents("signals").row(0) == ("ann", True, None, None, TODAY)
    answers.answer("signals", "ann", given=TODAY)
    assert answers.refusing("signals") == set()
    answers.answer("signals", "ann", withdrawn=TODAY + DAY)  # of a yes it may be said in advance
    assert answers.refusing("signals") == set()


def test_who_refuses_and_is_still_stored(course: Store) -> None:
    answers = course.consents
    assert answers.still_stored() == []
    no = [(name, False, None, None, None) for name in ("zoe", "bob")]
    answers.set_consents("signals", consents(*no))
    assert answers.still_stored() == [("signals", "bob")], "of Zoe there is nothing"
    with course.database.transaction() as con:  # also where another analysis is in force by now
        con.execute("UPDATE runs SET state = 'running'")
    assert answers.still_stored() == [("signals", "bob")]
    with course.database.transaction() as con:
        con.execute("DELETE FROM tracks WHERE student = 'bob'")
    assert answers.still_stored() == []


@pytest.mark.parametrize(
    ("who", "answer", "pictures", "anchors"),
    [
        ("student-01", {"withdrawn": TODAY}, False, 2),  # a track in each of two lectures
        ("student-01", {"withdrawn": TODAY + DAY}, False, 2),  # then, nobody gives a command
        ("student-01", {"withdrawn": TODAY}, True, 0),  # the picture tells
        ("student-01", {"given": TODAY}, False, 0),  # nobody has to be kept out
    ],
)
def test_a_no_without_a_picture_is_about_faces_in_places(
    store: Store, who, answer, pictures, anchors
) -> None:
    """Another analysis may give the number to somebody else; what was decided is found again by place."""
    for name in ("w1.mp4", "w2.mp4"):
        both = {who: timeline("happy*9"), "student-02": timeline("sad*9")}
        store_lecture(store, "signals", name, both, recording_name=name)
    if pictures:
        row = {"student": who, "picture": "a.jpg", "sha256": "ab", "embedding": [1.0, 0.0], "model": "m"}
        store.students.enroll("signals", pl.DataFrame([row], schema=ENROLLED))
    store.consents.answer("signals", who, **answer)
    found = store.corrections.all("signals")
    assert found.select("kind", "student", "label").rows() == [("answer", who, who)] * anchors
    assert found["recording"].n_unique() == anchors


dates = st.none() | st.dates(TODAY - timedelta(3), TODAY + timedelta(3))


@settings(max_examples=30)  # each opens the database three times
@given(answer=st.tuples(st.booleans(), dates, dates, dates))
def test_words_and_what_is_in_force_agree(shared: Store, answer: tuple) -> None:
    """Worked out here from the words: in force is what has begun and has not ended."""
    shared.consents.set_consents("words", consents(("ann", *answer)))
    (row,) = shared.consents.consents("words").to_dicts()
    in_force = shared.consents.consenting("words") == {"ann"}
    words = consent_text(row, TODAY, in_force).rsplit(" ", 1)
    assert in_force == (words == ["agreed"] or words[0] == "agreed until")
    day = date.fromisoformat(words[1]) if len(words) == 2 and words[1][0] == "2" else None
    if words[0] in ("agreed until", "agreed from", "withdraws"):
        assert day is not None
        assert day >= TODAY + timedelta(words[0] != "agreed until"), "is still to come"
    elif words[0] in ("expired", "withdrawn"):
        assert day is not None
        assert day < TODAY + timedelta(words[0] == "withdrawn"), "is over"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("answers") / "x.duckdb")
