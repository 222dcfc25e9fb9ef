"""`fertool students enroll`: load a roster into the database."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fertool.cli.students.settle import catch_up, open_names, record, remind, settle, unrecognizable
from fertool.cli.terminal.options import (
    Course,
    Db,
    Json,
    NamesFile,
    Options,
    PluginFiles,
    open_store,
    print_json,
    print_table,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fertool.privacy.names import Names
    from fertool.storage.store import Store


def register(app: typer.Typer) -> None:
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
    course: Course = None,
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
    from fertool.host import toolbox
    from fertool.identity import enrolment, roster_file

    flags = {"detector": detector, "encoder": encoder, "device": device}
    chosen = settings(course=course, db=db, policy="behaviour", **flags)
    listed = roster_file.read(roster, _named(column or []))
    secret, known = open_names(names)
    tools = toolbox.toolbox(chosen, option or [], plugin or [])
    engine = enrolment.engine(tools, toolbox.device(chosen.device))
    looked = {one.student: [enrolment.look(engine, path) for path in one.pictures] for one in listed}
    limit = engine.limit(engine.detector, engine.encoder)
    good = {student: [p for p in pictures if not p.reason] for student, pictures in looked.items()}
    bad = [(str(p.path), p.reason) for pictures in looked.values() for p in pictures if p.reason]
    doubts = enrolment.alike(good, limit)
    if any(looked.values()) and not any(good.values()):
        _print_rejected(bad)
        raise typer.Exit(2)
    store = open_store(chosen.db, create=True, remind=False)
    labels = _labels(
        store, chosen.course, [one.student for one in listed if one.answer or good[one.student]], known
    )
    if known is not None and names is not None:
        from fertool.privacy import names as files

        files.save(known, names, secret)
    _store_roster(store, chosen.course, listed, good, labels, model=tools.model, named=known is not None)
    enrolled = {labels[student] for student, pictures in good.items() if pictures}
    found, asked, lectures = _recognise(store, chosen.course, enrolled, known, model=tools.model, limit=limit)
    rows = _rows(listed, good, labels)
    if json:
        rejected = [{"picture": picture, "reason": reason} for picture, reason in bad]
        recognised = [{"number": number, "student": student} for number, student in found.items()]
        unknown = asked - len(found)
        print_json(
            {"enrolled": rows, "rejected": rejected, "recognised": recognised, "unrecognised": unknown}
        )
    else:
        _print_enrolled(rows)
        _print_recognised(found, asked)
        _print_rejected(bad)
    for line in [*doubts, *_dropped(store, chosen.course)]:
        print(f"fertool: {line}", file=sys.stderr)
    with redirect_stdout(sys.stderr if json else sys.stdout):
        # Of the policy that holds here: pictures of a roster are looked at under `behaviour`.
        here = settings(course=course, db=db)
        whole = not found or catch_up(store, here, lectures, chosen.course)
    settle(store, here)  # answers of this roster
    remind(store)
    unrecognizable(store, here, tools.model)
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


def _recognise(
    store: Store,
    course: str,
    enrolled: Collection[str],
    known: Names | None,
    *,
    model: str,
    limit: float,
) -> tuple[dict[str, str], int, list[tuple[str, str]]]:
    """Numbered student -> who of `enrolled` that is from now on, how many were asked about, and the lectures
    that this changes."""
    from fertool.identity import recognition
    from fertool.storage.corrections import Decisions
    from fertool.storage.students import Roster

    named = {student for where, student in known.known if where == course} if known else set()
    found, asked = recognition.recognise(
        Roster(store.database), course, enrolled, model=model, limit=limit, named=named
    )
    return found, asked, Decisions(store.database).recognise(course, found)


def _dropped(store: Store, course: str) -> list[str]:
    """A hint if faces were not kept before the students were known."""
    count = store.dropped(course)
    if not count:
        return []
    what = "1 recording" if count == 1 else f"{count} recordings"
    hint = "`fertool analyze --force` looks for these students there"
    return [f"of {what}, faces without consent were not kept; {hint}"]


def _labels(store: Store, course: str, students: Sequence[str], known: Names | None) -> dict[str, str]:
    """Student of the roster -> label in the database; new names are added to `known`."""
    from fertool.storage.corrections import Decisions

    if known is None:
        return {student: student for student in students}
    new = [student for student in students if known.student(course, student) is None]
    for student, label in zip(new, Decisions(store.database).newcomers(course, len(new)), strict=True):
        known.known[course, label] = student
    return {student: known.student(course, student) or student for student in students}


def _store_roster(
    store: Store,
    course: str,
    listed: Sequence[Any],
    good: dict[str, list[Any]],
    labels: dict[str, str],
    *,
    model: str,
    named: bool,
) -> None:
    """`named`: the names are elsewhere, so neither may those of the pictures give them away."""
    from fertool.storage.consents import CONSENTS, Answers
    from fertool.storage.students import ENROLLED, Roster
    from fertool.storage.tables import frame

    roster = Roster(store.database)
    pictures: list[dict[str, object]] = [
        {
            "student": labels[student],
            "picture": picture.sha256[:12] if named else picture.path.name,
            "sha256": picture.sha256,
            "embedding": picture.embedding.tolist(),
            "model": model,
        }
        for student, found in good.items()
        for picture in found
    ]
    answers: list[dict[str, object]] = [
        {
            "student": labels[one.student],
            "consent": one.answer.consent,
            "given": one.answer.given,
            "expires": one.answer.expires,
        }
        for one in listed
        if one.answer
    ]
    if pictures:
        roster.enrol(course, frame(pictures, ENROLLED))
    if answers:
        Answers(store.database).set_consents(course, frame(answers, CONSENTS))
    record(store, "students enroll", course, sorted(labels.values()))


def _rows(
    listed: Sequence[Any], good: dict[str, list[Any]], labels: dict[str, str]
) -> list[dict[str, object]]:
    return [
        {
            "student": labels.get(one.student),
            "name": one.student,
            "pictures": len(good[one.student]),
            "consent": None if one.answer is None else "yes" if one.answer.consent else "no",
        }
        for one in listed
    ]


def _print_enrolled(rows: list[dict[str, object]]) -> None:
    count = sum(bool(row["pictures"]) for row in rows)
    print_table(
        ["student", "in the roster", "pictures", "consent"],
        [list(row.values()) for row in rows],
        title=f"{count} of {len(rows)} students enrolled",
    )


def _print_recognised(found: dict[str, str], asked: int) -> None:
    for number, student in found.items():
        print(f"{number} is {student} now")
    if asked:
        print(f"{len(found)} of {asked} numbered students recognised")


def _print_rejected(bad: list[tuple[str, str]]) -> None:
    if bad:
        print_table(["picture", "not used because it"], bad, problem=True)
