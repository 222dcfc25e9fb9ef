"""A lecture as flat tables: for files, learning record stores, and sections of plugins.

They are made of the `Digest` that the pages are made of, and say no more: figures of the class that are held
back are null, and so are expressions that were not computed. `DICTIONARY` describes every column and is the
order they come in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.privacy.suppression import too_small
from fertool.report.data.digest import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fertool.report.data.digest import Digest

Tables = dict[str, pl.DataFrame]
"""Name -> table, for every name of `DICTIONARY`."""
Column = tuple[pl.DataType, str]

_WHERE: dict[str, Column] = {
    "course": (pl.String(), "name of the course"),
    "lecture": (pl.String(), "name of the lecture"),
}
_SEGMENT: Column = (pl.Int32(), "number of the segment, from 0; null: the whole lecture")
_STUDENT: Column = (pl.String(), "label of the student; null: the class")
_HELD_BACK: Column = (
    pl.String(),
    "why figures of the class are left out: few (they are counted over fewer than k students) or subtraction "
    "(with them, such a figure could be computed); null: nothing is left out",
)
_COUNTS: dict[str, Column] = {
    "samples": (pl.Int64(), "samples at which a student could have been seen; summed over students"),
    "present": (pl.Int64(), "of these: the face was seen"),
    "measured": (pl.Int64(), "of these: the expression was read; null where none was computed"),
    "posed": (pl.Int64(), "of these: the head pose was measured"),
}

DICTIONARY: dict[str, dict[str, Column]] = {
    "lectures": {
        **_WHERE,
        "day": (
            pl.Date(),
            "day on which it was held: as course.toml says, else as its name does",
        ),
        "analyzed_at": (pl.Datetime("us", "UTC"), "start of the analysis behind the figures"),
        "duration_s": (pl.Float64(), "length of its longest recording, in seconds"),
        "period_s": (pl.Float64(), "median time between two samples, in seconds"),
        "policy": (pl.String(), "full or behaviour; both, if recordings differ"),
        "one_at_a_time": (
            pl.Boolean(),
            "whether its recording shows one face at a time: present is then how long students were shown, "
            "and says nothing of who was there",
        ),
        "students": (pl.Int64(), "students seen"),
        "absent": (pl.Int64(), "students expected and not seen: enrolled, or seen in an earlier lecture"),
        **_COUNTS,
        "expected": (pl.Int64(), "samples, and as many again for each of the absent as for anybody seen"),
        "held_back": _HELD_BACK,
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
        "held_back": _HELD_BACK,
    },
    "students": {
        **_WHERE,
        "student": (pl.String(), "label of the student; one who was expected and not seen has present 0"),
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
        "held_back": _HELD_BACK,
    },
    "shares": {
        **_WHERE,
        "segment": _SEGMENT,
        "student": _STUDENT,
        "label": (pl.String(), "expression: one of the seven, or a further label of the classifier"),
        "n": (pl.Int64(), "samples at which it was the most probable one"),
        "measured": (pl.Int64(), "samples at which an expression was read by a classifier with this label"),
        "share": (pl.Float64(), "n / measured; null: not measurable"),
        "held_back": _HELD_BACK,
    },
}
"""Table -> column -> (type, meaning). Samples of a student are those of recordings with that student."""


def of_lecture(one: Digest) -> Tables:
    """The tables of one lecture, each in the order of its keys."""
    found = {
        "lectures": _lectures(one),
        "segments": _segments(one),
        "students": _students(one),
        "assessments": _assessments(one),
        "shares": _shares(one) if one.expressions else pl.DataFrame(),
    }
    return {name: _fit(name, one, rows) for name, rows in found.items()}


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
    """Columns of an exported table and their types, as its `DICTIONARY` has them."""
    return pl.Schema({column: kind for column, (kind, _) in DICTIONARY[name].items()})


def _fit(name: str, one: Digest, rows: pl.DataFrame) -> pl.DataFrame:
    """Exactly the columns of the dictionary; what is not a number becomes null."""
    where = {"course": pl.lit(one.course), "lecture": pl.lit(one.lecture)}
    if rows.is_empty():
        return pl.DataFrame(schema=schema(name))
    rows = rows.with_columns(**where)
    if not one.expressions and "measured" in rows.columns:
        rows = rows.with_columns(measured=None)
    rows = rows.select(*DICTIONARY[name]).cast(schema(name))
    return rows.with_columns(pl.selectors.float().fill_nan(None))


def _lectures(one: Digest) -> pl.DataFrame:
    about: dict[str, Any] = {
        "day": one.held,
        "analyzed_at": one.summary.analyzed,
        "duration_s": one.duration_s,
        "period_s": one.summary.period_s,
        "policy": ", ".join(one.policies),
        "one_at_a_time": one.one_at_a_time,
    }
    few = too_small(len(one.roll), one.k)
    about |= {"students": len(one.names), "absent": len(one.meeting.absent)}
    about |= {"expected": None if few else int(one.roll["samples"].sum())}
    row = _counts(one, None).with_columns(pl.lit(value).alias(name) for name, value in about.items())
    return _without_held_back(row, [*_COUNTS, "expected"])


def _students(one: Digest) -> pl.DataFrame:
    """Those seen, then those expected and not seen."""
    absent = one.roll.filter(pl.col("student").is_in(one.meeting.absent)).select("student", *_COUNTS)
    return pl.concat([one.students, absent], how="diagonal_relaxed")


def _segments(one: Digest) -> pl.DataFrame:
    if not one.segments:
        return pl.DataFrame()
    counts = pl.concat(_counts(one, row["segment"]) for row in one.segments)
    rows = pl.concat([pl.DataFrame(one.segments, infer_schema_length=None), counts], how="horizontal")
    return _without_held_back(rows.sort("segment"), ["students", *_COUNTS])


def _counts(one: Digest, segment: int | None) -> pl.DataFrame:
    """One row: sums over the students of a segment, how many were seen in it, and why that is held back."""
    counts = one.cell(segment).select(pl.col(*_COUNTS).sum(), students=(pl.col("present") > 0).sum())
    return counts.with_columns(held_back=pl.lit(one.suppressed["samples"].get(segment), pl.String()))


def _assessments(one: Digest) -> pl.DataFrame:
    """With nothing said where it is held back."""
    if not one.assessments:
        return pl.DataFrame()
    rows = [
        row
        | {"message": str(row["message"]), "spans": json.dumps(row["spans"]) if row["spans"] else None}
        | {"held_back": row["suppressed"]}
        for row in one.assessments
    ]
    table = pl.DataFrame(rows, schema=pl.Schema(schema("assessments")))
    said = ["value", "low", "high", "coverage", "level", "message", "spans"]
    return _without_held_back(table, said)


def _shares(one: Digest) -> pl.DataFrame:
    """Of the whole lecture, then of each segment; the class first, then its students."""
    counts, wholes = ([f"{kind}:{label}" for label in one.labels] for kind in ("count", "of"))
    each = one.cells.filter(pl.col("segment").is_null() | (pl.col("segment") != OUTSIDE))
    each = each.select("segment", "student", *counts, *wholes)
    sums = each.group_by("segment", maintain_order=True).agg(pl.col(*counts, *wholes).sum())
    order = pl.DataFrame({"student": [None, *one.names]}, schema={"student": pl.String()})
    order = order.with_row_index("rank")
    wide = pl.concat([sums.with_columns(student=pl.lit(None, pl.String())), each], how="diagonal")
    wide = wide.join(order, on="student", nulls_equal=True).sort("segment", "rank", nulls_last=False)
    wide = wide.with_row_index("row")
    index = ["row", "segment", "student"]
    long = wide.unpivot(counts, index=index, variable_name="label", value_name="n")
    measured = wide.unpivot(wholes, index="row", value_name="measured")["measured"]
    long = long.with_columns(measured, label=pl.col("label").str.strip_prefix("count:"))
    why = [
        (segment, label, reason)
        for segment in wide["segment"].unique()
        for label, reason in one.unshown(segment).items()
    ]
    reasons = pl.DataFrame(
        why, {"segment": pl.Int32(), "label": pl.String(), "held_back": pl.String()}, orient="row"
    )
    table = long.join(reasons, on=["segment", "label"], nulls_equal=True).sort("row", maintain_order=True)
    table = table.with_columns(
        share=pl.when(pl.col("measured") > 0).then(pl.col("n") / pl.col("measured")),
        held_back=pl.when(pl.col("student").is_null()).then(pl.col("held_back")),
    )
    return _without_held_back(table, ["n", "measured", "share"])


def _without_held_back(rows: pl.DataFrame, figures: list[str]) -> pl.DataFrame:
    shown = pl.col("held_back").is_null()
    return rows.with_columns(pl.when(shown).then(pl.col(name)).alias(name) for name in figures)
