"""Rules applied to stored observations: windows, calls, collected assessments."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from fertool import messages
from fertool.assessment import statistics
from fertool.errors import PluginError
from fertool.host import options, validate
from fertool.storage.tables import ASSESSMENTS
from fertool.types import EMOTIONS, Assessment, Context, Course, Message, Segment, further

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fertool.contracts import Rule

    Window = tuple[Context, pl.DataFrame]
    Withdrawn = tuple[str | None, str | None, str]

_write = json.JSONEncoder(sort_keys=True).encode
"""Made once: `json.dumps` would make one for every row."""


@dataclass(slots=True)
class LectureInput:
    """What rules need of one lecture, or of several at once."""

    course: str | None
    """None: of all courses."""
    lecture: str | None
    """None: of all lectures."""
    seen: pl.DataFrame
    """Columns of `tables.SEEN`; of several lectures, those of `tables.WIDE`."""
    segments: list[Segment]
    policy: str = "full"
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Student -> what is usual for him or her, as in `Context.baseline`."""
    courses: Mapping[str, Course] = field(default_factory=dict)
    """As in `Context.courses`."""
    one_at_a_time: bool = False
    """As in `Context.one_at_a_time`."""
    duration_s: float = 0.0
    """Of a single lecture; up to the end of its last segment or sample if those are later."""


@dataclass(slots=True)
class Result:
    """All assessments of one call, and what could not be judged."""

    tables: list[pl.DataFrame] = field(default_factory=list)
    """What was said, in pieces: columns of `tables.ASSESSMENTS`. A hundred lectures have half a million rows:
    as dicts they would need far more memory."""
    skipped: list[str] = field(default_factory=list)
    """Why rules were not asked, one sentence each."""
    withdrawn: list[Withdrawn] = field(default_factory=list)
    """(course, lecture, rule) of the rules not asked."""
    absent: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Rule that is not present but has judged before -> how many of its assessments were kept, how many are
    history now."""
    failed: list[str] = field(default_factory=list)
    """Rules that raised or broke their contract, with the window they were given."""

    def table(self) -> pl.DataFrame:
        """Columns of `tables.ASSESSMENTS`."""
        return pl.concat([pl.DataFrame(schema=ASSESSMENTS), *self.tables])

    @property
    def rows(self) -> list[dict[str, object]]:
        """The same, one by one."""
        return self.table().to_dicts()


def assess_lecture(rules: Sequence[Rule], lecture: LectureInput, result: Result) -> None:
    """Run every rule on every window of one lecture; one that fails does not stop the others."""
    asked: dict[tuple[str, str, tuple[str, ...]], list[Window]] = {}
    for rule in rules:
        if reason := _switched_off(rule, lecture):
            result.skipped.append(reason)
            result.withdrawn.append((lecture.course, lecture.lecture, rule.name))
            continue
        lacking = _lacking(rule, lecture.seen)
        kind = (rule.scope, rule.subject, lacking)
        if kind not in asked:  # cutting costs more than many a rule
            asked[kind] = list(windows(rule, _unread(lecture, lacking)))
        chosen = json.dumps(options.values(rule), sort_keys=True, default=str)
        try:
            rows = [
                _row(rule, chosen, context, one)
                for context, window in asked[kind]
                for one in _judge(rule, context, window)
            ]
        except PluginError as error:
            result.failed.append(str(error))
        else:
            result.tables.append(pl.DataFrame(rows, schema=ASSESSMENTS))


def windows(rule: Rule, lecture: LectureInput) -> Iterator[Window]:
    """What the rule is asked about, in order of student and time."""
    spans: list[Segment | None] = list(lecture.segments) if rule.scope == "segment" else [None]
    narrow = lecture.lecture is not None
    whole = (0.0, _end(lecture)) if narrow else None
    segments = tuple(lecture.segments) if narrow else ()
    for student, seen in _subjects(rule, lecture.seen):
        for span in spans:
            inside = _between(seen, span)
            context = Context(
                lecture.course,
                lecture.lecture,
                span,
                student,
                statistics.period(inside),
                lecture.baselines.get(student, {}) if student else {},
                lecture.courses,
                (span.start_s, span.end_s) if span else whole,
                segments,
                seen if narrow else None,
                lecture.one_at_a_time,
                {} if student else lecture.baselines,
            )
            yield context, inside


def _end(lecture: LectureInput) -> float:
    """Seconds from the lecture's start to its end."""
    ends = [lecture.duration_s, *(segment.end_s for segment in lecture.segments)]
    if len(lecture.seen):
        ends.append(float(lecture.seen["time_s"][-1]) + statistics.period(lecture.seen))
    return max(ends)


def _subjects(rule: Rule, seen: pl.DataFrame) -> Iterator[tuple[str | None, pl.DataFrame]]:
    if rule.subject == "class":
        yield None, seen
        return
    parts = seen.partition_by("student", as_dict=True, maintain_order=True)
    for (student,), rows in sorted(parts.items()):
        yield str(student), rows


def _between(seen: pl.DataFrame, span: Segment | None) -> pl.DataFrame:
    """The rows of a span, without copying: they are ordered by time."""
    if span is None:
        return seen
    first, last = np.searchsorted(seen["time_s"].to_numpy(), [span.start_s, span.end_s])
    return seen.slice(int(first), max(0, int(last - first)))


def _judge(rule: Rule, context: Context, window: pl.DataFrame) -> list[Assessment]:
    try:
        return validate.assess(rule, window, context)
    except PluginError as error:
        where = f"{context.course or 'all courses'}/{context.lecture or 'all lectures'}"
        part = f", segment {context.segment.index}" if context.segment else ""
        who = f", {context.student}" if context.student else ""
        raise PluginError(f"{error.message} [{where}{part}{who}, {len(window)} rows]") from error


def _switched_off(rule: Rule, lecture: LectureInput) -> str:
    if lecture.policy == "behaviour" and "expression" in rule.signals:
        return f"rule {rule.name!r} needs expression, which the policy 'behaviour' switches off"
    seen = lecture.seen.drop_nulls("emotion")
    missing = [
        n for n in rule.needs if n not in seen.columns or (len(seen) and seen[n].null_count() == len(seen))
    ]
    return f"rule {rule.name!r} needs {', '.join(missing)}, which was not classified" if missing else ""


def _lacking(rule: Rule, seen: pl.DataFrame) -> tuple[str, ...]:
    """Labels that the rule needs and the classifier of some rows does not have."""
    read = seen["emotion"].is_not_null()
    return tuple(name for name in rule.needs if (read & seen[name].is_null()).any())


def _unread(lecture: LectureInput, labels: Sequence[str]) -> LectureInput:
    """The lecture without the expressions of a classifier that lacks one of these labels: what it never said
    would pass for what was never shown."""
    if not labels:
        return lecture
    seen = lecture.seen
    asked = pl.all_horizontal(pl.col(name).is_not_null() for name in labels)
    columns = ("emotion", "confidence", *EMOTIONS, *further(seen.columns))
    return replace(lecture, seen=seen.with_columns(pl.when(asked).then(pl.col(name)) for name in columns))


def _row(rule: Rule, chosen: str, context: Context, one: Assessment) -> dict[str, object]:
    segment = context.segment
    return {
        "course": context.course,
        "lecture": context.lecture,
        "segment": segment.index if segment else None,
        "student": context.student or one.student,
        "rule": rule.name,
        "version": rule.version,
        "options": chosen,
        "value": None if one.value is None else float(one.value),
        "level": one.level,
        "message": str(one.message),
        "said": messages.to_json(one.message) if isinstance(one.message, Message) else None,
        "start_s": one.start_s if one.start_s is not None else segment.start_s if segment else None,
        "end_s": one.end_s if one.end_s is not None else segment.end_s if segment else None,
        "evidence": _write(one.evidence),
        "coverage": None if one.coverage is None else float(one.coverage),
        "low": None if one.interval is None else float(one.interval[0]),
        "high": None if one.interval is None else float(one.interval[1]),
        "spans": json.dumps(one.spans) if one.spans else None,
    }
