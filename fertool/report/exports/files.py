"""The flat tables as files, with their dictionary beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fertool.report.exports.tables import DICTIONARY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import polars as pl

    from fertool.report.exports.tables import Tables

FOLDER = "data"
"""Where they lie in a report."""


def write(folder: Path, tables: Tables, formats: Iterable[str]) -> None:
    """`data/TABLE.FORMAT` for every table and every format of `WRITERS`, and `data/README.md`."""
    data = folder / FOLDER
    data.mkdir()
    for name, rows in tables.items():
        for form in formats:
            WRITERS[form](rows, data / f"{name}.{form}")
    (data / "README.md").write_text(dictionary(), encoding="utf-8")


def dictionary() -> str:
    """What every column means, as Markdown."""
    lines = [
        "# Tables of a fertool report",
        "",
        "The figures of the pages, to calculate with. A missing value (null; empty in CSV) is not zero: it",
        "was not measurable, not computed, or is about too few students. Expressions are not feelings;",
        "nothing here is fit for grading or judging a person.",
    ]
    for name, columns in DICTIONARY.items():
        lines += ["", f"## {name}", "", "| column | type | meaning |", "|---|---|---|"]
        lines += [f"| `{column}` | {kind} | {meaning} |" for column, (kind, meaning) in columns.items()]
    return "\n".join(lines) + "\n"


def _json(rows: pl.DataFrame, path: Path) -> None:
    """An array of objects; times as in ISO 8601."""
    shown = (json.dumps(row, ensure_ascii=False, default=_iso) for row in rows.iter_rows(named=True))
    path.write_text("[\n" + ",\n".join(shown) + "\n]\n", encoding="utf-8")


def _iso(value: object) -> str:
    return value.isoformat()  # type: ignore[attr-defined, no-any-return]


WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "csv": lambda rows, path: rows.write_csv(path),
    "parquet": lambda rows, path: rows.write_parquet(path),
    "json": _json,
}
