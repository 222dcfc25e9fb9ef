"""`focus` on timelines whose looks were counted by hand."""

import polars as pl
import pytest

from fertool import Segment
from fertool.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.focus import Focus


def judged(spec, rate="1s", end_s=None, **options):
    seen = timeline(spec, rate)
    period = float(seen["time_s"][1] - seen["time_s"][0]) if len(seen) > 1 else 0.0
    segment = Segment(0, "Part 1", 0.0, len(seen) * period or 10.0) if end_s is None else None
    segment = segment or Segment(0, "Part 1", 0.0, end_s)
    return Focus(**options).assess(seen, context(segment=segment, period_s=period))


LOOKS = [
    # timeline at one sample a second, value, level, looks away, technical
    ("neutral*30", 1.0, "good", 0, 0),
    ("absent*5 neutral*5", 1.0, "good", 0, 0),  # exactly half of a look is not more than half
    ("absent*6 neutral*4", 0.0, "attention", 1, 0),
    ("neutral*10 absent*6 neutral*14", 2 / 3, "attention", 1, 0),
    ("neutral*7 absent*6 neutral*7", 1.0, "good", 0, 0),  # 3 s of one look and 3 s of the next
    ("absent*50 neutral*10", 1 / 6, "attention", 5, 0),  # back before the minute is over
    ("absent*60", 0.0, "technical", 6, 6),  # a minute without any face
    ("neutral*60 absent*60", 0.5, "technical", 6, 6),
    ("absent*30 neutral*1 absent*29", 0.0, "attention", 6, 0),  # a face that shows up once: somebody is there
    ("absent*60 neutral*10 absent*10", 1 / 8, "attention", 7, 6),
    ("absent*1", 0.0, "attention", 1, 0),  # one sample
    ("neutral*1", 1.0, "good", 0, 0),
]


@pytest.mark.parametrize(("spec", "value", "level", "away", "technical"), LOOKS)
def test_a_look_counts_as_away_when_more_than_half_of_it_is(spec, value, level, away, technical):
    one = judged(spec)
    assert one.value == pytest.approx(value)
    assert one.level == level
    assert (one.evidence["away"], one.evidence["technical"]) == (away, technical)
    assert one.coverage == 1.0


RATES = [
    # timeline, sampling, value: the same person at other rates
    ("absent*12 neutral*8", "500ms", 0.0),
    ("absent*10 neutral*10", "500ms", 1.0),
    ("absent*3 neutral*2", "2s", 0.0),
    ("absent*1 neutral*3", "5s", 1.0),  # one of the two samples of the first look
    ("absent*1 neutral*3", "10s", 0.75),
]


@pytest.mark.parametrize(("spec", "every", "value"), RATES)
def test_the_look_is_ten_seconds_at_any_rate(spec, every, value):
    assert judged(spec, every).value == value


def test_the_spans_are_the_looks_away():
    one = judged("neutral*10 absent*20 neutral*10 absent*10")
    assert one.spans == ((10.0, 30.0), (40.0, 50.0))
    assert one.message == "inattentive in 3 of 5 looks"


def test_looks_begin_with_the_segment():
    seen = timeline("neutral*7 absent*10 neutral*3").with_columns(pl.col("time_s") + 100)
    part = Segment(3, "Part 4", 107.0, 120.0)
    one = Focus().assess(seen.slice(7), context(segment=part))
    assert one.spans == ((107.0, 117.0),)
    assert one.value == 0.5  # the second look is 3 s long, and all of it is seen


FLOORS = [(60.0, "not measurable", None, 2 / 6), (40.0, "good", 1.0, 0.5), (39.0, "good", 1.0, 0.5)]


@pytest.mark.parametrize(("end_s", "level", "value", "coverage"), FLOORS)
def test_below_the_floor_of_looks_nothing_is_said(end_s, level, value, coverage):
    one = judged("neutral*20", end_s=end_s)
    assert (one.level, one.value) == (level, value)
    assert one.coverage == pytest.approx(coverage)


def test_options():
    assert judged("absent*3 neutral*7", missing=0.3).value == 1.0
    assert judged("absent*4 neutral*6", missing=0.3).value == 0.0
    assert judged("absent*20 neutral*10", technical=20.0).level == "technical"
    assert judged("absent*4 neutral*6", every=5.0).value == 0.5


def test_an_empty_table_says_nothing():
    assert Focus().assess(pl.DataFrame(schema=SEEN), context()) is None
