"""Bins count every sample once and keep every peak; smoothing invents nothing."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.report import series
from fertool.storage.tables import SEEN
from fertool.testing import timeline
from fertool.types import EMOTIONS

values = st.lists(st.none() | st.floats(0, 1, width=32), min_size=1, max_size=300)
Values = list[float | None]


def seen(column: Values, every: float = 1.0) -> pl.DataFrame:
    """A student whose probability of `happy` is given; null where no expression could be read."""
    rows = [
        {
            "student": "A",
            "time_s": every * i,
            "present": True,
            "happy": value,
            "emotion": None if value is None else "happy",
        }
        for i, value in enumerate(column)
    ]
    return pl.DataFrame(rows, schema=SEEN)


# --- bins -------------------------------------------------------------------------------------


@given(st.floats(0, 500_000), st.integers(1, 300))
def test_bins_are_as_few_as_asked(duration: float, bins: int) -> None:
    width = series.bin_width(duration, bins)
    assert width * bins >= duration
    assert width in series.NICE_S or width % 3600 == 0


@given(st.integers(1, 200), st.sampled_from([1.0, 7.0, 60.0]))
def test_bins_count_every_sample_once(n: int, width: float) -> None:
    rows = timeline(f"happy*{n} absent*{n} present*{n} sad*{n}")
    bins = series.binned(rows, width)
    counted = bins.select("samples", "present", "measured", "positive", "negative").sum().row(0)
    assert counted == (4 * n, 3 * n, 2 * n, n, n)
    assert (bins["start_s"] % width == 0).all()
    assert bins["start_s"].is_sorted()


def test_a_mean_is_over_what_was_measured() -> None:
    bins = series.binned(timeline("happy*2 absent*8 absent*10"), 10)
    assert bins["mean:happy"].to_list() == [pytest.approx(0.7), None]
    assert bins["measured"].to_list() == bins["n:happy"].to_list() == [2, 0]


def test_a_label_has_bins_of_its_own_whatever_it_is_called() -> None:
    """`negative` is also a count: of the four negative ones of the seven."""
    labels = ("neutral", "negative")
    rows = timeline("negative*2 sad*2 absent", further=("negative",))
    bins = series.binned(rows, 5, labels)
    (row,) = bins.to_dicts()
    assert (row["negative"], row["measured"]) == (2, 4)
    assert row["mean:negative"] == pytest.approx((2 * 0.7 + 2 * 0.3 / 7) / 4)
    assert row["high:negative"] == pytest.approx(0.7)
    assert series.smooth(bins, labels)["negative"].to_list() == pytest.approx([row["mean:negative"]])
    assert "mean:sad" not in bins.columns


def test_a_label_is_measured_where_its_classifier_was() -> None:
    """Ten samples of a classifier with contempt, then ten of one without it."""
    more, plain = timeline("contempt*10", further=("contempt",)), timeline("happy*10")
    later = plain.with_columns(pl.col("time_s") + 10)
    bins = series.binned(pl.concat([more, later], how="diagonal"), 5, (*EMOTIONS, "contempt"))
    assert bins["measured"].to_list() == [5, 5, 5, 5]
    assert bins["n:contempt"].to_list() == [5, 5, 0, 0]
    assert bins["mean:contempt"].to_list() == [pytest.approx(0.7)] * 2 + [None] * 2
    smooth = series.smooth(bins, ("contempt",))["contempt"].to_list()
    # of three bins, 2, 2 and 1 with the label: the third is below half, and not two thirds lower
    assert smooth == [pytest.approx(0.7), pytest.approx(0.7), None, None]


def test_a_pose_that_is_not_a_number_does_not_count() -> None:
    rows = timeline("happy/down*2 happy*2").with_columns(pitch_deg=pl.Series([-25.0, float("nan"), 0.0, 0.0]))
    assert series.binned(rows, 10)["pitch_deg"].to_list() == [pytest.approx(-25 / 3)]


@given(values, st.sampled_from([1.0, 10.0, 60.0]))
def test_no_peak_is_lost(column: Values, width: float) -> None:
    bins = series.binned(seen(column), width)
    known = [value for value in column if value is not None]
    assert bins["high:happy"].max() == (max(known) if known else None)
    assert bins["low:happy"].min() == (min(known) if known else None)


def test_one_sample_peak_survives_in_an_hour() -> None:
    column: Values = [0.1] * 3600
    column[1234] = 0.99
    bins = series.binned(seen(column), series.bin_width(3600, 120))
    assert len(bins) == 120
    assert bins.filter(pl.col("high:happy") > 0.9)["start_s"].to_list() == [1230]


@pytest.mark.parametrize("students", [1, 3])
def test_students_are_kept_apart(students: int) -> None:
    rows = pl.concat(
        [timeline("happy*30").with_columns(student=pl.lit(f"s{i}")) for i in range(students)]
    ).sort("time_s")
    bins = series.binned(rows, 10)
    assert bins.select("student", "start_s").unique().height == 3 * students


# --- smoothing --------------------------------------------------------------------------------


@given(values, st.sampled_from([1.0, 10.0]))
def test_smoothing_stays_within_what_was_measured(column: Values, width: float) -> None:
    bins = series.binned(seen(column), width)
    smooth = series.smooth(bins, ["happy"])
    assert smooth["start_s"].equals(bins["start_s"])
    if smooth["happy"].count():
        assert bins["mean:happy"].min() - 1e-5 <= smooth["happy"].min()
        assert smooth["happy"].max() <= bins["mean:happy"].max() + 1e-5


def test_smoothing_is_a_mean_over_three_bins() -> None:
    bins = series.binned(seen([0, 0, 0, 0.9, 0, 0]), 1)
    assert series.smooth(bins, ["happy"])["happy"].to_list() == pytest.approx([0, 0, 0.3, 0.3, 0.3, 0])


def test_smoothing_counts_samples_and_not_bins() -> None:
    """Three samples of 0.2 and one of 1 in the next bin, the others of which were not read."""
    bins = series.binned(seen([0.2, 0.2, 0.2, 1.0, None, None]), 3)
    assert series.smooth(bins, ["happy"])["happy"].to_list() == pytest.approx([0.4, 0.4])


def test_smoothing_bridges_a_blink_but_not_an_absence() -> None:
    blink = series.smooth(series.binned(seen([0.5] * 10 + [None] + [0.5] * 10), 1), ["happy"])["happy"]
    absence = series.smooth(series.binned(seen([0.5] * 9 + [None] * 9 + [0.5] * 9), 1), ["happy"])["happy"]
    assert blink.null_count() == 0
    assert absence[9:18].null_count() == 9


def test_nothing_measured_stays_nothing() -> None:
    smooth = series.smooth(series.binned(timeline("absent*20"), 5))
    assert all(smooth[name].null_count() == 4 for name in EMOTIONS)
