"""The stylesheet of a report, with the colors of labels beyond the seven."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

EMOTICONS = {
    "angry": "\U0001f620",
    "disgust": "\U0001f616",
    "fear": "\U0001f628",
    "happy": "\U0001f603",
    "sad": "\U0001f61e",
    "surprise": "\U0001f62e",
    "neutral": "\U0001f610",
}
"""Signs of the seven expressions, of those that old fonts have as well; a further label is written out."""
COLORS = 4
"""Colors for further labels: `--further-1` and so on in report.css. Labels after that share a gray."""


def color(label: str) -> str:
    """Variable of the stylesheet with the color of an expression; also the class of its lines and marks. A
    further label may be called as any of our own (`attention`), so it gets a prefix."""
    return label if label in EMOTIONS else f"label-{label}"


def stylesheet(further: Iterable[str] = ()) -> str:
    """report.css with rules for further labels, which get their colors in the order given."""
    css = files("fertool.report").joinpath("static", "report.css").read_text(encoding="utf-8")
    return css + "".join(_rules(label, number) for number, label in enumerate(further, 1))


def _rules(label: str, number: int) -> str:
    name = color(label)
    paint = f"var(--further-{number})" if number <= COLORS else "var(--other)"
    return (
        f":root {{ --{name}: {paint}; }}\n"
        f'.swatch[data-label="{name}"] {{ color: var(--{name}); }}\n'
        f".sketch .{name} {{ stroke: var(--{name}); }}\n"
    )
