"""Following people through a chunk: paths by overlap, then cuts by embedding."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from fertool.vision.tracking import (
    BUFFER,
    MAX_GAP,
    Tracker,
    _assigned,
    anchors,
    enlarge,
    mean_direction,
    split,
)


def boxes(*corners, side=100.0):
    """(n, 4) square boxes with these top left corners."""
    return np.array([[x, y, x + side, y + side] for x, y in corners], np.float32).reshape(-1, 4)


def follow(*samples):
    """The path of every face of every sample."""
    tracker = Tracker()
    return [tracker.update(i, sample) for i, sample in enumerate(samples)]


# --- paths ----------------------------------------------------------------------------------------


def test_people_in_tiles_are_followed():
    left, right = (0, 0), (400, 0)
    assert follow(*[boxes(left, right)] * 3) == [[0, 1]] * 3


def test_the_order_of_the_detector_does_not_matter():
    left, right = (0, 0), (400, 0)
    assert follow(boxes(left, right), boxes(right, left), boxes(left, right)) == [[0, 1], [1, 0], [0, 1]]


def test_somebody_who_moves_a_third_of_a_head_at_a_time_is_one_path():
    assert follow(*[boxes((30 * i, 0)) for i in range(20)]) == [[0]] * 20


def test_somebody_who_jumps_is_a_new_path():
    assert follow(boxes((0, 0)), boxes((300, 0))) == [[0], [1]]


def test_a_head_that_moved_its_own_width_is_still_followed():
    # By plain overlap these two would have nothing in common; enlarged boxes overlap by a third.
    assert follow(boxes((0, 0)), boxes((99, 0))) == [[0], [0]]


def test_two_who_cross_are_told_apart_while_they_keep_a_distance():
    steps = [boxes((40 * i, 0), (400 - 40 * i, 120)) for i in range(11)]
    assert follow(*steps) == [[0, 1]] * 11


@given(st.data(), st.integers(0, 5), st.integers(0, 5))
def test_the_shortcut_assigns_what_the_solver_does(data, rows, columns):
    """Overlaps are distinct, so that one assignment is best."""
    levels = data.draw(st.permutations(range(rows * columns)))
    overlap = np.array([0.0 if level % 2 else level**1.5 for level in levels]).reshape(rows, columns)
    found = {*zip(*map(np.ndarray.tolist, _assigned(overlap)), strict=True)}
    solved = zip(*map(np.ndarray.tolist, linear_sum_assignment(overlap, maximize=True)), strict=True)
    assert found == {pair for pair in solved if overlap[pair]}


def test_pairs_without_a_choice_need_no_solver(monkeypatch):
    monkeypatch.delattr("scipy.optimize.linear_sum_assignment")
    overlap = np.array([[0, 0.9, 0], [0, 0, 0], [0.4, 0, 0]])
    assert [part.tolist() for part in _assigned(overlap)] == [[0, 2], [1, 0]]
    with pytest.raises(ImportError):
        _assigned(np.array([[0.5, 0.4]]))


RETURNS = [
    (0, True),
    (1, True),
    (MAX_GAP, True),  # unseen in as many samples as are allowed
    (MAX_GAP + 1, False),  # one too many
    (MAX_GAP + 5, False),
]


@pytest.mark.parametrize(("unseen", "same"), RETURNS)
def test_somebody_who_returns_in_time_is_the_same_path(unseen, same):
    paths = follow(boxes((0, 0)), *[boxes()] * unseen, boxes((0, 0)))
    assert (paths[-1] == paths[0]) is same


def test_every_sight_begins_the_count_anew():
    seen, unseen = boxes((0, 0)), boxes()
    assert follow(*[seen, unseen, unseen] * 4, seen)[-1] == [0]


def test_who_leaves_makes_room_for_who_comes():
    left, right = (0, 0), (400, 0)
    paths = follow(boxes(left, right), *[boxes(left)] * (MAX_GAP + 1), boxes(left, right))
    assert paths[-1] == [0, 2]


def test_two_poor_overlaps_do_not_outweigh_a_good_one():
    # A stays; B, beside A, leaves; C appears on A's other side. Pairing A with C and B with A would
    # have the larger sum, yet neither pair is good enough to be followed: A would be lost.
    a, b, a_moved, c = (1000, 0), (1177, 0), (1067, 0), (890, 0)
    assert follow(boxes(a), boxes(a_moved)) == [[0], [0]]
    assert follow(boxes(a), boxes(c)) == [[0], [1]]  # too far away
    assert follow(boxes(a, b), boxes(a_moved, c)) == [[0, 1], [0, 2]]


def test_no_faces_at_all():
    tracker = Tracker()
    assert tracker.update(0, boxes()) == []
    assert tracker.update(1, boxes()) == []
    assert tracker.paths == []


def test_paths_name_the_samples_they_were_given():
    tracker = Tracker()
    for sample in (7, 9, 11):
        tracker.update(sample, boxes((0, 0), (400, 0)))
    assert tracker.paths == [[(7, 0), (9, 0), (11, 0)], [(7, 1), (9, 1), (11, 1)]]


def test_enlarged_boxes_keep_their_center():
    box = np.array([[10, 20, 30, 60]], np.float32)
    np.testing.assert_allclose(enlarge(box), [[10 - 20 * BUFFER, 20 - 40 * BUFFER, 30 + 10, 60 + 20]])
    assert enlarge(boxes()).shape == (0, 4)


corner = st.tuples(st.integers(0, 1500), st.integers(0, 800))
crowd = st.lists(st.lists(corner, max_size=5), max_size=8)


@given(crowd)
@settings(max_examples=150, deadline=None)
def test_paths_partition_the_faces(people):
    tracker = Tracker()
    answered = [tracker.update(i, boxes(*sample)) for i, sample in enumerate(people)]
    spots = [spot for path in tracker.paths for spot in path]
    assert sorted(spots) == [(i, face) for i, sample in enumerate(people) for face in range(len(sample))]
    for path in tracker.paths:
        samples = [sample for sample, _ in path]
        assert all(0 < later - sooner <= MAX_GAP + 1 for sooner, later in pairwise(samples))
    for i, paths in enumerate(answered):
        assert len(set(paths)) == len(paths)
        assert all((i, face) in tracker.paths[path] for face, path in enumerate(paths))
    firsts = [path[0] for path in tracker.paths]
    assert firsts == sorted(firsts)


@given(st.lists(st.lists(corner, max_size=4), max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_order_of_faces_within_a_sample_changes_nobody_s_path(people, random):
    """Sides of their own make every overlap different: without ties there is one best assignment."""
    sized, shuffled, orders, number = [], [], [], 0
    for sample in people:
        rows = []
        for x, y in sample:
            number += 1
            rows.append([x, y, x + 90 + 1.37 * number, y + 90 + 1.91 * number])
        order = random.sample(range(len(sample)), len(sample))
        sized.append(np.array(rows, np.float32).reshape(-1, 4))
        shuffled.append(sized[-1][order])
        orders.append(order)
    one, other = Tracker(), Tracker()
    for i in range(len(people)):
        one.update(i, sized[i])
        other.update(i, shuffled[i])
    back = {frozenset((s, orders[s][face]) for s, face in path) for path in other.paths}
    assert back == {frozenset(path) for path in one.paths}


# --- anchors --------------------------------------------------------------------------------------

ANCHORS = [
    ([], []),
    ([3.0], [0]),
    ([0.0, 1.0], [0, 1]),  # first and last, however near
    ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0, 5, 6]),
    ([0.0, 5.0, 10.0], [0, 1, 2]),  # the last is not taken twice
    ([0.0, 4.9, 5.1, 9.9, 10.2], [0, 2, 4]),
    ([0.0, 60.0, 61.0], [0, 1, 2]),  # a gap
]


@pytest.mark.parametrize(("times", "expected"), ANCHORS)
def test_anchors(times, expected):
    assert anchors(times, 5.0) == expected


@given(st.lists(st.floats(0, 1000), unique=True), st.floats(0.1, 100))
def test_anchors_are_few_and_leave_no_long_stretch(times, every):
    times = sorted(times)
    chosen = anchors(times, every)
    assert chosen == sorted(set(chosen))
    if times:
        assert chosen[0] == 0
        assert chosen[-1] == len(times) - 1
        assert len(chosen) <= 2 + (times[-1] - times[0]) / every
        for low, high in pairwise(chosen):  # whatever lies between is close to the first
            assert all(time - times[low] < every for time in times[low + 1 : high])


# --- cuts -----------------------------------------------------------------------------------------

ADA, BEN, CAM = (np.eye(4, dtype=np.float32)[i] for i in range(3))


class Embedder:
    """Knows who is at every spot; counts how often it is asked."""

    def __init__(self, people):
        self.who = {(i, 0): person for i, person in enumerate(people)}
        self.path = list(self.who)
        self.asked = []

    def __call__(self, spot):
        self.asked.append(spot)
        return self.who[spot]

    def split(self, anchored, usable=None, limit=0.6):
        known = {(i, 0): self.who[i, 0] for i in anchored}
        return split(self.path, self.path if usable is None else usable, known, self, limit)


@given(st.integers(2, 400), st.data())
@settings(deadline=None)
def test_a_change_is_found_exactly_at_the_cost_of_a_logarithm(length, data):
    change = data.draw(st.integers(1, length - 1))
    embedder = Embedder([ADA] * change + [BEN] * (length - change))
    parts = embedder.split([0, length - 1])
    assert [part.spots for part in parts] == [tuple(embedder.path[:change]), tuple(embedder.path[change:])]
    np.testing.assert_allclose(parts[0].embedding, ADA)
    np.testing.assert_allclose(parts[1].embedding, BEN)
    assert len(embedder.asked) <= math.ceil(math.log2(length))
    assert len(set(embedder.asked)) == len(embedder.asked)


def test_faces_of_one_person_differ_and_are_told_by_who_they_resemble_more():
    noise = np.random.default_rng(0).normal(0, 0.15, (100, 4))
    people = np.array([ADA] * 37 + [BEN] * 63) + noise
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    parts = Embedder(people.astype(np.float32)).split([0, 99], limit=0.9)
    assert [len(part.spots) for part in parts] == [37, 63]


def test_nobody_is_asked_where_nobody_changed():
    embedder = Embedder([ADA] * 100)
    (part,) = embedder.split([0, 50, 99])
    assert part.spots == tuple(embedder.path)
    assert embedder.asked == []


def test_every_change_between_two_anchors_is_found():
    embedder = Embedder([ADA] * 13 + [BEN] * 20 + [CAM] * 7 + [ADA] * 10)
    parts = embedder.split([0, 16, 34, 49])
    assert [len(part.spots) for part in parts] == [13, 20, 7, 10]
    np.testing.assert_allclose(parts[3].embedding, ADA)  # the same person again is a part of its own


def test_a_change_between_neighbors_needs_no_question():
    embedder = Embedder([ADA, BEN])
    assert [part.spots for part in embedder.split([0, 1])] == [((0, 0),), ((1, 0),)]
    assert embedder.asked == []


def test_faces_that_cannot_be_embedded_stay_with_who_was_there_before():
    embedder = Embedder([ADA] * 6 + [BEN] * 6)
    parts = embedder.split([0, 9], usable=[(0, 0), (3, 0), (9, 0)])
    assert [len(part.spots) for part in parts] == [9, 3]  # from 4 to 8 nobody could say
    assert embedder.asked == [(3, 0)]


def test_without_a_usable_face_the_path_stays_whole_and_unknown():
    embedder = Embedder([ADA] * 3)
    (part,) = embedder.split([], usable=[])
    assert part.spots == tuple(embedder.path)
    assert part.embedding is None


@pytest.mark.parametrize(("limit", "parts"), [(1.40, 2), (1.42, 1)])  # the two are sqrt(2) apart
def test_the_limit_decides(limit, parts):
    assert len(Embedder([ADA] * 5 + [BEN] * 5).split([0, 9], limit=limit)) == parts


def test_the_mean_of_a_part_is_a_direction():
    embedder = Embedder([ADA, (ADA + BEN) / np.sqrt(2).astype(np.float32)])
    (part,) = embedder.split([0, 1], limit=1.0)
    assert part.embedding.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(part.embedding), 1, rtol=1e-6)
    np.testing.assert_allclose(part.embedding[:2], [np.cos(np.pi / 8), np.sin(np.pi / 8)], rtol=1e-5)


def test_the_mean_of_opposite_directions_is_no_error():
    assert np.isfinite(mean_direction(np.array([ADA, -ADA]))).all()


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.data())
@settings(deadline=None)
def test_parts_put_together_are_the_path(people, data):
    embedder = Embedder([[ADA, BEN, CAM][k] for k in people])
    last = len(people) - 1
    anchored = sorted({0, last, *data.draw(st.lists(st.integers(0, last), max_size=5))})
    parts = embedder.split(anchored)
    assert [spot for part in parts for spot in part.spots] == embedder.path
    assert all(part.spots for part in parts)
