"""Near-duplicate pictures, by perceptual hash.

A picture that was seen in training, in another size or another JPEG, measures memory and not skill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

if TYPE_CHECKING:
    from fertool.training.datasets.formats import Pixels

    Mask = npt.NDArray[np.bool_]
    Hashes = npt.NDArray[np.uint64]

SIDE = 8
"""Frequencies per direction: 8 x 8 give 64 bits."""
CELLS = 1 << 21
"""Pairs compared at a time: 16 MB of hashes."""
PICTURES = 1 << 10
"""Pictures hashed at a time."""


def near(a: Pixels, b: Pixels, bits: int = 4) -> Mask:
    """(len(a),) bool: which pictures of `a` have one in `b` whose hash differs in at most `bits` bits.

    Pictures as for `phash`; their sizes may differ, and either may be empty. Of FER2013's 3,589 `public`
    pictures 366 are near one of `train` at 4 bits, 433 at 6, 531 at 8. Of 24 pairs that were looked at for
    each distance, all of 3 to 6 bits were the same photograph in another cut; of 7 and 8 bits, 18 were.
    Mirrored copies are not looked for: there are 2.
    """
    return within(phash(a), phash(b), bits)


def within(a: Hashes, b: Hashes, bits: int) -> Mask:
    """(len(a),) bool: which hashes of `a` are at most `bits` bits from one of `b`.

    All pairs are compared, in blocks: 3,600 x 28,000 take half a second, in bounded memory.
    """
    found = np.zeros(len(a), np.bool_)
    rows = max(1, CELLS // max(1, len(b)))
    for start in range(0, len(a), rows):
        block = slice(start, start + rows)
        found[block] = (np.bitwise_count(a[block, None] ^ b[None, :]) <= bits).any(axis=1)
    return found


def phash(images: Pixels) -> Hashes:
    """(n,) uint64: the DCT hash of Zauner ("Implementation and benchmarking of perceptual image hash
    functions", 2010): which of the 8 x 8 lowest frequencies, without the constant ones, are above
    their median.

    Images (n, h, w) gray or (n, h, w, 3) BGR, uint8. The original first shrinks a picture to 32 x 32;
    the lowest frequencies of the whole picture are the same but for what shrinking blurs. They are
    rounded to whole numbers, so that a plain picture has the same hash whatever its gray.
    """
    if not len(images):
        return np.zeros(0, np.uint64)
    return np.concatenate(
        [_phash(images[start : start + PICTURES]) for start in range(0, len(images), PICTURES)]
    )


def _phash(images: Pixels) -> Hashes:
    down, across = _waves(images.shape[1]), _waves(images.shape[2])
    low = (down @ _gray(images) @ across.T).reshape(len(images), SIDE * SIDE)
    # Scaled as if a picture had 32 x 32 pixels: what rounding drops must not depend on its size.
    low = np.rint(low * (32 / np.sqrt(images.shape[1] * images.shape[2])))
    above = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(above, axis=1).view(np.uint64)[:, 0]


def _waves(length: int) -> npt.NDArray[np.float32]:
    """(8, length): rows 1 to 8 of the orthonormal DCT-II."""
    return np.asarray(fft.dct(np.eye(length), axis=0, norm="ortho")[1 : SIDE + 1], np.float32)


def _gray(images: Pixels) -> npt.NDArray[np.float32]:
    if images.ndim == 4:
        images = np.stack([np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)) for image in images])
    return images.astype(np.float32)
