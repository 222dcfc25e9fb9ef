"""Every column with a student is declared, and its rows are treated as declared."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest
from stored import analyzed, assessments, recording

from fertool.report.subject_access import MEANS
from fertool.storage import student_tables
from fertool.storage.consents import CONSENTS
from fertool.storage.students import ENROLLED
from fertool.storage.tables import frame

if TYPE_CHECKING:
    from fertool.storage.store import Store

OTHER_LABELS = {("further_labels", "label"): "an expression that a classifier has, nobody's name"}
DECLARED = {table.name: table for table in student_tables.TABLES}


def columns(store: Store, *names: str) -> set[tuple[str, str]]:
    """(table, column) pairs of a new database whose column has one of these names."""
    sql = """SELECT table_name, column_name FROM duckdb_columns() JOIN duckdb_tables() USING (table_name)
             WHERE list_contains($names, column_name)"""
    return {(table, column) for table, column in store.database.rows(sql, names=list(names))}


def test_every_column_with_a_student_is_declared(store: Store) -> None:
    declared = {(table.name, column) for table in student_tables.TABLES for column in table.labels}
    assert columns(store, "student", "label") == declared | OTHER_LABELS.keys()


def test_every_embedding_of_a_student_is_searched_for_after_a_deletion(store: Store) -> None:
    assert columns(store, "embedding") == {(t.name, "embedding") for t in DECLARED.values() if t.embedded}


def test_every_table_is_explained_to_the_person_it_is_about() -> None:
    assert list(MEANS) == list(DECLARED)


# --- rows after a change --------------------------------------------------------------------------


def enroll(store: Store, course: str, student: str, *pictures: str) -> None:
    same = {"student": student, "embedding": [0.6, 0.8], "model": "m"}
    rows = [same | {"picture": f"{name}.jpg", "sha256": name} for name in pictures]
    store.students.enroll(course, frame(rows, ENROLLED))
    yes = pl.DataFrame([{"student": student, "consent": True}], schema=CONSENTS)
    store.consents.set_consents(course, yes)


@pytest.fixture
def people(store: Store) -> Store:
    """Ann and Bob in signals, with a picture of both; another Ann in optics, whose rows must never change."""
    analyzed(store, "run1", people=("a", "b"), students={"a": "Ann", "b": "Bob"})
    analyzed(store, "run2", recording("r2", course="optics"), students={"a": "Ann"})
    enroll(store, "signals", "Ann", "portrait", "both")
    enroll(store, "signals", "Bob", "both")
    enroll(store, "optics", "Ann", "portrait")
    said = assessments(("presence", 0.5), ("presence", 0.25), ("trend", 1.0))
    said = said.with_columns(
        student=pl.Series(["Ann", "Bob", "Ann"]),
        course=pl.Series(["signals", "signals", None]),  # the last one: of all courses
        lecture=pl.Series(["week-1", "week-1", None]),
    )
    store.save_assessments(said)
    store.audit.record("export", "signals", ["Ann"])
    store.audit.record("export", "optics", ["Ann"])
    with store.database.transaction() as con:
        for number, label in enumerate(("Ann", "Bob")):  # the second track of Ann was Bob's
            con.execute(
                "INSERT INTO decisions VALUES ($n, 'signals', 'split', 'Ann', $l, 'r1', 0, 0, 0, $t)",
                {"n": number, "l": label, "t": datetime.now(UTC)},
            )
    return store


def held(store: Store, student: str, course: str = "signals") -> dict[str, int]:
    """Table -> number of rows in an export."""
    return {
        name: len(store.database.table(table.export, c=course, s=student)) for name, table in DECLARED.items()
    }


ROWS = [
    # table, rows of Ann and of Bob at first; then of Ann and of the other one, when Ann was
    #                        renamed to Zoe, merged into Bob, forgotten
    ("students", (1, 1), (0, 1), (0, 1), (0, 1)),
    ("enrolled", (2, 1), (0, 2), (0, 2), (0, 1)),  # the picture of both is kept once
    ("consents", (1, 1), (0, 1), (0, 1), (0, 1)),
    ("decisions", (2, 1), (0, 2), (2, 2), (0, 0)),  # merged: it was Ann who was spoken of, Bob's they are
    ("tracks", (1, 1), (0, 1), (0, 2), (0, 1)),
    ("observations", (2, 2), (0, 2), (0, 4), (0, 2)),
    ("assessments", (2, 1), (1, 1), (0, 1), (0, 1)),  # renamed: in all courses together she is still Ann
    ("audit", (1, 0), (0, 1), (0, 1), (0, 0)),  # forgotten: a row of nobody in particular
]


def test_at_first(people: Store) -> None:
    assert held(people, "Ann") == {name: at_first[0] for name, at_first, *_ in ROWS}
    assert held(people, "Bob") == {name: at_first[1] for name, at_first, *_ in ROWS}


@pytest.mark.parametrize(("case", "other"), [(2, "Zoe"), (3, "Bob"), (4, "Bob")])
def test_rows_follow_the_declaration(people: Store, case: int, other: str) -> None:
    namesake = held(people, "Ann", "optics")
    if case == 4:
        people.erase.forget("signals", "Ann")
    else:
        with people.database.transaction() as con:
            change = student_tables.rename if case == 2 else student_tables.merge
            change(con, "signals", *(("Ann", "Zoe") if case == 2 else ("Bob", "Ann")))
    assert held(people, "Ann") == {row[0]: row[case][0] for row in ROWS}
    assert held(people, other) == {row[0]: row[case][1] for row in ROWS}
    everywhere = 0 if case == 2 else 1  # what was said of Ann in all courses, which counts for both courses
    assert held(people, "Ann", "optics") == namesake | {"assessments": 1 - everywhere}


def test_a_forgotten_student_leaves_a_row_of_nobody_in_the_audit(people: Store) -> None:
    people.erase.forget("signals", "Ann")
    sql = "SELECT student FROM audit WHERE course = 'signals'"
    assert people.database.rows(sql) == [(None,)]


def test_an_export_says_where_a_face_was_seen(people: Store) -> None:
    table = people.database.table(DECLARED["observations"].export, c="signals", s="Ann")
    assert table.columns[:5] == ["lecture", "recording", "time_s", "run", "sample"]
    assert table.select("lecture", "recording", "time_s").rows() == [
        ("week-1", "r1", 0.0),
        ("week-1", "r1", 1.0),
    ]
    assert table.columns.count("student") == 0
