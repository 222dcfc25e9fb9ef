"""Generated meetings with a known schedule, and the ground truth as CSV.

The six faces of `gallery` and caricatures of them: magnifying or shrinking the eyes and the mouth, or drawing
out the face, makes another person to a descriptor. People change tiles at given times, and their
number per row may change; people come and go; a tile can hold a still picture. Frames are few: one per
sample, at true presentation times, so that an hour is made and analyzed in a minute.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from fertool.demo import gallery

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from fertool.types import Image

    Span = tuple[float, float]
    Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Appearance:
    """A face, or a caricature of one."""

    face: int
    """Which of the six faces of `gallery`."""
    eyes: float = 0.0
    """Above 0: magnified; -0.8 makes them small. 0 leaves them alone; -0.8 to 0.5 look like a face."""
    mouth: float = 0.0
    tall: float = 0.0
    """Above 0: the whole face is drawn out."""


LOOKS: dict[str, Appearance] = {
    "ada": Appearance(0),
    "ben": Appearance(1),
    "cam": Appearance(2),
    "dan": Appearance(3),
    "eve": Appearance(4),
    "fay": Appearance(5),
    "gus": Appearance(3, 0.25, -0.6),
    "hal": Appearance(1, 0.25, -0.6, -0.2),
    "ida": Appearance(0, 0.0, -0.6, -0.2),
    "jon": Appearance(0, -0.6, 0.3, -0.2),
    "kim": Appearance(5, -0.3, 0.3, -0.2),
    "lea": Appearance(4, -0.6, 0.3, -0.2),
    "max": Appearance(4, 0.25, -0.6, -0.2),
    "noa": Appearance(1, -0.3, -0.6, 0.15),
}
"""Fourteen people that the built-in descriptor keeps apart: in tiles of 320 x 180 the closest two are 0.36
apart (means), and faces lie within 0.2 of their own mean, but for a rare poor one."""
ALIKE: dict[str, Appearance] = {
    "cam's sister": Appearance(2, 0.25),
    "dan's brother": Appearance(3, 0.0, 0.25),
}
"""People whom it takes for cam and dan now and then."""


@dataclass(frozen=True, slots=True)
class Guest:
    """One tile of a meeting."""

    look: Appearance
    present: tuple[Span, ...]
    """[start_s, end_s) intervals in which the camera is on; else the tile is dark."""
    still: bool = False
    """A picture instead of a camera: its pixels do not change."""

    def at(self, time_s: float) -> bool:
        """Whether the camera is on at this time."""
        return any(start <= time_s < end for start, end in self.present)


@dataclass(frozen=True, slots=True)
class SimulatedMeeting:
    """Who is where when. Times in seconds; give edges between two samples, which has one right answer."""

    guests: Mapping[str, Guest]
    duration_s: float
    every_s: float = 10.0
    """One frame in so many seconds."""
    shuffles: tuple[float, ...] = ()
    """When people change tiles."""
    columns: tuple[tuple[float, int], ...] = ((0.0, 4),)
    """(from when, tiles in a row), in order of time: the size of the tiles."""
    size: tuple[int, int] = (1280, 720)
    """Width and height in pixels, both even."""
    seed: int = 0
    _orders: list[list[str]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        import numpy as np

        rng = np.random.default_rng(self.seed)
        names = list(self.guests)
        self._orders.append(names)
        for _ in self.shuffles:
            self._orders.append([names[i] for i in rng.permutation(len(names))])

    @property
    def times(self) -> list[float]:
        """Presentation times of the frames."""
        return [k * self.every_s for k in range(math.ceil(self.duration_s / self.every_s - 1e-9))]

    def tiles(self, time_s: float) -> dict[str, tuple[int, int, int, int]]:
        """Everybody's tile at that time: x, y, width and height in pixels, its frame left out."""
        order = self._orders[sum(start <= time_s for start in self.shuffles)]
        columns = [count for start, count in self.columns if start <= time_s][-1]
        width, height = self.size[0] // columns, self.size[1] // math.ceil(len(order) / columns)
        return {
            name: (place % columns * width + 3, place // columns * height + 3, width - 6, height - 6)
            for place, name in enumerate(order)
        }

    def truth(self) -> Iterator[tuple[float, str, Box]]:
        """(time_s, person, face box in pixels) of everybody to be seen, pictures on the wall left out."""
        for time_s in self.times:
            for name, (x, y, width, height) in self.tiles(time_s).items():
                guest = self.guests[name]
                if guest.at(time_s) and not guest.still:
                    yield time_s, name, _box(guest.look, (x, y, width, height), _moment(self, name, time_s))


def schedule(
    names: Sequence[str], duration_s: float, *, away: float = 0.3, every_s: float = 10.0, seed: int = 0
) -> dict[str, tuple[Span, ...]]:
    """Spans in which each is there, so that each is away twice, `away` of the time altogether.

    Edges lie between two samples. The lecture has to be long enough for that: 10 samples at least.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    samples = round(duration_s / every_s)
    each = max(round(away * samples / 2), 1)
    spans = {}
    for name in names:
        half = samples // 2
        leaves = [
            int(rng.integers(0, half - each + 1)),
            int(half + rng.integers(0, samples - half - each + 1)),
        ]
        edges = [0, *(edge for leave in leaves for edge in (leave, leave + each)), samples]
        there = [(a, b) for a, b in list(pairwise(edges))[::2] if a < b]
        spans[name] = tuple(((a - 0.5) * every_s, (b - 0.5) * every_s) for a, b in there)
    return spans


def make_lecture(path: Path, meeting: SimulatedMeeting, *, crf: int = 23) -> None:
    """Write the meeting as an H.264 video, `crf` its quality (18 good, 30 poor)."""
    import av
    from av.video.frame import VideoFrame

    portraits = {name: portrait(guest.look) for name, guest in meeting.guests.items()}
    every = Fraction(meeting.every_s).limit_denominator(1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1 / every)
        stream.width, stream.height = meeting.size
        stream.pix_fmt, stream.time_base = "yuv420p", every
        stream.options = {"preset": "ultrafast", "crf": str(crf), "g": "12", "threads": "1"}  # see gallery
        for number, time_s in enumerate(meeting.times):
            frame = VideoFrame.from_ndarray(_frame(meeting, portraits, time_s), format="bgr24")
            frame.pts, frame.time_base = number, every
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_truth(path: Path, meetings: Mapping[str, SimulatedMeeting]) -> None:
    """CSV for `fertool identity evaluate`; `meetings`: file name of the recording -> what it shows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("recording", "time_s", "person", "x1", "y1", "x2", "y2"))
        for name, meeting in meetings.items():
            for time_s, person, box in meeting.truth():
                writer.writerow((name, f"{time_s:g}", person, *(f"{edge:.1f}" for edge in box)))


def portrait(look: Appearance) -> Image:
    """What the camera of somebody with that look shows, (h, w, 3) uint8 BGR."""
    import cv2
    import numpy as np

    image = gallery.portraits()[look.face]
    height, width = image.shape[:2]
    face = width / gallery.VIEW
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    u, v = (x - width / 2) / face, (y - height / 2) / face * (1 - look.tall)
    u, v = _magnify(u, v, -0.12, look.eyes)
    u, v = _magnify(u, v, 0.38, look.mouth)
    u, v = u * face + width / 2, v * face + height / 2
    return np.asarray(cv2.remap(image, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)


def _magnify(u: Any, v: Any, at: float, strength: float) -> tuple[Any, Any]:
    """Where to look for what is seen at (u, v) through a lens held over (0, at); widths of the face."""
    import numpy as np

    pull = strength * np.exp(-(u**2 + (v - at) ** 2) / 0.45**2)
    return (u * (1 - pull)).astype(np.float32), (at + (v - at) * (1 - pull)).astype(np.float32)


def _moment(meeting: SimulatedMeeting, name: str, time_s: float) -> float:
    """Everybody moves to a time of their own; in a picture it stands still."""
    place = list(meeting.guests).index(name)
    return 7.0 * place + (0.0 if meeting.guests[name].still else time_s)


def _frame(meeting: SimulatedMeeting, portraits: Mapping[str, Image], time_s: float) -> Image:
    import numpy as np

    image = np.full((meeting.size[1], meeting.size[0], 3), gallery.BACKGROUND, np.uint8)
    for name, (x, y, width, height) in meeting.tiles(time_s).items():
        inside = image[y : y + height, x : x + width]
        inside[:] = gallery.OFF
        if meeting.guests[name].at(time_s):
            moment = _moment(meeting, name, time_s)
            inside[:] = _lit(gallery.alive(portraits[name], width, height, moment), moment)
    return image


def _lit(image: Image, moment: float) -> Image:
    """In light that changes a little, and with the noise of a camera."""
    import numpy as np

    light = 1 + 0.12 * math.sin(moment / 17) + 0.05 * math.sin(moment / 5.3)
    height, width = image.shape[:2]
    down, right = np.random.default_rng(int(moment * 10)).integers(0, 512, 2)
    noise = _grain()[down : down + height, right : right + width]
    return np.asarray(np.clip(image * np.float32(light) + noise, 0, 255), np.uint8)


@cache
def _grain() -> Any:
    """Noise to cut pieces from, (2048, 3072, 1) float32: made once, for it takes longer than all else."""
    import numpy as np

    return np.random.default_rng(0).normal(0, 4, (2048, 3072, 1)).astype(np.float32)


def _box(look: Appearance, tile: tuple[int, int, int, int], moment: float) -> Box:
    """The face in a tile, as `gallery.alive` moves it."""
    x, y, width, height = tile
    wide = 1000.0  # a portrait of any size: the tile decides
    matrix = gallery.motion(wide, wide * gallery.SHAPE, width, height, moment)
    center = matrix @ (wide / 2, wide * gallery.SHAPE / 2, 1.0)
    side = wide / gallery.VIEW * math.hypot(*matrix[0, :2])
    tall = 1.3 * side / (1 - look.tall)
    left, top = x + center[0] - side / 2, y + center[1] - tall / 2
    return (left, top, left + side, top + tall)
