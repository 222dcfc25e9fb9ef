"""The views as polars tables, of one course and lecture or of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from fertool.storage.database import Database

_ASSESSMENTS = (
    "course NULLS FIRST, lecture NULLS FIRST, rule, segment NULLS FIRST, student NULLS FIRST, "
    "start_s, message"
)
ORDER = {
    "frame_emotions": "course, lecture, recording, sample, x1, y1",
    "samples_seen": "course, lecture, recording, sample",
    "assessments_latest": _ASSESSMENTS,
    "assessments_shown": _ASSESSMENTS,
}
"""View -> order of its rows."""


def read(
    database: Database, view: str, course: str | None = None, lecture: str | None = None
) -> pl.DataFrame:
    """All columns of a view of `ORDER`, in that order; empty if there is no such course or lecture."""
    order = ORDER[view]
    sql = f"""SELECT * FROM {view} WHERE ($c IS NULL OR course = $c) AND ($l IS NULL OR lecture = $l)
              ORDER BY {order}"""  # noqa: S608  (our own names)
    return database.table(sql, c=course, l=lecture)


def students(database: Database, course: str | None = None) -> pl.DataFrame:
    """course, student, lectures, recordings (counts), seen_s (seconds on screen), consent (yes: in force
    today; no: refused or withdrawn; else null): every student, by course and label. Of those who may not be
    shown, nothing counts as seen."""
    sql = """
        SELECT s.course, s.student, count(DISTINCT t.lecture) AS lectures,
            count(DISTINCT t.recording) AS recordings, coalesce(sum(t.last_s - t.first_s), 0) AS seen_s,
            CASE WHEN (s.course, s.student) IN (SELECT (course, student) FROM refused) THEN 'no'
                WHEN (s.course, s.student) IN (SELECT (course, student) FROM consenting) THEN 'yes'
            END AS consent
        FROM students s
            LEFT JOIN (FROM current_tracks WHERE NOT withheld) t
                ON t.course = s.course AND t.student = s.student
        WHERE $c IS NULL OR s.course = $c
        GROUP BY s.course, s.student ORDER BY s.course, length(s.student), s.student"""
    return database.table(sql, c=course)
