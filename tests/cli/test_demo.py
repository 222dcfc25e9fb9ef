"""`fertool demo` tells the story that its schedule holds."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from fertool.demo.course import GALLERY, PARTS, STORY
from fertool.demo.gallery import DEMO, Person

FERTOOL_DEMO = """SELECT student, list(sample ORDER BY sample) FROM frame_emotions GROUP BY student"""


@pytest.fixture(scope="session")
def database(demo_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's lecture, analyzed as the demo does it."""
    from fertool.config import Settings
    from fertool.workflows.analyze import analyze
    from fertool.workflows.plan import Arguments

    path = tmp_path_factory.mktemp("demo") / "fertool.duckdb"
    chosen = Settings(db=str(path), course="demo", detector="ssd")
    analyze(Arguments((str(demo_video),), lecture="gallery"), chosen)
    return path


def rows(database: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(database), read_only=True) as con:
        return con.execute(sql).fetchall()


def expected(person: Person) -> set[int]:
    return {second for second in range(60) if person.at(second)}


def test_six_students(database: Path) -> None:
    assert [r[0] for r in rows(database, "SELECT DISTINCT student FROM frame_emotions ORDER BY 1")] == [
        f"student-{i:02d}" for i in range(1, 7)
    ]


def test_presence_is_within_one_sample_of_the_schedule(database: Path) -> None:
    seen = {student: set(samples) for student, samples in rows(database, FERTOOL_DEMO)}
    for person in DEMO:
        away = min(len(expected(person) ^ samples) for samples in seen.values())
        assert away <= 1, person
    # and no two people of the schedule are answered by one student
    best = [min(seen, key=lambda s: len(expected(person) ^ seen[s])) for person in DEMO]
    assert len(set(best)) == len(DEMO)


def test_no_face_is_of_an_unknown_student_and_none_is_counted_twice(database: Path) -> None:
    assert rows(database, "SELECT count(*) FROM frame_emotions WHERE student IS NULL") == [(0,)]
    twice = (
        "SELECT count(*) FROM (FROM frame_emotions SELECT sample, student GROUP BY ALL HAVING count(*) > 1)"
    )
    assert rows(database, twice) == [(0,)]


def test_students_are_numbered_by_time_on_screen(database: Path) -> None:
    counts = rows(database, "SELECT student, count(*) FROM frame_emotions GROUP BY 1 ORDER BY 1")
    assert [n for _, n in counts] == sorted((n for _, n in counts), reverse=True)


def test_the_presence_rule_says_what_the_schedule_says(database: Path) -> None:
    found = rows(database, "SELECT value FROM assessments_latest WHERE rule = 'presence' ORDER BY value DESC")
    wanted = sorted((len(expected(person)) / 60 for person in DEMO), reverse=True)
    assert [v for (v,) in found] == pytest.approx(wanted, abs=1 / 60)


def test_boxes_lie_in_the_tiles(database: Path) -> None:
    outside = """SELECT count(*) FROM frame_emotions
                 WHERE floor(((x1 + x2) / 2) / 426) <> floor(x1 / 426)
                     OR y2 - y1 < 60 OR x1 < 0 OR y2 > 720"""
    assert rows(database, outside) == [(0,)]


def test_the_command_makes_all_of_it(fertool, tmp_path: Path, demo_video: Path) -> None:
    out = tmp_path / "it's a <demo>"
    out.mkdir()
    (out / "lecture.mp4").write_bytes(demo_video.read_bytes())  # as after a first run
    first = fertool("demo", "--out", out)
    assert first.code == 0, first.err
    assert "demo / gallery" in first.out
    for rule in {event.rule for event in STORY}:
        assert re.search(rf"^ +{rule} +\S", first.out.split("For example")[1], re.MULTILINE), rule
    assert "explain 'aliasing' comprehensively" in " ".join(first.out.split())
    index = Path(first.out.strip().splitlines()[-1])
    assert index == out / "report" / "index.html"
    pages = "".join(page.read_text(encoding="utf-8") for page in (out / "report" / "courses").iterdir())
    assert all(lecture in pages for lecture in [GALLERY, *PARTS])
    again = fertool("demo", "--out", out)
    assert again.code == 0
    assert "already analyzed" in again.err
