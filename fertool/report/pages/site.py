"""What every page may link to, and its language."""

from __future__ import annotations

import contextlib
import os
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fertool.report.charts import classes
from fertool.report.charts.base import Chart
from fertool.report.style import stylesheet
from fertool.report.text import slugs
from fertool.text import natural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fertool.host.registry import Registry
    from fertool.report.data.digest import Digest, Estimate
    from fertool.report.data.lecture import Run
    from fertool.report.i18n import Language
    from fertool.types import Signal


@dataclass(frozen=True, slots=True)
class Page:
    """One HTML file to be."""

    path: str
    """Relative to the site, with `/`; made of slugs only."""
    template: str
    title: str
    context: dict[str, Any] = field(default_factory=dict)


Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a slide."""

    time_s: float
    """When it is shown, on the lecture's clock."""
    jpeg: bytes

    @property
    def address(self) -> str:
        """The picture itself, for the page that shows it."""
        return f"data:image/jpeg;base64,{b64encode(self.jpeg).decode('ascii')}"


class Site:
    """The file of each course, lecture, segment and student in the report, and of the recordings near it.

    `students`: course -> everybody in it, as shown. `further`: labels beyond the seven, in the order in which
    they get their colors. `out`: where the site will stand. `registry`: plugins whose formulas and model
    cards are shown. With one course alone, its page is the index.
    """

    def __init__(
        self,
        lectures: Iterable[tuple[str, str]],
        say: Language,
        students: Mapping[str, Sequence[str]] | None = None,
        *,
        out: Path | None = None,
        registry: Registry | None = None,
        k: int = 1,
        retention: str = "",
        further: Sequence[str] = (),
    ) -> None:
        self.lectures = sorted(lectures, key=lambda pair: [natural(name) for name in pair])
        self.say, self.out, self.registry, self.k, self.retention = say, out, registry, k, retention
        self.style = stylesheet(further)
        self.shots: dict[tuple[str, str], dict[Span, Shot]] = {}
        """(course, lecture) -> interval of the lecture -> the slide in it."""
        self._courses = slugs(course for course, _ in self.lectures)
        self._lectures = slugs(lecture for _, lecture in self.lectures)
        self._students = {course: slugs(names) for course, names in (students or {}).items()}

    @property
    def signals(self) -> dict[str, frozenset[Signal]]:
        """Rule -> what it looks at, of those that are installed here."""
        return {name: rule.signals for name, rule in self.say.rules.items()}

    def course_path(self, course: str) -> str:
        """Where the page of a course lies in the site."""
        return "index.html" if len(self._courses) == 1 else f"courses/{self._courses[course]}.html"

    def lecture_path(self, course: str, lecture: str) -> str:
        """Slugs have no dot, so two pairs never share a path."""
        return f"lectures/{self._courses[course]}.{self._lectures[lecture]}.html"

    def segment_path(self, course: str, lecture: str, segment: int) -> str:
        """Where the page of a segment lies."""
        return f"segments/{self._courses[course]}.{self._lectures[lecture]}.{segment}.html"

    def student_path(self, course: str, student: str) -> str:
        """Where the page of a student lies."""
        return f"students/{self._courses[course]}.{self._students[course][student]}.html"

    def handout_path(self, course: str, student: str) -> str:
        """Where the handout of a student lies."""
        return f"handouts/{self._courses[course]}.{self._students[course][student]}.html"

    def shot(self, digest: Digest, start_s: float, end_s: float) -> Shot | None:
        """A picture of the slide in an interval of a lecture; None where there is none to be shown."""
        return self.shots.get((digest.course, digest.lecture), {}).get((start_s, end_s))

    def film(self, digest: Digest) -> tuple[str, float] | None:
        """Address of the lecture's first recording, relative to the site, and where players have its 0:00 on
        the lecture's clock, which may be before its first picture; None if it is not to be found."""
        for run in sorted(digest.runs, key=lambda run: run.offset_s):
            if (address := self._address(run)) is not None:
                return address, run.offset_s - run.config.get("picture", {}).get("late_s", 0.0)
        return None

    def files(self, run: Run) -> Iterator[Path]:
        """Where the recording is: beside the report, in the folder around it, where it was analyzed."""
        if self.out is None:
            return
        for path in (self.out / run.recording, self.out.parent / run.recording, Path(run.path)):
            with contextlib.suppress(OSError):  # no such drive
                if path.is_file():
                    yield path

    def _address(self, run: Run) -> str | None:
        for path in self.files(run):
            with contextlib.suppress(ValueError):  # on another drive
                return quote(Path(os.path.relpath(path, self.out)).as_posix())
        return None


def expressions(site: Site, shares: Sequence[tuple[str, Estimate]]) -> dict[str, Chart | None]:
    """`shares` and `pie` of a page (Aly et al. 2023, Fig. 14); None where there is nothing to draw. There is
    no pie where shares are of different samples, read by classifiers with different labels: they are no parts
    of one whole."""
    if not shares or shares[0][1].suppressed:
        return {"shares": None, "pie": None}
    say = site.say
    one_whole = len({it.n for _, it in shares if it.n}) == 1
    return {
        "shares": Chart("shares", say("shares.chart"), classes.bars(shares, say)),
        "pie": Chart("pie", say("shares.pie"), classes.pie(shares, say)) if one_whole else None,
    }
