"""`fertool segments`: replace the segments of a lecture. Only chapters and slides need the video."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.students.settle import record
from fertool.cli.terminal.options import (
    Course,
    Db,
    Json,
    Lecture,
    PluginFiles,
    absent,
    analyzed,
    open_store,
    print_json,
    print_table,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fertool.storage.store import Store
    from fertool.types import Segment


def register(app: typer.Typer) -> None:
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
    course: Course = None,
    lecture: Lecture = None,
    plugin: PluginFiles = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Cut an analyzed lecture into other segments and judge it again, or show those it has."""
    from fertool.analysis import pipeline
    from fertool.host import toolbox

    chosen = settings(db=db)
    store = open_store(chosen.db)
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


def refuse_many(source: str, lectures: list[tuple[str, str]]) -> None:
    """Raises ConfigError for a bad source, and for a file that several lectures would share."""
    from fertool.assessment import segments
    from fertool.errors import ConfigError

    segments.check(source)
    if segments.is_file(source) and len(lectures) > 1:
        names = ", ".join(name for _, name in lectures[:3])
        what = f"{source} describes one lecture, but {len(lectures)} are meant ({names}...)"
        raise ConfigError(what, "choose one with --course and --lecture")


def cut(
    store: Store, lectures: list[tuple[str, str]], source: str, difficulty: Mapping[str, str] | None = None
) -> tuple[list[tuple[str, str]], list[str]]:
    """Replace the segments of lectures; none is changed if the source is at fault. An empty source leaves
    them as they are. `difficulty`: of knowledge points, for segments that say only the point.

    Returns the lectures whose segments are others now, and notes.
    """
    from fertool.storage.tables import segment_table

    found, notes = {}, []
    for one in lectures:
        parts, remarks = _look(store, one, source)
        table = segment_table([_rated(part, difficulty or {}) for part in parts])
        if not table.equals(store.segments(*one)):
            found[one] = table
        notes += [f"{' / '.join(one)}: {remark}" for remark in remarks]
    for one, table in found.items():
        store.set_segments(*one, table, source or store.segment_source(*one))
    return list(found), notes


def _look(store: Store, one: tuple[str, str], source: str) -> tuple[list[Segment], list[str]]:
    from fertool.assessment import segments
    from fertool.media.display import View
    from fertool.media.remote import located
    from fertool.types import Segment

    if not source:
        return [Segment(*row) for row in store.segments(*one).iter_rows()], []
    films = [
        segments.Film(located(path), offset, View.of(picture))
        for path, offset, picture in store.recordings(*one)
    ]
    return segments.find(source, store.duration_s(*one), films)


def _rated(part: Segment, difficulty: Mapping[str, str]) -> Segment:
    from dataclasses import replace

    return replace(part, difficulty=part.difficulty or difficulty.get(part.point, ""))


def _show(store: Store, lectures: list[tuple[str, str]], *, json: bool) -> None:
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
