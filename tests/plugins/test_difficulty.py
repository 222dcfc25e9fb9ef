"""`difficulty` on timelines whose runs were counted by hand."""

import polars as pl
import pytest

from fertool import Segment
from fertool.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.difficulty import Difficulty

HARD = Segment(0, "Proof", 0.0, 300.0, "hard", "induction")


def judged(spec, every="1s", segment=HARD, **options):
    seen = timeline(spec, every)
    period = float(seen["time_s"][1] - seen["time_s"][0]) if len(seen) > 1 else 0.0
    return Difficulty(**options).assess(seen, context(segment=segment, period_s=period))


RUNS = [
    # timeline, longest run of samples, level
    ("angry*29 neutral*31", 29, "good"),
    ("angry*30 neutral*30", 30, "attention"),
    ("angry*31 neutral*29", 31, "attention"),
    ("angry*10 sad*10 fear*5 disgust*5 happy*30", 30, "attention"),  # together
    ("angry*15 neutral*1 angry*29", 29, "good"),
    ("angry*15 absent*1 angry*29", 29, "good"),  # nobody there: not in a row
    ("sad*20 present*1 sad*20", 20, "good"),  # there, but without an expression
    ("neutral*60", 0, "good"),
    ("angry", 1, "good"),  # one sample
    ("neutral*5 sad*30 neutral*5 angry*40", 40, "attention"),
]


@pytest.mark.parametrize(("spec", "longest", "level"), RUNS)
def test_thirty_in_a_row_count_in_a_difficult_segment(spec, longest, level):
    one = judged(spec)
    assert one.value == pytest.approx(longest / 30)
    assert one.level == level
    assert one.evidence["longest"] == longest


RATES = [
    # timeline, sampling, samples wanted, level
    ("sad*59 neutral*9", "500ms", 60, "good"),
    ("sad*60 neutral*9", "500ms", 60, "attention"),
    ("sad*61 neutral*9", "500ms", 60, "attention"),
    ("sad*14 neutral*9", "2s", 15, "good"),
    ("sad*15 neutral*9", "2s", 15, "attention"),
    ("sad*1 neutral*1", "1min", 1, "attention"),
]


@pytest.mark.parametrize(("spec", "every", "wanted", "level"), RATES)
def test_the_count_follows_the_sampling(spec, every, wanted, level):
    one = judged(spec, every)
    assert one.evidence["wanted"] == wanted
    assert one.level == level


def test_samples_missing_from_the_table_end_a_run():
    seen = timeline("sad*60")
    gap = seen.filter(~pl.col("time_s").is_between(20, 30))  # 20 samples, 29 samples
    assert Difficulty().assess(gap, context(segment=HARD)).evidence["longest"] == 29
    one_lost = seen.filter(pl.col("time_s") != 20)  # a single sample that could not be decoded
    assert Difficulty().assess(one_lost, context(segment=HARD)).evidence["longest"] == 59


MARKS = [
    ("hard", "attention"),
    ("Difficult ", "attention"),
    ("high", "attention"),
    ("easy", "info"),
    ("", "info"),
]


@pytest.mark.parametrize(("difficulty", "level"), MARKS)
def test_only_a_segment_marked_difficult_calls_for_help(difficulty, level):
    one = judged("angry*30", segment=Segment(0, "Proof", 0.0, 300.0, difficulty))
    assert one.level == level


def test_what_it_says():
    one = judged("neutral*10 angry*30 neutral*5")
    assert "explain 'induction' comprehensively" in one.message
    assert one.spans == ((10.0, 40.0),)
    assert "'Proof'" in judged("angry*30", segment=Segment(0, "Proof", 0.0, 9.0, "hard")).message
    assert judged("angry*30", segment=None).level == "info"


FLOORS = [("angry*30 absent*30", "attention"), ("angry*30 absent*31", "not measurable")]


@pytest.mark.parametrize(("spec", "level"), FLOORS)
def test_coverage_comes_first(spec, level):
    assert judged(spec).level == level


def test_options():
    assert judged("sad*30", distress=()).value == 0
    assert judged("angry*10", seconds=10.0).level == "attention"


def test_an_empty_table_says_nothing():
    assert Difficulty().assess(pl.DataFrame(schema=SEEN), context()) is None
