"""`state`: whether a student's emotional state is positive or negative, and when it was not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Plugin, Rule, hookimpl, judging

if TYPE_CHECKING:
    import polars as pl

ADJUST = "lower the difficulty, slow down, or intersperse a story"


@dataclass
class State(Rule):
    """value = samples of a positive state / samples with a measured expression (0..1).

    Negative: angry, disgust, fear, sad; anything else counts as positive, neutral too, since the published
    system goes on teaching unless something is wrong. Reference: Aly et al. 2023, section IV.A, steps 3 and
    4: after a negative state lower the difficulty, slow down, or intersperse a story. The paper has no
    threshold; here the state is negative if more than `negative` of the samples are. Parts of `every`
    seconds that are negative by themselves are the evidence: the course of the state over time.

    Signals: expression. Needs the four negative labels. Validated on: nothing.
    """

    name = "state"
    version = "1"
    signals = frozenset({"expression"})
    needs = ("angry", "disgust", "fear", "sad")
    every: float = field(default=30.0, metadata={"help": "seconds of a part that is judged by itself"})
    negative: float = field(default=0.5, metadata={"help": "negative above this share"})
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured expression"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        hits = seen["emotion"].is_in(judging.NEGATIVE)
        figure = judging.figure(~hits, seen, self.floor)
        if not figure.enough:
            return figure.silent("expression")
        count = int(hits.sum())
        negative = count > self.negative * figure.measured
        said = f"negative in {count / figure.measured:.0%} of {figure.measured} measured samples"
        return figure.says(
            f"{said}: {ADJUST}" if negative else said,
            "attention" if negative else "good",
            self._negative_parts(seen, context),
        )

    def _negative_parts(self, seen: pl.DataFrame, context: Context) -> list[tuple[float, float]]:
        """Neighbours are one span."""
        import polars as pl

        start = context.segment.start_s if context.segment else float(seen["time_s"][0])
        number = ((pl.col("time_s") - start) / self.every).floor().alias("part")
        share = pl.col("emotion").is_in(judging.NEGATIVE).mean()  # of the measured ones: null does not count
        parts = seen.group_by(number).agg(hit=share > self.negative).sort("part")
        parts = parts.with_columns(time_s=start + pl.col("part") * self.every)
        return judging.spans(parts["hit"], parts, self.every)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [State]
