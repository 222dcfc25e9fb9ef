"""Reports: options from the settings, rendering, the entry in the audit, and warnings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fertool.workflows.audit import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fertool.assessment.segments import Region
    from fertool.config import Settings
    from fertool.privacy.names import Names
    from fertool.report.render import ReportOptions
    from fertool.storage.store import Store
    from fertool.workflows.reporter import Reporter

NO_SLIDE = "no picture of a slide: in no lecture are the segments slides, and moments to be shown"


def options(
    settings: Settings,
    *,
    lang: str,
    names: Names | None = None,
    plugins: Iterable[Path] = (),
    slides: bool = False,
) -> ReportOptions:
    """How reports are written under these settings, as pages. `plugins`: further files; `slides`: show the
    slide beside a moment, cut from the recording. Raises PluginError for a plugin that cannot be loaded."""
    from fertool.host import registry
    from fertool.report.render import ReportOptions

    return ReportOptions(
        names=names,
        k=settings.k,
        retention=settings.retention,
        lang=lang,
        registry=registry.load_plugins([*map(Path, settings.plugins), *plugins]),
        plugin_options=settings.options,
        slides=_cut if slides else None,
    )


def write(
    store: Store,
    out: Path,
    course: str | None,
    lecture: str | None,
    how: ReportOptions,
    reporter: Reporter,
) -> tuple[Path, bool]:
    """Write a report into the folder `out` and note it in the audit.

    Warnings of `reporter`: at how many places slides are shown, and which section of a plugin failed.
    Returns the path of `index.html`, or of the folder where there are no pages, and whether all sections
    were made. Raises FertoolError if there is nothing to report, or the folder holds something else.
    """
    from fertool.report.render import render

    notes: list[str] = []
    failures: list[str] = []
    index = render(store, out, course, lecture, replace(how, noted=notes.append, failed=failures.append))
    what = str(out.resolve()) + ("" if tuple(how.formats) == ("html",) else f" ({', '.join(how.formats)})")
    record(store, "report", course, what=what, lecture=lecture)
    if how.slides is not None and not notes:
        notes.append(NO_SLIDE)
    for line in (*notes, *failures):
        reporter.warning(line)
    return index, not failures


def _cut(
    path: Path, picture: Mapping[str, Any], times: Sequence[float], region: Region | None
) -> Mapping[float, bytes]:
    from fertool.assessment.segments.slides import pictures

    return pictures(path, picture, times, region)
