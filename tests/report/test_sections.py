"""Sections of plugins: what they are given, what a page shows of their answers, and of those that fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fertool import Chart, Given, Message, Part, PluginError, Prose, Section, Table
from fertool.host import validate
from fertool.host.registry import FoundPlugin, Registry, load_plugins
from fertool.report import ReportOptions, render
from fertool.report.sections import Sections, draw
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

EVIL = "<script>alert(1)</script>"


class Probe(Section):
    """Shows whatever a test wants, and remembers what it was given."""

    name, version, title = "probe", "1", f"Probe {EVIL}"
    pages = frozenset({"course", "lecture", "student"})
    given: list[Given]
    says: Callable[[Given], Any]

    def build(self, given: Given) -> list[Part]:
        type(self).given.append(given)
        return type(self).says(given)


@pytest.fixture
def probe() -> type[Probe]:
    class Mine(Probe):
        given: list[Given] = []  # noqa: RUF012
        says = staticmethod(lambda given: [Prose(f"{EVIL} on {given.page}")])

    return Mine


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("db") / "x.duckdb")
    people = {f"student-{i}": timeline("happy*30 absent*30") for i in range(1, 7)}
    for lecture in ("week 1", "week 2"):
        store_lecture(store, "signals", lecture, people)
    store_lecture(store, "signals", "by policy", people, policy="behaviour")
    store.describe_course(
        "signals", "", [], {"week 1": date(2026, 10, 5), "week 2": date(2026, 10, 12), "by policy": None}
    )
    return store


Site = Callable[..., tuple[dict[str, str], list[str]]]


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Site:
    """A report with these sections: page -> markup, and the failures heard."""

    def write(*sections: type[Section], k: int = 1, lang: str = "en") -> tuple[dict[str, str], list[str]]:
        registry = Registry()
        for section in sections:
            registry.found["section", section.name] = FoundPlugin(section, "test")
        heard: list[str] = []
        out = render(
            store,
            tmp_path / "site",
            options=ReportOptions(registry=registry, k=k, lang=lang, failed=heard.append),
        ).parent
        return {str(p.relative_to(out)): p.read_text(encoding="utf-8") for p in out.rglob("*.html")}, heard

    return write


def test_a_section_stands_on_the_pages_it_names(site: Site, probe: type[Probe]) -> None:
    pages, heard = site(probe)
    having = {name.split("/")[0] for name, text in pages.items() if 'id="section-probe"' in text}
    assert having == {"index.html", "lectures", "students"}
    assert heard == []
    assert not any(EVIL in text for text in pages.values()), "text stays text"


def test_a_page_is_about_what_it_is_about(site: Site, probe: type[Probe]) -> None:
    site(probe)
    for given in probe.given:
        for name, rows in given.tables.items():
            if given.page == "lecture":
                assert set(rows["lecture"]) <= {given.lecture}, name
            if given.page == "student" and "student" in rows.columns:
                assert set(rows["student"]) <= {given.student}, name
    course = next(given for given in probe.given if given.page == "course")
    assert len(course.tables["students"]) == 18


def test_what_it_is_given_is_filtered_already(site: Site, probe: type[Probe]) -> None:
    site(probe, k=10)
    tables = next(given for given in probe.given if given.page == "course").tables
    assert tables["lectures"]["held_back"].to_list() == ["few"] * 3
    assert tables["lectures"]["present"].null_count() == 3
    assert set(tables["shares"]["lecture"]) == {"week 1", "week 2"}, "none of the policy `behaviour`"


def test_nothing_said_is_no_section(site: Site, probe: type[Probe]) -> None:
    probe.says = staticmethod(lambda given: [])
    pages, _ = site(probe)
    assert not any("section-probe" in text for text in pages.values())


def test_one_that_fails_says_so_and_the_others_stand(site: Site, probe: type[Probe]) -> None:
    class Good(Probe):
        name, given = "good", []
        says = staticmethod(lambda given: [Prose("all is well")])

    probe.says = staticmethod(lambda given: 1 / 0)
    pages, heard = site(probe, Good)
    assert heard == [
        "section 'probe' raised in build(): ZeroDivisionError: division by zero "
        "(report it to the plugin's author, or choose another)"
    ]
    assert "raised in build(): ZeroDivisionError" in pages["index.html"]
    assert "all is well" in pages["index.html"]


ROWS = pl.DataFrame({"week": ["a", EVIL], "seen": [0.5, None], "n": [3, 4]})
PARTS = [
    (Table("People", ROWS), ["<td>a</td>", '<td class="num">0.5</td>', '<td class="num">–</td>']),
    (Chart("Seen", ROWS, "week", ("seen",), share=True), ["data-chart", '<td class="num">50', "<details>"]),
    (Chart("Nothing yet", ROWS.clear(), "week", ("seen",)), ["Nothing yet"]),  # no empty drawing
]


@pytest.mark.parametrize(("part", "expected"), PARTS)
def test_parts_on_a_page(site: Site, probe: type[Probe], part: Part, expected: list[str]) -> None:
    probe.says = staticmethod(lambda given: [part])
    page = site(probe)[0]["index.html"].split('aria-labelledby="section-probe"')[1].split("</section>")[0]
    assert [text for text in expected if text not in page] == []
    assert EVIL not in page


def test_a_drawing_has_gaps_percents_and_plain_names() -> None:
    figure = draw(Chart("Seen", ROWS, "week", ("seen", "n"), kind="line", share=False), {})
    assert [trace["y"] for trace in figure["data"]] == [[0.5, None], [3, 4]]
    assert figure["data"][0]["x"] == ["a", "&lt;script&gt;alert(1)&lt;/script&gt;"]
    assert figure["data"][0]["line"]["dash"] != figure["data"][1]["line"]["dash"], "color is not the only cue"
    assert draw(Chart("Seen", ROWS, "week", ("seen",), share=True), {})["data"][0]["y"] == [50, None]


UNFIT = [
    ("text", "a list of Prose, Table and Chart"),
    ([1], "a list of Prose, Table and Chart"),
    ([Prose(3)], "a text or a Message"),  # type: ignore[arg-type]
    ([Table("t", [1])], "a polars table"),  # type: ignore[arg-type]
    ([Table("t", pl.DataFrame({"a": [[1]]}))], "columns of numbers, texts"),
    ([Table("t", pl.DataFrame({"a": range(501)}))], "at most 500 rows"),
    ([Chart("t", ROWS, "day", ("seen",))], "the column 'day'"),
    ([Chart("t", ROWS, "week", ("week",))], "one to 7 columns of numbers"),
    ([Chart("t", ROWS, "week", ())], "one to 7 columns of numbers"),
    ([Chart("t", pl.concat([ROWS, ROWS]), "week", ("n",))], "each value of 'week' once"),
]


@pytest.mark.parametrize(("said", "expected"), UNFIT)
def test_what_breaks_the_contract(probe: type[Probe], said: Any, expected: str) -> None:
    probe.says = staticmethod(lambda given: said)
    with pytest.raises(PluginError, match=expected):
        validate.build(probe(), Given("course", "c", None, None, {}))


def test_options_reach_a_section() -> None:
    registry = load_plugins()
    (made,) = (
        one for one in Sections.of(registry, {"attendance": {"least": 7}}).made if one.name == "attendance"
    )
    assert made.least == 7  # type: ignore[attr-defined]


def test_a_section_speaks_the_language_of_the_page_where_it_can(site: Site, probe: type[Probe]) -> None:
    rows = pl.DataFrame({"week": ["1"], "seen": [0.5], "other": [1.0]})
    probe.title = "Seen"
    probe.words = {"de": {"Seen": "Gesehen", "week": "Woche", "seen": "gesehen", "How {n}": "Wie {n}"}}
    probe.says = staticmethod(
        lambda given: [
            Prose("Not translated"),
            Prose(Message("How {n}", n=0.5)),
            Chart("Seen", rows, "week", ("seen", "other"), share=True),
        ]
    )
    pages, heard = site(probe, lang="de")
    page = next(text for name, text in pages.items() if name.startswith("students/"))
    section = page[page.index('id="section-probe"') :]
    assert section.startswith('id="section-probe">Gesehen</h2>')
    assert '<p><span lang="en">Not translated</span></p>' in section
    assert "<p>Wie 0,5</p>" in section
    assert ">Woche</th>" in section
    assert ">gesehen</th>" in section
    assert '"name":"gesehen"' in section.replace(" ", "")
    assert ">other</th>" in section  # a column may be anybody's name: it stays as it is
    assert heard == []
