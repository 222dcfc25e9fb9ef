"""How sure the classifier was: in words, shares and under the pointer; worked out by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sites import read

from fertool.report import data, i18n
from fertool.report.charts import people
from fertool.report.data import confidence
from fertool.report.data.digest import Digest, digest
from fertool.storage.tables import SEEN, frame
from fertool.testing import store_lecture, timeline
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.storage.store import Store

EN = i18n.load("en")
WORDS = {"en": ["very sure", "fairly sure", "unsure"], "de": ["sehr sicher", "ziemlich sicher", "unsicher"]}


def sure(*blocks: tuple[str, float, int]) -> pl.DataFrame:
    """(expression, its probability, samples): a timeline in which it is the most probable one, one sample a
    second. The others share the rest; `absent` and `present` are not measured."""
    rows = [timeline(f"{state}*{n}").with_columns(_probable(state, at)) for state, at, n in blocks]
    whole = pl.concat(rows)
    return whole.with_columns(time_s=pl.Series(range(len(whole)), dtype=pl.Float64))


def _probable(state: str, at: float) -> list[pl.Expr]:
    if state not in EMOTIONS:
        return []
    others = [pl.lit((1 - at) / 6, pl.Float32).alias(label) for label in EMOTIONS if label != state]
    return [*others, *(pl.lit(at, pl.Float32).alias(name) for name in (state, "confidence"))]


def load(store: Store, k: int = 1, **students: pl.DataFrame) -> Digest:
    store_lecture(store, "signals", "week 1", students)
    return digest(data.load(store, "signals", "week 1", k))


def levels(one: Digest, student: str) -> dict[str, tuple[int, ...]]:
    """Label -> samples at each level, the highest first; labels that never were the most probable are left
    out."""
    (row,) = one.students.filter(student=student).to_dicts()
    found = {label: tuple(row[f"{level}:{label}"] for level in confidence.FROM) for label in one.labels}
    return {label: counts for label, counts in found.items() if any(counts)}


# --- counts -----------------------------------------------------------------------------------

COUNTS: list[tuple[list[tuple[str, float, int]], dict[str, tuple[int, ...]]]] = [
    ([("happy", 0.99, 60)], {"happy": (60, 0, 0)}),
    ([("happy", 0.4, 60)], {"happy": (0, 0, 60)}),
    ([("absent", 0, 30), ("present", 0, 30)], {}),  # not measured is not unsure
    ([("happy", 0.99, 10), ("absent", 0, 50)], {"happy": (10, 0, 0)}),
    # both ends belong to the higher level, also as the database keeps them, in 32 bits
    ([("sad", 0.8, 1), ("sad", 0.7999, 2), ("sad", 0.5, 4), ("sad", 0.4999, 8)], {"sad": (1, 6, 8)}),
    ([("sad", 1.0, 3), ("angry", 0.6, 2), ("sad", 0.2, 1)], {"angry": (0, 2, 0), "sad": (3, 0, 1)}),
]


@pytest.mark.parametrize(("blocks", "expected"), COUNTS)
def test_samples_by_level(
    store: Store, blocks: list[tuple[str, float, int]], expected: dict[str, tuple[int, ...]]
) -> None:
    assert levels(load(store, Ada=sure(*blocks)), "Ada") == expected


def test_students_are_kept_apart_and_a_further_label_is_counted(store: Store) -> None:
    nine = ("confusion", "contempt")
    students = {"Ada": timeline("contempt*6", further=nine), "Bob": timeline("neutral*6", further=nine)}
    one = load(store, **students)
    assert levels(one, "Ada") == {"contempt": (0, 6, 0)}  # a timeline is at 0.7
    assert levels(one, "Bob") == {"neutral": (0, 6, 0)}


samples = st.lists(
    st.none() | st.tuples(st.sampled_from(EMOTIONS), st.floats(0, 1, width=32)), min_size=1, max_size=200
)


@given(samples)
def test_levels_add_up_to_what_was_measured(read: list[tuple[str, float] | None]) -> None:
    rows: list[dict[str, object]] = [
        {
            "time_s": i,
            "present": it is not None,
            **dict(zip(("emotion", "confidence"), it or (), strict=False)),
        }
        for i, it in enumerate(read)
    ]
    seen = frame(rows, SEEN)
    (found,) = seen.select(**confidence.counts(EMOTIONS)).to_dicts()
    for label in EMOTIONS:
        parts = sum(found[f"{level}:{label}"] for level in confidence.FROM)
        assert parts == (seen["emotion"] == label).sum()
    assert sum(found.values()) == seen["emotion"].count()


# --- pages ------------------------------------------------------------------------------------

TABLES = [
    # what is read of Ada -> in how many samples, and the rows of her table: very sure, fairly sure, unsure
    (sure(("happy", 0.99, 60)), 60, ["happy 100.0 % 0.0 % 0.0 %"]),
    (sure(("happy", 0.4, 60)), 60, ["happy 0.0 % 0.0 % 100.0 %"]),
    (
        sure(("happy", 0.9, 12), ("happy", 0.6, 20), ("happy", 0.4, 5), ("sad", 0.6, 63), ("absent", 0, 20)),
        100,
        ["happy 12.0 % 20.0 % 5.0 %", "sad 0.0 % 63.0 % 0.0 %"],
    ),
]


@pytest.mark.parametrize(("seen", "n", "rows"), TABLES)
@pytest.mark.parametrize("k", [1, 5])
def test_the_table_of_a_student(
    store: Store, tmp_path: Path, seen: pl.DataFrame, n: int, rows: list[str], k: int
) -> None:
    """A student's own figures are shown whatever the limit for figures of the class, and only there."""
    store_lecture(store, "signals", "week 1", {"Ada": seen})
    found = read(store, tmp_path / "site", k=k)
    page = found["students 0"]
    assert f"Expression n = {n} very sure fairly sure unsure {' '.join(rows)} Data table" in page
    assert [name for name, said in found.items() if "very sure" in said] == ["method", "students 0"]


@pytest.mark.parametrize(
    ("lang", "happy", "percent"), [("en", "happy", "100.0"), ("de", "fröhlich", "100,0")]
)
def test_words_in_every_language_with_their_limits(
    store: Store, tmp_path: Path, lang: str, happy: str, percent: str
) -> None:
    store_lecture(store, "signals", "week 1", {"Ada": sure(("happy", 0.99, 60))})
    found = read(store, tmp_path / "site", lang=lang)
    page = found["students 0"]
    assert f"{' '.join(WORDS[lang])} {happy} {percent} %" in page
    high, medium, low = WORDS[lang]
    for said in (page, found["method"]):
        assert re.search(rf"[“„]{high}[”“] (from|ab) 80 %( on)?, [“„]{medium}[”“] (from|ab) 50 %", said)
        assert re.search(rf"[“„]{low}[”“]", said)
    assert "Guo et al. 2017" in found["method"]


def test_a_label_that_not_every_classifier_has_stands_with_its_own_n(store: Store, tmp_path: Path) -> None:
    """Sixty samples of a classifier with contempt, then sixty of one without."""
    more, plain = timeline("contempt*60", further=("contempt",)), timeline("happy*60")
    store_lecture(store, "c", "l", {"Ada": more}, recording_name="a.mp4")
    later = plain.with_columns(pl.col("time_s") + 60)
    store_lecture(store, "c", "l", {"Ada": later}, recording_name="b.mp4")
    page = read(store, tmp_path / "site")["students 0"]
    assert (
        "n = 120 very sure fairly sure unsure happy 0.0 % 50.0 % 0.0 % contempt n = 60 0.0 % 100.0 %" in page
    )


def test_every_language_that_ships_is_tested() -> None:
    assert sorted(WORDS) == i18n.available()


def test_a_limit_stands_once(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(confidence.FROM, "high", 0.9)
    one = load(store, Ada=sure(("happy", 0.85, 60)))
    assert levels(one, "Ada") == {"happy": (0, 60, 0)}
    assert people.emotions(one, "Ada", EN)["layout"]["meta"][0] == [90, "very sure"]
    found = read(store, tmp_path / "site")
    for page in ("students 0", "method"):
        assert "“very sure” from 90 % on" in found[page]
        assert "80 % on" not in found[page]


NOTHING: list[tuple[str, dict[str, Any]]] = [
    ("present*30 absent*30", {}),  # no expression could be read
    ("happy*60", {"policy": "behaviour"}),
]


@pytest.mark.parametrize(("spec", "how"), NOTHING)
@pytest.mark.parametrize("lang", WORDS)
def test_without_expressions_no_word_stands_anywhere(
    store: Store, tmp_path: Path, spec: str, how: dict[str, Any], lang: str
) -> None:
    store_lecture(store, "signals", "week 1", {"Ada": timeline(spec)}, **how)
    read(store, tmp_path / "site", lang=lang)
    for path in (tmp_path / "site").rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert [word for word in WORDS[lang] if word in page] == [], path


def test_one_of_two_who_was_never_measured_has_no_table(store: Store, tmp_path: Path) -> None:
    """And the words are explained once, though there are two lectures."""
    for week in ("week 1", "week 2"):
        students = {"Ada": sure(("happy", 0.9, 60)), "Bob": timeline("present*60")}
        store_lecture(store, "signals", week, students)
    found = read(store, tmp_path / "site")
    ada, bob = found["students 0"], found["students 1"]
    assert ada.count("very sure fairly sure unsure happy") == 2
    assert ada.count("how strongly anybody felt it is not measured") == 1
    assert [word for word in WORDS["en"] if word in bob] == []


# --- under the pointer ------------------------------------------------------------------------


def test_the_drawing_brings_the_words(store: Store) -> None:
    figure = people.emotions(load(store, Ada=sure(("happy", 0.9, 60))), "Ada", EN)
    assert figure["layout"]["meta"] == [[80, "very sure"], [50, "fairly sure"], [0, "unsure"]]


POINTED = """async ([name, i]) => {
    const it = document.getElementById("chart-emotions-0");
    await new Promise(done => setTimeout(done, 100));  // plotly leaves out what follows another at once
    Plotly.Fx.hover(it, [{curveNumber: it.data.findLastIndex(one => one.name === name), pointNumber: i}]);
    return it.querySelector(".hovertext").textContent;
}"""
"""What plotly says at a point of a smoothed line."""
SAID = [
    # label, bin, what is said
    ("happy", 5, "happy 90\u00a0%, very sure"),
    ("sad", 5, "sad 2\u00a0%"),  # of the others, none
    ("happy", 25, "happy 60\u00a0%, fairly sure"),
    ("sad", 45, "sad 40\u00a0%, unsure"),
    ("happy", 45, "happy 10\u00a0%"),
]


def test_the_pointer_says_a_word_of_the_highest_line_alone(
    store: Store, tmp_path: Path, browser: Any
) -> None:
    blocks = ("happy", 0.9, 20), ("happy", 0.6, 20), ("sad", 0.4, 20)
    store_lecture(store, "signals", "week 1", {"Ada": sure(*blocks)})
    read(store, tmp_path / "site")
    (page,) = (tmp_path / "site" / "students").glob("*.html")
    tab = browser.new_page()
    tab.goto(page.as_uri())
    tab.locator("#chart-emotions-0").scroll_into_view_if_needed()
    tab.wait_for_selector("#chart-emotions-0 .main-svg")
    assert [tab.evaluate(POINTED, [label, i]) for label, i, _ in SAID] == [said for *_, said in SAID]
    tab.close()
