"""What is known of the lectures of a course beside their recordings: on which day each was held, in which
order, and who was expected but not seen. Pure but for `read`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from fertool.text import natural

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fertool.storage.store import Store

ISO = re.compile(r"(?<!\d)(?P<y>20\d\d)(?P<between>[-_.]?)(?P<m>\d\d)(?P=between)(?P<d>\d\d)(?!\d)")
DOTTED = re.compile(r"(?<!\d)(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>20\d\d)(?!\d)")


@dataclass(frozen=True, slots=True)
class Meeting:
    """One lecture of a course."""

    day: date | None = None
    from_name: bool = False
    """Whether the day was read from the name of the lecture or of a recording; else course.toml says it."""
    absent: tuple[str, ...] = ()
    """Students who were expected and not seen, in natural order: see `absent`."""


UNKNOWN = Meeting()


@dataclass(frozen=True, slots=True)
class Occasion:
    """A lecture as far as it matters for who was expected at it."""

    day: date | None
    analyzed: datetime
    """Stands for the day where that is not known."""
    seen: frozenset[str]
    among: frozenset[str] | None = None
    """Who could have been seen at all: only students whose consent is in force, where it is required; nobody,
    where not being seen says nothing. None: everybody."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A student of a roster."""

    added: datetime
    """When the roster was enrolled: the same for all students of it."""
    agreed: date | None = None
    """Day of the student's consent, where one is on record."""


def read(store: Store, course: str) -> dict[str, Meeting]:
    """Lecture -> what is known of it, in order of days; those without a day behind them, by name."""
    held = store.days(course)
    seen: dict[str, dict[str, set[str]]] = {}
    for lecture, recording, student in store.appearances(course).iter_rows():
        seen.setdefault(lecture, {}).setdefault(recording, set()).add(student)
    agreed = store.consents.consenting(course)
    analyses = store.analyses(course).partition_by("lecture", as_dict=True, maintain_order=True)
    found: dict[str, tuple[Meeting, Occasion]] = {}
    for (lecture,), part in analyses.items():
        named = next((day for name in (lecture, *part["name"]) if (day := day_in(name))), None)
        people = seen.get(lecture, {})
        among = frozenset(agreed) if "required" in part["consent"] else None
        alone = len(part) > 1 and all(len(shown) < 2 for shown in people.values())
        if alone or not people or store.one_at_a_time(course, lecture):
            among = frozenset()  # a camera for each student, nobody told apart, or one speaker at a time
        day = held.get(lecture, named)
        occasion = Occasion(day, max(part["started_at"]), frozenset().union(*people.values()), among)
        found[lecture] = Meeting(day, lecture not in held and named is not None), occasion
    order = sorted(found, key=lambda name: (found[name][0].day or date.max, natural(name)))
    missing = absent([found[name][1] for name in order], _enrolled(store, course))
    return {
        name: Meeting(found[name][0].day, found[name][0].from_name, away)
        for name, away in zip(order, missing, strict=True)
    }


def _enrolled(store: Store, course: str) -> dict[str, Enrolled]:
    """Students with a picture, but for those who said no or withdrew."""
    rows = store.students.added(course).iter_rows()
    return {student: Enrolled(added, agreed) for student, added, agreed in rows}


def day_in(name: str) -> date | None:
    """`2026-10-05 lecture.mp4`, `GMT20261005-0815`, `5.10.2026` -> the day; None where there is none."""
    for match in (*ISO.finditer(name), *DOTTED.finditer(name)):
        try:
            return date(int(match["y"]), int(match["m"]), int(match["d"]))
        except ValueError:
            continue
    return None


def absent(lectures: Sequence[Occasion], enrolled: Mapping[str, Enrolled]) -> list[tuple[str, ...]]:
    """Students who were expected at each lecture, in order of time, and not seen; in natural order.

    Somebody is expected from the first lecture on at which the student was seen, or by which the student was
    enrolled: by the day of consent or else by when the roster was enrolled. A roster is often enrolled late,
    so it counts from the first lecture at which anybody of it was seen.
    """
    since = {student: _first(lectures, seen={student}) for one in lectures for student in one.seen}
    for student, one in enrolled.items():
        if one.agreed is not None:
            first = _first(lectures, by=one.agreed)
        else:
            same = {name for name, it in enrolled.items() if (it.added, it.agreed) == (one.added, None)}
            first = min(_first(lectures, by=one.added), _first(lectures, seen=same))
        since[student] = min(first, since.get(student, first))
    return [
        tuple(
            sorted(
                (
                    student
                    for student, first in since.items()
                    if first <= i and student not in one.seen
                    if one.among is None or student in one.among
                ),
                key=lambda name: (natural(name), name),
            )
        )
        for i, one in enumerate(lectures)
    ]


def _first(
    lectures: Sequence[Occasion], *, seen: Collection[str] = (), by: date | datetime | None = None
) -> int:
    """Number of the first lecture at which one of these was seen, or that was held at a time or later; the
    number of lectures where there is none."""
    hits = (i for i, one in enumerate(lectures) if one.seen.intersection(seen) or (by and _reached(one, by)))
    return next(hits, len(lectures))


def _reached(one: Occasion, by: date | datetime) -> bool:
    if isinstance(by, datetime):
        return one.day >= by.date() if one.day else one.analyzed >= by
    return (one.day or one.analyzed.date()) >= by
