"""`preference`: the course in which a student is happy or surprised most."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fertool import Assessment, Context, Plugin, Rule, hookimpl, judging

if TYPE_CHECKING:
    import polars as pl


@dataclass
class Preference(Rule):
    """value = share of happy or surprised samples in the course where it is highest (0..1).

    Reference: Aly et al. 2023, section IV.C (learning preference): compare the emotions of a student across
    courses, and recommend courses like the one that pleases, or by its instructor. A course counts if the
    expression could be measured in enough of its samples; a preference is told if the 95 % intervals of the
    best two courses lie apart. Says nothing before there are two courses.

    Signals: expression. Needs the labels happy and surprise. Validated on: nothing.
    """

    name = "preference"
    version = "1"
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
            f"{said}: recommend courses with its topics or by its instructor",
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


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Preference]
