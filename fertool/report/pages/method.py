"""The page of methods: how the figures came about, enough to repeat them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fertool.report.data import confidence, insights, method
from fertool.report.pages.site import Page, Site
from fertool.report.text import plugin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fertool.report.data.course import Course


def build(site: Site, courses: Sequence[Course]) -> Iterator[Page]:
    """The page of methods, one for all courses."""
    rules = {
        (row["rule"], row["version"], row["options"]): row for course in courses for row in course.about.rules
    }
    context: dict[str, Any] = {
        "courses": courses,
        "rules": [method.formula(site.registry, row) for _, row in sorted(rules.items())],
        "cards": method.cards(
            site.registry, [run for c in courses for one in c.lectures for run in one.runs]
        ),
        "detectors": method.detectors(site.registry, courses),
        "mixed": method.mixed(courses),
        "setups": method.setups(courses),
        "k": site.k,
        "confidence": confidence.FROM if any(course.expressions for course in courses) else None,
        "points": round(100 * insights.CHANGE),
        "flagged": insights.FLAGGED,
        "recent": insights.RECENT,
        "policies": sorted({policy for course in courses for policy in course.policies}),
        "consent": sorted({_consent(run.config) for c in courses for one in c.lectures for run in one.runs}),
    }
    yield Page("method.html", "method.html", site.say("method.title"), context)


def _consent(config: Mapping[str, Any]) -> str:
    return str(plugin(config, "consent").get("mode") or "off")
