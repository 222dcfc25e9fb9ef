"""`synchrony` on small classes; the figures follow from the shares by hand."""

import polars as pl
import pytest

from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.synchrony import Synchrony


def judged(*specs, rate="1s", further=(), **options):
    tables = [timeline(spec, rate, f"s{i}", further) for i, spec in enumerate(specs)]
    seen = pl.concat(tables).sort("time_s", "student")
    about = context(segment=None, student=None)
    return {one.student: one for one in Synchrony(**options).assess(seen, about)}


HALVES = "happy*30 neutral*30"  # each expression half of the time: expected agreement 1/2
VALUES = [
    # students, value of the first
    ((HALVES, HALVES), 1.0),
    ((HALVES, "neutral*30 happy*30"), -1.0),  # always the opposite: (0 - .5) / .5
    ((HALVES, "happy*10 neutral*10 happy*10 neutral*10 happy*10 neutral*10"), 1 / 3),  # 4 of 6 parts agree
    ((HALVES, "neutral*60"), 0.0),  # agrees half of the time, as expected
    ((HALVES, HALVES, "neutral*30 happy*30"), 0.0),  # the others cancel out
    ((HALVES, HALVES, HALVES), 1.0),
    (("happy*60", "sad*60"), 0.0),  # never, and never expected
]


@pytest.mark.parametrize(("specs", "value"), VALUES)
@pytest.mark.parametrize(
    ("rate", "every"), [("1s", 10.0), ("2s", 20.0)]
)  # the same samples, twice the length
def test_agreement_beyond_chance(specs, value, rate, every):
    assert judged(*specs, rate=rate, every=every)["s0"].value == pytest.approx(value)


SCORN = "contempt*30 neutral*30"
FURTHER = [
    # students, value of the first: as with any other label
    ((SCORN, SCORN), 1.0),
    ((SCORN, "neutral*30 contempt*30"), -1.0),  # always the opposite: (0 - .5) / .5
    ((SCORN, HALVES), (0.5 - 0.25) / (1 - 0.25)),  # agree in the second half; one label of two is shared
]


@pytest.mark.parametrize(("specs", "value"), FURTHER)
def test_further_labels_agree_and_disagree_as_the_seven_do(specs, value):
    assert judged(*specs, further=("contempt",))["s0"].value == pytest.approx(value)


def test_faces_that_never_change_say_nothing():
    found = judged("neutral*60", "neutral*60")
    assert [one.level for one in found.values()] == ["not measurable"] * 2
    assert str(found["s0"].message) == "no expression ever changed"


def test_every_student_is_judged_against_the_others():
    found = judged(HALVES, HALVES, "neutral*30 happy*30")
    assert list(found) == ["s0", "s1", "s2"]
    assert found["s2"].value == pytest.approx(-1.0)


COVERAGES = [
    ("happy*10 sad*20 absent*30", 0.5, True),  # exactly half of the six parts
    ("happy*20 absent*40", 2 / 6, False),
    ("absent*60", 0.0, False),
]


@pytest.mark.parametrize(("spec", "coverage", "measurable"), COVERAGES)
def test_coverage_comes_first(spec, coverage, measurable):
    one = judged(spec, HALVES)["s0"]
    assert one.coverage == pytest.approx(coverage)
    assert one.level == ("info" if measurable else "not measurable")
    assert (one.value is not None) is measurable


def test_one_student_is_no_class():
    assert judged(HALVES) == {}
    assert Synchrony().assess(pl.DataFrame(schema=SEEN), context()) == []


def test_who_comes_only_to_a_part_is_compared_there():
    late = timeline("happy*30", student="late").with_columns(pl.col("time_s") + 30)
    seen = pl.concat([late, timeline(HALVES, student="s0")]).sort("time_s", "student")
    found = {one.student: one for one in Synchrony().assess(seen, context())}
    assert found["late"].coverage == 1.0
    assert found["s0"].coverage == 0.5
