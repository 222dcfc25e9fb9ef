"""The forms of a report, and how each is put into its folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fertool.errors import ConfigError
from fertool.report.exports import files, pdf, tables, xapi

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from fertool.report.exports.tables import Tables

FORMATS = ("html", "pdf", *files.WRITERS, "xapi")


def chosen(words: Iterable[str]) -> tuple[str, ...]:
    """`["csv,json", "html"]` -> formats, each once, in the order of FORMATS. Raises ConfigError."""
    asked = [word.strip().lower() for text in words for word in text.split(",")]
    if unknown := [word for word in asked if word not in FORMATS]:
        raise ConfigError(f"--format {unknown[0]!r}: no such format", f"known: {', '.join(FORMATS)}")
    return tuple(form for form in FORMATS if form in asked)


def write(
    folder: Path,
    formats: Collection[str],
    pages: Callable[[Path], None],
    lectures: Callable[[], Iterable[Tables]],
    names: Mapping[str, Mapping[str, str]],
    home: str = xapi.HOME,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """A report in all `formats` into an existing, empty folder.

    `pages` writes the site into a folder; `lectures` gives the tables of one lecture after another, under
    pseudonyms; `names`: course -> student -> what to show instead. Raises FertoolError if PDF cannot be made.
    """
    if "pdf" in formats:
        pdf.browser()  # before any work is done
    if "html" in formats:
        pages(folder)
    if "pdf" in formats:
        with tempfile.TemporaryDirectory(prefix="fertool-pages-") as work:
            site = folder if "html" in formats else Path(work)
            if site != folder:
                pages(site)
            pdf.write(site, folder, progress)
    if flat := [form for form in formats if form in files.WRITERS]:
        shown = (tables.named(one, names) for one in lectures())
        files.write(folder, tables.together(shown), flat)
    if "xapi" in formats:
        xapi.write(folder, lectures(), names, home)
