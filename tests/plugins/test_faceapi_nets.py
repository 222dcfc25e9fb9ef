"""Our nets against the original face-api run in node (tests/reference/faceapi.json)."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fertool.vision import boxes
from fertool_plugins.faceapi import nets, runner, weights

ROOT = Path(__file__).parents[2]
REFERENCE = json.loads((ROOT / "tests/reference/faceapi.json").read_text())
FRAMES = [name for name in REFERENCE if name.startswith("frame")]
FACES = [name for name in REFERENCE if not name.startswith("frame")]
FILES = ("ssd_mobilenetv1", "face_landmark_68", "face_recognition", "face_expression")


def tool(name: str) -> Any:
    """A script of plugins/tools, as a module."""
    spec = spec_from_file_location(name, ROOT / "plugins/tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def pictures() -> dict[str, np.ndarray]:
    return tool("faceapi_inputs").pictures()


def picture(name: str) -> np.ndarray:
    if name not in pictures():
        pytest.skip("the picture comes with insightface, which is not installed")
    if tool("faceapi_inputs").sha256(pictures()[name]) != REFERENCE[name]["sha256"]:
        pytest.skip("this JPEG decoder gives other pixels than the one the reference was made with")
    return pictures()[name]


def square(image: np.ndarray, centered: bool) -> np.ndarray:
    """Padded with black as the original does: centered, or on the right and at the bottom only."""
    height, width = image.shape[:2]
    side = max(height, width)
    left, top = ((side - width) // 2, (side - height) // 2) if centered else (0, 0)
    padded = np.zeros((side, side, 3), np.uint8)
    padded[top : top + height, left : left + width] = image
    return padded


def legacy_resize(image: np.ndarray, size: int) -> np.ndarray:
    """TensorFlow 1's bilinear resize in float: source = target * scale, without a half-pixel shift."""
    at = np.arange(size) * len(image) / size
    low = at.astype(int)
    high, share = np.minimum(low + 1, len(image) - 1), at - low
    image = image.astype(np.float64)
    rows = image[low] + (image[high] - image[low]) * share[:, None, None]
    return (rows[:, low] + (rows[:, high] - rows[:, low]) * share[None, :, None]).astype(np.float32)


@cache
def net(kind: Any, exact: bool) -> Any:
    return nets.ready(kind, "cpu", exact)


def run(kind: Any, image: np.ndarray, size: int, exact: bool) -> Any:
    """What the net makes of one picture resized to (size, size)."""
    with torch.inference_mode():
        return net(kind, exact)(nets.batch(net(kind, exact), legacy_resize(image, size)[None]))


def outputs(kind: Any, name: str, size: int, exact: bool) -> np.ndarray:
    return run(kind, square(picture(name), centered=True), size, exact)[0].numpy()


def tolerance(exact: bool, float32: float, bfloat16: float) -> float:
    """`exact` is float32; otherwise the net runs in bfloat16, if this processor has it."""
    return float32 if exact else bfloat16


precision = pytest.mark.parametrize("exact", [True, False], ids=["float32", "quick"])


# ---------------------------------------------------------------- the four nets against the original


@precision
@pytest.mark.parametrize("name", FRAMES)
def test_ssd_finds_what_the_original_finds(name: str, exact: bool) -> None:
    image = picture(name)
    padded = square(image, centered=False)
    found, logits = run(nets.SsdMobilenetV1, padded, 512, exact)
    corners, scores = found[0].numpy(), logits[0].sigmoid().numpy()
    corners, scores = corners[scores > 0.3], scores[scores > 0.3]
    kept = boxes.nms(corners, scores, 0.5)
    # The original turns shares of the square into pixels with the size of the scaled picture rounded.
    sides = np.array([image.shape[1], image.shape[0]])
    pixels = sides / np.round(sides * 512 / len(padded))
    ours = np.clip(corners[kept], 0, 512) * np.tile(pixels, 2)
    theirs = np.array(REFERENCE[name]["boxes"]).reshape(-1, 4)
    np.testing.assert_allclose(scores[kept], REFERENCE[name]["scores"], atol=tolerance(exact, 1e-6, 1e-2))
    np.testing.assert_allclose(ours, theirs, atol=tolerance(exact, 1e-3, 1.5))


@precision
@pytest.mark.parametrize("name", FACES)
def test_landmarks_lie_where_the_original_puts_them(name: str, exact: bool) -> None:
    height, width = picture(name).shape[:2]
    side = max(height, width)
    # The original takes exactly half of the padding, also where it is odd.
    padding = np.array([side - width, side - height]) / 2
    ours = outputs(nets.Landmarks68, name, 112, exact).reshape(68, 2) * side - padding
    np.testing.assert_allclose(ours, REFERENCE[name]["landmarks"], atol=tolerance(exact, 1e-4, 0.01 * side))


@precision
@pytest.mark.parametrize("name", FACES)
def test_descriptors_equal_the_originals(name: str, exact: bool) -> None:
    ours = outputs(nets.Recognition, name, 150, exact)
    np.testing.assert_allclose(ours, REFERENCE[name]["descriptor"], atol=tolerance(exact, 2e-6, 5e-3))


@precision
@pytest.mark.parametrize("name", FACES)
def test_expressions_equal_the_originals(name: str, exact: bool) -> None:
    logits = outputs(nets.Expression, name, 112, exact)
    ours = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(ours, REFERENCE[name]["expression"], atol=tolerance(exact, 2e-6, 5e-2))


@pytest.mark.parametrize(
    ("kind", "size", "key", "apart"),
    [
        (nets.Landmarks68, 112, "landmarks", 1.0),  # pixels
        # dlib's net hardly cares about color, so a mistake would not show in how well it tells people apart.
        (nets.Recognition, 150, "descriptor", 0.02),
        (nets.Expression, 112, "expression", 1e-3),
    ],
)
def test_a_mix_up_of_red_and_blue_would_be_caught(kind: Any, size: int, key: str, apart: float) -> None:
    image = pictures()["waves 150"]  # square, so that shares are pixels of it
    swapped = np.ascontiguousarray(image[:, :, ::-1])
    output = run(kind, swapped, size, exact=True)[0].numpy()
    if key == "landmarks":
        output = output.reshape(68, 2) * 150
    if key == "expression":
        output = np.exp(output) / np.exp(output).sum()
    assert np.abs(output - REFERENCE["waves 150"][key]).max() > apart


def test_the_reference_has_faces_and_none() -> None:
    """Guards the comparisons above against comparing nothing."""
    assert len(REFERENCE["frame group"]["boxes"]) == 6
    assert REFERENCE["frame waves"]["boxes"] == []
    assert len(FACES) == 8


# ---------------------------------------------------------------- shapes and sizes


@pytest.mark.parametrize(
    ("height", "width"),
    [
        (512, 512),  # as trained
        (540, 960),  # 16:9, an odd number of cells in some maps
        (1, 1),  # nothing to see, but no crash
        (33, 700),  # a strip
    ],
)
def test_ssd_takes_any_size(height: int, width: int) -> None:
    ssd = net(nets.SsdMobilenetV1, True)
    with torch.inference_mode():
        corners, logits = ssd(nets.batch(ssd, np.zeros((2, height, width, 3), np.uint8)))
    cells = [-(-height // s) * -(-width // s) for s in nets.SSD_STRIDES]
    assert corners.shape == (2, 3 * cells[0] + 6 * sum(cells[1:]), 4)
    assert logits.shape == corners.shape[:2]


def test_anchors_are_those_of_the_original() -> None:
    """The grid we draw for any size gives the stored anchors at 512 x 512."""
    shapes = net(nets.SsdMobilenetV1, True).shapes
    grid = [nets._anchors(k, 512 // s, 512 // s, s) for k, s in zip(shapes, nets.SSD_STRIDES, strict=True)]
    center, size = torch.cat(grid).numpy().reshape(-1, 2, 2).transpose(1, 0, 2)
    ours = np.concatenate([center - size / 2, center + size / 2], 1)
    stored = weights.load("ssd_mobilenetv1")["Output/extra_dim"][0][:, [1, 0, 3, 2]] * 512
    np.testing.assert_allclose(ours, stored, atol=1e-3)


def test_a_larger_picture_keeps_the_boxes_in_place() -> None:
    """A face is found at the same place whether the frame goes on to its right and below or not."""
    image = picture("frame group")[:512, :1024]
    large, small = (run_as_is(part) for part in (image, image[:, :640]))
    for box in small:
        assert np.abs(large - box).max(axis=1).min() < 3


def run_as_is(image: np.ndarray) -> np.ndarray:
    """Boxes of the faces well inside the left 600 pixels."""
    ssd = net(nets.SsdMobilenetV1, True)
    with torch.inference_mode():
        corners, logits = ssd(nets.batch(ssd, np.ascontiguousarray(image)[None]))
    corners, scores = corners[0].numpy(), logits[0].sigmoid().numpy()
    kept = boxes.nms(corners[scores > 0.5], scores[scores > 0.5], 0.5)
    found = corners[scores > 0.5][kept]
    assert len(found) >= 2
    return found[found[:, 2] < 600]


@pytest.mark.parametrize("count", [0, 1, runner.AT_ONCE + 1])
def test_any_number_of_faces(count: int) -> None:
    faces = np.repeat(pictures()["waves 150"][None, :112, :112], count, 0)
    result = runner.of_crops("face_landmark_68", 112, "cpu")(faces)
    assert result.shape == (count, 136)
    assert result.dtype == np.float32
    # Each face as if it were alone.
    if count:
        np.testing.assert_allclose(result[-1], result[0], atol=1e-5)


EXPORTED = [
    # net, side, largest difference: pixels of a face of 112, of unit length, logits
    ("face_landmark_68", 112, 0.05 / 112),
    ("face_recognition", 150, 1e-5),
    ("face_expression", 112, 1e-4),
]


@pytest.mark.parametrize(("name", "side", "most"), EXPORTED)
@pytest.mark.parametrize("count", [1, 5])
def test_onnx_runtime_computes_what_pytorch_does(name: str, side: int, most: float, count: int) -> None:
    faces = np.stack([np.roll(pictures()["waves 150"], i, 0)[:side, :side] for i in range(count)])
    original = net(nets.KINDS[name], True)
    with torch.inference_mode():
        expected = original(nets.batch(original, faces)).numpy()
    found = runner.of_crops(name, side, "cpu")(faces)
    if name == "face_recognition":
        found, expected = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=most)


@pytest.mark.parametrize("size", [(544, 960), (192, 320), (160, 512), (608, 352)])
def test_ssd_is_one_graph_for_all_sizes(size: tuple[int, int]) -> None:
    """Sides of 160, 352 and 608 become odd on the coarser maps."""
    image = np.resize(pictures()["waves 150"], (*size, 3))[None]
    original = net(nets.SsdMobilenetV1, True)
    with torch.inference_mode():
        corners, logits = (out.numpy() for out in original(nets.batch(original, image)))
    run = runner.of_pictures("ssd_mobilenetv1", (17 * 32, 30 * 32), "cpu", any_size=True)
    found = run(image)
    np.testing.assert_allclose(found[0], corners, rtol=0, atol=0.05)
    np.testing.assert_allclose(found[1], logits, rtol=0, atol=1e-4)


def test_float32_is_the_exact_one_and_heads_stay_float32() -> None:
    kinds = {p.dtype for p in net(nets.Landmarks68, True).parameters()}
    assert kinds == {torch.float32}
    assert net(nets.Landmarks68, False)[-1].filters.dtype == torch.float32


# ---------------------------------------------------------------- weights


HASHES = {
    "ssd_mobilenetv1": "b7f51c29f9b86c7071c8a0e91c320678d5aaace069e40552a67077ce6e4e21c3",
    "face_landmark_68": "6c513fea3023673649575ddf32105c7394d195f1a507c6268f06ffee54cc0a01",
    "face_recognition": "6257d4ef63e44f581b98c33ca99bc60e4599dd0af88114cf90f90482365901e4",
    "face_expression": "665d231d01078686a50827c84a31d0155e342b67c79c1a818a5bbe52b6445ad7",
}


@pytest.mark.parametrize("name", FILES)
def test_weights_are_the_converted_ones(name: str) -> None:
    assert weights.sha256(name) == {f"{name}.safetensors": HASHES[name]}


@pytest.mark.parametrize("name", FILES)
def test_weights_are_finite_float32(name: str) -> None:
    for key, tensor in weights.load(name).items():
        assert tensor.dtype == np.float32, key
        assert np.isfinite(tensor).all(), key


def fake_model(folder: Path) -> Path:
    """A model in face-api's format with one tensor of every kind."""
    tensors: list[tuple[str, list[int], str, list[float] | None, bytes]] = [
        ("a/filters", [1, 1, 2, 3], "float32", [0.5, -1.0], bytes(range(6))),  # (h, w, in, out)
        ("a/depthwise_filter", [1, 2, 2, 1], "float32", [0.1, 0.0], bytes(range(4))),  # (h, w, channels, 1)
        ("fc/weights", [2, 3], "float32", None, np.arange(6, dtype="<f4").tobytes()),  # (in, out)
        ("graph/axis", [], "int32", [1.0, 3.0], b"\x00"),  # a constant nobody reads
        ("b/bias", [2], "float32", [0.25, 1.0], b"\x04\x08"),  # comes after it, so its place must be right
    ]
    entries = [
        {"name": name, "shape": shape, "dtype": dtype}
        | ({"quantization": {"scale": q[0], "min": q[1], "dtype": "uint8"}} if q else {})
        for name, shape, dtype, q, _ in tensors
    ]
    (folder / "x.bin").write_bytes(b"".join(raw for *_, raw in tensors))
    manifest = folder / "x.json"
    manifest.write_text(json.dumps([{"paths": ["x.bin"], "weights": entries}]))
    return manifest


def test_conversion_turns_layouts_and_keeps_bytes(tmp_path: Path) -> None:
    from safetensors import safe_open

    convert = tool("convert_faceapi").convert
    manifest = fake_model(tmp_path)
    data = convert(manifest)
    assert data == convert(manifest), "the same input must give the same bytes"
    (tmp_path / "x.safetensors").write_bytes(data)
    with safe_open(tmp_path / "x.safetensors", "np") as stored:
        found = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        scales = json.loads(stored.metadata()["quantization"])
    assert set(found) == {"a/filters", "a/depthwise_filter", "fc/weights", "b/bias"}
    assert found["a/filters"].dtype == np.uint8
    assert found["a/filters"].reshape(3, 2).tolist() == [[0, 3], [1, 4], [2, 5]]  # (out, in, h, w)
    assert found["a/depthwise_filter"].shape == (2, 1, 1, 2)
    assert found["a/depthwise_filter"].reshape(2, 2).tolist() == [[0, 2], [1, 3]]  # (channels, 1, h, w)
    assert found["fc/weights"].tolist() == [[0, 3], [1, 4], [2, 5]]  # (out, in)
    assert found["b/bias"].tolist() == [4, 8]
    assert scales == {"a/filters": [0.5, -1.0], "a/depthwise_filter": [0.1, 0.0], "b/bias": [0.25, 1.0]}


def test_a_byte_is_rounded_to_float32_only_once() -> None:
    """As the original does: float32(double(q) * scale + min)."""
    from importlib.resources import as_file, files

    from safetensors import safe_open

    name = "dense0/conv0/filters"
    path = files("fertool_plugins.faceapi") / "weights" / "face_expression.safetensors"
    with as_file(path) as file, safe_open(file, "np") as stored:
        scale, low = json.loads(stored.metadata()["quantization"])[name]
        q = int(stored.get_tensor(name)[3, 2, 1, 0])
    assert weights.load("face_expression")[name][3, 2, 1, 0] == np.float32(q * scale + low)


def test_licences_are_shipped() -> None:
    from importlib.resources import files

    folder = files("fertool_plugins.faceapi") / "weights"
    text = {file.name: file.read_text() for file in folder.iterdir() if file.name.startswith("LICENSE")}
    assert "Vladimir Mandic" in text["LICENSE-face-api.txt"]
    assert "Vincent Mühler" in text["LICENSE-face-api.js.txt"]
    assert "CC0" in text["LICENSE-dlib-models.txt"]
