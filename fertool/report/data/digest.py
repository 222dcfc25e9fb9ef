"""A digest of a lecture: counts, thin series and assessments, without its samples. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fertool import messages
from fertool.assessment import statistics
from fertool.privacy.suppression import too_small
from fertool.report import groups, series
from fertool.report.data.faces import Stretch, stretches
from fertool.report.data.meetings import UNKNOWN, Meeting
from fertool.types import Message

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from fertool.privacy.suppression import Reason
    from fertool.report.data.lecture import Lecture, Run, Summary
    from fertool.report.groups import Reasons
    from fertool.types import Feed

BINS, CLASS_BINS = 80, 120
"""A student's lecture is kept in at most so many bins of time, a minute each in an hour; the class's in finer
ones, since there is only one class."""
OUTSIDE = -1
"""Stands for a segment where there is none: the time of a lecture that belongs to no segment."""
MEASURES = {
    "presence": ("present", "samples"),
    "engagement": ("positive", "measured"),
    "negative": ("negative", "measured"),
}
"""Figure of a report -> which counts it is the ratio of."""
ATTENTION = "attention"
PREFERRED = "preferred"
HAPPIER, FULLER = "happier", "fuller"
"""Levels of good moments: more of the class than usual happy or surprised; seen."""
LOST: Feed = "lost moments"
GOOD: Feed = "good moments"
HARD: Feed = "hard points"
FEEDBACK: Feed = "feedback"
RECOMMENDATION: Feed = "recommendation"
"""Places of a report that rules fill. One that no rule fills stays empty and says so."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of the class with its 95 % interval over students: what chance makes of who is in the class."""

    value: float | None
    """None when nothing was measured, or when it is held back."""
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Samples behind it."""
    people: int = 0
    suppressed: Reason | None = None
    """Why it is held back; None also where nothing was measured."""


def estimate(rows: pl.DataFrame, part: str, whole: str, suppressed: Reason | None = None) -> Estimate:
    """`rows`: one per student, with counts `part` and `whole`."""
    if suppressed:
        return Estimate(None, suppressed=suppressed)
    sums, counts = (rows[name].to_numpy().astype(np.float64) for name in (part, whole))
    n, people = int(counts.sum()), int((counts > 0).sum())
    if not n:
        return Estimate(None)
    low, high = statistics.ratio(sums, counts) or (None, None)
    return Estimate(float(sums.sum()) / n, low, high, n, people)


def expressions(
    rows: pl.DataFrame, labels: Sequence[str], suppressed: Mapping[str, Reason | None] | None = None
) -> list[tuple[str, Estimate]]:
    """Each label with its share of what a classifier that has it measured, all students together; empty where
    nothing was measured.

    `rows`: one per student, with counts `measured`, `count:LABEL` and `of:LABEL`. `suppressed`: why the share
    of a label is held back.
    """
    if not rows["measured"].sum():
        return []
    why = suppressed or {}
    return [(label, estimate(rows, f"count:{label}", f"of:{label}", why.get(label))) for label in labels]


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of time in which the class was lost, or in which more of it than usual was happy, surprised
    or seen, as a rule says."""

    start_s: float
    end_s: float
    share: float
    message: Message | str
    """How many, without rank and times, which stand beside it."""
    segment: int | None
    """Where most of it lies."""
    level: str
    unseen: bool
    """Lost only because faces were out of sight: at its peak nobody had a negative expression."""
    rule: str


@dataclass(frozen=True)
class Digest:
    """One lecture, thin enough to keep twenty of them."""

    course: str
    lecture: str
    meeting: Meeting
    summary: Summary
    runs: tuple[Run, ...]
    students: pl.DataFrame
    """As `Lecture.students`."""
    labels: tuple[str, ...]
    """As `Lecture.labels`."""
    segments: tuple[dict[str, Any], ...]
    """Columns of `tables.SEGMENTS`, in order of time."""
    cells: pl.DataFrame
    """segment (null: the whole lecture; OUTSIDE), student, and the counts of `series.counts`, with `posed`,
    `count:LABEL`, `of:LABEL`, `lost`: absent or negative, and `known`: absent or measured; both are 0 in a
    recording of one face at a time, which measures nobody's absence."""
    suppressed: Reasons
    """`groups.of_segments`: which figures of the class are held back."""
    bins: pl.DataFrame
    """`series.binned`, at most `BINS` bins."""
    width_s: float
    """Of a bin."""
    class_bins: pl.DataFrame
    """start_s, samples (summed over students), and the shares of the class in each bin: presence, engagement,
    negative, each null where nothing was measured; at most `CLASS_BINS`, without holes. `presence:why` and so
    on: why a share is held back (it is null then), or null."""
    class_width_s: float
    assessments: tuple[dict[str, Any], ...]
    """Columns of `Store.assessments`, with `title` of the segment, `spans` as a list, `evidence` as a dict,
    and `suppressed`: why a figure of the class is held back. `feeds` as `placed` leaves it."""
    faces: dict[str | None, list[Stretch]]
    """`faces.stretches`: the most frequent expression over time, of each student and of the class."""
    with_face: int
    unassigned: int
    dropped: int
    one_at_a_time: bool
    k: int
    own: Digest | None = None
    """Of a lecture of one student, the same with nothing held back: there is no class to protect, and its own
    pages show this student's figures. None where nothing was held back, or there are more students."""

    @property
    def alone(self) -> str | None:
        """The only student; None where there are more, or none."""
        return self.names[0] if len(self.names) == 1 else None

    @property
    def held(self) -> date | None:
        """The day of the lecture; None where it is unknown."""
        return self.meeting.day

    @property
    def expressions(self) -> bool:
        """Whether expressions may be shown and there are any."""
        return self.summary.expressions

    @property
    def small(self) -> bool:
        """Whether all figures of the class are held back: it has too few students."""
        return self.suppressed["samples"][None] is not None

    @property
    def duration_s(self) -> float:
        """Length of the lecture in seconds."""
        return self.summary.duration_s

    @property
    def policies(self) -> tuple[str, ...]:
        """Policies of its runs, in order of name, each once."""
        return self.summary.policies

    @cached_property
    def names(self) -> list[str]:
        """Students in natural order."""
        return self.students["student"].to_list()

    @cached_property
    def whole(self) -> pl.DataFrame:
        """The cells of the whole lecture: one row per student."""
        return self.cells.filter(pl.col("segment").is_null())

    @cached_property
    def roll(self) -> pl.DataFrame:
        """Everybody who was expected: `whole`, and 0 of as many samples as anybody has for the absent."""
        there = self.whole.drop("segment")
        absent = pl.DataFrame({"student": self.meeting.absent}, schema={"student": pl.String()})
        samples = pl.lit(there["samples"].max(), pl.Int64()).alias("samples")
        return pl.concat([there, absent.with_columns(samples)], how="diagonal").fill_null(0)

    def compares(self, measure: str) -> bool:
        """Whether a share of `MEASURES` can be compared with that of another lecture: not how long somebody
        was shown by a recording of one face at a time."""
        return measure != "presence" or not self.one_at_a_time

    def cell(self, segment: int | None) -> pl.DataFrame:
        """The cells of a segment: one row per student who could have been seen in it."""
        if segment is None:
            return self.whole
        return self.cells.filter(pl.col("segment") == segment)

    def figures(self, segment: int | None = None) -> dict[str, Estimate]:
        """presence, engagement (happy or surprised), negative, lost: of the class in a segment or the
        lecture. Without expressions there are only presence, and `lost` for absence."""
        rows = self.cell(segment)
        kinds = MEASURES if self.expressions else {"presence": MEASURES["presence"]}
        return {
            name: estimate(rows, part, whole, self.suppressed[whole].get(segment))
            for name, (part, whole) in (kinds | {"lost": ("lost", "known")}).items()
        }

    @cached_property
    def holds_back(self) -> bool:
        """Whether any figure of the class is held back, be it of a segment, a moment or a bin of time."""
        segments = [None, *(one["segment"] for one in self.segments)]
        shown = (one for segment in segments for one in self.figures(segment).values())
        bins = self.class_bins.select(pl.col("^.*:why$").is_not_null().any())
        return (
            any(one.suppressed for one in shown)
            or any(one.suppressed for _, one in self.shares)
            or any(row["suppressed"] for row in self.assessments)
            or any(bins.row(0))
        )

    def over_time(self, start_s: float, end_s: float) -> pl.DataFrame:
        """The `class_bins` of a part of the lecture; one that reaches into it belongs to it."""
        start = pl.col("start_s")
        return self.class_bins.filter(start > start_s - self.class_width_s, start < end_s)

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """Where the class was lost, the worst first; none when they may not be shown."""
        return self._moments(LOST, (ATTENTION,))

    @cached_property
    def good_moments(self) -> tuple[Moment, ...]:
        """Where more of the class than usual was happy, surprised or seen, the strongest first; none
        where they may not be shown."""
        return self._moments(GOOD, (HAPPIER, FULLER))

    def fed(self, place: Feed) -> list[dict[str, Any]]:
        """The assessments that fill a place."""
        return [row for row in self.assessments if row["feeds"] == place]

    def _moments(self, place: Feed, levels: Collection[str]) -> tuple[Moment, ...]:
        times = ("value", "start_s", "end_s")
        rows = [row for row in self.fed(place) if row["level"] in levels and None not in map(row.get, times)]
        return tuple(
            Moment(
                row["start_s"],
                row["end_s"],
                row["value"],
                statistics.how_many(row["message"]),
                self._most_of(row),
                row["level"],
                _unseen(row["evidence"]),
                row["rule"],
            )
            for row in sorted(rows, key=_worst)
            if not row["suppressed"]
        )

    @cached_property
    def good_silence(self) -> str:
        """As `silence`, of good moments; empty also where the rule said nothing, and in a recording of one
        face at a time."""
        if self.one_at_a_time:
            return ""
        rows = self.fed(GOOD)
        if held_back := [row["suppressed"] for row in rows if row["suppressed"]]:
            return f"suppressed.{held_back[0]}"
        if not rows or self.good_moments:
            return ""
        return "good.never" if rows[0]["value"] is not None else "good.unmeasurable"

    @cached_property
    def hard(self) -> dict[int, dict[str, Any]]:
        """Segment -> its assessment of the place `hard points`, if that has a value that may be shown."""
        rows = [row for row in self.fed(HARD) if not row["suppressed"]]
        return {row["segment"]: row for row in rows if row["value"] is not None}

    def is_hard(self, segment: int) -> bool | None:
        """Whether the class shows a segment to be difficult, marked so or not; None where it is not known."""
        said = self.hard.get(segment)
        return None if said is None else said["level"] == ATTENTION

    @cached_property
    def silence(self) -> str:
        """Key of the sentence that says why no lost moment is shown, or no more than those that are; empty
        where all are. "Never" is only said where the rule said so and nothing is held back."""
        if self.one_at_a_time:
            return "story.one_face"
        rows = self.fed(LOST)
        if held_back := [row["suppressed"] for row in rows if row["suppressed"]]:
            return f"suppressed.{held_back[0]}"
        if self.moments:
            return ""
        if rows:
            return "story.never_lost" if rows[0]["value"] is not None else "story.lost_unmeasurable"
        if not self.names:
            return "story.nobody_seen"
        if not self.expressions:
            return "story.lost_behaviour" if self.policies == ("behaviour",) else "story.lost_unread"
        return "story.not_judged" if len(self.names) > 1 else "story.lost_alone"

    def within(self, moment: Moment) -> tuple[float, float]:
        """The part of a moment in the segment where most of it lies; all of it where there is none."""
        for one in self.segments:
            if one["segment"] == moment.segment:
                return max(moment.start_s, one["start_s"]), min(moment.end_s, one["end_s"])
        return moment.start_s, moment.end_s

    def touched(self, start_s: float, end_s: float) -> tuple[dict[str, Any], ...]:
        """The segments in which some of an interval lies, in order of time."""
        interval = {"start_s": start_s, "end_s": end_s}
        return tuple(one for one in self.segments if overlap(interval, one) > 0)

    def _most_of(self, row: Mapping[str, Any]) -> int | None:
        shared = {one["segment"]: overlap(row, one) for one in self.segments}
        best = max(shared, key=lambda segment: shared[segment], default=None)
        return best if best is not None and shared[best] > 0 else None

    @cached_property
    def shares(self) -> list[tuple[str, Estimate]]:
        """Label -> its share of the measured expressions of the class; empty where nothing was measured."""
        if not self.expressions:
            return []
        return expressions(self.students, self.labels, self.unshown(None))

    def unshown(self, segment: int | None) -> dict[str, Reason | None]:
        """Label -> why its share of the class in a segment, or in the lecture, is held back."""
        return groups.of_labels(self.suppressed, self.labels, segment)

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


def digest(
    lecture: Lecture, meeting: Meeting = UNKNOWN, signals: Mapping[str, Collection[str]] | None = None
) -> Digest:
    """`signals`: what each rule looks at, which decides whom its figures are about."""
    width, fine = (series.bin_width(lecture.duration_s, bins) for bins in (BINS, CLASS_BINS))
    cells = _cells(lecture)
    suppressed = groups.of_segments(cells, lecture.k)
    alone = len(lecture.students) == 1
    return Digest(
        course=lecture.course,
        lecture=lecture.lecture,
        meeting=meeting,
        summary=lecture.summary,
        runs=lecture.runs,
        students=lecture.students,
        labels=lecture.labels,
        segments=tuple(lecture.segments.sort("start_s").to_dicts()),
        cells=cells,
        suppressed=suppressed,
        bins=series.binned(lecture.seen, width, lecture.labels),
        width_s=width,
        class_bins=_class_bins(lecture, fine, suppressed),
        class_width_s=fine,
        assessments=tuple(_assessments(lecture, suppressed, signals or {})),
        faces=stretches(lecture, suppressed["measured"]),
        with_face=lecture.with_face,
        unassigned=lecture.unassigned,
        dropped=lecture.dropped,
        one_at_a_time=lecture.one_at_a_time,
        k=lecture.k,
        own=digest(replace(lecture, k=1), meeting, signals) if alone and lecture.k > 1 else None,
    )


def said(row: Mapping[str, Any]) -> Message | str:
    """What a rule said: as data, to be put into words, where it gave such."""
    return messages.from_json(row["said"]) if row["said"] else row["message"] or ""


def read(row: dict[str, Any]) -> dict[str, Any]:
    """A row of `Store.assessments` with `spans`, `message` and `evidence` as data."""
    evidence = json.loads(row["evidence"] or "{}")
    return row | {"spans": parsed_spans(row["spans"]), "message": said(row), "evidence": evidence}


def placed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows; of several rules that feed one place, the last in order of registration keeps it, and
    `feeds` of the others becomes None."""
    fed = sorted((row for row in rows if row["feeds"]), key=lambda row: (row["position"], row["rule"]))
    rule = {row["feeds"]: row["rule"] for row in fed}
    return [row | {"feeds": row["feeds"] if rule.get(row["feeds"]) == row["rule"] else None} for row in rows]


def _unseen(evidence: Mapping[str, Any]) -> bool:
    """Whether all that a rule counts as lost at the peak of a moment were out of sight."""
    return "unseen" in evidence and evidence["unseen"] == evidence.get("lost")


def _worst(row: Mapping[str, Any]) -> tuple[float, float]:
    return -row["value"] * (row["end_s"] - row["start_s"]), row["start_s"]


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Seconds that two intervals share; both have `start_s` and `end_s`."""
    return float(max(0.0, min(one["end_s"], other["end_s"]) - max(one["start_s"], other["start_s"])))


def parsed_spans(spans: str | None) -> list[tuple[float, float]]:
    """JSON [[start_s, end_s], ...] -> pairs."""
    return [(float(start), float(end)) for start, end in json.loads(spans or "[]")]


def _counts(lecture: Lecture) -> list[pl.Expr]:
    """The columns of `Digest.cells` that are sums over rows of `seen`."""
    counts = {f"count:{label}": (pl.col("emotion") == label).sum() for label in lecture.labels}
    counts |= {f"of:{label}": pl.col(label).count() for label in lecture.labels}
    counts["posed"] = pl.col("pitch_deg").is_not_nan().sum()
    unseen, negative = statistics.lost()
    counts["unseen"], counts["lost"] = unseen.sum(), (unseen | negative.fill_null(value=False)).sum()
    return [*series.counts(), *(count.cast(pl.Int64).alias(name) for name, count in counts.items())]


def _cells(lecture: Lecture) -> pl.DataFrame:
    seen, counts = lecture.seen.with_columns(_segments(lecture, lecture.seen["time_s"])), _counts(lecture)
    whole = seen.group_by("student").agg(counts).with_columns(segment=pl.lit(None, pl.Int32))
    cells = pl.concat([whole, seen.group_by("segment", "student").agg(counts)], how="diagonal")
    # Where most faces could not be read, nothing is known: not even absence by itself.
    read = (2 * pl.col("measured") >= pl.col("present")).cast(pl.Int64)
    if lecture.expressions:
        lost, known = read * pl.col("lost"), read * (pl.col("unseen") + pl.col("measured"))
    else:
        lost, known = pl.col("unseen"), pl.col("samples")
    if lecture.one_at_a_time:  # who is not shown may be there
        lost = known = pl.lit(0, pl.Int64)
    cells = cells.with_columns(lost=lost, known=known)
    order = {name: i for i, name in enumerate(lecture.students["student"])}
    rank = pl.col("student").replace_strict(order, return_dtype=pl.Int64)
    return cells.sort("segment", rank, nulls_last=False)


def _segments(lecture: Lecture, times: pl.Series) -> pl.Series:
    """`segment`: the number of the segment in which each time lies, or OUTSIDE."""
    segments, at = lecture.segments.sort("start_s"), times.to_numpy()
    if segments.is_empty():
        return pl.Series("segment", np.full(len(at), OUTSIDE), pl.Int32)
    place = np.searchsorted(segments["start_s"].to_numpy(), at, side="right") - 1
    inside = (place >= 0) & (at < segments["end_s"].to_numpy()[place])
    return pl.Series("segment", np.where(inside, segments["segment"].to_numpy()[place], OUTSIDE), pl.Int32)


def _class_bins(lecture: Lecture, width_s: float, suppressed: Reasons) -> pl.DataFrame:
    start = (pl.col("time_s") // width_s) * width_s
    each = lecture.seen.group_by("student", start_s=start).agg(series.counts()).sort("start_s")
    each = each.with_columns(_segments(lecture, each["start_s"]))
    why = groups.of_bins(each, suppressed, lecture.k)
    sums = each.group_by("start_s").agg(pl.exclude("student", "segment").sum())
    columns: dict[str, pl.Expr] = {}
    for name, (part, whole) in MEASURES.items():
        reason = pl.col("start_s").replace_strict(why[whole], default=None, return_dtype=pl.String)
        known = reason.is_null() & (pl.col(whole) > 0)
        columns[name] = pl.when(known).then(pl.col(part) / pl.col(whole))
        columns[f"{name}:why"] = reason
    bins = sums.select("start_s", "samples", **columns).sort("start_s")
    return series.on_grid(bins, width_s, ("samples", *columns))


def _assessments(
    lecture: Lecture, suppressed: Reasons, signals: Mapping[str, Collection[str]]
) -> list[dict[str, Any]]:
    titles = dict(zip(lecture.segments["segment"], lecture.segments["title"], strict=True))
    rows = placed([read(row) for row in lecture.assessments.to_dicts()])
    for row in rows:
        row |= {"title": titles.get(row["segment"]), "suppressed": None}
        if row["student"] is None:
            counted = groups.counted_over(signals.get(row["rule"], ()))
            row["suppressed"] = suppressed[counted].get(row["segment"]) or _few(lecture, row, counted)
    return rows


def _few(lecture: Lecture, row: Mapping[str, Any], counted: str) -> Reason | None:
    """Whether what is said of a stretch of time, a lost moment, is about too few students."""
    if row["start_s"] is None or row["end_s"] is None:
        return None
    inside = lecture.seen.filter(pl.col("time_s").is_between(row["start_s"], row["end_s"], "left"))
    people = inside.group_by("student").agg(_counts(lecture)).filter(pl.col(counted) > 0)
    return "few" if too_small(len(people), lecture.k) else None
