"""The words of a report, in one catalogue file per language: `languages/CODE.toml`."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from fertool.errors import ConfigError
from fertool.report import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT = "en"
FOLDER = files("fertool.report").joinpath("languages")


def available() -> list[str]:
    """Codes of the languages that ship: a file in `languages/` is a language."""
    return sorted(path.name.removesuffix(".toml") for path in FOLDER.iterdir() if path.name.endswith(".toml"))


@cache
def load(code: str) -> Language:
    """Raises ConfigError for a language that does not ship."""
    if code not in available():
        raise ConfigError(f"--lang {code}: no such language", f"known: {', '.join(available())}")
    return Language(code, tomllib.loads(FOLDER.joinpath(f"{code}.toml").read_text(encoding="utf-8")))


class Language:
    """Strings by dotted key, and how figures are written."""

    def __init__(self, code: str, catalogue: Mapping[str, Any]) -> None:
        self.code = code
        self.strings = dict(_flat(catalogue))

    def __call__(self, key: str, **values: object) -> Markup:
        """The string of a key with its {places} filled in: the values are escaped, the catalogue is ours.

        Where there are `KEY.one` and `KEY.other` instead, `n` chooses between them.
        """
        if key not in self.strings:
            key += ".one" if values["n"] == 1 else ".other"
        shown = {name: text.count(it) if isinstance(it, int) else it for name, it in values.items()}
        return Markup(self.strings[key]).format(**shown)  # noqa: S704  (values are escaped by format)

    def term(self, kind: str, name: str | None) -> str:
        """What somebody else named, a rule, a level, an expression: translated if the catalogue knows it."""
        return self.strings.get(f"{kind}.{name}", name or "–")

    def filters(self) -> dict[str, Callable[..., Any]]:
        """How templates write figures."""
        plain = (text.clock, text.count, text.degrees, text.period, text.script_json)
        own = (self.percent, self.number, self.share, self.points, self.between)
        return {function.__name__: function for function in (*plain, *own)}

    def percent(self, part: float | None, whole: int | None = None) -> str:
        """As `text.percent`."""
        if part is None or whole == 0:
            return self.strings["not_measurable"]
        return self._local(text.percent(part, whole))

    def number(self, value: float | None, digits: int = 3) -> str:
        """As `text.number`."""
        return self._local(text.number(value, digits))

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
        return figure.replace(".", self.strings["decimal"])


def _signed(share: float) -> str:
    whole = round(share * 100)
    return f"{whole:+d}".replace("-", "−") if whole else "0"


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """{"a": {"b": "text"}} -> ("a.b", "text")."""
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return pairs
