"""When a picture of a slide can show nobody, by hand: boxes in pixels, samples a second apart unless said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.report.data.slides import NEAR_S, Look, Slides, clear, read
from fertool.storage.tables import SEGMENTS, frame
from fertool.testing import store_lecture, timeline

if TYPE_CHECKING:
    from fertool.storage.store import Store

REGION = (0, 0, 640, 360)
BESIDE, INSIDE, NEXT = (800, 100, 900, 200), (300, 100, 400, 200), (680, 100, 780, 200)
"""With half its size around it, 50 px, NEXT begins at 630, within the region."""
PLACES = [
    # the boxes of a sample, the region, whether the sample may be shown
    ([], REGION, True),
    ([BESIDE], REGION, True),
    ([INSIDE], REGION, False),
    ([BESIDE, INSIDE], REGION, False),
    ([NEXT], REGION, False),
    ([(690, 100, 790, 200)], REGION, True),  # grown, it begins on the edge itself
    ([(100, 411, 200, 511)], REGION, True),  # below: from 361 on
    ([(100, 409, 200, 509)], REGION, False),
    ([(-300, -300, 900, 900)], REGION, False),  # all of it
    ([], None, True),
    ([BESIDE], None, False),  # slides are the whole picture: so is every face
]


def looks(*samples: tuple[float, list, bool]) -> list[Look]:
    return [
        Look(time, uncertain, np.array(boxes, np.float32).reshape(-1, 4))
        for time, boxes, uncertain in samples
    ]


@pytest.mark.parametrize(("boxes", "region", "shown"), PLACES)
def test_a_face_at_the_region(boxes: list, region: tuple | None, shown: bool) -> None:
    assert clear(looks((0.0, boxes, False)), region) == ((0.0,) if shown else ())
    assert clear(looks((0.0, boxes, True)), region) == (), "a face whose place is not stored may be there"


NEAR = [
    # times, which of them are uncertain, which remain: 5 s, and one sample, on either side are near
    ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [5], [11]),
    ([0, 1, 2, 3, 4, 5, 6, 7, 8], [0], [6, 7, 8]),
    ([0, 10, 20, 30, 40], [20], [0, 40]),  # few samples: the one before and the one after
    ([0, 10, 20, 30, 40], [], [0, 10, 20, 30, 40]),
    ([0, 10], [0], []),
    ([], [], []),
]


@pytest.mark.parametrize(("times", "doubtful", "expected"), NEAR)
def test_what_is_near_a_face(times: list[int], doubtful: list[int], expected: list[int]) -> None:
    samples = looks(*((float(time), [INSIDE] if time in doubtful else [], False) for time in times))
    assert clear(samples, REGION) == tuple(expected)


@given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), unique_by=lambda it: it[0]))
def test_nothing_that_is_shown_is_near_a_doubt(samples: list[tuple[int, bool]]) -> None:
    samples.sort()
    kept = clear(looks(*((float(time), [], doubt) for time, doubt in samples)), REGION)
    assert all(abs(time - at) > NEAR_S for time in kept for at, doubt in samples if doubt)
    assert set(kept) <= {time for time, _ in samples}


def test_the_first_instant_of_an_interval_on_the_lectures_clock() -> None:
    slides = Slides("run", 1, 2.5, None, (0.0, 10.0, 20.0))
    assert slides.at(0, 30) == 0.0
    assert slides.at(3, 30) == 10.0  # shown at 12.5 of the lecture
    assert slides.at(12.5, 13) == 10.0
    assert slides.at(12.6, 22.5) is None  # the end is not within


def test_what_is_read_of_a_lecture(store: Store) -> None:
    """Of a timeline, boxes are stored; one sample at 7 s shows a face that was only counted."""
    store_lecture(store, "c", "l", {"A": timeline("happy*3 absent*27")})
    parts = frame([{"segment": 0, "title": "Slide 1", "start_s": 0.0, "end_s": 30.0}], SEGMENTS)
    assert read(store, "c", "l") is None, "equal parts"
    store.set_segments("c", "l", parts, "parts:5m")
    assert read(store, "c", "l") is None
    store.set_segments("c", "l", parts, "slides")
    found = read(store, "c", "l")
    assert found is not None
    assert (found.region, found.offset_s) == (None, 0.0)
    assert found.clear == tuple(range(8, 30)), "seen up to 2 s, and 5 s more"
    store.set_segments("c", "l", parts, "slides:2000,0,3000,360")
    found = read(store, "c", "l")
    assert found is not None
    assert (found.region, found.clear) == ((2000, 0, 3000, 360), tuple(range(30)))
    with store.database.transaction() as con:
        con.execute("UPDATE samples SET dropped = 1 WHERE time_s = 20")
    found = read(store, "c", "l")
    assert found is not None
    assert found.clear == (*range(15), *range(26, 30)), "whose face it was is not known, nor where"
