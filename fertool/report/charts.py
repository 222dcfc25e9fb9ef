"""Polars -> plotly figures. Colours are not set here: `static/report.css` names them once, for light and
dark, and `static/report.js` puts them in. A trace says by `meta` what it shows.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import polars as pl

from fertool.report import series
from fertool.report.text import count, percent, shorten
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.report.data import Lecture

DASHES = dict(zip(EMOTIONS, ("solid", "dash", "dot", "solid", "dash", "dot", "solid"), strict=True))
"""A second cue beside colour: of colours that could be mixed up, no two share a dash."""
RAW_BUCKETS, SMOOTH_BUCKETS, RIBBON_BINS = 150, 80, 240
ROW_PX = 22
MIDNIGHT_MS = 86_400_000
"""Times are drawn as a clock on the second day of 1970: on the first, plotly takes four digits for a year."""


def label(text: str) -> str:
    """Text that plotly shows literally: it reads tags and entities in names and ticks."""
    return html.escape(text, quote=False)


def shares(lecture: Lecture) -> go.Figure:
    """How often each expression was the most probable, over all students; bars in canonical order."""
    table = lecture.shares
    names = [label(name) for name in table["label"]]
    texts = [f"{percent(row['share'])} (n = {count(row['n'])})" for row in table.iter_rows(named=True)]
    bar = go.Bar(
        x=table["share"].fill_null(0).to_numpy(),
        y=names,
        orientation="h",
        text=texts,
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
        meta={"bars": table["label"].to_list()},
    )
    top = max(0.01, float(table["share"].fill_null(0).max() or 0))  # type: ignore[arg-type]
    figure = _figure([bar], height=46 + 34 * len(names))
    # Room for the text behind the longest bar on a narrow screen; the text makes tick labels superfluous.
    figure.update_xaxes(range=[0, 2 * top], showticklabels=False, fixedrange=True, showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True, fixedrange=True)
    return figure


def presence(lecture: Lecture) -> go.Figure:
    """Students x time: the share of the samples of each moment at which a student was seen.

    Empty where a student's recording has no sample.
    """
    width = series.bin_width(lecture.duration_s, RIBBON_BINS)
    names = lecture.students["student"].to_list()
    bins = series.binned(lecture.seen, width).with_columns(share=pl.col("present") / pl.col("samples"))
    wide = bins.pivot("start_s", index="student", values="share", sort_columns=False)
    starts = sorted((name for name in wide.columns if name != "student"), key=float)
    order = pl.DataFrame({"student": names}, schema={"student": pl.String()})
    grid = order.join(wide, on="student", how="left").select(starts).to_numpy()
    heat = go.Heatmap(
        x=_stamps(pl.Series([float(start) + width / 2 for start in starts], dtype=pl.Float64)),
        y=[label(name) for name in shorten(names)],
        z=grid.astype("float32"),
        zmin=0,
        zmax=1,
        ygap=2,
        showscale=False,
        hovertemplate="%{y}<br>%{x}: seen in %{z:.0%} of the samples<extra></extra>",
        meta={"heat": True},
    )
    figure = _figure([heat], height=60 + ROW_PX * len(names))
    _time_axis(figure, lecture.duration_s)
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True, type="category")
    return figure


def emotions(lecture: Lecture, student: str) -> go.Figure:
    """One student's seven probabilities over time: smoothed, with the samples as they were behind.

    A line breaks where less than half of its window could be measured.
    """
    rows = lecture.student(student)
    window = series.smoothing_window(lecture.duration_s, lecture.period_s)
    smooth = series.smooth(rows, EMOTIONS, window)
    raw = [_line(series.thin(rows, name, RAW_BUCKETS), name, raw=True) for name in EMOTIONS]
    mean = [_line(series.thin(smooth, name, SMOOTH_BUCKETS), name, raw=False) for name in EMOTIONS]
    figure = _figure([*raw, *mean], height=190)
    _time_axis(figure, lecture.duration_s)
    # A little beyond both ends: a line at 0 % or 100 % would be cut in half.
    figure.update_yaxes(range=[-0.03, 1.03], tickvals=[0, 0.5, 1], tickformat=".0%", fixedrange=True)
    return figure


def _line(rows: pl.DataFrame, name: str, *, raw: bool) -> go.Scatter:
    look = (
        {"opacity": 0.28, "line": {"width": 0.8}, "hoverinfo": "skip"}
        if raw
        else {
            "line": {"width": 2, "dash": DASHES[name]},
            "hovertemplate": f"{name} %{{y:.0%}}<extra></extra>",
        }
    )
    return go.Scatter(
        x=_stamps(rows["time_s"]),
        y=rows[name].cast(pl.Float32).to_numpy(),
        mode="lines",
        name=name,
        connectgaps=False,
        meta={"emotion": name, "raw": raw},
        **look,
    )


def _stamps(times: pl.Series) -> Any:
    """Seconds -> int32 milliseconds, which a date axis shows as a clock, at every zoom level."""
    return (MIDNIGHT_MS + (times * 1000).round(0)).cast(pl.Int32).to_numpy()


def _time_axis(figure: go.Figure, duration_s: float) -> None:
    span = [MIDNIGHT_MS, MIDNIGHT_MS + round(max(duration_s, 1.0) * 1000)]
    figure.update_xaxes(
        type="date", tickformat="%-H:%M:%S", hoverformat="%-H:%M:%S", range=span, tickangle=0, showgrid=False
    )


def _figure(traces: Sequence[Any], height: int) -> go.Figure:
    """Bare: no template (it weighs 6 kB a chart), transparent, the page's own font."""
    layout = {
        "template": {},
        "height": height,
        "margin": {"l": 48, "r": 12, "t": 8, "b": 34},
        "showlegend": False,
        "hovermode": "closest",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }
    return go.Figure(list(traces), layout=layout)
