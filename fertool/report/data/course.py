"""A course: its lectures in order, and figures over several of them. Pure but for `describe`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fertool import types
from fertool.assessment import statistics
from fertool.privacy.suppression import too_small
from fertool.report.data import meetings
from fertool.report.data.digest import (
    MEASURES,
    Digest,
    Estimate,
    Moment,
    estimate,
    expressions,
    overlap,
    placed,
    read,
)
from fertool.storage.student_labels import is_pseudonym
from fertool.text import natural
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fertool.report.data.meetings import Meeting
    from fertool.storage.store import Store


@dataclass(frozen=True, slots=True)
class About:
    """What is stored of a course beside its lectures."""

    meetings: dict[str, Meeting]
    """Lecture -> its day, and who was expected at it and not seen; in order of time."""
    instructor: str
    topics: tuple[str, ...]
    assessments: tuple[dict[str, Any], ...]
    """What rules say of the whole course, or of its students over all courses."""
    rules: tuple[dict[str, Any], ...]
    """rule, version, options (JSON): what judged last."""

    def named(self, told: Mapping[str, str]) -> About:
        """With names instead of pseudonyms: see `lecture.shown_as`."""
        rows = (row | {"student": told.get(row["student"], row["student"])} for row in self.assessments)
        meetings = {
            lecture: replace(one, absent=tuple(in_order(told.get(name, name) for name in one.absent)))
            for lecture, one in self.meetings.items()
        }
        return replace(self, assessments=tuple(rows), meetings=meetings)


@dataclass(frozen=True, slots=True)
class Place:
    """A segment of a lecture among all of the course."""

    digest: Digest
    segment: dict[str, Any]
    figures: dict[str, Estimate]
    moments: tuple[Moment, ...]
    """Those that reach into it, as far as they are shown."""

    @property
    def lost_s(self) -> float:
        """How much of it lies in lost moments."""
        return sum(self._within(one) for one in self.moments)

    @property
    def ranked(self) -> bool:
        """Whether it is known how much the class was lost in it: not where that is held back or could not be
        measured, which is neither much nor little."""
        return bool(self.moments) or self.figures["lost"].value is not None

    @property
    def hard(self) -> bool | None:
        """Whether the class shows it to be difficult, marked so or not; None where that is not known."""
        return self.digest.is_hard(self.segment["segment"])

    @property
    def weight(self) -> float:
        """Share of the class that was lost, times the seconds of it: what places are ranked by."""
        return sum(one.share * self._within(one) for one in self.moments)

    def _within(self, moment: Moment) -> float:
        return overlap(self.segment, {"start_s": moment.start_s, "end_s": moment.end_s})


@dataclass(frozen=True, slots=True)
class Change:
    """The latest lecture against the earlier ones, student by student; `latest.suppressed`: held back."""

    measure: str
    latest: Estimate
    before: Estimate
    difference: float | None
    low: float | None
    high: float | None

    @property
    def clear(self) -> bool:
        """Whether chance alone would hardly explain the difference."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class Attendance:
    """A student over the lectures at which the student was expected: since enrollment, or since first seen. A
    lecture missed counts with all of its samples. `samples` and `present`: of the lectures of
    `Course.adds_presence`."""

    student: str
    there: list[str]
    """Lectures in which the student was seen."""
    expected: list[str]
    samples: int
    present: int
    measured: int
    negative: int


@dataclass(frozen=True)
class Course:
    """All that is said of a course."""

    course: str
    lectures: tuple[Digest, ...]
    """In order of time, at least one."""
    about: About
    k: int = 1

    @property
    def latest(self) -> Digest:
        """The last of its lectures in order."""
        return self.lectures[-1]

    @cached_property
    def students(self) -> list[str]:
        """Everybody seen, in natural order."""
        return in_order({name for one in self.lectures for name in one.names})

    @cached_property
    def never_seen(self) -> list[str]:
        """Who was expected, and not seen in any lecture."""
        expected = {name for one in self.lectures for name in one.meeting.absent}
        return in_order(expected.difference(self.students))

    def attendance(self, student: str) -> Attendance:
        """How much of the lectures at which a student was expected the student was seen in."""
        expected = [one for one in self.lectures if student in {*one.names, *one.meeting.absent}]
        counts = dict.fromkeys(("samples", "present", "measured", "negative"), 0)
        for one in expected:
            row = one.roll.row(by_predicate=pl.col("student") == student, named=True)
            for name in counts if self.adds_presence(one) else ("measured", "negative"):
                counts[name] += row[name]
        there = [one.lecture for one in expected if student in one.names]
        return Attendance(student, there, [one.lecture for one in expected], **counts)

    @cached_property
    def one_at_a_time(self) -> bool:
        """Whether all of its lectures with students were recorded with one face at a time: then figures of
        presence say how long somebody was shown."""
        return not any(one.names and not one.one_at_a_time for one in self.lectures)

    def adds_presence(self, one: Digest) -> bool:
        """Whether figures of presence over several lectures are about this one: how long somebody was shown
        is not added to how long others were seen."""
        return one.one_at_a_time == self.one_at_a_time

    @property
    def alone(self) -> str | None:
        """The only student of all lectures; None where there are more, or none."""
        return self.students[0] if len(self.students) == 1 else None

    @cached_property
    def small(self) -> bool:
        """Whether all figures of the class are held back: it has too few students."""
        return too_small(len(self.students), self.k)

    @cached_property
    def expressions(self) -> bool:
        """Whether expressions may be shown in any of its lectures, and there are any."""
        return any(one.expressions for one in self.lectures)

    @cached_property
    def policies(self) -> tuple[str, ...]:
        """Policies of its runs, in order of name, each once."""
        return tuple(sorted({policy for one in self.lectures for policy in one.policies}))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Those of all its lectures: canonical ones in their order, then further ones."""
        found = {label for one in self.lectures for label in one.labels}
        return tuple(label for label in (*EMOTIONS, *sorted(found.difference(EMOTIONS))) if label in found)

    @cached_property
    def holds_back(self) -> bool:
        """Whether any figure of the class is held back."""
        return self.small or any(one.holds_back for one in self.lectures)

    @cached_property
    def shares(self) -> list[tuple[str, Estimate]]:
        """Label -> its share of the measured expressions of the course; none without expressions."""
        read = [one for one in self.lectures if one.expressions]
        # A lecture of too few students stays out: with it, the course less the others would show it.
        shown = [one.students for one in read if not any(one.unshown(None).values())]
        if read and not shown:
            return [(label, Estimate(None, suppressed="few")) for label in self.labels]
        return self._expressions(shown)

    def shares_of(self, student: str) -> list[tuple[str, Estimate]]:
        """The same of one student: no interval, since there is only one."""
        return self._expressions(
            [one.students.filter(student=student) for one in self.lectures if one.expressions]
        )

    def _expressions(self, lectures: list[pl.DataFrame]) -> list[tuple[str, Estimate]]:
        """`lectures`: as `Digest.students`; one may have labels that another lacks."""
        if not lectures:
            return []
        counts = pl.concat(lectures, how="diagonal").select("student", "^(count|of):.*|measured$")
        return expressions(counts.group_by("student").sum().sort("student"), self.labels)

    @cached_property
    def wide(self) -> list[dict[str, Any]]:
        """What rules say of the whole course or of all courses, with `suppressed`, as those of a `Digest`."""
        named = [name for name in self.students if not is_pseudonym(name)]
        rows = []
        for row in self.about.assessments:
            people = self.students if row["course"] else named  # of all courses: see `contracts.Rule.scope`
            few = row["student"] is None and too_small(len(people), self.k)
            rows.append(row | {"suppressed": "few" if few else None})
        return rows

    @cached_property
    def places(self) -> list[Place]:
        """Segments, the one where the class was lost most first; then, in order of time, those of which that
        is not known."""
        found = [
            Place(one, segment, one.figures(segment["segment"]), _moments(one, segment))
            for one in self.lectures
            for segment in one.segments
        ]
        ranked = sorted((place for place in found if place.ranked), key=_rank)
        return ranked + [place for place in found if not place.ranked]

    def about_point(self, point: str) -> list[Place]:
        """Segments of one knowledge point, in order of time."""
        order = {one.lecture: i for i, one in enumerate(self.lectures)}
        found = [place for place in self.places if point and place.segment["point"] == point]
        return sorted(found, key=lambda it: (order[it.digest.lecture], it.segment["start_s"]))

    @cached_property
    def changes(self) -> list[Change]:
        """presence, engagement, negative: the latest lecture against those before, of the same students. For
        presence, students who were expected and not seen count as not seen."""
        return [
            change
            for measure, (part, whole) in MEASURES.items()
            if (measure == "presence" or self.latest.expressions) and self.latest.compares(measure)
            if (change := self._change(measure, part, whole)) is not None
        ]

    def _change(self, measure: str, part: str, whole: str) -> Change | None:
        nothing = Estimate(None, suppressed="few")
        held_back = Change(measure, nothing, nothing, None, None, None)
        columns = ("student", part, whole)
        known = [one for one in self.lectures if one.compares(measure)]
        shown = [one for one in known if not one.suppressed[whole][None]]
        earlier = [one.roll.select(columns) for one in shown if one is not self.latest]
        if not earlier or self.latest not in shown:
            return held_back if known[:-1] else None
        past = pl.concat(earlier).group_by("student").agg(pl.col(part, whole).sum()).sort("student")
        both = self.latest.roll.select(columns).join(past, on="student", suffix="_past")
        both = both.filter(pl.col(whole) > 0, pl.col(f"{whole}_past") > 0)
        if both.is_empty():
            return None
        if too_small(len(both), self.k):
            return held_back
        differ = (both[part] / both[whole] - both[f"{part}_past"] / both[f"{whole}_past"]).to_numpy()
        low, high = statistics.ratio(differ, np.ones(len(differ))) or (None, None)
        return Change(
            measure,
            estimate(both, part, whole),
            estimate(both, f"{part}_past", f"{whole}_past"),
            float(differ.mean()),
            low,
            high,
        )


def gathered(name: str, lectures: Sequence[Digest], about: About, k: int = 1) -> Course:
    """The course of these lectures, in order of time. Where all of them are of one student, nothing is held
    back: there is no class to protect."""
    if len({student for one in lectures for student in one.names}) == 1:
        return Course(name, tuple(one.own or one for one in lectures), about)
    return Course(name, tuple(lectures), about, k)


def describe(store: Store, course: str) -> About:
    """Read what is stored of a course beside its lectures."""
    with store.database.kept():
        about = store.courses().get(course, types.Course())
        wide = store.wide_assessments(course).to_dicts()
        return About(
            meetings=meetings.read(store, course),
            instructor=about.instructor,
            topics=about.topics,
            assessments=tuple(placed([read(row) for row in wide])),
            rules=tuple(store.rules(course).to_dicts()),
        )


def in_order(students: Iterable[str]) -> list[str]:
    """In natural order of names."""
    return sorted(students, key=lambda name: (natural(name), name))


def _moments(digest: Digest, segment: dict[str, Any]) -> tuple[Moment, ...]:
    spans = ((one, {"start_s": one.start_s, "end_s": one.end_s}) for one in digest.moments)
    return tuple(one for one, span in spans if overlap(segment, span) > 0)


def _rank(place: Place) -> tuple[float, float]:
    return -place.weight, -(place.figures["lost"].value or 0.0)
