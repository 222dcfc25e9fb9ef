"""The words of a report: one catalog file per language, `languages/CODE.toml`."""

from __future__ import annotations

import math
import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from fertool import messages
from fertool.contracts import Rule
from fertool.errors import ConfigError
from fertool.report import text
from fertool.types import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fertool.host.registry import Registry
    from fertool.report.data.course import Course
    from fertool.report.data.digest import Digest
    from fertool.types import Feed, Plain

DEFAULT = "en"
FOLDER = files("fertool.report").joinpath("languages")
MINUS_ZERO = re.compile(r"(?<![e\d])-(?=0(\.0+)?(?![\d.]))")
MINUS = re.compile(r"(?<!e)-(?=\d)")


def available() -> list[str]:
    """Codes of the languages that ship: a file in `languages/` is a language."""
    return sorted(path.name.removesuffix(".toml") for path in FOLDER.iterdir() if path.name.endswith(".toml"))


@cache
def load(code: str) -> Language:
    """Raises ConfigError for a language that does not ship."""
    if code not in available():
        raise ConfigError(f"--lang {code}: no such language", f"known: {', '.join(available())}")
    catalog = tomllib.loads(FOLDER.joinpath(f"{code}.toml").read_text(encoding="utf-8"))
    return Language(code, dict(_flat(catalog)))


class Language:
    """Strings by dotted key, and how figures are written."""

    def __init__(
        self, code: str, strings: Mapping[str, str], rules: Mapping[str, type[Rule]] | None = None
    ) -> None:
        self.code = code
        self.strings = strings
        self.rules = rules or {}

    def with_rules(self, registry: Registry) -> Language:
        """The same with the words that these rules bring."""
        rules = {it.plugin.name: it.plugin for it in registry.of_kind("rule") if issubclass(it.plugin, Rule)}
        return Language(self.code, self.strings, rules)

    def __call__(self, key: str, **values: object) -> Markup:
        """The string of a key with its {places} filled in: the values are escaped, the catalog is ours.

        Where there are `KEY.one` and `KEY.other` instead, `n` chooses between them.
        """
        if key not in self.strings:
            key += ".one" if values["n"] == 1 else ".other"
        shown = {name: text.count(it) if isinstance(it, int) else it for name, it in values.items()}
        return Markup(self.strings[key]).format(**shown)  # noqa: S704  (values are escaped by format)

    def of(self, one: Digest | Course, key: str, **values: object) -> Markup:
        """The string of a key as it is said of a lecture or a course: in [shown] stand those of recordings
        that show one face at a time, where nobody's absence is measured."""
        shown = f"shown.{key}"
        return self(shown if one.one_at_a_time and shown in self.strings else key, **values)

    def figure(self, kind: str, one: Digest | Course) -> Markup:
        """The name of a figure of a lecture or a course; without expressions, `lost` is who was not seen."""
        return self.of(one, "figure.away" if kind == "lost" and not one.expressions else f"figure.{kind}")

    def term(self, kind: str, name: str | None) -> str:
        """What somebody else named, a level or an expression: translated if the catalog knows it."""
        return self.strings.get(f"{kind}.{name}", name or "–")

    def answer(self, level: str) -> str:
        """A level by which a rule tells several answers apart: an expression, or one of the usual levels."""
        return self.strings.get(f"emotion.{level}") or self.term("level", level)

    def rule(self, name: str) -> Markup:
        """What a rule's value is; its name where the rule is not known here or brings no words."""
        label = self.rules[name].label if name in self.rules else ""
        return self.told(name, Message(label)) if label else Markup.escape(name)

    def feeding(self, place: Feed, *lectures: Digest) -> str:
        """The name of the rule that fills a place in these lectures, else of the one installed here that
        would; a dash where there is none."""
        names = [row["rule"] for one in lectures for row in one.fed(place)]
        names = names or [name for name, rule in self.rules.items() if rule.feeds == place]
        return names[-1] if names else "–"

    def lacks(self, name: str) -> bool:
        """Whether a rule is not present now; what it said before is shown all the same."""
        return bool(self.rules) and name not in self.rules

    def direction(self, name: str) -> str:
        """Which of a rule's values ask for nothing, with an arrow; empty where neither is better."""
        better = self.rules[name].better if name in self.rules else "neither"
        return "" if better == "neither" else self.strings[f"better.{better}"]

    def value(
        self, name: str, value: float | None, low: float | None = None, high: float | None = None
    ) -> str:
        """A rule's value in its unit, with its interval."""
        unit = self.rules[name].unit if name in self.rules else "number"
        if unit == "share":
            return self.share(value, low, high)
        if unit == "samples" and value is not None:
            return str(self("samples_n", n=round(value)))
        return self.between(value, low, high)

    def told(self, rule: str, message: Message | str | None) -> Markup:
        """What a rule said, in words of its own for this language; otherwise in English, marked as such."""
        return self.phrase(self.rules[rule].words if rule in self.rules else {}, message)

    def phrase(self, words: Mapping[str, Mapping[str, str]], message: Message | str | None) -> Markup:
        """What a plugin says, in its words for this language; otherwise in English, marked as such."""
        own = words.get(self.code, {})
        if not isinstance(message, Message):
            text = message or ""
            return Markup.escape(own[text]) if text in own else self._foreign(Markup.escape(text))
        known = {one: own.get(one) or self.strings.get(f"said.{one}") for one in messages.texts(message)}
        if self.code != DEFAULT and not all(known.values()):
            return self._foreign(Markup.escape(str(message)))
        return Markup.escape(messages.render(message, lambda one: known[one] or one, self._write))

    def about(self, rule: str) -> list[str]:
        """Paragraphs of what a rule says of itself in this language; none where it brings no such text."""
        text = self.rules[rule].about.get(self.code, "") if rule in self.rules else ""
        return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]

    def _foreign(self, text: Markup) -> Markup:
        return Markup('<span lang="en">{}</span>').format(text) if self.code != DEFAULT and text else text

    def _write(self, value: Plain, style: str) -> str:
        """As `messages.english`, in this language."""
        if style == "label" and isinstance(value, str):
            return self.term("emotion", value)
        if isinstance(value, int | float) and style == "share":
            return text.whole(value)
        if isinstance(value, int | float) and style == "clock":
            return text.clock(value)
        plain = messages.english(value, style)
        return self._local(plain) if isinstance(value, float) else plain

    def filters(self) -> dict[str, Callable[..., Any]]:
        """How templates write figures."""
        plain = (text.clock, text.count, text.degrees, text.period, text.script_json)
        own = (self.percent, self.number, self.decimals, self.share, self.points, self.between)
        return {function.__name__: function for function in (*plain, *own)}

    def percent(self, part: float | None, whole: int | None = None) -> str:
        """As `text.percent`."""
        if part is None or whole == 0:
            return self.strings["not_measurable"]
        return self._local(text.percent(part, whole))

    def number(self, value: float | None, digits: int = 3) -> str:
        """As `text.number`."""
        return self._local(text.number(value, digits))

    def decimals(self, value: float) -> str:
        """A probability: 0.05."""
        return self._local(f"{value:.2f}")

    def share(self, value: float | None, low: float | None = None, high: float | None = None) -> str:
        """`83 % (61 to 92 %)`: whole percents, since an interval says more than a decimal."""
        if value is None or math.isnan(value):
            return self.strings["not_measurable"]
        if low is None or high is None or round(low * 100) == round(high * 100):
            return text.whole(value)
        return f"{text.whole(value)} ({low * 100:.0f} {self.strings['to']} {text.whole(high)})"

    def between(self, value: float | None, low: float | None = None, high: float | None = None) -> str:
        """`0.83 (0.61 to 0.92)`: a rule's figure; an interval of no width is left out."""
        if value is None:
            return self.strings["not_measurable"]
        if low is None or high is None or f"{low:.2f}" == f"{high:.2f}":
            return self.number(value)
        return self._local(f"{value:.2f} ({low:.2f} {self.strings['to']} {high:.2f})")

    def points(self, change: float | None, low: float | None = None, high: float | None = None) -> str:
        """A difference of two shares: `+12 points (+3 to +20)`."""
        if change is None:
            return "–"
        shown = f"{_signed(change)}\u00a0{self.strings['points']}"
        if low is None or high is None:
            return shown
        return f"{shown} ({_signed(low)} {self.strings['to']} {_signed(high)})"

    def _local(self, figure: str) -> str:
        """With this language's decimal sign, a true minus, and no minus before a zero."""
        signed = MINUS.sub("−", MINUS_ZERO.sub("", figure))
        return signed.replace(".", self.strings["decimal"])


def _signed(share: float) -> str:
    whole = round(share * 100)
    return f"{whole:+d}".replace("-", "−") if whole else "0"


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """{"a": {"b": "text"}} -> ("a.b", "text")."""
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return pairs
