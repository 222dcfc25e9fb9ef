"""Flat tables: what is counted, what is left out for being about too few, and what was never computed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fertool.report import data
from fertool.report.data.digest import digest
from fertool.report.data.meetings import Meeting
from fertool.report.exports import tables
from fertool.storage.store import Store
from fertool.storage.tables import ASSESSMENTS, SEGMENTS, frame
from fertool.testing import store_lecture, timeline

PEOPLE = {
    "ann": timeline("happy*30"),
    "bob": timeline("happy*30"),
    "s-10": timeline("sad*20 absent*10"),
    "s-2": timeline("absent*10 sad/unposed*20"),
}
"""Who is there in each ten seconds: three, four, three."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("db") / "x.duckdb")
    parts = [
        {"segment": i, "title": f"part {i}", "start_s": 10.0 * i, "end_s": 10.0 * (i + 1)} for i in range(3)
    ]
    same = {"course": "signals", "version": "1", "options": "{}", "evidence": "{}", "rule": "r"}
    rows = [
        {"segment": 0, "student": None, "value": 0.5, "level": "good", "message": "class in part 0"},
        {"segment": 1, "student": None, "value": 0.6, "coverage": 0.7, "message": "class in part 1"},
        {"segment": 0, "student": "ann", "value": 0.25, "low": 0.2, "high": 0.3, "message": "ann herself"},
    ]
    for lecture, policy in (("week 1", "full"), ("week 2", "behaviour")):
        told = [same | {"lecture": lecture} | row for row in rows]
        store_lecture(
            store,
            "signals",
            lecture,
            PEOPLE,
            segments=frame(parts, SEGMENTS),
            assessments=frame(told, ASSESSMENTS),
            policy=policy,
        )
    return store


def of(store: Store, lecture: str = "week 1", k: int = 1) -> tables.Tables:
    return tables.of_lecture(digest(data.load(store, "signals", lecture, k), Meeting(date(2026, 10, 5))))


def test_every_table_has_the_columns_and_types_of_the_dictionary(store: Store) -> None:
    for found in (of(store), of(store, "week 2"), tables.empty(), tables.together([])):
        assert {name: rows.schema for name, rows in found.items()} == {
            name: tables.schema(name) for name in tables.DICTIONARY
        }


def test_a_lecture_in_one_row(store: Store) -> None:
    row = of(store)["lectures"].row(0, named=True)
    del row["analyzed_at"]
    assert row == {
        "course": "signals",
        "lecture": "week 1",
        "day": date(2026, 10, 5),
        "duration_s": 30.0,
        "period_s": 1.0,
        "policy": "full",
        "one_at_a_time": False,
        "students": 4,
        "absent": 0,
        "expected": 120,
        "samples": 120,
        "present": 100,
        "measured": 100,
        "posed": 80,
        "held_back": None,
    }


def test_the_absent_count_with_as_many_samples_as_anybody(store: Store) -> None:
    meeting = Meeting(absent=("eve", "zed"))
    found = tables.of_lecture(digest(data.load(store, "signals", "week 1", 5), meeting))
    (row,) = found["lectures"].to_dicts()
    assert (row["students"], row["absent"], row["expected"], row["held_back"]) == (4, 2, None, "few")
    found = tables.of_lecture(digest(data.load(store, "signals", "week 1", 4), meeting))
    (row,) = found["lectures"].to_dicts()
    assert (row["present"], row["samples"], row["expected"]) == (100, 120, 180)
    columns = ["student", "samples", "present", "measured", "posed", "main", "pitch_deg"]
    missed = (30, 0, 0, 0, None, None)
    assert found["students"].tail(2).select(columns).rows() == [("eve", *missed), ("zed", *missed)]


def test_students_come_in_natural_order_and_what_was_not_measured_is_null(store: Store) -> None:
    rows = of(store)["students"]
    assert rows["student"].to_list() == ["ann", "bob", "s-2", "s-10"]
    assert rows["main"].to_list() == ["happy", "happy", "sad", "sad"]
    assert rows["pitch_deg"].to_list() == [0, 0, None, 0]  # nobody's pose is a number, not NaN


def test_shares_are_of_the_lecture_then_of_each_segment_the_class_first(store: Store) -> None:
    rows = of(store)["shares"]
    assert rows["segment"].unique(maintain_order=True).to_list() == [None, 0, 1, 2]
    first = rows.filter(pl.col("segment") == 0)
    assert first["student"].unique(maintain_order=True).to_list() == [None, "ann", "bob", "s-2", "s-10"]
    shown = {
        (row["student"], row["label"]): (row["n"], row["measured"], row["share"])
        for row in first.iter_rows(named=True)
    }
    assert shown[None, "happy"] == (20, 30, 2 / 3)
    assert shown["s-10", "sad"] == (10, 10, 1.0)
    assert shown["s-2", "sad"] == (0, 0, None)  # away: not measurable, not 0 %


def test_shares_of_a_group_add_up(store: Store) -> None:
    rows = of(store)["shares"]
    sums = rows.group_by("segment", "student").agg(pl.col("n").sum(), pl.col("measured").first())
    assert (sums["n"] == sums["measured"]).all()


ALL = dict.fromkeys([0, 1, 2, None], "few")
HELD_BACK = [
    # k, why of each segment and of the lecture: what is counted over everybody, what over those who were read
    (1, {}, {}),
    (3, {}, {}),
    # all four could be seen in each part; read were three in parts 0 and 2, together all four
    (4, {}, {0: "few", 2: "few"}),
    (5, ALL, ALL),  # the class is too small
]


@pytest.mark.parametrize(("k", "everybody", "read"), HELD_BACK)
def test_figures_of_groups_too_small_are_null_in_every_table(
    store: Store, k: int, everybody: dict[int | None, str], read: dict[int | None, str]
) -> None:
    found = of(store, k=k)
    held_back = pl.col("held_back").is_not_null()
    segments = found["segments"].filter(held_back)
    assert dict(segments.select("segment", "held_back").iter_rows()) == {
        part: why for part, why in everybody.items() if part is not None
    }
    assert found["lectures"]["held_back"].to_list() == [everybody.get(None)]
    shares = found["shares"].filter(held_back)
    assert dict(shares.select("segment", "held_back").iter_rows()) == read
    for name, figures in {
        "lectures": ["samples", "present", "measured", "posed", "expected"],
        "segments": ["students", "samples", "present", "measured", "posed"],
        "assessments": ["value", "low", "high", "coverage", "level", "message", "spans"],
        "shares": ["n", "measured", "share"],
    }.items():
        rows = found[name].filter(held_back)
        assert rows.select(pl.col(figures).count()).sum_horizontal().item() == 0, name
        if "student" in rows.columns:
            assert rows["student"].count() == 0, "a student's own figure is no group's"
    classes = found["shares"].filter(pl.col("student").is_null() & ~held_back)
    assert set(classes["segment"]) == {None, 0, 1, 2} - set(read)
    assert found["assessments"].filter(student="ann")["message"].to_list() == ["ann herself"]


def test_under_the_policy_behaviour_no_table_knows_an_expression(store: Store) -> None:
    found = of(store, "week 2")
    assert found["shares"].is_empty()
    for name in ("lectures", "segments", "students"):
        assert found[name]["measured"].null_count() == len(found[name]), name
        assert found[name]["present"].null_count() == 0, name
    assert found["students"]["main"].null_count() == 4
    assert found["students"]["confidence"].null_count() == 4


def test_a_lecture_without_a_face_has_rows_but_no_student(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    store_lecture(store, "signals", "slides", {"": timeline("absent*30")})
    found = tables.of_lecture(digest(data.load(store, "signals", "slides", 5)))
    assert {name: len(rows) for name, rows in found.items()} == {
        "lectures": 1,
        "segments": 1,
        "students": 0,
        "assessments": 0,
        "shares": 0,
    }
    assert found["lectures"].select("students", "samples", "held_back").row(0) == (0, 0, None)


def test_names_stand_where_pseudonyms_did_in_their_course_only(store: Store) -> None:
    told = {"signals": {"s-2": "Zoë"}, "other": {"ann": "Nobody"}}
    found = tables.named(of(store), told)
    assert found["students"]["student"].to_list() == ["ann", "bob", "Zoë", "s-10"]
    assert "Zoë" in set(found["shares"]["student"])
    assert found["lectures"].equals(of(store)["lectures"])


def test_lectures_follow_each_other(store: Store) -> None:
    both = tables.together([of(store), of(store, "week 2")])
    assert both["lectures"]["lecture"].to_list() == ["week 1", "week 2"]
    assert len(both["students"]) == 8
