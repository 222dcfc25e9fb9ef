"""On real video: the two short clips that lie beside the repository where fertool is developed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CLIPS = Path(__file__).parents[3] / "shared" / "data" / "clips"
pytestmark = pytest.mark.skipif(not CLIPS.is_dir(), reason="needs ../shared/data/clips")


def test_one_person_from_neutral_to_happy(fertool) -> None:
    done = fertool("analyze", CLIPS / "single_face.mp4", "--every", "100ms", "--json")
    assert done.code == 0, done.err
    run = json.loads(done.out)["runs"][0]
    assert run["students"] == 1
    assert run["samples"] == 24
    assert run["coverage"] >= 0.95
    rows = json.loads(fertool("query", "FROM frame_emotions ORDER BY time_s", "--json").out)
    assert {row["student"] for row in rows} == {"student-01"}
    assert [row["emotion"] for row in rows[:4]] == ["neutral"] * 4
    assert [row["emotion"] for row in rows[-8:]] == ["happy"] * 8


def test_the_same_with_a_name_and_under_behaviour(fertool) -> None:
    done = fertool(
        "analyze", CLIPS / "single_face.mp4", "--student", "Ann", "--policy", "behaviour", "--json"
    )
    assert done.code == 0, done.err
    rows = json.loads(fertool("query", "FROM frame_emotions", "--json").out)
    assert [row["student"] for row in rows] == ["Ann"] * 3
    assert all(row[e] is None for row in rows for e in ("happy", "neutral", "emotion", "confidence"))
    asked = "SELECT DISTINCT rule FROM assessments_latest ORDER BY rule"
    rules = [row["rule"] for row in json.loads(fertool("query", asked, "--json").out)]
    assert rules == ["focus", "involvement", "presence"]


def test_no_person_at_all(fertool, tmp_path: Path) -> None:
    done = fertool("analyze", CLIPS / "no_face.mp4", "--json")
    assert done.code == 0, done.err
    run = json.loads(done.out)["runs"][0]
    assert (run["samples"], run["coverage"], run["students"]) == (4, 0.0, 0)
    assert json.loads(fertool("query", "FROM samples_seen", "--json").out)[0]["faces"] == 0
    assert fertool("report").code == 0
    pages = [p.read_text(encoding="utf-8") for p in (tmp_path / "fertool-report").rglob("*.html")]
    assert any("No face was found" in page for page in pages)


@pytest.mark.parametrize(
    ("detector", "least"),
    [
        ("ssd", 0.95),
        ("haar", 0.5),  # misses some of the same frontal face
        ("yunet", 0.95),
        ("centerface", 0.95),
    ],
)
def test_every_detector_finds_the_one_person(fertool, detector: str, least: float) -> None:
    words = ["--every", "500ms", "--detector", detector, "--json"]
    done = fertool("analyze", CLIPS / "single_face.mp4", *words)
    assert done.code == 0, done.err
    run = json.loads(done.out)["runs"][0]
    assert run["detector"]["name"] == detector
    assert run["students"] == 1
    assert run["coverage"] >= least
