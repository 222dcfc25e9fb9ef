"""YuNet: a 75 000 parameter face detector, several times faster than the SSD and better at small faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fertool import Detector, Faces, Model, Plugin, hookimpl, weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool import Image

COMMIT = "02246e79b1e976c83d1e135a85e0628120c93769"
YUNET = Model(
    name="yunet",
    file="yunet_n_640_640.onnx",
    url=f"https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/{COMMIT}/onnx/yunet_n_640_640.onnx",
    sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    size=317466,
    license="Apache-2.0",
    note="trained on WIDER FACE",
)


@dataclass
class Yunet(Detector):
    """YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023) in OpenCV.

    Boxes are tight, from brow to chin. Frames are scaled down to `long_side` first, never up: at 640
    all faces of 45 px and more in a 1080p frame are found, of those of 30 to 45 px half; for them, take
    1280 at four times the price. The net's five landmarks are dropped, for the encoder has 68.
    """

    name: ClassVar[str] = "yunet"
    version: ClassVar[str] = "1"
    models: ClassVar[tuple[Model, ...]] = (YUNET,)

    threshold: float = field(default=0.6, metadata={"help": "lowest score of a face, 0 to 1"})
    long_side: int = field(default=640, metadata={"help": "longer side of the frame the net sees, in pixels"})
    overlap: float = field(default=0.3, metadata={"help": "intersection over union that makes two faces one"})

    def weights(self) -> dict[str, str]:
        return weights.digests(YUNET)

    def available(self) -> str:
        return "" if weights.path(YUNET) else "run `fertool models pull yunet` to fetch its weights (0.3 MB)"

    def load(self, device: str) -> None:
        import cv2

        file = str(weights.require(YUNET))
        self._net = cv2.FaceDetectorYN.create(file, "", (320, 320), self.threshold, self.overlap)

    def detect(self, images: Sequence[Image]) -> list[Faces]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Faces:
        import cv2
        import numpy as np

        height, width = image.shape[:2]
        scale = min(1.0, self.long_side / max(height, width))
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        self._net.setInputSize(small)
        _, found = self._net.detect(cv2.resize(image, small, interpolation=cv2.INTER_AREA))
        if found is None:
            return Faces.none()
        # A row: x, y, width, height, five landmarks, score.
        boxes = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1)
        boxes *= np.tile(np.divide((width, height), small), 2)  # the two sides are rounded on their own
        return Faces(boxes.astype(np.float32), np.clip(found[:, 14], 0, 1).astype(np.float32))


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Yunet]
