"""Segments that somebody wrote down: WebVTT, SRT, CSV, TSV. Every complaint names the file and the line."""

from __future__ import annotations

import codecs
import csv
import html
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from fertool import difficulty
from fertool.errors import ConfigError
from fertool.sampling import parse_time
from fertool.segmenting.fit import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = (".csv", ".tsv")
SUFFIXES = (".vtt", ".srt", *TABLES)
COLUMNS = ("start", "end", "title", "difficulty", "point")
_NO_CUES = ("NOTE", "STYLE", "REGION", "WEBVTT")
_TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")
"""Tags of WebVTT and SRT, and those of SubStation Alpha, which SRT files carry along."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a file in its order, at least one. Raises ConfigError.

    Text is UTF-8, or UTF-16 with its byte order mark. CSV and TSV: a header with `start` and any of `end`,
    `title`, `difficulty`, `point`, parted by commas, semicolons or tabs; a line `sep=;` may precede it, an
    empty `end` means up to the next row, and times may have a decimal comma where no comma parts the cells.
    WebVTT and SRT: a cue is a segment, its text the title; lines `difficulty: hard` and `point: recursion`
    may follow. A block of WebVTT without an arrow is no cue, and a cue ends with an empty line
    (https://www.w3.org/TR/webvtt1/#file-parsing). A cue without text has its name as title, unless that is
    a number.
    """
    text = _text(path)
    rows = list(_table(path, text) if path.suffix.lower() in TABLES else _cues(path, text))
    if not rows:
        raise ConfigError(f"{path}: no segment in it", f"expected {_expected(path)}")
    return rows


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"segments {path}: cannot be read: {error.strerror}") from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            what = f"{path}: not UTF-16, as its first bytes say"
            raise ConfigError(what, "save the file as UTF-8") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8", "save the file as UTF-8") from error


def _expected(path: Path) -> str:
    if path.suffix.lower() in TABLES:
        return f"a line with the names {', '.join(COLUMNS)}, then one line per segment"
    return "cues such as 00:00:00.000 --> 00:05:00.000 with a title below"


# --- CSV ------------------------------------------------------------------------------------------


def _table(path: Path, text: str) -> Iterator[Row]:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    declared = re.fullmatch(r"sep=([,;\t]?)", first, re.IGNORECASE)  # Excel's; a tab at the end is stripped
    delimiter = (declared[1] or "\t") if declared else max(",;\t", key=first.count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    names: list[str] | None = None
    rows = 0
    for cells in reader:
        cells = [cell.strip() for cell in cells]
        where = f"{path}:{reader.line_num}"
        if not any(cells) or (declared and names is None and cells[0].lower().startswith("sep=")):
            continue
        if names is None:
            names = _header(where, cells)
        elif len(cells) > len(names):
            what = f"{where}: expected at most {len(names)} cells, got {len(cells)}"
            raise ConfigError(what, "put a title with a comma into quotes")
        else:
            rows += 1
            values = dict(zip(names, cells, strict=False))
            if delimiter != ",":
                values |= {name: values[name].replace(",", ".") for name in {"start", "end"} & values.keys()}
            yield Row(
                where,
                values.get("title") or f"Segment {rows}",
                _time(where, "start", values.get("start", "")),
                _time(where, "end", values["end"]) if values.get("end") else None,
                difficulty.checked(where, values.get("difficulty", "")),
                values.get("point", ""),
            )


def _header(where: str, cells: list[str]) -> list[str]:
    names = [cell.lower() for cell in cells]
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the first line names {', '.join(COLUMNS)}"
            raise ConfigError(f"{where}: unknown column {name!r}", hint)
    if "start" not in names or len(set(names)) < len(names):
        raise ConfigError(f"{where}: expected the column 'start', and each once, got {', '.join(names)}")
    return names


def _time(where: str, column: str, text: str) -> float:
    try:
        return parse_time(text)
    except ConfigError as error:
        raise ConfigError(f"{where}: {column}: {error.message}", error.hint) from error


# --- WebVTT and SRT -------------------------------------------------------------------------------


def _cues(path: Path, text: str) -> Iterator[Row]:
    for number, lines in _blocks(text):
        if lines[0].startswith(_NO_CUES) and "-->" not in lines[0]:
            continue
        at = next((i for i, line in enumerate(lines[:2]) if "-->" in line), None)
        if at is None and path.suffix.lower() == ".vtt":
            continue
        if at is None:
            what = f"{path}:{number}: expected a line such as 00:00:00.000 --> 00:05:00.000"
            raise ConfigError(f"{what}, got {lines[0]!r}", "cues are parted by empty lines")
        where = f"{path}:{number + at}"
        start, _, rest = lines[at].partition("-->")
        end = rest.split()[0] if rest.split() else ""
        start_s = _time(where, "start", start.replace(",", "."))
        end_s = _time(where, "end", end.replace(",", "."))
        title, details = _payload(path, number + at + 1, lines[at + 1 :])
        name = lines[0] if at and not lines[0].isdecimal() else "Segment"  # WebVTT lets a cue carry a name
        title = title or name
        yield Row(where, title, start_s, end_s, details.get("difficulty", ""), details.get("point", ""))


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line number of the first line, lines) of every stretch without an empty line."""
    block: list[str] = []
    number = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            block.append(line.strip())
        elif block:
            yield number - len(block), block
            block = []


def _payload(path: Path, first: int, lines: list[str]) -> tuple[str, dict[str, str]]:
    """Title and details of a cue whose text begins in line `first` of the file."""
    details, words = {}, []
    for number, line in enumerate(lines, first):
        plain = html.unescape(_TAG.sub("", line)).strip()
        match = re.fullmatch(r"(difficulty|point)\s*:\s*(.*)", plain, re.IGNORECASE)
        if match:
            name, value = match[1].lower(), match[2]
            details[name] = difficulty.checked(f"{path}:{number}", value) if name == "difficulty" else value
        else:
            words.append(plain)
    return " ".join(words), details
