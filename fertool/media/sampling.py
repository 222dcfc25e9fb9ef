"""The sampling plan: which frames to look at, from the index of frames.

Pure numpy: nothing here opens a file. All times are seconds from the start of the recording.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from fertool.errors import ConfigError

Every = float | Literal["keyframes", "all"]
"""How densely to sample: a period in seconds (> 0), every keyframe, or every frame."""
Times = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]

TOLERANCE_S = 1e-6
"""A frame this much before k * period still counts as at it: 3 * 0.1 is not 0.3 in floating point."""

HOLE = 10
"""Times the median step between samples: a longer one is a hole. Steps differ, those of `keyframes` most."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0}


def parse_every(text: str) -> Every:
    """`1s`, `500ms`, `2m`, `0.5` (seconds), `keyframes` or `all`. Raises ConfigError."""
    word = text.strip().lower()
    if word in ("keyframes", "all"):
        return "keyframes" if word == "keyframes" else "all"
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|min|m)?", word, re.ASCII)
    period = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if not 0.001 <= period < math.inf:
        raise ConfigError(
            f"sampling {text!r}: expected a period of at least 1 ms, `keyframes` or `all`",
            "write it as 1s, 500ms or 2m",
        )
    return period


def parse_time(text: str) -> float:
    """`90`, `1:30` or `0:01:30.5` -> seconds, >= 0. Raises ConfigError."""
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)", text.strip(), re.ASCII)
    if match:
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        # Only the leading part may be large: 90:00 is an hour and a half, 1:90 is a slip. 0:60 is a minute.
        small_seconds = match[2] is None or seconds <= 60
        small_minutes = match[1] is None or minutes < 60
        if small_seconds and small_minutes and hours < 1e6 and minutes < 1e8 and seconds < 1e10:
            return hours * 3600 + minutes * 60 + seconds
    raise ConfigError(f"time {text!r}: expected seconds, m:ss or h:mm:ss", "such as 90, 1:30 or 0:01:30.5")


@dataclass(frozen=True, eq=False)
class Index:
    """Every video packet of a recording **in decode order**; one frame each. It takes 37 bytes a frame."""

    pts: npt.NDArray[np.int64]
    """(n,) presentation stamps; in the stream's time base, or mere ranks where it has none."""
    time_s: Times
    """(n,) presentation times; NaN for a packet that shows no frame (cut away by an edit list,
    broken, or a hidden reference), which is decoded but never a target."""
    keyframe: npt.NDArray[np.bool_]
    """(n,) whether decoding can begin here."""
    size: npt.NDArray[np.int32]
    """(n,) bytes: with its stamp, what a packet is recognized by after seeking."""
    seekable: bool = True
    """Whether `pts` are the container's own, so that it can be asked to seek to one."""
    estimated: bool = False
    """Times are frame count / average rate, because the file has none that can be used."""

    @cached_property
    def order(self) -> Positions:
        """Positions in decode order of the frames that are shown, in presentation order."""
        shown = np.flatnonzero(~np.isnan(self.time_s))
        return shown[np.argsort(self.time_s[shown], kind="stable")]

    @cached_property
    def times(self) -> Times:
        """Times of all frames shown, strictly ascending; may be empty."""
        return self.time_s[self.order]

    @property
    def keyframe_times(self) -> Times:
        """Those of `times` that are keyframes."""
        return self.times[self.keyframe[self.order]]

    def positions(self, targets: Times) -> Positions:
        """Positions in decode order of the frames at exactly these times. ValueError if not."""
        if not np.isin(targets, self.times).all():
            raise ValueError("targets are not frame times of this recording; take them from plan()")
        return self.order[np.searchsorted(self.times, targets)]

    def needed(self, positions: Positions) -> npt.NDArray[np.bool_]:
        """(n,) which packets a decoder must be fed to get the frames at `positions`, and no more.

        Per frame: all from its keyframe on. A frame shown *before* the keyframe that precedes it in the
        file (open GOP) also refers to the group before.
        """
        keys = np.concatenate([[0], np.flatnonzero(self.keyframe)])
        group = np.searchsorted(keys, positions, side="right") - 1
        leading = self.pts[positions] < self.pts[keys[group]]
        begin = keys[np.maximum(group - leading, 0)]
        depth = np.zeros(len(self.pts) + 1, np.int64)
        np.add.at(depth, begin, 1)
        np.add.at(depth, positions + 1, -1)
        return np.cumsum(depth[:-1]) > 0


def plan(index: Index, every: Every, start_s: float = 0.0, end_s: float = math.inf) -> Times:
    """Times of the frames to look at within [start_s, end_s): ascending, unique, each a true frame time.

    A period asks for the first frame at or after each k * period, counted from the start of the recording
    whatever `start_s` is; a frame that is the answer for several k (a gap in a screen recording) is taken
    once. If keyframes are nowhere further apart than the period, keyframes are the candidates instead of
    all frames: ten times cheaper to decode, and at most one period late. Empty if nothing is shown there.
    """
    if every == "all":
        times = index.times
    elif every == "keyframes":
        times = index.keyframe_times
    else:
        keys = index.keyframe_times
        times = _first_of_each(keys if _dense(keys, index.times, every) else index.times, every)
    return times[(times >= start_s - TOLERANCE_S) & (times < end_s - TOLERANCE_S)]


def expected(times: Times, unread_s: float = 0.0) -> float:
    """How many samples there would be if pictures had come all the time: those at `times`, which are
    ascending, and one per median time between two for each hole, a step of more than `HOLE` of these, and for
    `unread_s` seconds at the end."""
    if len(times) < 2:
        return float(len(times))
    steps = np.diff(times)
    period = float(np.median(steps))
    lost = steps[steps > HOLE * period] / period - 1
    return len(times) + float(lost.sum()) + unread_s / period


def _first_of_each(times: Times, period_s: float) -> Times:
    """The first time at or after each k * period_s: where the number of periods passed steps up."""
    passed = np.floor((times + TOLERANCE_S) / period_s)
    return times[np.diff(passed, prepend=-1.0) > 0]


def _dense(keys: Times, times: Times, period_s: float) -> bool:
    """Whether no stretch of the recording longer than `period_s` is without a keyframe."""
    if not len(keys):
        return False
    return bool(np.diff(keys, prepend=times[0], append=times[-1]).max() <= period_s + TOLERANCE_S)
