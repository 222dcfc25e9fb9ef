"""Messages of rules as data: a text with {places}, and values. Pure."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from string import Formatter
from typing import TYPE_CHECKING, Any

from fertool.text import clock
from fertool.types import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from fertool.types import Plain

    Write = Callable[[Plain, str], str]
    """(value, format) -> text."""

FORMATS = ("", "share", "clock", "number", "label")
"""After the colon of a place. Nothing: as it is; `share`: 0.284 -> 28%; `clock`: seconds -> 12:34; `number`:
two decimals; `label`: an expression or several, by name."""


def english(value: Plain, style: str) -> str:
    """A value as English sentences have it; several texts are parted by commas."""
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float):
        return ", ".join(value)
    if style == "share":
        return whole_percent(value)
    if style == "clock":
        return clock(math.floor(value + 0.5), hours=False)
    return f"{value:.2f}" if style == "number" else f"{value:g}"


def render(message: Message, translate: Callable[[str], str] = str, write: Write = english) -> str:
    """The sentence, its text and those of the sentences in it looked up with `translate`. Raises LookupError
    for a place without a value, ValueError for an unknown format, TypeError for a value that is none."""
    parts = []
    for literal, place, style in _parsed(translate(message.text)):
        parts.append(literal)
        if place is not None:
            value = message.values[place]
            parts.append(
                render(value, translate, write) if isinstance(value, Message) else write(value, style)
            )
    return "".join(parts)


def texts(message: Message) -> list[str]:
    """The text of a sentence and of those in it: what a translation has to know."""
    inner = [value for value in message.values.values() if isinstance(value, Message)]
    return [message.text, *(text for one in inner for text in texts(one))]


def to_json(message: Message) -> str:
    """{"text": ..., "values": {...}}, a sentence within it likewise."""
    return json.dumps(_plain(message), sort_keys=True, ensure_ascii=False)


def from_json(text: str) -> Message:
    """The inverse of `to_json`."""
    return _message(json.loads(text))


def whole_percent(share: float, gap: str = "") -> str:
    """0.834 -> `83%`; never `0%` for something, nor `100%` for less than everything."""
    if 0 < share <= 0.005:
        return f"< 1{gap}%"
    if 0.995 <= share < 1:
        return f"> 99{gap}%"
    return f"{share * 100:.0f}{gap}%"


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[tuple[str, str | None, str], ...]:
    """(text before it, name of the place, format); no place after the last text."""
    parts = []
    for literal, place, style, _ in Formatter().parse(text):
        if style and style not in FORMATS:
            raise ValueError(f"unknown format {style!r} in {text!r}: one of {', '.join(FORMATS[1:])}")
        parts.append((literal, place, style or ""))
    return tuple(parts)


def _plain(message: Message) -> dict[str, Any]:
    values = {
        name: _plain(value) if isinstance(value, Message) else value for name, value in message.values.items()
    }
    return {"text": message.text, "values": values}


def _message(plain: dict[str, Any]) -> Message:
    values = {
        name: _message(value) if isinstance(value, dict) else value for name, value in plain["values"].items()
    }
    return Message(plain["text"], **values)
