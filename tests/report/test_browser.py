"""The site in a real browser: charts are drawn, nothing is fetched, nothing breaks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

DRAWN = "[...document.querySelectorAll('[data-chart]')].filter(it => it.querySelector('.main-svg')).length"


LOOKS = [(360, "dark"), (1440, "light")]
"""Both widths and both schemes that a page is looked at in."""
OTHER = {"dark": "light", "light": "dark"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Visitor:
    """A tab that notes whatever a page says or asks for, which should be nothing."""

    def __init__(self, browser: Any, width: int = 1280, **settings: Any) -> None:
        self.trouble: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": 800}, **settings)
        self.tab = self.context.new_page()
        self.tab.on("console", lambda message: self.note("console", message.text))
        self.tab.on("pageerror", lambda error: self.note("error", error))
        self.tab.on("dialog", lambda dialog: self.note("dialog", dialog.message))
        self.tab.on("requestfailed", lambda request: self.note("failed", request.url))
        self.tab.on("request", lambda request: self._asked(request.url))

    def note(self, what: str, text: object) -> None:
        self.trouble.append(f"{what}: {text}")

    def _asked(self, url: str) -> None:
        if not url.startswith(("file:", "data:")):
            self.note("asked", url)


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of pages go: FERTOOL_PICTURES, to look at them, else a folder that is thrown away."""
    wanted = os.environ.get("FERTOOL_PICTURES")
    return Path(wanted).resolve() if wanted else tmp_path_factory.mktemp("pictures")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_draws_its_charts_fits_and_can_be_read_by_everybody(
    browser: Any, site: Path, album: Path, width: int, scheme: str
) -> None:
    """Whatever pages there are: nothing sticks out, nothing is said or fetched, axe-core has no complaint."""
    visitor = Visitor(browser, width, color_scheme=scheme, reduced_motion="reduce")
    complaints = []
    for page in pages(site):
        name = page.relative_to(site)
        visitor.tab.goto(page.as_uri())
        scroll_through(visitor.tab)
        charts = visitor.tab.evaluate("document.querySelectorAll('[data-chart]').length")
        visitor.tab.wait_for_function(f"{DRAWN} === {charts}")
        if visitor.tab.evaluate("document.documentElement.scrollWidth") > width:
            complaints.append(f"{name}: wider than {width} px")
        picture = album / f"{name.with_suffix('')}.{width}.{scheme}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        visitor.tab.screenshot(path=picture, full_page=True)
        complaints += [f"{name}: {text}" for text in violations(visitor.tab, RULES)]
        # Of the same page in the other scheme, only colors can differ.
        visitor.tab.emulate_media(color_scheme=OTHER[scheme])
        contrast = violations(visitor.tab, ["color-contrast"])
        complaints += [f"{name}: {OTHER[scheme]}: {text}" for text in contrast]
        visitor.tab.emulate_media(color_scheme=scheme)
        complaints += [f"{name}: {text}" for text in visitor.trouble]
        visitor.trouble.clear()
    visitor.context.close()
    assert complaints == []
    assert len(list(album.rglob(f"*.{width}.{scheme}.png"))) >= len(pages(site))


def violations(tab: Any, rules: list[str]) -> list[str]:
    # What passes is many times as much as what fails, and most of the time goes into writing it down.
    options = {"runOnly": rules, "preload": False, "resultTypes": ["violations"]}
    found = axe.Axe().run(tab, options=options).response["violations"]
    return [f"{one['id']}: {node['target']}" for one in found for node in one["nodes"]]


REACHABLE = """() => [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"]')]
    .filter(it => it.checkVisibility({visibilityProperty: true}) && !it.disabled
        && (it.type !== 'radio' || it.checked))  /* arrow keys reach the others */"""
NUMBERED = (
    f"() => {{ ({REACHABLE})().forEach((it, i) => it.dataset.nth = i); return ({REACHABLE})().length; }}"
)
FOCUSED = """() => {
    const it = document.activeElement;
    const style = getComputedStyle(it);
    const box = it.getBoundingClientRect();
    return {nth: it.dataset.nth, name: it.outerHTML.slice(0, 80),
        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0,
        shown: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight};
}"""


def test_tab_reaches_everything_on_every_page_and_shows_where_it_is(browser: Any, site: Path) -> None:
    visitor = Visitor(browser)
    complaints = []
    for page in pages(site):
        visitor.tab.goto(page.as_uri())
        missed = set(map(str, range(visitor.tab.evaluate(NUMBERED))))
        for _ in range(len(missed)):
            visitor.tab.keyboard.press("Tab")
            at = visitor.tab.evaluate(FOCUSED)
            missed.discard(at["nth"])
            if not at["ring"] or not at["shown"]:
                complaints.append(f"{page.name}: focus cannot be seen on {at['name']}")
        complaints += [f"{page.name}: {len(missed)} cannot be reached"] if missed else []
    visitor.context.close()
    assert complaints == []


def test_the_harness_complains(browser: Any, tmp_path: Path) -> None:
    """So that the tests above can fail."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<img src='https://example.invalid/x.png'><script>console.log(1)</script><p style='color:#eee'>pale"
    )
    visitor = Visitor(browser)
    visitor.tab.goto(page.as_uri())
    visitor.tab.wait_for_load_state("networkidle")
    found = axe.Axe().run(visitor.tab, options={"runOnly": RULES}).response["violations"]
    visitor.context.close()
    assert {"image-alt", "html-has-lang", "color-contrast"} <= {one["id"] for one in found}
    assert {text.split(":")[0] for text in visitor.trouble} >= {"console", "asked", "failed"}


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


@pytest.fixture
def visit(browser: Any, site: Path) -> Iterator[Callable[..., Any]]:
    """Open the page whose path contains a word; at the end nothing may have been said or fetched."""
    visitors: list[Visitor] = []

    def go(word: str, width: int = 1280, **settings: Any) -> Any:
        visitors.append(Visitor(browser, width, **settings))
        (path,) = (path for path in pages(site) if word in path.relative_to(site).as_posix())
        visitors[-1].tab.goto(path.as_uri())
        return visitors[-1].tab

    yield go
    for visitor in visitors:
        visitor.context.close()
    assert [text for visitor in visitors for text in visitor.trouble] == []


def scroll_through(tab: Any) -> None:
    tab.evaluate("""async () => {
        for (let y = 0; y < document.body.scrollHeight; y += 400) {
            scrollTo(0, y);
            await new Promise(done => setTimeout(done, 50));
        }
    }""")


CHARTS = "document.querySelectorAll('[data-chart]').length"


def test_charts_are_drawn_when_they_come_into_view(visit: Callable[..., Any]) -> None:
    tab = visit("students/signals.ada", 360)
    tab.wait_for_function(f"{DRAWN} >= 1")
    assert tab.evaluate(f"{DRAWN} < {CHARTS}")
    scroll_through(tab)
    tab.wait_for_function(f"{DRAWN} === {CHARTS}")


def test_times_are_times(visit: Callable[..., Any]) -> None:
    """Positions on the clock, as plotly understood them."""
    tab = visit("lectures/signals.sampling")
    scroll_through(tab)
    tab.wait_for_selector("#chart-presence .main-svg", timeout=9000)
    ticks = tab.locator("#chart-presence .xtick text").all_text_contents()
    assert ticks[:2] in (["0:00:00", "0:00:10"], ["0:00:00", "0:00:15"], ["0:00:00", "0:00:20"])
    hover = tab.evaluate("document.querySelector('#chart-presence').layout.xaxis.hoverformat")
    assert hover == "%-H:%M:%S"
    step = """() => {
        const edges = [...document.querySelector('#chart-presence').calcdata[0][0].x];
        return edges.slice(1).map((x, i) => x - edges[i]);
    }"""
    assert {round(width) for width in tab.evaluate(step)} == {2000}
    rows = tab.locator("#chart-presence .ytick text").all_text_contents()
    assert rows[::-1] == ["Ada", "Bob", "student-2", "student-10"]  # plotly counts from below


HOVERED = """([id, name, value]) => {
    const it = document.getElementById(id);
    const curveNumber = it.data.findLastIndex(one => one.name === name);
    Plotly.Fx.hover(it, [{curveNumber, pointNumber: it.data[curveNumber].y.indexOf(value)}]);
    return it.querySelector('.hovertext').textContent;
}"""
"""What plotly says at the first point of a line with a value."""


@pytest.mark.parametrize(
    ("page", "chart", "name", "value", "said"),
    [
        # a value at which the axis has a tick, one at which it has none
        ("lectures/signals.sampling", "timeline", "Seen", 100, "100\u00a0%"),
        ("lectures/signals.sampling", "timeline", "Seen", 75, "75\u00a0%"),
        ("students/signals.ada", "trend", "Seen", 100, "100\u00a0%"),
        ("students/signals.ada", "trend", "Seen", 75, "75\u00a0%"),
        ("students/signals.bob", "pose-0", "Head up (+) or down (−)", -25, "−25°"),
    ],
)
def test_a_unit_is_said_once(
    visit: Callable[..., Any], page: str, chart: str, name: str, value: int, said: str
) -> None:
    tab = visit(page)
    scroll_through(tab)
    tab.wait_for_selector(f"#chart-{chart} .main-svg", timeout=9000)
    assert tab.evaluate(HOVERED, [f"chart-{chart}", name, value]) == f"{name} {said}"


@pytest.mark.parametrize("word", ["lectures/signals.sampling", "students/signals.ada"])
def test_an_axis_of_shares_has_three_ticks(visit: Callable[..., Any], word: str) -> None:
    tab = visit(word)
    scroll_through(tab)
    chart = "timeline" if word.startswith("lectures") else "trend"
    tab.wait_for_selector(f"#chart-{chart} .main-svg", timeout=9000)
    ticks = tab.locator(f"#chart-{chart} .ytick text").all_text_contents()
    assert ticks == ["0\u00a0%", "50\u00a0%", "100\u00a0%"]


def test_names_stay_text(visit: Callable[..., Any]) -> None:
    tab = visit("lectures/script-alert")
    scroll_through(tab)
    tab.wait_for_selector("#chart-presence .main-svg", timeout=9000)
    rows = tab.locator("#chart-presence .ytick text").all_text_contents()
    assert set(rows) == {'<script>alert("student"…', "</td> <b>Zoë</b> 🦊"}
    assert tab.locator("img").count() == 0


def test_the_legend_switches_an_expression_off_and_on(visit: Callable[..., Any]) -> None:
    tab = visit("students/signals.ada")
    scroll_through(tab)
    tab.wait_for_function(f"{DRAWN} === {CHARTS}")
    shown = "document.querySelectorAll('#chart-emotions-1 .trace').length"
    before = tab.evaluate(shown)
    box = tab.locator("[data-emotion=happy]")
    box.focus()
    tab.keyboard.press("Space")
    tab.wait_for_function(f"{shown} < {before}")
    box.check()
    tab.wait_for_function(f"{shown} === {before}")


def test_the_heat_map_shows_what_is_chosen(visit: Callable[..., Any]) -> None:
    tab = visit("lectures/signals.sampling")
    assert tab.locator(".heat-lost").is_visible()
    assert not tab.locator(".heat-negative").is_visible()
    tab.get_by_role("radio", name="Negative", exact=True).check()
    assert tab.locator(".heat-negative").is_visible()
    assert not tab.locator(".heat-lost").is_visible()


def test_colors_follow_the_scheme(visit: Callable[..., Any]) -> None:
    tab = visit("lectures/signals.sampling", color_scheme="light")
    bar = "getComputedStyle(document.querySelector('#chart-shares .point path')).fill"
    scroll_through(tab)
    tab.wait_for_selector("#chart-shares .point path", timeout=9000)
    light = tab.evaluate(bar)
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function(f"{bar} !== '{light}'")


def test_printing_draws_everything_in_the_colors_for_paper(visit: Callable[..., Any], tmp_path: Path) -> None:
    tab = visit("lectures/signals.sampling", color_scheme="dark")
    tab.evaluate("""() => addEventListener('beforeprint', () => {
        window.onPaper = getComputedStyle(document.querySelector('#chart-shares .point path')).fill;
    })""")
    tab.pdf(path=tmp_path / "page.pdf", format="A4")
    assert tab.evaluate(f"{DRAWN} === {CHARTS}")
    assert tab.evaluate("onPaper") == "rgb(133, 20, 7)"  # --angry of the light scheme
    assert (
        tab.evaluate("document.querySelectorAll('.main-svg[viewBox]').length") == 0
    )  # the screen is as before


def test_without_javascript_the_tables_are_there(visit: Callable[..., Any]) -> None:
    tab = visit("lectures/signals.sampling", java_script_enabled=False)
    assert tab.locator("noscript p").is_visible()
    assert tab.locator("details table").count() >= 3  # one behind each chart


def test_the_first_tab_leads_to_the_content(visit: Callable[..., Any]) -> None:
    tab = visit("lectures/signals.sampling")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#main")
