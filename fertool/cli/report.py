"""`fertool report`: stored tables as HTML."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal.names import read_names
from fertool.cli.terminal.options import (
    Courses,
    Db,
    Lecture,
    NamesFile,
    PluginFiles,
    bring_up_to_date,
    narrowed,
    open_store,
    settings,
)
from fertool.cli.terminal.progress import Plain, steps
from fertool.workflows.audit import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from fertool.storage.store import Store


def register(app: typer.Typer) -> None:
    """Add the command `report`."""
    app.command(name="report")(report)


def report(
    course: Courses = None,
    lecture: Lecture = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for it.", show_default="fertool-report", metavar="DIR"),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    names: NamesFile = None,
    k: Annotated[
        int | None,
        typer.Option("--k", help="Show no figure about fewer students.", show_default="5", metavar="N"),
    ] = None,
    form: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="html, pdf, csv, parquet, json, xapi; several with commas.",
            show_default="html",
            metavar="FORMATS",
        ),
    ] = None,
    home: Annotated[
        str | None,
        typer.Option("--home", help="xapi: the address under which you name things.", metavar="URL"),
    ] = None,
    lang: Annotated[
        str, typer.Option("--lang", help="Language of the pages: en or de.", metavar="CODE")
    ] = "en",
    slides: Annotated[
        bool,
        typer.Option(
            "--slides",
            help="Show the slide beside each moment, cut from the recording; none where a face may be in it.",
        ),
    ] = False,
    plugin: PluginFiles = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show it here, up to date, until Ctrl-C; nothing is written.")
    ] = False,
    port: Annotated[
        int, typer.Option("--port", help="For --serve.", show_default="a free one", min=0, max=65535)
    ] = 0,
    db: Db = None,
) -> None:
    """Render HTML pages that work anywhere, also from a USB stick without network, or tables and PDF."""
    from fertool.errors import ConfigError
    from fertool.report.exports.write import chosen as formats
    from fertool.report.exports.xapi import HOME, address
    from fertool.report.render import render
    from fertool.workflows import report as workflow

    course = narrowed(course)
    forms = formats(form or ["html"])
    if serve and (forms != ("html",) or out is not None):
        raise ConfigError("--serve shows pages and writes nothing", "leave out --format and --out")
    known = read_names(names)
    chosen = settings(db=db, k=k)
    how = workflow.options(chosen, lang=lang, names=known, plugins=plugin or [], slides=slides)
    if serve:
        store = open_store(chosen.db, read_only=True)
        bring_up_to_date(store)
        build = partial(render, store, course=course, lecture=lecture, options=how)
        _serve(build, store, course, lecture, port, show)
        return
    store, folder = open_store(chosen.db), out or Path("fertool-report")
    bring_up_to_date(store)
    with steps() as step:
        how = replace(how, formats=forms, home=address(home) if home else HOME, progress=step)
        index, whole = workflow.write(store, folder, course, lecture, how, Plain())
    print(index)
    if show:
        import webbrowser

        webbrowser.open(index.resolve().as_uri())
    if not whole:
        raise typer.Exit(3)


def _serve(
    build: Callable[[Path], Path],
    store: Store,
    course: str | None,
    lecture: str | None,
    port: int,
    show: bool,
) -> None:
    """Until Ctrl-C."""
    from fertool.report.serve import Preview

    record(store, "report", course, what="--serve", lecture=lecture)
    say = partial(print, "fertool:", file=sys.stderr)
    preview = Preview(build, store.database.path, port, say)
    print(preview.address, flush=True)
    if show:
        import webbrowser

        webbrowser.open(preview.address)
    preview.run()
