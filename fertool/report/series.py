"""Long series made short for display: time bins that keep peaks, smoothing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fertool.judging import NEGATIVE, POSITIVE
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

POSE = ("yaw_deg", "pitch_deg")
NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def bin_width(duration_s: float, bins: int) -> float:
    """A round number of seconds that cuts the duration into at most `bins` bins."""
    for width in NICE_S:
        if duration_s <= width * bins:
            return float(width)
    hours = -(-duration_s // (3600 * bins))
    return float(hours * 3600)


def binned(seen: pl.DataFrame, width_s: float) -> pl.DataFrame:
    """Per student and bin of `width_s` seconds, by student, then time; `start_s` is where a bin begins.

    Counts: `samples`, `present`, `measured` (expression), `positive`, `negative`. `yaw_deg`, `pitch_deg`:
    means. For each emotion its mean over what was measured, and `low:`, `high:`, so that no peak is lost.
    What was measured nowhere in a bin is null.
    """
    means = [pl.col(name).mean() for name in EMOTIONS]
    lows = [pl.col(name).min().alias(f"low:{name}") for name in EMOTIONS]
    highs = [pl.col(name).max().alias(f"high:{name}") for name in EMOTIONS]
    poses = [pl.col(name).fill_nan(None).mean() for name in POSE]
    start = (pl.col("time_s") // width_s) * width_s
    bins = seen.group_by("student", start_s=start).agg(*counts(), *means, *lows, *highs, *poses)
    return bins.sort("student", "start_s")


def counts() -> list[pl.Expr]:
    """What is counted of rows of `tables.SEEN`, wherever they are grouped."""
    emotion = pl.col("emotion")
    return [
        pl.len().cast(pl.Int64).alias("samples"),
        pl.col("present").sum().cast(pl.Int64),
        emotion.count().cast(pl.Int64).alias("measured"),
        emotion.is_in(POSITIVE).sum().cast(pl.Int64).alias("positive"),
        emotion.is_in(NEGATIVE).sum().cast(pl.Int64).alias("negative"),
    ]


def smooth(bins: pl.DataFrame, columns: Sequence[str] = EMOTIONS) -> pl.DataFrame:
    """One student's bins -> `start_s` and means over three bins each, weighted by what was measured in them;
    null where less than half of the three could be measured."""
    measured = pl.col("measured").rolling_sum(3, center=True, min_samples=1)
    enough = 2 * measured >= pl.col("samples").rolling_sum(3, center=True, min_samples=1)
    total = [
        (pl.col(name) * pl.col("measured")).fill_null(0).rolling_sum(3, center=True, min_samples=1)
        for name in columns
    ]
    means = [
        pl.when(enough & (measured > 0)).then(sums / measured).alias(name)
        for name, sums in zip(columns, total, strict=True)
    ]
    return bins.select("start_s", *means)
