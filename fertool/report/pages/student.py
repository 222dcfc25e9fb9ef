"""The page of a student: all lectures of the course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.report import series
from fertool.report.charts import people
from fertool.report.charts.base import Chart
from fertool.report.data import confidence, insights
from fertool.report.pages.matrix import columns, matrix
from fertool.report.pages.site import Page, Site, expressions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fertool.report.data.course import Course
    from fertool.report.data.digest import Digest

TABLE_BINS = 10
"""Rows of the table behind a chart over time."""


def build(site: Site, course: Course) -> Iterator[Page]:
    """A page for each student of a course."""
    concerns = {one.student: one for one in insights.concerns(course)}
    for name in course.students:
        lectures, usual = insights.own(course, name), insights.usual(course, name)
        context: dict[str, Any] = {
            "it": course,
            "student": name,
            "there": course.attendance(name),
            "lectures": lectures,
            "matrix": matrix,
            "columns": {own.digest.lecture: columns(site.say, own.digest) for own in lectures},
            "usual": usual,
            "known": [measure for measure, share in usual.items() if share is not None],
            "concern": concerns.get(name),
            "wide": [row for row in course.about.assessments if row["student"] == name],
            "films": {one.digest.lecture: site.film(one.digest) for one in lectures},
            "least": insights.USUAL,
            "confidence": confidence.FROM,
            "trend": _trend(site, course, lectures, usual),
            "points": insights.by_point(course, name),
            "shares": (shares := course.shares_of(name)),
            "drawn": expressions(site, shares),
            "feedback": {own.digest.lecture: insights.feedback_of(own.digest, name) for own in lectures},
            "charts": {
                own.digest.lecture: _charts(site, own.digest, name, i) for i, own in enumerate(lectures)
            },
            "bins": {own.digest.lecture: table(own.digest, name) for own in lectures},
        }
        yield Page(site.student_path(course.course, name), "student.html", name, context)


def _trend(
    site: Site, course: Course, lectures: list[insights.Own], usual: dict[str, float | None]
) -> Chart | None:
    if len(lectures) < 2:  # the points of one lecture are no line
        return None
    label = site.say.of(course, "one_student.trend.chart")
    return Chart("trend", label, people.trend(course, lectures, usual, site.say))


def _charts(site: Site, one: Digest, name: str, i: int) -> dict[str, Chart | None]:
    say = site.say
    label = say.of(one, "one_student.pose.chart", lecture=one.lecture)
    drawn: dict[str, Chart | None] = {
        "pose": Chart(f"pose-{i}", label, people.pose(one, name, say)),
        "emotions": None,
    }
    if one.series[name]["measured"].sum():
        label = say("one_student.emotions.chart", lecture=one.lecture)
        drawn["emotions"] = Chart(f"emotions-{i}", label, people.emotions(one, name, say))
    return drawn


def table(one: Digest, name: str) -> list[dict[str, Any]]:
    """The bins of a student merged into at most `TABLE_BINS`, weighted by what was measured."""
    wanted = series.bin_width(one.duration_s, TABLE_BINS)
    width = -(-wanted // one.width_s) * one.width_s  # whole bins
    means = [
        pl.when(pl.col(f"n:{label}").sum() > 0)
        .then((pl.col(f"mean:{label}") * pl.col(f"n:{label}")).sum() / pl.col(f"n:{label}").sum())
        .alias(f"mean:{label}")
        for label in one.labels
    ]
    poses = [pl.col(p).mean() for p in series.POSE]
    counts = [pl.col(name).sum() for name in ("samples", "present", "measured")]
    rows = (
        one.series[name].group_by(start_s=(pl.col("start_s") // width) * width).agg(*means, *poses, *counts)
    )
    return rows.sort("start_s").to_dicts()
