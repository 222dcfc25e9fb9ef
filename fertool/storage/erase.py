"""Erasure of rows: a forgotten student, purged runs, runs that may not be kept.

It is not over with `DELETE`: the bytes stay in the file until `rewrite.rewrite` has made a new one.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fertool.storage.audit import Audit
from fertool.storage.database import Aggregate
from fertool.storage.runs import RUN_TABLES
from fertool.storage.student_labels import inherit, retire
from fertool.storage.student_tables import ASSESSMENTS, MENTIONS, TABLES, TRACKS
from fertool.types import LectureKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import duckdb

    from fertool.storage.runs import Recording

FORGOTTEN = "(forgotten)"
"""Stands where a name stood in a text that has to stay, such as the path of a recording."""

UNSEEN = """
    recording IS NOT NULL AND recording NOT IN (SELECT recording FROM recordings)
    AND (course, student) NOT IN (
        SELECT (course, student) FROM tracks JOIN runs USING (run) JOIN recordings USING (recording)
        WHERE student IS NOT NULL)"""
"""Numbered students whose first recording is gone, and who are seen in no other."""


@dataclass(slots=True)
class Removed:
    """What an erasure took out of the database."""

    rows: dict[str, int] = field(default_factory=dict)
    """Table -> number of rows; tables that lost none are left out."""
    embeddings: list[bytes] = field(default_factory=list)
    """Little-endian float32 bytes of every embedding removed: what must not be found any more."""
    lectures: list[LectureKey] = field(default_factory=list)
    """Those whose class figures were made with what is gone."""

    def count(self, table: str, number: int) -> None:
        """Add a number of rows to those of a table."""
        if number:
            self.rows[table] = self.rows.get(table, 0) + number


class Erasure(Aggregate):
    """Deletes. Every method is one transaction."""

    def forget(self, course: str, student: str, *, keep_answer: bool = False) -> Removed:
        """Delete all that is about a student; only the number of their faces stays, as that of people
        without consent does.

        Tracks without a student, in recordings that show this one, might be theirs and go too; so do runs
        of these recordings that were never finished, and recordings that show nobody else. The bytes stay
        in the file until it is rewritten. Raises StoreError for a student that nothing is held on.

        With `keep_answer`, only what recordings showed and what was concluded from it goes. Answer, pictures,
        decisions and recordings stay: a later analysis needs them to know whose face it may not keep.
        """
        Audit(self.database).held(course, student)  # raises before anything is touched
        removed = Removed()
        with self.database.transaction() as con:
            erase = _Eraser(con, course, student, removed)
            erase.tracks()
            erase.assessments()
            if not keep_answer:
                erase.rows()
                erase.recordings()
                erase.mentions()
        return removed

    def purge(self, before: datetime) -> Removed:
        """Delete the runs that began before then, recordings and lectures left without any, assessments made
        before then, and numbered students seen nowhere any more. Enrolled pictures and consents stay."""
        when = {"before": before}
        removed = Removed()
        with self.database.transaction() as con:
            sql = """SELECT run, course, lecture FROM runs JOIN recordings USING (recording)
                     WHERE started_at < $before"""
            rows = con.execute(sql, when).fetchall()
            old = {"runs": [row[0] for row in rows]}
            removed.lectures = sorted({LectureKey(row[1], row[2]) for row in rows})
            removed.embeddings += _embeddings(con, "FROM tracks WHERE list_contains($runs, run)", old)
            _delete_runs(con, old["runs"], removed)
            for table in TABLES:
                if table.dated:
                    _delete(con, removed, table.name, f"{table.dated} < $before", when)
            empty = "SELECT recording FROM recordings WHERE recording NOT IN (SELECT recording FROM runs)"
            _delete_recordings(con, [row[0] for row in con.execute(empty).fetchall()], removed)
            _delete(con, removed, "students", UNSEEN, {})
        return removed

    def drop_refused(self, run: str) -> None:
        """Delete the tracks of a run that are a refusing student's; the number of faces per sample stays."""
        theirs = """track IN (SELECT track FROM tracks JOIN runs USING (run) JOIN recordings USING (recording)
            WHERE run = $run AND (course, student) IN (SELECT (course, student) FROM refused))"""
        with self.database.transaction() as con:
            _count_only(con, Removed(), theirs, {"run": run})

    def drop_replaced(self, recording: Recording) -> tuple[list[float], int]:
        """Delete the recordings that were read from the same path, in the same lecture, when it had other
        bytes. Their numbered students are this one's from now on, those that it shows.

        Returns how long each could be read, in seconds, and how many decisions about students went with them.
        """
        sql = """SELECT recording, readable_s FROM recordings
                 WHERE path = $p AND course = $c AND lecture = $l AND sha256 <> $bytes ORDER BY ALL"""
        home = {"c": recording.course, "l": recording.lecture}
        which = home | {"p": recording.path, "bytes": recording.sha256}
        removed = Removed()
        with self.database.transaction() as con:
            rows = con.execute(sql, which).fetchall()
            if rows:
                _delete_recordings(con, [row[0] for row in rows], removed)
            for old, _ in rows:
                inherit(con, old, recording.id)
        return [row[1] for row in rows], removed.rows.get("decisions", 0)

    def drop_superseded(
        self, recording: str, keep: str, *, expression: bool = False, ungated: bool = False
    ) -> int:
        """Delete other runs of a recording than `keep`, those with expressions or those whose faces passed
        another gate or none; returns how many.

        For a re-analysis under the policy `behaviour`, or with faces that may not be kept: what it leaves out
        must not lie beside it, nor become current again.
        """
        sql = """SELECT run FROM runs WHERE recording = $r AND run <> $keep AND (
                     ($ungated AND (config -> '$.consent') IS DISTINCT FROM (
                         SELECT config -> '$.consent' FROM runs WHERE run = $keep))
                     OR ($expression AND policy <> 'behaviour'))"""
        removed = Removed()
        with self.database.transaction() as con:
            which = {"r": recording, "keep": keep, "expression": expression, "ungated": ungated}
            runs = [row[0] for row in con.execute(sql, which).fetchall()]
            _delete_runs(con, runs, removed)
        return removed.rows.get("runs", 0)


@dataclass(slots=True)
class _Eraser:
    """One student, one transaction."""

    con: duckdb.DuckDBPyConnection
    course: str
    student: str
    removed: Removed
    shown: list[str] = field(default_factory=list)
    """Recordings that show the student."""

    @property
    def who(self) -> dict[str, str]:
        return {"c": self.course, "s": self.student}

    def tracks(self) -> None:
        """Theirs, those that might be, and their observations, which become a count."""
        seen = f"""SELECT DISTINCT recording, lecture FROM tracks JOIN runs USING (run)
                   JOIN recordings USING (recording) WHERE {TRACKS.theirs}"""  # noqa: S608
        rows = self.con.execute(seen, self.who).fetchall()
        self.shown = [row[0] for row in rows]
        self.removed.lectures = sorted({LectureKey(self.course, row[1]) for row in rows})
        unfinished = """SELECT run FROM runs WHERE state <> 'finished' AND list_contains($shown, recording)"""
        runs = [row[0] for row in self.con.execute(unfinished, {"shown": self.shown}).fetchall()]
        theirs = """track IN (SELECT track FROM tracks JOIN runs USING (run)
            WHERE list_contains($shown, recording) AND (student = $s OR student IS NULL))"""
        where = self.who | {"shown": self.shown}
        del where["c"]
        self.removed.embeddings += _embeddings(self.con, f"FROM tracks WHERE {theirs}", where)
        _delete_runs(self.con, runs, self.removed)
        _count_only(self.con, self.removed, theirs, where)

    def assessments(self) -> None:
        """Also what was said of the class with the label in it. Of no course is what was said of all courses
        together, which only students with names have."""
        theirs = f"""{ASSESSMENTS.everywhere} AND (student = $s
            OR contains(coalesce(message, ''), $s) OR contains(coalesce(evidence, ''), $s))"""
        _delete(self.con, self.removed, "assessments", theirs, self.who)

    def rows(self) -> None:
        """What people entered, and commands recorded."""
        retire(self.con, self.course, self.student)
        for table in TABLES:
            if table.measured:
                continue  # by the steps above
            if table.embedded:
                source = f"FROM {table.name} WHERE {table.theirs}"
                self.removed.embeddings += _embeddings(self.con, source, self.who)
            if table.blanked:
                blank = ", ".join(f"{column} = NULL" for column in table.labels)
                self.con.execute(f"UPDATE {table.name} SET {blank} WHERE {table.theirs}", self.who)  # noqa: S608
            else:
                _delete(self.con, self.removed, table.name, table.theirs, self.who)

    def recordings(self) -> None:
        """Delete recordings that showed no other student, such as a webcam's: their files often have the
        student's name."""
        others = """SELECT DISTINCT recording FROM tracks JOIN runs USING (run) WHERE student IS NOT NULL"""
        kept = {row[0] for row in self.con.execute(others).fetchall()}
        _delete_recordings(self.con, [name for name in self.shown if name not in kept], self.removed)

    def mentions(self) -> None:
        """The label as a word of other texts is painted over."""
        for table, column in MENTIONS:
            sql = f"SELECT rowid, {column} FROM {table} WHERE contains({column}, $s)"  # noqa: S608
            for row, text in self.con.execute(sql, {"s": self.student}).fetchall():
                painted = word(self.student).sub(FORGOTTEN, text)
                if painted != text:
                    update = f"UPDATE {table} SET {column} = $text WHERE rowid = $row"  # noqa: S608
                    self.con.execute(update, {"text": painted, "row": row})


def word(label: str) -> re.Pattern[str]:
    """The label as a whole word: `student-1` is not in `student-10`."""
    return re.compile(rf"(?<![^\W_]){re.escape(label)}(?![^\W_])")


def _embeddings(con: duckdb.DuckDBPyConnection, source: str, params: Mapping[str, Any]) -> list[bytes]:
    rows = con.execute(f"SELECT embedding {source}", dict(params)).fetchall()
    return [array("f", row[0]).tobytes() for row in rows if row[0] is not None]


def _delete(
    con: duckdb.DuckDBPyConnection, removed: Removed, table: str, where: str, params: Mapping[str, Any]
) -> None:
    rows = con.execute(f"DELETE FROM {table} WHERE {where}", dict(params)).fetchall()  # noqa: S608
    removed.count(table, rows[0][0])


def _count_only(
    con: duckdb.DuckDBPyConnection, removed: Removed, theirs: str, params: Mapping[str, Any]
) -> None:
    """Delete tracks and their observations, which `theirs` is true of in both tables, and count the faces."""
    count = f"""
        UPDATE samples SET faces = faces - n, dropped = coalesce(dropped, 0) + n FROM (
            SELECT run, sample, count(*) AS n FROM observations WHERE {theirs} GROUP BY run, sample) gone
        WHERE samples.run = gone.run AND samples.sample = gone.sample"""  # noqa: S608
    con.execute(count, dict(params))
    for table in ("observations", "tracks"):
        _delete(con, removed, table, theirs, params)


def _delete_runs(con: duckdb.DuckDBPyConnection, runs: list[str], removed: Removed) -> None:
    for table in RUN_TABLES:
        _delete(con, removed, table, "list_contains($runs, run)", {"runs": runs})


def _delete_recordings(con: duckdb.DuckDBPyConnection, recordings: list[str], removed: Removed) -> None:
    """With their runs, decisions, and the lectures that have no other recording."""
    sql = "SELECT run FROM runs WHERE list_contains($old, recording)"
    old = {"old": recordings}
    homes = """SELECT DISTINCT course, lecture FROM recordings WHERE list_contains($old, recording)"""
    left = [LectureKey(*row) for row in con.execute(homes, old).fetchall()]
    _delete_runs(con, [row[0] for row in con.execute(sql, old).fetchall()], removed)
    for table in ("decisions", "recordings"):
        _delete(con, removed, table, "list_contains($old, recording)", old)
    for home in left:
        here = {"c": home.course, "l": home.lecture}
        still = "SELECT 1 FROM recordings WHERE course = $c AND lecture = $l"
        if not con.execute(still, here).fetchall():
            for table in ("assessments", "segments", "lectures"):
                _delete(con, removed, table, "course = $c AND lecture = $l", here)
        removed.lectures = [pair for pair in removed.lectures if pair != home]
