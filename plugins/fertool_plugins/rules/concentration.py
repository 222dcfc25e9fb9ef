"""`concentration`: expression weights times where the head points."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Message, Plugin, Rule, head_level, hookimpl, statistics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Doubles = npt.NDArray[np.floating[Any]]

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
UNKNOWN = (
    "where this student's head points when it is level and ahead is not known: from {least:number} to "
    "{most:number} of 1, in {measured} measured samples"
)
NO_LEVEL = "head pose measured in too few samples of the lecture to know where a head points that is ahead"


ABOUT_DE = """\
Wert = Mittel von Gewicht(Ausdruck) / 0,9 x Richtung(Kopf) über die gemessenen Stichproben (0 bis 1).

Gewichte: neutral 0,9, fröhlich 0,6, überrascht 0,6, traurig 0,3, ängstlich 0,3, wütend 0,25, angeekelt
0,2. Richtung: 1 bis `ahead` Grad von der Haltung eines geraden, nach vorn gerichteten Kopfes vor
derselben Kamera, 0 von `aside` Grad an, dazwischen eine Gerade; von Drehung und Neigung zählt die
größere. Jene Haltung wird geschätzt und liegt auf jeder Achse zwischen zwei bekannten Winkeln; wo der
Wert zwischen ihnen um mehr als `unsure` verschieden wäre, steht "nicht messbar". Die Optionen `yaw` und
`pitch` geben sie stattdessen vor. Eine Stichprobe mit einem Ausdruck ohne Gewicht gilt nicht als
gemessen. Über `high` ist die Stufe gut, unter `low` auffällig. Quelle: nach dem Konzentrationsindex von
Sharma et al. 2019 (arXiv:1909.12913), mit dem Kopf anstelle der Augen und geteilt durch das größte
Gewicht: Sonst könnte niemand 1 erreichen.

Betrachtet: Ausdruck, Kopfhaltung. Geprüft an: nichts.
"""


@dataclass
class Concentration(Rule):
    """value = mean of weight(expression) / 0.9 x direction(head) over the measured samples (0..1).

    Weights: neutral .9, happy .6, surprise .6, sad .3, fear .3, angry .25, disgust .2. Direction: 1 up to
    `ahead` degrees from the pose of a head that is level and ahead before the same camera, 0 from `aside`
    degrees on, a straight line between; the larger of yaw and pitch counts. That pose is estimated, and known
    to lie between two angles on each axis (`fertool.head_level`); where the value would differ by more than
    `unsure` between them, it is "not measurable". Options `yaw` and `pitch` give it instead. A
    sample with a label that has no weight (contempt) does not count as measured. Above `high` is
    `good`, below `low` `attention`. Reference: after the concentration index of Sharma et al. 2019
    (arXiv:1909.12913), with the head in place of the eyes, and divided by the largest weight: otherwise
    nobody could reach the top.

    Signals: expression, pose. Needs the seven labels. Validated on: nothing.
    """

    name = "concentration"
    version = "2"
    advises = "index"
    signals = frozenset({"expression", "pose"})
    needs = tuple(WEIGHTS)
    label = "concentration index, 0 to 1"
    better = "higher"
    words = {
        "de": {
            label: "Konzentrationsindex, 0 bis 1",
            SAID: "Konzentrationsindex {value:number} von 1, aus {measured} gemessenen Stichproben",
            UNKNOWN: (
                "wohin der Kopf zeigt, wenn er gerade nach vorn gerichtet ist, ist nicht bekannt: "
                "{least:number} bis {most:number} von 1, in {measured} gemessenen Stichproben"
            ),
            NO_LEVEL: (
                "Kopfhaltung in zu wenigen Stichproben der Vorlesung gemessen, um zu kennen, wohin ein nach "
                "vorn gerichteter Kopf zeigt"
            ),
        }
    }
    about = {"de": ABOUT_DE}
    ahead: float = field(default=15.0, metadata={"help": "degrees up to which the head points ahead"})
    aside: float = field(default=45.0, metadata={"help": "degrees from which on it points elsewhere"})
    yaw: float | None = field(default=None, metadata={"help": "yaw of a head ahead; estimated if none"})
    pitch: float | None = field(default=None, metadata={"help": "pitch of a level head; estimated if none"})
    unsure: float = field(default=0.35, metadata={"help": "most difference that the unknown pose may make"})
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
        weights = statistics.weighed(seen, WEIGHTS) / max(WEIGHTS.values())
        posed = ~np.isnan(seen["yaw_deg"].to_numpy()) | ~np.isnan(seen["pitch_deg"].to_numpy())
        figure = statistics.figure(np.where(posed, weights, np.nan), seen, self.floor)
        if not figure.enough:
            return figure.silent(f"{statistics.counted(seen)} and head pose")
        levels = self._levels(context)
        if levels is None:
            return statistics.not_measurable(Message(NO_LEVEL), figure.coverage)
        best = weights * self._direction(seen, [level.deg for level in levels])
        ends = itertools.product(*((level.low, level.deg, level.high) for level in levels))
        values = [float(np.nanmean(weights * self._direction(seen, end))) for end in ends]
        least, most = min(values), max(values)
        if most - least > self.unsure:
            said = Message(UNKNOWN, measured=figure.measured, least=least, most=most)
            return statistics.not_measurable(said, figure.coverage)
        figure = statistics.figure(best, seen, self.floor)
        low, high = figure.interval or (figure.value, figure.value)
        if figure.interval or least < most:  # chance over time and the unknown pose
            figure = replace(figure, interval=(min(low, least), max(high, most)))
        level = "good" if figure.value > self.high else "attention" if figure.value < self.low else "info"
        said = Message(SAID, value=figure.value, measured=figure.measured)
        return figure.says(said, level, statistics.spans(best < self.low, seen, context.period_s))

    def _levels(self, context: Context) -> list[head_level.Level] | None:
        """Of yaw and pitch: the one given, else the one estimated; None if either is unknown."""
        given = {"yaw_deg": self.yaw, "pitch_deg": self.pitch}
        found = [
            head_level.of(context.baseline, axis) if deg is None else head_level.Level(deg, deg, deg)
            for axis, deg in given.items()
        ]
        known = [level for level in found if level is not None]
        return known if len(known) == len(found) else None

    def _direction(self, seen: pl.DataFrame, ahead: Sequence[float]) -> Doubles:
        """(n,) 1 ahead, 0 aside; of the axis that is turned more; where one is not known, of the other."""
        import numpy as np

        angles = [seen[a].to_numpy() - deg for a, deg in zip(("yaw_deg", "pitch_deg"), ahead, strict=True)]
        turned = np.fmax(*np.abs(angles))
        return np.asarray(np.clip((self.aside - turned) / (self.aside - self.ahead), 0, 1))


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Concentration]
