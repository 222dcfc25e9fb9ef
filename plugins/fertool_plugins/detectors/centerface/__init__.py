"""`centerface`: the most thorough detector that ships, at four times the time of `yunet`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, ClassVar

from fertool import Detector, Faces, Message, boxes, hookimpl, networks, weights
from fertool_plugins.nets.street import STREET, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool import Floats, Image, Plugin

SHIPPED = "centerface.onnx"
STRIDE = 4
"""Pixels of a cell of the network's maps."""
SAME_FACE = 0.3
"""Intersection over union above which two boxes are one face, as in the original."""
NESTED = 0.7
"""Share of the smaller box inside the larger above which they are one face."""


@dataclass
class CenterFace(Detector):
    """CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2020) in
    ONNX Runtime.

    Frames are scaled down to `long_side` first, never up. The net's five landmarks are dropped, for the
    encoder has 68.
    """

    name: ClassVar[str] = "centerface"
    version: ClassVar[str] = "1"
    concurrent: ClassVar[bool] = True
    license: ClassVar[str] = "MIT (Star-Clouds)"
    measured: ClassVar[Message] = Message(STREET, faces=127, large=100, wrong=0, ms=120)
    words: ClassVar[Mapping[str, Mapping[str, str]]] = WORDS

    threshold: float = field(default=0.35, metadata={"help": "lowest score of a face, 0 to 1"})
    long_side: int = field(default=960, metadata={"help": "longer side of the frame the net sees, in pixels"})

    def weights(self) -> dict[str, str]:
        return {SHIPPED: _shipped()[1]}

    def load(self, device: str) -> None:
        self._session = networks.session(_shipped()[0])

    def detect(self, images: Sequence[Image]) -> list[Faces]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Faces:
        import numpy as np

        from fertool_plugins.nets.fitting import fitted

        net, scale = fitted(image, self.long_side)
        names = [output.name for output in self._session.get_outputs()]
        rgb = np.ascontiguousarray(net[:, ::-1])
        outputs = dict(zip(names, self._session.run(names, {"input": rgb}), strict=True))
        found, scores = decode(outputs, self.threshold)
        found /= np.float32(scale)
        kept = boxes.nms(found, scores, SAME_FACE)
        kept = kept[~boxes.nested(found[kept], NESTED)]
        return Faces(found[kept], scores[kept])


def decode(found: Mapping[str, Floats], threshold: float) -> tuple[Floats, Floats]:
    """Maps of one picture -> (n, 4) boxes in pixels of the input and (n,) scores, of cells from `threshold`.

    `heat` (1, 1, h, w): the probability of a face's center; `offset` (1, 2, h, w): y and x of the center from
    the cell's, in cells; `size` (1, 2, h, w): logarithms of height and width in cells.
    """
    import numpy as np

    heat = found["heat"][0, 0]
    rows, columns = np.nonzero(heat >= threshold)
    offset, size = (found[name][0][:, rows, columns] for name in ("offset", "size"))
    center = np.stack([columns + offset[1], rows + offset[0]], 1) + 0.5
    half = np.exp(size[::-1].T) / 2
    boxes_ = STRIDE * np.concatenate([center - half, center + half], 1)
    return boxes_.astype(np.float32), heat[rows, columns]


@cache
def _shipped() -> tuple[bytes, str]:
    """The network that ships, and the SHA-256 of its file."""
    from io import BytesIO

    content = (files(__package__) / "weights" / SHIPPED).read_bytes()
    return content, weights.sha256(BytesIO(content))


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [CenterFace]
