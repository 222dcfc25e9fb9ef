"""A copy of a recording with blurred faces: every frame is written, sound is copied.

Faces are looked for every few frames. What is found is covered from the look before to the look after, and
on the way between, so that a face which one look misses is still covered by its neighbors.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from fertool import files
from fertool.errors import VideoError
from fertool.host import validate
from fertool.media.decode import choose
from fertool.media.display import AS_DECLARED, Converter, View, pixel_ratio
from fertool.types import Sample
from fertool.vision import boxes as geometry
from fertool.vision import crops
from fertool.vision.tracking import enlarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from fertool.host.inference import Engine
    from fertool.privacy.consent_gate import Gate
    from fertool.types import Floats, Image

    Look = Callable[[Image], Floats]
    """Image -> (n, 4) boxes to cover, pixels."""
    Advanced = Callable[[int, int, float], None]
    Shot = tuple[int, Image]
    """Presentation time in the stream's ticks, picture."""

STEP = 5
"""Frames from one look to the next: a fifth of a second at 25 frames a second."""
MOSAIC = 6
"""Squares across a covered face: too few for a person or a program to tell whose it is."""
CODECS = ("libx264", "mpeg4")
"""Encoders, the first that this PyAV has."""
NOTHING = np.zeros((0, 4), np.float32)


def everybody(engine: Engine) -> Look:
    """Cover every face."""

    def look(image: Image) -> Floats:
        return validate.detect(engine.detector, [image])[0].boxes

    return look


def strangers(engine: Engine, gate: Gate) -> Look:
    """Cover every face but those that look like a consenting student's."""

    def look(image: Image) -> Floats:
        faces = engine.look([Sample(0, 0.0, image)])[0].faces
        if not len(faces):
            return NOTHING
        rows = faces.embeddings
        if rows is None:
            rows = engine.embed(list(crops.cut(image, faces.boxes, faces.landmarks, engine.encoder.crop)))
        return np.asarray(faces.boxes[~np.array(gate.passes(rows))], np.float32)

    return look


def blur(
    path: Path, out: Path, look: Look, advanced: Advanced, step: int = STEP, view: View = AS_DECLARED
) -> int:
    """Write a copy of the recording `path` to `out`, whose suffix says the container; returns the number of
    frames.

    Pictures of one stream are written as they are shown (`media.display`), in square pixels; of sound the
    packets are copied; titles, chapters, subtitles and cover pictures, which may name or show people, are
    left out. `advanced(frames, covered boxes, time_s)` is called for each frame. `out` appears when it is
    complete. Raises VideoError for what cannot be read or written.
    """
    if out.exists():
        raise VideoError(f"{out}: is there already", "give another --out, or remove it first")
    if not out.parent.is_dir():
        raise VideoError(f"{out}: no such folder: {out.parent}", "create it, or give another --out")
    with files.swapped(out, private=True) as draft:
        with _opened(path) as source:
            pictures = choose(path, source, view.stream)
            try:
                frames = _copy(source, pictures, view.rotate, draft, look, advanced, step)
            except (av.FFmpegError, OSError, ValueError) as error:
                hint = "the same suffix as the original's mostly works, .mkv always does"
                raise VideoError(f"{out}: could not be written: {error}", hint) from error
        if not frames:
            raise VideoError(f"{path}: no picture could be decoded")
    return frames


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    try:
        source = av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise VideoError(f"{path}: cannot be read as a video: {error}") from error
    with source:
        yield source


def _copy(
    source: InputContainer,
    pictures: VideoStream,
    rotate: int,
    draft: Path,
    look: Look,
    advanced: Advanced,
    step: int,
) -> int:
    with av.open(str(draft), "w") as target:
        sounds = {s.index: target.add_stream_from_template(s) for s in source.streams.audio}
        writer = _VideoWriter(target, pictures)
        heard: list[Packet[Any]] = []  # not to be written before the first picture has set up the encoder
        for (ticks, image), boxes in covered(_shots(source, pictures, rotate, sounds, heard), look, step):
            writer.write(ticks, cover(image, boxes))
            writer.copy(heard)
            advanced(1, len(boxes), float(ticks * writer.tick))
        writer.close()
        writer.copy(heard)
        return writer.frames


def _shots(
    source: InputContainer,
    pictures: VideoStream,
    rotate: int,
    sounds: dict[int, Any],
    heard: list[Packet[Any]],
) -> Iterator[Shot]:
    """Frames as shown, in order of presentation; packets of sound are laid into `heard`."""
    converter = Converter(rotate)
    pictures.thread_type = "AUTO"
    last = -1
    for packet in source.demux([pictures, *source.streams.audio]):
        if packet.stream.index in sounds:
            if packet.dts is not None:
                packet.stream = sounds[packet.stream.index]
                heard.append(packet)
            continue
        for frame in _decoded(packet):
            last = last + 1 if frame.pts is None else max(frame.pts, last + 1)
            yield last, converter.picture(frame, pixel_ratio(pictures))


def _decoded(packet: Packet[Any]) -> list[VideoFrame]:
    """A packet that is damaged gives no frame, as in a player."""
    try:
        return list(packet.decode())
    except av.FFmpegError:
        return []


class _VideoWriter:
    """The encoder, opened by the first picture, whose size all others are brought to."""

    def __init__(self, target: OutputContainer, like: Any) -> None:
        codec = next(name for name in CODECS if name in av.codecs_available)
        self.target, self.tick = target, Fraction(like.time_base)
        self.stream = cast("Any", target.add_stream(codec, rate=like.average_rate or 25))
        self.stream.pix_fmt = "yuv420p"
        self.stream.codec_context.time_base = self.tick
        self.stream.time_base = self.tick
        if codec == "libx264":
            self.stream.options = {"crf": "21", "preset": "veryfast"}
        else:
            self.stream.bit_rate = 4_000_000
        self.size = (0, 0)
        self.frames = 0

    def write(self, ticks: int, image: Image) -> None:
        if not self.frames:  # 4:2:0 wants even sides
            self.size = (image.shape[1] // 2 * 2, image.shape[0] // 2 * 2)
            self.stream.width, self.stream.height = self.size
        image = self._fitted(image)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame.pts, frame.time_base = ticks, self.tick
        self.target.mux(self.stream.encode(frame))
        self.frames += 1

    def copy(self, heard: list[Packet[Any]]) -> None:
        for packet in heard if self.frames else ():
            self.target.mux(packet)
        heard.clear()

    def _fitted(self, image: Image) -> Image:
        """Without the odd row or column; a picture of another size is scaled."""
        width, height = self.size
        if image.shape[1] - width in (0, 1) and image.shape[0] - height in (0, 1):
            return image[:height, :width]
        return np.asarray(cv2.resize(image, self.size), np.uint8)

    def close(self) -> None:
        if self.frames:
            self.target.mux(self.stream.encode(None))


# --- what is covered ------------------------------------------------------------------------------


def covered(shots: Iterable[Shot], look: Look, step: int = STEP) -> Iterator[tuple[Shot, Floats]]:
    """Every shot with the boxes to cover in it, (n, 4) pixels; in order.

    Looks at every `step`-th picture and at the last. At most 3 * `step` pictures are held.
    """
    rest = iter(shots)
    waiting: deque[tuple[list[Shot], Floats]] = deque()
    before, latest = NOTHING, None
    while group := list(islice(rest, step)):
        latest = group[-1]
        waiting.append((group, look(group[0][1])))
        if len(waiting) == 3:
            yield from _spread(before, waiting)
            before = waiting.popleft()[1]
    if latest is not None:
        waiting.append(([], look(latest[1])))
    while waiting:
        yield from _spread(before, waiting)
        before = waiting.popleft()[1]


def _spread(before: Floats, waiting: Sequence[tuple[list[Shot], Floats]]) -> Iterator[tuple[Shot, Floats]]:
    shots = waiting[0][0]
    found = [before, *(boxes for _, boxes in waiting)][:4]
    boxes = reach(found)
    for shot in shots:
        yield shot, boxes


def reach(looks: Sequence[Floats]) -> Floats:
    """What to cover between looks, with what neighboring looks found, each (n, 4) pixels, in order of time:
    every box with half its size around it, and the way from each to those in the next look that it may have
    become."""
    parts = [enlarge(boxes) for boxes in looks if len(boxes)]
    ways = [
        np.concatenate([np.minimum(one[a, :2], other[b, :2]), np.maximum(one[a, 2:], other[b, 2:])])[None]
        for one, other in pairwise(parts)
        for a, b in np.argwhere(geometry.iou(one, other) > 0)
    ]
    return np.concatenate([*parts, *ways]) if parts else NOTHING


def cover(image: Image, boxes: Floats) -> Image:
    """The picture, (H, W, 3) uint8, with a coarse mosaic over each box; boxes may reach beyond its edges."""
    height, width = image.shape[:2]
    low = np.maximum(np.floor(boxes[:, :2]), 0).astype(int)
    high = np.clip(np.ceil(boxes[:, 2:]), 0, (width, height)).astype(int)
    for (x1, y1), (x2, y2) in zip(low, high, strict=True):
        part = image[y1:y2, x1:x2]
        if part.size:
            coarse = cv2.resize(part, (MOSAIC, MOSAIC), interpolation=cv2.INTER_AREA)
            part[:] = cv2.resize(coarse, part.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return image
