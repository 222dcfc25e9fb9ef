"""Corrections: renamed, merged and split students.

A decision is carried out at once, and recorded with the place and time of every track it is about, so that
the next analysis of the recording ends with the same students (`linking.decided`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from fertool.errors import FertoolError
from fertool.storage import database, student_tables
from fertool.storage.database import Aggregate
from fertool.storage.student_labels import new_numbers, retire
from fertool.types import LectureKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb


DECISIONS: dict[str, pl.DataType] = {
    "decision": pl.Int32(),
    "kind": pl.String(),
    "student": pl.String(),
    "label": pl.String(),
    "recording": pl.String(),
    "time_s": pl.Float64(),
    "x": pl.Float32(),
    "y": pl.Float32(),
    "decided_at": pl.Datetime("us", "UTC"),
}
"""One row per track that a decision is about. `kind`: rename, merge, split, or answer (the student said no);
`student`: who was spoken of; `label`: whose track it is since; `x`, `y`: center of the face in pixels."""

_ANCHOR = """
    INSERT INTO decisions
    SELECT $number, $course, $kind, $student, track.student, recording, s.time_s,
        (o.x1 + o.x2) / 2, (o.y1 + o.y2) / 2, $now
    FROM current_runs run JOIN tracks track USING (run) JOIN observations o USING (run, track)
    JOIN samples s USING (run, sample)
    WHERE run.course = $course AND track.student IN (SELECT unnest($labels))
    -- the face in the middle of the track: its ends are where another analysis may cut otherwise
    QUALIFY row_number() OVER (
        PARTITION BY track.track ORDER BY abs(s.time_s - (track.first_s + track.last_s) / 2), s.time_s, o.face
    ) = 1"""


@dataclass(frozen=True, slots=True)
class TrackSelection:
    """Which tracks of a student to split off: those in a recording, or in a part of it. A track is never
    cut; it belongs to a part if any of it does."""

    recording: str | None = None
    """Its file name, or its key where several have that name. None: the only one the student is in then."""
    start_s: float | None = None
    end_s: float | None = None
    """`start_s` when left out: the track at that time."""


class Corrections(Aggregate):
    """Recorded decisions, and how they are made. Every method is one transaction.

    Those that decide raise FertoolError for a student that is not there, and return the lectures
    whose assessments are out of date then.
    """

    def all(self, course: str, recording: str | None = None) -> pl.DataFrame:
        """Columns of DECISIONS in the order in which they were made; of one recording if it is given."""
        sql = f"""SELECT {", ".join(DECISIONS)} FROM decisions
                  WHERE course = $c AND ($r IS NULL OR recording = $r)
                  ORDER BY decision, recording, time_s, x, y"""  # noqa: S608
        return self.database.table(sql, c=course, r=recording).cast(pl.Schema(DECISIONS))

    def rename(self, course: str, student: str, name: str) -> list[LectureKey]:
        """Give a student another label, everywhere in the course."""
        with self.database.transaction() as con:
            _require(con, course, student)
            if _known(con, course, name):
                hint = f"if they are one person: fertool students merge {name} {student}"
                raise FertoolError(f"{course}: there is a student {name!r} already", hint)
            retire(con, course, student)
            student_tables.rename(con, course, student, name)
            record(con, course, "rename", name, [name])
        return []

    def merge(self, course: str, keep: str, other: str) -> list[LectureKey]:
        """Two students are one person, `keep`. What was said of `other` alone is deleted."""
        if keep == other:
            raise FertoolError(f"{keep} and {other}: expected two students, got one")
        with self.database.transaction() as con:
            _require(con, course, keep)
            _require(con, course, other)
            _require_one_answer(con, course, keep, other)
            lectures = _join(con, course, keep, other)
            record(con, course, "merge", other, [keep])
        return lectures

    def recognize(self, course: str, found: Mapping[str, str]) -> list[LectureKey]:
        """Merge unnamed students into known ones (pseudonym -> student), without a recorded decision: the
        next analysis recognizes them by their pictures."""
        lectures: set[LectureKey] = set()
        with self.database.transaction() as con:
            for number, student in found.items():
                lectures |= {*_join(con, course, student, number)}
        return sorted(lectures)

    def split(self, course: str, student: str, part: TrackSelection) -> tuple[str, list[LectureKey]]:
        """Make a new student of some tracks of another. The new label is returned first.

        Raises FertoolError if `part` matches no track, or tracks of several recordings without naming one, or
        all tracks of a student who has neither a picture nor an answer.
        """
        with self.database.transaction() as con:
            _require(con, course, student)
            tracks = _tracks(con, course, student)
            chosen = _chosen(tracks, part, student)
            if len(chosen) == len(tracks) and not (len(tracks) and _enrolled(con, course, student)):
                raise FertoolError(f"{student}: nothing would be left", "to give another label, use rename")
            (new,) = new_numbers(con, course, 1)
            con.execute("INSERT INTO students VALUES ($c, $s, NULL)", {"c": course, "s": new})
            con.execute(
                "UPDATE tracks SET student = $s WHERE track IN (SELECT unnest($t))",
                {"s": new, "t": chosen["track"].to_list()},
            )
            record(con, course, "split", student, [student, new])
            return new, _lectures(con, course, new)

    def newcomers(self, course: str, count: int) -> list[str]:
        """Pseudonyms for `count` students that have just become known, not from a recording."""
        with self.database.transaction() as con:
            con.execute("INSERT INTO courses VALUES ($c) ON CONFLICT DO NOTHING", {"c": course})
            labels = new_numbers(con, course, count)
            for label in labels:
                con.execute("INSERT INTO students VALUES ($c, $s, NULL)", {"c": course, "s": label})
            return labels


# --- steps of a decision --------------------------------------------------------------------------


def _require(con: duckdb.DuckDBPyConnection, course: str, student: str) -> None:
    if not _known(con, course, student):
        raise FertoolError(f"{course}: no student {student!r}", "`fertool students list` shows them")


def _known(con: duckdb.DuckDBPyConnection, course: str, student: str) -> bool:
    sql = "SELECT 1 FROM students WHERE course = $c AND student = $s"
    return bool(con.execute(sql, {"c": course, "s": student}).fetchall())


def _enrolled(con: duckdb.DuckDBPyConnection, course: str, student: str) -> bool:
    """Whether there is a picture or an answer of a student."""
    sql = """SELECT course, student FROM enrolled UNION ALL SELECT course, student FROM consents"""
    rows = con.execute(f"FROM ({sql}) WHERE course = $c AND student = $s", {"c": course, "s": student})
    return bool(rows.fetchall())


def record(con: duckdb.DuckDBPyConnection, course: str, kind: str, student: str, labels: list[str]) -> None:
    """Record a decision with the place and time of every track of these students, who are from then on no
    unnamed students of a recording: a re-analysis does not reuse their labels."""
    number = con.execute("SELECT coalesce(max(decision), 0) + 1 FROM decisions").fetchall()[0][0]
    con.execute(
        "UPDATE students SET recording = NULL WHERE course = $c AND student IN (SELECT unnest($labels))",
        {"c": course, "labels": labels},
    )
    con.execute(
        _ANCHOR,
        {
            "number": number,
            "course": course,
            "kind": kind,
            "student": student,
            "labels": labels,
            "now": datetime.now(UTC),
        },
    )


def _join(con: duckdb.DuckDBPyConnection, course: str, keep: str, other: str) -> list[LectureKey]:
    """All rows of `other` become those of `keep`, but what was said of `other` alone; returns the lectures
    that showed `other`. Consents have to be one already."""
    lectures = _lectures(con, course, other)
    retire(con, course, other)
    student_tables.merge(con, course, keep, other)
    return lectures


def _require_one_answer(con: duckdb.DuckDBPyConnection, course: str, keep: str, other: str) -> None:
    """Two different answers are for people to clear up, not for us."""
    answers = con.execute(
        """SELECT DISTINCT consent, given, expires, withdrawn FROM consents
           WHERE course = $c AND student IN ($a, $b)""",
        {"c": course, "a": keep, "b": other},
    ).fetchall()
    if len(answers) > 1:
        what = f"{keep} and {other} gave different answers on consent"
        raise FertoolError(what, "enroll both with the same answer first")


def _lectures(con: duckdb.DuckDBPyConnection, course: str, student: str) -> list[LectureKey]:
    sql = """SELECT DISTINCT course, lecture FROM tracks JOIN current_runs USING (run)
             WHERE course = $c AND student = $s ORDER BY ALL"""
    return [LectureKey(*row) for row in con.execute(sql, {"c": course, "s": student}).fetchall()]


# --- which tracks to split off --------------------------------------------------------------------


def _tracks(con: duckdb.DuckDBPyConnection, course: str, student: str) -> pl.DataFrame:
    sql = """SELECT track, recording, r.name, first_s, last_s
             FROM tracks JOIN current_runs c USING (run) JOIN recordings r USING (recording)
             WHERE c.course = $c AND student = $s ORDER BY r.name, first_s, track"""
    return database.table(con, sql, c=course, s=student)


def _chosen(tracks: pl.DataFrame, part: TrackSelection, student: str) -> pl.DataFrame:
    chosen = tracks
    if part.recording is not None:
        chosen = chosen.filter((pl.col("name") == part.recording) | (pl.col("recording") == part.recording))
        if chosen.is_empty():
            names = ", ".join(tracks["name"].unique().sort()) or "no recording"
            raise FertoolError(f"{student} is not seen in {part.recording!r}, but in {names}")
    if part.start_s is not None:
        end_s = part.start_s if part.end_s is None else part.end_s
        chosen = chosen.filter((pl.col("first_s") <= end_s) & (pl.col("last_s") >= part.start_s))
        if chosen.is_empty():
            hint = f"`fertool students show {student}` says when"
            raise FertoolError(f"{student} is not seen at that time", hint)
    if chosen["recording"].n_unique() > 1:
        found = chosen.select("name", "recording").unique().sort("name", "recording").rows()
        names = ", ".join(f"{name} ({key})" for name, key in found)
        hint = "add --recording with a file name, or with the key in brackets"
        raise FertoolError(f"{student} is seen in {names}: expected one of them", hint)
    return chosen
