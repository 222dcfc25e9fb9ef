"""`faceapi`: 68 landmarks and head pose of every face, and dlib's descriptor. Weights are shipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fertool import Crop, Encoder, crops, head_pose, hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from fertool import Faces, Floats, Image, Plugin

BOX = Crop(112, margin=0.0, align=False)
"""First look: the square around the box, as tight as the net was trained with."""
UPRIGHT = Crop(112, margin=0.1, align=True)
"""Second look: around eyes and mouth as the first look saw them, level. Of the margins from -0.05 to 0.25
this one left the smallest error (0.6 to 1.7 % of the distance between the eyes at rolls of 0 to 30 degrees,
after 4 to 5.5 %), whatever the detector's box was like."""


@dataclass
class FaceApi(Encoder):
    """Landmarks, head pose and descriptors."""

    name: ClassVar[str] = "faceapi"
    version: ClassVar[str] = "1"
    concurrent: ClassVar[bool] = True
    crop: ClassVar[Crop] = Crop(150, margin=0.0, align=True)
    same_person: ClassVar[float] = 0.33
    """dlib's usual 0.6 between raw descriptors, which are about 1.45 long, would be 0.41 and joins too many:
    of 65 pairs of people seen in one picture, by mean descriptors of degraded faces of 60 to 160 pixels, the
    closest were 0.338 apart and one in seven under 0.41. The same person: 0.08 to 0.15 between means, at
    most 0.30 for 95 % of single faces, 0.24 from neutral to smiling. Two students made one is the worse
    error."""

    refine: bool = field(
        default=True,
        metadata={
            "help": "look a second time at each face, turned upright: a third of the error and of the noise "
            "in the head pose, for twice the time"
        },
    )
    exact: bool = field(
        default=False,
        metadata={"help": "on an accelerator, compute in float32 where bfloat16 would take half the time"},
    )

    def weights(self) -> dict[str, str]:
        from fertool_plugins.faceapi import weights

        return weights.sha256("face_landmark_68") | weights.sha256("face_recognition")

    def load(self, device: str) -> None:
        from fertool_plugins.faceapi import runner

        self._landmarks = runner.of_crops("face_landmark_68", BOX.size, device, self.exact)
        self._descriptor = runner.of_crops("face_recognition", self.crop.size, device, self.exact)

    def encode(self, images: Sequence[Image], faces: Sequence[Faces]) -> list[Faces]:
        """See `Encoder.encode`."""
        points = self._look(images, faces, [None] * len(images), BOX)
        if self.refine:
            points = self._look(images, faces, points, UPRIGHT)
        return [
            f.with_(landmarks=p, pose_deg=head_pose.head_pose(p)) for f, p in zip(faces, points, strict=True)
        ]

    def _look(
        self, images: Sequence[Image], faces: Sequence[Faces], known: Sequence[Floats | None], crop: Crop
    ) -> list[Floats]:
        """Per image (n, 68, 2): the landmarks that the net sees in `crop` of each face, as `known` so far."""
        import numpy as np

        where = [(f.boxes, k, crop) for f, k in zip(faces, known, strict=True)]
        cuts = np.concatenate([crops.cut(i, *w) for i, w in zip(images, where, strict=True)])
        matrices = np.concatenate([crops.matrices(*w) for w in where])
        points = self._landmarks(cuts).reshape(-1, 68, 2) * np.float32(crop.size)
        ends = np.cumsum([len(f) for f in faces])[:-1]
        return list(np.split(crops.to_frame(points, matrices), ends))

    def embed(self, crops: npt.NDArray[np.uint8]) -> Floats:
        """See `Encoder.embed`: (n, 150, 150, 3) -> (n, 128)."""
        import numpy as np

        raw = self._descriptor(crops)
        return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [FaceApi]
