"""`focus`: looks of ten seconds in which the face was missing for more than half of the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fertool import Assessment, Context, Plugin, Rule, hookimpl, judging

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Doubles = npt.NDArray[np.floating[Any]]


@dataclass
class Focus(Rule):
    """value = looks in which the student is not away / looks (0..1).

    A look is every `every` seconds of the window; the student is away in it if the face is undetected in
    more than half of its samples. Reference: Aly et al. 2023, section IV.C.1, which takes whoever is away
    to be inattentive or to have a technical problem. These two are told apart by duration only: no face at
    all for `technical` seconds on end is more like a camera that was switched off, a frozen link or an empty
    chair; a face that comes and goes, or is back sooner, like inattention. A dark tile is not told from an
    empty chair: nothing is stored of the pixels of places without a face, and where a tile is once its face
    is gone is known in gallery views that do not shuffle only.

    Signals: presence. Needs no labels. Validated on: nothing; a face is also lost to a hand, a turned head
    or poor light.
    """

    name = "focus"
    version = "1"
    signals = frozenset({"presence"})
    every: float = field(default=10.0, metadata={"help": "seconds of a look"})
    missing: float = field(default=0.5, metadata={"help": "away if undetected for more than this share"})
    technical: float = field(default=60.0, metadata={"help": "seconds without any face: technical, or gone"})
    floor: float = field(default=0.5, metadata={"help": "least share of looks with a sample"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | None:
        if seen.is_empty():
            return None
        start, end = self._window(seen, context)
        look, faces, samples = judging.totals(seen["present"], judging.parts(seen, self.every, start))
        expected = max(len(look), -int(-(end - start) // self.every))
        coverage = len(look) / expected
        if coverage < self.floor:
            return judging.not_measurable(f"looked at {len(look)} of {expected} times only", coverage)
        times = start + look * self.every
        missed = samples - faces > self.missing * samples
        away = int(missed.sum())
        technical = self._technical(faces, times)
        figure = judging.figure(~missed, times, floor=0)
        return Assessment(
            value=figure.value,
            level="good" if not away else "attention" if away > technical else "technical",
            message=_message(away, technical, len(look)),
            evidence={"looks": len(look), "away": away, "technical": technical},
            coverage=coverage,
            interval=figure.interval,
            spans=tuple(judging.spans(missed, times, self.every)),
        )

    def _window(self, seen: pl.DataFrame, context: Context) -> tuple[float, float]:
        """The segment, so that its looks begin with it; else from the first sample to the last."""
        if context.segment is not None:
            return context.segment.start_s, context.segment.end_s
        return float(seen["time_s"][0]), float(seen["time_s"][-1]) + context.period_s

    def _technical(self, faces: Doubles, times: Doubles) -> int:
        """How many looks lie in a long stretch without any face."""
        stretches = judging.runs(faces == 0, times, self.every)
        return sum(n for start, end, n in stretches if end - start >= self.technical)


def _message(away: int, technical: int, looks: int) -> str:
    if not away:
        return f"seen in all {looks} looks"
    parts = []
    if away > technical:
        parts.append(f"inattentive in {away - technical}")
    if technical:
        parts.append(f"without any face in {technical} (camera off, technical problem or gone)")
    return f"{' and '.join(parts)} of {looks} looks"


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Focus]
