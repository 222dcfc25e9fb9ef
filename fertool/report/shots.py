"""Pictures of slides for pages, as far as they show nobody. Nothing of them is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fertool.errors import VideoError
from fertool.report.data import insights, slides
from fertool.report.pages.site import Shot

if TYPE_CHECKING:
    from fertool.assessment.segments import Region
    from fertool.report.data.digest import Digest
    from fertool.report.pages.site import Site, Span
    from fertool.storage.store import Store

Cut = Callable[[Path, Mapping[str, Any], Sequence[float], "Region | None"], Mapping[float, bytes]]
"""As `segments.slides.pictures`."""


def take(store: Store, site: Site, one: Digest, cut: Cut) -> str:
    """Put pictures for the moments of a lecture into `site.shots`; returns a note on what there is, empty
    where nothing was to be shown."""
    found, wanted = slides.read(store, one.course, one.lecture), spans(one)
    if found is None or not wanted:
        return ""
    where = f"{one.course} / {one.lecture}"
    (run,) = (run for run in one.runs if run.run == found.run)
    path = next((file for file in site.files(run) if file.stat().st_size == found.bytes), None)
    if path is None:
        return f"{where}: no picture of a slide, the recording that was analyzed is not there"
    times = {span: time for span in wanted if (time := found.at(*span)) is not None}
    try:
        pictures = cut(path, run.config.get("picture", {}), sorted(set(times.values())), found.region)
    except VideoError as error:
        return f"{where}: no picture of a slide: {error.message}"
    shots = {
        span: Shot(time + found.offset_s, pictures[time]) for span, time in times.items() if time in pictures
    }
    site.shots[one.course, one.lecture] = shots
    note = f"{where}: pictures of slides at {len(shots)} of {len(wanted)} places"
    return note if len(shots) == len(wanted) else f"{note}; at the others a face may be in it"


def spans(one: Digest) -> list[Span]:
    """Intervals of which pages show the slide: moments, those of the class where most of each lies, and
    difficult segments."""
    hard = [(it["start_s"], it["end_s"]) for it in one.segments if one.is_hard(it["segment"])]
    again = insights.again(one, one.of_student(one.alone)) if one.alone else []
    moments = [*map(one.within, (*one.moments, *one.good_moments)), *((it.start_s, it.end_s) for it in again)]
    return sorted({*moments, *hard})
