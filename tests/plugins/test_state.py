"""`state` on timelines whose shares were counted by hand."""

import polars as pl
import pytest

from fertool import Segment
from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.state import State


def judged(spec, rate="1s", **options):
    return State(**options).assess(timeline(spec, rate), context())


SHARES = [
    # timeline, share positive, level
    ("neutral*10", 1.0, "good"),
    ("happy*5 sad*5", 0.5, "good"),  # exactly half is not more than half
    ("happy*4 sad*5", 4 / 9, "attention"),
    ("angry*1 disgust*1 fear*1 sad*1", 0.0, "attention"),
    ("surprise*3 fear*1 absent*4", 0.75, "good"),
    ("fear", 0.0, "attention"),  # one sample
]


@pytest.mark.parametrize(("spec", "value", "level"), SHARES)
@pytest.mark.parametrize("every", ["1s", "5s"])
def test_positive_unless_more_than_half_is_negative(spec, value, level, every):
    one = judged(spec, every)
    assert one.value == pytest.approx(value)
    assert one.level == level


FURTHER = [
    # timeline, share positive, coverage: contempt is neither, so it is not measured
    ("neutral*5 contempt*5", 1.0, 0.5),
    ("sad*3 neutral*3 contempt*4", 0.5, 0.6),
    ("sad*6 contempt*4", 0.0, 0.6),
]


@pytest.mark.parametrize(("spec", "value", "coverage"), FURTHER)
def test_of_a_label_that_the_paper_does_not_know_nothing_is_said(spec, value, coverage):
    one = State().assess(timeline(spec, further=("contempt",)), context())
    assert one.value == pytest.approx(value)
    assert one.coverage == coverage
    assert one.evidence["measured"] == round(10 * coverage)


SILENT = [
    ("contempt*10", "one of the seven expressions measured in 0 of 10 samples only"),  # and not: a good state
    ("contempt*6 sad*4", "one of the seven expressions measured in 4 of 10 samples only"),
    ("sad*4 absent*6", "expression measured in 4 of 10 samples only"),
    ("absent*10", "expression measured in 0 of 10 samples only"),
]


@pytest.mark.parametrize(("spec", "message"), SILENT)
def test_what_is_not_measurable_is_named(spec, message):
    one = State().assess(timeline(spec, further=("contempt",)), context())
    assert (one.value, one.level, str(one.message)) == (None, "not measurable", message)


def test_a_negative_state_names_the_adjustments():
    assert str(judged("sad*9 neutral*1").message) == (
        "negative in 90% of 10 measured samples: lower the difficulty, slow down, or intersperse a story"
    )


PARTS = [
    # timeline, spans of negative parts of 30 s
    ("neutral*30 sad*16 neutral*14 neutral*30", ((30.0, 60.0),)),
    ("neutral*30 sad*15 neutral*15 neutral*30", ()),  # exactly half of a part
    ("sad*60 neutral*30 fear*30", ((0.0, 60.0), (90.0, 120.0))),  # neighbors are one span
    ("sad*1 absent*29 neutral*60", ((0.0, 30.0),)),  # of what was measured in it
    ("absent*30 neutral*60", ()),
]


@pytest.mark.parametrize(("spec", "spans"), PARTS)
def test_when_it_was_negative(spec, spans):
    assert judged(spec).spans == spans


def test_parts_begin_with_the_segment():
    seen = timeline("sad*40").with_columns(pl.col("time_s") + 100)
    one = State().assess(seen, context(segment=Segment(1, "B", 100.0, 140.0)))
    assert one.spans == ((100.0, 160.0),)


def test_coverage_comes_first():
    one = judged("sad*4 absent*5")
    assert (one.value, one.level) == (None, "not measurable")


def test_options():
    assert judged("sad*3 neutral*7", negative=0.3).level == "good"
    assert judged("sad*3 neutral*7", negative=0.29).level == "attention"
    assert judged("sad*10 neutral*30", every=10.0).spans == ((0.0, 10.0),)


def test_an_empty_table_says_nothing():
    assert State().assess(pl.DataFrame(schema=SEEN), context()) is None
