"""`preference` on courses put together by hand."""

from dataclasses import replace

import polars as pl
import pytest

from fertool import Course
from fertool.storage.tables import WIDE
from fertool.testing import context, timeline
from fertool_plugins.rules.preference import Preference

ABOUT = context(course=None, lecture=None, segment=None, student="Ada")


def window(*lectures):
    """(course, lecture, timeline) -> what a rule of scope `all` is given."""
    tables = [
        timeline(spec, student="Ada").with_columns(course=pl.lit(course), lecture=pl.lit(lecture))
        for course, lecture, spec in lectures
    ]
    return pl.concat(tables) if tables else pl.DataFrame(schema=WIDE)


def judged(*lectures, courses=None, **options):
    return Preference(**options).assess(window(*lectures), replace(ABOUT, courses=courses or {}))


def test_the_course_with_the_most_happy_or_surprised_samples():
    one = judged(
        ("art", "1", "happy*80 neutral*20"), ("law", "1", "neutral*100"), ("law", "2", "surprise*10 sad*90")
    )
    assert one.value == 0.8
    assert one.level == "preferred"
    assert one.evidence["course"] == "art"
    assert one.evidence["share in law"] == 0.05  # 10 of 200 samples of both lectures
    assert str(one.message).startswith("happy or surprised most in art (80%, next is law with 5%): recommend")
    assert one.interval[0] <= 0.8 <= one.interval[1]


ART = Course("Ada", ("color", "form"))
RECOMMENDED = [
    # courses known, what is recommended
    ({}, "courses with its topics or by its instructor"),
    ({"law": Course("Ada", ("color",))}, "courses with its topics or by its instructor"),  # of art: nothing
    ({"art": ART}, "courses about color, form or by Ada"),
    ({"art": Course("Ada")}, "courses by Ada"),
    ({"art": Course("", ("form",))}, "courses about form"),
    ({"art": ART, "law": Course("Ada", ("color",))}, "courses about color, form or by Ada"),  # taken
    ({"art": ART, "dance": Course("Bob", ("form",))}, "dance (about form)"),
    ({"art": ART, "dance": Course("Ada", ("time",))}, "dance (by Ada)"),
    ({"art": ART, "dance": Course("Ada", ("form", "time"))}, "dance (about form, by Ada)"),
    (
        # most topics first, then by name; who shares nothing is not named
        {
            "art": ART,
            "chess": Course("Ada", ()),
            "dance": Course("Bob", ("form",)),
            "film": Course("Cy", ("form", "color")),
            "golf": Course("Cy", ("grass",)),
        },
        "film (about form, color), dance (about form), chess (by Ada)",
    ),
    ({"art": Course(), "dance": Course()}, "courses with its topics or by its instructor"),  # both unknown
]


@pytest.mark.parametrize(("courses", "expected"), RECOMMENDED)
def test_similar_courses_or_the_same_instructor_are_recommended(courses, expected):
    one = judged(("art", "1", "happy*80 neutral*20"), ("law", "1", "neutral*100"), courses=courses)
    liked = "happy or surprised most in art (80%, next is law with 0%)"
    assert str(one.message) == f"{liked}: recommend {expected}"


NO_PREFERENCE = [
    (("art", "1", "happy*50 neutral*50"), ("law", "1", "neutral*50 happy*50")),  # equal
    (("art", "1", "happy"), ("law", "1", "neutral")),  # one sample each: too little for an interval
    (("art", "1", "happy*20 neutral*20"), ("law", "1", "neutral*40")),  # four blocks: 0 to 1
]


@pytest.mark.parametrize("lectures", NO_PREFERENCE)
def test_chance_makes_no_preference(lectures):
    one = judged(*lectures)
    assert one.level == "info"
    assert str(one.message) == "no clear preference among the courses"


def test_one_course_cannot_be_compared():
    assert judged(("art", "1", "happy*100"), ("art", "2", "sad*100")) is None
    assert judged() is None


def test_a_course_that_was_hardly_measured_does_not_count():
    one = judged(("art", "1", "happy*40 absent*60"), ("law", "1", "neutral*100"))
    assert (one.value, one.level) == (None, "not measurable")
    assert one.coverage == 0.7  # of all samples
    assert judged(("art", "1", "happy*50 absent*50"), ("law", "1", "neutral*100")).level == "preferred"


def test_a_table_without_courses_says_nothing():
    assert Preference().assess(timeline("happy*10"), ABOUT) is None


def test_it_is_asked_across_courses():
    assert (Preference.scope, Preference.subject) == ("all", "student")
