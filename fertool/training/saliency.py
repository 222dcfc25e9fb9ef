"""Which pixels of a face a network's answer rests on: integrated gradients, and a picture of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from fertool.host import networks
from fertool.training.checkpoints import restored

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from torch import Tensor, nn

    from fertool.contracts import Trainable
    from fertool.types import Image

    Doubles = npt.NDArray[np.float64]

STEPS = 128
"""Points on the way from the blurred face: the more, the nearer the pixels sum up to the difference of the
logits. How near stands in plugins/fertool_plugins/nets/README.md; with 32, up to 0.9 was missing."""
AT_ONCE = 2
"""Pictures per pass. More are no quicker on one thread, and each needs up to 0.1 GB for its gradients
(a ResNet-50 at 48 x 48 pixels)."""
BLUR = 1 / 8
"""Standard deviation of the blurred face, as a share of its side: head and light are left, no feature is."""
SMOOTH = 1 / 28
"""Standard deviation by which a map is smoothed to be looked at, as a share of its side."""
SIDE = 240
"""Pixels of a drawn map's side."""
FOR, AGAINST = (0, 130, 255), (255, 110, 30)
"""BGR of pixels that raise the logit, orange, and of those that lower it, blue: told apart by color-blind
people too."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one network answers to one face, and which pixels that rests on."""

    label: str
    """The expression that is explained."""
    probabilities: dict[str, float]
    """Of every label of the classifier, in its order; they sum to 1."""
    face: Image
    """(size, size, channels) uint8: gray or BGR, as the network was shown it."""
    pixels: Doubles
    """(size, size): what each pixel adds to the logit of `label`, or takes from it."""
    logit: float
    """Of `label`."""
    logit_blurred: float
    """Of `label`, for the blurred face; `pixels` sum up to what `logit` is above it, but for rounding."""


def explained(
    plugin: Trainable, crops: Image, label: str | None = None, steps: int = STEPS
) -> Iterator[Explanation]:
    """An explanation for each of (n, size, size, planes) uint8 crops, n >= 0, in order.

    `label`: the expression to explain, one of the classifier's; None: of each face the most probable one.
    `steps`: as in `integrated_gradients`. The network runs on the processor, on one thread. FertoolError if
    the weights do not fit it.

    A face is compared with itself, blurred: a black picture, which is common, would give nothing to dark
    pixels, as pupils and open mouths have (Sturmfels, Lundberg and Lee, 2020, "Visualizing the Impact of
    Feature Attribution Baselines"). The plane of landmarks, where a crop has one, is that of the face.
    """
    network, about = restored(plugin, plugin.path)
    network.requires_grad_(requires_grad=False)
    for face in plugin.prepare(crops):
        shown, soft = face[..., : plugin.crop.channels], face.astype(np.float32)
        soft[..., : plugin.crop.channels] = blurred(shown)
        picture, start = (_tensor(one) for one in (face, soft))
        with networks.one_thread():
            with torch.inference_mode():
                logits, before = network(torch.stack([picture, start])).double()
            target = int(logits.argmax()) if label is None else plugin.labels.index(label)
            pixels = integrated_gradients(network, picture, start, target, steps).sum(axis=0)
        chances = torch.softmax(logits / about["temperature"], 0).tolist()
        yield Explanation(
            label=plugin.labels[target],
            probabilities=dict(zip(plugin.labels, chances, strict=True)),
            face=shown,
            pixels=pixels,
            logit=float(logits[target]),
            logit_blurred=float(before[target]),
        )


def integrated_gradients(
    network: nn.Module, picture: Tensor, start: Tensor, target: int, steps: int = STEPS
) -> Doubles:
    """What each value of a picture adds to output `target` of a network, compared with `start`.

    Sundararajan, Taly and Yan (2017), "Axiomatic Attribution for Deep Networks", equations 1 and 3, by the
    midpoint rule: (picture - start) times the mean gradient on the straight way between them. Both are
    (planes, h, w) float32 tensors, as is the result, in float64. It sums up to the difference of the two
    outputs (completeness), the more exactly the more steps. `network` is in evaluation mode.
    """
    total = torch.zeros_like(picture, dtype=torch.float64)
    shares = (torch.arange(steps) + 0.5) / steps
    for some in torch.split(shares, AT_ONCE):
        way = start + some[:, None, None, None] * (picture - start)
        way.requires_grad_()
        (gradients,) = torch.autograd.grad(network(way)[:, target].sum(), way)
        total += gradients.sum(0, dtype=torch.float64)
    return np.asarray((total / steps * (picture - start)).numpy())


def smoothed(pixels: Doubles) -> Doubles:
    """(h, w) -> the same, smoothed by SMOOTH; the sum stays."""
    sigma = SMOOTH * len(pixels)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float64)


def drawn(face: Image, pixels: Doubles | None = None) -> Image:
    """(SIDE, SIDE, 3) uint8 BGR: a face (size, size, 1 | 3) in gray or color and, where `pixels` (size, size)
    are given, these over it in gray, smoothed: the stronger, the more of the color FOR or AGAINST. The
    strongest pixel has most of it, so two maps cannot be compared by their colors."""
    large = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    if large.ndim == 2:
        large = cv2.cvtColor(large, cv2.COLOR_GRAY2BGR)
    if pixels is None:
        return np.asarray(large, np.uint8)
    gray = cv2.cvtColor(cv2.cvtColor(large, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    heat = cv2.resize(smoothed(pixels), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)[:, :, None]
    share = 0.85 * np.abs(heat) / (np.abs(heat).max() or 1.0)
    paint = np.where(heat > 0, np.array(FOR, np.float64), np.array(AGAINST, np.float64))
    return np.asarray(np.rint(gray * (1 - share) + paint * share), np.uint8)


def blurred(face: Image) -> npt.NDArray[np.float32]:
    """(size, size, channels) uint8 -> the same shape, without features."""
    sigma = BLUR * len(face)
    soft = cv2.GaussianBlur(face.astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(soft, np.float32).reshape(face.shape)


def _tensor(face: npt.NDArray[np.generic]) -> Tensor:
    """(size, size, planes) of 0 to 255 -> (planes, size, size) float32 in 0..1, as networks want it."""
    return torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1), np.float32) / 255)
