"""Segments in files: tables, subtitles, lists of chapters. Errors name file and line."""

from __future__ import annotations

import html
import re
from fractions import Fraction
from statistics import median
from typing import TYPE_CHECKING

from fertool import difficulty, sheets
from fertool.assessment.segments.fit import Row
from fertool.errors import ConfigError
from fertool.media.sampling import parse_time
from fertool.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = (".csv", ".tsv", *sheets.SPREADSHEETS)
CHAPTERS = (".txt", ".ffmetadata")
SUFFIXES = (".vtt", ".srt", *CHAPTERS, *TABLES)
COLUMNS = ("start", "end", "title", "difficulty", "point")
_NO_CUES = ("NOTE", "STYLE", "REGION", "WEBVTT")
_CHAPTER = re.compile(r"[(\[]?((?:\d+:)?\d{1,2}:\d{2})[)\]]?(?:\s*[-–—|:]\s+|\s+|$)(.*)")
_METADATA = ";FFMETADATA"
"""Begins a file that `ffmpeg -f ffmetadata` has written."""
_LINE = re.compile(r"(?:\\.|[^\\\n])+", re.DOTALL)
_PAIR = re.compile(r"((?:\\.|[^\\=])*)=(.*)", re.DOTALL)
MANY, SHORT_S = 30, 15.0
"""So many cues, shorter than this at the median, are subtitles of what was said."""
_ARROW = re.compile(r"^\s*([\d:.,]+)\s*-->\s*([\d:.,]+)", re.MULTILINE)
_VOICE = re.compile(r"<v[ .][^>]*>")
_TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")
"""Tags of WebVTT and SRT, and those of SubStation Alpha, which SRT files carry along."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a file in its order, at least one. Raises ConfigError.

    CSV, TSV and spreadsheets (`fertool.sheets`): a header with `start` and any of `end`, `title`,
    `difficulty`, `point`; an empty `end` means up to the next row, and times may have a decimal comma where
    no comma parts the cells.
    TXT: chapters as they are pasted below videos, `0:00 Introduction`; there and in .ffmetadata those of
    FFmpeg's metadata files, `[CHAPTER]`, known by their first line.
    WebVTT and SRT: a cue is a segment, its text the title; lines `difficulty: hard` and `point: recursion`
    may follow. A block of WebVTT without an arrow is no cue, and a cue ends with an empty line
    (https://www.w3.org/TR/webvtt1/#file-parsing). A cue without text has its name as title, unless that is
    a number.
    """
    suffix = path.suffix.lower()
    if suffix in TABLES:
        rows = list(_table(path))
    elif suffix in CHAPTERS:
        text = sheets.text_of(path)
        rows = list((_metadata if text.startswith(_METADATA) else _pasted)(path, text))
    else:
        rows = list(_cues(path, sheets.text_of(path)))
    if not rows:
        raise ConfigError(f"{path}: no segment in it", f"expected {_expected(path)}")
    return rows


def _expected(path: Path) -> str:
    if path.suffix.lower() in TABLES:
        return f"a line with the names {', '.join(COLUMNS)}, then one line per segment"
    if path.suffix.lower() in CHAPTERS:
        return (
            f"lines such as 0:00 Introduction, or {_METADATA}1 and below it [CHAPTER], START=, END=, title="
        )
    return "cues such as 00:00:00.000 --> 00:05:00.000 with a title below"


# --- CSV ------------------------------------------------------------------------------------------


def _table(path: Path) -> Iterator[Row]:
    sheet = sheets.read(path, COLUMNS)
    for heading in sheet.others:
        hint = did_you_mean(heading.lower(), COLUMNS, f"the first line names {', '.join(COLUMNS)}")
        raise ConfigError(f"{sheet.where}: unknown column {heading!r}", hint)
    if "start" not in sheet.columns:
        raise ConfigError(f"{sheet.where}: expected the column 'start', got {', '.join(sheet.columns)}")
    for number, (where, cells) in enumerate(((line.where, dict(line.cells)) for line in sheet.lines), 1):
        if sheet.decimal_comma:
            cells |= {name: cells[name].replace(",", ".") for name in {"start", "end"} & cells.keys()}
        yield Row(
            where,
            cells.get("title") or f"Segment {number}",
            _time(where, "start", cells["start"]),
            _time(where, "end", cells["end"]) if cells.get("end") else None,
            difficulty.checked(where, cells.get("difficulty", "")),
            cells.get("point", ""),
        )


def _time(where: str, column: str, text: str) -> float:
    try:
        return parse_time(text)
    except ConfigError as error:
        raise ConfigError(f"{where}: {column}: {error.message}", error.hint) from error


# --- chapters as they are pasted below videos ---


def _pasted(path: Path, text: str) -> Iterator[Row]:
    """`0:00 Introduction`, one line each, up to the next; other lines are a description around it."""
    for number, line in enumerate(text.splitlines(), 1):
        if match := _CHAPTER.fullmatch(line.strip()):
            where = f"{path}:{number}"
            yield Row(where, match[2] or "Segment", _time(where, "start", match[1]), None)


# --- chapters in FFmpeg's metadata files (https://ffmpeg.org/ffmpeg-formats.html#Metadata-2) ---


def _metadata(path: Path, text: str) -> Iterator[Row]:
    """`[CHAPTER]` and its lines KEY=VALUE: START and END in units of TIMEBASE seconds, title, and difficulty
    and point as in a cue. A backslash takes its meaning from the character behind it, line ends included."""
    chapters: list[tuple[str, dict[str, str]]] = []
    found: dict[str, str] = {}  # of the whole file, and of its streams: not read
    for match in _LINE.finditer(text.replace("\r\n", "\n")):
        line, where = match[0], f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        if line.startswith("["):
            found = {}
            if line.strip() == "[CHAPTER]":
                chapters.append((where, found))
        elif not line.startswith((";", "#")) and (pair := _PAIR.fullmatch(line)):
            key, value = (re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in pair.groups())
            found[key.strip().lower()] = " ".join(value.split())
    for where, chapter in chapters:
        tick = _number(where, "TIMEBASE", chapter.get("timebase", "1/1000000000"))
        end = chapter.get("end")
        yield Row(
            where,
            chapter.get("title") or "Segment",
            float(_number(where, "START", chapter.get("start", "")) * tick),
            float(_number(where, "END", end) * tick) if end else None,
            difficulty.checked(where, chapter.get("difficulty", "")),
            chapter.get("point", ""),
        )


def _number(where: str, key: str, text: str) -> Fraction:
    """A whole number, or a fraction as TIMEBASE has it."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{where}: {key}: expected a number, got {text!r}", "such as START=0") from None


# --- WebVTT and SRT -------------------------------------------------------------------------------


def _cues(path: Path, text: str) -> Iterator[Row]:
    if speech := _speech(text):
        what = f"{path}: a transcript of speech ({speech}), expected segments"
        raise ConfigError(what, "a segment is a chapter or a topic, of minutes; see parts:5m, slides, a CSV")
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


def _speech(text: str) -> str:
    """By what subtitles are known to be what was said: voices, or many short cues; empty for others."""
    cues = [match.groups() for match in _ARROW.finditer(text)]
    if voices := len(_VOICE.findall(text)):
        return f"{voices} of {len(cues)} cues name who speaks"
    lengths = []
    for start, end in cues:
        try:
            lengths.append(parse_time(end.replace(",", ".")) - parse_time(start.replace(",", ".")))
        except ConfigError:
            return ""  # reported with its line
    short = len(lengths) >= MANY and median(lengths) < SHORT_S
    return f"{len(lengths)} cues, {median(lengths):.1f} s at the median" if short else ""


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
