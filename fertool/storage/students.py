"""Students of a course: enrolled pictures, and prototypes of their faces.

A student is a set of embeddings, never one mean: what somebody looks like with and without glasses lies
further apart than the mean of both lies from a stranger.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fertool.storage import student_labels
from fertool.storage.database import Aggregate

if TYPE_CHECKING:
    from collections.abc import Collection

    from fertool.types import Floats

PROTOTYPES = 12
"""Embeddings per student that a face is compared with, at most."""

ENROLLED: dict[str, pl.DataType] = {
    "student": pl.String(),
    "picture": pl.String(),
    "sha256": pl.String(),
    "embedding": pl.List(pl.Float32()),
    "model": pl.String(),
}
"""One row per picture; `picture` is its name without the folder, `model` what made the embedding."""

_FACES = """
    WITH faces AS (
        SELECT student, embedding, 0 AS turn, 0 AS samples, sha256 AS name FROM enrolled
        WHERE course = $course AND ($model IS NULL OR model = $model)
        UNION ALL
        SELECT t.student, t.embedding,
            row_number() OVER (PARTITION BY t.student, recording ORDER BY t.samples DESC, t.track),
            t.samples, t.track
        FROM tracks t JOIN current_runs c USING (run)
        WHERE c.course = $course AND t.student IS NOT NULL AND t.embedding IS NOT NULL
            AND ($without IS NULL OR recording <> $without)
            AND ($model IS NULL OR c.config ->> '$.model' = $model)
    )
    SELECT student, embedding FROM faces
    QUALIFY row_number() OVER (PARTITION BY student ORDER BY turn, samples DESC, name) <= $most
    ORDER BY length(student), student, turn, samples DESC, name"""
"""Pictures first, then the longest tracks of every recording in turn, so that no lecture crowds out
the others."""


class Students(Aggregate):
    """What is known of the students of a course. Every method is one transaction."""

    def courses(self) -> list[str]:
        """Courses of which recordings, enrolled students or answers on consent are held; by name."""
        rows = self.database.rows(
            """SELECT course FROM recordings UNION SELECT course FROM enrolled
               UNION SELECT course FROM consents ORDER BY course"""
        )
        return [course for (course,) in rows]

    # --- faces --------------------------------------------------------------------------------

    def prototypes(
        self, course: str, *, model: str | None = None, without: str | None = None
    ) -> dict[str, Floats]:
        """Student -> (k, d) float32 unit rows, 1 <= k <= PROTOTYPES, in order of label.

        Enrolled pictures, then tracks of the current runs of the course. `model`: only embeddings made by it
        (see `Toolbox.model`), since those of two models cannot be compared; `without`: a recording whose
        tracks do not count, since it is being linked.
        """
        return self._faces(_FACES, course=course, model=model, without=without, most=PROTOTYPES)

    def enrolled(self, course: str, *, model: str | None = None) -> dict[str, Floats]:
        """Student -> (k, d) float32 unit rows of the enrolled pictures, in order of label."""
        sql = """SELECT student, embedding FROM enrolled
                 WHERE course = $course AND ($model IS NULL OR model = $model)
                 ORDER BY length(student), student, sha256"""
        return self._faces(sql, course=course, model=model)

    def _faces(self, sql: str, **params: Any) -> dict[str, Floats]:
        students: dict[str, list[list[float]]] = {}
        for student, embedding in self.database.rows(sql, **params):
            students.setdefault(student, []).append(embedding)
        return {student: np.array(found, np.float32) for student, found in students.items()}

    def enroll(self, course: str, pictures: pl.DataFrame) -> None:
        """Add pictures (columns of ENROLLED); one that a student has already is replaced, so that enrolling
        the same roster twice changes nothing."""
        again = """DELETE FROM enrolled USING pictures p
                   WHERE enrolled.course = $course AND enrolled.student = p.student
                       AND enrolled.sha256 = p.sha256 AND enrolled.model = p.model"""
        add = """INSERT INTO enrolled BY NAME
                 SELECT *, $course AS course, $now AS added_at FROM (
                     SELECT DISTINCT ON (student, sha256, model) * FROM pictures)"""
        with self.database.transaction() as con:
            con.register("pictures", pictures)
            con.execute(again, {"course": course})
            con.execute(add, {"course": course, "now": datetime.now(UTC)})
            con.unregister("pictures")
            student_labels.know(con, course, pictures["student"].unique(maintain_order=True).to_list())

    def numbered(self, course: str, *, model: str) -> pl.DataFrame:
        """student, recording, first_s, last_s, embedding: the tracks in the current runs of numbered students
        without anything else: no picture, no answer, no decision; by student, recording and time.

        `embedding` is null where `model` did not make it.
        """
        sql = """
            SELECT student, c.recording, first_s, last_s,
                CASE WHEN c.config ->> '$.model' = $model THEN embedding END AS embedding
            FROM tracks JOIN current_runs c USING (run) JOIN students s USING (course, student)
            WHERE c.course = $c AND s.recording IS NOT NULL
                AND student NOT IN (SELECT student FROM enrolled WHERE course = $c)
                AND student NOT IN (SELECT student FROM consents WHERE course = $c)
                AND student NOT IN (SELECT label FROM decisions WHERE course = $c)
            ORDER BY length(student), student, c.recording, first_s, track"""
        return self.database.table(sql, c=course, model=model)

    # --- where they are seen ------------------------------------------------------------------

    def overview(self, course: str) -> pl.DataFrame:
        """student, lectures, recordings (counts), seen_s (seconds on screen), pictures, consent, given,
        expires, withdrawn, refused (today): every student of the course, in order of label. Of those who may
        not be shown, nothing counts as seen."""
        sql = """
            WITH seen AS (
                SELECT student, count(DISTINCT lecture) AS lectures, count(DISTINCT recording) AS recordings,
                    sum(last_s - first_s) AS seen_s
                FROM current_tracks WHERE course = $c AND NOT withheld GROUP BY student
            ), known AS (
                SELECT student, count(*) AS pictures FROM enrolled WHERE course = $c GROUP BY student
            )
            SELECT student, coalesce(lectures, 0) AS lectures, coalesce(recordings, 0) AS recordings,
                coalesce(seen_s, 0) AS seen_s, coalesce(pictures, 0) AS pictures,
                a.consent, a.given, a.expires, a.withdrawn,
                (s.course, s.student) IN (SELECT (course, student) FROM refused) AS refused
            FROM students s LEFT JOIN seen USING (student) LEFT JOIN known USING (student)
            LEFT JOIN (FROM consents WHERE course = $c) a USING (student)
            WHERE s.course = $c ORDER BY length(student), student"""
        return self.database.table(sql, c=course)

    def sightings(self, course: str, student: str) -> pl.DataFrame:
        """lecture, name (of the recording), recording, first_s, last_s, samples: a student's tracks in the
        current runs, by lecture and time; none of a student who may not be shown."""
        sql = """SELECT t.lecture, r.name, recording, t.first_s, t.last_s, t.samples
                 FROM current_tracks t JOIN recordings r USING (recording)
                 WHERE t.course = $c AND t.student = $s AND NOT t.withheld
                 ORDER BY t.lecture, r.name, t.first_s, t.last_s"""
        return self.database.table(sql, c=course, s=student)

    def recordings(self, course: str, student: str) -> set[str]:
        """Recordings whose current run has tracks of a student, also of one who may not be shown."""
        sql = "SELECT DISTINCT recording FROM current_tracks WHERE course = $c AND student = $s"
        return {row[0] for row in self.database.rows(sql, c=course, s=student)}

    def added(self, course: str) -> pl.DataFrame:
        """student, added (when the first picture was enrolled), agreed (day of consent, or null): students
        with a picture, but for those who refuse."""
        sql = """SELECT student, min(added_at) AS added, min(given) AS agreed
                 FROM enrolled LEFT JOIN consents USING (course, student)
                 WHERE course = $c AND (course, student) NOT IN (SELECT (course, student) FROM refused)
                 GROUP BY student"""
        return self.database.table(sql, c=course)

    def pictures(self, course: str, student: str) -> pl.DataFrame:
        """picture, model, added_at: what a student was enrolled with."""
        sql = """SELECT picture, model, added_at FROM enrolled
                 WHERE course = $c AND student = $s ORDER BY picture, model"""
        return self.database.table(sql, c=course, s=student)

    def glimpses(self, course: str, each: int) -> pl.DataFrame:
        """student, lecture, name, recording, path, bytes, picture (`probe.VideoInfo.picture` as JSON, null
        where empty), time_s, x1, y1, x2, y2: up to `each` faces of every student of the current runs, spread
        over the course, large and frontal ones rather than others."""
        sql = """
            WITH faces AS (
                SELECT t.student, t.lecture, r.name, recording, r.path, r.bytes,
                    (SELECT json_extract_string(config, '$.picture') FROM runs
                     WHERE runs.run = o.run AND json_valid(config)) AS picture, s.time_s,
                    o.x1, o.y1, o.x2, o.y2, coalesce(abs(o.yaw_deg), 90) >= 30 AS turned,
                    ntile($each) OVER (PARTITION BY t.student ORDER BY t.lecture, r.name, s.time_s) AS part
                FROM observations o JOIN current_tracks t USING (run, track)
                JOIN samples s USING (run, sample) JOIN recordings r USING (recording)
                WHERE t.course = $c AND t.student IS NOT NULL AND NOT t.withheld
            )
            SELECT * EXCLUDE (turned, part) FROM faces
            QUALIFY row_number() OVER (
                PARTITION BY student, part ORDER BY turned, (x2 - x1) * (y2 - y1) DESC, time_s, x1) = 1
            ORDER BY length(student), student, part"""
        return self.database.table(sql, c=course, each=each)

    def seen_together(self, course: str) -> set[tuple[str, str]]:
        """Pairs of students (in order of name) who are two people: tracks of theirs overlap in time."""
        sql = """SELECT DISTINCT a.student, b.student AS other
                 FROM tracks a JOIN tracks b USING (run, chunk) JOIN current_runs c USING (run)
                 WHERE c.course = $c AND a.student < b.student
                     AND a.first_s <= b.last_s AND b.first_s <= a.last_s"""
        return {(one, other) for one, other in self.database.rows(sql, c=course)}

    # --- labels -------------------------------------------------------------------------------

    def own(self, course: str, recording: str) -> list[str]:
        """Unnamed students that this recording brought into the course, in order of number."""
        with self.database.transaction() as con:
            return student_labels.own(con, course, recording)

    def claim(self, course: str, recording: str, count: int, taken: Collection[str] = ()) -> list[str]:
        """Labels for `count` unnamed students of a recording: its own ones again, then new numbers.

        A pseudonym is unique within a course. A re-analysis keeps the pseudonyms of the recording, except
        `taken` ones, whose students are recognized; surplus ones are deleted.
        """
        with self.database.transaction() as con:
            return student_labels.claim(con, course, recording, count, taken)

    def know(self, course: str, *students: str) -> None:
        """Make sure that these students, and their course, are there. None of them is unnamed."""
        with self.database.transaction() as con:
            student_labels.know(con, course, students)
