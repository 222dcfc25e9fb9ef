"""What all charts share: a bare figure, a clock as time axis, small numbers."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Figure = dict[str, Any]
MIDNIGHT_MS = 86_400_000
"""Times are drawn as a clock on the second day of 1970: on the first, plotly takes four digits for a year."""
ROW_PX = 22


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure with the name under which the page finds it."""

    id: str
    label: str
    """What a screen reader says instead of the drawing."""
    figure: Figure

    @property
    def height(self) -> int:
        """Height of the figure in pixels."""
        return int(self.figure["layout"]["height"])

    @property
    def json(self) -> str:
        """The figure as JSON, as plotly.js reads it."""
        return json.dumps(self.figure, separators=(",", ":"), ensure_ascii=False)


def label(text: str) -> str:
    """Text that plotly shows literally: it reads tags and entities in names and ticks."""
    return html.escape(text, quote=False)


def figure(traces: Sequence[dict[str, Any]], height: int, **layout: Any) -> Figure:
    """`layout`: what differs from the common look, which report.js brings to save bytes."""
    return {"data": list(traces), "layout": {"height": height} | layout}


def line(
    values: Iterable[float | None], x: dict[str, Any], name: str, color: str, **more: Any
) -> dict[str, Any]:
    """Shares, drawn as percents; null is a gap. What all lines share is in report.js."""
    meta = {"color": color} | more.pop("meta", {})
    return {"name": label(name), "y": percents(values), "meta": meta} | x | more


def percents(values: Iterable[float | None]) -> list[int | None]:
    """Shares -> whole percents, which are all that a chart can show and a third of the bytes."""
    return [None if value is None or value != value else round(value * 100) for value in values]


def steps(start_s: float, width_s: float) -> dict[str, float]:
    """x of values at equal steps: nothing but where they begin and how far apart they are."""
    return {"x0": MIDNIGHT_MS + round(start_s * 1000), "dx": round(width_s * 1000)}


def stamp(seconds: float) -> int:
    """A time of the lecture on the axis."""
    return MIDNIGHT_MS + round(seconds * 1000)


def clock_axis(start_s: float, end_s: float) -> dict[str, Any]:
    """Times; report.js writes them as h:mm:ss, at every zoom level."""
    return {"type": "date", "range": [stamp(start_s), stamp(max(end_s, start_s + 1.0))]}


def percent_axis() -> dict[str, Any]:
    """A little beyond both ends: a line at 0 % or 100 % would be cut in half. plotly also puts its unit
    behind `%{y}`, but behind no tick of a list of `tickvals`."""
    return {"range": [-3, 103], "tick0": 0, "dtick": 50, "ticksuffix": "\u00a0%", "fixedrange": True}
