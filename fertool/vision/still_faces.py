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
RIM = 0.2
"""Share of a box left out on every side: there it may show the neighboring tile."""
SAME_PLACE = 0.8
"""Overlap (IoU) with the box that a face had before, above which it is still in its place."""
STILL = 1.0
"""Change, in gray levels of 255, below which a place shows a picture. Measured, from second to second:
pictures in H.264 0.02 to 0.12 (0.8 at a keyframe of very poor quality), people 5 and more."""
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
        for face, (box, path) in enumerate(zip(boxes, paths, strict=True)):
            then, place, before = self._last.get(path, (-np.inf, box, None))
            if time_s - then < EVERY_S - 1e-6:
                continue
            stayed = geometry.iou(place[None], box[None])[0, 0] >= SAME_PLACE
            shown = _shown(image, place if stayed else box)
            if stayed and before is not None:
                changes[face] = np.abs(shown - before).mean()
            self._last[path] = (time_s, place if stayed else box, shown)
        return changes


def _shown(image: Image, box: Floats) -> Floats:
    """(SIDE, SIDE) gray levels of the inside of a place, around their mean: a dimmed light moves nothing."""
    height, width = image.shape[:2]
    rim = RIM * (box[2:] - box[:2])
    x1, y1, x2, y2 = np.rint([*(box[:2] + rim), *(box[2:] - rim)]).astype(int)
    part = image[max(y1, 0) : min(y2, height), max(x1, 0) : min(x2, width)]
    if not part.size:
        return np.zeros((SIDE, SIDE), np.float32)
    gray = cv2.cvtColor(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return np.asarray(gray - gray.mean(dtype=np.float32), np.float32)
