"""`concentration` on timelines, with the weights of the rule in hand."""

import polars as pl
import pytest

from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.concentration import Concentration


def judged(spec, yaw=0.0, pitch=0.0, every="1s", given=(None, None), **options):
    about = context(baseline={"level_yaw_deg": yaw, "level_pitch_deg": pitch})
    return Concentration(yaw=given[0], pitch=given[1], **options).assess(timeline(spec, every), about)


SCORES = [
    # timeline, value, level
    ("neutral*10", 1.0, "good"),  # the top can be reached
    ("happy*10", 0.6 / 0.9, "good"),
    ("surprise*10", 0.6 / 0.9, "good"),
    ("sad*10", 0.3 / 0.9, "info"),
    ("fear*10", 0.3 / 0.9, "info"),
    ("angry*10", 0.25 / 0.9, "info"),
    ("disgust*10", 0.2 / 0.9, "attention"),
    ("neutral*5 disgust*5", (1 + 0.2 / 0.9) / 2, "info"),
    ("neutral/right*10", (45 - 40) / 30, "attention"),  # 40 degrees aside
    ("neutral/left*10", (45 - 40) / 30, "attention"),
    ("happy/down*10", 0.6 / 0.9 * (45 - 25) / 30, "info"),  # 25 degrees down
    ("neutral/down/left*10", (45 - 40) / 30, "attention"),  # the larger angle counts
    ("neutral*5 absent*5", 1.0, "good"),
    ("neutral", 1.0, "good"),
]


@pytest.mark.parametrize(("spec", "value", "level"), SCORES)
@pytest.mark.parametrize("every", ["1s", "500ms"])
def test_weight_times_direction(spec, value, level, every):
    one = judged(spec, every=every)
    assert one.value == pytest.approx(value)
    assert one.level == level


LEVELS = [
    # yaw and pitch of a head ahead, timeline, value
    (40.0, 0.0, "neutral/right*10", 1.0),  # the screen stands at the right
    (40.0, 0.0, "neutral*10", (45 - 40) / 30),
    (0.0, -20.0, "neutral/down*10", 1.0),
    (25.0, 0.0, "neutral/right*10", 1.0),  # 15 degrees: exactly `ahead`
    (-5.0, 0.0, "neutral/right*10", 0.0),  # 45 degrees: exactly `aside`
]


@pytest.mark.parametrize(("yaw", "pitch", "spec", "value"), LEVELS)
def test_ahead_is_where_a_level_head_points(yaw, pitch, spec, value):
    assert judged(spec, yaw, pitch).value == pytest.approx(value)
    assert judged(spec, 7.0, 7.0, given=(yaw, pitch)).value == pytest.approx(value)


UNSURE = [
    # ends of the yaw of a head ahead, value and interval of a head at 0: direction is 1 within 15 degrees
    ((-15.0, 15.0), 1.0, None),
    ((-25.0, 15.0), 1.0, ((45 - 25) / 30, 1.0)),
    ((-26.0, 15.0), None, None),  # 19/30 to 1: more than 0.35 apart
    ((0.0, 20.0), 1.0, ((45 - 20) / 30, 1.0)),
]


@pytest.mark.parametrize(("ends", "value", "interval"), UNSURE)
def test_a_pose_that_is_not_known_exactly(ends, value, interval):
    low, high = ends
    yaw = {"level_yaw_deg": 0.0, "level_yaw_deg_low": low, "level_yaw_deg_high": high}
    about = context(baseline={**yaw, "level_pitch_deg": 0.0})
    one = Concentration().assess(timeline("neutral*10"), about)
    assert one.value == value
    assert one.interval == (None if interval is None else pytest.approx(interval))


@pytest.mark.parametrize("known", [{}, {"level_yaw_deg": 0.0}, {"level_pitch_deg": 0.0, "pitch_deg": 0.0}])
def test_without_both_angles_it_is_not_measurable(known):
    one = Concentration().assess(timeline("neutral*10"), context(baseline=known))
    assert (one.value, one.level, one.coverage) == (None, "not measurable", 1.0)


def test_a_label_without_a_weight_is_not_measured():
    """The weights are for seven expressions."""
    seen = timeline("neutral*5 contempt*5", further=("contempt",))
    one = Concentration(yaw=0.0, pitch=0.0).assess(seen, context())
    assert (one.value, one.coverage, one.level) == (1.0, 0.5, "good")
    seen = timeline("neutral*4 contempt*6", further=("contempt",))
    one = Concentration(yaw=0.0, pitch=0.0).assess(seen, context())
    assert (one.value, one.level) == (None, "not measurable")
    assert str(one.message) == "one of the seven expressions and head pose measured in 4 of 10 samples only"


SILENT = ["neutral/unposed*10", "present*10", "neutral*4 absent*5", "absent"]


@pytest.mark.parametrize("spec", SILENT)
def test_it_takes_both_expression_and_pose(spec):
    one = judged(spec)
    assert (one.value, one.level) == (None, "not measurable")


def test_levels_and_angles_are_options():
    assert judged("happy*10", high=0.7).level == "info"
    assert judged("sad*10", low=0.5).level == "attention"
    assert judged("neutral/right*10", ahead=40.0).value == 1.0
    with pytest.raises(ValueError, match="expected 0 <= ahead < aside, got 50"):
        Concentration(ahead=50.0)


def test_the_spans_are_where_it_was_low():
    assert judged("neutral*10 disgust*10 neutral*10").spans == ((10.0, 20.0),)


def test_an_empty_table_says_nothing():
    assert Concentration().assess(pl.DataFrame(schema=SEEN), context()) is None
