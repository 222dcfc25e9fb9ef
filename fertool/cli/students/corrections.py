"""`fertool students rename`, `merge` and `split`: corrections by a lecturer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.students.listing import Student
from fertool.cli.students.settle import judge, known, open_names, record, remind, stale
from fertool.cli.terminal.options import Course, Db, NamesFile, Options, PluginFiles, open_store, settings
from fertool.storage.student_labels import spelled

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.config import Settings
    from fertool.storage.store import Store


def register(app: typer.Typer) -> None:
    for command in (rename, merge, split):
        app.command()(command)


def rename(
    student: Student,
    name: Annotated[str, typer.Argument(help="What to call the student.", metavar="NAME")],
    course: Course = None,
    names: NamesFile = None,
    db: Db = None,
) -> None:
    """Give a student a name: in every table, or with --names in that encrypted file only."""
    from fertool.storage.corrections import Decisions
    from fertool.storage.student_labels import clean_label

    chosen = settings(course=course, db=db)
    name = clean_label(name, "NAME")
    secret, people = open_names(names)
    store = open_store(chosen.db)
    if people is None or names is None:
        Decisions(store.database).rename(chosen.course, student, name)
        record(store, "students rename", chosen.course, [name])
    else:
        from fertool.privacy import names as files

        known(store, chosen.course, student)
        people.known[chosen.course, student] = name
        files.save(people, names, secret)
        record(store, "students rename", chosen.course, [student], "in the names file")
    print(f"{student} is called {name} now")
    stale(store, chosen.course)


def merge(
    student: Student,
    other: Annotated[str, typer.Argument(help="Who is the same person.", metavar="OTHER", callback=spelled)],
    course: Course = None,
    names: NamesFile = None,
    option: Options = None,
    plugin: PluginFiles = None,
    db: Db = None,
) -> None:
    """Make two students one: all that is OTHER's becomes STUDENT's, and their lectures are judged again.

    A number that turns out to be a student who refuses is off all pages and known reports from then on.
    """
    from fertool.report.refresh import refresh
    from fertool.storage.consents import Answers
    from fertool.storage.corrections import Decisions

    chosen = settings(course=course, db=db)
    secret, people = open_names(names)
    store = open_store(chosen.db, remind=False)
    lectures = Decisions(store.database).merge(chosen.course, student, other)
    if people is not None and names is not None:
        from fertool.privacy import names as files

        gone = people.known.pop((chosen.course, other), None)
        if gone is not None:
            people.known.setdefault((chosen.course, student), gone)
        files.save(people, names, secret)
    record(store, "students merge", chosen.course, [student])
    print(f"{other} is {student} now")
    whole = _judge(store, chosen, lectures, option or [], plugin or [])
    if student in Answers(store.database).refusing(chosen.course):
        for told in refresh(store, chosen.course, retention=chosen.retention):
            print(told)
    else:
        stale(store, chosen.course)
    remind(store)
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
    course: Course = None,
    option: Options = None,
    plugin: PluginFiles = None,
    db: Db = None,
) -> None:
    """Make a new student of some tracks of another: those at a time, in a stretch, or in a recording."""
    from fertool.errors import ConfigError
    from fertool.media.sampling import parse_time
    from fertool.storage.corrections import Decisions, Stretch

    if at is None and (recording is None or to is not None):
        raise ConfigError("split: expected --at TIME or --recording R", "`fertool students show` says when")
    chosen = settings(course=course, db=db)
    store = open_store(chosen.db)
    part = Stretch(recording, parse_time(at) if at else None, parse_time(to) if to else None)
    new, lectures = Decisions(store.database).split(chosen.course, student, part)
    record(store, "students split", chosen.course, [student, new])
    print(f"{new} is new: what was split off {student}")
    whole = _judge(store, chosen, lectures, option or [], plugin or [])
    stale(store, chosen.course)
    if not whole:
        raise typer.Exit(3)


def _judge(
    store: Store, chosen: Settings, lectures: list[tuple[str, str]], pairs: list[str], files: list[Path]
) -> bool:
    from fertool.host import toolbox

    return not lectures or judge(store, toolbox.toolbox(chosen, pairs, files).rules, lectures)
