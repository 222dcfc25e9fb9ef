"""`focus` on timelines whose looks were counted by hand."""

import polars as pl
import pytest

from fertool import Segment
from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.focus import Focus


def judged(spec, rate="1s", end_s=None, **options):
    seen = timeline(spec, rate)
    period = float(seen["time_s"][1] - seen["time_s"][0]) if len(seen) > 1 else 0.0
    segment = Segment(0, "Part 1", 0.0, len(seen) * period or 10.0) if end_s is None else None
    segment = segment or Segment(0, "Part 1", 0.0, end_s)
    return Focus(**options).assess(seen, context(segment=segment, period_s=period))


LOOKS = [
    # timeline at one sample a second, value, level, {looks away by the kind of absence}
    ("neutral*30", 1.0, "good", {}),
    ("absent*5 neutral*5", 1.0, "good", {}),  # exactly half of a look is not more than half
    ("absent*6 neutral*4", 0.0, "attention", {"brief": 1}),
    ("neutral*10 absent*6 neutral*14", 2 / 3, "attention", {"brief": 1}),
    ("neutral*7 absent*6 neutral*7", 1.0, "good", {}),  # 3 s of one look and 3 s of the next
    ("neutral*5 absent*59 neutral*6", 2 / 7, "attention", {"brief": 5}),  # 59 s: back before a minute
    ("neutral*5 absent*60 neutral*5", 2 / 7, "technical", {"long": 5}),  # 60 s from 0:05 on are 60 s
    ("neutral*5 absent*61 neutral*4", 1 / 7, "technical", {"long": 6}),
    ("neutral*10 absent*60 neutral*10", 1 / 4, "technical", {"long": 6}),
    ("absent*60", 0.0, "absent", {"before": 6}),  # all that there is of the lecture
    ("neutral*60 absent*60", 0.5, "absent", {"after": 6}),  # gone for good
    ("neutral*65 absent*55", 7 / 12, "attention", {"brief": 5}),  # 65 to 70 is half of a look
    ("absent*60 neutral*60", 0.5, "absent", {"before": 6}),  # came late
    ("absent*30 neutral*1 absent*29", 0.0, "attention", {"brief": 6}),  # a face that shows up once
    ("absent*60 neutral*10 absent*10", 1 / 8, "attention", {"before": 6, "brief": 1}),
    ("neutral*10 absent*60 neutral*10 absent*70", 2 / 15, "technical", {"long": 6, "after": 7}),
    ("absent*1", 0.0, "attention", {"brief": 1}),  # one sample
    ("neutral*1", 1.0, "good", {}),
]


@pytest.mark.parametrize(("spec", "value", "level", "kinds"), LOOKS)
def test_a_look_counts_as_away_when_more_than_half_of_it_is(spec, value, level, kinds):
    one = judged(spec)
    assert one.value == pytest.approx(value)
    assert one.level == level
    assert one.evidence == {"looks": len(timeline(spec)) // 10 or 1, "away": sum(kinds.values()), **kinds}
    assert one.coverage == 1.0


AROUND = [
    # the lecture; a segment of it; level, what is said: an absence is as long as it is in the lecture
    ("neutral*20 absent*60 neutral*20", (30.0, 60.0), "technical", "not seen in 3 of 3 looks, for 1:00"),
    ("neutral*20 absent*59 neutral*21", (30.0, 60.0), "attention", "not seen in 3 of 3 looks, for less"),
    ("neutral*20 absent*90", (20.0, 50.0), "absent", "not seen after 0:20, up to the end of the lecture"),
    ("neutral*20 absent*90", (80.0, 110.0), "absent", "not seen after 0:20, up to the end of the lecture"),
    ("absent*90 neutral*20", (0.0, 30.0), "absent", "not seen before 1:30"),
    ("absent*90 neutral*20", (60.0, 110.0), "absent", "not seen before 1:30"),
    ("neutral*80 absent*90", (20.0, 50.0), "good", "seen in all 3 looks"),
    (
        "neutral*20 absent*60 neutral*10 absent*90",
        (70.0, 110.0),
        "technical",
        "not seen in 1 of 4 looks, for 1:00 or more on end (camera off, a technical problem, or away); "
        "not seen after 1:30, up to the end of the lecture",
    ),
]


@pytest.mark.parametrize(("spec", "window", "level", "said"), AROUND)
def test_an_absence_goes_on_beyond_a_segment(spec, window, level, said):
    lecture = timeline(spec)
    about = context(segment=Segment(1, "Part 2", *window), window=window, lecture_seen=lecture)
    one = Focus().assess(lecture.filter(pl.col("time_s").is_between(*window, closed="left")), about)
    assert one.level == level
    assert str(one.message).startswith(said)


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
    assert str(one.message) == (
        "not seen in 3 of 5 looks, for less than 1:00 on end, which the published rule takes for inattention"
    )


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
    assert judged("neutral*10 absent*20 neutral*10", technical=20.0).level == "technical"
    assert judged("absent*4 neutral*6", every=5.0).value == 0.5


def test_an_empty_table_says_nothing():
    assert Focus().assess(pl.DataFrame(schema=SEEN), context()) is None


def test_a_speaker_view_measures_nobodys_absence():
    one = Focus().assess(timeline("neutral*10 absent*30"), context(one_at_a_time=True))
    assert (one.value, one.level) == (None, "not measurable")
    said = "a student who is not shown may be there"
    assert str(one.message) == f"the recording shows one face at a time: {said}"
