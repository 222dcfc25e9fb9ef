"""Read a roster: a folder of pictures, or a CSV of students, pictures and consents. Pure, but for reading.

folder   ann.jpg, bob.png: one picture each, the student named after the file;
         ann/*.jpg: several pictures, the student named after the sub-folder
CSV      student, picture, consent, consent_date, expires; a student with several pictures has several
         rows; `picture` is relative to the CSV and may be empty, as may everything but `student`
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from fertool.errors import ConfigError

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
COLUMNS = ("student", "picture", "consent", "consent_date", "expires")
ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
PSEUDONYM = re.compile(r"student-\d+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a student said about being recognised. Dates may be None: not known, or never."""

    consent: bool
    given: date | None = None
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One student of a roster."""

    student: str
    pictures: tuple[Path, ...] = ()
    answer: Answer | None = None


def read(roster: Path) -> list[Listed]:
    """The students of a folder or CSV, in order of first mention; at least one.

    Raises ConfigError, with file and line, for what cannot be read. Pictures are not looked at.
    """
    if roster.is_dir():
        found = _folder(roster)
    elif roster.is_file():
        found = _table(roster)
    else:
        raise ConfigError(f"{roster}: no such folder or file", "a roster is a folder of pictures, or a CSV")
    if not found:
        raise ConfigError(
            f"{roster}: no student in it", f"expected {', '.join(sorted(PICTURES))} or CSV rows"
        )
    return found


def check_name(name: str, where: str) -> str:
    """A name fit to be a student's label, in the one spelling that Unicode has for it (file systems have
    two). Raises ConfigError, beginning with `where`."""
    name = unicodedata.normalize("NFC", name.strip())
    if not name:
        raise ConfigError(f"{where}: expected a student's name, got nothing")
    if PSEUDONYM.fullmatch(name):
        what = f"{where}: expected a student's name, got what looks like a pseudonym: {name}"
        raise ConfigError(what, "fertool numbers students like that itself; give another name")
    if not name.isprintable():
        raise ConfigError(f"{where}: expected a student's name, got control characters: {name!r}")
    return name


# --- folder ---------------------------------------------------------------------------------------


def _folder(folder: Path) -> list[Listed]:
    students: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        pictures = sorted(p for p in path.iterdir() if _is_picture(p)) if path.is_dir() else [path]
        if path.is_dir() or _is_picture(path):
            name = path.name if path.is_dir() else path.stem
            students.setdefault(check_name(name, str(path)), []).extend(pictures)
    return [Listed(student, tuple(pictures)) for student, pictures in students.items()]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


# --- CSV ------------------------------------------------------------------------------------------


def _table(path: Path) -> list[Listed]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = file.read().splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", "expected a CSV in UTF-8") from error
    students: dict[str, Listed] = {}
    reader = csv.reader(lines, delimiter=_delimiter(lines))
    columns: list[str] = []
    for cells in reader:
        where = f"{path}, line {reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = _header(cells, where)
            continue
        if len(cells) > len(columns):
            raise ConfigError(f"{where}: expected {len(columns)} cells, got {len(cells)}")
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        listed = _row(row, path.parent, where)
        students[listed.student] = _joined(students.get(listed.student), listed, where)
    return list(students.values())


def _delimiter(lines: list[str]) -> str:
    """Spreadsheets of many countries write a semicolon."""
    head = next((line for line in lines if line.strip()), "")
    return ";" if head.count(";") > head.count(",") else ","


def _header(cells: list[str], where: str) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown or "student" not in columns or len(set(columns)) < len(columns):
        what = f"{where}: expected a header of {', '.join(COLUMNS)}, got {', '.join(columns)}"
        raise ConfigError(what, "only `student` is required")
    return columns


def _row(row: dict[str, str], folder: Path, where: str) -> Listed:
    picture = row.get("picture", "")
    return Listed(
        check_name(row.get("student", ""), where),
        (folder / picture,) if picture else (),
        _answer(row, where),
    )


def _answer(row: dict[str, str], where: str) -> Answer | None:
    said = row.get("consent", "")
    given, expires = (_date(row, column, where) for column in ("consent_date", "expires"))
    if not said:
        if given or expires:
            raise ConfigError(f"{where}: a date of consent, but no consent", "write yes or no")
        return None
    if said.lower() not in ANSWERS:
        raise ConfigError(f"{where}: consent: expected yes or no, got {said!r}")
    if given and expires and expires < given:
        raise ConfigError(f"{where}: consent expires on {expires}, before it is given on {given}")
    return Answer(ANSWERS[said.lower()], given, expires)


def _date(row: dict[str, str], column: str, where: str) -> date | None:
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
