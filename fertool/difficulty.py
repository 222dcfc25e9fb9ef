"""Marks of difficulty as lecturers type them: `hard`, `very difficult`, `schwer`, `4`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fertool.errors import ConfigError
from fertool.text import did_you_mean


@dataclass(frozen=True, slots=True)
class Words:
    """What marks may consist of in one language, in lower case."""

    difficult: tuple[str, ...]
    other: tuple[str, ...]
    """Not difficult."""
    degrees: tuple[str, ...]
    """May stand before any of these, and change nothing."""


LANGUAGES = {
    "en": Words(
        ("hard", "difficult", "high"),
        ("easy", "simple", "low", "medium", "moderate", "normal"),
        ("very", "quite", "rather"),
    ),
    "de": Words(
        ("schwer", "schwierig", "hoch"),
        ("leicht", "einfach", "niedrig", "mittel", "normal"),
        ("sehr", "ziemlich", "recht"),
    ),
}
"""The languages of the report; a mark may be of any of them, whatever the language of the report is."""
LOWEST, HIGHEST, HARD_FROM = 1, 5, 4
"""A number is a mark on this scale, and from `HARD_FROM` on it says difficult."""

_DIFFICULT = tuple(word for words in LANGUAGES.values() for word in words.difficult)
_OTHER = tuple(dict.fromkeys(word for words in LANGUAGES.values() for word in words.other))
_DEGREES = tuple(word for words in LANGUAGES.values() for word in words.degrees)


def says_difficult(mark: str) -> bool | None:
    """Whether a mark says difficult; False for an empty one, None for one that is not understood."""
    if not (words := mark.casefold().split()):
        return False
    *degrees, word = words
    if word in _DIFFICULT + _OTHER:
        return word in _DIFFICULT if set(degrees) <= set(_DEGREES) else None
    try:
        number = float(mark)
    except ValueError:
        return None
    return number >= HARD_FROM if LOWEST <= number <= HIGHEST else None


def checked(where: str, mark: str) -> str:
    """The mark itself. Raises ConfigError, with `where` it was typed, for one that is not understood."""
    if says_difficult(mark) is None:
        raise ConfigError(f"{where}: difficulty {mark!r} is not understood", _hint(mark))
    return mark


def _hint(mark: str) -> str:
    near = did_you_mean(mark.casefold().split()[-1], _DIFFICULT + _OTHER, "")
    return (
        f"{f'{near} ' if near else ''}difficult: {', '.join(_DIFFICULT)}; "
        f"not difficult: {', '.join(_OTHER)}; {', '.join(_DEGREES)} may stand before them; or a number from "
        f"{LOWEST} to {HIGHEST}, difficult from {HARD_FROM} on"
    )
