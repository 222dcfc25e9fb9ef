"""Digest, course, story: what a lecturer is told, held against courses whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sites import speaker_view

from fertool.analysis import pipeline
from fertool.demo.course import COURSE, OTHER, store_demo
from fertool.host import registry
from fertool.report import ReportOptions, data, i18n, render
from fertool.report.data import insights
from fertool.report.data.course import Course, describe
from fertool.report.data.digest import digest
from fertool.report.pages import handout
from fertool.report.pages.site import Site
from fertool.storage.store import Store
from fertool.storage.tables import SEGMENTS, frame
from fertool.testing import store_lecture, timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

SAY = i18n.load("en")
RULES = [found.plugin() for found in registry.load_plugins().of_kind("rule")]
SIGNALS = {rule.name: rule.signals for rule in RULES}


def course(store: Store, name: str, k: int = 1) -> Course:
    about = describe(store, name)
    digests = [
        digest(data.load(store, name, lecture, k), one, SIGNALS) for lecture, one in about.meetings.items()
    ]
    return Course(name, tuple(digests), about, k)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The simulated lectures of the demo, judged by all rules."""
    store = Store(tmp_path_factory.mktemp("demo") / "fertool.duckdb")
    store_demo(store)
    pipeline.assess(store, RULES, store.lectures())
    return store


@pytest.fixture(scope="module")
def told(demo: Store) -> Course:
    return course(demo, COURSE)


def taught(store: Store, *weeks: Mapping[str, str], k: int = 1) -> Course:
    """A course of weekly lectures in two halves, without any rule."""
    for week, people in enumerate(weeks):
        students = {name: timeline(spec) for name, spec in people.items()}
        length = max(len(rows) for rows in students.values())
        halves = [
            {
                "segment": i,
                "title": f"half {i}",
                "start_s": i * length / 2,
                "end_s": (i + 1) * length / 2,
                "point": "p",
            }
            for i in range(2)
        ]
        store_lecture(
            store, "c", f"w{week}", students, recording_name=f"{week}.mp4", segments=frame(halves, SEGMENTS)
        )
    return course(store, "c", k)


# --- the demo: who left when, which segment lost the class ----------------------------------------


def test_lectures_are_in_order_of_their_days(told: Course) -> None:
    assert [one.lecture for one in told.lectures] == ["week 1", "week 2", "week 3", "week 4"]
    assert told.about.instructor == "E. Noether"


def test_aliasing_lost_the_class(told: Course) -> None:
    """Events of week 3: from 6:30 to 8:00, five of eight are sad, angry, afraid or away."""
    (place,) = insights.lost_places(told)
    assert (place.digest.lecture, place.segment["title"], place.segment["point"]) == (
        "week 3",
        "Aliasing",
        "aliasing",
    )
    (moment,) = place.moments
    assert (moment.start_s, moment.end_s) == (390, 480)
    assert place.lost_s == 90
    assert moment.share >= 0.5
    assert told.places[0] is place


def test_it_was_explained_again_and_then_the_class_stayed(told: Course) -> None:
    (step,) = [one for one in insights.next_steps(told) if one.key == "recovered"]
    assert step.values["point"] == "aliasing"
    assert step.values["again"].digest.lecture == "week 4"
    assert not [one for one in insights.next_steps(told) if one.key == "explain"]


def test_aliasing_was_difficult_for_the_class_and_then_was_not(told: Course) -> None:
    """4 of 8 in week 3, nobody in week 4; told as the segment that lost the class, and not twice."""
    assert [place.hard for place in told.about_point("aliasing")] == [True, False]
    (place,) = insights.hard_places(told)
    assert place in insights.lost_places(told)
    assert not [one for one in insights.next_steps(told) if one.key == "hard"]


def test_student_06_drops_out(told: Course) -> None:
    first = insights.concerns(told)[0]
    assert first.student == "student-06"
    assert first.reasons[0].key == "falling"
    assert first.reasons[0].values["now"] == pytest.approx(0.2, abs=0.03)
    assert [one.values["students"][0] for one in insights.next_steps(told) if one.key == "talk"] == [
        "student-06"
    ]


def test_ada_likes_the_other_course(told: Course) -> None:
    (step,) = [one for one in insights.next_steps(told) if one.key == "recommend"]
    assert step.values["student"] == "Ada"
    assert OTHER in str(step.values["said"]["message"])


def test_expressions_of_the_course_add_up(told: Course) -> None:
    assert sum(it.value or 0 for _, it in told.shares) == pytest.approx(1)
    for _, it in told.shares:
        assert it.low is not None
        assert it.low <= it.value <= it.high  # type: ignore[operator]
        assert it.people == 8


def test_the_same_point_elsewhere(told: Course) -> None:
    found = [(place.digest.lecture, place.segment["title"]) for place in told.about_point("aliasing")]
    assert found == [("week 3", "Aliasing"), ("week 4", "Aliasing again")]
    assert told.about_point("") == []


# --- courses made for one question ------------------------------------------------------------


@pytest.mark.parametrize(
    ("weeks", "keys"),
    [
        ([{"A": "happy*20"}, {"A": "happy*20"}], []),  # as always
        ([{"A": "happy*20"}, {"A": "happy*10 absent*10"}], ["falling"]),
        ([{"A": "happy*20"}, {"A": "happy*10 sad*10"}], ["rising"]),
        ([{"A": "happy*20"}, {"A": "sad*4 absent*16"}], ["rising", "falling"]),  # what moved more comes first
        ([{"A": "happy*10 absent*10"}, {"A": "happy*20"}], []),  # better than before
        ([{"A": "happy*20", "B": "happy*20"}, {"B": "happy*20"}], ["missing"]),
        ([{"A": "happy*10 absent*10"}], []),  # no past to compare with
        ([{"A": "happy*20"}, {"A": "present*20"}], []),  # not measurable is not negative
    ],
)
def test_reasons(tmp_path: Path, weeks: list[dict[str, str]], keys: list[str]) -> None:
    found = insights.concerns(taught(Store(tmp_path / "x.duckdb"), *weeks))
    assert [one.key for concern in found for one in concern.reasons] == keys


def class_of(n: int, spec: str, others: int = 0, other: str = "neutral*40") -> dict[str, str]:
    """n students who show `spec`, and others."""
    return {f"s{i}": spec if i < n else other for i in range(n + others)}


CALM = "neutral*40"
LATE, EARLY = "neutral*20 sad*20", "sad*20 neutral*20"
HARD = [
    # weeks of two halves about one point, k, half and week of what is to be explained again
    ([class_of(4, CALM), class_of(4, CALM)], 1, []),
    ([class_of(4, CALM), class_of(3, LATE, 1)], 1, [("half 1", "w1")]),
    ([class_of(4, CALM), class_of(2, LATE, 2)], 1, []),  # two are too few
    ([class_of(4, CALM), class_of(3, LATE, 4)], 1, []),  # less than half of the class
    ([class_of(4, CALM), class_of(4, EARLY)], 1, []),  # in the half after it, it was not difficult any more
    ([class_of(4, LATE), class_of(4, CALM)], 1, []),  # nor a week later
    ([class_of(4, LATE), class_of(4, "present*40")], 1, [("half 1", "w0")]),  # of which nothing is known
    ([class_of(4, LATE), class_of(4, LATE)], 1, [("half 1", "w1")]),  # reported for the later one
    ([class_of(4, CALM), class_of(4, LATE)], 5, []),  # about too few
    ([class_of(5, CALM), class_of(5, LATE)], 5, [("half 1", "w1")]),
    # six are seen, four of them are measured in that half, which are fewer than five
    ([class_of(6, CALM), class_of(4, LATE, 2, "neutral*20 present*20")], 5, []),
    ([class_of(6, CALM), class_of(4, LATE, 2, "neutral*20 present*20")], 4, [("half 1", "w1")]),
]


@pytest.mark.parametrize(("weeks", "k", "expected"), HARD)
def test_points_that_the_class_shows_to_be_difficult(
    store: Store, weeks: list[dict[str, str]], k: int, expected: list[tuple[str, str]]
) -> None:
    taught(store, *weeks)
    pipeline.assess(store, [rule for rule in RULES if rule.name == "hard-points"], store.lectures())
    steps = [one for one in insights.next_steps(course(store, "c", k)) if one.key == "hard"]
    assert [
        (it.values["place"].segment["title"], it.values["place"].digest.lecture) for it in steps
    ] == expected
    assert all(it.values["point"] == "p" for it in steps)


def test_a_point_that_lost_the_class_is_not_told_twice(store: Store) -> None:
    taught(store, class_of(4, "neutral*120"), class_of(4, "neutral*90 sad*30"))
    pipeline.assess(store, RULES, store.lectures())
    it = course(store, "c")
    assert insights.hard_places(it) == insights.lost_places(it)
    assert [one.key for one in insights.next_steps(it) if one.key in ("explain", "hard")] == ["explain"]


def test_the_latest_lecture_against_the_past(tmp_path: Path) -> None:
    names = "ABCDE"
    past = dict.fromkeys(names, "happy*20")
    now = {name: f"absent*{6 + i} happy*{14 - i}" for i, name in enumerate(names)} | {"New": "absent*20"}
    (presence, *_) = taught(Store(tmp_path / "x.duckdb"), past, past, now).changes
    assert presence.measure == "presence"
    assert presence.difference == pytest.approx(-0.4)
    assert presence.clear
    assert presence.latest.people == 5, "a new student has no past"


def test_a_change_of_too_few_is_not_told(tmp_path: Path) -> None:
    weeks = [dict.fromkeys("AB", "happy*20"), dict.fromkeys("AB", "sad*20")]
    found = taught(Store(tmp_path / "x.duckdb"), *weeks, k=3).changes
    assert [(one.measure, one.latest.suppressed, one.difference) for one in found] == [
        (measure, "few", None) for measure in ("presence", "engagement", "negative")
    ]


def test_a_student_against_the_own_usual(tmp_path: Path) -> None:
    it = taught(Store(tmp_path / "x.duckdb"), {"A": "happy*60"}, {"A": "sad*60"}, {"A": "happy*60"})
    own = insights.own(it, "A")
    assert insights.usual(it, "A")["negative"] == pytest.approx(1 / 3)
    assert [one.change["negative"] for one in own] == pytest.approx([-1 / 3, 2 / 3, -1 / 3])
    assert own[1].clear["negative"]
    assert not own[1].clear["presence"]


def test_figures_are_counted_per_segment(tmp_path: Path) -> None:
    """A is away in the second half; B is sad there; of C, no expression is read in it."""
    people = {"A": "happy*10 absent*10", "B": "neutral*10 sad*10", "C": "neutral*10 present*10"}
    one = taught(Store(tmp_path / "x.duckdb"), people).lectures[0]
    first, second = one.figures(0), one.figures(1)
    assert (first["presence"].value, second["presence"].value) == (1, pytest.approx(2 / 3))
    assert (first["lost"].value, second["lost"].value) == (0, 1)  # of A and B: of C nothing is known
    assert second["negative"].value == 1
    assert second["negative"].n == 10
    assert first["engagement"].value == pytest.approx(1 / 3)


def test_figures_of_too_few_are_hidden(tmp_path: Path) -> None:
    one = taught(Store(tmp_path / "x.duckdb"), {"A": "happy*20", "B": "sad*20"}, k=3).lectures[0]
    shown = (*one.figures().values(), *one.figures(0).values(), *(share for _, share in one.shares))
    assert {(it.value, it.suppressed) for it in shown} == {(None, "few")}
    assert set(one.class_bins["presence"]) == {None}
    assert set(one.class_bins["presence:why"]) == {"few"}


def test_under_behaviour_lost_is_away(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    store_lecture(store, "c", "l", {"A": timeline("happy*10 absent*10")}, policy="behaviour")
    figures = course(store, "c").lectures[0].figures()
    assert figures.keys() == {"presence", "lost"}
    assert figures["lost"].value == 0.5


# --- what is given away -----------------------------------------------------------------------


def test_a_sheet_is_about_one_student_alone(demo: Store, told: Course) -> None:
    """No other name, no rule that compares, no link, no script."""
    from fertool.report.render import environment

    pairs = [(COURSE, one.lecture) for one in told.lectures]
    site = Site(pairs, SAY, {COURSE: told.students}, registry=registry.load_plugins())
    pages = {page.title: page for page in handout.build(site, told)}
    page = pages["student-06"]
    text = environment(site).get_template(page.template).render(page.context, title=page.title, root="../")
    assert not [name for name in told.students if name != "student-06" and name in text]
    assert "in step with the class" not in text
    assert "synchrony" not in text
    assert "<script" not in text
    assert "<a " not in text
    assert text.count('class="sketch"') == 5, "one a lecture, and the bar of all expressions"
    assert text.count("</strong>, 0.0\u00a0%") == 5, "not seen at all in five segments"


@pytest.mark.parametrize("place", ["out", "beside", "where it was"])
def test_times_lead_into_a_recording_that_is_there(tmp_path: Path, place: str) -> None:
    store = Store(tmp_path / "x.duckdb")
    store_lecture(store, "c", "l", {"A": timeline("happy*10")}, recording_name="a b.mp4")
    out = tmp_path / "site"
    film = {
        "out": out / "a b.mp4",
        "beside": tmp_path / "a b.mp4",
        "where it was": tmp_path / "v" / "a b.mp4",
    }[place]
    if place == "where it was":
        with store.database.transaction() as con:
            con.execute("UPDATE recordings SET path = $p", {"p": str(film)})
    one = course(store, "c").lectures[0]
    site = Site([("c", "l")], SAY, out=out)
    assert site.film(one) is None
    film.parent.mkdir(exist_ok=True)
    film.touch()
    address = {"out": "a%20b.mp4", "beside": "../a%20b.mp4", "where it was": "../v/a%20b.mp4"}[place]
    assert site.film(one) == (address, 0.0)


@pytest.mark.parametrize(
    ("late_s", "seconds"),
    [
        (0.0, ("#t=0.0", "#t=6.0")),  # the two segments begin at 0 and 6 s
        (3.0, ("#t=3.0", "#t=9.0")),  # as a player counts, whose 0:00 is 3 s before the first picture
    ],
)
def test_times_lead_to_where_a_player_has_them(
    tmp_path: Path, late_s: float, seconds: tuple[str, ...]
) -> None:
    store = Store(tmp_path / "x.duckdb")
    parts = [{"segment": i, "title": "S", "start_s": 6.0 * i, "end_s": 6.0 * i + 6} for i in range(2)]
    config = {"picture": {"late_s": late_s}} if late_s else {}
    segments = frame(parts, SEGMENTS)
    film = {"recording_name": "a.mp4", "config": config, "segments": segments}
    store_lecture(store, "c", "l", {"A": timeline("happy*12")}, **film)
    (tmp_path / "a.mp4").touch()
    out = render(store, tmp_path / "site", options=ReportOptions(k=1)).parent
    text = " ".join(page.read_text(encoding="utf-8") for page in (out / "segments").glob("*.html"))
    assert all(f'a.mp4{second}"' in text for second in seconds)


def test_a_speaker_view_after_a_gallery_makes_nobody_need_help(tmp_path: Path) -> None:
    gallery = {f"student-{n}": "neutral*180" for n in range(4)}
    told = taught(Store(tmp_path / "x.duckdb"), gallery, speaker_view([0, 1, 2, 3]))
    assert [one.one_at_a_time for one in told.lectures] == [False, True]
    assert insights.concerns(told) == []  # seen in a quarter of the samples, and all of them there
    told = taught(Store(tmp_path / "y.duckdb"), gallery, speaker_view([0, 1]))
    assert insights.concerns(told) == []  # who is not shown is not missing
    seen_less = dict.fromkeys(gallery, "neutral*45 absent*135")
    told = taught(Store(tmp_path / "z.duckdb"), gallery, seen_less)  # together, then nobody: that is measured
    assert len(insights.concerns(told)) == 4


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "one face at a time"), ("de", "ein Gesicht nach dem anderen")]
)
def test_pages_say_that_a_speaker_view_measures_nobodys_absence(tmp_path: Path, lang: str, said: str) -> None:
    from fertool.report import ReportOptions, render

    store = Store(tmp_path / "x.duckdb")
    taught(store, {f"student-{n}": "neutral*180" for n in range(4)}, speaker_view([3, 2, 1, 0]))
    out = render(store, tmp_path / "site", options=ReportOptions(lang=lang, k=1)).parent
    pages = {path: path.read_text(encoding="utf-8") for path in out.rglob("*.html")}
    having = [path for path, text in pages.items() if said in text]
    assert {path.parent.name for path in having} == {"site", "lectures", "students", "handouts"}
    assert len([path for path in having if path.parent.name == "students"]) == 4
