"""Thinning keeps peaks and gaps; smoothing invents nothing; bins add up."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.report import series
from fertool.testing import timeline

values = st.lists(st.none() | st.floats(0, 1, width=32), max_size=400)
Values = list[float | None]


def table(column: Values) -> pl.DataFrame:
    times = [0.5 * i for i in range(len(column))]
    return pl.DataFrame({"time_s": times, "p": column}, schema={"time_s": pl.Float64, "p": pl.Float32})


@given(values, st.integers(1, 50))
def test_thinning_keeps_minimum_and_maximum_order_and_size(column: Values, buckets: int) -> None:
    rows = table(column)
    thin = series.thin(rows, "p", buckets)
    assert thin["p"].min() == rows["p"].min()
    assert thin["p"].max() == rows["p"].max()
    assert thin["time_s"].is_sorted()
    assert thin["time_s"].is_unique().all()
    assert len(thin) <= 3 * buckets
    assert thin.join(rows, on=["time_s", "p"], how="anti", nulls_equal=True).is_empty()  # nothing invented


@given(values, st.integers(1, 50))
def test_thinning_keeps_the_extremes_of_every_bucket(column: Values, buckets: int) -> None:
    rows = table(column)
    thin = set(series.thin(rows, "p", buckets)["time_s"])
    for b in range(buckets):
        part = rows.filter(pl.int_range(pl.len()) * buckets // pl.len() == b)
        if part["p"].count():
            assert {part["time_s"][part["p"].arg_min()], part["time_s"][part["p"].arg_max()]} <= thin


def test_a_gap_survives_thinning() -> None:
    thin = series.thin(table([0.5] * 500 + [None] * 3 + [0.5] * 497), "p", 10)
    assert thin["p"].null_count() == 1
    before, after = thin.filter(pl.col("time_s") < 250)["p"], thin.filter(pl.col("time_s") > 251.5)["p"]
    assert before.count()
    assert after.count()


def test_one_sample_peak_survives_in_an_hour() -> None:
    column: Values = [0.1] * 3600
    column[1234] = 0.99
    thin = series.thin(table(column), "p", 100)
    assert thin.filter(pl.col("p") > 0.9)["time_s"].to_list() == [617.0]
    assert len(thin) <= 200


def test_short_series_are_left_alone() -> None:
    rows = table([0.1, None, 0.3])
    assert series.thin(rows, "p", 2).equals(rows)
    assert series.thin(table([]), "p", 2).is_empty()


# --- smoothing --------------------------------------------------------------------------------


@given(values, st.sampled_from([5, 7, 31]))
def test_smoothing_stays_within_what_was_measured(column: Values, window: int) -> None:
    rows = table(column)
    smooth = series.smooth(rows, ["p"], window)
    assert smooth["time_s"].equals(rows["time_s"])
    if smooth["p"].count():
        assert rows["p"].min() - 1e-5 <= smooth["p"].min()
        assert smooth["p"].max() <= rows["p"].max() + 1e-5


def test_smoothing_is_a_centred_mean() -> None:
    smooth = series.smooth(table([0, 0, 0, 1, 0, 0, 0]), ["p"], 5)["p"].to_list()
    assert smooth == pytest.approx([0, 1 / 4, 1 / 5, 1 / 5, 1 / 5, 1 / 4, 0])


def test_smoothing_bridges_a_blink_but_not_an_absence() -> None:
    blink = series.smooth(table([0.5] * 10 + [None] + [0.5] * 10), ["p"], 5)["p"]
    absence = series.smooth(table([0.5] * 10 + [None] * 10 + [0.5] * 10), ["p"], 5)["p"]
    assert blink.null_count() == 0
    assert absence[12:18].null_count() == 6


def test_nothing_measured_stays_nothing() -> None:
    assert series.smooth(table([None] * 20), ["p"], 5)["p"].null_count() == 20


@given(st.floats(0, 20_000), st.floats(0, 60))
def test_the_window_is_odd_and_at_least_five(duration: float, period: float) -> None:
    window = series.smoothing_window(duration, 0 if period < 0.01 else period)
    assert window >= 5
    assert window % 2 == 1


def test_the_window_grows_with_the_lecture() -> None:
    assert [series.smoothing_window(d, 1) for d in (60, 3600, 7200)] == [11, 31, 61]


# --- bins -------------------------------------------------------------------------------------


@given(st.floats(0, 500_000), st.integers(1, 300))
def test_bins_are_as_few_as_asked(duration: float, bins: int) -> None:
    width = series.bin_width(duration, bins)
    assert width * bins >= duration
    assert width in series.NICE_S or width % 3600 == 0


@given(st.integers(1, 200), st.sampled_from([1.0, 7.0, 60.0]))
def test_bins_count_every_sample_once(n: int, width: float) -> None:
    rows = timeline(f"happy*{n} absent*{n} present*{n}")
    bins = series.binned(rows, width)
    assert bins.select("samples", "present", "measured").sum().row(0) == (3 * n, 2 * n, n)
    assert (bins["start_s"] % width == 0).all()
    assert bins["start_s"].is_sorted()


def test_a_mean_is_over_what_was_measured() -> None:
    bins = series.binned(timeline("happy*2 absent*8 absent*10"), 10, ["happy"])
    assert bins["happy"].to_list() == [pytest.approx(0.7), None]
