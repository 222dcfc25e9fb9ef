"""Refresh of reports written before, when a student leaves the database."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from fertool.errors import FertoolError
from fertool.report.render import MARKER, ReportOptions, render, written_as, written_in

if TYPE_CHECKING:
    from fertool.storage.audit import ReportSite
    from fertool.storage.store import Store


def refresh(store: Store, course: str | None = None, *, retention: str = "") -> list[str]:
    """Render the known reports of a course (or of all) again; what became of each, in a sentence.

    Names are not put back in, since they need a passphrase. A report with nothing left to say is deleted; a
    folder that is no report any more is left alone and forgotten.
    """
    return [_refresh(store, site, retention) for site in store.audit.sites(course)]


def _refresh(store: Store, site: ReportSite, retention: str) -> str:
    if not (site.path / MARKER).is_file():
        store.audit.drop_site(site.path)
        return f"{site.path}: no report there any more"
    if not store.lectures(site.course, site.lecture):
        shutil.rmtree(site.path)
        store.audit.drop_site(site.path)
        return f"{site.path}: deleted, nothing is left to report"
    try:
        lang, formats = written_in(site.path), written_as(site.path)
        options = ReportOptions(k=site.k or 1, retention=retention, lang=lang, formats=formats)
        render(store, site.path, site.course, site.lecture, options)
    except FertoolError as error:
        return f"{site.path}: NOT rendered again, delete it yourself: {error}"
    return f"{site.path}: rendered again"
