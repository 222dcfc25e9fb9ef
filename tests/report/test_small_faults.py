"""Words that were missing or odd on pages, each once, English and German."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sites import pages, teach

from fertool.report import ReportOptions, render
from fertool.storage.store import Store

if TYPE_CHECKING:
    from pathlib import Path

WEEKS = (
    {"Ann": "happy/down*40", "Bob": "neutral*40"},
    {"Ann": "sad/down*20 absent*20", "Bob": "neutral*20 absent*20"},
)
"""Seen in all samples of the first lecture, in half of those of the second: -50 points of two students."""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Language -> folder of a report on two lectures, one of them named after its day."""
    folder = tmp_path_factory.mktemp("small")
    store = teach(Store(folder / "x.duckdb"), *WEEKS)
    with store.database.transaction() as con:
        con.execute("UPDATE recordings SET name = '2026-10-05 talk.mp4' WHERE lecture = 'week 1'")
    return {
        lang: render(store, folder / lang, options=ReportOptions(lang=lang, k=1)).parent
        for lang in ("en", "de")
    }


SAID = [
    # page, English, German
    ("index", "week 1 2026-10-05 (from the name)", "week 1 2026-10-05 (aus dem Namen)"),
    ("lectures 0", "2026-10-05 (from the name), 0:00:40", "2026-10-05 (aus dem Namen), 0:00:40"),
    # two people are too few to tell a change from chance: that it is "no clear change" is not said
    (
        "index",
        "Seen 50 % 100 % before too few students to tell from chance: −50 points n = 2 students",
        "Gesehen 50 % vorher 100 % zu wenige Studierende, um es von Zufall zu unterscheiden: −50 Punkte",
    ),
    # which line of the head's pose is which
    ("students 0", "Head up (+) or down (−) Head right (+) or left (−)", "Kopf oben (+) oder unten (−) Kopf"),
    # what the law says also where expressions were computed
    *(
        (
            page,
            "prohibited, but for medical or safety reasons (AI Act, Article 5(1)(f))",
            "Artikel 5 Absatz 1 Buchstabe f)",
        )
        for page in ("index", "lectures 0", "segments 0", "students 0", "handouts 0")
    ),
]


@pytest.mark.parametrize("lang", ["en", "de"])
@pytest.mark.parametrize(("page", "english", "german"), SAID)
def test_the_words(sites: dict[str, Path], lang: str, page: str, english: str, german: str) -> None:
    text = pages(sites[lang])[page]
    assert {"en": english, "de": german}[lang] in text


def test_a_change_of_two_students_is_not_called_none(sites: dict[str, Path]) -> None:
    assert "no clear change" not in pages(sites["en"])["index"]
    assert "keine klare Änderung" not in pages(sites["de"])["index"]


ODD = (
    "Said of the whole course",
    "against the own past",
    "needs nothing more",
)


def test_nothing_odd_is_said(sites: dict[str, Path]) -> None:
    assert not {(page, words) for page, text in pages(sites["en"]).items() for words in ODD if words in text}


def test_reasons_are_read_whole_on_a_phone(sites: dict[str, Path], browser: Any) -> None:
    """The column of reasons beside that of names, both within 360 px, without scrolling the table."""
    tab = browser.new_page(viewport={"width": 360, "height": 800})
    tab.goto((sites["en"] / "index.html").as_uri())
    cells = tab.eval_on_selector_all(
        ".people td.prose",
        "all => all.map(it => [it.getBoundingClientRect().right, it.scrollWidth - it.clientWidth])",
    )
    tab.close()
    assert len(cells) == 2
    assert all(right <= 360 and hidden == 0 for right, hidden in cells)
