"""`fertool analyze`: recordings into the database."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal.options import (
    Course,
    Db,
    Json,
    Lecture,
    Options,
    PluginFiles,
    bring_up_to_date,
    open_store,
    settings,
    warn_of_refusals,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.cli.terminal.progress import Plain
    from fertool.config import Settings
    from fertool.storage.store import Store
    from fertool.workflows.analyze import Concluded
    from fertool.workflows.plan import Arguments


def register(app: typer.Typer) -> None:
    """Add the command `analyze`."""
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
        str | None, typer.Option("--detector", help="Finds the faces: yunet unless said.", metavar="NAME")
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
    profile: Annotated[
        bool, typer.Option("--profile", help="At the end, where the time went: processor seconds by stage.")
    ] = False,
    json: Json = False,
) -> None:
    """Analyze recordings: faces, students, expressions, frame by frame, into DuckDB.

    What has been analyzed with the same configuration is not done again; what was interrupted goes on
    where it stopped. One bad file does not stop the others. What became of every file is listed at the end.
    """
    from fertool.workflows.plan import Arguments, Workers

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
    several = Workers(engine, address, workers, threads, gpus, spool)
    asked = Arguments(
        tuple(videos),
        lecture,
        student,
        start,
        end,
        force,
        move,
        segments,
        rotate,
        stream,
        several if engine != "local" or workers or isolate or spool else None,
    )
    run(asked, chosen, option or [], plugin or [], json=json, profile=profile)


def run(
    asked: Arguments,
    chosen: Settings,
    options: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    *,
    json: bool = False,
    profile: bool = False,
) -> None:
    """Analyze, and print the summary. Exits with 2 if anything failed, on workers with 3 if only some did;
    with 3 also if a rule failed."""
    from fertool.cli.summary import summary
    from fertool.cli.terminal.progress import Plain
    from fertool.host.profile import profiled

    plain, several = Plain(), asked.workers is not None
    made = not Path(chosen.db).exists()
    with profiled() if profile else nullcontext() as watch:
        store, found = _analyzed(asked, chosen, options, plugins, plain, json=json)
        summary(store, found, json=json, lines=several, profile=watch)
    warn_of_refusals(store)
    if made and found.failed and not found.outcomes:
        store.discard()  # a typing error leaves no empty file behind
    for problem in found.problems:
        plain.warning(problem)
    if found.failed and several:
        plain.warning(f"to try again what failed: {retry(asked.given, found.failed)}")
    if found.failed and not (several and found.outcomes):
        raise typer.Exit(2)
    if found.failed or found.problems:
        raise typer.Exit(3)


def _analyzed(
    asked: Arguments,
    chosen: Settings,
    options: Sequence[str],
    plugins: Sequence[Path],
    plain: Plain,
    *,
    json: bool,
) -> tuple[Store, Concluded]:
    """The database, and what was analyzed into it. Exits with 130 where that is interrupted."""
    from fertool.cli.terminal.overall import whole
    from fertool.cli.terminal.progress import progress
    from fertool.host.profile import stage
    from fertool.workflows import analyze as workflow
    from fertool.workflows.plan import plan

    several = asked.workers is not None
    with stage("start-up"):
        todo = plan(asked, chosen, options, plugins, plain)
        store = open_store(todo.settings.db, create=True)
        bring_up_to_date(store, remind=False)
    with whole(json=json) if several else progress(quiet=json) as shown:
        try:
            measured = workflow.measure(todo, store, shown)
        except KeyboardInterrupt:
            shown.message("Stopped. What was measured is stored: run the same command again to go on.")
            raise typer.Exit(130) from None
    with stage("judge"):
        return store, workflow.conclude(todo, store, measured, plain)


def retry(given: Sequence[str], failed: Sequence[tuple[str, str]]) -> str:
    """The command again, for the recordings that failed alone; of a course.toml what is done is skipped.

    `given`: the recordings as they were given, which the command line held between its flags.
    """
    words = sys.argv[1:]
    if not any(word.endswith(".toml") for word in given):
        begin = words.index("analyze") + 1  # after flags such as -v
        rest = [word for word in words[begin:] if word not in given]
        words = [*words[:begin], *(what for what, _ in failed), *rest]
    return shlex.join(["fertool", *words])
