"""`concentration`: expression weights times where the head points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Message, Plugin, Rule, hookimpl, judging

if TYPE_CHECKING:
    import polars as pl

WEIGHTS = {
    "neutral": 0.9,
    "happy": 0.6,
    "surprise": 0.6,
    "sad": 0.3,
    "fear": 0.3,
    "angry": 0.25,
    "disgust": 0.2,
}


SAID = "concentration index {value:number} of 1, from {measured} measured samples"


@dataclass
class Concentration(Rule):
    """value = mean of weight(expression) / 0.9 x direction(head) over the measured samples (0..1).

    Weights: neutral .9, happy .6, surprise .6, sad .3, fear .3, angry .25, disgust .2. Direction: 1 up to
    `ahead` degrees from where the student usually looks (median of the course; straight into the camera
    where it is not known), 0 from `aside` degrees on, a straight line between; the larger of yaw and pitch
    counts. A sample with a label that has no weight (contempt) does not count as measured. Above `high` is
    `good`, below `low` `attention`. Reference: after the concentration index of Sharma et al. 2019
    (arXiv:1909.12913), with the head in place of the eyes, and divided by the largest weight: otherwise
    nobody could reach the top.

    Signals: expression, pose. Needs the seven labels. Validated on: nothing.
    """

    name = "concentration"
    version = "2"
    signals = frozenset({"expression", "pose"})
    needs = tuple(WEIGHTS)
    label = "concentration index, 0 to 1"
    better = "higher"
    words = {
        "de": {
            label: "Konzentrationsindex, 0 bis 1",
            SAID: "Konzentrationsindex {value:number} von 1, aus {measured} gemessenen Stichproben",
        }
    }
    ahead: float = field(default=15.0, metadata={"help": "degrees up to which the head points ahead"})
    aside: float = field(default=45.0, metadata={"help": "degrees from which on it points elsewhere"})
    high: float = field(default=0.65, metadata={"help": "`good` above this value"})
    low: float = field(default=0.25, metadata={"help": "`attention` below this value"})
    floor: float = field(
        default=0.5, metadata={"help": "least share of samples with expression and head pose"}
    )

    def __post_init__(self) -> None:
        if not 0 <= self.ahead < self.aside:
            raise ValueError(f"expected 0 <= ahead < aside, got {self.ahead} and {self.aside}")

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        import numpy as np

        if seen.is_empty():
            return None
        angles = [seen[a].to_numpy() - context.baseline.get(a, 0.0) for a in ("yaw_deg", "pitch_deg")]
        turned = np.fmax(*np.abs(angles))  # where one is not known, the other
        direction = np.clip((self.aside - turned) / (self.aside - self.ahead), 0, 1)
        scores = judging.weighed(seen, WEIGHTS) / max(WEIGHTS.values()) * direction
        figure = judging.figure(scores, seen, self.floor)
        if not figure.enough:
            return figure.silent(f"{judging.counted(seen)} and head pose")
        level = "good" if figure.value > self.high else "attention" if figure.value < self.low else "info"
        said = Message(SAID, value=figure.value, measured=figure.measured)
        return figure.says(said, level, judging.spans(scores < self.low, seen, context.period_s))


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Concentration]
