"""`involvement` on timelines: head down is 25 degrees below straight ahead."""

import polars as pl
import pytest

from fertool.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.involvement import Involvement


def judged(spec, usual=0.0, every="1s", **options):
    about = context(baseline={} if usual is None else {"pitch_deg": usual})
    return Involvement(**options).assess(timeline(spec, every), about)


SHARES = [
    # timeline, usual pitch, value, level
    ("neutral*10", 0.0, 0.0, "good"),
    ("neutral/down*5 neutral*5", 0.0, 0.5, "good"),  # exactly half is not more than half
    ("neutral/down*6 neutral*5", 0.0, 6 / 11, "attention"),
    ("neutral/down*10", -10.0, 0.0, "good"),  # 15 below the usual: exactly `angle`
    ("neutral/down*10", -9.9, 1.0, "attention"),
    ("neutral/down*10", -25.0, 0.0, "good"),  # a camera that looks down from above
    ("neutral*10", 16.0, 1.0, "attention"),  # a camera from below: 0 degrees is bowed for this student
    ("neutral/down*2 neutral*2 absent*4", 0.0, 0.5, "good"),  # absence is not bowing
    ("neutral/down*2 neutral*2 neutral/unposed*4", 0.0, 0.5, "good"),
    ("neutral/down", 0.0, 1.0, "attention"),  # one sample
    ("present/down*10", 0.0, 1.0, "attention"),  # needs no expression
]


@pytest.mark.parametrize(("spec", "usual", "value", "level"), SHARES)
@pytest.mark.parametrize("every", ["1s", "2s"])
def test_bowed_is_below_the_students_own_median(spec, usual, value, level, every):
    one = judged(spec, usual, every)
    assert one.value == pytest.approx(value)
    assert one.level == level


SILENT = [("neutral*10", None), ("neutral/unposed*10", 0.0), ("neutral*4 absent*5", 0.0)]


@pytest.mark.parametrize(("spec", "usual"), SILENT)
def test_without_a_pose_or_a_usual_one_it_is_not_measurable(spec, usual):
    one = judged(spec, usual)
    assert (one.value, one.level) == (None, "not measurable")


def test_nan_is_not_measured():
    seen = timeline("neutral/down*6 neutral*4").with_columns(
        pitch_deg=pl.when(pl.col("time_s") < 5).then(float("nan")).otherwise(pl.col("pitch_deg"))
    )
    one = Involvement().assess(seen, context(baseline={"pitch_deg": 0.0}))
    assert one.value == pytest.approx(1 / 5)
    assert one.coverage == 0.5


def test_what_it_says():
    one = judged("neutral*10 neutral/down*30", usual=-2.0)
    assert one.message == "head bowed in 75% of 40 measured samples: passive, send a reminder"
    assert one.spans == ((10.0, 40.0),)
    assert judged("neutral/down*3 neutral*7", passive=0.3).level == "good"
    assert judged("neutral/down*10", angle=30.0).value == 0


def test_an_empty_table_says_nothing():
    assert Involvement().assess(pl.DataFrame(schema=SEEN), context()) is None
