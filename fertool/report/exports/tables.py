"""A lecture as flat tables to calculate with: for files, learning record stores, and sections of plugins.

They say what the pages say and no more: figures about too few students are null, and so are expressions that
were not computed. `DICTIONARY` describes every column and is the order they come in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fertool.report import groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from fertool.report.data import Lecture

Tables = dict[str, pl.DataFrame]
"""Name -> table, for every name of `DICTIONARY`."""
Column = tuple[pl.DataType, str]

_WHERE: dict[str, Column] = {
    "course": (pl.String(), "name of the course"),
    "lecture": (pl.String(), "name of the lecture"),
}
_SEGMENT: Column = (pl.Int32(), "number of the segment, from 0; null: the whole lecture")
_STUDENT: Column = (pl.String(), "label of the student; null: the class")
_HIDDEN: Column = (pl.Boolean(), "figures about the class left out: they would be about too few students")
_COUNTS: dict[str, Column] = {
    "samples": (pl.Int64(), "samples at which a student could have been seen; summed over students"),
    "present": (pl.Int64(), "of these: the face was seen"),
    "measured": (pl.Int64(), "of these: the expression was read; null where none was computed"),
    "posed": (pl.Int64(), "of these: the head pose was measured"),
}

DICTIONARY: dict[str, dict[str, Column]] = {
    "lectures": {
        **_WHERE,
        "day": (pl.Date(), "day on which it was held, from course.toml"),
        "analysed_at": (pl.Datetime("us", "UTC"), "start of the analysis behind the figures"),
        "duration_s": (pl.Float64(), "length of its longest recording, in seconds"),
        "period_s": (pl.Float64(), "median time between two samples, in seconds"),
        "policy": (pl.String(), "full or behaviour; both, if recordings differ"),
        "students": (pl.Int64(), "students seen"),
        **_COUNTS,
        "hidden": _HIDDEN,
    },
    "segments": {
        **_WHERE,
        "segment": (pl.Int32(), "number of the segment, from 0"),
        "title": (pl.String(), "what it is called"),
        "start_s": (pl.Float64(), "from, in seconds of the lecture"),
        "end_s": (pl.Float64(), "up to, not included"),
        "difficulty": (pl.String(), "as given by the lecturer"),
        "point": (pl.String(), "knowledge point"),
        "students": (pl.Int64(), "students seen in it"),
        **_COUNTS,
        "hidden": _HIDDEN,
    },
    "students": {
        **_WHERE,
        "student": (pl.String(), "label of the student"),
        **_COUNTS,
        "main": (pl.String(), "expression that was the most probable one most often"),
        "confidence": (pl.Float64(), "mean probability of the most probable expression"),
        "yaw_deg": (pl.Float64(), "mean turn of the head, positive to the picture's right"),
        "pitch_deg": (pl.Float64(), "mean nod, positive up"),
        "roll_deg": (pl.Float64(), "mean tilt, positive clockwise"),
    },
    "assessments": {
        **_WHERE,
        "segment": _SEGMENT,
        "student": _STUDENT,
        "rule": (pl.String(), "which rule says so"),
        "value": (pl.Float64(), "its figure, as plugins/README.md defines it; null: not measurable"),
        "low": (pl.Float64(), "lower end of the 95 % interval"),
        "high": (pl.Float64(), "upper end of the 95 % interval"),
        "coverage": (pl.Float64(), "share of the samples that could be measured, 0..1"),
        "level": (pl.String(), "the figure in a word, such as attention"),
        "message": (pl.String(), "the figure in a sentence"),
        "start_s": (pl.Float64(), "from, in seconds of the lecture"),
        "end_s": (pl.Float64(), "up to, not included"),
        "spans": (pl.String(), "where the evidence lies: JSON, [[start_s, end_s], ...]"),
        "hidden": _HIDDEN,
    },
    "shares": {
        **_WHERE,
        "segment": _SEGMENT,
        "student": _STUDENT,
        "label": (pl.String(), "expression"),
        "n": (pl.Int64(), "samples at which it was the most probable one"),
        "measured": (pl.Int64(), "samples at which an expression was read"),
        "share": (pl.Float64(), "n / measured; null: not measurable"),
        "hidden": _HIDDEN,
    },
}
"""Table -> column -> (type, meaning). Samples of a student are those of recordings with that student."""


def of_lecture(lecture: Lecture, day: date | None = None) -> Tables:
    """The tables of one lecture, each in the order of its keys; `day`: when it was held."""
    gone = groups.hidden_segments(lecture)
    found = {
        "lectures": _lectures(lecture, day),
        "segments": _segments(lecture, gone),
        "students": lecture.students,
        "assessments": _assessments(lecture),
        "shares": _shares(lecture, gone) if lecture.expressions else pl.DataFrame(),
    }
    return {name: _fit(name, lecture, rows) for name, rows in found.items()}


def empty() -> Tables:
    """No row in any table."""
    return {name: pl.DataFrame(schema=schema(name)) for name in DICTIONARY}


def together(parts: Iterable[Tables]) -> Tables:
    """Tables of several lectures as one, in the order given."""
    parts = [empty(), *parts]
    return {name: pl.concat(part[name] for part in parts) for name in DICTIONARY}


def named(tables: Tables, names: Mapping[str, Mapping[str, str]]) -> Tables:
    """The same with names instead of pseudonyms: course -> student -> what to show."""
    return {
        name: pl.concat(
            [
                part.with_columns(pl.col("student").replace(names.get(course, {})))
                for (course,), part in rows.partition_by("course", as_dict=True, maintain_order=True).items()
            ]
        )
        if "student" in rows.columns and not rows.is_empty()
        else rows
        for name, rows in tables.items()
    }


def schema(name: str) -> pl.Schema:
    return pl.Schema({column: kind for column, (kind, _) in DICTIONARY[name].items()})


def _fit(name: str, lecture: Lecture, rows: pl.DataFrame) -> pl.DataFrame:
    """Exactly the columns of the dictionary; what is not a number becomes null."""
    where = {"course": pl.lit(lecture.course), "lecture": pl.lit(lecture.lecture)}
    if rows.is_empty():
        return pl.DataFrame(schema=schema(name))
    rows = rows.with_columns(**where)
    if not lecture.expressions and "measured" in rows.columns:
        rows = rows.with_columns(measured=None)
    rows = rows.select(*DICTIONARY[name]).cast(schema(name))
    return rows.with_columns(pl.selectors.float().fill_nan(None))


def _lectures(lecture: Lecture, day: date | None) -> pl.DataFrame:
    counts = lecture.students.select(pl.col(*_COUNTS).sum())
    row = counts.with_columns(
        day=pl.lit(day, pl.Date()),
        analysed_at=pl.lit(lecture.summary.analysed).cast(pl.Datetime("us", "UTC")),
        duration_s=pl.lit(lecture.duration_s),
        period_s=pl.lit(lecture.period_s),
        policy=pl.lit(", ".join(lecture.policies)),
        students=pl.lit(lecture.students.height),
        hidden=pl.lit(lecture.small),
    )
    return _without_hidden(row, list(_COUNTS))


def _segments(lecture: Lecture, gone: set[int]) -> pl.DataFrame:
    counts = [_counts(lecture, part) for part in lecture.segments.iter_rows(named=True)]
    if not counts:
        return pl.DataFrame()
    whole = lecture.segments.with_columns(pl.concat(counts)).with_columns(hidden=_hidden(lecture, gone))
    return _without_hidden(whole, ["students", *_COUNTS])


def _counts(lecture: Lecture, part: dict[str, float]) -> pl.DataFrame:
    return _within(lecture, part).select(
        students=pl.col("student").filter("present").n_unique(),
        samples=pl.len(),
        present=pl.col("present").sum(),
        measured=pl.col("emotion").count(),
        posed=pl.col("pitch_deg").is_not_nan().sum(),
    )


def _assessments(lecture: Lecture) -> pl.DataFrame:
    """With nothing said where it would be about too few."""
    rows = [
        row
        for rule in lecture.assessments.partition_by("rule", maintain_order=True)
        for row in groups.mark(lecture, rule.to_dicts())
    ]
    if not rows:
        return pl.DataFrame()
    table = pl.DataFrame(rows, schema_overrides=lecture.assessments.schema, infer_schema_length=None)
    said = ["value", "low", "high", "coverage", "level", "message", "spans"]
    return _without_hidden(table, said)


def _shares(lecture: Lecture, gone: set[int]) -> pl.DataFrame:
    """Of the whole lecture, then of each segment; the class first, then its students."""
    whole = {"segment": None, "start_s": 0.0, "end_s": float("inf")}
    parts = [whole, *lecture.segments.select("segment", "start_s", "end_s").to_dicts()]
    found = []
    for part in parts:
        seen = _within(lecture, part)
        if seen.is_empty():
            continue
        whose = (pl.lit(None, pl.String()), pl.col("student"))
        one = pl.concat(_most_probable(lecture, seen, who) for who in whose)
        found.append(one.with_columns(segment=pl.lit(part["segment"], pl.Int32())))
    table = pl.concat(found)
    hidden = pl.col("student").is_null() & _hidden(lecture, gone)
    return _without_hidden(table.with_columns(hidden=hidden), ["n", "measured", "share"])


def _most_probable(lecture: Lecture, seen: pl.DataFrame, student: pl.Expr) -> pl.DataFrame:
    """student, label, n, measured, share: a row per student (or the class) and label."""
    counts = seen.group_by(student.alias("student"), maintain_order=True).agg(
        pl.col("emotion").count().alias("measured"),
        *((pl.col("emotion") == label).sum().alias(f"count:{label}") for label in lecture.labels),
    )
    order = pl.DataFrame({"student": [None, *lecture.students["student"]]}, schema={"student": pl.String()})
    ranked = order.with_row_index("rank").join(counts, on="student", nulls_equal=True)
    long = ranked.unpivot(index=["rank", "student", "measured"], variable_name="label", value_name="n")
    return long.sort("rank", maintain_order=True).select(
        "student",
        "measured",
        "n",
        label=pl.col("label").str.strip_prefix("count:"),
        share=pl.when(pl.col("measured") > 0).then(pl.col("n") / pl.col("measured")),
    )


def _within(lecture: Lecture, part: dict[str, float]) -> pl.DataFrame:
    return lecture.seen.filter(pl.col("time_s").is_between(part["start_s"], part["end_s"], "left"))


def _hidden(lecture: Lecture, gone: set[int]) -> pl.Expr:
    """Whether a row's figure of the class is hidden: with the whole, all of its parts are."""
    return pl.lit(lecture.small) | pl.col("segment").is_in(list(gone)).fill_null(value=False)


def _without_hidden(rows: pl.DataFrame, figures: list[str]) -> pl.DataFrame:
    return rows.with_columns(pl.when(~pl.col("hidden")).then(pl.col(name)).alias(name) for name in figures)
