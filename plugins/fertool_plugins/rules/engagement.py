"""`engagement`: how much of the time a student looked happy or surprised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Plugin, Rule, hookimpl, judging

if TYPE_CHECKING:
    import polars as pl


@dataclass
class Engagement(Rule):
    """value = happy or surprised samples / samples with a measured expression (0..1).

    Reference: Aly et al. 2023, section IV.C.3, which gives no level above which somebody is engaged: neither
    does this rule. Attentive listening mostly looks neutral, so a low share is no lack of engagement.

    Signals: expression. Needs the labels happy and surprise. Validated on: nothing.
    """

    name = "engagement"
    version = "1"
    signals = frozenset({"expression"})
    needs = ("happy", "surprise")
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured expression"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        hits = judging.shows(seen, judging.POSITIVE)
        figure = judging.figure(hits, seen, self.floor)
        if not figure.enough:
            return figure.silent("expression")
        said = f"happy or surprised in {figure.value:.0%} of {figure.measured} measured samples"
        return figure.says(
            said, spans=judging.spans(hits, seen, context.period_s), count=int((hits == 1).sum())
        )


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Engagement]
