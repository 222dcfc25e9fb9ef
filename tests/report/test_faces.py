"""The most frequent expression of each stretch, and counts per knowledge point; worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sites import read, teach

from fertool.report import data
from fertool.report.data import insights
from fertool.report.data.course import Course, describe
from fertool.report.data.digest import digest
from fertool.report.style import EMOTICONS

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.storage.store import Store

STRETCHES = [
    # 60 s of Ada, so stretches of 5 s: label, samples with it, measured samples, whether a face was seen
    ("happy*60", [("happy", 5, 5, True)] * 12),
    ("happy*3 sad*2 neutral*55", [("happy", 3, 5, True), *[("neutral", 5, 5, True)] * 11]),
    ("absent*5 neutral*55", [(None, 0, 0, False), *[("neutral", 5, 5, True)] * 11]),
    ("present*5 neutral*55", [(None, 0, 0, True), *[("neutral", 5, 5, True)] * 11]),
    ("happy*2 absent*3 neutral*55", [(None, 0, 2, True), *[("neutral", 5, 5, True)] * 11]),  # less than half
    ("happy*3 absent*2 neutral*55", [("happy", 3, 3, True), *[("neutral", 5, 5, True)] * 11]),
    ("sad*2 happy*2 absent*1 neutral*55", [("happy", 2, 4, True), *[("neutral", 5, 5, True)] * 11]),  # a tie
]


@pytest.mark.parametrize(("spec", "expected"), STRETCHES)
def test_stretches_of_a_student(store: Store, spec: str, expected: list[tuple]) -> None:
    teach(store, {"Ada": spec})
    rows = digest(data.load(store, "signals", "week 1")).faces["Ada"]
    assert [(one.label, one.n, one.measured, one.seen) for one in rows] == expected
    assert [(one.start_s, one.end_s) for one in rows] == [(5.0 * i, 5.0 * i + 5) for i in range(12)]


@pytest.mark.parametrize(("n", "k", "shown"), [(5, 5, True), (4, 5, False), (12, 5, True), (2, 1, True)])
def test_the_class_is_held_back_where_it_is_too_small(store: Store, n: int, k: int, shown: bool) -> None:
    teach(store, {f"s{i}": "happy*60" for i in range(n)})
    rows = digest(data.load(store, "signals", "week 1", k)).faces[None]
    assert {(one.label, one.n, one.suppressed) for one in rows} == (
        {("happy", 5 * n, None)} if shown else {(None, 0, "few")}
    )


def test_without_expressions_there_are_none(store: Store) -> None:
    teach(store, {"Ada": "happy*60"}, policy="behaviour")
    assert digest(data.load(store, "signals", "week 1")).faces == {}


@pytest.mark.parametrize(
    ("lang", "happy", "absent"), [("en", "happy", "not seen"), ("de", "fröhlich", "nicht gesehen")]
)
def test_a_sign_has_words_and_what_was_not_seen_has_none(
    store: Store, tmp_path: Path, lang: str, happy: str, absent: str
) -> None:
    teach(store, {"Ada": "happy*30 absent*30"})
    read(store, tmp_path / "site", k=5, lang=lang)
    for folder in ("students", "lectures"):
        (path,) = (tmp_path / "site" / folder).glob("*.html")
        page = path.read_text(encoding="utf-8")
        assert page.count(EMOTICONS["happy"]) == page.count(f'role="img" aria-label="{happy}"') == 6
        assert page.count(f'<span class="hidden"> {absent}</span>') == 6


def test_counts_per_knowledge_point(store: Store) -> None:
    """Two lectures of 60 s in two parts: sampling is sad for 10 s in each, aliasing happy for 30 s in one."""
    teach(
        store,
        {"Ada": "sad*10 neutral*20 happy*30"},
        {"Ada": "sad*10 absent*50"},
        points=("sampling", "aliasing"),
    )
    digests = tuple(digest(data.load(store, *pair)) for pair in store.lectures())
    rows = insights.by_point(Course("signals", digests, describe(store, "signals")), "Ada")
    names = ("point", "samples", "present", "measured", "positive", "negative")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("sampling", 60, 40, 40, 0, 20),
        ("aliasing", 60, 30, 30, 30, 0),
    ]
    assert [[segment["title"] for _, segment in row["places"]] for row in rows] == [
        ["part 1"] * 2,
        ["part 2"] * 2,
    ]
