"""`fertool analyze`: recordings into the database."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fertool.cli.common import (
    Course,
    Db,
    Json,
    Lecture,
    Options,
    PluginFiles,
    open_store,
    settings,
)
from fertool.cli.summary import judge, note, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.cli.fleet import Where
    from fertool.config import Settings
    from fertool.pipeline import Outcome
    from fertool.remote import File
    from fertool.request import Request
    from fertool.setup import Toolbox
    from fertool.store import Store


def register(app: typer.Typer) -> None:
    app.command(name="analyze")(analyze)


def analyze(
    videos: Annotated[
        list[str],
        typer.Argument(help="Video files, folders, URIs, or one course.toml.", metavar="VIDEO..."),
    ],
    course: Course = None,
    lecture: Lecture = None,
    student: Annotated[
        str | None,
        typer.Option("--student", help="Name of the only person of a webcam recording.", metavar="NAME"),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option("--every", help="Sampling: 1s, 500ms, keyframes or all [default: 1s].", metavar="T"),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="Begin at 90, 1:30 or h:mm:ss.", metavar="T")
    ] = None,
    end: Annotated[str | None, typer.Option("--end", help="Stop there.", metavar="T")] = None,
    detector: Annotated[
        str | None,
        typer.Option("--detector", help="auto takes yunet if it has been pulled, else ssd.", metavar="NAME"),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Landmarks, head pose, descriptors.", metavar="NAME")
    ] = None,
    classifier: Annotated[
        str | None, typer.Option("--classifier", help="Expressions.", metavar="NAME")
    ] = None,
    option: Options = None,
    plugin: PluginFiles = None,
    policy: Annotated[
        str | None, typer.Option("--policy", help="full, or behaviour: no expression at all.", metavar="P")
    ] = None,
    consent: Annotated[
        str | None,
        typer.Option(
            "--consent",
            help="off, or required: of faces that are no consenting student's, only the number is stored.",
            metavar="C",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, cuda or mps.", metavar="D")
    ] = None,
    db: Db = None,
    segments: Annotated[
        str | None,
        typer.Option(
            "--segments",
            help="chapters, slides, parts:5m, or a .vtt, .srt or .csv file; see `fertool segments`.",
            metavar="SOURCE",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Analyze again, replacing what is there.")] = False,
    engine: Annotated[
        str, typer.Option("--engine", help="local, or ray: workers of a Ray cluster.", metavar="E")
    ] = "local",
    address: Annotated[
        str, typer.Option("--address", help="Of the Ray cluster: auto, host:port or ray://...", metavar="A")
    ] = "auto",
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Worker processes, several recordings at once.", metavar="N", min=1),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="Processor threads of each worker.", metavar="N", min=1)
    ] = None,
    gpus: Annotated[
        float, typer.Option("--gpus", help="Share of a GPU for each worker, with Ray.", metavar="X", min=0)
    ] = 0.0,
    isolate: Annotated[
        bool, typer.Option("--isolate", help="A worker process even for one: a crash costs one recording.")
    ] = False,
    spool: Annotated[
        str | None,
        typer.Option("--spool", help="Where workers leave what they measured; kept.", metavar="URI"),
    ] = None,
    json: Json = False,
) -> None:
    """Analyze recordings: faces, students, expressions, frame by frame, into DuckDB.

    What has been analyzed with the same configuration is not done again; what was interrupted goes on
    where it stopped. One bad file does not stop the others.
    """
    chosen = settings(
        course=course,
        every=every,
        detector=detector,
        encoder=encoder,
        classifier=classifier,
        policy=policy,
        consent=consent,
        device=device,
        db=db,
    )
    flags: dict[str, Any] = {
        "lecture": lecture,
        "student": student,
        "start": start,
        "end": end,
        "force": force,
    }
    flags["segments"] = segments
    if engine != "local" or workers or isolate or spool:
        from fertool.cli.fleet import Where

        flags["where"] = Where(engine, address, workers, threads, gpus, spool)
    flags["given"] = videos
    if any(video.lower().endswith(".toml") for video in videos):
        _course(videos, chosen, flags, option or [], plugin or [], json=json)
        return
    files, failed = _files(videos)
    run_all(files, chosen, flags, option or [], plugin or [], failed=failed, json=json)


def _course(
    arguments: list[str],
    chosen: Settings,
    flags: dict[str, Any],
    pairs: list[str],
    plugin_files: list[Path],
    *,
    json: bool,
) -> None:
    """All recordings of a course.toml, each in its lecture; what is done is skipped as ever."""
    from dataclasses import replace

    from fertool import syllabus
    from fertool.cli.segments import refuse_many
    from fertool.errors import ConfigError

    if len(arguments) > 1 or any(flags[name] for name in ("lecture", "student", "segments")):
        what = f"{arguments[0]}: a course.toml says itself what its lectures, students and segments are"
        raise ConfigError(what, "give it alone, without --lecture, --student and --segments")
    course = syllabus.read(Path(arguments[0]))
    for lecture in course.lectures:
        if lecture.segments:  # before a night of analysis, not after
            refuse_many(lecture.segments, [(course.course, lecture.name)])
    planned = {
        r.file: (lecture.name, r.student, r.offset_s)
        for lecture in course.lectures
        for r in lecture.recordings
    }
    more = {"syllabus": course, "planned": planned}
    chosen = replace(chosen, course=course.course)
    run_all(list(planned), chosen, flags | more, pairs, plugin_files, failed=[], json=json)


def _files(arguments: list[str]) -> tuple[list[File], list[tuple[str, str]]]:
    """The videos meant, and (what, why) of arguments that are none."""
    from fertool.errors import VideoError
    from fertool.video import find_videos

    files: list[File] = []
    failed: list[tuple[str, str]] = []
    for argument in arguments:
        try:
            files += find_videos([argument])
        except VideoError as error:
            print(f"fertool: {error}", file=sys.stderr)
            failed.append((argument, str(error)))
    return find_videos(files), failed


def run_all(
    files: Sequence[File],
    chosen: Settings,
    flags: dict[str, Any],
    pairs: list[str],
    plugin_files: list[Path],
    *,
    failed: list[tuple[str, str]],
    json: bool = False,
) -> None:
    """Analyze the files one after the other, judge their lectures, print the summary.

    `failed`: (what, why) of arguments that could not even be looked at. Exits with 2 if anything failed; on
    several workers (`flags["where"]`) with 3 if only some did.
    """
    from fertool import setup
    from fertool.cli import fleet
    from fertool.cli.segments import cut, refuse_many
    from fertool.errors import ConfigError, FertoolError

    tools = setup.toolbox(chosen, pairs, plugin_files)
    if flags["student"] and len(files) > 1:
        raise ConfigError(
            f"--student names one person, but {len(files)} videos were given", "one call per video"
        )
    requests = [(file, _request(file, chosen, flags, tools)) for file in files]
    source = flags.get("segments")
    if source:  # before an hour of analysis, not after
        refuse_many(source, sorted({(request.course, request.lecture) for _, request in requests}))
    store = open_store(chosen.db, create=True)
    if course := flags.get("syllabus"):
        held = {lecture.name: lecture.held for lecture in course.lectures}
        store.describe_course(course.course, course.instructor, course.topics, held)
    where: Where | None = flags.get("where")
    if where is None:
        outcomes = _one_by_one(requests, store, failed, quiet=json)
    else:
        kit = fleet.pack(chosen, pairs, plugin_files, tools, where)
        outcomes = fleet.run(requests, kit, store, where, failed, json=json)
    recut = []
    for home in sorted({home for one in outcomes if (home := store.home(one.recording))}):
        try:
            changed, notes = cut(store, [home], *_source(flags, home[1]))
        except FertoolError as error:
            failed.append((" / ".join(home), str(error)))
            continue
        recut += changed
        for text in notes:
            print(f"fertool: {text}", file=sys.stderr)
    problems = judge(store, tools, outcomes, recut)
    summary(store, outcomes, failed, json=json, lines=where is not None)
    for problem in problems:
        print(f"fertool: {problem}", file=sys.stderr)
    if failed and where is not None:
        print(f"fertool: to try again what failed: {fleet.retry(flags['given'], failed)}", file=sys.stderr)
    if failed and not (where is not None and outcomes):
        raise typer.Exit(2)
    if failed or problems:
        raise typer.Exit(3)


def _source(flags: dict[str, Any], lecture: str) -> tuple[str, dict[str, str]]:
    """Where the segments of a lecture come from, empty for the default; difficulty per knowledge point."""
    if not (course := flags.get("syllabus")):
        return flags.get("segments") or "", {}
    return next((one.segments for one in course.lectures if one.name == lecture), ""), course.difficulty


def _request(file: File, chosen: Settings, flags: dict[str, Any], tools: Toolbox) -> Request:
    from fertool.request import Request
    from fertool.sampling import parse_every, parse_time
    from fertool.setup import device

    start, end = flags["start"], flags["end"]
    alone = (flags["lecture"], flags["student"], None)
    lecture, student, offset_s = flags.get("planned", {}).get(file, alone)
    return Request(
        course=chosen.course,
        lecture=lecture or file.stem,
        tools=tools,
        every=parse_every(chosen.every),
        start_s=parse_time(start) if start else 0.0,
        end_s=parse_time(end) if end else math.inf,
        policy=chosen.policy,
        consent=chosen.consent,
        device=device(chosen.device),
        student=student,
        offset_s=offset_s,
        force=flags["force"],
    )


def _one_by_one(
    requests: list[tuple[File, Request]], store: Store, failed: list[tuple[str, str]], *, quiet: bool
) -> list[Outcome]:
    """In this process, straight into the database."""
    from fertool.cli.progress import progress
    from fertool.errors import FertoolError, StoreError
    from fertool.pipeline import analyze as analyze_one

    outcomes: list[Outcome] = []
    with progress(quiet=quiet) as shown:
        for file, request in requests:
            try:
                shown.video(file)
                outcomes.append(analyze_one(file, request, store, shown))
                note(file, request, outcomes[-1], store, shown)
            except StoreError:
                raise  # the next file would meet it too
            except FertoolError as error:
                failed.append((str(file), str(error)))
                shown.message(f"fertool: {error}")
            except KeyboardInterrupt:
                shown.message("Stopped. What was measured is stored: run the same command again to go on.")
                raise typer.Exit(130) from None
    return outcomes
