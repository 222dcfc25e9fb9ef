"""Consents: what students answered, and which lectures an answer changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fertool.errors import FertoolError
from fertool.storage import corrections
from fertool.storage.audit import unknown
from fertool.storage.database import Aggregate
from fertool.storage.student_labels import know
from fertool.types import LectureKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import duckdb


CONSENTS: dict[str, pl.DataType] = {
    "student": pl.String(),
    "consent": pl.Boolean(),
    "given": pl.Date(),
    "expires": pl.Date(),
    "withdrawn": pl.Date(),
}
"""One row per student with an answer on record. Dates may be null: not known, or never."""


class Consents(Aggregate):
    """Consents on record. Every method is one transaction."""

    def consents(self, course: str) -> pl.DataFrame:
        """Columns of CONSENTS, in order of label."""
        columns = ", ".join(CONSENTS)
        sql = f"SELECT {columns} FROM consents WHERE course = $course ORDER BY length(student), student"  # noqa: S608
        return self.database.table(sql, course=course).cast(pl.Schema(CONSENTS))

    def set_consents(self, course: str, consents: pl.DataFrame) -> None:
        """Replace what is on record of these students (columns of CONSENTS, one row per student)."""
        with self.database.transaction() as con:
            con.register("answers", consents)
            con.execute(
                "DELETE FROM consents WHERE course = $course AND student IN (SELECT student FROM answers)",
                {"course": course},
            )
            con.execute(
                "INSERT INTO consents BY NAME SELECT *, $course AS course FROM answers", {"course": course}
            )
            con.unregister("answers")
            know(con, course, consents["student"].to_list())
            _anchor(con, course, consents["student"].to_list())

    def consenting(self, course: str) -> set[str]:
        """Students whose consent is in force today: given by now, not withdrawn by now, and not past
        `expires`, which is the last day it holds. The view `consenting`."""
        rows = self.database.rows("SELECT student FROM consenting WHERE course = $c", c=course)
        return {row[0] for row in rows}

    def refusing(self, course: str) -> set[str]:
        """Students who said no, or had withdrawn by today: the view `refused`."""
        rows = self.database.rows("SELECT student FROM refused WHERE course = $c", c=course)
        return {row[0] for row in rows}

    def still_stored(self) -> list[tuple[str, str]]:
        """(course, student) pairs of those who refuse although rows of a recording are theirs, in superseded
        or unfinished runs too; in order of course and label."""
        sql = """SELECT course, student FROM refused WHERE (course, student) IN (
                     SELECT (r.course, t.student) FROM tracks t JOIN runs USING (run)
                     JOIN recordings r USING (recording))
                 ORDER BY course, length(student), student"""
        return [(course, student) for course, student in self.database.rows(sql)]

    def answer(self, course: str, student: str, **dates: date | None) -> None:
        """Consent that was given (`given`, `expires`: a new answer) or withdrawn (`withdrawn`: ends the one
        on record). Raises StoreError for a student who is not there, FertoolError for a withdrawal from a
        later day on by somebody who refuses today."""
        who = {"c": course, "s": student}
        with self.database.transaction() as con:
            if not con.execute("FROM students WHERE course = $c AND student = $s", who).fetchall():
                raise unknown(self.database, course, student)
            if "withdrawn" not in dates:
                con.execute("DELETE FROM consents WHERE course = $c AND student = $s", who)
                insert = "INSERT INTO consents VALUES ($c, $s, true, $given, $expires, NULL)"
                con.execute(insert, {"given": None, "expires": None} | who | dates)
                return
            later = "FROM refused WHERE course = $c AND student = $s AND $withdrawn > current_date"
            if con.execute(later, who | dates).fetchall():
                what = f"{student} refuses already: expected a day up to today, got {dates['withdrawn']}"
                raise FertoolError(what, "`fertool students consent` records that this has changed")
            sql = "UPDATE consents SET withdrawn = $withdrawn WHERE course = $c AND student = $s"
            if not con.execute(sql, who | dates).fetchall()[0][0]:  # not asked before: a no from that day on
                insert = "INSERT INTO consents VALUES ($c, $s, false, NULL, NULL, $withdrawn)"
                con.execute(insert, who | dates)
            _anchor(con, course, [student])

    def outdated(self) -> list[LectureKey]:
        """Lectures that were not judged with the students who may be seen today: since then,
        consent was refused, given or withdrawn, or has begun or expired."""
        sql = """SELECT course, lecture FROM agreed a JOIN lectures l USING (course, lecture)
                 WHERE l.agreed IS DISTINCT FROM a.agreed ORDER BY ALL"""
        return [LectureKey(*row) for row in self.database.rows(sql)]


def _anchor(con: duckdb.DuckDBPyConnection, course: str, students: Sequence[str]) -> None:
    """Record the tracks of students who refuse and have no picture as decisions (`corrections.record`).
    Otherwise the next analysis, which has no picture to recognize them by, would store them again."""
    sql = """SELECT student FROM consents WHERE course = $c AND list_contains($s, student)
                 AND (withdrawn IS NOT NULL OR NOT consent)
                 AND student NOT IN (SELECT student FROM enrolled WHERE course = $c)
             ORDER BY length(student), student"""
    for (student,) in con.execute(sql, {"c": course, "s": [*students]}).fetchall():
        corrections.record(con, course, "answer", student, [student])
