"""YuNet as ONNX graphs of free input size: `s`, made of the shipped weights, and `n`, as published.

Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector" (2023), in the small form that
libfacedetection computes in C++: 26 units, each a 1 x 1 and a depthwise 3 x 3 convolution, on maps of 8, 16
and 32 pixels a cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from fertool import Floats

STRIDES = (8, 16, 32)
"""Pixels of a cell, of each of the three maps."""
HEADS = ("class", "box", "object", "points")
"""The last units of each map, in the order of their weights. `points`, five landmarks, has no output here."""
UNITS = (
    *(f"backbone.{i}" for i in range(11)),
    *(f"neck.{i}" for i in range(3)),
    *(f"{head}.{i}" for head in HEADS for i in range(3)),
)
"""Names of the units, in the order of their weights. Of the three of a kind, 0 belongs to the finest map."""
OPSET, IR = 17, 8


def graph(tensors: Mapping[str, Floats]) -> bytes:
    """YuNet-s. `tensors`: `stem`, and each of UNITS `.pointwise` and `.depthwise`: `.weight` and `.bias`.

    Input `input`: (1, 3, h, w) float32, BGR of 0 to 255, sides multiples of 32. Outputs for each stride s, by
    row, then column of the map, as in the published graphs: `cls_s` (1, cells, 1), the probability of a face
    here; `obj_s` (1, cells, 1), that of this box around it; `bbox_s` (1, cells, 4), in cells: x and y of the
    center from the cell's corner, and the logarithms of width and height.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes: list[onnx.NodeProto] = []

    def add(kind: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"v{len(nodes)}"], **attributes))
        return f"v{len(nodes) - 1}"

    def convolve(x: str, name: str, **attributes: Any) -> str:
        return add("Conv", x, f"{name}.weight", f"{name}.bias", **attributes)

    def unit(x: str, name: str) -> str:
        channels = len(tensors[f"{name}.depthwise.weight"])
        x = convolve(convolve(x, f"{name}.pointwise"), f"{name}.depthwise", pads=[1] * 4, group=channels)
        return x if name.partition(".")[0] in HEADS else add("Relu", x)

    def halved(x: str) -> str:
        return add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    def joined(fine: str, coarse: str) -> str:
        doubled = add(
            "Resize", coarse, "", "twice", mode="nearest", coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )  # fmt: skip
        return add("Add", doubled, fine)

    x = add("Relu", convolve("input", "stem", strides=[2, 2], pads=[1] * 4))
    maps = []
    for i in range(11):
        x = unit(x, f"backbone.{i}")
        if i in (0, 4):
            x = halved(x)
        elif i in (6, 8, 10):
            maps.append(x)
            x = halved(x) if i < 10 else x
    coarse = unit(maps[2], "neck.2")
    middle = unit(joined(maps[1], coarse), "neck.1")
    fine = unit(joined(maps[0], middle), "neck.0")
    outputs = []
    for i, (stride, cells) in enumerate(zip(STRIDES, (fine, middle, coarse), strict=True)):
        for name, head, depth in (("cls", "class", 1), ("obj", "object", 1), ("bbox", "box", 4)):
            out = unit(cells, f"{head}.{i}")
            rows = add("Transpose", out if depth > 1 else add("Sigmoid", out), perm=[0, 2, 3, 1])
            nodes.append(helper.make_node("Reshape", [rows, f"flat_{depth}"], [f"{name}_{stride}"]))
            shape: list[str | int | None] = [1, f"cells_{stride}", depth]
            outputs.append(helper.make_tensor_value_info(f"{name}_{stride}", TensorProto.FLOAT, shape))
    # Sorted, so that the same weights give the same bytes: a safetensors file is read in any order.
    used = {name: tensor for name, tensor in sorted(tensors.items()) if not name.startswith("points")}
    stored = [numpy_helper.from_array(tensor, name) for name, tensor in used.items()]
    stored.append(helper.make_tensor("twice", TensorProto.FLOAT, [4], [1, 1, 2, 2]))
    stored += [helper.make_tensor(f"flat_{d}", TensorProto.INT64, [3], [1, -1, d]) for d in (1, 4)]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])
    made = helper.make_graph(nodes, "yunet_s", [image], outputs, stored)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def freed(published: bytes) -> bytes:
    """A graph for pictures of one size -> the same for any size."""
    import onnx

    model = onnx.load_model_from_string(published)
    sides = model.graph.input[0].type.tensor_type.shape.dim[2:]
    for side, name in zip(sides, "hw", strict=True):
        side.dim_param = name
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"cells of {output.name}"
    return bytes(model.SerializeToString())


def decode(found: Mapping[str, Floats], width: int) -> tuple[Floats, Floats]:
    """Outputs for an input `width` pixels wide -> (n, 4) boxes in its pixels and (n,) scores of all cells.

    The score is the root of both probabilities' product, as in libfacedetection.
    """
    import numpy as np

    boxes, scores = [], []
    for stride in STRIDES:
        x, y, log_width, log_height = found[f"bbox_{stride}"][0].T
        row, column = np.divmod(np.arange(len(x)), width // stride)
        center = np.stack([x + column, y + row], 1)
        half = np.exp(np.stack([log_width, log_height], 1)) / 2
        boxes.append(stride * np.concatenate([center - half, center + half], 1))
        scores.append(np.sqrt(found[f"cls_{stride}"] * found[f"obj_{stride}"])[0, :, 0])
    return np.concatenate(boxes).astype(np.float32), np.concatenate(scores)
