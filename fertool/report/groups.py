"""Which class figures are about too few students to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.privacy.suppression import hidden, too_small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.report.data import Lecture


def mark(lecture: Lecture, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One rule's assessments with `hidden`: whether it is of a group too small, or could give one away.

    Only rows about the class can be hidden. Those of single segments are the parts of the whole lecture.
    """
    parts = [row for row in rows if row["student"] is None and row["segment"] is not None]
    people = _per_segment(lecture)
    whole = too_small(lecture.students.height, lecture.k)
    segments = list(dict.fromkeys(row["segment"] for row in parts))
    gone = {
        segment
        for segment, hide in zip(
            segments, hidden([people.get(s, 0) for s in segments], lecture.k), strict=True
        )
        if hide
    }
    return [
        row | {"hidden": row["student"] is None and (whole or row["segment"] in gone), "n": lecture.k}
        for row in rows
    ]


def _per_segment(lecture: Lecture) -> dict[int, int]:
    """Segment -> number of different students seen in it."""
    there = lecture.seen.filter("present")
    return {
        row["segment"]: there.filter(pl.col("time_s").is_between(row["start_s"], row["end_s"], "left"))[
            "student"
        ].n_unique()
        for row in lecture.segments.iter_rows(named=True)
    }
