"""How sure a classifier was of the expression that it read, in three words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

FROM = {"high": 0.8, "medium": 0.5, "low": 0.0}
"""Level -> the least probability of it, of the most probable expression of a sample, highest level first.

From 0.5 on an expression is at least as probable as all others together, from 0.8 on four times as probable.
It is a probability and no strength of a feeling, so the words of the languages (`confidence.LEVEL`) say how
sure the classifier was. How often it is right at such a probability is a matter of calibration (Guo et al.
2017): `fertool train` fits a temperature, other weights may have none.
"""


def counts(labels: Iterable[str]) -> dict[str, pl.Expr]:
    """`LEVEL:LABEL` -> samples at which LABEL was the most probable expression with a probability of that
    level, over rows of `tables.SEEN`. All levels of a label together are the samples at which it was the most
    probable one; what could not be measured is in none."""
    ends = dict(zip(FROM, (float("inf"), *FROM.values()), strict=False))
    sure = pl.col("confidence")
    return {
        f"{level}:{label}": ((pl.col("emotion") == label) & (sure >= least) & (sure < ends[level])).sum()
        for label in labels
        for level, least in FROM.items()
    }
