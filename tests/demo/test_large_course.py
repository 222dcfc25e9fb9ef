"""Large synthetic courses are what they say, and the same every time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fertool.demo.large_course import FIRST, POINTS, wander
from fertool.storage.store import Store
from fertool.storage.tables import SEEN
from fertool.testing import store_course


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("course") / "fertool.duckdb")
    store_course(store, "big", lectures=3, students=4, duration_s=400)
    return store


def test_lectures_students_and_samples(store: Store) -> None:
    assert store.lectures() == [("big", f"week 0{n}") for n in (1, 2, 3)]
    seen = store.seen("big", "week 02")
    assert seen["student"].unique().sort().to_list() == [f"student-0{n}" for n in (1, 2, 3, 4)]
    assert seen["time_s"].unique().sort().to_list() == list(range(400))
    assert 0.7 < seen["present"].mean() < 0.95
    assert seen["emotion"].n_unique() > 4


def test_nobody_is_like_another_and_no_week_like_another(store: Store) -> None:
    tables = [store.seen("big", week) for week in ("week 01", "week 02")]
    shown = [rows["emotion"].to_list() for table in tables for rows in table.partition_by("student")]
    assert len({tuple(one) for one in shown}) == 8


def test_segments_cover_the_lecture_and_points_come_again(store: Store) -> None:
    parts = [store.segments("big", f"week 0{n}") for n in (1, 2, 3)]
    for table in parts:
        assert len(table) == 8
        assert (table["start_s"][0], table["end_s"][-1]) == (0, 400)
        assert table["end_s"][:-1].to_list() == table["start_s"][1:].to_list()
    assert set(parts[0]["point"]) & set(parts[1]["point"]) == set(POINTS)
    assert {"", "hard"} == set(parts[2]["difficulty"])


def test_lectures_are_held_weekly(store: Store) -> None:
    held = store.query("SELECT held FROM syllabi ORDER BY lecture")["held"].to_list()
    assert held == [FIRST + timedelta(weeks=n) for n in range(3)]


def test_it_is_the_same_every_time(store: Store, tmp_path: Path) -> None:
    again = Store(tmp_path / "again.duckdb")
    store_course(again, "big", lectures=3, students=4, duration_s=400)
    assert sorted(again.runs()["run"]) == sorted(store.runs()["run"])


def test_somebody_wanders_for_exactly_so_long() -> None:
    for samples in (1, 59, 3600):  # within the first look, and far beyond it
        rows = wander(np.random.default_rng(0), samples)
        assert len(rows) == samples
        assert rows.schema == pl.Schema(SEEN)
