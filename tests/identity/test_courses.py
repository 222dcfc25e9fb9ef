"""Who is who over a course, with the built-in networks: fourteen people and a look-alike in two meetings with
shuffles, resized tiles, a third of the time away, and a picture on the wall. A floor, held."""

from __future__ import annotations

import polars as pl
import pytest

from fertool import config
from fertool.analysis.pipeline import Outcome, analyze
from fertool.analysis.request import Request
from fertool.demo.lectures import ALIKE, LOOKS, Guest, SimulatedMeeting, make_lecture, schedule
from fertool.host import toolbox
from fertool.identity import evaluation
from fertool.storage.store import Store

PICTURE = "picture"


class Quiet:
    def started(self, planned: int, done: int) -> None: ...

    def advanced(self, samples: int, faces: int, time_s: float) -> None: ...


def meeting(people: dict, duration_s: float, seed: int, **more) -> SimulatedMeeting:
    spans = schedule(list(people), duration_s, seed=seed)
    guests = {name: Guest(look, spans[name]) for name, look in people.items()}
    if seed == 1:
        guests[PICTURE] = Guest(ALIKE["dan's brother"], ((0, duration_s),), still=True)
    return SimulatedMeeting(guests, duration_s, seed=seed, **more)


EVERYBODY = LOOKS | {"cam's sister": ALIKE["cam's sister"]}
FEWER = {name: EVERYBODY[name] for name in ("noa", "lea", "gus", "dan", "cam's sister", "ada", "kim", "max")}
ONE = meeting(EVERYBODY, 480, 1, shuffles=(125, 365), columns=((0, 4), (245, 5)))
TWO = meeting(FEWER, 180, 2, shuffles=(95,), columns=((0, 4),))


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[Outcome]]:
    folder = tmp_path_factory.mktemp("course")
    tools = toolbox.toolbox(config.load(folder, policy="behaviour", detector="ssd"))
    store, outcomes = Store(folder / "fertool.duckdb"), []
    for name, held in (("one", ONE), ("two", TWO)):
        make_lecture(folder / f"{name}.mp4", held)
        request = Request("signals", name, tools, every=held.every_s, policy="behaviour")
        outcomes.append(analyze(folder / f"{name}.mp4", request, store, Quiet()))
    return store, outcomes


@pytest.fixture(scope="module")
def faces(course) -> pl.DataFrame:
    store, _ = course
    names = dict(store.analyzed("signals").select("recording", "name").iter_rows())
    return store.faces(list(names)).with_columns(recording=pl.col("recording").replace_strict(names))


def truth(*lectures: str) -> pl.DataFrame:
    rows = [
        (f"{name}.mp4", time_s, person, *box)
        for name, held in (("one", ONE), ("two", TWO))
        for time_s, person, box in held.truth()
        if name in lectures
    ]
    return pl.DataFrame(rows, schema=evaluation.TRUTH, orient="row")


@pytest.mark.parametrize("lectures", [("one",), ("two",), ("one", "two")])
def test_the_floor(faces: pl.DataFrame, lectures: tuple[str, ...]) -> None:
    wanted = [f"{name}.mp4" for name in lectures]
    result = evaluation.score(truth(*lectures), faces.filter(pl.col("recording").is_in(wanted)))
    assert result.idf1 >= 0.95
    assert result.switches <= result.hours  # at most one an hour
    assert result.people >= (12 if "one" in lectures else 8)


def test_nobody_is_taken_for_another(faces: pl.DataFrame) -> None:
    """Not even cam and her sister, who are there together."""
    assert evaluation.score(truth("one", "two"), faces).purity == 1.0


def test_two_lectures_share_their_students(faces: pl.DataFrame) -> None:
    pairs = evaluation.overlaps(truth("one", "two"), faces.drop_nulls("student"))
    who = {
        key: set(rows["student"]) for key, rows in pairs.group_by("recording", "person", maintain_order=True)
    }
    for person in FEWER:
        assert who["two.mp4", person] == who["one.mp4", person], person
        assert len(who["two.mp4", person]) == 1


def test_a_picture_is_nobody_but_is_there(course, faces: pl.DataFrame) -> None:
    _, (first, second) = course
    assert "1 still picture was left out" in first.notes
    assert not any("picture" in note for note in second.notes)
    boxes = []
    for time_s in ONE.times:
        x, y, width, height = ONE.tiles(time_s)[PICTURE]
        boxes.append(("one.mp4", time_s, x, y, width, height))
    tiles = pl.DataFrame(boxes, schema=["recording", "time_s", "x", "y", "width", "height"], orient="row")
    middle = ((pl.col("x1") + pl.col("x2")) / 2, (pl.col("y1") + pl.col("y2")) / 2)
    here = faces.join(tiles, on=["recording", "time_s"]).filter(
        middle[0].is_between("x", pl.col("x") + pl.col("width")),
        middle[1].is_between("y", pl.col("y") + pl.col("height")),
    )
    assert len(here) >= 0.6 * len(ONE.times)
    assert here["student"].null_count() == len(here)


def test_shuffles_are_noticed(course) -> None:
    _, (first, second) = course
    assert any(note.startswith("people changed places at ") and "370 s" in note for note in first.notes)
    assert any(note.startswith("people changed places at 100 s") for note in second.notes)
