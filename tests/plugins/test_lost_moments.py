"""`lost-moments` on small classes; parts of 30 s, counted by hand."""

import polars as pl
import pytest

from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.lost_moments import LostMoments


def judged(*specs, every="1s", **options):
    tables = [timeline(spec, every, student=f"s{i}") for i, spec in enumerate(specs)]
    seen = pl.concat(tables).sort("time_s", "student")
    found = LostMoments(**options).assess(seen, context(segment=None, student=None))
    return found if isinstance(found, list) else [found]


def moments(*specs, **options):
    return [
        (one.start_s, one.end_s, round(one.value, 4))
        for one in judged(*specs, **options)
        if one.start_s is not None
    ]


CALM = "neutral*150"
MOMENTS = [
    # students, moments in order of rank: (start_s, end_s, share of the class)
    ((CALM, CALM), []),
    (("neutral*60 sad*30 neutral*60",) * 2, [(60.0, 90.0, 1.0)]),
    (("neutral*60 absent*30 neutral*60",) * 2, [(60.0, 90.0, 1.0)]),
    (("neutral*60 absent*30 neutral*60", "neutral*60 angry*30 neutral*60"), [(60.0, 90.0, 1.0)]),  # either
    (("neutral*60 sad*30 neutral*60", CALM, CALM), []),  # one alone is not together
    (("neutral*60 sad*15 neutral*75",) * 2, []),  # exactly half of the part
    (("neutral*60 sad*16 neutral*74",) * 2, [(60.0, 90.0, 1.0)]),
    (("neutral*60 sad*60 neutral*30",) * 2, [(60.0, 120.0, 1.0)]),  # neighbors are one moment
    # the longer one first
    (("sad*30 neutral*30 sad*60 neutral*90",) * 2, [(60.0, 120.0, 1.0), (0.0, 30.0, 1.0)]),
    # equally bad: the earlier first
    (("sad*30 neutral*60 sad*30 neutral*60",) * 2, [(0.0, 30.0, 1.0), (90.0, 120.0, 1.0)]),
    (("sad*150",) * 2, []),  # always so: it did not turn
]


@pytest.mark.parametrize(("specs", "expected"), MOMENTS)
def test_moments_and_their_rank(specs, expected):
    assert moments(*specs) == expected


def test_the_rise_is_taken_above_the_median():
    seven = ["neutral*90"] * 7
    three = ["neutral*30 sad*30 neutral*30"] * 3
    assert moments(*seven, *three) == [(30.0, 60.0, 0.3)]  # 3 of 10 is exactly `rise`
    assert moments(*seven, *three, rise=0.31) == []
    assert moments(*seven, *three, least=4) == []


def test_another_rate_gives_the_same_moments():
    assert moments(*["neutral*30 sad*15 neutral*30"] * 2, every="2s") == [(60.0, 90.0, 1.0)]


def test_what_it_says():
    (one,) = judged(*["neutral*60 sad*30 neutral*60"] * 2, "neutral*60 absent*30 neutral*60", CALM)
    lost = "up to 3 of 4 with a negative expression or not seen (1 not seen)"
    assert str(one.message) == f"1. 1:00 to 1:30: {lost}"
    assert one.level == "attention"
    assert one.spans == ((60.0, 90.0),)
    (calm,) = judged(CALM, CALM)
    assert (calm.value, calm.level) == (0.0, "good")
    lost = "at most 0 of 2 at once with a negative expression or not seen"
    assert str(calm.message) == f"never together: {lost}"


def test_no_more_than_asked_for():
    spec = "sad*30 neutral*60 " * 6
    assert len(moments(spec, spec)) == 5
    assert len(moments(spec, spec, most=2)) == 2


def test_faces_without_an_expression_are_not_known():
    (one,) = judged("present*60", "present*60")
    assert (one.value, one.level) == (None, "not measurable")
    assert one.coverage == 0
    assert judged("present*30 neutral*30", CALM)[0].level == "good"


def test_one_student_or_nobody_is_no_class():
    assert judged("sad*60") == [None]
    assert LostMoments().assess(pl.DataFrame(schema=SEEN), context()) is None


def test_a_moment_ends_with_its_lecture():
    people = [timeline("neutral*120 sad*20", student=f"s{i}") for i in range(2)]
    about = context(segment=None, student=None, window=(0.0, 140.0))
    (one,) = LostMoments().assess(pl.concat(people).sort("time_s", "student"), about)
    assert (one.start_s, one.end_s, one.spans) == (120.0, 140.0, ((120.0, 140.0),))
    assert str(one.message).startswith("1. 2:00 to 2:20: ")


def test_a_speaker_view_loses_nobody():
    turns = ["neutral*60 absent*60", "absent*60 sad*60"]
    seen = pl.concat(timeline(spec, student=f"s{i}") for i, spec in enumerate(turns)).sort("time_s")
    one = LostMoments().assess(seen, context(segment=None, student=None, one_at_a_time=True))
    assert (one.value, one.level) == (None, "not measurable")
