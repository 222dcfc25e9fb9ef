"""`presence`: the share of samples in which the student was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    import polars as pl


UNSHOWN = "shown in {share:share} of {samples} samples of a recording that shows one face at a time"
SAID = "seen in {share:share} of {samples} samples"


ABOUT_DE = """\
Wert = Stichproben mit dem Gesicht der Person / Stichproben des Fensters (0 bis 1).

Ein Gesicht kann aus vielen Gründen nicht zu sehen sein (Kamera aus, zur Seite gelehnt, eine Hand davor):
Die Zahl sagt, was gesehen wurde, nicht, ob jemand teilnahm. Unter `low` ist die Stufe auffällig.
In einer Aufnahme, die von mehreren Menschen ein Gesicht nach dem anderen zeigt, ist Anwesenheit nicht
messbar.

Quelle: keine. Betrachtet: Anwesenheit. Geprüft an: nichts.
"""


@dataclass
class Presence(Rule):
    """value = samples with the student's face / samples of the window (0..1).

    A face can be out of sight for many reasons (camera off, leaning out, a hand before the face): the
    figure says what was seen, not whether the student attended. Below `low` it is `attention`. In a recording
    that shows one face at a time of several people nobody's presence is measurable.

    Reference: none. Signals: presence. Needs no labels. Validated on: nothing.
    """

    name = "presence"
    version = "2"
    advises = "unseen"
    signals = frozenset({"presence"})
    label = "time with the face seen"
    unit = "share"
    better = "higher"
    words = {
        "de": {
            label: "Zeit, in der das Gesicht gesehen wurde",
            SAID: "in {share:share} von {samples} Stichproben gesehen",
            UNSHOWN: (
                "in {share:share} von {samples} Stichproben einer Aufnahme gezeigt, die ein Gesicht nach dem "
                "anderen zeigt"
            ),
        }
    }
    about = {"de": ABOUT_DE}
    low: float = field(default=0.5, metadata={"help": "below this share the level is `attention`"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        present, samples = int(seen["present"].sum()), len(seen)
        share = present / samples
        if context.one_at_a_time:
            return statistics.not_measurable(Message(UNSHOWN, share=share, samples=samples))
        return Assessment(
            value=share,
            level="attention" if share < self.low else "good",
            message=Message(SAID, share=share, samples=samples),
            evidence={"present": present, "samples": samples},
        )


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Presence]
