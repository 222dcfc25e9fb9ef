"""A statement typed by a user, its result fetched whatever its types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from fertool.errors import StoreError
from fertool.storage import database

if TYPE_CHECKING:
    from fertool.storage.database import Database

FOREIGN = re.compile(
    r"INTERVAL|BLOB|\bBIT\b|BIGNUM|UNION|VARIANT|GEOMETRY|TIME WITH TIME ZONE|(DATE|TIMESTAMP|HUGEINT).*[)\]]"
)
"""In the name of a DuckDB type: polars has none such, or not all their values inside of others."""
BEYOND = {
    "HUGEINT": "abs({}::DOUBLE) >= 1e37",
    "DATE": "NOT isfinite({0}) OR year({0}) NOT BETWEEN 1 AND 9999",
}
"""What is true of values that polars or Python do not hold, by the start of a type's name."""
BEYOND |= {"UHUGEINT": BEYOND["HUGEINT"], "TIMESTAMP": BEYOND["DATE"]}


def answer(opened: Database, sql: str, params: dict[str, Any]) -> pl.DataFrame:
    """Run one statement and fetch its result completely.

    Columns of types that polars does not have, or not whole, are text as DuckDB writes it: intervals,
    BLOB, BIT, BIGNUM, UNION, VARIANT, times with a zone, integers beyond 37 digits, dates without end or
    outside the years 1 to 9999.
    """
    with opened.transaction() as con:
        try:
            if (count := len(con.extract_statements(sql))) > 1:
                raise StoreError(f"expected one SQL statement, got {count}", "ask for them one by one")
            result = con.sql(sql, params=params or None)
            return _fetched(result) if result is not None else pl.DataFrame()
        except duckdb.Error as error:
            if database.broken(error):
                raise
            hint = "see README for the views and their columns"
            raise StoreError(f"query failed: {error}", hint) from error


def _fetched(result: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    kinds = [str(kind) for kind in result.types]
    text = {i for i, kind in enumerate(kinds, 1) if FOREIGN.search(kind)}
    asked = {
        i: test
        for i, kind in enumerate(kinds, 1)
        for name, test in BEYOND.items()
        if kind.startswith(name) and i not in text
    }
    if not (asked or text):
        return pl.DataFrame(result.pl())
    result = result.materialize()  # each look would run the query again
    if ask := ", ".join(f"coalesce(bool_or({test.format(f'#{i}')}), false)" for i, test in asked.items()):
        text |= {i for i, beyond in zip(asked, result.aggregate(ask).fetchall()[0], strict=True) if beyond}
    columns = [
        f"CAST(#{i} AS VARCHAR) AS {_quoted(name)}" if i in text else f"#{i}"
        for i, name in enumerate(result.columns, 1)
    ]
    return pl.DataFrame(result.project(", ".join(columns)).pl())


def _quoted(name: str) -> str:
    """As a name in SQL."""
    return '"' + name.replace('"', '""') + '"'
