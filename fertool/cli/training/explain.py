"""`fertool explain`: where classifiers looked, as a picture beside the face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal.counts import faces_shown
from fertool.cli.terminal.options import (
    Db,
    Options,
    PluginFiles,
    bring_up_to_date,
    open_store,
    settings,
)
from fertool.storage.student_labels import spelled
from fertool.workflows.audit import record

if TYPE_CHECKING:
    from fertool.workflows.explain import Asked, Face


def register(app: typer.Typer) -> None:
    """Add the command `explain`."""
    app.command(name="explain")(explain)


def explain(
    file: Annotated[
        Path, typer.Argument(help="A picture of one face, or with --at a recording.", metavar="FACE|VIDEO")
    ],
    at: Annotated[
        str | None,
        typer.Option("--at", help="Of an analyzed recording, at 90, 1:30 or h:mm:ss of it.", metavar="T"),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(
            "--student",
            help="Of all who are seen then, only this one, as `fertool students list` shows it.",
            metavar="S",
            callback=lambda label: label and spelled(label),
        ),
    ] = None,
    stream: Annotated[str, typer.Option("--stream", help="As for analyze, without all.", metavar="N")] = "",
    classifier: Annotated[
        str | None, typer.Option("--classifier", help="Or A+B+...: each of them.", metavar="NAME")
    ] = None,
    expression: Annotated[
        str | None,
        typer.Option(
            "--expression", help="What to explain.", show_default="the most probable one", metavar="LABEL"
        ),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option("--whole", help="The picture is nothing but a face, as in data sets: look for none."),
    ] = False,
    out: Annotated[Path, typer.Option("--out", help="The page.", metavar="FILE.html")] = Path(
        "fertool-explain.html"
    ),
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    option: Options = None,
    plugin: PluginFiles = None,
    policy: Annotated[
        str | None, typer.Option("--policy", help="As for analyze; behaviour: refused.", metavar="P")
    ] = None,
    db: Db = None,
) -> None:
    """Show which pixels of a face a classifier's answer rests on, as a page that holds the face.

    It does not say why a network answers so, nor what the person feels. Nothing of it is stored in the
    database; the audit says whose face of a recording was shown.
    """
    from fertool import files
    from fertool.errors import ConfigError
    from fertool.report import explanation
    from fertool.workflows import explain as workflow

    if at is None and (student or stream):
        what = f"{'--student' if student else '--stream'} is for a recording"
        raise ConfigError(what, "say when: --at 12:30")
    if at is not None and whole:
        raise ConfigError("--whole is for a picture, --at for a recording", "leave one out")
    if not out.parent.is_dir():
        raise ConfigError(f"--out: no folder {out.parent}", "make it first, or give another file")
    chosen = settings(classifier=classifier, policy=policy, db=db)
    asked = workflow.Asked(chosen, tuple(option or ()), tuple(plugin or ()))
    plugins = workflow.classifiers(asked, expression)
    if at is None:
        faces = [workflow.in_picture(asked, file, whole=whole)]
    else:
        faces = _in_recording(asked, file, at, student, stream)
    with faces_shown() as show:
        cards = workflow.explain(faces, plugins, expression, show)
    files.write(out, explanation.page(cards))
    for card in cards:
        for one in card.figures:
            said = one.reason or f"{one.label} {one.probabilities[one.label]:.1%}"
            print(f"{card.title}: {one.classifier}: {said}")
    print(out.resolve())
    if open_:
        import webbrowser

        webbrowser.open(out.resolve().as_uri())


def _in_recording(asked: Asked, video: Path, at: str, student: str | None, stream: str) -> list[Face]:
    """The faces at a moment, and a note in the audit that they are shown."""
    from fertool.errors import ConfigError
    from fertool.media.display import parse_stream
    from fertool.media.sampling import parse_time
    from fertool.workflows import explain as workflow

    at_s, number = parse_time(at), parse_stream(stream)
    if number is None:
        raise ConfigError(f"--stream {stream}: expected one stream", "all is for analyze")
    store = open_store(asked.settings.db)
    bring_up_to_date(store)
    moment = workflow.in_recording(store, asked, video, at_s, student, number)
    record(store, "explain", moment.course, moment.students, moment.where, moment.lecture)
    return moment.faces
