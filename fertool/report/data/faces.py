"""The most frequent expression of each stretch of a lecture, per student and class. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.assessment import statistics
from fertool.privacy.suppression import suppressed
from fertool.report import series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool.privacy.suppression import Reason
    from fertool.report.data.lecture import Lecture

STRETCHES = 12
"""A lecture is cut into at most so many: on a phone, a sign and a number of each fit beside one another."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, and the expression that was the most probable one most often in it."""

    start_s: float
    end_s: float
    label: str | None
    """The first in the order of labels on a tie; None where less than half of the samples could be measured,
    and where it is held back."""
    n: int
    """Samples with it."""
    measured: int
    seen: bool
    """Whether there was a face in any sample."""
    suppressed: Reason | None = None


def stretches(lecture: Lecture, segments: Mapping[Any, Reason | None]) -> dict[str | None, list[Stretch]]:
    """Student (None: the class) -> its stretches in order of time; empty without expressions.

    `segments`: number -> why figures of the class over its measured samples are held back; None: the whole
    lecture. A stretch that reaches into such a segment is held back as well.
    """
    if not lecture.expressions:
        return {}
    width = series.bin_width(lecture.duration_s, STRETCHES)
    counts = [(pl.col("emotion") == label).sum().alias(label) for label in lecture.labels]
    each = (
        lecture.seen.group_by("student", start_s=(pl.col("time_s") // width) * width)
        .agg(pl.len().alias(":samples"), pl.col("present").sum().alias(":present"), *counts)
        .sort("start_s", "student")
    )
    labels, end = lecture.labels, lecture.duration_s
    found: dict[str | None, list[Stretch]] = {
        name: [_stretch(row, labels, width, end) for row in each.filter(student=name).to_dicts()]
        for name in lecture.students["student"]
    }
    whole = each.group_by("start_s").agg(pl.exclude("student").sum()).sort("start_s")
    rows = [_stretch(row, labels, width, end) for row in whole.to_dicts()]
    read = each.filter(pl.sum_horizontal(labels) > 0)
    people = [set(read.filter(start_s=row.start_s)["student"]) for row in rows]
    parts = suppressed(people, lecture.k)
    held = lecture.segments.filter(
        pl.Series(
            [segments.get(number) is not None for number in lecture.segments["segment"]], dtype=pl.Boolean
        )
    )
    found[None] = [
        _held_back(row, reason)
        if (reason := segments.get(None) or why or _touched(row, held, segments))
        else row
        for row, why in zip(rows, parts, strict=True)
    ]
    return found


def _stretch(row: Mapping[str, Any], labels: Sequence[str], width_s: float, end_s: float) -> Stretch:
    measured = sum(row[label] for label in labels)
    best = max(labels, key=lambda label: row[label])
    enough = measured > 0 and measured >= statistics.FLOOR * row[":samples"]
    return Stretch(
        row["start_s"],
        min(row["start_s"] + width_s, end_s),
        best if enough else None,
        row[best] if enough else 0,
        measured,
        row[":present"] > 0,
    )


def _held_back(row: Stretch, reason: Reason) -> Stretch:
    return Stretch(row.start_s, row.end_s, None, 0, 0, row.seen, reason)


def _touched(row: Stretch, held: pl.DataFrame, segments: Mapping[Any, Reason | None]) -> Reason | None:
    inside = held.filter(pl.col("start_s") < row.end_s, pl.col("end_s") > row.start_s)
    return segments[inside["segment"][0]] if len(inside) else None
