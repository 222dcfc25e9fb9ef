"""`synchrony`: whether a student's expressions change with those of the class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import EMOTIONS, Assessment, Context, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Doubles = npt.NDArray[np.float64]


MORE = "agrees with the others more than by chance ({value:number})"
NO_MORE = "agrees with the others no more than by chance ({value:number})"
CONSTANT = "no expression ever changed"
SELDOM = "comparable with others in {parts} of {of} parts only"


ABOUT_DE = """\
Wert = (beobachtete - erwartete) / (1 - erwartete) Übereinstimmung einer Person mit den anderen (höchstens
1).

In je `every` Sekunden: der Anteil jedes Ausdrucks bei der Person (an ihren gemessenen Stichproben) und
bei den anderen (Mittel ihrer Anteile). Beobachtet: die Summe der Produkte beider Anteile über die
Ausdrücke, gemittelt über die Zeit; erwartet: dasselbe mit den über die Zeit gemittelten Anteilen, also
die Übereinstimmung, wenn beide nichts miteinander zu tun hätten. Zwei Gesichter, die sich nie ändern,
stimmen danach nicht überein; wie Cohens Kappa, aber über die Zeit und für Anteile. Kein Wert, wo die
erwartete Übereinstimmung 1 ist.

Quelle: keine; Übereinstimmung über den Zufall hinaus ist Cohen 1960. Betrachtet: Ausdruck. Geprüft an:
nichts.
"""


@dataclass
class Synchrony(Rule):
    """value = (observed - expected) / (1 - expected) agreement of a student with the others (1 at most).

    In every `every` seconds, the share of each label that the classifier has, of the student (of measured
    samples) and of the others (mean of their shares). Observed: the sum over labels of the product of both
    shares, averaged over time; expected: the same of the shares averaged over time, which is what agreement
    would be if the two had nothing to do with each other. So two faces that never change do not agree by
    it; as Cohen's kappa, but over time and for shares. No value where the expected agreement is 1. Judges
    each student of a lecture.

    Reference: none; agreement beyond chance is Cohen 1960. Signals: expression. Needs no label in particular.
    Validated on: nothing.
    """

    name = "synchrony"
    version = "2"
    signals = frozenset({"expression"})
    label = "agreement with the class beyond chance, 1 at most"
    words = {
        "de": {
            label: ("Übereinstimmung mit der Klasse über den Zufall hinaus, höchstens 1"),
            MORE: "stimmt mit den anderen mehr als zufällig überein ({value:number})",
            NO_MORE: "stimmt mit den anderen nicht mehr als zufällig überein ({value:number})",
            CONSTANT: "kein Ausdruck änderte sich je",
            SELDOM: "mit den anderen nur in {parts} von {of} Abschnitten vergleichbar",
        }
    }
    about = {"de": ABOUT_DE}
    scope = "lecture"
    subject = "class"
    every: float = field(default=10.0, metadata={"help": "seconds within which expressions are compared"})
    floor: float = field(default=0.5, metadata={"help": "least share of the time with student and others"})

    def assess(self, seen: pl.DataFrame, context: Context) -> list[Assessment]:
        if seen.is_empty() or seen["student"].n_unique() < 2:
            return []
        names, shares, there = self._shares(seen)
        return [self._student(name, i, shares, there[i]) for i, name in enumerate(names)]

    def _shares(self, seen: pl.DataFrame) -> tuple[list[str], Doubles, npt.NDArray[np.bool_]]:
        """Names of n students; (n, bins, labels) shares, NaN where nothing was measured; (n, bins) whether
        the student was looked for."""
        import numpy as np
        import polars as pl

        labels = statistics.labels(seen) or EMOTIONS
        start = seen["time_s"].min()
        table = seen.group_by(
            "student", ((pl.col("time_s") - start) / self.every).floor().cast(pl.Int64).alias("bin")
        ).agg((pl.col("emotion") == label).mean().alias(label) for label in labels)
        names = sorted(table["student"].unique())
        index = table["student"].replace_strict(names, list(range(len(names))), return_dtype=pl.Int64)
        at = (index.to_numpy(), table["bin"].to_numpy())
        shape = (len(names), int(at[1].max()) + 1)
        shares, there = np.full((*shape, len(labels)), np.nan), np.zeros(shape, bool)
        shares[at], there[at] = table.select(labels).to_numpy(), True
        return names, shares, there

    def _student(self, name: str, i: int, shares: Doubles, there: npt.NDArray[np.bool_]) -> Assessment:
        import numpy as np

        others = np.delete(shares, i, axis=0)
        known = ~np.isnan(others[..., :1])
        count = known.sum(axis=0)
        mean = np.where(known, others, 0).sum(axis=0) / np.maximum(count, 1)
        both = ~np.isnan(shares[i, :, 0]) & (count[:, 0] > 0)
        coverage = float(both.sum() / there.sum())
        if not both.any() or coverage < self.floor:
            said = Message(SELDOM, parts=int(both.sum()), of=int(there.sum()))
            return _about(name, statistics.not_measurable(said, coverage))
        own, rest = shares[i, both], mean[both]
        expected = float(own.mean(axis=0) @ rest.mean(axis=0))
        if expected > 1 - 1e-9:
            return _about(name, statistics.not_measurable(Message(CONSTANT), coverage))
        each = ((own * rest).sum(axis=1) - expected) / (1 - expected)
        value = float(each.mean())
        # The expected agreement is taken as given: the interval is of the observed one.
        interval = statistics.bootstrap(each, np.flatnonzero(both))
        said = Message(MORE if value > 0 else NO_MORE, value=value)
        evidence: dict[str, float | int | str] = {"parts": int(both.sum()), "expected": round(expected, 4)}
        return Assessment(
            value, "info", said, evidence=evidence, coverage=coverage, interval=interval, student=name
        )


def _about(name: str, one: Assessment) -> Assessment:
    from dataclasses import replace

    return replace(one, student=name)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Synchrony]
