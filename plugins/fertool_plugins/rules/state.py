"""`state`: whether a student's emotional state is positive or negative, and when it was not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fertool import EMOTIONS, Assessment, Context, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

SAID = "negative in {share:share} of {measured} measured samples"
ADJUST = f"{SAID}: lower the difficulty, slow down, or intersperse a story"


ABOUT_DE = """\
Wert = Stichproben mit positivem Zustand / Stichproben mit einem der sieben Ausdrücke (0 bis 1).

Negativ sind wütend, angeekelt, ängstlich und traurig; die drei anderen gelten als positiv, auch neutral,
denn das veröffentlichte System macht weiter, solange nichts dagegen spricht. Von weiteren Ausdrücken
(verächtlich) sagt der Aufsatz nichts: Eine Stichprobe damit gilt nicht als gemessen. Quelle: Aly et al.
2023, Abschnitt IV.B, Teile 3 und 4: nach einem negativen Zustand leichter werden, langsamer werden oder
eine Geschichte einstreuen. Der Aufsatz nennt keine Schwelle; hier ist der Zustand negativ, wenn mehr als
`negative` der Stichproben es sind. Teile von `every` Sekunden, die für sich negativ sind, sind der
Beleg.

Betrachtet: Ausdruck. Geprüft an: nichts.
"""


@dataclass
class State(Rule):
    """value = samples of a positive state / samples with one of the seven expressions (0..1).

    Negative: angry, disgust, fear, sad; positive: happy, surprise and neutral too, since the published system
    goes on teaching unless something is wrong. Of other labels (contempt) the paper says nothing: a sample
    with one does not count as measured. Reference: Aly et al. 2023, section IV.B, parts 3 and 4: after a
    negative state lower the difficulty, slow down, or intersperse a story. The paper has no threshold; here
    the state is negative if more than `negative` of the samples are. Parts of `every` seconds that are
    negative by themselves are the evidence: the course of the state over time.

    Signals: expression. Needs the four negative labels. Validated on: nothing.
    """

    name = "state"
    version = "3"
    feeds = "feedback"
    advises = "negative"
    signals = frozenset({"expression"})
    needs = ("angry", "disgust", "fear", "sad")
    label = "measured time with an expression that is not negative"
    unit = "share"
    better = "higher"
    words = {
        "de": {
            label: ("gemessene Zeit mit einem Ausdruck, der nicht negativ ist"),
            SAID: "negativ in {share:share} von {measured} gemessenen Stichproben",
            ADJUST: (
                "negativ in {share:share} von {measured} gemessenen Stichproben: leichter werden, langsamer "
                "werden oder eine Geschichte einstreuen"
            ),
        }
    }
    about = {"de": ABOUT_DE}
    every: float = field(default=30.0, metadata={"help": "seconds of a part that is judged by itself"})
    negative: float = field(default=0.5, metadata={"help": "negative above this share"})
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured expression"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        hits = statistics.weighed(seen, {label: float(label in statistics.NEGATIVE) for label in EMOTIONS})
        figure = statistics.figure(1 - hits, seen, self.floor)
        if not figure.enough:
            return figure.silent(statistics.counted(seen))
        count = int((hits == 1).sum())
        negative = count > self.negative * figure.measured
        values = {"share": count / figure.measured, "measured": figure.measured}
        return figure.says(
            Message(ADJUST if negative else SAID, **values),
            "attention" if negative else "good",
            self._negative_parts(hits, seen, context),
        )

    def _negative_parts(
        self, hits: npt.NDArray[np.floating[Any]], seen: pl.DataFrame, context: Context
    ) -> list[tuple[float, float]]:
        """Neighbors are one span."""
        start = context.segment.start_s if context.segment else float(seen["time_s"][0])
        part, negative, measured = statistics.totals(hits, statistics.parts(seen, self.every, start))
        return statistics.spans(negative > self.negative * measured, start + part * self.every, self.every)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [State]
