"""The site in a real browser: charts are drawn, nothing is fetched, nothing breaks."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHROMIUM = os.environ.get("FERTOOL_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine (FERTOOL_CHROMIUM=PATH)")

DRAWN = "[...document.querySelectorAll('[data-chart]')].filter(it => it.querySelector('.main-svg')).length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any, site: Path) -> Iterator[Callable[..., Any]]:
    """Open the page that a pattern fits; at the end nothing may have been said or fetched."""
    trouble: list[str] = []
    contexts = []

    def go(word: str, width: int = 1280, **settings: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **settings)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: trouble.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        tab.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        tab.on("requestfailed", lambda request: trouble.append(f"failed: {request.url}"))
        tab.on(
            "request",
            lambda request: (
                request.url.startswith(("file:", "data:")) or trouble.append(f"asked: {request.url}")
            ),
        )
        (path,) = site.glob(word)
        tab.goto(path.as_uri())
        return tab

    yield go
    for context in contexts:
        context.close()
    assert trouble == []


def scroll_through(tab: Any) -> None:
    tab.evaluate("""async () => {
        for (let y = 0; y < document.body.scrollHeight; y += 400) {
            scrollTo(0, y);
            await new Promise(done => setTimeout(done, 50));
        }
    }""")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
@pytest.mark.parametrize(
    "word",
    [
        "index.html",
        "method.html",
        "courses/signals.html",
        "lectures/signals.sampling.html",
        "lectures/signals.slides-only*",
        "lectures/signals.by-policy*",
        "lectures/script-alert*",
        "segments/signals.sampling.1.html",
        "students/signals.ada*",
        "handouts/signals.bob*",
    ],
)
def test_pages_fit_and_draw_all_charts(
    visit: Callable[..., Any], word: str, width: int, scheme: str, tmp_path: Path
) -> None:
    tab = visit(word, width, color_scheme=scheme)
    scroll_through(tab)
    charts = tab.evaluate("document.querySelectorAll('[data-chart]').length")
    tab.wait_for_function(f"{DRAWN} === {charts}")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width  # no sideways scrolling
    picture = tab.screenshot(path=tmp_path / "page.png", full_page=True)
    assert len(picture) > 10_000


def test_charts_are_drawn_when_they_come_into_view(visit: Callable[..., Any]) -> None:
    tab = visit("lectures/signals.sampling.html", 360)
    tab.wait_for_function(f"{DRAWN} >= 1")
    assert tab.evaluate(DRAWN) < 3
    scroll_through(tab)
    tab.wait_for_function(f"{DRAWN} === 3")


def test_times_are_times(visit: Callable[..., Any]) -> None:
    """Positions on the clock, as plotly understood them."""
    tab = visit("lectures/signals.sampling.html")
    scroll_through(tab)
    tab.wait_for_selector("#chart-presence .main-svg")
    ticks = tab.locator("#chart-presence .xtick text").all_text_contents()
    assert ticks[:2] in (["0:00:00", "0:00:10"], ["0:00:00", "0:00:15"], ["0:00:00", "0:00:20"])
    step = """() => {
        const edges = [...document.querySelector('#chart-presence').calcdata[0][0].x];
        return edges.slice(1).map((x, i) => x - edges[i]);
    }"""
    assert {round(width) for width in tab.evaluate(step)} == {2000}
    rows = tab.locator("#chart-presence .ytick text").all_text_contents()
    assert rows[::-1] == ["Ada", "Bob", "student-2", "student-10"]  # plotly counts from below


def test_names_stay_text(visit: Callable[..., Any]) -> None:
    tab = visit("lectures/script-alert*")
    scroll_through(tab)
    tab.wait_for_selector("#chart-presence .main-svg")
    rows = tab.locator("#chart-presence .ytick text").all_text_contents()
    assert set(rows) == {'<script>alert("student"…', "</td> <b>Zoë</b> 🦊"}
    assert tab.locator("img").count() == 0


def test_the_legend_switches_expressions(visit: Callable[..., Any]) -> None:
    tab = visit("students/signals.ada*")
    scroll_through(tab)
    tab.wait_for_function(f"{DRAWN} === 4")  # two lectures, one without expressions
    shown = "document.querySelectorAll('[id^=chart-emotions] .trace').length"
    assert tab.evaluate(shown) == 14
    box = tab.locator("[data-emotion=happy]")
    box.focus()
    tab.keyboard.press("Space")
    tab.wait_for_function(f"{shown} === 12")
    tab.locator("[data-raw]").uncheck()
    assert tab.evaluate(shown) == 6
    box.check()
    assert tab.evaluate(shown) == 7


def test_the_heat_map_shows_what_is_chosen(visit: Callable[..., Any]) -> None:
    tab = visit("lectures/signals.sampling.html")
    assert tab.locator(".heat-lost").is_visible()
    assert not tab.locator(".heat-negative").is_visible()
    tab.get_by_role("radio", name="Negative", exact=True).check()
    assert tab.locator(".heat-negative").is_visible()
    assert not tab.locator(".heat-lost").is_visible()


def test_colours_follow_the_scheme(visit: Callable[..., Any]) -> None:
    tab = visit("lectures/signals.sampling.html", color_scheme="light")
    bar = "getComputedStyle(document.querySelector('#chart-shares .point path')).fill"
    scroll_through(tab)
    tab.wait_for_selector("#chart-shares .point path")
    light = tab.evaluate(bar)
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function(f"{bar} !== '{light}'")


def test_printing_draws_everything_in_the_colours_for_paper(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    tab = visit("lectures/signals.sampling.html", color_scheme="dark")
    tab.evaluate("""() => addEventListener('beforeprint', () => {
        window.onPaper = getComputedStyle(document.querySelector('#chart-shares .point path')).fill;
    })""")
    tab.pdf(path=tmp_path / "page.pdf", format="A4")
    assert tab.evaluate(DRAWN) == 3
    assert tab.evaluate("onPaper") == "rgb(133, 20, 7)"  # --angry of the light scheme
    assert (
        tab.evaluate("document.querySelectorAll('.main-svg[viewBox]').length") == 0
    )  # the screen is as before


def test_without_javascript_the_tables_are_there(visit: Callable[..., Any]) -> None:
    tab = visit("students/signals.ada*", java_script_enabled=False)
    assert tab.locator("noscript p").is_visible()
    assert tab.locator("table").count() >= 4


def test_the_keyboard_reaches_content_and_tables(visit: Callable[..., Any]) -> None:
    tab = visit("index.html")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Method"
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('role')") == "region"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/courses/*.html")
    tab.locator("main td a, main th a").first.click()
    tab.wait_for_url("**/lectures/*.html")
    tab.get_by_role("link", name="All courses").click()
    tab.wait_for_url("**/index.html")
