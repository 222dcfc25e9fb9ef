"""Insights: who needs help, and what to do next. Pure; the words are in the catalog."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from fertool.assessment import statistics
from fertool.privacy.suppression import too_small
from fertool.report.data.digest import ATTENTION, FEEDBACK, MEASURES, PREFERRED, RECOMMENDATION
from fertool.types import Matter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fertool.privacy.suppression import Reason as Suppressed
    from fertool.report.data.course import Course, Place
    from fertool.report.data.digest import Digest, Moment

ASKING = frozenset({ATTENTION, "technical", "absent"})
"""Levels whose evidence is worth a second look: who was cut off or away has missed something, too."""
RECENT = 2
"""Lectures that decide who needs help now: what was long ago is history."""
CHANGE = 0.2
"""A share that moved by this much from the student's earlier lectures is a reason."""
FLAGGED = 0.25
"""So is a rule that says `attention` in this share of the recent segments."""
USUAL = 2
"""Lectures in which a share must be known before a usual one can be stated: one is no habit."""
REASONS = 3
AGAIN = 5
"""Moments that somebody is pointed to in a lecture: the longest ones."""
GAP_S, LEAST_S = 10.0, 10.0
"""Evidence with less than this between it is one moment; shorter moments are not worth a second look."""
TOLD = 3
"""Places, students and steps in the story on top."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody needs attention, or what to do: a string of the catalog with its values."""

    key: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Concern:
    """A student who needs attention."""

    student: str
    reasons: tuple[Reason, ...]
    score: float
    """How much of the recent segments is flagged, plus how far the shares moved: for the order."""


@dataclass(frozen=True, slots=True)
class Again:
    """A moment of a lecture that one student may want to look at again."""

    start_s: float
    end_s: float
    rules: dict[str, Matter | None]
    """Which ones asked for attention there, and what each advises about."""
    segments: tuple[dict[str, Any], ...]
    """Where it lies, in order of time."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What rules advise one student on one matter."""

    about: str
    """A matter, or the name of a rule that declares none."""
    parts: tuple[tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, Any]], ...]
    """Segment (None: the whole lecture), the student's counts in it (as in `Digest.cells`), and what the rule
    said."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Assessments of the place `feedback`, of all students in a segment (Aly et al. 2023, IV.B)."""

    known: int
    """Of how many it says something."""
    negative: tuple[dict[str, Any], ...]
    """What it says of those in a negative state; empty when that is held back."""
    judged: bool
    suppressed: Suppressed | None


@dataclass(frozen=True, slots=True)
class Own:
    """One lecture of a student, against what is usual for the same student."""

    digest: Digest
    shares: dict[str, tuple[float | None, float | None, float | None, int]]
    """Measure -> value, low, high (95 %, over time), n."""
    change: dict[str, float | None]
    """Measure -> value less the usual one; None where either is not known."""
    clear: dict[str, bool]
    """Measure -> whether the usual one lies outside of the interval."""


def concerns(course: Course) -> list[Concern]:
    """Students who need attention, the most pressing first."""
    found = [concern for name in course.students if (concern := _concern(course, name)) is not None]
    return sorted(found, key=lambda one: -one.score)


def _concern(course: Course, student: str) -> Concern | None:
    latest = course.latest
    reasons: list[tuple[float, Reason]] = []
    before = [one for one in course.lectures[:-1] if student in one.names]
    if before and student in latest.meeting.absent:
        reasons.append((1.0, Reason("missing", {"lecture": latest.lecture, "n": len(before)})))
    for measure, key, sign in (("presence", "falling", -1), ("negative", "rising", 1)):
        known = [one for one in course.lectures if one.compares(measure)]
        # Who missed it is missing: that the share fell as well would be the same reason once more.
        there = [one for one in known if one is latest and student in one.names]
        now = _share(there, student, measure)
        then = _share([one for one in known if one is not latest], student, measure)
        if now is not None and then is not None and sign * (now - then) >= CHANGE:
            values = {"lecture": latest.lecture, "now": now, "then": then}
            reasons.append((abs(now - then), Reason(key, values)))
    reasons.sort(key=lambda pair: -pair[0])
    # What changed says more than how often a rule spoke, so it stands first.
    reasons += sorted(_flags(course.lectures[-RECENT:], student), key=lambda pair: -pair[0])
    if not reasons:
        return None
    return Concern(student, tuple(one for _, one in reasons[:REASONS]), sum(score for score, _ in reasons))


def _flags(lectures: tuple[Digest, ...], student: str) -> list[tuple[float, Reason]]:
    """Rules that say `attention` of the student in many of the recent segments."""
    judged: Counter[str] = Counter()
    flagged: Counter[str] = Counter()
    where: dict[str, str] = {}
    for one in lectures:
        for row in one.of_student(student):
            judged[row["rule"]] += 1
            if row["level"] == ATTENTION:
                flagged[row["rule"]] += 1
                where[row["rule"]] = one.lecture
    found = []
    for rule, times in flagged.items():
        if times >= FLAGGED * judged[rule]:
            values = {"rule": rule, "times": times, "of": judged[rule], "lecture": where[rule]}
            found.append((times / judged[rule], Reason("flagged", values)))
    return found


def _share(lectures: Sequence[Digest], student: str, measure: str) -> float | None:
    """Over several lectures at once, also those missed; None where too little was measured to say."""
    part, whole = MEASURES[measure]
    hits = samples = expected = 0
    for one in lectures:
        for row in one.roll.filter(student=student).to_dicts():
            hits, samples, expected = hits + row[part], samples + row[whole], expected + row["present"]
    if not samples or samples < statistics.FLOOR * expected:
        return None
    return hits / samples


def next_steps(course: Course) -> list[Reason]:
    """What to do next week, in order of weight."""
    lost = lost_places(course)
    steps = [step for place in lost if (step := _explain(course, place)) is not None]
    hard = [place for place in hard_places(course) if place not in lost]
    steps += [step for place in hard if (step := _hard(course, place)) is not None]
    steps += _ease(course)
    if names := [one.student for one in concerns(course)][:TOLD]:
        steps.append(Reason("talk", {"students": names, "n": len(names)}))
    for row in course.about.assessments:
        fits = row["feeds"] == RECOMMENDATION and row["level"] == PREFERRED
        if fits and row["student"] in course.students:
            steps.append(Reason("recommend", {"student": row["student"], "said": row}))
    return steps


def lost_places(course: Course) -> list[Place]:
    """The segments in which the class was lost, the worst first."""
    return [place for place in course.places if place.moments][:TOLD]


def hard_places(course: Course) -> list[Place]:
    """The segments that the class shows to be difficult, marked so or not, those of the largest share of
    students first."""
    found = [place for place in course.places if place.hard]
    return sorted(found, key=lambda it: -it.digest.hard[it.segment["segment"]]["value"])[:TOLD]


def lost_elsewhere(course: Course) -> list[tuple[Digest, Moment]]:
    """Lost moments that lie in no segment."""
    return [(one, moment) for one in course.lectures for moment in one.moments if moment.segment is None]


def good_places(course: Course) -> list[tuple[Digest, Moment]]:
    """Good moments of all lectures, the strongest first: by the share of the class, times the seconds."""
    found = [(one, moment) for one in course.lectures for moment in one.good_moments]
    return sorted(found, key=lambda it: -it[1].share * (it[1].end_s - it[1].start_s))[:TOLD]


def silences(course: Course) -> dict[str, list[Digest]]:
    """`Digest.silence` -> the lectures of which it is said, in order of time."""
    found: dict[str, list[Digest]] = {}
    for one in course.lectures:
        if one.silence:
            found.setdefault(one.silence, []).append(one)
    return found


def _explain(course: Course, place: Place) -> Reason | None:
    """Explain it again, unless that was done and the class stayed. Nobody lost the thread where cameras were
    off: where faces were out of sight alone, the step is to ask."""
    values = {"place": place, "point": _point(place), "lost_s": place.lost_s}
    if all(moment.unseen for moment in place.moments):
        return Reason("unseen", values)
    later = _later(course, place)
    if later and (later.moments or later.hard):
        return None  # reported for the later one
    if later and later.ranked and later.digest.silence in ("", "story.never_lost"):
        return Reason("recovered", values | {"again": later})
    return Reason("explain", values)


def _hard(course: Course, place: Place) -> Reason | None:
    """Explain it again, unless more is known of a later segment about the same point."""
    later = _later(course, place)
    if later and (later.moments or later.hard is not None):
        return None
    said = place.digest.hard[place.segment["segment"]]
    return Reason("hard", {"place": place, "point": _point(place), "said": said})


def _later(course: Course, place: Place) -> Place | None:
    """The last segment about the same knowledge point, if it comes after this one."""
    last = course.about_point(place.segment["point"])[-1:]
    return last[0] if last and last[0] is not place else None


def _point(place: Place) -> str:
    return str(place.segment["point"] or place.segment["title"])


def _ease(course: Course) -> list[Reason]:
    """Segments of the latest lecture in which the state of many was negative: the published adjustments."""
    latest = course.latest
    steps = []
    for segment in latest.segments:
        found = feedback(latest, segment["segment"])
        negative = len(found.negative)
        if negative >= (1 if course.alone else 2) and negative >= FLAGGED * found.known:
            values = {"lecture": latest.lecture, "segment": segment, "negative": negative, "of": found.known}
            steps.append(Reason("ease", values | {"digest": latest}))
    return steps


def feedback(one: Digest, segment: int) -> Feedback:
    """How many students were in a negative state in a segment, and how many could be judged."""
    rows = [row for row in one.fed(FEEDBACK) if row["segment"] == segment]
    known = [row for row in rows if row["level"] != statistics.NOT_MEASURABLE]
    few = too_small(len(known), one.k)
    negative = () if few else tuple(row for row in known if row["level"] == ATTENTION)
    return Feedback(len(known), negative, bool(rows), "few" if few else None)


def feedback_of(
    digest: Digest, student: str
) -> list[tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any] | None]]:
    """Segment, the student's counts in it (as in `Digest.cells`), and the assessment of the place `feedback`
    there."""
    cells = {row["segment"]: row for row in digest.cells.filter(student=student).to_dicts()}
    said = {row["segment"]: row for row in digest.of_student(student) if row["feeds"] == FEEDBACK}
    return [(it, cells.get(it["segment"]), said.get(it["segment"])) for it in digest.segments]


def advice(digest: Digest, student: str, rows: Iterable[dict[str, Any]]) -> list[Advice]:
    """What rules advise, in the order of `Matter`, then by name; `rows`: assessments of the student."""
    segments = {it["segment"]: it for it in digest.segments}
    cells = {row["segment"]: row for row in digest.cells.filter(student=student).to_dicts()}
    found: dict[str, dict[int | None, Any]] = {}
    for row in rows:
        if row["level"] in ASKING:
            where, about = row["segment"], row["advises"] or row["rule"]
            found.setdefault(about, {}).setdefault(where, (segments.get(where), cells.get(where), row))
    known = [about for about in get_args(Matter) if about in found]
    order = [*known, *sorted(found.keys() - known)]
    return [Advice(about, tuple(found[about].values())) for about in order]


def by_point(course: Course, student: str) -> list[dict[str, Any]]:
    """A student's counts (as in `Digest.cells`) per knowledge point over all lectures, in the order in which
    the course comes to them, with `point` and `places`: the segments, each with its lecture. `samples` and
    `present`: of the lectures of
    `Course.adds_presence`."""
    found: dict[str, dict[str, Any]] = {}
    for one in course.lectures:
        cells = {row["segment"]: row for row in one.cells.filter(student=student).to_dicts()}
        for segment in one.segments:
            cell = cells.get(segment["segment"])
            if not segment["point"] or cell is None:
                continue
            sums = found.setdefault(segment["point"], {"point": segment["point"], "places": []})
            sums["places"].append((one, segment))
            for name in ("samples", "present", "measured", "positive", "negative"):
                counts = name not in ("samples", "present") or course.adds_presence(one)
                sums[name] = sums.get(name, 0) + cell[name] * counts
    return list(found.values())


def again(digest: Digest, rows: Sequence[Mapping[str, Any]]) -> list[Again]:
    """Where rules found what they ask attention for, in order of time; `rows`: assessments of one student."""
    spans = sorted((*span, row["rule"]) for row in rows if row["level"] in ASKING for span in row["spans"])
    matters = {row["rule"]: row["advises"] for row in rows}
    found: list[tuple[float, float, list[str]]] = []
    for start, end, rule in spans:
        if found and start - found[-1][1] < GAP_S:
            first, last, rules = found.pop()
            found.append((first, max(last, end), [*rules, rule]))
        else:
            found.append((start, end, [rule]))
    long = sorted((it for it in found if it[1] - it[0] >= LEAST_S), key=lambda it: it[0] - it[1])
    return [
        Again(start, end, {rule: matters[rule] for rule in rules}, digest.touched(start, end))
        for start, end, rules in sorted(long[:AGAIN])
    ]


def own(course: Course, student: str) -> list[Own]:
    """A student's lectures in order of time, against the same student's usual over all of them."""
    expected = usual(course, student)
    return [_own(one, student, expected) for one in course.lectures if student in one.names]


def usual(course: Course, student: str) -> dict[str, float | None]:
    """Measure -> share over the lectures in which it could be measured; None for fewer than `USUAL`."""
    found: dict[str, float | None] = {}
    for measure in MEASURES:
        known = [
            one
            for one in course.lectures
            if one.compares(measure) and _share([one], student, measure) is not None
        ]
        found[measure] = _share(known, student, measure) if len(known) >= USUAL else None
    return found


def _own(one: Digest, student: str, usual: dict[str, float | None]) -> Own:
    shares, change, clear = {}, {}, {}
    bins = one.series[student]
    for measure, (part, whole) in MEASURES.items():
        value = _share([one], student, measure)
        sums, counts = bins[part].to_numpy().astype(float), bins[whole].to_numpy().astype(float)
        low, high = statistics.ratio(sums, counts) or (None, None)
        shares[measure] = (value, low, high, int(counts.sum()))
        known = value is not None and usual[measure] is not None and one.compares(measure)
        change[measure] = value - usual[measure] if known else None  # type: ignore[operator]
        clear[measure] = known and low is not None and not low <= usual[measure] <= high  # type: ignore[operator]
    return Own(one, shares, change, clear)
