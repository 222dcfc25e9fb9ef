"""`fertool students list` and `show`: the students of a course."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fertool.cli.terminal.names import read_names
from fertool.cli.terminal.options import (
    Db,
    Json,
    NamesFile,
    OneCourse,
    bring_up_to_date,
    open_store,
    print_json,
    print_table,
    settings_of_course,
)
from fertool.storage.student_labels import spelled
from fertool.text import clock
from fertool.workflows.audit import record
from fertool.workflows.students import known

if TYPE_CHECKING:
    import polars as pl

Student = Annotated[
    str, typer.Argument(help="As `fertool students list` shows it.", metavar="STUDENT", callback=spelled)
]

app = typer.Typer(
    no_args_is_help=True,
    help="Who is who in a course: enroll, list, show, review, rename, merge, split; what they may ask for: "
    "consent, withdraw, export, forget.",
)


def register(parent: typer.Typer) -> None:
    """Add the commands `students ...`."""
    from fertool.cli.privacy import custody
    from fertool.cli.students import consent, corrections, enroll, review

    custody.register_students(app)
    for module in (enroll, review, corrections, consent):
        module.register(app)
    parent.add_typer(app, name="students")


@app.command(name="list")
def list_(course: OneCourse = None, names: NamesFile = None, db: Db = None, json: Json = False) -> None:
    """Every student of a course: where seen, for how long, how many pictures, what consent."""
    chosen = settings_of_course(course=course, db=db)
    people = read_names(names)
    store = open_store(chosen.db, read_only=True)
    bring_up_to_date(store)
    rows = store.students.overview(chosen.course).to_dicts()
    record(store, "students list", chosen.course)
    if people is not None:
        rows = [
            {"student": row["student"], "name": people.name(chosen.course, row["student"]), **row}
            for row in rows
        ]
    if json:
        print_json(rows)
        return
    agreed = store.consents.consenting(chosen.course)
    columns = ["student", "name", "lectures", "recordings", "on screen", "pictures", "consent"]
    cells: list[tuple[object, ...]] = [
        (
            row["student"],
            row.get("name"),
            row["lectures"],
            row["recordings"],
            clock(row["seen_s"]),
            row["pictures"],
            consent_text(row, date.today(), row["student"] in agreed),
        )
        for row in rows
    ]
    if people is None:
        columns.remove("name")
        cells = [(cell[0], *cell[2:]) for cell in cells]
    print_table(columns, cells, title=f"{len(rows)} students of {chosen.course}")


@app.command()
def show(
    student: Student, course: OneCourse = None, names: NamesFile = None, db: Db = None, json: Json = False
) -> None:
    """One student: when seen in which recording, pictures, consent, what was decided."""
    import polars as pl

    chosen = settings_of_course(course=course, db=db)
    people = read_names(names)
    store = open_store(chosen.db, read_only=True)
    bring_up_to_date(store)
    known(store, chosen.course, student)
    record(store, "students show", chosen.course, [student])
    roster = store.students
    (row,) = roster.overview(chosen.course).filter(pl.col("student") == student).to_dicts()
    about = row | ({"name": people.name(chosen.course, student)} if people else {})
    decided = store.corrections.all(chosen.course).filter(pl.col("label") == student)
    tables = {
        "seen": roster.sightings(chosen.course, student),
        "pictures": roster.pictures(chosen.course, student),
        "decisions": decided.group_by("decision", "kind", "decided_at").agg(tracks=pl.len()).sort("decision"),
    }
    if json:
        print_json(about | {name: table.to_dicts() for name, table in tables.items()})
        return
    agreed = student in store.consents.consenting(chosen.course)
    _print_student(student, about, consent_text(about, date.today(), agreed), tables)


def _print_student(
    student: str, about: dict[str, Any], consent: str, tables: dict[str, pl.DataFrame]
) -> None:
    name = f", {about['name']}" if about.get("name") else ""
    print(f"{student}{name}: {consent}")
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


def consent_text(row: dict[str, Any], today: date, in_force: bool) -> str:
    """An answer in a few words: how long it holds, or, if it is not `in_force` today, why."""
    given, expires, withdrawn = row["given"], row["expires"], row["withdrawn"]
    if in_force:
        last = min(filter(None, (expires, withdrawn and withdrawn - timedelta(days=1))), default=None)
        return f"agreed until {last}" if last else "agreed"
    if withdrawn and withdrawn <= today:
        return f"withdrawn {withdrawn}"
    if row["consent"] is None:
        return "not asked"
    if not row["consent"]:  # a withdrawal by somebody who was not asked before is a no from that day on
        return f"withdraws {withdrawn}" if withdrawn else "refused"
    return f"agreed from {given}" if given and given > today else f"expired {expires}"
