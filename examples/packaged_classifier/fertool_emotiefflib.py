"""`emotiefflib`: expressions by the networks of EmotiEffLib (Apache-2.0), trained on AffectNet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fertool import Classifier, Crop, Plugin, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fertool import Floats

MODELS = ("enet_b0_8_best_vgaf", "enet_b0_8_best_afew", "enet_b0_8_va_mtl")
"""Those of EmotiEffLib that know its eight labels and want 224 pixels."""


@dataclass
class EmotiEffLib(Classifier):
    """Runs one of EmotiEffLib's networks with ONNX Runtime; its weights are fetched by hand, see README."""

    name = "emotiefflib"
    version = "1"
    labels = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    crop = Crop(224, margin=0.1, align=False)
    model: str = field(default=MODELS[0], metadata={"help": f"one of {', '.join(MODELS)}"})

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model: expected one of {', '.join(MODELS)}, got {self.model!r}")

    @property
    def path(self) -> Path:
        """Where EmotiEffLib keeps the weights."""
        return Path.home() / ".emotiefflib" / f"{self.model}.onnx"

    def available(self) -> str:
        if find_spec("emotiefflib") is None:
            return "the package emotiefflib is not installed: pip install 'fertool-emotiefflib[emotiefflib]'"
        if not self.path.is_file():  # the library would fetch it without asking
            fetch = f"from emotiefflib.utils import get_model_path_onnx as get; get('{self.model}')"
            return f'{self.path} is missing: python -c "{fetch}" fetches it'
        return ""

    def weights(self) -> dict[str, str]:
        if not self.path.is_file():
            return {}
        return {self.path.name: hashlib.sha256(self.path.read_bytes()).hexdigest()}

    def load(self, device: str) -> None:
        from emotiefflib.facial_analysis import EmotiEffLibRecognizer

        self.network: Any = EmotiEffLibRecognizer(engine="onnx", model_name=self.model, device=device)

    def classify(self, crops: npt.NDArray[np.uint8]) -> Floats:
        import numpy as np

        faces = [np.ascontiguousarray(crop[..., ::-1]) for crop in crops]  # it wants RGB
        _, scores = self.network.predict_emotions(faces, logits=False)
        return np.asarray(scores[:, : len(self.labels)], np.float32)  # valence and arousal may follow


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [EmotiEffLib]
