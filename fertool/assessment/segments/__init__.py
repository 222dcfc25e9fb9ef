"""Sources of segments: `chapters`, `slides`, `parts:5m`, or a file. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from fertool.assessment.segments.equal_parts import equal_parts
from fertool.assessment.segments.files import SUFFIXES, read_rows
from fertool.assessment.segments.fit import Row, fit
from fertool.errors import ConfigError
from fertool.media import probe
from fertool.media.display import AS_DECLARED, View
from fertool.media.sampling import parse_every

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.media.remote import File
    from fertool.types import Segment

Region = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the frame as shown."""
HINT = "chapters, slides, slides:X1,Y1,X2,Y2, parts:5m, or a .vtt, .srt, .csv, .tsv, .xlsx or .txt file"


@dataclass(frozen=True, slots=True)
class Film:
    """One recording of a lecture: `offset_s` is its start on the lecture's clock."""

    path: File
    offset_s: float = 0.0
    view: View = AS_DECLARED


def find(source: str, duration_s: float, films: Sequence[Film]) -> tuple[list[Segment], list[str]]:
    """The segments of a lecture of `duration_s` seconds, in order of time, and notes for the user.

    Only `chapters` and `slides` look into the films. Raises ConfigError for a source that says nothing, or
    whose rows overlap or lie beyond the end; VideoError for a film that cannot be read.
    """
    check(source)
    word, _, details = source.partition(":")
    if word == "parts":
        return equal_parts(duration_s, _part_s(source, details)), []
    if word == "chapters":
        return fit(_chapters(films), duration_s, trim=True)
    if word == "slides":
        rows, taken = _slides(films, details)
        segments, notes = fit(rows, duration_s, trim=True)
        return segments, taken + notes
    return fit(read_rows(Path(source)), duration_s)


def check(source: str) -> None:
    """Raises ConfigError for what is wrong whatever the video holds."""
    word, _, details = source.partition(":")
    if word == "parts":
        _part_s(source, details)
    elif word == "slides":
        region(details)
    elif source != "chapters":
        if Path(source).suffix.lower() not in SUFFIXES:
            raise ConfigError(f"segments {source!r}: unknown source", HINT)
        fit(read_rows(Path(source)), float("inf"))


def is_file(source: str) -> bool:
    """Whether a source is a file, which can describe one lecture only."""
    return Path(source).suffix.lower() in SUFFIXES


def usable(chapters: Sequence[Segment], duration_s: float) -> list[Segment]:
    """Chapters as segments; none where they do not make any, since nobody asked for them."""
    try:
        return fit(_named(chapters), duration_s, trim=True)[0] if chapters else []
    except ConfigError:
        return []


def _named(chapters: Sequence[Segment], offset_s: float = 0.0) -> list[Row]:
    return [
        Row(f"chapter {c.index + 1}", c.title, offset_s + c.start_s, offset_s + c.end_s) for c in chapters
    ]


def _part_s(source: str, details: str) -> float:
    period = parse_every(details or "5m")
    if not isinstance(period, float) or period < 1:
        raise ConfigError(f"segments {source!r}: expected parts of at least 1 s", "such as parts:5m")
    return period


def _chapters(films: Sequence[Film]) -> list[Row]:
    """Those of the first film that has any."""
    for film in films:
        if found := probe.chapters(film.path, film.view):
            return _named(found, film.offset_s)
    names = ", ".join(film.path.name for film in films)
    raise ConfigError(f"{names}: no chapters in it", "try parts:5m, or write the segments into a CSV file")


def region(details: str) -> Region | None:
    """`X1,Y1,X2,Y2` in pixels of the frame as shown; None: the whole picture."""
    if not details:
        return None
    words = details.split(",")
    if len(words) == 4 and all(word.strip().isdecimal() for word in words):
        x1, y1, x2, y2 = map(int, words)
        if x1 < x2 and y1 < y2:
            return x1, y1, x2, y2
    what = f"segments 'slides:{details}': expected the screen share as X1,Y1,X2,Y2 in pixels"
    raise ConfigError(what, "left, top, right, bottom, such as slides:0,0,960,720")


def _slides(films: Sequence[Film], details: str) -> tuple[list[Row], list[str]]:
    """Those of the first film, and a note where it has other pictures than those that were looked at."""
    from fertool.assessment.segments.slides import slide_edges

    if not films:
        raise ConfigError("segments 'slides': there is no recording to look into")
    film = films[0]
    edges = [film.offset_s + edge for edge in slide_edges(film.path, region(details), film.view)]
    number, streams = probe.stream_taken(film.path, film.view)
    where = f"{film.path.name}: slides were looked for in stream {number} of {streams}, which was analyzed"
    rows = [
        Row(f"slide {i + 1}", f"Slide {i + 1}", start, end) for i, (start, end) in enumerate(pairwise(edges))
    ]
    return rows, [where] if streams > 1 else []
