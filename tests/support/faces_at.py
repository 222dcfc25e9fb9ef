"""Pictures with faces whose boxes are known, made of a group photograph."""

from __future__ import annotations

from pathlib import Path

import cv2
import insightface
import numpy as np

HEADS = np.array(
    [[464, 270, 572, 413], [901, 55, 1005, 204], [55, 267, 160, 393],
     [1131, 271, 1226, 401], [746, 344, 848, 476], [271, 146, 368, 270]],
    np.float32,
)  # fmt: skip
"""The six faces of the photograph, brow to chin."""
GRAY = (60, 60, 60)


def photograph() -> np.ndarray:
    """(886, 1280, 3): insightface's picture of six people."""
    return cv2.imread(str(Path(insightface.__path__[0], "data", "images", "t1.jpg")))


def gallery(
    heights: tuple[float, float], seed: int = 0, tiles: tuple[int, int] = (5, 5)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A 1080p gallery view with a head in each of `tiles` (columns, rows), as high as one of `heights` in
    pixels: the picture, its (n, 4) faces, and those of neighbors, of which a part is in a tile: neither
    right nor wrong to find."""
    photo, rng = photograph(), np.random.default_rng(seed)
    view, faces, parts = np.full((1080, 1920, 3), 60, np.uint8), [], []
    columns, rows = tiles
    room = (1920 // columns - 4, 1080 // rows - 4)
    for i in range(columns * rows):
        x1, y1, x2, y2 = HEADS[i % len(HEADS)]
        scale = rng.uniform(*heights) / (y2 - y1)
        width, height = min(room[0], int(3 * (x2 - x1) * scale)), room[1]
        x = i % columns * (room[0] + 4) + (room[0] + 4 - width) // 2
        y = i // columns * (room[1] + 4) + 2
        shift = np.array([width, height]) / 2 - scale * np.array([x1 + x2, y1 + y2]) / 2
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        tile = cv2.warpAffine(photo, matrix, (width, height), flags=cv2.INTER_AREA)
        view[y : y + height, x : x + width] = tile
        everybody = HEADS * scale + np.tile(shift + np.array([x, y]), 2)
        inside = (everybody[:, 2:] > [x, y]) & (everybody[:, :2] < [x + width, y + height])
        faces.append(everybody[i % len(HEADS)])
        parts += [face for j, face in enumerate(everybody) if inside[j].all() and j != i % len(HEADS)]
    return view, np.array(faces, np.float32), np.array(parts, np.float32)


def close_up(person: int, share: float, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A frame of `size` (width, height) around a face as high as `share` of it, and the face's (4,) box."""
    width, height = size
    x1, y1, x2, y2 = HEADS[person]
    scale = share * height / (y2 - y1)
    shift = np.array([width, height]) / 2 - scale * np.array([x1 + x2, y1 + y2]) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    view = cv2.warpAffine(photograph(), matrix, size, flags=cv2.INTER_CUBIC, borderValue=GRAY)
    return view, HEADS[person] * scale + np.tile(shift, 2).astype(np.float32)
