"""`course.toml`: the description of a course, read and validated. Looks for recordings, else pure."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from fertool.difficulty import checked
from fertool.errors import ConfigError
from fertool.media.display import parse_rotate, parse_stream
from fertool.media.sampling import parse_time
from fertool.storage.student_labels import clean_label
from fertool.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

EXAMPLE = "see README for an example"
COURSE = {"course": str, "instructor": str, "topics": list, "difficulty": dict, "lectures": list}
LECTURE = {"name": str, "date": date, "recordings": list, "segments": str}
RECORDING = {"file": str, "student": str, "offset": str, "rotate": int | str, "stream": int | str}
SOURCES = ("chapters", "slides", "parts")
"""First words of a segments source that is no file."""


@dataclass(frozen=True, slots=True)
class PlannedRecording:
    """One recording of a lecture."""

    file: Path
    student: str | None = None
    """Name of the only person of a webcam recording."""
    offset_s: float = 0.0
    """When it begins, on the lecture's clock."""
    rotate: str = ""
    """What `display.parse_rotate` reads; empty where nothing is said."""
    stream: str = ""
    """What `display.parse_stream` reads; empty where nothing is said."""


@dataclass(frozen=True, slots=True)
class PlannedLecture:
    """One session of the course."""

    name: str
    held: date | None
    recordings: list[PlannedRecording]
    """At least one, in order of name within a pattern."""
    segments: str = ""
    """A segments source; empty for the default."""


@dataclass(frozen=True, slots=True)
class Syllabus:
    """What course.toml says; files are found relative to its folder."""

    course: str
    instructor: str
    topics: list[str]
    difficulty: dict[str, str]
    """Knowledge point -> mark of difficulty, for segments that say only the point."""
    lectures: list[PlannedLecture]


def read(path: Path) -> Syllabus:
    """Raises ConfigError for a file that is not TOML, says something unknown, or finds no recording."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", EXAMPLE) from error
    _check(str(path), content, COURSE, ("course", "lectures"))
    marks = content.get("difficulty", {}).items()
    difficulty = {point: checked(f"{path}: [difficulty] {point}", str(value)) for point, value in marks}
    for topic in content.get("topics", []):
        if not isinstance(topic, str):
            raise ConfigError(f"{path}: topics: expected text, got {topic!r}", EXAMPLE)
    lectures = [_lecture(path, number, table) for number, table in enumerate(content["lectures"], 1)]
    _once(path, "lecture", [lecture.name for lecture in lectures])
    _once(path, "recording", [str(r.file) for lecture in lectures for r in lecture.recordings])
    instructor, topics = content.get("instructor", ""), content.get("topics", [])
    return Syllabus(content["course"], instructor, topics, difficulty, lectures)


def _lecture(path: Path, number: int, table: Any) -> PlannedLecture:
    where = f"{path}: lecture {number}"
    _check(where, table, LECTURE, ("name", "recordings"))
    where = f"{path}: lecture {table['name']!r}"
    recordings = [planned for one in table["recordings"] for planned in _recordings(path, where, one)]
    if not recordings:
        raise ConfigError(f"{where}: expected at least one recording, got none", EXAMPLE)
    source = table.get("segments", "")
    if source and source.partition(":")[0] not in SOURCES:
        source = str(path.parent / source)
    return PlannedLecture(table["name"], table.get("date"), recordings, source)


def _recordings(path: Path, where: str, one: Any) -> Iterator[PlannedRecording]:
    if isinstance(one, dict):
        _check(f"{where}: recordings", one, RECORDING, ("file",))
        extra = one
    elif isinstance(one, str):
        extra = {"file": one}
    else:
        raise ConfigError(f"{where}: recordings: expected a file or pattern, got {one!r}", EXAMPLE)
    pattern, student, offset = extra["file"], extra.get("student"), extra.get("offset", "0")
    plain = path.parent / pattern
    try:
        files = [plain] if plain.is_file() else sorted(f for f in path.parent.glob(pattern) if f.is_file())
    except (ValueError, NotImplementedError):  # an absolute or an empty pattern
        files = []
    if not files:
        raise ConfigError(f"{where}: no recording fits {pattern!r}", f"looked in {path.parent.resolve()}")
    if student is not None:
        student = clean_label(student, f"{where}: {pattern!r}: student")
    if student and len(files) > 1:
        what = f"{where}: {pattern!r} fits {len(files)} files, but {student!r} is one student"
        raise ConfigError(what, "one recording per student")
    try:
        offset_s = parse_time(offset.removesuffix("s"))
    except ConfigError as error:
        raise ConfigError(
            f"{where}: {pattern!r}: offset: {error.message}", 'such as "2.5s" or "1:30"'
        ) from error
    try:
        rotate, stream = (str(extra.get(key, "")) for key in ("rotate", "stream"))
        parse_rotate(rotate), parse_stream(stream)
    except ConfigError as error:
        raise ConfigError(f"{where}: {pattern!r}: {error.message}", error.hint) from error
    yield from (PlannedRecording(file, student, offset_s, rotate, stream) for file in files)


def _check(where: str, table: Any, known: Mapping[str, Any], needed: tuple[str, ...]) -> None:
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: expected a table, got {table!r}", EXAMPLE)
    for key, value in table.items():
        if key not in known:
            hint = did_you_mean(key, known, f"known: {', '.join(known)}")
            raise ConfigError(f"{where}: unknown key {key!r}", hint)
        if not isinstance(value, known[key]) or value == "":
            kind = getattr(known[key], "__name__", known[key])
            raise ConfigError(f"{where}: {key}: expected {kind}, got {value!r}", EXAMPLE)
    for key in needed:
        if key not in table:
            raise ConfigError(f"{where}: {key!r} is missing", EXAMPLE)


def _once(path: Path, what: str, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"{path}: the {what} {twice!r} is named twice", "each belongs to one place")
