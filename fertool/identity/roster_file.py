"""The roster: a folder of pictures, or a table of students, pictures and consents.

folder   ann.jpg, bob.png: one picture each, the student named after the file;
         ann/*.jpg: several pictures, the student named after the sub-folder
CSV      student, picture, consent, consent_date, expires; a student with several pictures has several
         rows; `picture` is relative to the CSV and may be empty, as may everything but `student`. Headings
         and answers in any language of the report (`fertool.sheets`). Lists of participants of Moodle,
         Canvas, Zoom and Teams are read as they come: first and last name are joined, everything else in
         them is left out, and somebody who joined twice is one student
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from fertool import sheets
from fertool.errors import ConfigError
from fertool.storage.student_labels import clean_label
from fertool.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
COLUMNS = ("student", "picture", "consent", "consent_date", "expires")
PARTS = ("first name", "last name")
PLATFORMS = frozenset(
    {"email", "email address", "user email", "e mail", "e mail adresse", "join time", "first join", "id"}
)
"""Headings by which the list of a learning platform or of a meeting is known: its other columns are no
mistake. No address is stored."""
ORIGINAL = re.compile(r"\s*\([^()]*\)$")
"""Zoom's first name of somebody who took another."""
NOBODY = ("Points Possible", "    Points Possible")
"""Begins a row of Canvas that is no student's."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a student said about being recognized. Dates may be None: not known, or never."""

    consent: bool
    given: date | None = None
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One student of a roster."""

    student: str
    pictures: tuple[Path, ...] = ()
    answer: Answer | None = None


def read(roster: Path, named: Mapping[str, str] | None = None) -> list[Listed]:
    """The students of a folder or CSV, in order of first mention; at least one.

    `named`: column -> its heading in this CSV, where it has another one.

    Raises ConfigError, with file and line, for what cannot be read. Pictures are not looked at.
    """
    if roster.is_dir():
        found = _folder(roster)
    elif roster.is_file():
        found = _table(roster, named or {})
    else:
        raise ConfigError(f"{roster}: no such folder or file", "a roster is a folder of pictures, or a CSV")
    if not found:
        raise ConfigError(
            f"{roster}: no student in it", f"expected {', '.join(sorted(PICTURES))} or CSV rows"
        )
    return found


# --- folder ---------------------------------------------------------------------------------------


def _folder(folder: Path) -> list[Listed]:
    students: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        pictures = sorted(p for p in path.iterdir() if _is_picture(p)) if path.is_dir() else [path]
        if path.is_dir() or _is_picture(path):
            name = path.name if path.is_dir() else path.stem
            students.setdefault(clean_label(name, str(path)), []).extend(pictures)
    return [Listed(student, tuple(pictures)) for student, pictures in students.items()]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


# --- CSV ------------------------------------------------------------------------------------------


def _table(path: Path, named: Mapping[str, str]) -> list[Listed]:
    sheet = sheets.read(path, (*COLUMNS, *PARTS), named=named)
    student = _student(sheet)
    if sheet.others:
        platform = set(sheet.columns) & set(PARTS) or any(map(_of_a_platform, sheet.others))
        for heading in () if platform else sheet.others:
            hint = did_you_mean(sheets.plain(heading), COLUMNS, f"known are {', '.join(COLUMNS)}")
            raise ConfigError(f"{sheet.where}: unknown column {heading!r}", hint)
        log.warning("%s: not read and not stored: %s", path, ", ".join(sheet.others))
    students: dict[str, Listed] = {}
    for line in sheet.lines:
        name = student(line)
        if name.startswith(NOBODY):
            continue
        listed = _row(name, line.cells, path.parent, line.where)
        students[listed.student] = _joined(students.get(listed.student), listed, line.where)
    return list(students.values())


def _student(sheet: sheets.Sheet) -> Callable[[sheets.Line], str]:
    """How the name of a line is written together."""
    if set(PARTS) <= set(sheet.columns):
        return lambda line: " ".join(filter(None, (line.cells[part] for part in PARTS)))
    if "student" not in sheet.columns:
        what = f"{sheet.where}: expected a column student, got {', '.join(sheet.others + sheet.columns)}"
        raise ConfigError(what, "--column student=HEADING says which one it is")
    last_first = any(sheets.plain(heading).startswith("sis ") for heading in sheet.others)
    platform = any(map(_of_a_platform, sheet.others))

    def named(line: sheets.Line) -> str:
        name = ORIGINAL.sub("", line.cells["student"]) if platform else line.cells["student"]
        last, comma, first = name.partition(", ")
        return f"{first} {last}" if comma and last_first else name

    return named


def _of_a_platform(heading: str) -> bool:
    word = sheets.plain(heading)
    return word.startswith("sis ") or word in PLATFORMS


def _row(name: str, row: Mapping[str, str], folder: Path, where: str) -> Listed:
    picture = row.get("picture", "")
    return Listed(
        clean_label(name, where),
        (folder / picture,) if picture else (),
        _answer(row, where),
    )


def _answer(row: Mapping[str, str], where: str) -> Answer | None:
    said = row.get("consent", "")
    given, expires = (_date(row, column, where) for column in ("consent_date", "expires"))
    if not said:
        if given or expires:
            raise ConfigError(f"{where}: a date of consent, but no consent", "write yes or no")
        return None
    if given and expires and expires < given:
        raise ConfigError(f"{where}: consent expires on {expires}, before it is given on {given}")
    return Answer(sheets.answer(f"{where}: consent", said), given, expires)


def _date(row: Mapping[str, str], column: str, where: str) -> date | None:
    text = row.get(column, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        what = f"{where}: {column}: expected a date, got {text!r}"
        raise ConfigError(what, "write it as 2026-09-30") from None


def _joined(before: Listed | None, row: Listed, where: str) -> Listed:
    """Another row of the same student: one more picture; the answer may be repeated, not changed."""
    if before is None:
        return row
    if before.answer and row.answer and before.answer != row.answer:
        what = f"{where}: {row.student} has another consent than in a row above"
        raise ConfigError(what, "one answer per student; leave it empty in the other rows")
    pictures = tuple(dict.fromkeys([*before.pictures, *row.pictures]))
    return replace(before, pictures=pictures, answer=before.answer or row.answer)
