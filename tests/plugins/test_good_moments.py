"""`good-moments` on small classes; parts of 30 s, counted by hand."""

import polars as pl
import pytest

from fertool import messages
from fertool.assessment import statistics
from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.good_moments import GoodMoments


def judged(*specs, every="1s", about=None, **options):
    tables = [timeline(spec, every, student=f"s{i}") for i, spec in enumerate(specs)]
    seen = pl.concat(tables).sort("time_s", "student")
    found = GoodMoments(**options).assess(seen, about or context(segment=None, student=None))
    return found if isinstance(found, list) else [found]


def moments(*specs, **options):
    return [
        (one.level, one.start_s, one.end_s, round(one.value, 4))
        for one in judged(*specs, **options)
        if one.start_s is not None
    ]


CALM, HAPPY = "neutral*150", "happy*150"
MOMENTS = [
    # students, moments: level, start_s, end_s, share of the class
    ((CALM, CALM), []),
    ((HAPPY, HAPPY), []),  # always so: that is the usual
    (("neutral*60 happy*30 neutral*60",) * 2, [("happier", 60, 90, 1)]),
    (("neutral*60 surprise*30 neutral*60",) * 2, [("happier", 60, 90, 1)]),
    (("neutral*60 happy*15 neutral*75",) * 2, []),  # exactly half of the part
    (("neutral*60 happy*16 neutral*74",) * 2, [("happier", 60, 90, 1)]),
    (("neutral*60 happy*60 neutral*30",) * 2, [("happier", 60, 120, 1)]),  # neighbors are one moment
    (("neutral*60 happy*30 neutral*60", CALM), []),  # one alone is not together
    # two of four smile, the other two are sad or away: 2 of 4
    ((*["neutral*60 happy*30 neutral*60"] * 2, "neutral*60 sad*30 neutral*60", "neutral*60 absent*90"),
     [("happier", 60, 90, 0.5)]),
    # the longer one first, then the earlier
    (("happy*30 neutral*30 happy*60 neutral*90",) * 2, [("happier", 60, 120, 1), ("happier", 0, 30, 1)]),
    (("happy*30 neutral*60 happy*30 neutral*60",) * 2, [("happier", 0, 30, 1), ("happier", 90, 120, 1)]),
    # usually nobody is there
    (("absent*60 neutral*30 absent*60",) * 2, [("fuller", 60, 90, 1)]),
    (("absent*60 neutral*15 absent*75",) * 2, [("fuller", 60, 90, 1)]),  # seen in exactly half of the part
    (("absent*60 neutral*14 absent*76",) * 2, []),
    (("neutral*60 absent*30 neutral*60",) * 2, []),  # usually all are there: there is no more than all
    # who comes and smiles is told of both
    (("absent*60 happy*30 absent*60",) * 2, [("happier", 60, 90, 1), ("fuller", 60, 90, 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("specs", "expected"), MOMENTS)
def test_moments_and_their_rank(specs, expected):
    assert moments(*specs) == expected


def test_the_rise_is_taken_above_the_median():
    seven = ["neutral*90"] * 7
    three = ["neutral*30 happy*30 neutral*30"] * 3
    assert moments(*seven, *three) == [("happier", 30, 60, 0.3)]  # 3 of 10 is exactly `rise`
    assert moments(*seven, *three, rise=0.31) == []
    assert moments(*seven, *three, least=4) == []


def test_what_it_says_at_both_ends():
    (one,) = judged(*["neutral*60 happy*30 neutral*60"] * 2, HAPPY, CALM)
    # 1, 1, 3, 1, 1 of 4
    assert str(one.message) == "1. 1:00 to 1:30: up to 3 of 4 happy or surprised, usually 25% of the class"
    assert (one.value, one.level, one.spans) == (0.75, "happier", ((60.0, 90.0),))
    assert one.evidence == {"rank": 1, "usual": 0.25, "hits": 3, "students": 4}
    (calm,) = judged(CALM, CALM)
    assert (calm.value, calm.level) == (0.0, "info")
    assert str(calm.message) == (
        "never much more of the class than usual: at most 0 of 2 at once happy or surprised"
    )
    (always,) = judged(HAPPY, HAPPY)
    assert (always.value, always.level) == (1.0, "info")
    (there,) = judged(*["absent*60 neutral*30 absent*60"] * 2)
    assert str(there.message) == "1. 1:00 to 1:30: up to 2 of 2 seen, usually 0% of the class"


def test_every_text_has_a_german_one():
    told = judged(*["absent*60 happy*30 absent*60"] * 2) + judged(CALM, CALM)
    known = {*GoodMoments.words["de"], statistics.MOMENT}
    for one in told:
        assert known.issuperset(messages.texts(one.message))
    assert GoodMoments.label in known


def test_no_more_of_each_kind_than_asked_for():
    spec = "happy*30 neutral*60 " * 6
    assert len(moments(spec, spec)) == 5
    assert len(moments(spec, spec, most=2)) == 2


def test_another_rate_gives_the_same_moments():
    assert moments(*["neutral*30 happy*15 neutral*30"] * 2, every="2s") == [("happier", 60, 90, 1)]


def test_faces_without_an_expression_are_not_known():
    (one,) = judged("present*60", "present*60")
    assert (one.value, one.level, one.coverage) == (None, "not measurable", 0)
    assert judged("present*30 neutral*30", CALM)[0].level == "info"


def test_one_student_or_nobody_is_no_class():
    assert judged("happy*60") == [None]
    assert GoodMoments().assess(pl.DataFrame(schema=SEEN), context()) is None


def test_a_speaker_view_shows_no_class():
    about = context(segment=None, student=None, one_at_a_time=True)
    (one,) = judged("happy*60 absent*60", "absent*60 happy*60", about=about)
    assert (one.value, one.level) == (None, "not measurable")


def test_a_moment_ends_with_its_lecture():
    about = context(segment=None, student=None, window=(0.0, 140.0))
    (one,) = judged("neutral*120 happy*20", "neutral*120 happy*20", about=about)
    assert (one.start_s, one.end_s, one.spans) == (120.0, 140.0, ((120.0, 140.0),))
