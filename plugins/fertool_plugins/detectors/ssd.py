"""`ssd`: face-api's SSD MobileNet, to compare with what uses face-api."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fertool import Detector, Faces, Message, boxes, hookimpl
from fertool_plugins.nets.street import STREET, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from fertool import Floats, Image, Plugin

FOREHEAD = 0.1
"""Share of the net's boxes above what other detectors and the landmark net call a face. From boxes without
it, a first look at landmarks errs by 2.6 to 3 % of the distance between the eyes; from whole ones, by 5 %."""
CLOSE_UP = 0.13
"""Height of a face, as a share of the frame's, from which the second, coarser look counts."""
WIDEST = 1.4
"""Width of a face, as a share of its height, above which it is none: the net takes sofas for huge faces."""
NESTED = 0.7
"""Share of the smaller box inside the larger above which they are one face: the two looks may disagree on
how much of a head is face."""
CELL = 32
"""Pixels of a cell of the net's coarse maps: sides that are multiples need no padding on the way there."""
SAME_FACE = 0.5
"""Intersection over union above which two boxes are one face, as in the original."""


@dataclass
class Ssd(Detector):
    """Finds faces of 35 pixels and more, measured after scaling to `width`; on a quarter of 1080p, 70."""

    name: ClassVar[str] = "ssd"
    version: ClassVar[str] = "1"
    concurrent: ClassVar[bool] = True
    license: ClassVar[str] = "MIT (Vincent Mühler, Vladimir Mandic)"
    measured: ClassVar[Message] = Message(STREET, faces=113, large=94, wrong=4, ms=270)
    words: ClassVar[Mapping[str, Mapping[str, str]]] = WORDS

    threshold: float = field(
        default=0.4,
        metadata={"help": "lowest score of a face, 0 to 1: lower finds more faces, and more that are none"},
    )
    width: int = field(
        default=960,
        metadata={
            "help": "wider frames are scaled down to this width: 640 takes half the time and misses one "
            "small face in ten, 1280 takes twice the time and finds faces a quarter smaller"
        },
    )
    close_ups: bool = field(
        default=True,
        metadata={
            "help": "look a second time at a third of that width: a tenth more time, and faces that fill "
            "most of the frame are found as well"
        },
    )
    max_faces: int = field(
        default=100, metadata={"help": "keep at most so many faces of a frame, best score first"}
    )
    exact: bool = field(
        default=False,
        metadata={"help": "on an accelerator, compute in float32 where bfloat16 would take half the time"},
    )

    def weights(self) -> dict[str, str]:
        from fertool_plugins.faceapi import weights

        return weights.sha256("ssd_mobilenetv1")

    def load(self, device: str) -> None:
        from fertool_plugins.faceapi import runner

        self._device = device
        size = (17 * CELL, 30 * CELL)  # of most frames, scaled
        self._net = runner.of_pictures("ssd_mobilenetv1", size, device, self.exact, any_size=True)

    def detect(self, images: Sequence[Image]) -> list[Faces]:
        """See `Detector.detect`. Whole frames, no tiles: the net is fully convolutional, so that a larger
        input finds smaller faces, and no face is cut in two."""
        import numpy as np

        width = min(self.width, images[0].shape[1])
        passes = [self._look(images, width)]
        if self.close_ups:
            corners, scores = self._look(images, max(1, width // 3))
            tall = corners[..., 3] - corners[..., 1] > CLOSE_UP * images[0].shape[0]
            passes.append((corners, scores * tall))  # smaller ones were seen better the first time
        corners, scores = (np.concatenate(parts, 1) for parts in zip(*passes, strict=True))
        return [self._faces(*found) for found in zip(corners, scores, strict=True)]

    def _look(self, images: Sequence[Image], width: int) -> tuple[Floats, Floats]:
        """All anchors of n images scaled to `width`: (n, a, 4) pixels of the frame and (n, a) scores."""
        import numpy as np

        small = np.stack([_scaled(image, width) for image in images])
        # The layers of one large image just fit a processor's caches; those of several take twice as long.
        step = 1 if self._device == "cpu" else len(small)
        found = [self._net(small[i : i + step]) for i in range(0, len(small), step)]
        corners, logits = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return corners * np.float32(images[0].shape[1] / width), 1 / (1 + np.exp(-logits))

    def _faces(self, corners: Floats, scores: Floats) -> Faces:
        """The anchors of one image, as (a, 4) pixels and (a,) scores -> its faces."""
        width, height = (corners[:, 2:] - corners[:, :2]).T
        likely = (scores >= self.threshold) & (width <= WIDEST * height)
        corners, scores = corners[likely], scores[likely]
        kept = boxes.nms(corners, scores, SAME_FACE)
        kept = kept[~_nested(corners[kept])][: self.max_faces]
        return Faces(tighten(corners[kept]), scores[kept])


def _nested(corners: Floats) -> npt.NDArray[np.bool_]:
    """(n, 4) boxes, best first -> (n,): whether a better one holds most of it, or lies within it."""
    import numpy as np

    areas, common = boxes.areas(corners), boxes.intersections(corners[:, None], corners)
    share = common / np.maximum(np.minimum(areas[:, None], areas), 1e-6)
    return np.asarray(np.tril(share > NESTED, -1).any(axis=1))


def tighten(corners: Floats) -> Floats:
    """(n, 4) boxes of the net -> boxes without the forehead."""
    corners = corners.copy()
    corners[:, 1] += FOREHEAD * (corners[:, 3] - corners[:, 1])
    return corners


def _scaled(image: Image, width: int) -> Image:
    """The frame scaled to `width`, with black below and to the right up to whole cells of the net."""
    import cv2
    import numpy as np

    height = max(1, round(image.shape[0] * width / image.shape[1]))
    small = image
    if image.shape[1] != width:
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return np.pad(small, ((0, -height % CELL), (0, -width % CELL), (0, 0)))


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Ssd]
