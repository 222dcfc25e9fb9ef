"""`fertool query "SQL"`: read-only access to the results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.common import Db, Json, open_store, print_table, settings
from fertool.cli.people import record

if TYPE_CHECKING:
    import polars as pl


def register(app: typer.Typer) -> None:
    app.command(name="query")(query)


def query(
    sql: Annotated[str, typer.Argument(help="One SQL statement, for example: FROM frame_emotions LIMIT 5")],
    db: Db = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="Write a Parquet file.", metavar="FILE")
    ] = None,
) -> None:
    """Ask the database in SQL, read-only. Views: frame_emotions, samples_seen, assessments_latest."""
    store = open_store(settings(db=db).db, read_only=True)
    table = store.query(sql)
    record(store, "query", what=sql)
    if json:
        print(table.write_json())
    elif csv:
        sys.stdout.write(_flat(table).write_csv())
    elif parquet is not None:
        _write(table, parquet)
        print(f"{len(table)} rows -> {parquet}")
    else:
        print_table(table.columns, table.rows())


def _flat(table: pl.DataFrame) -> pl.DataFrame:
    """CSV has no lists: they become JSON-like text."""
    import polars as pl

    nested = [name for name, dtype in table.schema.items() if dtype.is_nested()]
    return table.with_columns(
        pl.col(name).map_elements(lambda value: str(list(value)), return_dtype=pl.String) for name in nested
    )


def _write(table: pl.DataFrame, path: Path) -> None:
    from fertool.errors import FertoolError

    try:
        table.write_parquet(path)
    except OSError as error:
        raise FertoolError(f"{path}: could not be written: {error}", "check the path and the disk") from error
