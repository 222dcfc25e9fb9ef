"""Many rows at once into the database, straight from Parquet files: the SQL of ingestion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fertool.database import Database

MEMORY = "1GB"
"""Of DuckDB; what does not fit goes to disk beside the database."""


def load(
    database: Database,
    run: str,
    files: Sequence[str],
    tables: Mapping[str, Iterable[str]],
    remote: Any = None,
) -> None:
    """Put the chunks of one run into the database, in one transaction; those that are there stay as they are.

    `files`: Parquet files, one per chunk, with a column `table` that says which of `tables` (name ->
    columns beside `run`) a row belongs to. `remote`: the fsspec file system they are on, if not a local one.
    """
    with database.transaction() as con:
        if remote is not None:
            con.register_filesystem(remote)
        con.execute(f"SET memory_limit = '{MEMORY}'")
        con.execute("SET preserve_insertion_order = false")
        there = con.execute("SELECT chunk FROM chunks WHERE run = $run", {"run": run}).fetchall()
        given = {"files": list(files), "run": run, "there": [row[0] for row in there]}
        for table, columns in tables.items():
            names = ", ".join(["run", *columns])
            con.execute(
                f"""INSERT INTO {table} BY NAME SELECT {names} FROM read_parquet($files)
                    WHERE "table" = '{table}' AND run = $run AND NOT list_contains($there, chunk)""",  # noqa: S608
                given,
            )
