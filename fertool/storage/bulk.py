"""Bulk loading from Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fertool.storage.database import Database

MEMORY = "1GB"
"""Of DuckDB; what does not fit goes to disk beside the database."""


def load(
    database: Database,
    files: Mapping[tuple[str, int], str],
    tables: Mapping[str, Iterable[str]],
    remote: Any = None,
) -> None:
    """Put chunks into the database, in one transaction; those that are there stay as they are.

    `files`: (run, chunk) -> Parquet file with a column `table` that says which of `tables` (name -> columns
    beside `run`) a row belongs to. `remote`: the fsspec file system they are on, if not a local one.
    """
    with database.transaction() as con:
        if remote is not None:
            con.register_filesystem(remote)
        con.execute(f"SET memory_limit = '{MEMORY}'")
        con.execute("SET preserve_insertion_order = false")
        runs = sorted({run for run, _ in files})
        there = con.execute(
            "SELECT run, chunk FROM chunks WHERE run IN (SELECT unnest($runs::VARCHAR[]))", {"runs": runs}
        ).fetchall()
        missing = [files[key] for key in sorted(files.keys() - {(run, chunk) for run, chunk in there})]
        if not missing:
            return
        for table, columns in tables.items():
            names = ", ".join(["run", *columns])
            con.execute(
                f"""INSERT INTO {table} BY NAME SELECT {names} FROM read_parquet($files)
                    WHERE "table" = '{table}'""",  # noqa: S608
                {"files": missing},
            )
