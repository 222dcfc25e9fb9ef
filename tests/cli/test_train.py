"""`fertool train` and `fertool evaluate`, from made faces to figures."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
import tiny_classifier
import torch
from bars import bar
from safetensors import safe_open
from safetensors.torch import load_file

from fertool.host import registry
from fertool.types import EMOTIONS

NET = "faceapi-expression"
"""A classifier that is shipped and cannot be trained."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny.py, and bars/: a bright bar at the height of its class, 6 for training and 3 held out of each."""
    root = tmp_path_factory.mktemp("train")
    shutil.copy(tiny_classifier.__file__, root / "tiny.py")
    chance = np.random.default_rng(0)
    for split, count in (("train", 6), ("public", 3)):
        for number, label in enumerate(EMOTIONS):
            place = root / "bars" / split / label
            place.mkdir(parents=True)
            for i in range(count):
                cv2.imwrite(str(place / f"{i}.png"), bar(number, chance))
    return root


def train(folder: Path, out: str, *flags: str, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
    words = ["train", "tiny", "--data", "bars", "--plugin", "tiny.py", "--out", out, "--seed", "4", *flags]
    env = {**os.environ, "KILL_AT": str(kill_at)}
    command = [sys.executable, "-m", "fertool", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env)


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    done = train(folder, "whole")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "whole/model.safetensors\nwhole/report.html\n"
    assert done.stderr.count("epoch ") == 3
    assert "epoch 3/3: loss" in done.stderr
    return folder / "whole" / "model.safetensors"


def test_killed_and_resumed_ends_with_the_same_weights(folder: Path, trained: Path) -> None:
    # 42 pictures in batches of 8: six steps an epoch. In the first epoch, then in the second of what is left.
    assert train(folder, "killed", kill_at=3).returncode == -signal.SIGKILL
    assert train(folder, "killed", "--resume", kill_at=8).returncode == -signal.SIGKILL
    done = train(folder, "killed", "--resume")
    assert done.returncode == 0, done.stderr
    first, second = load_file(trained), load_file(folder / "killed" / "model.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_page_shows_curves_and_what_went_wrong(trained: Path) -> None:
    page = (trained.parent / "report.html").read_text(encoding="utf-8")
    assert "tiny, recipe best, seed 4" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert page.count("<tr><td>3</td>") == 1, "the third epoch"
    assert all(f"as {label}" in page for label in EMOTIONS)
    assert (trained.parent / "plotly.min.js").stat().st_size > 1e6


def test_evaluate_a_weights_file(fertool, folder: Path, trained: Path) -> None:
    words = ["--data", folder / "bars", "--plugin", folder / "tiny.py"]
    done = fertool("evaluate", trained, *words, "--json")
    assert done.code == 0, done.err
    model = json.loads(done.out)["models"][0]
    assert (model["name"], model["n"]) == ("tiny", 21)
    assert sum(map(sum, model["confusion"])) == 21
    assert set(model["faces_per_s"]) == {"1", "16"}
    assert 0 < model["cross_entropy"] < 5
    assert "was used to select these weights" in done.err
    taught = fertool("evaluate", trained, *words, "--split", "train")
    assert "split 'train' was used to train these weights: the figures flatter them" in taught.err
    assert "accuracy" in taught.out


def test_time_accuracy_and_memory_stand_in_a_table(fertool, folder: Path, trained: Path) -> None:
    words = ["--data", folder / "bars", "--plugin", folder / "tiny.py"]
    model = json.loads(fertool("evaluate", trained, *words, "--json").out)["models"][0]
    shown = fertool("evaluate", trained, *words).out
    first, cost = shown.split("All faces of the split on this machine")
    heads = re.split(r" {2,}", first.strip().splitlines()[0].strip())
    assert heads == [
        *("model", "faces", "accuracy", "95 %", "macro F1", "UAR", "ECE", "cross-entropy", "no duplicates")
    ]
    assert f"{model['cross_entropy']:.4f}" in first
    lines = [line for line in cost.splitlines() if line.strip()]
    heads = re.split(r" {2,}", lines[0].strip())
    assert heads == ["model", "seconds", "accuracy", "peak MB", "faces/s one by one", "in batches of 16"]
    row = lines[2].split()
    assert row[2] == f"{model['accuracy']:.2%}"
    # 21 faces of 16 pixels: no minute, and more memory than Python with PyTorch takes at least.
    assert 0 <= float(row[1]) < 60
    assert 0 < model["seconds"] < 60
    assert 100 < float(row[3]) < 1e5
    assert float(row[3]) == pytest.approx(model["peak_mb"], rel=0.5)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells")
def test_the_peak_of_memory_is_that_of_the_classification() -> None:
    from fertool.training import evaluate

    evaluate._forget_peak()
    before = evaluate._peak_mb()
    much = np.ones(200_000_000, np.uint8)
    with_it = evaluate._peak_mb()
    assert with_it >= before + 190
    del much
    assert evaluate._peak_mb() >= with_it - 5, "a peak stays"
    evaluate._forget_peak()
    assert evaluate._peak_mb() <= before + 50, "and is forgotten"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_every_face_has_a_row_of_predictions(
    fertool, folder: Path, trained: Path, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"faces.{suffix}"
    words = ["evaluate", trained, "compact", "--data", folder / "bars", "--plugin", folder / "tiny.py"]
    found = json.loads(fertool(*words, "--predictions", file, "--json").out)["models"]
    rows = pl.read_csv(file) if suffix == "csv" else pl.read_parquet(file)
    assert rows.columns == ["model", "split", "cut", "picture", "near_duplicate", "truth", "said", *EMOTIONS]
    assert rows["model"].to_list() == [str(trained)] * 21 + ["compact"] * 21
    assert set(rows["split"]) == {"public"}
    assert set(rows["cut"]) == {"as it comes"}
    np.testing.assert_allclose(rows.select(EMOTIONS).sum_horizontal(), 1, atol=1e-6)
    for model, part in zip(found, (rows[:21], rows[21:]), strict=True):
        assert (part["truth"] == part["said"]).mean() == pytest.approx(model["accuracy"])
        fresh = part.filter(~pl.col("near_duplicate"))
        assert len(fresh) == model["without_near_duplicates"]["n"]
        assert (part["picture"].str.extract(r"public/(\w+)/") == part["truth"]).all()
        said = part.select(pl.concat_list(EMOTIONS).list.arg_max())[EMOTIONS[0]]
        assert [EMOTIONS[i] for i in said] == part["said"].to_list()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--predictions", "faces.xlsx"], "expected a name that ends with .csv or .parquet"),
        (["--predictions", "gone/faces.csv"], "--predictions: no folder gone (make it first)"),
        (["--predictions", "faces.csv", "--folds", "3"], "--predictions is for one split: leave --folds out"),
    ],
)
def test_predictions_that_cannot_be_written(fertool, folder: Path, monkeypatch, flags, message) -> None:
    monkeypatch.chdir(folder)
    done = fertool("evaluate", NET, "--data", "bars", *flags)
    assert (done.code, done.out) == (2, "")
    assert message in done.err.replace("\n", " ")


def test_one_model_twice_has_two_rows_a_face(fertool, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "faces.csv"
    assert fertool("evaluate", NET, NET, "--data", folder / "bars", "--predictions", file).code == 0
    assert len(pl.read_csv(file)) == 42


def test_undivided_pictures_are_measured_without_being_asked(fertool, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "bars" / "public", tmp_path / "whole")
    found = json.loads(fertool("evaluate", NET, "--data", tmp_path / "whole", "--json").out)
    assert (found["split"], found["models"][0]["n"]) == ("all", 21)
    file = tmp_path / "faces.csv"
    assert fertool("evaluate", NET, "--data", tmp_path / "whole", "--predictions", file).code == 0
    assert pl.read_csv(file)["near_duplicate"].null_count() == 21


def test_figures_over_all_expressions_have_intervals(fertool, folder: Path, trained: Path) -> None:
    words = ["evaluate", trained, "--data", folder / "bars", "--plugin", folder / "tiny.py"]
    model = json.loads(fertool(*words, "--json").out)["models"][0]
    table = fertool(*words).out.split("Over all expressions, with 95 % intervals")[1]
    lines = [re.split(r" {2,}", line.strip()) for line in table.splitlines() if line.strip()]
    assert lines[0] == ["model", "macro F1", "UAR", "Cohen's kappa"]
    for name, cell in zip(("macro_f1", "uar", "kappa"), lines[2][1:], strict=True):
        low, high = model[f"{name}_interval"]
        assert low <= model[name] <= high
        assert cell == f"{model[name]:.4f} ({low:.3f}–{high:.3f})"


def test_conditions_of_lectures_stand_in_a_table(fertool, folder: Path, trained: Path) -> None:
    words = ["evaluate", trained, "--data", folder / "bars", "--plugin", folder / "tiny.py", "--robustness"]
    model = json.loads(fertool(*words, "--json").out)["models"][0]
    names = [one["name"] for one in model["conditions"]]
    assert names[0] == "as they come"
    assert names[-3:] == ["darkest third", "middle third", "brightest third"]
    assert {"24 px", "H.264 at 300 kbit/s", "dark", "mask"} <= set(names)
    assert model["conditions"][0]["accuracy"] == model["accuracy"]
    assert [one["n"] for one in model["conditions"]] == [21] * (len(names) - 3) + [7, 7, 7]
    table = fertool(*words).out.split("under the conditions of lectures")[1]
    lines = [re.split(r" {2,}", line.strip()) for line in table.splitlines() if line.strip()]
    assert lines[0] == ["condition", "faces", "accuracy", "95 %", "ECE"]
    shown = [[one["name"], str(one["n"]), f"{one['accuracy']:.2%}"] for one in model["conditions"]]
    assert [line[:3] for line in lines[2:]] == shown
    without = json.loads(fertool(*words[:-1], "--json").out)["models"][0]
    assert without["conditions"] == []
    mirrored = json.loads(fertool(*words, "--tta", "--json").out)["models"][0]
    assert mirrored["conditions"][0]["accuracy"] == mirrored["accuracy"]
    assert mirrored["conditions"][0]["ece"] == mirrored["ece"] != model["ece"]


def test_conditions_are_not_for_folds(fertool, folder: Path, trained: Path) -> None:
    done = fertool("evaluate", trained, "--data", folder / "bars", "--folds", 3, "--robustness")
    assert done.code == 2
    assert done.err == "fertool: --folds measures every picture once, by one model: leave --robustness out\n"


def test_evaluate_as_analyze_cuts_faces(fertool, folder: Path, trained: Path) -> None:
    words = ["evaluate", trained, "--data", folder / "bars", "--plugin", folder / "tiny.py", "--json"]
    plain, cut = fertool(*words), fertool(*words, "--align")
    assert cut.code == 0, cut.err
    before, after = (json.loads(done.out)["models"][0] for done in (plain, cut))
    # Other pixels of the same pictures: these are still those that selected the weights, and those that
    # nearly occur in training are found in them as they came.
    assert before["confusion"] != after["confusion"]
    assert cut.err == plain.err
    assert "was used to select these weights" in cut.err
    assert before["without_near_duplicates"]["n"] == after["without_near_duplicates"]["n"]


def test_trained_as_analyze_cuts_faces(fertool, folder: Path, trained: Path) -> None:
    done = train(folder, "aligned", "--epochs", "1", "--align")
    assert done.returncode == 0, done.stderr
    weights = folder / "aligned" / "model.safetensors"
    with safe_open(weights, "pt") as opened:
        made = json.loads(opened.metadata()["made"])
    with safe_open(trained, "pt") as opened:
        plain = json.loads(opened.metadata()["made"])
    assert made["data"] == {**plain["data"], "aligned": True}, "the same pictures, cut"
    words = ["evaluate", weights, "--data", folder / "bars", "--plugin", folder / "tiny.py"]
    assert "was used to select these weights" in fertool(*words).err
    again = train(folder, "aligned", "--epochs", "1", "--resume")
    assert again.returncode == 2
    assert "cannot resume: another data than before" in again.stderr


def test_two_models_are_compared_and_combined(fertool, folder: Path, trained: Path, monkeypatch) -> None:
    words = ["--data", folder / "bars", "--plugin", folder / "tiny.py", "--ensemble", "average"]
    done = fertool("evaluate", trained, trained, *words, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (pair,) = found["comparisons"]
    assert (pair["p"], pair["p_holm"], pair["difference"]) == (1, 1, 0)
    assert found["ensemble"]["accuracy"] == found["models"][0]["accuracy"]
    monkeypatch.chdir(folder)
    shown = fertool("evaluate", "whole/model.safetensors", "whole/model.safetensors", *words)
    lines = shown.out.split("Every two on the same faces")[1].strip().splitlines()
    heads = re.split(r" {2,}", lines[0].strip())
    assert heads == ["first", "second", "only first right", "only second", "difference", "95 %", "McNemar p"]
    assert lines[-1].split()[2:] == ["0", "0", "+0.00%", "+0.00%", "to", "+0.00%", "1"]


def test_runs_of_several_seeds_have_a_mean_and_a_spread(fertool, folder: Path, trained: Path) -> None:
    models = []
    for seed in (7, 8, 9):
        done = train(folder, f"seed-{seed}", "--epochs", "1", "--seed", str(seed))
        assert done.returncode == 0, done.stderr
        models.append(folder / f"seed-{seed}" / "model.safetensors")
    words = ["--data", folder / "bars", "--plugin", folder / "tiny.py"]
    found = json.loads(fertool("evaluate", *models, trained, NET, *words, "--json").out)
    accuracies = [model["accuracy"] for model in found["models"][:3]]
    (runs,) = found["spread"]  # the other run has other epochs, and the shipped network no seed
    assert (runs["name"], runs["seeds"], runs["accuracies"]) == ("tiny", [7, 8, 9], accuracies)
    assert runs["mean"] == pytest.approx(statistics.mean(accuracies))
    assert runs["sd"] == pytest.approx(statistics.stdev(accuracies))
    shown = fertool("evaluate", *models, *words).out.split("Runs that differ in their seed: accuracy")[1]
    lines = [re.split(r" {2,}", line.strip()) for line in shown.splitlines() if line.strip()]
    assert lines[0] == ["model", "recipe", "seeds", "mean", "SD", "least", "most"]
    figures = [f"{value:.2%}" for value in (runs["mean"], min(accuracies), max(accuracies))]
    assert lines[2] == ["tiny", "7, 8, 9", figures[0], f"{100 * runs['sd']:.2f} points", *figures[1:]]


@pytest.mark.parametrize("models", [["whole", "whole"], ["whole"]])
def test_one_seed_has_no_spread(fertool, folder: Path, trained: Path, models: list[str]) -> None:
    files = [folder / name / "model.safetensors" for name in models]
    words = ["--data", folder / "bars", "--plugin", folder / "tiny.py"]
    assert json.loads(fertool("evaluate", *files, *words, "--json").out)["spread"] == []
    assert "differ in their seed" not in fertool("evaluate", *files, *words).out


def test_of_three_models_every_two_are_compared(fertool, folder: Path, trained: Path, monkeypatch) -> None:
    words = ["--data", folder / "bars", "--plugin", folder / "tiny.py", "--split", "train"]
    models = [str(trained), NET, "tuyakov2022"]
    done = fertool("evaluate", *models, *words, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    pairs = found["comparisons"]
    assert [(pair["first"], pair["second"]) for pair in pairs] == [
        (models[0], models[1]),
        (models[0], models[2]),
        (models[1], models[2]),
    ]
    accuracy = {name: model["accuracy"] for name, model in zip(models, found["models"], strict=True)}
    for pair in pairs:
        assert pair["difference"] == pytest.approx(accuracy[pair["first"]] - accuracy[pair["second"]])
    # Trained on these bars, which are nothing to networks of faces: it wins twice, and by far.
    ordered = sorted(pairs, key=lambda pair: pair["p"])
    assert {pair["first"] for pair in ordered[:2]} == {models[0]}
    assert ordered[0]["p_holm"] == pytest.approx(3 * ordered[0]["p"])
    assert ordered[0]["p_holm"] < 0.01
    monkeypatch.chdir(folder)
    models[0] = "whole/model.safetensors"
    shown = fertool("evaluate", *models, *words).out.split("Every two on the same faces")[1]
    assert "p, Holm" in shown
    assert len(shown.strip().splitlines()) == 2 + 3


def test_weights_of_an_ensemble_are_fitted_on_validation(fertool, folder: Path, trained: Path) -> None:
    words = [
        "evaluate",
        NET,
        trained,
        "--data",
        folder / "bars",
        "--plugin",
        folder / "tiny.py",
    ]
    done = fertool(*words, "--ensemble", "weighted", "--split", "train", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)["ensemble"]
    # Bars are nothing to a network that knows faces.
    assert found["weights"][1] > 0.5
    assert sum(found["weights"]) == pytest.approx(1)
    assert "were fitted on" not in done.err
    same = fertool(*words, "--ensemble", "weighted", "--json")
    assert json.loads(same.out)["ensemble"]["weights"] == pytest.approx(found["weights"])
    assert "the ensemble's weights were fitted on split 'public': its figures flatter it" in same.err
    given = fertool(*words, "--ensemble", "weighted", "--weights", "0,2", "--json")
    assert "were fitted on" not in given.err
    assert json.loads(given.out)["ensemble"]["weights"] == [0, 1]
    models = json.loads(given.out)["models"]
    assert json.loads(given.out)["ensemble"]["accuracy"] == models[1]["accuracy"]
    assert "weighted 0.00, 1.00" in fertool(*words, "--ensemble", "weighted", "--weights", "0,2").out


def test_features_of_two_networks_are_joined(fertool, folder: Path, trained: Path) -> None:
    words = ["evaluate", trained, "compact", "--data", folder / "bars", "--plugin", folder / "tiny.py"]
    done = fertool(*words, "--ensemble", "features", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["ensemble"]["how"], found["ensemble"]["weights"], found["ensemble"]["n"]) == (
        "features",
        None,
        21,
    )
    alone = json.loads(fertool(*words[:2], *words[3:], "--ensemble", "features", "--json").out)["ensemble"]
    assert alone["cross_entropy"] != found["ensemble"]["cross_entropy"]
    assert re.search(r"^ *features +21 ", fertool(*words, "--ensemble", "features").out, re.MULTILINE)


def test_a_pupil_remembers_its_teacher(folder: Path, trained: Path) -> None:
    done = train(folder, "pupil", "--recipe", "taught", "--teacher", str(trained))
    assert done.returncode == 0, done.stderr
    with safe_open(folder / "pupil" / "model.safetensors", "np") as opened:
        made = json.loads(opened.metadata()["made"])
    assert made["teachers"] == [str(trained)]
    assert made["recipe"]["teacher"] == 0.5


def test_training_goes_on_from_weights(folder: Path, trained: Path) -> None:
    done = train(folder, "further", "--from", str(trained), "--epochs", "1")
    assert done.returncode == 0, done.stderr
    with safe_open(folder / "further" / "model.safetensors", "np") as opened:
        made = json.loads(opened.metadata()["made"])
    assert made["start"] == hashlib.sha256(trained.read_bytes()).hexdigest()
    fresh = train(folder, "fresh", "--epochs", "1")
    assert fresh.returncode == 0, fresh.stderr
    losses = [float(re.search(r"epoch 1/1: loss ([0-9.]+)", run.stderr)[1]) for run in (done, fresh)]
    assert losses[0] < losses[1], "it begins where the other ended"


def test_the_former_name_of_a_classifier_works_with_a_line(fertool, folder: Path) -> None:
    registry._note.cache_clear()  # said once in a process
    done = fertool("evaluate", "faceapi", "--data", folder / "bars", "--json")
    assert done.code == 0
    line = (
        "fertool: classifier 'faceapi' is called 'faceapi-expression' now; the old name works in this release"
    )
    assert done.err.startswith(f"{line}\n")
    assert [model["name"] for model in json.loads(done.out)["models"]] == [NET]


def test_a_classifier_that_ships_is_evaluated_by_name(fertool, folder: Path) -> None:
    done = fertool("evaluate", NET, "--data", folder / "bars", "--tta", "--json")
    assert done.code == 0, done.err
    model = json.loads(done.out)["models"][0]
    assert model["n"] == 21
    assert model["warnings"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["train", NET, "--data", "bars"],
            "classifier 'faceapi-expression' cannot be trained",
        ),
        (["train", "tini", "--data", "bars"], "did you mean 'tiny'?"),
        (["train", "tiny", "--data", "nowhere"], "nowhere"),
        (
            ["train", "tiny", "--data", "bars", "--recipe", "secret"],
            "no recipe 'secret' (it has: best, taught)",
        ),
        (["train", "tiny", "--data", "bars", "-o", "tiny.deep=yes"], "has no option 'deep'"),
        (["evaluate", "gone.safetensors", "--data", "bars"], "gone.safetensors: no such file"),
        (["evaluate", NET, "--data", "bars", "--split", "private"], "no split 'private'"),
        (
            ["train", "compact", "--data", "bars", "-o", "compact.lighting=candles"],
            "compact.lighting: expected as-is or equalise or clahe or dct or isotropic, got 'candles'",
        ),
        (
            ["evaluate", NET, "--data", "bars", "--ensemble", "best"],
            "expected majority, average, weighted, features, got 'best'",
        ),
        (
            ["evaluate", NET, "--data", "bars", "--ensemble", "features"],
            f"classifier '{NET}' does not show its features",
        ),
        (
            ["evaluate", "compact", "--data", "bars/train", "--ensemble", "features"],
            "expected a split 'train' to learn from, found",
        ),
        (
            ["evaluate", "compact", "--data", "bars", "--ensemble", "features", "--tta"],
            "--ensemble features sees every face once: leave --tta out",
        ),
        (
            ["evaluate", NET, "--data", "bars", "--weights", "1"],
            "--weights is for --ensemble weighted",
        ),
        (
            [
                "evaluate",
                NET,
                NET,
                "--data",
                "bars",
                "--ensemble",
                "weighted",
                "--weights",
                "1",
            ],
            "expected 2 numbers from 0 on, got '1'",
        ),
        (["train", "tiny", "--data", "bars", "--recipe", "taught"], "the recipe wants a teacher"),
        (
            ["train", "tiny", "--data", "bars", "--teacher", NET],
            "the recipe learns from no teacher (recipes that do: taught)",
        ),
        (
            ["train", "tiny", "--data", "bars", "--from", "gone.safetensors"],
            "gone.safetensors is no safetensors file",
        ),
        (["train", "khalid2025", "--data", "bars", "-o", "khalid2025.anchors=yes"], "(add --align)"),
    ],
)
def test_errors_say_what_to_do(fertool, folder: Path, monkeypatch, words: list[str], message: str) -> None:
    monkeypatch.chdir(folder)
    done = fertool(*words, "--plugin", "tiny.py")
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_another_seed_is_not_a_continuation(folder: Path, trained: Path) -> None:
    words = [
        "train",
        "tiny",
        "--data",
        "bars",
        "--plugin",
        "tiny.py",
        "--out",
        "whole",
        "--resume",
        "--seed",
        "5",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "fertool", *words], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 2
    assert "cannot resume: another seed" in done.stderr
