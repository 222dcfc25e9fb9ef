"""The reader of tables that people keep, in any encoding, with any delimiter.

Text is UTF-8, UTF-16 with its byte order mark, or else Windows-1252, which the log notes. Cells are parted
by commas, semicolons or tabs, which a line `sep=;` before the header may say. Of a spreadsheet, the first
sheet is read. Headings are in any of the report's languages.
"""

from __future__ import annotations

import codecs
import csv
import logging
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from fertool.errors import ConfigError
from fertool.text import clock, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)
BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}
SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
HEADINGS = {
    # Column -> what else it is called. A heading is compared without case, `_` and `-` being blanks.
    "start": ("begin", "from", "beginn", "anfang", "von"),
    "end": ("until", "to", "ende", "bis"),
    "title": ("name", "titel"),
    "difficulty": ("schwierigkeit",),
    "point": ("knowledge point", "topic", "thema", "wissenspunkt"),
    "student": (
        *("name", "full name", "name (original name)", "participant", "display name"),
        *("person", "studierende", "studierender", "vollständiger name", "teilnehmer", "teilnehmende"),
    ),
    "first name": ("given name", "vorname"),
    "last name": ("surname", "family name", "nachname"),
    "picture": ("photo", "image", "bild", "foto"),
    "consent": ("einwilligung",),
    "consent date": ("einwilligung am", "datum der einwilligung"),
    "expires": ("gültig bis",),
}
YES = ("yes", "true", "1", "ja", "wahr")
NO = ("no", "false", "0", "nein", "falsch")
_DAY_TIME = re.compile(r"(?:1899-12-31|1900-\d\d-\d\d) \d\d:\d\d:\d\d(\.\d+)?")
_MIDNIGHT = re.compile(r"\d{4}-\d\d-\d\d 00:00:00")
_SECTION = re.compile(r"\d+\. \S.*")
"""What Teams writes above each of several tables of a file."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table below its header."""

    where: str
    """`students.csv:4`, for messages: the line of the file in which the row ends."""
    cells: dict[str, str]
    """Column -> text without blanks around it, empty where the row is short."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that was read, its columns found by their headings."""

    where: str
    """Of the header."""
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    """In order of the file; blank ones are left out."""
    others: tuple[str, ...]
    """Headings of columns that were not asked for."""
    decimal_comma: bool
    """Whether a number may have a comma: commas do not part the cells."""


def text_of(path: Path) -> str:
    """The text of a file. Raises ConfigError where it cannot be read, or is not text."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", "check the path") from error
    encoding = next((name for bom, name in BOMS.items() if data.startswith(bom)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            what = f"{path}: not {encoding[:6].upper()}, as its first bytes say"
            raise ConfigError(what, "save the file as UTF-8") from error
        text = _windows(path, data)
    if "\0" in text:
        raise ConfigError(f"{path}: not a text file", "save it as CSV (UTF-8)")
    if encoding == "utf-16":
        _note(f"{path}: read as UTF-16, as its first bytes say")
    return text


def _windows(path: Path, data: bytes) -> str:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"{path}:{line}: neither UTF-8 nor Windows-1252"
        raise ConfigError(what, "save the file as UTF-8") from error
    _note(f"{path}: read as Windows-1252, since it is not UTF-8: look at its accents")
    return text


@cache
def _note(what: str) -> None:
    """Once, though a file may be read several times."""
    log.warning(what)


def read(path: Path, columns: Sequence[str], *, named: Mapping[str, str] | None = None) -> Sheet:
    """The table of a file, `columns` of it by their own names.

    `named`: column -> the heading that it has in this file, before those of `HEADINGS`. Raises ConfigError,
    with the line, where two headings mean one column, a row has more cells than the header, or a heading of
    `named` is missing.
    """
    rows = _workbook(path) if path.suffix.lower() in SPREADSHEETS else _rows(path, text_of(path))
    header = next(rows, None)
    if header is None:
        raise ConfigError(f"{path}: nothing in it", f"the first line names {', '.join(columns)}")
    where, delimiter, cells = header
    found = _found(where, cells, columns, named or {})
    lines = []
    for place, _, row in rows:
        if len(row) > len(cells):
            what = f"{place}: column {len(cells) + 1}: expected at most {len(cells)} cells, got {len(row)}"
            raise ConfigError(what, "put a text with a comma into quotes")
        lines.append(Line(place, {name: row[at] if at < len(row) else "" for name, at in found.items()}))
    others = tuple(cell for at, cell in enumerate(cells) if at not in found.values() and cell)
    return Sheet(where, tuple(found), tuple(lines), others, delimiter != ",")


def _rows(path: Path, text: str) -> Iterator[tuple[str, str, list[str]]]:
    """(place, delimiter, cells) of rows that have any; of a file with several tables, those of the second
    section, in which Teams lists who was there."""
    lines = text.splitlines()
    first = next((line.strip() for line in lines if line.strip()), "")
    declared = re.fullmatch(r"sep=([,;\t]?)", first, re.IGNORECASE)  # Excel's; a tab at the end is stripped
    delimiter = (declared[1] or "\t") if declared else max(",;\t", key=first.count)
    sections = bool(_SECTION.fullmatch(first))
    if sections:
        delimiter = "\t" if "\t" in text else ","
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    section = 0
    for row in reader:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if sections and _SECTION.fullmatch(cells[0]) and not any(cells[1:]):
            section += 1
            continue
        if (sections and section != 2) or (declared and reader.line_num == 1):
            continue
        if declared and cells[0].lower().startswith("sep="):
            continue
        yield f"{path}:{reader.line_num}", delimiter, cells


def _workbook(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """As `_rows`, of the first sheet of a spreadsheet: what stands in its cells, as it would be typed."""
    import polars as pl

    if not path.is_file():
        raise ConfigError(f"{path}: cannot be read: no such file", "check the path")
    try:
        table = pl.read_excel(
            path,
            read_options={"dtypes": "string", "skip_rows": 0},
            has_header=False,
            drop_empty_rows=False,
            drop_empty_cols=False,
            raise_if_empty=False,
        )
    except ImportError as error:
        what = f"{path}: a spreadsheet, which needs a package that is not installed"
        raise ConfigError(what, "pip install 'fertool[excel]', or save it as CSV (UTF-8)") from error
    except Exception as error:  # of the reader: it has no type of its own for a file that is none
        raise ConfigError(f"{path}: not a spreadsheet", "save it as CSV (UTF-8)") from error
    if any(_DAY_TIME.fullmatch(cell or "") for row in table.rows() for cell in row):
        _note(f"{path}: times are as a spreadsheet has them: 0:30 is half an hour, 0:00:30 half a minute")
    for number, row in enumerate(table.rows(), 1):
        cells = [_typed((cell or "").strip()) for cell in row]
        if any(cells):
            yield f"{path}:{number}", "\t", cells


def _typed(cell: str) -> str:
    """A date without the midnight that a spreadsheet gives it; a time as h:mm:ss, which it counts from the
    last day of 1899."""
    if match := _DAY_TIME.fullmatch(cell):
        since = datetime.fromisoformat(cell) - datetime(1899, 12, 31)
        seconds = since.days * 86400 + since.seconds
        return f"{clock(seconds)}{match[1] or ''}"
    return cell[:10] if _MIDNIGHT.fullmatch(cell) else cell


def plain(heading: str) -> str:
    """A heading or cell for comparison: lower case, words separated by one blank."""
    return " ".join(heading.casefold().replace("_", " ").replace("-", " ").split())


def _found(
    where: str, cells: Sequence[str], columns: Sequence[str], named: Mapping[str, str]
) -> dict[str, int]:
    """Column -> where it stands. A heading that is the column's own name is taken before another word."""
    headings = [plain(cell) for cell in cells]
    found: dict[str, int] = {}
    for column in columns:
        words = (plain(column), *HEADINGS.get(plain(column), ()))
        if column in named:
            words = (plain(named[column]),)
            if words[0] not in headings:
                hint = did_you_mean(words[0], headings, f"it has {', '.join(filter(None, cells))}")
                raise ConfigError(f"{where}: no column {named[column]!r}", hint)
        for word in words:
            places = [at for at, heading in enumerate(headings) if heading == word]
            if len(places) > 1:
                raise ConfigError(f"{where}: column {word!r} stands there twice", "name each column once")
            if places and places[0] not in found.values():
                found[column] = places[0]
                break
    return found


def answer(where: str, text: str) -> bool:
    """Yes or no in any language of the report. Raises ConfigError."""
    word = text.casefold()
    if word in YES or word in NO:
        return word in YES
    raise ConfigError(f"{where}: expected yes or no, got {text!r}", f"{', '.join(YES)}; {', '.join(NO)}")
