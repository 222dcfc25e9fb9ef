"""How a figure is judged, for authors of rules: coverage first, then an interval and evidence spans. Pure.

A rule makes a `figure` of what it looks at, one value per row of its window; unless that is `enough`, it
returns `silent(...)`, else what it `says(...)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from fertool.types import Assessment

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Span = tuple[float, float]

POSITIVE = ("happy", "surprise")
NEGATIVE = ("angry", "disgust", "fear", "sad")
NOT_MEASURABLE = "not measurable"
"""The level of an assessment without a value: never shown as a low one."""
FLOOR = 0.5
"""Least share of samples that must have been measured."""
BLOCK_S = 10.0
"""Samples close in time resemble each other: whole blocks are drawn, not samples."""
MAX_BLOCKS = 120
"""A longer window gets longer blocks: its interval hardly changes, and costs no more."""
LEAST_BLOCKS = 4
"""With fewer, an interval would say more of the blocks than of the student."""
RESAMPLES = 400
GAP = 3.0
"""Sampling periods without any sample after which a run of samples is over."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The mean of what could be measured in a window; of True and False: the share of True."""

    value: float
    """NaN unless something was measured."""
    measured: int
    samples: int
    interval: Span | None
    """95 %, bootstrap over blocks of time, the same for the same table. It covers chance in time only, not
    the errors of a classifier; equal measurements give an interval of no width."""
    enough: bool
    """Whether the measured share of the samples reaches the floor."""

    @property
    def coverage(self) -> float:
        """Share of the samples that were measured; 0 without any sample."""
        return self.measured / self.samples if self.samples else 0.0

    def says(
        self,
        message: str,
        level: str = "info",
        spans: Iterable[Span] = (),
        **evidence: float | int | str,
    ) -> Assessment:
        """The assessment with this figure as its value."""
        facts: dict[str, float | int | str] = {"measured": self.measured, "samples": self.samples}
        return Assessment(
            self.value,
            level,
            message,
            evidence=facts | evidence,
            coverage=self.coverage,
            interval=self.interval,
            spans=tuple(spans),
        )

    def silent(self, what: str) -> Assessment:
        """The assessment to return where coverage is below the floor; `what` was not measured."""
        message = f"{what} measured in {self.measured} of {self.samples} samples only"
        return not_measurable(message, self.coverage)


def figure(values: pl.Series, seen: pl.DataFrame, floor: float = FLOOR) -> Figure:
    """Mean of `values`: one per row of `seen`, booleans or numbers, null or NaN where not measured."""
    numbers = _numbers(values)
    known = ~np.isnan(numbers)
    measured = int(known.sum())
    value = float(numbers[known].mean()) if measured else float("nan")
    interval = bootstrap(numbers[known], blocks(seen)[known]) if measured else None
    return Figure(value, measured, len(numbers), interval, measured > 0 and measured >= floor * len(numbers))


def not_measurable(message: str, coverage: float | None = None) -> Assessment:
    """What a rule returns instead of a value that it cannot vouch for."""
    return Assessment(None, NOT_MEASURABLE, message, coverage=coverage)


def bootstrap(values: Doubles, block: Ints) -> Span | None:
    """95 % interval of the mean of (n,) values whose (n,) block numbers are given; None for fewer than
    `LEAST_BLOCKS` blocks. Always holds the mean itself."""
    _, index = np.unique(block, return_inverse=True)
    n = int(index.max()) + 1 if len(index) else 0
    if n < LEAST_BLOCKS:
        return None
    if n > MAX_BLOCKS:
        index = index * MAX_BLOCKS // n
    sums, counts = (np.bincount(index, weights).astype(np.float64) for weights in (values, None))
    low, high = _resampled(sums, counts)
    mean = float(values.mean())
    return min(low, mean), max(high, mean)


def ratio(sums: Doubles, counts: Doubles) -> Span | None:
    """95 % interval of sums.sum() / counts.sum(), as in `bootstrap`, where the blocks are counted already:
    (n,) sums and (n,) counts, those of one student each, say. Blocks of nothing do not count."""
    sums, counts = sums[counts > 0], counts[counts > 0]
    if len(counts) < LEAST_BLOCKS:
        return None
    low, high = _resampled(sums, counts)
    mean = float(sums.sum() / counts.sum())
    return min(low, mean), max(high, mean)


def blocks(seen: pl.DataFrame, block_s: float = BLOCK_S) -> Ints:
    """(n,) number of the block of time that each row lies in, ascending; a block ends with its lecture."""
    times = seen["time_s"].to_numpy()
    if not len(times):
        return np.zeros(0, np.int64)
    number: Ints = ((times - times.min()) // block_s).astype(np.int64)
    return number + _lectures(seen) * (int(number.max()) + 1)


def runs(hits: pl.Series, seen: pl.DataFrame, period_s: float) -> list[tuple[float, float, int]]:
    """Unbroken runs of True: (start_s, end_s, samples), each up to the end of its last sample's period.

    `hits`: a boolean per row of `seen`, which is of one student; null counts as False. A run also ends with
    its lecture, and where samples are missing from the table.
    """
    times, on = seen["time_s"].to_numpy(), _numbers(hits) == 1
    at = np.flatnonzero(on)
    if not len(at):
        return []
    broken = (np.diff(at) > 1) | (np.diff(_lectures(seen)[at]) != 0)
    if period_s > 0:
        broken |= np.diff(times[at]) > GAP * period_s
    return [
        (float(times[run[0]]), float(times[run[-1]]) + period_s, len(run))
        for run in np.split(at, np.flatnonzero(broken) + 1)
    ]


def spans(hits: pl.Series, seen: pl.DataFrame, period_s: float) -> list[Span]:
    """`runs` without their counts: evidence for an assessment."""
    return [(start, end) for start, end, _ in runs(hits, seen, period_s)]


def clock(seconds: float) -> str:
    """`754` -> `12:34`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _numbers(values: pl.Series) -> Doubles:
    """As doubles, null as NaN. A cast is one call; most methods of a series build and run a query, which
    costs more than all the arithmetic on a window."""
    return np.asarray(values.cast(pl.Float64).to_numpy(), np.float64)


def _lectures(seen: pl.DataFrame) -> Ints:
    """(n,) counts lectures up, in a table of several."""
    if "lecture" not in seen.columns:
        return np.zeros(len(seen), np.int64)
    number = seen.select(pl.struct("course", "lecture").rle_id()).to_series()
    return np.asarray(number.to_numpy(), np.int64)


def _resampled(sums: Doubles, counts: Doubles) -> Span:
    draws = _draws(len(sums))
    means = np.sort((draws @ sums) / (draws @ counts))
    tail = RESAMPLES // 40  # 2.5 %
    return float(means[tail]), float(means[-1 - tail])


@lru_cache(maxsize=MAX_BLOCKS)
def _draws(blocks: int) -> Doubles:
    """(RESAMPLES, blocks): how often each block is drawn. Seeded: the same always."""
    draws = np.random.default_rng(blocks).multinomial(blocks, [1 / blocks] * blocks, RESAMPLES)
    return draws.astype(np.float64)
