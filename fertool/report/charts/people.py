"""Charts of one student."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.report import series
from fertool.report.charts import base
from fertool.report.charts.base import Figure
from fertool.report.charts.classes import COLORS, SYMBOLS
from fertool.report.charts.classes import DASHES as KIND_DASHES
from fertool.report.data import confidence
from fertool.report.style import color
from fertool.report.text import shorten
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.report.data.course import Course
    from fertool.report.data.digest import Digest
    from fertool.report.data.insights import Own
    from fertool.report.i18n import Language

DASHES = dict(zip(EMOTIONS, ("solid", "dash", "dot", "solid", "dash", "dot", "solid"), strict=True))
"""A second cue beside color: of colors that could be mixed up, no two share a dash."""
FURTHER_DASH = "dashdot"
"""Of labels beyond the seven."""

LEAST_DEG = 30
"""An axis of head poses reaches this far at least: noise of a few degrees must not look like nodding."""


def emotions(digest: Digest, student: str, say: Language) -> Figure:
    """The probability of each label over time (after Tuyakov et al. 2022, Fig. 13): smoothed, with the lowest
    and highest sample of each bin behind them, which keeps every peak.

    A line breaks where less than half of three bins could be measured; a label that was never looked for in
    this student's face has none. `layout.meta`: words of `confidence`, each with its least percentage, the
    highest first; report.js puts them behind the percentage of the highest line at each time.
    """
    bins, width = digest.series[student], digest.width_s
    labels = [name for name in digest.labels if bins[f"n:{name}"].sum()]
    lows, highs = ([f"{end}:{name}" for name in labels] for end in ("low", "high"))
    raw = series.on_grid(bins, width, [*lows, *highs])
    mean = series.on_grid(series.smooth(bins, labels), width, labels)
    first = float(bins["start_s"][0])
    traces = [
        base.line(
            _woven(raw[f"low:{name}"], raw[f"high:{name}"]),
            base.steps(first + width / 4, width / 2),
            say.term("emotion", name),
            color(name),
            meta={"emotion": name, "raw": True},
        )
        for name in labels
    ]
    traces += [
        base.line(
            mean[name],
            base.steps(first + width / 2, width),
            say.term("emotion", name),
            color(name),
            line={"dash": DASHES.get(name, FURTHER_DASH)},
            meta={"emotion": name},
        )
        for name in labels
    ]
    words = [
        [round(100 * least), str(say(f"confidence.{level}"))] for level, least in confidence.FROM.items()
    ]
    return base.figure(
        traces,
        height=200,
        xaxis=base.clock_axis(0, digest.duration_s),
        yaxis=base.percent_axis(),
        meta=words,
    )


def pose(digest: Digest, student: str, say: Language) -> Figure:
    """Yaw and pitch, and above them when the student was seen."""
    bins, width = digest.series[student], digest.width_s
    bins = bins.with_columns(seen=pl.col("present") / pl.col("samples"))
    rows = series.on_grid(bins, width, ["seen", "yaw_deg", "pitch_deg"])
    x = base.steps(float(bins["start_s"][0]) + width / 2, width)
    lines: list[dict[str, Any]] = [
        {
            "name": str(say(f"pose.{name}")),
            "y": [None if value is None else round(value) for value in rows[f"{name}_deg"]],
            **x,
            "line": {"dash": dash},
            "meta": {"color": color},
        }
        for name, dash, color in (("pitch", "solid", "heat-1"), ("yaw", "dot", "quiet"))
    ]
    angles = [abs(value) for it in lines for value in it["y"] if value is not None]
    span = [-max([LEAST_DEG, *angles]) - 2, max([LEAST_DEG, *angles]) + 2]
    ribbon = {
        "type": "heatmap",
        **x,
        "y": [""],
        "z": [base.percents(rows["seen"])],
        "zmin": 0,
        "zmax": 100,
        "showscale": False,
        "yaxis": "y2",
        "hovertemplate": f"%{{x}}: {say.figure('presence', digest)} %{{z}}\u00a0%<extra></extra>",
        "meta": {"heat": True},
    }
    return base.figure(
        [*lines, ribbon],
        height=170,
        xaxis=base.clock_axis(0, digest.duration_s) | {"anchor": "y"},
        yaxis={"domain": [0, 0.82], "ticksuffix": "°", "nticks": 4, "range": span, "fixedrange": True},
        yaxis2={"domain": [0.88, 1], "type": "category", "showticklabels": False, "fixedrange": True},
    )


def trend(course: Course, lectures: Sequence[Own], usual: dict[str, float | None], say: Language) -> Figure:
    """Lecture by lecture, with intervals over time; thin lines: what is usual for the student."""
    traces: list[dict[str, Any]] = []
    shapes = []
    for kind in COLORS:
        points = [
            (i, it.shares[kind])
            for i, it in enumerate(lectures)
            if (kind != "presence" or course.adds_presence(it.digest)) and it.shares[kind][0] is not None
        ]
        if not points:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": str(say.figure(kind, course)),
                "x": [i for i, _ in points],
                "y": base.percents(share[0] for _, share in points),
                "line": {"width": 2, "dash": KIND_DASHES[kind]},
                "marker": {"size": 8, "symbol": SYMBOLS[kind]},
                "hovertemplate": f"{say.figure(kind, course)} %{{y}}<extra></extra>",
                "meta": {"color": COLORS[kind]},
            }
        )
        if usual[kind] is not None:
            y = usual[kind] * 100  # type: ignore[operator]
            ends = {"x0": -0.5, "x1": len(lectures) - 0.5, "y0": y, "y1": y}
            shapes.append({"type": "line", **ends, "line": {"width": 1, "dash": "dot"}, "name": COLORS[kind]})
    ticks = {
        "tickvals": list(range(len(lectures))),
        "ticktext": [base.label(name) for name in shorten([it.digest.lecture for it in lectures])],
        "range": [-0.5, len(lectures) - 0.5],
        "showgrid": False,
        "fixedrange": True,
        "automargin": True,
    }
    return base.figure(traces, height=260, xaxis=ticks, yaxis=base.percent_axis(), shapes=shapes)


def _woven(lows: pl.Series, highs: pl.Series) -> list[float | None]:
    """low, high, low, high, ...: a line that covers all that was measured in a bin."""
    return [value for pair in zip(lows, highs, strict=True) for value in pair]
