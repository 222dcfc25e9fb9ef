"""`attendance`: how much of each student was seen, week by week."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import Chart, Given, Part, Prose, Section, Table, hookimpl

if TYPE_CHECKING:
    import polars as pl

HOW = (
    "The share of the samples in which a face was seen, over all lectures of a week, or lecture by lecture"
    " where not all days are known. Not seen can mean away, turned off, hidden, or too small for the"
    " detector. Who was enrolled, or seen in an earlier lecture, and is not in this one counts with 0 %;"
    " a dash stands before that, where a lecture cannot show who was missing, and where a figure of the class"
    " is held back. A lecture that was recorded with one face at a time measures nobody's attendance and is"
    " left out."
)


@dataclass
class Attendance(Section):
    """Present samples / samples, by calendar week (ISO 8601): of everybody expected, and of each student."""

    name = "attendance"
    version = "3"
    title = "Attendance by week"
    words = {
        "de": {
            title: "Anwesenheit je Woche",
            HOW: (
                "Der Anteil der Stichproben, in denen ein Gesicht gesehen wurde, über alle Vorlesungen einer "
                "Woche, oder Vorlesung für Vorlesung, wo nicht alle Tage bekannt sind. Nicht gesehen kann "
                "heißen: weg, ausgeschaltet, verdeckt oder zu klein für den Detektor. Wer eingeschrieben "
                "war oder in einer früheren Vorlesung gesehen wurde und in dieser nicht, zählt mit 0 %; "
                "ein Strich steht davor, wo eine Vorlesung nicht zeigen kann, wer fehlt, und wo eine Zahl "
                "über die Klasse zurückgehalten ist. Eine Vorlesung, die mit einem Gesicht nach dem anderen "
                "aufgenommen wurde, misst niemandes Anwesenheit und ist ausgelassen."
            ),
            "Seen per week": "Gesehen je Woche",
            "Seen of everybody expected per week": "Von allen Erwarteten gesehen je Woche",
            "Percent seen per student and week": "Prozent gesehen je Person und Woche",
            "week": "Woche",
            "student": "Person",
            "seen": "gesehen",
            "samples": "Stichproben",
        }
    }
    pages = frozenset({"course", "student"})
    least: int = field(default=2, metadata={"help": "fewest weeks (or lectures) to show anything for"})

    def build(self, given: Given) -> list[Part]:
        import polars as pl

        when = weeks(given.tables["lectures"].filter(~pl.col("one_at_a_time")))
        if when["week"].n_unique() < self.least or given.tables["students"].is_empty():
            return []
        people = seen(given.tables["students"], when, "samples", "student")
        if given.page == "student":
            mine = people.select("week", "seen", "samples")
            return [Chart("Seen per week", mine, "week", ("seen",), share=True), Prose(HOW)]
        whole = seen(given.tables["lectures"], when, "expected").select("week", "seen", samples="expected")
        percent = people.with_columns((pl.col("seen") * 100).round(0).cast(pl.Int64).alias("seen"))
        headings = {str(i): week for i, week in enumerate(when["week"].unique(maintain_order=True))}
        number = pl.col("week").replace_strict({week: i for i, week in headings.items()})
        wide = percent.with_columns(number).pivot("week", index="student", values="seen", sort_columns=False)
        return [
            Chart("Seen of everybody expected per week", whole, "week", ("seen",), share=True),
            Table("Percent seen per student and week", wide, headings),
            Prose(HOW),
        ]


def weeks(lectures: pl.DataFrame) -> pl.DataFrame:
    """lecture, week: in order of days, `2026-W41`; where one is missing as given, week is the lecture."""
    import polars as pl

    if lectures["day"].has_nulls():
        return lectures.select("lecture", week="lecture")
    return lectures.sort("day", maintain_order=True).select(
        "lecture", week=pl.col("day").dt.strftime("%G-W%V")
    )


def seen(counts: pl.DataFrame, when: pl.DataFrame, of: str, *by: str) -> pl.DataFrame:
    """week, `by`, `of` (samples to be seen in), seen (share): one row each in order of weeks. Null as soon as
    one lecture of a week is."""
    import polars as pl

    joined = when.join(counts, on="lecture", maintain_order="left")
    total = joined.group_by("week", *by, maintain_order=True).agg(
        pl.when(~pl.col(name).has_nulls()).then(pl.col(name).sum()).alias(name) for name in (of, "present")
    )
    share = pl.when(pl.col(of) > 0).then(pl.col("present") / pl.col(of))
    return total.select("week", *by, of, seen=share)


@hookimpl
def fertool_report_sections() -> list[type[Section]]:
    return [Attendance]
