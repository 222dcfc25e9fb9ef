"""`hard-points` on small classes; shares and rises worked out by hand."""

import polars as pl
import pytest

from fertool import Segment
from fertool.analysis import pipeline
from fertool.storage.tables import SEEN, segment_table
from fertool.testing import context, store_lecture, timeline
from fertool_plugins.rules.hard_points import HardPoints

PROOF = Segment(0, "Proof", 0.0, 300.0, "", "induction")


def judged(*people, every="1s", segment=PROOF, **options):
    """`people`: timeline in the segment; negative and measured samples of the same student elsewhere."""
    tables, usual = [], {}
    for i, (spec, negative, elsewhere) in enumerate(people):
        rows = timeline(spec, every, student=f"s{i:02d}")
        here = rows["emotion"].drop_nulls()
        measured = len(here) + elsewhere
        sad = here.is_in(["angry", "disgust", "fear", "sad"]).sum() + negative
        usual[f"s{i:02d}"] = {"sad": sad / measured, "measured": measured} if measured else {}
        tables.append(rows)
    seen = pl.concat(tables).sort("time_s", "student")
    return HardPoints(**options).assess(seen, context(segment=segment, student=None, baselines=usual))


CALM, SAD = ("neutral*100", 0, 100), ("sad*100", 0, 100)
CLASSES = [
    # students, value, level
    ([CALM] * 3, 0.0, "info"),  # nobody
    ([SAD] * 3, 1.0, "attention"),  # everybody
    ([SAD] * 2 + [CALM], 2 / 3, "info"),  # two are not three
    ([SAD] * 3 + [CALM] * 3, 0.5, "attention"),  # exactly half
    ([SAD] * 3 + [CALM] * 4, 3 / 7, "info"),  # less than half
    ([SAD] * 30, 1.0, "attention"),
    # sad all the time, here and elsewhere: not more than usual
    ([("sad*100", 100, 100)] * 3, 0.0, "info"),
    # sad elsewhere, not here
    ([("neutral*100", 100, 100)] * 3, 0.0, "info"),
    # .5 here, .3 elsewhere is a rise of .2; .31 elsewhere is less
    ([("sad*50 neutral*50", 30, 100)] * 3, 1.0, "attention"),
    ([("sad*50 neutral*50", 31, 100)] * 3, 0.0, "info"),
    ([("sad*20 neutral*80", 0, 100)] * 3, 1.0, "attention"),
    ([("sad*19 neutral*81", 0, 100)] * 3, 0.0, "info"),
    # each negative expression counts, others do not
    ([("angry*5 disgust*5 fear*5 sad*5 happy*40 surprise*40", 0, 100)] * 3, 1.0, "attention"),
    ([("happy*50 surprise*50", 0, 100)] * 3, 0.0, "info"),
    # absent is not negative: 10 of the 50 measured ones are
    ([("sad*10 neutral*40 absent*50", 0, 100)] * 3, 1.0, "attention"),
    ([("sad*9 neutral*41 absent*50", 0, 100)] * 3, 0.0, "info"),
    # who cannot be compared does not count in either: measured in less than half, or never
    ([SAD] * 3 + [("sad*49 absent*51", 0, 100)], 1.0, "attention"),
    ([SAD] * 3 + [("absent*100", 0, 100)] * 9, 1.0, "attention"),
    # of those seen, half have to be compared; who is away is not of that class
    ([SAD] * 3 + [("present*100", 0, 100)] * 3, 1.0, "attention"),
    ([SAD] * 3 + [("present*100", 0, 100)] * 4, None, "not measurable"),
    # elsewhere, half as many samples are enough to say what is usual; fewer are not
    ([("sad*100", 0, 50)] * 3, 1.0, "attention"),
    ([("sad*100", 0, 49)] * 3, None, "not measurable"),
    # the segment is all there is
    ([("sad*100", 0, 0)] * 3, None, "not measurable"),
    ([SAD] * 2 + [("sad*100", 0, 0)], None, "not measurable"),  # two can be compared
    ([("absent*100", 0, 100)] * 5, None, "not measurable"),
]


@pytest.mark.parametrize(("people", "value", "level"), CLASSES)
@pytest.mark.parametrize("every", ["500ms", "1s", "10s"])
def test_a_class_shows_a_segment_to_be_difficult(people, value, level, every):
    one = judged(*people, every=every)
    assert one.level == level
    assert one.value == (None if value is None else pytest.approx(value))


def test_fewer_students_than_it_takes_are_no_class():
    assert judged(SAD, SAD) is None
    assert judged(SAD, SAD, least=2).level == "attention"
    assert judged(SAD, least=1).level == "attention"
    assert HardPoints().assess(pl.DataFrame(schema=SEEN), context()) is None


SAID = [
    # mark, what the message says of it
    ("hard", "marked as difficult"),
    ("sehr schwer", "marked as difficult"),
    ("easy", "not marked as difficult"),
    ("", "not marked as difficult"),
    ("tricky", "its mark of difficulty 'tricky' is not understood"),
]


@pytest.mark.parametrize(("mark", "words"), SAID)
def test_what_it_says(mark, words):
    part = Segment(0, "Proof", 0.0, 300.0, mark, "induction")
    one = judged(SAD, SAD, SAD, segment=part)
    said = f"students showed negative expressions more than usual in 'induction' ({words})"
    assert str(one.message) == f"difficult for the class: 3 of 3 {said}"
    assert str(judged(CALM, SAD, CALM, segment=part).message) == f"1 of 3 {said}"
    assert one.evidence == {"negative": 3, "compared": 3, "students": 3}
    away = judged(SAD, SAD, SAD, ("absent*100", 0, 100), segment=part)
    assert str(away.message) == f"difficult for the class: 3 of 3 {said}; 1 could not be compared"


def test_without_a_knowledge_point_it_says_the_title():
    one = judged(SAD, SAD, SAD, segment=Segment(0, "Proof", 0.0, 300.0))
    assert "in 'Proof' (not" in str(one.message)


def test_what_it_says_where_nobody_can_be_compared():
    one = judged(SAD, SAD, ("sad*100", 0, 0), ("absent*100", 0, 100))
    assert str(one.message) == "2 of 4 students could be compared with their usual"
    assert one.coverage == 3 / 4


def test_what_is_usual_may_not_fall_below_zero():
    """Sensitivity redraws expressions of the segment, and leaves what is usual: here none was negative."""
    tables = [timeline("sad*10 neutral*90", student=f"s{i}") for i in range(3)]
    usual = {f"s{i}": {"sad": 0.0, "measured": 200.0} for i in range(3)}
    about = context(segment=PROOF, student=None, baselines=usual)
    seen = pl.concat(tables).sort("time_s", "student")
    assert HardPoints(rise=0.1).assess(seen, about).value == 1  # .1 against 0, not against -.1
    assert HardPoints(rise=0.11).assess(seen, about).value == 0


def test_usual_is_the_rest_of_the_course(store):
    """Half of a lecture alone; then with two calm ones; then with two that are as sad: nothing stands out."""
    halves = segment_table([Segment(0, "a", 0.0, 60.0), Segment(1, "b", 60.0, 120.0)])
    names = ("Ada", "Bob", "Cleo")

    def said(course, *weeks):
        for week, spec in enumerate(weeks):
            people = dict.fromkeys(names, timeline(spec))
            store_lecture(store, course, str(week), people, recording_name=f"{week}.mp4", segments=halves)
        found = pipeline.assess(store, [HardPoints()], store.lectures(course)).rows
        return [(row["lecture"], row["segment"], row["level"], row["value"]) for row in found]

    assert said("once", "neutral*60 sad*60") == [("0", 0, "info", 0.0), ("0", 1, "attention", 1.0)]
    calm = said("calm", "neutral*60 sad*60", "neutral*120")
    assert [row for row in calm if row[2] != "info"] == [("0", 1, "attention", 1.0)]
    assert {row[2:] for row in said("sad", "sad*120", "sad*120")} == {("info", 0.0)}
    whole = segment_table([Segment(0, "all", 0.0, 120.0)])
    store_lecture(store, "one", "1", dict.fromkeys(names, timeline("sad*120")), segments=whole)
    (row,) = pipeline.assess(store, [HardPoints()], [("one", "1")]).rows
    assert (row["level"], row["message"]) == (
        "not measurable",
        "0 of 3 students could be compared with their usual",
    )
