"""The scripts that train elsewhere and bring weights home, on faces that were made up."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fertool.host import quantized
from fertool.training.datasets.dataset import load
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
    tensors, about = quantized.read(out / "tuyakov2022-0.safetensors")
    assert '"classifier": "tuyakov2022"' in about["made"]
    original, _ = quantized.read(out / "runs" / "tuyakov2022-0" / "model.safetensors")
    for name, weights in original.items():
        off = (tensors[name] - weights).abs().max()
        assert off <= (weights.abs().max() / 127 if weights.ndim > 1 else torch.tensor(0.0)), name


def test_ship_weights_with_a_card_whose_figures_evaluate_gives_again(tmp_path: Path) -> None:
    data = faces(tmp_path)
    run = tmp_path / "run"
    words = ["train", "khalid2025", "--data", data, "--recipe", "short", "--epochs", 1, "--out", run]
    fertool(*words)
    script("ship_weights.py", run / "model.safetensors", "--data", data, "--to", tmp_path / "ship")
    shipped = tmp_path / "ship" / "khalid2025.safetensors"
    assert shipped.stat().st_size < 2e6
    card_name = "khalid2025.md"
    card = (shipped.parent / card_name).read_text(encoding="utf-8")
    assert "{" not in card.replace("`augment={", ""), "every place in the template is filled"
    assert f"SHA-256 `{hashlib.sha256(shipped.read_bytes()).hexdigest()}`" in card
    assert "No other data (no FER+ votes)" in card
    assert "83 % on FER2013" in card
    found = json.loads(fertool("evaluate", shipped, "--data", data, "--json"))["models"][0]
    assert f"| public | 7 | {found['accuracy']:.2%} |" in card
    (cut,) = json.loads(fertool("evaluate", shipped, "--data", data, "--align", "--json"))["models"]
    assert f"| public, cut as `analyze` cuts | 7 | {cut['accuracy']:.2%} |" in card
    assert "below 32 px" in card
    assert "the curve in the model card of `compact`" in card
    # Packed weights are not packed again, and refused if packing has cost too much.
    again = ["ship_weights.py", shipped, "--data", data, "--to", tmp_path / "again", "--unpacked"]
    script(*again, found["accuracy"] + 0.002)
    before, after = (load_file(tmp_path / folder / shipped.name) for folder in ("ship", "again"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "-0.20 points" in (tmp_path / "again" / card_name).read_text(encoding="utf-8")
    command = [sys.executable, str(TOOLS / again[0]), *map(str, again[1:]), str(found["accuracy"] + 0.004)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "packing costs 0.40% of accuracy" in refused.stderr
    assert not (tmp_path / "again" / shipped.name).exists()
    drawing = ElementTree.parse(shipped.with_suffix(".svg"))
    texts = [node.text for node in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text in EMOTIONS] == [label for label in EMOTIONS for _ in range(2)]


def test_a_card_says_which_split_chose_and_measures_another(tmp_path: Path) -> None:
    data = faces(tmp_path)
    run = tmp_path / "run"
    words = ["train", "khalid2025", "--data", data, "--recipe", "short", "--epochs", 1, "--out", run]
    fertool(*words, "--validate-on", "50%")
    script("ship_weights.py", run / "model.safetensors", "--data", data, "--to", tmp_path / "ship")
    card = (tmp_path / "ship" / "khalid2025.md").read_text(encoding="utf-8")
    assert "selected on split `validation`" in card
    assert "(7 of its 28,709 faces" in card, "half of the fourteen were set aside"
    assert "No picture of `public` chose these weights; split `validation`" in card
    assert "temperature of the probabilities and the epoch." in card
    assert "flatter these\nweights" not in card
    weights = tmp_path / "ship" / "khalid2025.safetensors"
    (found,) = json.loads(fertool("evaluate", weights, "--data", data, "--split", "public", "--json"))[
        "models"
    ]
    assert f"| public | 7 | {found['accuracy']:.2%} |" in card
    assert "validation |" not in card, "no figure of the split that chose"


def test_conditions_in_a_card_are_those_of_evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    ship = importlib.import_module("ship_weights")
    data = faces(tmp_path)
    about = ship.conditions(ship.under_all("compact", data, "public"))
    words = ["evaluate", "compact", "--data", data, "--split", "public", "--robustness", "--json"]
    (found,) = json.loads(fertool(*words))["models"]
    rows = [line for line in about.splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(found["conditions"]) == 15
    for row, one in zip(rows, found["conditions"], strict=True):
        assert row.startswith(f"| {one['name']} | {one['n']} | {one['accuracy']:.2%} |")


def test_the_curve_in_a_card_is_that_of_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    ship = importlib.import_module("ship_weights")
    data = faces(tmp_path)
    about = ship.curve("compact", data, "public")
    (line,) = (line for line in about.splitlines() if line.startswith("    python"))
    words = line.split()[2:]
    printed = script("crop_study.py", data, *words[1:])
    assert words[0] == "fer2013.parquet"
    study = dict(re.findall(r"^\| (\d+) px \| ([\d.]+%) \|", printed, re.MULTILINE))
    sides, _, figures = (
        [cell.strip() for cell in row.strip("|").split("|")] for row in about.splitlines() if "|" in row
    )
    assert sides[1:] == list(study) == ["16", "24", "28", "32", "36", "40", "48"]
    for side, figure in zip(sides[1:], figures[1:], strict=True):
        assert float(figure.strip("%")) == pytest.approx(float(study[side].strip("%")), abs=0.051), side
    # At their own size, nothing is shrunk: what is left is the cut.
    (cut,) = json.loads(
        fertool("evaluate", "compact", "--data", data, "--split", "public", "--align", "--json")
    )["models"]
    assert study["48"] == f"{cut['accuracy']:.2%}"


def test_batch_norm_is_recalibrated_on_the_packed_weights(tmp_path: Path) -> None:
    data = faces(tmp_path)
    run = tmp_path / "run" / "model.safetensors"
    fertool("train", "khalid2025", "--data", data, "--recipe", "short", "--epochs", 1, "--out", run.parent)
    with safe_open(run, "pt") as stored:
        about = stored.metadata()
    made = json.loads(about["made"])
    made["recipe"]["recalibrate_bn"] = True
    save_file(load_file(run), run, metadata={**about, "made": json.dumps(made)})
    # Noise in, noise out: what packing costs is of no matter here.
    script("ship_weights.py", run, "--data", data, "--to", tmp_path / "ship", "--unpacked", 0.0001)
    plain = quantized.pack(load_file(run))
    shipped = load_file(tmp_path / "ship" / "khalid2025.safetensors")
    assert plain.keys() == shipped.keys()
    differing = {name for name in plain if not torch.equal(plain[name], shipped[name])}
    assert differing
    assert all("running" in name or "tracked" in name for name in differing)
    # The first batch norm sees 14 pictures through the packed first convolution, and no moving average.
    weights = quantized.unpack(shipped)
    images = load(data, 48, 1).take("train").images
    seen = (torch.from_numpy(images).float()[:, None] / 255 - 0.508) / 0.255
    mean = torch.nn.functional.conv2d(seen, weights["backbone.0.weight"], padding=1).mean((0, 2, 3))
    torch.testing.assert_close(weights["backbone.1.running_mean"], mean, atol=1e-4, rtol=1e-4)


def fertool(*words: object) -> str:
    command = [sys.executable, "-m", "fertool", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_shown_to_count_counts(tmp_path: Path) -> None:
    """Of noise, too: without the pixels that raise an answer it is less probable than without others."""
    printed = script("saliency_study.py", faces(tmp_path), "khalid2025", "--split", "train", "--faces", 5)
    heading, _, row = printed.splitlines()
    assert heading.startswith("| classifier | faces | as they come |")
    name, count, *chances, off = (cell.strip() for cell in row.strip("|").split("|"))
    assert (name, count) == ("`khalid2025`", "5")
    plain, raising, lowering, random = map(float, chances)
    assert raising < min(plain, random) <= max(plain, random) < lowering
    mean, largest = map(float, off.split(", "))
    assert mean <= largest < 0.2


def test_weights_are_mixed_by_their_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    mix = importlib.import_module("mix_weights")
    several = [{"w": torch.tensor([value, 2 * value]), "count": torch.tensor(7)} for value in (1.0, 5.0)]
    assert mix.mixed(several, [1, 1])["w"].tolist() == [3, 6]
    assert mix.mixed(several, [3, 1])["w"].tolist() == [2, 4]
    assert mix.mixed(several, [1, 0])["w"].tolist() == [1, 2]
    assert mix.mixed(several, [1, 1])["count"] == 7


def test_a_mix_is_a_model_that_remembers_what_it_was_made_of(tmp_path: Path) -> None:
    data = faces(tmp_path)
    words = ["train", "khalid2025", "--data", data, "--recipe", "short", "--epochs", 1]
    runs = []
    for seed in (1, 2):
        fertool(*words, "--seed", seed, "--out", tmp_path / f"run-{seed}")
        runs.append(tmp_path / f"run-{seed}" / "model.safetensors")
    printed = script("mix_weights.py", *runs, "--data", data, "--to", tmp_path / "mix", "--shares", "3,1")
    found = tmp_path / "mix" / "model.safetensors"
    assert printed.startswith(f"{found}: ")
    first, second, mean = (quantized.read(path)[0] for path in (*runs, found))
    name = "last.2.weight"
    torch.testing.assert_close(mean[name], first[name] * 0.75 + second[name] * 0.25)
    with safe_open(found, "pt") as stored:
        made = json.loads(stored.metadata()["made"])
    digests = [hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in runs]
    assert made["mixed"] == dict(zip(digests, [3.0, 1.0], strict=True))
    shown = json.loads(fertool("evaluate", found, "--data", data, "--json"))["models"][0]
    assert printed.split()[1] == f"{shown['accuracy']:.2%}"
    wrong = [sys.executable, str(TOOLS / "mix_weights.py"), *map(str, runs), "--data", str(data)]
    refused = subprocess.run(
        [*wrong, "--to", "x", "--shares", "1"], capture_output=True, text=True, check=False
    )
    assert (refused.returncode, refused.stderr) == (1, "--shares: expected 2 numbers from 0 on, got 1\n")
