"""Head pose from landmarks: how far a face is turned, raised and tilted, in degrees. Pure: cv2 and numpy.

Fourteen of the 68 points are held against a generic rigid face (brows, eye corners, nostrils, mouth
corners, lower lip, chin): the six often used are noisier, and the outline of the cheeks is not a fixed
place on the head. One face fits nobody exactly, and webcams look up or down at people: pitch carries a
bias of 10 to 20 degrees per person (median -13 over 600 portraits of FER2013, quartiles -23 and -1), so
compare it with a level head of that person before the same camera (`fertool.assessment.head_level`).

The camera is imagined straight in front of each face. A principal point at the center of the picture
would give a person in the corner of a gallery view a yaw of tens of degrees: every tile has its own camera.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from fertool.types import Floats

    Doubles = npt.NDArray[np.float64]

_RIGHT_HALF = {
    17: (-5.49, 4.07, 3.10),  # brow, outer end: mean of vertices 46 and 70
    21: (-1.31, 4.58, 5.21),  # brow, inner end: 55 and 107
    36: (-4.45, 2.66, 3.17),  # eye, outer corner: 33
    39: (-1.86, 2.59, 3.76),  # eye, inner corner: 133
    31: (-1.41, -1.71, 5.24),  # nostril: 98
    48: (-2.46, -4.34, 4.28),  # mouth corner: 61
    57: (0.00, -5.37, 5.54),  # lower lip, lower edge: 17
    8: (0.00, -7.94, 5.18),  # chin: 199
}
"""iBUG number -> (right in the picture, up, towards the viewer) in centimeters, of the person's right
half. Read off, rounded to 0.1 mm, from the vertices named above of the canonical face of MediaPipe
(`modules/face_geometry/data/canonical_face_model.obj`, Apache-2.0; A. Ablavatski et al., "Real-time
Pupil Tracking from Monocular Video for Digital Puppetry", 2020). The chin is the front of the chin bone:
with the model's lowest vertex (152) most people come out too short for it, hence bowed by 20 degrees."""
_MIRRORED = {17: 26, 21: 22, 36: 45, 39: 42, 31: 35, 48: 54}

POINTS: tuple[int, ...] = (*_RIGHT_HALF, *_MIRRORED.values())
"""The 14 iBUG points that are used."""


def _model() -> Doubles:
    left = [(-_RIGHT_HALF[i][0], *_RIGHT_HALF[i][1:]) for i in _MIRRORED]
    # OpenCV's camera looks along +z with y down, so "up" and "towards the viewer" change sign.
    points = np.array([*_RIGHT_HALF.values(), *left]) * (1, -1, -1)
    return np.asarray(points - points.mean(axis=0))


MODEL = _model()
"""(14, 3) float64: the generic face in `POINTS`' order, centimeters, origin at its mean; x right in the
picture, y down, z away from the viewer."""

DISTANCE_CM = 60.0
"""Assumed between face and webcam."""
MAX_DEG = 75.0
"""A yaw or pitch beyond this is not reported: half of the points are then hidden, their places a guess."""
MAX_MISFIT = 0.2
"""Largest root mean square distance between the landmarks and the fitted face, as a share of the
landmarks' own spread."""

_NOWHERE = (np.nan, np.nan, np.nan)
_SPREAD_CM = float(np.sqrt((MODEL**2).sum(axis=1).mean()))


def head_pose(landmarks: Floats) -> Floats:
    """(n, 68, 2) iBUG landmarks in pixels -> (n, 3) float32 yaw, pitch, roll in degrees.

    Positive yaw: the person looks to the picture's right; positive pitch: up; positive roll: clockwise in
    the picture. Yaw and pitch are measured after the roll has been undone (R = Rz Ry Rx, the order of
    insightface's `matrix2angle`). A row is NaN where the landmarks are not finite, lie on one line, fit
    no face, or belong to a full profile. n may be 0. Moving or scaling all landmarks changes nothing.
    """
    poses = [_pose(points) for points in landmarks[:, POINTS].astype(np.float64)]
    return np.array(poses, np.float32).reshape(len(landmarks), 3)


def _pose(points: Doubles) -> tuple[float, float, float]:
    """(14, 2) pixels -> yaw, pitch, roll in degrees, or NaN."""
    points = points - points.mean(axis=0)
    spread = np.sqrt((points**2).sum(axis=1).mean())
    if not np.isfinite(spread) or np.linalg.matrix_rank(points, tol=0.01 * spread) < 2:
        return _NOWHERE
    points = points / spread  # pixels no longer matter: everything below is in units of the spread
    focal = DISTANCE_CM / _SPREAD_CM
    camera = np.diag([focal, focal, 1.0])
    try:
        _, rotation, shift = cv2.solvePnP(MODEL, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        rotation, shift = cv2.solvePnPRefineLM(MODEL, points, camera, None, rotation, shift)
    except cv2.error:  # SQPNP asserts on points it finds degenerate
        return _NOWHERE
    seen, _ = cv2.projectPoints(MODEL, rotation, shift, camera, None)
    misfit = np.sqrt(((seen[:, 0] - points) ** 2).sum(axis=1).mean())
    yaw, pitch, roll = angles(np.asarray(cv2.Rodrigues(rotation)[0], np.float64))
    # Written so that a NaN fails it. shift[2] <= 0: fitted behind the camera.
    plausible = misfit <= MAX_MISFIT and abs(yaw) <= MAX_DEG and abs(pitch) <= MAX_DEG and shift[2, 0] > 0
    return (yaw, pitch, roll) if plausible else _NOWHERE


def angles(rotation: Doubles) -> tuple[float, float, float]:
    """(3, 3) rotation of `MODEL` in OpenCV's camera axes -> yaw, pitch, roll in degrees."""
    yaw = np.arctan2(rotation[2, 0], np.hypot(rotation[0, 0], rotation[1, 0]))
    pitch = np.arctan2(-rotation[2, 1], rotation[2, 2])
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    yaw, pitch, roll = np.degrees([yaw, pitch, roll]).tolist()
    return yaw, pitch, roll
