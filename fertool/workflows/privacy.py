"""Forget, purge, and changes of consent: delete rows, judge again, render again, rewrite the file, verify."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from fertool.errors import FertoolError, StoreError
from fertool.workflows import assess
from fertool.workflows.audit import record
from fertool.workflows.reporter import Aside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from pathlib import Path

    from fertool.config import Settings
    from fertool.storage.erase import Removed
    from fertool.storage.store import Store
    from fertool.types import LectureKey
    from fertool.workflows.names import NamesFile
    from fertool.workflows.reporter import Reporter


# --- before people are shown ------------------------------------------------------------------------


def bring_up_to_date(store: Store, settings: Settings, reporter: Reporter) -> None:
    """Let changes of consent, and then of rules, take effect: the first step before people are shown.

    Consent first: `assess.renew` judges without rendering known reports again.
    """
    apply_consent(store, settings, reporter)
    assess.renew(store, settings, reporter)


def apply_consent(store: Store, settings: Settings, reporter: Reporter) -> None:
    """Judge lectures and render reports again where consent was refused, given or withdrawn, or has expired,
    since lectures were judged. The views leave people out by themselves.

    What cannot be done now, for example in a database that cannot be written to, is reported.
    """
    lectures = store.consents.outdated()
    if not lectures:
        return
    courses = {course for course, _ in lectures}
    reporter.warning("consent has changed since these lectures were judged:")
    try:
        writable = type(store)(store.database.path, create=False)
        catch_up(writable, settings, lectures, courses.pop() if len(courses) == 1 else None, Aside(reporter))
    except FertoolError as error:
        reporter.warning(f"class figures may still count people without consent: {error}")


def pending(store: Store, settings: Settings) -> list[str]:
    """What `bring_up_to_date` would do, a line each; for commands that only read. Nothing is written."""
    lines = []
    if store.consents.outdated():
        lines.append(
            "consent has changed since lectures were judged: class figures may still count people without "
            "consent; `fertool assess` judges them again"
        )
    if assess.outdated(store, settings)[0]:
        lines.append("rules have changed since lectures were judged; `fertool assess` judges them again")
    return lines


def catch_up(
    store: Store,
    settings: Settings,
    lectures: Sequence[LectureKey],
    course: str | None,
    reporter: Reporter,
) -> bool:
    """Judge those of the lectures again that are still there, and render the known reports of a course (None:
    of all); False if a rule failed, which is reported."""
    from fertool.host import toolbox
    from fertool.report.refresh import refresh

    there = [pair for pair in lectures if pair in store.lectures(*pair)]
    rules = toolbox.toolbox(settings).rules if there else []
    whole = assess.with_other_students(store, rules, there, reporter)
    for line in refresh(store, course, retention=settings.retention):
        reporter.result(line)
    return whole


# --- answers ----------------------------------------------------------------------------------------


def answer(store: Store, settings: Settings, student: str, reporter: Reporter, **dates: date | None) -> None:
    """Record a student's consent (`given`, `expires`) or refusal (`withdrawn`), and let it take effect."""
    course = settings.course
    store.consents.answer(course, student, **dates)
    said = ", ".join(f"{name} {day}" for name, day in dates.items() if day)
    record(store, "students consent", course, [student], said)
    reporter.result(f"{student} in course {course}: {said}")
    apply_consent(store, settings, reporter)


def still_stored(store: Store, default_db: str) -> list[str]:
    """Name those who refuse and are still stored, with what to type: a line for each course.

    `default_db`: the database of a command without --db.
    """
    found: dict[str, list[str]] = {}
    for course, student in store.consents.still_stored():
        found.setdefault(course, []).append(student)
    path = str(store.database.path)
    flags = [] if path == default_db else ["--db", path]
    lines = []
    for course, students in found.items():
        who = students[0] if len(students) == 1 else "NAME"
        command = shlex.join(
            ["fertool", "students", "forget", who, "--course", course, *flags, "--keep-answer"]
        )
        lines.append(
            f"{_some(students)} of course {course}: refused and on no page, but rows of earlier "
            f"analyses are still stored; `{command}` removes them"
        )
    return lines


def unrecognizable(store: Store, settings: Settings, model: str | None = None) -> list[str]:
    """Name those of the course who refuse and have no picture (made by `model`, if given), in at most one
    line: unless consent is required, an analysis takes their face for somebody new."""
    course = settings.course
    if settings.consent == "required":
        return []
    refusing = store.consents.refusing(course)
    blind = sorted(refusing - store.students.enrolled(course, model=model).keys())
    if not blind:
        return []
    command = shlex.join(["fertool", "students", "merge", blind[0], "NUMBER", "--course", course])
    return [
        f"{_some(blind)} of course {course}: refused, but no picture tells whose face "
        f"that is, so new recordings show it under a number; enroll a picture, or type `{command}`, "
        "which takes that number off all pages"
    ]


def _some(students: Sequence[str]) -> str:
    """Up to three of them by label."""
    more = f" and {len(students) - 3} more" if len(students) > 3 else ""
    return ", ".join(students[:3]) + more


# --- deletion ---------------------------------------------------------------------------------------


def forget(
    store: Store,
    settings: Settings,
    student: str,
    reporter: Reporter,
    *,
    keep_answer: bool = False,
    names: NamesFile | None = None,
) -> bool:
    """Remove a student of the course from database, names file and known reports, and verify that.

    `keep_answer`: of a student who refuses, only what recordings showed; answer and pictures stay. Returns
    False if a rule failed while lectures were judged again. Raises FertoolError before anything is deleted:
    an unknown student, `keep_answer` for one who does not refuse, no room to rewrite the file. Raises
    StoreError if traces are left.
    """
    from fertool.storage import rewrite

    course = settings.course
    if keep_answer and student not in store.consents.refusing(course):
        what = f"--keep-answer: {student} does not refuse in course {course}"
        raise FertoolError(what, "`fertool students withdraw` records a no; without the flag, all is removed")
    rewrite.check_room(store.database)
    removed = store.erase.forget(course, student, keep_answer=keep_answer)
    name = names.names.known.pop((course, student), None) if names and not keep_answer else None
    if names and name is not None:
        names.save()
        reporter.result(f"{names.path}: the name was removed")
    of = "what recordings showed of one student" if keep_answer else "one student"
    labels = [] if keep_answer else [student, *([name] if name else [])]
    return _erase(store, settings, removed, ("students forget", course, f"{of}, "), labels, reporter)


def purge(store: Store, settings: Settings, before: datetime, age: str, reporter: Reporter) -> bool:
    """Remove what was analyzed before an instant (with a time zone), and verify that.

    `age`: the same in words, for the audit. Returns False if a rule failed while lectures were judged again.
    Raises FertoolError before anything is deleted if there is no room to rewrite the file, StoreError if
    traces are left.
    """
    from fertool.storage import rewrite

    rewrite.check_room(store.database)
    removed = store.erase.purge(before)
    return _erase(store, settings, removed, ("purge", None, f"older than {age}: "), [], reporter)


def _erase(
    store: Store,
    settings: Settings,
    removed: Removed,
    about: tuple[str, str | None, str],
    labels: Sequence[str],
    reporter: Reporter,
) -> bool:
    """After rows were deleted: judge again, render again, note it, rewrite the file, verify.

    `about`: command, course and words for the audit; `labels`: names that must be gone. Returns whether every
    rule could judge: a broken one must not keep the bytes.
    """
    from fertool.storage import rewrite

    command, course, what = about
    reporter.removed(removed.rows)
    whole = catch_up(store, settings, removed.lectures, course, reporter)
    record(store, command, course, what=f"{what}{sum(removed.rows.values())} rows")
    rewrite.rewrite(store.database)
    reporter.result(f"{store.database.path}: rewritten")
    sites = [site.path for site in store.audit.sites(course)]
    _verify(store, removed.embeddings, labels, sites, reporter)
    return whole


def _verify(
    store: Store,
    embeddings: Sequence[bytes],
    labels: Sequence[str],
    sites: Sequence[Path],
    reporter: Reporter,
) -> None:
    from fertool.storage import rewrite

    if left := rewrite.traces(store.database, embeddings, labels, sites):
        raise StoreError(f"not everything is gone: {'; '.join(left)}", "please report this")
    blind = [label for label in labels if not rewrite.searchable(store.database, label)]
    searched = ", ".join([f"{len(embeddings)} embeddings", *labels[:1]])
    reporter.result(f"Searched byte by byte, and not found: {searched}")
    for label in blind:
        reporter.result(f"(not in the database's bytes, where other texts still contain it: {label})")
