"""insightface's model packs: the most accurate faces, landmarks, pose and embeddings in one go.

The packs are licensed for NON-COMMERCIAL RESEARCH ONLY, whatever the license of the software around
them; so they are never fetched unless somebody asks for them by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from fertool import Detector, Faces, Model, Plugin, hookimpl, weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool import Floats, Image

RELEASE = "https://github.com/deepinsight/insightface/releases/download/model-zoo"
"""Where insightface's own downloader looks (`insightface.utils.storage`)."""

LICENSE = "insightface model license: NON-COMMERCIAL RESEARCH ONLY"


def _pack(name: str, file: str, note: str) -> Model:
    folder = f"insightface/models/{file}"
    return Model(name, folder, f"{RELEASE}/{file}.zip", LICENSE, archive=True, note=note)


PACKS = {
    "buffalo_s": _pack("insightface", "buffalo_s", "small nets, 68 landmarks, pose; 0.16 GB"),
    "buffalo_l": _pack("insightface-l", "buffalo_l", "large nets, 68 landmarks, pose; 0.33 GB"),
    "buffalo_sc": _pack("insightface-sc", "buffalo_sc", "small nets, five landmarks, no pose; 0.02 GB"),
}
MODULES = ("detection", "landmark_3d_68", "recognition")
"""Of a pack; its age and gender are nobody's business here."""


@dataclass
class Insightface(Detector):
    """SCRFD detector, ArcFace embedding and 3D landmarks (Guo, Deng et al.), from a pulled model pack.

    The pack's weights are for NON-COMMERCIAL RESEARCH ONLY. A face comes with whatever the pack can
    measure; the encoder is asked for the rest.
    """

    name: ClassVar[str] = "insightface"
    version: ClassVar[str] = "1"
    models: ClassVar[tuple[Model, ...]] = tuple(PACKS.values())
    license: ClassVar[str] = LICENSE
    words: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "de": {LICENSE: "insightface-Modelllizenz: NUR FÜR NICHTKOMMERZIELLE FORSCHUNG"}
    }
    same_person: ClassVar[float | None] = 1.1
    """A cosine of 0.4, as is usual with ArcFace; not measured on lectures."""

    pack: Literal["buffalo_s", "buffalo_l", "buffalo_sc"] = field(
        default="buffalo_s", metadata={"help": "model pack: small, large, or without landmarks and pose"}
    )
    threshold: float = field(default=0.5, metadata={"help": "lowest score of a face, 0 to 1"})
    side: int = field(default=640, metadata={"help": "square the frame is fitted into, in pixels; times 32"})

    def __post_init__(self) -> None:
        if self.side < 32 or self.side % 32:
            raise ValueError(f"side must be a multiple of 32, got {self.side}")

    def weights(self) -> dict[str, str]:
        return weights.digests(PACKS[self.pack])

    def available(self) -> str:
        model = PACKS[self.pack]
        if weights.path(model):
            return ""
        return f"run `fertool models pull {model.name}` to fetch its weights (non-commercial research only)"

    def load(self, device: str) -> None:
        folder = weights.require(PACKS[self.pack])  # first, for FaceAnalysis would download what is missing
        self._app = _analysis(folder, device)
        self._app.prepare(ctx_id=0, det_thresh=self.threshold, det_size=(self.side, self.side))

    def detect(self, images: Sequence[Image]) -> list[Faces]:
        return [convert(self._app.get(image)) for image in images]


def _analysis(folder: Path, device: str) -> Any:
    """insightface's pipeline over the models in `folder`."""
    import onnxruntime
    from insightface.app import FaceAnalysis

    options = onnxruntime.SessionOptions()
    # Threads that wait in a loop would take the processor from torch, which shares it: both 2-4x slower.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    gpu = ["CUDAExecutionProvider"] if device == "cuda" else []
    providers = [*gpu, "CPUExecutionProvider"]
    return FaceAnalysis(str(folder), allowed_modules=list(MODULES), providers=providers, sess_options=options)


def convert(found: Sequence[Any]) -> Faces:
    """insightface `Face`s of one image -> `Faces`. What one of them lacks, none of them gets.

    Landmarks are the 68 of the 3D model in iBUG order (their depth is dropped), else the detector's five,
    which are in our order. insightface lists pitch, yaw, roll with our signs; we put yaw first.
    """
    import numpy as np

    found = [face for face in found if face.bbox[2] > face.bbox[0] and face.bbox[3] > face.bbox[1]]
    if not found:
        return Faces.none()

    def column(key: str) -> Floats | None:
        values = [getattr(face, key) for face in found]
        return None if any(value is None for value in values) else np.stack(values).astype(np.float32)

    solid, pose = column("landmark_3d_68"), column("pose")
    return Faces(
        boxes=np.stack([face.bbox for face in found]).astype(np.float32),
        scores=np.clip([face.det_score for face in found], 0, 1).astype(np.float32),
        landmarks=column("kps") if solid is None else solid[:, :, :2],
        pose_deg=None if pose is None else pose[:, [1, 0, 2]],
        embeddings=column("normed_embedding"),
    )


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Insightface]
