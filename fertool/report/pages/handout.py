"""The handout of a student: one file, about that student alone.

No comparison with others, no link to anything, nothing to run: drawings are in the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fertool.report.data import insights
from fertool.report.data.digest import PREFERRED
from fertool.report.drawing import distribution, in_order, sketch
from fertool.report.pages.site import Page, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fertool.report.data.course import Course


def build(site: Site, course: Course) -> Iterator[Page]:
    """A handout for each student of a course."""
    alone = _alone(site)
    for name in course.students:
        lectures = insights.own(course, name)
        said_of = {
            own.digest.lecture: [row for row in own.digest.of_student(name) if row["rule"] in alone]
            for own in lectures
        }
        shares = dict(course.shares_of(name))
        shown = [(label, shares[label]) for label in in_order(list(shares))]
        context: dict[str, Any] = {
            "it": course,
            "student": name,
            "style": site.style,
            "there": course.attendance(name),
            "lectures": lectures,
            "usual": insights.usual(course, name),
            "least": insights.USUAL,
            "sketches": {own.digest.lecture: sketch(own.digest, name, site.say) for own in lectures},
            "shares": shown,
            "distribution": distribution(shown, site.say),
            "said_of": said_of,
            "advice": {
                own.digest.lecture: insights.advice(own.digest, name, said_of[own.digest.lecture])
                for own in lectures
            },
            "again": {
                own.digest.lecture: insights.again(own.digest, said_of[own.digest.lecture])
                for own in lectures
            },
            "wide": [
                row
                for row in course.about.assessments
                if row["student"] == name and row["rule"] in alone and row["level"] == PREFERRED
            ],
        }
        yield Page(site.handout_path(course.course, name), "handout.html", name, context)


def _alone(site: Site) -> set[str]:
    """Rules that look at one student alone. One that is not installed here may compare: it is left out."""
    found = site.registry.of_kind("rule") if site.registry else []
    return {rule.plugin.name for rule in found if getattr(rule.plugin, "subject", "class") == "student"}
