"""Small drawings as SVG, for pages that run no script. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from fertool.report import series
from fertool.report.charts.base import percents
from fertool.report.style import color

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fertool.report.data.digest import Digest, Estimate
    from fertool.report.i18n import Language

WIDTH, HEIGHT, SEEN, BAR, PART_GAP = 720, 120, 10, 20, 1
LEAST = 0.1
"""An expression that is never more probable than this is not drawn."""
SHOWN = ("happy", "surprise", "sad", "angry", "fear", "disgust", "neutral")


def in_order(labels: Sequence[str]) -> list[str]:
    """Labels as they are drawn and listed: by `SHOWN`, then further ones."""
    return [*(name for name in SHOWN if name in labels), *(name for name in labels if name not in SHOWN)]


def sketch(digest: Digest, student: str, say: Language) -> Markup:
    """A student's expressions over a lecture, smoothed, above a strip that says when the student was seen."""
    bins = digest.series[student]
    read = digest.expressions and bins["measured"].sum() > 0
    height = HEIGHT if read else 0
    parts = [_strip(bins["start_s"], bins["present"] / bins["samples"], digest, height)]
    if read:
        labels = in_order(digest.labels)
        smooth = series.on_grid(series.smooth(bins, labels), digest.width_s, labels)
        times = smooth["start_s"] + digest.width_s / 2
        drawn = [name for name in labels if (smooth[name] >= LEAST).any()]
        parts += [_line(name, times, percents(smooth[name]), digest.duration_s) for name in drawn]
    label = escape(say.of(digest, "handout.sketch", lecture=digest.lecture))
    box = f"0 0 {WIDTH} {height + SEEN + 4}"
    return Markup('<svg class="sketch" role="img" aria-label="{}" viewBox="{}">{}</svg>').format(
        label, box, Markup("").join(parts)
    )


def distribution(shares: Sequence[tuple[str, Estimate]], say: Language) -> Markup:
    """The share of each expression as its part of one bar."""
    path = Markup('<path class="part {}" d="M{:.1f} {}H{:.1f}"/>')
    left, parts = 0.0, []
    for name, it in shares:
        right = left + (it.value or 0.0) * WIDTH
        if right - left >= PART_GAP:
            parts.append(path.format(color(name), left, BAR // 2, right - PART_GAP))
        left = right
    return Markup('<svg class="sketch" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        say("handout.shares"), WIDTH, BAR, Markup("").join(parts)
    )


def _line(name: str, times: Iterable[float], shares: Iterable[int | None], duration_s: float) -> Markup:
    """One path; a gap ends it and the next value begins another."""
    steps: list[str] = []
    last: tuple[int, int] | None = None
    for time, share in zip(times, shares, strict=True):
        if share is None:
            last = None
            continue
        at = round(time / duration_s * WIDTH), round((100 - share) / 100 * (HEIGHT - 4) + 2)
        steps.append(f"M{at[0]} {at[1]}" if last is None else f"l{at[0] - last[0]} {at[1] - last[1]}")
        last = at
    return Markup('<path class="{}" d="{}"/>').format(color(name), "".join(steps))


def _strip(starts: Iterable[float], shares: Iterable[float], digest: Digest, top: int) -> Markup:
    """A thick line per shade, in five steps from unseen to seen; neighbors of one shade are one stroke."""
    width = digest.width_s / digest.duration_s * WIDTH
    strokes: list[tuple[int, float, float]] = []  # shade, from, to
    for start, share in zip(starts, shares, strict=True):
        shade, x = round(share * 4), start / digest.duration_s * WIDTH
        if strokes and strokes[-1][0] == shade and x - strokes[-1][2] < width / 2:
            strokes[-1] = (shade, strokes[-1][1], x + width)
        else:
            strokes.append((shade, x, x + width))
    steps: dict[int, list[str]] = {}
    for shade, left, right in strokes:
        steps.setdefault(shade, []).append(f"M{left:.0f} {top + 4 + SEEN // 2}H{right:.0f}")
    path = Markup('<path class="seen seen-{}" d="{}"/>')
    return Markup("").join(path.format(shade, "".join(parts)) for shade, parts in sorted(steps.items()))
