"""Embeddings of the pictures of a roster, and the reason where a picture is unfit.

A bad picture does more harm than none: people who look like it would be taken for that student. So a
picture must show one face, large, frontal and sharp.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fertool.host import guard
from fertool.host.inference import Engine
from fertool.types import Crop, Sample
from fertool.vision import crops

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fertool.host.toolbox import Toolbox
    from fertool.types import Faces, Floats, Image

MIN_SIDE_PX = 60.0
MAX_YAW_DEG = 40.0
MIN_SHARPNESS = 8.0
"""Variance of the Laplacian of the aligned face. Blurring seven portraits step by step, the embedding moved
0.24 or further (half of the encoder's `same_person`) below 8, at most 0.31 between 8 and 16, and past
`same_person` below 4; sharp ones measure 36 to 332."""
MAX_PICTURE_PX = 1600
"""Longer side of what the detector is shown; cameras make five times that."""

_GRAY = Crop(112, channels=1)


@dataclass(frozen=True, slots=True)
class RosterPicture:
    """What became of one picture: an embedding or the reason why there is none."""

    path: Path
    sha256: str = ""
    embedding: Floats | None = None
    """(d,) float32 of unit length."""
    reason: str = ""
    """Empty if the picture is fit."""


def engine(tools: Toolbox, device: str) -> Engine:
    """Detector and encoder, loaded; no expression is read from a picture of a roster."""
    for plugged in (tools.detector, tools.encoder):
        guard.load(plugged.plugin, device)
    return Engine(tools.detector.plugin, tools.encoder.plugin, None)


def look(engine: Engine, path: Path) -> RosterPicture:
    """Judge one picture file. Never raises for what is in the file, or for a file that is not there."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return RosterPicture(path, reason=f"cannot be read: {error.strerror}")
    sha256 = hashlib.sha256(content).hexdigest()
    image = decoded(content)
    if image is None:
        return RosterPicture(path, sha256, reason="is not a picture")
    faces = engine.look([Sample(0, 0.0, image)])[0].faces
    if reason := unfit(image, faces):
        return RosterPicture(path, sha256, reason=reason)
    return RosterPicture(path, sha256, _embed(engine, image, faces))


def unfit(image: Image, faces: Faces) -> str:
    """Why a picture is no good for telling a student, or an empty string.

    `image` (H, W, 3) uint8 BGR; `faces` with landmarks and pose.
    """
    if len(faces) != 1:
        return f"shows {len(faces)} faces, expected one" if len(faces) else "shows no face"
    side = float((faces.boxes[0, 2:] - faces.boxes[0, :2]).min())
    if side < MIN_SIDE_PX:
        return f"the face is {side:.0f} px wide, expected at least {MIN_SIDE_PX:.0f}"
    yaw = float("nan") if faces.pose_deg is None else float(faces.pose_deg[0, 0])
    if np.isnan(yaw):
        return "head pose could not be measured, expected a frontal face"
    if abs(yaw) >= MAX_YAW_DEG:
        return f"the face is turned away by {abs(yaw):.0f} degrees, expected less than {MAX_YAW_DEG:.0f}"
    sharp = sharpness(image, faces)
    if sharp < MIN_SHARPNESS:
        return f"is blurred: sharpness {sharp:.1f}, expected at least {MIN_SHARPNESS:.0f}"
    return ""


def sharpness(image: Image, faces: Faces) -> float:
    """Variance of the Laplacian of the first face, aligned, at 112 pixels, in squared gray levels."""
    first = faces.take([0])
    face = crops.cut(image, first.boxes, first.landmarks, _GRAY)[0, :, :, 0]
    return float(cv2.Laplacian(face, cv2.CV_64F).var())


def alike(students: Mapping[str, Sequence[RosterPicture]], limit: float) -> list[str]:
    """A line for every two students with pictures at most `limit` apart: they will be taken for each other,
    or a picture is in the wrong place."""
    lines = []
    for (one, ours), (other, theirs) in combinations(students.items(), 2):
        near = [
            (a, b)
            for a in ours
            for b in theirs
            if a.embedding is not None
            and b.embedding is not None
            and np.linalg.norm(a.embedding - b.embedding) <= limit
        ]
        if near:
            a, b = near[0]
            lines.append(
                f"{one} and {other} look alike: is {a.path.name} or {b.path.name} the wrong picture?"
            )
    return lines


def decoded(content: bytes) -> Image | None:
    """The picture upright, not larger than MAX_PICTURE_PX; None for what is no picture."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if image is None:
        return None
    scale = MAX_PICTURE_PX / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)


def _embed(engine: Engine, image: Image, faces: Faces) -> Floats:
    if faces.embeddings is not None:
        return np.asarray(faces.embeddings[0], np.float32)
    face = crops.cut(image, faces.boxes, faces.landmarks, engine.encoder.crop)
    return np.asarray(engine.embed(list(face))[0], np.float32)
