"""`involvement`: how much of the time a student's head was bowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Plugin, Rule, hookimpl, judging

if TYPE_CHECKING:
    import polars as pl


@dataclass
class Involvement(Rule):
    """value = samples with bowed head / samples with a measured head pose (0..1).

    Bowed: pitch more than `angle` degrees below the student's own median over the course, since cameras look
    up or down at people. Reference: Aly et al. 2023, section IV.C.4: bowed for more than half of the time is
    passive, and calls for a reminder. Whoever is bowed most of the course has a bowed median, and whoever
    writes bows, too: the figure does not know paper from telephone.

    Signals: pose. Needs no labels. Validated on: nothing.
    """

    name = "involvement"
    version = "1"
    signals = frozenset({"pose"})
    angle: float = field(default=15.0, metadata={"help": "degrees below the own median from which on bowed"})
    passive: float = field(default=0.5, metadata={"help": "passive above this share"})
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured head pose"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        import numpy as np

        if seen.is_empty():
            return None
        usual = context.baseline.get("pitch_deg")
        if usual is None:
            return judging.not_measurable("no usual head pose is known of this student")
        pitch = seen["pitch_deg"].to_numpy()
        bowed = np.where(np.isnan(pitch), np.nan, pitch < usual - self.angle)
        figure = judging.figure(bowed, seen, self.floor)
        if not figure.enough:
            return figure.silent("head pose")
        passive = int((bowed == 1).sum()) > self.passive * figure.measured
        said = f"head bowed in {figure.value:.0%} of {figure.measured} measured samples"
        return figure.says(
            f"{said}: passive, send a reminder" if passive else said,
            "attention" if passive else "good",
            judging.spans(bowed, seen, context.period_s),
            usual_pitch_deg=round(usual, 1),
        )


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Involvement]
