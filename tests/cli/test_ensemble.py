"""`--classifier A+B` from a recording to the page of methods, and weights that `evaluate` writes for it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from bars import bar

from fertool.types import EMOTIONS

BOTH = "compact+khalid2025"
COLUMNS = ", ".join(EMOTIONS)


def analyzed(fertool, video: Path, db: str, classifier: str, *more: object) -> list[list[float]]:
    """(samples and faces in order, 7) probabilities."""
    words = ("--course", "signals", "--lecture", "week 1", "--classifier", classifier, "--db", db)
    done = fertool("analyze", video, *words, *more)
    assert done.code == 0, done.err
    found = fertool(
        "query", f"SELECT {COLUMNS} FROM frame_emotions ORDER BY time_s, student", "--json", "--db", db
    )
    assert found.code == 0, found.err
    return [[row[label] for label in EMOTIONS] for row in json.loads(found.out)]


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Class folders with the split `public`, two pictures of each."""
    chance = np.random.default_rng(0)
    for number, label in enumerate(EMOTIONS):
        folder = tmp_path / "bars" / "public" / label
        folder.mkdir(parents=True)
        for i in range(2):
            cv2.imwrite(str(folder / f"{i}.png"), bar(number, chance))
    return tmp_path / "bars"


def test_a_lecture_read_by_two_networks(fertool, small_video: Path, tmp_path: Path) -> None:
    each = [analyzed(fertool, small_video, f"{name}.duckdb", name) for name in BOTH.split("+")]
    both = analyzed(fertool, small_video, "both.duckdb", BOTH)
    assert len(both) > 5
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-5)
    words = ("--course", "signals", "--lecture", "week 1", "--classifier", BOTH, "--db", "both.duckdb")
    again = fertool("analyze", small_video, *words)
    assert "already analyzed" in again.err
    # Three parts of the first and one of the second: another configuration, analyzed again.
    Path("shares.json").write_text('{"khalid2025": 0.25, "compact": 0.75}', encoding="utf-8")
    weighted = analyzed(fertool, small_video, "both.duckdb", BOTH, "-o", f"{BOTH}.file=shares.json")
    np.testing.assert_allclose(weighted, np.average(each, axis=0, weights=[0.75, 0.25]), atol=1e-5)
    done = fertool("report", "--course", "signals", "--db", "both.duckdb", "--out", "report")
    assert done.code == 0, done.err
    (page,) = (tmp_path / "report").rglob("method*.html")
    text = page.read_text(encoding="utf-8")
    assert f"{BOTH} 1" in text
    for name in BOTH.split("+"):
        assert f"{name}.safetensors" in text, "the weights of each"
        assert text.count(f"{name} ") > 0
    assert f"--classifier {BOTH}" in text
    assert f"-o {BOTH}.file=shares.json" in text
    assert "-o compact.lighting=as-is" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classifier", "compact+khalid"], "unknown classifier 'khalid' (did you mean 'khalid2025'?)"),
        (["--classifier", "compact+compact"], "expected each member once"),
        (
            ["--classifier", BOTH, "-o", f"{BOTH}.file=gone.json"],
            "gone.json: expected weights of an ensemble",
        ),
    ],
)
def test_an_ensemble_that_cannot_be(fertool, small_video: Path, words: list[str], message: str) -> None:
    done = fertool("analyze", small_video, *words)
    assert (done.code, message in done.err, len(done.err.splitlines())) == (2, True, 1), done.err
    assert not Path("fertool.duckdb").exists(), "nothing half-written"


def test_evaluate_writes_the_weights(fertool, bars: Path, small_video: Path) -> None:
    words = ("evaluate", *BOTH.split("+"), "--data", bars, "--ensemble", "weighted", "--weights-to", "w.json")
    done = fertool(*words, "--json")
    assert done.code == 0, done.err
    stored = json.loads(Path("w.json").read_text(encoding="utf-8"))
    assert list(stored) == BOTH.split("+")
    assert list(stored.values()) == json.loads(done.out)["ensemble"]["weights"]
    assert analyzed(fertool, small_video, "w.duckdb", BOTH, "-o", f"{BOTH}.file=w.json")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([BOTH], f"{BOTH}: expected one classifier, found an ensemble (name its members one by one: compact"),
        (["compact", "khalid2025", "--weights-to", "w.json"], "--weights-to is for --ensemble weighted"),
        (
            ["compact", "compact", "--ensemble", "weighted", "--weights-to", "w.json"],
            "classifier 'compact+compact': expected each member once",
        ),
        (
            ["compact", "khalid2025", "--ensemble", "weighted", "--weights-to", "no/w.json"],
            "--weights-to: no folder no",
        ),
    ],
)
def test_weights_that_cannot_be_written(fertool, bars: Path, words: list[str], message: str) -> None:
    done = fertool("evaluate", *words, "--data", bars)
    assert (done.code, message in done.err, len(done.err.splitlines())) == (2, True, 1), done.err
    assert not Path("w.json").exists()
