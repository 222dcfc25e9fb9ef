"""Labels of the students of a course: names and pseudonyms. Parts of transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import duckdb

_GIVE_UP = """
    DELETE FROM students WHERE recording = $r
        AND NOT EXISTS (SELECT 1 FROM tracks JOIN runs USING (run) JOIN recordings r USING (recording)
            WHERE tracks.student = students.student AND r.course = students.course AND r.recording <> $r)
        AND (course, student) NOT IN (SELECT (course, student) FROM enrolled)
        AND (course, student) NOT IN (SELECT (course, student) FROM consents)"""
"""Students that a recording brought in and nobody else knows."""


def know(con: duckdb.DuckDBPyConnection, course: str, students: Iterable[str]) -> None:
    """Make sure that these students, and their course, are there."""
    con.execute("INSERT INTO courses VALUES ($c) ON CONFLICT DO NOTHING", {"c": course})
    for student in students:
        con.execute(
            "INSERT INTO students VALUES ($c, $s, NULL) ON CONFLICT DO NOTHING", {"c": course, "s": student}
        )


def own(con: duckdb.DuckDBPyConnection, course: str, recording: str) -> list[str]:
    """The numbers that a recording brought into the course, in order of number."""
    sql = """SELECT student FROM students WHERE course = $c AND recording = $r
             ORDER BY length(student), student  -- student-99 before student-100"""
    return [row[0] for row in con.execute(sql, {"c": course, "r": recording}).fetchall()]


def claim(
    con: duckdb.DuckDBPyConnection, course: str, recording: str, count: int, taken: Collection[str]
) -> list[str]:
    """Numbers for `count` students of a recording: see `Store.claim_students`."""
    mine = [label for label in own(con, course, recording) if label not in taken]
    fresh = new_numbers(con, course, count - len(mine[:count]))
    for label in mine[count:]:
        con.execute(_GIVE_UP + " AND course = $c AND student = $s", {"r": recording, "c": course, "s": label})
    for label in fresh:
        con.execute("INSERT INTO students VALUES ($c, $s, $r)", {"c": course, "s": label, "r": recording})
    return sorted(mine[:count] + fresh, key=lambda label: (len(label), label))


def new_numbers(con: duckdb.DuckDBPyConnection, course: str, count: int) -> list[str]:
    """The next `count` numbers of a course, not yet given to anybody. Retired ones are not given again."""
    highest = con.execute(
        """SELECT coalesce(max(number), 0) FROM (
               SELECT regexp_extract(student, '^student-(\\d+)$', 1)::INT AS number FROM students
               WHERE course = $c AND regexp_matches(student, '^student-\\d+$')
               UNION ALL SELECT number FROM retired WHERE course = $c)""",
        {"c": course},
    ).fetchall()[0][0]
    return [f"student-{highest + 1 + i:02d}" for i in range(count)]


def retire(con: duckdb.DuckDBPyConnection, course: str, student: str) -> None:
    """Let nobody else have this number from now on; another label is none of our numbers."""
    con.execute(
        """INSERT INTO retired SELECT $c, regexp_extract($s, '^student-(\\d+)$', 1)::INT
           WHERE regexp_matches($s, '^student-\\d+$')""",
        {"c": course, "s": student},
    )


def inherit(con: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
    """Numbers that a recording which is gone brought in are now brought in by another one, or given up if
    nobody has them."""
    con.execute(_GIVE_UP, {"r": old})
    con.execute("UPDATE students SET recording = $new WHERE recording = $old", {"old": old, "new": new})


def give_up_elsewhere(con: duckdb.DuckDBPyConnection, recording: str, course: str) -> None:
    """A recording belongs to this course now: the numbers that it alone brought into others go."""
    con.execute(_GIVE_UP + " AND course <> $c", {"r": recording, "c": course})
