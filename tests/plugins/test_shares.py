"""`shares` on timelines whose shares were counted by hand."""

import polars as pl
import pytest

from fertool import EMOTIONS, Context
from fertool.demo.timelines import timeline
from fertool.storage.tables import SEEN
from fertool_plugins.rules.shares import Shares

CONTEXT = Context("signals", "week-1", None, "student-01", 1.0)


def judged(spec, further=(), **options):
    return Shares(**options).assess(timeline(spec, further=further), CONTEXT)


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


NINE = ("confusion", "contempt")
FURTHER = [
    # timeline read by a classifier of nine labels, the shares that are not 0
    ("contempt*10", {"contempt": 1.0}),
    ("happy*10", {"happy": 1.0}),
    ("contempt*3 confusion*1 happy*6 absent*10", {"contempt": 0.3, "confusion": 0.1, "happy": 0.6}),
]


@pytest.mark.parametrize(("spec", "expected"), FURTHER)
def test_a_further_label_has_a_share_as_the_seven_do(spec, expected):
    result = judged(spec, NINE)
    assert [one.level for one in result] == [*EMOTIONS, *NINE]
    assert {one.level: one.value for one in result if one.value} == pytest.approx(expected)
    assert sum(one.value for one in result) == pytest.approx(1)


def test_a_label_that_the_classifier_does_not_have_has_no_share():
    seen = timeline("happy*1 neutral*3").with_columns(fear=pl.lit(None, pl.Float32), contempt=None)
    levels = [one.level for one in Shares().assess(seen, CONTEXT)]
    assert levels == [label for label in EMOTIONS if label != "fear"]


MIXED = [
    # samples of contempt and happy that a classifier with contempt read, happy ones of another without it;
    # shares of contempt (None: left out) and happy
    (3, 3, 6, 3 / 6, 9 / 12),  # exactly half of the samples could have been contempt
    (3, 2, 6, None, 8 / 11),  # 5 of 11 are fewer: said of all, half of them would be a guess
    (0, 6, 6, 0.0, 1.0),  # looked for, never seen
]


@pytest.mark.parametrize(("contempt", "happy", "plain", "scorn", "joy"), MIXED)
def test_in_front_of_two_classifiers_a_share_is_of_those_that_have_the_label(
    contempt, happy, plain, scorn, joy
):
    spec = f"contempt*{contempt} happy*{happy}" if contempt else f"happy*{happy}"
    tables = timeline(spec, further=("contempt",)), timeline(f"happy*{plain}")
    shares = {one.level: one for one in Shares().assess(pl.concat(tables, how="diagonal"), CONTEXT)}
    assert shares["happy"].value == pytest.approx(joy)
    assert shares["happy"].coverage == 1.0
    assert ("contempt" in shares) is (scorn is not None)
    if scorn is not None:
        assert shares["contempt"].value == scorn
        assert shares["contempt"].coverage == 0.5
        assert shares["contempt"].evidence == {"count": contempt, "measured": 6}


def test_an_empty_table_says_nothing():
    assert Shares().assess(pl.DataFrame(schema=SEEN), CONTEXT) is None


def test_a_policy_can_switch_it_off():
    assert "expression" in Shares.signals
    assert Shares.needs == ()
