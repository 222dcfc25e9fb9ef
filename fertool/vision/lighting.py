"""Lighting normalization of faces, as in several papers. Pure: uint8 in, uint8 out.

Pictures are (n, h, w) or (n, h, w, 1) gray, or (n, h, w, 3) BGR, of which only the lightness (Y of YCrCb)
is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

    Change = Callable[[Pixels], Any]
    """(h, w) uint8 -> an array of the same shape and type (OpenCV's own types do not say so)."""

MIDDLE = 128.0
"""The mean gray, in the logarithm, of a picture whose light was normalized."""


def equalise(images: Pixels) -> Pixels:
    """Histogram equalization: every gray about equally often."""
    return _on_lightness(images, cv2.equalizeHist)


def clahe(images: Pixels, clip: float = 2.0, tiles: int = 4) -> Pixels:
    """Contrast-limited adaptive histogram equalization (Zuiderveld, 1994), in `tiles` x `tiles` parts."""
    return _on_lightness(images, cv2.createCLAHE(clip, (tiles, tiles)).apply)


def even_light(images: Pixels, diagonals: int = 3) -> Pixels:
    """Illumination normalization by DCT in the logarithm (Chen, Er and Wu, 2006).

    Light multiplies what a face reflects and changes slowly over it: in the logarithm it adds to the
    lowest frequencies. Those of the first `diagonals` of the DCT (u + v < diagonals) are set to zero, and
    the mean to that of a middle gray. The paper goes on with the logarithm; here it is undone, so that
    the result is a picture again. 0 changes the mean only.
    """

    def change(gray: Pixels) -> Pixels:
        spectrum = fft.dctn(np.log1p(gray.astype(np.float64)), norm="ortho")
        rows, columns = np.indices(gray.shape)
        spectrum[rows + columns < diagonals] = 0
        spectrum[0, 0] = np.log1p(MIDDLE) * np.sqrt(gray.size)
        lit = np.rint(np.expm1(fft.idctn(spectrum, norm="ortho")))
        return np.asarray(lit.clip(0, 255), np.uint8)

    return _on_lightness(images, change)


METHODS: dict[str, Callable[[Pixels], Pixels]] = {
    "equalise": equalise,
    "clahe": clahe,
    "dct": even_light,
}
"""By the name of the option."""


def _on_lightness(images: Pixels, change: Change) -> Pixels:
    changed = np.empty_like(images)
    for image, target in zip(images, changed, strict=True):
        if image.shape[2:] == (3,):
            parts = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
            parts[:, :, 0] = change(np.ascontiguousarray(parts[:, :, 0]))
            target[:] = cv2.cvtColor(parts, cv2.COLOR_YCrCb2BGR)
        else:
            target[:] = np.reshape(change(image.reshape(image.shape[:2])), image.shape)
    return changed
