"""Databases without any video behind them, and the sites made of them."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from fertool.report import ReportOptions, render
from fertool.storage.store import Store
from fertool.storage.tables import ASSESSMENTS, SEGMENTS, frame
from fertool.testing import store_lecture, timeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = os.environ.get("FERTOOL_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
EVIL_COURSE = '<script>alert("course")</script> & "x"/../..'
EVIL_LECTURE = "</script><img src=x onerror=alert(1)> 🎓/week's"
EVIL_STUDENT = '<script>alert("student")</script>'
EVIL_FILE = "a b;$(rm) '🎬'<i>.mp4"


@pytest.fixture(scope="session")
def segments() -> pl.DataFrame:
    rows = [
        {"segment": 0, "title": "Welcome", "start_s": 0.0, "end_s": 60.0},
        {"segment": 1, "title": "<b>Quiz</b>", "start_s": 60.0, "end_s": 120.0},
    ]
    return frame(rows, SEGMENTS)


@pytest.fixture(scope="session")
def full_store(tmp_path_factory: pytest.TempPathFactory, segments: pl.DataFrame) -> Store:
    """One lecture of every kind a report must cope with."""
    store = Store(tmp_path_factory.mktemp("db") / "fertool.duckdb")
    store_lecture(
        store,
        "signals",
        "sampling",
        {
            "Ada": timeline("neutral*60 happy*30 absent*30"),
            "Bob": timeline("sad/down*30 absent*10 present*20 neutral/unposed*60"),
            "student-10": timeline("surprise*120"),
            "student-2": timeline("angry*60 fear*60"),
        },
        segments=segments,
        assessments=assessments("signals", "sampling"),
        notes=["the file is cut off"],
    )
    store.save_rules([("presence", "1", None, "unseen"), ("state", "1", "feedback", "negative")])
    store_lecture(store, "signals", "slides only", {"": timeline("absent*90")})
    store_lecture(store, "signals", "by policy", {"Ada": timeline("happy*60")}, policy="behaviour")
    store_lecture(
        store,
        EVIL_COURSE,
        EVIL_LECTURE,
        {EVIL_STUDENT: timeline("happy*40"), "</td>\n<b>Zoë</b> 🦊": timeline("sad*40")},
        recording_name=EVIL_FILE,
        notes=["<script>note</script>"],
        config={
            "detector": {"name": "ssd", "version": "<1>", "options": {"a": "<x>"}, "weights": {"w": "ff"}}
        },
    )
    return store


def assessments(course: str, lecture: str) -> pl.DataFrame:
    def row(**values: object) -> dict[str, object]:
        common = {"course": course, "lecture": lecture, "version": "1", "options": "{}", "evidence": "{}"}
        return {**common, "start_s": 0.0, "end_s": 60.0, **values}

    rows = [
        row(rule="presence", segment=0, student="Ada", value=1.0, level="good", message="Always seen."),
        row(rule="presence", segment=1, student="Ada", value=0.5, level="attention", message="<b>Half</b>"),
        row(rule="presence", segment=None, student="Bob", value=None, level="not measurable", message=""),
        row(rule="shares", segment=1, student=None, value=0.123456, level="info", message="Happy."),
        row(
            rule="state",
            value=0.75,
            low=0.5,
            high=0.875,
            coverage=0.6,
            segment=0,
            student="Ada",
            message="Mostly.",
        ),
    ]
    return frame(rows, ASSESSMENTS)


@pytest.fixture(scope="session")
def site(full_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole report."""
    return render(full_store, tmp_path_factory.mktemp("out") / "report", options=ReportOptions(k=1)).parent


@pytest.fixture(scope="session")
def page(site: Path):
    """Text of the one lecture page whose file name contains a word."""

    def read(word: str) -> str:
        (path,) = (site / "lectures").glob(f"*{word}*")
        return path.read_text(encoding="utf-8")

    return read


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One for all tests: a process can drive one at a time."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no chromium on this machine (FERTOOL_CHROMIUM=PATH)")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()
