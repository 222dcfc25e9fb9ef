"""The first page of a report on several courses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fertool.report.data import insights
from fertool.report.pages.site import Page, Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fertool.report.data.course import Course


def build(site: Site, courses: Sequence[Course]) -> Iterator[Page]:
    """The first page, where there are several courses; else nothing: the course is the first page."""
    if len(courses) > 1:
        found = [
            {
                "it": course,
                "lost": insights.lost_places(course),
                "silences": insights.silences(course),
                "concerns": insights.concerns(course),
            }
            for course in courses
        ]
        context = {"courses": found, "told": insights.TOLD}
        yield Page("index.html", "index.html", site.say("index.title"), context)
