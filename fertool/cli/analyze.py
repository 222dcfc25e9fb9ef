"""`fertool analyze`: recordings into the database."""

from __future__ import annotations

from typing import Annotated

import typer

from fertool.cli.terminal.options import Course, Db, Json, Lecture, Options, PluginFiles, settings


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
        typer.Option(
            "--every", help="Sampling: 1s, 500ms, keyframes or all.", show_default="1s", metavar="T"
        ),
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
            help="off, or required: of faces that are no consenting student's, only the number is stored. "
            "Who refuses is left out either way.",
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
            help="chapters, slides, parts:5m, or a .vtt, .srt, .csv, .tsv, .xlsx or .txt file; see "
            "`fertool segments`.",
            metavar="SOURCE",
        ),
    ] = None,
    rotate: Annotated[
        str,
        typer.Option(
            "--rotate",
            help="Degrees to turn the picture counter-clockwise: 0, 90, 180, 270, or auto.",
            metavar="DEG",
            show_default="0",
        ),
    ] = "",
    stream: Annotated[
        str,
        typer.Option(
            "--stream",
            help="Of several streams of pictures in a file the N-th, or all: each a recording of its own.",
            metavar="N",
        ),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Analyze again, replacing what is there.")] = False,
    move: Annotated[
        bool,
        typer.Option("--move", help="Move a recording that belongs to another lecture, by its bytes, here."),
    ] = False,
    engine: Annotated[
        str, typer.Option("--engine", help="local, or ray: workers of a Ray cluster.", metavar="E")
    ] = "local",
    address: Annotated[
        str,
        typer.Option("--address", help="Of the Ray cluster: auto, host:port, ray://host:port", metavar="A"),
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
    where it stopped. One bad file does not stop the others. What became of every file is listed at the end.
    """
    from dataclasses import replace

    from fertool.cli.analyzing import run_all
    from fertool.cli.flags import Flags, recordings, syllabus
    from fertool.media.remote import shown

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
    where = None
    if engine != "local" or workers or isolate or spool:
        from fertool.cli.fleet import Where

        where = Where(engine, address, workers, threads, gpus, spool)
    flags = Flags(tuple(videos), lecture, student, start, end, force, move, segments, rotate, stream, where)
    failed: list[tuple[str, str]] = []
    skipped: list[tuple[str, str]] = []
    if any(video.lower().endswith(".toml") for video in videos):
        plan = syllabus(flags)
        flags, chosen = replace(flags, syllabus=plan), replace(chosen, course=plan.course)
        files = list(flags.planned())
    else:
        found, failed = recordings(videos)
        files = found.videos
        skipped = [(shown(file), reason) for file, reason in found.skipped]
    run_all(files, chosen, flags, option or [], plugin or [], failed=failed, skipped=skipped, json=json)
