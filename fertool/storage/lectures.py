"""Courses, lectures and their segments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.storage.database import Aggregate, insert
from fertool.storage.tables import SEGMENTS
from fertool.types import Course, LectureKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date


class Lectures(Aggregate):
    """Courses, lectures, segments. Every method is one transaction."""

    def lectures(self, course: str | None = None, lecture: str | None = None) -> list[LectureKey]:
        """Lectures that have a finished run, in order of name."""
        sql = """SELECT DISTINCT course, lecture FROM current_runs
                 WHERE ($course IS NULL OR course = $course) AND ($lecture IS NULL OR lecture = $lecture)
                 ORDER BY ALL"""
        return [LectureKey(*row) for row in self.database.rows(sql, course=course, lecture=lecture)]

    def describe_course(
        self, course: str, instructor: str, topics: Sequence[str], held: Mapping[str, date | None]
    ) -> None:
        """What course.toml says of a course: who teaches what, and when (`held`: lecture -> day)."""
        with self.database.transaction() as con:
            con.execute("DELETE FROM syllabi WHERE course = $c", {"c": course})
            for lecture, on in held.items():
                row = {"c": course, "l": lecture, "d": on, "i": instructor, "t": list(topics)}
                con.execute("INSERT INTO syllabi VALUES ($c, $l, $d, $i, $t)", row)

    def courses(self) -> dict[str, Course]:
        """What is known of every course that a course.toml describes, in order of name."""
        rows = self.database.rows("SELECT DISTINCT course, instructor, topics FROM syllabi ORDER BY ALL")
        return {name: Course(instructor, tuple(topics)) for name, instructor, topics in rows}

    def days(self, course: str) -> dict[str, date]:
        """Lecture -> the day on which course.toml says it was held; without those of which it says none."""
        sql = "SELECT lecture, held FROM syllabi WHERE course = $c AND held IS NOT NULL"
        return dict(self.database.rows(sql, c=course))

    def set_segments(self, course: str, lecture: str, segments: pl.DataFrame, source: str = "") -> None:
        """Replace the segments of a lecture (columns as in `tables.SEGMENTS`).

        `source`: what somebody asked for (`chapters`, `points.csv`); empty for the default, which a later
        analysis may replace.
        """
        names = {"c": course, "l": lecture}
        with self.database.transaction() as con:
            con.execute("DELETE FROM segments WHERE course = $c AND lecture = $l", names)
            rows = segments.with_columns(pl.col("difficulty", "point").fill_null(""))
            owned = {"course": pl.lit(course), "lecture": pl.lit(lecture), "source": pl.lit(source)}
            insert(con, "segments", rows.with_columns(**owned))

    def segments(self, course: str, lecture: str) -> pl.DataFrame:
        """Columns of `tables.SEGMENTS`, in order of number; empty for a lecture without segments."""
        columns = ", ".join(SEGMENTS)
        sql = f"SELECT {columns} FROM segments WHERE course = $c AND lecture = $l ORDER BY segment"  # noqa: S608
        return self.database.table(sql, c=course, l=lecture).cast(pl.Schema(SEGMENTS))

    def segment_source(self, course: str, lecture: str) -> str:
        """What the lecture's segments were made from; empty for the default ones and for none."""
        sql = "SELECT DISTINCT source FROM segments WHERE course = $c AND lecture = $l"
        rows = self.database.rows(sql, c=course, l=lecture)
        return str(rows[0][0]) if rows else ""

    def recordings(self, course: str, lecture: str) -> list[tuple[str, float, dict[str, Any]]]:
        """(path, offset_s, `probe.VideoInfo.picture` of the current run) of the recordings of a lecture, in
        order of time, then name."""
        sql = """SELECT path, offset_s,
                     CASE WHEN json_valid(config) THEN json_extract_string(config, '$.picture') END
                 FROM recordings r LEFT JOIN current_runs c USING (recording)
                 WHERE r.course = $c AND r.lecture = $l ORDER BY offset_s, name"""
        rows = self.database.rows(sql, c=course, l=lecture)
        return [(path, offset_s, json.loads(picture or "{}")) for path, offset_s, picture in rows]

    def duration_s(self, course: str, lecture: str) -> float:
        """Seconds from the lecture's start to the end of its last recording; 0 without any."""
        sql = """SELECT coalesce(max(offset_s + readable_s), 0) FROM recordings
                 WHERE course = $c AND lecture = $l"""
        return float(self.database.rows(sql, c=course, l=lecture)[0][0])

    def policy(self, course: str, lecture: str) -> str:
        """`behaviour` if any current run of the lecture was made under it, else `full`."""
        sql = "SELECT DISTINCT policy FROM current_runs WHERE course = $c AND lecture = $l"
        policies = {row[0] for row in self.database.rows(sql, c=course, l=lecture)}
        return "behaviour" if "behaviour" in policies else "full"

    def analyzed(self, course: str | None = None, lecture: str | None = None) -> pl.DataFrame:
        """Recordings that have a finished run: recording, name (of the file), course, lecture."""
        sql = """SELECT recording, r.name, r.course, r.lecture
                 FROM current_runs JOIN recordings r USING (recording)
                 WHERE ($c IS NULL OR r.course = $c) AND ($l IS NULL OR r.lecture = $l) ORDER BY ALL"""
        return self.database.table(sql, c=course, l=lecture)

    def analyses(self, course: str) -> pl.DataFrame:
        """lecture, recording, run, name (of the file), bytes, offset_s, started_at, consent (`off` or
        `required`): the current runs of a course, by lecture, offset and name."""
        sql = """SELECT r.lecture, recording, c.run, r.name, r.bytes, r.offset_s, c.started_at, c.consent
                 FROM current_runs c JOIN recordings r USING (recording)
                 WHERE c.course = $c ORDER BY r.lecture, r.offset_s, r.name"""
        return self.database.table(sql, c=course)

    def dropped(self, course: str) -> int:
        """Number of recordings of whose current run faces were not kept."""
        sql = """SELECT count(DISTINCT recording) FROM samples JOIN current_runs USING (run)
                 WHERE course = $c AND dropped > 0"""
        return int(self.database.rows(sql, c=course)[0][0])
