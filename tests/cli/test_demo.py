"""`fertool demo` tells the story that its schedule holds."""

from __future__ import annotations

import re
from pathlib import Path

import av
import duckdb
import pytest

from fertool.demo import gallery
from fertool.demo.course import GALLERY, PARTS, STORY
from fertool.demo.gallery import DEMO, LENGTH_S, Person
from fertool.errors import FertoolError

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
    steps = [line for line in first.err.splitlines() if " of 4: " in line]
    assert steps == [
        f"1 of 4: the lecture is there: {out / 'lecture.mp4'}",
        "2 of 4: analyzing it",
        "3 of 4: simulating the lectures around it (no video; see fertool/demo/course.py), judging all",
        "4 of 4: writing the report",
    ]
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


def test_it_says_what_it_does_before_it_does_it(fertool, tmp_path: Path, monkeypatch) -> None:
    """A lecture that cannot be drawn: what was said until then is what was being done."""

    def full(path: Path) -> None:
        raise FertoolError(f"{path.name}: the disk is full", "free some space")

    monkeypatch.setattr(gallery, "make_gallery", full)
    done = fertool("demo")
    assert done.code == 2
    told, error = done.err.splitlines()
    assert told == f"1 of 4: drawing a lecture of 60 s, 6 people: {Path('fertool-demo', 'lecture.mp4')}"
    assert "the disk is full" in error
    assert not list((tmp_path / "fertool-demo").iterdir())


def test_the_lecture_has_a_frame_at_every_change(demo_video: Path) -> None:
    """Sampled at any whole second, a person is there or not as the schedule says."""
    with av.open(str(demo_video)) as container:
        frames = {frame.time: frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)}
    assert (min(frames), max(frames)) == (0.0, LENGTH_S - 0.5)
    changes = {edge for person in DEMO for interval in person.present for edge in interval}
    assert changes - {LENGTH_S} <= frames.keys()
    for place, person in enumerate(DEMO):
        x, y = place % 3 * 426, place // 3 * 360
        for time_s, image in frames.items():
            empty = image[y + 20 : y + 340, x + 20 : x + 400].std() < 10  # one gray, however it is encoded
            assert empty != person.at(time_s), (place, time_s)


def test_the_same_lecture_is_the_same_bytes(demo_video: Path, tmp_path: Path) -> None:
    """So that a second demo knows the recording of the first."""
    gallery.make_gallery(tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == demo_video.read_bytes()
