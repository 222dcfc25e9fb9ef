"""What is usual takes two lectures: before that, no page compares anything with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sites import read, teach

from fertool.report import data
from fertool.report.data import insights
from fertool.report.data.course import Course, describe
from fertool.report.data.digest import digest

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.storage.store import Store

CALM, SAD, AWAY = "neutral*60", "sad*60", "absent*60"


def course(store: Store) -> Course:
    digests = [digest(data.load(store, *pair)) for pair in store.lectures()]
    return Course("signals", tuple(digests), describe(store, "signals"))


USUALS = [
    # what Ada showed week by week (None: not in that lecture); usual presence, happy or surprised, negative
    ([CALM], (None, None, None)),
    ([CALM, None], (None, None, None)),  # the second lecture is not hers
    ([CALM, CALM], (1, 0, 0)),
    ([CALM, SAD], (1, 0, 0.5)),
    ([CALM, "present*60"], (1, None, None)),  # an expression was read in one lecture only
    ([CALM, "happy*10 absent*50"], (70 / 120, 10 / 70, 0)),  # samples are pooled, not lectures
    ([CALM, SAD, "sad*10 present*50"], (1, 0, 0.5)),  # the third was not read well enough to count
]


@pytest.mark.parametrize(("weeks", "expected"), USUALS)
def test_a_usual_takes_two_lectures(
    store: Store, weeks: list[str | None], expected: tuple[float | None, ...]
) -> None:
    teach(store, *({"Bob": CALM} | ({"Ada": spec} if spec else {}) for spec in weeks))
    found = insights.usual(course(store), "Ada")
    assert tuple(found.values()) == pytest.approx(expected)
    for own in insights.own(course(store), "Ada"):
        assert {kind for kind, usual in found.items() if usual is None} <= {
            kind for kind, change in own.change.items() if change is None
        }


CHART = 'id="chart-trend"'
WORDS = {
    "en": (
        "against your usual",
        "Against own usual",
        "Usual (all lectures)",
        "what is usual takes 2 lectures",
    ),
    "de": (
        "gegenüber Ihrem Üblichen",
        "Gegenüber dem Üblichen",
        "Üblich (alle Vorlesungen)",
        "Was üblich ist, zeigen erst 2 Vorlesungen",
    ),
}


@pytest.mark.parametrize("lang", ["en", "de"])
@pytest.mark.parametrize("people", [1, 5])
def test_one_lecture_is_compared_with_nothing(store: Store, tmp_path: Path, lang: str, people: int) -> None:
    teach(store, {f"s{i}": "happy*30 sad*20 absent*10" for i in range(people)})
    pages = read(store, tmp_path / "site", lang=lang)
    yours, own, usual, why = WORDS[lang]
    for words in (yours, own, usual):
        assert not [name for name, text in pages.items() if words in text]
    assert {name for name, text in pages.items() if why in text} >= {"students 0", "handouts 0"}
    for path in (tmp_path / "site").rglob("*.html"):
        assert CHART not in path.read_text("utf-8"), "three dots are no line"


@pytest.mark.parametrize("lang", ["en", "de"])
def test_two_lectures_are(store: Store, tmp_path: Path, lang: str) -> None:
    """Ada is seen in all of both; negative in none of the first and a third of the second: 17 points of 100
    is usual."""
    people = dict.fromkeys(("Ada", "Bob", "Cem", "Dan", "Eve"), CALM)
    teach(store, people, people | {"Ada": "neutral*40 sad*20"})
    pages = read(store, tmp_path / "site", lang=lang, k=5)
    yours, own, usual, why = WORDS[lang]
    assert not [name for name, text in pages.items() if why in text]
    points = {"en": "points", "de": "Punkte"}[lang]
    assert f"−17 {points} {yours}" in pages["handouts 0"]
    assert f"+17 {points} {yours}" in pages["handouts 0"]
    assert own in pages["students 0"]
    assert usual in pages["students 0"]
    drawn = [
        path.parent.name for path in (tmp_path / "site").rglob("*.html") if CHART in path.read_text("utf-8")
    ]
    assert sorted(drawn) == ["site", *["students"] * 5]


@pytest.mark.parametrize(
    ("lang", "said", "not_said"),
    [
        (
            "en",
            "No rule asks for attention in 25 % or more of anybody's recent segments. "
            "There is nothing to compare with yet",
            "No student differs",
        ),
        (
            "de",
            "Bei niemandem schlägt eine Regel in 25 % oder mehr der jüngsten Abschnitte an. "
            "Noch ist nichts zum Vergleichen da",
            "weicht stark",
        ),
    ],
)
def test_who_needs_help_has_no_past_in_the_first_lecture(
    store: Store, tmp_path: Path, lang: str, said: str, not_said: str
) -> None:
    teach(store, dict.fromkeys("ABCDE", CALM))
    story_told = (
        read(store, tmp_path / "site", lang=lang)["index"].split("Segments,")[0].split("Abschnitte,")[0]
    )
    assert said in story_told
    assert not_said not in story_told
