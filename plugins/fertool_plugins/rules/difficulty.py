"""`difficulty`: a student angry or distressed without a break while the matter is difficult."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Plugin, Rule, hookimpl, judging

if TYPE_CHECKING:
    import polars as pl


@dataclass
class Difficulty(Rule):
    """value = longest run of consecutive angry or distressed samples / a run that counts.

    Reference: Aly et al. 2023, section IV.C.2: 30 times in a row, at a knowledge point that is known to be
    difficult; then explain it comprehensively or call in a teacher. The paper counts samples and took one a
    second; here a run counts from `seconds` on, so from 30 samples at one a second, 60 at two. A sample
    without a measured expression ends a run. Only a segment marked as difficult (`fertool segments`) yields
    `attention`; elsewhere a run that counts is told as `info`.

    Signals: expression. Needs the labels angry and those of `distress`. Validated on: nothing.
    """

    name = "difficulty"
    version = "1"
    signals = frozenset({"expression"})
    needs = ("angry", "sad", "fear", "disgust")
    seconds: float = field(default=30.0, metadata={"help": "length of a run that counts"})
    distress: tuple[str, ...] = field(
        default=("sad", "fear", "disgust"), metadata={"help": "labels that count as distress"}
    )
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured expression"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        hits = judging.shows(seen, ("angry", *self.distress))
        figure = judging.figure(hits, seen, self.floor)
        if not figure.enough:
            return figure.silent("expression")
        wanted = self.samples(context.period_s)
        runs = judging.runs(hits, seen, context.period_s)
        longest = max((n for _, _, n in runs), default=0)
        counting = [run for run in runs if run[2] >= wanted]
        level, message = _verdict(context, longest, wanted, len(counting))
        return Assessment(
            value=longest / wanted,
            level=level,
            message=message,
            evidence={"longest": longest, "wanted": wanted, "runs": len(counting)},
            coverage=figure.coverage,
            spans=tuple((start, end) for start, end, _ in counting),
        )

    def samples(self, period_s: float) -> int:
        """How many samples in a row make a run that counts; a single sample is taken to last a second."""
        return max(1, int(self.seconds / (period_s or 1.0) + 0.5))


def _verdict(context: Context, longest: int, wanted: int, counting: int) -> tuple[str, str]:
    said = f"angry or distressed for {longest} samples in a row"
    if not counting:
        return ("good" if context.difficult else "info"), f"{said}, less than {wanted}"
    if not context.difficult:
        return "info", f"{said}; this part is not marked as difficult"
    assert context.segment is not None
    what = context.segment.point or context.segment.title
    return "attention", f"{said}: explain {what!r} comprehensively, or have a teacher step in"


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Difficulty]
