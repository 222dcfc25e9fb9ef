"""The audit: who looked at whose data, what is held on a student, which reports were written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from fertool.errors import StoreError
from fertool.storage.database import Aggregate
from fertool.storage.student_tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fertool.storage.database import Database


@dataclass(frozen=True, slots=True)
class ReportSite:
    """A report that was written into a folder, and what it was narrowed down to."""

    path: Path
    course: str | None
    lecture: str | None
    k: int | None


class Audit(Aggregate):
    """Records of access and of what is held. Every method is one transaction."""

    # --- who looked at what ---------------------------------------------------------------------

    def record(
        self,
        command: str,
        course: str | None = None,
        students: Iterable[str] = (),
        what: str = "",
        lecture: str | None = None,
    ) -> None:
        """Record that a command read or wrote personal data: one row per student, one with a null
        student if nobody in particular was meant."""
        insert = "INSERT INTO audit VALUES (now(), $command, $course, $lecture, $student, $what)"
        row = {"command": command, "course": course, "lecture": lecture, "what": what}
        with self.database.transaction() as con:
            for student in sorted(set(students)) or (None,):
                con.execute(insert, row | {"student": student})

    def log(self, course: str | None = None, student: str | None = None) -> pl.DataFrame:
        """done_at, command, course, lecture, student, what: newest first.

        With `course`, also what was done to all courses at once; with `student`, that student's rows alone.
        """
        sql = """SELECT * FROM audit WHERE ($c IS NULL OR course IS NULL OR course = $c)
                 AND ($s IS NULL OR student = $s) ORDER BY done_at DESC, command, student"""
        return self.database.table(sql, c=course, s=student)

    # --- sites ----------------------------------------------------------------------------------

    def add_site(self, site: ReportSite) -> None:
        """Remember a report; one that is written into the same folder again replaces it."""
        sql = "INSERT OR REPLACE INTO sites VALUES ($path, now(), $course, $lecture, $k)"
        row = {"path": str(site.path), "course": site.course, "lecture": site.lecture, "k": site.k}
        with self.database.transaction() as con:
            con.execute(sql, row)

    def sites(self, course: str | None = None) -> list[ReportSite]:
        """Reports that may show this course, or all of them, in order of path."""
        sql = """SELECT path, course, lecture, k FROM sites
                 WHERE $c IS NULL OR course IS NULL OR course = $c ORDER BY path"""
        rows = self.database.rows(sql, c=course)
        return [ReportSite(Path(path), of, lecture, k) for path, of, lecture, k in rows]

    def drop_site(self, path: Path) -> None:
        """Forget a report; no error for an unknown one."""
        with self.database.transaction() as con:
            con.execute("DELETE FROM sites WHERE path = $p", {"p": str(path)})

    # --- everything held on somebody ------------------------------------------------------------

    def held(self, course: str, student: str) -> dict[str, pl.DataFrame]:
        """Table -> every row about this student, in superseded runs and old assessments too.

        Raises StoreError for a student that nothing is held on.
        """
        found = {table.name: self.database.table(table.export, c=course, s=student) for table in TABLES}
        if all(rows.is_empty() for rows in found.values()):
            raise unknown(self.database, course, student)
        return found

    def texts(self, label: str) -> list[str]:
        """Every different text in the database that has the label in it, as a part of a longer one too."""
        columns = """SELECT table_name, column_name
                     FROM duckdb_columns() JOIN duckdb_tables() USING (table_name)
                     WHERE data_type = 'VARCHAR' ORDER BY ALL"""
        found: set[str] = set()
        with self.database.transaction() as con:
            for table, column in con.execute(columns).fetchall():
                sql = f"SELECT DISTINCT {column} FROM {table} WHERE contains({column}, $label)"  # noqa: S608
                found |= {row[0] for row in con.execute(sql, {"label": label}).fetchall()}
        return sorted(found)


def unknown(database: Database, course: str, student: str) -> StoreError:
    """To be raised for a student nobody has heard of."""
    what = f"{database.path}: nothing is held on {student!r} in course {course!r}"
    return StoreError(what, "see `fertool students list`")
