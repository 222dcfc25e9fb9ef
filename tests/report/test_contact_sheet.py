"""The contact sheet: who looks alike, what to type, and nothing that runs or is fetched."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.report.contact_sheet import PAIRS, Card, Pair, Shot, lookalikes, sheet

if TYPE_CHECKING:
    from pathlib import Path

JPEG = b"\xff\xd8\xff\xe0 not really"


def at(*angles: float) -> np.ndarray:
    """Unit embeddings in the plane, by their angles in degrees."""
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("together", "limit", "expected"),
    [
        (set(), 0.5, [("ann", "bob"), ("bob", "cem")]),  # 10 and 20 degrees apart; the others 30 at least
        (set(), 0.2, [("ann", "bob")]),
        (set(), 0.1, []),
        ({("ann", "bob")}, 0.5, [("bob", "cem")]),  # seen at the same time: two people
        ({("cem", "bob")}, 0.5, [("ann", "bob")]),  # in whatever order
    ],
)
def test_lookalikes_are_the_nearest_not_seen_together(together, limit: float, expected: list) -> None:
    known = {"ann": at(0, 90), "bob": at(100), "cem": at(120, 180)}
    found = lookalikes(known, together, limit)
    assert [pair[:2] for pair in found] == expected
    assert [pair[2] for pair in found] == sorted(pair[2] for pair in found)


def test_of_many_only_the_nearest_and_of_two_models_none() -> None:
    many = {f"student-{i:02d}": at(i) for i in range(12)}
    assert len(lookalikes(many, set(), 2.0)) == PAIRS
    assert lookalikes({"ann": at(0), "bob": np.ones((1, 3), np.float32)}, set(), 9.0) == []
    assert lookalikes({}, set(), 1.0) == []


@given(st.lists(st.floats(0, 360), min_size=2, max_size=6))
def test_the_distance_is_that_of_the_nearest_prototypes(angles: list[float]) -> None:
    half = len(angles) // 2
    one, other = at(*angles[:half]), at(*angles[half:])
    ((_, _, distance),) = lookalikes({"a": one, "b": other}, set(), 3.0)
    assert distance == pytest.approx(min(np.linalg.norm(a - b) for a in one for b in other), abs=1e-5)


def card(student: str, name: str | None = None, *, seen_s: float = 65.0, shots: int = 2) -> Card:
    taken = tuple(Shot("week 1", f"{student}.mp4", 61.0 * i, JPEG) for i in range(shots))
    return Card(student, name, 1 if shots else 0, 1 if shots else 0, seen_s, taken)


@pytest.mark.parametrize(
    ("a", "b", "kept"),
    [
        (card("a"), card("b"), "a"),
        (card("a"), card("b", seen_s=99), "b"),  # seen for longer
        (card("a", seen_s=99), card("b", "Bob"), "b"),  # named
        (card("a", "Ann"), card("b", shots=0), "b"),  # enrolled: a picture says who it is
        (card("a", shots=0), card("b"), "a"),
    ],
)
def test_whose_label_to_keep(a: Card, b: Card, kept: str) -> None:
    pair = Pair.of(a, b, 0.3)
    assert pair.one.student == kept
    assert {pair.one, pair.other} == {a, b}


def test_every_command_on_it_can_be_typed() -> None:
    cards = [card("student-01"), card("O'Brien; rm -rf ~"), card("student-03", shots=0)]
    page = sheet(
        "signals & systems", cards, [(cards[0].student, cards[1].student, 0.31)], [], ("--db", "a b.duckdb")
    )
    typed = [shlex.split(unescape(command)) for command in re.findall(r"<code>(fertool .*?)</code>", page)]
    flags = ["--course", "signals & systems", "--db", "a b.duckdb"]
    assert [words[2:-4] for words in typed] == [
        ["merge", "student-01", "O'Brien; rm -rf ~"],
        ["rename", "student-01", "NAME", "--names", "names.json"],
        ["merge", "student-01", "OTHER"],
        ["split", "student-01", "--recording", "student-01.mp4", "--at", "0:01:01"],
        ["rename", "O'Brien; rm -rf ~", "NAME", "--names", "names.json"],
        ["merge", "O'Brien; rm -rf ~", "OTHER"],
        ["split", "O'Brien; rm -rf ~", "--recording", "O'Brien; rm -rf ~.mp4", "--at", "0:01:01"],
    ]
    assert all(words[-4:] == flags for words in typed)


def test_commands_carry_the_names_file_in_use() -> None:
    page = sheet("signals", [card("student-01")], [], [], names="my names.json")
    assert unescape(page).count("--names 'my names.json' --course signals") == 2


def unescape(text: str) -> str:
    import html

    return html.unescape(text)


def test_names_are_shown_beside_the_label_and_escaped() -> None:
    evil = "<script>alert(1)</script>"
    page = sheet(evil, [card("student-01", evil), card(evil)], [], [evil])
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5
    assert re.search(r'<h2 id="student-1">&lt;script.*<span class="n">student-01</span></h2>', page)


def test_it_holds_its_pictures_and_loads_nothing() -> None:
    page = sheet("signals", [card("student-01", shots=3)], [], [])
    assert page.count('src="data:image/jpeg;base64,/9j/') == 3
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "default-src 'none'" in page
    assert "url(" not in page


def test_shots_that_could_not_be_cut_are_said_to_be_missing() -> None:
    lost = Card("student-01", None, 1, 1, 5.0, (Shot("week 1", "a.mp4", 0.0, None),))
    page = sheet("signals", [lost], [], ["a.mp4: no such file"])
    assert ">no picture<" in page
    assert "a.mp4: no such file" in page
    assert "data:image/jpeg" not in page


def test_known_but_not_seen() -> None:
    page = sheet("signals", [card("student-01", "Ann", shots=0)], [], [])
    assert "Known, but not seen in any recording" in page
    assert "Nobody seen yet" in page
    empty = sheet("signals", [], [], [])
    assert "Known, but not seen" not in empty
    assert "Nobody seen yet" in empty


# --- in a real browser ----------------------------------------------------------------------------


def pictured(student: str, shots: int) -> Card:
    gray = cv2.imencode(".jpg", np.full((160, 160, 3), 128, np.uint8))[1].tobytes()
    taken = tuple(Shot("week 1", f"{'very-long-' * 12}name.mp4", 60.0 * i, gray) for i in range(shots))
    return Card(student, None, 1, 1, 60.0 * shots, taken)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_the_page_fits_shows_its_pictures_and_asks_for_nothing(
    browser: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    cards = [pictured("student-01", 9), pictured("O" * 120, 2), card("student-03", shots=0)]
    alike = [(cards[0].student, cards[1].student, 0.4), (cards[0].student, "student-03", 0.5)]
    (tmp_path / "sheet.html").write_text(sheet("signals", cards, alike, ["a note"]), encoding="utf-8")
    trouble: list[str] = []
    tab = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    tab.on("console", lambda message: trouble.append(message.text))
    tab.on(
        "request",
        lambda asked: asked.url.startswith(("file:", "data:")) or trouble.append(asked.url),
    )
    tab.goto((tmp_path / "sheet.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    shown = tab.evaluate("[...document.images].filter(it => it.naturalWidth === 160).length")
    assert shown == 9 + 2 + 3 + 2 + 3, "cards, then the pairs with at most three each"
    assert trouble == []
