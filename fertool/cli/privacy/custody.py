"""`fertool students forget`, `export`, `fertool purge`, `audit`: what is held, and its removal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.students.listing import Student
from fertool.cli.students.settle import catch_up, passphrase, record, unrecognizable
from fertool.cli.terminal.options import (
    Course,
    Db,
    Json,
    NamesFile,
    open_store,
    print_json,
    print_table,
    settings,
)
from fertool.storage.student_labels import spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.config import Settings
    from fertool.storage.erase import Removed
    from fertool.storage.store import Store


def register(app: typer.Typer) -> None:
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
    course: Course = None,
    names: NamesFile = None,
    db: Db = None,
) -> None:
    """Remove a student from the database and known reports, rewrite the file, and check that it is so."""
    from fertool.errors import FertoolError
    from fertool.privacy import names as files
    from fertool.storage import rewrite
    from fertool.storage.consents import Answers
    from fertool.storage.erase import Removal

    chosen = settings(course=course, db=db)
    if keep_answer and names:
        raise FertoolError("--keep-answer leaves the name where it is", "leave out --names")
    secret = passphrase() if names else ""
    known = files.load(names, secret) if names else files.Names()  # a wrong passphrase stops here
    store = open_store(chosen.db, remind=False)
    if keep_answer and student not in Answers(store.database).refusing(chosen.course):
        what = f"--keep-answer: {student} does not refuse in course {chosen.course}"
        raise FertoolError(what, "`fertool students withdraw` records a no; without the flag, all is removed")
    rewrite.check_room(store.database)
    removed = Removal(store.database).forget(chosen.course, student, keep_answer=keep_answer)
    name = None if keep_answer else known.known.pop((chosen.course, student), None)
    if names and name is not None:
        files.save(known, names, secret)
        print(f"{names}: the name was removed")
    of = "what recordings showed of one student" if keep_answer else "one student"
    what = f"{of}, {sum(removed.rows.values())} rows"
    sites, whole = _let_go(store, chosen, removed, "students forget", chosen.course, what)
    labels = [] if keep_answer else [student, *([name] if name else [])]
    _verify(store, removed.embeddings, labels, sites)
    if keep_answer:
        print(f"Nothing that recordings showed of {student} is left; the answer is, and holds.")
        unrecognizable(store, chosen)
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

    from fertool.config import days
    from fertool.errors import ConfigError
    from fertool.storage import rewrite
    from fertool.storage.erase import Removal

    chosen = settings(db=db)
    if not (age := older_than or chosen.retention):
        raise ConfigError("purge: how old?", 'give --older-than 180d, or retention = "180d" in fertool.toml')
    before = datetime.now(UTC) - timedelta(days=days(age))
    store = open_store(chosen.db)
    rewrite.check_room(store.database)
    removed = Removal(store.database).purge(before)
    what = f"older than {age}: {sum(removed.rows.values())} rows"
    sites, whole = _let_go(store, chosen, removed, "purge", None, what)
    _verify(store, removed.embeddings, [], sites)
    if not whole:
        raise typer.Exit(3)


def _let_go(
    store: Store, chosen: Settings, removed: Removed, command: str, course: str | None, what: str
) -> tuple[list[Path], bool]:
    """After rows were deleted: judge again, render again, note it, rewrite the file.

    Returns the sites, and whether every rule could judge: a broken one must not keep the bytes.
    """
    from fertool.storage import rewrite
    from fertool.storage.audit import Custody

    print_table(["removed from", "rows"], removed.rows.items() or [("(nothing)", 0)])
    whole = catch_up(store, chosen, removed.lectures, course)
    record(store, command, course, what=what)
    rewrite.rewrite(store.database)
    print(f"{store.database.path}: rewritten")
    return [site.path for site in Custody(store.database).sites(course)], whole


def _verify(store: Store, embeddings: Sequence[bytes], labels: Sequence[str], sites: Sequence[Path]) -> None:
    from fertool.errors import StoreError
    from fertool.storage import rewrite

    if left := rewrite.traces(store.database, embeddings, labels, sites):
        raise StoreError(f"not everything is gone: {'; '.join(left)}", "please report this")
    blind = [label for label in labels if not rewrite.searchable(store.database, label)]
    print(f"Searched byte by byte, and not found: {len(embeddings)} embeddings", *labels[:1], sep=", ")
    for label in blind:
        print(f"(not in the database's bytes, where other texts still contain it: {label})")


def export(
    student: Student,
    out: Annotated[Path, typer.Option("--out", help="New folder for the files.", metavar="DIR")],
    course: Course = None,
    db: Db = None,
) -> None:
    """Write everything held on a student, as JSON and CSV, with a sheet in plain words."""
    from fertool.report import subject_access
    from fertool.storage.audit import Custody

    chosen = settings(course=course, db=db)
    store = open_store(chosen.db)
    held = Custody(store.database).held(chosen.course, student)
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
    """List which command read or wrote whose data, newest first."""
    from fertool.storage.audit import Custody

    log = Custody(open_store(settings(db=db).db, read_only=True).database).log(
        course, spelled(student) if student else None
    )
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
