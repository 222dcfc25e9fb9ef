"""Small groups, and what could be found by subtraction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.privacy.suppression import suppressed, too_small

SMALL = [(0, 5, False), (1, 5, True), (4, 5, True), (5, 5, False), (1, 1, False), (9, 10, True)]


@pytest.mark.parametrize(("people", "k", "small"), SMALL)
def test_too_small(people: int, k: int, small: bool) -> None:
    assert too_small(people, k) == small


PARTS = [
    # students behind each part (a letter each), k, what is held back: f for few, s for subtraction
    ([], 5, ""),
    (["abcdefg", "abcdefgh"], 5, "--"),  # nothing small, nothing held back
    (["abcdefg", "abc", "abcdefgh"], 5, "sf-"),  # one alone would be the whole less the rest
    (["abc", "defg", "abcdefgh"], 5, "ff-"),  # two, seven students together
    (["abc", "abcd", "abcdefgh"], 5, "ffs"),  # two, but the same four students: together they are too few
    (["a", "ab", "abcdefgh", "abcdef"], 5, "ff-s"),  # the smallest of the others
    (["abcdef", "ab", "abcdeg"], 5, "sf-"),  # the first of equals
    (["ab", "", ""], 5, "f--"),  # nobody is no company, and there is no other
    (["ab", "", "abcdef"], 5, "f-s"),
    (["a", "b"], 5, "ff"),  # all that there is
    (["a", "abcde"], 1, "--"),  # k = 1 holds nothing back
]


@pytest.mark.parametrize(("parts", "k", "expected"), PARTS)
def test_parts_of_a_whole(parts: list[str], k: int, expected: str) -> None:
    found = suppressed([set(part) for part in parts], k)
    assert "".join((reason or "-")[0] for reason in found) == expected


GROUPS = st.lists(st.frozensets(st.sampled_from("abcdefghijkl")), max_size=8)


@given(GROUPS, st.integers(1, 12))
def test_nobody_is_found_by_subtraction(parts: list[frozenset[str]], k: int) -> None:
    why = suppressed(parts, k)
    gone = [part for part, reason in zip(parts, why, strict=True) if reason]
    shown = [part for part, reason in zip(parts, why, strict=True) if not reason]
    assert not any(too_small(len(part), k) for part in shown)
    assert all(gone)
    if gone and any(shown):  # the whole less what is shown is about several parts, and k students
        assert len(gone) >= 2
        assert len(frozenset().union(*gone)) >= k


@given(GROUPS, st.integers(1, 12))
def test_no_more_is_suppressed_than_needed(parts: list[frozenset[str]], k: int) -> None:
    why = suppressed(parts, k)
    company = [part for part, reason in zip(parts, why, strict=True) if reason == "subtraction"]
    assert len(company) <= 1  # a part that is not small covers the rest by itself
    shown = [part for part, reason in zip(parts, why, strict=True) if not reason and part]
    assert all(len(part) >= len(company[0]) for part in shown if company)


@given(GROUPS, st.integers(1, 12), st.randoms())
def test_the_order_of_the_parts_makes_no_difference(parts: list, k: int, random) -> None:
    shuffled = random.sample(parts, len(parts))
    before, after = (
        sorted((len(part), reason or "") for part, reason in zip(order, suppressed(order, k), strict=True))
        for order in (parts, shuffled)
    )
    assert before == after
