"""`fertool report`: what is stored, as HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fertool.cli.common import Course, Db, Lecture, NamesFile, open_store, passphrase, settings
from fertool.cli.custody import record


def register(app: typer.Typer) -> None:
    app.command(name="report")(report)


def report(
    course: Course = None,
    lecture: Lecture = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the pages.", metavar="DIR")] = Path(
        "fertool-report"
    ),
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    names: NamesFile = None,
    k: Annotated[
        int | None,
        typer.Option("--k", help="Show no figure about fewer students [default: 5].", metavar="N"),
    ] = None,
    lang: Annotated[
        str, typer.Option("--lang", help="Language of the pages: en or de.", metavar="CODE")
    ] = "en",
    db: Db = None,
) -> None:
    """Render HTML pages that work anywhere, also from a USB stick without network."""
    from fertool import plugins
    from fertool.privacy import names as files
    from fertool.report.render import render

    known = files.load(names, passphrase()) if names else None
    chosen = settings(db=db, k=k)
    store = open_store(chosen.db)
    index = render(
        store,
        out,
        course,
        lecture,
        names=known,
        k=chosen.k,
        retention=chosen.retention,
        lang=lang,
        registry=plugins.load(map(Path, chosen.plugins)),
    )
    record(chosen.db, "report", course, what=str(index.parent), lecture=lecture)
    print(index)
    if show:
        import webbrowser

        webbrowser.open(index.resolve().as_uri())
