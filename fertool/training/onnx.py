"""Export of a trained network to ONNX, compared with the original."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from fertool import files
from fertool.errors import FertoolError
from fertool.host import networks
from fertool.training.checkpoints import restored

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.contracts import Trainable

AGREE = 1e-4
"""Largest difference of a probability between the file and the network."""
TRIED = 32
"""Random faces for it."""


class Probabilities(nn.Module):
    """softmax(network(x) / temperature)."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Faces (n, channels, size, size) -> probabilities (n, labels)."""
        return torch.softmax(self.network(faces) / self.temperature, 1)


def export(plugin: Trainable, file: Path) -> float:
    """Write input `faces` (n, channels, size, size) float32 in 0..1 -> output `probabilities` (n, labels).

    n is free. The file's metadata holds `labels` as JSON, `channels` ("gray" or "BGR") and `made`, what the
    weights remember. Returns the largest difference from PyTorch on random faces. FertoolError if that is
    more than AGREE: the file is not written then.
    """
    network, about = restored(plugin, plugin.path)
    whole = Probabilities(network, about.pop("temperature")).eval()
    faces = torch.rand(TRIED, plugin.crop.planes, plugin.crop.size, plugin.crop.size)
    with files.swapped(file) as draft:
        axes = {"faces": {0: "n"}, "probabilities": {0: "n"}}
        draft.write_bytes(networks.to_onnx(whole, faces, axes))
        _describe(draft, plugin, about)
        difference = _difference(whole, faces, draft)
        if not difference <= AGREE:
            what = f"{file}: not written: {difference:.1e} from the network, expected at most {AGREE:.0e}"
            raise FertoolError(what, "please report this, with the versions that `fertool doctor` shows")
    return difference


def _describe(path: Path, plugin: Trainable, about: dict[str, Any]) -> None:
    model = onnx.load(path)
    channels = "gray" if plugin.crop.channels == 1 else "BGR"
    notes: dict[str, Any] = {
        "classifier": plugin.name,
        "version": plugin.version,
        "labels": json.dumps(list(plugin.labels)),
        "channels": channels,
        "made": json.dumps(about),
    }
    onnx.helper.set_model_props(model, notes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _difference(whole: nn.Module, faces: torch.Tensor, path: Path) -> float:
    """Of one face and of many: a file with a fixed n would fail here."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    largest = 0.0
    for some in (faces, faces[:1]):
        (found,) = session.run(None, {"faces": some.numpy()})
        with torch.inference_mode():
            largest = max(largest, float(np.abs(found - whole(some).numpy()).max()))
    return largest
