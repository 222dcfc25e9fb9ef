"""Faces of a data set cut by their eyes, as `analyze` cuts those of a video (option `Crop.align`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fertool import checks, crops
from fertool.types import Faces

if TYPE_CHECKING:
    from fertool.contracts import Encoder
    from fertool.training.adapters import Pixels
    from fertool.training.data import Dataset
    from fertool.types import Crop

AT_ONCE = 64


def aligned(data: Dataset, encoder: Encoder, crop: Crop) -> Dataset:
    """Every picture turned and scaled as its landmarks say; black where the picture has nothing to show.

    `encoder` is loaded and takes the whole picture for the box of the face. `crop` is the classifier's, whose
    size and channels `data` was loaded in; its `anchors` make a further plane. A picture whose landmarks fall
    into one point stays as it is.
    """
    images = np.empty((len(data), crop.size, crop.size, crop.planes), np.uint8)
    for start in range(0, len(data), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        images[some] = _cut(data.images[some], encoder, crop)
    return replace(data, images=images[..., 0] if crop.planes == 1 else images)


def _cut(images: Pixels, encoder: Encoder, crop: Crop) -> Pixels:
    colour = [image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) for image in images]
    whole = np.array([[0, 0, crop.size, crop.size]], np.float32)
    faces = [Faces(whole, np.ones(1, np.float32)) for _ in colour]
    found = checks.encode(encoder, colour, faces)
    return np.concatenate(
        [crops.cut(i, f.boxes, f.landmarks, crop) for i, f in zip(colour, found, strict=True)]
    )
