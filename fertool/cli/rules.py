"""`fertool rules`: about rules themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from fertool.cli.common import (
    Course,
    Db,
    Json,
    Lecture,
    Options,
    PluginFiles,
    analyzed,
    open_store,
    print_json,
    print_table,
    settings,
)
from fertool.cli.people import record

app = typer.Typer(no_args_is_help=True, help="About rules: how far their answers hang on thresholds.")


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="rules")


@app.callback()
def _group() -> None:
    """About rules: how far their answers hang on thresholds."""


@app.command()
def sensitivity(
    rule: Annotated[str, typer.Argument(help="As `fertool plugins` shows it.", metavar="RULE")],
    course: Course = None,
    lecture: Lecture = None,
    option: Options = None,
    plugin: PluginFiles = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Move each threshold of a rule by itself and show what becomes of its answers; stores nothing."""
    from fertool import pipeline, setup
    from fertool.errors import FertoolError
    from fertool.sensitivity import sensitivity as measure

    chosen = settings(db=db)
    rules = {one.name: one for one in setup.toolbox(chosen, option or [], plugin or []).rules}
    if rule not in rules:
        raise FertoolError(f"no rule {rule!r}", f"there are: {', '.join(sorted(rules))}")
    store = open_store(chosen.db)
    pairs = analyzed(store, course, lecture)
    table = measure(rules[rule], list(pipeline.lectures(store, pairs)))
    for of, name in pairs:
        record(store, "rules sensitivity", of, what=rule, lecture=name)
    if json:
        print_json(table.to_dicts())
    else:
        print_table(table.columns, table.rows(), title=f"{rule} over {len(pairs)} lectures")
