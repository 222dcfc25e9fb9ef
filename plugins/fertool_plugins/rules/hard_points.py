"""`hard-points`: segments that the class itself shows to be difficult, whether or not they are marked so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fertool import Assessment, Context, Message, Plugin, Rule, Segment, hookimpl, statistics

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

SAID = "{negative} of {compared} students showed negative expressions more than usual in '{what}' ({mark})"
SHOWN = "difficult for the class: {said}"
OTHERS = "{said}; {others} could not be compared"
SILENT = "{compared} of {students} students could be compared with their usual"
MARKS = {
    True: "marked as difficult",
    False: "not marked as difficult",
    None: "its mark of difficulty '{mark}' is not understood",
}
ABOUT_DE = """\
Wert = Studierende, die häufiger als sonst negativ schauten / Studierende, die verglichen werden konnten
(0 bis 1).

Häufiger als sonst heißt: Der Anteil von wütend, angeekelt, ängstlich und traurig an den gemessenen
Stichproben des Abschnitts liegt um mindestens `rise` über demselben Anteil in allen anderen Stichproben
der Person im Kurs; der Abschnitt selbst gehört also nicht zum Üblichen. Verglichen wird, wer in `floor`
der Stichproben des Abschnitts gemessen wurde, und anderswo im Kurs in mindestens `rest` Mal so vielen.
Ohne `least` Studierende, und `floor` der im Abschnitt gesehenen, gibt es keinen Wert. Die Klasse zeigt
einen Abschnitt als schwer (auffällig), wenn mindestens `least` Studierende, und `share` der verglichenen,
häufiger als sonst negativ schauten. Bezeichnungen der Schwierigkeit spielen keine Rolle; die Aussage
nennt, ob es eine gibt.

Quelle: keine; Aly et al. 2023, Abschnitt IV.C.2, sagt nicht, woran ein System erkennt, dass ein
Wissenspunkt schwer ist. Betrachtet: Ausdruck. Geprüft an: nichts; ein Film oder ein
trauriges Thema sieht genauso aus.
"""


@dataclass
class HardPoints(Rule):
    """value = students who looked negative more than usual / students who could be compared (0..1).

    A student looked negative more than usual if the share of angry, disgust, fear and sad among the measured
    samples of the segment is at least `rise` above that share in all other samples of the student in the
    course: the segment itself is no part of what is usual. A student is compared if the expression could be
    measured in `floor` of the samples of the segment, and elsewhere in the course in at least `rest` times as
    many; so nobody is where the segment is the whole course. There is no value unless `least` students, and
    `floor` of those seen in the segment, can be compared. The class shows the segment to be difficult
    (`attention`) if at least `least` students, and `share` of those compared, looked negative more than
    usual. Marks of difficulty play no part in it; the message says whether there is one.

    Reference: none; Aly et al. 2023, section IV.C.2, does not say how a system finds out that a knowledge
    point is challenging. Signals: expression. Needs the four negative labels. Validated on: nothing; a film
    or a sad subject looks the same.
    """

    name = "hard-points"
    version = "1"
    feeds = "hard points"
    signals = frozenset({"expression"})
    needs = ("angry", "disgust", "fear", "sad")
    label = "students with a negative expression more often than usual"
    unit = "share"
    better = "lower"
    words = {
        "de": {
            label: "Studierende, die öfter als sonst einen negativen Ausdruck zeigten",
            SAID: (
                "{negative} von {compared} Studierenden zeigten in „{what}“ ({mark}) öfter als sonst "
                "negative Ausdrücke"
            ),
            SHOWN: "schwierig für die Klasse: {said}",
            OTHERS: "{said}; nicht vergleichbar: {others}",
            SILENT: "{compared} von {students} Studierenden waren mit ihrem Üblichen vergleichbar",
            MARKS[True]: "als schwierig gekennzeichnet",
            MARKS[False]: "nicht als schwierig gekennzeichnet",
            MARKS[None]: "seine Kennzeichnung „{mark}“ der Schwierigkeit ist unverständlich",
        }
    }
    about = {"de": ABOUT_DE}
    subject = "class"
    rise: float = field(default=0.2, metadata={"help": "negative share above the usual one, of a student"})
    least: int = field(default=3, metadata={"help": "fewest students who looked negative more"})
    share: float = field(default=0.5, metadata={"help": "least share of the students compared"})
    rest: float = field(
        default=0.5, metadata={"help": "least samples elsewhere in the course, per sample in the segment"}
    )
    floor: float = field(default=0.5, metadata={"help": "least share of samples, and of students, measured"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        import polars as pl

        emotion = pl.col("emotion")
        counts = (
            seen.group_by("student")
            .agg(
                samples=pl.len(),
                present=pl.col("present").any(),
                measured=emotion.count(),
                negative=emotion.is_in(statistics.NEGATIVE).sum(),
            )
            .to_dicts()
        )
        if len(counts) < self.least:
            return None
        coverage = (len(seen) - seen["emotion"].null_count()) / len(seen)
        usual = context.baselines
        rises = [self._rise(row, usual.get(row["student"], {})) for row in counts]
        compared = [rise for rise in rises if rise is not None]
        if len(compared) < max(self.least, self.floor * sum(row["present"] for row in counts)):
            said = Message(SILENT, compared=len(compared), students=len(counts))
            return statistics.not_measurable(said, coverage)
        # A hair of tolerance: 0.3 - 0.1 is less than 0.2 in binary.
        negative = sum(rise >= self.rise - 1e-9 for rise in compared)
        value = negative / len(compared)
        shown = negative >= self.least and value >= self.share - 1e-9
        assert context.segment is not None
        return Assessment(
            value,
            "attention" if shown else "info",
            _said(context.segment, negative, len(compared), len(counts) - len(compared), shown=shown),
            evidence={"negative": negative, "compared": len(compared), "students": len(counts)},
            coverage=coverage,
        )

    def _rise(self, counts: Mapping[str, Any], usual: Mapping[str, float]) -> float | None:
        """Share of negative expressions in the segment less that elsewhere; None: not to be compared."""
        measured = counts["measured"]
        rest = usual.get("measured", 0) - measured
        if not measured or measured < self.floor * counts["samples"] or rest < max(1, self.rest * measured):
            return None
        whole = sum(usual.get(label, 0.0) for label in statistics.NEGATIVE) * usual["measured"]
        # Never below zero: `fertool rules sensitivity` changes expressions, but not what is usual.
        return float(counts["negative"] / measured - max(0.0, whole - counts["negative"]) / rest)


def _said(part: Segment, negative: int, compared: int, others: int, *, shown: bool) -> Message:
    mark = Message(MARKS[part.difficult], mark=part.difficulty)
    said = Message(SAID, negative=negative, compared=compared, what=part.point or part.title, mark=mark)
    if shown:
        said = Message(SHOWN, said=said)
    return Message(OTHERS, said=said, others=others) if others else said


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [HardPoints]
