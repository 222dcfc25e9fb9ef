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

    Doubles = npt.NDArray[np.float64]
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


def isotropic(images: Pixels, reach: float = 1 / 6) -> Pixels:
    """Illumination normalization by isotropic diffusion (Gross and Brajovic, AVBPA 2003, with their weight
    rho = 1; compared for faces by Heusch, Cardinaux and Marcel, IDIAP-Com 05-03, 2005).

    A picture is the product of the light and of what the face reflects. The light is `illumination`; the
    picture over the light, times a middle gray, is what is left. `reach`: as of `illumination`.
    """

    def change(gray: Pixels) -> Pixels:
        bright = gray.astype(np.float64) + 1  # black has a logarithm, and a quotient, too
        left = np.rint(bright / illumination(bright, reach) * (MIDDLE + 1) - 1)
        return np.asarray(left.clip(0, 255), np.uint8)

    return _on_lightness(images, change)


def illumination(gray: Doubles, reach: float) -> Doubles:
    """(h, w) -> (h, w) float64: the light L that minimizes, summed over the picture, (L - gray)^2 +
    lambda |grad L|^2 (Gross and Brajovic 2003, with rho = 1).

    Its Euler-Lagrange equation, L - lambda laplacian(L) = gray without flow across the border, is one
    implicit step of isotropic diffusion. Cosines are the eigenvectors of this Laplacian, so the DCT solves
    it exactly: frequency (u, v) is divided by 1 + lambda (4 - 2 cos(pi u / h) - 2 cos(pi v / w)).
    lambda = (reach * shorter side)^2, so that the result does not depend on how many pixels a face has; what
    is smaller than about `reach` of the side counts as the face's. 0 gives the picture itself.
    """
    stiffness = (reach * min(gray.shape)) ** 2
    down, across = (2 - 2 * np.cos(np.pi * np.arange(n) / n) for n in gray.shape)
    spectrum = fft.dctn(gray, norm="ortho")
    return np.asarray(fft.idctn(spectrum / (1 + stiffness * (down[:, None] + across)), norm="ortho"))


METHODS: dict[str, Callable[[Pixels], Pixels]] = {
    "equalise": equalise,
    "clahe": clahe,
    "dct": even_light,
    "isotropic": isotropic,
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
