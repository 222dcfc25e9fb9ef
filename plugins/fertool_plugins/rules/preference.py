"""`preference`: the course in which a student is happy or surprised most."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fertool import Assessment, Context, Course, Plugin, Rule, hookimpl, judging

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import polars as pl


@dataclass
class Preference(Rule):
    """value = share of happy or surprised samples in the course where it is highest (0..1).

    Reference: Aly et al. 2023, section IV.C (learning preference): compare the emotions of a student across
    courses, and recommend courses like the one that pleases, or by its instructor. A course counts if the
    expression could be measured in enough of its samples; a preference is told if the 95 % intervals of the
    best two courses lie apart. Recommended are, of the courses that a course.toml describes and that the
    student is not in, those that share topics with the preferred one, most first, then those by its
    instructor; where there is none, what to look for. Says nothing before there are two courses.

    Signals: expression. Needs the labels happy and surprise. Validated on: nothing.
    """

    name = "preference"
    version = "2"
    signals = frozenset({"expression"})
    needs = ("happy", "surprise")
    scope = "all"
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured expression"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty() or "course" not in seen.columns:
            return None
        courses = seen.partition_by("course", as_dict=True, maintain_order=True)
        if len(courses) < 2:
            return None
        figures = {str(name): self._figure(rows) for (name,), rows in courses.items()}
        known = {name: one for name, one in figures.items() if one.enough}
        if len(known) < 2:
            whole = self._figure(seen)
            said = f"expression measured well enough in {len(known)} of {len(figures)} courses only"
            return judging.not_measurable(said, whole.coverage)
        best, second = sorted(known, key=lambda name: (-known[name].value, name))[:2]
        shares: dict[str, Any] = {f"share in {name}": round(one.value, 4) for name, one in known.items()}
        if not _apart(known[best], known[second]):
            return known[best].says("no clear preference among the courses", "info", **shares)
        said = (
            f"happiest in {best} ({known[best].value:.0%}, next is {second} with {known[second].value:.0%})"
        )
        return known[best].says(
            f"{said}: recommend {_recommended(best, context.courses, figures)}",
            "preferred",
            course=best,
            **shares,
        )

    def _figure(self, seen: pl.DataFrame) -> judging.Figure:
        return judging.figure(judging.shows(seen, judging.POSITIVE), seen, self.floor)


def _apart(best: judging.Figure, second: judging.Figure) -> bool:
    """Whether chance alone would hardly explain the difference; unknown intervals do not say so."""
    if best.interval is None or second.interval is None:
        return False
    return best.interval[0] > second.interval[1]


def _recommended(best: str, courses: Mapping[str, Course], taken: Collection[str]) -> str:
    """The courses to take next, with the reason for each, or what such a course would be like."""
    liked = courses.get(best, Course())
    others = {name: one for name, one in courses.items() if name not in taken}
    shared = {name: [t for t in one.topics if t in liked.topics] for name, one in others.items()}
    same = {name for name, one in others.items() if liked.instructor and one.instructor == liked.instructor}
    similar = sorted((n for n in others if shared[n] or n in same), key=lambda n: (-len(shared[n]), n))
    if similar:
        return ", ".join(f"{n} ({_alike(shared[n], liked.instructor * (n in same))})" for n in similar)
    return (
        f"courses {_alike(liked.topics, liked.instructor, ' or ') or 'with its topics or by its instructor'}"
    )


def _alike(topics: Sequence[str], instructor: str, between: str = ", ") -> str:
    about = f"about {' and '.join(topics)}" if topics else ""
    return between.join(part for part in (about, f"by {instructor}" if instructor else "") if part)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Preference]
