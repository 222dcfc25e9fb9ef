"""Who follows whom in a tile, and shuffles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.identity.matching import link
from fertool.vision import gallery_tiles
from fertool.vision.gallery_tiles import AT_ONCE_S, GAP_S, changes, hints, shuffles

LIMIT = 0.5


def face(who, lean=0.0):
    """Person `who`, `lean` degrees off: 10 degrees are a distance of 0.17."""
    row = np.zeros(10, np.float32)
    row[who], row[9] = np.cos(np.radians(lean)), np.sin(np.radians(lean))
    return row


def place(tile, shift=0.0):
    x = 200.0 * tile + shift
    return [x, 50.0, x + 100, 170.0]


def gallery(*rows):
    """(who, tile, first second, last second) -> arguments of `changes`, but for the limit."""
    embeddings = np.array([row[0] if isinstance(row[0], np.ndarray) else face(row[0]) for row in rows])
    spans = np.array([row[2:] for row in rows], float).reshape(-1, 2)
    first = np.array([place(row[1]) for row in rows], np.float32).reshape(-1, 4)
    return embeddings.reshape(-1, 10).astype(np.float32), spans, first, first + 10


def followed(*rows):
    return [(c.before, c.after, c.same) for c in changes(*gallery(*rows), LIMIT)]


CASES = [
    ([], []),
    ([(0, 0, 0, 59)], []),
    ([(0, 0, 0, 59), (0, 0, 60, 119)], [(0, 1, True)]),
    ([(0, 0, 0, 59), (1, 0, 60, 119)], [(0, 1, False)]),  # another person in the tile
    ([(0, 0, 0, 59), (0, 1, 60, 119)], []),  # in another tile
    ([(0, 0, 0, 59), (0, 0, 30, 119)], []),  # at the same time: not one after the other
    ([(0, 0, 0, 59), (0, 0, 59 + GAP_S, 200)], [(0, 1, True)]),
    ([(0, 0, 0, 59), (0, 0, 60 + GAP_S, 200)], []),  # away for too long
    ([(0, 0, 0, 20), (1, 0, 25, 40), (0, 0, 45, 59)], [(0, 1, False), (1, 2, False)]),  # the latest counts
    ([(0, 0, 60, 119), (0, 0, 0, 59)], [(1, 0, True)]),  # rows in any order
]


@pytest.mark.parametrize(("rows", "expected"), CASES)
def test_who_follows_whom(rows, expected):
    assert followed(*rows) == expected


FOUR = [(i, i, 0, 59) for i in range(4)]
SHUFFLES = [
    (FOUR + [(i, i, 60, 119) for i in range(4)], []),  # a chunk's edge
    (FOUR + [((i + 1) % 4, i, 60 + i / 2, 119) for i in range(4)], [60.0]),
    (FOUR + [((i + 1) % 4, i, 60 + 2 * i, 119) for i in range(4)], []),  # not at once: they come and go
    ([*FOUR, (1, 0, 60, 119), (0, 1, 60, 119)], []),  # two changed places
    (
        FOUR + [((i + 1) % 4, i, 60, 99) for i in range(4)] + [(i, i, 100, 119) for i in range(4)],
        [60.0, 100.0],
    ),
]


@pytest.mark.parametrize(("rows", "times"), SHUFFLES)
def test_shuffles(rows, times):
    arguments = gallery(*rows)
    assert shuffles(changes(*arguments, LIMIT), arguments[1]) == times


def test_after_a_shuffle_places_say_nothing():
    """A person moved to the tile of a look-alike is not taken for that one."""
    alike = [*FOUR, (4, 4, 0, 59)]
    shuffled = [((i + 1) % 4, i, 60, 119) for i in range(4)]
    arguments = gallery(*alike, *shuffled, (face(4, 10), 4, 60, 119))
    found = changes(*arguments, LIMIT)
    assert found[-1].same
    assert hints(found, arguments[1]).shape == (0, 2)
    calm = gallery(*alike, (face(4, 10), 4, 60, 119))
    assert hints(changes(*calm, LIMIT), calm[1]).tolist() == [[4, 5]]


def test_a_hint_settles_what_is_in_doubt_and_overrules_no_face():
    for lean, together in ((25, True), (31, True), (36, False)):  # distances 0.43, 0.53 and 0.62
        arguments = gallery((0, 0, 0, 59), (face(0, lean), 0, 60, 119))
        found = changes(*arguments, 1.1 * LIMIT)
        labels = link(*arguments[:2], LIMIT, hints(found, arguments[1]))
        assert bool(labels[0] == labels[1]) is together
    assert len(set(link(*gallery((0, 0, 0, 59), (face(0, 31), 0, 60, 119))[:2], LIMIT))) == 2  # without one


def test_a_resized_tile_is_another_place():
    embeddings, spans, first, last = gallery((0, 0, 0, 59), (0, 0, 60, 119))
    first[1] = [0, 0, 30, 40]
    assert changes(embeddings, spans, first, last, LIMIT) == []


row = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 300), st.integers(0, 60))


@given(st.lists(row, max_size=12))
def test_hints_are_of_one_place_and_one_after_the_other(rows):
    arguments = gallery(*[(who, tile, start, start + length) for who, tile, start, length in rows])
    found = changes(*arguments, LIMIT)
    for i, j in hints(found, arguments[1]):
        assert rows[i][:2] == rows[j][:2]
        assert arguments[1][i, 1] < arguments[1][j, 0]
    assert all(change.after != other.after for change in found for other in found if change is not other)
    assert gallery_tiles.shuffles(found, arguments[1]) == sorted(gallery_tiles.shuffles(found, arguments[1]))
    assert AT_ONCE_S < GAP_S


@pytest.mark.parametrize(
    ("times", "shuffled"),
    [
        ([], []),
        ([5, 5], []),
        ([5, 5, 5], [5]),
        ([7, 5, 8], [5]),  # in any order, the first of them
        ([5, 7, 9], []),
        ([1, 5, 6, 7], [5]),
        ([5, 5, 5, 5, 20, 21, 22], [5, 20]),
    ],
)
def test_at_once(times, shuffled):
    assert gallery_tiles.at_once(times) == shuffled
