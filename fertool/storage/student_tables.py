"""Every table that refers to a student, declared once: how its rows are renamed, merged, deleted, exported.

Rename, merge, forget, export and purge derive from TABLES; a test fails on a column that is not declared.
In SQL, $c is a course and $s the label of a student in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb


@dataclass(frozen=True, slots=True)
class StudentTable:
    """One table, and how it refers to a student."""

    name: str
    labels: tuple[str, ...] = ("student",)
    """Columns with a label. A rename changes all of them."""
    merged: tuple[str, ...] | None = ("student",)
    """Columns that get the label of the student who remains after a merge. None: the rows are deleted."""
    key: tuple[str, ...] = ()
    """Columns in which two rows of one student differ. If both merged students have a row with the same
    values, one remains. Empty: all rows remain."""
    scope: str = "course = $c"
    """Condition on the rows of the course."""
    wide: bool = False
    """Whether rows without a course can be about the student too. They are never renamed: in other courses
    the label is the old one."""
    through: str = ""
    """Condition on the rows of the student, where no column has a label."""
    measured: bool = False
    """Whether rows come from recordings. They are deleted even if the student's answer on consent is kept."""
    blanked: bool = False
    """Whether forgetting a student replaces the label by null and keeps the row."""
    embedded: bool = False
    """Whether there is a column `embedding`, which a rewritten file must not contain after a deletion."""
    dated: str = ""
    """Column with the time of a row, if a purge deletes old ones for their age alone."""
    columns: str = "*"
    """What an export contains, in SQL."""
    joined: str = ""
    """Tables that these columns need beside this one, as in FROM."""
    order: str = "ALL"
    """Order of rows in an export."""

    @property
    def everywhere(self) -> str:
        """Condition on the rows of the course, and on those without a course if they count."""
        return f"({self.scope} OR course IS NULL)" if self.wide else self.scope

    @property
    def theirs(self) -> str:
        """Condition on the rows about the student."""
        return self.through or f"{self.everywhere} AND $s IN ({', '.join(self.labels)})"

    @property
    def export(self) -> str:
        """Query for the rows about the student."""
        return f"""SELECT {self.columns} FROM {self.name} {self.joined}
                   WHERE {self.theirs} ORDER BY {self.order}"""  # noqa: S608  (our own names)


RUN = "JOIN runs USING (run) JOIN recordings USING (recording)"
TRACKS = StudentTable(
    "tracks",
    scope="run IN (SELECT run FROM runs JOIN recordings USING (recording) WHERE course = $c)",
    measured=True,
    embedded=True,
    columns="lecture, recording, tracks.*",
    joined=RUN,
    order="lecture, recording, run, first_s, track",
)
"""In superseded and unfinished runs too."""
ASSESSMENTS = StudentTable(
    "assessments",
    merged=None,
    wide=True,
    measured=True,
    dated="assessed_at",
    order="lecture, assessed_at, rule, segment",
)
"""What is said of all courses together has no course; only students with names have such rows."""
TABLES = (
    StudentTable("students", key=("course",)),
    StudentTable("enrolled", key=("sha256", "model"), embedded=True),
    StudentTable("consents", key=("course",)),
    StudentTable(
        "decisions", labels=("student", "label"), merged=("label",), order="decision, recording, time_s"
    ),
    TRACKS,
    StudentTable(
        "observations",
        labels=(),
        merged=(),
        through=f"track IN (SELECT track FROM tracks WHERE {TRACKS.theirs})",  # noqa: S608
        measured=True,
        columns="lecture, recording, s.time_s, observations.*",
        joined=f"JOIN samples s USING (run, sample) {RUN}",
        order="lecture, recording, run, time_s",
    ),
    ASSESSMENTS,
    StudentTable("audit", blanked=True, order="done_at"),
)
"""In the order of an export."""
MENTIONS = (("runs", "notes"), ("recordings", "path"), ("recordings", "name"), ("audit", "what"))
"""(table, column) of texts in which a name may turn up."""


def rename(con: duckdb.DuckDBPyConnection, course: str, old: str, new: str) -> None:
    """Give a student another label in all tables, in superseded runs too. Nobody may have that label yet."""
    for table in TABLES:
        _relabel(con, table, table.labels, course, old, new)


def merge(con: duckdb.DuckDBPyConnection, course: str, keep: str, other: str) -> None:
    """Make all rows of `other` rows of `keep`, or delete them where the table says so."""
    who = {"c": course, "s": other}
    for table in TABLES:
        if table.merged is None:
            con.execute(f"DELETE FROM {table.name} WHERE {table.theirs}", who)  # noqa: S608
            continue
        if table.key:
            columns = ", ".join(table.key)
            con.execute(
                f"""DELETE FROM {table.name} WHERE {table.theirs} AND ({columns}) IN (
                        SELECT ({columns}) FROM {table.name} WHERE course = $c AND student = $keep)""",  # noqa: S608
                who | {"keep": keep},
            )
        _relabel(con, table, table.merged, course, other, keep)


def _relabel(
    con: duckdb.DuckDBPyConnection,
    table: StudentTable,
    columns: Sequence[str],
    course: str,
    old: str,
    new: str,
) -> None:
    for column in columns:
        con.execute(
            f"UPDATE {table.name} SET {column} = $new WHERE {table.scope} AND {column} = $old",  # noqa: S608
            {"c": course, "old": old, "new": new},
        )
