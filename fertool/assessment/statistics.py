"""Statistics for rules: coverage, shares with intervals, evidence spans. Pure.

A rule makes a `figure` of what it looks at, one value per row of its window; unless that is `enough`, it
returns `silent(...)`, else what it `says(...)`.

Values are a series of `seen` or an array, and NaN or null where nothing was measured. Windows are small and
there are many: numpy is quick at them, where a polars expression costs more than all the arithmetic.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fertool.types import EMOTIONS, Assessment, Message, further

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from fertool.types import Context

    Doubles = npt.NDArray[np.floating[Any]]
    Ints = npt.NDArray[np.int64]
    Values = pl.Series | npt.NDArray[np.generic]
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
MOMENT = "{rank}. {start:clock} to {end:clock}: {how_many}"
ONE_FACE = "the recording shows one face at a time: nothing is known of the class together"
UNKNOWN = "not seen or measured in {known} of {samples} samples only"


@dataclass(frozen=True, slots=True)
class Rise:
    """A moment in which more of the class than usual shows something: see `rises`."""

    start_s: float
    end_s: float
    share: float
    """Share of the class, mean over the parts of the moment."""
    usual: float
    """Median share of the class over all parts of the lecture."""
    peak: dict[str, Any]
    """Its part with the highest share: see `peak`."""

    def says(
        self, rank: int, level: str, how_many: Message, coverage: float, **evidence: float | int | str
    ) -> Assessment:
        """The assessment of this moment: its place in the ranking, its times, and `how_many` of the class."""
        said = Message(MOMENT, rank=rank, start=self.start_s, end=self.end_s, how_many=how_many)
        return Assessment(
            self.share,
            level,
            said,
            self.start_s,
            self.end_s,
            {"rank": rank, **evidence},
            coverage=coverage,
            spans=((self.start_s, self.end_s),),
        )


def how_many(message: Message | str) -> Message | str:
    """The message of a `Rise` without rank and times; any other message as it is."""
    inner = message.values.get("how_many") if isinstance(message, Message) else None
    return inner if isinstance(inner, Message) else message


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
        message: str | Message,
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
        text = "{what} measured in {measured} of {samples} samples only"
        message = Message(text, what=Message(what), measured=self.measured, samples=self.samples)
        return not_measurable(message, self.coverage)


def labels(seen: pl.DataFrame) -> tuple[str, ...]:
    """Labels that the classifier of some row of `seen` has: the canonical ones in their order, then further
    ones; none where no expression was measured."""
    return tuple(name for name in (*EMOTIONS, *further(seen.columns)) if seen[name].null_count() < len(seen))


def weighed(seen: pl.DataFrame, weights: Mapping[str, float], other: float = math.nan) -> Doubles:
    """(n,) weight of the expression of each row, `other` for one without; NaN where none was measured."""
    table: defaultdict[Any, float] = defaultdict(lambda: other, weights)
    table[None] = math.nan
    return np.fromiter(map(table.__getitem__, seen["emotion"].to_list()), np.float64, len(seen))


def counted(seen: pl.DataFrame) -> str:
    """What a rule that counts the seven expressions alone has measured: `expression`, or `one of the seven
    expressions` where others were shown as well."""
    others = seen["emotion"].drop_nulls().is_in(EMOTIONS).not_().any()
    return "one of the seven expressions" if others else "expression"


def shows(seen: pl.DataFrame, labels: Iterable[str]) -> Doubles:
    """(n,) 1 where the expression is one of these, else 0; NaN where none was measured."""
    return weighed(seen, dict.fromkeys(labels, 1.0), other=0.0)


def lost() -> tuple[pl.Expr, pl.Expr]:
    """Two expressions over rows of `seen`; a student is lost in a sample where one is true: the face is not
    seen; the expression is negative (null where none was measured)."""
    return ~pl.col("present"), pl.col("emotion").is_in(NEGATIVE)


def figure(values: Values, seen: pl.DataFrame | Doubles, floor: float = FLOOR) -> Figure:
    """Mean of `values`: one per row of `seen` (or per time), booleans or numbers."""
    numbers = _numbers(values)
    known = ~np.isnan(numbers)
    measured = int(np.count_nonzero(known))
    if not measured:
        return Figure(math.nan, 0, len(numbers), None, enough=False)
    interval = bootstrap(numbers[known], blocks(seen)[known])
    enough = measured >= floor * len(numbers)
    return Figure(float(numbers[known].mean()), measured, len(numbers), interval, enough)


def not_measurable(message: str | Message, coverage: float | None = None) -> Assessment:
    """What a rule returns instead of a value that it cannot vouch for."""
    return Assessment(None, NOT_MEASURABLE, message, coverage=coverage)


def bootstrap(values: Doubles, block: Ints) -> Span | None:
    """95 % interval of the mean of (n,) values whose (n,) block numbers are given, ascending; None for fewer
    than `LEAST_BLOCKS` blocks. Always holds the mean itself."""
    first = _first(block)
    n = len(first)
    if n < LEAST_BLOCKS:
        return None
    if n > MAX_BLOCKS:
        first = first[np.searchsorted(np.arange(n) * MAX_BLOCKS // n, np.arange(MAX_BLOCKS))]
    edges = np.append(first, len(values))
    low, high = _resampled(np.add.reduceat(values, first), np.diff(edges).astype(np.float64))
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


def period(seen: pl.DataFrame) -> float:
    """Median seconds from one time to the next later one: several rows may share a time, and every lecture
    has a clock of its own. 0 for fewer than two times."""
    times = _times(seen)
    steps = (times[1:] - times[:-1])[np.diff(_lectures(seen)) == 0]
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else 0.0


def parts(seen: pl.DataFrame, every_s: float, start_s: float = 0.0) -> Ints:
    """(n,) number of the part of `every_s` seconds that each row lies in, counted from `start_s`."""
    number: Ints = np.floor((_times(seen) - start_s) / every_s).astype(np.int64)
    return number


def totals(values: Values, part: Ints) -> tuple[Ints, Doubles, Ints]:
    """(k,) numbers of the parts there are, sums of their values, and counts of what was measured.

    `part`: (n,) ascending number of the part that each value lies in.
    """
    first = _first(part)
    if not len(first):
        return part, np.zeros(0), np.zeros(0, np.int64)
    numbers = _numbers(values)
    known = ~np.isnan(numbers)
    sums = np.add.reduceat(np.where(known, numbers, 0.0), first)
    return part[first], sums, np.add.reduceat(known.astype(np.int64), first)


def blocks(seen: pl.DataFrame | Doubles, block_s: float = BLOCK_S) -> Ints:
    """(n,) number of the block of time that each row lies in, ascending; a block ends with its lecture."""
    times = _times(seen)
    if not len(times):
        return np.zeros(0, np.int64)
    number: Ints = ((times - times.min()) // block_s).astype(np.int64)
    return number + _lectures(seen) * (int(number.max()) + 1)


def runs(hits: Values, seen: pl.DataFrame | Doubles, period_s: float) -> list[tuple[float, float, int]]:
    """Unbroken runs of True: (start_s, end_s, samples), each up to the end of its last sample's period.

    `hits`: a boolean per row of `seen` (or per time), which is of one student; what was not measured counts
    as False. A run also ends with its lecture, and where samples are missing from the table.
    """
    at = np.flatnonzero(_numbers(hits) == 1)
    if not len(at):
        return []
    times = _times(seen)[at]
    lecture = _lectures(seen)[at]
    broken = (at[1:] - at[:-1] > 1) | (lecture[1:] != lecture[:-1])
    if period_s > 0:
        broken |= times[1:] - times[:-1] > GAP * period_s
    ends = np.append(np.flatnonzero(broken), len(at) - 1)
    starts = np.append(0, ends[:-1] + 1)
    lengths = (ends - starts + 1).tolist()
    return list(zip(times[starts].tolist(), (times[ends] + period_s).tolist(), lengths, strict=True))


def spans(hits: Values, seen: pl.DataFrame | Doubles, period_s: float) -> list[Span]:
    """`runs` without their counts: evidence for an assessment."""
    return [(start, end) for start, end, _ in runs(hits, seen, period_s)]


def together(seen: pl.DataFrame, context: Context, floor: float = FLOOR) -> float | Assessment:
    """Coverage of a rule on how many of the class show something at once: the share of the rows of `seen` in
    which a student was not seen, or the expression was measured; at least one row. Where that is below
    `floor`, or the recording shows one face at a time: the assessment to return instead."""
    if context.one_at_a_time:
        return not_measurable(Message(ONE_FACE))
    known = int((~seen["present"] | seen["emotion"].is_not_null()).sum())
    coverage = known / len(seen)
    if coverage < floor:
        return not_measurable(Message(UNKNOWN, known=known, samples=len(seen)), coverage)
    return coverage


def rises(
    parts: pl.DataFrame, every_s: float, rise: float, least: int, end_s: float = math.inf
) -> list[Rise]:
    """Moments in which more of the class than usual shows something: the strongest first, then the earlier.

    `parts`: one row per part of a lecture of `every_s` seconds, by time: `time_s` (where it begins),
    `students`, and `hits`, how many of them show it. A part belongs to a moment if its share, `hits` of
    `students`, lies `rise` or more above the median share of all parts, and `hits` is at least `least`;
    neighbors are one moment. The strength is what lies above the median, summed over its parts. A moment ends
    at `end_s` at the latest: the last part may be a short one.
    """
    share = (parts["hits"] / parts["students"]).to_numpy()
    usual = float(np.median(share)) if len(share) else 0.0
    # A hair of tolerance: 0.8 - 0.5 is less than 0.3 in binary.
    hits = (share - usual >= rise - 1e-9) & (parts["hits"].to_numpy() >= least)
    found = []
    for start, end in spans(hits, parts, every_s):
        inside = (parts["time_s"] >= start) & (parts["time_s"] < end)
        shares = share[inside.to_numpy()]
        strength = round(float((shares - usual).sum()), 9)
        moment = Rise(start, min(end, end_s), float(shares.mean()), usual, peak(parts.filter(inside)))
        found.append((-strength, start, moment))
    return [moment for *_, moment in sorted(found, key=lambda it: it[:2])]


def peak(parts: pl.DataFrame) -> dict[str, Any]:
    """The row of the part with the highest share `hits / students`, the first of equals; `parts` as in
    `rises`, at least one."""
    best = int(np.argmax((parts["hits"] / parts["students"]).to_numpy()))
    return parts.row(best, named=True)


def _numbers(values: Values) -> Doubles:
    """As doubles, null as NaN. A cast is one call; most methods of a series build and run a query."""
    array = values.cast(pl.Float64).to_numpy() if isinstance(values, pl.Series) else values
    return np.asarray(array, np.float64)


def _times(seen: pl.DataFrame | Doubles) -> Doubles:
    return seen["time_s"].to_numpy() if isinstance(seen, pl.DataFrame) else seen


def _first(number: Ints) -> Ints:
    """Index of the first of each run of equal numbers."""
    new = np.ones(len(number), np.bool_)
    np.not_equal(number[1:], number[:-1], out=new[1:])
    return np.flatnonzero(new)


def _lectures(seen: pl.DataFrame | Doubles) -> Ints:
    """(n,) counts lectures up, in a table of several."""
    if not isinstance(seen, pl.DataFrame) or "lecture" not in seen.columns:
        return np.zeros(len(seen), np.int64)
    number = seen.select(pl.struct("course", "lecture").rle_id()).to_series()
    return np.asarray(number.to_numpy(), np.int64)


def _resampled(sums: Doubles, counts: Doubles) -> Span:
    draws = _draws(len(sums))
    means = (draws @ sums) / (draws @ counts)
    tail = RESAMPLES // 40  # 2.5 %
    means.partition((tail, RESAMPLES - 1 - tail))
    return float(means[tail]), float(means[-1 - tail])


@lru_cache(maxsize=MAX_BLOCKS)
def _draws(blocks: int) -> Doubles:
    """(RESAMPLES, blocks): how often each block is drawn. Seeded: the same always."""
    draws = np.random.default_rng(blocks).multinomial(blocks, [1 / blocks] * blocks, RESAMPLES)
    return draws.astype(np.float64)
