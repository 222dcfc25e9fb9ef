"""`shares` on timelines whose shares were counted by hand."""

import polars as pl
import pytest

from fertool import EMOTIONS, Context
from fertool.tables import SEEN
from fertool.testing.timelines import timeline
from fertool_plugins.rules.shares import Shares

CONTEXT = Context("signals", "week-1", None, "student-01", 1.0)


def judged(spec, **options):
    return Shares(**options).assess(timeline(spec), CONTEXT)


SHARES = [
    # timeline, the shares that are not 0
    ("happy*10", {"happy": 1.0}),
    ("happy", {"happy": 1.0}),  # one sample
    ("neutral*6 happy*3 sad*1", {"neutral": 0.6, "happy": 0.3, "sad": 0.1}),
    ("happy*3 absent*1", {"happy": 1.0}),  # of the samples that could be measured
    ("happy*1 sad*1 absent*2", {"happy": 0.5, "sad": 0.5}),  # exactly `floor` of them
    ("happy*2 present*1 sad*2", {"happy": 0.5, "sad": 0.5}),  # seen, but without an expression
    (" ".join(EMOTIONS), dict.fromkeys(EMOTIONS, 1 / 7)),
]


@pytest.mark.parametrize(("spec", "expected"), SHARES)
def test_one_assessment_per_expression(spec, expected):
    result = judged(spec)
    assert [one.level for one in result] == list(EMOTIONS)
    assert {one.level: one.value for one in result if one.value} == pytest.approx(expected)
    assert sum(one.value for one in result) == pytest.approx(1)


SILENT = [
    # timeline, floor, measured, samples
    ("absent*10", 0.5, 0, 10),
    ("happy*4 absent*6", 0.5, 4, 10),
    ("present*10", 0.5, 0, 10),  # the policy `behaviour`: there, and never classified
    ("happy*9 absent*1", 0.95, 9, 10),
    ("absent*3", 0.0, 0, 3),  # no floor at all does not make something of nothing
    ("absent", 0.5, 0, 1),
]


@pytest.mark.parametrize(("spec", "floor", "measured", "samples"), SILENT)
def test_too_little_is_not_measurable_rather_than_neutral(spec, floor, measured, samples):
    one = judged(spec, floor=floor)
    assert (one.value, one.level) == (None, "not measurable")
    assert str(one.message) == f"expression measured in {measured} of {samples} samples only"
    assert one.evidence == {"measured": measured, "samples": samples}
    assert one.coverage == measured / samples


def test_the_floor_is_an_option():
    assert len(judged("happy*4 absent*6", floor=0.4)) == 7
    assert judged("happy*4 absent*6", floor=0.41).level == "not measurable"


def test_what_it_says():
    happy = judged("happy*2 sad*1")[EMOTIONS.index("happy")]
    assert str(happy.message) == "happy in 67% of 3 measured samples"
    assert happy.evidence == {"count": 2, "measured": 3}
    assert happy.coverage == 1.0


def test_an_expression_of_another_classifier_counts_as_measured():
    seen = timeline("happy*1 sad*1").with_columns(emotion=pl.Series(["happy", "contempt"]))
    shares = {one.level: one.value for one in Shares().assess(seen, CONTEXT)}
    assert shares["happy"] == 0.5
    assert "contempt" not in shares


def test_an_empty_table_says_nothing():
    assert Shares().assess(pl.DataFrame(schema=SEEN), CONTEXT) is None


def test_a_policy_can_switch_it_off():
    assert "expression" in Shares.signals
    assert Shares.needs == EMOTIONS
