"""Make the picture at the top of README: the course page of the demo, as a lecturer first sees it.

python plugins/tools/picture_report.py [--db fertool-demo/fertool.duckdb] [--out examples/report.webp]

Needs chromium and playwright. Without `--db` the lectures that `fertool demo` simulates are made and judged
anew; with the database of `fertool demo`, its gallery lecture is there too.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import cv2
from playwright.sync_api import sync_playwright

from fertool import pipeline, plugins
from fertool.report.render import render
from fertool.store import Store
from fertool.testing.demo import COURSE, store_demo

WIDTH, HEIGHT = 1200, 860
LIMIT = 200_000
"""Bytes: a picture must not make README slow."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--db", type=Path)
    parser.add_argument("--out", type=Path, default=Path("examples/report.webp"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(given.db, read_only=True) if given.db else simulated(Path(folder) / "demo.duckdb")
        index = render(store, Path(folder) / "report", COURSE)
        shot = Path(folder) / "page.png"
        photograph(index, shot)
        if not cv2.imwrite(str(given.out), cv2.imread(str(shot)), [cv2.IMWRITE_WEBP_QUALITY, 90]):
            raise SystemExit(f"{given.out}: could not be written")
    size = given.out.stat().st_size
    if size > LIMIT:
        raise SystemExit(f"{given.out}: {size} bytes, expected at most {LIMIT}")
    print(f"{given.out}: {size} bytes")


def simulated(path: Path) -> Store:
    store = Store(path)
    store_demo(store)
    pipeline.assess(store, [found.plugin() for found in plugins.load().of_kind("rule")], store.lectures())
    return store


def photograph(page: Path, to: Path) -> None:
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.as_uri())
        tab.wait_for_selector("#chart-trend .main-svg")
        tab.wait_for_timeout(300)  # until lines have come to rest
        tab.screenshot(path=to)
        browser.close()


if __name__ == "__main__":
    main()
