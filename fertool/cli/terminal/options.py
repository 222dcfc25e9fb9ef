"""Shared options, opening of the database, and printed tables."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fertool.cli.terminal import streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fertool.config import Settings
    from fertool.storage.store import Store

Course = Annotated[str | None, typer.Option("--course", help="Course name.", metavar="NAME")]
OneCourse = Annotated[
    str | None,
    typer.Option(
        "--course",
        help="Course name.",
        show_default="that of fertool.toml, else the only one in the database",
        metavar="NAME",
    ),
]
"""Of a command about the students of one course: see `settings_of_course`."""
Courses = Annotated[
    str | None,
    typer.Option(
        "--course",
        help="Course name; '' for all.",
        show_default="that of fertool.toml, else all",
        metavar="NAME",
    ),
]
"""Of a command that can be about all courses: see `narrowed`."""
Lecture = Annotated[str | None, typer.Option("--lecture", help="Lecture name.", metavar="NAME")]
Db = Annotated[
    str | None,
    typer.Option("--db", help="Database file.", show_default="fertool.duckdb; FERTOOL_DB", metavar="FILE"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Options = Annotated[
    list[str] | None,
    typer.Option("-o", "--option", help="Option of a plugin.", metavar="PLUGIN.OPTION=VALUE"),
]
PluginFiles = Annotated[
    list[Path] | None, typer.Option("--plugin", help="A Python file with plugins.", metavar="FILE.py")
]

NamesFile = Annotated[
    Path | None,
    typer.Option(
        "--names",
        help="Encrypted file of names; its passphrase is asked for, or FERTOOL_PASSPHRASE.",
        metavar="FILE",
    ),
]


def settings(**flags: Any) -> Settings:
    """Settings in force in the current folder."""
    from fertool import config
    from fertool.host import guard

    chosen = config.load(Path.cwd(), **flags)
    guard.set_limit(chosen.plugin_limit)
    return chosen


def settings_of_course(**flags: Any) -> Settings:
    """`settings` of a command about the students of one course: unless a flag or fertool.toml names one, and
    where the database holds no other, that of the database."""
    chosen = settings(**flags)
    if flags.get("course") is None and narrowed(None) is None and Path(chosen.db).is_file():
        courses = open_store(chosen.db, read_only=True).students.courses()
        if len(courses) == 1:
            return replace(chosen, course=courses[0])
    return chosen


def narrowed(course: str | None) -> str | None:
    """The course a command is about: of the flag, else of fertool.toml; None for all."""
    from fertool import config

    return config.course(Path.cwd(), course)


def open_store(db: str, *, read_only: bool = False, create: bool = False) -> Store:
    """The database, which has to be there unless `create`. Nothing else happens: see `bring_up_to_date` and
    `warn_of_changes`."""
    from fertool.storage.store import Store

    return Store(Path(db), read_only=read_only, create=create)


def bring_up_to_date(store: Store, *, remind: bool = True) -> None:
    """What a command that shows or writes people does first: changes of consent and of rules take effect.

    `remind`: say who refuses and is still stored. Commands that change this say it at their end instead.
    """
    from fertool.cli.terminal.progress import Plain
    from fertool.workflows import privacy

    privacy.bring_up_to_date(store, settings(db=str(store.database.path)), Plain())
    if remind:
        warn_of_refusals(store)


def warn_of_refusals(store: Store) -> None:
    """Say who refuses and is still stored."""
    from fertool.workflows import privacy

    for line in privacy.still_stored(store, settings().db):
        print(f"fertool: {line}", file=sys.stderr)


def warn_of_changes(store: Store) -> None:
    """What a command that only reads does: say what `bring_up_to_date` would change, and write nothing."""
    from fertool.workflows import privacy

    for line in privacy.pending(store, settings(db=str(store.database.path))):
        print(f"fertool: {line}", file=sys.stderr)
    warn_of_refusals(store)


NARROW = 100
"""Characters of a terminal; below, columns stand closer together."""
SHORT = 12
"""A column not wider than this is not folded, if there is room."""


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    problem: bool = False,
    turned: bool = False,
) -> None:
    """A table fit for a terminal; plain text when piped. Cells are shown literally, markup included.

    `problem`: to the error stream. `turned`: where the columns have no room on a terminal, each row is a
    table of its own, with a column on every line.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = sys.stderr if problem else sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else 200, soft_wrap=False)
    narrow = console.width < NARROW
    table = Table(
        title=Text(title) if title else None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        padding=(0, 1, 0, 0) if narrow else (0, 1),
        pad_edge=not narrow,
    )
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = _least_widths(columns, cells, console.width)
    if turned and cells and stream.isatty() and None in widths:
        for number, row in enumerate(cells, 1):
            print_table([f"row {number}", ""], zip(columns, row, strict=True), problem=problem)
        return
    for column, least in zip(columns, widths, strict=True):
        table.add_column(column, overflow="fold", min_width=least)
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _least_widths(columns: Sequence[str], cells: list[list[str]], width: int) -> list[int | None]:
    """Characters that each column needs so that short ones are not folded; None where that has no room."""
    lines = [[column, *(row[i] for row in cells)] for i, column in enumerate(columns)]
    widest = [max(len(line) for cell in column for line in cell.split("\n")) for column in lines]
    least = [min(SHORT, one) for one in widest]
    return [*least] if sum(least) + 2 * len(least) + 1 <= width else [None] * len(least)


def _cell(value: object) -> str:
    """Six digits are enough to look at; --json and --csv give them all."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def print_json(value: Any) -> None:
    """One JSON value on standard output, indented, in UTF-8 whatever the terminal's encoding."""
    import json

    streams.utf8()
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_line(value: Any) -> None:
    """One JSON object on a line of its own, at once: for programs that follow what is going on."""
    import json

    streams.utf8()
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)
