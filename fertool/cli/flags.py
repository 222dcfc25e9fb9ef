"""Arguments of `fertool analyze`, and the requests made of them."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.analysis.request import Request
    from fertool.assessment.course_file import Planned, Syllabus
    from fertool.cli.fleet import Where
    from fertool.config import Settings
    from fertool.host.toolbox import Toolbox
    from fertool.media.probe import Found
    from fertool.media.remote import File


@dataclass(frozen=True, slots=True)
class Flags:
    """What is neither a setting nor about plugins."""

    given: tuple[str, ...] = ()
    """The recordings as they were typed."""
    lecture: str | None = None
    student: str | None = None
    start: str | None = None
    end: str | None = None
    force: bool = False
    move: bool = False
    segments: str | None = None
    rotate: str = ""
    stream: str = ""
    where: Where | None = None
    """Who does the work; None for this process."""
    syllabus: Syllabus | None = None
    """What the course.toml says, if one was given: in place of lecture, student and segments."""

    def planned(self) -> dict[File, tuple[str, Planned]]:
        """Of every recording of the syllabus its lecture, and what is said of it."""
        lectures = self.syllabus.lectures if self.syllabus else ()
        return {planned.file: (one.name, planned) for one in lectures for planned in one.recordings}

    def source(self, lecture: str) -> tuple[str, dict[str, str]]:
        """Where a lecture's segments come from, empty for the default; difficulty per knowledge point."""
        if not self.syllabus:
            return self.segments or "", {}
        named = (one.segments for one in self.syllabus.lectures if one.name == lecture)
        return next(named, ""), self.syllabus.difficulty


def syllabus(flags: Flags) -> Syllabus:
    """The course.toml that was given. Raises ConfigError if it cannot be used, or not with these flags."""
    from fertool.assessment import course_file as files
    from fertool.cli.segments import refuse_many
    from fertool.errors import ConfigError

    if len(flags.given) > 1 or flags.lecture or flags.student or flags.segments:
        what = f"{flags.given[0]}: a course.toml says itself what its lectures, students and segments are"
        raise ConfigError(what, "give it alone, without --lecture, --student and --segments")
    course = files.read(Path(flags.given[0]))
    for lecture in course.lectures:
        if lecture.segments:  # before a night of analysis, not after
            refuse_many(lecture.segments, [(course.course, lecture.name)])
    return course


def recordings(arguments: Sequence[str]) -> tuple[Found, list[tuple[str, str]]]:
    """The videos meant, and (what, why) of arguments that are none."""
    from fertool.errors import VideoError
    from fertool.media.probe import find_videos
    from fertool.media.remote import shown

    usable: list[str] = []
    failed: list[tuple[str, str]] = []
    for argument in arguments:
        try:
            find_videos([argument])
            usable.append(argument)
        except VideoError as error:
            print(f"fertool: {shown(str(error))}", file=sys.stderr)
            failed.append((shown(argument), shown(str(error))))
    return find_videos(usable), failed


def requests(
    files: Sequence[File], chosen: Settings, flags: Flags, tools: Toolbox
) -> list[tuple[File, Request]]:
    """What is to be done with each file. Raises ConfigError for flags that do not fit them."""
    from fertool.analysis.request import Request
    from fertool.cli.segments import refuse_many
    from fertool.errors import ConfigError
    from fertool.host.toolbox import device
    from fertool.media.display import View, parse_rotate
    from fertool.media.sampling import parse_every, parse_time

    if flags.student and len(files) > 1:
        raise ConfigError(
            f"--student names one person, but {len(files)} videos were given", "one call per video"
        )
    planned, found = flags.planned(), []
    for file in files:
        lecture, said = planned.get(file, (flags.lecture, None))
        rotate = parse_rotate(said.rotate if said and said.rotate else flags.rotate)
        request = Request(
            course=chosen.course,
            lecture=lecture or file.stem,
            tools=tools,
            every=parse_every(chosen.every),
            start_s=parse_time(flags.start) if flags.start else 0.0,
            end_s=parse_time(flags.end) if flags.end else math.inf,
            policy=chosen.policy,
            consent=chosen.consent,
            device=device(chosen.device),
            student=said.student if said else flags.student,
            offset_s=said.offset_s if said else None,
            force=flags.force,
            move=flags.move,
            find_rotation=rotate is None,
        )
        for stream in _streams(file, said.stream if said and said.stream else flags.stream):
            found.append((file, replace(request, view=View(stream, rotate or 0))))
    if flags.segments:  # before an hour of analysis, not after
        refuse_many(flags.segments, sorted({(request.course, request.lecture) for _, request in found}))
    return found


def _streams(file: File, word: str) -> list[int]:
    """Numbers of the streams of pictures that are meant. One, which fails, if the file cannot be opened."""
    from fertool.errors import VideoError
    from fertool.media.display import parse_stream
    from fertool.media.probe import count_streams

    number = parse_stream(word)
    if number is not None:
        return [number]
    try:
        return list(range(1, count_streams(file) + 1))
    except VideoError:
        return [0]
