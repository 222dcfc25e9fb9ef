"""`fertool students forget`, `export`, `fertool purge`, `audit`: what is held, and its removal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fertool.cli.students.listing import Student
from fertool.cli.terminal.names import open_names
from fertool.cli.terminal.options import (
    Course,
    Db,
    Json,
    NamesFile,
    OneCourse,
    bring_up_to_date,
    open_store,
    print_json,
    print_table,
    settings,
    settings_of_course,
    warn_of_changes,
)
from fertool.storage.student_labels import spelled
from fertool.workflows.audit import record


def register(app: typer.Typer) -> None:
    """Add the commands `purge` and `audit`."""
    app.command(name="purge")(purge)
    app.command(name="audit")(audit)


def register_students(students: typer.Typer) -> None:
    """What belongs under `fertool students`."""
    students.command(name="forget")(forget)
    students.command(name="export")(export)


def forget(
    student: Student,
    keep_answer: Annotated[
        bool,
        typer.Option(
            "--keep-answer",
            help="Of a student who refuses: only what recordings showed. Answer and pictures stay, so that "
            "later analyses leave the student out.",
        ),
    ] = False,
    course: OneCourse = None,
    names: NamesFile = None,
    db: Db = None,
) -> None:
    """Remove a student from the database and known reports, rewrite the file, and check that it is so."""
    from fertool.cli.terminal.progress import Plain
    from fertool.errors import FertoolError
    from fertool.workflows import privacy

    chosen, plain = settings_of_course(course=course, db=db), Plain()
    if keep_answer and names:
        raise FertoolError("--keep-answer leaves the name where it is", "leave out --names")
    people = open_names(names, new=False)
    store = open_store(chosen.db)
    bring_up_to_date(store, remind=False)
    whole = privacy.forget(store, chosen, student, plain, keep_answer=keep_answer, names=people)
    if keep_answer:
        print(f"Nothing that recordings showed of {student} is left; the answer is, and holds.")
        for line in privacy.unrecognizable(store, chosen):
            plain.warning(line)
    else:
        print(
            "Nothing is left. An analysis of the same recordings with --force would find the face again: "
            "with --consent required it is only counted, otherwise it becomes a new student."
        )
    if not whole:
        raise typer.Exit(3)


def purge(
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", help="As 180d.", show_default="retention of fertool.toml", metavar="DAYS"
        ),
    ] = None,
    db: Db = None,
) -> None:
    """Remove what was analyzed longer ago than that, and rewrite the database without it."""
    from datetime import UTC, datetime, timedelta

    from fertool.cli.terminal.progress import Plain
    from fertool.config import days
    from fertool.errors import ConfigError
    from fertool.workflows import privacy

    chosen = settings(db=db)
    if not (age := older_than or chosen.retention):
        raise ConfigError("purge: how old?", 'give --older-than 180d, or retention = "180d" in fertool.toml')
    before = datetime.now(UTC) - timedelta(days=days(age))
    store = open_store(chosen.db)
    bring_up_to_date(store)
    if not privacy.purge(store, chosen, before, age, Plain()):
        raise typer.Exit(3)


def export(
    student: Student,
    out: Annotated[Path, typer.Option("--out", help="New folder for the files.", metavar="DIR")],
    course: OneCourse = None,
    db: Db = None,
) -> None:
    """Write everything held on a student, as JSON and CSV, with a sheet in plain words."""
    from fertool.report import subject_access

    chosen = settings_of_course(course=course, db=db)
    store = open_store(chosen.db)
    bring_up_to_date(store)
    held = store.audit.held(chosen.course, student)
    subject_access.write(out, chosen.course, student, held)
    record(store, "students export", chosen.course, [student], "everything held")
    print_table(["file", "entries"], [(f"{table}.csv", len(rows)) for table, rows in held.items()])
    print(out / "READ_ME.txt")


def audit(
    course: Course = None,
    student: Annotated[
        str | None,
        typer.Option("--student", help="Only what concerned this one.", metavar="NAME"),
    ] = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """List which command showed or changed whose data, newest first."""
    store = open_store(settings(db=db).db, read_only=True)
    warn_of_changes(store)
    log = store.audit.log(course, spelled(student) if student else None)
    rows = log.to_dicts()
    if json:
        print_json(rows)
        return
    print_table(
        ["when", "command", "course", "lecture", "student", "what"],
        [
            (
                f"{row['done_at']:%Y-%m-%d %H:%M}",
                row["command"],
                row["course"],
                row["lecture"],
                row["student"],
                row["what"],
            )
            for row in rows
        ],
    )
