"""Words: every language has all of them, templates ask for no other, and figures are written as people do."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from fertool import Assessment, Message, Rule
from fertool.assessment import statistics
from fertool.errors import ConfigError
from fertool.host.registry import FoundPlugin, Registry
from fertool.report import i18n
from fertool.testing import timeline

EN, DE = i18n.load("en"), i18n.load("de")
REPORT = files("fertool.report")
PLACE = re.compile(r"\{(\w+)(?::\w+)?\}")


@pytest.mark.parametrize("code", i18n.available())
def test_every_language_has_the_same_keys_and_places(code: str) -> None:
    other = i18n.load(code)
    assert other.strings.keys() == EN.strings.keys()
    for key, text in EN.strings.items():
        assert set(PLACE.findall(other.strings[key])) == set(PLACE.findall(text)), key


def sources() -> str:
    """All templates and modules of the report."""
    paths = [
        path
        for folder in ("templates", "pages", "charts", "data")
        for path in REPORT.joinpath(folder).iterdir()
    ]
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in [*paths, REPORT.joinpath("drawing.py"), REPORT.joinpath("i18n.py")]
        if path.is_file()
    )


def test_templates_ask_for_words_that_there_are() -> None:
    asked = set(re.findall(r'say(?:\.of\([\w.]+,|\()\s*"([\w.]+)"', sources()))
    known = {key.removesuffix(".one").removesuffix(".other") for key in EN.strings}
    assert len(asked) > 100
    families = {"figure.", "step.", "reason.", "pose.", "method.", "method.policy_", "suppressed."}
    families |= {"why.", "advice.", "good.", "confidence."}
    assert asked - known - families == set()


def test_no_word_is_left_over() -> None:
    text = sources()
    families = ("emotion.", "level.", "better.", "said.", "figure.", "pose.", "reason.", "step.", "method.")
    families = (*families, "why.", "advice.", "good.", "suppressed.")
    for key in EN.strings:
        name = key.removeprefix("shown.").removesuffix(".one").removesuffix(".other")
        used = re.search(rf"""["']{re.escape(name)}["']""", text)
        assert used or name.startswith(families), key


def test_templates_hold_no_words_of_their_own() -> None:
    """Text between tags comes from the catalog; contact sheet and explanation are no part of a report."""
    for path in REPORT.joinpath("templates").iterdir():
        if path.name in {"contact.html", "explanation.html"}:
            continue
        text = re.sub(
            r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        words = re.findall(r">[^<]*?([A-Za-z]{3,}[^<]*)<", text)
        left = [word.strip() for word in words if word.strip(" ·\n") not in {"fertool", "SHA-256", "UTC ,"}]
        assert left == [], path.name


def test_what_is_filled_in_is_escaped_and_the_catalog_is_not() -> None:
    said = EN("step.explain", point="<i>", segment="&", lecture="x", time="0:01:00")
    assert "<strong>&lt;i&gt;</strong>" in said
    assert "in &amp; (x)" in said


@pytest.mark.parametrize(
    ("n", "expected"), [(0, "0 students"), (1, "1 student"), (2, "2 students"), (1200, "1\u202f200 students")]
)
def test_one_and_many(n: int, expected: str) -> None:
    assert EN("students_n", n=n) == expected


def test_names_of_others_stay_as_they_are() -> None:
    assert DE.term("emotion", "happy") == "fröhlich"
    assert DE.term("emotion", "smug") == "smug"
    assert DE.term("level", None) == "–"
    assert [DE.answer(level) for level in ("happy", "not measurable", "own")] == [
        "fröhlich",
        "nicht messbar",
        "own",
    ]
    assert (EN.decimals(0.048), DE.decimals(0.048)) == ("0.05", "0,05")


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((0.834, 0.61, 0.92), "83\u00a0% (61 to 92\u00a0%)"),
        ((1.0, 1.0, 1.0), "100\u00a0%"),  # not `100 % (100 to 100 %)`
        ((0.5, None, None), "50\u00a0%"),
        ((0.004, None, None), "< 1\u00a0%"),
        ((0.997, None, None), "> 99\u00a0%"),
        ((None, None, None), "not measurable"),
        ((float("nan"), None, None), "not measurable"),
    ],
)
def test_shares_with_intervals(shares: tuple[float | None, ...], expected: str) -> None:
    assert EN.share(*shares) == expected


@pytest.mark.parametrize(
    ("figures", "english", "german"),
    [
        ((0.832, 0.61, 0.92), "0.83 (0.61 to 0.92)", "0,83 (0,61 bis 0,92)"),
        ((1.0, 1.0, 1.0), "1", "1"),  # not `1 (1 to 1)`
        ((12.345, None, None), "12.3", "12,3"),
        ((-0.03, -0.62, 0.44), "−0.03 (−0.62 to 0.44)", "−0,03 (−0,62 bis 0,44)"),
        ((-0.001, -0.52, 0.43), "0.00 (−0.52 to 0.43)", "0,00 (−0,52 bis 0,43)"),  # no minus before a zero
        ((-0.012, None, None), "−0.012", "−0,012"),
        ((2e-5, None, None), "2e-05", "2e-05"),
        ((None, None, None), "not measurable", "nicht messbar"),
    ],
)
def test_figures_of_rules(figures: tuple[float | None, ...], english: str, german: str) -> None:
    assert EN.between(*figures) == english
    assert DE.between(*figures) == german


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((0.124,), "+12\u00a0points"),
        ((-0.05, -0.18, 0.02), "−5\u00a0points (−18 to +2)"),
        ((0.001,), "0\u00a0points"),
        ((None,), "–"),
    ],
)
def test_changes(change: tuple[float | None, ...], expected: str) -> None:
    assert EN.points(*change) == expected


SAID = Message("{label:label} in {share:share} from {start:clock}", label="happy", share=0.284, start=754.0)


class Smiles(Rule):
    """A rule of somebody else's."""

    name, version, unit, better = "smiles", "1", "share", "higher"
    label = "time with <smiles>"
    words = {"de": {SAID.text: "{label:label} ab {start:clock} in {share:share}", "<known>": "<bekannt>"}}  # noqa: RUF012
    about = {"de": "Eine fremde\n    Regel.\n\n    Zweiter Absatz."}  # noqa: RUF012

    def assess(self, seen, context):
        return Assessment(0.5)


class Runs(Smiles):
    name, label, unit, better = "runs", "", "samples", "neither"


RULES = Registry({("rule", one.name): FoundPlugin(one, "test") for one in (Smiles, Runs)})
EN_RULES, DE_RULES = EN.with_rules(RULES), DE.with_rules(RULES)
SCORN = timeline("contempt", further=("contempt",))
TOLD = [
    # language, rule, what it said, what a page says
    (EN_RULES, "smiles", SAID, "happy in 28\u00a0% from 0:12:34"),
    (DE_RULES, "smiles", SAID, "fröhlich ab 0:12:34 in 28\u00a0%"),
    (DE_RULES, "runs", Message("<b> {n}", n=2), '<span lang="en">&lt;b&gt; 2</span>'),  # no words for it
    (DE_RULES, "gone", SAID, '<span lang="en">happy in 28% from 12:34</span>'),  # not installed here
    (DE_RULES, "smiles", "as text", '<span lang="en">as text</span>'),
    (DE_RULES, "smiles", "<known>", "&lt;bekannt&gt;"),  # a text is looked up as well
    (EN_RULES, "smiles", "a < b", "a &lt; b"),
    (DE_RULES, "smiles", Message("{who}", who="<i>"), '<span lang="en">&lt;i&gt;</span>'),
    (DE_RULES, "smiles", "", ""),
    (DE_RULES, "smiles", None, ""),
    (DE_RULES, "smiles", Message("expression"), "Ausdruck"),  # words of the core
    (DE_RULES, "smiles", Message(statistics.counted(SCORN)), "einer der sieben Ausdrücke"),
    (
        DE_RULES,
        "smiles",
        Message(f"{statistics.counted(SCORN)} and head pose"),
        "einer der sieben Ausdrücke und Kopfhaltung",
    ),
    (
        DE_RULES,
        "smiles",
        Message("{what} measured in {measured} of {samples} samples only", what=SAID, measured=1, samples=9),
        "fröhlich ab 0:12:34 in 28\u00a0% nur in 1 von 9 Stichproben gemessen",
    ),
]


@pytest.mark.parametrize(("say", "rule", "message", "expected"), TOLD)
def test_what_a_rule_said_in_the_language_of_the_page(say, rule, message, expected):
    assert say.told(rule, message) == expected


def test_what_a_rule_says_of_itself():
    assert DE_RULES.about("smiles") == ["Eine fremde Regel.", "Zweiter Absatz."]
    assert EN_RULES.about("smiles") == DE_RULES.about("gone") == []


def test_what_a_rules_value_is():
    assert EN_RULES.rule("smiles") == "time with &lt;smiles&gt;"
    assert DE_RULES.rule("smiles") == '<span lang="en">time with &lt;smiles&gt;</span>'
    assert DE_RULES.rule("runs") == "runs"
    assert DE_RULES.rule("<gone>") == "&lt;gone&gt;"
    assert (EN_RULES.direction("smiles"), EN_RULES.direction("runs")) == ("higher is better ↑", "")
    assert (DE_RULES.direction("smiles"), DE_RULES.direction("gone")) == ("höher ist besser ↑", "")


VALUES = [
    # rule, value, low, high, what a page says
    ("smiles", 0.93, None, None, "93\u00a0%"),
    ("smiles", 0.93, 0.85, 0.97, "93\u00a0% (85 to 97\u00a0%)"),
    ("smiles", None, None, None, "not measurable"),
    ("runs", 30.0, None, None, "30 samples"),
    ("runs", 1.0, None, None, "1 sample"),
    ("runs", None, None, None, "not measurable"),
    ("gone", 0.93, 0.85, 0.97, "0.93 (0.85 to 0.97)"),  # its unit is not known here
]


@pytest.mark.parametrize(("rule", "value", "low", "high", "expected"), VALUES)
def test_a_value_has_the_unit_of_its_rule(rule, value, low, high, expected):
    assert EN_RULES.value(rule, value, low, high) == expected


def test_percents_follow_the_language() -> None:
    assert EN.percent(1, 3) == "33.3\u00a0%"
    assert DE.percent(1, 3) == "33,3\u00a0%"
    assert DE.percent(1, 0) == "nicht messbar"


def test_an_unknown_language_is_an_error_in_words() -> None:
    with pytest.raises(ConfigError, match="no such language"):
        i18n.load("tlh")
