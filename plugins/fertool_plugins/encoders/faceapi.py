"""`faceapi`: 68 landmarks and head pose of every face, and dlib's descriptor. Weights are shipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from fertool import Crop, Encoder, crops, hookimpl, pose

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from fertool import Faces, Plugin
    from fertool.types import Floats, Image

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
    crop: ClassVar[Crop] = Crop(150, margin=0.0, align=True)
    same_person: ClassVar[float] = 0.33
    """dlib's usual 0.6 between raw descriptors, which are about 1.45 long, would be 0.41 and joins too many:
    of 65 pairs of people seen in one picture, by mean descriptors of degraded faces of 60 to 160 pixels, the
    closest were 0.338 apart and one in seven under 0.41. The same person: 0.08 to 0.15 between means, 0.30 at
    most in 95 % of single faces, 0.24 between neutral and smiling. Two students made one is the worse error."""

    refine: bool = field(
        default=True,
        metadata={"help": "look a second time at each face, turned upright: a third of the error and of the "
                          "noise in the head pose, for twice the time"},
    )  # fmt: skip
    exact: bool = field(
        default=False, metadata={"help": "compute in float32 even where bfloat16 would take half the time"}
    )

    def weights(self) -> dict[str, str]:
        from fertool_plugins.faceapi import weights

        return weights.sha256("face_landmark_68") | weights.sha256("face_recognition")

    def load(self, device: str) -> None:
        from fertool_plugins.faceapi import nets

        self._landmarks = nets.ready(nets.Landmarks68, device, self.exact)
        self._descriptor = nets.ready(nets.Recognition, device, self.exact)

    def encode(self, images: Sequence[Image], faces: Sequence[Faces]) -> list[Faces]:
        """See `Encoder.encode`."""
        points = self._look(images, faces, BOX)
        if self.refine:
            points = self._look(images, points, UPRIGHT)
        return [face.with_(pose_deg=pose.head_pose(face.landmarks)) for face in points]

    def _look(self, images: Sequence[Image], faces: Sequence[Faces], crop: Crop) -> list[Faces]:
        """`faces` with the 68 landmarks that the net sees in `crop` of each."""
        import numpy as np

        from fertool_plugins.faceapi import nets

        cuts = [crops.cut(i, f.boxes, f.landmarks, crop) for i, f in zip(images, faces, strict=True)]
        matrices = [crops.matrices(f.boxes, f.landmarks, crop) for f in faces]
        points = nets.run(self._landmarks, np.concatenate(cuts)).reshape(-1, 68, 2) * crop.size
        points = crops.to_frame(points, np.concatenate(matrices))
        counts = np.cumsum([len(f) for f in faces])[:-1]
        return [f.with_(landmarks=p) for f, p in zip(faces, np.split(points, counts), strict=True)]

    def embed(self, crops: npt.NDArray[np.uint8]) -> Floats:
        """See `Encoder.embed`: (n, 150, 150, 3) -> (n, 128)."""
        import numpy as np

        from fertool_plugins.faceapi import nets

        raw = nets.run(self._descriptor, crops)
        return raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [FaceApi]
