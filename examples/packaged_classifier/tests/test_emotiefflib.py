"""Without network and without EmotiEffLib: the contract. With EmotiEffLib: a toy network runs in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from fertool_emotiefflib import MODELS, EmotiEffLib

from fertool import EMOTIONS
from fertool.testing import check_classifier, check_plugin


def test_keeps_the_contract():
    check_plugin(EmotiEffLib)  # as far as it can be run here


def test_knows_the_seven_and_contempt():
    assert set(EmotiEffLib.labels) == {*EMOTIONS, "contempt"}


def test_another_model_is_refused():
    with pytest.raises(ValueError, match="model: expected one of enet_b0_8_best_vgaf"):
        EmotiEffLib(model="enet_b2_7")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without weights."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_says_what_is_missing_and_fetches_nothing(home: Path):
    plugin = EmotiEffLib()
    assert "emotiefflib is not installed" in plugin.available() or "fetches it" in plugin.available()
    assert plugin.weights() == {}
    assert list(home.iterdir()) == []


def toy(path: Path) -> None:
    """A network for the color of a face: red is happy, green neutral, blue sad."""
    from onnx import TensorProto, helper, numpy_helper, save

    weights = np.zeros((8, 3), np.float32)
    weights[4, 0] = weights[5, 1] = weights[6, 2] = 5  # in EmotiEffLib's order of labels
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "weight", "bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, 8])],
        [
            numpy_helper.from_array(weights, "weight"),
            numpy_helper.from_array(np.zeros(8, np.float32), "bias"),
        ],
    )
    path.parent.mkdir()
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))


@pytest.mark.usefixtures("home")
def test_runs_in_the_library():
    pytest.importorskip("emotiefflib", reason="EmotiEffLib is not installed: only the contract is tested")
    plugin = EmotiEffLib()
    toy(plugin.path)
    assert plugin.available() == ""
    assert plugin.weights() == {f"{MODELS[0]}.onnx": hashlib.sha256(plugin.path.read_bytes()).hexdigest()}
    plugin.load("cpu")
    check_classifier(plugin)
    blue, green, red = (np.full((224, 224, 3), np.eye(3)[channel] * 255, np.uint8) for channel in range(3))
    rows = plugin.classify(np.stack([blue, green, red, red]))
    assert [plugin.labels[i] for i in rows.argmax(axis=1)] == ["sad", "neutral", "happy", "happy"]
