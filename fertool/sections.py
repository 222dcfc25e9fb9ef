"""Sections of a report by plugins: what they are given, and the parts they may consist of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from fertool.types import Message

PageKind = Literal["course", "lecture", "student"]


@dataclass(frozen=True, slots=True)
class Given:
    """What a section may look at: what the page it stands on may show.

    Figures of the class that are held back are null in `tables`, and `held_back` says why; so are expressions
    under the policy `behaviour`. Students have the labels that the page shows.
    """

    page: PageKind
    course: str
    lecture: str | None
    """None on the page of a course or student, which is about all its lectures."""
    student: str | None
    """Whose page it is: then every row with a student is about this one."""
    tables: Mapping[str, pl.DataFrame]
    """lectures, segments, students, assessments, shares: as `fertool report --format csv` writes them, in
    order of lectures. Any may be empty."""


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph of plain text; a `Message` can be said in other languages with its values."""

    text: str | Message


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as they are: numbers to the right, null as a dash."""

    title: str
    rows: pl.DataFrame
    headings: Mapping[str, str] = field(default_factory=dict)
    """Column -> what stands above it instead of its name, as it is. Names of lectures and people are data:
    one may be called as another column is."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns drawn over another one; the table behind it holds the same figures."""

    title: str
    rows: pl.DataFrame
    """In the order to be drawn in; null is a gap."""
    x: str
    """Column with text for the axis, each value once."""
    y: tuple[str, ...]
    """Columns of numbers, one to seven."""
    kind: Literal["bar", "line"] = "bar"
    share: bool = False
    """Whether the numbers are shares, 0..1, to be written as percentages."""


Part = Prose | Table | Chart
