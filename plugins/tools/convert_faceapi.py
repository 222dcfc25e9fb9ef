"""Convert the nets of the npm package @vladmandic/face-api to safetensors, keeping their uint8 form.

    npm pack @vladmandic/face-api@1.7.15 && tar xf vladmandic-face-api-1.7.15.tgz
    python plugins/tools/convert_faceapi.py package/model

Names stay the originals; layouts become PyTorch's, and what inference never reads is left out. The same
input gives the same bytes, so the SHA-256 printed per file can be compared after a re-run.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

NETS = ("ssd_mobilenetv1", "face_landmark_68", "face_recognition", "face_expression")
OUT = Path(__file__).parent.parent / "fertool_plugins" / "faceapi" / "weights"


def to_torch(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """TensorFlow's axis order to PyTorch's."""
    if array.ndim == 4:
        depthwise = "depthwise" in name  # (h, w, channels, 1), else (h, w, in, out)
        return array.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    return array.T if array.ndim == 2 else array


def convert(manifest: Path) -> bytes:
    """One net as safetensors: uint8 tensors, whose scale and min stand in the metadata, and a few float32."""
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    quantization: dict[str, list[float]] = {}
    for group in json.loads(manifest.read_text()):
        raw = b"".join((manifest.parent / path).read_bytes() for path in group["paths"])
        offset = 0
        for entry in group["weights"]:
            name, shape, scaled = entry["name"], entry["shape"], entry.get("quantization")
            dtype = np.dtype(np.uint8) if scaled else np.dtype("<f4")
            count = int(np.prod(shape))
            array = np.frombuffer(raw, dtype, count, offset).reshape(shape)
            offset += count * dtype.itemsize
            if entry["dtype"] != "float32" or name.startswith("Preprocessor/"):
                continue  # constants of the original graph
            tensors[name] = np.ascontiguousarray(to_torch(name, array))
            if scaled:
                quantization[name] = [scaled["scale"], scaled["min"]]
    # One metadata key only: safetensors writes several in arbitrary order.
    return save(tensors, {"quantization": json.dumps(quantization, sort_keys=True)})


def main(models: Path) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for net in NETS:
        data = convert(models / f"{net}_model-weights_manifest.json")
        (OUT / f"{net}.safetensors").write_bytes(data)
        print(hashlib.sha256(data).hexdigest(), len(data), net)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
