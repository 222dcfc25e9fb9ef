"""`fertool runs`: analyses with their configuration."""

from __future__ import annotations

import typer

from fertool.cli.terminal.options import (
    Courses,
    Db,
    Json,
    Lecture,
    narrowed,
    open_store,
    print_json,
    print_table,
    settings,
    warn_of_changes,
)
from fertool.text import clock


def register(app: typer.Typer) -> None:
    """Add the command `runs`."""
    app.command(name="runs")(runs)


def runs(course: Courses = None, lecture: Lecture = None, db: Db = None, json: Json = False) -> None:
    """List all runs, newest first; the current run of a recording is the one that reports use."""
    import polars as pl

    course = narrowed(course)
    store = open_store(settings(db=db).db, read_only=True)
    warn_of_changes(store)
    table = store.runs()
    for column, wanted in (("course", course), ("lecture", lecture)):
        if wanted is not None:
            table = table.filter(pl.col(column) == wanted)
    rows = table.to_dicts()
    if json:
        print_json(rows)
        return
    print_table(
        ["run", "course", "lecture", "recording", "state", "started", "samples", "length", "took", "policy"],
        [
            (
                r["run"],
                r["course"],
                r["lecture"],
                r["name"],
                _state(r["state"], current=r["current"]),
                f"{r['started_at']:%Y-%m-%d %H:%M}",
                f"{r['samples']}/{r['planned']}",
                clock(r["duration_s"]),
                f"{r['seconds'] or 0:.1f} s",
                r["policy"],
            )
            for r in rows
        ],
    )


def _state(state: str, *, current: bool) -> str:
    if state == "finished":
        return "current" if current else "superseded"
    return "unfinished"
