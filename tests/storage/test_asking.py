"""The one way to ask a `Database`, and to fill a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from fertool.storage.database import Aggregate, insert, table

if TYPE_CHECKING:
    from fertool.storage.store import Store

ASKED = [  # (SQL, parameters, rows)
    ("SELECT 1 AS n", {}, [(1,)]),
    ("SELECT unnest([3, 1]) AS n ORDER BY ALL", {}, [(1,), (3,)]),
    ("SELECT $word AS said, $n + 1 AS n", {"word": "it's", "n": 2}, [("it's", 3)]),
    ("SELECT course FROM courses", {}, []),
    ("SELECT NULL::VARCHAR AS student", {}, [(None,)]),
]


@pytest.mark.parametrize(("sql", "params", "expected"), ASKED)
def test_table_and_rows_agree(store: Store, sql: str, params: dict, expected: list) -> None:
    assert store.database.rows(sql, **params) == expected
    assert store.database.table(sql, **params).rows() == expected


def test_a_table_without_rows_keeps_its_types(store: Store) -> None:
    empty = store.database.table("SELECT first_s, student FROM tracks")
    assert empty.schema == {"first_s": pl.Float64(), "student": pl.String()}


def test_a_mistake_of_ours_is_no_error_of_the_user(store: Store) -> None:
    """Its traceback is wanted; what a user typed goes through `Store.query`, which explains."""
    for ask in (store.database.table, store.database.rows):
        with pytest.raises(duckdb.Error):
            ask("SELECT no_such_column FROM tracks")


def test_insert_goes_by_name_and_leaves_defaults(store: Store) -> None:
    rows = pl.DataFrame({"faces": [2], "sample": [0], "run": ["r"], "time_s": [1.5]})
    with store.database.transaction() as con:
        insert(con, "samples", rows)
        assert table(con, "SELECT run, sample, time_s, faces, dropped FROM samples").rows() == [
            ("r", 0, 1.5, 2, 0)
        ]
        assert table(con, "SELECT 1 AS n FROM duckdb_views() WHERE view_name = 'rows_to_insert'").is_empty()


def test_parts_of_the_store_share_its_file(store: Store) -> None:
    """While the file is kept open for one process, a second `Database` of it would wait for its lock."""
    parts = [part for part in vars(store).values() if isinstance(part, Aggregate)]
    assert len(parts) == 5
    with store.database.kept():
        store.students.know("signals", "Ann")
        store.audit.record("export", "signals", ["Ann"])
        assert store.consents.refusing("signals") == set()
        assert store.corrections.all("signals").is_empty()
        assert store.erase.forget("signals", "Ann").rows == {"students": 1}
        assert store.audit.log("signals")["student"].to_list() == [None]
