"""The nets of face-api, ready to run: in ONNX Runtime on a processor, in PyTorch on an accelerator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fertool import networks
from fertool_plugins.faceapi import weights

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    import torch

    from fertool import Floats

    Pictures = npt.NDArray[np.uint8]
    """(n, h, w, 3) BGR."""

AT_ONCE = 64
"""Faces per pass: bounds memory, and more at once are no quicker."""
CODE = Path(__file__).with_name("nets.py")


def of_crops(net: str, side: int, device: str, exact: bool = False) -> Callable[[Pictures], Floats]:
    """(n, side, side, 3) uint8 BGR crops -> the (n, outputs) float32 of a face net; n may be 0."""
    run = of_pictures(net, (side, side), device, exact)

    def in_parts(crops: Pictures) -> Floats:
        import numpy as np

        parts = [run(crops[i : i + AT_ONCE])[0] for i in range(0, len(crops), AT_ONCE) or (0,)]
        return np.concatenate(parts)

    return in_parts


def of_pictures(
    net: str, size: tuple[int, int], device: str, exact: bool = False, any_size: bool = False
) -> Callable[[Pictures], list[Floats]]:
    """(n, h, w, 3) uint8 BGR pictures -> the float32 outputs of the net; h and w are `size`, unless
    `any_size`. `exact`: float32 also on an accelerator."""
    source = networks.Source(net, weights.sha256(net), [CODE], (*size, 3), any_size=any_size)
    if device == "cpu":
        return networks.on_processor(source, lambda: _loaded(net, device, exact=True))
    return networks.in_pytorch(_loaded(net, device, exact), device)


def _loaded(net: str, device: str, exact: bool) -> torch.nn.Module:
    from fertool_plugins.faceapi import nets

    return nets.OfPictures(nets.ready(nets.KINDS[net], device, exact)).eval()
