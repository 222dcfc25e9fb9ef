"""Sentences as data: what they say in English, and that nothing is lost on the way through JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool import Message, messages

SAID = [
    (Message("as it is"), "as it is"),
    (Message("{n} of {of}", n=3, of=4), "3 of 4"),
    (Message("{n}", n=2.5), "2.5"),
    (Message("{n:number}", n=2.456), "2.46"),
    (Message("{a:share}", a=0.284), "28%"),
    (Message("{at:clock}", at=754), "12:34"),
    (Message("{label:label}", label="happy"), "happy"),
    (Message("{names}", names=["Ada", "Bob"]), "Ada, Bob"),
    (Message("{names}", names=[]), ""),
    (Message("{{n}} is {n}", n=1), "{n} is 1"),
    (Message("{a}; {b}", a=Message("x {n}", n=1), b=Message("y")), "x 1; y"),
]


@pytest.mark.parametrize(("message", "english"), SAID)
def test_in_english(message, english):
    assert str(message) == english


@pytest.mark.parametrize(("message", "english"), SAID)
def test_through_json_and_back(message, english):
    again = messages.from_json(messages.to_json(message))
    assert again == message
    assert str(again) == english


SHARES = [
    # never 0 for something, nor 100 for less than everything
    (0.0, "0%"),
    (0.0001, "< 1%"),
    (0.005, "< 1%"),
    (0.0051, "1%"),
    (0.5, "50%"),
    (0.994, "99%"),
    (0.995, "> 99%"),
    (0.9999, "> 99%"),
    (1.0, "100%"),
]


@pytest.mark.parametrize(("share", "text"), SHARES)
def test_whole_percents(share, text):
    assert messages.whole_percent(share) == text


CLOCKS = [(0, "0:00"), (754, "12:34"), (59.4, "0:59"), (59.5, "1:00"), (59.6, "1:00"), (3723, "1:02:03")]


@pytest.mark.parametrize(("seconds", "text"), CLOCKS)
def test_times_are_rounded(seconds, text):
    assert messages.english(seconds, "clock") == text


WRONG = [
    (Message("{n}"), KeyError),
    (Message("{n:percent}", n=1), ValueError),
    (Message("{n", n=1), ValueError),
]


@pytest.mark.parametrize(("message", "error"), WRONG)
def test_a_place_without_a_value_and_an_unknown_format_are_errors(message, error):
    with pytest.raises(error):
        str(message)


def test_a_translation_may_turn_the_order_around():
    said = Message("{a} of {b}", a=Message("part"), b=Message("whole"))
    words = {"{a} of {b}": "{b}: {a}", "part": "Teil", "whole": "Ganzes"}
    assert messages.render(said, words.__getitem__) == "Ganzes: Teil"
    assert messages.texts(said) == ["{a} of {b}", "part", "whole"]


def test_equality_is_of_text_and_values():
    assert Message("{n}", n=1) == Message("{n}", n=1)
    assert Message("{n}", n=1) != Message("{n}", n=2)
    assert Message("a") != "a"
    assert repr(Message("{n}", n=1)) == "Message('{n}', **{'n': 1})"


@given(share=st.floats(0, 1))
def test_only_nothing_is_0_percent_and_only_everything_100(share):
    text = messages.whole_percent(share)
    assert (text == "100%") == (share == 1)
    assert (text == "0%") == (share == 0)


@given(value=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.text()))
def test_any_value_survives_json(value):
    said = Message("{it}", it=value, inner=Message("{it}", it=[str(value)]))
    assert messages.from_json(messages.to_json(said)) == said
