"""Sensitivity of a rule's results to its thresholds and to errors of the classifier.

Thresholds: each numeric option is moved by itself, the others kept. Errors: stored expressions are drawn
again from what a face that was called so may really have shown, by the classifier's confusion matrix.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fertool.assessment.runner import Result, assess_lecture
from fertool.assessment.statistics import BLOCK_S
from fertool.errors import ConfigError, PluginError
from fertool.host import options
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from fertool.assessment.runner import LectureInput
    from fertool.contracts import Rule

    Doubles = npt.NDArray[np.floating[Any]]
    Integers = npt.NDArray[np.signedinteger[Any]]

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
DRAWS = 20
CODES = {label: code for code, label in enumerate(EMOTIONS)}
ERRORS: dict[str, pl.DataType] = {
    "draw": pl.Int64(),
    "assessments": pl.Int64(),
    "value": pl.Float64(),
    "attention": pl.Float64(),
    "not measurable": pl.Float64(),
    "other level": pl.Float64(),
}
"""One row per draw: as above, and the share of assessments whose level is another than the stored one."""


def sensitivity(rule: Rule, lectures: Sequence[LectureInput]) -> pl.DataFrame:
    """Columns of `SENSITIVITY`, in order of option and setting; no row for a rule without numeric options.

    Settings that the rule itself refuses are left out. Raises ConfigError for a rule whose scope is wider
    than a lecture, PluginError if it fails or is skipped.
    """
    _narrow(rule)
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


def under_errors(
    rule: Rule, lectures: Sequence[LectureInput], confusion: Doubles, draws: int = DRAWS, seed: int = 0
) -> pl.DataFrame:
    """Columns of `ERRORS`: a row for what is stored (draw 0), then one per draw. The same every time.

    `confusion`: (7, 7) counts in the order of EMOTIONS, rows true, columns said. Usual shares of expressions
    (`Context.baseline`) stay as they are. Raises as `sensitivity` does, and ConfigError for a rule that looks
    at no expression.
    """
    _narrow(rule)
    if "expression" not in rule.signals:
        what = f"rule {rule.name!r} looks at {', '.join(sorted(rule.signals))}, not at expressions"
        raise ConfigError(what, "errors of a classifier do not touch it")
    stored = _judged(rule, lectures)
    rows = [_moved(0, stored, stored)]
    for draw in range(1, draws + 1):
        rng = np.random.default_rng([seed, draw])
        changed = [replace(one, seen=redrawn(one.seen, confusion, rng)) for one in lectures]
        rows.append(_moved(draw, stored, _judged(rule, changed)))
    return pl.DataFrame(rows, schema=ERRORS, orient="row")


def redrawn(seen: pl.DataFrame, confusion: Doubles, rng: np.random.Generator) -> pl.DataFrame:
    """`seen` with expressions drawn from what faces called so showed when the classifier was evaluated.

    A classifier that errs on a face errs on the next frame, too: a stretch of one label, cut every
    `statistics.BLOCK_S` seconds, is drawn as one. The probabilities of the old and the new label change
    places. A label beyond the seven stays: how often it is mistaken was not evaluated.
    """
    keys = ["student", "time_s"]
    rows = (
        seen.with_row_index("row")
        .sort(keys)
        .with_columns(old=pl.col("emotion").replace_strict(CODES, default=None))
    )
    block = (pl.col("time_s") // BLOCK_S).alias("block")
    stretch = rows.select(pl.struct("student", "old", block).rle_id()).to_series().to_numpy()
    total = confusion.sum(axis=0)
    chance = np.where(total > 0, confusion / np.maximum(total, 1), np.eye(len(EMOTIONS)))
    # One number per stretch (there are no more than rows), looked up in the cumulated column of its label.
    number = rng.random(len(stretch))[stretch]
    old = rows["old"].fill_null(-1).to_numpy()
    new = (number[:, None] >= np.cumsum(chance, axis=0).T[old]).sum(axis=1).clip(max=len(EMOTIONS) - 1)
    return _relabelled(rows, old, np.where(old < 0, -1, new)).sort("row").select(seen.columns)


def _relabelled(rows: pl.DataFrame, old: Integers, new: Integers) -> pl.DataFrame:
    known = np.flatnonzero(old >= 0)
    shares = rows.select(EMOTIONS).to_numpy(writable=True)
    shares[known, new[known]], shares[known, old[known]] = (
        shares[known, old[known]],
        shares[known, new[known]],
    )
    names = pl.Series([EMOTIONS[code] if code >= 0 else None for code in new], dtype=pl.String())
    emotion = pl.when(pl.col("old").is_null()).then("emotion").otherwise(names)
    columns = [pl.Series(name, shares[:, i]) for i, name in enumerate(EMOTIONS)]
    there = pl.col(EMOTIONS[0]).is_not_null()
    return rows.with_columns(emotion=emotion, there=there).with_columns(
        pl.when("there").then(column).alias(column.name) for column in columns
    )


def read_confusion(path: Path) -> Doubles:
    """(7, 7) counts of the first model in what `fertool evaluate --json` wrote. Raises ConfigError."""
    try:
        model = json.loads(path.read_text(encoding="utf-8"))["models"][0]
        labels = [one["label"] for one in model["classes"]]
        order = [labels.index(label) for label in EMOTIONS]
        table = np.array(model["confusion"], np.float64)[np.ix_(order, order)]
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, LookupError, TypeError) as error:
        what = f"{path}: expected what `fertool evaluate NAME --json` writes, with the seven expressions"
        raise ConfigError(what, "fertool evaluate compact --data DATA --json > FILE") from error
    if not np.isfinite(table).all() or (table < 0).any():
        raise ConfigError(f"{path}: confusion: expected counts, got negative or infinite numbers")
    return table


def _narrow(rule: Rule) -> None:
    if rule.scope not in ("segment", "lecture"):
        what = f"rule {rule.name!r} has the scope {rule.scope!r}: expected segment or lecture"
        raise ConfigError(what, "`fertool rules sensitivity` judges lecture by lecture")


def _judged(rule: Rule, lectures: Sequence[LectureInput]) -> pl.DataFrame:
    """Columns of `tables.ASSESSMENTS`."""
    result = Result()
    for lecture in lectures:
        assess_lecture([rule], lecture, result)
    if problems := [*result.failed, *result.skipped]:
        raise PluginError(problems[0])
    return result.table()


def _row(name: str, setting: float, rule: Rule, lectures: Sequence[LectureInput]) -> tuple[object, ...]:
    table = _judged(rule, lectures)
    return (name, setting, len(table), table["value"].mean(), *_shares(table))


def _moved(draw: int, stored: pl.DataFrame, table: pl.DataFrame) -> tuple[object, ...]:
    """A row of `ERRORS`; answers are compared one by one: those to one window by their order."""
    keys = ["course", "lecture", "segment", "student"]
    before, after = (t.with_columns(n=pl.int_range(pl.len()).over(keys)) for t in (stored, table))
    both = before.join(after, on=[*keys, "n"], nulls_equal=True, suffix="_new")
    other = (both["level"] != both["level_new"]).mean()
    return (draw, len(table), table["value"].mean(), *_shares(table), other)


def _shares(table: pl.DataFrame) -> list[object]:
    return [(table["level"] == what).mean() for what in ("attention", "not measurable")]
