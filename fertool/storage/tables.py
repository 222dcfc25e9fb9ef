"""Polars schemas of the tables that stages exchange.

Always passed explicitly: a first column that is all None would otherwise lose its type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fertool.types import Segment

SAMPLES: dict[str, pl.DataType] = {"sample": pl.Int32(), "time_s": pl.Float64(), "faces": pl.Int32()}
"""One row per analyzed instant, those without a face too."""

MEASURES: dict[str, pl.DataType] = {
    "x1": pl.Float32(),
    "y1": pl.Float32(),
    "x2": pl.Float32(),
    "y2": pl.Float32(),
    "detection": pl.Float32(),
    "yaw_deg": pl.Float32(),
    "pitch_deg": pl.Float32(),
    "roll_deg": pl.Float32(),
    **dict.fromkeys(EMOTIONS, pl.Float32()),
    "emotion": pl.String(),
    "confidence": pl.Float32(),
}
"""What is measured of one face: pixels of the frame as shown, degrees, probabilities. Expression columns are
null under the policy `behaviour`, for a face below the classifier's floor (`Classifier.floor_px`) and for one
that lies (`types.MOST_ROLL_DEG`), whose yaw and pitch are null as well; pose is null where it could not be
measured."""

OBSERVATIONS: dict[str, pl.DataType] = {
    "sample": pl.Int32(),
    "face": pl.Int32(),
    "track": pl.String(),
    **MEASURES,
    "others": pl.String(),
}
"""`others`: JSON object with the probabilities of labels beyond the canonical seven, or null. Each of them
is a column of `frame_emotions` and of what rules get."""

TRACKS: dict[str, pl.DataType] = {
    "track": pl.String(),
    "chunk": pl.Int32(),
    "first_s": pl.Float64(),
    "last_s": pl.Float64(),
    "samples": pl.Int32(),
    "embedding": pl.List(pl.Float32()),
    "change": pl.Float32(),
}
"""`change`: of the pixels where the face was, in gray levels; null when it never stayed (`still_faces`)."""

SEEN: dict[str, pl.DataType] = {
    "student": pl.String(),
    "time_s": pl.Float64(),
    "present": pl.Boolean(),
    **MEASURES,
}
"""What a rule gets: one row per sample and student, ordered by time, then student. A rule whose scope is
`course` or `all` gets two more columns, `course` and `lecture`, and lecture after lecture. Labels beyond the
seven have columns of their own in any of these tables: see `seen_schema`."""

WIDE: dict[str, pl.DataType] = {**SEEN, "course": pl.String(), "lecture": pl.String()}

SEGMENTS: dict[str, pl.DataType] = {
    "segment": pl.Int32(),
    "title": pl.String(),
    "start_s": pl.Float64(),
    "end_s": pl.Float64(),
    "difficulty": pl.String(),
    "point": pl.String(),
}
"""In the order of `types.Segment`."""

ASSESSMENTS: dict[str, pl.DataType] = {
    "course": pl.String(),
    "lecture": pl.String(),
    "segment": pl.Int32(),
    "student": pl.String(),
    "rule": pl.String(),
    "version": pl.String(),
    "options": pl.String(),
    "value": pl.Float64(),
    "level": pl.String(),
    "message": pl.String(),
    "said": pl.String(),
    "start_s": pl.Float64(),
    "end_s": pl.Float64(),
    "evidence": pl.String(),
    "coverage": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "spans": pl.String(),
}
"""`course` and `lecture` are null where the rule's scope is wider; `evidence` and `spans` are JSON. `message`
is English; `said` is the same as data (`messages.to_json`), or null for a text."""


def seen_schema(further: Iterable[str] = ()) -> pl.Schema:
    """Columns of SEEN, then one per label beyond the seven: its probability, null where the classifier of the
    row does not have the label."""
    return pl.Schema({**SEEN, **dict.fromkeys(further, pl.Float32())})


def segment_table(segments: Sequence[Segment]) -> pl.DataFrame:
    """Segments -> a table with the columns of SEGMENTS."""
    rows = [(s.index, s.title, s.start_s, s.end_s, s.difficulty, s.point) for s in segments]
    return frame([dict(zip(SEGMENTS, row, strict=True)) for row in rows], SEGMENTS)


def frame(rows: list[dict[str, object]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Rows as dicts -> a table with exactly this schema; missing keys become null."""
    return pl.DataFrame(rows, schema=schema, orient="row") if rows else pl.DataFrame(schema=schema)
