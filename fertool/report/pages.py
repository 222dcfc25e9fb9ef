"""Which pages a site has. To add a page: write a builder, register it, add a template."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.report import charts, groups, series
from fertool.report.text import natural, slugs
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import plotly.graph_objects as go

    from fertool.report.data import Lecture, Summary

TABLE_BINS = 30
"""Rows of the data table behind a chart over time."""


@dataclass(frozen=True, slots=True)
class Page:
    """One HTML file to be."""

    path: str
    """Relative to the site, with `/`; made of slugs only."""
    template: str
    title: str
    context: dict[str, Any] = field(default_factory=dict)


class Site:
    """What every page may link to: the file of each lecture in the report."""

    def __init__(self, lectures: Iterable[tuple[str, str]]) -> None:
        self.lectures = sorted(lectures, key=lambda pair: [natural(name) for name in pair])
        self._courses = slugs(course for course, _ in self.lectures)
        self._lectures = slugs(lecture for _, lecture in self.lectures)

    def lecture_path(self, course: str, lecture: str) -> str:
        """Slugs have no dot, so two pairs never share a path."""
        return f"lectures/{self._courses[course]}.{self._lectures[lecture]}.html"


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure with the name under which the page finds it."""

    id: str
    label: str
    """What a screen reader says instead of the drawing."""
    figure: go.Figure


def lecture_page(site: Site, lecture: Lecture) -> Iterator[Page]:
    """The page of one lecture, from whatever of it could be measured."""
    context: dict[str, Any] = {
        "it": lecture,
        "summary": lecture.summary,
        "students": lecture.students.to_dicts(),
        "labels": lecture.labels,
        "emotions": EMOTIONS,
        "rules": _rules(lecture),
        "charts": {},
        "panels": [],
    }
    if lecture.students.height:
        context |= _over_time(lecture)
    yield Page(site.lecture_path(lecture.course, lecture.lecture), "lecture.html", lecture.lecture, context)


def index_page(site: Site, summaries: Iterable[Summary]) -> Iterator[Page]:
    """Courses and their lectures."""
    courses: dict[str, list[tuple[str, Summary]]] = defaultdict(list)
    for summary in summaries:
        path = site.lecture_path(summary.course, summary.lecture)
        courses[summary.course].append((path, summary))
    yield Page("index.html", "index.html", "Lectures", {"courses": dict(courses)})


LECTURE_PAGES: list[Callable[[Site, Lecture], Iterator[Page]]] = [lecture_page]
"""Called once per lecture, with its tables."""
SITE_PAGES: list[Callable[[Site, list[Summary]], Iterator[Page]]] = [index_page]
"""Called once, at the end, with the summaries of all lectures."""


def _over_time(lecture: Lecture) -> dict[str, Any]:
    width = series.bin_width(lecture.duration_s, TABLE_BINS)
    means = EMOTIONS if lecture.expressions else ()
    bins = series.binned(lecture.seen, width, means).partition_by("student", as_dict=True)
    names = lecture.students["student"].to_list()
    rows = {name: bins[(name,)].to_dicts() for name in names}
    drawn = {"presence": Chart("presence", "Students by time: when each was seen", charts.presence(lecture))}
    panels = []
    if lecture.expressions:
        drawn["shares"] = Chart("shares", "Share of each expression", charts.shares(lecture))
        panels = [
            Chart(f"student-{i}", f"Expressions of {name} over time", charts.emotions(lecture, name))
            for i, name in enumerate(names, 1)
        ]
    starts = sorted({row["start_s"] for name in names for row in rows[name]})
    ribbon = {name: {row["start_s"]: row for row in rows[name]} for name in names}
    window = series.smoothing_window(lecture.duration_s, lecture.period_s) * lecture.period_s
    return {
        "charts": drawn,
        "panels": list(zip(names, panels, strict=True)) if panels else [],
        "bins": rows,
        "ribbon": ribbon,
        "starts": starts,
        "bin_s": width,
        "window_s": window,
    }


def _rules(lecture: Lecture) -> dict[str, list[dict[str, Any]]]:
    """Rule -> its assessments, each with the title of its segment and whether it is hidden."""
    titles = dict(zip(lecture.segments["segment"], lecture.segments["title"], strict=True))
    title = pl.col("segment").replace_strict(titles, default=None, return_dtype=pl.String)
    rules: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in lecture.assessments.with_columns(title=title).iter_rows(named=True):
        rules[row["rule"]].append(row)
    return {rule: groups.mark(lecture, rows) for rule, rows in rules.items()}
