"""`fertool query "SQL"`: read-only access to the results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal import streams
from fertool.cli.terminal.options import Db, Json, open_store, print_table, settings, warn_of_changes

if TYPE_CHECKING:
    import polars as pl


def register(app: typer.Typer) -> None:
    """Add the command `query`."""
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
    warn_of_changes(store)
    table = store.query(sql)
    if json:
        streams.utf8()
        print(table.write_json())
    elif csv:
        streams.utf8()
        sys.stdout.write(_flat(table).write_csv())
    elif parquet is not None:
        _write(table, parquet)
        print(f"{len(table)} rows -> {parquet}")
    else:
        print_table(table.columns, [[_short(value) for value in row] for row in table.rows()], turned=True)


LONG = 8
"""Values of a list that a table on the screen shows."""


def _short(value: object) -> object:
    """A list without its tail: a descriptor of 128 numbers would fill the screen."""
    if not isinstance(value, list) or len(value) <= LONG:
        return value
    shown = ", ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in value[:LONG])
    return f"[{shown}, ... {len(value)} in all]"


def _flat(table: pl.DataFrame) -> pl.DataFrame:
    """CSV has no lists, structs and maps: they become JSON."""
    import json

    import polars as pl

    nested = [name for name, dtype in table.schema.items() if dtype.is_nested()]
    texts = (
        [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str)
            for value in table[name].to_list()
        ]
        for name in nested
    )
    return table.with_columns(
        pl.Series(name, text, pl.String) for name, text in zip(nested, texts, strict=True)
    )


def _write(table: pl.DataFrame, path: Path) -> None:
    from fertool.errors import FertoolError

    try:
        table.write_parquet(path)
    except OSError as error:
        raise FertoolError(f"{path}: could not be written: {error}", "check the path and the disk") from error
