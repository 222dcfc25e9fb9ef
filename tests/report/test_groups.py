"""Figures of the class about too few students: what a report holds back, what it says instead, and that all
pages, charts, tables and files agree."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from sites import read, teach, text

from fertool.report import ReportOptions, data, groups, render
from fertool.report.charts.base import MIDNIGHT_MS
from fertool.report.data.digest import OUTSIDE, digest
from fertool.storage.store import Store
from fertool.storage.tables import ASSESSMENTS, SEGMENTS, frame
from fertool.testing import store_lecture, timeline

if TYPE_CHECKING:
    from fertool.report.data.digest import Digest

PEOPLE = {
    "ann": timeline("happy*30"),
    "bob": timeline("happy*30"),
    "cam": timeline("sad*20 absent*10"),
    "dan": timeline("absent*10 sad*20"),
}
"""Who is there in each ten seconds: three, four, three."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "x.duckdb")
    parts = [
        {"segment": i, "title": f"part {i}", "start_s": 10.0 * i, "end_s": 10.0 * (i + 1)} for i in range(3)
    ]
    same = {"course": "signals", "lecture": "week 1", "version": "1", "options": "{}", "evidence": "{}"}
    rows = [
        *({"segment": i, "student": None, "message": f"class in part {i}"} for i in range(3)),
        {"segment": None, "student": None, "message": "whole class"},
        {"segment": None, "student": None, "message": "a stretch", "start_s": 22.0, "end_s": 30.0},
        {"segment": 0, "student": "ann", "message": "ann herself"},
    ]
    store_lecture(
        store,
        "signals",
        "week 1",
        PEOPLE,
        segments=frame(parts, SEGMENTS),
        assessments=frame([same | {"rule": "r", "value": 0.25} | row for row in rows], ASSESSMENTS),
    )
    return store


def of(store: Store, k: int, **signals: set[str]) -> Digest:
    return digest(data.load(store, "signals", "week 1", k), signals=signals)


# --- what a figure is counted over --------------------------------------------------------------

COUNTED = [
    # the absent count as absent: the figure is about everybody
    ({"presence"}, "samples"),
    ({"presence", "expression"}, "samples"),
    ({"expression"}, "measured"),
    ({"expression", "pose"}, "measured"),
    ({"pose"}, "posed"),
    (set(), "present"),  # nothing is known of the rule
]


@pytest.mark.parametrize(("signals", "expected"), COUNTED)
def test_whom_a_rule_of_the_class_counts(signals: set[str], expected: str) -> None:
    assert groups.counted_over(signals) == expected


SEGMENTS_HELD = [
    # k, counted over, what is held back: three, four and three were seen, all four could be
    (3, "present", {}),
    (4, "present", {0: "few", 2: "few"}),  # two of three students each, together four
    (4, "samples", {}),
    (5, "samples", {None: "few", 0: "few", 1: "few", 2: "few"}),  # the whole class is too small
]


@pytest.mark.parametrize(("k", "counted", "expected"), SEGMENTS_HELD)
def test_segments(store: Store, k: int, counted: str, expected: dict[int | None, str]) -> None:
    found = groups.of_segments(of(store, k).cells, k)[counted]
    assert {part: why for part, why in found.items() if why} == expected


def test_one_small_segment_takes_another_along(store: Store) -> None:
    with store.database.transaction() as con:
        con.execute("DELETE FROM observations WHERE track IN (SELECT track FROM tracks WHERE student = 'dan')"
                    " AND sample >= 20")  # fmt: skip
    found = of(store, 3).suppressed["present"]
    assert found == {None: None, 0: "subtraction", 1: None, 2: "few"}, (
        "two in part 2; part 0 is as small as any"
    )


def test_the_time_outside_of_segments_is_a_part_too(store: Store) -> None:
    """Without part 1, the lecture less parts 0 and 2 would show it: those who are seen in it alone."""
    with store.database.transaction() as con:
        con.execute("DELETE FROM segments WHERE segment = 1")
        con.execute("DELETE FROM observations WHERE sample BETWEEN 10 AND 19 AND track IN"
                    " (SELECT track FROM tracks WHERE student <> 'ann')")  # fmt: skip
    found = of(store, 3).suppressed["present"]
    assert found == {None: None, OUTSIDE: "few", 0: "subtraction", 2: None}


ROWS = [
    # k, signals, messages about the class that are shown
    (1, {}, ["whole class", "a stretch", "class in part 0", "class in part 1", "class in part 2"]),
    (4, {}, ["whole class", "class in part 1"]),  # seen: three in parts 0 and 2, and in the stretch
    (4, {"r": {"presence"}}, ["whole class", "a stretch", *(f"class in part {i}" for i in range(3))]),
    (5, {"r": {"presence"}}, []),
]


@pytest.mark.parametrize(("k", "signals", "shown"), ROWS)
def test_what_rules_say_of_the_class(
    store: Store, k: int, signals: dict[str, set[str]], shown: list[str]
) -> None:
    rows = of(store, k, **signals).assessments
    assert {row["message"] for row in rows if not row["suppressed"]} == {*shown, "ann herself"}


# --- five tiles, three of them black from 0:30 to 1:00 --------------------------------------------

FIVE = {
    "ann": "neutral*90",
    "bob": "happy*20 neutral*70",
    "cam": "neutral*30 absent*30 neutral*30",
    "dan": "neutral*30 absent*30 sad*10 neutral*20",
    "eve": "happy*10 neutral*20 absent*30 neutral*30",
}
LANGUAGES = {
    "en": {
        "moment": "0:00:30 to 0:01:00: 60 % of the class",
        "never": "Never together",
        "subtraction": "held back: with it, a figure of fewer than 5 students could be computed",
        "few": "held back: fewer than 5 students",
        "change": "fertool report --k N sets another limit.",
    },
    "de": {
        "moment": "0:00:30 bis 0:01:00: 60 % der Klasse",
        "never": "Nie gemeinsam",
        "subtraction": "mit ihr ließe sich eine Zahl über weniger als 5 Studierende errechnen",
        "few": "zurückgehalten: weniger als 5 Studierende",
        "change": "fertool report --k N setzt eine andere Grenze.",
    },
}


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return teach(Store(tmp_path_factory.mktemp("db") / "x.duckdb"), FIVE, parts=3)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_all_pages_tell_of_the_same_moment(five: Store, tmp_path: Path, lang: str) -> None:
    """Lost are three of five, a figure of five students; what an expression says there is of two."""
    pages, say = read(five, tmp_path / "site", k=5, lang=lang), LANGUAGES[lang]
    assert not [name for name, shown in pages.items() if say["never"] in shown]
    course, lecture = pages["index"], pages["lectures 0"]
    black, other = pages["segments 1"], pages["segments 0"]
    assert "part 2 week 1 0:00:30" in course, "the card on top names the segment"
    assert say["moment"] in course
    assert re.search(r"week 1 – 0:01:30 5 .*? 1 ", course), "one lost moment in the table"
    assert "0:00:30 " in lecture
    assert "60 %" in lecture
    assert say["moment"] in black
    order = re.findall(r"part (\d) week 1 0:0\d:\d\d –", course)
    assert order[0] == "2", "the most lost first"
    # Happy or surprised, negative: two were read in part 2; part 1 keeps it company.
    assert black.count(say["few"]) >= 2
    assert black.count(say["subtraction"]) == 0
    assert other.count(say["subtraction"]) >= 2
    assert other.count(say["few"]) == 0, "all five were there"
    for page in (course, lecture, black, other):
        assert say["change"] in page


def test_no_lost_moment_is_said_where_the_rule_said_so(tmp_path: Path) -> None:
    store = teach(Store(tmp_path / "x.duckdb"), dict.fromkeys("ABCDE", "neutral*90"))
    for k, expected in ((5, "Never together"), (6, "held back: fewer than 6 students")):
        pages = read(store, tmp_path / f"site{k}", k=k)
        for name in ("index", "lectures 0"):
            assert (expected in pages[name], "Never together" in pages[name]) == (True, k == 5), name


SILENCES = [
    # what was seen in the last of two lectures, and what stands on the course's page of its lost moments
    ({"A": "neutral*90"}, "Lost moments are moments of several students at once; one was seen. week 2"),
    (
        {"A": "present*60 neutral*30", "B": "present*90"},
        "Too little was measured to say where the class was lost. week 2",
    ),
    ({"A": "neutral*90", "B": "neutral*90"}, "stay out of sight. Who needs help"),  # of both lectures
    ({"": "absent*90"}, "No student was seen. week 2"),
]


@pytest.mark.parametrize(("people", "expected"), SILENCES)
def test_why_there_is_no_lost_moment(tmp_path: Path, people: dict[str, str], expected: str) -> None:
    store = teach(Store(tmp_path / "x.duckdb"), dict.fromkeys("AB", "neutral*90"), people)
    assert expected in read(store, tmp_path / "site")["index"]


def test_a_moment_in_no_segment_is_told_as_well(tmp_path: Path) -> None:
    store = teach(Store(tmp_path / "x.duckdb"), FIVE, parts=3)
    with store.database.transaction() as con:
        con.execute("DELETE FROM segments WHERE segment = 1")
    page = read(store, tmp_path / "site")["index"]
    assert "week 1, outside of the segments: 0:00:30 to 0:01:00: 60 % of the class" in page
    assert "Never together" not in page


def test_what_is_held_back_is_not_ranked_last(tmp_path: Path) -> None:
    """In part 2, four of six are seen but not read: of how many were lost, only two are known."""
    people = dict.fromkeys("ABCD", "neutral*30 present*30 neutral*30") | dict.fromkeys("EF", "sad*90")
    pages = read(teach(Store(tmp_path / "x.duckdb"), people, parts=3), tmp_path / "site", k=5)
    ranked, apart = pages["index"].split(
        "Not ranked How much the class was lost in these segments is held back"
    )
    ranked = ranked.rpartition("Segments, the most lost first")[2]
    apart = apart.partition("Students who need attention")[0]
    assert re.findall(r"part (\d) week", apart) == ["1", "2"]  # and one to keep it company
    assert re.findall(r"part (\d) week", ranked) == ["3"]


# --- whole reports ------------------------------------------------------------------------------


def page(store: Store, out: Path, **options: object) -> str:
    """All pages, one behind the other."""
    render(store, out, options=ReportOptions(**{"k": 1, **options}))
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(out.rglob("*.html")))


def test_a_report_on_a_small_class(store: Store, tmp_path: Path) -> None:
    shown = page(store, tmp_path / "site", k=5)
    assert (
        shown.count("Figures about the class are held back:</strong> they would be about fewer than 5") == 5
    )
    own = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "site" / "students").iterdir())
    assert shown.count('id="chart-shares"') == own.count('id="chart-shares"') == 4
    assert 'id="chart-timeline"' not in shown
    assert "share of the class that was seen" not in shown  # the chart of lectures over time
    for i in range(3):
        assert f"class in part {i}" not in shown
    assert "whole class</span></td>" not in shown
    assert "<td>0.25</td>" in shown, "of ann herself"
    assert "n = 120" not in shown, "the samples of the class"


def test_a_report_on_a_class_that_is_large_enough(store: Store, tmp_path: Path) -> None:
    shown = page(store, tmp_path / "site", k=4, retention="180d")
    assert 'id="chart-shares"' in shown
    assert "class in part 1" in shown
    assert "class in part 0" not in shown
    assert "Data are kept for 180d." in shown
    assert "Data are kept" not in page(store, tmp_path / "other")
    assert "held back" not in text(tmp_path / "other" / "index.html"), "k = 1 holds nothing back"


def test_faces_without_consent_are_counted_in_the_coverage(store: Store, tmp_path: Path) -> None:
    assert "Faces without consent" not in page(store, tmp_path / "site")
    with store.database.transaction() as con:
        con.execute("UPDATE samples SET dropped = 2 WHERE sample < 3")
    assert data.load(store, "signals", "week 1").dropped == 6
    shown = page(store, tmp_path / "site")
    assert "Faces without consent: only counted</th><td>6</td>" in shown


def test_nobody_seen_is_no_small_group(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    store_lecture(store, "signals", "slides", {"": timeline("absent*9")})
    lecture = data.load(store, "signals", "slides", 5)
    assert not digest(lecture).small
    assert lecture.samples["faces"].sum() == 0
    assert isinstance(lecture.assessments, pl.DataFrame)


# --- classes of 1 to 12: no figure of the class about fewer than k, anywhere ------------------------

K, SECONDS, PART_S = 5, 90, 30
STATES = (
    # who is what in three parts of half a minute; the class of n students are the first n
    "neutral happy sad",
    "neutral absent neutral",
    "sad present happy",
    "neutral absent absent",
    "happy absent sad",
    "neutral present neutral",
    "absent sad neutral",
    "neutral absent happy",
    "sad sad present",
    "happy neutral absent",
    "neutral absent neutral",
    "absent absent happy",
)
PAGES = {size: 1 if size == 1 else K for size in range(1, 13)}
"""Size of a class -> the fewest students that a figure on its pages is about: one alone is no class."""
OVER = {"presence": (), "engagement": ("absent", "present"), "negative": ("absent", "present")}
"""Figure -> the states in which a student is not counted in it."""


def behind(size: int, figure: str, start_s: float = 0.0, end_s: float = SECONDS) -> set[int]:
    """The students a figure of a stretch of time is counted over, from STATES alone."""
    parts = range(int(start_s // PART_S), -int(-end_s // PART_S))
    return {
        student
        for student in range(size)
        if any(STATES[student].split()[part] not in OVER[figure] for part in parts)
    }


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in all forms on twelve courses, of 1 to 12 students."""
    folder = tmp_path_factory.mktemp("sizes")
    store = Store(folder / "x.duckdb")
    for size in range(1, 13):
        specs = (" ".join(f"{state}*{PART_S}" for state in STATES[i].split()) for i in range(size))
        people = {f"student-{i + 1:02d}": spec for i, spec in enumerate(specs)}
        teach(store, people, course=f"class-{size}", parts=3)
    return render(
        store, folder / "site", options=ReportOptions(k=K, formats=("html", "csv", "xapi", "json"))
    ).parent


@cache
def markup(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def charts(path: Path) -> dict[str, Any]:
    """Name -> figure, as plotly gets it."""
    found = re.findall(r'<script type="application/json" id="data-([\w-]+)">(.*?)</script>', markup(path))
    return {name: json.loads(figure) for name, figure in found}


def figures(path: Path) -> dict[str, str]:
    """The figures on top of a page: name -> what stands there."""
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", markup(path), re.DOTALL)
    names = {"Seen": "presence", "Happy or surprised": "engagement", "Negative": "negative"}
    return {names[name]: figure for name, figure in pairs if name in names}


ALL = range(1, 13)


@pytest.mark.parametrize("size", ALL)
def test_figures_of_lecture_and_segments(sizes: Path, size: int) -> None:
    stretches = {sizes / "lectures": (0.0, SECONDS)}
    for name in ("presence", "engagement", "negative"):
        held = []
        whole = behind(size, name)
        for part, (start, end) in enumerate([(0, SECONDS), (0, 30), (30, 60), (60, 90)]):
            folder = "lectures" if part == 0 else "segments"
            (path,) = (sizes / folder).glob(f"class-{size}.week-1*" + (f".{part - 1}.html" if part else ""))
            people, shown = behind(size, name, start, end), figures(path)[name]
            if 0 < len(people) < PAGES[size]:
                assert "held back: fewer than 5 students" in shown, (path.name, name)
            elif "held back: with it" in shown:
                assert part, "a whole is no company"
            else:
                assert "%" in shown or not people, (path.name, name)
            if part and "held back" in shown:
                held.append(people)
        if held and len(whole) >= PAGES[size]:
            assert len(held) > 1, "one alone would be the lecture less the others"
            assert len(set().union(*held)) >= PAGES[size]
    assert stretches


@pytest.mark.parametrize("size", ALL)
def test_points_of_every_chart_of_the_class(sizes: Path, size: int) -> None:
    names = {"Seen": "presence", "Happy or surprised": "engagement", "Negative": "negative"}
    drawn = 0
    for path in [
        *(sizes / "lectures").glob(f"class-{size}.*"),
        *(sizes / "segments").glob(f"class-{size}.*"),
    ]:
        found = charts(path)
        assert "shares" not in found or len(behind(size, "engagement")) >= PAGES[size]
        for trace in found.get("timeline", {"data": []})["data"]:
            width = trace["dx"] / 1000
            first = (trace["x0"] - MIDNIGHT_MS) / 1000 - width / 2
            for i, value in enumerate(trace["y"]):
                start = first + i * width
                people = behind(size, names[trace["name"]], start, start + width)
                assert value is None or len(people) >= PAGES[size], (path.name, trace["name"], start)
                drawn += value is not None
    assert (drawn > 0) == (size >= PAGES[size])
    (course,) = (sizes / "courses").glob(f"class-{size}.html")
    for chart in charts(course).values():
        assert len(behind(size, "engagement")) >= PAGES[size], "bars and pie are of the whole lecture"
        assert chart["data"]


@pytest.mark.parametrize("size", ALL)
def test_points_and_table_behind_them_are_one(sizes: Path, size: int) -> None:
    for path in (sizes / "lectures").glob(f"class-{size}.*"):
        found = charts(path).get("timeline")
        if found is None:
            assert size < PAGES[size]
            continue
        table = markup(path).split('aria-label="The class over time"')[1].split("</table>")[0]
        rows = [re.findall(r'<td class="num">(.*?)</td>', row, re.DOTALL) for row in table.split("<tr>")[2:]]
        for i, trace in enumerate(found["data"]):
            told = [row[i] for row in rows]
            assert len(told) == len(trace["y"])
            for value, cell in zip(trace["y"], told, strict=True):
                assert (value is None) == ("held back" in cell or "not measurable" in cell), cell
                assert value is None or cell == f"{value}\u00a0%"


@pytest.mark.parametrize("size", ALL)
def test_counts_in_sentences_and_tables(sizes: Path, size: int) -> None:
    """`2 of 4 students`, `up to 3 of 4 negative or away`: of at least k."""
    for path in sizes.rglob(f"*class-{size}.*html"):
        if path.parent.name in ("students", "handouts"):
            continue
        for whole in re.findall(
            r"(?:up to|at most)? ?\d+ of (\d+) (?:students|negative|at once)", text(path)
        ):
            assert int(whole) >= PAGES[size], path.name
        if path.parent.name == "lectures":
            assert ("How often each expression was the most probable one" in text(path)) == (
                len(behind(size, "engagement")) >= PAGES[size]
            )


@pytest.mark.parametrize("size", ALL)
def test_rows_of_files(sizes: Path, size: int) -> None:
    where = pl.col("course") == f"class-{size}"
    tables = {name: pl.read_csv(sizes / "data" / f"{name}.csv", infer_schema_length=None).filter(where)
              for name in ("lectures", "segments", "shares", "assessments")}  # fmt: skip
    enough = size >= K
    assert tables["lectures"]["present"].null_count() == (0 if enough else 1)
    assert tables["lectures"]["held_back"].to_list() == [None if enough else "few"]
    assert tables["segments"]["samples"].null_count() == (0 if enough else 3)
    for row in tables["shares"].filter(pl.col("student").is_null()).iter_rows(named=True):
        part = row["segment"]
        span = (0.0, SECONDS) if part is None else (PART_S * part, PART_S * (part + 1))
        people = behind(size, "engagement", *span)
        assert row["n"] is None or not 0 < len(people) < K, row
        assert (row["n"] is None) == (row["held_back"] is not None)
    of_class = tables["assessments"].filter(pl.col("student").is_null())
    assert enough or of_class["value"].count() == 0
    statements = [one for path in (sizes / "xapi").glob(f"class-{size}.*")
                  for one in json.loads(path.read_text(encoding="utf-8"))]  # fmt: skip
    assert enough or not [one for one in statements if one["actor"]["objectType"] == "Group"]


def test_the_page_of_all_courses(sizes: Path) -> None:
    rows = re.findall(r"class-(\d+)</a>(.*?)</tr>", markup(sizes / "index.html"), re.DOTALL)
    assert {int(size): "held back: fewer than 5" in row for size, row in rows} == {
        n: n < PAGES[n] for n in ALL
    }
