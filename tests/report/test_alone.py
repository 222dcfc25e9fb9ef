"""One learner before a webcam, the papers' own case: hiding a learner's figures from the learner's own pages
protects nobody. Of two to k - 1 students, figures of the class stay hidden."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from sites import read, teach

from fertool.report import data
from fertool.report.data import insights
from fertool.report.data.digest import digest

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.storage.store import Store

WEEK = "neutral*60 sad*40 happy*20 absent*30 neutral*30"
"""180 s in two parts. Seen: 150 of 180 samples, happy or surprised: 20 of these, negative: 40. In part 1
negative in 30 of 90, in part 2 in 10 of 60."""
SAD = "sad*60 neutral*30 present*90"
"""Part 1 negative in 60 of 90; in part 2 no expression is read."""

HELD_BACK = {"en": "fewer than 5 students", "de": "weniger als 5 Studierende"}
ALONE = {"en": "was seen in this lecture: all figures", "de": "gesehen: Alle Zahlen"}
FEEDBACK = {"en": "Learning effect feedback", "de": "Rückmeldung zur Lernwirkung"}
CLASS = {
    "en": ("Where the class", "Shares of the class", "The class over time", "Expressions of the class"),
    "de": ("Wo die Klasse", "Anteile der Klasse", "Die Klasse im Lauf", "Ausdrücke der Klasse"),
}
SPOKEN_OF = {1: 0, 2: 2, 12: 4}
"""Number of students -> how many of these stand on pages: charts of a class of two are held back."""


def classroom(n: int) -> dict[str, str]:
    return {f"student-{i + 1:02d}": WEEK for i in range(n)}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory):
    """Number of students and language -> pages, and the folder they lie in; rendered once."""
    from fertool.storage.store import Store

    made: dict[tuple[int, str], tuple[dict[str, str], Path]] = {}

    def site(n: int, lang: str) -> tuple[dict[str, str], Path]:
        if (n, lang) not in made:
            folder = tmp_path_factory.mktemp(f"alone{n}{lang}")
            store = teach(Store(folder / "x.duckdb"), classroom(n), classroom(n))
            made[n, lang] = read(store, folder / "site", k=5, lang=lang), folder / "site"
        return made[n, lang]

    return site


def own(pages: dict[str, str], *kinds: str) -> dict[str, str]:
    return {name: text for name, text in pages.items() if name.split()[0] in kinds}


@pytest.mark.parametrize("lang", ["en", "de"])
@pytest.mark.parametrize("n", [1, 2, 4, 5, 12])
def test_who_is_protected_by_hiding(sites, n: int, lang: str) -> None:
    """A class of too few on the class's pages; nobody on a learner's own."""
    pages, folder = sites(n, lang)
    hidden = {name for name, text in pages.items() if HELD_BACK[lang] in text and name != "method"}
    if 1 < n < 5:
        assert hidden == {"index", *own(pages, "lectures", "segments")}
    else:
        assert hidden == set()
    for name, text in own(pages, "students").items():
        assert FEEDBACK[lang] in text, name
    charts = {
        path.parent.name
        for path in folder.rglob("*.html")
        if 'id="chart-pie"' in path.read_text(encoding="utf-8")
    }
    assert charts == ({"students"} if 1 < n < 5 else {"students", "lectures", "site"})


@pytest.mark.parametrize("lang", ["en", "de"])
@pytest.mark.parametrize("n", [1, 2, 12])
def test_figures_of_one_are_called_this_students(sites, n: int, lang: str) -> None:
    pages, _ = sites(n, lang)
    for text in own(pages, "lectures", "segments").values():
        assert (ALONE[lang] in text) == (n == 1)
    said = " ".join(own(pages, "index", "lectures", "segments").values())
    assert [words for words in CLASS[lang] if words in said] == list(CLASS[lang][: SPOKEN_OF[n]])


FIGURES = {
    # page -> what stands on it, worked out from WEEK
    "en": {
        "lectures 0": (
            "Seen 83 % n = 180",
            "Happy or surprised 13 % n = 150",
            "Negative 27 % n = 150",
            "Expression read 83.3 % n = 180",
            "student-01 over time",
            "part 1 33.3 % (30 of 90) Go on.",
            "part 2 16.7 % (10 of 60) Go on.",
            "Expressions of student-01",
            "n = 150 samples of one student.",
            "happy 13 % 20 sad 27 % 40 surprise 0 % 0 neutral 60 % 90",
        ),
        "segments 0": ("Negative 33 % n = 90 whole lecture: 27 %",),
        "index": ("week 1 – 0:03:00 1 83 % n = 180 13 % n = 150 27 % n = 150 83.3 %",),
        "students 0": ("n = 300 samples of one student.", "neutral 60 % 180"),
    },
    "de": {
        "lectures 0": (
            "Gesehen 83 % n = 180",
            "student-01 im Lauf der Zeit",
            "part 1 33,3 % (30 von 90) Weiter so.",
            "n = 150 Stichproben einer Person.",
        ),
        "segments 0": ("Negativ 33 % n = 90 ganze Vorlesung: 27 %",),
        "students 0": ("n = 300 Stichproben einer Person.",),
    },
}  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "de"])
def test_the_figures_of_one(sites, lang: str) -> None:
    pages, _ = sites(1, lang)
    for name, expected in FIGURES[lang].items():
        for words in expected:
            assert words in pages[name], name


@pytest.mark.parametrize(
    ("lang", "adjust", "go_on", "not_measurable"),
    [
        ("en", "Lower the difficulty, slow down, or intersperse a story.", "Go on.", "not measurable"),
        (
            "de",
            "Leichter werden, langsamer werden oder eine Geschichte einstreuen.",
            "Weiter so.",
            "nicht messbar",
        ),
    ],
)
def test_feedback_at_both_extremes(
    store: Store, tmp_path: Path, lang: str, adjust: str, go_on: str, not_measurable: str
) -> None:
    teach(store, {"Ada": SAD}, {"Ada": "sad*180"}, {"Ada": "happy*180"})
    pages = read(store, tmp_path / "site", k=5, lang=lang)
    of = {"en": "of", "de": "von"}[lang]
    share = {"en": "66.7", "de": "66,7"}[lang]
    assert f"part 1 {share} % (60 {of} 90) {adjust} 0:00:00" in pages["lectures 0"]
    assert f"part 2 {not_measurable}" in pages["lectures 0"]
    assert pages["lectures 1"].count(adjust) == 2  # 100 % in both parts
    assert pages["lectures 2"].count(go_on) == 2  # 0 % in both
    assert adjust not in pages["lectures 2"]
    assert [pages["students 0"].count(words) for words in (adjust, go_on)] == [3, 2]


def test_one_learner_in_a_course_of_more(store: Store, tmp_path: Path) -> None:
    """Week 2 is of one of six: its own page shows the figures; the course's page, where they would stand for
    the class, holds them back."""
    six = classroom(6)
    teach(store, six, {"student-01": WEEK})
    pages = read(store, tmp_path / "site", k=5)
    assert "week 2 – 0:03:00 1 of 6 held back: fewer than 5 students" in pages["index"]
    assert "Only student-01 was seen in this lecture" in pages["lectures 1"]
    assert "Seen 83 % n = 180" in pages["lectures 1"]
    assert "Seen 83 % " in pages["lectures 0"]
    assert "n = 900 samples of 6 students." in pages["index"], "150 of each in week 1 alone"


def test_a_table_for_others_has_no_class_of_one(store: Store, tmp_path: Path) -> None:
    """Files are made to be passed on without names: there, a class of one is a figure about one."""
    teach(store, {"Ada": WEEK})
    read(store, tmp_path / "site", k=5, formats=("html", "csv"))
    with (tmp_path / "site" / "data" / "shares.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["held_back"] for row in rows if not row["student"]} == {"few"}
    assert {row["share"] for row in rows if not row["student"]} == {""}
    assert {row["held_back"] for row in rows if row["student"]} == {""}


# --- moments to look at again ------------------------------------------------------------------


def row(rule: str, *spans: tuple[float, float], level: str = "attention") -> dict[str, object]:
    return {"rule": rule, "level": level, "spans": list(spans), "advises": None}


MOMENTS = [
    # assessments of one student; the moments: from, to, rules
    ([], []),
    ([row("state", (0, 30))], [(0, 30, ("state",))]),
    ([row("state", (0, 30), level="good")], []),  # evidence of something good is nothing to look at again
    ([row("focus", (0, 90), level="technical")], [(0, 90, ("focus",))]),  # who was cut off missed something
    ([row("state", (0, 9))], []),  # shorter than any look
    ([row("state", (0, 5), (14, 24))], [(0, 24, ("state",))]),  # less than ten seconds between them
    ([row("state", (0, 10), (20, 30))], [(0, 10, ("state",)), (20, 30, ("state",))]),  # ten are a break
    ([row("state", (0, 30)), row("focus", (20, 40))], [(0, 40, ("state", "focus"))]),
    ([row("state", (0, 90)), row("focus", (20, 40))], [(0, 90, ("state", "focus"))]),  # within the other
    ([row("state", (0, 30), (60, 90)), row("state", (30, 60))], [(0, 90, ("state",))]),  # of two segments
    # six moments: the shortest is left out
    (
        [row("state", *((100 * i, 100 * i + 20 + (i != 3)) for i in range(6)))],
        [(100 * i, 100 * i + 21, ("state",)) for i in range(6) if i != 3],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "expected"), MOMENTS)
def test_moments_to_look_at_again(
    store: Store, rows: list[dict[str, object]], expected: list[tuple[float, float, tuple[str, ...]]]
) -> None:
    teach(store, {"Ada": "neutral*20"})
    one = digest(data.load(store, "signals", "week 1"))
    assert [(it.start_s, it.end_s, tuple(it.rules)) for it in insights.again(one, rows)] == expected


@pytest.mark.parametrize(
    ("span", "parts"),
    [
        ((0, 10), ["part 1"]),  # it ends where part 2 begins
        ((0, 20), ["part 1", "part 2"]),
        ((12, 30), ["part 2"]),
        ((20, 40), []),  # beyond all of them
    ],
)
def test_a_moment_names_the_segments_that_it_touches(
    store: Store, span: tuple[float, float], parts: list[str]
) -> None:
    teach(store, {"Ada": "neutral*20"})
    one = digest(data.load(store, "signals", "week 1"))
    (moment,) = insights.again(one, [row("state", span)])
    assert [segment["title"] for segment in moment.segments] == parts


@pytest.mark.parametrize(
    ("lang", "title", "moments"),
    [
        ("en", "Moments to look at again", ("part 1: negative expressions", "part 2: face not seen")),
        ("de", "Momente zum Wiederansehen", ("part 1: negative Ausdrücke", "part 2: Gesicht nicht gesehen")),
    ],
)
def test_one_learner_is_pointed_to_moments(
    store: Store, tmp_path: Path, lang: str, title: str, moments: tuple[str, ...]
) -> None:
    """All of part 1 is sad; in part 2 the face is missing in 3 of 9 looks."""
    teach(store, {"Ada": "sad*90 neutral*30 absent*30 neutral*30"})
    pages = read(store, tmp_path / "site", k=5, lang=lang)
    for name in ("index", "lectures 0"):
        assert title in pages[name]
        assert f"0:00:00–0:01:30, {moments[0]}" in pages[name]
        assert f"0:02:00–0:02:30, {moments[1]}" in pages[name]


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", "No rule points to a moment that should be"), ("de", "Keine Regel nennt einen Moment")],
)
def test_nothing_to_look_at_again(store: Store, tmp_path: Path, lang: str, words: str) -> None:
    teach(store, {"Ada": "happy*60"})
    pages = read(store, tmp_path / "site", k=5, lang=lang)
    assert words in pages["index"]
    assert words in pages["lectures 0"]
