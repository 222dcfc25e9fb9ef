"""Faces of a data set, cut as `analyze` cuts those of a video (`--align`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fertool.host import validate
from fertool.types import Faces
from fertool.vision import crops

if TYPE_CHECKING:
    from fertool.contracts import Encoder
    from fertool.training.datasets.dataset import Dataset
    from fertool.training.datasets.formats import Pixels
    from fertool.types import Crop, Image

AT_ONCE = 64


def aligned(data: Dataset, encoder: Encoder, crop: Crop) -> Dataset:
    """The faces in the pictures of `data`, cut by the function that `analyze` uses, `crops.cut`.

    `encoder` is loaded. `crop` is the classifier's, whose channels `data` has; its `anchors` make a further
    plane.
    """
    images = np.empty((len(data), crop.size, crop.size, crop.planes), np.uint8)
    for start in range(0, len(data), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        frames = framed(data.images[some])
        cuts = [
            crops.cut(frame, face.boxes, face.landmarks, crop)
            for frame, face in zip(frames, found(frames, encoder), strict=True)
        ]
        images[some] = np.concatenate(cuts)
    return replace(data, images=images[..., 0] if crop.planes == 1 else images, uncut=data.images)


def framed(pictures: Pixels) -> list[Image]:
    """Square pictures, gray or BGR, each in the middle of a frame of three times its side.

    Its edge is repeated outwards: a frame goes on there, and black would be the picture's own doing.
    """
    side = pictures.shape[1]
    color = [one if one.ndim == 3 else cv2.cvtColor(one, cv2.COLOR_GRAY2BGR) for one in pictures]
    return [cv2.copyMakeBorder(one, side, side, side, side, cv2.BORDER_REPLICATE) for one in color]


def found(frames: list[Image], encoder: Encoder) -> list[Faces]:
    """The face of each frame that `framed` made, one or more: the picture is its box."""
    side = len(frames[0]) // 3
    box = np.array([[side, side, 2 * side, 2 * side]], np.float32)
    return validate.encode(encoder, frames, [Faces(box, np.ones(1, np.float32))] * len(frames))
