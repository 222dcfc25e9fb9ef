"""Rows against the lecture: order, overlaps, gaps, the end."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.assessment.segments.fit import Row, fit
from fertool.errors import ConfigError


def rows(*spans):
    return [Row(f"f.csv:{i + 2}", f"T{i}", *span) for i, span in enumerate(spans)]


FITS = [
    ([(0, 50), (50, 100)], [(0, 50), (50, 100)], []),
    ([(50, 100), (0, 50)], [(0, 50), (50, 100)], []),  # in any order
    ([(0, None), (50, None)], [(0, 50), (50, 100)], []),  # open ends
    (
        [(0, 50.8), (50, 100.9)],  # within a second: rounded
        [(0, 50), (50, 100)],
        [
            "a segment reaches up to 0.80 s into the next: cut where that begins",
            "f.csv:3: ends 0.90 s after the lecture: cut at its end",
        ],
    ),
    (
        [(0, 30.1), (30, 60.25), (60, 100)],
        [(0, 30), (30, 60), (60, 100)],
        ["2 segments reach up to 0.25 s into the next: cut where that begins"],
    ),
    ([(0, 40), (50, 100)], [(0, 40), (50, 100)], ["a gap, 0:00:10 in all, belongs to no segment"]),
    ([(20, 40), (50, 70)], [(20, 40), (50, 70)], ["3 gaps, 0:01:00 in all, belong to no segment"]),
    ([(0.5, 99.5)], [(0.5, 99.5)], []),  # not worth a word
]


@pytest.mark.parametrize(("spans", "expected", "notes"), FITS)
def test_fits(spans, expected, notes):
    segments, said = fit(rows(*spans), 100)
    assert [(s.start_s, s.end_s) for s in segments] == expected
    assert [s.index for s in segments] == list(range(len(segments)))
    assert said == notes


REFUSED = [
    ([(0, 60), (50, 100)], "f.csv:3: begins at 0:00:50, before f.csv:2 ends at 0:01:00"),
    ([(0, 60), (0, 30)], "f.csv:3: begins at 0:00:00, before f.csv:2 ends at 0:01:00"),
    ([(0, 102.5)], "f.csv:2: ends at 0:01:42.5, beyond the end of the lecture (it is 0:01:40 long)"),
    ([(0, 50), (120, None)], "f.csv:3: begins at 0:02:00, beyond the end of the lecture"),
    ([(50, 50)], "f.csv:2: expected an end after 0:00:50, got 0:00:50"),
    ([(50, 20)], "f.csv:2: expected an end after 0:00:50, got 0:00:20"),
    ([(7, None), (7, None)], "f.csv:2: expected an end after 0:00:07, got 0:00:07"),
]


@pytest.mark.parametrize(("spans", "words"), REFUSED)
def test_refused_with_its_line(spans, words):
    with pytest.raises(ConfigError) as caught:
        fit(rows(*spans), 100)
    assert words in str(caught.value)


def test_trimmed_instead_where_nobody_wrote_it():
    segments, _ = fit(rows((-3, 60), (50, 130), (140, 150)), 100, trim=True)
    assert [(s.start_s, s.end_s) for s in segments] == [(0, 50), (50, 100)]
    with pytest.raises(ConfigError, match="no segment lies within the lecture"):
        fit(rows((140, 150)), 100, trim=True)


def test_without_a_length_only_what_can_be_told_is_told():
    assert len(fit(rows((0, None), (1e6, None)), math.inf)[0]) == 2
    with pytest.raises(ConfigError, match="before"):
        fit(rows((0, 60), (50, None)), math.inf)


def test_words_stay_with_their_row():
    second = Row("f:2", "Proof", 50.0, None, "hard", "induction")
    segments, _ = fit([second, Row("f:1", "Intro", 0.0, None)], 100)
    assert [(s.title, s.difficulty, s.point) for s in segments] == [
        ("Intro", "", ""),
        ("Proof", "hard", "induction"),
    ]


SPANS = st.lists(st.tuples(st.floats(0, 90), st.floats(0, 120)), min_size=1, max_size=6)


@given(SPANS, st.booleans())
def test_what_is_accepted_lies_apart_and_within(spans, trim):
    try:
        segments, _ = fit(rows(*spans), 100, trim=trim)
    except ConfigError:
        return
    assert all(0 <= s.start_s < s.end_s <= 100 for s in segments)
    assert all(a.end_s <= b.start_s for a, b in pairwise(segments))
