"""`good-moments`: where more of the class than usual looked happy or surprised, or was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    import polars as pl

HAPPIER, FULLER = "happier", "fuller"
"""Levels of a moment: more happy or surprised than usual; more seen than usual."""
HOW_MANY = {
    HAPPIER: "up to {hits} of {students} happy or surprised, usually {usual:share} of the class",
    FULLER: "up to {hits} of {students} seen, usually {usual:share} of the class",
}
NEVER = "never much more of the class than usual: at most {hits} of {students} at once happy or surprised"

ABOUT_DE = """\
Wert = Anteil der Klasse, der in einem Moment fröhlich oder überrascht war oder gesehen wurde (0 bis 1);
eine Aussage je Moment.

Die Vorlesung wird in Teile von `every` Sekunden geschnitten. Jemand ist in einem Teil fröhlich oder
überrascht, wenn mehr als die Hälfte der gemessenen Ausdrücke es sind, und gesehen, wenn das Gesicht in
mindestens der Hälfte der Stichproben gesehen wurde. Ein Teil liegt über dem Üblichen, wenn der Anteil der
Klasse, der fröhlich oder überrascht ist, um `rise` oder mehr über dem Median der Klasse in dieser Vorlesung
liegt und es mindestens `least` Studierende sind (Stufe `happier`); ebenso für den Anteil, der gesehen wird
(`fuller`). Benachbarte Teile sind ein Moment; jede Art wird nach dem geordnet, was über dem Median liegt,
mal der Länge, und die ersten `most` werden genannt. Wert: Mittel über die Teile des Moments. Ein Lächeln
sagt nichts darüber, ob jemand etwas verstand oder mochte.

Quelle: keine. Betrachtet: Anwesenheit, Ausdruck. Geprüft an: nichts; ein Witz, ein Film oder eine Pause
sieht genauso aus.
"""


@dataclass
class GoodMoments(Rule):
    """value = share of the class that was happy or surprised, or seen, in a moment (0..1); one each.

    The lecture is cut into parts of `every` seconds. A student is happy or surprised in a part if more than
    half of the measured expressions are, and seen if the face was in at least half of the samples. A part
    lies above the usual if the share of the class that is happy or surprised is `rise` or more above the
    class's own median over the lecture, and at least `least` students are (level `happier`); likewise for
    the share that is seen (level `fuller`). Neighboring parts are one moment; each kind is ranked by what is
    above the median, times the length, and the first `most` are reported. value: mean over the parts of the
    moment. A smile does not say whether somebody understood or liked anything.

    Reference: none. Signals: presence, expression. Needs the labels happy and surprise. Validated on:
    nothing; a joke, a film or a break looks the same.
    """

    name = "good-moments"
    version = "1"
    feeds = "good moments"
    signals = frozenset({"presence", "expression"})
    needs = ("happy", "surprise")
    label = "share of the class that was happy or surprised, or seen"
    unit = "share"
    words = {
        "de": {
            label: "Anteil der Klasse, der fröhlich oder überrascht war oder gesehen wurde",
            HOW_MANY[HAPPIER]: (
                "bis zu {hits} von {students} fröhlich oder überrascht, üblich sind {usual:share} der Klasse"
            ),
            HOW_MANY[FULLER]: "bis zu {hits} von {students} gesehen, üblich sind {usual:share} der Klasse",
            NEVER: (
                "nie viel mehr von der Klasse als üblich: höchstens {hits} von {students} zugleich fröhlich "
                "oder überrascht"
            ),
        }
    }
    about = {"de": ABOUT_DE}
    scope = "lecture"
    subject = "class"
    every: float = field(default=30.0, metadata={"help": "seconds of a part"})
    rise: float = field(default=0.3, metadata={"help": "share of the class above its median"})
    least: int = field(default=2, metadata={"help": "fewest students that are together"})
    most: int = field(default=5, metadata={"help": "moments of each kind, at most"})
    floor: float = field(default=0.5, metadata={"help": "least share of samples not seen or measured"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | list[Assessment] | None:
        if seen.is_empty() or seen["student"].n_unique() < self.least:
            return None
        coverage = statistics.together(seen, context, self.floor)
        if isinstance(coverage, Assessment):
            return coverage
        end = context.window[1] if context.window else float("inf")
        kinds = self._parts(seen)
        found = {
            level: statistics.rises(parts, self.every, self.rise, self.least, end)[: self.most]
            for level, parts in kinds.items()
        }
        if any(found.values()):
            return [
                _tell(level, rank, moment, coverage)
                for level, moments in found.items()
                for rank, moment in enumerate(moments, 1)
            ]
        best = statistics.peak(kinds[HAPPIER])
        said = Message(NEVER, hits=best["hits"], students=best["students"])
        return Assessment(best["hits"] / best["students"], "info", said, coverage=coverage)

    def _parts(self, seen: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Level -> time_s, students, hits: one row per part, by time."""
        import polars as pl

        number = (pl.col("time_s") / self.every).floor().alias("part")
        shown = pl.col("emotion").is_in(statistics.POSITIVE).mean() > 0.5
        each = seen.group_by("student", number).agg(
            shown.fill_null(value=False).alias(HAPPIER), (pl.col("present").mean() >= 0.5).alias(FULLER)
        )
        parts = each.group_by("part").agg(pl.len().alias("students"), pl.col(HAPPIER, FULLER).sum())
        parts = parts.sort("part").with_columns(time_s=pl.col("part") * self.every)
        return {
            level: parts.select("time_s", "students", pl.col(level).alias("hits"))
            for level in (HAPPIER, FULLER)
        }


def _tell(level: str, rank: int, moment: statistics.Rise, coverage: float) -> Assessment:
    counts = {name: moment.peak[name] for name in ("hits", "students")}
    how_many = Message(HOW_MANY[level], usual=moment.usual, **counts)
    return moment.says(rank, level, how_many, coverage, usual=round(moment.usual, 4), **counts)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [GoodMoments]
