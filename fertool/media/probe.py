"""Recordings: find, hash and describe them. Read-only.

Time zero is the container's start time, which is what a player shows as 0:00. Where the first picture comes
later than that by more than `LATE_S`, time zero is the first picture: pictures, length and chapters count
from it in every container.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from fertool import files
from fertool.errors import VideoError
from fertool.media import display
from fertool.media.decode import Samples, choose, open_video, packets_of, pictures_in
from fertool.media.display import AS_DECLARED, View
from fertool.media.remote import File, Remote, located
from fertool.media.sampling import Index
from fertool.text import natural
from fertool.types import Segment

if TYPE_CHECKING:
    import numpy.typing as npt
    from av.container import InputContainer
    from av.container.core import Chapter
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_NAMES = """3g2 3gp 264 265 asf avi divx dv f4v flv h264 h265 hevc ivf m1v m2ts m2v m4v mkv mov mp4 mpeg mpg
    mts mxf nut ogm ogv qt rm rmvb ts vob webm wmv wtv y4m"""
SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())
"""What counts as a video in a folder; a file that is named outright may have any suffix."""

_NO_STAMP = np.iinfo(np.int64).min
_STAMPED = 0.9
"""Share of packets with a stamp of their own below which a file's time stamps are not believed."""
_ASSUMED_FPS = 25.0
"""For a file that states no rate either."""
LATE_S = 0.5
"""Sound commonly begins before the pictures, by a moment that nobody sees."""
_GAP_S = 60.0
"""Without a picture for longer than this, a recording has a hole. Screen recordings that store a picture only
where something changes have one every few seconds."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What there is to know of a video file without analyzing it."""

    path: File
    format: str
    """The container's short names, as FFmpeg has them: `mov,mp4,m4a,...`."""
    codec: str
    width: int
    """Of the first frame as shown (`fertool.media.display`), in pixels; later frames may differ."""
    height: int
    rotation_deg: int
    """0, 90, 180 or 270: how far the file asks for a frame to be turned counter-clockwise."""
    fps: float
    """Average frames per second; 0 if unknown."""
    duration_s: float
    """From time zero, as the file announces it; up to the end of the last frame if it does not."""
    has_audio: bool
    chapters: tuple[Segment, ...]
    """In file order; may be empty."""
    index: Index
    warnings: tuple[str, ...] = ()
    """One sentence each on what is wrong with a file that can be read all the same."""
    view: View = AS_DECLARED
    """Its `stream` is 0 for the stream that players take, however it was asked for."""
    streams: int = 1
    """How many streams of pictures there are in the file."""
    pixels: Fraction = display.SQUARE
    """Width of a stored pixel by its height."""
    mirrored: bool = False
    """Whether the file asks for the mirror image of what is stored."""
    special: Mapping[str, int] = field(default_factory=dict)
    """Of the first frame: see `display.special`."""
    late_s: float = 0.0
    """How long after the container's start time zero is."""

    @property
    def picture(self) -> dict[str, str | int | float]:
        """In what it is not simply the stream that players take, of 8 bit, turned upright: empty for nearly
        all recordings. It is part of a run's identity."""
        facts: dict[str, str | int | float] = {
            "stream": self.view.stream,
            "rotate": self.view.rotate,
            "pixels": f"{self.pixels.numerator}:{self.pixels.denominator}" if self.pixels != 1 else 0,
            "mirrored": self.mirrored,
            "late_s": round(self.late_s, 6),
            **self.special,
        }
        return {name: fact for name, fact in facts.items() if fact}


@dataclass(frozen=True, slots=True)
class FoundVideos:
    """What was meant by files, folders and URIs."""

    videos: list[File]
    """Each once."""
    skipped: list[tuple[Path, str]]
    """What else is in the folders, with the reason why it is not read."""


def find_videos(paths: Iterable[File | str]) -> FoundVideos:
    """The files and URIs named, and the videos directly in the folders named: folders sorted as a person
    would (`week 2` before `week 10`), otherwise in the order given, each file once.

    Raises VideoError for a path that does not exist and for a folder without a video.
    """
    videos: dict[File, File] = {}
    skipped: dict[Path, str] = {}
    for path in (located(path) if isinstance(path, str) else path for path in paths):
        if not (isinstance(path, Path) and path.is_dir()):
            videos.setdefault(path.resolve(), _existing(path))
            continue
        reasons = {file: _not_read(file) for file in sorted(path.iterdir(), key=_natural)}
        if all(reasons.values()):
            raise VideoError(f"{path}: expected a folder with videos, found none", "subfolders are not read")
        for file, reason in reasons.items():
            if reason:
                skipped[file] = reason
            else:
                videos.setdefault(file.resolve(), file)
    named = videos.keys()
    return FoundVideos(
        [*videos.values()], [(f, why) for f, why in skipped.items() if f.resolve() not in named]
    )


def _not_read(file: Path) -> str:
    """Why a file or folder in a folder is not read; empty for a video."""
    if file.name.startswith("."):
        return "hidden"
    if file.is_dir():
        return "a subfolder: give it by itself"
    if file.suffix.lower() not in SUFFIXES:
        return "no video by its name: give it by itself"
    return "" if file.is_file() else "a link to nothing, or no regular file"


def _natural(file: Path) -> tuple[list[tuple[int, str]], str]:
    """A sort key: numbers by value, letters regardless of case; the name itself settles a draw."""
    return natural(file.name.casefold()), file.name


def _existing(path: File) -> File:
    if isinstance(path, Remote):
        return _reachable(path)
    if path.is_dir():
        raise VideoError(f"{path}: expected a video file, got a folder")
    if not path.is_file():
        raise VideoError(f"{path}: no such file")
    if not path.stat().st_size:
        raise VideoError(f"{path}: the file is empty", "was it copied completely?")
    return path


def _reachable(path: Remote) -> Remote:
    try:
        path.size()
    except OSError as error:
        raise VideoError(f"{path}: cannot be reached: {error.strerror or error}") from error
    return path


def sha256(path: File | str, progress: Callable[[int], None] | None = None) -> str:
    """Hexadecimal SHA-256 of the file's bytes; `progress` receives the number of bytes read so far."""
    try:
        with path.open() if isinstance(path, Remote) else Path(path).open("rb", buffering=0) as file:
            return files.sha256(file, progress)
    except OSError as error:
        raise VideoError(f"{path}: cannot be read: {error.strerror}") from error


def probe(path: File | str, view: View = AS_DECLARED) -> VideoInfo:
    """Describe a recording: one pass over its packets, and its first frame decoded.

    Raises VideoError for anything that cannot be analyzed: missing, empty, not a video, no such stream of
    pictures, unknown codec, not one readable frame.
    """
    path = _existing(located(path) if isinstance(path, str) else path)
    with open_video(path, view.stream) as (container, stream):
        view = replace(view, stream=0) if stream is choose(path, container) else view
        streams = [f"{s.width}x{s.height}" for s in pictures_in(container)]
        number = pictures_in(container).index(stream) + 1
        tick_s = float(stream.time_base or 0)
        start_s = _start_s(container)
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        lengths_s = (stream.duration or 0) * tick_s, _length_s(container)
        index = _index(path, container, stream, view, tick_s, fps or _ASSUMED_FPS)
        codec, pixels = stream.codec_context.name, display.pixel_ratio(stream)
        chapters = list(container.chapters())
        audio = bool(container.streams.audio)
    frame = next((frame for _, frame in _all_frames(path, view)), None)
    if frame is None or not len(index.times):
        raise VideoError(f"{path}: not one frame can be decoded", "the file is damaged")
    height, width = display.Converter(view.rotate).picture(frame, pixels).shape[:2]
    late_s = _late_s(float(index.times[0]))
    index = replace(index, time_s=index.time_s - late_s)
    end_s = float(index.times[-1]) + (1 / fps if fps else 0)
    announced_s = 0.0 if index.estimated else _announced_s(*lengths_s, late_s)
    return VideoInfo(
        path=path,
        format=container.format.name,
        codec=codec,
        width=width,
        height=height,
        rotation_deg=round(frame.rotation / 90) % 4 * 90,
        fps=fps,
        duration_s=announced_s or end_s,
        has_audio=audio,
        chapters=tuple(_segments(chapters, start_s + late_s)),
        index=index,
        warnings=(*_other_pictures(streams, number), *_warnings(index, end_s, announced_s, late_s)),
        view=view,
        streams=len(streams),
        pixels=pixels if round(frame.width * pixels) != frame.width else display.SQUARE,
        mirrored=display.mirrors(frame),
        special=display.special(frame),
        late_s=late_s,
    )


def count_streams(path: File) -> int:
    """How many streams of pictures there are in a file. Raises VideoError if it cannot be opened."""
    return stream_taken(path)[1]


def stream_taken(path: File, view: View = AS_DECLARED) -> tuple[int, int]:
    """Which of a file's streams of pictures a view takes, from 1, and how many there are. Raises VideoError
    if it cannot be opened, or has no such stream."""
    with open_video(_existing(path), view.stream) as (container, stream):
        streams = pictures_in(container)
        return streams.index(stream) + 1, len(streams)


def chapters(path: File | str, view: View = AS_DECLARED) -> tuple[Segment, ...]:
    """The chapters in a container, in file order; none without any. It is read up to its first picture."""
    path = _existing(located(path) if isinstance(path, str) else path)
    with open_video(path, view.stream) as (container, stream):
        start_s, found = _start_s(container), list(container.chapters())
        first = next(packets_of(container, stream), None) if found else None
        tick_s = float(stream.time_base or 0)
        first_s = first.pts * tick_s - start_s if first and first.pts is not None else 0.0
        return tuple(_segments(found, start_s + _late_s(first_s)))


def _start_s(container: InputContainer) -> float:
    """When a container begins, on its own clock."""
    return (container.start_time or 0) / av.time_base


def _length_s(container: InputContainer) -> float:
    """From the start of a container to its end, as announced; 0 where it says nothing. Matroska announces
    the time at its end in place of a length."""
    said_s, start_s = (container.duration or 0) / av.time_base, _start_s(container)
    return said_s - start_s if container.format.name.startswith("matroska") and said_s > start_s else said_s


def _late_s(first_s: float) -> float:
    """How far time zero moves for a first picture at `first_s`."""
    return first_s if first_s > LATE_S else 0.0


def _announced_s(pictures_s: float, whole_s: float, late_s: float) -> float:
    """Length from time zero: of the pictures, unless the recording goes on without them; 0 if unknown."""
    whole_s = max(0.0, whole_s - late_s)
    return whole_s if not pictures_s or whole_s > pictures_s + _slack_s(pictures_s) else pictures_s


def _slack_s(length_s: float) -> float:
    """By how much sound commonly outlasts the pictures."""
    return max(1.0, 0.01 * length_s)


def _other_pictures(sizes: Sequence[str], taken: int) -> Iterator[str]:
    if len(sizes) > 1:
        others = ", ".join(f"{n} ({size})" for n, size in enumerate(sizes, 1) if n != taken)
        yield (
            f"the file has {len(sizes)} streams of pictures: {taken} ({sizes[taken - 1]}) was taken, "
            f"not {others}: --stream {next(n for n in range(1, 3) if n != taken)}, or --stream all"
        )


def _warnings(index: Index, end_s: float, announced_s: float, late_s: float) -> Iterator[str]:
    if end_s < announced_s - _slack_s(announced_s):
        yield (
            f"pictures can be read up to {end_s:.0f} s of {announced_s:.0f} s only: "
            "the file is cut off or damaged, or they end early"
        )
    if late_s:
        yield f"the first picture comes {late_s:.1f} s after the start of the file: times count from it"
    gaps_s = np.diff(index.times)
    if len(gaps_s) and (widest_s := float(gaps_s.max())) > _GAP_S:
        at_s = float(index.times[int(gaps_s.argmax())])
        yield f"no picture for {widest_s:.0f} s from {at_s:.0f} s on: what happened then is not measured"
    if index.estimated:
        yield "the file has no usable time stamps: times are estimated from its frame rate"


def _index(
    path: File, container: InputContainer, stream: VideoStream, view: View, tick_s: float, fps: float
) -> Index:
    pts, keyframe, hidden, size = _scan(container, stream)
    own = np.zeros(len(pts), np.bool_)
    own[np.unique(pts, return_index=True)[1]] = True
    own &= pts != _NO_STAMP
    # A recording may begin in the middle of a group, whose frames nothing can decode.
    headless = pts < pts[np.argmax(keyframe)] if keyframe.any() else np.zeros(len(pts), np.bool_)
    times = np.where(own & ~hidden & ~headless, pts * tick_s - _start_s(container), np.nan)
    # Some files start before their own start time.
    times -= min(0.0, float(np.nanmin(times, initial=0.0)))
    estimated = bool(len(pts)) and (own.mean() < _STAMPED or bool((np.diff(pts[keyframe & own]) <= 0).any()))
    # AVI has no presentation times: FFmpeg hands out decoding times, in the wrong order for B-frames.
    reorders = container.format.name == "avi" and stream.codec_context.reorder_depth > 0
    in_decoding_order = reorders and bool((np.diff(pts) > 0).all())
    if not estimated and not in_decoding_order:
        return _only_clean_starts(path, Index(pts, times, keyframe, size), view)
    # Rare, so it may be slow: decode everything to learn the order.
    rank = np.full(len(pts), -1, np.int64)
    for place, (position, _) in enumerate(_all_frames(path, view)):
        rank[position] = place
    true_times = np.arange(len(pts)) / fps if estimated else times
    times = np.where(rank < 0, np.nan, true_times[rank])
    return Index(rank, times, keyframe, size, seekable=False, estimated=estimated)


def _only_clean_starts(path: File, index: Index, view: View) -> Index:
    """The same index, without keyframes but the first if a decoder started at one does not show it.

    So it is with intra refresh (low-latency streaming): its keyframes begin a gradual recovery.
    """
    second = index.keyframe_times[1:2]
    if len(second) and not list(Samples(path, index, second, view=view)):
        return replace(index, keyframe=np.arange(len(index.pts)) == 0)
    return index


def _scan(
    container: InputContainer, stream: VideoStream
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """Of every packet in decode order: stamp, whether it is a keyframe, whether it shows nothing, bytes."""
    pts, keyframe, hidden, size = array("q"), array("b"), array("b"), array("i")
    vp8 = stream.codec_context.name == "vp8"
    for packet in packets_of(container, stream):
        pts.append(_NO_STAMP if packet.pts is None else packet.pts)
        keyframe.append(packet.is_keyframe)
        # VP8 stores hidden references as packets of their own, with a stamp but without a picture.
        unseen = vp8 and not memoryview(packet)[0] & 0x10
        hidden.append(packet.is_discard or packet.is_corrupt or unseen)
        size.append(packet.size)
    return np.array(pts), np.array(keyframe, np.bool_), np.array(hidden, np.bool_), np.array(size)


def _all_frames(path: File, view: View) -> Iterator[tuple[int, VideoFrame]]:
    """(position in decode order, frame) of every frame that can be decoded, in presentation order."""
    with open_video(path, view.stream) as (container, stream):
        for position, packet in enumerate(chain(packets_of(container, stream), [None])):
            if packet is not None:
                packet.pts = position
            try:
                frames = stream.codec_context.decode(packet)
            except av.FFmpegError:
                continue
            yield from ((frame.pts, frame) for frame in frames if frame.pts is not None)


def _segments(chapters: Sequence[Chapter], zero_s: float) -> Iterator[Segment]:
    for number, chapter in enumerate(chapters):
        tick_s = float(chapter["time_base"] or 0)
        title = chapter["metadata"].get("title") or f"Chapter {number + 1}"
        yield Segment(number, title, chapter["start"] * tick_s - zero_s, chapter["end"] * tick_s - zero_s)
