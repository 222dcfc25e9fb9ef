"""Texts that several parts need."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool import text

# --- misspelt words -------------------------------------------------------------------------------

KNOWN = ["course", "db", "detector", "encoder"]


@pytest.mark.parametrize(
    ("word", "alike", "nearest"),
    [
        # likeness: twice the characters in common, over those of both words
        ("dtector", text.ALIKE, "detector"),  # 2 x 7 / 15 = 0.93
        ("dbb", text.ALIKE, "db"),  # 2 x 2 / 5 = 0.8
        ("db", text.ALIKE, "db"),  # the word itself
        ("coder", text.ALIKE, "encoder"),  # 2 x 5 / 12 = 0.83
        ("dbb", 0.81, ""),  # as above: 0.8 is not enough
        ("xyz", text.ALIKE, ""),  # nothing in common
        ("", text.ALIKE, ""),
    ],
)
def test_nearest(word: str, alike: float, nearest: str) -> None:
    assert text.nearest(word, KNOWN, alike) == nearest


def test_nearest_of_nothing() -> None:
    assert text.nearest("db", []) == ""


def test_did_you_mean() -> None:
    assert text.did_you_mean("dbb", KNOWN, "known: db") == "did you mean 'db'?"
    assert text.did_you_mean("xyz", iter(KNOWN), "known: db") == "known: db"


# --- clock ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (0, "0:00:00", "0:00"),
        (9, "0:00:09", "0:09"),
        (59.999, "0:00:59", "0:59"),  # whole seconds that are over, nothing rounded up
        (60, "0:01:00", "1:00"),
        (754, "0:12:34", "12:34"),
        (3599, "0:59:59", "59:59"),  # the last one without hours
        (3600, "1:00:00", "1:00:00"),
        (3725.9, "1:02:05", "1:02:05"),
        (360_000, "100:00:00", "100:00:00"),  # 100 hours: no days
        (-5, "-0:00:05", "-0:05"),
        (-3600, "-1:00:00", "-1:00:00"),
        (-0.4, "0:00:00", "0:00"),  # no minus before nothing
    ],
)
def test_clock(seconds: float, long: str, short: str) -> None:
    assert text.clock(seconds) == long
    assert text.clock(seconds, hours=False) == short


@given(st.integers(-(10**7), 10**7), st.booleans())
def test_a_clock_can_be_read_back(seconds: int, hours: bool) -> None:
    shown = text.clock(seconds, hours=hours)
    *before, minutes, rest = (int(part) for part in shown.lstrip("-").split(":"))
    whole = sum(before) * 3600 + minutes * 60 + rest
    assert (-whole if shown.startswith("-") else whole) == seconds
    assert minutes < 60
    assert rest < 60


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_later_is_later_on_the_clock(one: int, other: int) -> None:
    assert (text.natural(text.clock(one)) < text.natural(text.clock(other))) == (one < other)


# --- natural order --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ordered",
    [
        ["7", "Ada", "student-", "student-2", "student-02b", "student-10"],
        ["week 1", "week 2", "week 10"],
        ["2", "10", "a"],  # numbers before letters
        ["1.9", "1.10"],  # parts of a version, not decimals
        ["x0", "x1"],
        ["a9999999999999999999", "a10000000000000000000"],  # beyond 64 bits
        ["Zoë", "a"],  # case counts
    ],
)
def test_natural_order(ordered: list[str]) -> None:
    keys = [text.natural(name) for name in ordered]
    assert all(one < other for one, other in pairwise(keys))


def test_leading_zeros_do_not_count() -> None:
    assert text.natural("week 02") == text.natural("week 2") != text.natural("week 20")


def test_a_number_of_any_length() -> None:
    assert text.natural("1" * 5000) < text.natural("2" * 5000)  # int() refuses so many digits


NAMES = st.text(st.sampled_from("aB0129-é٣ "), max_size=8)  # among them a digit that is not one of 0 to 9


@given(st.lists(NAMES))
def test_any_names_have_one_order(names: list[str]) -> None:
    def key(name: str) -> tuple[list[tuple[int, str]], str]:
        return text.natural(name), name

    backwards = names[::-1]
    assert sorted(names, key=key) == sorted(backwards, key=key)


@given(st.integers(0, 10**6), st.integers(0, 10**6), NAMES)
def test_numbers_sort_by_value(one: int, other: int, before: str) -> None:
    before = before.rstrip("0123456789")
    assert (text.natural(f"{before}{one}") < text.natural(f"{before}{other}")) == (one < other)


# --- numbers of things ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 lectures"), (1, "1 lecture"), (2, "2 lectures"), (11, "11 lectures")],
)
def test_plural(number: int, words: str) -> None:
    assert text.plural(number, "lecture") == words
