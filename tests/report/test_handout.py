"""What the sheet says to a student: facts beside numbers, advice, moments to look at again; nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sites import read, teach

from fertool.analysis import pipeline
from fertool.demo.course import COURSE, store_demo
from fertool.host.registry import load_plugins
from fertool.report import drawing, i18n
from fertool.report.data import insights
from fertool.report.data.digest import Estimate

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.storage.store import Store

TITLE = {"en": "What the rules advise", "de": "Was die Regeln raten"}
AGAIN = {"en": "Moments to look at again", "de": "Momente zum Wiederansehen"}
NOTHING = {"en": "The rules advise nothing", "de": "raten die Regeln nichts"}
DOUBT = {"en": "any of it may be wrong", "de": "alles davon kann falsch sein"}


def sheet(store: Store, folder: Path, lang: str = "en", **more: object) -> str:
    return read(store, folder / "site", k=5, lang=lang, **more)["handouts 0"]


def advised(text: str, lang: str = "en") -> str:
    """What stands below the heading of the advice, up to the doubts about it."""
    return text.split(TITLE[lang])[1].split(AGAIN[lang])[0]


ADVICE = [
    # three minutes of Ada in two parts; knowledge marked as difficult?; what the sheet says
    (
        "neutral*90 sad*90",
        "",
        "Share of the expressions read that count as negative (angry, disgust, fear, sad): part 2, 100.0 %"
        " (90 of 90). If it went too fast or was too hard",
        "Anteil der gelesenen Ausdrücke, die als negativ zählen (wütend, angeekelt, ängstlich, traurig):"
        " part 2, 100,0 % (90 von 90). Wenn es zu schnell ging",
    ),
    (
        "sad*46 neutral*134",  # the least that asks for anything
        "",
        "part 1, 51.1 % (46 of 90)",
        "part 1, 51,1 % (46 von 90)",
    ),
    (
        "neutral*100 fear*40 neutral*40",  # less than half of the part, but 40 in a row
        "hard",
        "in a part that is marked as difficult: part 2, 40 samples. If something in it is",
        "als schwierig gekennzeichnet ist: part 2, 40 Stichproben. Wenn darin etwas unklar ist",
    ),
    (
        "neutral*60 neutral/down*120",
        "",
        "A reminder. Share of the time with your head lowered, as far as it could be measured: part 2, 100 %",
        "Eine Erinnerung. Anteil der Zeit mit gesenktem Kopf, soweit er gemessen werden konnte: part 2, 100",
    ),
    (
        "absent*178 happy*2",  # `presence` and `focus` on one matter: said once
        "",
        "Share of the time in which your face was seen: part 1, 0.0 % (0 of 90); part 2, 2.2 % (2 of 90).",
        "Anteil der Zeit, in der Ihr Gesicht gesehen wurde: part 1, 0,0 % (0 von 90); part 2, 2,2 % (2 von",
    ),
    (
        "happy*84 absent*6 happy*90",  # six seconds of one look: `focus` alone
        "",
        "your face was seen: part 1, 93.3 % (84 of 90). The camera may have been off",
        "Ihr Gesicht gesehen wurde: part 1, 93,3 % (84 von 90). Vielleicht war die Kamera aus",
    ),
    (
        "neutral/left*90 neutral*90",
        "",
        "A figure made from expression and direction of the head, 1 at most: part 1, 0.",
        "Eine Zahl aus Ausdruck und Richtung des Kopfes, höchstens 1: part 1, 0,",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "difficulty", "english", "german"), ADVICE)
def test_advice_in_words_beside_the_number(
    store: Store, tmp_path: Path, spec: str, difficulty: str, english: str, german: str
) -> None:
    teach(store, {"Ada": spec}, difficulty=difficulty)
    for lang, words in (("en", english), ("de", german)):
        said = advised(sheet(store, tmp_path, lang), lang)
        assert words in said
        assert DOUBT[lang] in said
        assert said.count("part 1") <= 1


@pytest.mark.parametrize("lang", ["en", "de"])
@pytest.mark.parametrize(
    "spec", ["neutral*180", "happy*180", "sad*45 neutral*135", "happy*85 absent*5 happy*90"]
)
def test_nothing_is_advised_where_no_rule_asks(store: Store, tmp_path: Path, lang: str, spec: str) -> None:
    """Half of a part sad is not more than half; five of ten seconds away are no look away."""
    teach(store, {"Ada": spec})
    text = sheet(store, tmp_path, lang)
    assert NOTHING[lang] in text
    assert AGAIN[lang] not in text


def test_a_sheet_has_no_table_of_values_of_rules(store: Store, tmp_path: Path) -> None:
    teach(store, {"Ada": "neutral*90 sad*60 absent*30"})
    text = sheet(store, tmp_path)
    says = i18n.load("en").with_rules(load_plugins())
    for found in load_plugins().of_kind("rule"):
        assert says.rule(found.plugin.name) not in text
    assert "assessments" not in text
    assert "attention" not in text.replace("nothing about attention", "").replace("paid attention", "")


@pytest.mark.parametrize(
    ("lang", "moments"),
    [
        ("en", "0:01:40–0:02:40, part 2: negative expressions 0:02:50–0:03:20, part 2: face not seen"),
        ("de", "0:01:40–0:02:40, part 2: negative Ausdrücke 0:02:50–0:03:20, part 2: Gesicht nicht gesehen"),
    ],
)
def test_moments_are_times_without_links(store: Store, tmp_path: Path, lang: str, moments: str) -> None:
    """Seen again for ten seconds, so that the two moments stay two."""
    teach(store, {"Ada": "neutral*100 sad*60 neutral*10 absent*30"})
    assert moments in sheet(store, tmp_path, lang).split(AGAIN[lang])[1]
    page = next((tmp_path / "site" / "handouts").iterdir()).read_text(encoding="utf-8")
    assert "<a " not in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("lang", "shares"),
    [
        ("en", "happy 25 % surprise 0 % sad 50 % angry 0 % fear 0 % disgust 0 % neutral 25 %"),
        ("de", "fröhlich 25 % überrascht 0 % traurig 50 % wütend 0 % ängstlich 0 % angeekelt 0 % neutral 25"),
    ],
)
def test_the_share_of_each_expression(store: Store, tmp_path: Path, lang: str, shares: str) -> None:
    """160 of 180 samples could be read."""
    teach(store, {"Ada": "happy*40 sad*80 neutral*40 absent*20"})
    text = sheet(store, tmp_path, lang)
    assert shares in text
    assert "n = 160." in text


def test_a_bar_of_all_expressions() -> None:
    says = i18n.load("en")
    shares = [("happy", Estimate(0.25)), ("sad", Estimate(0.0)), ("neutral", Estimate(0.75))]
    drawn = drawing.distribution(shares, says)
    assert 'class="part happy" d="M0.0 10H179.0"' in drawn  # a quarter of 720, less the gap
    assert 'class="part neutral" d="M180.0 10H719.0"' in drawn
    assert "sad" not in drawn


@pytest.mark.parametrize("lang", ["en", "de"])
def test_under_behaviour_only_what_could_be_seen(store: Store, tmp_path: Path, lang: str) -> None:
    teach(store, {"Ada": "sad*60 sad/down*120 absent*20"}, policy="behaviour")
    text = sheet(store, tmp_path, lang)
    words = {"en": ("lowered", "was seen"), "de": ("gesenktem Kopf", "gesehen wurde")}[lang]
    assert all(word in advised(text, lang) for word in words)
    emotions = {"en": ("negative", "happy"), "de": ("negativ", "fröhlich")}[lang]
    assert not [
        word for word in emotions if word in text.lower().split("expressions are not")[0].split("kein gef")[0]
    ]


# --- rules of others ---------------------------------------------------------------------------


YAWNING = """
from fertool import Assessment, Rule, hookimpl

class Yawning(Rule):
    name, version, label = "yawning", "1", "yawns"
    words = {"de": {"yawns": "Gähnen"}}

    def assess(self, seen, context):
        return Assessment(3.0, "attention" if context.segment.index else "info", "three yawns: open a window")

class Compared(Yawning):
    name, subject = "compared", "class"

@hookimpl
def fertool_plugins():
    return [Yawning, Compared]
"""


@pytest.mark.parametrize(("lang", "label"), [("en", "yawns"), ("de", "Gähnen")])
def test_a_rule_of_others_speaks_for_itself(store: Store, tmp_path: Path, lang: str, label: str) -> None:
    """About this student alone; what it says in English is marked so."""
    teach(store, {"Ada": "neutral*60"})
    (tmp_path / "yawning.py").write_text(YAWNING, encoding="utf-8")
    registry = load_plugins([tmp_path / "yawning.py"])
    rules = [registry.get("rule", name).plugin() for name in ("yawning", "compared")]
    pipeline.assess(store, rules, store.lectures())
    text = sheet(store, tmp_path, lang, registry=registry)
    assert f"{label}: part 2 three yawns: open a window" in advised(text, lang)
    assert "compared" not in text


# --- the demo ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Store:
    from fertool.storage.store import Store

    store = Store(tmp_path_factory.mktemp("demo") / "x.duckdb")
    store_demo(store)
    pipeline.assess(store, [found.plugin() for found in load_plugins().of_kind("rule")], store.lectures())
    return store


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", "Recommended course All your courses compared: happy or surprised most in demo-filters (71 %"),
        (
            "de",
            "Empfohlener Kurs Alle Ihre Kurse verglichen: am häufigsten fröhlich oder überrascht in demo-",
        ),
    ],
)
def test_ada_is_recommended_a_course(demo: Store, tmp_path: Path, lang: str, words: str) -> None:
    pages = read(demo, tmp_path / "site", k=5, lang=lang, course=COURSE)
    sheets = {name: text for name, text in pages.items() if name.startswith("handouts")}
    assert [name for name, text in sheets.items() if words in text] == ["handouts 0"]
    assert "demo-images" in sheets["handouts 0"]


MATTERS = [
    # assessments: (rule, what it advises about, segment, level); matters in order, and the segments of each
    ([], []),
    ([("a", "negative", 0, "good"), ("b", "unseen", 0, "info")], []),
    # in the order of the matters, not of the rules' names
    (
        [("a", "unseen", 0, "attention"), ("b", "negative", 1, "attention")],
        [("negative", [1]), ("unseen", [0])],
    ),
    # two rules with one matter advise once, each segment once
    (
        [("a", "unseen", 0, "technical"), ("b", "unseen", 0, "attention"), ("a", "unseen", 1, "absent")],
        [("unseen", [0, 1])],
    ),
    # without a matter a rule speaks for itself, after the others, by name
    (
        [("zeal", None, 0, "attention"), ("abc", None, None, "attention"), ("x", "index", 2, "attention")],
        [("index", [2]), ("abc", [None]), ("zeal", [0])],
    ),
]


@pytest.mark.parametrize(("rows", "expected"), MATTERS)
def test_matters(store: Store, rows: list[tuple], expected: list[tuple]) -> None:
    from fertool.report import data
    from fertool.report.data.digest import digest

    teach(store, {"Ada": "neutral*20"})
    one = digest(data.load(store, "signals", "week 1"))
    said = [dict(zip(("rule", "advises", "segment", "level"), row, strict=True)) for row in rows]
    found = [(it.about, [row["segment"] for *_, row in it.parts]) for it in insights.advice(one, "Ada", said)]
    assert found == expected
