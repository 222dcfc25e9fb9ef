"""`shares`: how often each expression was the most likely one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    import polars as pl


SAID = "{label:label} in {share:share} of {measured} measured samples"
SILENT = "expression measured in {measured} of {samples} samples only"


ABOUT_DE = """\
Eine Aussage je Ausdruck des Klassifikators: Wert = Stichproben mit ihm / Stichproben, die ein
Klassifikator mit diesem Ausdruck gemessen hat.

Wo weniger als `floor` der Stichproben gemessen wurden, steht stattdessen "nicht messbar": Schweigen ist
nicht neutral. War jemand vor zwei Klassifikatoren, so entfällt ein Ausdruck, nach dem in weniger gesucht
wurde.

Quelle: keine; eine Zählung. Betrachtet: Ausdruck. Geprüft an: nichts.
"""


@dataclass
class Shares(Rule):
    """One assessment per label of the classifier: value = samples with it / samples measured by a classifier
    that has the label; `level` names it.

    Where fewer than `floor` of the samples could be measured there is one assessment,
    "not measurable": silence is not neutrality. Where a student was in front of two classifiers, a label that
    was looked for in fewer is left out.

    Reference: none; a count. Signals: expression. Needs no label in particular. Validated on: nothing.
    """

    name = "shares"
    version = "2"
    signals = frozenset({"expression"})
    label = "measured time with this expression"
    unit = "share"
    words = {
        "de": {
            label: "gemessene Zeit mit diesem Ausdruck",
            SAID: "{label:label} in {share:share} von {measured} gemessenen Stichproben",
            SILENT: "Ausdruck nur in {measured} von {samples} Stichproben gemessen",
        }
    }
    about = {"de": ABOUT_DE}
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured expression"})

    def assess(
        self,
        seen: pl.DataFrame,
        context: Context,
    ) -> Assessment | list[Assessment] | None:
        if seen.is_empty():
            return None
        counts = Counter(label for label in seen["emotion"].to_list() if label is not None)
        measured, samples = counts.total(), len(seen)
        if measured == 0 or measured < self.floor * samples:
            message = Message(SILENT, measured=measured, samples=samples)
            facts: dict[str, float | int | str] = {"measured": measured, "samples": samples}
            return Assessment(None, "not measurable", message, evidence=facts, coverage=measured / samples)
        read = {label: samples - seen[label].null_count() for label in statistics.labels(seen)}
        return [
            self._share(label, counts[label], n, n / samples)
            for label, n in read.items()
            if n >= self.floor * samples
        ]

    @staticmethod
    def _share(label: str, count: int, measured: int, coverage: float) -> Assessment:
        share = count / measured
        message = Message(SAID, label=label, share=share, measured=measured)
        facts: dict[str, float | int | str] = {"count": count, "measured": measured}
        return Assessment(share, label, message, evidence=facts, coverage=coverage)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Shares]
