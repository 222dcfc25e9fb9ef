"""What the rules say of the demo's simulated lectures is what their schedule holds."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from fertool.analysis import pipeline
from fertool.demo import course
from fertool.demo.course import COURSE, GALLERY, OTHER, STORY, USUAL, Event
from fertool.host import registry
from fertool.media.sampling import parse_time
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

RULES = [found.plugin() for found in registry.load_plugins().of_kind("rule")]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """After a gallery lecture whose cameras look down at everybody."""
    store = Store(tmp_path_factory.mktemp("demo") / "fertool.duckdb")
    low = timeline("neutral*60").with_columns(pitch_deg=pl.lit(-20.0))
    store_lecture(store, COURSE, GALLERY, {f"student-{n:02d}": low for n in range(1, 7)})
    course.store_demo(store)
    result = pipeline.assess(store, RULES, store.lectures())
    assert not result.failed
    assert not result.skipped
    return store


@pytest.fixture(scope="module")
def found(store: Store) -> pl.DataFrame:
    return store.query("FROM assessments_latest")


def test_the_story_names_every_rule() -> None:
    assert {event.rule for event in STORY} == {rule.name for rule in RULES}
    assert len(RULES) == 13


@pytest.mark.parametrize("event", STORY, ids=lambda e: f"{e.rule}-{e.lecture}-{e.students[0]}")
def test_every_event_is_found(found: pl.DataFrame, event: Event) -> None:
    start, end = parse_time(event.start), parse_time(event.end)
    here = found.filter(
        pl.col("rule") == event.rule,
        pl.col("level") == event.level,
        pl.col("value").is_not_null(),
        pl.col("student").is_null() | pl.col("student").is_in(event.students),
        pl.col("lecture").is_null() | (pl.col("lecture") == event.lecture),
        pl.col("start_s").is_null() | ((pl.col("start_s") < end) & (pl.col("end_s") > start)),
    )
    assert len(here), event


# What is to be found nowhere else: rule, level -> (lecture, segment, student).
ONLY = {
    ("concentration", "attention"): [("week 1", 2, "student-04")],
    ("difficulty", "attention"): [("week 3", 1, "student-05")],
    ("involvement", "attention"): [("week 2", 2, "student-03")],
    ("lost-moments", "attention"): [("week 3", None, None)],
    ("hard-points", "attention"): [("week 3", 1, None)],
    ("good-moments", "happier"): [("week 1", None, None)],
    ("good-moments", "fuller"): [],
    ("preference", "preferred"): [(None, None, "Ada")],
    ("state", "attention"): [("week 3", 1, "student-05")],
    ("focus", "attention"): [("week 3", 0, "student-06")],
}


@pytest.mark.parametrize(("rule", "level"), ONLY)
def test_nothing_else_is_found(found: pl.DataFrame, rule: str, level: str) -> None:
    here = found.filter(rule=rule, level=level)
    assert here.select("lecture", "segment", "student").rows() == ONLY[rule, level]


def test_the_class_was_lost_in_aliasing(store: Store, found: pl.DataFrame) -> None:
    lost = found.filter(rule="lost-moments", level="attention").row(0, named=True)
    assert (lost["start_s"], lost["end_s"]) == (390, 480)
    assert lost["value"] == 5 / 8
    (part,) = store.segments(COURSE, "week 3").filter(start_s=300).to_dicts()
    assert (part["title"], part["point"], part["difficulty"]) == ("Aliasing", "aliasing", "hard")


def test_the_class_shows_aliasing_to_be_difficult(found: pl.DataFrame) -> None:
    """Of 300 samples, 02 and 03 are sad in 81, Ben is afraid in 72, 05 angry or afraid in 50 + 105."""
    here = found.filter(rule="hard-points", lecture="week 3", segment=1).row(0, named=True)
    assert here["value"] == 4 / 8
    assert here["message"] == (
        "difficult for the class: 4 of 8 students showed negative expressions more than usual "
        "in 'aliasing' (marked as difficult)"
    )
    again = found.filter(rule="hard-points", lecture="week 4", segment=1).row(0, named=True)
    assert again["value"] == 0


def test_one_student_drops_out_more_and_more(found: pl.DataFrame) -> None:
    here = found.filter(pl.col("lecture").str.starts_with("week"), rule="presence", student="student-06")
    weeks = here.group_by("lecture").agg(pl.col("value").mean()).sort("lecture")["value"].to_list()
    assert weeks == sorted(weeks, reverse=True)
    away = {week: course.shown(week, "student-06").count("absent") / 1200 for week in ("week 1", "week 4")}
    assert weeks[0] == pytest.approx(1 - away["week 1"])
    assert weeks[3] == pytest.approx(1 - away["week 4"])
    assert weeks[3] < 0.25


def test_everybody_laughed_at_once(found: pl.DataFrame) -> None:
    """From 2:00 to 2:40, so in the whole of one part of 30 s and in a third of the next."""
    here = found.filter(rule="good-moments", level="happier").row(0, named=True)
    assert (here["start_s"], here["end_s"], here["value"]) == (120, 150, 1)
    assert here["message"] == "1. 2:00 to 2:30: up to 8 of 8 happy or surprised, usually 0% of the class"


def test_laughing_together_shows(found: pl.DataFrame) -> None:
    mean = found.filter(rule="synchrony", course=COURSE).group_by("lecture").agg(pl.col("value").mean())
    by_week = dict(mean.rows())
    assert by_week["week 1"] > 0.1
    assert max(by_week["week 2"], by_week["week 4"]) < 0.02


def test_ada_takes_both_courses_and_likes_one(found: pl.DataFrame) -> None:
    said = found.filter(rule="preference").sort("student")
    assert said["student"].to_list() == ["Ada", "Ben"]
    assert said["message"][0].startswith(f"happy or surprised most in {OTHER} (71%, next is demo with 9%)")
    assert said["message"][0].endswith("recommend demo-images (about filters, by E. Noether)")
    assert said["level"].to_list() == ["preferred", "info"]


def test_heads_are_held_as_in_the_gallery(store: Store) -> None:
    usual = store.baselines(COURSE)
    assert {usual[f"student-{n:02d}"]["pitch_deg"] for n in range(1, 7)} == {-20}
    assert {usual[name]["pitch_deg"] for name in ("Ada", "Ben")} == {0}


def test_simulated_lectures_say_so(store: Store) -> None:
    runs = store.runs().filter(pl.col("lecture") != GALLERY)
    assert len(runs) == 6
    assert all("simulated" in json.loads(notes)[0] for notes in runs["notes"])
    assert {json.loads(config)["detector"]["name"] for config in runs["config"]} == {"synthetic"}


def test_the_syllabus_is_known(store: Store) -> None:
    rows = store.query("SELECT course, lecture, held, instructor, topics FROM syllabi ORDER BY held").rows()
    assert len(rows) == 8
    assert [row[:2] for row in rows[:3]] == [(COURSE, GALLERY), (COURSE, "week 1"), (OTHER, "lab 1")]
    assert {row[3] for row in rows} == {"E. Noether"}
    assert set(rows[0][4]) & set(rows[2][4]) == {"sampling"}


def test_a_second_call_writes_nothing(store: Store) -> None:
    before = store.runs()
    course.store_demo(store)
    assert store.runs().equals(before)


def test_what_is_shown_overrules_what_is_usual() -> None:
    shown = course.shown("week 2", "student-04")
    assert len(shown) == course.LECTURE_S
    assert set(shown[360:510]) == {"absent"}
    assert shown[359] != "absent"
    assert shown[510] != "absent"
    assert set(shown) == {"absent", "neutral", "surprise"}
    assert USUAL["student-04"] == "neutral*47 surprise*5"
    assert shown[:27] == [*["neutral"] * 26, "surprise"], "student-04 begins 21 seconds into the pattern"


def test_later_events_overrule_earlier_ones() -> None:
    assert course.shown("week 3", "student-05")[380:432] == [*["angry"] * 50, "fear", "fear"]


def test_a_gallery_that_is_not_there_is_no_problem(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    course.store_demo(store)
    assert (COURSE, GALLERY) not in store.lectures()
    assert len(store.lectures()) == 6


def test_which_rules_give_an_interval_and_a_coverage(found: pl.DataFrame) -> None:
    """As README says: all but one a coverage, seven an interval."""
    measured = found.filter(pl.col("value").is_not_null())
    given = {
        name: {*measured.filter(pl.col(column).is_not_null())["rule"]}
        for name, column in {"coverage": "coverage", "interval": "low"}.items()
    }
    assert {rule.name for rule in RULES} - given["coverage"] == {"presence"}
    assert given["interval"] == {
        "focus", "engagement", "involvement", "preference", "state", "concentration", "synchrony"
    }  # fmt: skip
