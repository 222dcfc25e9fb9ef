"""`focus`: looks of ten seconds in which the face was missing for more than half of the time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

from fertool import Assessment, Context, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Ints = npt.NDArray[np.int64]
    Doubles = npt.NDArray[np.floating[Any]]

BRIEF, LONG, BEFORE, AFTER = "brief", "long", "before", "after"
"""Kinds of absences: shorter than `technical`; at least as long; and if so, from the first sample of the
lecture on, or up to its last."""
SEEN = "seen in all {looks} looks"
SAID = {
    BRIEF: (
        "not seen in {n} of {looks} looks, for less than {limit:clock} on end, which the published rule "
        "takes for inattention"
    ),
    LONG: (
        "not seen in {n} of {looks} looks, for {limit:clock} or more on end (camera off, a technical "
        "problem, or away)"
    ),
    BEFORE: "not seen before {until:clock}",
    AFTER: "not seen after {since:clock}, up to the end of the lecture",
}
AND = "{first}; {second}"
UNSHOWN = "the recording shows one face at a time: a student who is not shown may be there"


ABOUT_DE = """\
Wert = Blicke, in denen das Gesicht mindestens die halbe Zeit gesehen wurde / Blicke (0 bis 1).

Ein Blick sind `every` Sekunden des Fensters; die Person ist darin nicht da, wenn das Gesicht in mehr als
der Hälfte der Stichproben nicht gefunden wurde. Quelle: Aly et al. 2023, Abschnitt IV.C.1, wo dies für
Unaufmerksamkeit oder ein technisches Problem gilt. Die beiden unterscheidet hier die Zeit am Stück ohne
Gesicht, gezählt über die ganze Vorlesung: `technical` Sekunden oder mehr sehen eher nach einer Kamera
aus, die ausgeschaltet wurde, nach einer stehenden Verbindung oder einem leeren Stuhl; die Stufe ist dann
technisch, oder nicht gesehen vor dem ersten und nach dem letzten Mal, dass das Gesicht gesehen wurde.
Kürzere Lücken sind, was der Aufsatz Unaufmerksamkeit nennt. Ein Gesicht, das nicht gesehen wird, sagt für
sich nichts über Aufmerksamkeit: Auch eine Hand, ein gedrehter Kopf oder schlechtes Licht verbergen es,
und eine dunkle Kachel ist von einem leeren Stuhl nicht zu unterscheiden. In einer Aufnahme,
die von mehreren Menschen ein Gesicht nach dem anderen zeigt, sind Blicke nicht messbar.

Betrachtet: Anwesenheit. Geprüft an: nichts.
"""


@dataclass
class Focus(Rule):
    """value = looks in which the face was seen for at least half of the time / looks (0..1).

    A look is every `every` seconds of the window; the student is away in it if the face is undetected in
    more than half of its samples. Reference: Aly et al. 2023, section IV.C.1, which takes a student who is
    away to be inattentive or to have a technical problem. The two are told apart by the time on end without
    any face, counted over the whole lecture: an absence of `technical` seconds or more is more like a camera
    that was switched off, a frozen link or an empty chair; such looks make the level `technical`, or `absent`
    where the student had not been seen before or was not seen again. Shorter absences are what the paper
    calls inattention, level `attention`. A face that is not seen says nothing about attention by itself: it
    is also lost to a hand, a turned head or poor light, and a dark tile is not told from an empty chair. In a
    recording that shows one face at a time of several people, looks are not measurable.

    Signals: presence. Needs no labels. Validated on: nothing.
    """

    name = "focus"
    version = "2"
    advises = "unseen"
    signals = frozenset({"presence"})
    label = "looks of some seconds in which the face was seen"
    unit = "share"
    better = "higher"
    words = {
        "de": {
            label: ("Blicke von einigen Sekunden, in denen das Gesicht gesehen wurde"),
            SEEN: "in allen {looks} Blicken gesehen",
            SAID[BRIEF]: (
                "in {n} von {looks} Blicken nicht gesehen, weniger als {limit:clock} am Stück, was die "
                "veröffentlichte Regel für Unaufmerksamkeit hält"
            ),
            SAID[LONG]: (
                "in {n} von {looks} Blicken nicht gesehen, {limit:clock} oder länger am Stück (Kamera aus, "
                "ein technisches Problem, oder weg)"
            ),
            SAID[BEFORE]: "vor {until:clock} nicht gesehen",
            SAID[AFTER]: "nach {since:clock} nicht gesehen, bis zum Ende der Vorlesung",
            AND: "{first}; {second}",
            UNSHOWN: "die Aufnahme zeigt ein Gesicht nach dem anderen: Wer nicht gezeigt wird, kann da sein",
            "looked at {looks} of {expected} times only": "nur {looks} von {expected} Mal hingesehen",
        }
    }
    about = {"de": ABOUT_DE}
    every: float = field(default=10.0, metadata={"help": "seconds of a look"})
    missing: float = field(default=0.5, metadata={"help": "away if undetected for more than this share"})
    technical: float = field(default=60.0, metadata={"help": "seconds on end without any face: technical"})
    floor: float = field(default=0.5, metadata={"help": "least share of looks with a sample"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        if context.one_at_a_time:
            return statistics.not_measurable(Message(UNSHOWN))
        start, end = self._window(seen, context)
        part = statistics.parts(seen, self.every, start)
        look, faces, samples = statistics.totals(seen["present"], part)
        expected = max(len(look), -int(-(end - start) // self.every))
        coverage = len(look) / expected
        if coverage < self.floor:
            said = Message("looked at {looks} of {expected} times only", looks=len(look), expected=expected)
            return statistics.not_measurable(said, coverage)
        times = start + look * self.every
        missed = samples - faces > self.missing * samples
        absences = self._absences(seen if context.lecture_seen is None else context.lecture_seen, context)
        kinds = Counter(_kinds(seen, part, look[missed], absences))
        figure = statistics.figure(~missed, times, floor=0)
        return Assessment(
            value=figure.value,
            level=_level(kinds),
            message=self._said(kinds, len(look), absences),
            evidence={"looks": len(look), "away": int(missed.sum()), **kinds},
            coverage=coverage,
            interval=figure.interval,
            spans=tuple(statistics.spans(missed, times, self.every)),
        )

    def _window(self, seen: pl.DataFrame, context: Context) -> tuple[float, float]:
        """The segment, so that its looks begin with it; else from the first sample to the last."""
        if context.segment is not None:
            return context.segment.start_s, context.segment.end_s
        return float(seen["time_s"][0]), float(seen["time_s"][-1]) + context.period_s

    def _absences(self, lecture: pl.DataFrame, context: Context) -> list[tuple[float, float, str]]:
        """(start_s, end_s, kind) of every stretch without any face, in order of time."""
        first, last = lecture["time_s"][0], lecture["time_s"][-1]
        found = []
        for start, end, _ in statistics.runs(~lecture["present"], lecture, context.period_s):
            kind = BRIEF
            if end - start >= self.technical:
                kind = BEFORE if start <= first else AFTER if end > last else LONG
            found.append((start, end, kind))
        return found

    def _said(self, kinds: Counter[str], looks: int, absences: list[tuple[float, float, str]]) -> Message:
        if not kinds:
            return Message(SEEN, looks=looks)
        until = max((end for _, end, kind in absences if kind == BEFORE), default=0.0)
        since = min((start for start, _, kind in absences if kind == AFTER), default=0.0)
        said = [
            Message(SAID[BEFORE], until=until)
            if kind == BEFORE
            else Message(SAID[AFTER], since=since)
            if kind == AFTER
            else Message(SAID[kind], n=kinds[kind], looks=looks, limit=self.technical)
            for kind in SAID
            if kinds[kind]
        ]
        return reduce(lambda first, second: Message(AND, first=first, second=second), said)


def _kinds(
    seen: pl.DataFrame, part: Ints, missed: Ints, absences: list[tuple[float, float, str]]
) -> list[str]:
    """For each missed look, the kind of the absence that most of its faceless samples lie in."""
    import numpy as np

    starts = np.array([start for start, _, _ in absences])
    faceless = ~seen["present"].to_numpy()
    which = np.searchsorted(starts, seen["time_s"].to_numpy(), side="right") - 1
    return [
        Counter(absences[i][2] for i in which[faceless & (part == one)]).most_common(1)[0][0]
        for one in missed
    ]


def _level(kinds: Counter[str]) -> str:
    if not kinds:
        return "good"
    return "attention" if kinds[BRIEF] else "technical" if kinds[LONG] else "absent"


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Focus]
