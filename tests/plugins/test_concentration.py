"""`concentration` on timelines, with the weights of the rule in hand."""

import polars as pl
import pytest

from fertool.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.concentration import Concentration


def judged(spec, baseline=None, every="1s", **options):
    return Concentration(**options).assess(timeline(spec, every), context(baseline=baseline or {}))


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


BASELINES = [
    ({"yaw_deg": 40.0, "pitch_deg": 0.0}, "neutral/right*10", 1.0),  # the screen stands at the right
    ({"yaw_deg": 40.0, "pitch_deg": 0.0}, "neutral*10", (45 - 40) / 30),
    ({"pitch_deg": -20.0}, "neutral/down*10", 1.0),
    ({"yaw_deg": 25.0}, "neutral/right*10", 1.0),  # 15 degrees: exactly `ahead`
    ({"yaw_deg": -5.0}, "neutral/right*10", 0.0),  # 45 degrees: exactly `aside`
]


@pytest.mark.parametrize(("baseline", "spec", "value"), BASELINES)
def test_ahead_is_where_the_student_usually_looks(baseline, spec, value):
    assert judged(spec, baseline).value == pytest.approx(value)


def test_a_label_without_a_weight_is_not_measured():
    """The weights are for seven expressions."""
    seen = timeline("neutral*5 contempt*5", further=("contempt",))
    one = Concentration().assess(seen, context())
    assert (one.value, one.coverage, one.level) == (1.0, 0.5, "good")
    seen = timeline("neutral*4 contempt*6", further=("contempt",))
    one = Concentration().assess(seen, context())
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
