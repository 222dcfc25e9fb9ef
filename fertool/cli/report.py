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
    form: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="html, pdf, csv, parquet, json, xapi; several with commas [default: html].",
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
    db: Db = None,
) -> None:
    """Render HTML pages that work anywhere, also from a USB stick without network, or tables and PDF."""
    from fertool import plugins
    from fertool.privacy import names as files
    from fertool.report.exports.write import chosen as formats
    from fertool.report.exports.xapi import HOME, address
    from fertool.report.render import render

    forms = formats(form or ["html"])
    base = address(home) if home else HOME
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
        formats=forms,
        home=base,
    )
    what = str(out.resolve()) + ("" if forms == ("html",) else f" ({', '.join(forms)})")
    record(chosen.db, "report", course, what=what, lecture=lecture)
    print(index)
    if show:
        import webbrowser

        webbrowser.open(index.resolve().as_uri())
