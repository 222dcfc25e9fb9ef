"""Attendance by week, by hand."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from fertool import Chart, Given, Table
from fertool_plugins.sections.attendance import Attendance

MONDAY = date(2026, 10, 5)


def tables(days: list[date | None], present: list[int | None]) -> dict[str, pl.DataFrame]:
    lectures = [f"l{i}" for i in range(len(days))]
    whole = pl.DataFrame(
        {"lecture": lectures, "day": days, "expected": [20] * len(days), "present": present},
        schema={"lecture": pl.String, "day": pl.Date, "expected": pl.Int64, "present": pl.Int64},
    ).with_columns(one_at_a_time=pl.lit(value=False))
    people = pl.DataFrame(
        [
            (name, student, 10, 5 if student == "ann" else 10)
            for name in lectures
            for student in ("ann", "bob")
        ],
        schema=["lecture", "student", "samples", "present"],
        orient="row",
    )
    return {"lectures": whole, "students": people}


WEEKS = [
    # a lecture each week, the later one stored first
    ([date(2026, 10, 12), MONDAY], [10, 20], {"2026-W41": 1.0, "2026-W42": 0.5}),
    # two in one week are one figure
    ([MONDAY, date(2026, 10, 8), date(2026, 10, 12)], [10, 20, 0], {"2026-W41": 0.75, "2026-W42": 0.0}),
    # without one of the days: lecture by lecture, as given
    ([MONDAY, None], [10, 20], {"l0": 0.5, "l1": 1.0}),
    # a figure about too few hides its week
    ([MONDAY, date(2026, 10, 8), date(2026, 10, 12)], [10, None, 0], {"2026-W41": None, "2026-W42": 0.0}),
    # the year of the week, not of the day
    ([date(2027, 1, 1), date(2027, 1, 4)], [10, 20], {"2026-W53": 0.5, "2027-W01": 1.0}),
]


@pytest.mark.parametrize(("days", "present", "expected"), WEEKS)
def test_weeks(days: list[date | None], present: list[int | None], expected: dict[str, float | None]) -> None:
    chart = Attendance().build(Given("course", "c", None, None, tables(days, present)))[0]
    assert isinstance(chart, Chart)
    assert dict(chart.rows.select("week", "seen").iter_rows()) == expected
    assert chart.rows["week"].to_list() == list(expected)


def test_a_course_has_everybody_in_percent() -> None:
    _, table, _ = Attendance().build(
        Given("course", "c", None, None, tables([MONDAY, date(2026, 10, 12)], [1, 1]))
    )
    assert isinstance(table, Table)
    assert table.rows.rows() == [("ann", 50, 50), ("bob", 100, 100)]
    assert table.headings == {"0": "2026-W41", "1": "2026-W42"}


def test_a_lecture_may_be_called_as_a_column_is() -> None:
    found = {
        name: rows.with_columns(pl.col("lecture").replace({"l0": "student", "l1": "week"}))
        for name, rows in tables([None, None], [1, 1]).items()
    }
    _, table, _ = Attendance().build(Given("course", "c", None, None, found))
    assert table.rows.columns == ["student", "0", "1"]
    assert table.headings == {"0": "student", "1": "week"}


def test_one_week_is_no_comparison() -> None:
    assert Attendance().build(Given("course", "c", None, None, tables([MONDAY], [10]))) == []
    assert Attendance(least=1).build(Given("course", "c", None, None, tables([MONDAY], [10])))


def test_who_is_shown_one_at_a_time_is_no_attendance() -> None:
    found = tables([MONDAY, date(2026, 10, 8), date(2026, 10, 12)], [20, 5, 10])
    shown = pl.Series("one_at_a_time", [False, True, False])
    lectures = found["lectures"].with_columns(shown)
    chart, table, prose = Attendance().build(Given("course", "c", None, None, found | {"lectures": lectures}))
    assert dict(chart.rows.select("week", "seen").iter_rows()) == {"2026-W41": 1.0, "2026-W42": 0.5}
    assert table.rows.rows() == [("ann", 50, 50), ("bob", 100, 100)]
    assert "one face at a time" in prose.text
    only = lectures.with_columns(one_at_a_time=pl.lit(value=True))
    assert Attendance(least=1).build(Given("course", "c", None, None, found | {"lectures": only})) == []
