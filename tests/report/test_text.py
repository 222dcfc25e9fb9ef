"""How figures and names are written."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.report import text

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0:00:00"),
        (59.4, "0:00:59"),
        (59.6, "0:01:00"),  # not 0:00:60
        (3599.9, "1:00:00"),
        (3725.4, "1:02:05"),
        (36000, "10:00:00"),
        (90061, "25:01:01"),
        (-5, "-0:00:05"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_clock(seconds: float | None, written: str) -> None:
    assert text.clock(seconds) == written


@given(st.integers(0, 10**6))
def test_clock_can_be_read_back(seconds: int) -> None:
    h, m, s = (int(part) for part in text.clock(seconds).split(":"))
    assert h * 3600 + m * 60 + s == seconds
    assert m < 60
    assert s < 60


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (0, 10, f"0.0{NBSP}%"),
        (1, 3, f"33.3{NBSP}%"),
        (10, 10, f"100.0{NBSP}%"),
        (1, 100_000, "< 0.1 %"),  # something is not nothing
        (99_999, 100_000, "> 99.9 %"),  # and not everything is not everything
        (0, 0, "not measurable"),
        (None, 5, "not measurable"),
        (0.25, None, f"25.0{NBSP}%"),
        (None, None, "not measurable"),
    ],
)
def test_percent(part: float | None, whole: int | None, written: str) -> None:
    assert text.percent(part, whole) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.123456, "0.123"),
        (12.0, "12"),
        (123456.7, "123457"),
        (None, "–"),
        (float("inf"), "–"),
        (0, "0"),
        (-3.7e-17, "0"),
    ],
)
def test_number(value: float | None, written: str) -> None:
    assert text.number(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(12.4, "+12°"), (-25, "−25°"), (-0.2, "0°"), (None, "–"), (float("nan"), "–")]
)
def test_degrees(value: float | None, written: str) -> None:
    assert text.degrees(value) == written


def test_count_groups_digits() -> None:
    assert [text.count(n) for n in (0, 999, 1234567)] == ["0", "999", "1\u202f234\u202f567"]


# --- file names -------------------------------------------------------------------------------


@given(st.sets(st.text(max_size=60), max_size=30))
def test_slugs_are_safe_and_never_collide(names: set[str]) -> None:
    slugs = text.slugs(names)
    assert set(slugs) == names
    assert len(set(slugs.values())) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]{1,60}", slug) for slug in slugs.values())
    assert not text.RESERVED & set(slugs.values())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Signals", "signals"),  # one file on Windows and macOS
        ("a/b", "a-b"),
        ("a b", "a  b"),
        ("é", "e"),
        ("🎓", "🦊"),
        ("", "-"),
        ("x" * 100, "x" * 101),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_names_that_look_alike_get_different_slugs(one: str, other: str) -> None:
    assert len(set(text.slugs([one, other]).values())) == 2


def test_a_plain_name_is_its_own_slug() -> None:
    assert text.slugs(["week-03", "con"]) | {"con": ""} == {"week-03": "week-03", "con": ""}


def test_a_slug_does_not_depend_on_its_neighbors() -> None:
    assert text.slugs(["Week 3"])["Week 3"] == text.slugs(["Week 3", "week 3", "week-3"])["Week 3"]


def test_a_name_that_equals_another_ones_slug_keeps_it() -> None:
    taken = text.slugs(["Week 3"])["Week 3"]
    both = text.slugs(["Week 3", taken])
    assert both[taken] == taken
    assert both["Week 3"] != taken


# --- names ------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=40)))
def test_short_names_stay_different_and_on_one_line(names: list[str]) -> None:
    short = text.shorten(names)
    assert len(set(short)) == len(names)
    assert all(name and "\n" not in name for name in short)


def test_long_names_are_cut() -> None:
    assert text.shorten(["x" * 30, "x" * 31], 10) == ["x" * 9 + "…", "x" * 9 + "… (2)"]


@given(st.text())
def test_json_in_a_script_has_no_markup_and_means_the_same(value: str) -> None:
    safe = text.script_json(json.dumps({"name": value}, ensure_ascii=False))
    assert not set("<>&\u2028\u2029") & set(safe)
    assert json.loads(safe) == {"name": value}


# --- the command that repeats a run -----------------------------------------------------------


def test_the_command_survives_a_shell() -> None:
    options = {"threshold": 0.5, "flip": True, "mode": "a b", "sizes": [320, 512], "limit": None}
    config = {
        "detector": {"name": "ssd", "options": options},
        "encoder": {"name": "faceapi", "options": {"points": 14}},
        "classifier": None,
        "every": 2.0,
        "start_s": 10.5,
        "end_s": None,
        "policy": "behaviour",
    }
    words = shlex.split(text.command("a b;$(rm) '🎬'.mp4", "c & d", "<l>", config))
    assert words[:7] == ["fertool", "analyze", "a b;$(rm) '🎬'.mp4", "--course", "c & d", "--lecture", "<l>"]
    assert words[7:] == [
        *("--detector", "ssd", "--every", "2s", "--start", "10.5", "--policy", "behaviour"),
        *("-o", "ssd.threshold=0.5", "-o", "ssd.flip=true", "-o", "ssd.mode=a b"),
        *("-o", "ssd.sizes=320,512", "-o", "ssd.limit=none", "-o", "faceapi.points=14"),
    ]


def test_the_command_names_options_of_an_ensemble_and_of_its_members() -> None:
    parts = [{"name": "a", "options": {"deep": True}}, {"name": "b", "options": {}}, "odd"]
    whole = {"name": "a+b", "options": {"file": "w.json"}, "members": parts}
    words = shlex.split(text.command("v.mp4", "c", "l", {"classifier": whole}))
    assert words[7:] == ["--classifier", "a+b", "-o", "a+b.file=w.json", "-o", "a.deep=true"]
    assert text.members(whole) == [whole, *parts[:2]]
    assert text.members({}) == [{}]


def test_the_command_is_one_that_fertool_understands() -> None:
    """Its flags are those of `fertool analyze`, its values are read back as they were."""
    analyze = importlib.import_module("fertool.cli.analyze")
    sampling = importlib.import_module("fertool.media.sampling")
    config = {
        "detector": {"name": "ssd"},
        "classifier": {"name": "x"},
        "every": 0.04,
        "start_s": 1.5,
        "end_s": 90.25,
    }
    words = shlex.split(text.command("v.mp4", "c", "l", {**config, "policy": "full"}))
    flags = dict(zip(words[3::2], words[4::2], strict=True))
    parameters = inspect.signature(analyze.analyze).parameters
    assert {flag.removeprefix("--") for flag in flags} <= set(parameters)
    assert sampling.parse_every(flags["--every"]) == 0.04
    assert (sampling.parse_time(flags["--start"]), sampling.parse_time(flags["--end"])) == (1.5, 90.25)


@pytest.mark.parametrize(
    ("every", "written"), [(1.0, "1s"), (0.5, "0.5s"), ("keyframes", "keyframes"), (2, "2s")]
)
def test_period(every: float | str, written: str) -> None:
    assert text.period(every) == written


@pytest.mark.parametrize(
    "config", [{}, {"detector": None}, {"detector": "ssd"}, {"detector": {"options": 3}}]
)
def test_the_command_copes_with_missing_keys(config: dict[str, object]) -> None:
    assert text.command("v.mp4", "c", "l", config) == "fertool analyze v.mp4 --course c --lecture l"
