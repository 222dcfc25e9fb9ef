"""`fertool ingest`: load a spool into the database."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from fertool.cli.summary import Entry, entry, judge, note, summary
from fertool.cli.terminal.options import Db, Json, PluginFiles, open_store, settings


def register(app: typer.Typer) -> None:
    app.command(name="ingest")(ingest)


def ingest(
    spool: Annotated[str, typer.Argument(help="Path or URI, as given to --spool.", metavar="SPOOL")],
    db: Db = None,
    plugin: PluginFiles = None,
    json: Json = False,
) -> None:
    """Load all that was measured into a spool, link students, judge. Doing it twice changes nothing."""
    from fertool.analysis.spool import Spool
    from fertool.cli.terminal.overall import whole
    from fertool.distributed.ingest import ingest as load
    from fertool.host import toolbox

    chosen = settings(db=db)
    tools = toolbox.toolbox(chosen, [], plugin or [])
    store = open_store(chosen.db, create=True)
    with whole(json=json) as shown:
        found = load(store, Spool(spool), shown.ingesting)
        for analysis, outcome in found.outcomes:
            note(analysis.recording.path, analysis, outcome, store, shown)
        for trace in found.traces:
            shown.message(f"fertool: {trace}")
    outcomes = [outcome for _, outcome in found.outcomes if not outcome.same_as]
    became = [entry(analysis.recording.path, outcome) for analysis, outcome in found.outcomes]
    problems = judge(store, tools, outcomes, [])
    refused = [(analysis.recording.path, reason) for analysis, reason in found.refused]
    became += [Entry(path, "failed", reason) for path, reason in refused]
    summary(store, outcomes, became, refused, json=json, lines=True)
    for problem in problems:
        print(f"fertool: {problem}", file=sys.stderr)
    if refused or problems:
        raise typer.Exit(3)
