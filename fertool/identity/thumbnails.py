"""Thumbnails of faces, cut from the recordings again. Nothing of them is stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import polars as pl

from fertool.errors import VideoError
from fertool.media import probe
from fertool.media.decode import Samples
from fertool.media.display import View
from fertool.media.remote import located, size
from fertool.types import Crop
from fertool.vision import crops

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fertool.media.remote import File
    from fertool.types import Image

SHOWN = Crop(160, margin=0.3, align=False)
"""What is around a face helps people, unlike networks, to tell who it is."""
QUALITY = 85


def cut(wanted: pl.DataFrame) -> tuple[list[bytes | None], list[str]]:
    """A JPEG for every row of `Students.glimpses`, in its order, and notes on what could not be cut.

    None where a recording is not there any more, is another file by now, or cannot be decoded.
    """
    found: list[bytes | None] = [None] * len(wanted)
    notes: list[str] = []
    for (_,), rows in wanted.with_row_index("row").group_by("recording", maintain_order=True):
        name = rows["name"][0]
        try:
            pictures = _of_one(rows)
        except VideoError as error:
            notes.append(f"{name}: {error.message}")
            continue
        for row, picture in pictures.items():
            found[row] = picture
        if lost := len(rows) - len(pictures):
            notes.append(f"{name}: {lost} of {len(rows)} pictures could not be decoded")
    return found, notes


def _of_one(rows: pl.DataFrame) -> dict[int, bytes]:
    """Row -> JPEG, for the rows of one recording."""
    source = reopened(located(rows["path"][0]), json.loads(rows["picture"][0] or "{}"), rows["bytes"][0])
    at = rows.sort("time_s").partition_by("time_s", maintain_order=True)
    times = np.array([group["time_s"][0] for group in at], np.float64)
    found: dict[int, bytes] = {}
    for sample in Samples(source.path, source.index, times, view=source.view):
        group = at[sample.index]
        boxes = group.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32)
        faces = crops.cut(sample.image, boxes, None, SHOWN)
        found |= {row: jpeg(face) for row, face in zip(group["row"], faces, strict=True)}
    return found


def reopened(path: File, was: Mapping[str, Any], bytes_: int | None = None) -> probe.VideoInfo:
    """A recording that was analyzed before, with its pictures as they were then (`was`: `VideoInfo.picture`).

    Raises VideoError if it is not there, has not as many `bytes_` (where given), or shows others by now."""
    source = probe.probe(path, View.of(was))
    if bytes_ is not None and size(path) != bytes_:
        raise VideoError(f"{path}: is not the file that was analyzed")
    if source.picture != was:  # by a version that took stored pixels for those shown
        raise VideoError(f"{path}: its pictures are shown in another shape by now: analyze it again")
    return source


def jpeg(image: Image) -> bytes:
    """The file of a picture: (h, w, 3) uint8 BGR, or (h, w) gray."""
    done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise RuntimeError("OpenCV was built without JPEG")
    return bytes(content)
