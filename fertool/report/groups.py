"""Which class figures are about too few students to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.privacy.suppression import hidden, too_small

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fertool.report.data import Lecture


def mark(lecture: Lecture, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One rule's assessments with `hidden`: whether it is of a group too small, or could give one away.

    Only rows about the class can be hidden. Those of single segments are the parts of the whole lecture.
    """
    parts = [row for row in rows if row["student"] is None and row["segment"] is not None]
    whole = too_small(lecture.students.height, lecture.k)
    gone = _hidden(lecture, dict.fromkeys(row["segment"] for row in parts)) if parts else set()
    return [
        row | {"hidden": row["student"] is None and (whole or row["segment"] in gone), "n": lecture.k}
        for row in rows
    ]


def hidden_segments(lecture: Lecture) -> set[int]:
    """Segments of which no class figure may be shown beside those of the lecture."""
    return _hidden(lecture, lecture.segments["segment"].to_list())


def _hidden(lecture: Lecture, segments: Iterable[int]) -> set[int]:
    people, segments = _per_segment(lecture), list(segments)
    hide = hidden([people.get(segment, 0) for segment in segments], lecture.k)
    return {segment for segment, gone in zip(segments, hide, strict=True) if gone}


def _per_segment(lecture: Lecture) -> dict[int, int]:
    """Segment -> number of different students seen in it."""
    there = lecture.seen.filter("present")
    return {
        row["segment"]: there.filter(pl.col("time_s").is_between(row["start_s"], row["end_s"], "left"))[
            "student"
        ].n_unique()
        for row in lecture.segments.iter_rows(named=True)
    }
