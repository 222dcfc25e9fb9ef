"""Small groups, and what could be found by subtraction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.privacy.suppression import hidden, too_small

SMALL = [(0, 5, False), (1, 5, True), (4, 5, True), (5, 5, False), (1, 1, False), (9, 10, True)]


@pytest.mark.parametrize(("people", "k", "small"), SMALL)
def test_too_small(people: int, k: int, small: bool) -> None:
    assert too_small(people, k) == small


PARTS = [
    ([], 5, []),
    ([7, 8, 9], 5, []),  # nothing small, nothing hidden
    ([7, 3, 9], 5, [0, 1]),  # one alone would be the whole less the rest: the smallest other keeps it company
    ([3, 4, 9], 5, [0, 1]),  # two, seven people together
    ([1, 2, 9, 8], 5, [0, 1, 3]),  # two, but only three people together
    ([6, 2, 6], 5, [0, 1]),  # the first of equals
    ([2, 0, 0], 5, [0]),  # nobody is no company, and there is no other
    ([2, 0, 6], 5, [0, 2]),
    ([1, 1], 5, [0, 1]),  # all that there is
    ([1, 5, 6], 1, []),  # k = 1 hides nothing
]


@pytest.mark.parametrize(("people", "k", "expected"), PARTS)
def test_parts_of_a_whole(people: list[int], k: int, expected: list[int]) -> None:
    assert [i for i, hide in enumerate(hidden(people, k)) if hide] == expected


GROUPS = st.lists(st.integers(0, 30), max_size=12)


@given(GROUPS, st.integers(1, 12))
def test_nobody_is_found_by_subtraction(people: list[int], k: int) -> None:
    hide = hidden(people, k)
    gone = [n for n, is_hidden in zip(people, hide, strict=True) if is_hidden]
    shown = [n for n, is_hidden in zip(people, hide, strict=True) if not is_hidden]
    assert not any(too_small(n, k) for n in shown)
    assert 0 not in gone
    if gone and any(shown):  # the whole less what is shown is about several groups, and k people
        assert len(gone) >= 2
        assert sum(gone) >= k


@given(GROUPS, st.integers(1, 12))
def test_no_more_is_hidden_than_needed(people: list[int], k: int) -> None:
    hide = hidden(people, k)
    company = sorted(n for n, is_hidden in zip(people, hide, strict=True) if is_hidden and n >= k)
    shown = [n for n, is_hidden in zip(people, hide, strict=True) if not is_hidden and n]
    assert len(company) <= 1  # whoever is not small covers the rest by itself
    assert all(n >= company[-1] for n in shown if company)


@given(GROUPS, st.integers(1, 12), st.randoms())
def test_the_order_of_the_parts_makes_no_difference(people: list[int], k: int, random) -> None:
    shuffled = random.sample(people, len(people))
    before = sorted(n for n, hide in zip(people, hidden(people, k), strict=True) if hide)
    after = sorted(n for n, hide in zip(shuffled, hidden(shuffled, k), strict=True) if hide)
    assert before == after
