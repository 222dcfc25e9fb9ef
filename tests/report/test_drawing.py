"""Drawings for pages that run no script: bars and lines worked out by hand, 720 units wide."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.report import data, drawing, i18n
from fertool.report.data.digest import Estimate, digest
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline
from fertool.types import EMOTIONS

SAY = i18n.load("en")


def bar(**shares: float | None) -> list[tuple[str, float, float]]:
    """Class, left and right of each part."""
    svg = drawing.distribution([(name, Estimate(value)) for name, value in shares.items()], SAY)
    found = re.findall(r'<path class="part ([\w-]+)" d="M([\d.]+) 10H([\d.]+)"/>', svg)
    assert len(found) == svg.count("<path")
    return [(name, float(left), float(right)) for name, left, right in found]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"happy": 1.0}, [("happy", 0, 719)]),  # less the gap behind it
        ({"happy": 0.5, "sad": 0.5}, [("happy", 0, 359), ("sad", 360, 719)]),
        ({"happy": 0.25, "neutral": 0.75}, [("happy", 0, 179), ("neutral", 180, 719)]),
        ({"happy": 0.0, "sad": 1.0}, [("sad", 0, 719)]),  # nothing takes no room
        (
            {"happy": 0.001, "sad": 0.999},
            [("sad", 0.7, 719)],
        ),  # narrower than the gap: left out, its room stays
        ({"happy": None, "sad": 0.5}, [("sad", 0, 359)]),  # held back: no part of the bar
        ({}, []),
        ({"contempt": 1.0}, [("label-contempt", 0, 719)]),  # a further label has a class of its own
    ],
)
def test_a_bar_has_a_part_for_each_share(shares: dict, expected: list) -> None:
    assert bar(**shares) == expected


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=7))
def test_parts_follow_one_another_and_fill_the_bar(weights: list[float]) -> None:
    shares = {name: weight / sum(weights) for name, weight in zip(EMOTIONS, weights, strict=False)}
    parts = bar(**shares)
    for (_, _, right), (_, left, _) in zip(parts, parts[1:], strict=False):
        assert left == pytest.approx(right + drawing.PART_GAP, abs=0.11)
    assert parts[-1][2] == pytest.approx(drawing.WIDTH - drawing.PART_GAP, abs=0.11)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (EMOTIONS, list(drawing.SHOWN)),
        (("neutral", "happy"), ["happy", "neutral"]),
        (("contempt", "sad", "awe"), ["sad", "contempt", "awe"]),  # further ones last, as they came
        ((), []),
    ],
)
def test_labels_have_one_order(labels: tuple[str, ...], expected: list[str]) -> None:
    assert drawing.in_order(labels) == expected


def sketch(store: Store, spec: str, policy: str = "full") -> str:
    store_lecture(store, "c", "l", {"Ann": timeline(spec)}, policy=policy)
    return str(drawing.sketch(digest(data.load(store, "c", "l")), "Ann", SAY))


def strokes(svg: str) -> dict[int, list[tuple[int, int]]]:
    """Shade of the strip, 0 unseen to 4 seen -> from, to."""
    paths = re.findall(r'<path class="seen seen-(\d)" d="([^"]+)"/>', svg)
    return {
        int(shade): [(int(a), int(b)) for a, b in re.findall(r"M(\d+) \d+H(\d+)", d)] for shade, d in paths
    }


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("happy*80", {4: [(0, 720)]}),  # neighbors of one shade are one stroke
        ("happy*40 absent*40", {4: [(0, 360)], 0: [(360, 720)]}),
        ("happy*20 absent*40 happy*20", {4: [(0, 180), (540, 720)], 0: [(180, 540)]}),
    ],
)
def test_a_strip_says_when_somebody_was_seen(store: Store, spec: str, expected: dict) -> None:
    """80 samples, a second apart, in bins of a second."""
    assert strokes(sketch(store, spec)) == expected


def test_only_what_was_probable_is_drawn(store: Store) -> None:
    svg = sketch(store, "happy*40 sad*40")
    lines = re.findall(r'<path class="(\w+)" d="M', svg)
    assert {"happy", "sad"} <= set(lines)
    assert lines == drawing.in_order(lines)
    assert 'role="img"' in svg
    assert re.search(r'aria-label="[^"]+"', svg)


def test_without_a_measured_expression_there_is_the_strip_alone(store: Store) -> None:
    svg = sketch(store, "happy*80", policy="behaviour")
    assert set(re.findall(r'class="([\w -]+)"', svg)) == {"sketch", "seen seen-4"}
    assert f'viewBox="0 0 720 {drawing.SEEN + 4}"' in svg
