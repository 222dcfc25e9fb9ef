"""Shared by commands about people: audit, names file, and the consequences of a change."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from fertool.config import Settings
    from fertool.contracts import Rule
    from fertool.privacy.names import Names
    from fertool.storage.store import Store


def record(
    store: Store,
    command: str,
    course: str | None = None,
    students: Iterable[str] = (),
    what: str = "",
    lecture: str | None = None,
) -> None:
    """Write to the audit that a command read or wrote personal data.

    A database that cannot be written to, a copy on a stick for example, can still be read: that is said.
    """
    from fertool.errors import StoreError
    from fertool.storage.audit import Custody
    from fertool.storage.database import Database

    try:
        database = Database(store.database.path, create=False)  # the store may be open for reading only
        Custody(database).audit(command, course, students, what, lecture)
    except StoreError as error:
        print(f"fertool: this is not in the audit: {error}", file=sys.stderr)


def known(store: Store, course: str, student: str) -> None:
    """Raise FertoolError unless the course has this student."""
    from fertool.errors import FertoolError
    from fertool.storage.students import Roster

    if student not in Roster(store.database).overview(course)["student"]:
        raise FertoolError(f"{course}: no student {student!r}", "`fertool students list` shows them")


# --- names ----------------------------------------------------------------------------------------


def passphrase(*, new: bool = False) -> str:
    """From the environment, or asked for: twice when it is a new one."""
    from fertool.errors import FertoolError

    if given := os.environ.get("FERTOOL_PASSPHRASE"):
        return given
    if not sys.stdin.isatty():
        raise FertoolError("a names file needs a passphrase", "set FERTOOL_PASSPHRASE")
    from getpass import getpass

    typed = getpass("Passphrase of the names file: ")
    if new and getpass("Once more: ") != typed:
        raise FertoolError("the two passphrases differ", "try again")
    return typed


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


# --- when students are others than before ---------------------------------------------------------


def judge(store: Store, rules: Sequence[Rule], lectures: Sequence[tuple[str, str]]) -> bool:
    """Assess lectures in which students are others than before; False if a rule failed, which is said."""
    from fertool.analysis import pipeline
    from fertool.cli.terminal.options import absent

    if not lectures:
        return True
    result = pipeline.assess(store, rules, lectures)
    print(f"{len(lectures)} lecture{'' if len(lectures) == 1 else 's'} judged again")
    for line in [*absent(result.absent), *result.failed]:
        print(f"fertool: {line}", file=sys.stderr)
    return not result.failed


def stale(store: Store, course: str) -> None:
    """Say which known reports show students as they were. To render them here would drop joined names."""
    from fertool.storage.audit import Custody

    for site in Custody(store.database).sites(course):
        print(f"{site.path}: still as it was; `fertool report --out {site.path}` renders it anew")


def catch_up(store: Store, chosen: Settings, lectures: Sequence[tuple[str, str]], course: str | None) -> bool:
    """Class figures of those lectures that are still there, and the known reports of a course (or of all), as
    they are now; False if a rule failed."""
    from fertool.host import toolbox
    from fertool.report.refresh import refresh

    there = [pair for pair in lectures if pair in store.lectures(*pair)]
    whole = judge(store, toolbox.toolbox(chosen).rules, there) if there else True
    for told in refresh(store, course, retention=chosen.retention):
        print(told)
    return whole


def settle(store: Store, chosen: Settings) -> None:
    """Let consent take effect that was refused, given, withdrawn, or has expired since lectures were judged:
    lectures are judged and reports rendered again. The views leave people out by themselves.

    What cannot be done now, for example in a database that cannot be written to, is said.
    """
    from fertool.errors import FertoolError
    from fertool.storage.consents import Answers

    lectures = Answers(store.database).outdated()
    if not lectures:
        return
    courses = {course for course, _ in lectures}
    print("fertool: consent has changed since these lectures were judged:", file=sys.stderr)
    with redirect_stdout(sys.stderr):  # another command's output comes after this
        try:
            writable = type(store)(store.database.path, create=False)
            catch_up(writable, chosen, lectures, courses.pop() if len(courses) == 1 else None)
        except FertoolError as error:
            print(f"fertool: class figures may still count people without consent: {error}")


def remind(store: Store) -> None:
    """Name those who refuse and are still stored, with what to type: a line for each course."""
    from fertool.cli.terminal.options import settings
    from fertool.storage.consents import Answers

    found: dict[str, list[str]] = {}
    for course, student in Answers(store.database).still_stored():
        found.setdefault(course, []).append(student)
    path = str(store.database.path)
    flags = [] if path == settings().db else ["--db", path]
    for course, students in found.items():
        who = students[0] if len(students) == 1 else "NAME"
        command = shlex.join(
            ["fertool", "students", "forget", who, "--course", course, *flags, "--keep-answer"]
        )
        print(
            f"fertool: {_some(students)} of course {course}: refused and on no page, but rows of earlier "
            f"analyses are still stored; `{command}` removes them",
            file=sys.stderr,
        )


def unrecognizable(store: Store, chosen: Settings, model: str | None = None) -> None:
    """Name those of the course who refuse and have no picture (made by `model`, if given): unless consent is
    required, an analysis takes their face for somebody new."""
    from fertool.storage.consents import Answers
    from fertool.storage.students import Roster

    if chosen.consent == "required":
        return
    refusing = Answers(store.database).refusing(chosen.course)
    if blind := sorted(refusing - Roster(store.database).enrolled(chosen.course, model=model).keys()):
        command = shlex.join(["fertool", "students", "merge", blind[0], "NUMBER", "--course", chosen.course])
        print(
            f"fertool: {_some(blind)} of course {chosen.course}: refused, but no picture tells whose face "
            f"that is, so new recordings show it under a number; enroll a picture, or type `{command}`, "
            "which takes that number off all pages",
            file=sys.stderr,
        )


def _some(students: Sequence[str]) -> str:
    """Up to three of them by label."""
    more = f" and {len(students) - 3} more" if len(students) > 3 else ""
    return ", ".join(students[:3]) + more
