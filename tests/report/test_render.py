"""The whole site: what is on its pages, and what is not."""

from __future__ import annotations

import importlib
import itertools
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fertool.errors import FertoolError
from fertool.report import ReportOptions, i18n, pages, render
from fertool.report.render import MARKER
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline
from fertool.types import EMOTIONS

VOID = {"meta", "link", "br", "input", "img"}
SAY = i18n.load("en")
render_module = importlib.import_module("fertool.report.render")
"""`fertool.report.render` is the function of that name."""


class Page(HTMLParser):
    """Elements, text, ids, links and scripts of a page; complains about unbalanced tags."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"}:
            return
        self.words.append(data)
        if any(re.fullmatch("h[1-6]", tag) for tag in self.open):
            level, text = self.headings[-1]
            self.headings[-1] = (level, (text + data).strip())

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def values(self, *names: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags for name in names if name in attrs]


@pytest.fixture(scope="module")
def html(site: Path) -> dict[str, Page]:
    """Every page, parsed."""
    return {str(path.relative_to(site)): Page(path.read_text("utf-8")) for path in site.rglob("*.html")}


def one(html: dict[str, Page], word: str) -> Page:
    """The page of a lecture, or another one when a folder is named."""
    (page,) = (
        page
        for path, page in html.items()
        if word in (path if "/" in word else path.split("/")[-1])
        and ("/" in word or path.startswith("lectures/") or "/" not in path)
    )
    return page


# --- the site as a whole ----------------------------------------------------------------------


def test_files_of_a_site(site: Path) -> None:
    files = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assets = {f"assets/{name}" for name in ("report.css", *render_module.STATIC.values())}
    folders: dict[str, int] = {}
    for path in files - assets - {"index.html", "method.html", MARKER}:
        folder, name = path.split("/")
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+){0,2}\.html", name)
        folders[folder] = folders.get(folder, 0) + 1
    # two courses; four lectures of 2, 1, 1 and 1 segments; four students and two
    assert folders == {"courses": 2, "lectures": 4, "segments": 5, "students": 6, "handouts": 6}


def test_nothing_comes_from_a_network(html: dict[str, Page], site: Path) -> None:
    inside = (
        r"(\.\./)?((assets|courses|lectures|segments|students|handouts)/[\w.-]+|index\.html|method\.html)"
    )
    for path, page in html.items():
        for address in page.values("src", "href", "action", "srcset", "data", "poster"):
            assert re.fullmatch(rf"({inside})?(#[\w-]+)?|data:,", address), (path, address)
        (policy,) = (tag["content"] for tag in page.all("meta") if tag.get("http-equiv"))
        assert policy
        assert ("default-src" if "handouts" in path else "connect-src") + " 'none'" in policy
    for name in ("report.css", "report.js"):
        own = (site / "assets" / name).read_text("utf-8")
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttp", own)


def test_every_link_leads_somewhere(html: dict[str, Page], site: Path) -> None:
    for path, page in html.items():
        ids = page.values("id")
        assert len(ids) == len(set(ids)), "ids are unique"
        for address in page.values("src", "href"):
            if address.startswith("data:"):
                continue
            file, _, place = address.partition("#")
            target = (site / path).parent.joinpath(file).resolve() if file else site / path
            assert target.is_file()
            if place:
                assert place in html[str(target.relative_to(site.resolve()))].values("id")
        for target in page.values("aria-labelledby", "data-chart"):
            assert target in ids


def test_no_inline_handlers_styles_or_scripts(html: dict[str, Page]) -> None:
    for page in html.values():
        for tag, attrs in page.tags:
            assert not [name for name in attrs if name.startswith("on") or name == "style"], tag
        assert all("src" in tag or tag.get("type") == "application/json" for tag in page.all("script"))


def test_plotly_is_there_once_and_only_pages_with_charts_load_it(html: dict[str, Page], site: Path) -> None:
    assert len(list(site.rglob("plotly*.js"))) == 1
    for page in html.values():
        assert bool(page.values("data-chart")) == any(
            "plotly" in (tag.get("src") or "") for tag in page.all("script")
        )
    assert "MIT License" in (site / "assets" / "LICENSE-plotly.js.txt").read_text("utf-8")


def test_headings_are_in_order_and_pages_have_a_language(html: dict[str, Page]) -> None:
    for page in html.values():
        levels = [level for level, _ in page.headings]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        assert page.all("html")[0]["lang"] == "en"
        assert len(page.all("title")) == len(page.all("main")) == 1


def test_wide_tables_can_be_reached_by_keyboard(html: dict[str, Page]) -> None:
    for page in html.values():
        regions = [tag for tag in page.all("div") if tag.get("class") == "scroll"]
        assert all(tag["tabindex"] == "0" and tag["role"] == "group" and tag["aria-label"] for tag in regions)
        assert all(tag.get("scope") in {"row", "col"} for tag in page.all("th"))


def test_every_chart_has_a_name_and_a_table_with_its_figures(html: dict[str, Page]) -> None:
    for path, page in html.items():
        for chart in (tag for tag in page.all("div") if "data-chart" in tag):
            assert chart["role"] == "img", path
            assert "the same figures are in the table" in (chart["aria-label"] or "")
        parts: list[set[str]] = [set()]
        for name, attrs in page.tags:
            if name == "section":
                parts.append(set())
            parts[-1].add("chart" if "data-chart" in attrs else name)
        assert all("table" in part for part in parts if "chart" in part), path


def test_limits_are_on_every_page(html: dict[str, Page]) -> None:
    for page in html.values():
        assert "Expressions are not feelings." in page.text
        assert "never taken as neutral or as disengaged" in page.text


# --- courses ----------------------------------------------------------------------------------


def test_the_index_lists_courses(html: dict[str, Page]) -> None:
    page = one(html, "index")
    assert [text for level, text in page.headings if level == 2] == [
        "2 courses",
        "What these figures are not",
    ]
    # Where it was lost, who needs help, the latest lecture, lectures, students
    assert re.search(r" signals +Lost moments need expressions.* Ada +slides only +3 +4 ", page.text)


def test_one_course_alone_is_the_index(full_store: Store, tmp_path: Path) -> None:
    folder = render(full_store, tmp_path / "out", "signals", options=ReportOptions(k=1)).parent
    page = Page((folder / "index.html").read_text("utf-8"))
    assert page.headings[0] == (1, "signals")
    assert not (folder / "courses").exists()


def test_a_course_begins_with_the_story(html: dict[str, Page]) -> None:
    page = one(html, "courses/signals")
    told = [text for level, text in page.headings if level == 2]
    assert told[:3] == [SAY("story.lost"), SAY("story.help"), SAY("story.next")]
    assert re.search(r"sampling +– +0:02:00 +4 +92 % \(\d+ to 100 %\) n = 480", page.text)
    assert re.search(r"slides only +– +0:01:30 +0 +no student seen", page.text)
    assert re.search(r"by policy +– +0:01:00 +1 +100 % +n = 60 +not computed \(policy behaviour\)", page.text)


# --- a lecture --------------------------------------------------------------------------------


def test_key_figures(html: dict[str, Page]) -> None:
    text = one(html, "signals.sampling").text
    assert re.search(r"0:02:00, 4 students\.", text)
    assert re.search(r"Seen +92 % \(\d+ to 100 %\) +n = 480", text)
    assert re.search(r"Happy or surprised +36 % \(\d+ to \d+ %\) +n = 420", text)
    assert re.search(r"Expression read +87\.5 % +n = 480", text)


def test_the_table_of_students(html: dict[str, Page]) -> None:
    text = one(html, "signals.sampling").text
    seen = r"Ada +75\.0 % +\(90 of 120\) +75\.0 % +\(90 of 120\) +75\.0 % +\(90 of 120\) +neutral, 66\.7 %"
    assert re.search(seen, text)
    assert re.search(r"Bob +91\.7 % +\(110 of 120\) +41\.7 % +\(50 of 120\)", text)  # seen, head pose


def test_the_heat_map_has_students_and_segments(html: dict[str, Page]) -> None:
    """Ada: neutral, then half a minute happy and half a minute away."""
    page = one(html, "signals.sampling")
    assert [tag["value"] for tag in page.all("input")] == ["lost", "presence", "engagement", "negative"]
    tables = (
        page.text.split(SAY("heat.show"))[1]
        .split("Learning effect")[0]
        .split("Student 1 Welcome 2 <b>Quiz</b> All")
    )
    rows = [re.search(r"Ada +(\S+) +(\S+) +(\S+)", table).groups() for table in tables[1:]]  # type: ignore[union-attr]
    assert rows == [("0", "50", "25"), ("100", "50", "75"), ("0", "100", "33"), ("0", "0", "0")]


def test_gaps_are_called_not_measurable(site: Path) -> None:
    (path,) = (site / "students").glob("signals.ada*")
    (table,) = re.findall(r'aria-label="Means over sampling".*?</table>', path.read_text("utf-8"), re.DOTALL)
    assert table.count("not measurable") == 2  # the last 24 s, in bins of 16 s
    assert re.search(r"0:01:04</th><td>16/16</td>.*?(<td>0.05</td>){3}<td>0.70", table)


def test_assessments_stand_with_segment_and_student(html: dict[str, Page]) -> None:
    segment = one(html, "segments/signals.sampling.1")
    assert re.search(r"Ada +time with the face seen +: 50.%, <b>Half</b>", segment.text)
    assert re.search(r"The class .*info +12.% +Happy\.", segment.text)
    student = one(html, "students/signals.bob").text
    seen = r"time with the face seen higher is better ↑ – – not measurable"
    assert re.search(rf"Rule Welcome <b>Quiz</b> whole lecture {seen}", student)
    negative = r"not negative higher is better ↑ 75.% \(50 to 88.%\) – –"
    assert re.search(negative, one(html, "students/signals.ada").text)
    lecture = one(html, "signals.sampling").text
    assert re.search(r"Ada +1 rule asks for attention", lecture)
    assert "Nothing asks for attention of Bob" in lecture
    assert "No rule has judged" in one(html, "slides-only").text


def test_coverage(html: dict[str, Page]) -> None:
    text = one(html, "signals.sampling").text
    assert re.search(r"Samples with at least one face +100\.0 % +\(120 of 120\)", text)
    assert re.search(r"Students seen, over all samples +91\.7 % +\(440 of 480\)", text)
    assert re.search(r"Head pose measured +79\.2 % +\(380 of 480\)", text)
    assert re.search(r"Expression read +87\.5 % +\(420 of 480\)", text)
    assert "the file is cut off" in text


def test_where_it_comes_from(html: dict[str, Page], full_store: Store) -> None:
    text = one(html, "method").text
    run = next(row for row in full_store.runs().iter_rows(named=True) if row["lecture"] == "sampling")
    for value in (run["sha256"], run["run"], "synthetic 1", "every 1s", "120 of 120 planned"):
        assert value in text
    assert re.search(r"fertool analyze \S+lecture\.mp4 --course signals --lecture sampling --detector", text)
    assert re.search(r"ssd <1> +options: +a = <x> +weights: w +ff", text)


# --- other words --------------------------------------------------------------------------------


def test_a_report_in_german(full_store: Store, tmp_path: Path) -> None:
    folder = render(full_store, tmp_path / "out", "signals", options=ReportOptions(lang="de", k=1)).parent
    pages_ = [Page(path.read_text("utf-8")) for path in folder.rglob("*.html")]
    assert {page.all("html")[0]["lang"] for page in pages_} == {"de"}
    text = " ".join(page.text for page in pages_)
    assert "Wo die Klasse verloren ging" in text
    assert re.search(r"91,7 % +\(440 von 480\)", text)
    english = {
        value
        for key, value in SAY.strings.items()
        if len(value) > 40 and "{" not in value and "<" not in value
    }
    assert not [value for value in english if value in text]
    assert render_module.written_in(folder) == "de"


def test_a_language_that_does_not_ship(full_store: Store, tmp_path: Path) -> None:
    with pytest.raises(FertoolError, match="--lang xx: no such language"):
        render(full_store, tmp_path / "out", options=ReportOptions(lang="xx", k=1))


# --- nothing there ----------------------------------------------------------------------------


def test_no_face_is_said_plainly(html: dict[str, Page]) -> None:
    page = one(html, "slides-only")
    assert "No face was found in 90 samples." in page.text
    assert "data-chart" not in {name for _, attrs in page.tags for name in attrs}
    assert "neutral" not in page.text.split("What these figures are not")[0].replace("neither as neutral", "")
    assert re.search(r"Expression read +not measurable", page.text)


def test_behaviour_shows_no_expression_and_says_why(html: dict[str, Page]) -> None:
    page = one(html, "by-policy")
    assert "Expression was not computed" in page.text
    assert "Article 5(1)(f)" in page.text
    assert page.values("data-chart") == ["data-timeline", "data-presence"]
    assert "Head pose" in page.text


def test_behaviour_holds_on_every_page(full_store: Store, tmp_path: Path) -> None:
    folder = render(full_store, tmp_path / "out", "signals", "by policy", options=ReportOptions(k=1)).parent
    words = {*EMOTIONS, "Negative", "Happy"} - {"neutral"}
    for path in folder.rglob("*.html"):
        page = Page(path.read_text("utf-8"))
        assert "behaviour" in page.text, path
        told = page.text.split("What these figures are not")[0]
        told = told.split("Formulas of the rules")[0]
        assert not [word for word in words if re.search(rf"\b{word}\b", told)], path
        assert not [word for word in page.values("data-emotion", "data-label") if word in words], path


def test_faces_that_belong_to_nobody(store: Store, tmp_path: Path) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*5 absent*5")})
    with store.database.transaction() as con:
        con.execute("UPDATE tracks SET student = NULL")
    folder = render(store, tmp_path / "out", options=ReportOptions(k=1)).parent
    page = Page((folder / "lectures" / "c.l.html").read_text("utf-8"))
    assert "Faces were found in 5 of 10 samples, but there is nobody to report on." in page.text
    assert re.search("Faces that belong to no student +5", page.text)


def test_a_run_without_classifier(store: Store, tmp_path: Path) -> None:
    store_lecture(store, "c", "l", {"A": timeline("present*5")}, config={"classifier": None})
    folder = render(store, tmp_path / "out", options=ReportOptions(k=1)).parent
    page = Page((folder / "lectures" / "c.l.html").read_text("utf-8"))
    assert "No expression could be reported:" in page.text
    assert "Expression was not computed" not in page.text
    assert re.search("Classifier +none", Page((folder / "method.html").read_text("utf-8")).text)


@pytest.mark.parametrize(
    "config", ["{}", '{"detector": {"options": [1], "weights": null}, "every": null}', '{"detector": "ssd"}']
)
def test_missing_keys_in_the_configuration(store: Store, tmp_path: Path, config: str) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*5")})
    with store.database.transaction() as con:
        con.execute("UPDATE runs SET config = $c, notes = NULL", {"c": config})
    folder = render(store, tmp_path / "out", options=ReportOptions(k=1)).parent
    page = Page((folder / "method.html").read_text("utf-8"))
    assert "every (not recorded)" in page.text
    assert "5 of 5 planned samples" in page.text


# --- names ------------------------------------------------------------------------------------


def test_names_are_shown_literally(html: dict[str, Page]) -> None:
    page = one(html, "script-alert")
    assert page.headings[0] == (1, "</script><img src=x onerror=alert(1)> 🎓/week's")
    for name in (
        '<script>alert("course")</script> & "x"/../..',
        '<script>alert("student")</script>',
        "</td> <b>Zoë</b> 🦊",
    ):
        assert name in page.text
    assert "<script>note</script>" in page.text
    assert "a b;$(rm) '🎬'<i>.mp4" in one(html, "method").text
    for page in html.values():
        assert not page.all("img")
        assert not page.all("i")
        assert not [tag for tag in page.all("script") if tag.get("src") is None and "type" not in tag]


NAMES = ["../../up", "/abs", "a/b", "a-b", "A-B", "..", ".", "", "con", "🎓", "🦊", "x" * 300, "a.b", "a\0b"]


def test_paths_are_plain_and_never_collide_even_without_case() -> None:
    pairs = [(course, lecture) for course in NAMES for lecture in NAMES]
    site = pages.Site(pairs, SAY)
    paths = {site.lecture_path(*pair) for pair in pairs}
    assert len(paths) == len(pairs)
    assert all(re.fullmatch(r"lectures/[a-z0-9-]{1,60}\.[a-z0-9-]{1,60}\.html", path) for path in paths)


def test_pages_never_leave_the_folder(store: Store, tmp_path: Path) -> None:
    names = ["../../up", "/abs", "a/b", "..", "x" * 300]
    for name in names:
        store_lecture(store, name, name, {"A": timeline("happy*2")})
    folder = render(store, tmp_path / "deep" / "out", options=ReportOptions(k=1)).parent
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "fertool.duckdb"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"out"}
    assert len(list((folder / "lectures").iterdir())) == len(names)


def test_a_file_name_that_is_not_unicode(store: Store, tmp_path: Path) -> None:
    site = pages.Site([("c", "l\udcff")], SAY)
    assert site.lecture_path("c", "l\udcff").startswith("lectures/c.l-")


# --- size and weight --------------------------------------------------------------------------


def test_an_hour_of_thirty_students_stays_small(store: Store, tmp_path: Path) -> None:
    spec = " ".join(f"{EMOTIONS[i % 7]}*7 absent*2 present*1" for i in range(360))
    hour = timeline(spec)
    store_lecture(store, "c", "l", {f"student-{i:02d}": hour for i in range(30)})
    folder = render(store, tmp_path / "out", options=ReportOptions(k=1)).parent
    whole = sum(path.stat().st_size for path in folder.rglob("*.html"))
    assert whole < 1_700_000  # half of it stands once in a course; tests/bench/report.py weighs a whole one
    assert len(list((folder / "students").iterdir())) == 30


def test_the_report_needs_neither_video_nor_nets() -> None:
    code = "import sys, fertool.report; print(*sorted({'cv2', 'torch', 'av', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
