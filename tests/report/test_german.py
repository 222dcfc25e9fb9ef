"""A German page is German: no English word of a list stands on any page of the demo, nor a decimal point."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fertool.analysis import pipeline
from fertool.demo import course
from fertool.demo.course import COURSE, GALLERY, PARTS
from fertool.host import registry
from fertool.report import ReportOptions, render
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

ENGLISH = [
    "the", "of", "and", "with", "not", "than", "for", "from", "is", "are", "were", "be", "been", "to",
    "or", "by", "on", "at", "as", "it", "its", "this", "that", "seen", "unseen", "measured", "measurable",
    "samples", "sample", "share", "shares", "time", "level", "rule", "value", "message", "evidence",
    "students", "class", "lecture", "lectures", "week", "segment", "course", "happy", "sad", "angry",
    "fear", "disgust", "surprise", "surprised", "expression", "expressions", "head", "pose", "yes", "no",
    "more", "less", "most", "least", "none", "never", "always", "higher", "lower", "better", "attention",
    "good", "info", "technical", "absent", "preferred", "faces", "accuracy", "data", "shown", "hidden",
    "average", "mean",
]  # fmt: skip
"""None of these is a German word as it stands, but for the names in `NAMES`."""
NAMES = {*PARTS, *(title for titles in PARTS.values() for title in titles), "Quiz", "Signals and systems"}
"""Words of the lecturer, which are in whatever language they are."""
UNSPOKEN = {"script", "style", "code", "pre", "title"}


class Text(HTMLParser):
    """The text of a page that is not code: what is marked as English, and what is not."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.english: list[str] = []
        self.left_out: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"meta", "link", "img", "br", "input", "path", "rect", "line", "hr"}:
            return
        if self.left_out or tag in UNSPOKEN or dict(attrs).get("lang") == "en":
            self.left_out.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.left_out and self.left_out[-1] == tag:
            self.left_out.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not UNSPOKEN & {*self.left_out}:
            (self.english if self.left_out else self.said).append(" ".join(data.split()))


def read(page: Path) -> Text:
    parser = Text()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The demo in German, with a gallery lecture in place of the one that is analyzed from pixels."""
    folder = tmp_path_factory.mktemp("german")
    store = Store(folder / "demo.duckdb")
    low = timeline("neutral*60").with_columns(pitch_deg=-20.0)
    store_lecture(store, COURSE, GALLERY, {f"student-{n:02d}": low for n in range(1, 7)})
    course.store_demo(store)
    pipeline.assess(
        store, [found.plugin() for found in registry.load_plugins().of_kind("rule")], store.lectures()
    )
    render(store, folder / "report", options=ReportOptions(lang="de", k=5))
    return sorted((folder / "report").rglob("*.html"))


def test_no_english_word_is_left(pages: list[Path]) -> None:
    words = re.compile(rf"\b({'|'.join(ENGLISH)})\b", re.IGNORECASE)
    found = {}
    for page in pages:
        for said in read(page).said:
            german = re.sub("|".join([*map(re.escape, NAMES), r"`\w+`", r"\S+\.(?:mp4|toml)"]), "", said)
            if words.search(german):
                found.setdefault(said, page.name)
    assert len(pages) > 20
    assert found == {}


def test_no_decimal_point_is_left(pages: list[Path]) -> None:
    point = re.compile(r"(?<![\d.:])\d+\.\d+(?![\d.]*\d)")
    found = {
        said: page.name
        for page in pages
        for said in read(page).said
        if point.search(re.sub(r"arXiv:\S+|fertool [\d.]+|\d+\.\d+\.\d+", "", said))
    }
    assert found == {}


def test_what_is_marked_as_english_is_nothing_that_fertool_could_say(pages: list[Path]) -> None:
    english = {said for page in pages for said in read(page).english}
    assert english == {"simulated: no video lies behind this lecture"}  # a note of the demo's own
