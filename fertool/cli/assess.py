"""`fertool assess`: rules over stored observations; no video is read."""

from __future__ import annotations

import sys
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

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.assessment.runner import Result
    from fertool.config import Settings


def register(app: typer.Typer) -> None:
    """Add the command `assess`."""
    app.command(name="assess")(assess)


def assess(
    course: Courses = None,
    lecture: Lecture = None,
    option: Options = None,
    plugin: PluginFiles = None,
    db: Db = None,
    json: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Do it again whenever a --plugin file is saved; Ctrl-C ends it.")
    ] = False,
) -> None:
    """Judge what is stored with every rule, also with one of your own: --plugin my_rule.py."""
    course = narrowed(course)
    chosen = settings(db=db)
    if watch:
        _watch(chosen, course, lecture, option or [], plugin or [])
        return
    result = judge(chosen, course, lecture, option or [], plugin or [], json=json)
    if result.failed:
        raise typer.Exit(3)


def judge(
    chosen: Settings,
    course: str | None,
    lecture: str | None,
    pairs: list[str],
    files: list[Path],
    *,
    json: bool = False,
) -> Result:
    """Judge once, store and print."""
    from fertool.analysis import pipeline
    from fertool.host import toolbox
    from fertool.workflows.assess import absent, analyzed
    from fertool.workflows.audit import record

    tools = toolbox.toolbox(chosen, pairs, files)
    store = open_store(chosen.db)
    bring_up_to_date(store)
    lectures = analyzed(store, course, lecture)
    result = pipeline.assess(store, tools.rules, lectures, kept=True)
    with store.database.kept():
        for of, name in lectures:
            record(store, "assess", of, what=f"{len(tools.rules)} rules", lecture=name)
    if json:
        kept = {rule: count for rule, (count, _) in result.absent.items() if count}
        told = {"assessments": result.rows, "skipped": result.skipped, "failed": result.failed}
        print_json(told | {"rules not present": kept})
    else:
        counts = result.table().group_by("rule").len().sort("rule")
        print_table(["rule", "assessments"], counts.rows(), title=f"{len(lectures)} lectures")
    for line in [*dict.fromkeys(result.skipped), *absent(result.absent), *result.failed]:
        print(f"fertool: {line}", file=sys.stderr)
    return result


def _watch(
    chosen: Settings, course: str | None, lecture: str | None, pairs: list[str], files: list[Path]
) -> None:
    """Judge now and after every save; a mistake in the file is shown, and waited for to be mended."""
    from fertool.cli.terminal.watch import difference, saves
    from fertool.errors import ConfigError, FertoolError

    if not files:
        raise ConfigError("--watch needs a file to watch", "--plugin my_rule.py")
    saved = saves(files)  # from now on, also during the first judgment
    try:
        before = judge(chosen, course, lecture, pairs, files)
        print("watching; Ctrl-C ends it", flush=True)
        for file in saved:
            try:
                after = judge(chosen, course, lecture, pairs, files)
            except FertoolError as error:
                print(f"fertool: {error}", file=sys.stderr, flush=True)
                continue
            lines = difference(before.rows, after.rows)
            print("\n".join([f"{file} was saved:", *(lines or ["no difference"])]), flush=True)
            before = after
    except KeyboardInterrupt:
        print()
