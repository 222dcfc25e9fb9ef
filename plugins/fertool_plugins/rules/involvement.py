"""`involvement`: how much of the time a student's head was bowed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Message, Plugin, Rule, head_level, hookimpl, statistics

if TYPE_CHECKING:
    import polars as pl

SAID = "head bowed in {share:share} of {measured} measured samples"
PASSIVE = f"{SAID}: passive by the published rule, send a reminder"
UNKNOWN = (
    "head pose measured in {measured} of {samples} samples, but the pitch of a level head before this camera "
    "is not known: bowed in between {least:share} and {most:share} of them"
)
NO_LEVEL = "head pose measured in too few samples of the lecture to know the pitch of a level head"


ABOUT_DE = """\
Wert = Stichproben mit gesenktem Kopf / Stichproben mit gemessener Kopfhaltung (0 bis 1).

Gesenkt: mehr als `angle` Grad unter der Neigung eines geraden Kopfes vor derselben Kamera, denn Kameras
schauen von oben oder unten auf Menschen. Diese Neigung wird aus den Höhen geschätzt, in denen der Kopf in
der Vorlesung gehalten wurde, und liegt zwischen zwei bekannten Winkeln: Wer nur in einer Höhe gesehen
wurde, kann die ganze Zeit gesenkt gewesen sein. Gezählt wird an beiden Enden; wo die Anteile um mehr als
`unsure` auseinander liegen, steht "nicht messbar" und nie 0. Die Option `level` gibt die Neigung
stattdessen für alle vor. Quelle: Aly et al. 2023, Abschnitt IV.C.4: mehr als die halbe Zeit gesenkt gilt
als passiv und ruft nach einer Erinnerung. Auch beim Schreiben ist der Kopf gesenkt: Die Zahl
unterscheidet Papier nicht von einem Telefon.

Betrachtet: Kopfhaltung. Geprüft an: nichts.
"""


@dataclass
class Involvement(Rule):
    """value = samples with bowed head / samples with a measured head pose (0..1).

    Bowed: pitch more than `angle` degrees below that of a level head before the same camera, since cameras
    look up or down at people. That level is estimated from the heights at which the student held the head in
    the lecture, and is known to lie between two angles (`fertool.head_level`): a student who was seen at one
    height only may have been bowed all the time. The share is counted at both ends; where the two differ by
    more than `unsure`, it is "not measurable", and never 0. Option `level` gives the pitch of a level head
    instead, the same for everybody. Reference: Aly et al. 2023, section IV.C.4: bowed for more than half of
    the time is passive, and calls for a reminder. A student who writes bows, too: the figure does not know
    paper from telephone.

    Signals: pose. Needs no labels. Validated on: nothing.
    """

    name = "involvement"
    version = "2"
    advises = "lowered"
    signals = frozenset({"pose"})
    label = "measured time with the head bowed"
    unit = "share"
    better = "lower"
    words = {
        "de": {
            label: "gemessene Zeit mit gesenktem Kopf",
            SAID: "Kopf gesenkt in {share:share} von {measured} gemessenen Stichproben",
            PASSIVE: (
                "Kopf gesenkt in {share:share} von {measured} gemessenen Stichproben: nach der "
                "veröffentlichten Regel passiv, eine Erinnerung senden"
            ),
            UNKNOWN: (
                "Kopfhaltung in {measured} von {samples} Stichproben gemessen, aber die Neigung eines "
                "geraden Kopfes vor dieser Kamera ist nicht bekannt: gesenkt in {least:share} bis "
                "{most:share} davon"
            ),
            NO_LEVEL: (
                "Kopfhaltung in zu wenigen Stichproben der Vorlesung gemessen, um die Neigung eines geraden "
                "Kopfes zu kennen"
            ),
        }
    }
    about = {"de": ABOUT_DE}
    angle: float = field(default=15.0, metadata={"help": "degrees below a level head from which on bowed"})
    level: float | None = field(default=None, metadata={"help": "pitch of a level head; estimated if none"})
    passive: float = field(default=0.5, metadata={"help": "passive above this share"})
    unsure: float = field(default=0.1, metadata={"help": "most difference that the unknown level may make"})
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured head pose"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        import numpy as np

        if seen.is_empty():
            return None
        pitch = seen["pitch_deg"].to_numpy()
        known = ~np.isnan(pitch)
        figure = statistics.figure(np.where(known, 0.0, np.nan), seen, self.floor)
        if not figure.enough:
            return figure.silent("head pose")
        level = head_level.of(context.baseline, "pitch_deg")
        if self.level is not None:
            level = head_level.Level(self.level, self.level, self.level)
        if level is None:
            return statistics.not_measurable(Message(NO_LEVEL), figure.coverage)
        least, most = (float((pitch[known] < end - self.angle).mean()) for end in (level.low, level.high))
        if most - least > self.unsure:
            values = {"measured": figure.measured, "samples": figure.samples, "least": least, "most": most}
            return statistics.not_measurable(Message(UNKNOWN, **values), figure.coverage)
        bowed = np.where(known, pitch < level.deg - self.angle, np.nan)
        figure = statistics.figure(bowed, seen, self.floor)
        low, high = figure.interval or (figure.value, figure.value)
        if figure.interval or least < most:  # chance over time and the unknown level
            figure = replace(figure, interval=(min(low, least), max(high, most)))
        passive = int((bowed == 1).sum()) > self.passive * figure.measured
        return figure.says(
            Message(PASSIVE if passive else SAID, share=figure.value, measured=figure.measured),
            "attention" if passive else "good",
            statistics.spans(bowed, seen, context.period_s),
            level_pitch_deg=round(level.deg, 1),
        )


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Involvement]
