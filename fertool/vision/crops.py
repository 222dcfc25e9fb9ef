"""Crops of faces, at the place and size that a network expects. Pure: cv2 and numpy.

Pixel convention: crop pixel (u, v) shows the frame at origin + scale * (u, v), without the half-pixel
shift of `cv2.resize`. That is the legacy bilinear resize of TensorFlow 1, with which the face-api
networks were trained; the other convention moves their landmarks by 0.5 % of the box.

Faces larger than the crop are sampled, not averaged, so they alias a little. The networks were trained
and published with exactly this sampling: smoothing first would show them pictures they do not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from fertool.types import Crop, Floats, Image

    Doubles = npt.NDArray[np.float64]
    Matrices = Doubles
    """(n, 2, 3): crop pixels -> frame pixels."""

EYES_TO_MOUTH = 0.45
"""Mean distance from an eye to the mouth, as a share of the side of the aligned square:
`relScale` in `FaceLandmarks.alignDlib` of face-api.js; relX and relY there are the default `Crop.center`."""
SAMPLING = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


def cut(image: Image, boxes: Floats, landmarks: Floats | None, crop: Crop) -> npt.NDArray[np.uint8]:
    """The faces of one frame as (n, size, size, planes) uint8, BGR or gray; black outside the frame.

    `image` (H, W, 3) uint8 BGR; `boxes` (n, 4) pixels; `landmarks` (n, 68 | 5, 2) pixels or None.
    n may be 0. The geometry is that of `matrices`.
    """
    crops = np.zeros((len(boxes), crop.size, crop.size, crop.planes), np.uint8)
    maps = matrices(boxes, landmarks, crop)
    for face, matrix in zip(crops[..., : crop.channels], maps, strict=True):
        bgr = cv2.warpAffine(
            image, matrix, (crop.size, crop.size), flags=SAMPLING[crop.sampling] | cv2.WARP_INVERSE_MAP
        )
        face[:] = bgr if crop.channels == 3 else cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)[:, :, None]
    if crop.anchors and landmarks is not None:
        for face, points in zip(crops[..., crop.channels], to_crop(landmarks, maps), strict=True):
            face[:] = _nearness(points, crop)
    return crops


def _nearness(points: Doubles, crop: Crop) -> npt.NDArray[np.uint8]:
    """(k, 2) landmarks in crop pixels -> (size, size): the plane that `Crop.anchors` describes."""
    if crop.anchor_points and len(points) == 68:
        points = points[list(crop.anchor_points)]
    known = points[np.isfinite(points).all(axis=1)]
    pixels = np.arange(crop.size)
    across = (pixels[:, None] - known[:, 0]) ** 2  # (size, k)
    down = (pixels[:, None] - known[:, 1]) ** 2
    squared = (down[:, None] + across[None]).min(axis=2, initial=np.inf)
    return np.asarray(np.rint(255 * np.exp(-squared / (2 * (crop.anchors * crop.size) ** 2))), np.uint8)


def matrices(boxes: Floats, landmarks: Floats | None, crop: Crop) -> Matrices:
    """(n, 2, 3) float64 affine maps from crop pixels to frame pixels.

    Not aligned, or without landmarks: the square around the center of the box with its longer side.
    Aligned: a square around eyes and mouth, turned so that the eye line is level, in which their middle lies
    at `crop.center`. A face whose landmarks are not finite, fall into one point or lie too close together
    (`crop.least_side`) is cut by its box. `crop.margin` is then added on every side, as a share of the side.
    """
    centers = (boxes[:, :2] + boxes[:, 2:]).astype(np.float64) / 2
    sides = np.max(boxes[:, 2:] - boxes[:, :2], axis=1).astype(np.float64)
    angles = np.zeros(len(boxes))
    anchors = np.full((len(boxes), 2), 0.5)
    if crop.align and landmarks is not None:
        eyes_, mouth = eyes(landmarks), _mouth(landmarks)
        to_mouth = np.linalg.norm(mouth[:, None] - eyes_, axis=2).mean(axis=1)
        aligned = to_mouth / EYES_TO_MOUTH
        usable = np.isfinite(aligned) & (aligned > 0) & (aligned >= crop.least_side * sides)
        centers[usable] = (eyes_.sum(axis=1) + mouth)[usable] / 3
        sides[usable] = aligned[usable]
        right, down = (eyes_[:, 1] - eyes_[:, 0])[usable].T
        angles[usable] = np.arctan2(down, right)
        anchors[usable] = crop.center
    return _similarity(centers, sides, angles, anchors, crop)


def sides(boxes: Floats, landmarks: Floats | None, crop: Crop) -> Doubles:
    """(n,) float64 sides, in frame pixels, of the squares that `cut` shows; its arguments."""
    return np.asarray(np.linalg.norm(matrices(boxes, landmarks, crop)[:, :, 0], axis=1) * crop.size)


def _similarity(centers: Doubles, sides: Doubles, angles: Doubles, anchors: Doubles, crop: Crop) -> Matrices:
    """Squares of `sides` pixels turned by `angles`, `centers` at the share `anchors` of each; plus margin."""
    cos, sin = np.cos(angles), np.sin(angles)
    turn = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    origin = np.einsum("nij,nj->ni", turn, -(anchors + crop.margin) * sides[:, None]) + centers
    scale = sides * (1 + 2 * crop.margin) / crop.size
    return np.concatenate([turn * scale[:, None, None], origin[:, :, None]], axis=2)


def to_frame(points: Floats, matrices: Matrices) -> Floats:
    """(n, k, 2) points in crop pixels -> (n, k, 2) float32 in frame pixels; inverse of what `cut` did."""
    turned = np.einsum("nij,nkj->nki", matrices[:, :, :2], points)
    return np.asarray(turned + matrices[:, None, :, 2], np.float32)


def to_crop(points: Floats, matrices: Matrices) -> Doubles:
    """(n, k, 2) points in frame pixels -> (n, k, 2) in crop pixels; the inverse of `to_frame`."""
    moved = points - matrices[:, None, :, 2]
    return np.asarray(np.einsum("nij,nkj->nki", np.linalg.inv(matrices[:, :, :2]), moved))


def eyes(landmarks: Floats) -> Doubles:
    """(n, 68 | 5, 2) landmarks -> (n, 2, 2) centers of the right and the left eye, "right" as in `Faces`."""
    if landmarks.shape[1] == 5:
        return landmarks[:, :2].astype(np.float64)
    if landmarks.shape[1] != 68:
        raise ValueError(f"expected 5 or 68 landmarks a face, found {landmarks.shape[1]}")
    outlines = landmarks[:, 36:48].reshape(-1, 2, 6, 2)
    return np.asarray(outlines.mean(axis=2, dtype=np.float64))


def _mouth(landmarks: Floats) -> Doubles:
    """(n, 68 | 5, 2) landmarks -> (n, 2) center of the mouth."""
    lips = landmarks[:, 3:5] if landmarks.shape[1] == 5 else landmarks[:, 48:68]
    return np.asarray(lips.mean(axis=1, dtype=np.float64))
