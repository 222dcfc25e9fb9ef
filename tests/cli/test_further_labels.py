"""A classifier of nine labels from pixels to pages, also beside one of seven in the same database."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import nine_labels
import pytest

PLUGIN = ("--plugin", nine_labels.__file__)


@pytest.fixture(scope="module")
def nine(small_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of two people read by a classifier of nine labels."""
    from fertool.config import Settings
    from fertool.workflows.analyze import analyze
    from fertool.workflows.plan import Arguments

    path = tmp_path_factory.mktemp("nine") / "fertool.duckdb"
    plugins = [nine_labels.__file__]
    chosen = Settings(db=str(path), course="signals", detector="ssd", classifier="nine", plugins=plugins)
    analyze(Arguments((str(small_video),), lecture="week 1"), chosen)
    return path


@pytest.fixture
def db(nine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(nine, tmp_path / "fertool.duckdb"))


def asked(fertool: Any, sql: str) -> list[dict[str, Any]]:
    done = fertool("query", sql, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_from_pixels_to_a_table(fertool, db: Path, small_video: Path) -> None:
    chosen = ("--classifier", "nine", "--course", "signals", "--lecture", "week 1", "--detector", "ssd")
    done = fertool("analyze", small_video, *chosen, *PLUGIN, "--json")
    assert done.code == 0, done.err
    assert "already analyzed" in done.err
    (run,) = json.loads(done.out)["runs"]
    assert run["contempt"] + run["confusion"] == pytest.approx(0.6 + 0.05)
    assert run["happy"] == pytest.approx(0.05)
    again = fertool("analyze", small_video, *chosen, *PLUGIN)
    most = max(("contempt", "confusion"), key=run.__getitem__)
    assert f"{most} {run[most]:.0%}" in again.out
    rows = asked(fertool, "SELECT emotion, confidence, contempt, confusion, happy FROM frame_emotions")
    assert {row["emotion"] for row in rows} <= {"contempt", "confusion"}
    for row in rows:
        assert row[row["emotion"]] == row["confidence"] == pytest.approx(0.6)
        assert row["happy"] == pytest.approx(0.05)


def test_rules_judge_it(fertool, db: Path) -> None:
    assert fertool("assess", *PLUGIN).code == 0
    shares = asked(
        fertool,
        """SELECT level, sum(value) > 0 AS shown FROM assessments_latest WHERE rule = 'shares'
           GROUP BY level ORDER BY level""",
    )
    assert {row["level"] for row in shares} == {*nine_labels.Nine.labels}
    assert {row["level"] for row in shares if row["shown"]} <= {"contempt", "confusion"}
    counted = asked(
        fertool,
        """SELECT student, avg((emotion = 'contempt')::INT) AS value FROM frame_emotions GROUP BY student
           ORDER BY 1""",
    )
    told = asked(
        fertool, "SELECT student, value FROM assessments_latest WHERE rule = 'scorn' ORDER BY student"
    )
    assert [row["student"] for row in told] == ["student-01", "student-02"]
    # the second left after half of the samples: of those with a face, which are enough, the same share
    assert told == [row | {"value": pytest.approx(row["value"])} for row in counted]
    state = asked(fertool, "SELECT DISTINCT value, level FROM assessments_latest WHERE rule = 'state'")
    assert state == [{"value": None, "level": "not measurable"}]  # never one of the seven


def test_a_second_classifier_in_the_same_database(fertool, db: Path, four: Path) -> None:
    """Four people read by one of seven labels: a rule about contempt has nothing to say of them."""
    more = (
        "--classifier",
        "faceapi-expression",
        "--course",
        "signals",
        "--lecture",
        "week 2",
        "--detector",
        "ssd",
    )
    done = fertool("analyze", four, *more, *PLUGIN)
    assert done.code == 0, done.err
    rows = asked(
        fertool,
        """SELECT lecture, count(emotion) > 0 AS read, count(contempt) = count(emotion) AS contempt,
               count(happy) = count(emotion) AS happy FROM frame_emotions GROUP BY lecture ORDER BY 1""",
    )
    assert rows == [
        {"lecture": "week 1", "read": True, "contempt": True, "happy": True},
        {"lecture": "week 2", "read": True, "contempt": False, "happy": True},
    ]
    judged = fertool("assess", *PLUGIN)
    assert judged.code == 0
    assert "rule 'scorn' needs contempt, which was not classified" in judged.out + judged.err
    told = asked(fertool, "SELECT DISTINCT lecture FROM assessments_latest WHERE rule = 'scorn'")
    assert told == [{"lecture": "week 1"}]
    levels = asked(
        fertool,
        """SELECT lecture, count(DISTINCT level) AS n FROM assessments_latest
           WHERE rule = 'shares' AND level <> 'not measurable' GROUP BY lecture ORDER BY 1""",
    )
    assert levels == [{"lecture": "week 1", "n": 9}, {"lecture": "week 2", "n": 7}]


@pytest.mark.parametrize(("lang", "word"), [("en", "contempt"), ("de", "verächtlich")])
def test_a_report_and_its_tables(fertool, db: Path, lang: str, word: str) -> None:
    assert fertool("report", "--format", "html,csv", "--out", "site", "--lang", lang, "--k", "1").code == 0
    for folder in ("lectures", "students", "handouts"):
        pages = [path.read_text(encoding="utf-8") for path in Path("site", folder).glob("*.html")]
        assert pages
        assert all(word in page for page in pages), folder
    lines = Path("site/data/shares.csv").read_text(encoding="utf-8").splitlines()
    shares = [row for row in csv.DictReader(lines) if not row["segment"]]
    assert {row["label"] for row in shares} == {*nine_labels.Nine.labels}
    for student in ("", "student-01", "student-02"):  # the class first
        mine = [row for row in shares if row["student"] == student]
        assert sum(float(row["share"]) for row in mine) == pytest.approx(1)
        assert {row["measured"] for row in mine} == {str(sum(int(row["n"]) for row in mine))}
