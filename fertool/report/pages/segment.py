"""The page of a segment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.report import shots
from fertool.report.charts import classes
from fertool.report.charts.base import Chart
from fertool.report.data.digest import overlap
from fertool.report.pages.lecture import heat
from fertool.report.pages.matrix import matrix
from fertool.report.pages.site import Page, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fertool.report.data.course import Course
    from fertool.report.data.digest import Digest, Estimate


def build(site: Site, course: Course) -> Iterator[Page]:
    """A page for each segment of each lecture."""
    for one in course.lectures:
        one = one.own or one
        grid = heat(one)
        for i, segment in enumerate(one.segments):
            yield _page(site, course, one, i, segment, grid)


def _page(
    site: Site, course: Course, one: Digest, i: int, segment: dict[str, Any], grid: dict[str, Any]
) -> Page:
    number, start, end = segment["segment"], segment["start_s"], segment["end_s"]
    series = one.over_time(start, end)
    drawn: dict[str, Chart | None] = {"timeline": None}
    if any(series["presence"].is_not_null()):
        figure = classes.timeline(one, site.say, start, end)
        drawn["timeline"] = Chart("timeline", site.say.of(one, "lecture.timeline.chart"), figure)
    said: dict[str | None, list[dict[str, Any]]] = {}
    for row in one.assessments:
        if row["segment"] == number:
            said.setdefault(row["student"], []).append(row)
    context = {
        "it": one,
        "course": course,
        "segment": segment,
        "before": one.segments[i - 1] if i else None,
        "after": one.segments[i + 1] if i + 1 < len(one.segments) else None,
        "film": site.film(one),
        "pictured": [
            span for span in shots.spans(one) if start <= span[0] < end and site.shot(one, *span) is not None
        ],
        "figures": (figures := one.figures(number)),
        "holds_back": _holds_back(figures, series, said.get(None, [])),
        "whole": one.figures(),
        "moments": [m for m in one.moments if overlap(segment, {"start_s": m.start_s, "end_s": m.end_s})],
        "cells": {name: cells[number] for name, cells in grid.items() if number in cells},
        "said_by": said,
        "everybody": matrix(
            (row for name, rows in said.items() if name is not None for row in rows), "student"
        ),
        "people": [(name, name) for name in one.names if name in said],
        "elsewhere": [
            place
            for place in course.about_point(segment["point"])
            if (place.digest.lecture, place.segment["segment"]) != (one.lecture, number)
        ],
        "series": series.to_dicts(),
        "charts": drawn,
    }
    path = site.segment_path(one.course, one.lecture, number)
    return Page(path, "segment.html", segment["title"] or str(number), context)


def _holds_back(figures: dict[str, Estimate], series: pl.DataFrame, said: list[dict[str, Any]]) -> bool:
    """Whether anything on the page is held back."""
    bins = series.select(pl.col("^.*:why$").is_not_null().any()).row(0)
    return any(one.suppressed for one in figures.values()) or any(bins) or any(r["suppressed"] for r in said)
