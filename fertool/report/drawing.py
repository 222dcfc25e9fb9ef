"""Small drawings as SVG, for pages that run no script. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from fertool.report import series
from fertool.report.charts.base import on_grid, percents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.report.data.digest import Digest
    from fertool.report.language import Language

WIDTH, HEIGHT, SEEN = 720, 120, 10
STEP = 2
"""Every other bin: means over three bins hardly change from one to the next."""
LEAST = 0.1
"""An expression that is never more probable than this is not drawn."""
SHOWN = ("happy", "surprise", "sad", "angry", "fear", "disgust", "neutral")


def sketch(digest: Digest, student: str, say: Language) -> Markup:
    """A student's expressions over a lecture, smoothed, above a strip that says when the student was seen."""
    bins = digest.series[student]
    read = digest.expressions and bins["measured"].sum() > 0
    height = HEIGHT if read else 0
    parts = [_strip(bins["start_s"], bins["present"] / bins["samples"], digest, height)]
    if read:
        smooth = on_grid(series.smooth(bins), digest.width_s, SHOWN)
        times = smooth["start_s"] + digest.width_s / 2
        drawn = [name for name in SHOWN if (smooth[name].max() or 0) >= LEAST]
        parts += [
            _line(name, times[::STEP], percents(smooth[name][::STEP]), digest.duration_s) for name in drawn
        ]
    label = escape(say("handout.sketch", lecture=digest.lecture))
    box = f"0 0 {WIDTH} {height + SEEN + 4}"
    return Markup('<svg class="sketch" role="img" aria-label="{}" viewBox="{}">{}</svg>').format(
        label, box, Markup("").join(parts)
    )


def _line(name: str, times: Sequence[float], shares: Sequence[int | None], duration_s: float) -> Markup:
    """One path; a gap ends it and the next value begins anew."""
    steps, pen = [], "M"
    for time, share in zip(times, shares, strict=True):
        if share is None:
            pen = "M"
            continue
        steps.append(f"{pen}{time / duration_s * WIDTH:.0f} {(100 - share) / 100 * (HEIGHT - 4) + 2:.0f}")
        pen = "L"
    return Markup('<path class="{}" d="{}"/>').format(name, "".join(steps))


def _strip(starts: Sequence[float], shares: Sequence[float], digest: Digest, top: int) -> Markup:
    """A rectangle per run of bins that are equally full, in five steps."""
    runs: list[list[float]] = []  # x, width, step
    width = digest.width_s / digest.duration_s * WIDTH
    for start, share in zip(starts, shares, strict=True):
        x, step = start / digest.duration_s * WIDTH, round(share * 4)
        if runs and runs[-1][2] == step and abs(runs[-1][0] + runs[-1][1] - x) < width / 2:
            runs[-1][1] = x + width - runs[-1][0]
        else:
            runs.append([x, width, step])
    rect = Markup('<rect class="seen-{}" x="{}" y="{}" width="{}" height="{}"/>')
    parts = [rect.format(int(step), f"{x:.1f}", top + 4, f"{wide:.1f}", SEEN) for x, wide, step in runs]
    return Markup("").join(parts)
