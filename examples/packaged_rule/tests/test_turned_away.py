"""A plugin author's tests: the conformance kit first, then what is one's own."""

import pytest
from fertool_turned_away import TurnedAway

from fertool.testing import check_plugin, context, timeline


def test_keeps_the_contract():
    check_plugin(TurnedAway)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("neutral*10", 0.0),  # looking ahead
        ("neutral/left*5 neutral*15", 0.25),  # a quarter of the samples
        ("neutral/right*5 absent*15", 1.0),  # absence is not looking ahead
    ],
)
def test_share(text: str, share: float):
    assert TurnedAway().assess(timeline(text), context()).value == share


def test_nothing_seen_is_not_measurable():
    assert TurnedAway().assess(timeline("absent*5"), context()).value is None
