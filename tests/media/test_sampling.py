"""fertool.media.sampling: what to look at, and what that needs of a decoder."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.errors import ConfigError
from fertool.media.sampling import TOLERANCE_S, Every, Index, expected, parse_every, parse_time, plan


def index(times: list[float] | np.ndarray, keyframes: list[int] | None = None, **options: bool) -> Index:
    """Frames without reordering; every 12th a keyframe unless told."""
    time_s = np.asarray(times, np.float64)
    n = len(time_s)
    keys = np.isin(np.arange(n), range(0, n, 12) if keyframes is None else keyframes)
    pts = np.where(np.isnan(time_s), 0, np.round(time_s * 90000)).astype(np.int64)
    return Index(pts, time_s, keys, np.ones(n, np.int32), **options)


periods = st.floats(0.01, 10.0)


@st.composite
def indices(draw: st.DrawFn) -> Index:
    """Any variable frame rate in whole milliseconds, with gaps, any keyframes."""
    gaps_ms = draw(st.lists(st.integers(1, 5000), max_size=60))
    times_ms = np.cumsum([draw(st.integers(0, 3000)), *gaps_ms])
    keys = draw(st.sets(st.integers(0, len(times_ms) - 1)))
    return index(times_ms / 1000, sorted(keys | {0}))


@given(indices(), periods)
def test_a_period_gives_true_ascending_times_one_per_step(frames: Index, period: float) -> None:
    times = plan(frames, period)
    assert np.isin(times, frames.times).all()
    assert (np.diff(times) > 0).all()
    # No step has two samples, and only a step that no frame falls into has none.
    steps = np.floor((times + TOLERANCE_S) / period)
    assert (np.diff(steps) > 0).all()
    assert times[0] == frames.times[0]


@given(indices(), st.integers(1, 8000))
def test_each_sample_is_the_first_frame_or_keyframe_at_or_after_its_instant(frames: Index, ms: int) -> None:
    every_ms = (frames.times * 1000).round().astype(int).tolist()
    keys_ms = (frames.keyframe_times * 1000).round().astype(int).tolist()
    ends = [every_ms[0], *keys_ms, every_ms[-1]]
    dense = max(later - earlier for earlier, later in pairwise(ends)) <= ms
    candidates = keys_ms if dense else every_ms
    expected = {next(t for t in candidates if t >= k) for k in range(0, candidates[-1] + 1, ms)}
    assert (plan(frames, ms / 1000) * 1000).round().astype(int).tolist() == sorted(expected)


everies = st.one_of(periods, st.sampled_from(["all", "keyframes"]))
seconds = st.floats(0, 60)


@given(indices(), everies, seconds, seconds)
def test_a_range_is_cut_out_of_the_whole_plan(frames: Index, every: Every, start: float, end: float) -> None:
    whole, part = plan(frames, every), plan(frames, every, start, end)
    inside = (whole >= start - TOLERANCE_S) & (whole < end - TOLERANCE_S)
    np.testing.assert_array_equal(part, whole[inside])


TABLE = [
    # 25 fps, keyframes 0.48 s apart: a longer period is served by keyframes, the first at or after each k
    (np.arange(100) / 25, None, 1.0, [0.0, 1.44, 2.4, 3.36]),
    # a shorter one is not
    (np.arange(50) / 25, None, 0.4, [0.0, 0.4, 0.8, 1.2, 1.6]),
    # NTSC: 1.001 is the first frame at or after 1
    (np.arange(91) * 1.001 / 30, [0], 1.0, [0.0, 1.001, 2.002, 3.003]),
    # 3 * 0.1 is more than 0.3 in floating point, and must not skip that frame
    (np.array([0.0, 0.1, 0.2, 0.3, 0.4]), [0], 0.1, [0.0, 0.1, 0.2, 0.3, 0.4]),
    # a screen recording that stands still for 8 s: the frame after the gap is taken once
    (np.array([0.0, 0.5, 1.0, 9.3, 9.9, 10.2]), [0], 1.0, [0.0, 1.0, 9.3, 10.2]),
    # pictures begin after the sound
    (np.array([2.2, 2.6, 3.0, 3.4]), [0], 1.0, [2.2, 3.0]),
    # hidden frames are never targets
    (np.array([0.0, 0.5, np.nan, 1.5]), [0], 1.0, [0.0, 1.5]),
    # a period longer than the recording
    (np.arange(10) / 25, None, 60.0, [0.0]),
    # one frame
    (np.array([0.0]), None, 1.0, [0.0]),
    # nothing
    (np.array([]), None, 1.0, []),
    (np.array([]), None, "all", []),
    (np.arange(5) / 25, [0, 3], "keyframes", [0.0, 0.12]),
    (np.arange(3) / 25, [0], "all", [0.0, 0.04, 0.08]),
]


@pytest.mark.parametrize(("times", "keys", "every", "expected"), TABLE)
def test_plan(times: np.ndarray, keys: list[int] | None, every: float, expected: list[float]) -> None:
    np.testing.assert_allclose(plan(index(times, keys), every), expected, rtol=0, atol=1e-9)


def test_times_come_in_presentation_order_however_frames_are_stored() -> None:
    stored = index([0.0, 0.12, 0.04, 0.08, 0.24, 0.16, 0.20], [0])
    np.testing.assert_allclose(stored.times, np.arange(7) / 25)
    assert stored.positions(stored.times[1:4]).tolist() == [2, 3, 1]


def test_a_time_that_is_no_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="plan"):
        index([0.0, 0.04]).positions(np.array([0.03]))


NEEDED = [
    # decode order: I0 P3 B1 B2 | I4 P7 B5 B6; a frame needs all since its keyframe
    ([0, 3, 1, 2, 4, 7, 5, 6], [0, 4], [2], [1, 1, 1, 0, 0, 0, 0, 0]),
    ([0, 3, 1, 2, 4, 7, 5, 6], [0, 4], [5], [0, 0, 0, 0, 1, 1, 0, 0]),
    # nothing between the groups of two targets
    ([0, 3, 1, 2, 4, 7, 5, 6], [0, 4], [0, 4], [1, 0, 0, 0, 1, 0, 0, 0]),
    # open group: B2 and B3 are stored after I4, shown before it, and refer to the group before
    ([0, 1, 4, 2, 3, 5], [0, 2], [3], [1, 1, 1, 1, 0, 0]),
    ([0, 1, 4, 2, 3, 5], [0, 2], [5], [0, 0, 1, 1, 1, 1]),
    # no keyframe before: from the start
    ([0, 1, 2, 3], [2], [1], [1, 1, 0, 0]),
    ([0, 1, 2], [0], [], [0, 0, 0]),
]


@pytest.mark.parametrize(("pts", "keys", "positions", "expected"), NEEDED)
def test_needed(pts: list[int], keys: list[int], positions: list[int], expected: list[int]) -> None:
    frames = index(np.array(pts) / 25, keys)
    assert frames.needed(np.array(positions, np.intp)).tolist() == [bool(fed) for fed in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1s", 1), ("500ms", 0.5), ("2m", 120), ("2min", 120), (" 0.5 ", 0.5), (".5s", 0.5), ("1 S", 1),
        ("1ms", 0.001), ("ALL", "all"), ("keyframes", "keyframes"),
    ],
)  # fmt: skip
def test_parse_every(text: str, expected: float | str) -> None:
    assert parse_every(text) == expected


NO_PERIODS = [
    "",
    "s",
    "0",
    "0s",
    "-1s",
    "1h30",
    "1,5s",
    "nan",
    "inf",
    "1e3s",
    "every",
    "1ss",
    "0.1ms",
    "9" * 400,
]


@pytest.mark.parametrize("text", [*NO_PERIODS, "१s"])
def test_parse_every_refuses(text: str) -> None:
    with pytest.raises(ConfigError, match="sampling"):
        parse_every(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("1:30", 90),
        ("0:01:30.5", 90.5),
        ("90:00", 5400),
        ("0", 0),
        (" 12.25 ", 12.25),
        ("1:0:0", 3600),
        ("0:60", 60),
        ("0:59:60", 3600),
    ],
)
def test_parse_time(text: str, expected: float) -> None:
    assert parse_time(text) == expected


NO_TIMES = [
    "",
    ":",
    "1:",
    ":30",
    "-5",
    "1:75",
    "1:75:00",
    "1:2:3:4",
    "1m30s",
    "nan",
    "5.",
    "1:30,5",
    "9" * 400,
]


@pytest.mark.parametrize("text", NO_TIMES)
def test_parse_time_refuses(text: str) -> None:
    with pytest.raises(ConfigError, match="time"):
        parse_time(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parse_time_reads_back_a_clock(hours: int, minutes: int, seconds: int, millis: int) -> None:
    text = f"{hours}:{minutes:02}:{seconds:02}.{millis:03}"
    assert math.isclose(parse_time(text), hours * 3600 + minutes * 60 + seconds + millis / 1000)


@given(st.text(max_size=12))
def test_parsers_answer_or_refuse_and_nothing_else(text: str) -> None:
    for parse in (parse_every, parse_time):
        try:
            value = parse(text)
        except ConfigError:
            continue
        assert isinstance(value, str) or 0 <= value < math.inf


def test_an_index_takes_as_many_bytes_as_is_said() -> None:
    """Stamp 8, time 8, keyframe 1, size 4; then its order and sorted times, 8 each."""
    frames = index(np.arange(1000.0))
    arrays = [frames.pts, frames.time_s, frames.keyframe, frames.size, frames.order, frames.times]
    assert sum(array.nbytes for array in arrays) == 37 * 1000
    assert "37 bytes a frame" in (Index.__doc__ or "")


# (times of samples, seconds at the end that cannot be read, how many there would be): worked out by hand
EXPECTED: list[tuple[list[float], float, float]] = [
    ([], 0.0, 0),
    ([3.0], 0.0, 1),  # one sample has no period
    ([0, 1, 2, 3], 0.0, 4),
    ([0, 1, 2, 3], 4.0, 8),  # 4 s at one a second more
    ([0, 1, 2, 3, 13], 0.0, 5),  # ten steps: not a hole yet
    ([0, 1, 2, 3, 15], 0.0, 16),  # 0 to 15
    ([*range(10), *(1200 + n for n in range(10))], 0.0, 1210),  # 20 minutes without pictures
    ([0, 0.2, 0.4, 0.6, 10.6], 0.0, 54),
]


@pytest.mark.parametrize(("times", "unread_s", "count"), EXPECTED)
def test_samples_that_holes_cost(times: list[float], unread_s: float, count: float) -> None:
    assert expected(np.array(times, np.float64), unread_s) == pytest.approx(count)
