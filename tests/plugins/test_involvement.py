"""`involvement` on timelines: head down is 25 degrees below straight ahead."""

import polars as pl
import pytest

from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.involvement import Involvement


def judged(spec, level=0.0, every="1s", *, level_option=None, **options):
    about = context(baseline={} if level is None else {"level_pitch_deg": level})
    return Involvement(level=level_option, **options).assess(timeline(spec, every), about)


SHARES = [
    # timeline, pitch of a level head, value, level
    ("neutral*10", 0.0, 0.0, "good"),
    ("neutral/down*5 neutral*5", 0.0, 0.5, "good"),  # exactly half is not more than half
    ("neutral/down*6 neutral*5", 0.0, 6 / 11, "attention"),
    ("neutral/down*10", -10.0, 0.0, "good"),  # 15 below it: exactly `angle`
    ("neutral/down*10", -9.9, 1.0, "attention"),
    ("neutral/down*10", -25.0, 0.0, "good"),  # a camera that looks down from above
    ("neutral*10", 16.0, 1.0, "attention"),  # a camera from below: 0 degrees is bowed for this student
    ("neutral/down*2 neutral*2 absent*4", 0.0, 0.5, "good"),  # absence is not bowing
    ("neutral/down*2 neutral*2 neutral/unposed*4", 0.0, 0.5, "good"),
    ("neutral/down", 0.0, 1.0, "attention"),  # one sample
    ("present/down*10", 0.0, 1.0, "attention"),  # needs no expression
]


@pytest.mark.parametrize(("spec", "head", "value", "level"), SHARES)
@pytest.mark.parametrize("every", ["1s", "2s"])
def test_bowed_is_below_a_level_head(spec, head, value, level, every):
    one = judged(spec, head, every)
    assert one.value == pytest.approx(value)
    assert one.level == level


SILENT = [("neutral*10", None), ("neutral/unposed*10", 0.0), ("neutral*4 absent*5", 0.0)]


@pytest.mark.parametrize(("spec", "head"), SILENT)
def test_without_a_pose_or_a_level_it_is_not_measurable(spec, head):
    one = judged(spec, head)
    assert (one.value, one.level) == (None, "not measurable")


def test_nan_is_not_measured():
    seen = timeline("neutral/down*6 neutral*4").with_columns(
        pitch_deg=pl.when(pl.col("time_s") < 5).then(float("nan")).otherwise(pl.col("pitch_deg"))
    )
    one = Involvement().assess(seen, context(baseline={"level_pitch_deg": 0.0}))
    assert one.value == pytest.approx(1 / 5)
    assert one.coverage == 0.5


def test_what_it_says():
    one = judged("neutral*10 neutral/down*30", level=-2.0)
    said = "passive by the published rule, send a reminder"
    assert str(one.message) == f"head bowed in 75% of 40 measured samples: {said}"
    assert one.spans == ((10.0, 40.0),)
    assert judged("neutral/down*3 neutral*7", passive=0.3).level == "good"
    assert judged("neutral/down*10", angle=30.0).value == 0


UNSURE = [
    # timeline of 20 samples, ends of the level, value, interval: bowed is 15 below the level, down is -25
    ("neutral*10 neutral/down*10", (-5.0, 5.0), 0.5, None),  # bowed is -20 to -10: the same samples
    ("neutral*20", (0.0, 20.0), None, None),  # bowed below -15, or below 5
    ("neutral*20", (0.0, 15.0), 0.0, None),  # bowed below 0 at most
    ("neutral/down*20", (-10.0, 20.0), None, None),  # bowed below -25, or below 5
    ("neutral/down*20", (-9.9, 20.0), 1.0, None),  # bowed below -24.9 at least
    ("neutral*18 neutral/down*2", (-20.0, 0.0), 0.1, (0.0, 0.1)),  # two samples of twenty make 10 %
    ("neutral*17 neutral/down*3", (-20.0, 0.0), None, None),
]


@pytest.mark.parametrize(("spec", "ends", "value", "interval"), UNSURE)
def test_a_level_that_is_not_known_exactly(spec, ends, value, interval):
    low, high = ends
    known = {"level_pitch_deg": high, "level_pitch_deg_low": low, "level_pitch_deg_high": high}
    one = Involvement().assess(timeline(spec), context(baseline=known))
    assert one.value == (None if value is None else pytest.approx(value))
    assert one.interval == (None if interval is None else pytest.approx(interval))


def test_an_absolute_level_replaces_the_estimate():
    assert judged("neutral/down*10", -25.0, level_option=None).value == 0.0
    assert judged("neutral/down*10", None, level_option=0.0).value == 1.0
    assert judged("neutral/down*10", -25.0, level_option=0.0).value == 1.0


def test_an_empty_table_says_nothing():
    assert Involvement().assess(pl.DataFrame(schema=SEEN), context()) is None
