"""Text helpers: misspelt words, clock times, natural order, plurals. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ALIKE = 0.6
"""Likeness (difflib's ratio) from which a word may be meant by another one."""


def nearest(word: str, known: Iterable[str], alike: float = ALIKE) -> str:
    """The known word most like this one; empty if none is as `alike` (0 to 1)."""
    from difflib import get_close_matches  # takes a millisecond, and is rarely needed

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=alike)), "")


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """The hint `did you mean 'db'?` for `dbb`; `otherwise` where no known word is alike."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else otherwise


def clock(seconds: float, *, hours: bool = True) -> str:
    """h:mm:ss of the whole seconds: 3725.9 -> `1:02:05`, -5 -> `-0:00:05`.

    Not `hours`: these only where there are some, so 754 -> `12:34`. Round first to show the nearest second.
    """
    whole = int(seconds)
    minutes, rest = divmod(abs(whole), 60)
    sign = "-" if whole < 0 else ""
    if not hours and minutes < 60:
        return f"{sign}{minutes}:{rest:02d}"
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key under which `student-2` comes before `student-10`; equal for `2` and `02`: sort by the name
    as well. Give `name.casefold()` where case does not count."""
    parts = re.split(r"([0-9]+)", name)  # text and digits take turns, so like is compared with like
    parts[1::2] = [part.lstrip("0") for part in parts[1::2]]
    return [(len(part) if i % 2 else 0, part) for i, part in enumerate(parts)]


def plural(number: int, thing: str) -> str:
    """`1 lecture`, `2 lectures`, `0 lectures`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
