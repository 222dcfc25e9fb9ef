"""`fertool train` and `evaluate` on data that come without the splits to train and to select on."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_classifier
from bars import bar
from safetensors import safe_open

from fertool.training.datasets.dataset import load
from fertool.training.datasets.division import divided, fold, shares
from fertool.types import EMOTIONS

NET = "faceapi-expression"
"""A classifier that is shipped and cannot be trained."""

PLUGIN = ("--plugin", tiny_classifier.__file__)
RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
PERSONS = 12


@pytest.fixture(scope="module")
def rafdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As RAF-DB ships: 70 pictures to train with, ten of each class, and 21 to test with."""
    root = tmp_path_factory.mktemp("data") / "raf"
    chance = np.random.default_rng(0)
    for place in ("EmoLabel", "Image/aligned"):
        (root / place).mkdir(parents=True)
    lines = []
    for name, count in (("train_{:05d}", 70), ("test_{:04d}", 21)):
        for i in range(count):
            stem, number = name.format(i + 1), i % 7
            lines.append(f"{stem}.jpg {number + 1}")
            picture = bar(EMOTIONS.index(RAFDB[number]), chance)
            cv2.imwrite(str(root / "Image" / "aligned" / f"{stem}_aligned.jpg"), picture)
    (root / "EmoLabel" / "list_patition_label.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Undivided class folders with CK+'s names: twelve persons, each with one picture of every class."""
    root = tmp_path_factory.mktemp("data") / "people"
    chance = np.random.default_rng(0)
    for number, label in enumerate(EMOTIONS):
        (root / label).mkdir(parents=True)
        for person in range(PERSONS):
            cv2.imwrite(str(root / label / f"S{person:03d}_{number:03d}_00000009.png"), bar(number, chance))
    return root


def remembered(weights: Path) -> dict:
    with safe_open(weights, "np") as opened:
        return json.loads(opened.metadata()["made"])


def trained(fertool, data: Path, out: Path, *flags: str, epochs: int = 2) -> Path:
    done = fertool("train", "tiny", "--data", data, "--epochs", epochs, "--out", out, *PLUGIN, *flags)
    assert done.code == 0, done.err
    assert done.out == f"{out}/model.safetensors\n{out}/report.html\n"
    return out / "model.safetensors"


def evaluated(fertool, *words: object) -> tuple[dict, list[str]]:
    """What was found, and the warnings."""
    done = fertool("evaluate", *words, *PLUGIN, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out), [line.removeprefix("fertool: ") for line in done.err.splitlines()]


UNKNOWN = "who is in a picture is not known: one person can be in several splits, which flatters figures"


def test_rafdb_with_a_part_of_train_set_aside(fertool, rafdb: Path, tmp_path: Path) -> None:
    weights = trained(fertool, rafdb, tmp_path / "run", "--validate-on", "20%")
    data = load(rafdb, 16)
    made = remembered(weights)
    assert made["selected_on"] == "validation"
    assert made["data"]["division"] == {
        "parts": [["train", 80.0], ["validation", 20.0]],
        "seed": 0,
        "of": "train",
    }
    # Nobody names a split: `public`, else `test`. Nothing of it was learned, so nothing is to be warned of.
    found, warnings = evaluated(fertool, weights, "--data", rafdb)
    assert (found["split"], found["models"][0]["n"]) == ("test", 21)
    assert warnings == [UNKNOWN]
    # 20 % of ten pictures of each class select, the others are learned.
    found, warnings = evaluated(fertool, weights, "--data", rafdb, "--split", "validation")
    assert found["models"][0]["n"] == 14
    assert [c["n"] for c in found["models"][0]["classes"]] == [2] * 7
    assert "split 'validation' was used to select these weights: the figures flatter them" in warnings
    found, warnings = evaluated(fertool, weights, "--data", rafdb, "--split", "train")
    assert found["models"][0]["n"] == 56
    assert "split 'train' was used to train these weights: the figures flatter them" in warnings
    assert data.splits() == {"test": 21, "train": 70}


def test_rafdb_with_the_test_as_what_selects(fertool, rafdb: Path, tmp_path: Path) -> None:
    """As papers do that name two splits; it is said that the figure flatters."""
    weights = trained(fertool, rafdb, tmp_path / "run", "--validate-on", "test")
    made = remembered(weights)
    assert made["selected_on"] == "test"
    assert made["data"] == {
        "train": load(rafdb, 16).digest("train"),
        "selected_on": load(rafdb, 16).digest("test"),
    }
    found, warnings = evaluated(fertool, weights, "--data", rafdb, "--split", "test")
    assert found["models"][0]["n"] == 21
    assert warnings == ["split 'test' was used to select these weights: the figures flatter them"]
    # In folds of all pictures, each was learned or selected; classes are mixed alike, so in each fold some.
    found, warnings = evaluated(fertool, weights, "--data", rafdb, "--folds", 3)
    said = "".join(warnings)
    for use, total in (("select", 21), ("train", 70)):
        counts = re.findall(rf"(\d+) of the \d+ pictures of fold \d were used to {use} these", said)
        assert len(counts) == 3
        assert sum(map(int, counts)) == total
    assert "its own splits (test, train) do not count: all pictures were divided" in warnings


def test_undivided_people(fertool, people: Path, tmp_path: Path) -> None:
    weights = trained(fertool, people, tmp_path / "run", "--split", "50/25/25", "--seed", "3")
    data = load(people, 16)
    cut = divided(data, shares("50/25/25", 3))
    made = remembered(weights)
    assert cut.splits() == {"test": 21, "train": 42, "validation": 21}  # 3, 6 and 3 persons
    assert made["data"]["train"] == cut.digest("train")
    assert made["data"]["selected_on"] == cut.digest("validation")
    assert len(set(cut.take("test").persons) & set(cut.take("train").persons)) == 0
    # The weights remember the division: what they held out is named `test`.
    found, warnings = evaluated(fertool, weights, "--data", people)
    assert (found["split"], found["models"][0]["n"], warnings) == ("test", 21, [])
    # Another classifier is measured on the same pictures, and both are compared on them.
    found, _ = evaluated(fertool, NET, weights, "--data", people, "--split", "test")
    assert [model["n"] for model in found["models"]] == [21, 21]
    # In folds, some pictures of each were learned, or selected; which ones is known.
    found, warnings = evaluated(fertool, weights, "--data", people, "--folds", 3)
    assert [one["n"] for one in found["folds"]] == [28] * 3
    counts = {"select": 0, "train": 0}
    for number in (1, 2, 3):
        names = set(divided(data, fold(f"{number}/3", 0)).take("test").ids)
        for use, split in (("select", "validation"), ("train", "train")):
            count = len(names & set(cut.take(split).ids))
            counts[use] += count
            said = f"{count} of the 28 pictures of fold {number} were used to {use} these weights: "
            assert (said + "the figures flatter them" in warnings) == (count > 0)
    assert counts == {"select": 21, "train": 42}


def test_runs_of_several_seeds_can_learn_the_same_pictures(fertool, people: Path, tmp_path: Path) -> None:
    made = {}
    for name, flags in {
        "a": ["--seed", "1", "--division-seed", "5"],
        "b": ["--seed", "2", "--division-seed", "5"],
        "c": ["--seed", "5"],
        "d": ["--seed", "2"],
    }.items():
        made[name] = remembered(
            trained(fertool, people, tmp_path / name, "--split", "60/20/20", *flags, epochs=1)
        )
    assert [made[name]["seed"] for name in "abcd"] == [1, 2, 5, 2]
    assert made["a"]["data"] == made["b"]["data"] == made["c"]["data"], "the division is that of seed 5"
    assert made["d"]["data"]["train"] != made["a"]["data"]["train"]


def test_every_person_is_tested_once(fertool, people: Path, tmp_path: Path) -> None:
    # They learn differently well.
    weights = [
        trained(fertool, people, tmp_path / f"run-{k}", "--fold", f"{k}/3", epochs=epochs)
        for k, epochs in ((1, 2), (2, 6), (3, 12))
    ]
    # In any order: each knows its fold.
    found, warnings = evaluated(fertool, *reversed(weights), "--data", people, "--folds", 3)
    assert warnings == []
    assert [(one["number"], one["model"], one["persons"], one["n"]) for one in found["folds"]] == [
        (1, 2, 4, 28),
        (2, 1, 4, 28),
        (3, 0, 4, 28),
    ]
    each = [one["accuracy"] for one in found["folds"]]
    assert len(set(each)) > 1
    assert found["mean"]["accuracy"] == pytest.approx(sum(each) / 3)
    assert found["sd"]["accuracy"] == pytest.approx(statistics.stdev(each))
    assert found["together"]["n"] == 84
    assert found["together"]["accuracy"] == pytest.approx(sum(each) / 3)  # folds of the same size
    # What is said of a fold is what its weights say of their test split by themselves.
    alone, warnings = evaluated(fertool, weights[1], "--data", people, "--split", "test")
    assert (alone["models"][0]["accuracy"], warnings) == (each[1], [])
    shown = fertool("evaluate", *weights, "--data", people, "--folds", 3, *PLUGIN)
    rows = [line.split() for line in shown.out.splitlines()[3:8]]
    assert [row[:-2] for row in rows] == [
        *([f"{k}/3", "4", "28", f"{value:.2%}"] for k, value in enumerate(each, 1)),
        ["mean", f"{statistics.fmean(each):.2%}"],
        ["SD", f"{statistics.stdev(each):.2%}"],
    ]


def test_what_the_weights_began_with_has_learned_too(fertool, people: Path, tmp_path: Path) -> None:
    first = trained(fertool, people, tmp_path / "first", "--split", "50/25/25")
    second = trained(fertool, people, tmp_path / "second", "--fold", "1/3", "--from", str(first))
    assert remembered(second)["data"]["before"] == remembered(first)["data"]
    data = load(people, 16)
    held_out = set(divided(data, fold("1/3", 0)).take("test").ids)
    before = divided(data, shares("50/25/25", 0))
    counts = [len(held_out & set(before.take(split).ids)) for split in ("validation", "train")]
    assert min(counts) > 0
    found, warnings = evaluated(fertool, second, "--data", people, "--split", "test")
    assert found["models"][0]["n"] == 28
    said = "{} of the 28 pictures of split 'test' were used to {} these weights: the figures flatter them"
    assert warnings == [said.format(*one) for one in zip(counts, ("select", "train"), strict=True)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, rafdb: Path, people: Path) -> Path:
    """A folder with both, under short names."""
    root = tmp_path_factory.mktemp("both")
    (root / "raf").symlink_to(rafdb)
    (root / "people").symlink_to(people)
    return root


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["train", "tiny", "--data", "raf"],
            "raf: expected a split 'validation' or 'public' to select on, found test (21), train (70) "
            "(--validate-on NAME selects on one that is there, --validate-on 10% on a part of train)",
        ),
        (
            ["train", "tiny", "--data", "people"],
            "people: expected a split 'train', found all (84) "
            "(--split 80/10/10 divides the pictures, --fold 1/10 into folds)",
        ),
        (
            ["train", "tiny", "--data", "raf", "--validate-on", "dev"],
            "raf: expected a split 'dev' to select on",
        ),
        (["train", "tiny", "--data", "raf", "--validate-on", "train"], "pictures to learn cannot select"),
        (
            ["train", "tiny", "--data", "people", "--validate-on", "10%"],
            "people: no split 'train' (there",
        ),
        (
            ["train", "tiny", "--data", "people", "--split", "80/20"],
            "--split: expected percentages of ",
        ),
        (["train", "tiny", "--data", "people", "--fold", "4/3"], "--fold: expected the number of a fold"),
        (["train", "tiny", "--data", "people", "--split", "80/10/10", "--fold", "1/3"], "(give one of them)"),
        (
            ["train", "tiny", "--data", "people", "--fold", "1/20"],
            "people: too few persons to divide",
        ),
        (
            ["evaluate", NET, "--data", "people", "--split", "public"],
            "people: no split 'public' (there are: all (84))",
        ),
        (
            ["evaluate", NET, "--data", "people", "--folds", "2"],
            "--folds: expected three or more, got",
        ),
        (
            ["evaluate", NET, NET, "--data", "people", "--folds", "3"],
            "--folds 3: expected one model, or one for each fold, got 2 (train --fold 1/3 makes the first",
        ),
        (
            ["evaluate", *[NET] * 3, "--data", "people", "--folds", "3"],
            "--folds 3: none of the weights held out fold 1 of these pictures by --seed 0 (train --fold 1/3",
        ),
        (
            ["evaluate", NET, "--data", "people", "--folds", "3", "--split", "all"],
            "leave --split out",
        ),
    ],
)
def test_errors_say_what_to_do(
    fertool, folders: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(folders)
    before = sorted(path.name for path in folders.iterdir())
    done = fertool(*words, *PLUGIN)
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert sorted(path.name for path in folders.iterdir()) == before, "nothing is left half-written"


def test_weights_of_other_pictures_are_not_taken_for_these(
    fertool, people: Path, rafdb: Path, tmp_path: Path
) -> None:
    weights = trained(fertool, people, tmp_path / "run", "--split", "50/25/25")
    found, warnings = evaluated(fertool, weights, "--data", rafdb, "--split", "train")
    assert found["models"][0]["n"] == 70
    what = f"{weights} was trained on other pictures: these are not divided as those were"
    assert warnings == [what]
    other = trained(fertool, people, tmp_path / "other", "--split", "50/25/25", "--seed", "1")
    done = fertool("evaluate", weights, other, "--data", people, *PLUGIN)
    assert done.code == 2
    assert "were trained on these pictures divided in different ways (evaluate them one by one" in done.err


def test_resumed_with_another_division_is_refused(fertool, people: Path, tmp_path: Path) -> None:
    trained(fertool, people, tmp_path / "run", "--fold", "1/3")
    words = ("train", "tiny", "--data", people, "--epochs", 2, "--out", tmp_path / "run", "--resume", *PLUGIN)
    done = fertool(*words, "--fold", "2/3")
    assert (done.code, "cannot resume: another data than before" in done.err) == (2, True)
    assert fertool(*words, "--fold", "1/3").code == 0
