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
    clock,
    open_store,
    print_json,
    print_table,
    settings,
)
from fertool.cli.people import record

if TYPE_CHECKING:
    from fertool.config import Settings
    from fertool.pipeline import Outcome
    from fertool.request import Request
    from fertool.setup import Toolbox
    from fertool.store import Store


def register(app: typer.Typer) -> None:
    app.command(name="analyze")(analyze)


def analyze(
    videos: Annotated[
        list[Path],
        typer.Argument(help="Video files and folders of videos, or one course.toml.", metavar="VIDEO..."),
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
    flags = {"lecture": lecture, "student": student, "start": start, "end": end, "force": force}
    flags["segments"] = segments
    if any(video.suffix.lower() == ".toml" for video in videos):
        _course(videos, chosen, flags, option or [], plugin or [], json=json)
        return
    files, failed = _files(videos)
    run_all(files, chosen, flags, option or [], plugin or [], failed=failed, json=json)


def _course(
    arguments: list[Path],
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
    course = syllabus.read(arguments[0])
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


def _files(arguments: list[Path]) -> tuple[list[Path], list[tuple[str, str]]]:
    """The videos meant, and (what, why) of arguments that are none."""
    from fertool.errors import VideoError
    from fertool.video import find_videos

    files, failed = [], []
    for argument in arguments:
        try:
            files += find_videos([argument])
        except VideoError as error:
            print(f"fertool: {error}", file=sys.stderr)
            failed.append((str(argument), str(error)))
    return find_videos(files), failed


def run_all(
    files: list[Path],
    chosen: Settings,
    flags: dict[str, Any],
    pairs: list[str],
    plugin_files: list[Path],
    *,
    failed: list[tuple[str, str]],
    json: bool = False,
) -> None:
    """Analyze the files one after the other, judge their lectures, print the summary.

    `failed`: (what, why) of arguments that could not even be looked at. Exits with 2 if anything failed.
    """
    from fertool import setup
    from fertool.cli.progress import progress
    from fertool.cli.segments import cut, refuse_many
    from fertool.errors import ConfigError, FertoolError, StoreError

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
    outcomes: list[Outcome] = []
    with progress(quiet=json) as shown:
        for file, request in requests:
            try:
                outcomes.append(_one(file, request, store, shown))
            except StoreError:
                raise  # the next file would meet it too
            except FertoolError as error:
                failed.append((str(file), str(error)))
                shown.message(f"fertool: {error}")
            except KeyboardInterrupt:
                shown.message("Stopped. What was measured is stored: run the same command again to go on.")
                raise typer.Exit(130) from None
    recut = []
    for home in sorted({home for one in outcomes if (home := store.home(one.recording))}):
        try:
            changed, notes = cut(store, [home], *_source(flags, home[1]))
        except FertoolError as error:
            failed.append((" / ".join(home), str(error)))
            continue
        recut += changed
        for note in notes:
            print(f"fertool: {note}", file=sys.stderr)
    problems = _judge(store, tools, outcomes, recut)
    _summary(store, outcomes, failed, json=json)
    for problem in problems:
        print(f"fertool: {problem}", file=sys.stderr)
    if failed:
        raise typer.Exit(2)
    if problems:
        raise typer.Exit(3)


def _source(flags: dict[str, Any], lecture: str) -> tuple[str, dict[str, str]]:
    """Where the segments of a lecture come from, empty for the default; difficulty per knowledge point."""
    if not (course := flags.get("syllabus")):
        return flags.get("segments") or "", {}
    return next((one.segments for one in course.lectures if one.name == lecture), ""), course.difficulty


def _request(file: Path, chosen: Settings, flags: dict[str, Any], tools: Toolbox) -> Request:
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


def _one(file: Path, request: Request, store: Store, shown: Any) -> Outcome:
    from fertool.pipeline import analyze as analyze_one

    shown.video(file)
    outcome = analyze_one(file, request, store, shown)
    students = store.students(outcome.run)
    record(store, "analyze", request.course, students, str(file), request.lecture)
    for note in outcome.notes:
        shown.message(f"{file}: {note}")
    if not outcome.fresh:
        shown.message(f"{file}: already analyzed with this configuration (--force does it again)")
    return outcome


def _judge(store: Store, tools: Toolbox, outcomes: list[Outcome], recut: list[tuple[str, str]]) -> list[str]:
    """Assess the lectures that got new observations or segments; returns what went wrong."""
    from fertool.pipeline import assess

    homes = {store.home(outcome.recording) for outcome in outcomes if outcome.changed}
    return assess(store, tools.rules, sorted({*recut, *(home for home in homes if home)})).failed


def _summary(store: Store, outcomes: list[Outcome], failed: list[tuple[str, str]], *, json: bool) -> None:
    from fertool.types import EMOTIONS

    rows = [store.summary(outcome.run) for outcome in outcomes]
    if json:
        print_json({"runs": rows, "failed": [{"file": f, "reason": r} for f, r in failed]})
        return
    if rows:
        print_table(
            ["recording", "lecture", "length", "samples", "coverage", "students", *EMOTIONS, "took", "speed"],
            [_cells(row, EMOTIONS) for row in rows],
        )
    if failed:
        print_table(["failed", "reason"], failed)


def _cells(row: dict[str, Any], emotions: tuple[str, ...]) -> list[str]:
    seconds = row["seconds"] or 0
    speed = f"{row['analyzed_s'] / seconds:.1f}x" if seconds else ""
    shares = ["–" if row[name] is None else f"{row[name]:.0%}" for name in emotions]
    return [
        row["name"],
        f"{row['course']} / {row['lecture']}",
        clock(row["duration_s"]),
        str(row["samples"]),
        f"{row['coverage']:.0%}",
        str(row["students"]),
        *shares,
        f"{seconds:.1f} s",
        speed,
    ]
