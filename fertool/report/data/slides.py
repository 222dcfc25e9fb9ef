"""Times at which the picture of a slide shows nobody, from stored faces. Pure but for `read`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.assessment.segments import Region
    from fertool.storage.store import Store
    from fertool.types import Floats

NEAR_S = 5.0
"""Seconds before and after a face in which it may be there unseen: detectors miss one now and then."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is stored of a sample."""

    time_s: float
    """Of the recording."""
    uncertain: bool
    """Whether a face was there whose place is not stored: of somebody who refuses, say."""
    boxes: Floats
    """(n, 4) pixels of the faces whose place is stored, of everybody."""


@dataclass(frozen=True, slots=True)
class Slides:
    """The recording in which a lecture's segments were found as slides."""

    run: str
    """Its current run."""
    bytes: int
    """Its size when it was analyzed."""
    offset_s: float
    region: Region | None
    """Where slides are, in pixels of the frame as shown; None: the whole picture."""
    clear: tuple[float, ...]
    """`clear` of its samples."""

    def at(self, start_s: float, end_s: float) -> float | None:
        """The first instant of an interval of the lecture, in seconds of the recording, that may be shown."""
        inside = (time for time in self.clear if start_s <= time + self.offset_s < end_s)
        return next(inside, None)


def read(store: Store, course: str, lecture: str) -> Slides | None:
    """None where the lecture's segments are not slides."""
    source, _, details = store.segment_source(course, lecture).partition(":")
    if source != "slides":
        return None
    from fertool.assessment import segments  # a report without slides needs no video

    region = segments.region(details)
    # The first one, as when slides were looked for.
    first = store.analyses(course).filter(pl.col("lecture") == lecture).row(0, named=True)
    recording = first["recording"]
    faces = store.faces([recording])
    boxes = {
        time: rows.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32)
        for (time,), rows in faces.partition_by("time_s", as_dict=True).items()
    }
    nothing = np.zeros((0, 4), np.float32)
    looks = []
    samples = store.samples(course, lecture).filter(pl.col("recording") == recording)
    for time, count, dropped in samples.select("time_s", "faces", "dropped").iter_rows():
        stored = boxes.get(time, nothing)
        looks.append(Look(time, bool(dropped) or count != len(stored), stored))
    return Slides(first["run"], first["bytes"], first["offset_s"], region, clear(looks, region))


def clear(looks: Sequence[Look], region: Region | None) -> tuple[float, ...]:
    """Times of the samples, given in order, at and near which nobody can be in the region: all faces are
    stored, and none of them, with half its size around it, meets the region. Near are the samples within
    `NEAR_S`, at least the one before and the one after."""
    times = np.array([one.time_s for one in looks])
    doubtful = np.array([one.uncertain or _meets(one.boxes, region) for one in looks], np.bool_)
    kept = ~doubtful
    kept[1:] &= ~doubtful[:-1]
    kept[:-1] &= ~doubtful[1:]
    for time in times[doubtful]:
        kept &= np.abs(times - time) > NEAR_S
    return tuple(times[kept].tolist())


def _meets(boxes: Floats, region: Region | None) -> bool:
    if region is None or not len(boxes):
        return bool(len(boxes))
    from fertool.vision.tracking import enlarge

    x1, y1, x2, y2 = enlarge(boxes).T
    left, top, right, bottom = region
    return bool(((x1 < right) & (x2 > left) & (y1 < bottom) & (y2 > top)).any())
