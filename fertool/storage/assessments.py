"""Assessments: the latest, and all history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from fertool.storage import views
from fertool.storage.database import Aggregate, insert
from fertool.types import LectureKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import duckdb


class Assessments(Aggregate):
    """Assessments. Every method is one transaction."""

    def save_assessments(
        self,
        rows: pl.DataFrame,
        judged: Iterable[LectureKey] | None = None,
        withdrawn: Iterable[tuple[str | None, str | None, str]] = (),
        asked: Collection[str] | None = None,
        kept: Collection[LectureKey] = (),
        recut: Collection[LectureKey] = (),
    ) -> dict[str, tuple[int, int]]:
        """Columns of `tables.ASSESSMENTS`: the latest of their lectures from now on; older ones are history.

        `judged`: the lectures this is all there is to say of, those of the rows when left out.
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
        pairs = [LectureKey(*row) for row in own] if judged is None else list(judged)
        with self.database.transaction() as con:
            for course, lecture, rule in withdrawn:
                con.execute(away, {"c": course, "l": lecture, "r": rule})
            absent = {} if asked is None else _keep_absent(con, pairs, asked, kept, recut, now)
            insert(con, "assessments", rows.with_columns(assessed_at=pl.lit(now)))
            for course, lecture in pairs:
                con.execute(stamp, {"c": course, "l": lecture, "t": now})
        return absent

    def save_rules(self, rules: Iterable[tuple[str, str, str | None, str | None]]) -> None:
        """(name, version, feeds, advises) of rules that judge, in the order in which they were registered:
        what `contracts.Rule` declares, kept for reports that are rendered where a rule is not installed."""
        columns = ["rule", "version", "feeds", "advises"]
        rows = pl.DataFrame(list(rules), dict.fromkeys(columns, pl.String()), orient="row")
        rows = rows.with_row_index("position")
        with self.database.transaction() as con:
            con.register("declared", rows)
            con.execute("INSERT OR REPLACE INTO rules BY NAME FROM declared")
            con.unregister("declared")

    def assessments(self, course: str, lecture: str) -> pl.DataFrame:
        """Columns of the view `assessments_latest`, `evidence` (JSON), and what the rule declares: `feeds`,
        `advises`, and its `position` among the rules, null where that is not known. Of one lecture, by rule,
        segment, student."""
        return views.read(self.database, "assessments_shown", course, lecture)

    def wide_assessments(self, course: str) -> pl.DataFrame:
        """The same columns: of the whole course or of all courses, by rule, student, message."""
        sql = """SELECT * FROM assessments_shown WHERE lecture IS NULL AND (course = $c OR course IS NULL)
                 ORDER BY rule, student NULLS FIRST, message"""
        return self.database.table(sql, c=course)

    def rules(self, course: str) -> pl.DataFrame:
        """rule, version, options (JSON): what made the latest assessments of a course and its lectures."""
        sql = """SELECT DISTINCT rule, version, options FROM assessments
                 WHERE (course = $c OR course IS NULL)
                     AND assessed_at IN (SELECT assessed_at FROM lectures WHERE course = $c) ORDER BY ALL"""
        return self.database.table(sql, c=course)

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
        return [(row[0], row[1], row[2], row[3]) for row in self.database.rows(sql)]


def _keep_absent(
    con: duckdb.DuckDBPyConnection,
    judged: Iterable[LectureKey],
    asked: Collection[str],
    kept: Collection[LectureKey],
    recut: Collection[LectureKey],
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
