"""`lost-moments`: where the class turned negative or was out of sight together, the worst first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Assessment, Context, Message, Plugin, Rule, hookimpl, statistics

if TYPE_CHECKING:
    import polars as pl

HOW_MANY = "up to {lost} of {students} with a negative expression or not seen ({unseen} not seen)"
NEVER = "never together: at most {lost} of {students} at once with a negative expression or not seen"

ABOUT_DE = """\
Wert = Anteil der Klasse, der in einem Moment verloren war (0 bis 1); eine Aussage je Moment, geordnet.

Die Vorlesung wird in Teile von `every` Sekunden geschnitten. Jemand ist in einem Teil verloren, wenn das
Gesicht in mehr als der Hälfte der Stichproben nicht gesehen wurde oder mehr als die Hälfte der gemessenen
Ausdrücke negativ ist (wütend, angeekelt, ängstlich, traurig). Ein Teil ist verloren, wenn es mindestens
`least` Studierende sind und ihr Anteil um `rise` oder mehr über dem Median der Klasse in dieser Vorlesung
liegt. Benachbarte verlorene Teile sind ein Moment; geordnet wird nach dem, was über dem Median liegt, mal
der Länge, und die ersten `most` werden genannt. Wert: Mittel über die Teile des Moments.

Quelle: keine. Betrachtet: Anwesenheit, Ausdruck. Geprüft an: nichts; eine Pause, ein Film oder ein
gemeinsames trauriges Thema sieht genauso aus.
"""


@dataclass
class LostMoments(Rule):
    """value = share of the class that was lost in a moment (0..1); one assessment per moment, ranked.

    The lecture is cut into parts of `every` seconds. A student is lost in a part if unseen in more than
    half of its samples, or if more than half of the measured expressions are negative (angry, disgust,
    fear, sad). A part is lost if at least `least` students are, and their share is `rise` or more above the
    class's own median over the lecture. Neighboring lost parts are one moment; moments are ranked by what
    is above the median, times their length, and the first `most` are reported. value: mean over the parts of
    the moment.

    Reference: none. Signals: presence, expression. Needs the four negative labels. Validated on: nothing; a
    break, a film or a shared sad subject looks the same.
    """

    name = "lost-moments"
    version = "2"
    feeds = "lost moments"
    signals = frozenset({"presence", "expression"})
    needs = ("angry", "disgust", "fear", "sad")
    label = "share of the class with a negative expression or not seen"
    unit = "share"
    better = "lower"
    words = {
        "de": {
            label: ("Anteil der Klasse mit negativem Ausdruck oder nicht gesehen"),
            HOW_MANY: (
                "bis zu {lost} von {students} mit negativem Ausdruck oder nicht gesehen ({unseen} nicht "
                "gesehen)"
            ),
            NEVER: (
                "nie gemeinsam: höchstens {lost} von {students} zugleich mit negativem Ausdruck oder nicht "
                "gesehen"
            ),
        }
    }
    about = {"de": ABOUT_DE}
    scope = "lecture"
    subject = "class"
    every: float = field(default=30.0, metadata={"help": "seconds of a part"})
    rise: float = field(default=0.3, metadata={"help": "share of the class above its median"})
    least: int = field(default=2, metadata={"help": "fewest students that are together"})
    most: int = field(default=5, metadata={"help": "moments, at most"})
    floor: float = field(default=0.5, metadata={"help": "least share of samples seen measured or absent"})

    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | list[Assessment] | None:
        if seen.is_empty() or seen["student"].n_unique() < self.least:
            return None
        coverage = statistics.together(seen, context, self.floor)
        if isinstance(coverage, Assessment):
            return coverage
        parts = self._parts(seen)
        end = context.window[1] if context.window else float("inf")
        moments = statistics.rises(parts, self.every, self.rise, self.least, end)
        if not moments:
            worst = statistics.peak(parts)
            said = Message(NEVER, lost=worst["hits"], students=worst["students"])
            return Assessment(worst["hits"] / worst["students"], "good", said, coverage=coverage)
        return [_tell(rank, one, coverage) for rank, one in enumerate(moments[: self.most], 1)]

    def _parts(self, seen: pl.DataFrame) -> pl.DataFrame:
        """time_s, students, hits (lost), unseen: one row per part, by time."""
        import polars as pl

        number = (pl.col("time_s") / self.every).floor().alias("part")
        unseen, negative = statistics.lost()
        each = seen.group_by("student", number).agg(
            unseen=unseen.mean() > 0.5, negative=(negative.mean() > 0.5).fill_null(value=False)
        )
        lost = pl.col("unseen") | pl.col("negative")
        parts = each.group_by("part").agg(students=pl.len(), hits=lost.sum(), unseen=pl.col("unseen").sum())
        return parts.sort("part").with_columns(time_s=pl.col("part") * self.every)


def _tell(rank: int, moment: statistics.Rise, coverage: float) -> Assessment:
    peak = moment.peak
    counts = {"lost": peak["hits"], "students": peak["students"], "unseen": peak["unseen"]}
    return moment.says(rank, "attention", Message(HOW_MANY, **counts), coverage, **counts)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [LostMoments]
