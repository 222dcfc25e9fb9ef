"""Segments validated against the length of a lecture: order, overlaps, gaps, end. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from fertool import text
from fertool.errors import ConfigError
from fertool.types import Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

SLACK_S = 1.0
"""How far a segment may reach beyond the end of the recording, or into the next, and is cut with a note:
people round to seconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """A segment as somebody wrote it, not yet checked."""

    where: str
    """`points.csv:4`, for messages."""
    title: str
    start_s: float
    end_s: float | None
    """None: up to the next row, or to the end of the lecture."""
    difficulty: str = ""
    point: str = ""


def fit(rows: Sequence[Row], duration_s: float, *, trim: bool = False) -> tuple[list[Segment], list[str]]:
    """Rows in any order -> segments in order of time within [0, duration_s), and notes for the user.

    Gaps are allowed, and noted: a break belongs to nobody. Overlaps and times beyond the end are a
    ConfigError, unless they are within a second, or `trim` is set: a container's chapters are what they are,
    and are cut to fit. `duration_s` may be infinite: not known yet.
    """
    ordered = _closed(sorted(rows, key=lambda row: row.start_s), duration_s)
    for row, after in pairwise(ordered):
        if after.start_s < _end(row) - (math.inf if trim else SLACK_S):
            what = f"{after.where}: begins at {clock(after.start_s)}, before {row.where}"
            raise ConfigError(f"{what} ends at {clock(_end(row))}", "segments may not overlap")
    last = ordered[-1]
    if not trim and _end(last) > duration_s + SLACK_S:
        what = f"{last.where}: ends at {clock(_end(last))}, beyond the end of the lecture"
        raise ConfigError(what, f"it is {clock(duration_s)} long")
    limits = [min(s, duration_s) for s in (*(row.start_s for row in ordered[1:]), duration_s)]
    cut = [
        (row, max(row.start_s, 0.0), min(_end(row), limit))
        for row, limit in zip(ordered, limits, strict=True)
    ]
    kept = [one for one in cut if one[1] < one[2]]
    if not kept:
        raise ConfigError(f"{ordered[0].where}: no segment lies within the lecture", _length(duration_s))
    segments = [Segment(i, r.title, a, b, r.difficulty, r.point) for i, (r, a, b) in enumerate(kept)]
    return segments, ([] if trim else _overlaps(ordered, duration_s)) + _gaps(segments, duration_s)


def _overlaps(rows: Sequence[Row], duration_s: float) -> list[str]:
    """Notes on what was cut: rows that reach into the next one, or beyond the end, within the slack."""
    over = [_end(row) - after.start_s for row, after in pairwise(rows) if _end(row) > after.start_s]
    notes = []
    if over:
        many = f"{len(over)} segments reach" if len(over) > 1 else "a segment reaches"
        notes.append(f"{many} up to {max(over):.2f} s into the next: cut where that begins")
    if _end(rows[-1]) > duration_s:
        notes.append(
            f"{rows[-1].where}: ends {_end(rows[-1]) - duration_s:.2f} s after the lecture: cut at its end"
        )
    return notes


def _closed(rows: list[Row], duration_s: float) -> list[Row]:
    """Every row with an end of its own, and a length."""
    starts = [*(row.start_s for row in rows[1:]), duration_s]
    closed = []
    for row, following in zip(rows, starts, strict=True):
        end_s = following if row.end_s is None else row.end_s
        if end_s <= row.start_s:
            if row.end_s is None and row is rows[-1]:
                what = f"{row.where}: begins at {clock(row.start_s)}, beyond the end of the lecture"
                raise ConfigError(what, _length(duration_s))
            what = f"{row.where}: expected an end after {clock(row.start_s)}, got {clock(end_s)}"
            raise ConfigError(what, "start and end are times from the beginning of the lecture")
        closed.append(Row(row.where, row.title, row.start_s, end_s, row.difficulty, row.point))
    return closed


def _gaps(segments: Sequence[Segment], duration_s: float) -> list[str]:
    ends = [0.0, *(segment.end_s for segment in segments)]
    starts = [*(segment.start_s for segment in segments), duration_s if math.isfinite(duration_s) else 0.0]
    gaps = [start - end for end, start in zip(ends, starts, strict=True) if start - end > SLACK_S]
    if not gaps:
        return []
    number = "a gap" if len(gaps) == 1 else f"{len(gaps)} gaps"
    return [f"{number}, {clock(sum(gaps))} in all, belong{'s' * (len(gaps) == 1)} to no segment"]


def _end(row: Row) -> float:
    assert row.end_s is not None
    return row.end_s


def _length(duration_s: float) -> str:
    return f"it is {clock(duration_s)} long"


def clock(seconds: float) -> str:
    """65.2 -> `0:01:05.2`, to the millisecond; infinity -> `the end`."""
    if not math.isfinite(seconds):
        return "the end"
    whole = int(seconds)
    rest = f"{seconds - whole:.3f}"[1:].rstrip("0").rstrip(".")
    return f"{text.clock(whole)}{rest}"
