"""`fertool blur`: a copy of a recording without faces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal.options import (
    Course,
    Db,
    Options,
    PluginFiles,
    bring_up_to_date,
    open_store,
    settings,
)
from fertool.workflows.audit import record

if TYPE_CHECKING:
    from fertool.config import Settings
    from fertool.host.toolbox import Toolbox
    from fertool.privacy.consent_gate import Gate


def register(app: typer.Typer) -> None:
    """Add the command `blur`."""
    app.command(name="blur")(blur)


def blur(
    video: Annotated[Path, typer.Argument(help="The recording.", metavar="VIDEO")],
    out: Annotated[Path, typer.Option("--out", help="The copy; the suffix says its format.", metavar="FILE")],
    keep: Annotated[
        str,
        typer.Option("--keep", help="none, or consenting: students of --course with consent in force."),
    ] = "none",
    step: Annotated[
        int, typer.Option("--step", help="Look for faces in every N-th frame.", metavar="N", min=1)
    ] = 5,
    rotate: Annotated[
        str, typer.Option("--rotate", help="As for analyze, without auto.", metavar="DEG")
    ] = "",
    stream: Annotated[str, typer.Option("--stream", help="As for analyze, without all.", metavar="N")] = "",
    course: Course = None,
    detector: Annotated[
        str, typer.Option("--detector", help="As for analyze; this one misses least.", metavar="NAME")
    ] = "centerface",
    option: Options = None,
    plugin: PluginFiles = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, cuda or mps.", metavar="D")
    ] = None,
    db: Db = None,
) -> None:
    """Write a copy with faces blurred in every frame and the sound as it was, for sharing.

    Look at the copy before you share it: a face that the detector does not see is not blurred, and voices,
    names on the screen and rooms are as they were.
    """
    from fertool.cli.terminal.progress import progress
    from fertool.errors import ConfigError
    from fertool.host import toolbox
    from fertool.identity import enrollment
    from fertool.media import probe as videos
    from fertool.media.display import View, parse_rotate, parse_stream
    from fertool.privacy import blur as blurring

    if keep not in ("none", "consenting"):
        raise ConfigError(f"--keep: expected none or consenting, got {keep!r}")
    number, turn = parse_stream(stream), parse_rotate(rotate)
    if number is None or turn is None:
        what = f"--stream {stream or 1}, --rotate {rotate or 0}: expected one stream, turned by degrees"
        raise ConfigError(what, "all and auto are for analyze")
    view = View(number, turn)
    chosen = settings(course=course, detector=detector, policy="behaviour", device=device, db=db)
    tools = toolbox.toolbox(chosen, option or [], plugin or [])
    gate = _gate(chosen, tools, video) if keep == "consenting" else None
    source = videos.probe(video, view)
    engine = enrollment.engine(tools, toolbox.device(chosen.device))
    look = blurring.everybody(engine) if gate is None else blurring.strangers(engine, gate)
    with progress() as shown:
        shown.video(video)
        for text in source.warnings:
            shown.message(f"{video}: {text}")
        shown.started(len(source.index.times), 0)
        frames = blurring.blur(video, out, look, shown.advanced, step, source.view)
    print(f"{out}: {frames} frames")


def _gate(chosen: Settings, tools: Toolbox, video: Path) -> Gate:
    """Whose faces may stay, and a note in the audit that they were compared."""
    from fertool.analysis import pipeline
    from fertool.analysis.request import Request

    store = open_store(chosen.db)
    bring_up_to_date(store)
    gate = pipeline.gate(store, Request(chosen.course, "", tools, consent="required"))
    assert gate is not None  # where consent is required, there is one
    pictures = store.students.enrolled(chosen.course, model=tools.model)
    record(
        store, "blur", chosen.course, store.consents.consenting(chosen.course) & pictures.keys(), str(video)
    )
    return gate
