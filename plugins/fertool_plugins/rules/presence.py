"""`presence`: the share of samples in which the student was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Plugin, Rule, hookimpl

if TYPE_CHECKING:
    import polars as pl


@dataclass
class Presence(Rule):
    """value = samples with the student's face / samples of the window (0..1).

    A face can be out of sight for many reasons (camera off, leaning out, a hand before the face): the
    figure says what was seen, not whether the student attended. Below `low` it is `attention`.

    Reference: none. Signals: presence. Needs no labels. Validated on: nothing.
    """

    name = "presence"
    version = "1"
    signals = frozenset({"presence"})
    low: float = field(default=0.5, metadata={"help": "below this share the level is `attention`"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        present, samples = int(seen["present"].sum()), len(seen)
        share = present / samples
        return Assessment(
            value=share,
            level="attention" if share < self.low else "good",
            message=f"seen in {share:.0%} of {samples} samples",
            evidence={"present": present, "samples": samples},
        )


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Presence]
