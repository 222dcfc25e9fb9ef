"""`fertool students consent` and `withdraw`: record the answer of a student."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.students.listing import Student
from fertool.cli.terminal.options import (
    Db,
    OneCourse,
    bring_up_to_date,
    open_store,
    settings_of_course,
    warn_of_refusals,
)

if TYPE_CHECKING:
    from datetime import date

    from fertool.config import Settings


def register(app: typer.Typer) -> None:
    """Add the commands `consent` and `withdraw`."""
    app.command()(consent)
    app.command()(withdraw)


def consent(
    student: Student,
    given: Annotated[
        str | None, typer.Option("--given", help="As 2026-10-01.", show_default="today", metavar="DATE")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", help="Last day it holds.", show_default="no end", metavar="DATE"),
    ] = None,
    course: OneCourse = None,
    db: Db = None,
) -> None:
    """Record that a student has agreed to be analyzed."""
    from datetime import datetime

    today = datetime.now().date()
    start, end = _date("--given", given) or today, _date("--expires", expires)
    _answer(student, settings_of_course(course=course, db=db), given=start, expires=end)


def withdraw(
    student: Student,
    on: Annotated[
        str | None,
        typer.Option("--on", help="First day without consent.", show_default="today", metavar="DATE"),
    ] = None,
    course: OneCourse = None,
    db: Db = None,
) -> None:
    """Record that a student refuses from a day on: off all pages and reports, whatever --consent says."""
    from datetime import datetime

    day = _date("--on", on) or datetime.now().date()
    _answer(student, settings_of_course(course=course, db=db), withdrawn=day)


def _answer(student: str, chosen: Settings, **dates: date | None) -> None:
    """Put it on record, and let it take effect."""
    from fertool.cli.terminal.progress import Plain
    from fertool.workflows import privacy

    plain = Plain()
    store = open_store(chosen.db)
    bring_up_to_date(store, remind=False)
    privacy.answer(store, chosen, student, plain, **dates)
    warn_of_refusals(store)
    for line in privacy.unrecognizable(store, chosen):
        plain.warning(line)


def _date(flag: str, text: str | None) -> date | None:
    from datetime import date

    from fertool.errors import ConfigError

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"{flag}: expected a date such as 2026-10-01, got {text!r}") from None
