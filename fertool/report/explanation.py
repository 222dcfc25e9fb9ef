"""The page of `fertool explain`: faces, and which pixels of them classifiers' answers rest on.

One page that holds its pictures; like the contact sheet, it is meant to be deleted after use.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool.report.render import environment
from fertool.report.style import stylesheet

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """What one classifier answers to one face."""

    classifier: str
    version: str
    reason: str = ""
    """Why it was not asked; the rest is empty then."""
    label: str = ""
    """The expression that is explained."""
    probabilities: dict[str, float] = field(default_factory=dict)
    face: bytes = b""
    """JPEG: as the network sees it."""
    heat: bytes = b""
    """JPEG: the same, with the pixels that raise or lower the logit of `label`."""
    logit: float = 0.0
    logit_blurred: float = 0.0
    """Of the same face, blurred: what pixels are compared with."""
    total: float = 0.0
    """Sum of all pixels: the difference of both logits, but for rounding."""


@dataclass(frozen=True, slots=True)
class Card:
    """One face."""

    title: str
    figures: tuple[Figure, ...]


def page(cards: Sequence[Card]) -> str:
    """The page."""
    pages = environment()
    pages.filters["jpeg"] = lambda content: "data:image/jpeg;base64," + base64.b64encode(content).decode()
    return pages.get_template("explanation.html").render(cards=cards, style=stylesheet())
