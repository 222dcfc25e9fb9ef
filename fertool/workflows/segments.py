"""Cut analyzed lectures into other segments. Only chapters and slides need the video."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fertool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool.storage.store import Store
    from fertool.types import LectureKey, Segment


def refuse_many(source: str, lectures: Sequence[LectureKey]) -> None:
    """Raise ConfigError for a bad source, and for a file that several lectures would share."""
    from fertool.assessment import segments

    segments.check(source)
    if segments.is_file(source) and len(lectures) > 1:
        names = ", ".join(name for _, name in lectures[:3])
        what = f"{source} describes one lecture, but {len(lectures)} are meant ({names}...)"
        raise ConfigError(what, "choose one with --course and --lecture")


def cut(
    store: Store,
    lectures: Sequence[LectureKey],
    source: str,
    difficulty: Mapping[str, str] | None = None,
) -> tuple[list[LectureKey], list[str]]:
    """Replace the segments of lectures; none is changed if the source is at fault. An empty source leaves
    them as they are. `difficulty`: of knowledge points, for segments that say only the point.

    Returns the lectures whose segments changed, and notes. Raises FertoolError for a source at fault.
    """
    from fertool.storage.tables import segment_table

    found, notes = {}, []
    for one in lectures:
        parts, remarks = _look(store, one, source)
        table = segment_table([_rated(part, difficulty or {}) for part in parts])
        if not table.equals(store.segments(*one)):
            found[one] = table
        notes += [f"{' / '.join(one)}: {remark}" for remark in remarks]
    for one, table in found.items():
        store.set_segments(*one, table, source or store.segment_source(*one))
    return list(found), notes


def _look(store: Store, one: LectureKey, source: str) -> tuple[list[Segment], list[str]]:
    from fertool.assessment import segments
    from fertool.media.display import View
    from fertool.media.remote import located
    from fertool.types import Segment

    if not source:
        return [Segment(*row) for row in store.segments(*one).iter_rows()], []
    films = [
        segments.Film(located(path), offset, View.of(picture))
        for path, offset, picture in store.recordings(*one)
    ]
    return segments.find(source, store.duration_s(*one), films)


def _rated(part: Segment, difficulty: Mapping[str, str]) -> Segment:
    return replace(part, difficulty=part.difficulty or difficulty.get(part.point, ""))
