"""What the site keeps of a lecture when its samples are let go: counts, thin series, assessments. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fertool import judging, messages
from fertool.privacy.suppression import too_small
from fertool.report import groups, series
from fertool.types import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from fertool.report.data.lecture import Lecture, Run, Summary

BINS, CLASS_BINS = 80, 240
"""A student's lecture is kept in at most so many bins of time, a minute each in an hour; the class's in finer
ones, since there is only one class."""
ATTENTION = "attention"
LOST, STATE, PREFERENCE = "lost-moments", "state", "preference"
"""Rules whose answers have a place of their own in a report; without them it stays empty and says so."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of the class with its 95 % interval over students: what chance makes of who is in the class."""

    value: float | None
    """None when nothing was measured, or when it may not be shown."""
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Samples behind it."""
    people: int = 0
    hidden: bool = False
    """About too few students to be shown."""


def estimate(rows: pl.DataFrame, part: str, whole: str, *, hidden: bool = False) -> Estimate:
    """`rows`: one per student, with counts `part` and `whole`."""
    if hidden:
        return Estimate(None, hidden=True)
    sums, counts = (rows[name].to_numpy().astype(np.float64) for name in (part, whole))
    n, people = int(counts.sum()), int((counts > 0).sum())
    if not n:
        return Estimate(None)
    low, high = judging.ratio(sums, counts) or (None, None)
    return Estimate(float(sums.sum()) / n, low, high, n, people)


def expressions(rows: pl.DataFrame, labels: Sequence[str]) -> list[tuple[str, Estimate]]:
    """Each label with its share of what was measured, all students together; empty where nothing was.

    `rows`: one per student, with counts `measured` and `count:LABEL`.
    """
    if not rows["measured"].sum():
        return []
    return [(label, estimate(rows, f"count:{label}", "measured")) for label in labels]


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of time in which the class was lost, as the rule `lost-moments` says."""

    start_s: float
    end_s: float
    share: float
    message: Message | str
    """How many, without rank and times, which stand beside it."""
    segment: int | None
    """Where most of it lies."""


@dataclass(frozen=True)
class Digest:
    """One lecture, thin enough to keep twenty of them."""

    course: str
    lecture: str
    held: date | None
    summary: Summary
    runs: tuple[Run, ...]
    students: pl.DataFrame
    """As `Lecture.students`."""
    labels: tuple[str, ...]
    """As `Lecture.labels`."""
    segments: tuple[dict[str, Any], ...]
    """Columns of `tables.SEGMENTS`, and `hidden`: about too few students."""
    cells: pl.DataFrame
    """segment (null: the whole lecture), student, and the counts of `series.counts`, with `lost`: absent or
    negative, and `known`: absent or measured."""
    bins: pl.DataFrame
    """`series.binned`, at most `BINS` bins."""
    width_s: float
    """Of a bin."""
    class_bins: pl.DataFrame
    """start_s, and sums over students of `series.counts`, by time, at most `CLASS_BINS` bins. There is none
    where fewer than k students could be seen at all."""
    class_width_s: float
    assessments: tuple[dict[str, Any], ...]
    """Columns of `assessments_latest`, with `title` of the segment, `spans` as a list, and `hidden`."""
    with_face: int
    unassigned: int
    dropped: int
    k: int
    own: Digest | None = None
    """Of a lecture of one student, the same with nothing held back: there is no class to protect, and its own
    pages show this student's figures. None where nothing was held back, or there are more students."""

    @property
    def alone(self) -> str | None:
        """The only student; None where there are more, or none."""
        return self.names[0] if len(self.names) == 1 else None

    @property
    def expressions(self) -> bool:
        return self.summary.expressions

    @property
    def small(self) -> bool:
        return self.summary.small

    @property
    def duration_s(self) -> float:
        return self.summary.duration_s

    @property
    def policies(self) -> tuple[str, ...]:
        return self.summary.policies

    @cached_property
    def names(self) -> list[str]:
        """Students in natural order."""
        return self.students["student"].to_list()

    @cached_property
    def whole(self) -> pl.DataFrame:
        """The cells of the whole lecture: one row per student."""
        return self.cells.filter(pl.col("segment").is_null())

    def cell(self, segment: int | None) -> pl.DataFrame:
        """The cells of a segment: one row per student who could have been seen in it."""
        if segment is None:
            return self.whole
        return self.cells.filter(pl.col("segment") == segment)

    def figures(self, segment: int | None = None) -> dict[str, Estimate]:
        """presence, engagement (happy or surprised), negative, lost: of the class in a segment or the
        lecture. Without expressions there are only presence, and `lost` for absence."""
        hide = self.small or (segment is not None and self.segments_hidden[segment])
        rows = self.cell(segment)
        found = {"presence": estimate(rows, "present", "samples", hidden=hide)}
        if self.expressions:
            found["engagement"] = estimate(rows, "positive", "measured", hidden=hide)
            found["negative"] = estimate(rows, "negative", "measured", hidden=hide)
        return found | {"lost": estimate(rows, "lost", "known", hidden=hide)}

    @cached_property
    def segments_hidden(self) -> dict[int, bool]:
        return {row["segment"]: row["hidden"] for row in self.segments}

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """The worst first; none when they may not be shown."""
        rows = [row for row in self.assessments if row["rule"] == LOST and row["level"] == ATTENTION]
        return tuple(
            Moment(row["start_s"], row["end_s"], row["value"], _how_many(row["message"]), self.most_of(row))
            for row in sorted(rows, key=_worst)
            if not row["hidden"]
        )  # fmt: skip

    def most_of(self, row: Mapping[str, Any]) -> int | None:
        """The segment in which most of an interval (`start_s`, `end_s`) lies; None if it lies in none."""
        shared = {one["segment"]: overlap(row, one) for one in self.segments}
        best = max(shared, key=lambda segment: shared[segment], default=None)
        return best if best is not None and shared[best] > 0 else None

    @cached_property
    def shares(self) -> list[tuple[str, Estimate]]:
        """Label -> its share of all measured expressions; empty when none may be shown."""
        return expressions(self.students, self.labels) if self.expressions and not self.small else []

    @cached_property
    def judged(self) -> set[str]:
        """Rules that said something of the lecture."""
        return {row["rule"] for row in self.assessments}

    def of_student(self, student: str) -> list[dict[str, Any]]:
        """What rules say of one student."""
        return self.by_student.get(student, [])

    @cached_property
    def by_student(self) -> dict[str | None, list[dict[str, Any]]]:
        """Assessments by whom they are about; None: the class."""
        found: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
        for row in self.assessments:
            found[row["student"]].append(row)
        return dict(found)

    @cached_property
    def series(self) -> dict[str, pl.DataFrame]:
        """Student -> bins by time."""
        return {str(name): rows for (name,), rows in self.bins.partition_by("student", as_dict=True).items()}


def digest(lecture: Lecture, held: date | None = None) -> Digest:
    width, fine = (series.bin_width(lecture.duration_s, bins) for bins in (BINS, CLASS_BINS))
    cells = _cells(lecture)
    return Digest(
        course=lecture.course,
        lecture=lecture.lecture,
        held=held,
        summary=lecture.summary,
        runs=lecture.runs,
        students=lecture.students,
        labels=lecture.labels,
        segments=tuple(_segments(lecture)),
        cells=cells,
        bins=series.binned(lecture.seen, width, lecture.labels),
        width_s=width,
        class_bins=_class_bins(lecture, fine),
        class_width_s=fine,
        assessments=tuple(_assessments(lecture)),
        with_face=lecture.with_face,
        unassigned=lecture.unassigned,
        dropped=lecture.dropped,
        k=lecture.k,
        own=digest(replace(lecture, k=1), held) if lecture.small and len(lecture.students) == 1 else None,
    )


def said(row: Mapping[str, Any]) -> Message | str:
    """What a rule said: as data, to be put into words, where it gave such."""
    return messages.from_json(row["said"]) if row["said"] else row["message"] or ""


def _how_many(message: Message | str) -> Message | str:
    """The part of what `lost-moments` says that follows rank and times."""
    inner = message.values.get("how_many") if isinstance(message, Message) else None
    return inner if isinstance(inner, Message) else message


def _worst(row: Mapping[str, Any]) -> tuple[float, float]:
    return -row["value"] * (row["end_s"] - row["start_s"]), row["start_s"]


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Seconds that two intervals share; both have `start_s` and `end_s`."""
    return float(max(0.0, min(one["end_s"], other["end_s"]) - max(one["start_s"], other["start_s"])))


def parsed_spans(spans: str | None) -> list[tuple[float, float]]:
    """JSON [[start_s, end_s], ...] -> pairs."""
    return [(float(start), float(end)) for start, end in json.loads(spans or "[]")]


def _cells(lecture: Lecture) -> pl.DataFrame:
    segments = lecture.segments.sort("start_s")
    times = lecture.seen["time_s"].to_numpy()
    whole = lecture.seen.group_by("student").agg(series.counts())
    parts = [whole.with_columns(segment=pl.lit(None, pl.Int32))]
    if len(segments):
        at = np.searchsorted(segments["start_s"].to_numpy(), times, side="right") - 1
        inside = (at >= 0) & (times < segments["end_s"].to_numpy()[at])
        number = pl.Series("segment", segments["segment"].to_numpy()[at]).cast(pl.Int32)
        seen = lecture.seen.select("student", "present", "emotion").with_columns(number)
        parts.append(seen.filter(inside).group_by("segment", "student").agg(series.counts()))
    away = pl.col("samples") - pl.col("present")
    cells = pl.concat(parts, how="diagonal")
    if (
        lecture.expressions
    ):  # where most faces could not be read, nothing is known: not even absence by itself
        read = (2 * pl.col("measured") >= pl.col("present")).cast(pl.Int64)
        lost, known = read * (away + pl.col("negative")), read * (away + pl.col("measured"))
    else:
        lost, known = away, pl.col("samples")
    cells = cells.with_columns(lost=lost, known=known)
    order = {name: i for i, name in enumerate(lecture.students["student"])}
    rank = pl.col("student").replace_strict(order, return_dtype=pl.Int64)
    return cells.sort("segment", rank, nulls_last=False)


def _class_bins(lecture: Lecture, width_s: float) -> pl.DataFrame:
    start = (pl.col("time_s") // width_s) * width_s
    rows = lecture.seen.group_by(start_s=start).agg(*series.counts(), people=pl.col("student").n_unique())
    return rows.filter(pl.col("people") >= lecture.k, pl.lit(value=not lecture.small)).sort("start_s")


def _segments(lecture: Lecture) -> list[dict[str, Any]]:
    gone = groups.hidden_segments(lecture)
    whole = too_small(lecture.students.height, lecture.k)
    rows = lecture.segments.sort("start_s").to_dicts()
    return [row | {"hidden": whole or row["segment"] in gone} for row in rows]


def _assessments(lecture: Lecture) -> list[dict[str, Any]]:
    titles = dict(zip(lecture.segments["segment"], lecture.segments["title"], strict=True))
    rules: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in lecture.assessments.to_dicts():
        extra = {
            "title": titles.get(row["segment"]),
            "spans": parsed_spans(row["spans"]),
            "message": said(row),
        }
        rules[row["rule"]].append(row | extra)
    return [row for rows in rules.values() for row in groups.mark(lecture, rows)]
