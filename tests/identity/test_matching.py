"""Who is who: clusters of embeddings that no overlap in time contradicts, matched with who is known."""

import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fertool.identity import matching
from fertool.identity.matching import MARGIN, assign, link, match, overlapping, seen_together

LIMIT = 0.5


def people(count, tracks, noise=0.05, size=16, seed=0):
    """`tracks` embeddings of each of `count` well-separated people, one after the other, and who is who."""
    rng = np.random.default_rng(seed)
    centers = np.eye(size)[:count]
    who = rng.permutation(np.repeat(np.arange(count), tracks))
    rows = centers[who] + rng.normal(0, noise, (len(who), size)) / np.sqrt(size)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), who


def one_after_the_other(n):
    """(n, 2) spans of which none overlaps another."""
    return np.stack([np.arange(n) * 10.0, np.arange(n) * 10.0 + 5], axis=1)


def same(labels, who):
    """Whether two labellings are one partition."""
    pairs = set(zip(labels.tolist(), who.tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@given(st.integers(1, 8), st.integers(1, 12), st.integers(0, 999))
@settings(deadline=None, max_examples=40)
def test_well_separated_people_are_recovered(count, tracks, seed):
    rows, who = people(count, tracks, seed=seed)
    labels = link(rows, one_after_the_other(len(rows)), LIMIT)
    assert same(labels, who)


@given(st.integers(1, 8), st.integers(1, 12), st.integers(0, 999))
@settings(deadline=None, max_examples=40)
def test_labels_count_up_in_order_of_first_appearance(count, tracks, seed):
    rows, _ = people(count, tracks, seed=seed)
    labels = link(rows, one_after_the_other(len(rows)), LIMIT)
    firsts = list(dict.fromkeys(labels.tolist()))
    assert firsts == list(range(count))


span = st.tuples(st.integers(0, 40), st.integers(0, 10)).map(lambda s: (float(s[0]), float(s[0] + s[1])))


@given(st.lists(span, max_size=30), st.integers(0, 999), st.sampled_from([4, 10_000]))
@example([(float(i), float(i)) for i in range(25)] + [(30.0, 30.0)], 0, 10_000)
@settings(deadline=None, max_examples=100)
def test_nobody_is_in_two_places_at_once(spans, seed, block):
    """However alike they look: here everybody has nearly the same face."""
    spans = np.array(sorted(spans), np.float64).reshape(-1, 2)
    rows, _ = people(1, len(spans), seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "BLOCK", block)
        labels = link(rows, spans, LIMIT)
    clash = overlapping(spans) & (labels[:, None] == labels[None, :])
    assert not clash.any()


@pytest.mark.parametrize("block", [60, 10_000])
def test_one_overlap_keeps_two_crowds_of_tracks_apart(monkeypatch, block):
    """Twins over a long lecture, seen together in a single minute: averaged with thousands of other
    pairs, that minute must still count."""
    monkeypatch.setattr(matching, "BLOCK", block)
    n = 100
    rng = np.random.default_rng(1)
    apart = np.eye(16)[0] * np.cos(0.2), np.eye(16)[0] * np.cos(0.2) + np.eye(16)[1] * np.sin(0.4)
    rows = np.concatenate([center + rng.normal(0, 0.002, (n, 16)) for center in apart])
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    order = np.argsort(np.tile(np.arange(n), 2), kind="stable")  # first, second, first, second, ...
    spans = one_after_the_other(2 * n)
    spans[1] = spans[0]  # the first two are seen at the same time
    labels = link(rows[order], spans, limit=0.6)
    assert labels[0] != labels[1]
    if block > 2 * n:  # blocks without that minute cannot know that there are two of them
        assert same(labels, np.tile([0, 1], n))


@given(st.integers(1, 6), st.integers(1, 10), st.integers(0, 999), st.integers(2, 25))
@settings(deadline=None, max_examples=40)
def test_block_by_block_gives_the_same_people(count, tracks, seed, block):
    rows, who = people(count, tracks, seed=seed)
    spans = one_after_the_other(len(rows))
    direct = link(rows, spans, LIMIT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "BLOCK", block)
        blocked = link(rows, spans, LIMIT)
    assert blocked.tolist() == direct.tolist()
    assert same(blocked, who)


def test_tracks_on_both_sides_of_a_block_s_edge_that_overlap_are_two_people(monkeypatch):
    monkeypatch.setattr(matching, "BLOCK", 2)
    rows, _ = people(1, 4)
    spans = np.array([[0, 5], [6, 10], [9, 12], [13, 15]], float)  # the second and third share a second
    labels = link(rows, spans, LIMIT)
    assert labels[1] != labels[2]


@pytest.mark.parametrize("block", [2, 10_000])
def test_hints_join_what_is_in_doubt_within_a_block(monkeypatch, block):
    """0.5 is the limit, 0.55 what a hint reaches."""
    monkeypatch.setattr(matching, "BLOCK", block)
    rows, spans = at(0, 30, 90, 121), one_after_the_other(4)  # 0.52 and 0.53 apart
    assert link(rows, spans, LIMIT).tolist() == [0, 1, 2, 3]
    assert link(rows, spans, LIMIT, np.array([[0, 1], [3, 2]])).tolist() == [0, 0, 1, 1]
    assert link(rows, spans, LIMIT, np.array([[1, 2]])).tolist() == [0, 1, 2, 3]  # 1 apart: no hint counts


def test_a_hint_does_not_make_one_of_two_who_are_there_together():
    spans = np.array([[0, 5], [0, 5]], float)
    assert link(at(0, 1), spans, LIMIT, np.array([[0, 1]])).tolist() == [0, 1]


@pytest.mark.parametrize("n", [0, 1])
def test_no_track_and_one_track(n):
    rows, _ = people(1, n)
    labels = link(rows.reshape(n, 16), one_after_the_other(n), LIMIT)
    assert labels.tolist() == [0] * n
    assert labels.dtype == np.int64


def test_people_side_by_side_are_told_apart_without_scipy():
    """Its import takes half a second, which a short recording would notice."""
    script = """
        import sys
        import numpy as np
        from fertool.identity.matching import link
        alike = np.eye(3, dtype=np.float32)[[0, 0, 1]]  # two of three look the same
        together, apart = np.array([[0.0, 9.0]] * 3), np.array([[0.0, 3.0], [3.0, 6.0], [6.0, 9.0]])
        print(link(alike, together, 0.4).tolist(), "scipy" in sys.modules)
        print(link(alike, apart, 0.4).tolist(), "scipy" in sys.modules)
    """
    words = [sys.executable, "-c", dedent(script)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[0, 1, 2] False", "[0, 0, 1] True"]


@pytest.mark.parametrize(("limit", "students"), [(0.39, 2), (0.41, 1)])
def test_the_limit_is_a_distance(limit, students):
    angle = 2 * np.arcsin(0.2)  # unit vectors 0.4 apart
    rows = np.array([[1, 0], [np.cos(angle), np.sin(angle)]], np.float32)
    assert len(set(link(rows, one_after_the_other(2), limit))) == students


def test_the_same_input_gives_the_same_labels():
    rows, _ = people(5, 20, noise=1.5)  # noisy enough that the clusters are arguable
    spans = one_after_the_other(len(rows))
    assert link(rows, spans, LIMIT).tolist() == link(rows.copy(), spans.copy(), LIMIT).tolist()


OVERLAPS = [
    ((0, 1), (2, 3), False),
    ((0, 10), (5, 15), True),
    ((0, 10), (8, 18), False),  # a fifth of it: the edge of a track is not sharp
    ((0, 10), (7.9, 18), True),
    ((0, 20), (18.5, 28.5), False),  # a fifth of the shorter one
    ((0, 1), (1, 2), False),
    ((0, 1), (1, 1), False),  # one sample, in the last one of another: all of it is edge
    ((0, 1), (0, 0), True),  # in the first one: tracks do not begin too early
    ((0, 5), (1, 2), True),  # one within the other
    ((3, 3), (3, 3), True),  # one sample each, the same
    ((3, 3), (4, 4), False),
]


@pytest.mark.parametrize(("one", "other", "shared"), OVERLAPS)
def test_overlapping(one, other, shared):
    table = overlapping(np.array([one, other], float))
    assert table.tolist() == [[False, shared], [shared, False]]


# --- match ----------------------------------------------------------------------------------------


def at(*degrees):
    """Unit vectors in a plane: two of them are 2 sin(half their angle) apart, 0.0175 a degree."""
    turn = np.radians(np.array(degrees, np.float64))
    return np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32).reshape(-1, 2)


ANN_AND_BEN = {"ann": at(0), "ben": at(60)}
MATCHES = [
    # the embedding at an angle, who is known at which angles, who it is (limit 0.5, margin 0.05)
    (0, ANN_AND_BEN, "ann"),
    (28, ANN_AND_BEN, "ann"),  # 0.48 from ann, 0.55 from ben
    (29, ANN_AND_BEN, None),  # 0.50 from ann and 0.53 from ben: too close to call
    (30, ANN_AND_BEN, None),
    (32, ANN_AND_BEN, "ben"),
    (60, ANN_AND_BEN, "ben"),
    (90, {"ann": at(0)}, None),  # nobody near
    (28, {"ann": at(0)}, "ann"),  # no runner-up
    (29, {"ann": at(0)}, None),  # 0.501: beyond the limit
    (0, {"ann": at(0), "ben": at(2)}, None),  # look-alikes: the nearer one is not near enough to be sure
    (0, {"ann": at(0), "ben": at(4)}, "ann"),
    (80, {"ann": at(0, 75), "ben": at(60)}, "ann"),  # one look of hers is enough
    (30, {"ann": at(0, 60), "ben": at(90)}, None),  # but not the mean of two: 0.52 from either
    (0, {"ann": at(0), "ben": at()}, "ann"),  # a student without any embedding is nobody's runner-up
    (0, {"ben": at()}, None),
    (0, {}, None),
]


@pytest.mark.parametrize(("angle", "known", "who"), MATCHES)
def test_match(angle, known, who):
    assert match(at(angle), known, limit=0.5, margin=0.05) == [who]


def test_match_answers_in_order():
    assert match(at(60, 30, 0), ANN_AND_BEN, 0.5) == ["ben", None, "ann"]
    assert match(at(), ANN_AND_BEN, 0.5) == []


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 999))
@settings(max_examples=40)
def test_who_is_known_well_is_found_again(count, looks, seed):
    rows, who = people(count, looks, seed=seed)
    known = {f"p{k}": rows[who == k] for k in range(count)}
    fresh, truth = people(count, looks, seed=seed)
    assert match(fresh, known, LIMIT) == [f"p{k}" for k in truth]


@given(st.lists(st.floats(0, 180), max_size=6), st.lists(st.floats(0, 180), min_size=1, max_size=6))
def test_a_match_is_near_and_nobody_else_is_as_near(angles, looks):
    known = {f"p{i}": at(angle) for i, angle in enumerate(looks)}
    for angle, who in zip(angles, match(at(*angles), known, 0.5), strict=True):
        away = {label: np.linalg.norm(at(angle) - rows) for label, rows in known.items()}
        if who is not None:
            assert away[who] <= 0.5 + 1e-6
            assert all(away[who] + MARGIN <= away[other] + 1e-6 for other in away if other != who)


def test_the_order_in_which_students_are_known_does_not_matter():
    rows, _ = people(4, 3, noise=1.0)
    known = {"ann": rows[:3], "ben": rows[3:6], "cam": rows[6:9]}
    back = dict(reversed(known.items()))
    assert match(rows, known, 1.5) == match(rows, back, 1.5)


# --- people of a recording ------------------------------------------------------------------------

APART, TOGETHER = np.zeros((2, 2), bool), ~np.eye(2, dtype=bool)
ASSIGNED = [
    # the angles of the tracks of two people, seen together or not, and who they are (ann 0, ben 60)
    (((0, 5), (60, 50)), TOGETHER, ["ann", "ben"]),
    (((0,), (5,)), TOGETHER, ["ann", None]),  # one ann only, and she is the nearer one
    (((5,), (0,)), TOGETHER, [None, "ann"]),
    (((0,), (5,)), APART, ["ann", "ann"]),  # she left and came back
    (((30,), (60,)), TOGETHER, [None, "ben"]),  # too close to call
    (((0, 2, 120), (60,)), TOGETHER, ["ann", "ben"]),  # a single poor look does not decide
    (((0, 118, 120), (60,)), TOGETHER, [None, "ben"]),  # most of them do
    (((180,), (200,)), APART, [None, None]),
]


@pytest.mark.parametrize(("angles", "together", "who"), ASSIGNED)
def test_assign(angles, together, who):
    people = [at(*tracks) for tracks in angles]
    assert assign(people, together, ANN_AND_BEN, limit=0.5, margin=0.05) == who


def test_assign_nobody():
    assert assign([], np.zeros((0, 0), bool), ANN_AND_BEN, 0.5) == []
    assert assign([at(0)], np.zeros((1, 1), bool), {}, 0.5) == [None]


@given(st.lists(st.lists(st.integers(0, 180), min_size=1, max_size=4), max_size=6), st.randoms())
def test_nobody_is_assigned_twice_at_one_time(angles, random):
    n = len(angles)
    together = np.array([[random.random() < 0.5 for _ in range(n)] for _ in range(n)], bool).reshape(n, n)
    together = (together | together.T) & ~np.eye(n, dtype=bool)
    who = assign([at(*tracks) for tracks in angles], together, ANN_AND_BEN, 0.5)
    for i in range(n):
        for j in range(n):
            assert not (together[i, j] and who[i] is not None and who[i] == who[j])


@given(st.lists(st.floats(0, 180), max_size=6))
def test_people_of_one_track_who_never_meet_are_matched(angles):
    apart = np.zeros((len(angles), len(angles)), bool)
    expected = match(at(*angles), ANN_AND_BEN, 0.5)
    assert assign([at(angle) for angle in angles], apart, ANN_AND_BEN, 0.5) == expected


def test_seen_together():
    spans = np.array([[0, 5], [10, 15], [4, 8], [20, 25]], float)
    groups = [np.array([0, 1]), np.array([2]), np.array([3])]
    assert seen_together(spans, groups).tolist() == [
        [False, True, False],
        [True, False, False],
        [False, False, False],
    ]
    assert seen_together(np.zeros((0, 2)), []).shape == (0, 0)
