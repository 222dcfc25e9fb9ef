"""A generated video: a gallery of people who leave and return at known times.

The faces come from the picture of six people that the insightface package ships, so nothing is
downloaded and no picture is part of fertool. They move a little, as people do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from fertool.errors import FertoolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from fertool.types import Image

FACES = ((464, 270, 108, 143), (901, 55, 104, 149), (55, 267, 105, 126), (1131, 271, 95, 130),
         (746, 344, 102, 132), (271, 146, 97, 124))  # fmt: skip
"""x, y, width, height in pixels of the six faces in the picture of PICTURE_SIZE."""
PICTURE_SIZE = (1280, 886)
VIEW = 2.3
"""Width of what a camera shows, in widths of the face."""
SHAPE = 0.84
"""Its height, as a share of its width."""
BACKGROUND = (46, 38, 34)
OFF = (64, 56, 52)
LENGTH_S = 60.0
"""Of the demo lecture."""


@dataclass(frozen=True, slots=True)
class Person:
    """One tile of the gallery."""

    face: int
    """Which of the six faces."""
    present: tuple[tuple[float, float], ...]
    """[start_s, end_s) intervals in which the camera is on."""

    def at(self, time_s: float) -> bool:
        """Whether the person is there at this time."""
        return any(start <= time_s < end for start, end in self.present)

    @property
    def seconds(self) -> float:
        """How long the person is there, in seconds."""
        return sum(end - start for start, end in self.present)


DEMO: tuple[Person, ...] = (
    Person(0, ((0, 60),)),
    Person(1, ((0, 20.5), (31.5, 60))),
    Person(2, ((0, 40.5),)),
    Person(3, ((9.5, 60),)),
    Person(4, ((0, 14.5), (24.5, 44.5), (50.5, 60))),
    Person(5, ((0, 57.5),)),
)
"""Who is there when in the demo lecture. Changes lie between whole seconds, so that sampling once a
second has one right answer."""


def make_gallery(
    path: Path,
    people: Sequence[Person] = DEMO,
    *,
    duration_s: float = LENGTH_S,
    size: tuple[int, int] = (1280, 720),
    columns: int = 3,
    fps: int = 2,
    gop_s: float = 4.0,
    preset: str = "ultrafast",
) -> None:
    """Write an H.264 gallery view to `path`; people fill the grid row by row.

    `size`: width and height in pixels, both even; `fps`: few, since each frame is drawn and encoded, 15 ms at
    this size; `gop_s`: seconds between keyframes; `preset`: of x264, slower ones have B-frames as recordings
    do.
    """
    import av
    import numpy as np
    from av.video.frame import VideoFrame

    width, height = size
    rows = math.ceil(len(people) / columns)
    tile = (width // columns, height // rows)
    views = portraits()
    image = np.full((height, width, 3), BACKGROUND, np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, fps)
        # One thread: with one per core, the same lecture would be other bytes on another machine.
        stream.options = {"preset": preset, "crf": "21", "g": str(round(gop_s * fps)), "threads": "1"}
        for number in range(round(duration_s * fps)):
            _draw(image, people, views, number / fps, columns, tile)
            frame = VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _draw(
    image: Image,
    people: Sequence[Person],
    views: Sequence[Image],
    time_s: float,
    columns: int,
    tile: tuple[int, int],
) -> None:
    """Paint every tile of the gallery into the picture, which is reused: new memory costs more than paint."""
    width, height = tile
    for place, person in enumerate(people):
        x, y = place % columns * width, place // columns * height
        inside = image[y + 3 : y + height - 3, x + 3 : x + width - 3]
        if person.at(time_s):
            alive(views[person.face], inside.shape[1], inside.shape[0], time_s + 7 * place, inside)
        else:
            inside[:] = OFF


def alive(portrait: Image, width: int, height: int, time_s: float, tile: Image | None = None) -> Image:
    """The portrait in a tile, swaying, nodding and leaning in a little; painted into `tile`, if given."""
    import cv2
    import numpy as np

    matrix = motion(portrait.shape[1], portrait.shape[0], width, height, time_s)
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REFLECT
    moved = cv2.warpAffine(portrait, matrix, (width, height), tile, flags, border)
    return np.asarray(moved, np.uint8)


def motion(
    portrait_width: float, portrait_height: float, width: int, height: int, time_s: float
) -> npt.NDArray[np.float64]:
    """(2, 3) affine map from the pixels of a portrait to those of a tile of this size at that time."""
    import cv2
    import numpy as np

    scale = max(width / portrait_width, height / portrait_height) * (1.06 + 0.03 * math.sin(time_s / 3.1))
    turn = 3 * math.sin(time_s / 2.3)
    matrix = cv2.getRotationMatrix2D((portrait_width / 2, portrait_height / 2), turn, scale)
    matrix[:, 2] += np.array(
        [
            width / 2 - portrait_width / 2 + width * 0.02 * math.sin(time_s / 1.7),
            height / 2 - portrait_height / 2 + height * 0.02 * math.cos(time_s / 2.9),
        ]
    )
    return np.asarray(matrix, np.float64)


def picture() -> Image:
    """The picture of six people, (886, 1280, 3) uint8 BGR. Raises FertoolError if insightface has another."""
    from importlib.util import find_spec

    import cv2
    import numpy as np

    spec = find_spec("insightface")
    file = Path(spec.origin or "").parent / "data" / "images" / "t1.jpg" if spec else Path()
    image = cv2.imread(str(file)) if file.is_file() else None
    if image is None or image.shape[1::-1] != PICTURE_SIZE:
        raise FertoolError(
            "the picture of six people is not in the insightface package", "reinstall insightface"
        )
    return np.asarray(image, np.uint8)


def portraits() -> list[Image]:
    """Each face with its surroundings, in the shape of a camera picture."""
    image = picture()
    views = []
    for x, y, width, height in FACES:
        side = VIEW * width
        left = min(max(x + width / 2 - side / 2, 0), PICTURE_SIZE[0] - side)
        top = min(max(y + height / 2 - side * 0.42, 0), PICTURE_SIZE[1] - side * SHAPE)
        views.append(image[round(top) : round(top + side * SHAPE), round(left) : round(left + side)])
    return views
