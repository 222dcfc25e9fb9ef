"""What students answered when asked for consent, and which lectures an answer changes: SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.labels import know
from fertool.privacy.custody import unknown

if TYPE_CHECKING:
    from datetime import date

    from fertool.database import Database

CONSENTS: dict[str, pl.DataType] = {
    "student": pl.String(),
    "consent": pl.Boolean(),
    "given": pl.Date(),
    "expires": pl.Date(),
    "withdrawn": pl.Date(),
}
"""One row per student of whom an answer is on record. Dates may be null: not known, or never."""


class Answers:
    """Consents on record. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def consents(self, course: str) -> pl.DataFrame:
        """Columns of CONSENTS, in order of label."""
        columns = ", ".join(CONSENTS)
        sql = f"SELECT {columns} FROM consents WHERE course = $course ORDER BY length(student), student"  # noqa: S608
        return self._table(sql, course=course).cast(pl.Schema(CONSENTS))

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

    def consenting(self, course: str, on: date) -> set[str]:
        """Students whose consent is in force on that day: given by then, not withdrawn by then, and not past
        `expires`, which is the last day it holds."""
        sql = """SELECT student FROM consents WHERE course = $course AND consent
                 AND coalesce(given <= $on, true) AND coalesce($on <= expires, true)
                 AND coalesce($on < withdrawn, true)"""
        with self.database.transaction() as con:
            return {row[0] for row in con.execute(sql, {"course": course, "on": on}).fetchall()}

    def answer(self, course: str, student: str, **dates: date | None) -> None:
        """Consent that was given (`given`, `expires`: a new answer) or withdrawn (`withdrawn`: ends the one
        on record). Raises StoreError for a student nobody has heard of."""
        who = {"c": course, "s": student}
        with self.database.transaction() as con:
            if not con.execute("FROM students WHERE course = $c AND student = $s", who).fetchall():
                raise unknown(self.database, course, student)
            sql = "SELECT consent FROM consents WHERE course = $c AND student = $s"
            there = con.execute(sql, who).fetchall()
            if "withdrawn" in dates and there:
                sql = "UPDATE consents SET withdrawn = $withdrawn WHERE course = $c AND student = $s"
                con.execute(sql, who | dates)
                return
            con.execute("DELETE FROM consents WHERE course = $c AND student = $s", who)
            row = {"given": None, "expires": None, "withdrawn": None} | dates
            yes = "withdrawn" not in dates
            con.execute(
                "INSERT INTO consents VALUES ($c, $s, $yes, $given, $expires, $withdrawn)",
                who | row | {"yes": yes},
            )

    def outdated(self) -> list[tuple[str, str]]:
        """(course, lecture) pairs, analyzed with consent required, that were not judged with the students who
        may be seen today: since then, consent was given or withdrawn, or has begun or expired."""
        sql = """SELECT course, lecture FROM agreed a JOIN lectures l USING (course, lecture)
                 WHERE l.agreed IS DISTINCT FROM a.agreed ORDER BY ALL"""
        return [(course, lecture) for course, lecture in self._table(sql).rows()]

    def _table(self, sql: str, **params: Any) -> pl.DataFrame:
        with self.database.transaction() as con:
            return pl.DataFrame(con.sql(sql, params=params or None).pl())
