"""`preference`: the course in which a student is happy or surprised most."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fertool import Assessment, Context, Course, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import polars as pl


PREFERRED = (
    "happy or surprised most in {course} ({share:share}, next is {next} with {less:share}): "
    "recommend {recommended}"
)
UNCLEAR = "no clear preference among the courses"
SELDOM = "expression measured well enough in {known} of {courses} courses only"
BOTH = "{course} (about {topics}, by {instructor})"
TOPICS = "{course} (about {topics})"
INSTRUCTOR = "{course} (by {instructor})"
LIST = "{first}, {rest}"
SUCH_BOTH = "courses about {topics} or by {instructor}"
SUCH_TOPICS = "courses about {topics}"
SUCH_INSTRUCTOR = "courses by {instructor}"
SUCH = "courses with its topics or by its instructor"


ABOUT_DE = """\
Wert = Anteil der Stichproben mit fröhlichem oder überraschtem Ausdruck in dem Kurs, wo er am höchsten ist
(0 bis 1).

Quelle: Aly et al. 2023, Abschnitt IV.C (Lernvorlieben): die Emotionen einer Person zwischen Kursen
vergleichen und Kurse empfehlen, die dem liebsten ähneln oder vom selben Lehrenden sind. Ein Kurs zählt,
wenn der Ausdruck in genügend Stichproben gemessen wurde; eine Vorliebe wird genannt, wenn die
95-%-Intervalle der ersten beiden Kurse auseinander liegen. Empfohlen werden, von den Kursen, die eine
course.toml beschreibt und die die Person nicht besucht, solche mit gemeinsamen Themen, dann solche
desselben Lehrenden; wo es keine gibt, wonach zu suchen wäre. Bei nur einem Kurs gibt es keine Aussage.

Betrachtet: Ausdruck. Geprüft an: nichts.
"""


@dataclass
class Preference(Rule):
    """value = share of happy or surprised samples in the course where it is highest (0..1).

    Reference: Aly et al. 2023, section IV.C (learning preference): compare the emotions of a student across
    courses, and recommend courses like the one that pleases, or by its instructor. A course counts if the
    expression could be measured in enough of its samples; a preference is reported if the 95 % intervals of
    the best two courses lie apart. Recommended are, of the courses that a course.toml describes and that the
    student is not in, those that share topics with the preferred one, most first, then those by its
    instructor; where there is none, what to look for. Says nothing before there are two courses.

    Signals: expression. Needs the labels happy and surprise. Validated on: nothing.
    """

    name = "preference"
    version = "3"
    feeds = "recommendation"
    signals = frozenset({"expression"})
    needs = ("happy", "surprise")
    scope = "all"
    label = "measured time with a happy or surprised expression, in the course where it is highest"
    unit = "share"
    words = {
        "de": {
            label: "gemessene Zeit mit fröhlichem oder überraschtem Ausdruck, im Kurs mit der meisten",
            PREFERRED: (
                "am häufigsten fröhlich oder überrascht in {course} ({share:share}, danach {next} mit "
                "{less:share}); zu empfehlen: {recommended}"
            ),
            UNCLEAR: "keine klare Vorliebe unter den Kursen",
            SELDOM: "Ausdruck nur in {known} von {courses} Kursen oft genug gemessen",
            BOTH: "{course} (über {topics}, bei {instructor})",
            TOPICS: "{course} (über {topics})",
            INSTRUCTOR: "{course} (bei {instructor})",
            LIST: "{first}, {rest}",
            SUCH_BOTH: "Kurse über {topics} oder bei {instructor}",
            SUCH_TOPICS: "Kurse über {topics}",
            SUCH_INSTRUCTOR: "Kurse bei {instructor}",
            SUCH: "Kurse mit seinen Themen oder bei seinem Lehrenden",
        }
    }
    about = {"de": ABOUT_DE}
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
            said = Message(SELDOM, known=len(known), courses=len(figures))
            return statistics.not_measurable(said, whole.coverage)
        best, second = sorted(known, key=lambda name: (-known[name].value, name))[:2]
        shares: dict[str, Any] = {f"share in {name}": round(one.value, 4) for name, one in known.items()}
        if not _apart(known[best], known[second]):
            return known[best].says(Message(UNCLEAR), "info", **shares)
        said = Message(
            PREFERRED,
            course=best,
            share=known[best].value,
            next=second,
            less=known[second].value,
            recommended=_recommended(best, context.courses, figures),
        )
        return known[best].says(
            said,
            "preferred",
            course=best,
            **shares,
        )

    def _figure(self, seen: pl.DataFrame) -> statistics.Figure:
        return statistics.figure(statistics.shows(seen, statistics.POSITIVE), seen, self.floor)


def _apart(best: statistics.Figure, second: statistics.Figure) -> bool:
    """Whether chance alone would hardly explain the difference; unknown intervals do not say so."""
    if best.interval is None or second.interval is None:
        return False
    return best.interval[0] > second.interval[1]


def _recommended(best: str, courses: Mapping[str, Course], taken: Collection[str]) -> Message:
    """The courses to take next, with the reason for each, or what such a course would be like."""
    liked = courses.get(best, Course())
    others = {name: one for name, one in courses.items() if name not in taken}
    shared = {name: [t for t in one.topics if t in liked.topics] for name, one in others.items()}
    same = {name for name, one in others.items() if liked.instructor and one.instructor == liked.instructor}
    similar = sorted((n for n in others if shared[n] or n in same), key=lambda n: (-len(shared[n]), n))
    if similar:
        return _listed([_alike(n, shared[n], liked.instructor * (n in same)) for n in similar])
    if liked.topics and liked.instructor:
        return Message(SUCH_BOTH, topics=liked.topics, instructor=liked.instructor)
    if liked.topics:
        return Message(SUCH_TOPICS, topics=liked.topics)
    return Message(SUCH_INSTRUCTOR, instructor=liked.instructor) if liked.instructor else Message(SUCH)


def _alike(course: str, topics: Sequence[str], instructor: str) -> Message:
    if topics and instructor:
        return Message(BOTH, course=course, topics=topics, instructor=instructor)
    if topics:
        return Message(TOPICS, course=course, topics=topics)
    return Message(INSTRUCTOR, course=course, instructor=instructor)


def _listed(courses: Sequence[Message]) -> Message:
    first, *rest = courses
    return Message(LIST, first=first, rest=_listed(rest)) if rest else first


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Preference]
