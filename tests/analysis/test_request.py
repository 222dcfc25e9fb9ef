"""A request: its one checked field, and what travels to workers."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fertool.analysis.request import Request
from fertool.errors import FertoolError
from fertool.media.display import AS_DECLARED, View

TOOLS: Any = SimpleNamespace(same_person=0.6, model="faceapi 1 abc")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (None, None),
        ("Ann", "Ann"),
        ("  Ann ", "Ann"),
        ("Zoe\u0308", "Zoë"),  # decomposed, as macOS writes it
        ("Ann  Lee", "Ann Lee"),
    ],
)
def test_a_student_has_one_spelling(typed: str | None, kept: str | None) -> None:
    assert Request("signals", "week 1", TOOLS, student=typed).student == kept
    # A copy is checked as well: no field gets past the door.
    assert replace(Request("signals", "week 1", TOOLS), student=typed).student == kept


@pytest.mark.parametrize("typed", ["", "  ", "A\x07nn", "student-01", "x" * 201])
def test_what_is_no_name_is_refused_where_it_was_typed(typed: str) -> None:
    with pytest.raises(FertoolError, match="--student"):
        Request("signals", "week 1", TOOLS, student=typed)


def test_people_are_told_apart_as_the_tools_say() -> None:
    asked = Request("signals", "week 1", TOOLS)
    assert (asked.same_person, asked.model) == (0.6, "faceapi 1 abc")


def test_defaults_are_the_whole_recording_once_a_second() -> None:
    asked = Request("signals", "week 1", TOOLS)
    assert (asked.every, asked.start_s, asked.end_s) == (1.0, 0.0, math.inf)
    assert (asked.policy, asked.consent, asked.device) == ("full", "off", "cpu")
    assert asked.view == AS_DECLARED
    assert asked.offset_s is None, "as is known already"
    assert [asked.force, asked.move, asked.find_rotation] == [False] * 3


def test_facts_make_the_same_request_elsewhere() -> None:
    """A worker has tools of its own; everything else arrives, as a pool of processes sends it."""
    asked = Request(
        "signals", "week 1", TOOLS, every=0.5, start_s=10, end_s=90.5, policy="behaviour", consent="required",
        device="cpu", student="Ann", offset_s=3.25, force=True, move=True, view=View(rotate=90),
        find_rotation=True,
    )  # fmt: skip
    facts = pickle.loads(pickle.dumps(asked.facts()))
    assert "tools" not in facts
    other: Any = SimpleNamespace(same_person=0.6, model="faceapi 1 abc")
    there = Request(tools=other, **facts)
    assert there.facts() == asked.facts()
    assert there == replace(asked, tools=other)
