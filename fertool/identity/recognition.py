"""Recognition of numbered students by pictures that were enrolled later.

By the rule of `linking`, and as sure as there. So another analysis has the same result; but that takes
video, and this does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from fertool.identity import matching

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fertool.storage.students import Students


def recognize(
    roster: Students,
    course: str,
    enrolled: Collection[str],
    *,
    model: str,
    limit: float,
    named: Collection[str],
) -> tuple[dict[str, str], int]:
    """Numbered student -> who of `enrolled` that is, and how many numbered students were asked about.

    `model` made the pictures' embeddings, `limit` is its `same_person`; `named`: numbers that have a name
    elsewhere, which is a decision too. A student seen in a recording already is no other person there: a
    lecturer may have said so, and what a second look is worth, only a new analysis can tell.
    """
    numbered = roster.numbered(course, model=model)
    asked = {*numbered["student"]} - {*named}
    tracks = numbered.filter(pl.col("student").is_in(asked)).drop_nulls("embedding")
    tracks_of = tracks.partition_by("student", maintain_order=True, as_dict=True)
    faces = [np.array(rows["embedding"].to_list(), np.float32) for rows in tracks_of.values()]
    known = roster.prototypes(course, model=model) | roster.enrolled(course, model=model)
    others = {label: rows for label, rows in known.items() if label not in asked}
    found = matching.assign(faces, together(list(tracks_of.values())), others, limit)
    likely = {*enrolled}.intersection(found)
    seen_in = {label: roster.recordings(course, label) for label in likely}
    recognized = {
        number: label
        for ((number,), rows), label in zip(tracks_of.items(), found, strict=True)
        if label in seen_in and seen_in[label].isdisjoint(rows["recording"])
    }
    return recognized, len(asked)


def together(people: Sequence[pl.DataFrame]) -> matching.Bools:
    """(n, n): were two people seen at the same time in any recording? `people`: recording, first_s, last_s of
    the tracks of each."""
    table = np.zeros((len(people), len(people)), bool)
    for recording in {name for rows in people for name in rows["recording"]}:
        spans = [rows.filter(recording=recording).select("first_s", "last_s").to_numpy() for rows in people]
        ends = np.cumsum([len(one) for one in spans])
        table |= matching.seen_together(np.concatenate(spans), np.split(np.arange(ends[-1]), ends[:-1]))
    return table
