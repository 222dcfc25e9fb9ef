"""Geometry of boxes: values worked out by hand, and what must hold for any boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fertool.vision import boxes

corner = st.integers(-50, 2000)
side = st.integers(1, 600)
box = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), corner, corner, side, side)
some_boxes = st.lists(box, max_size=12).map(lambda rows: np.array(rows, np.float32).reshape(-1, 4))


PAIRS = [
    # two boxes, the square pixels they share, and their overlap
    ((0, 0, 10, 10), (0, 0, 10, 10), 100, 1.0),  # the same
    ((0, 0, 10, 10), (5, 0, 15, 10), 50, 1 / 3),  # half of each: 50 / 150
    ((0, 0, 10, 10), (2, 2, 7, 7), 25, 0.25),  # one inside the other
    ((0, 0, 10, 10), (10, 0, 20, 10), 0, 0.0),  # they only touch
    ((0, 0, 10, 10), (30, 30, 40, 40), 0, 0.0),  # far apart
    ((0, 0, 10, 10), (30, 0, 40, 10), 0, 0.0),  # side by side, so they share heights only
    ((-5, -5, 5, 5), (-5, -5, 5, 0), 50, 0.5),  # beyond the frame's edge
    ((3, 3, 3, 3), (3, 3, 3, 3), 0, 0.0),  # empty: no division by zero
    ((10, 10, 0, 0), (0, 0, 10, 10), 0, 0.0),  # inside out
]


@pytest.mark.parametrize(("a", "b", "shared", "overlap"), PAIRS)
def test_iou_of_two(a, b, shared, overlap):
    a, b = np.array([a], np.float32), np.array([b], np.float32)
    assert boxes.intersections(a, b) == [shared]
    assert boxes.iou(a, b) == pytest.approx(np.array([[overlap]]))
    assert boxes.paired_iou(a, b) == pytest.approx([overlap])


@given(some_boxes, st.data())
def test_pairs_are_the_diagonal_of_the_table(a, data):
    b = np.array(data.draw(st.lists(box, min_size=len(a), max_size=len(a))), np.float32).reshape(-1, 4)
    np.testing.assert_allclose(boxes.paired_iou(a, b), np.diag(boxes.iou(a, b)), rtol=1e-6)
    assert boxes.paired_iou(a, b).shape == (len(a),)


@given(some_boxes, some_boxes)
def test_what_boxes_share_is_a_part_of_each(a, b):
    shared = boxes.intersections(a[:, None], b[None])
    assert shared.shape == (len(a), len(b))
    assert (shared <= np.minimum(boxes.areas(a)[:, None], boxes.areas(b)[None])).all()


@given(some_boxes, some_boxes)
def test_iou_is_a_share_and_symmetric(a, b):
    table = boxes.iou(a, b)
    assert table.shape == (len(a), len(b))
    assert table.dtype == np.float32
    assert ((table >= 0) & (table <= 1)).all()
    np.testing.assert_allclose(table, boxes.iou(b, a).T)


@given(some_boxes)
def test_iou_with_itself_is_one(a):
    np.testing.assert_allclose(np.diag(boxes.iou(a, a)), 1)


def test_areas_and_the_empty_table():
    rows = np.array([[0, 0, 4, 5], [4, 5, 0, 0]], np.float32)
    assert boxes.areas(rows).tolist() == [20, 0]
    assert boxes.areas(rows[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("rows", "scores", "threshold", "kept"),
    [
        ([], [], 0.5, []),  # nothing found
        ([(0, 0, 9, 9)], [0.3], 0.5, [0]),  # one stays, however unsure
        ([(0, 0, 9, 9), (50, 0, 59, 9)], [0.3, 0.8], 0.5, [1, 0]),  # apart: both, best first
        ([(0, 0, 9, 9), (1, 0, 10, 9)], [0.3, 0.8], 0.5, [1]),  # the better of two
        ([(0, 0, 9, 9), (1, 0, 10, 9)], [0.8, 0.8], 0.5, [0]),  # a tie: the first listed
        ([(0, 0, 9, 9), (0, 0, 9, 9)], [0.8, 0.9], 1.0, [1, 0]),  # an overlap of exactly the threshold stays
        # A chain: the middle one goes, so the third, which only the middle one overlaps, stays.
        ([(0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10)], [0.9, 0.8, 0.7], 0.3, [0, 2]),
    ],
)
def test_nms(rows, scores, threshold, kept):
    got = boxes.nms(np.array(rows, np.float32).reshape(-1, 4), np.array(scores, np.float32), threshold)
    assert got.tolist() == kept


@given(some_boxes, st.floats(0, 1), st.data())
def test_nms_keeps_what_does_not_overlap_and_loses_no_one(rows, threshold, data):
    levels = st.sampled_from([0.25, 0.5, 0.75])  # few, so that ties happen
    scores = data.draw(arrays(np.float32, len(rows), elements=levels))
    kept = boxes.nms(rows, scores, threshold)
    overlaps = boxes.iou(rows, rows)

    assert (np.diff(scores[kept]) <= 0).all(), "best first"
    among = overlaps[np.ix_(kept, kept)] - np.eye(len(kept))
    assert (among <= threshold + 1e-6).all()
    for lost in set(range(len(rows))) - set(kept.tolist()):
        over = kept[overlaps[lost, kept] > threshold]
        assert (scores[over] >= scores[lost]).any(), "dropped only for a better one"
