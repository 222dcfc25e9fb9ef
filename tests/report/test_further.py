"""A report on labels beyond the seven: on every page, in both languages, as the seven are."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import pages, read, teach

from fertool.report import ReportOptions, data, groups, render
from fertool.report.charts import classes
from fertool.report.data.course import Course, describe
from fertool.report.data.digest import Digest, digest
from fertool.report.exports import tables
from fertool.report.i18n import load
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

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
        render(store, folder / lang, options=ReportOptions(lang=lang, k=1))
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
    out = render(store, tmp_path / "out", options=ReportOptions(k=1)).parent
    for path in [*out.rglob("*.html"), out / "assets" / "report.css"]:
        assert "label-contempt" not in path.read_text("utf-8")


# --- two classifiers ------------------------------------------------------------------------------


def mixed(store: Store, k: int = 1) -> Digest:
    """A lecture of three webcams: a classifier of nine labels read Ada and Bob, one of seven Cem."""
    for name, spec, further in (
        ("Ada", "contempt*30 neutral*30", NINE),
        ("Bob", "neutral*60", NINE),
        ("Cem", "happy*60", ()),
    ):
        table = timeline(spec, further=further)
        store_lecture(store, "signals", "mixed", {name: table}, recording_name=f"{name}.mp4")
    return digest(data.load(store, "signals", "mixed", k))


def test_a_share_is_of_the_samples_in_which_the_label_was_looked_for(store: Store) -> None:
    shares = dict(mixed(store).shares)
    found = {label: (shares[label].value, shares[label].n, shares[label].people) for label in shares}
    assert found["contempt"] == (30 / 120, 120, 2)
    assert found["confusion"] == (0.0, 120, 2)  # looked for and never shown
    assert found["neutral"] == (90 / 180, 180, 3)
    assert found["happy"] == (60 / 180, 180, 3)


def test_shares_of_different_samples_are_no_parts_of_one_whole(store: Store, tmp_path: Path) -> None:
    one = mixed(store)
    names = classes.bars(one.shares, load("en"))["data"][0]["y"]
    assert names[-3:] == ["neutral", "confusion (n = 120)", "contempt (n = 120)"]
    render(store, tmp_path / "out", options=ReportOptions(k=1))
    page = next((tmp_path / "out" / "lectures").iterdir()).read_text("utf-8")
    assert "chart-shares" in page
    assert "chart-pie" not in page
    found = pages(tmp_path / "out")["lectures 0"]
    assert "neutral 50 % 90 confusion 0 % (n = 120) 0 contempt 25 % (n = 120) 30 " in found
    assert "n = 180 samples of 3 students" in found


def test_whose_classifier_has_no_such_label_has_no_share_of_it(store: Store, tmp_path: Path) -> None:
    mixed(store)
    found = read(store, tmp_path / "out")
    assert "contempt not measurable –" in found["students 2"]  # Cem
    assert "contempt 50 % 30" in found["students 0"]  # Ada


HELD_BACK = [
    # k, why of contempt, why of happy: which could be counted without it
    (2, None, None),
    (3, "few", "subtraction"),
    (4, "few", "few"),  # the class is too small
]


@pytest.mark.parametrize(("k", "contempt", "happy"), HELD_BACK)
def test_a_label_that_few_were_looked_at_for_is_held_back_with_the_others(
    store: Store, k: int, contempt: str | None, happy: str | None
) -> None:
    one = mixed(store, k)
    for segment in (None, 0):
        why = groups.of_labels(one.suppressed, one.labels, segment)
        assert (why["contempt"], why["confusion"], why["happy"]) == (contempt, contempt, happy)
    assert {(it.value is None) for _, it in one.shares} == {happy is not None}
    assert one.holds_back is (happy is not None)
    rows = tables.of_lecture(one)["shares"].filter(label="contempt").to_dicts()
    whole = [row for row in rows if row["segment"] is None]
    shown = {row["student"]: (row["n"], row["measured"], row["held_back"]) for row in whole}
    assert shown[None] == ((None, None, contempt) if contempt else (30, 120, None))
    assert (shown["Ada"], shown["Cem"]) == ((30, 60, None), (0, 0, None))  # hers and his, at any k


def test_a_course_counts_a_label_in_the_lectures_that_looked_for_it(store: Store) -> None:
    teach(store, {"Ada": "happy*60", "Bob": "neutral*60"})
    more = {"Ada": timeline("contempt*60", further=NINE), "Bob": timeline("neutral*60", further=NINE)}
    store_lecture(store, "signals", "week 2", more, recording_name="2.mp4")
    lectures = tuple(digest(data.load(store, "signals", name)) for name in ("week 1", "week 2"))
    course = Course("signals", lectures, describe(store, "signals"))
    shares = {label: (it.value, it.n) for label, it in course.shares}
    assert shares["contempt"] == (60 / 120, 120)
    assert shares["happy"] == (60 / 240, 240)
    own = {label: (it.value, it.n) for label, it in course.shares_of("Ada")}
    assert (own["contempt"], own["happy"]) == ((1.0, 60), (0.5, 120))
