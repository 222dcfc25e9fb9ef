"""Decisions found again in another analysis."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.identity.corrections import REACH_S, apply, settle


def seen(*rows: tuple[str, float, float, float]) -> pl.DataFrame:
    """(track, time_s, x, y): faces of 100 by 100 pixels, their upper left corner at x, y."""
    return pl.DataFrame(
        [(track, t, x, y, x + 100, y + 100) for track, t, x, y in rows],
        schema={"track": pl.String, "time_s": pl.Float64}
        | dict.fromkeys(("x1", "y1", "x2", "y2"), pl.Float32),
        orient="row",
    )


def decided(*rows: tuple[float, float, float, str]) -> pl.DataFrame:
    schema = {"time_s": pl.Float64, "x": pl.Float32, "y": pl.Float32, "label": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


TWO = seen(("left", 0, 0, 0), ("left", 1, 0, 0), ("right", 0, 200, 0), ("right", 1, 200, 0))


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([], {}),
        ([(0.0, 50, 50, "ann")], {"left": "ann"}),
        ([(1.0, 250, 50, "bob")], {"right": "bob"}),
        ([(0.4, 100, 100, "ann")], {"left": "ann"}),  # between two samples, on the edge of the box
        ([(1 + REACH_S, 50, 50, "ann")], {"left": "ann"}),  # not looked at then, but shortly before
        ([(1.1 + REACH_S, 50, 50, "ann")], {}),  # too long ago
        ([(0.0, 150, 50, "ann")], {}),  # nobody there
        ([(0.0, 50, 50, "ann"), (1.0, 60, 50, "bob")], {"left": "bob"}),  # the later decision holds
        ([(0.0, 50, 50, "ann"), (0.0, 250, 50, "ann")], {"left": "ann", "right": "ann"}),  # a merge
    ],
)
def test_whoever_is_there_is_meant(decisions: list, expected: dict[str, str]) -> None:
    assert apply(decided(*decisions), TWO) == expected


def test_nobody_seen_at_all() -> None:
    assert apply(decided((0.0, 50, 50, "ann")), seen()) == {}


def test_nearest_in_time_before_nearest_in_place() -> None:
    shuffled = seen(("before", 0, 0, 0), ("after", 2, 10, 0))
    assert apply(decided((0.9, 60, 50, "ann")), shuffled) == {"before": "ann"}
    assert apply(decided((1.1, 50, 50, "ann")), shuffled) == {"after": "ann"}


def test_of_two_faces_that_hold_the_place_the_one_around_it() -> None:
    close = seen(("front", 0, 0, 0), ("behind", 0, 60, 0))
    assert apply(decided((0.0, 65, 50, "ann")), close) == {"front": "ann"}
    assert apply(decided((0.0, 95, 50, "ann")), close) == {"behind": "ann"}


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 800), st.floats(0, 600)),
        min_size=1,
        max_size=8,
        unique=True,
    )
)
def test_a_decision_about_a_face_finds_it_in_the_same_analysis(
    places: list[tuple[float, float, float]],
) -> None:
    observations = seen(*((f"track {i}", t, x, y) for i, (t, x, y) in enumerate(places)))
    centers = observations.select(
        "time_s", x=(pl.col("x1") + pl.col("x2")) / 2, y=(pl.col("y1") + pl.col("y2")) / 2
    )
    decisions = centers.with_columns(label=observations["track"])
    # Faces in one and the same place at the same time cannot be told apart; all others must be.
    for row, found in zip(decisions.iter_rows(named=True), observations["track"], strict=True):
        twins = decisions.filter(
            (pl.col("time_s") == row["time_s"]) & (pl.col("x") == row["x"]) & (pl.col("y") == row["y"])
        )
        if len(twins) == 1:
            assert apply(decisions.filter(pl.col("label") == found), observations) == {found: found}


@pytest.mark.parametrize(
    ("people", "labels", "expected"),
    [
        ([], {}, []),
        ([["a", "b"]], {}, [None]),
        ([["a", "b"]], {"a": "ann"}, ["ann"]),  # half of the tracks are enough
        ([["a", "b", "c"]], {"a": "ann"}, [None]),  # fewer are not: only they are told
        ([["a", "b", "c"]], {"a": "ann", "b": "bob", "c": "bob"}, ["bob"]),
        ([["a", "b"]], {"a": "ann", "b": "bob"}, ["ann"]),  # a tie
        ([["a"], ["b"]], {"a": "ann", "b": "ann", "z": "eve"}, ["ann", "ann"]),  # merged
        ([[]], {"a": "ann"}, [None]),
    ],
)
def test_tracks_that_are_new_follow_those_that_were_decided(people, labels, expected) -> None:
    assert settle(people, labels) == expected
