"""What holds for every rule of the published system, on its boundaries; values computed by hand.

The tests of each rule go into its own cases; here the same windows are put to all of them.
"""

from __future__ import annotations

import polars as pl
import pytest

from fertool import Segment
from fertool.host import registry
from fertool.storage.tables import WIDE
from fertool.testing import context, timeline
from fertool_plugins.rules.difficulty import Difficulty
from fertool_plugins.rules.engagement import Engagement
from fertool_plugins.rules.focus import Focus
from fertool_plugins.rules.involvement import Involvement
from fertool_plugins.rules.preference import Preference
from fertool_plugins.rules.state import State

RULES = [found.plugin for found in registry.load_plugins().of_kind("rule")]
PERIODS = {"1s": 1.0, "500ms": 0.5}


def judged(rule, seen, period_s=1.0):
    """In a window of a minute that is marked difficult, of somebody who usually looks straight ahead."""
    if isinstance(rule, Preference):  # against a course in which nothing pleased
        sad = timeline("sad*60").with_columns(course=pl.lit("b"), lecture=pl.lit("1"))
        both = pl.concat([seen.with_columns(course=pl.lit("a"), lecture=pl.lit("1")), sad])
        about = context(course=None, lecture=None, segment=None)
        return rule.assess(both.select(list(WIDE)), about)
    part = Segment(0, "Proof", 0.0, 60.0, "hard", "induction")
    about = context(segment=part, period_s=period_s, baseline={"level_pitch_deg": 0.0, "level_yaw_deg": 0.0})
    return rule.assess(seen, about)


# n seconds of what the rule looks for, then neutral up to a minute: value and level for 29, 30 and 31.
# Half of the minute is not more than half of it. (`difficulty` counts samples, not time: test_difficulty.py.)
HALVES = [
    (Engagement(), "happy", [(29 / 60, "info"), (1 / 2, "info"), (31 / 60, "info")]),
    (Involvement(), "neutral/down", [(29 / 60, "good"), (1 / 2, "good"), (31 / 60, "attention")]),
    (State(), "sad", [(31 / 60, "good"), (1 / 2, "good"), (29 / 60, "attention")]),
    # Of six looks three are away: 9 of 10 seconds of the third are more than half, 1 of the fourth is not.
    (Focus(), "absent", [(1 / 2, "attention"), (1 / 2, "attention"), (1 / 2, "attention")]),
    # The best share; whether the courses lie apart hangs on chance.
    (Preference(), "happy", [(29 / 60, None), (1 / 2, None), (31 / 60, None)]),
]


@pytest.mark.parametrize("n", [29, 30, 31])
@pytest.mark.parametrize(("rule", "state", "expected"), HALVES, ids=lambda v: getattr(v, "name", None))
@pytest.mark.parametrize("every", PERIODS)
def test_half_of_a_minute(rule, state, expected, n, every):
    times = round(1 / PERIODS[every])  # the same seconds, in more samples
    seen = timeline(f"{state}*{n * times} neutral*{(60 - n) * times}", every)
    one = judged(rule, seen, PERIODS[every])
    value, level = expected[n - 29]
    assert one.value == pytest.approx(value)
    assert level is None or one.level == level
    assert one.coverage == 1


@pytest.mark.parametrize("rule", [case[0] for case in HALVES], ids=lambda rule: rule.name)
def test_nothing_says_nothing(rule):
    empty = timeline("neutral").clear()
    if rule.name == "preference":  # one course alone
        assert judged(rule, empty) is None
    else:
        assert rule.assess(empty, context()) is None


# A single sample: value and level.
ONE = [
    (Difficulty(), "angry", 1, "good"),
    (Engagement(), "happy", 1.0, "info"),
    (Involvement(), "neutral/down", 1.0, "attention"),
    (State(), "sad", 0.0, "attention"),
    (Focus(), "absent", None, "not measurable"),  # of six looks one has a sample
    (Preference(), "happy", 1.0, "info"),  # one sample is no reason to recommend anything
]


@pytest.mark.parametrize(("rule", "state", "value", "level"), ONE, ids=lambda v: getattr(v, "name", None))
def test_one_sample(rule, state, value, level):
    one = judged(rule, timeline(state))
    assert one.value == (None if value is None else pytest.approx(value))
    assert one.level == level


# 40 seconds of it, then neutral; the samples from 10 to 19 s are missing from the table: of what is left.
GAPS = [
    (Difficulty(), "angry", 20),  # the longer part: a run ends where samples are missing
    (Engagement(), "happy", 30 / 50),
    (Involvement(), "neutral/down", 30 / 50),
    (State(), "sad", 20 / 50),
    (Focus(), "absent", 2 / 5),  # of the five looks that have a sample
    (Preference(), "happy", 30 / 50),
]


@pytest.mark.parametrize(("rule", "state", "value"), GAPS, ids=lambda v: getattr(v, "name", None))
def test_missing_samples_are_no_measurement(rule, state, value):
    seen = timeline(f"{state}*40 neutral*20")
    one = judged(rule, seen.filter(~pl.col("time_s").is_between(10, 19)))
    assert one.value == pytest.approx(value)
    assert one.coverage == (pytest.approx(5 / 6) if rule.name == "focus" else 1)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_states_what_it_is(rule):
    said = " ".join((rule.__doc__ or "").split())
    for part in ("value", "Reference: ", "Signals: ", "Validated on: "):
        assert part in said, f"{rule.name} does not say: {part}"
    assert all(signal in said.split("Signals: ")[1] for signal in rule.signals)
    assert "Needs " in said


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_gives_the_same_twice(rule):
    one = timeline("happy*20 sad*40 absent*20 neutral/down*40 angry*40")
    if rule.subject == "class":
        one = pl.concat([one, one.with_columns(student=pl.lit("b"))]).sort("time_s", "student")
    if rule.scope == "all":
        one = pl.concat([one.with_columns(course=pl.lit(c), lecture=pl.lit("1")) for c in ("a", "b")])
    about = context(baseline={"level_pitch_deg": 0.0}, segment=None)
    assert rule().assess(one, about) == rule().assess(one, about)
