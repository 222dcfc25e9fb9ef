"""The page of a course: where the class was lost, who needs help, what to do next week; then the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fertool.report.charts import classes
from fertool.report.charts.base import Chart
from fertool.report.data import insights
from fertool.report.pages.site import Page, Site, expressions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fertool.report.data.course import Course
    from fertool.report.data.digest import Digest


def build(site: Site, course: Course) -> Iterator[Page]:
    """The page of a course."""
    found = insights.concerns(course)
    context: dict[str, Any] = {
        "it": course,
        "lost": insights.lost_places(course),
        "again": _again(course),
        "places": course.places,
        "concerns": found,
        "steps": insights.next_steps(course),
        "told": insights.TOLD,
        "least": insights.USUAL,
        "flagged": insights.FLAGGED,
        "charts": _charts(site, course),
        "people": _people(course, found),
        "elsewhere": insights.lost_elsewhere(course),
        "good": insights.good_places(course),
        "silences": insights.silences(course),
    }
    yield Page(site.course_path(course.course), "course.html", course.course, context)


def _again(course: Course) -> list[tuple[Digest, insights.Again]]:
    """Of the only student, the newest lecture first: what the class's lost moments are where there is one."""
    if course.alone is None:
        return []
    lectures = reversed(course.lectures)
    return [(one, it) for one in lectures for it in insights.again(one, one.of_student(course.alone))]


def _people(course: Course, found: list[insights.Concern]) -> list[dict[str, Any]]:
    """Everybody: who needs attention first, then by name, then who was never seen."""
    concerns = {one.student: one for one in found}
    seen = [*concerns, *(name for name in course.students if name not in concerns)]
    return [
        {"there": course.attendance(name), "concern": concerns.get(name)}
        for name in (*seen, *course.never_seen)
    ]


def _charts(site: Site, course: Course) -> dict[str, Chart | None]:
    say = site.say
    drawn: dict[str, Chart | None] = {"trend": None, **expressions(site, course.shares)}
    shown = [one for one in course.lectures if one.figures()["presence"].value is not None]
    if len(shown) > 1:  # the points of one lecture are no line
        drawn["trend"] = Chart("trend", say.of(course, "course.trend.chart"), classes.trend(course, say))
    return drawn
