"""The method page: figures of a model card never without what the card says of them, in every language."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from fertool.host.registry import Registry, load_plugins
from fertool.report import ReportOptions, data, i18n, render
from fertool.report.data import insights, method
from fertool.testing import store_lecture, timeline
from fertool_plugins.classifiers.compact import Compact

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.storage.store import Store

PLUGIN = """
from pathlib import Path
from fertool import Classifier, Crop, hookimpl

class Carded(Classifier):
    name, version, crop = "carded", "1", Crop(48)
    path = Path({path!r})

    def classify(self, crops):
        raise NotImplementedError

@hookimpl
def fertool_plugins():
    return [Carded]
"""
TABLE = "| split | accuracy |\n|---|---|\n| `test` | 60% |"
ROWS = (("split", "accuracy"), (("test", "60%"),))

# A card below its title -> header, rows and caveat.
CARDS = [
    (f"## Figures\n{TABLE}\n\nIt chose\nthe `epoch`.\n\nSpeed: 3.\n", (*ROWS, "It chose the epoch.")),
    (f"## Figures\n\n{TABLE}\n\n## Limits\nNone.\n", (*ROWS, "")),  # the next section is none of its figures
    (f"## Figures\n{TABLE}\n", (*ROWS, "")),
    (f"## Figures\n{TABLE}\n\nFew.\n## Limits\nNone.\n", (*ROWS, "Few.")),  # no empty line before a heading
    ("## Limits\nNone.\n", ((), (), "")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CARDS)
def test_what_is_taken_from_a_card(store: Store, tmp_path: Path, text: str, expected: tuple) -> None:
    weights = tmp_path / "carded.safetensors"
    plugin = tmp_path / "carded.py"
    plugin.write_text(PLUGIN.format(path=str(weights)), encoding="utf-8")
    weights.with_suffix(".md").write_text(f"# Card\nSHA-256 `abc`\n\n{text}", encoding="utf-8")
    registry = load_plugins([plugin])
    assert cards(store, registry, "abc") == [method.Card("carded", *expected)]
    assert cards(store, registry, "abd") == [], "other weights than those that the card is about"


def cards(store: Store, registry: Registry, digest: str) -> list[method.Card]:
    about = {"name": "carded", "version": "1", "options": {}, "weights": {"carded.safetensors": digest}}
    config = {"classifier": about}
    store_lecture(store, "c", digest, {"A": timeline("happy*5")}, config=config)
    return method.cards(registry, data.load(store, "c", digest).runs)


class Marked(HTMLParser):
    """Text of a page, and of its parts in English on a page of another language."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.english: list[bool] = []
        self.all, self.marked = "", ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "br", "input", "img"}:
            given = dict(attrs).get("lang")
            inherited = bool(self.english) and self.english[-1]
            self.english.append(inherited if given is None else given == "en")

    def handle_endtag(self, tag: str) -> None:
        self.english.pop()

    def handle_data(self, data: str) -> None:
        self.all += f" {data}"
        if self.english and self.english[-1]:
            self.marked += f" {data}"


@pytest.mark.parametrize("lang", i18n.available())
def test_figures_of_weights_that_ship_stand_with_their_caveat(
    store: Store, tmp_path: Path, lang: str
) -> None:
    compact = Compact()
    about = {"name": "compact", "version": "2", "options": {}, "weights": compact.weights()}
    store_lecture(store, "c", "l", {"A": timeline("happy*5")}, config={"classifier": about})
    folder = render(store, tmp_path / "out", options=ReportOptions(lang=lang, k=1)).parent
    page = Marked((folder / "method.html").read_text("utf-8"))
    english = " ".join(page.marked.split())
    card = compact.path.with_suffix(".md").read_text(encoding="utf-8")
    # What the card has, read here by other means than there: nothing of it is typed in twice.
    row = re.search(r"\| (public, no near-duplicates) \| (\d+) \| ([\d.]+%)", card)
    caveat = re.search(r"The split `public` chose .*?\n\n", card, re.DOTALL)
    assert row
    assert caveat
    assert " ".join(row.groups()) in english
    said = " ".join(caveat[0].replace("`", "").split())
    assert said in english
    assert "366 of its pictures" in said
    assert said in " ".join(page.all.split())
    assert i18n.load(lang).strings["method.cards_how"] in page.all


def test_without_a_card_no_figures_are_announced(store: Store, tmp_path: Path) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*5")})
    page = Marked(
        (render(store, tmp_path / "out", options=ReportOptions(k=1)).parent / "method.html").read_text(
            "utf-8"
        )
    ).all
    assert i18n.load("en").strings["method.no_card"] in page
    assert i18n.load("en").strings["method.cards_how"] not in page


# What the page says of the order of students, in each language: the thresholds by which they are listed.
THRESHOLDS = {
    "en": "20 points less, or negative 20 points more, .* in 25 % or more of its segments of the latest 2",
    "de": "20 Punkte weniger .* 20 Punkte öfter negativ .* 25 % oder mehr ihrer Abschnitte der letzten 2",
}


@pytest.mark.parametrize("lang", i18n.available())
def test_the_thresholds_on_the_page_are_those_in_force(store: Store, tmp_path: Path, lang: str) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*5")})
    page = Marked(
        (
            render(store, tmp_path / "out", options=ReportOptions(lang=lang, k=1)).parent / "method.html"
        ).read_text("utf-8")
    )
    assert re.search(THRESHOLDS[lang].replace(" ", r"\s"), page.all), page.all
    assert (insights.CHANGE, insights.FLAGGED, insights.RECENT) == (0.2, 0.25, 2)
