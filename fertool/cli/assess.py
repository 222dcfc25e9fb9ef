"""`fertool assess`: rules over stored observations, no video needed."""

from __future__ import annotations

import sys

import typer

from fertool.cli.common import (
    Course,
    Db,
    Json,
    Lecture,
    Options,
    PluginFiles,
    open_store,
    print_json,
    print_table,
    settings,
)


def register(app: typer.Typer) -> None:
    app.command(name="assess")(assess)


def assess(
    course: Course = None,
    lecture: Lecture = None,
    option: Options = None,
    plugin: PluginFiles = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Judge what is stored with every rule, also with one of your own: --plugin my_rule.py."""
    from fertool import pipeline, setup
    from fertool.custody import Custody

    chosen = settings(db=db)
    tools = setup.toolbox(chosen, option or [], plugin or [])
    store = open_store(chosen.db)
    lectures = store.lectures(course, lecture)
    if not lectures:
        from fertool.errors import FertoolError

        raise FertoolError(f"{chosen.db}: no analyzed lecture fits", "see `fertool runs`")
    result = pipeline.assess(store, tools.rules, lectures)
    for of, name in lectures:
        Custody(store.database).audit("assess", of, what=f"{len(tools.rules)} rules", lecture=name)
    if json:
        print_json({"assessments": result.rows, "skipped": result.skipped, "failed": result.failed})
    else:
        rules = sorted({str(row["rule"]) for row in result.rows})
        counts = [(rule, sum(row["rule"] == rule for row in result.rows)) for rule in rules]
        print_table(["rule", "assessments"], counts, title=f"{len(lectures)} lectures")
    for line in [*dict.fromkeys(result.skipped), *result.failed]:
        print(f"fertool: {line}", file=sys.stderr)
    if result.failed:
        raise typer.Exit(3)
