"""`fertool query`: every type that DuckDB has, in every format; one statement; lists that fit a screen."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from fertool.storage.store import Store

HUGE = "170141183460469231731687303715884105727"
"""2 ** 127 - 1: polars has 38 digits."""
# expression -> as a table shows it, as CSV (None: the same), as JSON
TYPES = {
    "INTERVAL 3 DAY": ("3 days", None, "3 days"),
    "INTERVAL 14 MONTH": ("1 year 2 months", None, "1 year 2 months"),
    "[INTERVAL 1 DAY, NULL]": ("[1 day, NULL]", '"[1 day, NULL]"', "[1 day, NULL]"),
    "'\\xAA\\x00b'::BLOB": ("\\xAA\\x00b", None, "\\xAA\\x00b"),
    "['a'::BLOB]": ("[a]", None, "[a]"),
    "'0101'::BIT": ("0101", None, "0101"),
    "'12345678901234567890123'::BIGNUM": ("12345678901234567890123", None, "12345678901234567890123"),
    "union_value(num := 2)": ("2", None, "2"),
    "'01:02:03+02'::TIMETZ": ("01:02:03+02", None, "01:02:03+02"),
    f"{HUGE}::HUGEINT": (HUGE, None, HUGE),
    "DATE 'infinity'": ("infinity", None, "infinity"),
    "TIMESTAMP '-infinity'": ("-infinity", None, "-infinity"),
    "DATE '0044-03-15 (BC)'": ("0044-03-15 (BC)", None, "0044-03-15 (BC)"),
    "DATE '2026-10-05'": ("2026-10-05", None, "2026-10-05"),
    "[DATE '2026-10-05']": ("[2026-10-05]", None, "[2026-10-05]"),
    "'a'::ENUM('a', 'b')": ("a", None, "a"),
    "1.50::DECIMAL(5, 2)": ("1.50", None, "1.50"),
    "true": ("True", "true", True),
    "7::UTINYINT": ("7", None, 7),
    "NULL": ("", '', None),
    "NULL::INTERVAL": ("", '', None),
    "[]": ("[]", None, []),
    "[[1], [2, 3]]": ("[[1], [2, 3]]", '"[[1], [2, 3]]"', [[1], [2, 3]]),
    "[1, 2]::INTEGER[2]": ("[1, 2]", '"[1, 2]"', [1, 2]),
    "{'a': 1, 'b': ['x', NULL]}": (
        "{'a': 1, 'b': ['x', None]}",
        '"{""a"": 1, ""b"": [""x"", null]}"',
        {"a": 1, "b": ["x", None]},
    ),
    "MAP {'k': 1}": ("{'k': 1}", '"{""k"": 1}"', {"k": 1}),
    "NULL::INTEGER[]": ("", '', None),
}  # fmt: skip


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a row: opened once."""
    return Store(tmp_path_factory.mktemp("types") / "fertool.duckdb").database.path


@pytest.mark.parametrize("expression", TYPES)
def test_every_type_in_every_format(fertool, empty: Path, tmp_path: Path, expression: str) -> None:
    table, csv, value = TYPES[expression]
    sql = f"SELECT {expression} AS x"
    lines = fertool("query", sql, "--db", empty).out.splitlines()
    assert [line.strip() for line in lines if "─" not in line and line.strip()] == ["x", table][
        : 1 + bool(table)
    ]
    assert fertool("query", sql, "--db", empty, "--csv").out == f"x\n{table if csv is None else csv}\n"
    assert json.loads(fertool("query", sql, "--db", empty, "--json").out) == [{"x": value}]
    none = f"{sql} WHERE false"
    assert json.loads(fertool("query", none, "--db", empty, "--json").out) == []
    assert fertool("query", none, "--db", empty, "--csv").out == "x\n"
    assert fertool("query", sql, "--db", empty, "--parquet", "x.parquet").out == "1 rows -> x.parquet\n"
    assert pl.read_parquet(tmp_path / "x.parquet").height == 1


def test_columns_of_one_name_and_names_with_quotes(fertool, empty: Path) -> None:
    sql = """SELECT INTERVAL 1 DAY AS "a ""b", 2 AS x, 3 AS x"""
    assert fertool("query", sql, "--db", empty, "--csv").out == '"a ""b",x,x_1\n1 day,2,3\n'


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT 1; SELECT 2", "expected one SQL statement, got 2 (ask for them one by one)"),
        (
            "SELECT 1; DROP TABLE runs; SELECT 2",
            "expected one SQL statement, got 3 (ask for them one by one)",
        ),
    ],
)
def test_one_statement(fertool, empty: Path, sql: str, told: str) -> None:
    done = fertool("query", sql, "--db", empty)
    assert (done.code, done.out, done.err) == (2, "", f"fertool: {told}\n")


def test_one_statement_may_end_as_a_statement_ends(fertool, empty: Path) -> None:
    assert fertool("query", "SELECT ';' AS x;", "--db", empty, "--csv").out == "x\n;\n"


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (8, "[0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]"),
        (9, "[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, ... 9 in all]"),
        (128, "[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, ... 128 in all]"),
    ],
)
def test_a_long_list_is_shortened_on_the_screen_alone(fertool, empty: Path, length: int, shown: str) -> None:
    sql = f"SELECT [i / 2 FOR i IN range({length})]::FLOAT[] AS embedding"
    assert fertool("query", sql, "--db", empty).out.splitlines()[-2].strip() == shown
    whole = json.loads(fertool("query", sql, "--db", empty, "--json").out)
    assert len(whole[0]["embedding"]) == length
    assert fertool("query", sql, "--db", empty, "--csv").out.count(",") == length - 1
