"""The page of a lecture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fertool.report.charts import classes
from fertool.report.charts.base import Chart
from fertool.report.data import insights
from fertool.report.data.digest import ATTENTION, GOOD, LOST
from fertool.report.pages.site import Page, Site, expressions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fertool.report.data.course import Course
    from fertool.report.data.digest import Digest


def build(site: Site, course: Course) -> Iterator[Page]:
    """A page for each lecture of a course."""
    for i, one in enumerate(course.lectures):
        one = one.own or one
        context: dict[str, Any] = {
            "it": one,
            "course": course,
            "before": course.lectures[i - 1] if i else None,
            "after": course.lectures[i + 1] if i + 1 < len(course.lectures) else None,
            "film": site.film(one),
            "shots": site.shots.get((one.course, one.lecture)),
            "figures": one.figures(),
            "heat_cells": (grid := heat(one)),
            "quiet": _quiet(one, grid),
            "kinds": _kinds(one),
            "again": insights.again(one, one.of_student(one.alone)) if one.alone else [],
            "feedback": [(segment, insights.feedback(one, segment["segment"])) for segment in one.segments],
            "feedback_of": insights.feedback_of(one, one.alone) if one.alone else [],
            "said_rows": [row for row in one.by_student.get(None, []) if row["feeds"] not in (LOST, GOOD)],
            "series": one.class_bins.to_dicts(),
            "charts": _charts(site, one),
        }
        yield Page(site.lecture_path(one.course, one.lecture), "lecture.html", one.lecture, context)


def heat(one: Digest) -> dict[str, dict[int | None, dict[str, Any]]]:
    """Student -> segment (None: the lecture) -> counts and shares of the cell, and the rules that said
    `attention` there."""
    flags: dict[tuple[str | None, int | None], list[str]] = {}
    for row in one.assessments:
        if row["level"] == ATTENTION and row["student"] is not None:
            flags.setdefault((row["student"], row["segment"]), []).append(row["rule"])
    grid: dict[str, dict[int | None, dict[str, Any]]] = {name: {} for name in one.names}
    for row in one.cells.to_dicts():
        shares = {
            "lost": (row["lost"], row["known"]),
            "presence": (row["present"], row["samples"]),
            "engagement": (row["positive"], row["measured"]),
            "negative": (row["negative"], row["measured"]),
        }
        key = (row["student"], row["segment"])
        grid[row["student"]][row["segment"]] = row | {
            "shares": shares,
            "flags": sorted(set(flags.get(key, []))),
        }
    return grid


def _kinds(one: Digest) -> list[str]:
    """Which heat maps there are; where nobody's absence is measured, nothing is known of who was lost."""
    lost = [] if one.one_at_a_time else ["lost"]
    return [*lost, "presence", *(["engagement", "negative"] if one.expressions else [])]


def _quiet(one: Digest, grid: dict[str, Any]) -> list[str]:
    """Students with assessments, none of which asks for attention."""
    flagged = {name for name, cells in grid.items() if any(cell["flags"] for cell in cells.values())}
    return [name for name in one.names if name not in flagged and one.of_student(name)]


def _charts(site: Site, one: Digest) -> dict[str, Chart | None]:
    say = site.say
    drawn = {"timeline": None, "presence": None, **expressions(site, one.shares)}
    if not one.names:
        return drawn
    if any(one.class_bins["presence"].is_not_null()):
        drawn["timeline"] = Chart(
            "timeline", say.of(one, "lecture.timeline.chart"), classes.timeline(one, say)
        )
    drawn["presence"] = Chart("presence", say.of(one, "lecture.presence.chart"), classes.presence(one, say))
    return drawn
