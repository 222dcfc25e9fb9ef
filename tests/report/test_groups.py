"""Class figures about too few students: what a report leaves out."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fertool.report import data, groups, render
from fertool.store import Store
from fertool.tables import ASSESSMENTS, SEGMENTS, frame
from fertool.testing import store_lecture, timeline

PEOPLE = {
    "ann": timeline("happy*30"),
    "bob": timeline("happy*30"),
    "cam": timeline("sad*20 absent*10"),
    "dan": timeline("absent*10 sad*20"),
}
"""Who is there in each ten seconds: three, four, three."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "x.duckdb")
    parts = [
        {"segment": i, "title": f"part {i}", "start_s": 10.0 * i, "end_s": 10.0 * (i + 1)} for i in range(3)
    ]
    same = {"course": "signals", "lecture": "week 1", "version": "1", "options": "{}", "evidence": "{}"}
    rows = [
        *({"segment": i, "student": None, "message": f"class in part {i}"} for i in range(3)),
        {"segment": None, "student": None, "message": "whole class"},
        {"segment": 0, "student": "ann", "message": "ann herself"},
    ]
    store_lecture(
        store,
        "signals",
        "week 1",
        PEOPLE,
        segments=frame(parts, SEGMENTS),
        assessments=frame([same | {"rule": "r", "value": 0.25} | row for row in rows], ASSESSMENTS),
    )
    return store


HIDDEN = [
    (1, []),
    (3, []),
    (4, [0, 2]),  # two of three people each: in company already
    (5, [0, 1, 2, None]),  # the whole class is too small
]


@pytest.mark.parametrize(("k", "expected"), HIDDEN)
def test_class_rows_of_small_groups(store: Store, k: int, expected: list[int | None]) -> None:
    lecture = data.load(store, "signals", "week 1", k)
    rows = groups.mark(lecture, lecture.assessments.to_dicts())
    assert {row["segment"] for row in rows if row["hidden"]} == set(expected)
    assert not any(row["hidden"] for row in rows if row["student"]), "a student's own figure is no group's"


def test_one_small_segment_takes_another_along(store: Store) -> None:
    with store.database.transaction() as con:
        con.execute("DELETE FROM observations WHERE track IN (SELECT track FROM tracks WHERE student = 'dan')"
                    " AND sample >= 20")  # fmt: skip
    lecture = data.load(store, "signals", "week 1", 3)
    gone = {row["segment"] for row in groups.mark(lecture, lecture.assessments.to_dicts()) if row["hidden"]}
    assert gone == {0, 2}, "two people in part 2; part 0 is the smallest of the others"


def page(store: Store, out: Path, **options: object) -> str:
    """All pages, one behind the other."""
    render(store, out, **options)
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(out.rglob("*.html")))


def test_a_report_on_a_small_class(store: Store, tmp_path: Path) -> None:
    shown = page(store, tmp_path / "site", k=5)
    assert "Figures about the class are not shown: it would be fewer than 5 students." in shown
    assert "Expressions of the class" not in shown
    assert "Expressions in this course" not in shown
    assert 'id="chart-timeline"' not in shown
    assert "share of the class that was seen" not in shown  # the chart of lectures over time
    for i in range(3):
        assert f"class in part {i}" not in shown
    assert "whole class</td>" not in shown
    assert "<td>0.25</td>" in shown, "of ann herself"
    assert "n = 120" not in shown, "the samples of the class"


def test_a_report_on_a_class_that_is_large_enough(store: Store, tmp_path: Path) -> None:
    shown = page(store, tmp_path / "site", k=4, retention="180d")
    assert "Expressions of the class" in shown
    hidden = [
        text for text in shown.split("<!doctype") if "Figures about the class in this segment are not" in text
    ]
    assert len(hidden) == 2
    assert all('id="chart-timeline"' not in text for text in hidden)
    assert "class in part 1" in shown
    assert "class in part 0" not in shown
    assert "Data are kept for 180d." in shown
    assert "Data are kept" not in page(store, tmp_path / "other")


def test_faces_without_consent_are_counted_in_the_coverage(store: Store, tmp_path: Path) -> None:
    assert "Faces without consent" not in page(store, tmp_path / "site")
    with store.database.transaction() as con:
        con.execute("UPDATE samples SET dropped = 2 WHERE sample < 3")
    assert data.load(store, "signals", "week 1").dropped == 6
    shown = page(store, tmp_path / "site")
    assert "Faces without consent, of which nothing else is stored</th><td>6</td>" in shown


def test_nobody_seen_is_no_small_group(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    store_lecture(store, "signals", "slides", {"": timeline("absent*9")})
    lecture = data.load(store, "signals", "slides", 5)
    assert not lecture.small
    assert lecture.samples["faces"].sum() == 0
    assert isinstance(lecture.assessments, pl.DataFrame)
