"""OpenCV's Haar cascade: the detector of Tuyakov (2022), and of many a course project.

It is here to compare with: slow at 1080p, fond of furniture, blind to turned heads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from fertool import Detector, Faces, Plugin, hookimpl, weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool import Image

CASCADE = "haarcascade_frontalface_default.xml"


@dataclass
class Haar(Detector):
    """Viola and Jones's cascade of simple features on grayscale, as it comes with OpenCV.

    The paper names the cascade and the grayscale (3.1.1) but no parameters: these are OpenCV's usual
    ones. A score is the logistic function of the last stage's margin; it orders the faces of a sample,
    but is no probability.
    """

    name: ClassVar[str] = "haar"
    version: ClassVar[str] = "1"
    license: ClassVar[str] = (
        "Intel License Agreement For Open Source Computer Vision Library (Intel Corporation)"
    )

    scale: float = field(default=1.1, metadata={"help": "step between two sizes searched, over 1"})
    neighbours: int = field(default=5, metadata={"help": "overlapping hits that make a face"})
    min_size: int = field(default=30, metadata={"help": "smallest face, in pixels"})

    def __post_init__(self) -> None:
        if self.scale <= 1:  # OpenCV would search for ever
            raise ValueError(f"scale must be greater than 1, got {self.scale}")

    def weights(self) -> dict[str, str]:
        return {CASCADE: weights.sha256(_cascade())}

    def load(self, device: str) -> None:
        import cv2

        self._cascade = cv2.CascadeClassifier(str(_cascade()))

    def detect(self, images: Sequence[Image]) -> list[Faces]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Faces:
        import cv2
        import numpy as np

        corners, _, margins = self._cascade.detectMultiScale3(
            cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
            scaleFactor=self.scale,
            minNeighbors=self.neighbours,
            minSize=(self.min_size, self.min_size),
            outputRejectLevels=True,
        )
        if len(corners) == 0:  # then a tuple, not an array
            return Faces.none()
        boxes = np.asarray(corners, np.float32)
        boxes[:, 2:] += boxes[:, :2]
        scores = 1 / (1 + np.exp(-np.asarray(margins, np.float32).reshape(-1)))
        return Faces(boxes, scores.astype(np.float32))


def _cascade() -> Path:
    from cv2 import data

    return Path(data.haarcascades) / CASCADE


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Haar]
