"""Which pages a site has. To add a page: write a builder in a module of its own, register it here, add a
template. A builder gets the site and a course, and yields pages; the last one gets all courses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fertool.report.pages import course, handout, index, lecture, method, segment, student
from fertool.report.pages.site import Page, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fertool.report.data.course import Course

COURSE_PAGES: list[Callable[[Site, Course], Iterator[Page]]] = [
    course.build,
    lecture.build,
    segment.build,
    student.build,
    handout.build,
]
"""Called once per course."""
SITE_PAGES: list[Callable[[Site, Sequence[Course]], Iterator[Page]]] = [index.build, method.build]
"""Called once, at the end."""

__all__ = ["COURSE_PAGES", "SITE_PAGES", "Page", "Site"]
