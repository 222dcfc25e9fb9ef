"""`fertool rules sensitivity`: thresholds and errors of the classifier, varied one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal.options import (
    Courses,
    Db,
    Json,
    Lecture,
    Options,
    PluginFiles,
    bring_up_to_date,
    narrowed,
    open_store,
    print_json,
    print_table,
    settings,
)
from fertool.workflows.assess import analyzed
from fertool.workflows.audit import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

app = typer.Typer(no_args_is_help=True, help="Sensitivity to thresholds and to errors of the classifier.")


def register(parent: typer.Typer) -> None:
    """Add the commands `rules ...`."""
    parent.add_typer(app, name="rules")


@app.callback()
def _group() -> None:
    """Sensitivity to thresholds and to errors of the classifier."""


@app.command()
def sensitivity(
    rule: Annotated[str, typer.Argument(help="As `fertool plugins` shows it.", metavar="RULE")],
    course: Courses = None,
    lecture: Lecture = None,
    confusion: Annotated[
        Path | None,
        typer.Option(
            "--confusion", help="Of the classifier: what `fertool evaluate --json` wrote.", metavar="FILE"
        ),
    ] = None,
    option: Options = None,
    plugin: PluginFiles = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Move each threshold of a rule by itself and show how its answers change; stores nothing.

    With --confusion: what the errors of the classifier do to them.
    """
    from fertool.analysis import pipeline
    from fertool.assessment import sensitivity as measure
    from fertool.errors import FertoolError
    from fertool.host import toolbox

    course = narrowed(course)
    chosen = settings(db=db)
    rules = {one.name: one for one in toolbox.toolbox(chosen, option or [], plugin or []).rules}
    if rule not in rules:
        raise FertoolError(f"no rule {rule!r}", f"there are: {', '.join(sorted(rules))}")
    errors = measure.read_confusion(confusion) if confusion else None
    store = open_store(chosen.db)
    bring_up_to_date(store)
    pairs = analyzed(store, course, lecture)
    lectures = list(pipeline.lectures(store, pairs))
    title = f"{rule} over {len(pairs)} lectures"
    if errors is None:
        table = measure.sensitivity(rules[rule], lectures)
        columns, rows = table.columns, [[*row[:3], *_figures(row[3:])] for row in table.rows()]
    else:
        table = measure.under_errors(rules[rule], lectures, errors)
        columns, rows = ["answers", *table.columns[1:]], _summary(table)
        title += f": as stored, and with expressions drawn again {len(table) - 1} times"
    for of, name in pairs:
        record(store, "rules sensitivity", of, what=rule, lecture=name)
    if json:
        print_json(table.to_dicts())
    else:
        print_table(columns, rows, title=title)


def _summary(table: pl.DataFrame) -> list[list[str]]:
    """What is stored, and the mean and range of what was drawn."""
    stored, drawn = table.row(0), table[1:]
    rows = [
        ("stored", stored),
        ("lowest", drawn.min().row(0)),
        ("mean", drawn.mean().row(0)),
        ("highest", drawn.max().row(0)),
    ]
    return [[name, f"{row[1]:.0f}", *_figures(row[2:])] for name, row in rows]


def _figures(row: Sequence[float | None]) -> list[str]:
    """Mean value, then shares."""
    value, *shares = row
    return ["" if value is None else f"{value:.3f}", *("" if s is None else f"{s:.0%}" for s in shares)]
