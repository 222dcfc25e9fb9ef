"""The nets of face-api in PyTorch, built straight from their weights: shapes follow from the tensors.

All take what `batch` makes of uint8 BGR pictures, and run in the precision they were moved to, which
`ready` picks. The originals see RGB: here the filters of the first convolution are turned round instead of
every picture. Batch norms and scale layers are folded into the convolutions before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fertool import devices
from fertool_plugins.faceapi import weights

if TYPE_CHECKING:
    import numpy.typing as npt

    from fertool_plugins.faceapi.weights import Weights

MEAN_BGR = (104.298, 117.001, 122.782)
"""Subtracted by the three face nets, before a division by 255."""
SSD_STRIDES = (16, 32, 64, 128, 256, 512)
"""Pixels of the input per cell of the SSD's six feature maps."""


class Net(nn.Module):
    """What `ready` and `batch` need to know of a net."""

    net: ClassVar[str]
    """Its weights file."""
    mean_bgr: ClassVar[tuple[float, float, float]] = MEAN_BGR
    scale: ClassVar[float] = 255.0
    """Pixels become (x - mean) / scale."""


AnyNet = TypeVar("AnyNet", bound=Net)


def _constant(array: npt.NDArray[np.float32]) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(array), requires_grad=False)


class Conv(nn.Module):
    """A convolution; `same` pads with zeros as TensorFlow does."""

    def __init__(
        self,
        filters: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32] | None,
        stride: int = 1,
        same: bool = True,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        if filters.shape[1] == 3:  # the picture itself: RGB to BGR
            filters = np.ascontiguousarray(filters[:, ::-1])
        self.halves = same and stride == 2
        self.padding = filters.shape[-1] // 2 if same else 0
        if self.halves:
            # TensorFlow pads an even side at its end only; PyTorch pads both ends. A row and a column of
            # zeros before the filter undo the padding at the beginning, at a third of the cost of `F.pad`.
            filters = np.pad(filters, ((0, 0), (0, 0), (1, 0), (1, 0)))
        self.filters = _constant(filters)
        self.bias = None if bias is None else _constant(bias)
        self.stride, self.groups = stride, len(filters) if depthwise else 1

    def forward(self, x: Tensor) -> Tensor:
        if self.halves and (torch.onnx.is_in_onnx_export() or x.shape[-1] % 2 or x.shape[-2] % 2):
            # Odd sides (which the originals never see) get one more at their end, so that the cells of a
            # larger input lie where those of a smaller one do. In a graph for any size, this stands always.
            x = F.pad(x, (0, x.shape[-1] % 2, 0, x.shape[-2] % 2))
        return F.conv2d(x, self.filters, self.bias, self.stride, self.padding, groups=self.groups)


def _scaled(filters: npt.NDArray[np.float32], scale: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return filters * scale[:, None, None, None]


def _clipped(conv: Conv) -> nn.Sequential:
    """A convolution clipped to 0..6, as everywhere in the SSD."""
    return nn.Sequential(conv, nn.ReLU6(inplace=True))


class SsdMobilenetV1(Net):
    """Face detector, fully convolutional: any height and width; trained at 512 x 512.

    (n, 3, h, w) in -1..1 -> boxes (n, a, 4) as x1, y1, x2, y2 in input pixels, logits (n, a), both
    float32; a anchors, which depend on h and w only.
    """

    net = "ssd_mobilenetv1"
    mean_bgr, scale = (127.5, 127.5, 127.5), 127.5

    def __init__(self, w: Weights) -> None:
        super().__init__()

        def pointwise(name: str, stride: int = 1) -> nn.Sequential:
            offset = w[f"{name}_pointwise/convolution_bn_offset"]
            return _clipped(Conv(w[f"{name}_pointwise/weights"], offset, stride))

        def depthwise(name: str, stride: int) -> nn.Sequential:
            norm = f"{name}_depthwise/BatchNorm"
            gain = w[f"{norm}/gamma"] / np.sqrt(w[f"{norm}/moving_variance"] + np.float32(0.001))
            offset = w[f"{norm}/beta"] - w[f"{norm}/moving_mean"] * gain
            filters = _scaled(w[f"{name}_depthwise/depthwise_weights"], gain)
            return _clipped(Conv(filters, offset, stride, depthwise=True))

        def pair(i: int) -> list[nn.Sequential]:
            name = f"MobilenetV1/Conv2d_{i}"
            return [depthwise(name, 2 if i in (2, 4, 6, 12) else 1), pointwise(name)]

        def extra(i: int) -> list[nn.Sequential]:
            return [pointwise(f"Prediction/Conv2d_{i}"), pointwise(f"Prediction/Conv2d_{i + 1}", 2)]

        def head(i: int, kind: str) -> Conv:
            name = f"Prediction/BoxPredictor_{i}/{kind}Predictor"
            return Conv(w[f"{name}/weights"], w[f"{name}/biases"])

        stem = [pointwise("MobilenetV1/Conv2d_0", 2), *(layer for i in range(1, 12) for layer in pair(i))]
        stages = [stem, pair(12) + pair(13), *(extra(i) for i in (0, 2, 4, 6))]
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages)
        self.boxes = nn.ModuleList(head(i, "BoxEncoding") for i in range(6))
        self.classes = nn.ModuleList(head(i, "Class") for i in range(6))
        self.shapes = _anchor_shapes(w["Output/extra_dim"][0])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        codes, logits, anchors = [], [], []
        for stage, boxes, classes, shapes, stride in zip(
            self.stages, self.boxes, self.classes, self.shapes, SSD_STRIDES, strict=True
        ):
            x = stage(x)
            codes.append(boxes(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 4).float())
            # Three classes per anchor: background, face, and one that the original ignores too.
            logits.append(classes(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 3)[..., 1].float())
            anchors.append(_anchors(shapes.to(x.device), x.shape[-2], x.shape[-1], stride))
        return _decode(torch.cat(codes, 1), torch.cat(anchors)), torch.cat(logits, 1)


def _anchor_shapes(stored: npt.NDArray[np.float32]) -> list[Tensor]:
    """The anchors of each map as (k, 4) pixels cx, cy, w, h of its first cell.

    Stored are y1, x1, y2, x2 of all anchors for 512 x 512, as shares, cell by cell and map by map; the
    cells of one map differ by whole strides only (a test holds this).
    """
    y1, x1, y2, x2 = torch.from_numpy(stored * np.float32(512)).unbind(1)
    all_anchors = torch.stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), 1)
    shapes, start = [], 0
    for stride in SSD_STRIDES:
        per_cell = 3 if stride == 16 else 6
        shapes.append(all_anchors[start : start + per_cell].clone())
        start += per_cell * (512 // stride) ** 2
    return shapes


def _anchors(shapes: Tensor, rows: int, columns: int, stride: int) -> Tensor:
    """(rows * columns * k, 4) cx, cy, w, h in pixels."""
    x = shapes[:, 0] + stride * torch.arange(columns, device=shapes.device)[None, :, None]
    y = shapes[:, 1] + stride * torch.arange(rows, device=shapes.device)[:, None, None]
    cells = torch.broadcast_tensors(x, y, shapes[:, 2], shapes[:, 3])  # type: ignore[no-untyped-call]
    return torch.stack(cells, -1).view(-1, 4)


def _decode(codes: Tensor, anchors: Tensor) -> Tensor:
    """Codes dy, dx, log h, log w, times 10, 10, 5, 5, relative to the anchors -> x1, y1, x2, y2."""
    size = anchors[:, 2:]
    center = codes[..., :2].flip(-1) / 10 * size + anchors[:, :2]
    half = torch.exp(codes[..., 2:].flip(-1) / 5) * size / 2
    return torch.cat((center - half, center + half), -1)


class Separable(nn.Sequential):
    """Depthwise, then pointwise convolution."""

    def __init__(self, w: Weights, name: str, stride: int) -> None:
        super().__init__(
            Conv(w[f"{name}/depthwise_filter"], None, stride, depthwise=True),
            Conv(w[f"{name}/pointwise_filter"], w[f"{name}/bias"]),
        )


class Dense(nn.Module):
    """Four convolutions, each fed with the sum of all before it; the first halves the side."""

    def __init__(self, w: Weights, name: str) -> None:
        super().__init__()
        plain = w.get(f"{name}/conv0/filters")  # the very first convolution is not separable
        self.first: nn.Module = (
            Separable(w, f"{name}/conv0", 2) if plain is None else Conv(plain, w[f"{name}/conv0/bias"], 2)
        )
        self.rest = nn.ModuleList(Separable(w, f"{name}/conv{i}", 1) for i in (1, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        total = self.first(x).relu_()
        x = total
        for layer in self.rest:
            total = total + layer(x)
            x = total.relu()
        return x


class Last(nn.Module):
    """Mean over the picture, then a linear layer: always float32: bfloat16 would cost 0.3 % of a face."""

    def __init__(self, filters: npt.NDArray[np.float32], bias: npt.NDArray[np.float32] | None) -> None:
        super().__init__()
        self.filters = _constant(filters)
        self.bias = None if bias is None else _constant(bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.float().mean((2, 3)), self.filters, self.bias)


class _FaceNet(Net, nn.Sequential):
    """Four dense blocks and a linear layer: (n, 3, 112, 112) -> (n, outputs) float32."""

    def __init__(self, w: Weights) -> None:
        super().__init__(*(Dense(w, f"dense{i}") for i in range(4)), Last(w["fc/weights"], w["fc/bias"]))


class Landmarks68(_FaceNet):
    """(n, 3, 112, 112) -> (n, 136): x, y of the 68 iBUG points as shares of the crop's side."""

    net = "face_landmark_68"


class Expression(_FaceNet):
    """(n, 3, 112, 112) -> (n, 7) logits: neutral, happy, sad, angry, fearful, disgusted, surprised."""

    net = "face_expression"


class Residual(nn.Module):
    """Two convolutions and a shortcut; `down` halves the side, and may double the channels."""

    def __init__(self, w: Weights, name: str) -> None:
        super().__init__()
        self.down = name.endswith(("down", "down_out"))
        self.first = _dlib(w, f"{name}/conv1", 2 if self.down else 1, same=not self.down)
        self.second = _dlib(w, f"{name}/conv2")

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.first(x).relu_())
        if self.down:
            x = F.avg_pool2d(x, 2)
            # The shortcut lacks channels, the convolutions sometimes a row and column: zeros for both.
            y = F.pad(y, (0, x.shape[-1] - y.shape[-1], 0, x.shape[-2] - y.shape[-2]))
            x = F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return y.add_(x).relu_()


def _dlib(w: Weights, name: str, stride: int = 1, same: bool = True) -> Conv:
    """dlib's convolution with the scale layer behind it folded in."""
    gain = w[f"{name}/scale/weights"]
    bias = w[f"{name}/conv/bias"] * gain + w[f"{name}/scale/biases"]
    return Conv(_scaled(w[f"{name}/conv/filters"], gain), bias, stride, same)


class Recognition(Net, nn.Sequential):
    """dlib's face descriptor: (n, 3, 150, 150) -> (n, 128) float32, not of unit length."""

    net = "face_recognition"
    blocks = (
        *("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2"),
        *("256_down", "256_1", "256_2", "256_down_out"),
    )

    def __init__(self, w: Weights) -> None:
        stem = [_dlib(w, "conv32_down", 2, same=False), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)]
        super().__init__(*stem, *(Residual(w, f"conv{name}") for name in self.blocks), Last(w["fc"], None))


KINDS: dict[str, type[Net]] = {
    kind.net: kind for kind in (SsdMobilenetV1, Landmarks68, Expression, Recognition)
}
"""By their weights file."""


def ready(kind: type[AnyNet], device: str, exact: bool = False) -> AnyNet:
    """The net with its weights on `device`, in bfloat16 where that is quick, unless `exact`."""
    net = kind(weights.load(kind.net)).eval().to(device)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if not exact and devices.quick_bfloat16(device):
        for layer in net.modules():
            if isinstance(layer, Conv):
                layer.bfloat16()
    return net


def batch(net: Net, images: npt.NDArray[Any]) -> Tensor:
    """(n, h, w, 3) uint8 BGR (or float, 0..255) -> (n, 3, h, w), normalized, as `net` wants it."""
    like = next(net.parameters())
    return _normalized(net, torch.from_numpy(np.require(images, requirements="W")).to(like.device))


def _normalized(net: Net, pictures: Tensor) -> Tensor:
    like = next(net.parameters())
    mean = torch.tensor(net.mean_bgr, device=like.device)[:, None, None]
    return ((pictures.permute(0, 3, 1, 2).float() - mean) / net.scale).to(like.dtype)


class OfPictures(nn.Module):
    """A net that takes (n, h, w, 3) uint8 BGR pictures themselves."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> Any:
        return self.net(_normalized(self.net, pictures))
