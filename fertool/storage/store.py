"""All SQL but the schema: what the pipeline writes, what rules and reports read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from fertool.errors import StoreError
from fertool.media import sampling
from fertool.storage import database, student_labels
from fertool.storage.database import Database
from fertool.storage.schema import probability
from fertool.storage.tables import SEGMENTS, seen_schema
from fertool.types import EMOTIONS, MOST_ROLL_DEG, Course, further

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

RUN_TABLES = ("observations", "tracks", "samples", "chunks", "runs")
"""Everything keyed by a run, children first."""
TOGETHER = 0.05
"""Share of the samples with faces below which two at once are chance: the change from one speaker to the
next, or a picture on a slide."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One row of `recordings`."""

    recording: str
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

    run: str
    recording: str
    fertool: str
    policy: str
    config: dict[str, Any]
    planned: int
    """Number of samples."""


class Store:
    """Typed access to one database. Every method is one transaction."""

    def __init__(
        self, path: Path, *, read_only: bool = False, create: bool = True, timeout_s: float = 30
    ) -> None:
        self.database = Database(path, read_only=read_only, create=create, timeout_s=timeout_s)

    # --- recordings and runs ------------------------------------------------------------------

    def add_recording(self, recording: Recording) -> None:
        """Insert or update; a recording belongs to one lecture, so this also moves it.

        Its unnamed students do not follow it into another course: there, they get new numbers. A lecture that
        has no other recording goes: its assessments are deleted, its segments follow unless the new lecture
        has some.
        """
        with self.database.transaction() as con:
            _put_recording(con, recording)

    def home(self, recording: str) -> tuple[str, str] | None:
        """(course, lecture) of a recording, or None for an unknown one."""
        rows = self._rows("SELECT course, lecture FROM recordings WHERE recording = $r", {"r": recording})
        return (rows[0][0], rows[0][1]) if rows else None

    def place(self, recording: str) -> tuple[str, str, str] | None:
        """(course, lecture, path) of a recording with a finished run, or None for any other."""
        sql = """SELECT r.course, r.lecture, r.path FROM recordings r JOIN current_runs USING (recording)
                 WHERE recording = $r"""
        rows = self._rows(sql, {"r": recording})
        return rows[0] if rows else None

    def offset_s(self, recording: str) -> float:
        """When a recording begins on its lecture's clock; 0 for an unknown one."""
        rows = self._rows("SELECT offset_s FROM recordings WHERE recording = $r", {"r": recording})
        return float(rows[0][0]) if rows else 0.0

    def run_state(self, run: str) -> str | None:
        """`running`, `finished`, or None for an unknown run."""
        rows = self._rows("SELECT state FROM runs WHERE run = $run", {"run": run})
        return rows[0][0] if rows else None

    def begin_run(self, run: Run) -> None:
        """Record a run as `running`; one that was interrupted is left as it is, to be continued."""
        values = {
            "run": run.run,
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
        return {row[0] for row in self._rows("SELECT chunk FROM chunks WHERE run = $run", {"run": run})}

    def count_samples(self, run: str) -> int:
        return int(self._rows("SELECT count(*) FROM samples WHERE run = $run", {"run": run})[0][0])

    def count_faces(self, run: str) -> tuple[int, int]:
        """Faces in the samples of a run: upright ones whose expression was not measured, and all of them."""
        sql = """SELECT count(*) FILTER (emotion IS NULL AND coalesce(abs(roll_deg), 0) <= $most), count(*)
                 FROM observations WHERE run = $run"""
        unread, faces = self._rows(sql, {"run": run, "most": MOST_ROLL_DEG})[0]
        return int(unread), int(faces)

    def count_lying(self, run: str) -> list[tuple[int, int]]:
        """(roll of 90, 180 or 270 degrees, number) of the faces of a run that lie; most frequent first."""
        sql = """SELECT (round(roll_deg / 90)::INTEGER + 4) % 4 * 90 AS roll, count(*) AS faces
                 FROM observations WHERE run = $run AND abs(roll_deg) > $most
                 GROUP BY roll ORDER BY faces DESC, roll"""
        return [(int(r), int(n)) for r, n in self._rows(sql, {"run": run, "most": MOST_ROLL_DEG})]

    def commit_chunk(self, run: str, chunk: int, seconds: float, tables: Mapping[str, pl.DataFrame]) -> None:
        """Store one chunk in one transaction; a chunk that is already there stays as it is."""
        key = {"r": run, "c": chunk}
        with self.database.transaction() as con:
            # Asked beforehand: the error of the key could not be told from one of another column.
            if con.execute("SELECT 1 FROM chunks WHERE run = $r AND chunk = $c", key).fetchall():
                return
            con.execute("INSERT INTO chunks VALUES ($r, $c, $s)", key | {"s": seconds})
            for table, rows in tables.items():
                _insert(con, table, rows.with_columns(run=pl.lit(run)))

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
        return self.query(
            """SELECT r.course, r.lecture, r.name, runs.run, runs.state, runs.started_at, runs.finished_at,
                   runs.seconds, runs.planned,
                   (SELECT count(*) FROM samples s WHERE s.run = runs.run) AS samples,
                   runs.run IN (SELECT run FROM current_runs) AS current, runs.policy, runs.config,
                   runs.fertool, runs.notes, r.path, r.sha256, r.duration_s, r.readable_s, r.recording
               FROM runs JOIN recordings r USING (recording) ORDER BY started_at DESC, run"""
        )

    def further_labels(self) -> tuple[str, ...]:
        """Labels beyond the seven that the classifier of any run has, in alphabetical order."""
        with self.database.transaction() as con:
            return database.further_labels(con)

    def summary(self, run: str) -> dict[str, Any]:
        """One run in figures: samples, coverage (share of samples with a face, of as many as there would be
        without holes and with the tail that could not be read), students, mean probability of every label
        (null where no expression was measured, and where its classifier does not have the label), seconds,
        seconds analysed."""
        means = {e: e for e in EMOTIONS} | {e: probability(e) for e in self.further_labels()}
        shares = ", ".join(
            f'(SELECT avg({value}) FROM observations WHERE run = $run) AS "{e}"'  # noqa: S608
            for e, value in means.items()
        )
        sql = f"""
            SELECT runs.run, r.recording, r.course, r.lecture, r.name, r.duration_s, runs.seconds,
                runs.policy, r.duration_s - r.readable_s AS unread_s,
                CASE WHEN json_valid(config) THEN json_extract_string(config, '$.end_s') END IS NULL AS whole,
                (SELECT count(*) FROM samples WHERE run = $run) AS samples,
                (SELECT count(DISTINCT student) FROM tracks WHERE run = $run) AS students,
                (SELECT coalesce(max(time_s) - min(time_s), 0) FROM samples WHERE run = $run) AS analyzed_s,
                {shares}
            FROM runs JOIN recordings r USING (recording) WHERE run = $run"""  # noqa: S608
        figures = self.query(sql, run=run).to_dicts()[0]
        sql = "SELECT time_s, faces > 0 AS seen FROM samples WHERE run = $run ORDER BY time_s"
        samples = self.query(sql, run=run)
        unread_s, whole = figures.pop("unread_s"), figures.pop("whole")
        tail_s = unread_s if whole and unread_s > max(1.0, 0.01 * figures["duration_s"]) else 0.0
        count = sampling.expected(samples["time_s"].to_numpy(), tail_s)
        return figures | {"coverage": int(samples["seen"].sum()) / count if count else 0.0}

    # --- students -----------------------------------------------------------------------------

    def tracks(self, run: str) -> pl.DataFrame:
        """The tracks of a run in order of time; `first_box` and `last_box`: x1, y1, x2, y2 in pixels."""
        sql = """
            WITH places AS (
                SELECT track, arg_min([x1, y1, x2, y2], sample) AS first_box,
                    arg_max([x1, y1, x2, y2], sample) AS last_box
                FROM observations WHERE run = $run GROUP BY track)
            SELECT track, chunk, first_s, last_s, samples, embedding, change, first_box, last_box
            FROM tracks LEFT JOIN places USING (track) WHERE run = $run ORDER BY chunk, track"""
        return self.query(sql, run=run)

    def boxes(self, run: str) -> pl.DataFrame:
        """The faces of a run that belong to a track: track, time_s, x1, y1, x2, y2 in pixels."""
        sql = """SELECT o.track, s.time_s, o.x1, o.y1, o.x2, o.y2
                 FROM observations o JOIN samples s USING (run, sample) WHERE run = $run"""
        return self.query(sql, run=run)

    def students(self, run: str) -> set[str]:
        """Labels of everybody seen in a run."""
        rows = self._rows(
            "SELECT DISTINCT student FROM tracks WHERE run = $r AND student IS NOT NULL", {"r": run}
        )
        return {row[0] for row in rows}

    def own_students(self, course: str, recording: str) -> list[str]:
        """Unnamed students that this recording brought into the course, in order of number."""
        with self.database.transaction() as con:
            return student_labels.own(con, course, recording)

    def claim_students(
        self, course: str, recording: str, count: int, taken: Collection[str] = ()
    ) -> list[str]:
        """Labels for `count` unnamed students of a recording: its own ones again, then new numbers.

        A pseudonym is unique within a course, and a re-analysis keeps the numbers it had, except `taken`
        ones: who those are is known. Numbers that nobody carries any more are given up.
        """
        with self.database.transaction() as con:
            return student_labels.claim(con, course, recording, count, taken)

    def name_student(self, course: str, *students: str) -> None:
        """Somebody who goes by a given name (or several who do), in this recording and others."""
        with self.database.transaction() as con:
            student_labels.know(con, course, students)

    # --- courses, lectures, segments ----------------------------------------------------------

    def lectures(self, course: str | None = None, lecture: str | None = None) -> list[tuple[str, str]]:
        """(course, lecture) pairs that have a finished run, in order of name."""
        sql = """SELECT DISTINCT course, lecture FROM current_runs
                 WHERE ($course IS NULL OR course = $course) AND ($lecture IS NULL OR lecture = $lecture)
                 ORDER BY ALL"""
        return [(row[0], row[1]) for row in self._rows(sql, {"course": course, "lecture": lecture})]

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
        rows = self._rows("SELECT DISTINCT course, instructor, topics FROM syllabi ORDER BY ALL", {})
        return {name: Course(instructor, tuple(topics)) for name, instructor, topics in rows}

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
            _insert(con, "segments", rows.with_columns(**owned))

    def segments(self, course: str, lecture: str) -> pl.DataFrame:
        columns = ", ".join(SEGMENTS)
        sql = f"SELECT {columns} FROM segments WHERE course = $c AND lecture = $l ORDER BY segment"  # noqa: S608
        return self.query(sql, c=course, l=lecture).cast(pl.Schema(SEGMENTS))

    def segment_source(self, course: str, lecture: str) -> str:
        """What the lecture's segments were made from; empty for the default ones and for none."""
        sql = "SELECT DISTINCT source FROM segments WHERE course = $c AND lecture = $l"
        rows = self._rows(sql, {"c": course, "l": lecture})
        return str(rows[0][0]) if rows else ""

    def recordings(self, course: str, lecture: str) -> list[tuple[str, float, dict[str, Any]]]:
        """(path, offset_s, `probe.Recording.picture` of the current run) of the recordings of a lecture, in
        order of time, then name."""
        sql = """SELECT path, offset_s,
                     CASE WHEN json_valid(config) THEN json_extract_string(config, '$.picture') END
                 FROM recordings r LEFT JOIN current_runs c USING (recording)
                 WHERE r.course = $c AND r.lecture = $l ORDER BY offset_s, name"""
        rows = self._rows(sql, {"c": course, "l": lecture})
        return [(path, offset_s, json.loads(picture or "{}")) for path, offset_s, picture in rows]

    def duration_s(self, course: str, lecture: str) -> float:
        """Seconds from the lecture's start to the end of its last recording; 0 without any."""
        sql = """SELECT coalesce(max(offset_s + readable_s), 0) FROM recordings
                 WHERE course = $c AND lecture = $l"""
        return float(self._rows(sql, {"c": course, "l": lecture})[0][0])

    def policy(self, course: str, lecture: str) -> str:
        """`behaviour` if any current run of the lecture was made under it, else `full`."""
        sql = "SELECT DISTINCT policy FROM current_runs WHERE course = $c AND lecture = $l"
        policies = {row[0] for row in self._rows(sql, {"c": course, "l": lecture})}
        return "behaviour" if "behaviour" in policies else "full"

    def analyzed(self, course: str | None = None, lecture: str | None = None) -> pl.DataFrame:
        """Recordings that have a finished run: recording, name (of the file), course, lecture."""
        sql = """SELECT recording, r.name, r.course, r.lecture
                 FROM current_runs JOIN recordings r USING (recording)
                 WHERE ($c IS NULL OR r.course = $c) AND ($l IS NULL OR r.lecture = $l) ORDER BY ALL"""
        return self.query(sql, c=course, l=lecture)

    def dropped(self, course: str) -> int:
        """Number of recordings of whose current run faces were not kept."""
        sql = """SELECT count(DISTINCT recording) FROM samples JOIN current_runs USING (run)
                 WHERE course = $c AND dropped > 0"""
        return int(self._rows(sql, {"c": course})[0][0])

    def faces(self, recordings: Sequence[str]) -> pl.DataFrame:
        """Every face of these recordings: recording, time_s, student (null for nobody's), x1, y1, x2, y2."""
        sql = """SELECT recording, time_s, student, x1, y1, x2, y2 FROM frame_emotions
                 WHERE recording IN (SELECT unnest($r::VARCHAR[])) ORDER BY ALL"""
        return self.query(sql, r=list(recordings))

    # --- what rules see -----------------------------------------------------------------------

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
        seen = self.query(sql, c=course, l=lecture)
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
        rows = self._rows(sql, {"c": course, "l": lecture, "most": TOGETHER})
        return bool(rows[0][0])

    def baselines(self, course: str) -> dict[str, dict[str, float]]:
        """Student -> what is usual over all lectures of the course: as in `types.Context.baseline`."""
        shares = ", ".join(
            f"""avg((emotion = '{e}')::INT) FILTER ("{e}" IS NOT NULL) AS "{e}\""""
            for e in (*EMOTIONS, *self.further_labels())
        )
        all_seven = " AND ".join(f"{e} IS NOT NULL" for e in EMOTIONS)
        sql = f"""
            SELECT student, median(yaw_deg) FILTER (NOT isnan(yaw_deg)) AS yaw_deg,
                median(pitch_deg) FILTER (NOT isnan(pitch_deg)) AS pitch_deg, {shares},
                nullif(count(*) FILTER ({all_seven}), 0) AS measured
            FROM frame_emotions WHERE course = $c AND student IS NOT NULL GROUP BY student"""  # noqa: S608
        rows = self.query(sql, c=course).to_dicts()
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
        return self.query(sql, c=course)

    def named_lectures(self) -> list[tuple[str, str]]:
        """(course, lecture) pairs in which somebody appears who goes by a name, in order of name."""
        sql = """SELECT DISTINCT course, lecture FROM tracks JOIN current_runs USING (run)
                 WHERE NOT regexp_matches(student, '^student-\\d+$') ORDER BY ALL"""
        return [(row[0], row[1]) for row in self._rows(sql, {})]

    # --- assessments --------------------------------------------------------------------------

    def save_assessments(
        self,
        rows: pl.DataFrame,
        judged: Iterable[tuple[str, str]] | None = None,
        withdrawn: Iterable[tuple[str | None, str | None, str]] = (),
        asked: Collection[str] | None = None,
        kept: Collection[tuple[str, str]] = (),
        recut: Collection[tuple[str, str]] = (),
    ) -> dict[str, tuple[int, int]]:
        """Columns of `tables.ASSESSMENTS`: the latest of their lectures from now on; older ones are history.

        `judged`: (course, lecture) pairs this is all there is to say of, those of the rows when left out.
        `withdrawn`: (course, lecture, rule) of what a policy now switches off; its history is deleted, so
        that nothing derived from expressions outlives the decision not to read them.

        `asked`: names of the rules that were asked. What other rules said last of the lectures `kept` stays
        the latest, unless these have been analyzed since, or it is about a segment of a lecture in `recut`.
        Returns, of each such rule, how many assessments were kept and how many became history; nothing
        without `asked`.
        """
        now = datetime.now(UTC)
        away = """DELETE FROM assessments WHERE course IS NOT DISTINCT FROM $c
                  AND lecture IS NOT DISTINCT FROM $l AND rule = $r"""
        stamp = """INSERT INTO lectures (course, lecture, assessed_at, agreed)
                   VALUES ($c, $l, $t, (SELECT agreed FROM agreed WHERE course = $c AND lecture = $l))
                   ON CONFLICT (course, lecture)
                   DO UPDATE SET assessed_at = excluded.assessed_at, agreed = excluded.agreed"""
        own = rows.select("course", "lecture").drop_nulls().unique().rows()
        pairs = own if judged is None else list(judged)
        with self.database.transaction() as con:
            for course, lecture, rule in withdrawn:
                con.execute(away, {"c": course, "l": lecture, "r": rule})
            absent = {} if asked is None else _keep_absent(con, pairs, asked, kept, recut, now)
            _insert(con, "assessments", rows.with_columns(assessed_at=pl.lit(now)))
            for course, lecture in pairs:
                con.execute(stamp, {"c": course, "l": lecture, "t": now})
        return absent

    def judged_by(self) -> list[tuple[str, str, str, str]]:
        """(course, lecture, rule, version): what made the latest assessments of each lecture, those of its
        course and of all courses included."""
        # Distinct before the join: there may be a million rows, and this comes before every command.
        sql = """WITH made AS (SELECT DISTINCT course, lecture, rule, version, assessed_at FROM assessments)
                 SELECT DISTINCT l.course, l.lecture, made.rule, made.version
                 FROM made JOIN lectures l ON made.assessed_at = l.assessed_at
                     AND coalesce(made.course, l.course) = l.course
                     AND coalesce(made.lecture, l.lecture) = l.lecture
                 ORDER BY ALL"""
        return [(row[0], row[1], row[2], row[3]) for row in self._rows(sql, {})]

    # --- anything else ------------------------------------------------------------------------

    def query(self, sql: str, **params: Any) -> pl.DataFrame:
        """Run one statement and fetch its result completely.

        Columns of types that polars does not have, or not whole, are text as DuckDB writes it: intervals,
        BLOB, BIT, BIGNUM, UNION, VARIANT, times with a zone, integers beyond 37 digits, dates without end or
        outside the years 1 to 9999.
        """
        with self.database.transaction() as con:
            try:
                if (count := len(con.extract_statements(sql))) > 1:
                    raise StoreError(f"expected one SQL statement, got {count}", "ask for them one by one")
                result = con.sql(sql, params=params or None)
                return _fetched(result) if result is not None else pl.DataFrame()
            except duckdb.Error as error:
                if database.broken(error):
                    raise
                hint = "see README for the views and their columns"
                raise StoreError(f"query failed: {error}", hint) from error

    def _rows(self, sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with self.database.transaction() as con:
            return con.execute(sql, dict(params)).fetchall()


FOREIGN = re.compile(
    r"INTERVAL|BLOB|\bBIT\b|BIGNUM|UNION|VARIANT|GEOMETRY|TIME WITH TIME ZONE|(DATE|TIMESTAMP|HUGEINT).*[)\]]"
)
"""In the name of a DuckDB type: polars has none such, or not all their values inside of others."""
BEYOND = {
    "HUGEINT": "abs({}::DOUBLE) >= 1e37",
    "DATE": "NOT isfinite({0}) OR year({0}) NOT BETWEEN 1 AND 9999",
}
"""What is true of values that polars or Python do not hold, by the start of a type's name."""
BEYOND |= {"UHUGEINT": BEYOND["HUGEINT"], "TIMESTAMP": BEYOND["DATE"]}


def _fetched(result: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    kinds = [str(kind) for kind in result.types]
    text = {i for i, kind in enumerate(kinds, 1) if FOREIGN.search(kind)}
    asked = {
        i: test
        for i, kind in enumerate(kinds, 1)
        for name, test in BEYOND.items()
        if kind.startswith(name) and i not in text
    }
    if not (asked or text):
        return pl.DataFrame(result.pl())
    result = result.materialize()  # each look would run the query again
    if ask := ", ".join(f"coalesce(bool_or({test.format(f'#{i}')}), false)" for i, test in asked.items()):
        text |= {i for i, beyond in zip(asked, result.aggregate(ask).fetchall()[0], strict=True) if beyond}
    columns = [
        f"CAST(#{i} AS VARCHAR) AS {_quoted(name)}" if i in text else f"#{i}"
        for i, name in enumerate(result.columns, 1)
    ]
    return pl.DataFrame(result.project(", ".join(columns)).pl())


def _quoted(name: str) -> str:
    """As a name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    con.register("rows_to_insert", rows)
    con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows_to_insert")  # noqa: S608  (our own names)
    con.unregister("rows_to_insert")


def _keep_absent(
    con: duckdb.DuckDBPyConnection,
    judged: Iterable[tuple[str, str]],
    asked: Collection[str],
    kept: Collection[tuple[str, str]],
    recut: Collection[tuple[str, str]],
    now: datetime,
) -> dict[str, tuple[int, int]]:
    """See `Store.save_assessments`. What is said of a whole course, or of all, is kept if one of its lectures
    is."""
    pairs = [{"c": c, "l": n, "kept": (c, n) in kept, "recut": (c, n) in recut} for c, n in judged]
    columns = {"c": pl.String(), "l": pl.String(), "kept": pl.Boolean(), "recut": pl.Boolean()}
    con.register("judged", pl.DataFrame(pairs, schema=columns))
    con.execute(
        """
        CREATE TEMP TABLE absent AS SELECT a.*,
            EXISTS (FROM judged WHERE kept AND coalesce(a.course, c) = c AND coalesce(a.lecture, l) = l
                    AND NOT (recut AND a.segment IS NOT NULL))
                AND NOT EXISTS (FROM current_runs r WHERE coalesce(a.course, r.course) = r.course
                    AND coalesce(a.lecture, r.lecture) = r.lecture AND r.finished_at > a.assessed_at) AS fits
        FROM assessments a
        WHERE NOT list_contains($asked, rule)
            AND EXISTS (FROM judged WHERE coalesce(a.course, c) = c AND coalesce(a.lecture, l) = l)
            AND assessed_at = (SELECT max(k.assessed_at) FROM lectures k WHERE
                coalesce(a.course, k.course) = k.course AND coalesce(a.lecture, k.lecture) = k.lecture)""",
        {"asked": list(asked)},
    )
    con.unregister("judged")
    con.execute(
        """INSERT INTO assessments BY NAME
           SELECT * EXCLUDE (fits) REPLACE ($t AS assessed_at) FROM absent WHERE fits""",
        {"t": now},
    )
    counts = (
        "SELECT rule, sum(fits::INT)::INT, sum((NOT fits)::INT)::INT FROM absent GROUP BY rule ORDER BY rule"
    )
    found = con.execute(counts).fetchall()
    con.execute("DROP TABLE absent")
    return {rule: (stays, goes) for rule, stays, goes in found}


def _put_recording(con: duckdb.DuckDBPyConnection, recording: Recording) -> None:
    names = {"c": recording.course, "l": recording.lecture}
    student_labels.give_up_elsewhere(con, recording.recording, recording.course)
    before = con.execute(
        "SELECT course, lecture FROM recordings WHERE recording = $r", {"r": recording.recording}
    ).fetchall()
    con.execute("INSERT INTO courses (course) VALUES ($c) ON CONFLICT DO NOTHING", {"c": recording.course})
    con.execute("INSERT INTO lectures (course, lecture) VALUES ($c, $l) ON CONFLICT DO NOTHING", names)
    row = {name: getattr(recording, name) for name in Recording.__slots__}
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
