"""The shipped weights: read from the package, identified by hash, dequantized. See README.md."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from fertool import weights

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    import numpy as np
    import numpy.typing as npt

    Weights = dict[str, npt.NDArray[np.float32]]
    """Name in face-api -> float32 tensor in PyTorch's layout."""


def _file(net: str) -> Traversable:
    return files(__package__) / "weights" / f"{net}.safetensors"


@cache
def sha256(net: str) -> dict[str, str]:
    """File name -> SHA-256 of the weights of `net`, as `Plugin.weights` wants it (a few milliseconds)."""
    with as_file(_file(net)) as path:
        return {path.name: weights.sha256(path)}


def load(net: str) -> Weights:
    """All tensors of `net`: a stored byte q stands for scale * q + min, rounded to float32 once."""
    import numpy as np
    from safetensors import safe_open

    with as_file(_file(net)) as path, safe_open(path, "np") as stored:
        scales = json.loads(stored.metadata()["quantization"])
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  (not a dict)
    for name, (scale, low) in scales.items():
        tensors[name] = (tensors[name].astype(np.float64) * scale + low).astype(np.float32)
    return tensors
