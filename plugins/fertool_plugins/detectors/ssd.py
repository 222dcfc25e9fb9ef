"""`ssd`: face-api's SSD MobileNet. Its weights are shipped, so it is the detector that always works."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fertool import Detector, Faces, boxes, hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool import Plugin
    from fertool.types import Floats, Image

FOREHEAD = 0.12
"""Share of the net's boxes above what other detectors and the landmark net call a face: with it cut off,
landmarks are steadiest (2.6 % of the distance between the eyes; 5 % with the whole box)."""
CLOSE_UP = 0.2
"""Height of a face, as a share of the frame's, from which the second, coarser look counts."""
SAME_FACE = 0.5
"""Intersection over union above which two boxes are one face, as in the original."""


@dataclass
class Ssd(Detector):
    """Finds faces of 35 pixels and more, measured after scaling to `width`; on a quarter of 1080p, 70."""

    name: ClassVar[str] = "ssd"
    version: ClassVar[str] = "1"

    threshold: float = field(
        default=0.4,
        metadata={"help": "lowest score of a face, 0 to 1; lower finds more small faces, and more that are none"},
    )
    width: int = field(
        default=960,
        metadata={"help": "wider frames are scaled down to this width: 640 takes half the time and misses one "
                          "small face in ten, 1280 twice the time and finds faces a quarter smaller"},
    )  # fmt: skip
    close_ups: bool = field(
        default=True,
        metadata={"help": "look a second time at half that width: a quarter more time, and faces that fill "
                          "most of the frame are found as well"},
    )  # fmt: skip
    max_faces: int = field(default=100, metadata={"help": "keep at most so many faces of a frame, best score first"})
    exact: bool = field(
        default=False, metadata={"help": "compute in float32 even where bfloat16 would take half the time"}
    )

    def weights(self) -> dict[str, str]:
        from fertool_plugins.faceapi import weights

        return weights.sha256("ssd_mobilenetv1")

    def load(self, device: str) -> None:
        from fertool_plugins.faceapi import nets

        self._net = nets.ready(nets.SsdMobilenetV1, device, self.exact)

    def detect(self, images: Sequence[Image]) -> list[Faces]:
        """See `Detector.detect`. Whole frames, no tiles: the net is fully convolutional, so that a larger
        input finds smaller faces, and no face is cut in two."""
        import numpy as np

        width = min(self.width, images[0].shape[1])
        passes = [self._look(images, width)]
        if self.close_ups:
            corners, scores = self._look(images, max(1, width // 2))
            tall = corners[..., 3] - corners[..., 1] > CLOSE_UP * images[0].shape[0]
            passes.append((corners, scores * tall))  # smaller ones were seen better the first time
        corners, scores = (np.concatenate(parts, 1) for parts in zip(*passes, strict=True))
        return [self._faces(*found) for found in zip(corners, scores, strict=True)]

    def _look(self, images: Sequence[Image], width: int) -> tuple[Floats, Floats]:
        """All anchors of n images scaled to `width`: (n, a, 4) pixels of the frame and (n, a) scores."""
        import numpy as np
        import torch

        from fertool_plugins.faceapi import nets

        with torch.inference_mode():
            small = nets.batch(self._net, np.stack([_scaled(image, width) for image in images]))
            corners, logits = self._net(small)
            scale = images[0].shape[1] / width
            return (corners * scale).cpu().numpy(), logits.sigmoid().cpu().numpy()

    def _faces(self, corners: Floats, scores: Floats) -> Faces:
        """The anchors of one image, as (a, 4) pixels and (a,) scores -> its faces."""
        likely = scores >= self.threshold
        corners, scores = corners[likely], scores[likely]
        kept = boxes.nms(corners, scores, SAME_FACE)[: self.max_faces]
        return Faces(tighten(corners[kept]), scores[kept])


def tighten(corners: Floats) -> Floats:
    """(n, 4) boxes of the net -> boxes without the forehead."""
    corners = corners.copy()
    corners[:, 1] += FOREHEAD * (corners[:, 3] - corners[:, 1])
    return corners


def _scaled(image: Image, width: int) -> Image:
    import cv2

    if image.shape[1] == width:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Ssd]
