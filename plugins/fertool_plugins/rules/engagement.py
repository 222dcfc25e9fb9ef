"""`engagement`: how much of the time a student looked happy or surprised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    import polars as pl


SAID = "happy or surprised in {share:share} of {measured} measured samples"


ABOUT_DE = """\
Wert = Stichproben mit fröhlichem oder überraschtem Ausdruck / Stichproben mit gemessenem Ausdruck (0 bis
1).

Quelle: Aly et al. 2023, Abschnitt IV.C.3. Dort steht keine Schwelle, von der an jemand beteiligt ist:
hier auch nicht. Aufmerksames Zuhören sieht meist neutral aus, ein niedriger Anteil ist also kein Mangel.

Betrachtet: Ausdruck. Geprüft an: nichts.
"""


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
    label = "measured time with a happy or surprised expression"
    unit = "share"
    words = {
        "de": {
            label: ("gemessene Zeit mit fröhlichem oder überraschtem Ausdruck"),
            SAID: "fröhlich oder überrascht in {share:share} von {measured} gemessenen Stichproben",
        }
    }
    about = {"de": ABOUT_DE}
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured expression"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        hits = statistics.shows(seen, statistics.POSITIVE)
        figure = statistics.figure(hits, seen, self.floor)
        if not figure.enough:
            return figure.silent("expression")
        said = Message(SAID, share=figure.value, measured=figure.measured)
        return figure.says(
            said, spans=statistics.spans(hits, seen, context.period_s), count=int((hits == 1).sum())
        )


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Engagement]
