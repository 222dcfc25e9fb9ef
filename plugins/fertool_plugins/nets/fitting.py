"""Pictures as input of detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fertool import Image

CELL = 32
"""Pixels of a cell of the coarsest maps of the detectors: sides of their input are multiples of it."""


def fitted(image: Image, long_side: int) -> tuple[npt.NDArray[np.float32], float]:
    """A picture as input of a detector, and its scale.

    It is scaled down until its longer side has `long_side` pixels, never up, and gets black below and to
    the right up to whole cells: (1, 3, h, w) float32 of 0 to 255, channels in the order of the picture.
    """
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    small: Image = image
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    rows, columns = small.shape[:2]
    net = np.zeros((1, 3, rows + -rows % CELL, columns + -columns % CELL), np.float32)
    net[0, :, :rows, :columns] = small.transpose(2, 0, 1)
    return net, scale
