"""`faceapi-expression`: face-api's expression net. Small and quick; its weights are shipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fertool import Classifier, Crop, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fertool import Floats, Plugin

ORDER = (3, 5, 4, 1, 2, 6, 0)
"""Where the canonical labels stand in the net's neutral, happy, sad, angry, fearful, disgusted, surprised."""


@dataclass
class FaceApi(Classifier):
    """The seven canonical expressions."""

    name: ClassVar[str] = "faceapi-expression"
    formerly: ClassVar[tuple[str, ...]] = ("faceapi",)
    version: ClassVar[str] = "1"
    concurrent: ClassVar[bool] = True
    crop: ClassVar[Crop] = Crop(112, margin=0.0, align=True)
    """Loose crops turn sad into happy, and those of the box alone see disgust in level faces: of six calm or
    smiling people, all were read right aligned at margins from -0.1 to 0.15, two wrong in the box."""

    exact: bool = field(
        default=False,
        metadata={"help": "on an accelerator, compute in float32 where bfloat16 would take half the time"},
    )

    def weights(self) -> dict[str, str]:
        from fertool_plugins.faceapi import weights

        return weights.sha256("face_expression")

    def load(self, device: str) -> None:
        from fertool_plugins.faceapi import runner

        self._net = runner.of_crops("face_expression", self.crop.size, device, self.exact)

    def classify(self, crops: npt.NDArray[np.uint8]) -> Floats:
        """See `Classifier.classify`: (n, 112, 112, 3) -> (n, 7)."""
        import numpy as np

        logits = self._net(crops)[:, ORDER]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [FaceApi]
