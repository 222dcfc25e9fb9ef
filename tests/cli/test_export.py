"""`fertool export`: an ONNX file that says what PyTorch says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from fertool.types import EMOTIONS

COMPACT = "compact"


@pytest.fixture
def written(fertool, tmp_path: Path) -> Path:
    file = tmp_path / "compact.onnx"
    done = fertool("export", COMPACT, "--onnx", file)
    assert done.code == 0, done.err
    assert done.out.startswith(f"{file} (")
    assert "from PyTorch" in done.out
    return file


def test_it_says_what_the_classifier_says(written: Path) -> None:
    from fertool_plugins.classifiers.compact import Compact

    faces = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 1), np.uint8)
    original = Compact(exact=True)
    original.load("cpu")
    session = onnxruntime.InferenceSession(str(written), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"faces": faces.transpose(0, 3, 1, 2).astype(np.float32) / 255})
    assert found.shape == (5, 7)
    np.testing.assert_allclose(found, original.classify(faces), atol=1e-4)
    (one,) = session.run(None, {"faces": faces[:1].transpose(0, 3, 1, 2).astype(np.float32) / 255})
    np.testing.assert_allclose(one, found[:1], atol=1e-6)


def test_it_says_what_it_is(written: Path) -> None:
    notes = {prop.key: prop.value for prop in onnx.load(written).metadata_props}
    assert notes["classifier"] == COMPACT
    assert json.loads(notes["labels"]) == list(EMOTIONS)
    assert notes["channels"] == "gray"
    assert json.loads(notes["made"])["selected_on"] == "public"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["faceapi-expression", "--onnx", "x.onnx"], "classifier 'faceapi-expression' cannot be trained"),
        (["compact", "--onnx", "nowhere/x.onnx"], "no folder nowhere"),
        (["compact", "--onnx", "x.onnx", "-o", "compact.file=gone.safetensors"], "cannot be exported"),
    ],
)
def test_errors_leave_nothing(fertool, tmp_path: Path, monkeypatch, words: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    done = fertool("export", *words)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
