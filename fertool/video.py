"""Recordings: find them, hash them, describe them. Read-only; no SQL, no printing.

Time zero is the container's start time, which is what a player shows as 0:00 and what chapters count
from; the first frame may come a little later.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from fertool.decode import Samples, open_video, packets_of, quarter_turns
from fertool.errors import VideoError
from fertool.remote import File, Remote, located
from fertool.sampling import Index
from fertool.types import Segment

if TYPE_CHECKING:
    import numpy.typing as npt
    from av.container import InputContainer
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


@dataclass(frozen=True, slots=True)
class Recording:
    """What there is to know of a video file without analysing it."""

    path: File
    format: str
    """The container's short names, as FFmpeg has them: `mov,mp4,m4a,...`."""
    codec: str
    width: int
    """Of the upright first frame, in pixels; later frames may differ."""
    height: int
    rotation_deg: int
    """0, 90, 180 or 270: how far a frame is turned counter-clockwise to stand upright."""
    fps: float
    """Average frames per second; 0 if unknown."""
    duration_s: float
    """As the file announces it; the last frame's time if it does not."""
    has_audio: bool
    chapters: tuple[Segment, ...]
    """In file order; may be empty."""
    index: Index
    warnings: tuple[str, ...] = ()
    """One sentence each on what is wrong with a file that can be read all the same."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was meant by files, folders and URIs."""

    videos: list[File]
    """Each once."""
    skipped: list[tuple[Path, str]]
    """What else is in the folders, with the reason why it is not read."""


def find_videos(paths: Iterable[File | str]) -> Found:
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
    return Found([*videos.values()], [(f, why) for f, why in skipped.items() if f.resolve() not in named])


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
    parts = re.split(r"([0-9]+)", file.name)  # every second part is a number
    numbered = [(int(part), "") if i % 2 else (-1, part.casefold()) for i, part in enumerate(parts)]
    return numbered, file.name


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
    """Hexadecimal SHA-256 of the file's bytes; `progress` is told the number of bytes read so far."""
    digest, done = hashlib.sha256(), 0
    try:
        with path.open() if isinstance(path, Remote) else Path(path).open("rb", buffering=0) as file:
            while block := file.read(1 << 20):
                digest.update(block)
                done += len(block)
                if progress:
                    progress(done)
    except OSError as error:
        raise VideoError(f"{path}: cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def probe(path: File | str) -> Recording:
    """Describe a recording: one pass over its packets, and its first frame decoded.

    Raises VideoError for anything that cannot be analysed: missing, empty, not a video, no video stream,
    unknown codec, not one readable frame.
    """
    path = _existing(located(path) if isinstance(path, str) else path)
    with open_video(path) as (container, stream):
        tick_s = float(stream.time_base or 0)
        zero_s = (container.start_time or 0) / av.time_base
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        announced_s = (stream.duration or 0) * tick_s or (container.duration or 0) / av.time_base
        index = _index(path, container, stream, zero_s, tick_s, fps or _ASSUMED_FPS)
        codec = stream.codec_context.name
        chapters = tuple(_chapters(container, zero_s))
        audio = bool(container.streams.audio)
    frame = next((frame for _, frame in _all_frames(path)), None)
    if frame is None or not len(index.times):
        raise VideoError(f"{path}: not one frame can be decoded", "the file is damaged")
    turns = quarter_turns(frame)
    width, height = (frame.width, frame.height) if turns % 2 == 0 else (frame.height, frame.width)
    end_s = float(index.times[-1]) + (1 / fps if fps else 0)
    return Recording(
        path=path,
        format=container.format.name,
        codec=codec,
        width=width,
        height=height,
        rotation_deg=90 * turns,
        fps=fps,
        duration_s=announced_s or end_s,
        has_audio=audio,
        chapters=chapters,
        index=index,
        warnings=tuple(_warnings(index, end_s, announced_s)),
    )


def chapters(path: File | str) -> tuple[Segment, ...]:
    """The chapters in a container, in file order; none without any. Only its head is read."""
    path = _existing(located(path) if isinstance(path, str) else path)
    with open_video(path) as (container, _):
        return tuple(_chapters(container, (container.start_time or 0) / av.time_base))


def _warnings(index: Index, end_s: float, announced_s: float) -> Iterator[str]:
    # Sound commonly outlasts the pictures by a moment.
    if end_s < announced_s - max(1.0, 0.01 * announced_s):
        yield (
            f"pictures can be read up to {end_s:.0f} s of {announced_s:.0f} s only: "
            "the file is cut off or damaged, or they end early"
        )
    if index.estimated:
        yield "the file has no usable time stamps: times are estimated from its frame rate"


def _index(
    path: File, container: InputContainer, stream: VideoStream, zero_s: float, tick_s: float, fps: float
) -> Index:
    pts, keyframe, hidden, size = _scan(container, stream)
    own = np.zeros(len(pts), np.bool_)
    own[np.unique(pts, return_index=True)[1]] = True
    own &= pts != _NO_STAMP
    # A recording may begin in the middle of a group, whose frames nothing can decode.
    headless = pts < pts[np.argmax(keyframe)] if keyframe.any() else np.zeros(len(pts), np.bool_)
    times = np.where(own & ~hidden & ~headless, pts * tick_s - zero_s, np.nan)
    # Some files start before their own start time.
    times -= min(0.0, float(np.nanmin(times, initial=0.0)))
    estimated = bool(len(pts)) and (own.mean() < _STAMPED or bool((np.diff(pts[keyframe & own]) <= 0).any()))
    # AVI has no presentation times: FFmpeg hands out decoding times, in the wrong order for B-frames.
    reorders = container.format.name == "avi" and stream.codec_context.reorder_depth > 0
    in_decoding_order = reorders and bool((np.diff(pts) > 0).all())
    if not estimated and not in_decoding_order:
        return _only_clean_starts(path, Index(pts, times, keyframe, size))
    # Rare, so it may be slow: decode everything to learn the order.
    rank = np.full(len(pts), -1, np.int64)
    for place, (position, _) in enumerate(_all_frames(path)):
        rank[position] = place
    true_times = np.arange(len(pts)) / fps if estimated else times
    times = np.where(rank < 0, np.nan, true_times[rank])
    return Index(rank, times, keyframe, size, seekable=False, estimated=estimated)


def _only_clean_starts(path: File, index: Index) -> Index:
    """The same index, without keyframes but the first if a decoder started at one does not show it.

    So it is with intra refresh (low-latency streaming): its keyframes begin a gradual recovery.
    """
    second = index.keyframe_times[1:2]
    if len(second) and not list(Samples(path, index, second)):
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


def _all_frames(path: File) -> Iterator[tuple[int, VideoFrame]]:
    """(position in decode order, frame) of every frame that can be decoded, in presentation order."""
    with open_video(path) as (container, stream):
        for position, packet in enumerate(chain(packets_of(container, stream), [None])):
            if packet is not None:
                packet.pts = position
            try:
                frames = stream.codec_context.decode(packet)
            except av.FFmpegError:
                continue
            yield from ((frame.pts, frame) for frame in frames if frame.pts is not None)


def _chapters(container: InputContainer, zero_s: float) -> Iterator[Segment]:
    for number, chapter in enumerate(container.chapters()):
        tick_s = float(chapter["time_base"] or 0)
        title = chapter["metadata"].get("title") or f"Chapter {number + 1}"
        yield Segment(number, title, chapter["start"] * tick_s - zero_s, chapter["end"] * tick_s - zero_s)
