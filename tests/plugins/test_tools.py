"""The scripts that train elsewhere and bring weights home, on faces that were made up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from fertool import packed
from fertool.types import EMOTIONS

TOOLS = Path(__file__).parents[2] / "plugins" / "tools"


def script(name: str, *words: object) -> str:
    command = [sys.executable, str(TOOLS / name), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def faces(root: Path) -> Path:
    """Two of each expression for training, one held out: noise."""
    chance = np.random.default_rng(0)
    for split, count in (("train", 2), ("public", 1)):
        for label in EMOTIONS:
            folder = root / "faces" / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                cv2.imwrite(str(folder / f"{i}.png"), chance.integers(0, 256, (48, 48), np.uint8))
    return root / "faces"


def test_train_all_then_again_then_join(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [faces(tmp_path), out, "--names", "khalid2025", "tuyakov2022", "--recipe", "paper", "--epochs", 1]
    first = script("train_all.py", *words)
    assert first.count("1/1") == 2
    assert script("train_all.py", *words) == "", "nothing is trained twice"
    small = out / "khalid2025-0.safetensors"
    assert small.stat().st_size < 2e6
    parts = sorted(out.glob("tuyakov2022-0.safetensors.*"))
    assert [part.suffix for part in parts] == [".00", ".01", ".02"]
    assert all(part.stat().st_size <= 16e6 for part in parts)
    assert script("train_all.py", "--join", out).split() == [str(out / "tuyakov2022-0.safetensors")]
    tensors, about = packed.read(out / "tuyakov2022-0.safetensors")
    assert '"classifier": "tuyakov2022"' in about["made"]
    original, _ = packed.read(out / "runs" / "tuyakov2022-0" / "model.safetensors")
    for name, weights in original.items():
        off = (tensors[name] - weights).abs().max()
        assert off <= (weights.abs().max() / 127 if weights.ndim > 1 else torch.tensor(0.0)), name
