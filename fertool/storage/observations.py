"""Stored faces, as rules and reports read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fertool.storage.database import Aggregate
from fertool.storage.student_labels import PSEUDONYM
from fertool.storage.tables import seen_schema
from fertool.types import EMOTIONS, LectureKey, further

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

TOGETHER = 0.05
"""Share of the samples with faces below which two at once are chance: the change from one speaker to the
next, or a picture on a slide."""


class Observations(Aggregate):
    """Faces in samples, of the current runs, of those who may be shown. Every method is one transaction."""

    def faces(self, recordings: Sequence[str]) -> pl.DataFrame:
        """Every face of these recordings: recording, time_s, student (null for nobody's), x1, y1, x2, y2."""
        sql = """SELECT recording, time_s, student, x1, y1, x2, y2 FROM frame_emotions
                 WHERE recording IN (SELECT unnest($r::VARCHAR[])) ORDER BY ALL"""
        return self.database.table(sql, r=list(recordings))

    def labels(self, course: str) -> set[str]:
        """Everybody seen in the course."""
        sql = "SELECT DISTINCT student FROM frame_emotions WHERE course = $c AND student IS NOT NULL"
        return {row[0] for row in self.database.rows(sql, c=course)}

    def appearances(self, course: str) -> pl.DataFrame:
        """lecture, recording, student: who is seen where."""
        sql = """SELECT DISTINCT lecture, recording, student FROM frame_emotions
                 WHERE course = $c AND student IS NOT NULL"""
        return self.database.table(sql, c=course)

    def unassigned(self, course: str, lecture: str) -> int:
        """Number of the lecture's faces that belong to no student."""
        sql = """SELECT count(*) FROM frame_emotions
                 WHERE course = $c AND lecture = $l AND student IS NULL"""
        return int(self.database.rows(sql, c=course, l=lecture)[0][0])

    def samples(self, course: str, lecture: str) -> pl.DataFrame:
        """recording, sample, time_s (of the recording), faces, dropped (faces that are only counted): one row
        per sample of the lecture, by time, then recording."""
        sql = """SELECT recording, sample, time_s, faces, dropped FROM samples_seen
                 WHERE course = $c AND lecture = $l ORDER BY time_s, recording"""
        return self.database.table(sql, c=course, l=lecture)

    def further_labels(self) -> tuple[str, ...]:
        """Labels beyond the seven that the classifier of any run has, in alphabetical order."""
        return self.database.further_labels()

    def seen(self, course: str, lecture: str) -> pl.DataFrame:
        """Columns of `tables.SEEN`, then one per further label of any run: for every student, one row per
        sample of the recordings in which the student appears; `present` is false where the student was not
        seen."""
        sql = """
            WITH faces AS (
                SELECT * EXCLUDE (course, lecture, time_s) FROM frame_emotions
                WHERE course = $c AND lecture = $l AND student IS NOT NULL
                -- two faces of one student in one sample can only be a mistake: keep the surer
                QUALIFY row_number() OVER (
                    PARTITION BY recording, sample, student ORDER BY detection DESC, x1, y1) = 1
            ), members AS (SELECT DISTINCT recording, student FROM faces)
            SELECT student, time_s + offset_s AS time_s, faces.detection IS NOT NULL AS present,
                faces.* EXCLUDE (recording, sample, student)
            FROM samples_seen JOIN members USING (recording)
            LEFT JOIN faces USING (recording, sample, student)
            JOIN (SELECT recording, offset_s FROM recordings) USING (recording)
            WHERE course = $c AND lecture = $l
            ORDER BY time_s, student"""
        seen = self.database.table(sql, c=course, l=lecture)
        return seen.cast(seen_schema(further(seen.columns)))

    def one_at_a_time(self, course: str, lecture: str) -> bool:
        """Whether a recording of the lecture shows several students, but hardly ever two faces at once: a
        speaker view, in which nothing is known of a student who is not shown. Faces without consent count."""
        sql = """
            WITH shown AS (
                SELECT recording, avg((faces + dropped > 1)::INTEGER) AS together FROM samples_seen
                WHERE course = $c AND lecture = $l AND faces + dropped > 0 GROUP BY recording
            ), people AS (
                SELECT recording, count(DISTINCT student) AS students FROM frame_emotions
                WHERE course = $c AND lecture = $l GROUP BY recording)
            SELECT coalesce(bool_or(students > 1 AND together < $most), false)
            FROM shown JOIN people USING (recording)"""
        rows = self.database.rows(sql, c=course, l=lecture, most=TOGETHER)
        return bool(rows[0][0])

    def baselines(self, course: str) -> dict[str, dict[str, float]]:
        """Student -> what is usual over all lectures of the course: as in `types.Context.baseline`."""
        shares = ", ".join(
            f"""avg((emotion = '{e}')::INT) FILTER ("{e}" IS NOT NULL) AS "{e}\""""
            for e in (*EMOTIONS, *self.database.further_labels())
        )
        all_seven = " AND ".join(f"{e} IS NOT NULL" for e in EMOTIONS)
        sql = f"""
            SELECT student, median(yaw_deg) FILTER (NOT isnan(yaw_deg)) AS yaw_deg,
                median(pitch_deg) FILTER (NOT isnan(pitch_deg)) AS pitch_deg, {shares},
                nullif(count(*) FILTER ({all_seven}), 0) AS measured
            FROM frame_emotions WHERE course = $c AND student IS NOT NULL GROUP BY student"""  # noqa: S608
        rows = self.database.table(sql, c=course).to_dicts()
        return {
            row.pop("student"): {name: value for name, value in row.items() if value is not None}
            for row in rows
        }

    def angles(self, course: str, axis: str) -> pl.DataFrame:
        """How often each student held the head at each whole degree of `axis` (`pitch_deg`, `yaw_deg`), as
        `head_level.levels` wants it: lecture, student, deg, n (samples), total (sum of their angles)."""
        sql = f"""
            SELECT lecture, student, round({axis})::INTEGER AS deg, count(*) AS n,
                sum({axis})::DOUBLE AS total
            FROM frame_emotions
            WHERE course = $c AND student IS NOT NULL AND {axis} IS NOT NULL AND NOT isnan({axis})
            GROUP BY ALL ORDER BY ALL"""  # noqa: S608  (our own names)
        return self.database.table(sql, c=course)

    def named_lectures(self) -> list[LectureKey]:
        """Lectures with a student who has a name, in order of name."""
        sql = """SELECT DISTINCT course, lecture FROM tracks JOIN current_runs USING (run)
                 WHERE NOT regexp_full_match(student, $pseudonym) ORDER BY ALL"""
        return [LectureKey(*row) for row in self.database.rows(sql, pseudonym=PSEUDONYM)]
