"""`fertool students review`: a contact sheet of faces, with the commands to correct it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal.names import read_names
from fertool.cli.terminal.options import (
    Db,
    NamesFile,
    OneCourse,
    bring_up_to_date,
    open_store,
    settings_of_course,
)
from fertool.workflows.audit import record

if TYPE_CHECKING:
    import polars as pl

    from fertool.privacy.names import Names
    from fertool.report.contact_sheet import Card
    from fertool.storage.students import Students


def register(app: typer.Typer) -> None:
    """Add the command `review`."""
    app.command()(review)


def review(
    course: OneCourse = None,
    out: Annotated[Path, typer.Option("--out", help="The page.", metavar="FILE.html")] = Path(
        "fertool-review.html"
    ),
    names: NamesFile = None,
    each: Annotated[
        int, typer.Option("--each", help="Pictures per student.", min=1, max=60, metavar="N")
    ] = 6,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    db: Db = None,
) -> None:
    """A contact sheet, cut from the recordings now: who is who, who looks alike, and what to type."""
    from fertool import files
    from fertool.host import toolbox
    from fertool.identity import thumbnails
    from fertool.report import contact_sheet

    chosen = settings_of_course(course=course, db=db, policy="behaviour")
    known = read_names(names)
    store = open_store(chosen.db)
    bring_up_to_date(store)
    roster = store.students
    wanted = roster.glimpses(chosen.course, each)
    jpegs, notes = thumbnails.cut(wanted)
    cards = _cards(roster, chosen.course, wanted, jpegs, known)
    tools = toolbox.toolbox(chosen)
    limit = contact_sheet.NEAR * tools.same_person
    prototypes = roster.prototypes(chosen.course)
    alike = contact_sheet.lookalikes(prototypes, roster.seen_together(chosen.course), limit)
    flags = ("--db", db) if db else ()
    record(store, "students review", chosen.course, [card.student for card in cards if card.shots])
    files.write(
        out, contact_sheet.sheet(chosen.course, cards, alike, notes, flags, str(names) if names else None)
    )
    for note in notes:
        print(f"fertool: {note}", file=sys.stderr)
    print(out.resolve())
    if open_:
        import webbrowser

        webbrowser.open(out.resolve().as_uri())


def _cards(
    roster: Students, course: str, wanted: pl.DataFrame, jpegs: list[bytes | None], known: Names | None
) -> list[Card]:
    from fertool.report.contact_sheet import Card, Shot

    shots: dict[str, list[Shot]] = {}
    for row, jpeg in zip(wanted.to_dicts(), jpegs, strict=True):
        shots.setdefault(row["student"], []).append(Shot(row["lecture"], row["name"], row["time_s"], jpeg))
    return [
        Card(
            row["student"],
            known.name(course, row["student"]) if known else None,
            row["lectures"],
            row["recordings"],
            row["seen_s"],
            tuple(shots.get(row["student"], ())),
            row["refused"],
        )
        for row in roster.overview(course).to_dicts()
    ]
