"""`fertool students enroll`: load a roster into the database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal.names import open_names
from fertool.cli.terminal.options import (
    Db,
    Json,
    NamesFile,
    OneCourse,
    Options,
    PluginFiles,
    bring_up_to_date,
    open_store,
    print_json,
    print_table,
    settings_of_course,
    warn_of_refusals,
)
from fertool.text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence


def register(app: typer.Typer) -> None:
    """Add the command `enroll`."""
    app.command()(enroll)


def enroll(
    roster: Annotated[
        Path,
        typer.Argument(
            help="A folder of pictures, each named after its student, or folders of several; or a CSV with "
            "student, picture, consent, consent_date, expires, or a list of participants from Moodle, "
            "Canvas, Zoom or Teams.",
            metavar="ROSTER",
        ),
    ],
    course: OneCourse = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="Which heading of the CSV means a column.", metavar="COLUMN=HEADING"),
    ] = None,
    names: NamesFile = None,
    detector: Annotated[str | None, typer.Option("--detector", help="As in analyze.", metavar="NAME")] = None,
    encoder: Annotated[str | None, typer.Option("--encoder", help="As in analyze.", metavar="NAME")] = None,
    option: Options = None,
    plugin: PluginFiles = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, cuda or mps.", metavar="D")
    ] = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Make students known by their pictures, and record their consent.

    With --names the database knows them by number only, and who is who stands in that encrypted file;
    without it, the names of the roster are the students' labels in every table and report. Bad pictures are
    listed with the reason, the others count. Enrolling again adds pictures and replaces consent. Numbered
    students of earlier recordings who clearly are somebody enrolled now become that student.
    """
    from fertool.cli.terminal.progress import Plain
    from fertool.host import toolbox
    from fertool.workflows import privacy, students
    from fertool.workflows.reporter import Aside

    flags = {"detector": detector, "encoder": encoder, "device": device}
    chosen = settings_of_course(course=course, db=db, policy="behaviour", **flags)
    plain, columns = Plain(), _named(column or [])
    people = open_names(names)
    tools = toolbox.toolbox(chosen, option or [], plugin or [])
    graded = students.grade(roster, tools, chosen.device, columns)
    if not graded.usable:
        _print_rejected(graded.bad)
        raise typer.Exit(2)
    store = open_store(chosen.db, create=True)
    bring_up_to_date(store, remind=False)
    found = students.enroll(store, chosen.course, graded, people)
    if json:
        rejected = [{"picture": picture, "reason": reason} for picture, reason in graded.bad]
        recognized = [{"number": number, "student": student} for number, student in found.recognized.items()]
        unknown = found.asked - len(found.recognized)
        print_json(
            {"enrolled": found.rows, "rejected": rejected, "recognised": recognized, "unrecognised": unknown}
        )
    else:
        _print_enrolled(found.rows)
        _print_recognized(found.recognized, found.asked)
        _print_rejected(graded.bad)
    for line in [*graded.doubts, *_dropped(found.dropped)]:
        plain.warning(line)
    # Of the policy that holds here: pictures of a roster are looked at under `behaviour`.
    here = settings_of_course(course=course, db=db)
    whole = not found.recognized or privacy.catch_up(
        store, here, found.lectures, chosen.course, Aside(plain) if json else plain
    )
    privacy.apply_consent(store, here, plain)  # answers of this roster
    warn_of_refusals(store)
    for line in privacy.unrecognizable(store, here, graded.model):
        plain.warning(line)
    if not whole:
        raise typer.Exit(3)


def _named(words: Sequence[str]) -> dict[str, str]:
    """`student=Full name` -> column and heading."""
    from fertool.errors import ConfigError
    from fertool.identity.roster_file import COLUMNS, PARTS

    known = (*COLUMNS, *PARTS)
    named = dict(word.partition("=")[::2] for word in words)
    for name, heading in named.items():
        if name not in known or not heading:
            what = f"--column {name}={heading}: expected COLUMN=HEADING"
            raise ConfigError(what, f"columns are {', '.join(known)}")
    return named


def _dropped(count: int) -> list[str]:
    """A hint if faces were not kept before the students were known."""
    if not count:
        return []
    hint = "`fertool analyze --force` looks for these students there"
    return [f"of {plural(count, 'recording')}, faces without consent were not kept; {hint}"]


def _print_enrolled(rows: list[dict[str, object]]) -> None:
    count = sum(bool(row["pictures"]) for row in rows)
    print_table(
        ["student", "in the roster", "pictures", "consent"],
        [list(row.values()) for row in rows],
        title=f"{count} of {len(rows)} students enrolled",
    )


def _print_recognized(found: dict[str, str], asked: int) -> None:
    for number, student in found.items():
        print(f"{number} is {student} now")
    if asked:
        print(f"{len(found)} of {asked} numbered students recognised")


def _print_rejected(bad: list[tuple[str, str]]) -> None:
    if bad:
        print_table(["picture", "not used because it"], bad, problem=True)
