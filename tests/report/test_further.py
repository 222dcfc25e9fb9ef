"""A report on labels beyond the seven: on every page, in both languages, as the seven are."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import pages, read, teach

from fertool.report import render
from fertool.store import Store

NINE = ("confusion", "contempt")
WEEK = {
    "Ada": "contempt*30 neutral*60 absent*30",
    "Bob": "confusion*60 happy*60",
    "Cem": "neutral*120",
}
WORDS = {"en": ("contempt", "confusion", "neutral"), "de": ("verächtlich", "verwirrt", "neutral")}
PAGES = ["index", "lectures 0", "students 0", "handouts 0"]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report in each language, named as that."""
    folder = tmp_path_factory.mktemp("further")
    store = teach(Store(folder / "fertool.duckdb"), WEEK, further=NINE)
    for lang in WORDS:
        render(store, folder / lang, lang=lang)
    return folder


@pytest.mark.parametrize("lang", WORDS)
def test_every_page_that_lists_expressions_lists_all_in_its_language(sites: Path, lang: str) -> None:
    found = pages(sites / lang)
    for page in PAGES:
        for word in WORDS[lang]:
            assert word in found[page], (page, word)
    if lang != "en":
        assert not [page for page in PAGES for word in WORDS["en"][:2] if word in found[page]]


def test_a_name_that_no_language_knows_is_shown_as_it_is(store: Store, tmp_path: Path) -> None:
    teach(store, {"Ada": "not-sure*60 neutral*60"}, further=("not-sure",))
    found = read(store, tmp_path / "out", lang="de")
    assert "not-sure" in found["lectures 0"]
    assert "not-sure" in found["students 0"]


def test_figures_of_a_further_label(sites: Path) -> None:
    """Ada: 30 of 90 contempt. Class: 30 of 330 contempt, 60 of 330 confusion."""
    found = pages(sites / "en")
    assert "neutral 55 % 180 confusion 18 % 60 contempt 9 % 30 " in found["lectures 0"]
    assert "Most frequent expression: neutral, 66.7 %" in found["students 0"]
    # rows of sixteen seconds; in the first the classifier gave contempt .7 and each other label .3 / 8
    first = found["students 0"].split("angry disgust fear happy sad surprise neutral confusion contempt ")[2]
    assert first.startswith("0:00:00 16/16 0° 0° 16 0.04 0.04 0.04 0.04 0.04 0.04 0.04 0.04 0.70 ")


def test_a_rule_has_a_row_for_a_further_label(sites: Path) -> None:
    """Of Ada's first part (60 samples) 30 are contempt; in her second 30 were measured, none of it."""
    page = pages(sites / "de")["students 0"]
    assert "gemessene Zeit mit diesem Ausdruck verächtlich 50 % 0 % –" in page


def test_lines_and_marks_have_their_colors_on_pages_and_sheets(sites: Path) -> None:
    out = sites / "en"
    css = (out / "assets" / "report.css").read_text("utf-8")
    sheet = next((out / "handouts").glob("*ada*")).read_text("utf-8")
    page = next((out / "students").glob("*ada*")).read_text("utf-8")
    for name, number in (("label-confusion", 1), ("label-contempt", 2)):
        for text in (css, sheet):
            assert f":root {{ --{name}: var(--further-{number}); }}" in text
        assert f'class="swatch" data-label="{name}"' in page
        assert f'class="swatch" data-label="{name}"' in sheet
    assert '<path class="label-contempt" d="' in sheet
    assert '<path class="label-confusion" d="' not in sheet  # never probable in her face
    assert '<input type="checkbox" data-emotion="contempt" checked>' in page


def test_a_report_on_the_usual_seven_knows_of_no_other(store: Store, tmp_path: Path) -> None:
    teach(store, {"Ada": "happy*60 neutral*60"})
    out = render(store, tmp_path / "out").parent
    for path in [*out.rglob("*.html"), out / "assets" / "report.css"]:
        assert "label-contempt" not in path.read_text("utf-8")
