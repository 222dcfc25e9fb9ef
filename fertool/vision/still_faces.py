"""Faces that are still pictures, by the change of pixels over time. Pure cv2 and numpy.

A camera never shows the same twice: people breathe, light and sensor flicker. A picture shown in a meeting is
constant but for what the codec does. A frozen camera is, too, and shows nothing about anybody either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fertool.vision import boxes as geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.types import Floats, Image

EVERY_S = 1.0
"""Every face is looked at so often: from frame to frame, nobody changes much."""
SIDE = 32
"""Places are compared at this size: averaging takes most of the noise of camera and codec away."""
FINE = 4
"""Pixels across that are averaged into one, at least, where a place has as many. More cost time and change
nothing (a place of 800 x 1000 pixels: 3 ms against 0.2)."""
RIM = 0.2
"""Share of a box left out on every side: there it may show the neighboring tile."""
SAME_PLACE = 0.8
"""Overlap (IoU) with the box that a face had before, above which it is still in its place."""
STILL = 1.0
"""Change, in gray levels of 255, below which a place shows a picture. Measured, from second to second:
pictures in H.264 0.02 to 0.12 (0.8 at a keyframe of very poor quality), people 5 and more. Close-ups in
1080p: pictures at most 0.6, people 2 to 11, 7.8 in the median."""
LONG_S = 3.0
"""Shorter tracks are never taken for pictures: fewer than three looks could be one poor frame."""


@dataclass(slots=True)
class Watch:
    """Feed samples in order of time."""

    _last: dict[int, tuple[float, Floats, Floats]] = field(default_factory=dict)
    """Path -> when it was looked at, where, and what was seen there."""

    def update(self, time_s: float, image: Image, boxes: Floats, paths: Sequence[int]) -> Floats:
        """How much the place of each face has changed since its path was looked at last, a second before.

        `image` (H, W, 3) uint8 BGR, `boxes` (n, 4) pixels, `paths`: the path of each face; n may be 0.
        Returns (n,) mean changes in gray levels, NaN where the face came or moved, or was looked at just now.
        """
        changes = np.full(len(boxes), np.nan, np.float32)
        before = [self._last.get(path, (-np.inf, box, None)) for path, box in zip(paths, boxes, strict=True)]
        places = np.array([place for _, place, _ in before], np.float32).reshape(-1, 4)
        stayed = geometry.paired_iou(places, boxes) >= SAME_PLACE
        for face, (path, (then, place, shown_then)) in enumerate(zip(paths, before, strict=True)):
            if time_s - then < EVERY_S - 1e-6:
                continue
            place = place if stayed[face] else boxes[face]
            shown = _shown(image, place)
            if stayed[face] and shown_then is not None:
                changes[face] = cv2.norm(shown, shown_then, cv2.NORM_L1) / shown.size
            self._last[path] = (time_s, place, shown)
        return changes


def _shown(image: Image, box: Floats) -> Floats:
    """(SIDE, SIDE) gray levels of the inside of a place, around their mean: a dimmed light moves nothing."""
    height, width = image.shape[:2]
    rim = RIM * (box[2:] - box[:2])
    x1, y1, x2, y2 = np.rint([*(box[:2] + rim), *(box[2:] - rim)]).astype(int)
    part = image[max(y1, 0) : min(y2, height), max(x1, 0) : min(x2, width)]
    if not part.size:
        return np.zeros((SIDE, SIDE), np.float32)
    # Of a close-up every n-th pixel is enough, and of three planes the gray one.
    step = max(1, min(part.shape[:2]) // (FINE * SIDE))
    gray = cv2.cvtColor(np.ascontiguousarray(part[::step, ::step]), cv2.COLOR_BGR2GRAY)
    gray = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(gray - gray.mean(dtype=np.float32), np.float32)
