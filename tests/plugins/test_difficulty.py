"""`difficulty` on timelines whose runs were counted by hand."""

import json
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool import Segment
from fertool.assessment.runner import LectureInput, Result, assess_lecture
from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.difficulty import Difficulty

HARD = Segment(0, "Proof", 0.0, 300.0, "hard", "induction")


def judged(spec, every="1s", segment=HARD, **options):
    return Difficulty(**options).assess(timeline(spec, every), context(segment=segment))


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
    ("angry*60", 60, "attention"),
    ("angry", 1, "good"),  # one sample
    ("neutral*5 sad*30 neutral*5 angry*40", 40, "attention"),
]


@pytest.mark.parametrize("every", ["500ms", "1s", "5s", "10s"])
@pytest.mark.parametrize(("spec", "longest", "level"), RUNS)
def test_thirty_in_a_row_count_at_any_rate(spec, longest, level, every):
    one = judged(spec, every)
    assert one.value == longest
    assert one.level == level
    assert one.evidence["longest"] == longest
    assert one.evidence["wanted"] == 30


SECONDS = [
    # timeline, sampling, samples that are 30 s, level
    ("sad*59 neutral*9", "500ms", 60, "good"),
    ("sad*60 neutral*9", "500ms", 60, "attention"),
    ("sad*61 neutral*9", "500ms", 60, "attention"),
    ("sad*29 neutral*9", "1s", 30, "good"),
    ("sad*30 neutral*9", "1s", 30, "attention"),
    ("sad*5 neutral*9", "5s", 6, "good"),
    ("sad*6 neutral*9", "5s", 6, "attention"),
    ("sad*2 neutral*1", "10s", 3, "good"),
    ("sad*3 neutral*1", "10s", 3, "attention"),
    ("sad*1 neutral*1", "1min", 1, "attention"),
    ("sad", "1s", 30, "good"),  # of a single sample nobody knows how long it lasts: a second
]


@pytest.mark.parametrize(("spec", "every", "wanted", "level"), SECONDS)
def test_seconds_count_where_they_are_asked_for(spec, every, wanted, level):
    one = judged(spec, every, seconds=30.0)
    assert one.evidence["wanted"] == wanted
    assert one.level == level


def test_samples_missing_from_the_table_end_a_run():
    seen = timeline("sad*60")
    gap = seen.filter(~pl.col("time_s").is_between(20, 30))  # 20 samples, 29 samples
    assert Difficulty().assess(gap, context(segment=HARD)).evidence["longest"] == 29
    one_lost = seen.filter(pl.col("time_s") != 20)  # a single sample that could not be decoded
    assert Difficulty().assess(one_lost, context(segment=HARD)).evidence["longest"] == 59


# --- borders ------------------------------------------------------------------------------------------


def said(spec, *parts, every="1s", **options):
    """(longest run, level, spans) of each segment, as the host stores them; `parts`: start_s, end_s, mark."""
    segments = [Segment(i, f"Part {i}", float(a), float(b), mark) for i, (a, b, mark) in enumerate(parts)]
    result = Result()
    assess_lecture([Difficulty(**options)], LectureInput("c", "l", timeline(spec, every), segments), result)
    assert not result.failed
    return [
        (json.loads(row["evidence"]).get("longest"), row["level"], json.loads(row["spans"] or "[]"))
        for row in result.rows
    ]


HARD_HARD = [(0, 60, "hard"), (60, 120, "very hard")]
HARD_EASY = [(0, 60, "hard"), (60, 120, "easy")]
EASY_HARD = [(0, 60, ""), (60, 120, "hard")]
BORDERS = [
    # 15 before the border and 15 behind it
    ("neutral*45 sad*15 sad*15 neutral*45", HARD_HARD,
     [(30, "attention", [[45, 60]]), (30, "attention", [[60, 75]])]),
    # 14 and 15
    ("neutral*46 sad*14 sad*15 neutral*45", HARD_HARD, [(29, "good", []), (29, "good", [])]),
    # one sample behind the border: the run is long enough in both
    ("neutral*31 sad*29 sad*1 neutral*59", HARD_HARD,
     [(30, "attention", [[31, 60]]), (30, "attention", [[60, 61]])]),
    # broken by the first sample behind the border
    ("neutral*31 sad*29 neutral*1 sad*30 neutral*29", HARD_HARD,
     [(29, "good", []), (30, "attention", [[61, 91]])]),
    ("sad*60 absent*1 sad*59", HARD_HARD, [(60, "attention", [[0, 60]]), (59, "attention", [[61, 120]])]),
    # all the time
    ("sad*120", HARD_HARD, [(120, "attention", [[0, 60]]), (120, "attention", [[60, 120]])]),
    # never
    ("neutral*120", HARD_HARD, [(0, "good", []), (0, "good", [])]),
    # into a segment that is not marked: only up to the border, and what is behind it by itself
    ("neutral*45 sad*15 sad*15 neutral*45", HARD_EASY, [(15, "good", []), (15, "info", [])]),
    ("neutral*31 sad*29 sad*31 neutral*29", HARD_EASY, [(29, "good", []), (31, "info", [[60, 91]])]),
    # out of one: only from the border on
    ("neutral*45 sad*15 sad*15 neutral*45", EASY_HARD, [(15, "info", []), (15, "good", [])]),
    ("sad*60 sad*29 neutral*31", EASY_HARD, [(60, "info", [[0, 60]]), (29, "good", [])]),
    ("sad*60 sad*30 neutral*30", EASY_HARD, [(60, "info", [[0, 60]]), (30, "attention", [[60, 90]])]),
    # two that are not marked: each by itself
    ("neutral*45 sad*15 sad*15 neutral*45", [(0, 60, ""), (60, 120, "")],
     [(15, "info", []), (15, "info", [])]),
    # through three
    ("neutral*50 sad*10 sad*10 sad*10 neutral*40", [(0, 60, "hard"), (60, 70, "4"), (70, 120, "schwer")],
     [(30, "attention", [[50, 60]]), (30, "attention", [[60, 70]]), (30, "attention", [[70, 80]])]),
    # over an easy one in between: it does not go on
    ("neutral*40 sad*20 sad*10 sad*20 neutral*30", [(0, 60, "hard"), (60, 70, "easy"), (70, 120, "hard")],
     [(20, "good", []), (10, "info", []), (20, "good", [])]),
    # over a gap of ten seconds, which is in no segment
    ("neutral*40 sad*20 sad*10 sad*20 neutral*30", [(0, 60, "hard"), (70, 120, "hard")],
     [(20, "good", []), (20, "good", [])]),
    # a gap without a sample in it is none
    ("neutral*45 sad*15 sad*15 neutral*45", [(0, 59.5, "hard"), (60, 120, "hard")],
     [(30, "attention", [[45, 59.5]]), (30, "attention", [[60, 75]])]),
    # a neighbor whose mark is not understood is not known to be difficult
    ("neutral*45 sad*15 sad*15 neutral*45", [(0, 60, "hard"), (60, 120, "tricky")],
     [(15, "good", []), (15, "info", [])]),
    # a run elsewhere says nothing of this segment
    ("sad*40 neutral*80", HARD_HARD, [(40, "attention", [[0, 40]]), (0, "good", [])]),
    # behind the border too little was measured to say anything of that segment
    ("neutral*45 sad*15 sad*15 absent*45", HARD_HARD,
     [(30, "attention", [[45, 60]]), (None, "not measurable", [])]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "parts", "expected"), BORDERS)
def test_runs_go_on_where_both_segments_are_difficult(spec, parts, expected):
    assert said(spec, *parts) == expected


@pytest.mark.parametrize(("every", "period"), [("500ms", 0.5), ("5s", 5.0), ("10s", 10.0)])
def test_borders_are_the_same_at_any_rate(every, period):
    parts = [(0, 60 * period, "hard"), (60 * period, 120 * period, "hard")]
    fifteen = "neutral*45 sad*15 sad*15 neutral*45"
    assert [one[:2] for one in said(fifteen, *parts, every=every)] == [(30, "attention")] * 2
    assert [one[:2] for one in said(fifteen.replace("45 sad*15", "46 sad*14"), *parts, every=every)] == [
        (29, "good")
    ] * 2


def test_seconds_go_on_across_borders_too():
    ten = said("neutral*50 sad*10 sad*10 neutral*50", *HARD_HARD, seconds=20.0)
    assert [one[:2] for one in ten] == [(20, "attention")] * 2


@given(
    states=st.lists(st.sampled_from(["sad", "neutral", "absent"]), min_size=2, max_size=40),
    cuts=st.sets(st.integers(1, 39), max_size=5),
)
def test_borders_between_difficult_segments_do_not_matter(states, cuts):
    spec, end = " ".join(states), float(len(states))
    edges = [0.0, *(float(cut) for cut in sorted(cuts) if cut < end), end]
    whole = said(spec, (0, end, "hard"), floor=0.0)
    parts = said(spec, *((a, b, "hard") for a, b in pairwise(edges)), floor=0.0)
    longest = [one[0] for one in parts if one[0] is not None]  # None: nothing was measured in it
    assert max(longest, default=None) == whole[0][0]


# --- marks and words ------------------------------------------------------------------------------

MARKS = [
    ("hard", "attention"),
    ("Very difficult ", "attention"),
    ("schwer", "attention"),
    ("4", "attention"),
    ("3", "info"),
    ("easy", "info"),
    ("", "info"),
    ("tricky", "info"),
]


@pytest.mark.parametrize(("mark", "level"), MARKS)
def test_only_a_segment_marked_difficult_calls_for_help(mark, level):
    assert judged("angry*30", segment=Segment(0, "Proof", 0.0, 300.0, mark)).level == level


SAID = [
    # timeline, mark, message after "angry or distressed in "
    ("neutral*9 angry*30", "hard",
     "30 samples in a row: explain 'induction' comprehensively, or have a teacher step in"),
    ("neutral*9 angry*29", "hard", "29 samples in a row, fewer than 30"),
    ("neutral*9", "hard", "0 samples in a row, fewer than 30"),
    ("angry*30", "easy", "30 samples in a row; this segment is not marked as difficult"),
    ("angry*29", "", "29 samples in a row, fewer than 30"),
    # a mark that a database holds from before it was refused
    ("angry*30", "tricky", "30 samples in a row; its mark of difficulty 'tricky' is not understood"),
    ("angry*29", "tricky",
     "29 samples in a row, fewer than 30; its mark of difficulty 'tricky' is not understood"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "mark", "message"), SAID)
def test_what_it_says(spec, mark, message):
    part = Segment(0, "Proof", 0.0, 300.0, mark, "induction")
    assert str(judged(spec, segment=part).message) == f"angry or distressed in {message}"


def test_what_it_says_of_a_run_across_a_border():
    seen = timeline("neutral*45 sad*35 neutral*40")  # 15 samples before the border, 20 behind it
    first, second = (Segment(i, f"Part {i}", 60.0 * i, 60.0 * i + 60, "hard") for i in range(2))
    about = context(segment=second, segments=(first, second), lecture_seen=seen)
    one = Difficulty().assess(seen.filter(pl.col("time_s") >= 60), about)
    assert str(one.message) == (
        "angry or distressed in 35 samples in a row (20 of them in this segment): "
        "explain 'Part 1' comprehensively, or have a teacher step in"
    )
    assert one.spans == ((45.0, 80.0),)  # which the host cuts to the segment


def test_without_a_segment_nothing_is_marked():
    assert judged("angry*30", segment=None).level == "info"


FLOORS = [("angry*30 absent*30", "attention"), ("angry*30 absent*31", "not measurable")]


@pytest.mark.parametrize(("spec", "level"), FLOORS)
def test_coverage_comes_first(spec, level):
    assert judged(spec).level == level


def test_options():
    assert judged("sad*30", distress=()).value == 0
    assert judged("angry*10", times=10).level == "attention"
    assert judged("angry*10", times=11).level == "good"
    assert judged("angry*10", seconds=10.0).level == "attention"


@pytest.mark.parametrize("options", [{"times": 0}, {"seconds": -1.0}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="expected times >= 1 and seconds >= 0"):
        Difficulty(**options)


def test_an_empty_table_says_nothing():
    assert Difficulty().assess(pl.DataFrame(schema=SEEN), context()) is None
