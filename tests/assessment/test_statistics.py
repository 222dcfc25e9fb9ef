"""Coverage, intervals and runs, on tables whose figures are known by hand."""

import math
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.assessment import statistics
from fertool.report import i18n
from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool.types import EMOTIONS, Message


def table(values, period_s=1.0):
    """A table with these values of nothing in particular; None: not measured."""
    seen = pl.DataFrame(
        {"time_s": [i * period_s for i in range(len(values))]}, schema={"time_s": pl.Float64()}
    )
    return pl.Series(values), seen


FIGURES = [
    # values, floor, value, coverage, enough
    ([True, False], 0.5, 0.5, 1.0, True),
    ([True, None], 0.5, 1.0, 0.5, True),  # the floor itself is enough
    ([True, None, None], 0.5, 1.0, 1 / 3, False),
    ([0.25, 0.75, float("nan"), None], 0.5, 0.5, 0.5, True),
    ([0.25], 1.0, 0.25, 1.0, True),
    ([None, True], 0.0, 1.0, 0.5, True),
]


@pytest.mark.parametrize(("values", "floor", "value", "coverage", "enough"), FIGURES)
def test_a_figure_is_the_mean_of_what_was_measured(values, floor, value, coverage, enough):
    one = statistics.figure(*table(values), floor)
    assert one.value == pytest.approx(value)
    assert one.coverage == pytest.approx(coverage)
    assert one.enough is enough


@pytest.mark.parametrize("values", [[], [None], [None, float("nan")]])
@pytest.mark.parametrize("floor", [0.0, 0.5])
def test_nothing_measured_is_never_enough(values, floor):
    values = pl.Series(values, dtype=pl.Float64)
    seen = pl.DataFrame({"time_s": [float(i) for i in range(len(values))]}, schema={"time_s": pl.Float64()})
    one = statistics.figure(values, seen, floor)
    assert math.isnan(one.value)
    assert not one.enough
    assert one.coverage == 0
    assert one.interval is None


def test_what_a_figure_says():
    one = statistics.figure(*table([True, True, False, None]))
    said = one.says("two of three", "good", [(0.0, 2.0)], who="Ada")
    assert (said.value, said.level, said.message) == (pytest.approx(2 / 3), "good", "two of three")
    assert said.spans == ((0.0, 2.0),)
    assert said.evidence == {"measured": 3, "samples": 4, "who": "Ada"}
    assert said.coverage == 0.75
    silent = one.silent("pose")
    assert (silent.value, silent.level, silent.coverage) == (None, "not measurable", 0.75)
    assert str(silent.message) == "pose measured in 3 of 4 samples only"


# --- expressions and parts -------------------------------------------------------------------------

NAN = float("nan")
WEIGHED = [
    # timeline, weight of one without, expected
    ("happy sad", NAN, [0.5, 0.25]),
    ("neutral happy", NAN, [NAN, 0.5]),  # no weight is given for neutral
    ("neutral happy", 0.0, [0.0, 0.5]),
    ("absent present happy", 0.0, [NAN, NAN, 0.5]),  # nothing measured is no other expression
]


@pytest.mark.parametrize(("spec", "other", "expected"), WEIGHED)
def test_weights_of_expressions(spec, other, expected):
    found = statistics.weighed(timeline(spec), {"happy": 0.5, "sad": 0.25}, other)
    np.testing.assert_array_equal(found, expected)


def test_shows():
    found = statistics.shows(timeline("happy surprise neutral absent"), statistics.POSITIVE)
    np.testing.assert_array_equal(found, [1, 1, 0, NAN])


def test_an_expression_beyond_the_seven_is_measured():
    seen = timeline("happy contempt absent", further=("contempt",))
    np.testing.assert_array_equal(statistics.shows(seen, ("happy",)), [1, 0, NAN])
    np.testing.assert_array_equal(statistics.shows(seen, ("contempt",)), [0, 1, NAN])


LABELS = [
    # timeline, further labels of its classifier, labels found in it
    ("happy*2", (), EMOTIONS),
    ("happy*2", ("contempt", "boredom"), (*EMOTIONS, "contempt", "boredom")),  # looked for, never shown
    ("absent present absent", ("contempt",), ()),  # nothing was looked for
    ("happy absent", ("contempt",), (*EMOTIONS, "contempt")),
]


@pytest.mark.parametrize(("spec", "further", "expected"), LABELS)
def test_labels_that_were_looked_for(spec, further, expected):
    assert statistics.labels(timeline(spec, further=further)) == expected


def test_labels_of_a_classifier_that_has_fewer_than_the_seven():
    seen = timeline("happy sad").with_columns(
        fear=pl.lit(None, pl.Float32), contempt=pl.lit(None, pl.Float32)
    )
    assert statistics.labels(seen) == tuple(label for label in EMOTIONS if label != "fear")
    assert statistics.labels(timeline("happy").clear()) == ()


COUNTED = [
    ("happy sad absent", "expression"),
    ("absent", "expression"),
    ("happy contempt", "one of the seven expressions"),
]


@pytest.mark.parametrize(("spec", "expected"), COUNTED)
def test_what_a_rule_counts_has_a_name(spec, expected):
    assert statistics.counted(timeline(spec, further=("contempt",))) == expected


PARTS = [
    # values, part, numbers, sums, counts of what was measured
    ([1, 0, 1, 1], [0, 0, 1, 1], [0, 1], [1, 2], [2, 2]),
    ([1, None, None], [0, 0, 5], [0, 5], [1, 0], [1, 0]),  # parts without any row are not there
    ([], [], [], [], []),
    ([0.5], [-3], [-3], [0.5], [1]),  # before the start
]


@pytest.mark.parametrize(("values", "part", "numbers", "sums", "counts"), PARTS)
def test_totals(values, part, numbers, sums, counts):
    found = statistics.totals(pl.Series(values, dtype=pl.Float64), np.asarray(part, np.int64))
    for array, expected in zip(found, (numbers, sums, counts), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_parts_begin_at_the_start():
    seen = timeline("neutral*5", every="5s")  # 0, 5, 10, 15, 20
    assert statistics.parts(seen, 10).tolist() == [0, 0, 1, 1, 2]
    assert statistics.parts(seen, 10, start_s=5).tolist() == [-1, 0, 0, 1, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | st.integers(0, 1)), max_size=40))
def test_totals_are_those_of_a_group_by(rows):
    steps, values = [row[0] for row in rows], pl.Series([row[1] for row in rows], dtype=pl.Float64)
    part = np.cumsum(np.asarray(steps, np.int64))
    number, sums, counts = statistics.totals(values, part)
    grouped = pl.DataFrame({"part": part, "value": values}).group_by("part").agg(
        total=pl.col("value").sum(), n=pl.col("value").count()
    ).sort("part")  # fmt: skip
    assert number.tolist() == grouped["part"].to_list()
    assert sums.tolist() == grouped["total"].to_list()
    assert counts.tolist() == grouped["n"].to_list()


def test_times_do_instead_of_a_table():
    values, seen = table([True] * 20 + [False] * 20)
    times = seen["time_s"].to_numpy()
    assert statistics.figure(values, times) == statistics.figure(values, seen)
    assert statistics.runs(values, times, 1.0) == statistics.runs(values, seen, 1.0) == [(0.0, 20.0, 20)]


# --- intervals ------------------------------------------------------------------------------------

BLOCKS = [(30, None), (31, "some"), (40, "some")]  # seconds at one sample each; blocks of 10 s


@pytest.mark.parametrize(("seconds", "expected"), BLOCKS)
def test_fewer_than_four_blocks_give_no_interval(seconds, expected):
    values = [i % 2 == 0 for i in range(seconds)]
    assert (statistics.figure(*table(values)).interval is None) is (expected is None)


def test_equal_measurements_give_an_interval_of_no_width():
    assert statistics.figure(*table([True] * 100)).interval == (1.0, 1.0)


def test_the_same_table_gives_the_same_interval():
    values = [i % 7 == 0 for i in range(500)]
    assert statistics.figure(*table(values)).interval == statistics.figure(*table(values)).interval


def test_the_interval_has_the_width_that_theory_gives():
    rng = np.random.default_rng(1)
    blocks = np.repeat(np.arange(100), 10)
    values = np.repeat((rng.random(100) < 0.5).astype(float), 10)  # 100 independent blocks, equal within
    low, high = statistics.bootstrap(values, blocks)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 100), rel=0.15)


def test_samples_that_go_together_count_for_less():
    rng = np.random.default_rng(2)
    each = (rng.random(1000) < 0.5).tolist()
    together = np.repeat(each[:100], 10).tolist()

    def width(values):
        low, high = statistics.figure(*table(values)).interval
        return high - low

    assert width(together) > 2 * width(each)


def test_a_long_window_costs_no_more_memory():
    assert statistics._draws(statistics.MAX_BLOCKS).shape == (statistics.RESAMPLES, statistics.MAX_BLOCKS)
    low, high = statistics.figure(*table([i % 2 == 0 for i in range(50_000)])).interval
    assert low <= 0.5 <= high


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=300),
    st.sampled_from([0.5, 1.0, 5.0]),
)
def test_an_interval_lies_within_the_values_and_holds_their_mean(values, period_s):
    values_, seen = table(values, period_s)
    one = statistics.figure(values_.cast(pl.Float64), seen)
    if one.interval is not None:
        known = [v for v in values if v is not None]
        assert min(known) - 1e-9 <= one.interval[0] <= one.value <= one.interval[1] <= max(known) + 1e-9


# --- runs -----------------------------------------------------------------------------------------

RUNS = [
    # timeline, runs of happy
    ("neutral*3", []),
    ("happy*3", [(0.0, 3.0, 3)]),
    ("neutral happy*2 neutral happy", [(1.0, 3.0, 2), (4.0, 5.0, 1)]),
    ("happy absent happy", [(0.0, 1.0, 1), (2.0, 3.0, 1)]),
]


@pytest.mark.parametrize(("spec", "expected"), RUNS)
def test_runs(spec, expected):
    seen = timeline(spec)
    hits = seen["emotion"] == "happy"
    assert statistics.runs(hits, seen, 1.0) == expected
    assert statistics.spans(hits, seen, 1.0) == [run[:2] for run in expected]


GAPS = [(3.0, 1), (3.1, 2)]  # seconds between two samples, at one a second


@pytest.mark.parametrize(("gap", "runs"), GAPS)
def test_a_run_ends_where_samples_are_missing(gap, runs):
    seen = pl.DataFrame({"time_s": [0.0, 1.0, 1.0 + gap]})
    assert len(statistics.runs(pl.Series([True] * 3), seen, 1.0)) == runs
    assert len(statistics.runs(pl.Series([True] * 3), seen, 0.0)) == 1  # no period is known


def test_a_run_ends_with_its_lecture_and_a_block_too():
    part = timeline("happy*2")
    wide = pl.concat([part.with_columns(course=pl.lit("c"), lecture=pl.lit(x)) for x in "ab"])
    assert statistics.runs(wide["emotion"] == "happy", wide, 1.0) == [(0.0, 2.0, 2), (0.0, 2.0, 2)]
    assert statistics.blocks(wide).tolist() == [0, 0, 1, 1]


@given(st.lists(st.booleans(), max_size=60))
def test_runs_hold_every_hit_once_in_order(hits):
    seen = pl.DataFrame({"time_s": [float(i) for i in range(len(hits))]}, schema={"time_s": pl.Float64()})
    found = statistics.runs(pl.Series(hits, dtype=pl.Boolean), seen, 1.0)
    assert sum(n for _, _, n in found) == sum(hits)
    assert all(end - start == n for start, end, n in found)
    assert all(a[1] < b[0] for a, b in zip(found, found[1:], strict=False))


def test_an_empty_table():
    seen = pl.DataFrame(schema=SEEN)
    assert statistics.blocks(seen).tolist() == []
    assert statistics.runs(seen["present"], seen, 1.0) == []


# --- moments of the class ----------------------------------------------------------------------


def of_class(*hits, students=4, every=30.0):
    """Parts of a lecture, in each of which so many students show something."""
    times = [i * every for i in range(len(hits))]
    return pl.DataFrame(
        {"time_s": times, "hits": hits, "students": students}, schema_overrides={"time_s": pl.Float64}
    )


RISES = [
    # students showing it, of four, in parts of 30 s; moments: from, to, share, usual
    ((), []),
    ((0, 0, 0), []),
    ((4, 4, 4), []),  # as usual
    ((0, 4, 0), [(30, 60, 1, 0)]),
    ((1, 3, 1), [(30, 60, 0.75, 0.25)]),
    ((1, 2, 1), []),  # .25 above the usual
    ((0, 2, 4, 0, 0), [(30, 90, 0.75, 0)]),  # the mean of neighbors
    ((3, 0, 4, 0, 0), [(60, 90, 1, 0), (0, 30, 0.75, 0)]),  # the stronger first
    ((3, 0, 3, 0, 0), [(0, 30, 0.75, 0), (60, 90, 0.75, 0)]),  # the earlier of equals
    ((2, 2, 0, 4, 0, 0, 0), [(0, 60, 0.5, 0), (90, 120, 1, 0)]),  # two parts by .5 are as strong as one by 1
    ((4, 0), [(0, 30, 1, 0.5)]),  # the median of two is their mean
]


@pytest.mark.parametrize(("hits", "expected"), RISES)
def test_rises(hits, expected):
    found = statistics.rises(of_class(*hits), 30.0, 0.3, 2)
    assert [(one.start_s, one.end_s, one.share, one.usual) for one in found] == expected


def test_a_rise_has_a_peak_and_ends_with_the_lecture():
    (one,) = statistics.rises(of_class(0, 0, 0, 0, 2, 3, 3), 30.0, 0.3, 2, end_s=200.0)
    assert (one.start_s, one.end_s) == (120, 200)
    assert one.peak == {"time_s": 150.0, "hits": 3, "students": 4}, "the first of equals"
    assert statistics.rises(of_class(0, 0, 1), 30.0, 0.2, 2) == [], "too few"


def test_what_a_rise_says():
    (one,) = statistics.rises(of_class(0, 3, 0), 30.0, 0.3, 2)
    said = one.says(2, "attention", Message("{hits} of {students}", hits=3, students=4), 0.9, unseen=1)
    assert str(said.message) == "2. 0:30 to 1:00: 3 of 4"
    assert (said.value, said.level, said.coverage) == (0.75, "attention", 0.9)
    assert (said.start_s, said.end_s, said.spans) == (30, 60, ((30, 60),))
    assert said.evidence == {"rank": 2, "unseen": 1}


TOGETHER = [
    # rows of the class, floor, what is known: not seen, or the expression was measured
    ("happy*10", 0.5, 1.0),
    ("absent*10", 1.0, 1.0),  # that nobody was seen is known
    ("present*5 happy*5", 0.5, 0.5),  # the floor itself is enough
    ("present*6 happy*2 absent*2", 0.5, "not seen or measured in 4 of 10 samples only"),
    ("present*10", 0.5, "not seen or measured in 0 of 10 samples only"),
    ("present*10", 0.0, 0.0),
]


@pytest.mark.parametrize(("spec", "floor", "expected"), TOGETHER)
def test_how_much_is_known_of_the_class(spec, floor, expected):
    seen = timeline(spec)
    found = statistics.together(seen, context(), floor)
    if isinstance(expected, float):
        assert found == expected
    else:
        assert (found.value, found.level, str(found.message)) == (None, "not measurable", expected)
        assert found.coverage == 1 - int((seen["present"] & seen["emotion"].is_null()).sum()) / 10
    one_face = statistics.together(seen, context(one_at_a_time=True), floor)
    assert (one_face.level, one_face.coverage) == ("not measurable", None)
    assert str(one_face.message).startswith("the recording shows one face at a time")


@pytest.mark.parametrize("code", i18n.available())
@pytest.mark.parametrize("text", [statistics.MOMENT, statistics.ONE_FACE, statistics.UNKNOWN])
def test_sentences_that_rules_share_have_words_in_every_language(code, text):
    said = i18n.load(code).strings[f"said.{text}"]
    assert (said == text) is (code == i18n.DEFAULT)
    places = re.compile(r"\{\w+(?::\w+)?\}")
    assert places.findall(said) == places.findall(text)
