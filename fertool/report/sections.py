"""Sections of plugins: called, validated, and prepared for `templates/section.html`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from fertool.contracts import Section
from fertool.errors import FertoolError
from fertool.host import guard, options, validate
from fertool.report.charts import base
from fertool.report.charts.base import Chart, Figure, label
from fertool.sections import Chart as Wanted
from fertool.sections import Given, Prose, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from fertool.host.registry import Registry
    from fertool.report.exports.tables import Tables
    from fertool.report.i18n import Language
    from fertool.sections import PageKind, Part

    Words = Mapping[str, Mapping[str, str]]

COLORS = ("heat-1", "happy", "angry", "sad", "surprise", "fear", "neutral")
"""Names of the stylesheet's colors, for one column after another; dashes tell lines apart without them."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
HEIGHT = 260


@dataclass(frozen=True, slots=True)
class Shown:
    """One section of one page."""

    id: str
    title: Markup
    parts: tuple[dict[str, Any], ...] = ()
    trouble: str = ""
    """Why there is nothing in it."""


@dataclass
class Sections:
    """Every section plugin, with the tables of the course whose pages are being written."""

    made: list[Section] = field(default_factory=list)
    tables: Tables = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Section -> what went wrong with it first."""

    @classmethod
    def of(cls, registry: Registry, given: Mapping[str, Mapping[str, Any]]) -> Sections:
        """Those that can run here, with their options: plugin -> option -> value."""
        made = [
            options.build(found.plugin, given.get(found.plugin.name, {}))
            for found in registry.of_kind("section")
        ]
        return cls([one for one in made if isinstance(one, Section) and not guard.available(one)])

    def show(
        self,
        say: Language,
        page: PageKind,
        course: str,
        lecture: str | None = None,
        student: str | None = None,
    ) -> list[Shown]:
        """What stands on one page, in order of registration. A section that fails says so in its place."""
        wanted = [one for one in self.made if page in one.pages]
        if not wanted:
            return []
        given = Given(page, course, lecture, student, about(self.tables, lecture, student))
        shown = [self._show(one, given, say) for one in wanted]
        return [one for one in shown if one is not None]

    def _show(self, section: Section, given: Given, say: Language) -> Shown | None:
        name = f"section-{section.name}"
        try:
            parts = validate.build(section, given)
        except FertoolError as error:
            self.failures.setdefault(section.name, str(error))
            return Shown(name, say.phrase(section.words, section.title), trouble=str(error))
        ready = (_ready(f"{name}-{i}", part, say, section.words) for i, part in enumerate(parts))
        return Shown(name, say.phrase(section.words, section.title), tuple(ready)) if parts else None


def about(tables: Tables, lecture: str | None, student: str | None) -> Tables:
    """Rows of one lecture, or of one student: nobody is compared with others on his own page."""
    import polars as pl

    def fits(rows: pl.DataFrame) -> pl.DataFrame:
        if lecture is not None:
            rows = rows.filter(pl.col("lecture") == lecture)
        if student is not None and "student" in rows.columns:
            rows = rows.filter(pl.col("student") == student)
        return rows

    return {name: fits(rows) for name, rows in tables.items()}


def _ready(name: str, part: Part, say: Language, words: Words) -> dict[str, Any]:
    """Plain values for the template, in the words that the section brings."""
    if isinstance(part, Prose):
        return {"text": say.phrase(words, part.text)}
    title = say.phrase(words, part.title)
    share = part.y if isinstance(part, Wanted) and part.share else ()
    data = part.headings if isinstance(part, Table) else {}
    columns = [
        (Markup.escape(data[name]) if name in data else _heading(name, say, words), kind.is_numeric())
        for name, kind in part.rows.schema.items()
    ]
    rows = [
        [_cell(value, say, share=column in share) for column, value in row.items()]
        for row in part.rows.iter_rows(named=True)
    ]
    ready: dict[str, Any] = {"title": title, "columns": columns, "rows": rows}
    if isinstance(part, Wanted) and rows:
        ready["chart"] = Chart(name, title.striptags(), draw(part, words.get(say.code, {})))
    return ready


def _heading(column: str, say: Language, words: Words) -> Markup:
    """A column's name, in the words of the section where it has any for it."""
    return say.phrase(words, column) if column in words.get(say.code, {}) else Markup.escape(column)


def _cell(value: Any, say: Language, *, share: bool) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if share:
        return str(say.share(value))
    return str(say.number(value)) if isinstance(value, float) else str(value)


def draw(part: Wanted, words: Mapping[str, str]) -> Figure:
    """Bars or lines; names of people stay text. `words`: of columns, in the language of the page."""
    x = [label(str(value)) for value in part.rows[part.x]]
    traces = [
        _trace(part, column, x, number) | {"name": label(words.get(column, column))}
        for number, column in enumerate(part.y)
    ]
    axis = base.percent_axis() if part.share else {"rangemode": "tozero", "fixedrange": True}
    return base.figure(
        traces,
        HEIGHT,
        xaxis={"type": "category", "fixedrange": True, "showgrid": False, "automargin": True},
        yaxis=axis,
        showlegend=len(part.y) > 1,
        legend={"orientation": "h", "y": 1.15},
        margin={"l": 48, "r": 12, "t": 30 if len(part.y) > 1 else 8, "b": 34},
    )


def _trace(part: Wanted, column: str, x: list[str], number: int) -> dict[str, Any]:
    values = part.rows[column].to_list()
    y = base.percents(values) if part.share else [_finite(value) for value in values]
    trace = {"x": x, "y": y, "meta": {"color": COLORS[number]}}
    if part.kind == "bar":
        return {"type": "bar"} | trace
    line = {"width": 2, "dash": DASHES[number]}
    return {"type": "scatter", "mode": "lines+markers", "connectgaps": False, "line": line} | trace


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
