"""`difficulty`: a student angry or distressed many times in a row while the matter is difficult."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    import polars as pl

RUN = "angry or distressed in {samples} samples in a row"
ACROSS = "angry or distressed in {samples} samples in a row ({inside} of them in this segment)"
FEWER = "{run}, fewer than {wanted}"
UNMARKED = "{run}; this segment is not marked as difficult"
UNREAD = "{run}; its mark of difficulty '{mark}' is not understood"
EXPLAIN = "{run}: explain '{what}' comprehensively, or have a teacher step in"


@dataclass(frozen=True, slots=True)
class Streak:
    """Samples in a row that are angry or distressed."""

    start_s: float
    end_s: float
    samples: int
    inside: int
    """How many of them lie in the segment that is judged."""


NONE = Streak(0.0, 0.0, 0, 0)


ABOUT_DE = """\
Wert = Länge der längsten Folge von Stichproben mit wütendem oder bekümmertem Ausdruck, in Stichproben.

Quelle: Aly et al. 2023, Abschnitt IV.C.2: Wut oder Kummer 30 Mal in Folge, bei einem Wissenspunkt, der
als schwer bekannt ist; dann umfassend erklären oder eine Lehrkraft hinzuziehen. Der Aufsatz sagt nicht,
welche Ausdrücke Kummer sind; hier sind es traurig, ängstlich und angeekelt. Ein Mal ist eine Stichprobe,
wie dicht sie auch liegen: 30 Stichproben sind 15 s bei zweien in der Sekunde und 5 min bei einer alle 10
s. Mit `seconds` zählt stattdessen die Länge in der Zeit.

Eine Stichprobe ohne gemessenen Ausdruck beendet eine Folge. Eine Folge geht von einem Abschnitt in den
nächsten weiter, wenn beide als schwer bezeichnet sind, und zählt in beiden ganz; was in einem anderen
Abschnitt oder einer Lücke liegt, zählt nicht. In einem Abschnitt, der nicht als schwer bezeichnet ist,
zählen nur seine eigenen Stichproben, und eine Folge, die lang genug ist, ist ein Hinweis und nicht
auffällig.

Betrachtet: Ausdruck, nämlich wütend und die Ausdrücke von `distress`. Geprüft an: nichts.
"""


@dataclass
class Difficulty(Rule):
    """value = length in samples of the longest run of angry or distressed ones.

    Reference: Aly et al. 2023, section IV.C.2: anger or distress 30 times in a row, at a knowledge point that
    is known to be difficult; then explain it comprehensively or call in a teacher. The paper does not say
    which expressions are distress; here they are sad, fear and disgust. A time is a sample, at any sampling
    rate: 30 samples are 15 s at two a second, and 5 min at one every 10 s. With `seconds`, a run counts by
    its length in time instead.

    A sample without a measured expression ends a run. A run goes on from one segment into the next if both
    are marked as difficult, and counts whole in both; its part in a segment that is not marked as difficult,
    or in a gap between segments, does not count. In a segment that is not marked as difficult only its own
    samples count, and a run that is long enough is `info`, not `attention`.

    Signals: expression. Needs the labels angry and those of `distress`. Validated on: nothing.
    """

    name = "difficulty"
    version = "2"
    advises = "difficult"
    signals = frozenset({"expression"})
    needs = ("angry", "sad", "fear", "disgust")
    label = "longest run of samples with an angry or distressed expression"
    unit = "samples"
    better = "lower"
    words = {
        "de": {
            label: "längste Folge von Stichproben mit wütendem oder bedrücktem Ausdruck",
            RUN: "in {samples} Stichproben nacheinander wütend oder bedrückt",
            ACROSS: (
                "in {samples} Stichproben nacheinander wütend oder bedrückt ({inside} davon in diesem "
                "Abschnitt)"
            ),
            FEWER: "{run}, weniger als {wanted}",
            UNMARKED: "{run}; dieser Abschnitt ist nicht als schwierig gekennzeichnet",
            UNREAD: "{run}; die Kennzeichnung „{mark}“ der Schwierigkeit ist unverständlich",
            EXPLAIN: "{run}: „{what}“ umfassend erklären oder eine Lehrperson hinzuziehen",
        }
    }
    about = {"de": ABOUT_DE}
    times: int = field(default=30, metadata={"help": "samples in a row that count"})
    seconds: float = field(
        default=0.0, metadata={"help": "above 0: a run counts from this length on, whatever `times` says"}
    )
    distress: tuple[str, ...] = field(
        default=("sad", "fear", "disgust"), metadata={"help": "labels that count as distress"}
    )
    floor: float = field(default=0.5, metadata={"help": "least share of samples with a measured expression"})

    def __post_init__(self) -> None:
        if self.times < 1 or self.seconds < 0:
            raise ValueError(f"expected times >= 1 and seconds >= 0, got {self.times} and {self.seconds}")

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        figure = statistics.figure(statistics.shows(seen, self._labels), seen, self.floor)
        if not figure.enough:
            return figure.silent("expression")
        around = seen
        if context.difficult and context.lecture_seen is not None:
            around = context.lecture_seen
        period_s = statistics.period(around)
        wanted = self.samples(period_s)
        runs = self._runs(seen, around, period_s, context)
        longest = max(runs, key=lambda run: run.samples, default=NONE)
        counting = [run for run in runs if run.samples >= wanted]
        level, message = _verdict(context, longest, wanted)
        return Assessment(
            value=longest.samples,
            level=level,
            message=message,
            evidence={"longest": longest.samples, "wanted": wanted, "runs": len(counting)},
            coverage=figure.coverage,
            spans=tuple((run.start_s, run.end_s) for run in counting),
        )

    @property
    def _labels(self) -> tuple[str, ...]:
        return ("angry", *self.distress)

    def samples(self, period_s: float) -> int:
        """How many samples in a row make a run that counts; a single sample is taken to last a second."""
        if not self.seconds:
            return self.times
        return max(1, int(self.seconds / (period_s or 1.0) + 0.5))

    def _runs(
        self, seen: pl.DataFrame, around: pl.DataFrame, period_s: float, context: Context
    ) -> list[Streak]:
        """Runs with a sample in the segment. `around`: the rows of the lecture, or `seen` itself where
        nothing beyond the segment counts."""
        import numpy as np

        times = around["time_s"].to_numpy()
        first = int(np.searchsorted(times, seen["time_s"][0]))
        last = int(np.searchsorted(times, seen["time_s"][-1], side="right"))
        counts = np.zeros(len(times), bool)
        counts[first:last] = True
        for part in context.segments if context.difficult else ():
            if part.difficult:
                start, end = np.searchsorted(times, [part.start_s, part.end_s])
                counts[start:end] = True
        runs = []
        hits = np.where(counts, statistics.shows(around, self._labels), 0.0)
        for start_s, end_s, n in statistics.runs(hits, around, period_s):
            row = int(np.searchsorted(times, start_s))
            if (inside := min(row + n, last) - max(row, first)) > 0:
                runs.append(Streak(start_s, end_s, n, inside))
        return runs


def _verdict(context: Context, longest: Streak, wanted: int) -> tuple[str, Message]:
    """Level and message."""
    if longest.inside < longest.samples:
        said = Message(ACROSS, samples=longest.samples, inside=longest.inside)
    else:
        said = Message(RUN, samples=longest.samples)
    counts = longest.samples >= wanted
    if not counts:
        said = Message(FEWER, run=said, wanted=wanted)
    if context.difficult is None:
        assert context.segment is not None
        return "info", Message(UNREAD, run=said, mark=context.segment.difficulty)
    if not counts:
        return ("good" if context.difficult else "info"), said
    if not context.difficult:
        return "info", Message(UNMARKED, run=said)
    assert context.segment is not None
    return "attention", Message(EXPLAIN, run=said, what=context.segment.point or context.segment.title)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Difficulty]
