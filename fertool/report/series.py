"""Series reduced for display: time bins that keep peaks, smoothing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fertool.assessment.statistics import NEGATIVE, POSITIVE
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


def binned(seen: pl.DataFrame, width_s: float, labels: Sequence[str] = EMOTIONS) -> pl.DataFrame:
    """Per student and bin of `width_s` seconds, by student, then time; `start_s` is where a bin begins.

    Counts: `samples`, `present`, `measured` (expression), `positive`, `negative`. `yaw_deg`, `pitch_deg`:
    means. For each label `n:LABEL`, the samples in which it was looked for, `mean:LABEL` over these, and
    `low:LABEL`, `high:LABEL`, so that no peak is lost. What was measured nowhere in a bin is null.
    """
    counted = [pl.col(name).count().cast(pl.Int64).alias(f"n:{name}") for name in labels]
    means = [pl.col(name).mean().alias(f"mean:{name}") for name in labels]
    lows = [pl.col(name).min().alias(f"low:{name}") for name in labels]
    highs = [pl.col(name).max().alias(f"high:{name}") for name in labels]
    poses = [pl.col(name).fill_nan(None).mean() for name in POSE]
    start = (pl.col("time_s") // width_s) * width_s
    bins = seen.group_by("student", start_s=start).agg(*counts(), *counted, *means, *lows, *highs, *poses)
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


def on_grid(bins: pl.DataFrame, width_s: float, columns: Sequence[str]) -> pl.DataFrame:
    """Bins without holes, at equal steps: a row at every `width_s`, null where there was none."""
    if bins.is_empty():
        return bins.select("start_s", *columns)
    index = (pl.col("start_s") / width_s).round().cast(pl.Int64)
    numbered = bins.select(index.alias("bin"), *columns)
    first, last = numbered["bin"].min(), numbered["bin"].max()
    whole = pl.DataFrame({"bin": range(first, last + 1)}, schema={"bin": pl.Int64})  # type: ignore[arg-type,operator]
    filled = whole.join(numbered, on="bin", how="left", maintain_order="left")
    return filled.select((pl.col("bin") * width_s).alias("start_s"), *columns)


def smooth(bins: pl.DataFrame, labels: Sequence[str] = EMOTIONS) -> pl.DataFrame:
    """One student's bins -> `start_s` and, named as the labels, means over three bins each, weighted by the
    samples in which the label was looked for; null where that was less than half of the three."""
    means = []
    for name in labels:
        total = _of_three((pl.col(f"mean:{name}") * pl.col(f"n:{name}")).fill_null(0))
        counted, samples = _of_three(pl.col(f"n:{name}")), _of_three(pl.col("samples"))
        enough = (2 * counted >= samples) & (counted > 0)
        means.append(pl.when(enough).then(total / counted).alias(name))
    return bins.select("start_s", *means)


def _of_three(values: pl.Expr) -> pl.Expr:
    """Sum over a bin and its neighbors."""
    return values.rolling_sum(3, center=True, min_samples=1)
