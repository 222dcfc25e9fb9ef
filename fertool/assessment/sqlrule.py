"""A rule written as one SQL query over the table `seen`. Light: DuckDB is loaded on first use."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from fertool.contracts import Rule
from fertool.errors import PluginError
from fertool.types import Assessment

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from fertool.types import Context

TOLD = ("value", "level", "message", "start_s", "end_s")
"""Columns of the answer that make an assessment; all others become its evidence."""


class SqlRule(Rule):
    """Judges with `sql`: one SELECT over `seen` (columns: `storage.tables.SEEN`), in DuckDB's dialect.

    Each row it gives is an assessment. `value` has to be there; `level`, `message`, `start_s` and `end_s` may
    be, and every other column is evidence. A `value` of NULL was not measurable. `$low` is the option `low`
    of the rule, and `$period_s`, `$course`, `$lecture`, `$student` are the context's. Nothing but `seen` can
    be read, and nothing written.
    """

    sql: ClassVar[str] = ""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if not cls.sql.strip():
            raise PluginError(
                f"{cls.__name__} has no `sql`", 'such as sql = "select avg(happy) as value from seen"'
            )

    def assess(self, seen: pl.DataFrame, context: Context) -> list[Assessment]:
        """See `Rule.assess`. Raises PluginError for a result without a column `value`."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        known |= {name: getattr(context, name) for name in ("period_s", "course", "lecture", "student")}
        columns, rows = _ask(self.sql, seen, known)
        if "value" not in columns:
            what = f"its sql gives {', '.join(columns)}, but no column `value`"
            raise PluginError(what, "name one: select avg(happy) as value from seen")
        return [_assessment(dict(zip(columns, row, strict=True))) for row in rows]


def _ask(sql: str, seen: pl.DataFrame, known: dict[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names and rows of the answer, fetched completely."""
    import duckdb

    con = _database()
    try:
        statements = con.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise PluginError("its sql is not one SELECT", "a rule reads `seen` and changes nothing")
        wanted = set(re.findall(r"\$([A-Za-z_]\w*)", sql))
        if unknown := sorted(wanted - known.keys()):
            raise PluginError(
                f"its sql asks for ${unknown[0]}", f"known: {', '.join(f'${k}' for k in known)}"
            )
        con.register("seen", seen)
        try:
            answer = con.execute(statements[0], {name: known[name] for name in wanted})
            return [column[0] for column in answer.description or ()], answer.fetchall()
        finally:
            con.unregister("seen")
    except duckdb.Error as error:
        raise PluginError(
            f"its sql failed: {error}", "columns of `seen`: fertool.storage.tables.SEEN"
        ) from error


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """An empty database that reaches neither files nor the network, and stays so."""
    import duckdb

    con = duckdb.connect(":memory:", config={"threads": 1})
    con.execute("SET enable_external_access = false")
    con.execute("SET python_enable_replacements = false")  # no variable of ours is a table
    con.execute("SET lock_configuration = true")
    return con


def _assessment(row: dict[str, Any]) -> Assessment:
    value = _plain(row["value"])
    usual = "not measurable" if value is None else "info"
    return Assessment(
        value,
        row.get("level") or usual,
        row.get("message") or "",
        _plain(row.get("start_s")),
        _plain(row.get("end_s")),
        evidence={k: _fact(v) for k, v in row.items() if k not in (*TOLD, "student") and v is not None},
    )


def _plain(value: Any) -> float | None:
    """Decimals and integers as floats; NULL and NaN as None."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise PluginError(f"its sql gives {value!r}, not a number, as a value or time") from error
    return None if math.isnan(number) else number


def _fact(value: Any) -> float | int | str:
    if isinstance(value, bool | int):
        return int(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else str(number)
