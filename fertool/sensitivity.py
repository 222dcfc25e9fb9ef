"""How much a rule's answers hang on its thresholds: each numeric option moved by itself, the others kept."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import polars as pl

from fertool import options
from fertool.assessing import Result, assess_lecture
from fertool.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fertool.assessing import Lecture
    from fertool.contracts import Rule

FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5)
SENSITIVITY: dict[str, pl.DataType] = {
    "option": pl.String(),
    "setting": pl.Float64(),
    "assessments": pl.Int64(),
    "value": pl.Float64(),
    "attention": pl.Float64(),
    "not measurable": pl.Float64(),
}
"""One row per option and setting: mean value, and the shares of assessments with these two levels."""


def sensitivity(rule: Rule, lectures: Sequence[Lecture]) -> pl.DataFrame:
    """Columns of `SENSITIVITY`, in order of option and setting; no row for a rule without numeric options.

    Settings that the rule itself refuses are left out. The errors of a classifier are not looked at. Raises
    ConfigError for a rule whose scope is wider than a lecture, PluginError if it fails or is skipped.
    """
    if rule.scope not in ("segment", "lecture"):
        what = f"rule {rule.name!r} has the scope {rule.scope!r}: expected segment or lecture"
        raise ConfigError(what, "`fertool rules sensitivity` judges lecture by lecture")
    rows = [_row(name, setting, changed, lectures) for name, setting, changed in variants(rule)]
    return pl.DataFrame(rows, schema=SENSITIVITY, orient="row")


def variants(rule: Rule) -> Iterator[tuple[str, float, Rule]]:
    """(option, setting, the rule with it) for every factor; whole numbers stay whole."""
    given = options.values(rule)
    for field in fields(rule):
        value = given.get(field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        for setting in sorted({type(value)(value * factor) for factor in FACTORS}):
            try:
                changed = options.build(type(rule), {**given, field.name: setting})
            except ConfigError:
                continue
            yield field.name, float(setting), changed  # type: ignore[misc]


def _row(name: str, setting: float, rule: Rule, lectures: Sequence[Lecture]) -> tuple[object, ...]:
    result = Result()
    for lecture in lectures:
        assess_lecture([rule], lecture, result)
    if problems := [*result.failed, *result.skipped]:
        raise PluginError(problems[0])
    table = result.table()
    level = table["level"]
    shares = [(level == what).mean() for what in ("attention", "not measurable")]
    return (name, setting, len(table), table["value"].mean(), *shares)
