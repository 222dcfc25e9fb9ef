"""The pose of a level head before a camera, estimated with its uncertainty. Pure.

Webcams look up or down at people, and the encoder has a bias per face of tens of degrees
(`vision.head_pose`), so an angle means "bowed" or "turned aside" only against the pose of the same person,
level and ahead, before the same camera. The median is no such reference: it is bowed for a student who is
bowed most of the time.

What is used instead are the modes of a student's angles in one lecture: heights at which the head was held.

- Pitch: a student who was seen at two heights is level at the upper one, if the head was there for a fifth of
  the time or more. A student who was seen at one height only may have been level or bowed all the time; the
  level lies between that height and the highest that is plausible.
- Yaw: ahead is a mode that is plausible as such. With one mode only, or two plausible ones, any of them, or
  any plausible angle, may be ahead.
- Plausible is what lies around the class's own middle, or, with fewer than five students, within the bias of
  the encoder. A mode that is not plausible says only that the head was not level.
- A lecture with one mode takes the level of another lecture of the student if it agrees with that: otherwise
  the camera may have been moved.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import polars as pl

    Doubles = npt.NDArray[np.floating[Any]]
    Levels = dict[tuple[str, str], "Level"]
    """(lecture, student) -> level."""

PLAUSIBLE = {"pitch_deg": (-35.0, 20.0), "yaw_deg": (-20.0, 20.0)}
"""Degrees at which a level head may be measured, whatever the camera. Pitch: the encoder's median is -13 with
quartiles -23 and -1 over portraits, and cameras add to both sides."""
LEAST_HALF = 20.0
"""Degrees on either side of the class's middle that stay plausible however alike its cameras are."""
SPREADS = 2.5
"""Plausible in a class: this many standard deviations of its students' levels."""
LEAST_STUDENTS = 5
"""With fewer, the class says nothing of the encoder's bias."""
MODE = 0.05
"""Least share of a lecture's samples in a mode, and least number of them below: less may be noise."""
LEAST_SAMPLES = 10
UPPER = 0.2
"""Least share of a mode that can be the level: less may be a look at the ceiling."""
SMOOTH = 3.0
"""Standard deviation of the kernel in degrees, about that of one measured angle."""
APART = 10.0
"""Degrees between two heights of a head: nearer maxima are one mode."""
VALLEY = 0.8
"""Between two modes the density falls below this share of the lower one."""
SAME = 7.5
"""Degrees within which a mode agrees with a level known from another lecture."""
PER_BLOCK = 10
"""Samples close in time resemble each other: so many count as one, for the uncertainty of a mode."""
_GRID = np.arange(-120, 121)
_KERNEL = np.exp(-0.5 * (np.arange(-12, 13) / SMOOTH) ** 2)


@dataclass(frozen=True, slots=True)
class Level:
    """Degrees of the pose that is level and ahead: the best guess, and between what it lies."""

    deg: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Mode:
    """A height at which a head was held."""

    deg: float
    error: float
    """Half of the 95 % interval of `deg`."""
    share: float
    """Of the lecture's measured samples."""


def levels(table: pl.DataFrame, axis: str) -> Levels:
    """The level of every student in every lecture in which enough was measured.

    `table`: one row per lecture, student and whole degree: `lecture`, `student`, `deg`, `n` (samples),
    `total` (sum of their angles). `axis`: `pitch_deg` or `yaw_deg`. Empty for an empty table.
    """
    found: dict[tuple[str, str], list[Mode]] = {}
    for (lecture, student), rows in table.partition_by("lecture", "student", as_dict=True).items():
        if seen := modes(*(rows[name].to_numpy() for name in ("deg", "n", "total"))):
            found[str(lecture), str(student)] = seen
    range_ = plausible(found, axis)
    decide = _pitch if axis == "pitch_deg" else _yaw
    decided = {key: level for key, seen in found.items() if (level := decide(seen, range_)) is not None}
    known: dict[str, list[Level]] = defaultdict(list)
    for (_, student), level in decided.items():
        if level.high - level.low <= SAME:
            known[student].append(level)
    return {
        key: decided.get(key) or _agreeing(seen, known[key[1]]) or _open(seen, range_, axis)
        for key, seen in found.items()
    }


def to_baseline(level: Level, axis: str) -> dict[str, float]:
    """As keys of `types.Context.baseline`: `level_pitch_deg`, and its ends with `_low` and `_high`."""
    return {f"level_{axis}": level.deg, f"level_{axis}_low": level.low, f"level_{axis}_high": level.high}


def of(baseline: Mapping[str, float], axis: str) -> Level | None:
    """The level of an axis in `types.Context.baseline`; None where it says nothing."""
    name = f"level_{axis}"
    if name not in baseline:
        return None
    deg = baseline[name]
    return Level(deg, baseline.get(f"{name}_low", deg), baseline.get(f"{name}_high", deg))


def modes(deg: Doubles, n: Doubles, total: Doubles) -> list[Mode]:
    """The modes of a histogram with a bin per whole degree, the lowest angle first; empty if too little was
    measured. `total`: (k,) sum of the angles in each bin of `deg`, `n` of them."""
    samples = float(n.sum())
    if samples < LEAST_SAMPLES:
        return []
    counts = np.zeros(len(_GRID))
    np.add.at(counts, np.clip(deg, _GRID[0], _GRID[-1]).astype(int) - _GRID[0], n)
    density = np.convolve(counts, _KERNEL, mode="same")
    edges = _edges(density)
    found = []
    for low, high in pairwise(edges):
        inside = (deg >= _GRID[low]) & (deg < (_GRID[high] if high < len(_GRID) else np.inf))
        peak = _GRID[low + int(np.argmax(density[low:high]))]
        near = inside & (np.abs(deg - peak) <= SAME)
        count, share = float(n[near].sum()), float(n[inside].sum()) / samples
        if share < MODE or share * samples < LEAST_SAMPLES:
            continue
        mean = float(total[near].sum()) / count
        spread = float(np.sqrt((n[near] * (deg[near] - mean) ** 2).sum() / count))
        found.append(Mode(mean, 1.96 * spread / np.sqrt(max(1.0, count / PER_BLOCK)), share))
    return found


def _edges(density: Doubles) -> list[int]:
    """Indices between which a mode lies each: the lowest points between maxima that stand apart."""
    rising = np.diff(density, prepend=0) > 0
    falling = np.diff(density, append=0) <= 0
    peaks: list[int] = []
    for peak in np.flatnonzero(rising & falling).tolist():
        if peaks:
            last = peaks[-1]
            lesser = min(density[last], density[peak])
            if peak - last < APART or density[last : peak + 1].min() > VALLEY * lesser:
                peaks[-1] = max(last, peak, key=lambda i: density[i])
                continue
        peaks.append(peak)
    between = [first + int(np.argmin(density[first : second + 1])) for first, second in pairwise(peaks)]
    return [0, *between, len(density)]


def plausible(found: dict[tuple[str, str], list[Mode]], axis: str) -> tuple[float, float]:
    """(low, high) degrees that a level head may be measured at in this class."""
    heads: dict[str, list[float]] = defaultdict(list)
    for (_, student), seen in found.items():
        likely = [mode for mode in seen if mode.share >= UPPER] or seen
        heads[student].append(
            likely[-1].deg if axis == "pitch_deg" else min((m.deg for m in likely), key=abs)
        )
    if len(heads) < LEAST_STUDENTS:
        return PLAUSIBLE[axis]
    each = np.array([np.median(values) for values in heads.values()])
    middle = float(np.median(each))
    spread = 1.4826 * float(np.median(np.abs(each - middle)))  # a standard deviation, robustly
    half = max(LEAST_HALF, SPREADS * spread)
    return middle - half, middle + half


def _pitch(seen: list[Mode], range_: tuple[float, float]) -> Level | None:
    """From two heights in one lecture; None where one lecture does not tell."""
    *below, top = seen
    if not below or top.deg + top.error < range_[0]:
        return None
    if top.share >= UPPER:
        return _around(top)
    return Level(below[-1].deg, below[-1].deg - below[-1].error, top.deg + top.error)


def _yaw(seen: list[Mode], range_: tuple[float, float]) -> Level | None:
    """The one mode that can be ahead, of several; None where one lecture does not tell."""
    ahead = [mode for mode in seen if mode.share >= UPPER and range_[0] <= mode.deg <= range_[1]]
    return _around(ahead[0]) if len(seen) > 1 and len(ahead) == 1 else None


def _agreeing(seen: list[Mode], known: list[Level]) -> Level | None:
    """The mode that lies where another lecture of the student has its level."""
    for mode in reversed(seen):
        if any(level.low - SAME <= mode.deg <= level.high + SAME for level in known):
            return _around(mode)
    return None


def _open(seen: list[Mode], range_: tuple[float, float], axis: str) -> Level:
    """All that the level may be where neither this lecture nor another shows it."""
    low, high = range_
    main = max(seen, key=lambda mode: mode.share)
    if axis == "pitch_deg":
        top = seen[-1].deg
        return Level(top, top, max(top, high)) if top >= low else Level(low, low, high)
    inside = [mode.deg for mode in seen if low <= mode.deg <= high]
    return Level(min(max(main.deg, low), high), min([low, *inside]), max([high, *inside]))


def _around(mode: Mode) -> Level:
    return Level(mode.deg, mode.deg - mode.error, mode.deg + mode.error)
