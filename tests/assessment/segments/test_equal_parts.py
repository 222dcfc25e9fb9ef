"""Equal parts of a lecture."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.assessment.segments.equal_parts import PART_S, equal_parts

EDGES = [
    (0.0, []),
    (-1.0, []),
    (10.0, [0, 10]),  # shorter than a part: one all the same
    (300.0, [0, 300]),
    (449.9, [0, 449.9]),  # a rest of under half a part is joined to the part before
    (450.0, [0, 300, 450]),  # half a part stands alone
    (600.0, [0, 300, 600]),
    (749.0, [0, 300, 749]),
    (3600.5, [0, *range(300, 3600, 300), 3600.5]),
]


@pytest.mark.parametrize(("duration", "edges"), EDGES)
def test_edges(duration, edges):
    parts = equal_parts(duration)
    assert [part.start_s for part in parts] == edges[:-1]
    assert [part.end_s for part in parts] == edges[1:]


def test_names_count_from_one():
    assert [(part.index, part.title) for part in equal_parts(600)] == [(0, "Part 1"), (1, "Part 2")]


@given(st.floats(0.001, 1e5), st.floats(1e3, 1e5))
def test_parts_cover_the_lecture_without_a_gap_and_none_is_tiny(duration, part_s):
    parts = equal_parts(duration, part_s)
    assert parts[0].start_s == 0
    assert parts[-1].end_s == duration
    assert all(a.end_s == b.start_s for a, b in pairwise(parts))
    if len(parts) > 1:
        assert all(0.4999 * part_s <= part.end_s - part.start_s < 1.5001 * part_s for part in parts)


def test_the_default_is_five_minutes():
    assert PART_S == 300
