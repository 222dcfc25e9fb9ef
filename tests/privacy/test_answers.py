"""Consent on record: whose is in force when, and which lectures have to be judged again because of it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertool.errors import StoreError
from fertool.privacy.answers import CONSENTS, Answers
from fertool.store import Store
from fertool.tables import ASSESSMENTS
from fertool.testing import store_lecture, timeline


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "x.duckdb")


def consents(*rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CONSENTS, orient="row")


def test_at_first_nobody_has_answered(store: Store) -> None:
    answers = Answers(store.database)
    assert answers.consents("signals").is_empty()
    assert answers.consents("signals").schema == CONSENTS
    assert answers.consenting("signals", date(2026, 1, 1)) == set()
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
    Answers(store.database).set_consents("signals", consents(("ann", *answer)))
    Answers(store.database).set_consents("algebra", consents(("bob", True, None, None, None)))
    assert Answers(store.database).consenting("signals", on) == ({"ann"} if expected else set())


def test_the_last_answer_is_the_one_on_record(store: Store) -> None:
    Answers(store.database).set_consents(
        "signals", consents(("ann", True, FROM, TO, None), ("bob", True, None, None, None))
    )
    Answers(store.database).set_consents("signals", consents(("ann", False, None, None, None)))
    assert Answers(store.database).consents("signals").rows() == [
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
    Answers(store.database).set_consents("signals", consents(*both))
    judged(store, "week 1", "week 2", "open")
    return store


def test_as_long_as_answers_stay_nothing_is_outdated(course: Store) -> None:
    answers = Answers(course.database)
    assert answers.outdated() == []
    # Another date, the same effect today; a stranger's answer; another course's.
    answers.answer("signals", "ann", given=TODAY, expires=TODAY + timedelta(5))
    answers.set_consents("signals", consents(("cem", False, None, None, None)))
    answers.set_consents("algebra", consents(("ann", False, None, None, None)))
    assert answers.outdated() == []


WEEK_1, WEEK_2 = ("signals", "week 1"), ("signals", "week 2")


@pytest.mark.parametrize(
    ("who", "answer", "outdated"),
    [
        ("ann", (True, None, TODAY - timedelta(1), None), [WEEK_1, WEEK_2]),  # expired
        ("ann", (True, None, None, TODAY), [WEEK_1, WEEK_2]),  # withdrawn
        ("ann", (True, TODAY + timedelta(1), None, None), [WEEK_1, WEEK_2]),  # not yet given
        ("bob", (False, None, None, None), [WEEK_1]),  # no longer
        ("bob", (True, None, None, TODAY + timedelta(1)), []),  # from tomorrow on
    ],
)
def test_lectures_are_outdated_when_somebody_else_may_be_seen(course: Store, who, answer, outdated) -> None:
    answers = Answers(course.database)
    answers.set_consents("signals", consents((who, *answer)))
    assert answers.outdated() == outdated
    judged(course, "week 1")
    assert answers.outdated() == outdated[1:]
    judged(course, "week 2")
    assert answers.outdated() == []


def test_an_answer_that_comes_back_counts_too(course: Store) -> None:
    answers = Answers(course.database)
    answers.answer("signals", "bob", withdrawn=TODAY)
    judged(course, "week 1")
    answers.answer("signals", "bob", given=TODAY)
    assert answers.outdated() == [WEEK_1]


def test_what_was_never_judged_is_outdated(store: Store) -> None:
    store_lecture(store, "signals", "week 1", {"ann": timeline("happy*9")}, config=REQUIRED)
    assert Answers(store.database).outdated() == [WEEK_1]
    judged(store, "week 1")
    assert Answers(store.database).outdated() == [], "although nobody in it has agreed"


def test_answers_about_somebody_nobody_has_heard_of(course: Store) -> None:
    with pytest.raises(StoreError, match="nothing is held on 'zoe' in course 'signals'"):
        Answers(course.database).answer("signals", "zoe", given=TODAY)


dates = st.none() | st.dates(TODAY - timedelta(3), TODAY + timedelta(3))


@settings(max_examples=20)  # each opens the database six times
@given(answer=st.tuples(st.booleans(), dates, dates, dates), days=st.integers(-3, 3))
def test_views_and_commands_agree_on_what_is_in_force(shared: Store, answer: tuple, days: int) -> None:
    """`consenting` the view and `consenting` the method, which take the day from elsewhere."""
    shift = timedelta(days)
    moved = (answer[0], *(at and at + shift for at in answer[1:]))
    answers = Answers(shared.database)
    answers.set_consents("signals", consents(("ann", *moved)))
    in_view = {
        row[0] for row in shared.query("SELECT student FROM consenting WHERE course = 'signals'").rows()
    }
    assert answers.consenting("signals", TODAY) == in_view
    answers.set_consents("signals", consents(("ann", *answer)))
    assert answers.consenting("signals", TODAY - shift) == in_view, "only the distance to the day counts"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("answers") / "x.duckdb")
