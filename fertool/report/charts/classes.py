"""Charts of a class: over a lecture, over the lectures of a course, and what expressions there were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.report.charts import base
from fertool.report.charts.base import Figure
from fertool.report.style import color
from fertool.report.text import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.report.data.course import Course
    from fertool.report.data.digest import Digest, Estimate
    from fertool.report.i18n import Language

COLORS = {"presence": "heat-1", "engagement": "happy", "negative": "angry"}
DASHES = {"presence": "solid", "engagement": "dot", "negative": "dash"}
SYMBOLS = {"presence": "circle", "engagement": "diamond", "negative": "square"}
SPREAD_MS = 0.12
RIBBON = {"top": 1.16, "bottom": 1.04}


def timeline(digest: Digest, say: Language, start_s: float = 0.0, end_s: float | None = None) -> Figure:
    """The class over time: who is seen, happy or surprised, negative. Segments are a ribbon above it, lost
    moments a band behind it. Where a share is held back or not measurable, its line has a gap."""
    end = digest.duration_s if end_s is None else end_s
    rows, width = digest.over_time(start_s, end), digest.class_width_s
    kinds = ["presence", "engagement", "negative"] if digest.expressions else ["presence"]
    first = rows["start_s"][0] + width / 2 if len(rows) else 0.0
    traces = [
        base.line(
            rows[kind],
            base.steps(first, width),
            say.figure(kind, digest),
            COLORS[kind],
            line={"dash": DASHES[kind]},
        )
        for kind in kinds
    ]
    ribbon, titles = _ribbon(digest, start_s, end)
    return base.figure(
        traces,
        height=260,
        xaxis=base.clock_axis(start_s, end),
        yaxis=base.percent_axis(),
        shapes=[*ribbon, *_bands(digest)],
        annotations=titles,
        margin={"l": 48, "r": 12, "t": 36, "b": 34},
        hovermode="x unified",
    )


def _ribbon(digest: Digest, start_s: float, end_s: float) -> tuple[list[Any], list[Any]]:
    """Rectangles above the plot, and their numbers; report.js writes titles where there is room."""
    shapes, titles = [], []
    for number, one in enumerate(digest.segments, 1):
        left, right = max(one["start_s"], start_s), min(one["end_s"], end_s)
        if left >= right:
            continue
        x = {"x0": base.stamp(left), "x1": base.stamp(right)}
        y = {"y0": RIBBON["bottom"], "y1": RIBBON["top"], "yref": "paper"}
        shapes.append({"type": "rect", **x, **y, "line": {"width": 1}, "name": "segment"})
        titles.append(
            {
                "x": base.stamp((left + right) / 2),
                "y": (RIBBON["bottom"] + RIBBON["top"]) / 2,
                "yref": "paper",
                "yanchor": "middle",
                "showarrow": False,
                "text": str(number),
                "name": base.label(f"{number} {one['title']}"),
                "width": 1,
                "captureevents": False,
                "hovertext": base.label(one["title"]),
            }
        )
    return shapes, titles


def _bands(digest: Digest) -> list[Any]:
    return [
        {
            "type": "rect",
            "x0": base.stamp(one.start_s),
            "x1": base.stamp(one.end_s),
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "layer": "below",
            "line": {"width": 0},
            "name": "lost",
        }
        for one in digest.moments
    ]


def presence(digest: Digest, say: Language) -> Figure:
    """Students x time: the share of the samples of each bin at which a student was seen; empty where the
    student's recording has no sample."""
    names = digest.names
    share = (pl.col("present") * 100 / pl.col("samples")).round().cast(pl.Int16)
    columns = ["start_s", "share"]
    bins = digest.bins.with_columns(share=share)
    last = float(bins["start_s"].max() or 0)  # type: ignore[arg-type]
    count = round(last / digest.width_s) + 1
    rows = []
    for name in names:
        row: list[int | None] = [None] * count
        for start, value in bins.filter(student=name).select(columns).iter_rows():
            row[round(start / digest.width_s)] = value
        rows.append(row)
    heat = {
        "type": "heatmap",
        **base.steps(digest.width_s / 2, digest.width_s),
        "y": [base.label(name) for name in shorten(names)],
        "z": rows,
        "zmin": 0,
        "zmax": 100,
        "ygap": 2,
        "showscale": False,
        "hovertemplate": f"%{{y}}<br>%{{x}}: {say.figure('presence', digest)} %{{z}}\u00a0%<extra></extra>",
        "meta": {"heat": True},
    }
    axis = {
        "autorange": "reversed",
        "showgrid": False,
        "automargin": True,
        "type": "category",
        "fixedrange": True,
    }
    return base.figure(
        [heat],
        height=60 + base.ROW_PX * len(names),
        xaxis=base.clock_axis(0, digest.duration_s),
        yaxis=axis,
    )


def bars(shares: Sequence[tuple[str, Estimate]], say: Language) -> Figure:
    """How often each expression was the most probable one, with its interval over students, if it has one;
    and of how many samples, where a label was not looked for in all of them."""
    most = max(it.n for _, it in shares)
    names = [
        base.label(say.term("emotion", name)) + ("" if it.n in (0, most) else f" (n = {it.n})")
        for name, it in shares
    ]
    values = [(it.value or 0.0) * 100 for _, it in shares]
    ups = [((it.high if it.high is not None else it.value) or 0.0) * 100 for _, it in shares]
    downs = [((it.low if it.low is not None else it.value) or 0.0) * 100 for _, it in shares]
    texts = [say.share(it.value, it.low, it.high) for _, it in shares]
    bar = {
        "type": "bar",
        "orientation": "h",
        "x": [round(value, 2) for value in values],
        "y": names,
        "hoverinfo": "skip",
        "meta": {"bars": [color(name) for name, _ in shares], "color": "text"},
    }
    if any(it.low is not None for _, it in shares):
        bar["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [round(up - value, 2) for up, value in zip(ups, values, strict=True)],
            "arrayminus": [round(value - down, 2) for down, value in zip(downs, values, strict=True)],
            "thickness": 1.4,
            "width": 4,
        }
    room = max(1.0, *ups)
    # Beside the whiskers, not on them: a trace of text of its own.
    words = {
        "type": "scatter",
        "mode": "text",
        "x": [round(up + room * 0.03, 2) for up in ups],
        "y": names,
        "text": texts,
        "textposition": "middle right",
        "cliponaxis": False,
        "hoverinfo": "skip",
        "meta": {"color": "text"},
    }
    return base.figure(
        [bar, words],
        height=46 + 34 * len(names),
        # The words beside the longest whisker must fit on a phone, in German too.
        xaxis={"range": [0, room * 2.3], "showticklabels": False, "fixedrange": True, "showgrid": False},
        yaxis={"autorange": "reversed", "showgrid": False, "automargin": True, "fixedrange": True},
        margin={"l": 48, "r": 12, "t": 8, "b": 12},
        bargap=0.35,
    )


def pie(shares: Sequence[tuple[str, Estimate]], say: Language) -> Figure:
    """The same as parts of a whole (Aly et al. 2023, Fig. 14), each with its share; a slice too thin for its
    name has none."""
    names = [say.term("emotion", name) for name, _ in shares]
    values = [it.value or 0.0 for _, it in shares]
    slices = {
        "type": "pie",
        "labels": [base.label(name) for name in names],
        "values": [round(value, 4) for value in values],
        "text": [
            base.label(f"{name} {say.share(value)}") if value >= 0.04 else ""
            for name, value in zip(names, values, strict=True)
        ],
        "textinfo": "text",
        "textposition": "outside",
        "sort": False,
        "direction": "clockwise",
        "hovertemplate": "%{label} %{percent}<extra></extra>",
        "meta": {"bars": [color(name) for name, _ in shares]},
    }
    return base.figure([slices], height=46 + 34 * len(names), margin={"l": 60, "r": 60, "t": 32, "b": 32})


def trend(course: Course, say: Language) -> Figure:
    """Lecture by lecture: presence, happy or surprised, negative, with their intervals over students."""
    shown = [(i, one, one.figures()) for i, one in enumerate(course.lectures)]
    kinds = ["presence", "engagement", "negative"] if course.expressions else ["presence"]
    traces = []
    for place, kind in enumerate(kinds):
        points = [
            (i, it[kind])
            for i, one, it in shown
            if (kind != "presence" or course.adds_presence(one)) and kind in it and it[kind].value is not None
        ]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": say.figure(kind, course),
                # Side by side, so that whiskers do not hide one another.
                "x": [i + (place - (len(kinds) - 1) / 2) * SPREAD_MS for i, _ in points],
                "y": [round(it.value * 100, 1) for _, it in points],  # type: ignore[operator]
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [_beyond(it.high, it.value) for _, it in points],
                    "arrayminus": [_beyond(it.value, it.low) for _, it in points],
                    "thickness": 1.2,
                    "width": 3,
                },
                "line": {"width": 2, "dash": DASHES[kind]},
                "marker": {"size": 8, "symbol": SYMBOLS[kind]},
                "hovertemplate": f"{say.figure(kind, course)} %{{y:.0f}}\u00a0%<extra></extra>",
                "meta": {"color": COLORS[kind]},
            }
        )
    ticks = {
        "tickvals": list(range(len(course.lectures))),
        "ticktext": [base.label(name) for name in shorten([one.lecture for one in course.lectures])],
        "range": [-0.5, len(course.lectures) - 0.5],
        "showgrid": False,
        "fixedrange": True,
        "automargin": True,
    }
    return base.figure(traces, height=300, xaxis=ticks, yaxis=base.percent_axis())


def _beyond(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else round((high - low) * 100, 1)
