"""Geometry of face boxes: x1, y1, x2, y2 in pixels. Pure numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from fertool.types import Floats

    Indices = npt.NDArray[np.intp]


def areas(boxes: Floats) -> Floats:
    """(..., 4) boxes -> (...) areas in square pixels; 0 for a box turned inside out."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def intersections(a: Floats, b: Floats) -> Floats:
    """Boxes in two arrays (..., 4), broadcast against each other -> (...) square pixels that they share."""
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    return np.asarray(np.prod(np.maximum(high - low, 0), axis=-1))


def iou(a: Floats, b: Floats) -> Floats:
    """(n, 4) and (m, 4) boxes -> (n, m) intersection over union in 0..1, of each with each.

    0 where both are empty. n or m may be 0.
    """
    return np.asarray(paired_iou(a[:, None], b[None]), np.float32)


def paired_iou(a: Floats, b: Floats) -> Floats:
    """(n, 4) and (n, 4) boxes -> (n,) intersection over union of each with its partner; see `iou`."""
    common = intersections(a, b)
    union = areas(a) + areas(b) - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0))


def nms(boxes: Floats, scores: Floats, iou_threshold: float) -> Indices:
    """Greedy non-maximum suppression: indices of the kept boxes, best score first.

    A box is dropped when it overlaps a better kept one by more than `iou_threshold`. Of equal
    scores the one listed first is better, so that the same input always keeps the same boxes.
    Boxes (n, 4), scores (n,); n may be 0.
    """
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[iou(boxes[best : best + 1], boxes[left])[0] <= iou_threshold]
    return np.array(kept, np.intp)


def nested(boxes: Floats, share: float) -> npt.NDArray[np.bool_]:
    """(n, 4) boxes, best first -> (n,): whether more than `share` of it lies in a better one, or of a better
    one in it."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=2)
    size = areas(boxes)
    smaller = np.maximum(np.minimum(size[:, None], size), 1e-6)
    return np.asarray(np.tril(common / smaller > share, -1).any(axis=1))
