"""`fertool segments`: replace the segments of a lecture. Only chapters and slides need the video."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal.options import (
    Courses,
    Db,
    Json,
    Lecture,
    PluginFiles,
    bring_up_to_date,
    narrowed,
    open_store,
    print_json,
    print_table,
    settings,
    warn_of_changes,
)
from fertool.workflows.assess import absent, analyzed
from fertool.workflows.audit import record

if TYPE_CHECKING:
    from fertool.storage.store import Store
    from fertool.types import LectureKey


def register(app: typer.Typer) -> None:
    """Add the command `segments`."""
    app.command(name="segments")(segments)


def segments(
    source: Annotated[
        str | None,
        typer.Argument(
            help="chapters, slides, slides:X1,Y1,X2,Y2, parts:5m, or a .vtt, .srt, .csv, .tsv, .xlsx or .txt "
            "file; shows what there is when left out.",
            metavar="SOURCE",
        ),
    ] = None,
    course: Courses = None,
    lecture: Lecture = None,
    plugin: PluginFiles = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Cut an analyzed lecture into other segments and judge it again, or show those it has."""
    from fertool.analysis import pipeline
    from fertool.host import toolbox
    from fertool.workflows.segments import cut, refuse_many

    course = narrowed(course)
    chosen = settings(db=db)
    store = open_store(chosen.db, read_only=source is None)
    if source is None:
        warn_of_changes(store)
    else:
        bring_up_to_date(store)
    lectures = analyzed(store, course, lecture)
    failed: list[str] = []
    if source is not None:
        refuse_many(source, lectures)
        rules = toolbox.toolbox(chosen, files=plugin or []).rules
        changed, notes = cut(store, lectures, source)
        for note in notes:
            print(f"fertool: {note}", file=sys.stderr)
        result = pipeline.assess(store, rules, lectures, kept=True, recut=changed)
        failed = result.failed
        for line in absent(result.absent):
            print(f"fertool: {line}", file=sys.stderr)
        for of, name in lectures:
            record(store, "segments", of, what=source, lecture=name)
    _show(store, lectures, json=json)
    for problem in failed:
        print(f"fertool: {problem}", file=sys.stderr)
    if failed:
        raise typer.Exit(3)


def _show(store: Store, lectures: list[LectureKey], *, json: bool) -> None:
    found = {one: store.segments(*one).to_dicts() for one in lectures}
    if json:
        rows = [{"course": c, "lecture": n, **row} for (c, n), parts in found.items() for row in parts]
        print_json(rows)
        return
    from fertool.assessment.segments.fit import clock

    times = ("start_s", "end_s")
    for one, parts in found.items():
        print_table(
            ["segment", "title", "start", "end", "difficulty", "knowledge point"],
            [[clock(v) if k in times else v for k, v in row.items()] for row in parts],
            title=" / ".join(one),
        )
