"""What pages say of a student at both ends of a rule's value: the words beside a figure, in both languages.

Worked out by hand: one sample a second, five minutes, one segment marked as difficult.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from fertool import Segment
from fertool.analysis import pipeline
from fertool.host import registry
from fertool.report import ReportOptions, render
from fertool.storage.store import Store
from fertool.storage.tables import segment_table
from fertool.testing import store_lecture, timeline

LECTURES = {
    "there": "neutral*300",
    "gone": "neutral*1 absent*299",
    "sad": "sad*300",
    "happy": "happy*300",
    "angry": "angry*300",
    "disgusted": "disgust*300",
    "bowed": "neutral*60 neutral/down*240",
    "bowed throughout": "neutral/down*300",
}
HIGHER, LOWER = ("higher is better ↑", "höher ist besser ↑"), ("lower is better ↓", "niedriger ist besser ↓")
NEITHER = ("", "")
SEEN = ("time with the face seen", "Zeit, in der das Gesicht gesehen wurde")
LOOKS = (
    "looks of some seconds in which the face was seen",
    "Blicke von einigen Sekunden, in denen das Gesicht gesehen wurde",
)
STATE = (
    "measured time with an expression that is not negative",
    "gemessene Zeit mit einem Ausdruck, der nicht negativ ist",
)
SMILES = (
    "measured time with a happy or surprised expression",
    "gemessene Zeit mit fröhlichem oder überraschtem Ausdruck",
)
BOWED = ("measured time with the head bowed", "gemessene Zeit mit gesenktem Kopf")
INDEX = ("concentration index, 0 to 1", "Konzentrationsindex, 0 bis 1")
ROWS = [
    # lecture, what the value is, which way is better, the value; each in English and German
    ("there", SEEN, HIGHER, ("100 %", "100 %")),
    ("gone", SEEN, HIGHER, ("< 1 %", "< 1 %")),  # one sample of 300 is not nothing
    ("there", LOOKS, HIGHER, ("100 %", "100 %")),
    ("gone", LOOKS, HIGHER, ("0 %", "0 %")),  # seen in one of the ten seconds of the first look
    ("sad", STATE, HIGHER, ("0 %", "0 %")),
    ("there", STATE, HIGHER, ("100 %", "100 %")),
    ("happy", SMILES, NEITHER, ("100 %", "100 %")),
    ("sad", SMILES, NEITHER, ("0 %", "0 %")),
    ("bowed", BOWED, LOWER, ("80 %", "80 %")),
    ("bowed throughout", BOWED, LOWER, ("not measurable", "nicht messbar")),  # or a camera that looks down
    ("there", INDEX, HIGHER, ("1.00 (0.83 to 1.00)", "1,00 (0,83 bis 1,00)")),
    ("disgusted", INDEX, HIGHER, ("0.22 (0.19 to 0.22)", "0,22 (0,19 bis 0,22)")),  # 0.2 / 0.9
]
LOWEST = {
    "gone": "not seen after 0:00:01, up to the end of the lecture",
    "sad": "negative in 100 % of 300 measured samples: lower the difficulty, slow down, or intersperse",
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Language -> a report on one student."""
    folder = tmp_path_factory.mktemp("extremes")
    store = Store(folder / "x.duckdb")
    hard = segment_table([Segment(0, "Proof", 0.0, 300.0, "hard", "induction")])
    for lecture, spec in LECTURES.items():
        store_lecture(store, "c", lecture, {"Ada": timeline(spec)}, segments=hard)
    pipeline.assess(
        store, [found.plugin() for found in registry.load_plugins().of_kind("rule")], store.lectures()
    )
    return {
        lang: render(store, folder / lang, options=ReportOptions(lang=lang, k=1)).parent
        for lang in ("en", "de")
    }


def figures(site: Path, lecture: str) -> dict[str, str]:
    """What stands on the student's page under a lecture: heading of a row -> its first figure."""
    (path,) = (site / "students").glob("*.html")
    page = path.read_text(encoding="utf-8")
    (section,) = (
        part for part in page.split("<section")[1:] if re.search(rf'id="title-\d+">.*?>{lecture}</a>', part)
    )
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>\s*<td>(.*?)</td>', section, re.DOTALL)
    return {plain(heading): plain(cell) for heading, cell in rows}


def plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize(("number", "lang"), [(0, "en"), (1, "de")])
@pytest.mark.parametrize(("lecture", "what", "better", "value"), ROWS)
def test_the_words_beside_a_figure_are_true_at_both_ends(
    sites: dict[str, Path],
    lecture: str,
    what: tuple[str, str],
    better: tuple[str, str],
    value: tuple[str, str],
    number: int,
    lang: str,
) -> None:
    found = figures(sites[lang], lecture)
    heading = f"{what[number]} {better[number]}".strip()
    assert re.match(rf"{re.escape(value[number])}( |$)", found[heading]), found[heading]


@pytest.mark.parametrize("lang", ["en", "de"])
def test_the_words_of_a_run_of_distress_have_a_unit(sites: dict[str, Path], lang: str) -> None:
    shown = {lecture: list(figures(sites[lang], lecture).items()) for lecture in ("angry", "there")}
    unit = {"en": "samples", "de": "Stichproben"}[lang]
    assert any(cell.startswith(f"300 {unit}") for _, cell in shown["angry"])
    assert any(cell.startswith(f"0 {unit}") for _, cell in shown["there"])


@pytest.mark.parametrize(("lecture", "said"), LOWEST.items())
def test_the_sentence_beside_the_lowest_figure(sites: dict[str, Path], lecture: str, said: str) -> None:
    for folder in ("segments", "students"):
        pages = [plain(page.read_text(encoding="utf-8")) for page in (sites["en"] / folder).glob("*.html")]
        assert any(said in page for page in pages), folder
