"""From files and settings to what is to be done with each recording. Nothing is written."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fertool.errors import ConfigError
from fertool.types import LectureKey
from fertool.workflows.segments import refuse_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.analysis.request import Request
    from fertool.assessment.course_file import PlannedRecording, Syllabus
    from fertool.config import Settings
    from fertool.host.toolbox import Toolbox
    from fertool.media.probe import FoundVideos
    from fertool.media.remote import File
    from fertool.workflows.reporter import Reporter

    Failed = list[tuple[str, str]]
    """(what, why)."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes or machines that analyze several recordings at once."""

    engine: str = "local"
    """`local`, or `ray`."""
    address: str = "auto"
    """Of the Ray cluster."""
    workers: int | None = None
    threads: int | None = None
    """Processor threads of each worker; None: an equal share."""
    gpus: float = 0.0
    """Share of a GPU for each worker, with Ray."""
    spool: str | None = None
    """Where workers leave what they measured; None: beside the database, deleted in the end."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments of `analyze` that are neither settings nor plugin options, as they are typed."""

    given: tuple[str, ...] = ()
    """Video files, folders and addresses, or one course.toml."""
    lecture: str | None = None
    student: str | None = None
    start: str | None = None
    end: str | None = None
    force: bool = False
    move: bool = False
    segments: str | None = None
    rotate: str = ""
    stream: str = ""
    workers: Workers | None = None
    """None: this process."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with each recording, checked against files, plugins and one another."""

    arguments: Arguments
    settings: Settings
    tools: Toolbox
    requests: list[tuple[File, Request]]
    syllabus: Syllabus | None = None
    """The course.toml, if one was given: in place of lecture, student and segments."""
    failed: Failed = field(default_factory=list)
    """Arguments that are no recordings."""
    skipped: Failed = field(default_factory=list)
    """What lies beside the recordings and is not read."""
    options: Sequence[str] = ()
    """Options of plugins, as typed."""
    plugins: Sequence[Path] = ()
    """Plugin files beside those of the settings."""

    def source(self, lecture: str) -> tuple[str, dict[str, str]]:
        """Where a lecture's segments come from, empty for the default; difficulty per knowledge point."""
        if not self.syllabus:
            return self.arguments.segments or "", {}
        named = (one.segments for one in self.syllabus.lectures if one.name == lecture)
        return next(named, ""), self.syllabus.difficulty


def plan(
    arguments: Arguments,
    settings: Settings,
    options: Sequence[str],
    plugins: Sequence[Path],
    reporter: Reporter,
) -> Plan:
    """Find the recordings, choose the plugins, and describe what is to be done with each recording.

    Arguments that cannot be read become `failed`, with a warning. Raises FertoolError for anything else that
    does not fit: a course.toml with mistakes, an unknown plugin, a file of segments for several lectures.
    """
    from fertool.host import toolbox
    from fertool.media.remote import in_utf8, shown

    course: Syllabus | None = None
    failed: Failed = []
    skipped: Failed = []
    files: Sequence[File]
    if any(one.lower().endswith(".toml") for one in arguments.given):
        course = _syllabus(arguments)
        settings = replace(settings, course=course.course)
        files = list(_planned(course))
    else:
        found = _recordings(arguments.given, failed, reporter)
        files = found.videos
        skipped = [(shown(file), reason) for file, reason in found.skipped]
    tools = toolbox.toolbox(settings, options, plugins)
    for file in files:
        if not in_utf8(file):
            failed.append((shown(file), "expected a name in UTF-8: rename the file or its folder"))
            reporter.warning(": ".join(failed[-1]))
    requests = _requests([file for file in files if in_utf8(file)], settings, arguments, course, tools)
    return Plan(arguments, settings, tools, requests, course, failed, skipped, options, plugins)


def _syllabus(arguments: Arguments) -> Syllabus:
    """The course.toml that was given. Raises ConfigError if it cannot be used, or not with these flags."""
    from fertool.assessment import course_file

    if len(arguments.given) > 1 or arguments.lecture or arguments.student or arguments.segments:
        what = f"{arguments.given[0]}: a course.toml says itself what its lectures, students and segments are"
        raise ConfigError(what, "give it alone, without --lecture, --student and --segments")
    course = course_file.read(Path(arguments.given[0]))
    for lecture in course.lectures:
        if lecture.segments:  # before a night of analysis, not after
            refuse_many(lecture.segments, [LectureKey(course.course, lecture.name)])
    return course


def _planned(course: Syllabus | None) -> dict[File, tuple[str, PlannedRecording]]:
    """Of every recording of a course.toml its lecture, and what is said of it."""
    lectures = course.lectures if course else ()
    return {planned.file: (one.name, planned) for one in lectures for planned in one.recordings}


def _recordings(given: Sequence[str], failed: Failed, reporter: Reporter) -> FoundVideos:
    """The videos meant. Adds arguments that are none to `failed`."""
    from fertool.errors import VideoError
    from fertool.media.probe import find_videos
    from fertool.media.remote import shown

    usable: list[str] = []
    for argument in given:
        try:
            find_videos([argument])
            usable.append(argument)
        except VideoError as error:
            reporter.warning(shown(str(error)))
            failed.append((shown(argument), shown(str(error))))
    return find_videos(usable)


def _requests(
    files: Sequence[File], settings: Settings, arguments: Arguments, course: Syllabus | None, tools: Toolbox
) -> list[tuple[File, Request]]:
    """What is to be done with each file. Raises ConfigError for arguments that do not fit them."""
    from fertool.analysis.request import Request
    from fertool.host.toolbox import device
    from fertool.media.display import View, parse_rotate
    from fertool.media.sampling import parse_every, parse_time

    if arguments.student and len(files) > 1:
        raise ConfigError(
            f"--student names one person, but {len(files)} videos were given", "one call per video"
        )
    planned, found = _planned(course), []
    for file in files:
        lecture, said = planned.get(file, (arguments.lecture, None))
        rotate = parse_rotate(said.rotate if said and said.rotate else arguments.rotate)
        request = Request(
            course=settings.course,
            lecture=lecture or file.stem,
            tools=tools,
            every=parse_every(settings.every),
            start_s=parse_time(arguments.start) if arguments.start else 0.0,
            end_s=parse_time(arguments.end) if arguments.end else math.inf,
            policy=settings.policy,
            consent=settings.consent,
            device=device(settings.device),
            student=said.student if said else arguments.student,
            offset_s=said.offset_s if said else None,
            force=arguments.force,
            move=arguments.move,
            find_rotation=rotate is None,
        )
        for stream in _streams(file, said.stream if said and said.stream else arguments.stream):
            found.append((file, replace(request, view=View(stream, rotate or 0))))
    if arguments.segments:  # before an hour of analysis, not after
        lectures = {LectureKey(request.course, request.lecture) for _, request in found}
        refuse_many(arguments.segments, sorted(lectures))
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
