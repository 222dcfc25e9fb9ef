"""`yunet`: a face detector of 53,104 numbers, which ship; its larger sister can be pulled."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from fertool import Detector, Faces, Message, Model, Plugin, boxes, hookimpl, networks, weights
from fertool_plugins.nets.street import STREET, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool import Floats, Image

COMMIT = "02246e79b1e976c83d1e135a85e0628120c93769"
YUNET_N = Model(
    name="yunet",
    file="yunet_n_640_640.onnx",
    url=f"https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/{COMMIT}/onnx/yunet_n_640_640.onnx",
    sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    size=317466,
    license="Apache-2.0",
    note="trained on WIDER FACE; for `--option yunet.net=n`",
)
SHIPPED = "yunet_s.safetensors"
CODE = Path(__file__).with_name("network.py")
CLOSE_UP = 0.25
"""Height of a face, as a share of the frame's longer side, from which the second, coarser look counts."""
SAME_FACE = 0.3
"""Intersection over union above which two boxes are one face."""
NESTED = 0.7
"""Share of the smaller box inside the larger above which they are one face."""


@dataclass
class Yunet(Detector):
    """YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023) in ONNX Runtime.

    Boxes are tight, from brow to chin. Frames are scaled down to `long_side` first, never up. The net's five
    landmarks are dropped, for the encoder has 68.
    """

    name: ClassVar[str] = "yunet"
    version: ClassVar[str] = "2"
    models: ClassVar[tuple[Model, ...]] = (YUNET_N,)
    concurrent: ClassVar[bool] = True
    license: ClassVar[str] = "BSD-3-Clause (Shiqi Yu)"
    measured: ClassVar[Message] = Message(STREET, faces=121, large=99, wrong=3, ms=30)
    words: ClassVar[Mapping[str, Mapping[str, str]]] = WORDS

    net: Literal["s", "n"] = field(
        default="s", metadata={"help": "s: ships; n: 75,856 numbers, after `fertool models pull yunet`"}
    )
    threshold: float = field(default=0.7, metadata={"help": "lowest score of a face, 0 to 1"})
    long_side: int = field(default=960, metadata={"help": "longer side of the frame the net sees, in pixels"})
    close_ups: bool = field(
        default=True,
        metadata={
            "help": "look a second time at a quarter of that size: a tenth more time, and faces that fill "
            "the frame are found as well"
        },
    )

    def weights(self) -> dict[str, str]:
        if self.net == "n":
            return weights.digests(YUNET_N)
        return {SHIPPED: _shipped()[1]}

    def available(self) -> str:
        missing = self.net == "n" and not weights.path(YUNET_N)
        return "run `fertool models pull yunet` to fetch the weights of net=n (0.3 MB)" if missing else ""

    def load(self, device: str) -> None:
        source = networks.Source(f"yunet_{self.net}", self.weights(), [CODE])
        self._session = networks.session(networks.kept(source, self._graph))

    def _graph(self) -> bytes:
        from fertool_plugins.detectors.yunet import network

        if self.net == "n":
            return network.freed(weights.require(YUNET_N).read_bytes())
        return network.graph(_shipped()[0])

    def detect(self, images: Sequence[Image]) -> list[Faces]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Faces:
        import numpy as np

        found, scores = self._look(image, self.long_side)
        if self.close_ups:
            large, sure = self._look(image, max(1, self.long_side // 4))
            tall = large[:, 3] - large[:, 1] > CLOSE_UP * max(image.shape[:2])
            found, scores = np.concatenate([found, large[tall]]), np.concatenate([scores, sure[tall]])
        kept = boxes.nms(found, scores, SAME_FACE)
        kept = kept[~boxes.nested(found[kept], NESTED)]
        return Faces(found[kept], scores[kept])

    def _look(self, image: Image, long_side: int) -> tuple[Floats, Floats]:
        """Cells that see a face in a frame scaled to `long_side`: (n, 4) pixels of the frame, (n,) scores."""
        import numpy as np

        from fertool_plugins.detectors.yunet import network
        from fertool_plugins.nets.fitting import fitted

        net, scale = fitted(image, long_side)
        names = [output.name for output in self._session.get_outputs()]
        outputs = dict(zip(names, self._session.run(names, {"input": net}), strict=True))
        found, scores = network.decode(outputs, net.shape[3])
        likely = scores >= self.threshold
        return found[likely] / np.float32(scale), scores[likely]


@cache
def _shipped() -> tuple[dict[str, Floats], str]:
    """The tensors that ship, and the SHA-256 of their file."""
    from io import BytesIO

    from safetensors.numpy import load

    content = (files(__package__) / "weights" / SHIPPED).read_bytes()
    return load(content), weights.sha256(BytesIO(content))


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Yunet]
