"""`turned-away`: the share of measured samples in which the head was turned far to a side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Plugin, Rule, hookimpl

if TYPE_CHECKING:
    import polars as pl


@dataclass
class TurnedAway(Rule):
    """value = samples with |yaw| above the threshold / samples with a measured head pose."""

    name = "turned-away"
    version = "1"
    signals = frozenset({"presence", "pose"})
    yaw_deg: float = field(default=30.0, metadata={"help": "beyond this angle a head counts as turned away"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment:
        yaw = seen["yaw_deg"].drop_nulls()
        if yaw.is_empty():
            return Assessment(None, "not measurable", "no head pose was measured")
        share = int((yaw.abs() > self.yaw_deg).sum()) / len(yaw)
        return Assessment(share, message=f"turned away in {share:.0%} of {len(yaw)} samples")


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [TurnedAway]
