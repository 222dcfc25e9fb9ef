"""From a decoded frame to the picture as players show it: square pixels, upright. Pure.

Order of the steps: the decoder crops as the codec says; pixels become square, at the height that is stored;
the display matrix of the file turns and mirrors; last comes the turn that the user asked for. Where container
and codec disagree about the shape of pixels, the container is right, as in FFmpeg and the players built on it
(`av_guess_sample_aspect_ratio`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.filter
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import VideoReformatter

from fertool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from av.sidedata.sidedata import SideData
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from fertool.types import Image

SQUARE = Fraction(1)
MOST = 4
"""A pixel more times wider than high, or higher than wide, is an error in the file and counts as square."""


@dataclass(frozen=True, slots=True)
class View:
    """Which pictures of a file are wanted, and what is done beyond what the file itself declares."""

    stream: int = 0
    """1: the first stream of pictures in the file, 2: the second; 0: the one that players take."""
    rotate: int = 0
    """0, 90, 180 or 270: degrees by which the picture shown is turned counter-clockwise. A picture in which
    people have a roll of 90 needs 90."""

    @staticmethod
    def of(picture: Mapping[str, Any]) -> View:
        """The view that gave these facts: see `probe.VideoInfo.picture`."""
        return View(picture.get("stream", 0), picture.get("rotate", 0))


AS_DECLARED = View()


def parse_rotate(text: str) -> int | None:
    """`0`, `90`, `180` or `270`, 0 where nothing is said; None for `auto`. Raises ConfigError."""
    word = text.strip().lower() or "0"
    if word not in ("auto", "0", "90", "180", "270"):
        what = f"rotate {text}: expected auto, 0, 90, 180 or 270"
        raise ConfigError(what, "degrees counter-clockwise")
    return None if word == "auto" else int(word)


def parse_stream(text: str) -> int | None:
    """Number of a stream of pictures, 0 where nothing is said; None for `all`. Raises ConfigError."""
    word = text.strip().lower() or "0"
    if word != "all" and not (word.isdecimal() and (int(word) or not text)):
        what = f"stream {text}: expected all, or a number from 1 on"
        raise ConfigError(what, "streams of pictures are counted, those of sound are not")
    return None if word == "all" else int(word)


def pixel_ratio(stream: VideoStream) -> Fraction:
    """Width of a pixel by its height; 1 where the file says nothing, or nothing possible."""
    ratio = stream.sample_aspect_ratio
    return ratio if ratio and Fraction(1, MOST) <= ratio <= MOST else SQUARE


class Converter:
    """Makes pictures of frames; one for each pass over a file, since it keeps what is costly to build."""

    def __init__(self, rotate: int = 0) -> None:
        """`rotate`: as `View.rotate`."""
        self.rotate = rotate
        self._reformatter = VideoReformatter()
        self._filters: tuple[object, av.filter.Graph] = (None, av.filter.Graph())

    def picture(self, frame: VideoFrame, pixels: Fraction) -> Image:
        """The frame as shown, (H, W, 3) uint8 BGR, contiguous. `pixels`: width of one by its height."""
        width = round(frame.width * pixels)
        if special(frame):
            shown = self._filtered(frame, width)
        else:
            shown = self._reformatter.reformat(frame, width=width, format="bgr24")
        image = cast("Image", shown.to_ndarray())
        return np.ascontiguousarray(np.rot90(_oriented(image, matrix(frame)), self.rotate // 90))

    def _filtered(self, frame: VideoFrame, width: int) -> VideoFrame:
        """The frame as FFmpeg's filter `scale` makes it: a reformatter takes the two fields of an interlaced
        picture for one, and rounds more coarsely."""
        layout = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1"
        given = f"{layout}:colorspace={frame.colorspace}:range={frame.color_range}"
        if self._filters[0] != (given, width):
            graph = av.filter.Graph()
            graph.link_nodes(
                graph.add("buffer", given),
                graph.add("scale", f"w={width}:h={frame.height}"),
                graph.add("format", "bgr24"),
                graph.add("buffersink"),
            ).configure()
            self._filters = (given, width), graph
        graph = self._filters[1]
        graph.push(frame)
        return cast("VideoFrame", graph.pull())


def special(frame: VideoFrame) -> dict[str, int]:
    """In what a frame is not one of 8 bit shown line by line: `interlaced` and `bits`; empty for most."""
    bits = max(component.bits for component in frame.format.components)
    facts = {"interlaced": 1} if frame.interlaced_frame else {}
    return facts | ({"bits": bits} if bits > 8 else {})


def matrix(frame: VideoFrame) -> npt.NDArray[np.int32] | None:
    """(2, 2) part of the display matrix of a frame, without the shift: the pixel at the row vector (x, y)
    belongs at (x, y) @ it / 65536. None without one."""
    # Not `frame.side_data`: the frame would keep that, and that the frame, until Python looks for cycles.
    data = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]  # not in its stub
    return (
        None if data is None else np.frombuffer(bytes(cast("SideData", data)), np.int32).reshape(3, 3)[:2, :2]
    )


def mirrors(frame: VideoFrame) -> bool:
    """Whether the file asks for a mirror image."""
    given = matrix(frame)
    return given is not None and bool(np.linalg.det(given.astype(float)) < 0)


def _oriented(image: Image, given: npt.NDArray[np.int32] | None) -> Image:
    """Turned and mirrored as the display matrix says; other angles count as the nearest quarter turn."""
    if given is None:
        return image
    (a, b), (c, d) = given.tolist()
    if abs(a) + abs(d) < abs(b) + abs(c):  # x and y change places
        image, a, d = image.transpose(1, 0, 2), c, b
    return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
