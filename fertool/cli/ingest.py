"""`fertool ingest`: load a spool into the database."""

from __future__ import annotations

from typing import Annotated

import typer

from fertool.cli.terminal.options import Db, Json, PluginFiles, bring_up_to_date, open_store, settings


def register(app: typer.Typer) -> None:
    """Add the command `ingest`."""
    app.command(name="ingest")(ingest)


def ingest(
    spool: Annotated[str, typer.Argument(help="Path or URI, as given to --spool.", metavar="SPOOL")],
    db: Db = None,
    plugin: PluginFiles = None,
    json: Json = False,
) -> None:
    """Load all that was measured into a spool, link students, judge. Doing it twice changes nothing."""
    from fertool.cli.summary import summary
    from fertool.cli.terminal.overall import whole
    from fertool.cli.terminal.progress import Plain
    from fertool.host import toolbox
    from fertool.workflows import analyze

    chosen, plain = settings(db=db), Plain()
    rules = toolbox.toolbox(chosen, [], plugin or []).rules
    store = open_store(chosen.db, create=True)
    bring_up_to_date(store)
    with whole(json=json) as shown:
        measured = analyze.ingest(spool, store, shown)
    found = analyze.judged(store, rules, measured, plain)
    summary(store, found, json=json, lines=True)
    for problem in found.problems:
        plain.warning(problem)
    if found.failed or found.problems:
        raise typer.Exit(3)
