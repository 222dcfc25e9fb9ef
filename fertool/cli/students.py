"""`fertool students`: who is who in a course."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fertool.cli.common import (
    Course,
    Db,
    Json,
    NamesFile,
    Options,
    PluginFiles,
    clock,
    open_store,
    passphrase,
    print_json,
    print_table,
    settings,
)
from fertool.cli.custody import record

if TYPE_CHECKING:
    import polars as pl

    from fertool.config import Settings
    from fertool.privacy.names import Names
    from fertool.store import Store

Student = Annotated[str, typer.Argument(help="As `fertool students list` shows it.", metavar="STUDENT")]

app = typer.Typer(
    no_args_is_help=True, help="Who is who in a course: enroll, list, show, rename, merge, split, review."
)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="students")


@app.command(name="list")
def list_(course: Course = None, names: NamesFile = None, db: Db = None, json: Json = False) -> None:
    """Every student of a course: where seen, for how long, how many pictures, what consent."""
    from fertool.students.roster import Roster

    chosen = settings(course=course, db=db)
    known = read_names(names)
    roster = Roster(open_store(chosen.db, read_only=True).database)
    rows = roster.overview(chosen.course).to_dicts()
    record(chosen.db, "students list", chosen.course)
    if known is not None:
        rows = [
            {"student": row["student"], "name": known.name(chosen.course, row["student"]), **row}
            for row in rows
        ]
    if json:
        print_json(rows)
        return
    columns = ["student", "name", "lectures", "recordings", "on screen", "pictures", "consent"]
    cells: list[tuple[object, ...]] = [
        (
            row["student"],
            row.get("name"),
            row["lectures"],
            row["recordings"],
            clock(row["seen_s"]),
            row["pictures"],
            consent_text(row, date.today()),
        )
        for row in rows
    ]
    if known is None:
        columns.remove("name")
        cells = [(cell[0], *cell[2:]) for cell in cells]
    print_table(columns, cells, title=f"{len(rows)} students of {chosen.course}")


@app.command()
def show(
    student: Student, course: Course = None, names: NamesFile = None, db: Db = None, json: Json = False
) -> None:
    """One student: when seen in which recording, pictures, consent, what was decided."""
    import polars as pl

    from fertool.errors import FertoolError
    from fertool.students.decisions import Decisions
    from fertool.students.roster import Roster

    chosen = settings(course=course, db=db)
    known = read_names(names)
    store = open_store(chosen.db, read_only=True)
    roster = Roster(store.database)
    of = pl.col("student") == student
    rows = roster.overview(chosen.course).filter(of).to_dicts()
    if not rows:
        hint = "`fertool students list` shows them"
        raise FertoolError(f"{chosen.course}: no student {student!r}", hint)
    record(chosen.db, "students show", chosen.course, [student])
    about = rows[0] | ({"name": known.name(chosen.course, student)} if known else {})
    decided = Decisions(store.database).all(chosen.course).filter(pl.col("label") == student)
    tables = {
        "seen": roster.sightings(chosen.course, student),
        "pictures": roster.pictures(chosen.course, student),
        "decisions": decided.group_by("decision", "kind", "decided_at").agg(tracks=pl.len()).sort("decision"),
    }
    if json:
        print_json(about | {name: table.to_dicts() for name, table in tables.items()})
        return
    _print_student(student, about, tables)


def _print_student(student: str, about: dict[str, Any], tables: dict[str, pl.DataFrame]) -> None:
    name = f", {about['name']}" if about.get("name") else ""
    print(f"{student}{name}: consent {consent_text(about, date.today()) or 'not on record'}")
    print_table(
        ["lecture", "recording", "from", "to", "samples"],
        [
            (row["lecture"], row["name"], clock(row["first_s"]), clock(row["last_s"]), row["samples"])
            for row in tables["seen"].to_dicts()
        ],
        title=f"on screen for {clock(about['seen_s'])}",
    )
    if len(tables["pictures"]):
        print_table(["picture", "enrolled with"], tables["pictures"].select("picture", "model").rows())
    if len(tables["decisions"]):
        rows = tables["decisions"].select("kind", "decided_at", "tracks").rows()
        cells = [(kind, f"{at:%Y-%m-%d %H:%M}", tracks) for kind, at, tracks in rows]
        print_table(["decision", "on", "tracks"], cells)


def consent_text(row: dict[str, Any], today: date) -> str:
    """An answer in a few words; empty if there is none."""
    if row["consent"] is None:
        return ""
    if not row["consent"]:
        return "no"
    if row["withdrawn"] and row["withdrawn"] <= today:
        return f"withdrawn {row['withdrawn']}"
    if row["given"] and row["given"] > today:
        return f"from {row['given']}"
    if not row["expires"]:
        return "yes"
    return f"{'until' if today <= row['expires'] else 'expired'} {row['expires']}"


# --- decide ---------------------------------------------------------------------------------------


@app.command()
def rename(
    student: Student,
    name: Annotated[str, typer.Argument(help="What to call the student.", metavar="NAME")],
    course: Course = None,
    names: NamesFile = None,
    db: Db = None,
) -> None:
    """Give a student a name: in every table, or with --names in that encrypted file only."""
    from fertool.students import classlist
    from fertool.students.decisions import Decisions

    chosen = settings(course=course, db=db)
    name = classlist.check_name(name, "NAME")
    secret, known = open_names(names)
    store = open_store(chosen.db)
    if known is None or names is None:
        Decisions(store.database).rename(chosen.course, student, name)
        audit(store, "students rename", chosen.course, [name])
    else:
        from fertool.privacy import names as files

        _exists(store, chosen.course, student)
        known.known[chosen.course, student] = name
        files.save(known, names, secret)
    print(f"{student} is called {name} now")


@app.command()
def merge(
    student: Student,
    other: Annotated[str, typer.Argument(help="Who is the same person.", metavar="OTHER")],
    course: Course = None,
    names: NamesFile = None,
    option: Options = None,
    plugin: PluginFiles = None,
    db: Db = None,
) -> None:
    """Make two students one: all that is OTHER's becomes STUDENT's, and their lectures are judged again."""
    from fertool.students.decisions import Decisions

    chosen = settings(course=course, db=db)
    secret, known = open_names(names)
    store = open_store(chosen.db)
    lectures = Decisions(store.database).merge(chosen.course, student, other)
    if known is not None and names is not None:
        from fertool.privacy import names as files

        gone = known.known.pop((chosen.course, other), None)
        if gone is not None:
            known.known.setdefault((chosen.course, student), gone)
        files.save(known, names, secret)
    audit(store, "students merge", chosen.course, [student])
    print(f"{other} is {student} now")
    _judge(store, chosen, lectures, option or [], plugin or [])


@app.command()
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
    from fertool.sampling import parse_time
    from fertool.students.decisions import Decisions, Stretch

    if at is None and (recording is None or to is not None):
        raise ConfigError("split: expected --at TIME or --recording R", "`fertool students show` says when")
    chosen = settings(course=course, db=db)
    store = open_store(chosen.db)
    part = Stretch(recording, parse_time(at) if at else None, parse_time(to) if to else None)
    new, lectures = Decisions(store.database).split(chosen.course, student, part)
    audit(store, "students split", chosen.course, [student, new])
    print(f"{new} is new: what was split off {student}")
    _judge(store, chosen, lectures, option or [], plugin or [])


def _judge(
    store: Store, chosen: Settings, lectures: list[tuple[str, str]], pairs: list[str], files: list[Path]
) -> None:
    """Assess lectures in which students are others than before."""
    from fertool import pipeline, setup

    if not lectures:
        return
    tools = setup.toolbox(chosen, pairs, files)
    result = pipeline.assess(store, tools.rules, lectures)
    print(f"{len(lectures)} lecture{'' if len(lectures) == 1 else 's'} judged again")
    for problem in result.failed:
        print(f"fertool: {problem}", file=sys.stderr)
    if result.failed:
        raise typer.Exit(3)


# --- what several of them need --------------------------------------------------------------------


def read_names(path: Path | None) -> Names | None:
    """The names, to be read; None without a file."""
    from fertool.privacy import names

    return None if path is None else names.load(path, passphrase())


def open_names(path: Path | None) -> tuple[str, Names | None]:
    """The passphrase and the names, to be changed; a file that is not there yet has none."""
    from fertool.errors import FertoolError
    from fertool.privacy import names

    if path is None:
        return "", None
    if not path.parent.is_dir():
        raise FertoolError(f"{path}: no such folder: {path.parent}", "create it, or give another --names")
    if not path.exists():
        return passphrase(new=True), names.Names()
    secret = passphrase()
    return secret, names.load(path, secret)


def _exists(store: Store, course: str, student: str) -> None:
    from fertool.errors import FertoolError
    from fertool.students.roster import Roster

    if student not in Roster(store.database).overview(course)["student"]:
        hint = "`fertool students list` shows them"
        raise FertoolError(f"{course}: no student {student!r}", hint)


def audit(store: Store, command: str, course: str, students: list[str]) -> None:
    from fertool.privacy.custody import Custody

    Custody(store.database).audit(command, course, students, command.rpartition(" ")[2])
