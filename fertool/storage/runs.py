"""Recordings and their runs, written chunk by chunk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.media import sampling
from fertool.storage import database, student_labels
from fertool.storage.database import Aggregate, insert
from fertool.storage.schema import probability
from fertool.types import EMOTIONS, MOST_ROLL_DEG, LectureKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

RUN_TABLES = ("observations", "tracks", "samples", "chunks", "runs")
"""Everything keyed by a run, children first."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One row of `recordings`."""

    id: str
    """Column `recording`: the first 12 digits of its SHA-256, unless of one picture of several."""
    sha256: str
    course: str
    lecture: str
    path: str
    name: str
    bytes: int
    duration_s: float
    readable_s: float
    width: int
    height: int
    codec: str
    offset_s: float | None = None
    """When it begins, on the clock of its lecture. None: as is known already, else 0."""


@dataclass(frozen=True, slots=True)
class Run:
    """What identifies a run, and its plan."""

    id: str
    """Column `run`: a hash of all that its results depend on."""
    recording: str
    """`Recording.id`."""
    fertool: str
    policy: str
    config: dict[str, Any]
    planned: int
    """Number of samples."""


class Runs(Aggregate):
    """Recordings, runs, chunks, tracks. Every method is one transaction."""

    def add_recording(self, recording: Recording) -> None:
        """Insert or update; a recording belongs to one lecture, so this also moves it.

        Its unnamed students do not follow it into another course: there, they get new numbers. A lecture that
        has no other recording goes: its assessments are deleted, its segments follow unless the new lecture
        has some.
        """
        with self.database.transaction() as con:
            _put_recording(con, recording)

    def known_recordings(self) -> set[str]:
        """All recordings, those without a finished run too."""
        return {row[0] for row in self.database.rows("SELECT recording FROM recordings")}

    def home(self, recording: str) -> LectureKey | None:
        """The lecture of a recording, or None for an unknown one."""
        rows = self.database.rows("SELECT course, lecture FROM recordings WHERE recording = $r", r=recording)
        return LectureKey(*rows[0]) if rows else None

    def place(self, recording: str) -> tuple[str, str, str] | None:
        """(course, lecture, path) of a recording with a finished run, or None for any other."""
        sql = """SELECT r.course, r.lecture, r.path FROM recordings r JOIN current_runs USING (recording)
                 WHERE recording = $r"""
        rows = self.database.rows(sql, r=recording)
        return rows[0] if rows else None

    def offset_s(self, recording: str) -> float:
        """When a recording begins on its lecture's clock; 0 for an unknown one."""
        rows = self.database.rows("SELECT offset_s FROM recordings WHERE recording = $r", r=recording)
        return float(rows[0][0]) if rows else 0.0

    def run_state(self, run: str) -> str | None:
        """`running`, `finished`, or None for an unknown run."""
        rows = self.database.rows("SELECT state FROM runs WHERE run = $run", run=run)
        return rows[0][0] if rows else None

    def begin_run(self, run: Run) -> None:
        """Record a run as `running`; one that was interrupted is left as it is, to be continued."""
        values = {
            "run": run.id,
            "recording": run.recording,
            "fertool": run.fertool,
            "policy": run.policy,
            "config": json.dumps(run.config, sort_keys=True),
            "planned": run.planned,
        }
        sql = """
            INSERT INTO runs (run, recording, state, fertool, policy, config, started_at, planned)
            VALUES ($run, $recording, 'running', $fertool, $policy, $config, now(), $planned)
            ON CONFLICT DO NOTHING"""
        with self.database.transaction() as con:
            con.execute(sql, values)

    def delete_run(self, run: str) -> None:
        """Remove a run and every row under it."""
        with self.database.transaction() as con:
            for table in RUN_TABLES:
                con.execute(f"DELETE FROM {table} WHERE run = $run", {"run": run})  # noqa: S608

    def chunks_done(self, run: str) -> set[int]:
        """Numbers of the committed chunks; empty for an unknown run."""
        return {row[0] for row in self.database.rows("SELECT chunk FROM chunks WHERE run = $run", run=run)}

    def count_samples(self, run: str) -> int:
        """Number of committed samples; 0 for an unknown run."""
        return int(self.database.rows("SELECT count(*) FROM samples WHERE run = $run", run=run)[0][0])

    def count_faces(self, run: str) -> tuple[int, int]:
        """Faces in the samples of a run: upright ones whose expression was not measured, and all of them."""
        sql = """SELECT count(*) FILTER (emotion IS NULL AND coalesce(abs(roll_deg), 0) <= $most), count(*)
                 FROM observations WHERE run = $run"""
        unread, faces = self.database.rows(sql, run=run, most=MOST_ROLL_DEG)[0]
        return int(unread), int(faces)

    def count_lying(self, run: str) -> list[tuple[int, int]]:
        """(roll of 90, 180 or 270 degrees, number) of the faces of a run that lie; most frequent first."""
        sql = """SELECT (round(roll_deg / 90)::INTEGER + 4) % 4 * 90 AS roll, count(*) AS faces
                 FROM observations WHERE run = $run AND abs(roll_deg) > $most
                 GROUP BY roll ORDER BY faces DESC, roll"""
        return [(int(r), int(n)) for r, n in self.database.rows(sql, run=run, most=MOST_ROLL_DEG)]

    def commit_chunk(self, run: str, chunk: int, seconds: float, tables: Mapping[str, pl.DataFrame]) -> None:
        """Store one chunk in one transaction; a chunk that is already there stays as it is."""
        key = {"r": run, "c": chunk}
        with self.database.transaction() as con:
            # Asked beforehand: the error of the key could not be told from one of another column.
            if con.execute("SELECT 1 FROM chunks WHERE run = $r AND chunk = $c", key).fetchall():
                return
            con.execute("INSERT INTO chunks VALUES ($r, $c, $s)", key | {"s": seconds})
            for table, rows in tables.items():
                insert(con, table, rows.with_columns(run=pl.lit(run)))

    def finish_run(
        self,
        run: str,
        students: Mapping[str, str],
        notes: Sequence[str],
        recording: Recording | None = None,
    ) -> None:
        """Give every track its student or none, and make the run the current one of its recording.

        `students`: track -> label. `recording`: where the recording belongs from now on, if it moves: in the
        same transaction, since labels of one course mean others in another. The run's `seconds` are the
        computing time of all chunks together, so an interrupted run counts what it really took.
        """
        links = pl.DataFrame(
            {"track": list(students), "student": list(students.values())},
            schema={"track": pl.String(), "student": pl.String()},
        )
        link = """
            UPDATE tracks SET student = (SELECT student FROM links WHERE links.track = tracks.track)
            WHERE run = $run"""
        new_labels = """
            INSERT INTO further_labels
            SELECT unnest(json_keys(any_value(others))) FROM observations WHERE run = $run
            ON CONFLICT DO NOTHING RETURNING label"""
        finish = """
            UPDATE runs SET state = 'finished', finished_at = now(), notes = $notes,
                seconds = (SELECT sum(seconds) FROM chunks WHERE chunks.run = runs.run)
            WHERE run = $run"""
        with self.database.transaction() as con:
            if recording is not None:
                _put_recording(con, recording)
            con.register("links", links)
            con.execute(link, {"run": run})
            con.unregister("links")
            if con.execute(new_labels, {"run": run}).fetchall():
                database.show_labels(con)
            con.execute(finish, {"run": run, "notes": json.dumps(list(notes))})

    def runs(self) -> pl.DataFrame:
        """All runs, newest first, with their recordings."""
        return self.database.table(
            """SELECT r.course, r.lecture, r.name, runs.run, runs.state, runs.started_at, runs.finished_at,
                   runs.seconds, runs.planned,
                   (SELECT count(*) FROM samples s WHERE s.run = runs.run) AS samples,
                   runs.run IN (SELECT run FROM current_runs) AS current, runs.policy, runs.config,
                   runs.fertool, runs.notes, r.path, r.sha256, r.duration_s, r.readable_s, r.recording
               FROM runs JOIN recordings r USING (recording) ORDER BY started_at DESC, run"""
        )

    def summary(self, run: str) -> dict[str, Any]:
        """One run in figures: samples, coverage (share of samples with a face, of as many as there would be
        without holes and with the tail that could not be read), students, mean probability of every label
        (null where no expression was measured, and where its classifier does not have the label), seconds,
        seconds analyzed, and the detector as the run's configuration describes it (null if it does not)."""
        means = {e: e for e in EMOTIONS} | {e: probability(e) for e in self.database.further_labels()}
        shares = ", ".join(
            f'(SELECT avg({value}) FROM observations WHERE run = $run) AS "{e}"'  # noqa: S608
            for e, value in means.items()
        )
        sql = f"""
            SELECT runs.run, r.recording, r.course, r.lecture, r.name, r.duration_s, runs.seconds,
                runs.policy, r.duration_s - r.readable_s AS unread_s,
                CASE WHEN json_valid(config) THEN json_extract(config, '$.detector') END AS detector,
                CASE WHEN json_valid(config) THEN json_extract_string(config, '$.end_s') END IS NULL AS whole,
                (SELECT count(*) FROM samples WHERE run = $run) AS samples,
                (SELECT count(DISTINCT student) FROM tracks WHERE run = $run) AS students,
                (SELECT coalesce(max(time_s) - min(time_s), 0) FROM samples WHERE run = $run) AS analyzed_s,
                {shares}
            FROM runs JOIN recordings r USING (recording) WHERE run = $run"""  # noqa: S608
        figures = self.database.table(sql, run=run).to_dicts()[0]
        sql = "SELECT time_s, faces > 0 AS seen FROM samples WHERE run = $run ORDER BY time_s"
        samples = self.database.table(sql, run=run)
        figures["detector"] = json.loads(figures["detector"] or "null")
        unread_s, whole = figures.pop("unread_s"), figures.pop("whole")
        tail_s = unread_s if whole and unread_s > max(1.0, 0.01 * figures["duration_s"]) else 0.0
        count = sampling.expected(samples["time_s"].to_numpy(), tail_s)
        return figures | {"coverage": int(samples["seen"].sum()) / count if count else 0.0}

    def tracks(self, run: str) -> pl.DataFrame:
        """The tracks of a run in order of time; `first_box` and `last_box`: x1, y1, x2, y2 in pixels."""
        sql = """
            WITH places AS (
                SELECT track, arg_min([x1, y1, x2, y2], sample) AS first_box,
                    arg_max([x1, y1, x2, y2], sample) AS last_box
                FROM observations WHERE run = $run GROUP BY track)
            SELECT track, chunk, first_s, last_s, samples, embedding, change, first_box, last_box
            FROM tracks LEFT JOIN places USING (track) WHERE run = $run ORDER BY chunk, track"""
        return self.database.table(sql, run=run)

    def boxes(self, run: str) -> pl.DataFrame:
        """The faces of a run that belong to a track: track, time_s, x1, y1, x2, y2 in pixels."""
        sql = """SELECT o.track, s.time_s, o.x1, o.y1, o.x2, o.y2
                 FROM observations o JOIN samples s USING (run, sample) WHERE run = $run"""
        return self.database.table(sql, run=run)

    def students_in(self, run: str) -> set[str]:
        """Labels of everybody seen in a run."""
        rows = self.database.rows(
            "SELECT DISTINCT student FROM tracks WHERE run = $r AND student IS NOT NULL", r=run
        )
        return {row[0] for row in rows}


def _put_recording(con: duckdb.DuckDBPyConnection, recording: Recording) -> None:
    names = {"c": recording.course, "l": recording.lecture}
    student_labels.give_up_elsewhere(con, recording.id, recording.course)
    before = con.execute(
        "SELECT course, lecture FROM recordings WHERE recording = $r", {"r": recording.id}
    ).fetchall()
    con.execute("INSERT INTO courses (course) VALUES ($c) ON CONFLICT DO NOTHING", {"c": recording.course})
    con.execute("INSERT INTO lectures (course, lecture) VALUES ($c, $l) ON CONFLICT DO NOTHING", names)
    row = {name: getattr(recording, name) for name in Recording.__slots__}
    row["recording"] = row.pop("id")
    if recording.offset_s is None:
        del row["offset_s"]
    columns, places = ", ".join(row), ", ".join(f"${name}" for name in row)
    updates = ", ".join(f"{name} = excluded.{name}" for name in row if name != "recording")
    con.execute(
        f"INSERT INTO recordings ({columns}) VALUES ({places}) "  # noqa: S608  (our own names)
        f"ON CONFLICT (recording) DO UPDATE SET {updates}",
        row,
    )
    for course, lecture in before:
        _give_up_lecture(
            con, {"c": course, "l": lecture}, {"to_c": recording.course, "to_l": recording.lecture}
        )


def _give_up_lecture(con: duckdb.DuckDBPyConnection, old: dict[str, str], new: dict[str, str]) -> None:
    """Delete a lecture, unless it has a recording."""
    here = "course = $c AND lecture = $l"
    if con.execute(f"SELECT 1 FROM recordings WHERE {here}", old).fetchall():  # noqa: S608  (our own names)
        return
    con.execute(
        f"""UPDATE segments SET course = $to_c, lecture = $to_l WHERE {here}
            AND NOT EXISTS (FROM segments s WHERE s.course = $to_c AND s.lecture = $to_l)""",  # noqa: S608
        old | new,
    )
    for table in ("assessments", "segments", "lectures"):
        con.execute(f"DELETE FROM {table} WHERE {here}", old)  # noqa: S608
