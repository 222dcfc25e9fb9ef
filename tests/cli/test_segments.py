"""`fertool segments` and `analyze --segments`: cut again, judged again, nothing half done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

POINTS = "start,title,difficulty,point\n0,Intro,,\n30,Proof,hard,induction\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two lectures of one minute in the current folder, without any video."""
    store = Store(tmp_path / "fertool.duckdb")
    for week in ("week 1", "week 2"):
        students = {"ann": timeline("neutral*30 absent*30")}
        store_lecture(store, "signals", week, students, recording_name=f"{week}.mp4")
    (tmp_path / "points.csv").write_text(POINTS)
    return store


def titles(store: Store, lecture: str = "week 1") -> list[str]:
    return store.segments("signals", lecture)["title"].to_list()


def test_segments_change_without_video_and_are_judged_anew(fertool, store: Store) -> None:
    done = fertool("segments", "points.csv", "--lecture", "week 1")
    assert done.code == 0, done.err
    assert "induction" in done.out
    sql = "SELECT segment, value FROM assessments_latest WHERE rule = 'presence' AND lecture = 'week 1'"
    assert sorted(store.query(sql).rows()) == [(0, 1.0), (1, 0.0)]
    assert titles(store, "week 2") == ["Part 1"]
    assert store.segment_source("signals", "week 1") == "points.csv"
    assert store.segment_source("signals", "week 2") == ""


def test_without_a_source_they_are_shown(fertool, store: Store) -> None:
    shown = json.loads(fertool("segments", "--json").out)
    assert [(s["lecture"], s["title"], s["end_s"]) for s in shown] == [
        ("week 1", "Part 1", 60.0),
        ("week 2", "Part 1", 60.0),
    ]
    assert "0:01:00" in fertool("segments", "--course", "signals").out


def test_parts_may_be_of_several_lectures(fertool, store: Store) -> None:
    assert fertool("segments", "parts:20s", "--course", "signals").code == 0
    assert titles(store) == titles(store, "week 2") == ["Part 1", "Part 2", "Part 3"]


BAD = [
    (["points.csv"], "describes one lecture, but 2 are meant"),
    (["slide"], "unknown source"),
    (["none.csv", "--lecture", "week 1"], "none.csv: cannot be read"),
    (["late.csv", "--lecture", "week 1"], "late.csv:3: begins at 0:01:30, beyond the end"),
    (["marked.csv", "--lecture", "week 1"], "marked.csv:2: difficulty 'tricky' is not understood"),
    (["chapters"], "no such file"),  # the recording has been moved
    (["parts:20s", "--course", "none"], "no analyzed lecture fits"),
]


@pytest.mark.parametrize(("words", "reason"), BAD)
def test_a_bad_source_changes_nothing(fertool, store: Store, words: list[str], reason: str) -> None:
    Path("late.csv").write_text("start\n0\n90\n")
    Path("marked.csv").write_text("start,difficulty\n0,tricky\n")
    done = fertool("segments", *words)
    assert done.code == 2
    assert reason in done.err
    assert titles(store) == titles(store, "week 2") == ["Part 1"]


def test_gaps_are_said(fertool, store: Store) -> None:
    Path("gap.csv").write_text("start,end\n0,20\n40,\n")
    done = fertool("segments", "gap.csv", "--lecture", "week 2")
    assert done.code == 0
    assert "signals / week 2: a gap, 0:00:20 in all, belongs to no segment" in done.err


def test_analyze_with_segments(fertool, small_video: Path, tmp_path: Path) -> None:
    Path("points.csv").write_text("start,title\n0,Intro\n3,Proof\n")
    flags = ["--course", "signals", "--lecture", "week 1", "--detector", "ssd"]
    assert fertool("analyze", small_video, *flags, "--segments", "points.csv").code == 0
    store = Store(tmp_path / "fertool.duckdb")
    assert titles(store) == ["Intro", "Proof"]
    assert fertool("analyze", small_video, *flags, "--force").code == 0
    assert titles(store) == ["Intro", "Proof"], "what somebody chose stays"
    again = fertool("analyze", small_video, *flags, "--segments", "parts:2s")
    assert "already analyzed" in again.err + again.out
    assert titles(store) == ["Part 1", "Part 2", "Part 3"]
    sql = "SELECT DISTINCT segment FROM assessments_latest WHERE rule = 'presence' ORDER BY 1"
    assert [row[0] for row in store.query(sql).rows()] == [0, 1, 2]
    Path("points.csv").write_text("start,title\n0,Intro\n30,Proof\n")
    late = fertool("analyze", small_video, *flags, "--segments", "points.csv")
    assert late.code == 2
    assert "points.csv:3: begins at 0:00:30, beyond the end" in late.err + late.out
    Path("points.csv").write_text("start,title\n0,Intro\nsoon,Proof\n")
    early = fertool("analyze", "none.mp4", small_video, *flags, "--segments", "points.csv")
    assert early.code == 2
    assert "points.csv:3: start: time 'soon'" in early.err
    assert titles(store) == ["Part 1", "Part 2", "Part 3"]


def test_chapters_are_the_default(fertool, small_video: Path, tmp_path: Path) -> None:
    import av

    film = tmp_path / "chapters.mkv"
    with av.open(str(small_video)) as source, av.open(str(film), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        tick = av.time_base
        spans = [("One", 0, 2), ("Two", 2, 6)]
        target.set_chapters(
            [
                {"id": i, "start": a * tick, "end": b * tick, "metadata": {"title": title}}
                | {"time_base": __import__("fractions").Fraction(1, tick)}
                for i, (title, a, b) in enumerate(spans)
            ]
        )
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert fertool("analyze", film, "--course", "signals", "--lecture", "week 1").code == 0
    store = Store(tmp_path / "fertool.duckdb")
    assert titles(store) == ["One", "Two"]


MINE = """
from fertool import Assessment, Rule, hookimpl

class {kind}(Rule):
    name, version, scope, subject, signals = "{name}", "1", "{scope}", "class", frozenset({{"presence"}})
    def assess(self, seen, context):
        return Assessment(1.0)

@hookimpl
def fertool_plugins():
    return [{kind}]
"""
LATEST = "SELECT lecture, segment FROM assessments_latest WHERE rule = $r ORDER BY ALL"


def test_what_a_rule_said_that_is_not_present_is_kept(fertool, store: Store) -> None:
    """Of lectures and courses, and of segments until these are others; in one lecture as in all."""
    for scope in ("segment", "lecture", "course"):
        Path(f"{scope}.py").write_text(MINE.format(kind=scope.title(), name=f"my-{scope}", scope=scope))
    own = [word for scope in ("segment", "lecture", "course") for word in ("--plugin", f"{scope}.py")]
    assert fertool("assess", *own).code == 0
    weeks = ["week 1", "week 2"]
    whole = {
        "my-segment": [(week, 0) for week in weeks],
        "my-lecture": [(week, None) for week in weeks],
        "my-course": [(None, None)],
    }

    def latest() -> dict[str, list[tuple]]:
        return {rule: store.query(LATEST, r=rule).rows() for rule in whole}

    assert latest() == whole
    again = fertool("assess", "--json")
    assert again.code == 0
    assert json.loads(again.out)["rules not present"] == {"my-course": 1, "my-lecture": 2, "my-segment": 2}
    assert again.err.splitlines() == [
        "fertool: rule not present: my-course; 1 assessment kept as before",
        "fertool: rule not present: my-lecture; 2 assessments kept as before",
        "fertool: rule not present: my-segment; 2 assessments kept as before",
    ]
    assert latest() == whole
    assert fertool("assess", "--lecture", "week 2").code == 0
    assert latest() == whole, "of one lecture too"
    cut = fertool("segments", "points.csv", "--lecture", "week 1")
    changed = "1 assessment no longer shown, since what they are about has changed"
    assert f"fertool: rule not present: my-segment; {changed}\n" in cut.err
    assert latest() == whole | {"my-segment": [("week 2", 0)]}
    same = fertool("segments", "parts:60s", "--lecture", "week 2")  # one part, as before
    assert "my-segment; 1 assessment kept as before" in same.err
    assert latest() == whole | {"my-segment": [("week 2", 0)]}
    assert fertool("assess", "--plugin", "segment.py").code == 0  # present again, it says what it says now
    assert latest() == whole | {"my-segment": [("week 1", 0), ("week 1", 1), ("week 2", 0)]}


def test_pages_mark_what_a_rule_said_that_is_not_present(fertool, store: Store, tmp_path: Path) -> None:
    Path("lecture.py").write_text(MINE.format(kind="Lecture", name="my-lecture", scope="lecture"))
    assert fertool("assess", "--plugin", "lecture.py").code == 0
    assert fertool("report").code == 0
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "fertool-report").rglob("*.html")]
    mark = '<span class="n">rule not present</span>'
    assert sum(page.count(f"my-lecture {mark}") for page in pages) >= 2
    assert sum(page.count(mark) for page in pages) == sum(page.count(f"my-lecture {mark}") for page in pages)


def test_what_was_said_before_a_new_run_goes(fertool, small_video: Path, tmp_path: Path) -> None:
    """A rule that is not present cannot have seen a new run: what it said is no longer shown."""
    Path("lecture.py").write_text(MINE.format(kind="Lecture", name="my-lecture", scope="lecture"))
    flags = ("--detector", "ssd", "--policy", "behaviour", "--end", "1")
    assert fertool("analyze", small_video, *flags, "--plugin", "lecture.py").code == 0
    store = Store(tmp_path / "fertool.duckdb")
    assert store.query(LATEST, r="my-lecture").rows() == [("two", None)]
    done = fertool("analyze", small_video, *flags, "--every", "500ms")
    changed = "1 assessment no longer shown, since what they are about has changed"
    assert f"fertool: rule not present: my-lecture; {changed}\n" in done.err
    assert store.query(LATEST, r="my-lecture").rows() == []
