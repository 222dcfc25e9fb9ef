"""Long series made short for display: smoothing, thinning that keeps peaks, time bins. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def thin(rows: pl.DataFrame, column: str, buckets: int) -> pl.DataFrame:
    """`time_s` and `column` of at most 3 * `buckets` rows, in order: per bucket of equally many rows its
    minimum, its maximum, and its first gap (null), if any. So peaks and gaps survive, and nothing is
    invented. Up to 2 * `buckets` rows are returned as they are.
    """
    pair = rows.select("time_s", column)
    if pair.height <= 2 * buckets:
        return pair
    bucket = pl.col("row").cast(pl.Int64) * buckets // pair.height
    numbered = pair.with_row_index("row").with_columns(bucket=bucket)
    value = pl.col(column)
    kept = numbered.group_by("bucket").agg(
        low=pl.col("row").get(value.arg_min(), null_on_oob=True),
        high=pl.col("row").get(value.arg_max(), null_on_oob=True),
        gap=pl.col("row").filter(value.is_null()).first(),
    )
    index = pl.concat([kept["low"], kept["high"], kept["gap"]]).drop_nulls().unique().sort()
    return pair[index]


def smooth(rows: pl.DataFrame, columns: Sequence[str], window: int) -> pl.DataFrame:
    """Centred means over `window` samples (odd); null where fewer than half of them were measured.

    Same rows and `time_s` as `rows`. At both ends the window is what there is of it.
    """
    least = max(1, window // 2)
    means = [pl.col(name).rolling_mean(window, center=True, min_samples=least) for name in columns]
    return rows.select("time_s", *means)


def smoothing_window(duration_s: float, period_s: float) -> int:
    """Samples to average over: about a 120th of the lecture, at least 10 s and 5 samples; odd."""
    if period_s <= 0:
        return 5
    wanted = max(duration_s / 120, 10.0) / period_s
    return max(5, 2 * round(wanted / 2) + 1)


def bin_width(duration_s: float, bins: int) -> float:
    """A round number of seconds that cuts the duration into at most `bins` bins."""
    for width in NICE_S:
        if duration_s <= width * bins:
            return float(width)
    hours = -(-duration_s // (3600 * bins))
    return float(hours * 3600)


def binned(seen: pl.DataFrame, width_s: float, means: Sequence[str] = ()) -> pl.DataFrame:
    """Per student and bin of `width_s` seconds: `start_s`, `samples`, `present`, `measured` counts, and the
    mean of each column in `means` over what was measured (null if nothing). By student, then time.
    """
    return (
        seen.group_by("student", start_s=(pl.col("time_s") // width_s) * width_s)
        .agg(
            samples=pl.len(),
            present=pl.col("present").sum(),
            measured=pl.col("emotion").count(),
            **{name: pl.col(name).mean() for name in means},
        )
        .sort("student", "start_s")
    )
