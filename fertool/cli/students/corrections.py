"""`fertool students rename`, `merge` and `split`: corrections by a lecturer."""

from __future__ import annotations

from typing import Annotated

import typer

from fertool.cli.students.listing import Student
from fertool.cli.terminal.names import open_names
from fertool.cli.terminal.options import (
    Db,
    NamesFile,
    OneCourse,
    Options,
    PluginFiles,
    bring_up_to_date,
    open_store,
    settings_of_course,
    warn_of_refusals,
)
from fertool.storage.student_labels import spelled


def register(app: typer.Typer) -> None:
    """Add the commands `rename`, `merge` and `split`."""
    for command in (rename, merge, split):
        app.command()(command)


def rename(
    student: Student,
    name: Annotated[str, typer.Argument(help="What to call the student.", metavar="NAME")],
    course: OneCourse = None,
    names: NamesFile = None,
    db: Db = None,
) -> None:
    """Give a student a name: in every table, or with --names in that encrypted file only."""
    from fertool.cli.terminal.progress import Plain
    from fertool.workflows import students

    chosen = settings_of_course(course=course, db=db)
    people = open_names(names)
    store = open_store(chosen.db)
    bring_up_to_date(store)
    students.rename(store, chosen.course, student, name, Plain(), people)


def merge(
    student: Student,
    other: Annotated[str, typer.Argument(help="Who is the same person.", metavar="OTHER", callback=spelled)],
    course: OneCourse = None,
    names: NamesFile = None,
    option: Options = None,
    plugin: PluginFiles = None,
    db: Db = None,
) -> None:
    """Make two students one: all that is OTHER's becomes STUDENT's, and their lectures are judged again.

    A number that turns out to be a student who refuses is off all pages and known reports from then on.
    """
    from fertool.cli.terminal.progress import Plain
    from fertool.host import toolbox
    from fertool.workflows import students

    chosen = settings_of_course(course=course, db=db)
    people = open_names(names)
    rules = toolbox.toolbox(chosen, option or [], plugin or []).rules
    store = open_store(chosen.db)
    bring_up_to_date(store, remind=False)
    whole = students.merge(store, chosen, student, other, rules, Plain(), people)
    warn_of_refusals(store)
    if not whole:
        raise typer.Exit(3)


def split(
    student: Student,
    recording: Annotated[
        str | None,
        typer.Option("--recording", help="File name: what is in it is not the student.", metavar="R"),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Who is there at 90, 1:30 or h:mm:ss is not.", metavar="T")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="From --at up to here.", metavar="T")] = None,
    course: OneCourse = None,
    option: Options = None,
    plugin: PluginFiles = None,
    db: Db = None,
) -> None:
    """Make a new student of some tracks of another: those at a time, in a stretch, or in a recording."""
    from fertool.cli.terminal.progress import Plain
    from fertool.errors import ConfigError
    from fertool.host import toolbox
    from fertool.media.sampling import parse_time
    from fertool.storage.corrections import TrackSelection
    from fertool.workflows import students

    if at is None and (recording is None or to is not None):
        raise ConfigError("split: expected --at TIME or --recording R", "`fertool students show` says when")
    chosen = settings_of_course(course=course, db=db)
    part = TrackSelection(recording, parse_time(at) if at else None, parse_time(to) if to else None)
    rules = toolbox.toolbox(chosen, option or [], plugin or []).rules
    store = open_store(chosen.db)
    bring_up_to_date(store)
    if not students.split(store, chosen.course, student, part, rules, Plain()):
        raise typer.Exit(3)
