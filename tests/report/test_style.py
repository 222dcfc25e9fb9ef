"""Rules of the stylesheet for labels beyond the seven."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from fertool.report import style
from fertool.types import EMOTIONS

STATIC = files("fertool.report").joinpath("static", "report.css").read_text(encoding="utf-8")

COLORS = [
    # label, variable
    ("happy", "happy"),
    ("contempt", "label-contempt"),
    ("attention", "label-attention"),  # our own word: the color of what a rule warns of
    ("heat-1", "label-heat-1"),
]


@pytest.mark.parametrize(("label", "name"), COLORS)
def test_a_label_never_takes_over_a_variable_of_ours(label: str, name: str) -> None:
    assert style.color(label) == name
    known = set(re.findall(r"--([\w-]+):", STATIC))
    assert (name in known) is (label in EMOTIONS)


def test_a_usual_report_has_the_static_stylesheet() -> None:
    assert style.stylesheet() == STATIC


def test_further_labels_get_colors_in_their_order_and_then_a_gray() -> None:
    labels = ["a", "b", "c", "d", "e", "f"]
    added = style.stylesheet(labels).removeprefix(STATIC)
    assert re.findall(r":root \{ --label-(\w): (.*?); \}", added) == [
        ("a", "var(--further-1)"),
        ("b", "var(--further-2)"),
        ("c", "var(--further-3)"),
        ("d", "var(--further-4)"),
        ("e", "var(--other)"),
        ("f", "var(--other)"),
    ]
    for label in labels:
        assert f'.swatch[data-label="label-{label}"] {{ color: var(--label-{label}); }}' in added
        assert f".sketch .label-{label} {{ stroke: var(--label-{label}); }}" in added


def test_there_are_as_many_colors_as_are_handed_out() -> None:
    numbers = {int(number) for number in re.findall(r"--further-(\d+):", STATIC)}
    assert numbers == set(range(1, style.COLORS + 1))
