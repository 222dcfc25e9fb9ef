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
    """Open the page whose name contains a word; at the end nothing may have been said or fetched."""
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
        (path,) = (path for path in site.rglob("*.html") if word in path.name)
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
@pytest.mark.parametrize("word", ["signals.sampling", "script-alert", "slides-only", "by-policy", "index"])
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
    tab = visit("signals.sampling", 360)
    tab.wait_for_function(f"{DRAWN} >= 1")
    assert tab.evaluate(DRAWN) < 6
    scroll_through(tab)
    tab.wait_for_function(f"{DRAWN} === 6")


def test_times_are_times(visit: Callable[..., Any]) -> None:
    """Positions on the clock, as plotly understood them."""
    tab = visit("signals.sampling")
    tab.wait_for_selector("#chart-presence .main-svg")
    ticks = tab.locator("#chart-presence .xtick text").all_text_contents()
    assert ticks[:2] in (["0:00:00", "0:00:10"], ["0:00:00", "0:00:15"], ["0:00:00", "0:00:20"])
    step = """() => {
        const edges = [...document.querySelector('#chart-presence').calcdata[0][0].x];
        return edges.slice(1).map((x, i) => x - edges[i]);
    }"""
    assert {round(width) for width in tab.evaluate(step)} == {1000}
    rows = tab.locator("#chart-presence .ytick text").all_text_contents()
    assert rows[::-1] == ["Ada", "Bob", "student-2", "student-10"]  # plotly counts from below


def test_names_stay_text(visit: Callable[..., Any]) -> None:
    tab = visit("script-alert")
    tab.wait_for_selector("#chart-presence .main-svg")
    rows = tab.locator("#chart-presence .ytick text").all_text_contents()
    assert set(rows) == {'<script>alert("student"…', "</td> <b>Zoë</b> 🦊"}
    assert tab.locator("img").count() == 0


def test_the_legend_switches_expressions_in_all_charts(visit: Callable[..., Any]) -> None:
    tab = visit("signals.sampling")
    scroll_through(tab)
    tab.wait_for_function(f"{DRAWN} === 6")
    shown = "[...document.querySelectorAll('.panel .chart')].map(it => it.querySelectorAll('.trace').length)"
    before = tab.evaluate(shown)
    box = tab.locator("[data-emotion=happy]")
    box.focus()
    tab.keyboard.press("Space")
    tab.wait_for_function(f"{shown}[0] < {before[0]}")
    assert all(now == then - 2 for now, then in zip(tab.evaluate(shown), before, strict=True))
    tab.locator("[data-raw]").uncheck()
    assert set(tab.evaluate(shown)) == {6}
    box.check()
    assert set(tab.evaluate(shown)) == {7}


def test_colours_follow_the_scheme(visit: Callable[..., Any]) -> None:
    tab = visit("signals.sampling", color_scheme="light")
    bar = "getComputedStyle(document.querySelector('#chart-shares .point path')).fill"
    tab.wait_for_selector("#chart-shares .point path")
    light = tab.evaluate(bar)
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function(f"{bar} !== '{light}'")


def test_printing_draws_everything_in_the_colours_for_paper(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    tab = visit("signals.sampling", color_scheme="dark")
    tab.evaluate("""() => addEventListener('beforeprint', () => {
        window.onPaper = getComputedStyle(document.querySelector('#chart-shares .point path')).fill;
    })""")
    tab.pdf(path=tmp_path / "page.pdf", format="A4")
    assert tab.evaluate(DRAWN) == 6
    assert tab.evaluate("onPaper") == "rgb(133, 20, 7)"  # --angry of the light scheme
    assert (
        tab.evaluate("document.querySelectorAll('.main-svg[viewBox]').length") == 0
    )  # the screen is as before


def test_without_javascript_the_tables_are_there(visit: Callable[..., Any]) -> None:
    tab = visit("signals.sampling", java_script_enabled=False)
    assert tab.locator("noscript").count() == 1
    assert tab.locator("noscript p").is_visible()
    assert tab.locator("figure details table").count() == 6


def test_the_keyboard_reaches_content_and_tables(visit: Callable[..., Any]) -> None:
    tab = visit("index")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('role')") == "region"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/lectures/*.html")
    tab.get_by_role("link", name="All lectures").click()
    tab.wait_for_url("**/index.html")
